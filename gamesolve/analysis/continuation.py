"""Follow an equilibrium while a constant of its game changes, through folds, to Hopf points and other branches.

>>> import gamesolve as gs
>>> make_game = lambda c: gs.zero_sum(lambda x, y: x**4 / 4 - c * x**2 / 2 + x * y / 5 - y**2 / 2)
>>> branch = gs.analysis.follow(make_game, (0.0, 0.0), (-1.0, 1.0))
>>> [(event.kind, round(event.parameter, 3)) for event in branch.events]  # c = 0.2^2
[('branch point', 0.04)]
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.crossings import Event, crossings, rounding
from gamesolve.analysis.point import as_point
from gamesolve.analysis.pseudo_arclength import (
    SHORTEST,
    Curve,
    MakeGame,
    Spot,
    advance,
    correct,
    in_own_sizes,
    landed,
)
from gamesolve.checks import Ending, check_number, whole_number
from gamesolve.checks.calls import called
from gamesolve.game import Game
from gamesolve.linear.dense import check_size
from gamesolve.trees import Players
from gamesolve.trees.faces import named, shown

# Lengths of the first step along another curve, as fractions of the largest step: the branch point is ill-conditioned.
DEPARTURES = (0.2, 0.05, 1.0)
# Length of the first step along a curve, as such a fraction.
FIRST = 0.2
# An event this many rounding errors beyond an end of the interval is at that end.
ROUNDING = 10


class Halt(Ending):
    """Where a branch ends. LEFT: the parameter left the interval. BUDGET: all points are used. STUCK: no step works."""

    LEFT = 0, "reached an end of the interval"
    BUDGET = 1, "used all points inside the interval; raise max_points or step to go on"
    STUCK = 2, "stopped inside the interval, because Newton's method failed for the shortest step"


@shown(halt=named(Halt))
class Branch(NamedTuple):
    """Equilibria along one curve, in the order of its length.

    Attributes:
        parameters: the parameter at each of m points, array of shape (m,).
        players: the equilibria, with a leading axis of length m on every leaf.
        eigenvalues: eigenvalues of J at each point, by decreasing real part, complex array of shape (m, n).
        stable: whether all eigenvalues have negative real part beyond rounding, boolean array of shape (m,).
        events: the `Event` entries in the order in which the curve meets them.
        halt: the `Halt`, where the curve ends.
    """

    parameters: np.ndarray
    players: Players
    eigenvalues: np.ndarray
    stable: np.ndarray
    events: tuple[Event, ...]
    halt: Halt


def follow(
    make_game: MakeGame,
    players: Players,
    interval: tuple[float, float],
    *,
    step: float = 0.05,
    max_points: int = 1000,
) -> Branch:
    """Follow an equilibrium while a parameter of its game goes from one end of an interval to the other.

    The method is pseudo-arclength continuation. A step along the tangent, from implicit derivatives, predicts the next
    point, and Newton's method corrects it at right angles to the tangent. The curve may therefore turn back in the
    parameter. Between two points, bisection locates each `Event`:

    - fold: the curve turns back;
    - branch point: another curve crosses; `branches_at` follows it;
    - Hopf point: a pair of complex eigenvalues crosses the imaginary axis, where a limit cycle begins.

    Use float64: real parts within 100 rounding errors of the largest modulus count as zero. Two events between the same
    two points may go unnoticed if they cancel, so lower ``step`` in doubt.

    Args:
        make_game: ``make_game(parameter)`` returns the game, bound to its data; it is traced over the parameter.
        players: an equilibrium of ``make_game(interval[0])``, or near one. J must not be singular there.
        interval: first and last value of the parameter, in any order. The curve ends where it leaves the interval, at
            either end.
        step: largest step along the curve, relative to one plus the norm of the point. The interval counts as length
            one, and so does a player whose norm at the start is below one; at zero, its slope counts as its norm.
        max_points: largest number of points.

    Returns:
        The `Branch`. Look at its ``halt``: the curve may end inside the interval.

    Raises:
        TypeError: if ``interval`` is not two numbers, or ``make_game`` does not return a game for a traced parameter.
        ValueError: if Newton's method finds no equilibrium near ``players``, an argument is out of range, or J would
            take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> make_game = lambda c: gs.general_sum(lambda x, y: c * x - x**3 / 3 + x * y, lambda x, y: -(y**2) / 2)
        >>> branch = gs.analysis.follow(make_game, (-1.0, 0.0), (1.0, -1.0))
        >>> [(event.kind, abs(round(event.parameter, 4))) for event in branch.events]
        [('fold', 0.0)]
        >>> float(branch.parameters[-1]), round(float(branch.players[0][-1]), 4)  # back where it began
        (1.0, 1.0)

    Reference:
        Keller, "Numerical Solution of Bifurcation and Nonlinear Eigenvalue Problems", 1977; Allgower, Georg,
        "Introduction to Numerical Continuation Methods", SIAM 2003
    """
    curve = _curve(make_game, players, interval, step, max_points)
    upright = curve.pack(jax.tree.map(jnp.zeros_like, curve.players), 1.0)
    start = correct(curve, curve.pack(curve.players, 0.0), upright)
    if start.found:
        begin = curve.unravel(start.point)
        curve = in_own_sizes(curve, begin, curve.unravel(start.tangent), float(start.tangent[-1]))
        start = correct(curve, curve.pack(begin, 0.0), upright)
    if not start.found:
        raise ValueError(
            f"players must be an equilibrium of make_game({interval[0]}) with a regular J, got a point near which "
            "Newton's method finds none. Solve that game first, and check the point with classify."
        )
    return _branch(curve, start, step, max_points)


def branches_at(
    make_game: MakeGame,
    event: Event,
    interval: tuple[float, float],
    *,
    step: float = 0.05,
    max_points: int = 1000,
) -> tuple[Branch, ...]:
    """Follow the other curve through a branch point, in both directions.

    Args:
        make_game: as in `follow`.
        event: a branch point, from the ``events`` of a `Branch`.
        interval: as in `follow`; it must contain the branch point.
        step: as in `follow`.
        max_points: as in `follow`, for each direction.

    Returns:
        One `Branch` per direction, which starts next to the branch point.

    Raises:
        ValueError: if the event has no direction, because it is not a simple branch point, if it is not in the
            interval, or if Newton's method finds no point of the other curve.

    Example:
        >>> import gamesolve as gs
        >>> make_game = lambda c: gs.zero_sum(lambda x, y: x**4 / 4 - c * x**2 / 2 + x * y / 5 - y**2 / 2)
        >>> trunk = gs.analysis.follow(make_game, (0.0, 0.0), (-1.0, 1.0))
        >>> ends = [twig.players[0][-1] for twig in gs.analysis.branches_at(make_game, trunk.events[0], (-1.0, 1.0))]
        >>> sorted(round(float(end), 3) for end in ends)  # x^2 = c - 0.04
        [-0.98, 0.98]
    """
    if not isinstance(event, Event):
        raise TypeError(f"event must be an Event, got {type(event).__name__}. Pass one of the events of a Branch.")
    if event.direction is None:
        raise ValueError(f"event must be a simple branch point, got a {event.kind}. Start follow from a known point.")
    curve = _curve(make_game, event.players, interval, step, max_points)
    first, last = interval
    if not min(interval) <= event.parameter <= max(interval):
        raise ValueError(
            f"interval must contain the branch point at {event.parameter:.6g}, got {interval}. Write one around it."
        )
    along, change = event.direction
    curve = in_own_sizes(curve, event.players, along, change / (last - first))
    centre = curve.pack(event.players, (event.parameter - first) / (last - first))
    direction = curve.pack(along, change / (last - first))
    direction = direction / np.linalg.norm(direction)
    return tuple(
        _branch(curve, _departed(curve, centre, way, step), step, max_points) for way in (direction, -direction)
    )


def _departed(curve: Curve, centre: np.ndarray, way: np.ndarray, step: float) -> Spot:
    """Return a point of the other curve near a branch point."""
    for share in DEPARTURES:
        start = correct(curve, centre + share * step * way, way)
        if start.found:
            return start
    raise ValueError(
        f"step must lead from the branch point at {curve.parameter(centre):.6g} to the other curve, got {step}, with "
        "which Newton's method finds no point. Lower step, or start follow from a point of that curve."
    )


def _curve(make_game: MakeGame, players: Players, interval: tuple[float, float], step: float, max_points: int) -> Curve:
    check_number("step", step, above=0.0)
    whole_number("max_points", max_points, least=2)
    try:
        first, last = map(float, interval)
    except (TypeError, ValueError):
        raise TypeError(f"interval must be two numbers, got {interval!r}. Write (first, last).") from None
    make = partial(called, "make_game", make_game, takes="the parameter", hint="Write lambda c: gs.zero_sum(...).")
    game = make(first)
    if not isinstance(game, Game):
        raise TypeError(f"make_game must return a Game, got {type(game).__name__}. Make one with gs.general_sum.")
    players = as_point(players, game.num_players)
    flat = jax.flatten_util.ravel_pytree(players)[0]
    ends = np.asarray([first, last], flat.dtype)
    if not (np.all(np.isfinite(ends)) and ends[0] != ends[1]):
        raise ValueError(
            f"interval must have two different finite ends, got {interval} as {flat.dtype}. Write (first, last)."
        )
    try:
        jax.eval_shape(lambda parameter: make(parameter).field(players), jnp.asarray(first, flat.dtype))
    except jax.errors.ConcretizationTypeError:
        raise TypeError(
            "make_game must accept a traced parameter, got one that needs its value. Leave out float() and if, and use "
            "jax.numpy functions."
        ) from None
    check_size(flat, "Follow a smaller model")
    return Curve(make_game, players, jnp.asarray(ends), jnp.ones_like(flat))


def _branch(curve: Curve, start: Spot, step: float, max_points: int) -> Branch:
    spots, events, halt = [start], [], Halt.BUDGET
    length = FIRST * _largest(step, start)
    while len(spots) < max_points:
        passed = _passed(curve, spots[-1], length, _largest(step, spots[-1]))
        if passed is None:
            halt = Halt.STUCK
            break
        spot, met, is_last, length = passed
        events += [event for event, _ in met]
        spots += [*(where for _, where in met), spot]
        if is_last:
            halt = Halt.LEFT
            break
    points, values = (np.stack([getattr(spot, name) for spot in spots]) for name in ("point", "eigenvalues"))
    return Branch(
        parameters=np.array([curve.parameter(point) for point in points]),
        players=jax.vmap(curve.unravel)(jnp.asarray(points)),
        eigenvalues=values,
        stable=np.all(np.real(values) < -rounding(values), axis=1),
        events=tuple(events),
        halt=halt,
    )


def _largest(step: float, spot: Spot) -> float:
    return step * (1 + float(np.linalg.norm(spot.point[:-1])))


def _passed(
    curve: Curve, last: Spot, length: float, largest: float
) -> tuple[Spot, list[tuple[Event, Spot]], bool, float] | None:
    """Take a step along a curve, shortened until the events on it are resolved.

    Returns:
        The next point, the events before it, whether it is the last point inside the interval, and the length of the
        next step; None if the shortest step failed too.
    """
    while length >= SHORTEST * largest:
        spot, following = advance(curve, last, length, largest)
        is_last = not 0 <= spot.point[-1] <= 1
        taken = float(last.tangent @ (spot.point - last.point))
        spot = landed(curve, last, spot) if is_last and spot.found else spot
        if not spot.found:
            return None
        met = crossings(curve, last, spot)
        if met is not None:
            break
        length = taken / 2
    else:
        return None
    # The curve may leave the interval, turn back and enter it again within one step.
    beyond = ROUNDING * np.finfo(spot.point.dtype).eps
    for index, (_, where) in enumerate(met):
        if not -beyond <= where.point[-1] <= 1 + beyond:
            spot = landed(curve, last, where)
            return (spot, met[:index], True, following) if spot.found else None
    return spot, met, is_last, following
