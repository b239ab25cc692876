"""Methods for monotone games: project onto sets."""

import optax

from gamesolve import transforms
from gamesolve.driving.sets import Projections
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = [
    "forward_backward_forward",
    "forward_reflected_backward",
]


@declare(
    formula="w + E (v(w) - v(z)), w = P(z + E v)",
    paper="Tseng 2000",
    cost=Cost(fields=2),
)
@parametric
def forward_backward_forward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformation:
    """Step forward, project, and correct by a second forward step: Tseng's splitting.

    ``w = project(z + E v(z))`` and ``z <- w + E (v(w) - v(z))``; without projections it equals `extragradient`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.forward_backward_forward(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tseng, "A Modified Forward-Backward Splitting Method for Maximal Monotone Mappings", SICON 2000.
    """
    return transforms.forward_backward_forward(learning_rate, projections)


@declare(formula="P(z + E (2 v_t - v_(t-1)))", paper="Malitsky, Tam 2020", cost=Cost())
@parametric
def forward_reflected_backward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformation:
    """Step with the reflected field and project: one field evaluation and one projection per step.

    ``z <- project(z + E (2 v_t - v_(t-1)))`` with ``v_(-1) = v_0``; without projections it equals `ogda`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.forward_reflected_backward(0.5), (1.0, 0.0), 2)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 1.0]

    Reference:
        Malitsky, Tam, "A Forward-Backward Splitting Method for Monotone Inclusions Without Cocoercivity", SIOPT
        2020, https://arxiv.org/abs/1808.04162
    """
    return optax.chain(transforms.optimism(learning_rate), transforms.project(projections))
