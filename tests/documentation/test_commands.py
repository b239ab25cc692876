"""The commands of the project exist where people, the README and CI look for them."""

import pathlib
import re
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "Makefile", ".ci/run", ".github/workflows/ci.yml")
}
TARGETS = set(re.findall(r"^([a-z-]+):", TEXT["Makefile"], re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in TEXT if name != "Makefile"])
def test_make_targets_exist(name):
    called = set(re.findall(r"(?:^|`|run: |' )make ([a-z-]+)", TEXT[name], re.MULTILINE))
    assert called
    assert called <= TARGETS


def test_make_lists_all_targets():
    listed = re.findall(r"^([a-z-]+):.* ## ", TEXT["Makefile"], re.MULTILINE)
    (phony,) = re.findall(r"\.PHONY: (.*)", TEXT["Makefile"])
    assert sorted(listed) == sorted(phony.split()) == sorted(TARGETS)


def test_scripts_named_in_the_guide_exist():
    scripts = re.findall(r"python ((?:docs|benchmarks)/\S+\.py)", TEXT["CONTRIBUTING.md"])
    assert scripts
    assert all((ROOT / script).exists() for script in scripts)


def test_linters_are_pinned_in_a_group_and_not_in_an_extra():
    assert all("==" in linter for linter in PROJECT["dependency-groups"]["lint"])
    extras = PROJECT["project"]["optional-dependencies"].values()
    assert not [package for extra in extras for package in extra if package.startswith(("ruff", "basedpyright"))]


def test_ci_tests_every_python_from_the_oldest_supported_one():
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    rows = re.findall(r"python: \[(.*)\]", TEXT[".github/workflows/ci.yml"])
    tested, wheels = (re.findall(r'"([\d.]+)"', row) for row in rows)
    assert tested[0] == wheels[0] == oldest
    assert tested == re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["project"]["classifiers"]))


def test_the_tools_of_the_documentation_are_pinned():
    docs = PROJECT["project"]["optional-dependencies"]["docs"]
    assert all("~=" in package for package in docs if not package.startswith("gamesolve["))
