"""Where players live: projections onto convex sets and the geometries of mirror descent."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import alone, minus

Projections = tuple[Callable | None, ...] | None


def projected(projections: Projections, players: Any) -> Any:
    """Map each player to its own set; None leaves a player, or all of them, free."""
    if projections is None:
        return players
    if len(projections) != len(players):
        raise ValueError(f"projections has {len(projections)} entries for {len(players)} players; give one each.")
    return tuple(
        player if projection is None else projection(player)
        for projection, player in zip(projections, players, strict=True)
    )


@parametric
def project(projections: Projections) -> optax.GradientTransformation:
    """Cut each player's move short so that it ends in the player's set; the last part of a chain.

    Args:
        projections: one function per player that maps its parameters to its set, such as
            ``optax.projections.projection_simplex``, or None for a free player.

    Returns:
        The transformation; it takes moves, so it stands after the step size.

    Example:
        >>> import optax, gamesolve as gs
        >>> box = lambda player: optax.projections.projection_box(player, -1.0, 1.0)
        >>> solver = optax.chain(gs.simgd(0.5), gs.transforms.project((None, box)))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (2.0, 0.5), 1).players]
        [1.75, 1.0]
    """

    def shorten(moves: Any, players: Any) -> Any:
        return minus(projected(projections, optax.apply_updates(players, moves)), players)

    return optax.stateless(shorten)


class Potential(NamedTuple):
    """A geometry: a convex function psi of one player's parameters, through its derivatives.

    Attributes:
        dual: the gradient of psi, parameters to dual variables.
        primal: its inverse, dual variables to parameters.
        metric: the diagonal of the inverse Hessian of psi at the parameters.
        centre: parameters and dual variables to the dual variables without what no move can see, linear in these;
            None where the parameters may move everywhere.
    """

    dual: Callable[[Any], Any]
    primal: Callable[[Any], Any]
    metric: Callable[[Any], Any]
    centre: Callable[[Any, Any], Any] | None = None


def squared_distance() -> Potential:
    """Return the geometry of ``||x||^2 / 2``: mirror steps are plain steps."""
    return _SQUARED_DISTANCE


def entropy() -> Potential:
    """Return the geometry of ``sum x log x`` on positive vectors: mirror steps multiply by exponentials."""
    return _ENTROPY


def simplex_entropy() -> Potential:
    """Return the entropy on the probability simplex (last axis): a mirror step is normalised after it.

    Moves keep the sums, so that the inverse Hessian is ``diag(p) - p p^T``: the metric ``diag(p)`` between dual
    variables that are centred, ``w - <p, w>``. A constant added to a payoff changes nothing.
    """
    return _SIMPLEX_ENTROPY


def box(low: float = 0.0, high: float = 1.0) -> Potential:
    """Return the geometry of the binary entropy on the open box ``low < x < high``.

    Args:
        low: lower bound of every coordinate.
        high: upper bound of every coordinate.
    """
    if not low < high:
        raise ValueError(f"box has low = {low} and high = {high}; low must be below high.")
    bounds = _Box(low, high)
    return Potential(bounds.dual, bounds.primal, bounds.metric)


@dataclasses.dataclass(frozen=True)
class _Box:
    """The bounds of a box; its methods are equal where the bounds are, so that nothing is compiled twice."""

    low: float
    high: float

    def dual(self, player: Any) -> Any:
        return jax.tree.map(lambda x: jnp.log(x - self.low) - jnp.log(self.high - x), player)

    def primal(self, variables: Any) -> Any:
        return jax.tree.map(lambda m: self.low + (self.high - self.low) * jax.nn.sigmoid(m), variables)

    def metric(self, player: Any) -> Any:
        return jax.tree.map(lambda x: (x - self.low) * (self.high - x) / (self.high - self.low), player)


def _same(player: Any) -> Any:
    return player


def _log(player: Any) -> Any:
    return jax.tree.map(jnp.log, player)


def _without_mean(player: Any, variables: Any) -> Any:
    return jax.tree.map(lambda p, w: w - jnp.sum(p * w, axis=-1, keepdims=True), player, variables)


_SQUARED_DISTANCE = Potential(_same, _same, lambda player: jax.tree.map(jnp.ones_like, player))
_ENTROPY = Potential(_log, lambda variables: jax.tree.map(jnp.exp, variables), _same)
_SIMPLEX_ENTROPY = Potential(_log, lambda variables: jax.tree.map(jax.nn.softmax, variables), _same, _without_mean)


@parametric
def potential_metric(potentials: Any) -> optax.GradientTransformation:
    """Return the metric of the players' geometries, for the ``metric`` of `competitive`.

    Args:
        potentials: one `Potential` for all players, or a tuple with one per player.

    Returns:
        A transformation that maps u to the diagonal of the inverse Hessians at the players.
    """

    def diagonal(_: Any, players: Any) -> Any:
        return tuple(p.metric(player) for p, player in zip(_each(potentials, players), players, strict=True))

    return optax.stateless(diagonal)


def frames(potentials: Any, players: Any) -> tuple[tuple[Callable, Callable], ...]:
    """Return for each player what centres its dual variables, and the transpose, which makes moves tangent."""

    def frame(kind: Potential, player: Any) -> tuple[Callable, Callable]:
        if kind.centre is None:
            return _same, _same
        centre = partial(kind.centre, player)
        transposed = jax.linear_transpose(centre, player)
        return centre, lambda move: transposed(move)[0]

    return tuple(map(frame, _each(potentials, players), players))


@parametric
def mirror(learning_rate: rates.Rates, potentials: Any) -> optax.GradientTransformation:
    """Turn u into the mirror step ``primal(dual(players) - eta u) - players``.

    Args:
        learning_rate: step size: a number, a schedule, an array, or a tuple with one of those per player.
        potentials: one `Potential` for all players, or a tuple with one per player.

    Returns:
        The transformation; it scales by the step size itself.

    Example:
        >>> import gamesolve as gs
        >>> part = gs.transforms.mirror(1.0, gs.transforms.entropy())
        >>> start = (1.0, 2.0)
        >>> [round(float(move), 4) for move in part.update((1.0, 0.0), part.init(start), start)[0]]
        [-0.6321, 0.0]

    Reference:
        Nemirovski, Yudin, "Problem Complexity and Method Efficiency in Optimization", 1983.
    """
    rates.check("learning_rate", learning_rate)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if params is None:
            raise ValueError("mirror moves the players themselves; pass them to update, as gamesolve.step does.")
        params = jax.tree.map(jnp.asarray, params)
        kinds = _each(potentials, params)
        steps = rates.times(rates.current(learning_rate, state), updates)
        moved = [
            kind.primal(minus(kind.dual(player), step)) for kind, player, step in zip(kinds, params, steps, strict=True)
        ]
        return minus(tuple(moved), params), rates.advance(state)

    return optax.GradientTransformation(lambda params: rates.init(learning_rate), update)


def _each(potentials: Any, players: Any) -> tuple[Potential, ...]:
    if not isinstance(players, tuple):
        raise ValueError(alone("a geometry"))
    if isinstance(potentials, Potential):
        return (potentials,) * len(players)
    if len(potentials) != len(players):
        raise ValueError(f"potentials has {len(potentials)} entries for {len(players)} players; give one each.")
    return potentials
