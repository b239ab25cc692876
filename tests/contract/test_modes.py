"""Every solver works in each mode of JAX that people switch on, and when it is pickled, copied or donated."""

import contextlib
import copy
import functools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec

import gamesolve as gs
from gamesolve import distributed, registry, sampling

NAMES = list(registry.SOLVERS)
# Competitive steps, which solve another system in zero-sum games.
SYMMETRIC = ["cgd", "acgd", "competitive_mirror_descent"]
# What the gate compiles: the core, and solvers that keep the players in their state.
KEEPING = ["alex_gda", "lead", "golden_ratio", "halpern", "svrg", "lookahead", "average", "anderson"]
COMPILED = [
    name if name in (*registry.CORE, *KEEPING) else pytest.param(name, marks=pytest.mark.full) for name in NAMES
]
# The modes that change what may be traced, but no number.
TRACED = {
    "strict promotion": {"jax_numpy_dtype_promotion": "strict"},
    "rank promotion": {"jax_numpy_rank_promotion": "raise"},
    "leaks": {"jax_check_tracer_leaks": True},
    "checks": {"jax_enable_checks": True},
    "x64": {"jax_enable_x64": True},
}
DEBUGGED = {"jax_debug_nans": True, "jax_debug_infs": True}


@contextlib.contextmanager
def configured(options):
    before = {name: getattr(jax.config, name) for name in options}
    try:
        for name, value in options.items():
            jax.config.update(name, value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def loss(x, y):
    return jnp.sum(jnp.tanh(x["a"] @ y[0])) + x["b"] ** 2 * y[0][0, 0] - jnp.sum(y[0] ** 2)


def other_loss(x, y):
    return -loss(x, y) - jnp.sum(x["a"] ** 4)


ZERO_SUM, GENERAL_SUM = gs.zero_sum(loss), gs.general_sum(other_loss, loss)


def start(scale=1.0, dtype=np.float32):
    x = {"a": jnp.asarray([[0.3 * scale, -0.2 * scale]], dtype), "b": jnp.asarray(0.7 * scale, dtype)}
    return x, (jnp.asarray([[0.5 * scale], [-1.0 * scale]], dtype),)


def assert_equal(a, b, rtol=0.0):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=rtol, atol=rtol), a, b)


def dtypes(tree):
    return {leaf.dtype for leaf in jax.tree.leaves(tree)}


@pytest.mark.parametrize("name", NAMES)
def test_strict_traces(name):
    """Promotion, ranks, leaks and JAX's own checks matter while a step is traced, so nothing is compiled."""
    solver = registry.SOLVERS[name].build(0.05)
    with configured({key: value for mode in TRACED.values() for key, value in mode.items()}):
        for game, dtype in ((ZERO_SUM, jnp.float32), (GENERAL_SUM, jnp.float64))[name not in SYMMETRIC :]:
            players, _ = jax.eval_shape(functools.partial(gs.step, game, solver), start(dtype=dtype))
            assert dtypes(players) == {jnp.dtype(dtype)}


@pytest.mark.parametrize(
    "name", ["cgd", *(pytest.param(name, marks=pytest.mark.full) for name in ("acgd", "proximal", "follow_the_ridge"))]
)
def test_strict_traces_of_large_systems(name):
    """Above 64 unknowns the solves iterate."""
    large = (jnp.ones(90), jnp.ones(80))
    coupled = lambda x, y: jnp.sum(x[:80] * y) + jnp.sum(x**2) - jnp.sum(y**2)
    games = [gs.zero_sum(coupled), gs.general_sum(lambda x, y: -coupled(x, y), lambda x, y: 2 * coupled(x, y))]
    solver = registry.SOLVERS[name].build(lambda count: 0.1, inner=gs.linear.Inner(forcing=0.1))
    with configured({key: value for mode in TRACED.values() for key, value in mode.items()}):
        for game in games:
            jax.eval_shape(functools.partial(gs.step, game, solver), large)


@pytest.mark.parametrize("name", NAMES)
def test_a_first_state_owns_its_arrays(name):
    players = start()
    arrays = jax.tree.leaves((players, registry.SOLVERS[name].build(0.05).init(players)))
    assert len({leaf.unsafe_buffer_pointer() for leaf in arrays}) == len(arrays)
    assert all(np.all(np.isfinite(leaf)) for leaf in arrays)


@pytest.mark.parametrize("name", COMPILED)
def test_donated_players_and_state_are_finite(name):
    """Also what ``jax_debug_nans`` and ``jax_debug_infs`` ask: they look at the results of compiled programs."""
    solver, players = registry.SOLVERS[name].build(0.05), start()
    state = solver.init(players)
    step = jax.jit(functools.partial(gs.step, ZERO_SUM, solver), donate_argnums=(0, 1))
    for _ in range(2):
        players, state = step(players, state)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves((players, state)))


def test_donated_results_of_a_compiled_init():
    for name in ("golden_ratio", "anderson"):
        solver, players = registry.SOLVERS[name].build(0.05), start()
        state = jax.jit(solver.init)(players)
        step = jax.jit(functools.partial(gs.step, ZERO_SUM, solver), donate_argnums=(0, 1))
        players, state = step(players, state)


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", [*TRACED, "debug", "disable_jit"])
def test_the_same_numbers_in_every_mode(name, mode):
    solver = registry.SOLVERS[name].build(0.05)
    options = TRACED | {"debug": DEBUGGED, "disable_jit": {"jax_disable_jit": True}}
    for game in (ZERO_SUM, GENERAL_SUM):
        plain = gs.solve(game, solver, start(), 3).players
        with configured(options[mode]):
            assert_equal(gs.solve(game, solver, start(), 3).players, plain, rtol=1e-4)
            gs.solve(game, solver, start(0.0), 3)  # at an equilibrium


@pytest.mark.parametrize("name", ["extragradient", pytest.param("cgd", marks=pytest.mark.full)])
def test_without_compilation(name):
    solver = registry.SOLVERS[name].build(0.05)
    plain = gs.solve(ZERO_SUM, solver, start(), 1).players
    with jax.disable_jit():
        assert_equal(gs.solve(ZERO_SUM, solver, start(), 1).players, plain, rtol=1e-5)


def sharded_step(name, mesh, zero_sum=True):
    """Return a step inside ``shard_map``, with a payoff that is a mean over all devices, and the same without."""

    def data_game(average):
        # The mean of what differs between the devices, so that the arrays of a linearised payoff differ as well.
        def weigh(function):
            return lambda x, y, b: average(jnp.mean(jax.vmap(lambda w: w * function(x, y) + w**2 * x["b"] ** 2)(b)))

        return gs.zero_sum(weigh(loss)) if zero_sum else gs.general_sum(weigh(other_loss), weigh(loss))

    game, whole = data_game(functools.partial(jax.lax.pmean, axis_name="data")), data_game(lambda value: value)
    full = {"full": ZERO_SUM} if name.startswith("svrg") else {}
    solver = registry.SOLVERS[name].build(0.05, **full)
    replicated, divided = PartitionSpec(), PartitionSpec("data")
    mapped = jax.shard_map(
        lambda players, batch: gs.step(game, solver, players, None, batch),
        mesh=mesh,
        in_specs=(replicated, divided),
        out_specs=(replicated, replicated),
    )
    return mapped, lambda players, batch: gs.step(whole, solver, players, None, batch)


@pytest.mark.parametrize("name", COMPILED)
def test_shard_map_traces(name):
    batch = jnp.arange(4.0 * jax.device_count())
    for zero_sum in (True, False)[name not in SYMMETRIC :]:
        mapped, _ = sharded_step(name, distributed.devices(), zero_sum)
        jax.eval_shape(mapped, start(), batch)


@pytest.mark.parametrize("name", ["cgd", pytest.param("follow_the_ridge", marks=pytest.mark.full)])
def test_shard_map_takes_the_same_step(name):
    batch = jnp.arange(4.0 * jax.device_count())
    mapped, plain = sharded_step(name, distributed.devices())
    (players, _), (expected, _) = jax.jit(mapped)(start(), batch), jax.jit(plain)(start(), batch)
    assert_equal(players, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["cgd", pytest.param("acgd", marks=pytest.mark.full), "newton"])
def test_shard_map_traces_runs_with_iterative_solves(name):
    mesh, solver = distributed.devices(), registry.SOLVERS[name].build(0.05)

    def coupled(x, y, b):
        return jax.lax.pmean(jnp.mean(jnp.tanh(jnp.outer(b, x[:80])) @ y), "data") + x @ x - y @ y

    def run(game, players, batch):
        return gs.solve(game, solver, players, 2, sample=lambda key: batch, key=jax.random.key(0), tol=1e-9).players

    games = [gs.zero_sum(coupled), gs.general_sum(lambda *args: -coupled(*args), lambda *args: 2 * coupled(*args))]
    for game in games:
        mapped = jax.shard_map(
            functools.partial(run, game),
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec("data")),
            out_specs=PartitionSpec(),
        )
        jax.eval_shape(mapped, (jnp.ones(90), jnp.ones(80)), jnp.arange(4.0 * mesh.size))


@gs.parametric
def own(learning_rate, count: int = 2):
    return optax.chain(optax.add_decayed_weights(learning_rate / count), optax.sgd(learning_rate))


COMPOSED = {
    "own": own(0.1),
    "nested": gs.lookahead(gs.per_player(gs.simgd(0.1), gs.ogda((0.1, 0.2))), 3, 0.5),
    "array": gs.simgd(jnp.array([0.1, 0.2])),
    "inner": gs.cgd(0.1, inner=gs.linear.Inner(tolerance=1e-3, max_iterations=5)),
}


def test_pickled_and_copied_solvers_are_equal():
    solvers = COMPOSED | {name: entry.build(0.05) for name, entry in registry.SOLVERS.items()}
    for solver in (*solvers.values(), jax.tree.map(jnp.asarray, gs.conopt(0.1, gamma=1.0))):
        for duplicate in (pickle.loads(pickle.dumps(solver)), copy.deepcopy(solver), copy.copy(solver)):
            # Equal structures share a compiled program.
            assert jax.tree.structure(duplicate) == jax.tree.structure(solver)
            assert_equal(jax.tree.leaves(duplicate), jax.tree.leaves(solver))
            assert repr(duplicate) == repr(solver)


def test_pickled_games_solutions_and_samplers_are_equal():
    values = [entry.make() for entry in registry.GAMES.values()]
    values += [gs.solve(gs.games.curl(), gs.cgd(0.1), (1.0, 1.0), 2), gs.Status.CONVERGED, gs.linear.Inner(forcing=0.1)]
    values += [gs.minibatches(jnp.arange(8.0), 4), sampling.epochs(jnp.arange(8.0), 4)]
    values += [sampling.several(gs.minibatches(jnp.arange(8.0), 4), 2), gs.zero_sum(loss), gs.from_losses(loss, loss)]
    for value in values:
        for duplicate in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value)):
            assert jax.tree.structure(duplicate) == jax.tree.structure(value)
            assert_equal(jax.tree.leaves(duplicate), jax.tree.leaves(value))


ELSEWHERE = """
import pickle, sys, jax
solvers, game, start = pickle.load(sys.stdin.buffer)
import gamesolve as gs
ends = [gs.solve(game, solver, start, 1).players for solver in solvers]
pickle.dump(jax.device_get(ends), sys.stdout.buffer)
"""


def test_cloudpickle_to_another_process(tmp_path):
    """Functions of a script travel by value, so the other process does not know this file."""
    scheduled = gs.simgd(optax.exponential_decay(0.1, 1, 0.5))
    solvers, players = [own(0.1), gs.per_player(gs.simgd(0.1), gs.simgd(0.2)), scheduled, gs.cgd(0.1)], start()
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        sent = cloudpickle.dumps((solvers, GENERAL_SUM, players))
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    environment = os.environ | {"PYTHONPATH": str(Path(gs.__file__).parents[1])}
    command = [sys.executable, "-c", ELSEWHERE]
    done = subprocess.run(command, input=sent, capture_output=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for end, solver in zip(pickle.loads(done.stdout), solvers, strict=True):
        assert_equal(end, gs.solve(GENERAL_SUM, solver, players, 1).players, rtol=1e-6)


XY = gs.zero_sum(lambda x, y: x * y)


def record(players, state):
    return {"x": players[0], "large": players[0] > 0.5, "half": players[1].astype(jnp.float16)}


def runs():
    """Run with records, with data, and with an end before the last row."""
    options = {"record": record, "every": 5, "tol": 0.5}
    yield gs.solve(XY, gs.extragradient(0.5), (1.0, 1.0), 40, **options)
    yield gs.run(XY, gs.extragradient(0.5), (1.0, 1.0), 40, chunk=20, progress=False, **options)
    yield gs.run(XY, gs.ogda(0.5), (1.0, 1.0), 10, record=record, progress=False)
    sample = lambda key: jax.random.key_data(key).astype(jnp.float32) / 2.0**32
    game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
    yield gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 4, sample=sample, key=jax.random.key(0))


@pytest.mark.parametrize("mode", [*TRACED, "debug", pytest.param("disable_jit", marks=pytest.mark.full)])
def test_runs_in_every_mode(mode):
    plain = list(runs())
    assert int(plain[0].steps) < 35
    assert np.isnan(plain[0].trace["x"][-1])
    options = TRACED | {"debug": DEBUGGED, "disable_jit": {"jax_disable_jit": True}}
    with configured(options[mode]):
        for seen, expected in zip(runs(), plain, strict=True):
            assert_equal(seen, expected, rtol=1e-5)


def test_records_of_keys():
    """Typed keys that a state holds can be recorded; the rows after an early end are keys of zeros."""
    record = lambda players, state: (jax.random.fold_in(jax.random.key(1), jnp.int32(8 * players[0])), players[0])
    solver = gs.extragradient(0.5)
    for options in ({}, {"tol": 0.5}):
        one = gs.solve(XY, solver, (1.0, 1.0), 20, record=record, every=5, **options)
        two = gs.run(XY, solver, (1.0, 1.0), 20, record=record, every=5, chunk=10, progress=False, **options)
        for solution in (one, two):
            assert jnp.issubdtype(solution.trace[0].dtype, jax.dtypes.prng_key)
        np.testing.assert_array_equal(*(jax.random.key_data(solution.trace[0]) for solution in (one, two)))
        np.testing.assert_array_equal(one.trace[1], two.trace[1])
    assert np.isnan(one.trace[1][-1])
    assert not jax.random.key_data(one.trace[0][-1]).any()
