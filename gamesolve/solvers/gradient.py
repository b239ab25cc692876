"""Named solvers that use fields only."""

from typing import Any

import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms.turns import alternating, for_each


@parametric
def simgd(learning_rate: rates.Rates, momentum: Any = None) -> optax.GradientTransformation:
    """Simultaneous gradient descent, with heavy-ball momentum if wanted.

    One step is ``z + E v``; with momentum ``m <- beta m + v`` and ``z + E m``. On bilinear games it diverges
    for every step size, with spectral radius ``sqrt(1 + eta_x eta_y s^2)``.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.
        momentum: beta: a number of any sign, a complex number (the buffer is complex, its real part moves the
            players), an array, or a tuple with one of those per player.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.simgd(0.5), (1.0, 1.0), 1).players]
        [0.5, 1.5]

    Reference:
        Arrow, Hurwicz, Uzawa, "Studies in Linear and Non-Linear Programming", 1958; for complex momentum Lorraine et
        al., "Complex Momentum for Optimization in Games", AISTATS 2022, https://arxiv.org/abs/2102.08431
    """
    step = transforms.descend(learning_rate)
    return step if momentum is None else optax.chain(transforms.heavy_ball(momentum), step)


@parametric
def altgd(
    learning_rate: rates.Rates, momentum: Any = None, order: tuple[int, ...] | None = None
) -> optax.GradientTransformationExtraArgs:
    """Alternating gradient descent: the players move in turn, each seeing the newest others.

    On bilinear games it stays on an ellipse for ``eta_x eta_y s^2 < 4``; with negative momentum it converges.

    Args:
        learning_rate: step size: a number, an optax schedule (it counts each player's own moves), an array, or a
            tuple with one of those per player.
        momentum: heavy-ball factor as in `simgd`.
        order: who moves in one step, for example ``(1, 1, 0)``; each player once, in order, unless given.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.altgd(0.5), (1.0, 1.0), 1).players]
        [0.5, 1.25]

    Reference:
        Gidel et al., "Negative Momentum for Improved Game Dynamics", AISTATS 2019, https://arxiv.org/abs/1807.04740
    """
    rates.check("learning_rate", learning_rate)
    if momentum is not None:
        rates.check_signed("momentum", momentum)

    def build(players: int) -> optax.GradientTransformationExtraArgs:
        etas = rates.spread(learning_rate, players)
        betas = rates.spread(momentum, players, "momentum")
        return alternating(*map(simgd, etas, betas), order=order)

    return for_each(build)
