"""Whatever goes in, what comes out is right or a documented error: constructors, runs, sweeps, checkpoint files."""

import tempfile
import warnings
from pathlib import Path

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

import gamesolve as gs
from gamesolve import checkpoint, registry
from gamesolve.checkpoint import files

DOCUMENTED = (ValueError, TypeError)


def examine(number, check, **strategies):
    settings = hypothesis.settings(
        max_examples=number, suppress_health_check=list(hypothesis.HealthCheck), database=None, deadline=None
    )
    settings(hypothesis.given(**strategies)(check))()


def numbers_of_cases(few, many):
    return pytest.mark.parametrize("number", [few, pytest.param(many, marks=pytest.mark.full)])


numbers = st.one_of(
    st.floats(),
    st.integers(-5, 5),
    st.sampled_from(
        [None, "0.1", (), (0.1,), (0.1, 0.2), (0.1, -0.2), [0.1], {}, True, 1j, np.float32(0.3), np.ones(2)]
    ),
)
objects = st.one_of(numbers, st.sampled_from([jnp.ones(2), jnp.tanh, object(), jax.random.key(0), b"x"]))


@numbers_of_cases(100, 4000)
def test_constructors(number):
    examine(number, made_or_refused, name=st.sampled_from(sorted(registry.SOLVERS)), rate=numbers)


def made_or_refused(name, rate):
    """One that is made of a plain number has a step size that is finite and not negative."""
    entry = registry.SOLVERS[name]
    try:
        solver = entry.build(rate)
    except DOCUMENTED:
        return
    assert isinstance(solver, gs.Solver)
    if isinstance(rate, float | int) and entry.inner is None:
        assert np.isfinite(rate)
        assert rate >= 0 or not any(leaf is rate for leaf in jax.tree.leaves(solver))


XY = gs.zero_sum(lambda x, y: x * y)


def mostly(good, odd):
    return st.sampled_from([good] * 9 + [odd]).flatmap(lambda strategy: strategy)


arguments = st.fixed_dictionaries(
    {},
    optional={
        "num_steps": mostly(st.sampled_from([0, 3, 6]), objects),
        "every": mostly(st.sampled_from([1, 3]), objects),
        "start": mostly(st.integers(0, 9), st.one_of(st.floats(), st.sampled_from([None, "a", -1]))),
        "tol": mostly(
            st.sampled_from([None, 0.0, 1e-3, 2.0]), st.one_of(st.floats(), st.sampled_from(["a", (), [1.0]]))
        ),
        "max_norm": mostly(st.sampled_from([None, 1.0, 9.0]), st.one_of(st.floats(), st.sampled_from(["a", ()]))),
        "players": mostly(st.tuples(st.floats(-3, 3, width=32), st.floats(-3, 3, width=32)), objects),
        "key": mostly(st.none(), objects),
        "state": mostly(st.none(), st.sampled_from([(), 1.0, (1.0, 2.0)])),
    },
)


def expected(players, num_steps):
    """Return where simultaneous descent with a step of 0.1 goes on xy."""
    x, y = map(np.float32, players)
    for _ in range(num_steps):
        x, y = x - np.float32(0.1) * y, y + np.float32(0.1) * x
    return x, y


def stacked(players, state):
    return jnp.stack(players)


@numbers_of_cases(60, 3000)
def test_runs(number):
    examine(number, right_or_refused, drive=st.sampled_from([gs.solve, gs.run]), options=arguments)


def right_or_refused(drive, options):
    options = {"num_steps": 3, "players": (1.0, 1.0)} | options
    num_steps, players = options.pop("num_steps"), options.pop("players")
    if drive is gs.run:
        options["chunk"] = 3
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "overflow encountered in cast")  # a limit beyond float32 is no limit
            solution = drive(XY, gs.simgd(0.1), players, num_steps, record=stacked, **options)
    except DOCUMENTED:
        return
    taken = int(solution.steps) - int(options.get("start", 0))
    assert 0 <= taken <= num_steps
    if taken < num_steps:
        assert int(solution.status) != gs.Status.BUDGET
    np.testing.assert_allclose(solution.players, expected(players, taken), rtol=1e-4, atol=1e-5)
    assert solution.trace.shape == (num_steps // options.get("every", 1), 2)


lists = mostly(
    st.one_of(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=6), st.lists(st.integers(-2, 2), min_size=1)),
    st.sampled_from([None, 1.0, "ab", ["a"], [[1.0, 2.0], [3.0]], np.ones((2, 2)), np.zeros(0), {}]),
)


def plane(a, b=0.0):
    return {"sum": a + b, "pair": jnp.stack([jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32)])}


@numbers_of_cases(40, 1000)
def test_sweeps(number):
    grids = st.dictionaries(st.sampled_from(["a", "a", "b", "b", "c"]), lists, max_size=2)
    widths = mostly(st.one_of(st.none(), st.integers(1, 9)), st.sampled_from([0, -1, "a", 2.0]))
    examine(number, swept_or_refused, grid=grids, lanes_at_once=widths, ordered=st.booleans())


def swept_or_refused(grid, lanes_at_once, ordered):
    order_by = (lambda point: -jnp.sum(point["a"])) if ordered else None
    try:
        table = gs.sweep(plane, grid, lanes_at_once=lanes_at_once, order_by=order_by)
    except (*DOCUMENTED, KeyError):  # the function in order_by asks for an axis that may not be there
        return
    first, second = (np.asarray(grid.get(name, [0.0]), np.float32) for name in "ab")
    if first.ndim > 1 or second.ndim > 1:
        return
    wanted = first[:, None] + second if next(iter(grid)) == "a" else (first[:, None] + second).T
    np.testing.assert_allclose(table.values["sum"], wanted if len(grid) == 2 else wanted.ravel(), rtol=1e-6, atol=1e-6)


TREE = {"x": np.arange(5, dtype=np.float32), "y": [np.arange(3)]}


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return checkpoint.save(tmp_path_factory.mktemp("one"), 3, TREE, {"note": "a"}).read_bytes()


@numbers_of_cases(150, 4000)
def test_checkpoint_files(number, content):
    """Random bytes, truncations, flipped bits, pieces moved: the one before is used, and it is right."""
    rng = np.random.default_rng(number)
    some = lambda low, high: int(rng.integers(low, high))
    damages = (
        lambda: rng.bytes(some(0, 400)),
        lambda: files.MAGIC + rng.bytes(some(0, 400)),
        lambda: content[: some(0, len(content))],
        lambda: content + rng.bytes(some(1, 9)),
        lambda: content[:100] + content[some(101, len(content)) :],
        lambda: flipped(content, some(0, len(content)), some(0, 8)),
    )
    template = lambda step: TREE
    with tempfile.TemporaryDirectory() as folder:
        good, bad = Path(folder, "checkpoint-0000000003.gs"), Path(folder, "checkpoint-0000000004.gs")
        good.write_bytes(content)
        for case in range(number):
            bad.write_bytes(damages[case % len(damages)]())
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                found = checkpoint.load(folder, template)
            assert found.step == 3
            assert len(told) == 1
            np.testing.assert_array_equal(found.tree["x"], TREE["x"])


def flipped(data, place, bit):
    return data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
