"""Stale programs: a compiled run keeps the values that its functions read when it was traced, and says so."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import registry

SCALE = 1.0


class Model:
    def __init__(self):
        self.scale, self.unused, self.options = 1.0, 0, {"power": 1}

    def inner(self):
        return self.scale

    def payoff(self, x, y):
        return self.inner() * x * y

    def powered(self, x, y):
        return x * y ** self.options["power"]


def helped(x, y):
    return times(x * y)


def times(value):
    return SCALE * value


def cases():
    """Return pairs of a payoff and a change of what it reads, by name."""
    array, model, tree, bound, given = np.ones(2), Model(), {"w": [np.ones(2)]}, 1.0, np.ones(2)

    def rebind():
        nonlocal bound
        bound = 2.0

    def rescale():
        globals()["SCALE"] += 1.0

    tree["c"] = jnp.ones(1)
    return {
        "nothing": (lambda x, y: x * y, lambda: None),
        "an array": (lambda x, y: array[0] * x * y, lambda: array.fill(2.0)),
        "an array in a tree": (lambda x, y: tree["w"][0][0] * x * y, lambda: tree["w"][0].fill(2.0)),
        "an entry of a dict": (model.powered, lambda: model.options.update(power=2)),
        "an attribute of self": (model.payoff, lambda: setattr(model, "scale", 2.0)),
        "an attribute of an object": (lambda x, y: model.scale * x * y, lambda: setattr(model, "scale", 3.0)),
        "a variable that is closed over": (lambda x, y: bound * x * y, rebind),
        "a global": (lambda x, y: SCALE * x * y, rescale),
        "a global of a function that is called": (helped, rescale),
        "a default": (lambda x, y, held=given: held[0] * x * y, lambda: given.fill(4.0)),
        "an array of jax that is replaced": (
            lambda x, y: tree["c"][0] * x * y,
            lambda: tree.update(c=jnp.full(1, 2.0)),
        ),
    }


NAMES = list(cases())
DRIVERS = {
    "solve": lambda game: gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 2),
    "run": lambda game: gs.run(game, gs.simgd(0.1), (1.0, 1.0), 2, progress=False),
}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("name", NAMES)
def test_a_change_is_reported_once(name, driver):
    payoff, change = cases()[name]
    game, drive = gs.zero_sum(payoff), DRIVERS[driver]
    drive(game)
    drive(game)
    change()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drive(game)
        drive(game)
    said = [str(warning.message) for warning in caught if "has changed since" in str(warning.message)]
    # solve compiles such a function again, see test_reuse.
    seen = driver == "solve" and name in ("a variable that is closed over", "a global")
    assert len(said) == (name != "nothing" and not seen), said


def test_a_new_program_sees_the_new_values():
    model = Model()
    game = gs.zero_sum(model.payoff)
    gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 2)
    model.scale = 2.0
    gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 3)
    gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 3)
    with pytest.warns(UserWarning, match="scale of .* of the payoff of player 0 has changed since"):
        gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 2)


def test_what_a_payoff_does_not_read_may_change():
    model = Model()
    game = gs.zero_sum(model.payoff)
    for _ in range(3):
        gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 2)
        model.unused += 1


def test_a_sweep_reports_a_change_of_its_function_and_of_its_game():
    model, rates = Model(), {"rate": [0.1, 0.2]}
    game = gs.zero_sum(model.payoff)
    sweep = lambda: gs.sweep(lane, rates)
    lane = lambda rate: gs.solve(game, gs.simgd(rate), (1.0, 1.0), 2).players
    sweep()
    sweep()
    model.scale = 2.0
    with pytest.warns(UserWarning, match="has changed since"):
        sweep()


def test_the_catalogue_reads_nothing_that_changes():
    from gamesolve.driving import stale

    for name in ("bilinear", "icr", "curl", "cosine"):
        game = registry.GAMES[name].make()
        assert not stale.readings({str(i): payoff for i, payoff in enumerate(game.payoffs)})
