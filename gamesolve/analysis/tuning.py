"""Choose step sizes: critical and best step sizes of a solver, and the timescale ratio that players need."""

import dataclasses
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

from gamesolve.analysis.accuracy import eigenvalues_with_error, measured_jacobian
from gamesolve.analysis.flat_step import made
from gamesolve.analysis.null_space import doubts_of, say_doubts
from gamesolve.analysis.point import as_point
from gamesolve.analysis.spectrum import eigenvalues
from gamesolve.analysis.stability import StepMap, rate, remade, say_local, step_map
from gamesolve.game import Game
from gamesolve.trees import Players, Scalar

# Number of values in one compiled call, and in the first scan.
LANES = 32
SCAN = 6 * LANES
# The scan starts at this fraction of its upper end, or of the step sizes that the fastest mode of the field takes.
FINEST = 1e-6
# The search for the best step starts at this fraction, with so many points in each factor of ten.
COARSEST, POINTS = 1e-4, 16


class Best(NamedTuple):
    """The hyperparameters with the smallest rate: step size, values of the others in order, and the rate itself."""

    step: float
    others: tuple[float, ...]
    rate: float


def critical_step(
    game: Game, make_solver: Callable[[Scalar], optax.GradientTransformation], players: Players, upper: float = 10.0
) -> float:
    """Return the first step size at which a solver stops being stable at an equilibrium.

    The `rate` is scanned on a linear and on a logarithmic grid up to ``upper``. The smallest step is a millionth of
    ``upper`` or of 1/L, if that is smaller, with L the largest modulus of the eigenvalues of J. The first change from
    stable to unstable is refined to rounding. A rate of 1, up to rounding, counts as stable; not at the smallest steps,
    up to about a twentieth of 1/L in float32, where it may hide a rate above 1. The result is only as accurate as the
    eigenvalues, so use float64. Whether a schedule becomes constant or has a period is found for one step size.

    Args:
        game: the game, bound to its data.
        make_solver: ``make_solver(step)`` returns the solver; it is traced over step sizes.
        players: the equilibrium.
        upper: largest step size of the scan.

    Returns:
        The step size; ``upper`` if the solver is stable up to there. If it is not stable at any step size below, the
        result is 0, and a warning says so.

    Raises:
        ValueError: if the solver's step is not differentiable there, or ``upper`` is not a positive number.

    Example:
        >>> import gamesolve as gs
        >>> value = gs.analysis.critical_step(gs.games.bilinear(2.0), gs.hamiltonian, (0.0, 0.0))
        >>> round(value, 3)
        0.5
    """
    _check_upper(upper)
    players = as_point(players, game.num_players)
    smallest, slack = _smallest(game, players, upper), _slack(players)
    known = step_map(game, made(make_solver, smallest), players)
    radii = _radii(known, make_solver)
    # A rate is NaN if the step overflows.
    unstable = lambda steps: ~(radii(steps) <= 1 + slack)
    # At smaller steps rounding would hide that a rate exceeds 1 by the square of the step: there it must be below 1.
    doubtful = np.geomspace(FINEST, max(FINEST, 10 * math.sqrt(slack)), LANES) * smallest
    clear = np.flatnonzero(radii(doubtful) < 1 - slack)
    lowest = doubtful[clear[0] if clear.size else -1]
    grid = np.union1d(np.geomspace(lowest, upper, SCAN // 2), np.linspace(lowest, upper, SCAN // 2))
    _, last, crossing = _first_change(unstable, grid)
    if crossing is not None or not last:
        found = float(upper) if crossing is None else crossing
        say_local(remade(known, made(make_solver, found)))
        return found
    rate(game, make_solver(float(grid[0])), players)  # raises if the step is not differentiable
    _warn_unstable(lowest, upper, "none below is clearly stable at this precision")
    return 0.0


def best_step(
    game: Game,
    make_solver: Callable[..., optax.GradientTransformation],
    players: Players,
    upper: float = 10.0,
    ranges: Sequence[tuple[float, float]] = (),
) -> Best:
    """Return the step size, and other hyperparameters, with the smallest rate at an equilibrium.

    The `rate` is a largest modulus. It has kinks where two eigenvalues have equal moduli and behaves like a root where
    two eigenvalues merge, so the search uses no derivatives: a grid, logarithmic in the step size, then the
    Nelder-Mead simplex method from the three best grid points.

    Args:
        game: the game, bound to its data.
        make_solver: ``make_solver(step, *others)`` returns the solver; it is traced over all of them.
        players: the equilibrium.
        upper: largest step size of the search. The smallest is a ten-thousandth of it or of 1/L, if that is smaller,
            with L the largest modulus of the eigenvalues of J.
        ranges: lowest and highest value of each other hyperparameter. Default: none.

    Returns:
        The `Best`. If no point of the grid is stable, it is the best one of them, and a warning says so.

    Raises:
        ValueError: if the solver's step is not differentiable there, or a range is empty.

    Example:
        >>> import gamesolve as gs
        >>> best = gs.analysis.best_step(gs.games.curl(), gs.extragradient, (0.0, 0.0), upper=1.0)
        >>> round(best.step, 2), round(best.rate, 4)
        (0.71, 0.866)
    """
    _check_upper(upper)
    if not all(low < high for low, high in ranges):
        raise ValueError(f"ranges must hold (lowest, highest) for each other hyperparameter, got {tuple(ranges)}.")
    players = as_point(players, game.num_players)
    smallest = _smallest(game, players, upper)
    lowest = COARSEST * smallest
    bounds = [(np.log(lowest), np.log(upper)), *ranges]
    points = 1 + math.ceil(POINTS * np.log10(upper / lowest))
    of_point = lambda point: made(make_solver, jnp.exp(point[0]), *(point[i + 1] for i in range(len(ranges))))
    known = step_map(game, made(make_solver, smallest, *(np.mean(pair).item() for pair in ranges)), players)
    radii = _radii(known, of_point)
    axes = [np.linspace(low, high, points if i == 0 else 9) for i, (low, high) in enumerate(bounds)]
    grid = np.array(list(itertools.product(*axes)))
    values = np.concatenate([radii(part) for part in np.array_split(grid, range(LANES, len(grid), LANES))])
    if np.all(np.isnan(values)):
        rate(game, make_solver(upper, *(high for _, high in ranges)), players)
    order = np.argsort(values)
    if not values[order[0]] <= 1 + _slack(players):
        _warn_unstable(lowest, upper, "smaller ones were not tried")
        return _best(grid[order[0]], float(values[order[0]]))
    found = [
        scipy.optimize.minimize(
            lambda point: float(radii(point[None])[0]),
            start,
            method="Nelder-Mead",
            bounds=bounds,
            options={"xatol": 1e-12, "fatol": 1e-15, "initial_simplex": _simplex(start, axes)},
        )
        for start in grid[order[:3]]
    ]
    best = min(found, key=lambda result: result.fun)
    say_local(remade(known, of_point(best.x)))
    return _best(best.x, best.fun)


def timescale_ratio(game: Game, players: Players, leader: int = 0) -> float:
    """Return the smallest ratio of the players' speeds at which the flow is stable, tau*.

    The leader moves at speed 1 and all other players at speed tau; the flow is ``diag(1, tau) v``. Ratios from 1e-6 to
    1e6, times the ratio of the two parties' own Hessians if that is more extreme, are scanned, and the first change to
    stability is refined to rounding.

    Args:
        game: the game, bound to its data.
        players: the equilibrium.
        leader: index of the player whose speed is fixed at 1.

    Returns:
        The ratio tau*; 0 if the smallest ratios are already stable, and infinity if no ratio is stable.

    Raises:
        ValueError: if ``leader`` is not a player.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: -(x**2) + 4 * x * y - 2 * y**2)
        >>> round(gs.analysis.timescale_ratio(game, (0.0, 0.0)), 4)
        0.5

    Reference:
        Fiez, Ratliff, "Local Convergence Analysis of Gradient Descent Ascent with Finite Timescale Separation",
        ICLR 2021, https://arxiv.org/abs/2009.14820
    """
    players = as_point(players, game.num_players)
    if not 0 <= leader < game.num_players:
        raise ValueError(f"leader must be one of the players 0 to {game.num_players - 1}, got {leader}.")
    J, error = measured_jacobian(game, players)
    follows = np.repeat(np.arange(game.num_players) != leader, [optax.tree.size(player) for player in players])

    @jax.jit
    @jax.vmap
    def attracts(tau: jax.Array) -> jax.Array:
        speeds = jnp.where(follows, tau, 1).astype(J.dtype)[:, None]
        values, errors = eigenvalues_with_error(speeds * J, speeds * error)
        return jnp.all(values.real < -errors)

    stable = lambda ratios: np.asarray(attracts(_padded(ratios)))[: len(ratios)]
    own = [float(np.linalg.norm(J[np.ix_(part, part)])) for part in (~follows, follows)]
    natural = own[0] / own[1] if min(own) > 0 else 1.0
    first, _, crossing = _first_change(stable, np.geomspace(1e-6 * min(1, natural), 1e6 * max(1, natural), SCAN))
    if crossing is not None:
        return 0.0 if first else crossing
    return 0.0 if first else float("inf")


def _best(point: np.ndarray, radius: float) -> Best:
    return Best(float(np.exp(point[0])), tuple(map(float, point[1:])), float(radius))


def _warn_unstable(lowest: float, upper: float, below: str) -> None:
    warnings.warn(
        f"no step size in [{lowest:.3g}, {upper:.3g}] is stable, and {below}. Give another upper or another solver.",
        stacklevel=3,
    )


def _slack(players: Players) -> float:
    """Return how far above 1 a rate of 1 may be computed."""
    return 100 * float(jnp.finfo(optax.tree.dtype(players, "lowest")).eps) * math.sqrt(optax.tree.size(players))


def _smallest(game: Game, players: Players, upper: float) -> float:
    """Return the smaller of the upper end of a search and the step size that suits the fastest mode of the field.

    Rates that are mapped over step sizes can't warn, so what J leaves undecided for all of them is said here.
    """
    say_doubts(doubts_of(measured_jacobian(game, players)), optax.tree.dtype(players, "lowest"))
    fastest = float(jnp.max(jnp.abs(eigenvalues(game, players))))
    return min(upper, 1 / fastest) if fastest > 0 and np.isfinite(fastest) else upper


def _radii(
    known: StepMap, make_solver: Callable[[jax.Array], optax.GradientTransformation]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that computes the rates of the solvers made from up to `LANES` values.

    A solver may close over a value, which hides its counts if the value is traced. Those of a known one stand for them.
    """
    chosen = dataclasses.replace(known, given=True)  # the search itself says that the rates are local
    lanes = jax.jit(jax.vmap(lambda value: remade(chosen, made(make_solver, value)).rate()))
    dtype = optax.tree.dtype(known.players, "lowest")
    return lambda values: np.asarray(lanes(_padded(values).astype(dtype)))[: len(values)]


def _padded(values: np.ndarray) -> jax.Array:
    """Repeat the last value up to `LANES` values, so that all calls share one program."""
    return jnp.asarray(np.concatenate([values, np.repeat(values[-1:], LANES - len(values), axis=0)]))


def _first_change(holds: Callable[[np.ndarray], np.ndarray], grid: np.ndarray) -> tuple[bool, bool, float | None]:
    """Return whether a condition holds at the start of a grid and at its end, and where it first begins to hold.

    The grid is searched up to that point only, which counts as its end.
    """
    first, last, before = None, False, None
    for part in np.array_split(grid, range(LANES, len(grid), LANES)):
        flags = holds(part)
        first = bool(flags[0]) if first is None else first
        known = part if before is None else np.concatenate([[before[0]], part])
        flags = flags if before is None else np.concatenate([[before[1]], flags])
        begins = np.flatnonzero(~flags[:-1] & flags[1:])
        if begins.size:
            return first, True, _refined(holds, float(known[begins[0]]), float(known[begins[0] + 1]))
        last = bool(flags[-1])
        before = known[-1], last
    return bool(first), last, None


def _refined(holds: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> float:
    """Narrow, to rounding, an interval with a condition that fails at its lower end and holds at its upper end."""
    while True:
        inside = np.linspace(low, high, LANES + 2)[1:-1]
        flags = np.concatenate([[False], holds(inside), [True]])
        points = np.concatenate([[low], inside, [high]])
        at = int(np.argmax(flags))
        if points[at] - points[at - 1] >= high - low or high - low <= 4 * np.finfo(float).eps * high:
            return float((low + high) / 2)
        low, high = points[at - 1], points[at]


def _simplex(start: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the corners of a simplex: the start and, per axis, a point one grid step away inside the grid."""
    corners = np.tile(start, (len(start) + 1, 1))
    for i, axis in enumerate(axes):
        step = axis[1] - axis[0]
        corners[i + 1, i] += step if start[i] + step <= axis[-1] else -step
    return corners


def _check_upper(upper: float) -> None:
    if not (np.isfinite(upper) and upper > 0):
        raise ValueError(f"upper must be finite and positive, got {upper}. Give the largest step size to try.")
