"""`import gamesolve` is quick, and its names are complete all the same."""

import subprocess
import sys

import pytest

import gamesolve as gs

LATE = [
    "advice",
    "analysis",
    "animate",
    "draws",
    "games",
    "loggers",
    "metrics",
    "modules",
    "orbax",
    "plots",
    "registry",
    "stopping",
    "watching",
]
# Each took a noticeable share of the import, or needs an extra.
HEAVY = [
    "jax.extend",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse",
    "scipy.stats",
    "matplotlib",
    "pandas",
    "tqdm",
    "statistics",
]


def output_of(program):
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()


def test_importing_the_package_imports_neither_heavy_libraries_nor_rooms_that_few_programs_need():
    new = output_of(
        "import sys, jax, optax; before = set(sys.modules); import gamesolve; print(*set(sys.modules) - before)"
    )
    assert [name for name in new if name.startswith("gamesolve")] == ["gamesolve"]
    assert not {*HEAVY} & set(new)


def test_a_solver_needs_no_rooms_of_other_purposes():
    new = output_of("import sys, gamesolve as gs; gs.solve, gs.zero_sum, gs.simgd; print(*sys.modules)")
    rooms = ("advice", "analysis", "cli", "compare", "games", "loggers", "metrics", "plots", "registry", "watching")
    assert "gamesolve.driving.solve" in new
    assert not {*HEAVY, *(f"gamesolve.{room}" for room in rooms)} & set(new)


def test_a_star_import_brings_the_public_names():
    found = output_of("from gamesolve import *; print(*globals())")
    assert set(gs.__all__) <= set(found)


@pytest.mark.parametrize("name", LATE)
def test_rooms_come_on_first_use(name):
    assert output_of(f"import gamesolve as gs; print(gs.{name}.__name__)")[0].startswith("gamesolve.")


def test_only_public_names_are_listed():
    assert set(dir(gs)) == {*gs.__all__, *LATE, "__version__"}
    assert all(hasattr(gs, name) for name in dir(gs))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gamesolve' has no attribute 'simgdd'"):
        _ = gs.simgdd
