"""Every public name is documented, and the examples run."""

import importlib
import importlib.util
import inspect
import pathlib
import re
import runpy

import matplotlib.pyplot as plt
import pytest

from gamesolve import registry

ROOT = pathlib.Path(__file__).resolve().parents[1]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", API, re.MULTILINE))
MODULES = [
    name
    for name in (
        "gamesolve",
        "gamesolve.transforms",
        "gamesolve.games",
        "gamesolve.games.gan",
        "gamesolve.analysis",
        "gamesolve.metrics",
        "gamesolve.sampling",
        "gamesolve.draws",
        "gamesolve.checkpoint",
        "gamesolve.loggers",
        "gamesolve.distributed",
        "gamesolve.estimators",
        "gamesolve.linear",
        "gamesolve.registry",
        "gamesolve.plots",
        "gamesolve.animate",
        "gamesolve.compare",
    )
    if importlib.util.find_spec(name)
]


def public_names(module):
    """Return ``__all__``, or without one the functions and classes that the module itself defines."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


NAMES = [f"{module}.{name}" for module in MODULES for name in public_names(importlib.import_module(module))]


def find(path):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name) if module else importlib.import_module(name)


@pytest.mark.parametrize("path", [*MODULES, *NAMES])
def test_public_names_are_documented(path):
    assert path in LISTED, f"docs/api.md lacks {path}"
    value = find(path)
    first, *rest = (inspect.getdoc(value) or "").splitlines() or [""]
    assert first.endswith("."), f"the summary of {path} is not one sentence on one line: {first!r}"
    assert not rest or not rest[0]


@pytest.mark.parametrize("path", sorted(LISTED))
def test_the_api_page_lists_names_that_exist_once(path):
    assert find(path) is not None
    assert API.count(f":: {path}\n") == 1


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_solvers_have_full_docstrings(name):
    text = inspect.getdoc(registry.SOLVERS[name].make)
    for section in ("Args", "Returns", "Example", "Reference"):
        assert f"\n{section}:\n" in text
    for argument in inspect.signature(registry.SOLVERS[name].make).parameters:
        assert f"\n    {argument}: " in text


# What runs in seconds; the others carry the marker.
SHORT = ("01", "03", "18", "19", "22")
SCRIPTS = [
    pytest.param(script, marks=() if script.name[:2] in SHORT else pytest.mark.full, id=script.name)
    for script in sorted((ROOT / "examples").glob("*.py"))
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_examples_run(script, capsys):
    plt.switch_backend("agg")
    runpy.run_path(str(script))
    plt.close("all")
    assert capsys.readouterr().out
