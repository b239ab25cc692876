"""Functions of the same code share a program if nothing that they read can change; all others are compiled again."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

SCALE, TABLE = 1.0, [1.0]
ARRAY, TREE, OBJECT = np.ones(()), {"scale": 1.0}, types.SimpleNamespace(scale=1.0)
SETTINGS = types.ModuleType("settings")
SETTINGS.scale = 1.0
GD = gs.simgd(0.5)
_programs = []


def _count(event, _, **__):
    if event.endswith("/backend_compile_duration"):
        _programs.append(event)


jax.monitoring.register_event_duration_secs_listener(_count)


def compiled(call, times=3):
    """Return the number of programs that calls after the first one compile."""
    call()
    before = len(_programs)
    for _ in range(times):
        call()
    return len(_programs) - before


def move(payoff):
    """Return what one step adds to player 1, which starts at 1 and moves by half of its gradient."""
    return float(gs.solve(gs.general_sum(lambda x, y: -x * y, payoff), GD, (1.0, 1.0), 1).players[1]) - 1.0


def scaled(value):
    return SCALE * value


def test_equal_functions_share_a_program():
    weights, factor = jnp.ones(()), 0.25
    key, batch = jax.random.key(0), gs.zero_sum(lambda x, y, b: b * x * y)
    helper = lambda value: factor * value

    def calls():
        game = gs.zero_sum(lambda x, y: helper(x * y) * weights + jnp.sin(y))
        gs.solve(game, GD, (1.0, 1.0), 2, record=lambda players, state: {"x": jnp.abs(players[0])})
        gs.solve(batch, GD, (1.0, 1.0), 2, sample=lambda key: jax.random.normal(key), key=key)
        gs.solve(gs.from_losses(lambda x, y: x * y, lambda x, y: -x * y), GD, (1.0, 1.0), 2)

    assert compiled(calls) == 0


MAKERS = {}


def maker(make):
    """Add a function that makes a payoff with gradient ``scale`` in y, in a way that a new lambda sees."""
    MAKERS[make.__name__] = make
    return make


def rebinder():
    cell = 1.0

    def rebound(scale):
        nonlocal cell
        cell = scale
        return lambda x, y: cell * x * y

    return rebound


@maker
def global_value(scale):
    globals()["SCALE"] = scale
    return lambda x, y: SCALE * x * y


@maker
def global_of_helper(scale):
    globals()["SCALE"] = scale
    return lambda x, y: scaled(x * y)


@maker
def changed_list(scale):
    TABLE[0] = scale
    return lambda x, y: TABLE[0] * x * y


@maker
def changed_array(scale):
    ARRAY.fill(scale)
    return lambda x, y: jnp.asarray(ARRAY.copy()) * x * y


@maker
def changed_dict(scale):
    TREE["scale"] = scale
    return lambda x, y: TREE["scale"] * x * y


@maker
def attribute(scale):
    OBJECT.scale = scale
    return lambda x, y: OBJECT.scale * x * y


@maker
def module(scale):
    SETTINGS.scale = scale
    return lambda x, y: SETTINGS.scale * x * y


@maker
def imported(scale):
    import sys

    sys.modules["settings_of_the_test"] = SETTINGS
    SETTINGS.scale = scale

    def payoff(x, y):
        import settings_of_the_test

        return settings_of_the_test.scale * x * y

    return payoff


@maker
def by_name(scale):
    globals()["SCALE"] = scale
    return lambda x, y: globals()["SCALE"] * x * y


@maker
def hidden_in_a_class(scale):
    globals()["SCALE"] = scale

    def payoff(x, y):
        class Scaled:
            value = SCALE

        return Scaled.value * x * y

    return payoff


@maker
def default(scale):
    return lambda x, y, held=scale: held * x * y


@maker
def keyword_default(scale):
    def payoff(x, y, *, held=scale):
        return held * x * y

    return payoff


@maker
def nested(scale):
    return lambda x, y: (lambda value: scale * value)(x * y)


@maker
def helper(scale):
    times = lambda value: scale * value
    return lambda x, y: times(x * y)


@maker
def partial(scale):
    times = functools.partial(jnp.multiply, scale)
    return lambda x, y: times(x * y)


@maker
def traced_array(scale):
    held = jnp.asarray(scale)
    return lambda x, y: held * x * y


@maker
def shadowed(scale):
    globals()["abs"] = lambda value: scale * value
    return lambda x, y: abs(x * y)


maker(rebinder())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", MAKERS)
def test_a_new_function_sees_new_values(name):
    try:
        for scale in (1.0, 3.0, 2.0, 3.0):
            assert move(MAKERS[name](scale)) == pytest.approx(0.5 * scale)
    finally:
        globals().pop("abs", None)


def test_an_iterator_is_read_again():
    counts = iter(range(1, 100))
    record = lambda: lambda players, state: jnp.asarray(next(counts))
    game = gs.games.curl()
    first, second = (gs.solve(game, GD, (1.0, 1.0), 1, record=record()).trace for _ in range(2))
    assert int(first[0]) < int(second[0])


def test_values_of_a_transformation_are_not_kept():
    slope = jax.grad(lambda scale: gs.solve(gs.zero_sum(lambda x, y: scale * x * y), GD, (1.0, 1.0), 1).players[1])
    assert [float(slope(scale)) for scale in (1.0, 2.0)] == [0.5, 0.5]
