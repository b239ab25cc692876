"""Every solver has a page and a tile, and the written pages are up to date."""

import importlib
import json
import pathlib
import re
import tomllib

import pytest

from gamesolve import registry

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOLVERS = ROOT / "docs" / "solvers"
TEXTS = tomllib.loads((SOLVERS / "methods.toml").read_text(encoding="utf-8"))
MEASURED = json.loads((SOLVERS / "measured.json").read_text(encoding="utf-8"))
OVERVIEW = (ROOT / "docs" / "solvers.md").read_text(encoding="utf-8")


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("solver_pages").pages()


def test_written_pages_are_up_to_date(pages):
    stale = [file.name for file, text in pages.items() if file.read_text(encoding="utf-8") != text]
    assert not stale, "run python docs/solver_pages.py"


def test_every_solver_has_a_text_and_numbers_have_a_picture():
    assert list(TEXTS) == list(registry.SOLVERS)
    assert {file.stem for file in (SOLVERS / "methods").glob("*.svg")} == set(MEASURED)


@pytest.mark.parametrize("name", MEASURED)
def test_the_example_is_that_of_the_text(name):
    assert f"solver = {TEXTS[name]['call']}\n" in MEASURED[name]["example"]
    assert all(len(line) <= 80 for line in MEASURED[name]["example"].splitlines())


def test_the_pictures_are_small():
    sizes = [file.stat().st_size for file in (SOLVERS / "methods").glob("*.svg")]
    assert max(sizes) < 40_000
    assert sum(sizes) < 2_000_000


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_every_family_has_a_page_whose_table_lists_its_solvers(family):
    text = (SOLVERS / f"{family}.md").read_text(encoding="utf-8")
    names = [entry.name for entry in registry.SOLVERS.values() if entry.family == family]
    assert re.findall(r"^\| \[`(\w+)`\]", text, re.MULTILINE) == names
    assert re.findall(r"^methods/(\w+)$", text, re.MULTILINE) == names


def test_the_gallery_has_a_tile_for_every_solver():
    assert re.findall(r"^:::\{grid-item-card\} `(\w+)`", OVERVIEW, re.MULTILINE) == list(registry.SOLVERS)
    assert re.findall(r"^solvers/(\w+)$", OVERVIEW, re.MULTILINE) == [*registry.FAMILIES, "with_optax"]
