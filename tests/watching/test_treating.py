"""A training whose solver changes when the watch names a state that has a remedy."""

import jax
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import watching

BILINEAR, START = gs.zero_sum(lambda x, y: x * y), (1.0, 1.0)
HOW = {"every": 20, "tell": None}


def treated(solver, remedies, steps=5000, **options):
    return watching.treat(BILINEAR, solver, START, steps, remedies, watching=HOW, chunk=20, **options)


def test_remedies_are_taken_in_turn():
    remedies = {
        "running off": lambda solver: gs.altgd(0.1),
        "rotating": lambda solver: optax.chain(gs.transforms.consensus(1.0), gs.simgd(0.1)),
    }
    result = treated(gs.simgd(0.1), remedies, tol=1e-3)
    assert [change.verdict.state for change in result.changes] == ["running off", "rotating"]
    assert result.solution.status == gs.Status.CONVERGED
    assert result.solver is result.changes[-1].solver


def test_it_is_the_same_as_runs_by_hand_with_the_state_kept():
    halved = lambda solver: gs.simgd(0.05, momentum=0.1)
    result = treated(gs.simgd(0.1, momentum=0.1), {"running off": halved}, 600)
    change = result.changes[0].verdict.step
    first = gs.run(BILINEAR, gs.simgd(0.1, momentum=0.1), START, change)
    rest = {"state": first.state, "start": change}
    by_hand = gs.run(BILINEAR, halved(None), first.players, 600 - change, **rest)
    np.testing.assert_array_equal(result.solution.players, by_hand.players)
    assert result.solution.steps == 600


def test_a_run_that_diverges_before_a_verdict_ends():
    quartic = gs.from_losses(lambda x: x**4)
    remedies = {"running off": lambda solver: gs.simgd(0.01)}
    result = watching.treat(quartic, gs.simgd(1.0), (2.0,), 1000, remedies, watching=HOW, chunk=20)
    assert result.solution.status == gs.Status.DIVERGED
    assert result.changes == ()


def test_at_most_so_many_changes_are_made_and_another_callback_ends_the_run():
    same = {"rotating": lambda solver: gs.altgd(0.1)}
    result = treated(gs.altgd(0.1), same, 2000, most=2)
    assert len(result.changes) == 2
    assert result.solution.steps == 2000
    result = treated(gs.altgd(0.1), same, callbacks=[lambda chunk: chunk.steps >= 100])
    assert (len(result.changes), int(result.solution.steps)) == (0, 100)


def test_noise_is_drawn_as_in_one_run():
    game = gs.zero_sum(lambda x, y, e: x * y + e * x)
    options = {"sample": lambda key: jax.random.normal(key), "key": jax.random.key(0), "watching": HOW, "chunk": 20}
    result = watching.treat(game, gs.extragradient(0.1), START, 400, {}, **options)
    plain = gs.solve(game, gs.extragradient(0.1), START, 400, sample=options["sample"], key=options["key"])
    np.testing.assert_array_equal(result.solution.players, plain.players)


@pytest.mark.parametrize(
    ("remedies", "options", "error", "message"),
    [
        ({"sad": lambda solver: solver}, {}, ValueError, "stop must be a list of states"),
        ({"rotating": gs.simgd(0.1)}, {}, TypeError, "remedies must map states to functions of the solver"),
        ({}, {"record": lambda players, state: players}, TypeError, "treat must run without record"),
        ({"sad": lambda solver: solver}, {"most": 0}, ValueError, "stop must be a list of states"),
        ({"rotating": lambda: None}, {}, TypeError, "a remedy must take the solver"),
    ],
)
def test_mistakes_are_named(remedies, options, error, message):
    with pytest.raises(error, match=message):
        treated(gs.altgd(0.1), remedies, **options)


@pytest.mark.parametrize("name", ["stop", "sample", "key"])
def test_what_treat_sets_itself_is_refused(name):
    with pytest.raises(TypeError, match=f"watching must leave out {name}, which treat sets itself"):
        watching.treat(BILINEAR, gs.altgd(0.1), START, 100, {}, watching={name: None})
