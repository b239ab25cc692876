"""Samplers return the rows that they promise; each step draws once, and players and looks see the right draw."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import sampling
from gamesolve.sampling.drawn import draws, for_players

KEY = jax.random.key(3)
GAME = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y + jnp.mean(batch**2) * (x**2 - y**2) / 4)
START = (1.0, 0.5)
ROWS = jnp.array([0.3, 0.9, 1.4, 2.0])
STEPPERS = {
    "extragradient": gs.extragradient(0.1),
    "altgd": gs.altgd(0.1),
    "alternating thrice": gs.altgd(0.1, order=(1, 1, 0)),
    "runge_kutta": gs.runge_kutta(0.1),
    "extra_adam": gs.extra_adam(0.1),
    "forward_backward_forward": gs.forward_backward_forward(0.1),
    "conopt": gs.conopt(0.1, 0.5),
    "cgd": gs.cgd(0.1),
    "sga": gs.sga(0.1),
    "lola": gs.lola(0.1),
    "proximal": gs.proximal(0.1),
    "past_extragradient": gs.past_extragradient(0.1),
}


@pytest.mark.parametrize("name", STEPPERS)
def test_a_step_makes_one_draw_and_all_of_it_sees_that(name, x64):
    solver, drawn = STEPPERS[name], []

    def sample(key):
        drawn.append(key)
        return jax.random.choice(key, ROWS, (2,))

    stepped = gs.solve(GAME, solver, START, 1, sample=sample, key=KEY)
    assert len(drawn) == 1
    batch = jax.random.choice(jax.random.fold_in(KEY, 0), ROWS, (2,))
    on_that = gs.solve(GAME.bind(batch), solver, START, 1)
    chex.assert_trees_all_close(stepped.players, on_that.players, rtol=1e-6)
    if name != "past_extragradient":  # one field only
        twice = GAME.bind(draws(batch, batch, batch, batch))
        chex.assert_trees_all_close(jax.jit(gs.step)(twice, solver, START)[0], on_that.players, rtol=1e-6)


def test_look_aheads_and_later_turns_see_their_own_draw_when_asked():
    first, second, third, fourth = (jnp.asarray([value]) for value in (0.3, 0.9, 1.4, 2.0))
    field = lambda batch, *players: GAME.bind(batch).field(players)
    bound = GAME.bind(draws(first, second, third, fourth))
    x, y = START
    vx, vy = field(first, x, y)
    wx, wy = field(second, x + 0.1 * vx, y + 0.1 * vy)
    close = lambda solver, expected: chex.assert_trees_all_close(
        gs.step(bound, solver, START)[0], tuple(map(jnp.asarray, expected)), rtol=1e-6
    )
    close(gs.extragradient(0.1), (x + 0.1 * wx, y + 0.1 * wy))
    close(gs.forward_backward_forward(0.1), (x + 0.1 * wx, y + 0.1 * wy))
    close(gs.runge_kutta(0.1, order=2), (x + 0.05 * (vx + wx), y + 0.05 * (vy + wy)))
    newer = x + 0.1 * vx
    close(gs.altgd(0.1), (newer, y + 0.1 * field(second, newer, y)[1]))
    up = y + 0.1 * vy
    again = up + 0.1 * field(second, x, up)[1]
    close(gs.altgd(0.1, order=(1, 1, 0)), (x + 0.1 * field(third, x, again)[0], again))
    with pytest.raises(ValueError, match="needs 3 draws of the data, got 2"):
        gs.step(GAME.bind(draws(first, second)), gs.runge_kutta(0.1), START)


def test_several_draws_are_independent_and_reproducible():
    sample = sampling.several(gs.minibatches(ROWS, 2), 2)
    run = lambda: gs.solve(GAME, gs.extragradient(0.1), START, 5, sample=sample, key=KEY).players
    chex.assert_trees_all_equal(run(), run())
    one, two = sample(KEY).batches
    assert not np.array_equal(one, two)
    same = gs.solve(GAME, gs.extragradient(0.1), START, 5, sample=gs.minibatches(ROWS, 2), key=KEY).players
    assert not np.array_equal(run()[0], same[0])


def test_each_player_may_have_its_own_draw():
    bound = GAME.bind(for_players(jnp.array([0.5]), jnp.array([2.0])))
    x, y = START
    np.testing.assert_allclose(bound.field(START)[0], -(0.5 * y + 0.25 * x / 2), rtol=1e-6)
    np.testing.assert_allclose(bound.field(START)[1], 2.0 * x - 4.0 * y / 2, rtol=1e-6)
    assert GAME.bind(ROWS).is_zero_sum
    assert not bound.is_zero_sum
    assert bound.bind(ROWS).is_zero_sum
    sample = sampling.per_player(gs.minibatches(ROWS, 2), gs.minibatches(ROWS, 2))
    for solver in (gs.cgd(0.1), gs.conopt(0.1, 0.5, groups=2), gs.lola(0.1)):
        assert gs.solve(GAME, solver, START, 3, sample=sample, key=KEY).status == gs.Status.BUDGET
    with pytest.raises(ValueError, match="3 draws for 2 players"):
        GAME.bind(for_players(ROWS, ROWS, ROWS))
    with pytest.raises(ValueError, match=r"the same number of draws in every entry, and at least 1, got \[2, 3\]"):
        GAME.bind(draws(ROWS, ROWS), draws(ROWS, ROWS, ROWS))


@pytest.mark.parametrize("players_outside", [True, False])
def test_each_player_may_have_its_own_draws_of_each_look(players_outside):
    """Two players and two looks: four draws, in either order of nesting."""
    rows = [[jnp.array([0.3]), jnp.array([0.9])], [jnp.array([1.4]), jnp.array([2.0])]]  # by player, then by look
    if players_outside:
        bound = GAME.bind(for_players(*(draws(*own) for own in rows)))
    else:
        bound = GAME.bind(draws(*(for_players(*look) for look in zip(*rows, strict=True))))
    assert bound.num_draws == 2
    for look in range(2):
        seen = bound.draw(look)
        assert not seen.is_zero_sum
        for player in range(2):
            expected = GAME.bind(rows[player][look])
            chex.assert_trees_all_close(seen.field(START)[player], expected.field(START)[player])
            chex.assert_trees_all_close(seen.evaluate(START)[player], expected.evaluate(START)[player])
            lonely = gs.analysis.alone(seen, START, player).field((START[player],))[0]
            chex.assert_trees_all_close(lonely, expected.field(START)[player])
    with pytest.raises(ValueError, match="3 draws for 2 players"):
        GAME.bind(draws(*(for_players(ROWS, ROWS, ROWS) for _ in range(2))))


def test_other_draws_of_the_same_kind_do_not_retrace():
    traces = []

    def payoff(x, y, batch):
        traces.append(1)
        return jnp.mean(batch) * x * y

    field = jax.jit(lambda game: game.field(START))
    for scale in (1.0, 2.0, 3.0):
        field(gs.zero_sum(payoff).bind(for_players(scale * ROWS, ROWS)))
    assert len(traces) == 4  # for each player one backward pass, and one search for derivative rules


def test_epochs_pass_every_row_once_and_go_on_where_they_were():
    sample = sampling.epochs(jnp.arange(10), 3)
    for epoch in range(2):
        seen = np.concatenate([sample.at(KEY, 3 * epoch + step) for step in range(3)])
        assert len(set(seen.tolist())) == 9
    assert not np.array_equal(sample.at(KEY, 0), sample.at(KEY, 3))
    paired = sampling.joint(sampling.epochs(ROWS, 1), sampling.latents(1, 1))
    game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch[0] + 0.1 * batch[1][:, 0]) * x * y)
    whole = gs.solve(game, gs.simgd(0.1), START, 7, sample=paired, key=KEY)
    half = gs.solve(game, gs.simgd(0.1), START, 3, sample=paired, key=KEY)
    rest = gs.solve(game, gs.simgd(0.1), half.players, 4, state=half.state, start=half.steps, sample=paired, key=KEY)
    chex.assert_trees_all_equal(whole.players, rest.players)


def test_rows_without_replacement_are_different_rows():
    rows = jax.vmap(gs.minibatches(jnp.arange(6), 5, replace=False))(jax.random.split(KEY, 50))
    assert all(len(set(row)) == 5 for row in rows.tolist())
    drawn = jax.vmap(gs.minibatches(jnp.arange(6), 5))(jax.random.split(KEY, 50))
    assert any(len(set(row)) < 5 for row in drawn.tolist())


def test_arrays_of_a_sampler_are_no_constants_of_the_program():
    """Other data of the same shapes does not retrace."""
    traces = []

    def payoff(x, y, batch):
        traces.append(1)
        return jnp.mean(batch) * x * y

    game = gs.zero_sum(payoff)
    ends = [
        gs.solve(game, gs.simgd(0.1), START, 4, sample=gs.minibatches(rows, 2), key=KEY).players[0]
        for rows in (ROWS, 2 * ROWS)
    ]
    assert len(traces) == 2  # one to search it for derivative rules
    assert ends[0] != ends[1]


def test_messages():
    with pytest.raises(ValueError, match=r"arrays must share their leading axis, got \[3, 4\] examples"):
        gs.minibatches((jnp.zeros(3), jnp.zeros(4)), 2)
    with pytest.raises(ValueError, match=r"batch_size must be at least 1, got 0\."):
        gs.minibatches(ROWS, 0)
    with pytest.raises(ValueError, match="batch_size must be from 1 to 4, the number of examples, got 5"):
        gs.minibatches(ROWS, 5, replace=False)
    with pytest.raises(ValueError, match="batch_size must be from 1 to 4, the number of examples, got 5"):
        sampling.epochs(ROWS, 5)
    with pytest.raises(TypeError, match=r"batch_size must be an integer, got 2\.0"):
        gs.minibatches(ROWS, 2.0)


def test_extra_adam_keeps_its_moments_once_an_iteration_also_on_draws():
    _, state = gs.step(GAME.bind(draws(ROWS[:1], ROWS[1:2])), gs.extra_adam(0.1), START)
    assert optax.tree.get(state, "count") == 1
