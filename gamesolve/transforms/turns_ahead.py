"""Steps in turn, against extrapolated moves of the others."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.driving import sets
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import require_game, require_players
from gamesolve.transforms._origin import LAST, require_origin
from gamesolve.transforms.geometry import check_projections
from gamesolve.trees import Marks, Players, PyTree, State, Updates


class AlexState(NamedTuple):
    """State of `alex_gda`: step count for schedules, and the extrapolated points of all players but the first."""

    rates: State
    ahead: Players


@parametric
def alex_gda(
    learning_rate: rates.Rates, gamma: float = 1.5, delta: float = 1.5, projections: Projections = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the moves of alternating-extrapolation GDA: in turn, against the others' extrapolated points.

    `gamesolve.alex_gda` states the formula.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        gamma: extrapolation factor of the first player's moves.
        delta: extrapolation factor of the other players' moves.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

    Returns:
        The transformation; it needs ``game=`` and all players, and stands first in a chain, since it takes the
        gradients itself. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.alex_gda(0.5), (1.0, 1.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 1.125]

    Reference:
        Lee, Cho, Yun, "Fundamental Benefit of Alternating Updates in Minimax Optimization", ICML 2024,
        https://arxiv.org/abs/2402.10475
    """
    rates.check("learning_rate", learning_rate)
    check_number("gamma", gamma)
    check_number("delta", delta)
    check_projections(projections)

    def init(params: PyTree) -> AlexState:
        _, *others = jax.tree.map(jnp.asarray, require_players("alex_gda", params))
        sets.declare(projections, params)
        return AlexState(rates.init(learning_rate), tuple(others))

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **_: object,
    ) -> tuple[Updates, AlexState]:
        game, players = require_game("alex_gda", game, updates, params)
        require_origin("alex_gda", updates, grad, marks, order=LAST)
        etas = rates.spread(rates.current(learning_rate, state.rates), len(players))
        ahead, moves = [players[0], *state.ahead], []
        for mover, (player, eta) in enumerate(zip(players, etas, strict=True)):
            (ascent,) = game.draw(mover).gradients((*ahead[:mover], player, *ahead[mover + 1 :]), (mover,))
            move = rates.times(eta, ascent)
            if projections is not None:
                goals = (*players[:mover], optax.tree.add(player, move), *players[mover + 1 :])
                move = optax.tree.sub(sets.projected(projections, goals)[mover], player)
            moves.append(move)
            ahead[mover] = optax.tree.add(player, rates.times(delta if mover else gamma, moves[mover]))
        return tuple(moves), AlexState(rates.advance(state.rates), tuple(ahead[1:]))

    return optax.GradientTransformationExtraArgs(init, update)
