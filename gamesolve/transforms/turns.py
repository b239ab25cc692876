"""Who moves when: each player by its own transformation, all at once or in turn."""

from collections.abc import Callable

import optax

from gamesolve.checks import check_moves
from gamesolve.driving.sets import only
from gamesolve.game import Game
from gamesolve.solver import parametric, with_game
from gamesolve.transforms._base import is_partial, require_game, require_players
from gamesolve.transforms._losses import asked
from gamesolve.transforms._origin import IN_TURN, require_origin
from gamesolve.trees import Marks, Players, PyTree, State, Updates


@parametric
def per_player(*transformations: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Give each player its own optax transformation; all players move at once.

    Args:
        *transformations: one optax transformation per player. Each sees only its own player, so a part that looks at
            the game must come before `per_player` in a chain. Line searches and others that ask for ``value=``,
            ``grad=`` or ``value_fn=`` get the player's loss, its negated payoff, with the other players fixed.

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

    def init(params: PyTree) -> tuple[State, ...]:
        _check_count("per_player", parts, params)
        return _first_states(parts, params)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Players, tuple[State, ...]]:
        del marks  # they are for parts that look at the game, which say that one player is not enough
        sighted = None if params is None or is_partial((updates, params)) else game
        players, gradients = ((None,) * len(parts) if tree is None else tree for tree in (params, grad))
        moves, states = [], []
        for number, entries in enumerate(zip(parts, updates, state, players, gradients, strict=True)):
            part, u, own, player, gradient = entries
            loss = {} if sighted is None else asked(sighted, players, number)
            with only(number):
                move, own = part.update(u, own, player, grad=gradient, **loss | extra_args)
            moves.append(move)
            states.append(own)
        return tuple(moves), tuple(states)

    return optax.GradientTransformationExtraArgs(init, update)


@parametric
def alternating(
    *transformations: optax.GradientTransformation, order: tuple[int, ...] | None = None
) -> optax.GradientTransformationExtraArgs:
    """Let the players move in turn, each seeing the moves before it.

    All turns of a step see one draw of the data, or each its own draw if several are bound (`sampling.several`).

    Args:
        *transformations: one optax transformation per player; each sees only its own player, and its own loss as in
            `per_player`, after the moves before it.
        order: the players in the order of their moves, such as ``(1, 1, 0)`` for two moves of player 1 before one of
            player 0. One step is the whole order; a schedule inside counts the moves of its player. Default: each
            player once, in order.

    Returns:
        The transformation. It goes first in a chain, because it evaluates the field again after each move.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = gs.alternating(optax.sgd(0.5), optax.sgd(0.5))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, solver, (1.0, 1.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 1.25]
    """
    parts = tuple(map(with_game, transformations))
    turns = tuple(range(len(parts))) if order is None else order
    if not parts:
        raise ValueError("alternating needs transformations, one per player, got none.")
    if not isinstance(turns, tuple) or not all(isinstance(player, int) for player in turns):
        raise TypeError(f"order must be a tuple of player numbers such as (1, 1, 0), got {turns!r}.")
    if not turns or not set(turns) <= set(range(len(parts))):
        raise ValueError(f"order must name players from 0 to {len(parts) - 1}, got {turns}.")

    def init(params: PyTree) -> tuple[State, ...]:
        _check_count("alternating", parts, params)
        return _first_states(parts, params)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Players, tuple[State, ...]]:
        game, players = require_game("alternating", game, updates, params)
        if len(turns) > 1:
            require_origin("alternating", updates, grad, marks, order=IN_TURN)
        states = list(state)
        moves = [optax.tree.zeros_like(entry) for entry in players]
        for turn, mover in enumerate(turns):
            seen = game.draw(turn)
            if turn:
                (ascent,) = seen.gradients(players, (mover,))
                u = gradient = optax.tree.scale(-1, ascent)
            else:
                u, gradient = updates[mover], None if grad is None else grad[mover]
            loss = asked(seen, players, mover)
            with only(mover):
                move, states[mover] = parts[mover].update(
                    u, states[mover], players[mover], grad=gradient, **loss | extra_args
                )
            check_moves(move, players[mover])
            moved = optax.apply_updates(players[mover], move)
            players = (*players[:mover], moved, *players[mover + 1 :])
            moves[mover] = move if mover not in turns[:turn] else optax.tree.add(moves[mover], move)
        return tuple(moves), tuple(states)

    return optax.GradientTransformationExtraArgs(init, update)


def for_each(
    build: Callable[[int], optax.GradientTransformationExtraArgs],
) -> optax.GradientTransformationExtraArgs:
    """Return a transformation that depends on the number of players, which is known only when players arrive."""

    def init(params: PyTree) -> State:
        return build(len(require_players("a solver that moves in turn", params))).init(params)

    def update(updates: Updates, state: State, params: PyTree = None, **extra_args: object) -> tuple[Updates, State]:
        return build(len(updates)).update(updates, state, params, **extra_args)

    return optax.GradientTransformationExtraArgs(init, update)


def _first_states(parts: tuple[optax.GradientTransformation, ...], params: Players) -> tuple[State, ...]:
    """Initialise each part with its own player."""
    states = []
    for number, (part, player) in enumerate(zip(parts, params, strict=True)):
        with only(number):
            states.append(part.init(player))
    return tuple(states)


def _check_count(name: str, parts: tuple[optax.GradientTransformation, ...], params: PyTree) -> None:
    if not isinstance(params, tuple) or len(params) != len(parts):
        found = f"{len(params)} players" if isinstance(params, tuple) else f"a {type(params).__name__}"
        raise ValueError(f"{name} needs one transformation per player, got {len(parts)} for {found}.")
