"""Who moves when: each player by its own transformation, all at once or in turn."""

from collections.abc import Callable
from typing import Any

import optax

from gamesolve.game import Game
from gamesolve.solver import parametric, with_game
from gamesolve.transforms._base import alone, whole


@parametric
def per_player(*transformations: Any) -> optax.GradientTransformationExtraArgs:
    """Give each player an optax transformation of its own; all move at once.

    Args:
        *transformations: one optax transformation per player. They see their own player only, so a part that looks
            at the game stands before `per_player` in a chain.

    Returns:
        The transformation.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.consensus(1.0), gs.per_player(optax.adam(1e-3), optax.sgd(0.1)))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> bool(gs.solve(game, solver, (1.0, 1.0), 10).status == gs.Status.BUDGET)
        True
    """
    parts = tuple(map(with_game, transformations))

    def init(params: Any) -> tuple[Any, ...]:
        _check_count("per_player", parts, params)
        return tuple(part.init(entry) for part, entry in zip(parts, params, strict=True))

    def update(
        updates: Any, state: Any, params: Any = None, *, game: Game | None = None, **extra_args: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        del game  # one player's part can't look at the game; without it, it says so
        entries = (None,) * len(parts) if params is None else params
        pairs = [
            part.update(u, own, entry, **extra_args)
            for part, u, own, entry in zip(parts, updates, state, entries, strict=True)
        ]
        moves, states = zip(*pairs, strict=True)
        return moves, states

    return optax.GradientTransformationExtraArgs(init, update)


@parametric
def alternating(*transformations: Any, order: tuple[int, ...] | None = None) -> optax.GradientTransformationExtraArgs:
    """Let the players move in turn, each seeing the moves before it.

    All turns of a step see one draw of the data, or each its own if several are bound (`sampling.several`).

    Args:
        *transformations: one optax transformation per player; they see their own player only.
        order: who moves, for example ``(1, 1, 0)`` for two moves of player 1 before one of player 0; each player
            once, in order, unless given. One step is the whole order; a schedule inside counts its player's moves.

    Returns:
        The transformation; it stands first in a chain, since it takes the field again after each move.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = gs.alternating(optax.sgd(0.5), optax.sgd(0.5))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, solver, (1.0, 1.0), 1).players]
        [0.5, 1.25]
    """
    parts = tuple(map(with_game, transformations))
    turns = tuple(range(len(parts))) if order is None else order
    if not parts:
        raise ValueError("alternating got no transformations; give one per player.")
    if not isinstance(turns, tuple) or not all(isinstance(player, int) for player in turns):
        raise TypeError(f"order is {turns!r}; give a tuple of player numbers, such as (1, 1, 0).")
    if not turns or not set(turns) <= set(range(len(parts))):
        raise ValueError(f"order is {turns} for {len(parts)} players; name players from 0 to {len(parts) - 1}.")

    def init(params: Any) -> tuple[Any, ...]:
        _check_count("alternating", parts, params)
        return tuple(part.init(entry) for part, entry in zip(parts, params, strict=True))

    def update(
        updates: Any, state: Any, params: Any = None, *, game: Game | None = None, **extra_args: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        game, players = whole("alternating", game, updates, params)
        states = list(state)
        moves = [optax.tree.zeros_like(entry) for entry in players]
        for turn, mover in enumerate(turns):
            u = updates[mover]
            if turn:
                (ascent,) = game.draw(turn).gradients(players, (mover,))
                u = optax.tree.scale(-1, ascent)
            move, states[mover] = parts[mover].update(u, states[mover], players[mover], **extra_args)
            moved = optax.apply_updates(players[mover], move)
            players = (*players[:mover], moved, *players[mover + 1 :])
            moves[mover] = move if mover not in turns[:turn] else optax.tree.add(moves[mover], move)
        return tuple(moves), tuple(states)

    return optax.GradientTransformationExtraArgs(init, update)


def for_each(
    build: Callable[[int], optax.GradientTransformationExtraArgs],
) -> optax.GradientTransformationExtraArgs:
    """Return a transformation whose form depends on the number of players, which is known when players arrive."""

    def init(params: Any) -> Any:
        if not isinstance(params, tuple):
            raise ValueError(alone("a solver that moves in turn"))
        return build(len(params)).init(params)

    def update(updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        return build(len(updates)).update(updates, state, params, **extra_args)

    return optax.GradientTransformationExtraArgs(init, update)


def _check_count(name: str, parts: tuple[Any, ...], params: Any) -> None:
    if not isinstance(params, tuple) or len(params) != len(parts):
        found = f"{len(params)} players" if isinstance(params, tuple) else f"a {type(params).__name__}"
        raise ValueError(f"{name} has {len(parts)} transformations for {found}; give one per player.")
