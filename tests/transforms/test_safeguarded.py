"""The guard of extragradient: what it promises of any solver on monotone games."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry

SIZE = 3
# These sum estimates over data, or take one step size for all players only.
UNFIT = {"guarded", "svrg", "svrg_extragradient", "svrg_hamiltonian"}
# One that cycles or diverges, one that oscillates, one that adapts.
QUICK = ["simgd", "lookahead", "golden_ratio"]
# Evaluations over those of the bare solver where it converges, in the mean, where they are more than 1.1: some of these
# solvers' residuals grow for long on the way.
MORE = {"anderson": 1.19, "acgd": 1.13, "proximal": 1.11, "tiada_coordinates": 1.11}


def monotone_game(key, strength):
    """Return a game of two players with a monotone field -v, whose symmetric part has eigenvalues above 0.1 strength.

    The field is affine beside a saturating force, and its Lipschitz constant is at most 1 + 2 strength.
    """
    turned, drawn, shift, start = jax.random.split(key, 4)
    W = jax.random.normal(turned, (2 * SIZE, 2 * SIZE))
    Q, _ = jnp.linalg.qr(jax.random.normal(drawn, (2 * SIZE, 2 * SIZE)))
    A = (W - W.T) / jnp.linalg.norm(W - W.T, 2) + strength * (Q * jnp.logspace(0, -1, 2 * SIZE)) @ Q.T
    return (A, jax.random.normal(shift, (2 * SIZE,)), strength), jax.random.normal(start, (2 * SIZE,))


def cost(own, other, A, M, b, strength):
    return own @ A @ own / 2 + own @ M @ other + b @ own + strength * jnp.sum(jnp.sqrt(1 + own**2))


def first(x, y, A, b, strength):
    return -cost(x, y, A[:SIZE, :SIZE], A[:SIZE, SIZE:], b[:SIZE], strength)


def second(x, y, A, b, strength):
    return -cost(y, x, A[SIZE:, SIZE:], A[SIZE:, :SIZE], b[SIZE:], strength)


def run(solver, constants, start, steps, record=None):
    game, players = gs.general_sum(first, second, constants=constants), (start[:SIZE], start[SIZE:])
    return gs.solve(game, solver, players, steps, tol=1e-4, record=record)


def lanes(name, rates, number, steps):
    """Run a solver alone and guarded over step sizes and games; return what happened, one row per step size."""
    entry = registry.SOLVERS[name]
    strengths = jnp.resize(jnp.array([0.0, 0.03, 0.1, 0.3]), number)
    constants, starts = jax.vmap(monotone_game)(jax.random.split(jax.random.key(0), number), strengths)

    def alone(rate, constants, start):
        solution = run(entry.build(rate), constants, start, steps)
        return solution.status, solution.steps

    def guarded(rate, constants, start):
        sizes = lambda players, state: state.kept.size
        solution = run(gs.guarded(entry.build(rate)), constants, start, steps, sizes)
        # After the end of a run the rows are NaN.
        increase = jnp.nanmax(jnp.diff(solution.trace, prepend=jnp.inf))
        return solution.status, solution.steps, solution.state.plan.falls, increase

    over = lambda one: jax.jit(jax.vmap(jax.vmap(one, (None, 0, 0)), (0, None, None)))
    rates = jnp.asarray(rates)
    return map(np.asarray, (*over(alone)(rates, constants, starts), *over(guarded)(rates, constants, starts)))


def check(name, rates, number, steps):
    entry = registry.SOLVERS[name]
    bare, bare_steps, status, taken, falls, increase = lanes(name, rates, number, steps)
    assert not np.any(status == gs.Status.DIVERGED)
    assert np.all(increase <= 0)
    fine = bare == gs.Status.CONVERGED
    if np.any(fine):
        # A step back takes two fields instead of those of the solver.
        each = entry.cost.products()
        spent = (taken - falls) * each + 2 * falls
        assert np.mean(spent[fine] / np.maximum(bare_steps[fine] * each, 1)) <= MORE.get(name, 1.1)
        # Steps that jump far and land well by luck are undone, and some of these runs need more than the given steps:
        # 6 % of those of anderson, which converges alone at step sizes far beyond 1 / Lipschitz.
        assert np.mean(status[fine] == gs.Status.CONVERGED) >= 0.9


@pytest.mark.parametrize("name", QUICK)
def test_a_guarded_solver_never_diverges_and_costs_nothing_while_it_helps(name, x64):
    check(name, np.logspace(-2, 2, 5), 4, 300)


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in registry.SOLVERS if name not in UNFIT])
def test_all_solvers_step_sizes_and_games(name, x64):
    check(name, np.logspace(-3, 3, 61), 40, 300)


def test_extragradient_steps_decrease_the_residual_as_the_theorem_says(x64):
    """Between two accepted points of a solver that never helps, by the formula of the docstring."""
    useless = optax.GradientTransformation(lambda params: optax.EmptyState(), lambda u, state, params: (u, state))
    constants, start = monotone_game(jax.random.key(1), 0.03)
    game, players = gs.general_sum(first, second, constants=constants), (start[:SIZE], start[SIZE:])
    solver = gs.guarded(useless, patience=1)
    record = lambda players, state: (players, state.kept, state.last, state.step)
    z, kept, last, step = gs.solve(game, solver, players, 200, record=record).trace
    flat = lambda tree: np.concatenate(tree, axis=-1)
    checked = 0
    for t in range(199):
        if step[t] > 0 and np.array_equal(flat(z)[t], flat(kept.players)[t + 1]):
            middle, at_middle = flat(last.players)[t], flat(last.updates)[t]
            here, ahead = flat(kept.updates)[t], flat(kept.updates)[t + 1]
            slope = np.linalg.norm(ahead - at_middle) / np.linalg.norm(flat(z)[t] - middle)
            assert step[t] * slope <= 0.95
            fall = (1 - (step[t] * slope) ** 2) * np.linalg.norm(here - at_middle) ** 2
            assert ahead @ ahead <= here @ here - fall + 1e-12
            checked += 1
    assert checked > 50


def test_newton_stays_superlinear(x64):
    constants, start = monotone_game(jax.random.key(2), 0.3)
    game, players = gs.general_sum(first, second, constants=constants), (start[:SIZE], start[SIZE:])
    record = lambda players, state: (state.kept.size, state.plan.falls)
    sizes, falls = gs.solve(game, gs.guarded(gs.newton()), players, 12, record=record).trace
    sizes = sizes[sizes > 1e-13]
    assert falls[-1] == 0 or sizes[-1] < 1e-10
    logarithms = np.log(np.asarray(sizes[sizes < 1]))[-3:]
    assert np.all(logarithms[1:] < 1.5 * logarithms[:-1])
    assert len(sizes) <= 8


def accepted_sizes(game, solver, start, steps):
    record = lambda players, state: optax.tree.get(state, "kept").size
    return np.asarray(gs.solve(game, solver, start, steps, record=record).trace)


@pytest.mark.parametrize("rate", [1e3, 1e9, 1e12])
def test_residuals_never_increase_in_float32_either(rate):
    rotation = gs.zero_sum(lambda x, y: (x - 3) * (y - 3))
    sizes = accepted_sizes(rotation, gs.guarded(gs.simgd(rate)), (3.001, 3.0), 300)
    assert np.max(np.diff(sizes)) <= 0
    assert sizes[-1] < 1e-5


def test_residuals_never_increase_before_other_parts_of_a_chain(x64):
    for rate, part in ((1e3, optax.clip(1.0)), (20.0, optax.scale(0.05)), (20.0, optax.scale(0.5))):
        sizes = accepted_sizes(gs.games.curl(), optax.chain(gs.guarded(gs.simgd(rate)), part), (1.0, 0.5), 2000)
        assert np.max(np.diff(sizes)) <= 0
        assert sizes[-1] < 0.9


@pytest.mark.parametrize("start", [4.0, 6.0])
def test_steep_fields_do_not_stop_the_guard(start):
    game = gs.zero_sum(lambda x, y: jnp.cosh(x) + x * y - jnp.cosh(y))
    solution = gs.solve(game, gs.guarded(gs.simgd(1.0)), (start, start), 2000, tol=1e-3)
    assert solution.status == gs.Status.CONVERGED


def test_the_guard_returns_from_points_without_a_field():
    """Without ``tol``, which ends a run at the first non-finite field."""
    ascending = optax.scale(1e3)
    game = gs.zero_sum(lambda x, y: jnp.cosh(x) + x * y - jnp.cosh(y))
    sizes = accepted_sizes(game, gs.guarded(ascending, patience=1), (10.0, 10.0), 1000)
    assert np.max(np.diff(sizes)) <= 0
    assert sizes[-1] < 1e-3 * sizes[0]


@pytest.mark.parametrize("place", [gs.guarded, lambda inner: gs.guarded(optax.chain(inner, optax.clip(1.0)))])
def test_solvers_with_projections_are_refused(place):
    for projections in (jnp.abs, (None, jnp.abs)):
        solver = place(gs.extragradient(0.3, projections=projections))
        with pytest.raises(ValueError, match="must be without projections"):
            gs.solve(gs.games.curl(), solver, (1.0, 1.0), 3)


def test_the_guard_saves_a_solver_that_becomes_non_finite():
    broken = optax.GradientTransformation(
        lambda params: optax.EmptyState(), lambda u, state, params: (optax.tree.scale(jnp.nan, u), state)
    )
    solution = gs.solve(gs.games.curl(), gs.guarded(broken), (1.0, 0.5), 500, tol=1e-3)
    assert solution.status == gs.Status.CONVERGED


def test_a_state_that_becomes_infinite_is_not_kept():
    overflowing = optax.GradientTransformation(
        lambda params: jnp.ones(()), lambda u, state, params: (optax.tree.scale(-0.1, u), jnp.inf * state)
    )
    solution = gs.solve(gs.games.curl(), gs.guarded(overflowing), (1.0, 0.5), 7)
    assert solution.status == gs.Status.BUDGET
    assert np.isfinite(solution.state.inner)


def test_an_inner_solver_goes_on_from_the_accepted_point():
    """After a step back, the inner state is the one that belonged to the point to which the guard has returned."""
    solver = gs.guarded(gs.ogda(1e3))
    _, state = gs.step(gs.games.curl(), solver, (1.0, 0.5))
    kept = state
    players = (1.0, 0.5)
    for _ in range(4):
        players, state = gs.step(gs.games.curl(), solver, players, state)
        if int(state.plan.falls):
            break
    assert int(state.plan.falls) > 0
    for leaf, other in zip(jax.tree.leaves(state.inner), kept.kept.inner, strict=True):
        np.testing.assert_array_equal(leaf, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"patience": 0}, "patience must be at least 1, got 0"), ({"contraction": 1.0}, "contraction must be.*got 1.0")],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        gs.guarded(gs.simgd(0.1), **arguments).init((1.0, 1.0))
