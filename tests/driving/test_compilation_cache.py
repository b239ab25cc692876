"""Programs are kept for later processes, in the folder that the user names, or JAX, or the system."""

import os
import subprocess
import sys

import pytest

SOLVE = "gs.solve(gs.zero_sum(lambda x, y: x * y), gs.cgd(0.1), (1.0, 1.0), 5)"


def programs_of(process, folder, **environment):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")} | environment
    subprocess.run([sys.executable, "-c", f"import gamesolve as gs; {process}; {SOLVE}"], env=environment, check=True)
    return {entry.name for entry in folder.iterdir() if entry.name.endswith("-cache")}


@pytest.mark.parametrize("name", ["argument", "of JAX", "of the user"])
def test_a_second_process_adds_no_program(tmp_path, name):
    folder = tmp_path / "gamesolve"
    process, environment = {
        "argument": (f"gs.use_compilation_cache({str(folder)!r})", {}),
        "of JAX": ("gs.use_compilation_cache()", {"JAX_COMPILATION_CACHE_DIR": str(folder)}),
        "of the user": ("gs.use_compilation_cache()", {"XDG_CACHE_HOME": str(tmp_path)}),
    }[name]
    first = programs_of(process, folder, **environment)
    assert first
    assert programs_of(process, folder, **environment) == first
