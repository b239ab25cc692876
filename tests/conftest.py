"""Fixtures that several test files share."""

import gc
import os
from importlib.metadata import version
from pathlib import Path

# The suite compiles some thousand tiny programs: XLA's optimisations cost it half of its time, and change neither the
# numbers nor the operations that it leaves to be counted. XLA ends a process that names a flag it does not know, so the
# flags of its CPU compiler are set only where they are known to exist.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + version("jaxlib").startswith("0.10.")
    * " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1",
)

# Programs this small are done before a thread could take them over.
os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "0")

# Nobody reads from which line of the tests each operation of a program came.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

# Examples that train take fewer steps and seeds.
os.environ.setdefault("GAMESOLVE_FAST", "1")

import hypothesis
import jax
import pytest

# Most of what is allocated stays, in the caches of jax: looking through it for cycles, again and again, costs 6 %.
gc.set_threshold(50_000, 50, 50)

hypothesis.settings.register_profile("gate", deadline=None, max_examples=8, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("gate")


def pytest_collection_finish():
    """Do not look through modules and tests either."""
    gc.freeze()


@pytest.fixture
def x64():
    """Run a test in float64."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True, scope="module")
def _bounded_memory():
    """Let go of compiled programs before their memory maps reach the kernel's limit (65,530 a process by default)."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > 55_000:
        jax.clear_caches()
