import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.transforms import turns

XY = gs.zero_sum(lambda x, y: x * y)
START = (jnp.float32(1.0), jnp.float32(1.0))
RATES = (0.5, 0.25)


def by_hand(order, steps=3, rates=RATES, start=(1.0, 1.0)):
    z = list(start)
    for _ in range(steps):
        for mover in order:
            v = (-z[1], z[0])
            z[mover] += rates[mover] * v[mover]
    return tuple(map(np.float32, z))


@pytest.mark.parametrize("order", [None, (0, 1), (1, 0), (1, 1, 0), (0, 1, 0), (0,), (1, 1), (0, 0, 1, 1, 0)])
def test_orders(order):
    expected = by_hand(order or (0, 1))
    solvers = [gs.altgd(RATES, order=order), gs.alternating(*map(optax.sgd, RATES), order=order)]
    for solver in solvers:
        chex.assert_trees_all_close(gs.solve(XY, solver, START, 3).players, expected, rtol=1e-6)
    if order is not None:
        listed = gs.altgd(RATES, order=list(order))
        chex.assert_trees_all_close(gs.solve(XY, listed, START, 3).players, expected, rtol=1e-6)


@pytest.mark.parametrize("order", [(0, 2), (-1, 0), (), (2,)])
def test_orders_that_name_nobody(order):
    with pytest.raises(ValueError, match=r"order must name players from 0 to 1, got \(.*\)"):
        gs.alternating(optax.sgd(0.1), optax.sgd(0.1), order=order)
    with pytest.raises(ValueError, match="order must name players from 0 to 1"):
        gs.solve(XY, gs.altgd(0.1, order=order), START, 1)


@pytest.mark.parametrize("order", [1, (0.0, 1.0), "01"])
def test_orders_of_the_wrong_kind(order):
    with pytest.raises((TypeError, ValueError), match="order must be a tuple of player numbers"):
        gs.alternating(optax.sgd(0.1), optax.sgd(0.1), order=order)


def test_three_players_see_the_moves_before():
    game = gs.general_sum(lambda x, y, z: x * z, lambda x, y, z: y * x, lambda x, y, z: z * y)
    players = gs.solve(game, gs.altgd(1.0), (1.0, 2.0, 3.0), 1).players
    assert [float(player) for player in players] == [4.0, 6.0, 9.0]
    players = gs.solve(game, gs.altgd((1.0, 2.0, 3.0), order=(2, 1, 2)), (1.0, 2.0, 3.0), 1).players
    assert [float(player) for player in players] == [1.0, 4.0, 21.0]


def test_one_draw_for_all_movers():
    """Both movers and repeated moves see the same batch: the noise of one step is one number."""
    game = gs.general_sum(lambda x, y, noise: x * noise, lambda x, y, noise: y * noise)
    key = jax.random.key(3)
    record = lambda players, _: jnp.stack(players)
    solver = gs.altgd(1.0, order=(0, 1, 1))
    path = gs.solve(game, solver, (0.0, 0.0), 4, sample=jax.random.normal, key=key, record=record).trace
    draws = np.array([jax.random.normal(jax.random.fold_in(key, t)) for t in range(4)])
    np.testing.assert_allclose(path[:, 0], np.cumsum(draws), rtol=1e-5)
    np.testing.assert_allclose(path[:, 1], 2 * np.cumsum(draws), rtol=1e-5)


def test_schedules_count_a_players_own_moves():
    schedule = optax.linear_schedule(1.0, 0.0, 10)
    game = gs.general_sum(lambda x, y: x, lambda x, y: y)
    solver = gs.altgd(schedule, order=(1, 1, 0))
    solution = gs.solve(game, solver, (0.0, 0.0), 2)
    np.testing.assert_allclose(solution.players, [1.0 + 0.9, 1.0 + 0.9 + 0.8 + 0.7], rtol=1e-6)
    by_parts = gs.alternating(optax.sgd(schedule), optax.sgd(schedule), order=(1, 1, 0))
    chex.assert_trees_all_close(gs.solve(game, by_parts, (0.0, 0.0), 2).players, solution.players)


def test_momentum_belongs_to_a_player():
    def by_hand(steps, beta):
        z, m = [1.0, 1.0], [0.0, 0.0]
        for _ in range(steps):
            for mover in (1, 1, 0):
                m[mover] = beta[mover] * m[mover] + (-z[1], z[0])[mover]
                z[mover] += RATES[mover] * m[mover]
        return z

    for beta in ((-0.5, 0.5), (0.3, 0.3)):
        players = gs.solve(XY, gs.altgd(RATES, momentum=beta, order=(1, 1, 0)), START, 3).players
        np.testing.assert_allclose(players, by_hand(3, beta), rtol=1e-5)
    assert (
        gs.solve(XY, gs.altgd(RATES, momentum=0.3), START, 3).players != gs.solve(XY, gs.altgd(RATES), START, 3).players
    )


def test_complex_momentum_in_turns():
    solution = gs.solve(XY, gs.altgd(0.5, momentum=(0.5j, 0.5)), START, 1)
    np.testing.assert_allclose(solution.players, [0.5, 1.25])
    assert sorted(str(leaf.dtype) for leaf in jax.tree.leaves(solution.state)) == ["complex64", "float32"]


def test_turns_conserve_the_ellipse(x64):
    """Alternating descent on xy keeps x^2/eta_x - x y + y^2/eta_y."""
    invariant = lambda x, y: x**2 / 0.5 - x * y + y**2 / 0.25
    path = gs.solve(XY, gs.altgd(RATES), (1.0, 1.0), 100, record=lambda players, _: players).trace
    np.testing.assert_allclose(invariant(*path), invariant(1.0, 1.0), rtol=1e-10)


def test_each_player_by_its_own_transformation():
    game = gs.general_sum(lambda x, y: -jnp.sum(x["a"] ** 2) * y, lambda x, y: y - y**2)
    start = ({"a": jnp.ones(2)}, jnp.float32(2.0))
    first, second = optax.adam(0.1), optax.sgd(0.2, momentum=0.9)
    expected, states = start, (first.init(start[0]), second.init(start[1]))
    for _ in range(3):
        u = jax.tree.map(jnp.negative, game.field(expected))
        x_move, x_state = first.update(u[0], states[0], expected[0])
        y_move, y_state = second.update(u[1], states[1], expected[1])
        expected, states = optax.apply_updates(expected, (x_move, y_move)), (x_state, y_state)
    solution = gs.solve(game, gs.per_player(first, second), start, 3)
    chex.assert_trees_all_close(solution.players, expected, rtol=1e-5)
    chex.assert_trees_all_close(solution.state, states, rtol=1e-5)


def test_weight_decay_sees_its_player():
    solver = gs.per_player(optax.adamw(0.1), optax.chain(optax.add_decayed_weights(0.5), optax.sgd(1.0)))
    game = gs.general_sum(lambda x, y: x, lambda x, y: 0.0 * y)
    assert float(gs.solve(game, solver, (1.0, 8.0), 3).players[1]) == 1.0
    solver = gs.alternating(optax.sgd(1.0), optax.chain(optax.add_decayed_weights(0.5), optax.sgd(1.0)), order=(1, 1))
    assert float(gs.solve(game, solver, (1.0, 8.0), 3).players[1]) == 0.125


@pytest.mark.parametrize("turn", [gs.per_player, gs.alternating])
@pytest.mark.parametrize("number", [1, 3])
def test_wrong_counts(turn, number):
    name = turn.__name__
    solver = turn(*[optax.sgd(0.1)] * number)
    with pytest.raises(ValueError, match=f"{name} needs one transformation per player, got {number} for 2 players"):
        gs.solve(XY, solver, START, 1)
    with pytest.raises(ValueError, match=f"{name} needs one transformation per player, got {number} for a list"):
        solver.init([1.0] * number)


@pytest.mark.parametrize("turn", [gs.per_player, gs.alternating])
def test_turns_without_transformations(turn):
    with pytest.raises((TypeError, ValueError), match="transformation"):
        gs.solve(XY, turn(), START, 1)


@pytest.mark.parametrize("turn", [gs.per_player, gs.alternating])
@pytest.mark.parametrize("wrong", [0.1, None, gs.simgd])
def test_turns_of_something_else(turn, wrong):
    with pytest.raises(TypeError, match="transformation"):
        turn(optax.sgd(0.1), wrong)


def test_turns_inside_a_chain():
    solver = optax.chain(gs.alternating(*map(optax.sgd, RATES)), optax.scale(0.5))
    x, y = gs.solve(XY, solver, START, 1).players
    # the second mover saw the first one's whole move; the chain then halves both moves
    assert (float(x), float(y)) == (0.75, 1.0625)
    solver = optax.chain(gs.transforms.consensus(1.0), gs.per_player(*map(optax.sgd, RATES)))
    chex.assert_trees_all_close(
        gs.solve(XY, solver, START, 3).players, gs.solve(XY, gs.conopt(RATES, 1.0), START, 3).players
    )


def test_alternating_takes_one_gradient_a_move():
    calls = []

    def payoff(i):
        def function(*z):
            calls.append(i)
            return z[0] * z[1] * z[2]

        return function

    game = gs.general_sum(*map(payoff, range(3)))
    start = (jnp.float32(1.0),) * 3
    step = lambda players: gs.step(game, gs.altgd(0.1), players)[0]
    jax.make_jaxpr(step)(start)  # payoffs are searched for stop_gradient once
    calls.clear()
    jax.make_jaxpr(lambda players: step(players))(start)
    # The whole field, a gradient for each later mover, and each mover's loss, which XLA removes if nobody asks for it.
    assert sorted(calls) == sorted([0, 1, 2, *(1, 2), *(0, 1, 2)])


def test_for_each_asks_for_the_number():
    built = []
    solver = turns.for_each(lambda players: built.append(players) or optax.sgd(0.1))
    gs.step(XY, solver, START)
    assert set(built) == {2}
