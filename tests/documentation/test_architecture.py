"""The rooms of docs/architecture.md are those of the package, and imports go one way through them."""

import ast
import importlib
import pathlib
import pkgutil
import re

import pytest

import gamesolve

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gamesolve"
ROOMS = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.MULTILINE)
ENTRIES = {entry.stem for entry in PACKAGE.iterdir() if entry.name != "__pycache__"}
MODULES = sorted(module.name for module in pkgutil.walk_packages(gamesolve.__path__, "gamesolve."))


def imported(path):
    """Return the modules of gamesolve that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "gamesolve":
            yield from (f"gamesolve.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gamesolve."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_entry_of_the_package_is_a_room():
    assert {*ROOMS, "__init__", "__main__", "py"} == ENTRIES
    assert len(ENTRIES) <= 24


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_from_rooms_above(room):
    place = PACKAGE / room
    for path in place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]:
        for module in imported(path):
            other = module.split(".")[1]
            assert ROOMS.index(other) <= ROOMS.index(room), f"{path} imports {module}"


@pytest.mark.parametrize("name", [module for module in MODULES if not module.endswith("__main__")])
def test_no_module_has_the_name_of_something_that_its_package_exports(name):
    module = importlib.import_module(name)
    parent, _, leaf = name.rpartition(".")
    assert getattr(importlib.import_module(parent), leaf) is module
