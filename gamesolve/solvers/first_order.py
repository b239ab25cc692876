"""Named solvers that use fields only."""

from typing import Any

import optax

from gamesolve import rates, transforms
from gamesolve.parametric import parametric
from gamesolve.turns import alternating, for_each


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


@parametric
def extragradient(
    learning_rate: rates.Rates, extrapolation: Any = None, projections: Any = None
) -> optax.GradientTransformation:
    """Extragradient: step with the field at the point that a trial step reaches.

    One step is ``z + E v(z + E' v(z))``. On bilinear games with ``u = eta s`` the squared spectral radius is
    ``1 - u^2 + u^4``: stable for ``u < 1``, best at ``u = 1 / sqrt(2)``. In stochastic games both fields see one draw
    (same-sample extragradient); with ``sampling.several(sample, 2)`` each sees its own (independent samples).

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        extrapolation: step size E' of the trial step, likewise; E unless given.
        projections: one function per player that maps its parameters to its set, or None for a free player; the trial
            point and the next one are both projected.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.extragradient(0.5), (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Korpelevich, "The extragradient method for finding saddle points and other problems", Matecon 1976.
    """
    trial = learning_rate if extrapolation is None else extrapolation
    step = optax.chain(transforms.extrapolate(trial, projections), transforms.descend(learning_rate))
    return step if projections is None else optax.chain(step, transforms.project(projections))


@parametric
def ogda(learning_rate: rates.Rates, correction: Any = None, zero_start: bool = False) -> optax.GradientTransformation:
    """Optimistic gradient descent: add what the field has changed by since the last step.

    One step is ``z + E v_t + W (v_t - v_(t-1))``. The field before the first step is taken equal to the first
    one, so that the first step is plain. On bilinear games it is stable for ``eta s < 1 / sqrt(3)`` and best at
    ``eta s = 1/2``, with spectral radius ``1 / sqrt(2)``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        correction: W, likewise; E unless given.
        zero_start: take ``v_(-1) = 0``, as some codes do: the first step is then ``(E + W) v_0``.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.ogda(0.5), (1.0, 0.0), 2).players]
        [0.5, 1.0]

    Reference:
        Popov, "A modification of the Arrow-Hurwicz method", 1980; Daskalakis et al., "Training GANs with Optimism",
        ICLR 2018, https://arxiv.org/abs/1711.00141
    """
    return transforms.optimism(learning_rate, correction, zero_start)
