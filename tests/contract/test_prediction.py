"""The rate that analysis predicts at an equilibrium is the one that a long run shows there."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import compare, registry

pytestmark = pytest.mark.usefixtures("x64")

RATED = [name for name, entry in registry.SOLVERS.items() if entry.rated]
# Curl and rotation are bilinear games of other sizes.
GAMES = [game for game in registry.GAMES if game not in ("curl", "rotation")]
CASES = [(solver, game) for solver in RATED if solver in registry.CORE for game in GAMES]
CASES += [(solver, "general-sum") for solver in RATED if solver not in registry.CORE]
# One bilinear, one general-sum and one curved game represent all of them in the quick suite.
QUICK = ("bilinear-10", "cosine")
CASES = [pytest.param(*case, marks=() if case[1] in QUICK else pytest.mark.full) for case in CASES]


def measured(game, solver, point, start, largest):
    """Fit the contraction of a long run, above rounding errors and below the distance at which it becomes nonlinear."""
    record = lambda players, _: optax.tree.norm(jax.tree.map(jnp.subtract, players, point))
    curve = np.asarray(gs.solve(game, solver, start, 4000, record=record).trace)
    near = curve < largest
    offset = max(float(jnp.max(jnp.abs(z))) for z in point)
    return compare.contraction(curve if near.all() else curve[: int(np.argmin(near))], max(1e-13 * offset, 1e-150))


@pytest.mark.parametrize(("name", "where"), CASES)
def test_predicted_is_measured(name, where):
    game, solver = registry.GAMES[where].make(), registry.SOLVERS[name].build(0.1)
    point = tuple(map(jnp.asarray, game.equilibria[0]))
    scale = 1e-6 if where == "cosine" else 1e-12
    start = jax.tree.map(lambda z, away: z + scale * (1 + away), point, game.start)
    linear = where != "cosine" and name != "sos"
    contraction = measured(game, solver, point, start, 1e150 if linear else 1e-3)
    assert contraction == pytest.approx(float(gs.analysis.rate(game, solver, point)), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "eta"),
    [("simgd", 0.1), ("altgd", 2.1), ("extragradient", 1.1), ("ogda", 0.7), ("conopt", 1.5), ("hamiltonian", 2.2)],
)
def test_what_is_predicted_to_leave_leaves_at_that_rate(name, eta):
    game, solver = gs.games.curl(), registry.SOLVERS[name].build(eta, **({"gamma": 1.0} if name == "conopt" else {}))
    record = lambda players, _: optax.tree.norm(players)
    norms = np.asarray(gs.solve(game, solver, (1.0, 0.5), 300, record=record).trace)
    predicted = float(gs.analysis.rate(game, solver, (0.0, 0.0)))
    assert predicted > 1
    assert (norms[-1] / norms[99]) ** (1 / 200) == pytest.approx(predicted, abs=1e-2)


@pytest.mark.parametrize("name", ["lookahead", "anderson", "halpern"])
def test_no_rate_is_predicted_where_steps_have_none(name):
    settings = compare.Settings(steps=60)
    row = compare.measure(compare.prepare("curl", gs.games.curl(), settings), registry.SOLVERS[name], settings).row
    assert row.predicted is None
    assert row.notes == ""  # the legend of the table says why, once for all solvers
