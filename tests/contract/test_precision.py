"""Players whose leaves differ in precision, payoffs that compute in bfloat16, and the precision of products."""

import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry
from gamesolve.linear import Inner, Outcome

# Each of four steps rounds players to 2^-9 of their size. ACGD divides by the root of a second moment.
ERRORS = {"acgd": 0.04}
# Mixtures of several moves solve systems that are singular to the precision of the moves.
ARGUMENTS = {"anderson": {"depth": 1}}


def payoff(x, y, M):
    z = jnp.concatenate([x["a"], x["b"]])
    return z @ z / 2 + z @ M @ y - y @ y / 2


def start(*dtypes):
    a, b, c = dtypes
    return {"a": jnp.array([1.0, -0.5], a), "b": jnp.array([0.75], b)}, jnp.array([0.5, 1.0], c)


def mixed_game(dtype=jnp.float32):
    return gs.zero_sum(payoff, constants=(jnp.array([[0.5, 0.25], [0.0, 0.75], [-0.5, 0.125]], dtype),))


FINE = (jnp.float32, jnp.float32, jnp.float32)
MIXED = (jnp.float32, jnp.bfloat16, jnp.bfloat16)


def dtypes(tree):
    return [leaf.dtype for leaf in jax.tree.leaves(tree)]


def in_numpy(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, float), tree)


GATED = (*registry.CORE, "golden_ratio", "anderson", "newton", "halpern", "lead", "svrg", "stackelberg")


@pytest.mark.parametrize(
    "name", [name if name in GATED else pytest.param(name, marks=pytest.mark.full) for name in registry.SOLVERS]
)
def test_every_solver_keeps_the_dtype_of_each_leaf(name):
    solver = registry.SOLVERS[name].build(0.1, **ARGUMENTS.get(name, {}))
    mixed, exact = (gs.solve(mixed_game(), solver, start(*kinds), 4) for kinds in (MIXED, FINE))
    assert dtypes(mixed.players) == dtypes(start(*MIXED))
    chex.assert_trees_all_close(in_numpy(mixed.players), in_numpy(exact.players), rtol=0, atol=ERRORS.get(name, 0.02))


@pytest.mark.parametrize("name", ["simgd", "cgd", "anderson", "golden_ratio", "anchored_extragradient_varying"])
def test_float64_beside_float32(name, x64):
    solver = registry.SOLVERS[name].build(0.1, **ARGUMENTS.get(name, {}))
    game, kinds = mixed_game(jnp.float64), (jnp.float64, jnp.float32, jnp.float32)
    mixed, exact = (gs.solve(game, solver, start(*dtypes), 4).players for dtypes in (kinds, 3 * (jnp.float64,)))
    assert dtypes(mixed) == dtypes(start(*kinds))
    chex.assert_trees_all_close(in_numpy(mixed), in_numpy(exact), rtol=0, atol=1e-5)


def test_float16_beside_bfloat16():
    kinds = (jnp.float16, jnp.bfloat16, jnp.bfloat16)
    mixed, exact = (gs.solve(mixed_game(), gs.cgd(0.1), start(*dtypes), 4).players for dtypes in (kinds, FINE))
    assert dtypes(mixed) == dtypes(start(*kinds))
    chex.assert_trees_all_close(in_numpy(mixed), in_numpy(exact), rtol=0, atol=0.02)


def test_floats_that_have_no_common_dtype():
    players = (jnp.ones(2), jnp.ones(2, jnp.float8_e4m3fn))
    with pytest.raises(TypeError, match=r"float32 for player 0 and float8_e4m3fn for player 1\. Cast them to bfloat16"):
        gs.zero_sum(lambda x, y: x @ x).field(players)


def test_python_numbers_take_the_widest_dtype():
    game = gs.general_sum(*3 * (lambda x, y, z: jnp.sum(x * y * z),))
    players, _ = gs.step(game, gs.simgd(0.1), (1.0, jnp.ones((), jnp.bfloat16), jnp.ones((), jnp.float32)))
    assert dtypes(players) == [jnp.float32, jnp.bfloat16, jnp.float32]


def large(size, kinds, compute=None):
    """Return a general-sum game without symmetric systems, and a start."""
    rng = np.random.default_rng(0)
    A, B = (jnp.asarray(rng.normal(size=(size, size)) / size**0.5, jnp.float32) for _ in range(2))

    def cast(*arrays):
        return arrays if compute is None else tuple(array.astype(compute) for array in arrays)

    def first(x, y, A, B):
        x, y, A = cast(x, y, A)
        return jnp.asarray(x @ A @ y - x @ x, jnp.float32)

    def second(x, y, A, B):
        x, y, B = cast(x, y, B)
        return jnp.asarray(jnp.tanh(x) @ B @ y - y @ y, jnp.float32)

    players = tuple(jnp.asarray(rng.normal(size=size), kind) for kind in kinds)
    return gs.general_sum(first, second, constants=(A, B)), players


@pytest.mark.full
@pytest.mark.parametrize("size", [50, 400])
def test_inner_solves_of_mixed_players(size):
    """By GMRES, whose basis has the dtypes of the leaves: small enough for a dense solve after it, and larger."""
    game, players = large(size, (jnp.float32, jnp.bfloat16))
    mixed = gs.solve(game, gs.proximal(0.3), players, 2)
    exact = gs.solve(game, gs.proximal(0.3), jax.tree.map(jnp.float32, players), 2)
    assert dtypes(mixed.players) == [jnp.float32, jnp.bfloat16]
    assert optax.tree.get(mixed.state, "status") == Outcome.SOLVED
    assert optax.tree.get(mixed.state, "iterations") < 20
    chex.assert_trees_all_close(in_numpy(mixed.players), in_numpy(exact.players), rtol=0, atol=0.05)


def test_checkpoints_and_sweeps_keep_the_dtype_of_each_leaf(tmp_path):
    game, solver = mixed_game(), gs.ogda(0.1)
    whole = gs.run(game, solver, start(*MIXED), 6, chunk=2, progress=False)
    gs.run(game, solver, start(*MIXED), 4, chunk=2, progress=False, checkpoint=tmp_path)
    resumed = gs.run(game, solver, start(*MIXED), 6, chunk=2, progress=False, checkpoint=tmp_path)
    assert dtypes(resumed) == dtypes(whole)
    chex.assert_trees_all_equal(resumed.players, whole.players)
    table = gs.sweep(lambda rate: gs.solve(game, gs.ogda(rate), start(*MIXED), 6).players, {"rate": [0.05, 0.1]})
    assert dtypes(table.values) == dtypes(start(*MIXED))
    chex.assert_trees_all_close(jax.tree.map(lambda leaf: leaf[1], table.values), whole.players, rtol=0.01)


def test_analysis_looks_at_mixed_players_in_their_widest_dtype():
    game, players = mixed_game(), start(*MIXED)
    fine = jax.tree.map(jnp.float32, players)
    chex.assert_trees_all_equal(gs.analysis.jacobian(game, players), gs.analysis.jacobian(game, fine))
    rest, fine_rest = (optax.tree.zeros_like(tree) for tree in (players, fine))
    chex.assert_trees_all_equal(gs.analysis.classify(game, rest), gs.analysis.classify(game, fine_rest))
    state = gs.solve(game, gs.ogda(0.1), players, 3).state
    spectra = [gs.analysis.step_spectrum(game, gs.ogda(0.1), rest, state) for rest in (rest, fine_rest)]
    chex.assert_trees_all_equal(*spectra)
    assert spectra[0].dtype == jnp.complex64


def computing_in_bfloat16(x, y, M):
    x, y, M = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), (x, y, M))
    return jnp.asarray(payoff(x, y, M), jnp.float32)


@pytest.mark.parametrize("name", registry.CORE)
def test_masters_stay_in_float32_under_payoffs_that_compute_in_bfloat16(name):
    solver, constants = registry.SOLVERS[name].build(0.1), mixed_game().constants
    coarse = gs.solve(gs.zero_sum(computing_in_bfloat16, constants=constants), solver, start(*FINE), 4)
    exact = gs.solve(mixed_game(), solver, start(*FINE), 4)
    assert set(dtypes(coarse.players)) == {jnp.dtype(jnp.float32)}
    chex.assert_trees_all_close(coarse.players, exact.players, rtol=0, atol=ERRORS.get(name, 0.02))
    assert gs.linear.report.fallbacks(coarse.state) == 0


@pytest.mark.full
@pytest.mark.parametrize("size", [20, 50])
@pytest.mark.parametrize(
    ("solver", "zero_sum"), [(gs.cgd, True), (gs.cgd, False), (gs.proximal, True), (gs.proximal, False)]
)
def test_inner_solves_report_what_products_in_bfloat16_allow(solver, zero_sum, size):
    """Their residuals are about 1e-3: the default tolerance is missed, and the one in the guide is reached."""
    game, players = large(size, 2 * (jnp.float32,), compute=jnp.bfloat16)
    if zero_sum:
        game = gs.zero_sum(game.payoffs[1], constants=game.constants)
    default, loose = (
        gs.solve(game, solver(0.3, inner=inner), players, 2) for inner in (Inner(), Inner(tolerance=0.01))
    )
    for solution, status in ((default, Outcome.INEXACT), (loose, Outcome.SOLVED)):
        assert optax.tree.get(solution.state, "status") == status
        assert 1e-6 < optax.tree.get(solution.state, "residual") < 0.01
        assert optax.tree.get(solution.state, "fallbacks") == 0
    assert optax.tree.get(loose.state, "iterations") < 5
    chex.assert_trees_all_close(loose.players, default.players, rtol=0, atol=0.02)


def precisions(function, *args):
    """Return the precisions of products in a traced function, without inner products: optax computes these exactly."""
    text = jax.jit(function).lower(*args).as_text()
    return set(re.findall(r"precision = \[(\w+), \w+\] : .* -> tensor<\d.*>", text))


@pytest.mark.parametrize("name", registry.CORE)
def test_the_users_precision_of_products_holds_in_a_whole_run(name):
    game = mixed_game()
    players, run = start(*FINE), lambda players: gs.solve(game, registry.SOLVERS[name].build(0.1), players, 2).players
    assert precisions(run, players) == {"HIGHEST"}
    with jax.default_matmul_precision("high"):
        assert precisions(run, players) == {"HIGH"}
    with jax.default_matmul_precision("default"):
        assert precisions(run, players) == {"DEFAULT"}


def test_the_precision_of_products_adds_no_operation_to_those_of_bfloat16():
    game, players = large(50, 2 * (jnp.float32,), compute=jnp.bfloat16)

    def program(precision):
        with jax.default_matmul_precision(precision):
            text = jax.jit(lambda players: game.field(players)).lower(players).compile().as_text()
        return re.sub(r", (metadata|backend_config|operand_precision)=\{[^\n]*", "", text[text.index("ENTRY") :])

    assert program("highest") == program("default")
