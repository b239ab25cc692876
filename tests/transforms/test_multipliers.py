"""Updates of multipliers against plain loops, and against the methods that they generalise."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games, transforms

pytestmark = pytest.mark.usefixtures("x64")


def moves_of(transformation, errors):
    state, moves = transformation.init(errors[0]), []
    for error in errors:
        move, state = transformation.update(-error, state, jnp.zeros_like(error))
        moves.append(move)
    return np.stack(moves)


@pytest.mark.parametrize(("kp", "largest"), [(0.0, 1.2875), (0.5, 1.0694), (1.0, 1.0)])
def test_proportional_gain_removes_the_overshoot(kp, largest):
    """Minimise x^2 / 2 over x >= 1: the multiplier is 1; x moves first, from 0, and both step sizes are 0.05."""
    game = games.lagrangian(lambda x: x**2 / 2, inequality=lambda x: 1 - x)
    keep = transforms.project(games.multiplier_projection)
    solver = gs.alternating(optax.sgd(0.05), optax.chain(transforms.nupi(0.05, kp), keep))
    start, record = (0.0, {"inequality": 0.0}), lambda players, _: players[1]["inequality"]
    seen = gs.solve(game, solver, start, 1000, record=record).trace
    x = multiplier = last = 0.0
    trace = []
    for step in range(1000):
        x -= 0.05 * (x - multiplier)
        error = 1 - x
        multiplier = max(multiplier + 0.05 * error + kp * (error - (error if step == 0 else last)), 0)
        last = error
        trace.append(multiplier)
    np.testing.assert_allclose(seen, trace, atol=1e-12)
    assert round(float(jnp.max(seen)), 4) == largest
    assert float(seen[-1]) == pytest.approx(1, abs=1e-6)


def test_nupi_is_its_formula():
    ki, kp, nu = 0.3, 0.7, 0.6
    errors = np.random.default_rng(0).normal(size=(6, 3))
    average, expected = errors[0], []
    for error in errors:
        new = nu * average + (1 - nu) * error
        expected.append(ki * error + kp * (new - average))
        average = new
    np.testing.assert_allclose(moves_of(transforms.nupi(ki, kp, nu), jnp.array(errors)), expected, atol=1e-12)


def test_equal_gains_are_the_optimistic_gradient_method():
    game, start = games.rotation(3), (jnp.arange(3.0), jnp.ones(3))
    same = [gs.solve(game, solver, start, 40).players for solver in (transforms.nupi(0.1, 0.1), gs.ogda(0.1))]
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-12), *same)


def test_a_negative_gain_is_polyak_momentum():
    """Here nu = beta, ki = a / (1 - beta), kp = -a beta / (1 - beta)^2, and the first error is zero."""
    step, beta = 0.1, 0.8
    errors = jnp.array(np.vstack([np.zeros(2), np.random.default_rng(1).normal(size=(8, 2))]))
    nupi = transforms.nupi(step / (1 - beta), -step * beta / (1 - beta) ** 2, beta)
    momentum = optax.sgd(step, momentum=beta)
    np.testing.assert_allclose(moves_of(nupi, errors), moves_of(momentum, errors), atol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_the_state_keeps_its_types(dtype):
    part, player = transforms.nupi(jnp.array(0.1), jnp.array(0.2), jnp.array(0.3)), jnp.ones(2, dtype)
    state = part.init(player)
    move, after = part.update(player, state, player)
    assert move.dtype == dtype
    assert jax.tree.map(jnp.result_type, state) == jax.tree.map(jnp.result_type, after)


least = jnp.array([1.0, 3.0, 2.0, 0.5])


def bounds(batch_size=2):
    problem = {"inequality": lambda x, rows: least[rows] - x}
    game = games.lagrangian(lambda x, rows: x**2 / 2, **problem, index=lambda rows: rows)
    return game, (jnp.array(0.0), {"inequality": jnp.zeros(4)}), lambda key: jax.random.permutation(key, 4)[:batch_size]


@pytest.mark.parametrize("make", [gs.per_player, gs.alternating])
def test_indexed_moves_the_rows_of_the_batch_and_their_state(make):
    """Each row moves as if its examples were the whole problem, seen as often as they are drawn."""
    game, players, _ = bounds()
    rows = lambda rows: rows
    controller = transforms.indexed(transforms.nupi(1.0, 0.5, 0.2), index=rows)
    solver, state = make(optax.set_to_zero(), controller), None
    alone, single = transforms.nupi(1.0, 0.5, 0.2), [None] * 4
    expected = np.zeros(4)
    for batch in ([0, 1], [2, 1], [1, 3], [0, 2]):
        players, state = gs.step(game, solver, players, state, jnp.array(batch))
        for row in batch:
            entry = -least[row] / 2
            single[row] = alone.init(entry) if single[row] is None else single[row]
            move, single[row] = alone.update(entry, single[row])
            expected[row] += move
        np.testing.assert_allclose(players[1]["inequality"], expected, atol=1e-12)


def test_adam_without_indexed_moves_other_rows_and_with_it_does_not():
    game, players, _ = bounds()
    for part, moved in ((optax.adam(0.1), True), (transforms.indexed(optax.adam(0.1), lambda batch: batch), False)):
        solver = gs.per_player(optax.sgd(0.1), part)
        after, state = gs.step(game, solver, players, None, jnp.array([0, 1]))
        later, _ = gs.step(game, solver, after, state, jnp.array([2, 3]))
        first, second = (entry[1]["inequality"][:2] for entry in (after, later))
        assert bool(jnp.any(first != second)) == moved


def test_constraints_of_examples_are_met_in_minibatches():
    game, start, sample = bounds()
    keep = transforms.project(games.multiplier_projection)
    controller = transforms.indexed(transforms.nupi(0.2, 1.0), index=lambda rows: rows)
    solver = gs.alternating(optax.sgd(0.01), optax.chain(controller, keep))
    players = gs.solve(game, solver, start, 20_000, sample=sample, key=jax.random.key(0)).players
    assert float(players[0]) == pytest.approx(3, abs=0.2)
    assert bool(jnp.all(players[1]["inequality"][jnp.array([0, 3])] == 0))


def test_mistakes():
    game, start, _ = bounds()
    part = transforms.indexed(transforms.nupi(1.0), index=lambda rows: rows)
    with pytest.raises(
        ValueError, match=r"indexed must get the data of the step, got none\. Place it inside per_player"
    ):
        gs.step(game, part, start, None, jnp.array([0]))
    with pytest.raises(TypeError, match=r"index must take the data, got lambda\(a, b\)"):
        gs.step(
            game,
            gs.per_player(optax.sgd(0.1), transforms.indexed(optax.sgd(0.1), lambda a, b: a)),
            start,
            None,
            jnp.array([0]),
        )
    with pytest.raises(ValueError, match=r"nu must be finite and above -1 and below 1, got 1\."):
        transforms.nupi(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="the player of indexed must have one row per example in every leaf"):
        gs.step(game, gs.per_player(part, optax.sgd(0.1)), start, None, jnp.array([0]))
