"""The sentence that names the best solver is consistent with itself."""

import dataclasses

import numpy as np
import pytest

import gamesolve as gs
from gamesolve import compare, registry
from gamesolve.compare.outcomes import Outcome
from gamesolve.driving.plan import Status

PROBLEM = compare.prepare("game", gs.games.curl(), compare.Settings(steps=10))
BASE = compare.measure(PROBLEM, registry.SOLVERS["simgd"], compare.Settings(steps=10))


def run(name, counts, converged=None, **changes):
    """Return a run whose seeds converged after these evaluations, or the first few of them."""
    seeds, most = len(counts), max(counts)
    row = dataclasses.replace(
        BASE.row, solver=name, converged=seeds if converged is None else converged, diverged=0, seeds=seeds
    )
    spent, outcomes = np.tile(np.arange(most + 1.0), (seeds, 1)), tuple(Outcome(Status.BUDGET, n) for n in counts)
    return dataclasses.replace(
        BASE, row=row, curves=np.ones((seeds, most + 1)), spent=spent, outcomes=outcomes, **changes
    )


def refused(name):
    return dataclasses.replace(run(name, [1]), spent=None)


def test_the_lead_is_that_of_the_medians_that_rank():
    sentence = compare.verdict(PROBLEM, [run("a", [10, 20, 30]), run("b", [9, 100, 25])])
    lead = "best: a, which takes 1.25 times fewer evaluations to converge than b"
    assert sentence == f"{lead} (0.833 to 5 over 3 starts, within the spread)"


def test_equal_scores_are_called_equal():
    same = [run("a", [20]), run("b", [20])]
    assert (
        compare.verdict(PROBLEM, same) == "best: a, which takes as many evaluations to converge as b (from one start)"
    )
    short = [run("a", [20], 0), run("b", [20], 0)]
    assert "a, which ends at the same distance as b" in compare.verdict(PROBLEM, short)


@pytest.mark.parametrize(
    ("rivals", "reason"),
    [
        ([], "was compared"),
        ([refused("b")], "can run on the game"),
        ([dataclasses.replace(run("b", [9]), progress=False), refused("c")], "made progress"),
        ([dataclasses.replace(run("b", [9]), row=dataclasses.replace(BASE.row, diverged=1))], "ran without diverging"),
    ],
)
def test_a_sole_solver_is_named_for_what_it_alone_did(rivals, reason):
    part = run("a", [10, 20], converged=1)
    sentence = f"best: a, the only one that {reason}; none converged from every start"
    assert compare.verdict(PROBLEM, [part, *rivals]) == sentence


def test_a_sole_solver_that_converges_from_every_start():
    some = [run("a", [10, 20]), run("b", [10, 20], converged=1)]
    assert compare.verdict(PROBLEM, some) == "best: a, the only one that converged from every start"


def test_a_search_without_a_working_step_size_is_no_best_solver():
    game, settings = gs.games.bilinear(1.0), compare.Settings(steps=100, tune=True)
    problem = compare.prepare("game", game, settings)
    found = [compare.measure(problem, registry.SOLVERS[name], settings) for name in ("simgd", "extragradient")]
    assert "no step size made progress" in found[0].row.notes
    assert "no step size made progress" not in found[1].row.notes
    assert compare.verdict(problem, found[:1]).startswith("best: none, ")
    assert compare.verdict(problem, found).startswith("best: extragradient, the only one that ")
