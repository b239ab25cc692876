"""The README and the pages of the solvers are correct: commands, output of examples, generated tables, links."""

import pathlib
import re
import runpy
import tomllib

import pytest

import gamesolve as gs
from gamesolve import registry

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FILL = runpy.run_path(str(ROOT / "docs" / "fill.py"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [page for folder in ("solvers", "choosing") for page in sorted((ROOT / "docs" / folder).rglob("*.md"))]

COMMANDS = [
    "python3 -m venv .venv && .venv/bin/python -m pip install -e . && .venv/bin/gamesolve compare",
    "python3 -m venv .venv && .venv/bin/python -m pip install -e '.[test]' && .venv/bin/python -m pytest",
]


@pytest.mark.parametrize("page", FILL["FILES"], ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert FILL["fill"](text) == text, f"{page.name} is out of date: run python docs/fill.py"


def test_generated_parts_are_found():
    assert FILL["MARKER"].search(README)
    (code,) = [match[2] for match in FILL["EXAMPLE"].finditer(README)]
    assert len(code.strip().splitlines()) <= 15


def test_the_other_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, *blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert blocks
    names = {"gs": gs}
    for block in blocks:
        exec(block, names)


def test_there_are_two_set_up_commands_one_line_each():
    assert [line for line in README.splitlines() if line.startswith("python3 ")] == COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


def test_one_version_everywhere():
    assert f"version: {gs.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"{{{gs.__version__}}}" in README


def test_the_badges_and_counts_are_true():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert f"python-{versions[0]}%20to%20{versions[-1]}-" in README
    (jax,) = [package.removeprefix("jax>=") for package in project["dependencies"] if package.startswith("jax>=")]
    assert f"jax-{jax}%20or%20newer-" in README
    assert f"licence-{project['license']}-" in README
    comparison = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert all(f"in {len(registry.FAMILIES)} families" in page for page in (README, comparison))


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 220
