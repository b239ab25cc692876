"""Numbers at the edges of their range: payoffs of any scale, and steps after convergence."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import linear, registry
from gamesolve.linear.report import Report

# How the arguments of a solver scale with the payoffs: the power of the scale. Step sizes scale inversely by default.
POWERS = {
    "extragradient_plus": {"extrapolation": -1},
    "optimistic_adam": {"learning_rate": 0, "eps": 1},
    "extra_adam": {"learning_rate": 0, "eps": 1},
    "conopt": {"gamma": -1},
    "jare": {"gamma": -1},
    "hamiltonian": {"learning_rate": -2},
    "svrg_hamiltonian": {"learning_rate": -2},
    "crossing_the_curl": {"learning_rate": -2},
    "sga": {"lam": -1},
    "lead": {"alpha": -1},
    "magnetic_mirror_descent": {"alpha": 1},
    "anchored_extragradient_varying": {"lipschitz": 1},
    "acgd": {"learning_rate": 0, "eps": 1},
    "newton": {"learning_rate": 0},
    "levenberg_marquardt": {"learning_rate": 0, "damping": 2},
    "lazy_extra_newton": {"learning_rate": 0, "regularisation": 1},
    "sos": {"b": 1},
    "pola": {"penalty": 1},
    # Player 0 divides by the 1.2th power of the scale, the other by the 0.8th.
    "tiada": {"learning_rate": (0.2, -0.2)},
    "tiada_coordinates": {"learning_rate": (0.2, -0.2)},
}
BASES = {"penalty": 1.0, "eps": 1e-5, "damping": 1.0, "lam": 1.0, "b": 0.1}
# These keep or take squares of the field, which float32 holds from 2^-126 to 2^127; moments are fractions of squares.
SQUARES = {"hamiltonian": 60, "svrg_hamiltonian": 60, "crossing_the_curl": 60, "levenberg_marquardt": 60}
MOMENTS = {"optimistic_adam": 50, "extra_adam": 50, "acgd": 50, "tiada": 50, "tiada_coordinates": 50}


def payoff(x, y, M, scale):
    return scale * (x @ x / 2 + x @ M @ y - y @ y / 2)


def game_of(scale, dtype=jnp.float32):
    M = jnp.array([[1.0, 0.5], [0.0, 1.5], [-1.0, 0.25]], dtype)
    return gs.zero_sum(payoff, constants=(M, jnp.asarray(scale, dtype)))


def solver_of(name, scale, rate=0.2):
    entry = registry.SOLVERS[name]
    powers = POWERS.get(name, {})
    arguments = {
        key: dict(entry.arguments, **BASES)[key] * scale**power
        for key, power in powers.items()
        if key != "learning_rate"
    }
    power = powers.get("learning_rate", -1)
    own = tuple(rate * scale**each for each in power) if isinstance(power, tuple) else rate * scale**power
    return entry.build(own, **arguments)


@jax.jit
def many_steps(game, solver, players, count):
    """Take some steps, whose number is traced, so that one program serves all tests of a solver."""
    advance = lambda _, carry: gs.step(game, solver, *carry)
    return jax.lax.fori_loop(0, count, advance, (players, solver.init(players)))


START = (jnp.array([1.0, -0.5, 0.25]), jnp.array([0.5, 1.0]))


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_steps_do_not_depend_on_the_scale_of_the_payoffs(name):
    extent = (SQUARES | MOMENTS).get(name, 100)
    plain, _ = many_steps(game_of(1.0), solver_of(name, 1.0), START, 3)
    assert not np.allclose(plain[0], START[0], atol=1e-3)
    for exponent in (-extent, -extent // 2, extent // 2, extent):
        scale = 2.0**exponent
        scaled, state = many_steps(game_of(scale), solver_of(name, scale), START, 3)
        for a, b in zip(plain, scaled, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4, err_msg=f"scale 2^{exponent}")
        for report in reports(state):
            assert report.status == linear.Outcome.SOLVED
            assert report.fallbacks == 0


@pytest.mark.parametrize("name", ["newton", "proximal", "stackelberg", "cgd"])
@pytest.mark.parametrize("zero_sum", [True, False])
def test_long_solves_do_not_depend_on_the_scale_of_the_payoffs(name, zero_sum):
    """Above the dense limit, the Krylov iterations see the scale of the map."""
    size, rng = linear.DENSE_LIMIT + 6, np.random.default_rng(0)
    M = jnp.asarray(rng.normal(size=(size, size)) / np.sqrt(size), jnp.float32)
    own = lambda x, y, M, scale: -payoff(x, y, M, scale)
    other = lambda x, y, M, scale: payoff(x, 2 * y, M, scale)
    make = partial(gs.zero_sum, payoff) if zero_sum else partial(gs.general_sum, own, other)
    start = tuple(jnp.asarray(entry, jnp.float32) for entry in rng.normal(size=(2, size)))
    plain, _ = many_steps(make(constants=(M, jnp.float32(1))), solver_of(name, 1.0), start, 2)
    for exponent in (-100, -60, 60, 100):
        scale = 2.0**exponent
        game = make(constants=(M, jnp.float32(scale)))
        scaled, state = many_steps(game, solver_of(name, scale), start, 2)
        for a, b in zip(plain, scaled, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3, err_msg=f"scale 2^{exponent}")
        assert all(report.status != linear.Outcome.FAILED for report in reports(state))


# Solvers with an inner solve, and those that use conjugate gradients, by whether the game is zero-sum.
SOLVING = [
    name
    for name, entry in registry.SOLVERS.items()
    if isinstance(getattr(inspect.signature(entry.make).parameters.get("inner"), "default", None), linear.Inner)
]
CONJUGATE = {
    "lss": (True, False),
    "levenberg_marquardt": (True, False),
    "cgd": (True,),
    "acgd": (True,),
    "competitive_mirror_descent": (True,),
}


@pytest.mark.parametrize("name", SOLVING)
@pytest.mark.parametrize("zero_sum", [True, False])
def test_a_dense_solve_takes_the_same_step_without_iterations(name, zero_sum, x64):
    size = linear.DENSE_LIMIT + 6
    game = gs.games.random_quadratic(jax.random.key(0), (size, size), zero_sum=zero_sum)
    build = registry.SOLVERS[name].build
    found = {}
    for kind, inner in {"iterative": linear.Inner(), "dense": linear.Inner(dense_limit=2 * size)}.items():
        found[kind], state = many_steps(game, build(0.1, inner=inner), game.start, 2)
        report = next(iter(reports(state)))
        assert report.status == linear.Outcome.SOLVED
        assert (report.iterations == 0) == (kind == "dense" and zero_sum not in CONJUGATE.get(name, ()))
    for a, b in zip(found["iterative"], found["dense"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def reports(state):
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Report))
    return [node for node in nodes if isinstance(node, Report)]


# Those that divide by what vanishes there, and the core.
DIVIDING = {
    *registry.CORE,
    "adaptive_extragradient",
    "anderson",
    "golden_ratio",
    "sos",
    "lss",
    "newton",
    "levenberg_marquardt",
    "proximal",
    "sga",
}
# The pull to the start fades as 1 / k: the players approach zero as 1 / (eta k), and as 1 / (eta sqrt(k)).
SLOW = {"anchored_optimism": 1e-2, "anchored_gda": 0.25}


@pytest.mark.parametrize(
    "name", [name if name in DIVIDING else pytest.param(name, marks=pytest.mark.full) for name in registry.SOLVERS]
)
def test_convergence_that_goes_on_stays_finite(name):
    """2,000 steps are some 1,500 more than the players need to become as small as float32 allows."""
    solver = solver_of(name, 1.0)
    for start in (START, jax.tree.map(jnp.zeros_like, START)):
        reached = many_steps(game_of(1.0), solver, start, 2000)
        for leaf in jax.tree.leaves(reached):
            assert np.isfinite(leaf).all()
        if name not in {*MOMENTS, "crossing_the_curl"}:
            assert max(float(jnp.max(jnp.abs(player))) for player in reached[0]) < SLOW.get(name, 3e-3)


# The square root of a second moment that is zero has no derivative.
# The steps of the others are linear in the players of this game, and their derivatives the same everywhere.
NONLINEAR = {"adaptive_extragradient", "anderson", "golden_ratio", "lazy_extra_newton", "sos", "lss", "restarted"}
QUICK = {"adaptive_extragradient", "anderson", "golden_ratio", "sos", "lss", "cgd", "proximal"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.full)
        for name in registry.SOLVERS
        if name not in MOMENTS
    ],
)
def test_derivatives_at_and_after_convergence_are_finite(name):
    @jax.jit
    @jax.grad
    def slope(players):
        end = gs.solve(game_of(1.0), solver_of(name, 1.0), players, 12).players
        return optax.tree.sum(end)

    plain, tiny, zero = (slope(optax.tree.scale(size, START)) for size in (1.0, 1e-25, 0.0))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((plain, tiny, zero)))
    if name not in NONLINEAR:
        for a, b, c in zip(plain, tiny, zero, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(a, c, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["cgd", "anderson", "golden_ratio", "competitive_mirror_descent", "lss"])
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_keeps_small_fields(name, dtype):
    start = jax.tree.map(lambda leaf: leaf.astype(dtype), START)
    scale = 2.0**-9
    plain, _ = many_steps(game_of(1.0, dtype), solver_of(name, 1.0), start, 2)
    scaled, _ = many_steps(game_of(scale, dtype), solver_of(name, scale), start, 2)
    for a, b in zip(plain, scaled, strict=True):
        np.testing.assert_allclose(np.float32(a), np.float32(b), atol=0.1)
