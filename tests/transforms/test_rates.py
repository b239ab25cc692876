import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry
from gamesolve.transforms import rates

XY = gs.zero_sum(lambda x, y: x * y)
START = (jnp.float32(1.0), jnp.float32(2.0))
NAMES = registry.CORE


def run(name, rate, steps=4, start=START):
    return gs.solve(XY, registry.SOLVERS[name].build(rate), start, steps).players


@pytest.mark.parametrize("name", NAMES)
def test_all_kinds_of_rates_agree(name):
    expected = run(name, 0.2)
    constant = optax.constant_schedule(0.2)
    kinds = [jnp.float32(0.2), np.float32(0.2), np.float64(0.2), (0.2, 0.2), constant, (constant, 0.2)]
    for rate in kinds:
        chex.assert_trees_all_close(run(name, rate), expected, rtol=1e-5)
    chex.assert_trees_all_close(jax.jit(lambda rate: run(name, rate))(0.2), expected, rtol=1e-5)
    chex.assert_trees_all_close(jax.jit(lambda rate: run(name, (constant, rate)))(0.2), expected, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_a_player(name):
    both = run(name, (0.1, 0.4))
    assert not np.allclose(both, run(name, 0.1), rtol=1e-3)
    assert not np.allclose(both, run(name, (0.4, 0.1)), rtol=1e-3)
    mixed = run(name, (optax.constant_schedule(0.1), jnp.float32(0.4)))
    chex.assert_trees_all_close(mixed, both, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_schedules_count_steps(name):
    schedule = optax.piecewise_interpolate_schedule("linear", 0.1, {4: 3.0})
    players, entry = START, registry.SOLVERS[name]
    state = entry.build(0.1).init(players)
    for t in range(4):
        players, state = jax.jit(gs.step)(XY, entry.build(float(schedule(t))), players, state)
    for rate in (schedule, (schedule, schedule)):
        chex.assert_trees_all_close(run(name, rate), players, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("still", [0, 1])
def test_a_rate_of_zero_keeps_a_player(name, still):
    both = [0.3, 0.3]
    both[still] = 0.0
    players = run(name, tuple(both))
    assert players[still] == START[still]
    assert np.isfinite(players[1 - still])
    assert players[1 - still] != START[1 - still]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [1, 3])
def test_wrong_lengths(name, number):
    with pytest.raises(
        ValueError,
        match=f"must have one entry per player, got {number} for 2 players. Give a tuple of 2, or one number for all",
    ):
        run(name, (0.1,) * number)


@pytest.mark.parametrize("rate", [-0.1, -1, float("nan"), float("inf"), (0.1, -0.1), np.float64(-1), np.float32(-1)])
@pytest.mark.parametrize("name", NAMES)
def test_rates_that_can_not_be(name, rate):
    with pytest.raises(ValueError, match="must be finite and not negative"):
        registry.SOLVERS[name].build(rate)


@pytest.mark.parametrize("rate", [None, "0.1", [0.1, 0.2], {"x": 0.1}, (0.1, None), (0.1, "0.2")])
@pytest.mark.parametrize("name", NAMES)
def test_rates_of_the_wrong_kind(name, rate):
    with pytest.raises(TypeError, match="must be a number, a schedule or a tuple with one of these per player"):
        registry.SOLVERS[name].build(rate)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda value: gs.conopt(0.1, value), "gamma"),
        (lambda value: gs.ogda(0.1, value), "correction"),
        (lambda value: gs.extragradient(0.1, value), "eta|extrapolation"),
        (lambda value: gs.transforms.descend(value), "learning_rate"),
        (lambda value: gs.transforms.competitive(value), "eta"),
    ],
)
def test_other_rates_are_checked_too(make, name):
    with pytest.raises(ValueError, match=f"({name}) must be finite and not negative, got -1"):
        make(-1.0)
    with pytest.raises(TypeError, match=f"({name}) must be .*, got 'one'"):
        make("one")
    with pytest.raises(ValueError, match=f"({name}) must have one entry per player, got 3 for 2 players"):
        gs.solve(XY, make((0.1,) * 3), START, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1), (0.1, np.array(0.2)), optax.linear_schedule(0.1, 0.0, 9)])
def test_float32_players_stay_float32(name, rate, x64):
    stepped, _ = jax.eval_shape(functools.partial(gs.step, XY, registry.SOLVERS[name].build(rate)), START)
    assert [entry.dtype for entry in stepped] == [jnp.float32] * 2
    assert [entry.dtype for entry in run(name, rate)] == [jnp.float32] * 2
    assert [entry.dtype for entry in run(name, jnp.float64(0.1))] == [jnp.float32] * 2


def test_helpers():
    schedule = optax.linear_schedule(1.0, 0.0, 2)
    state = rates.advance(rates.init((schedule, 3.0)))
    assert tuple(map(float, rates.current((schedule, 3.0), state))) == (0.5, 3.0)
    assert rates.current(0.1, rates.init(0.1)) == 0.1
    assert rates.init(0.1) == rates.advance(rates.init(0.1)) == optax.EmptyState()
    assert rates.spread(0.1, 3) == (0.1,) * 3
    tree = ({"a": jnp.ones(2)}, jnp.ones(()))
    chex.assert_trees_all_close(rates.times((2.0, 3.0), tree), ({"a": jnp.full(2, 2.0)}, 3.0))
    chex.assert_trees_all_close(rates.times(2.0, {"b": 1.0}), {"b": 2.0})
    with pytest.raises(ValueError, match="weights must have one entry per player, got 3 for 2 players"):
        rates.spread((1.0,) * 3, 2, "weights")
