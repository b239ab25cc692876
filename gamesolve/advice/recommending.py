"""Recommend a solver: probe the game, predict on its linear model, try the best, and say why."""

import itertools
import math
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from gamesolve.advice import ends, families, floors, model, probe, proposals, runs, trials
from gamesolve.advice.families import Family, Scales
from gamesolve.advice.floors import Floor
from gamesolve.advice.model import Model
from gamesolve.advice.probe import Probe
from gamesolve.advice.proposals import Proposal
from gamesolve.advice.recommendation import Recommendation, Row
from gamesolve.advice.trials import Course, Trial
from gamesolve.advice.verdict import failed, unjudged, why
from gamesolve.checks import check_key, check_number, whole_number
from gamesolve.compare.constraints import as_constraints
from gamesolve.compare.curves import contraction
from gamesolve.compare.noise import Noise, noise_of
from gamesolve.compare.vectors import length, ravel
from gamesolve.driving.plan import check_game
from gamesolve.driving.sets import Projections
from gamesolve.game import Game, as_players
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Key, Players

# Share of the budget for the probe, and number of proposals that are tried.
PROBE, TRIED = 0.3, 4
# Step sizes of a trial relative to a prediction; noisy games need smaller ones. Those without a
# prediction are relative to the reciprocal of the Lipschitz constant.
NEAR, NOISY, WIDE = (1.0, 0.5), (1.0, 0.3, 0.1, 0.03), (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
# Noisy games: share of the budget for draws at the equilibrium, and that of the run whose floor is predicted; number of
# proposals that are tried, each once, since a small budget leaves no room for more runs to get to their floors.
DRAWN, HORIZON, FEW = 0.1, 0.05, 3
# Shortest probes that the mean of a noisy game must leave room for.
LOOKS = 10
# Evaluations that the first piece of a cheap solver takes.
ROOM = 2 * len(NEAR) * trials.PIECE * 2
# Residuals below this many rounding errors of the start do not show a rate.
ROUNDING = 30


def recommend(
    game: Game,
    start: Players | None = None,
    *,
    sample: Sampler | None = None,
    key: Key | None = None,
    budget: int = 20_000,
    target: float = 1e-3,
    constraints: Projections = None,
    solvers: Sequence[str] | None = None,
) -> Recommendation:
    """Recommend a solver for a game, with step sizes that were tried on it.

    A short probe follows the flow to an equilibrium and looks at the Jacobian J there. On the linear model of the game
    at that point, the hyperparameters of a dozen solvers are searched without further evaluations of the game. The best
    proposals then run on the game itself.

    Args:
        game: the game.
        start: starting players. Default: ``game.start``.
        sample: sampler of each step for noisy games, see `gamesolve.sampling`. Default: none.
        key: typed random key, required with ``sample``.
        budget: number of evaluations that may be spent: fields and products with J, measurements included.
        target: factor by which the norm of the field must fall, or the natural residual under constraints.
        constraints: one projection per player, or None for an unconstrained player, as ``projections`` of the solvers.
            Default: no constraints.
        solvers: names of the solvers to choose from, as in the table of the documentation. Default: all.

    Returns:
        The `Recommendation`: ``.solver``, ``.table``, ``.why`` and ``.plot()``. Printed, it is a table.

    Raises:
        TypeError: if the game, the players, the key or the constraints have the wrong type.
        ValueError: if there is no start, the field is not finite or zero there, or a number is out of its range.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 / 2 + 3 * x * y - y**2 / 2)
        >>> advice = gs.recommend(game, (1.0, 1.0), budget=2000, solvers=["altgd"])
        >>> solution = gs.solve(game, advice.solver, (1.0, 1.0), 500, tol=1e-3)
        >>> solution.ending.name, advice.spent <= 2000
        ('CONVERGED', True)
    """
    start = _checked(game, start, sample, key, target)
    constraints = as_constraints(constraints, game.num_players)
    if isinstance(budget, float):
        raise TypeError(f"budget must be an integer, got {budget}. It counts evaluations of the game.")
    budget = whole_number("budget", budget, 1)
    most = PROBE * budget / (LOOKS * probe.least(ravel(start).size))
    noise = None if sample is None or key is None else noise_of(game, sample, key, start, most)
    mean, weight = (game, 1.0) if noise is None else (noise.mean, noise.weight)
    families.candidates(2, constraints is not None, 1, False, solvers)  # names are checked before anything is computed
    _check_residual(runs.residual(mean, start, constraints))
    _check_probe(budget, weight, ravel(start).size)
    seen = probe.look(mean, start, constraints, PROBE * budget / weight)
    used = round(weight * seen.spent) + (0 if noise is None else noise.spent)
    unstable = probe.stability(seen) == "unstable"
    pool = families.candidates(game.num_players, constraints is not None, seen.size, unstable, solvers)
    if not pool:
        game_is = "which is large, unstable, or has more than two players"
        sentence = f"None of {', '.join(solvers or ())} suits this game, {game_is}. Name others."
        return Recommendation(None, sentence, (), seen, target, used, budget)
    local = _model(mean, start, seen, constraints)
    noisy = _pushed(game, local, noise, seen, DRAWN * budget)
    used += 0 if noisy is None else noisy.spent
    scales = _scales(start, seen)
    if noisy is not None:
        chosen, predicted = floors.propose(noisy, pool, scales, HORIZON * budget, seen.size)[:FEW], True
    else:
        chosen, predicted = _proposals(local, pool, scales, target, budget, seen)
        predicted = predicted and noise is None
    factors = _factors(noise is not None, predicted)
    points = (start,) if seen.equilibrium is None else (start, seen.equilibrium)
    far = proposals.FAR * max(1.0, *(float(length(ravel(players))) for players in points))
    course = Course(game, start, constraints, target * seen.residual, seen.residual, far, noise)
    look = ends.price(start, constraints, noise is not None)
    held = trials.hold(course, chosen, factors, budget - used - look * len(chosen))
    total = used + trials.spent(course, held)
    enough = used + look * len(chosen) + trials.smallest(course, held)
    if look:
        total += look * ends.judge(game, start, seen.equilibrium, held)
        held.sort(key=lambda trial: trial.score)
    rows = tuple(_row(trial, local, noisy, seen, course) for trial in held)
    solver = None if failed(rows, seen) else rows[0].solver
    slower = _floor(held[0], noisy, seen, 0.25) if rows[0].floor else None
    sentence = why(rows, seen, target, noise, enough, slower) + unjudged(rows[0], constraints is not None, bool(look))
    return Recommendation(solver, sentence, rows, seen, target, total, budget)


def _checked(game: Game, start: Players | None, sample: Sampler | None, key: Key | None, target: float) -> Players:
    check_game(game)
    start = game.start if start is None else start
    if start is None:
        raise ValueError("start must be given for a game without a start, got None. Pass start=.")
    if sample is not None and key is None:
        raise ValueError("sample must come with a random key, got key=None. Pass key=jax.random.key(0).")
    if key is not None:
        check_key("key", key)
    check_number("target", target, above=0.0, below=1.0)
    return as_players(start, game.num_players)


def _check_residual(residual: float) -> None:
    if not math.isfinite(residual):
        raise ValueError("the field must be finite, got one that is not finite at the start. Start from another point.")
    if residual == 0:
        raise ValueError("the field must not vanish, got one that is zero at the start. Start from another point.")


def _check_probe(budget: int, weight: float, size: int) -> None:
    """Raise an error if the budget does not cover the shortest probe."""
    least = weight * probe.least(size)
    if least > budget:
        raise ValueError(
            f"budget must be at least {math.ceil(least)} for the probe of a game with {size} parameters, got {budget}. "
            f"Give some {math.ceil(least / PROBE) + ROOM}."
        )


def _model(game: Game, start: Players, seen: Probe, constraints: Projections) -> Model | None:
    """Return the linear model at the equilibrium, if one was found."""
    if seen.equilibrium is not None and seen.jacobian is not None:
        return model.linearised(game, start, seen.equilibrium, seen.jacobian, constraints)
    if seen.jacobian is None and constraints is None and len(seen.eigenvalues):
        return model.from_eigenvalues(seen.eigenvalues, ravel(start).dtype)
    return None


def _factors(noisy: bool, predicted: bool) -> tuple[float, ...]:
    """Return the step sizes of trials relative to those that are proposed."""
    if noisy:
        return (1.0,) if predicted else NOISY
    return NEAR if predicted else WIDE


def _pushed(game: Game, local: Model | None, noise: Noise | None, seen: Probe, most: float) -> floors.Pushed | None:
    """Return the linear model with the noise at the equilibrium, if the game is noisy and one was found."""
    if noise is None or local is None or seen.equilibrium is None:
        return None
    return floors.pushed(game, local, noise, seen.equilibrium, most)


def _scales(start: Players, seen: Probe) -> Scales:
    away = ravel(start) if seen.equilibrium is None else ravel(start) - ravel(seen.equilibrium)
    typical = float(jnp.sqrt(jnp.mean(away**2)))
    return Scales(seen.lipschitz or seen.residual / (float(length(away)) or 1.0), typical or 1.0)


def _proposals(
    local: Model | None, pool: Sequence[Family], scales: Scales, target: float, budget: int, seen: Probe
) -> tuple[list[Proposal], bool]:
    """Return the proposals to try, and whether their step sizes were predicted."""
    if local is None:
        return [_unpredicted(family, scales) for family in pool], False
    known = [family for family in pool if local.whole or family.spectral]
    predicted = proposals.propose(local, known, scales, target, budget, seen.size)
    others = [] if local.whole else [_unpredicted(family, scales) for family in pool if family not in known]
    steady = (one for one in predicted if not one.family.restless or proposals.stays(local, one, target))
    tried = [*itertools.islice(steady, TRIED)] or predicted[:TRIED]
    return [*tried, *others], local.whole


def _unpredicted(family: Family, scales: Scales) -> Proposal:
    """Return a family with a step size of one unit, and the middle of its other hyperparameters."""
    middle = [axis.values[len(axis.values) // 2] * scales.of(axis.unit) for axis in family.axes[1:]]
    return Proposal(family, np.array([scales.of(family.axes[0].unit), 1.0, *middle]), None)


def _floor(trial: Trial, noisy: floors.Pushed | None, seen: Probe, share: float = 1.0) -> Floor | None:
    """Return the predicted floor of a trial's best run at a share of its step sizes, relative to the start."""
    if noisy is None:
        return None
    step, *others = map(float, trial.settings[trial.best])
    family = trial.proposal.family
    solver = families.rounded(family.build([share * step, *others], len(seen.sizes)))
    found = floors.predict(noisy, family, solver)
    return None if found is None else found._replace(residual=found.residual / seen.residual)


def _row(trial: Trial, local: Model | None, noisy: floors.Pushed | None, seen: Probe, course: Course) -> Row:
    best, family = trial.best, trial.proposal.family
    values, steps = trial.settings[best], int(trial.steps[best])
    solver = families.rounded(family.build(list(map(float, values)), len(seen.sizes), course.constraints))
    every = course.setup(trial.proposal).every
    curve = trial.curves[best, : steps // every + 1] / seen.residual
    whole = trial.curves[best, : int(trial.runs.steps[best]) + 1] / seen.residual
    rate = contraction(whole, ROUNDING * float(np.finfo(whole.dtype).eps)) if course.noise is None else None
    # Predictions hold for the whole model at the equilibrium where the run ended, and say nothing of noise.
    known = local if local is not None and local.whole and course.noise is None and not trial.elsewhere else None
    unmoved = known is not None and values[0] == trial.proposal.values[0]
    eps = float(np.finfo(whole.dtype).eps)
    balanced = eps < seen.lipschitz < 1 / eps  # or rounding hides eigenvalues of steps with momentum
    moved = trial.proposal._replace(values=values)
    return Row(
        family.name,
        families.written(solver),
        solver,
        trial.measured if math.isfinite(trial.measured) and not trial.unstable else None,
        trial.proposal.evaluations if unmoved else None,
        rate,
        proposals.predicted_rate(known, moved) if known is not None and balanced else None,
        trial.residual / seen.residual,
        trial.ending,
        trial.elsewhere,
        curve,
        every * trial.cost,
        _floor(trial, noisy, seen),
    )
