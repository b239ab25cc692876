"""Constraints and geometries of players: projections onto convex sets, and the potentials of mirror descent."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.checks import check_number
from gamesolve.driving.sets import Projections, declare, is_single, projected
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import require_players
from gamesolve.trees import Players, PyTree, State, Updates

Map = Callable[[PyTree], PyTree]


@parametric
def project(projections: Projections) -> optax.GradientTransformation:
    """Change each player's move so that it ends at the projection onto the player's set.

    A run with ``tol`` then stops at the natural residual on these sets, see `gamesolve.solve`.

    It projects the whole move of a step. That is the projected method for solvers that look at the game once, at the
    players: `simgd` with or without momentum, `ogda`. Solvers that look elsewhere come to rest at other points if a
    bound is active: in turns the later players have seen moves that were not projected. Put `project` inside
    `alternating` then, one for each player, and use the ``projections`` of `extragradient` and the like.

    Args:
        projections: one function per player that projects its parameters onto its set, such as
            ``optax.projections.projection_simplex``, or None for an unconstrained player. One function stands for all
            players. Inside `per_player` or `alternating`, give the function of that player.

    Returns:
        The transformation. It takes moves, so it goes last in a chain, after the step size.

    Example:
        >>> import optax, gamesolve as gs
        >>> box = lambda player: optax.projections.projection_box(player, -1.0, 1.0)
        >>> solver = optax.chain(gs.simgd(0.5), gs.transforms.project((None, box)))
        >>> solution = gs.solve(gs.games.curl(), solver, (2.0, 0.5), 1)
        >>> [float(player) for player in solution.players]
        [1.75, 1.0]
    """
    check_projections(projections)

    def init(params: PyTree) -> optax.EmptyState:
        declare(projections, params)
        return optax.EmptyState()

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, State]:
        if params is None:
            raise ValueError("project needs the players. Pass them to update, as gamesolve.step does.")
        return optax.tree.sub(projected(projections, optax.apply_updates(params, updates)), params), state

    return optax.GradientTransformation(init, update)


def check_projections(projections: Projections) -> None:
    """Raise unless there is one function, or a tuple with a function or None per player."""
    for projection in projections if isinstance(projections, tuple | list) else (projections,):
        if projection is not None and not callable(projection):
            raise TypeError(
                f"projections must be a function or a tuple with a function or None per player, got {projection!r}."
            )


class Potential(NamedTuple):
    """A geometry: a convex function psi of one player's parameters, given by its derivatives.

    Attributes:
        dual: the gradient of psi, from parameters to dual variables.
        primal: the inverse of ``dual``, from dual variables to parameters.
        metric: the diagonal of the inverse Hessian of psi at the parameters.
        centre: ``centre(parameters, dual variables)`` removes from dual variables the component that no feasible move
            can see; linear in the dual variables. Default: the parameters can move in every direction.
        projection: the Euclidean projection onto the closure of the set, which a run with ``tol`` needs for the natural
            residual. Default: unconstrained, so that ``tol`` looks at the field.
    """

    dual: Map
    primal: Map
    metric: Map
    centre: Callable[[PyTree, PyTree], PyTree] | None = None
    projection: Map | None = None


def squared_distance() -> Potential:
    """Return the geometry of ``||x||^2 / 2``, in which mirror steps are gradient steps.

    Returns:
        The potential.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solver = gs.transforms.mirror(0.5, gs.transforms.squared_distance())
        >>> [float(player) for player in gs.step(game, solver, (1.0, 1.0))[0]]
        [0.5, 1.5]
    """
    return _SQUARED_DISTANCE


def entropy() -> Potential:
    """Return the geometry of ``sum x log x`` on positive vectors, in which mirror steps multiply by exponentials.

    Returns:
        The potential.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solver = gs.transforms.mirror(0.5, gs.transforms.entropy())
        >>> moved, _ = gs.step(game, solver, (1.0, 1.0))
        >>> [round(float(player), 4) for player in moved]
        [0.6065, 1.6487]
    """
    return _ENTROPY


def simplex_entropy() -> Potential:
    """Return the entropy on the probability simplex (last axis), in which each mirror step ends with a normalisation.

    Moves keep the sums, so the inverse Hessian is ``diag(p) - p p^T``: the metric ``diag(p)`` between centred dual
    variables ``w - <p, w>``. A constant added to a payoff therefore changes nothing.

    Returns:
        The potential.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.matching_pennies()
        >>> solver = gs.transforms.mirror(0.5, gs.transforms.simplex_entropy())
        >>> moved, _ = gs.step(game, solver, game.start)
        >>> [round(float(player[0]), 3) for player in moved]
        [0.943, 0.357]
    """
    return _SIMPLEX_ENTROPY


def box(low: float = 0.0, high: float = 1.0) -> Potential:
    """Return the geometry of the binary entropy on the open box ``low < x < high``.

    Args:
        low: lower bound of every coordinate. Default: 0.
        high: upper bound of every coordinate. Default: 1.

    Returns:
        The potential.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: (x - 2) * (y - 0.25))
        >>> solver = gs.mirror_prox(0.5, gs.transforms.box())
        >>> solution = gs.solve(game, solver, (0.5, 0.5), 200)
        >>> [round(float(player), 3) for player in solution.players]
        [1.0, 0.0]
    """
    for name, bound in (("low", low), ("high", high)):
        check_number(name, bound)
        if np.ndim(bound):
            raise ValueError(f"{name} must be one number for all coordinates, got shape {np.shape(bound)}.")
    if not low < high:
        raise ValueError(f"low must be below high, got low = {low} and high = {high}.")
    bounds = _Box(float(low), float(high))
    return Potential(bounds.dual, bounds.primal, bounds.metric, projection=bounds.projection)


@dataclasses.dataclass(frozen=True)
class _Box:
    """The bounds of a box; boxes with equal bounds have equal methods, so that nothing is compiled twice."""

    low: float
    high: float

    def dual(self, player: PyTree) -> PyTree:
        return jax.tree.map(lambda x: jnp.log(x - self.low) - jnp.log(self.high - x), player)

    def primal(self, variables: PyTree) -> PyTree:
        return jax.tree.map(lambda m: self.low + (self.high - self.low) * jax.nn.sigmoid(m), variables)

    def metric(self, player: PyTree) -> PyTree:
        return jax.tree.map(lambda x: (x - self.low) * (self.high - x) / (self.high - self.low), player)

    def projection(self, player: PyTree) -> PyTree:
        return jax.tree.map(lambda x: jnp.clip(x, self.low, self.high), player)


def _same(player: PyTree) -> PyTree:
    return player


def _ones(player: PyTree) -> PyTree:
    return jax.tree.map(jnp.ones_like, player)


def _log(player: PyTree) -> PyTree:
    return jax.tree.map(jnp.log, player)


def _exp(variables: PyTree) -> PyTree:
    return jax.tree.map(jnp.exp, variables)


def _softmax(variables: PyTree) -> PyTree:
    return jax.tree.map(jax.nn.softmax, variables)


def _without_mean(player: PyTree, variables: PyTree) -> PyTree:
    return jax.tree.map(lambda p, w: w - jnp.sum(p * w, axis=-1, keepdims=True), player, variables)


def _onto_simplices(player: PyTree) -> PyTree:
    """Project the last axis of each leaf onto the probability simplex."""
    onto = jnp.vectorize(optax.projections.projection_simplex, signature="(n)->(n)")
    return jax.tree.map(onto, player)


_SQUARED_DISTANCE = Potential(_same, _same, _ones)
_ENTROPY = Potential(_log, _exp, _same, projection=optax.projections.projection_non_negative)
_SIMPLEX_ENTROPY = Potential(_log, _softmax, _same, _without_mean, _onto_simplices)


@parametric
def potential_metric(potentials: Potential | tuple[Potential, ...]) -> optax.GradientTransformation:
    """Return the metric of the players' geometries, for the ``metric`` of `competitive`.

    Args:
        potentials: one `Potential` for all players, or a tuple with one per player.

    Returns:
        A transformation that maps u to the diagonal of the inverse Hessians at the players.
    """

    def diagonal(_: PyTree, players: PyTree) -> Players:
        return tuple(p.metric(player) for p, player in zip(each_of(potentials, players), players, strict=True))

    return optax.stateless(diagonal)


def frames(potentials: Potential | tuple[Potential, ...], players: Players) -> tuple[tuple[Map, Map], ...]:
    """Return two maps per player: one centres its dual variables; its transpose makes moves tangent to its set."""

    def frame(kind: Potential, player: PyTree) -> tuple[Map, Map]:
        if kind.centre is None:
            return _same, _same
        centre = partial(kind.centre, player)
        transposed = jax.linear_transpose(centre, player)
        return centre, lambda move: transposed(move)[0]

    return tuple(map(frame, each_of(potentials, players), players))


@parametric
def mirror(learning_rate: rates.Rates, potentials: Potential | tuple[Potential, ...]) -> optax.GradientTransformation:
    """Turn u into the mirror step ``primal(dual(players) - eta u) - players``.

    Args:
        learning_rate: step size, see `transforms.rates`.
        potentials: one `Potential` for all players, or a tuple with one per player. Inside `per_player` or
            `alternating`, give that of the player.

    Returns:
        The transformation; it returns moves, already scaled by the step size.

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
    check_potentials(potentials)

    def init(params: PyTree) -> rates.RatesState:
        declare(projections_of(potentials), params)
        return rates.init(learning_rate)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Players, rates.RatesState]:
        if params is None:
            raise ValueError("mirror needs the players. Pass them to update, as gamesolve.step does.")
        params = jax.tree.map(jnp.asarray, params)
        players, u = ((params,), (updates,)) if is_single(params) else (params, updates)
        steps = rates.times(rates.current(learning_rate, state), u)
        moves = optax.tree.sub(mirrored(potentials, players, steps), players)
        return moves[0] if is_single(params) else moves, rates.advance(state)

    return optax.GradientTransformation(init, update)


def mirrored(potentials: Potential | tuple[Potential, ...], players: Players, steps: Players) -> Players:
    """Return the players whose dual variables are those of ``players`` minus ``steps``."""
    each = zip(each_of(potentials, players), players, steps, strict=True)
    return tuple(kind.primal(optax.tree.sub(kind.dual(player), step)) for kind, player, step in each)


def check_potentials(potentials: Potential | tuple[Potential, ...]) -> None:
    """Raise unless there is one potential, or a tuple of them."""
    listed = (potentials,) if isinstance(potentials, Potential) else potentials
    if not isinstance(listed, tuple | list) or not all(isinstance(kind, Potential) for kind in listed):
        raise TypeError(f"potentials must be a Potential or a tuple with one per player, got {potentials!r}.")


def projections_of(potentials: Potential | tuple[Potential, ...]) -> Projections:
    """Return the projections onto the players' sets."""
    if isinstance(potentials, Potential):
        return potentials.projection
    return tuple(kind.projection for kind in potentials)


def each_of(potentials: Potential | tuple[Potential, ...], players: Players) -> tuple[Potential, ...]:
    """Return one potential per player."""
    require_players("a geometry", players)
    if isinstance(potentials, Potential):
        return (potentials,) * len(players)
    if len(potentials) != len(players):
        raise ValueError(
            f"potentials must have one entry per player, got {len(potentials)} for {len(players)} players. "
            "Give one Potential for all, or a tuple of them."
        )
    return potentials
