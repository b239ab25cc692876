"""Parts for monotone games: operator splitting."""

import optax

from gamesolve.driving.sets import Projections, declare, projected
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part
from gamesolve.transforms.geometry import check_projections
from gamesolve.trees import Players, PyTree


@parametric
def forward_backward_forward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of Tseng's splitting: forward, backward (the projection), forward.

    ``w = project(z + E v(z))`` and the next players are ``w + E (v(w) - v(z))``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.forward_backward_forward(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tseng, "A Modified Forward-Backward Splitting Method for Maximal Monotone Mappings", SICON 2000.
    """
    check_projections(projections)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        middle = projected(projections, optax.tree.sub(step.players, rates.times(step.rates, step.u)))
        change = optax.tree.add(step.game.draw(1).gradients(middle), step.u)
        return optax.tree.add(optax.tree.sub(middle, step.players), rates.times(step.rates, change)), memory

    def start(players: Players) -> optax.EmptyState:
        declare(projections, players)
        return optax.EmptyState()

    return part("forward_backward_forward", formula, learning_rate, coefficient="learning_rate", memory=start)
