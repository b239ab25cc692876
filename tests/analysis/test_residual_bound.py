"""Bounds after a number of steps against published worst cases, closed forms and games that are played."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import analysis

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize(
    ("solver", "num_steps", "L", "published"),
    [
        # PEPit's examples of monotone inclusions and variational inequalities.
        (gs.forward_reflected_backward(0.25, projections=analysis.any_set), 5, 1.0, 0.0663141),
        (gs.past_extragradient(0.25, projections=analysis.any_set), 5, 1.0, 0.0602664),
        (analysis.exact_proximal(2.0), 10, np.inf, 0.0387420),
    ],
    ids=["optimistic gradient", "past extragradient", "proximal point"],
)
def test_published_worst_cases(solver, num_steps, L, published):
    result = analysis.worst_case_residual(solver, num_steps, L=L)
    assert result.bound == pytest.approx(published, abs=1e-5)
    assert result.margin > 0
    assert np.min(result.multipliers) >= 0


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_proximal_point_method_has_its_known_bound(n):
    result = analysis.worst_case_residual(analysis.exact_proximal(0.5), n)
    assert result.bound == pytest.approx((1 - 1 / n) ** (n - 1) / n, abs=1e-6)  # Gu and Yang 2020


@pytest.mark.parametrize("L", [1e-3, 1.0, 1e3])
def test_simgd_has_its_known_bounds(L):
    solver, mu = gs.simgd(0.2 / L), 0.3 * L
    squared = 1 - 2 * 0.3 * 0.2 + 0.2**2
    distance = analysis.worst_case_residual(solver, 3, mu=mu, L=L, measure="distance")
    field = analysis.worst_case_residual(solver, 3, mu=mu, L=L, measure="field")
    assert distance.bound == pytest.approx(squared**3, abs=1e-6)
    assert field.bound == pytest.approx(L**2 * squared**3, rel=1e-5)


@pytest.mark.parametrize("n", [1, 4])
def test_extra_anchored_gradient_is_better_than_its_theorem(n):
    result = analysis.worst_case_residual(gs.anchored_extragradient(0.125), n, L=1.0, measure="field")
    assert result.bound <= 260 / (n + 2) ** 2  # Yoon and Ryu 2021
    turn = gs.solve(gs.games.curl(), gs.anchored_extragradient(0.125), (1.0, 0.0), n).players
    assert sum(float(z) ** 2 for z in turn) <= result.bound


@pytest.mark.parametrize(
    "solver",
    [gs.past_extragradient(0.3), gs.halpern(0.2), gs.extragradient((0.5, 0.3)), gs.ogda(0.25), gs.altgd(0.2)],
    ids=["past_extragradient", "halpern", "extragradient", "ogda", "altgd"],
)
def test_no_random_game_is_worse(solver):
    steps = 4
    bound = analysis.worst_case_residual(solver, steps, L=1.0).bound
    random = np.random.default_rng(0)
    angles = random.uniform(0, np.pi / 2, 200)
    F = np.array([[np.cos(angles), np.sin(angles)], [-np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    F *= random.uniform(0.5, 1, (200, 1, 1))
    start = random.standard_normal((200, 2))
    start /= np.linalg.norm(start, axis=1)[:, None]

    def last_move(F, start):
        entries = F[:, :, None, None]
        game = gs.games.quadratic(entries[0, 0], entries[0, 1], entries[1, 1], entries[1, 0])
        trace = gs.solve(game, solver, (start[:1], start[1:]), steps, record=lambda z, _: jnp.concatenate(z)).trace
        return jnp.sum((trace[-1] - trace[-2]) ** 2)

    moves = jax.vmap(last_move)(jnp.asarray(F), jnp.asarray(start))
    assert bound / 20 < jnp.max(moves) <= bound


def test_more_sets_can_only_make_the_bound_larger():
    free, one, both = (
        analysis.worst_case_residual(gs.past_extragradient(0.25, projections=sets), 3, L=1.0).bound
        for sets in (None, (analysis.any_set, None), analysis.any_set)
    )
    assert free <= one + 1e-6 <= both + 2e-6
    assert free < both


@pytest.mark.parametrize("rho", [0.0, 0.1, 0.2])
def test_weakly_minty_games_keep_the_bound_and_the_theorem(rho):
    """Extragradient+ on fields that are not monotone: v = -F with F = [[a, b], [-b, a]] z has rho = -2 a / L^2."""
    solver, steps = gs.extragradient_plus(0.5, 1.0), 4
    result = analysis.worst_case_residual(solver, steps, L=1.0, weak_minty=rho, measure="best field")
    # Theorem 3.2 of Diakonikolas, Daskalakis, Jordan 2021.
    assert result.bound <= 2 / (steps * (0.25 - rho))
    assert np.sum(result.shares) == pytest.approx(1)
    a = jnp.array([[-rho / 2]])
    b = jnp.sqrt(1 - a**2)
    game = gs.games.quadratic(a, b, a, -b)
    z, seen = (jnp.ones(1), jnp.zeros(1)), []
    for _ in range(steps):
        trial = jax.tree.map(jnp.add, z, game.field(z))
        seen += [optax.tree.norm(game.field(z), squared=True), optax.tree.norm(game.field(trial), squared=True)]
        z = jax.tree.map(lambda x, v: x + 0.5 * v, z, game.field(trial))
    np.testing.assert_allclose(
        np.stack(z), np.stack(gs.solve(game, solver, (jnp.ones(1), jnp.zeros(1)), steps).players)
    )
    assert result.bound / 20 < min(seen) <= result.bound


@pytest.mark.parametrize(
    ("solver", "arguments", "message"),
    [
        (gs.simgd(0.1), {"measure": "norm"}, "measure must be one of .*'distance', 'field', 'move'.*, got 'norm'"),
        (gs.extragradient(0.1, projections=analysis.any_set), {"measure": "field"}, "measure must be .* on sets"),
        (
            gs.simgd(0.1),
            {"weak_minty": 0.1, "mu": 0.1},
            "weak_minty must stand without mu and cocoercivity, got mu=0.1",
        ),
        (gs.simgd(0.1), {"weak_minty": -0.1}, "weak_minty must be finite and at least 0"),
        (
            gs.extragradient(0.1, projections=analysis.any_set),
            {"weak_minty": 0.1},
            "weak_minty must be None .* on sets",
        ),
        (gs.simgd(0.1), {"num_steps": 0}, "num_steps must be at least 1"),
        (gs.simgd(0.1), {"L": np.inf}, "have a bound that can be proved, got none"),
        (gs.simgd(0.1), {"L": -1.0}, "L must be finite and above 0"),
        (optax.adam(0.1), {}, "got one that returns something other than a linear combination"),
        (optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1)), {}, "moves the equilibrium"),
        (optax.chain(optax.add_decayed_weights(1e-4), optax.sgd(0.05)), {}, "moves the equilibrium"),
        (optax.chain(optax.centralize(), optax.sgd(0.1)), {}, "got one that returns something other than a linear"),
        (gs.golden_ratio(0.1), {}, "depend on the players"),
        (gs.simgd(0.1), {"mu": np.array([0.1, 0.2])}, r"mu must be one number, got an array of shape \(2,\)"),
    ],
)
def test_wrong_arguments_are_refused(solver, arguments, message):
    with pytest.raises(ValueError, match=message):
        analysis.worst_case_residual(solver, **{"num_steps": 2, "L": 1.0} | arguments)


@pytest.mark.parametrize("L", ["1", None])
def test_a_constant_that_is_not_a_number_is_refused(L):
    with pytest.raises(TypeError, match="L must be one number"):
        analysis.worst_case_residual(gs.simgd(0.1), 2, L=L)
