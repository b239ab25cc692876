"""Fixtures that several test files share."""

import gc
import os
import pathlib
from importlib.metadata import version

# The suite compiles some thousand tiny programs: XLA's optimisations cost it half of its time, and change neither the
# numbers nor the operations that it leaves to be counted; a loop over small arrays compiles faster as one function than
# as one for every operation. XLA ends a process that names a flag it does not know, so the flags of its CPU compiler
# are set only where they are known to exist.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + version("jaxlib").startswith("0.10.")
    * (
        " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
        " --xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=100000"
    ),
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


# Tests that took over two seconds of processor time: see `--time-tests`.
LONG = frozenset((pathlib.Path(__file__).parent / "long.txt").read_text(encoding="utf-8").splitlines())


def pytest_addoption(parser):
    parser.addoption("--time-tests", metavar="FILE", type=pathlib.Path, help="write the processor time of each test")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark long tests `full`."""
    for item in items:
        if item.nodeid in LONG:
            item.add_marker("full")


class _Timer:
    """Measures the processor time of each test, in each worker, and writes all of them, slowest first."""

    def __init__(self, path):
        self.path, self.times = path, []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        item.user_properties.append(("began", sum(os.times()[:4])))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        if call.when == "teardown":
            item.user_properties.append(("ended", sum(os.times()[:4])))

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            times = dict(report.user_properties)
            self.times.append((times["ended"] - times["began"], report.nodeid))

    def pytest_sessionfinish(self, session):
        if not hasattr(session.config, "workerinput"):
            lines = [f"{seconds:.2f} {name}\n" for seconds, name in sorted(self.times, reverse=True)]
            self.path.write_text("".join(lines), encoding="utf-8")


def pytest_configure(config):
    if path := config.getoption("--time-tests"):
        config.pluginmanager.register(_Timer(path))


def pytest_collection_finish():
    """Do not look through modules and tests either."""
    gc.freeze()


@pytest.fixture
def x64():
    """Run a test in float64."""
    with jax.enable_x64(True):
        yield


_compiled: list[str] = []


def _count_programs(event, _, **__):
    if event.endswith("/backend_compile_duration"):
        _compiled.append(event)


jax.monitoring.register_event_duration_secs_listener(_count_programs)


@pytest.fixture(autouse=True)
def _few_programs():
    """Let go of compiled programs now and then: each one that is kept makes the next one slower to compile.

    With two thousand of them a program takes twice as long, and some twenty thousand reach the kernel's limit of memory
    maps in a process.
    """
    yield
    if len(_compiled) >= 500:
        _compiled.clear()
        jax.clear_caches()
