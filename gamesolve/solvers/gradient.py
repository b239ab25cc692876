"""Plain gradients: each player follows its own gradient, all at once or in turn."""

import jax
import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates
from gamesolve.transforms.turns import alternating, for_each

__all__ = ["altgd", "simgd", "slingshot"]

# Heavy-ball factors: of any sign, or complex.
Momentum = complex | jax.Array | tuple[complex | jax.Array, ...]


@declare(formula="z + E v", paper="Arrow, Hurwicz, Uzawa 1958", cost=Cost())
@parametric
def simgd(learning_rate: rates.Rates, momentum: Momentum | None = None) -> optax.GradientTransformation:
    """Follow all gradients at once: simultaneous gradient descent, optionally with heavy-ball momentum.

    One step is ``z + E v``; with momentum ``m <- beta m + v`` and ``z + E m``. On bilinear games it diverges for every
    step size, with spectral radius ``sqrt(1 + eta_x eta_y s^2)``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        momentum: beta: a number of any sign, a complex number (the buffer is complex, and its real part moves the
            players), an array, or a tuple with one of those per player. Default: no momentum.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.simgd(0.5), (1.0, 1.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 1.5]

    Reference:
        Arrow, Hurwicz, Uzawa, "Studies in Linear and Non-Linear Programming", 1958; for complex momentum Lorraine et
        al., "Complex Momentum for Optimization in Games", AISTATS 2022, https://arxiv.org/abs/2102.08431
    """
    step = transforms.descend(learning_rate)
    return step if momentum is None else optax.chain(transforms.heavy_ball(momentum), step)


@declare(formula="z_i + E_i v_i(newest z), i in turn", paper="Gidel et al. 2019", cost=Cost())
@parametric
def altgd(
    learning_rate: rates.Rates, momentum: Momentum | None = None, order: tuple[int, ...] | None = None
) -> optax.GradientTransformationExtraArgs:
    """Follow the gradients in turn: alternating gradient descent, in which each player sees the others' newest moves.

    On bilinear games the iterates stay on an ellipse for ``eta_x eta_y s^2 < 4``; with negative momentum they converge.

    Args:
        learning_rate: step size E, see `transforms.rates`; a schedule counts each player's own moves.
        momentum: heavy-ball factor as in `simgd`. Default: no momentum.
        order: players that move within one step, in order, for example ``(1, 1, 0)``. Default: each player once.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.altgd(0.5), (1.0, 1.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 1.25]

    Reference:
        Gidel et al., "Negative Momentum for Improved Game Dynamics", AISTATS 2019, https://arxiv.org/abs/1807.04740
    """
    rates.check("learning_rate", learning_rate)
    if momentum is not None:
        rates.check_signed("momentum", momentum, or_complex=True)

    def build(players: int) -> optax.GradientTransformationExtraArgs:
        etas = rates.spread(learning_rate, players)
        betas = rates.spread(momentum, players, "momentum")
        return alternating(*map(simgd, etas, betas), order=order)

    return for_each(build)


@declare(
    formula="z + s E v, s = (1, -1) in even steps and (-1, 1) in odd ones",
    paper="Shugart, Altschuler 2025",
    cost=Cost(),
    rated=False,
)
@parametric
def slingshot(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Step forwards with one player and backwards with the other, and swap them in the next step: slingshot steps.

    The first step is ``(x + eta v_x, y - eta v_y)`` and the second one ``(x - eta v_x, y + eta v_y)``; the signs have
    period two. On a quadratic zero-sum game with the symmetric Hessian H of its function, a pair of steps multiplies
    the distance to the equilibrium by ``I - eta^2 H^2``. So it converges if ``eta |lambda| < sqrt(2)`` for all
    eigenvalues lambda of H and none is zero; on bilinear games these are plus and minus the singular values s, and the
    rate per step is ``sqrt(|1 - eta^2 s^2|)``. As `hamiltonian` does, it approaches zeros of the field of every kind.

    Args:
        learning_rate: size eta of both players' steps, see `transforms.rates`. A schedule should keep its value for
            both steps of a pair, as ``lambda count: sizes[count // 2]`` does.

    Returns:
        The solver, for two players.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.slingshot(0.5), (1.0, 1.0), 2)
        >>> [float(player) for player in solution.players]
        [0.75, 0.75]
        >>> value = gs.analysis.rate(game, gs.slingshot(0.5), (0.0, 0.0))
        >>> round(float(value), 4)  # sqrt(1 - 0.5^2)
        0.866

    Reference:
        Shugart, Altschuler, "Negative Stepsizes Make Gradient-Descent-Ascent Converge", 2025,
        https://arxiv.org/abs/2505.01423
    """
    return transforms.slingshot(learning_rate)
