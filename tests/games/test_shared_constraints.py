"""Generalised Nash problems against published solutions and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games

pytestmark = pytest.mark.usefixtures("x64")

# Three players with four numbers between 0 and 1, from the examples of the package nashopt, whose solution is
# (1, 0, 0, 0.5): the shared constraint holds with room, and bounds hold the first two players.
PAYOFFS = (
    lambda x, y, z: -((x[0] - 1) ** 2) - (x[1] + 0.5) ** 2,
    lambda x, y, z: -((y + 0.3) ** 2),
    lambda x, y, z: -((z - 0.5 * (x[0] + y)) ** 2),
)


def between_zero_and_one(player):
    return lambda *players: {"low": -players[player], "high": players[player] - 1}


def test_the_example_of_nashopt():
    problem = {
        "inequality": lambda x, y, z: jnp.array([x[0] + y + z - 2.0]),
        "private": tuple(map(between_zero_and_one, range(3))),
    }
    game, zeros = games.generalised(*PAYOFFS, **problem), (jnp.zeros(2), jnp.array(0.0), jnp.array(0.0))
    start = (*zeros, games.generalised_multipliers(zeros, **problem))
    solver = gs.extragradient(0.2, projections=(None, None, None, games.multiplier_projection))
    solution = gs.solve(game, solver, start, 3000, tol=1e-8)
    assert solution.ending == gs.Status.CONVERGED
    x, y, z, multipliers = solution.players
    np.testing.assert_allclose(np.hstack([x, y, z]), [1, 0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(multipliers["inequality"], [0], atol=1e-9)
    low = np.hstack([entry["low"] for entry in multipliers["private"]])
    np.testing.assert_allclose(low, [0, 1, 0.6, 0], atol=1e-6)
    for residual in (games.kkt_residual, games.fischer_burmeister):
        assert float(optax.tree.norm(residual(game, solution.players))) < 1e-7
        assert float(optax.tree.norm(residual(game, start))) > 0.5


@pytest.mark.parametrize("solver", ["extragradient", "forward_reflected_backward", "golden_ratio"])
def test_the_equilibrium_of_shared_multipliers_is_found_among_many(solver):
    """Facchinei and Kanzow: all (a, 1 - a), a from 1/2 to 1, are equilibria; (3/4, 1/4) is the variational one."""
    shared = {"inequality": lambda x, y: x + y - 1}
    game = games.generalised(lambda x, y: -((x - 1) ** 2), lambda x, y: -((y - 0.5) ** 2), **shared)
    start = (0.0, 0.0, games.generalised_multipliers((0.0, 0.0), **shared))
    made = getattr(gs, solver)(0.15, projections=(None, None, games.multiplier_projection))
    x, y, multipliers = gs.solve(game, made, start, 5000, tol=1e-9).players
    np.testing.assert_allclose([x, y, multipliers["inequality"]], [0.75, 0.25, 0.5], atol=1e-6)


def test_shared_equalities_are_met_on_average_of_the_data():
    shared = {"equality": lambda x, y, a, batch: a * (x + y) - jnp.mean(batch)}
    payoffs = (lambda x, y, a, batch: -(x**2), lambda x, y, a, batch: -3 * y**2)
    game = games.generalised(*payoffs, **shared, constants=(jnp.array(2.0),)).bind(jnp.array([2.0, 6.0]))
    start = (0.0, 0.0, games.generalised_multipliers((0.0, 0.0), **shared, constants=(2.0, jnp.zeros(2))))
    x, y, multipliers = gs.solve(game, gs.extragradient(0.1), start, 3000).players
    np.testing.assert_allclose([x, y, multipliers["equality"]], [1.5, 0.5, -1.5], atol=1e-9)


def test_a_private_constraint_binds_its_player_alone():
    """Player 1 must keep x + y below 1. Player 0 is not bound by that, and does not pay for it."""
    private = {"private": (None, lambda x, y: y + x - 1)}
    game = games.generalised(lambda x, y: -((x - 0.4) ** 2), lambda x, y: -((y - 2) ** 2), **private)
    start = (0.0, 0.0, games.generalised_multipliers((0.0, 0.0), **private))
    solver = gs.extragradient(0.1, projections=(None, None, games.multiplier_projection))
    x, y, multipliers = gs.solve(game, solver, start, 3000).players
    np.testing.assert_allclose([x, y, multipliers["private"][1]], [0.4, 0.6, 2.8], atol=1e-9)
    assert multipliers["private"][0] is None


def test_the_residual_is_the_one_at_which_a_run_stops():
    shared = {"inequality": lambda x, y: jnp.stack([x + y - 1, x - 5])}
    game = games.generalised(lambda x, y: -((x - 1) ** 2), lambda x, y: -((y - 0.5) ** 2), **shared)
    solver = gs.extragradient(0.1, projections=(None, None, games.multiplier_projection))
    players = (0.6, 0.1, {"inequality": jnp.array([0.2, 0.3])})
    norm = float(optax.tree.norm(games.kkt_residual(game, players)))
    for factor, ending in ((1.001, gs.Status.CONVERGED), (0.999, gs.Status.BUDGET)):
        assert gs.solve(game, solver, players, 0, tol=factor * norm).ending == ending


def test_fischer_burmeister_has_derivatives_everywhere():
    game = games.lagrangian(lambda x: x**2 / 2, inequality=lambda x: 1 - x)
    for multiplier, x in ((0.0, 1.0), (0.0, 2.0), (1.0, 1.0)):
        entry = lambda m, x=x: games.fischer_burmeister(game, (x, {"inequality": m}))[1]["inequality"]
        assert bool(jnp.isfinite(jax.grad(entry)(multiplier)))
        assert float(entry(multiplier)) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fischer_burmeister_keeps_its_derivatives_at_numbers_whose_squares_vanish(dtype):
    """The derivative in m is ``1 - m / r`` and that in the slack s is ``1 - s / r``, with ``r = sqrt(m^2 + s^2)``."""
    game = games.lagrangian(lambda x: x**2 / 2, inequality=lambda x: x)  # the slack is -x

    def entry(m, x):
        return games.fischer_burmeister(game, (x, {"inequality": m}))[1]["inequality"]

    for size in (1.0, 1e-25, 1e-30, 1e25):
        for m, x in ((1.0, 0.0), (0.0, -1.0), (3.0, -4.0), (3.0, 4.0)):
            arguments = (jnp.asarray(size * m, dtype), jnp.asarray(size * x, dtype))
            r = np.hypot(m, x)
            np.testing.assert_allclose(jax.grad(entry, (0, 1))(*arguments), [1 - m / r, -1 - x / r], atol=1e-6)
            np.testing.assert_allclose(entry(*arguments), size * (m - x - r), rtol=1e-6, atol=1e-6 * size)


def test_mistakes():
    one = lambda x, y: x + y
    with pytest.raises(ValueError, match="generalised needs a constraint, got none"):
        games.generalised(one, one)
    with pytest.raises(ValueError, match="private must be a tuple with one function or None for each of the 2 players"):
        games.generalised(one, one, private=(one,))
    game = games.generalised(one, one, inequality=one)
    with pytest.raises(ValueError, match=r"player 2 must be a dict of multipliers with the keys \['inequality'\]"):
        game.field((1.0, 1.0, 1.0))
    with pytest.raises(
        ValueError, match=r"the multipliers of inequality constraints must have the shapes .* got \(2,\)"
    ):
        game.field((1.0, 1.0, {"inequality": jnp.ones(2)}))
    with pytest.raises(
        TypeError, match="inequality must take the players, the constants and the data, without the mul"
    ):
        games.generalised(one, one, inequality=lambda x: x).field((1.0, 1.0, {"inequality": 1.0}))
    with pytest.raises(ValueError, match="the last player must be a dict of multipliers, got ArrayImpl"):
        games.kkt_residual(games.curl(), (0.0, 0.0))
