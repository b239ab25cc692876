"""The sets that players live in: parts of a solver apply them, and a run with ``tol`` asks for them.

At a solution on a convex set the field need not vanish. What vanishes is the natural residual ``z - P(z + v)``, where P
projects onto the set. Parts that keep players in sets declare them in ``init``, so `declared_by` finds them in any
composition of transformations. `only` marks that the parts inside see one player, as those in ``per_player`` do.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks.calls import called
from gamesolve.trees import Players, PyTree

Projection: TypeAlias = Callable[[PyTree], PyTree]
# One projection per player, with None for an unconstrained player, or one for each player; None for no sets at all.
Projections: TypeAlias = Projection | tuple[Projection | None, ...] | None


# Entries that a projection moves by at most this many rounding errors are inside the set.
ROUNDING = 4


class Declared(NamedTuple):
    """A projection and where it applies: entry i of the players, or entry j of that entry."""

    path: tuple[int, ...]
    projection: Projection


class _Scope(NamedTuple):
    """Where the part that is running stands: the entry of the players that it sees, and where to declare its sets."""

    path: tuple[int, ...] = ()
    declared: list[Declared] | None = None


_NOBODY_ASKS = _Scope()
_scope: ContextVar[_Scope] = ContextVar("scope", default=_NOBODY_ASKS)


@contextlib.contextmanager
def only(player: int) -> Iterator[None]:
    """Mark that the parts that run inside see this player alone."""
    outer = _scope.get()
    with _within(outer._replace(path=(*outer.path, player))):
        yield


def is_single(players: PyTree) -> bool:
    """Return whether the part that is running sees one player, and not the tuple of all players."""
    return bool(_scope.get().path) or not isinstance(players, tuple)


def declare(projections: Projections, players: PyTree) -> None:
    """Declare the sets of the part that is being initialised, if `declared_by` asks for them."""
    path, declared = _scope.get()
    if declared is None:
        return
    if is_single(players):
        found = [(path or (0,), _for_one(projections))]
    else:
        each = zip(_for_all(projections, len(players)), players, strict=True)
        found = [((i,), projection if jax.tree.leaves(z) else None) for i, (projection, z) in enumerate(each)]
    declared.extend(Declared(place, projection) for place, projection in found if projection is not None)


def declared_by(solver: optax.GradientTransformation, players: Players) -> tuple[Declared, ...]:
    """Return the sets in which a solver keeps the players, in the order in which its parts apply them."""
    declared: list[Declared] = []
    with _within(_Scope(declared=declared)):
        solver.init(players)
    return tuple(declared)


def of_players(projections: Projections, players: Players) -> tuple[Declared, ...]:
    """Return the sets that projections of all players stand for."""
    each = enumerate(_for_all(projections, len(players)))
    return tuple(Declared((i,), projection) for i, projection in each if projection is not None)


def natural_residual(declared: tuple[Declared, ...], players: Players, u: Players) -> Players:
    """Return ``z - P(z - u)``, which is u for players without sets.

    Entries that P does not move count as u, because rounding in z - u may lose a small field beside large players.
    """
    if not declared:
        return u
    ahead = optax.tree.sub(players, u)
    target = ahead
    for path, projection in declared:
        target = _replaced(target, path, projection)

    def entries(z: jax.Array, own: jax.Array, ahead: jax.Array, target: jax.Array) -> jax.Array:
        held = jnp.abs(ahead - target) > ROUNDING * jnp.finfo(ahead.dtype).eps * jnp.abs(ahead)
        return jnp.where(held, z - target, own)

    return jax.tree.map(entries, players, u, ahead, target)


def projected(projections: Projections, players: PyTree) -> PyTree:
    """Project each player onto its set, or the only player in sight onto its own."""
    if projections is None:
        return players
    if is_single(players):
        return _onto(_for_one(projections), players)
    return tuple(map(_onto, _for_all(projections, len(players)), players))


def _for_all(projections: Projections, number: int) -> tuple[Projection | None, ...]:
    """Return one projection per player."""
    if projections is None or callable(projections):
        return (projections,) * number
    if len(projections) != number:
        raise ValueError(
            f"projections must have one entry per player, got {len(projections)} for {number} players. "
            "Give None for an unconstrained player."
        )
    return projections


def _for_one(projections: Projections) -> Projection | None:
    """Return the projection of the only player in sight."""
    if projections is None or callable(projections):
        return projections
    if len(projections) != 1:
        raise ValueError(
            f"projections must be one function inside per_player or alternating, got {len(projections)} of them. "
            "Give each player's transformation its own."
        )
    return projections[0]


def _onto(projection: Projection | None, player: PyTree) -> PyTree:
    """Project one player, or raise if the result is not shaped as the player."""
    if projection is None or not jax.tree.leaves(player):  # optax masks players that other parts move
        return player
    hint = "Write lambda player: ..."
    result = called("a projection", projection, player, takes="the player's parameters", hint=hint)
    if jax.tree.structure(result) != jax.tree.structure(player):
        raise ValueError(f"a projection must return a pytree like the player, got {jax.tree.structure(result)}.")

    def like(point: PyTree, leaf: PyTree) -> jax.Array:
        if jnp.shape(point) != jnp.shape(leaf) or jnp.iscomplexobj(point):
            raise ValueError(
                f"a projection must return real arrays shaped as the player's, got {jnp.result_type(point)} of shape "
                f"{jnp.shape(point)} for shape {jnp.shape(leaf)}."
            )
        return jnp.asarray(point, jnp.result_type(leaf))

    return jax.tree.map(like, result, player)


def _replaced(tree: PyTree, path: tuple[int, ...], projection: Projection) -> PyTree:
    """Return nested tuples with the entry at a path projected."""
    if not path:
        return _onto(projection, tree)
    first, *rest = path
    return (*tree[:first], _replaced(tree[first], tuple(rest), projection), *tree[first + 1 :])


@contextlib.contextmanager
def _within(scope: _Scope) -> Iterator[None]:
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)
