"""Which step size: where a solver stops being stable, where it is fastest, and how much faster one player must be."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize

from gamesolve.analysis.spectrum import jacobian
from gamesolve.analysis.stability import rate
from gamesolve.game import Game, Players, as_players

# Values that one compiled call looks at together, and values in the first scan.
LANES = 32
SCAN = 6 * LANES
# The scan starts at this fraction of its end.
FINEST = 1e-6


class Best(NamedTuple):
    """The hyperparameters of least rate: step size, values of the further ones in order, and the rate itself."""

    step: float
    others: tuple[float, ...]
    rate: float


def critical_step(
    game: Game, make_solver: Callable[[Any], optax.GradientTransformation], players: Players, upper: float = 10.0
) -> float:
    """Return the first step size at which a solver stops being stable at an equilibrium.

    The rate is scanned from a millionth of ``upper`` to ``upper``, evenly and in logarithms, and the first change from
    stable to unstable is refined to rounding. A rate of 1, up to rounding, counts as stable. The answer is as sharp
    as the eigenvalues: use float64.

    Args:
        game: the game, bound to its data.
        make_solver: ``make_solver(step)`` returns the solver; it is traced over steps.
        players: the equilibrium.
        upper: where to stop looking.

    Returns:
        The step size; ``upper`` where the solver is still stable there, and 0 where it is stable nowhere below.

    Raises:
        ValueError: if the solver's step is not differentiable there, or ``upper`` is not a positive number.

    Example:
        >>> import gamesolve as gs
        >>> round(gs.analysis.critical_step(gs.games.bilinear(2.0), gs.hamiltonian, (0.0, 0.0)), 3)
        0.5
    """
    _check_upper(upper)
    players = as_players(players, game.num_players)
    radii = _radii(game, make_solver, players)
    slack = 100 * float(jnp.finfo(optax.tree.dtype(players, "lowest")).eps) * optax.tree.size(players)
    # A rate that is not a number belongs to a step that overflows.
    unstable = lambda steps: ~(radii(steps) <= 1 + slack)
    grid = np.union1d(np.geomspace(FINEST * upper, upper, SCAN // 2), np.linspace(0, upper, SCAN // 2 + 1)[1:])
    first, crossing = _first_change(unstable, grid)
    if crossing is not None:
        return crossing
    if first:
        rate(game, make_solver(float(grid[0])), players)  # says so where there is no rate at all
    return 0.0 if first else float(upper)


def best_step(
    game: Game,
    make_solver: Callable[..., optax.GradientTransformation],
    players: Players,
    upper: float = 10.0,
    ranges: Sequence[tuple[float, float]] = (),
) -> Best:
    """Return the step size, and further hyperparameters, with the least rate at an equilibrium.

    The rate is a largest modulus, with kinks where two eigenvalues meet and roots where they merge, so it is searched
    and not differentiated: a grid, logarithmic in the step, then the Nelder-Mead simplex from its three best points.

    Args:
        game: the game, bound to its data.
        make_solver: ``make_solver(step, *others)`` returns the solver; it is traced over all of them.
        players: the equilibrium.
        upper: largest step size to look at; the smallest is a ten-thousandth of it.
        ranges: lowest and highest value of each further hyperparameter.

    Returns:
        The `Best`.

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
        raise ValueError(f"ranges is {tuple(ranges)}; give (lowest, highest) for each further hyperparameter.")
    players = as_players(players, game.num_players)
    bounds = [(np.log(1e-4 * upper), np.log(upper)), *ranges]
    radii = _radii(
        game, lambda point: make_solver(jnp.exp(point[0]), *(point[i + 1] for i in range(len(ranges)))), players
    )
    axes = [np.linspace(low, high, 65 if i == 0 else 9) for i, (low, high) in enumerate(bounds)]
    grid = np.array(list(itertools.product(*axes)))
    values = np.concatenate([radii(part) for part in np.array_split(grid, range(LANES, len(grid), LANES))])
    if np.all(np.isnan(values)):
        rate(game, make_solver(upper, *(high for _, high in ranges)), players)
    found = [
        scipy.optimize.minimize(
            lambda point: float(radii(point[None])[0]),
            start,
            method="Nelder-Mead",
            bounds=bounds,
            options={"xatol": 1e-12, "fatol": 1e-15, "initial_simplex": _simplex(start, axes)},
        )
        for start in grid[np.argsort(values)[:3]]
    ]
    best = min(found, key=lambda result: result.fun)
    return Best(float(np.exp(best.x[0])), tuple(map(float, best.x[1:])), float(best.fun))


def timescale_ratio(game: Game, players: Players, leader: int = 0) -> float:
    """Return the smallest ratio of the players' rates at which the flow is stable: tau*.

    The leader moves at rate 1 and all others at rate tau; the flow is ``diag(1, tau) v``. Ratios from 1e-6 to 1e6 are
    scanned, and the first change to stability is refined to rounding.

    Args:
        game: the game, bound to its data.
        players: the equilibrium.
        leader: the player whose rate is kept.

    Returns:
        tau*; 0 where the smallest ratios are stable already, and infinity where none is.

    Raises:
        ValueError: if ``leader`` is no player.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: -(x**2) + 4 * x * y - 2 * y**2)
        >>> round(gs.analysis.timescale_ratio(game, (0.0, 0.0)), 4)
        0.5

    Reference:
        Fiez, Ratliff, "Local Convergence Analysis of Gradient Descent Ascent with Finite Timescale Separation",
        ICLR 2021, https://arxiv.org/abs/2009.14820
    """
    players = as_players(players, game.num_players)
    if not 0 <= leader < game.num_players:
        raise ValueError(f"leader is {leader}; the players are 0 to {game.num_players - 1}.")
    J = jacobian(game, players)
    follows = np.repeat(np.arange(game.num_players) != leader, [optax.tree.size(player) for player in players])

    @jax.jit
    @jax.vmap
    def leading(tau: jax.Array) -> jax.Array:
        values = jnp.linalg.eigvals(jnp.where(follows, tau, 1)[:, None] * J)
        return jnp.max(values.real) / jnp.max(jnp.abs(values))

    slack = 10 * float(jnp.finfo(J.dtype).eps) * len(J)
    stable = lambda ratios: np.asarray(leading(_padded(ratios)))[: len(ratios)] < -slack
    first, crossing = _first_change(stable, np.geomspace(1e-6, 1e6, SCAN))
    if crossing is not None:
        return 0.0 if first else crossing
    return 0.0 if first else float("inf")


def _radii(game: Game, make_solver: Callable[[Any], Any], players: Players) -> Callable[[np.ndarray], np.ndarray]:
    """Return the rates of the solvers made of up to `LANES` values."""
    lanes = jax.jit(jax.vmap(lambda value: rate(game, make_solver(value), players)))
    dtype = optax.tree.dtype(players, "lowest")
    return lambda values: np.asarray(lanes(_padded(values).astype(dtype)))[: len(values)]


def _padded(values: np.ndarray) -> jax.Array:
    """Repeat the last value, so that all calls share one program."""
    return jnp.asarray(np.concatenate([values, np.repeat(values[-1:], LANES - len(values), axis=0)]))


def _first_change(holds: Callable[[np.ndarray], np.ndarray], grid: Any) -> tuple[bool, float | None]:
    """Return whether a condition holds at the start of a grid, and where it first begins to hold, to rounding."""
    first, before = None, None
    for part in np.array_split(grid, range(LANES, len(grid), LANES)):
        flags = holds(part)
        first = bool(flags[0]) if first is None else first
        known = part if before is None else np.concatenate([[before[0]], part])
        flags = flags if before is None else np.concatenate([[before[1]], flags])
        begins = np.flatnonzero(~flags[:-1] & flags[1:])
        if begins.size:
            return first, _refined(holds, float(known[begins[0]]), float(known[begins[0] + 1]))
        before = known[-1], flags[-1]
    return bool(first), None


def _refined(holds: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> float:
    """Narrow an interval at whose lower end a condition fails and at whose upper end it holds."""
    while True:
        inside = np.linspace(low, high, LANES + 2)[1:-1]
        flags = np.concatenate([[False], holds(inside), [True]])
        points = np.concatenate([[low], inside, [high]])
        at = int(np.argmax(flags))
        if points[at] - points[at - 1] >= high - low or high - low <= 4 * np.finfo(float).eps * high:
            return float((low + high) / 2)
        low, high = points[at - 1], points[at]


def _simplex(start: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return corners about one step of the grid away, inside of it."""
    corners = np.tile(start, (len(start) + 1, 1))
    for i, axis in enumerate(axes):
        step = axis[1] - axis[0]
        corners[i + 1, i] += step if start[i] + step <= axis[-1] else -step
    return corners


def _check_upper(upper: float) -> None:
    if not (np.isfinite(upper) and upper > 0):
        raise ValueError(f"upper is {upper}; give the largest step size to look at, a positive number.")
