"""docs/architecture.md describes the package as it is: its rooms, its picture, its walk; imports go one way."""

import ast
import importlib
import pathlib
import pkgutil
import re
import runpy

import pytest
from PIL import Image

import gamesolve

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "gamesolve"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DRAWING = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
ROOMS = [room for room, _ in DRAWING["TABLE"].findall(PAGE)]
IMPORTS = DRAWING["rooms"]()
ENTRIES = {entry.stem for entry in PACKAGE.iterdir() if entry.name != "__pycache__"}
MODULES = sorted(module.name for module in pkgutil.walk_packages(gamesolve.__path__, "gamesolve."))
WALK = sorted(set(re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.py)`", PAGE)))


def test_every_entry_of_the_package_is_a_room():
    assert {*ROOMS, "__init__", "__main__", "py"} == ENTRIES
    assert IMPORTS.keys() == set(ROOMS)
    assert len(ENTRIES) <= 26


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_from_rooms_above(room):
    below = [other for other in IMPORTS[room] if ROOMS.index(other) > ROOMS.index(room)]
    assert not below, f"{room} imports from {below}"


def test_all_ways_to_import_are_seen(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "import jax, gamesolve.linear.krylov\nfrom gamesolve import game\nfrom gamesolve.solver import Solver as S\n"
        "def late():\n    from gamesolve.driving import run\n"
    )
    assert {*DRAWING["imported"](module)} == {
        "gamesolve.linear.krylov",
        "gamesolve.game",
        "gamesolve.solver.Solver",
        "gamesolve.driving.run",
    }


def test_the_picture_shows_the_imports():
    with Image.open(DRAWING["PICTURE"]) as picture:
        assert picture.text["Description"] == DRAWING["summary"](IMPORTS), "run python docs/architecture.py"


def test_only_arrows_that_follow_from_others_are_left_out():
    assert DRAWING["essential"]({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_the_walk_is_found():
    assert len(WALK) >= 10


@pytest.mark.parametrize(("name", "file"), WALK)
def test_functions_of_the_walk_exist(name, file):
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("name", [module for module in MODULES if not module.endswith("__main__")])
def test_no_module_has_the_name_of_something_that_its_package_exports(name):
    module = importlib.import_module(name)
    parent, _, leaf = name.rpartition(".")
    assert getattr(importlib.import_module(parent), leaf) is module
