"""Users run XLA with its defaults, the suite without its optimisations: exactness and contract under the defaults."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ("test_contract.py", "test_identities.py", "test_edges.py")


@pytest.mark.full
def test_the_contract_holds_under_the_defaults_of_xla():
    files = [str(ROOT / "tests" / "contract" / name) for name in FILES]
    environment = {**os.environ, "XLA_FLAGS": "", "JAX_CPU_ENABLE_ASYNC_DISPATCH": "1"}
    command = [sys.executable, "-m", "pytest", "-n", "2", *files]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:]
