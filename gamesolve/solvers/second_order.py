"""Named solvers that use products with the game's Jacobian."""

import optax

from gamesolve import rates, transforms
from gamesolve.parametric import parametric


@parametric
def conopt(
    learning_rate: rates.Rates,
    gamma: rates.Rates,
    groups: int | str | None = None,
    population: int | None = None,
) -> optax.GradientTransformation:
    """Consensus optimisation: descend ``gamma/2 ||v||^2`` as well.

    One step is ``z + E (v - gamma J^T v)``, the regulariser with the half as in the paper and its code. On bilinear
    games it is stable iff ``eta < 2 gamma / (1 + gamma^2 s^2)``.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.
        gamma: weight of the regulariser, likewise.
        groups: how a minibatch is used: None for the plain form, which is biased; G >= 2 for the unbiased form over
            that many groups of the batch, ``"all"`` over all pairs of examples, ``"draws"`` over independent draws.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.conopt(0.5, gamma=1.0), (1.0, 0.0), 1).players]
        [0.5, 0.5]

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NeurIPS 2017, https://arxiv.org/abs/1705.10461
    """
    return optax.chain(transforms.consensus(gamma, groups, population), transforms.descend(learning_rate))


@parametric
def cgd(
    learning_rate: rates.Rates,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Competitive gradient descent: the Nash equilibrium of the local bilinear game, for any number of players.

    The move solves ``(I - E J_o) move = E v``. On bilinear games it converges for every step size, with
    spectral radius ``1 / sqrt(1 + eta_x eta_y s_min^2)``; the diagonal blocks are explicit, so that
    strongly curved payoffs of one player bound the step size.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.cgd(1.0), (1.0, 0.0), 1).players]
        [0.5, 0.5]

    Reference:
        Schaefer, Anandkumar, "Competitive Gradient Descent", NeurIPS 2019, https://arxiv.org/abs/1905.12103;
        for n players Ma et al., "Polymatrix Competitive Gradient Descent", 2021, https://arxiv.org/abs/2111.08565
    """
    step = transforms.competitive(learning_rate, None, tolerance, max_iterations, forcing)
    return optax.chain(step, transforms.descend(learning_rate))


@parametric
def acgd(
    learning_rate: rates.Rates,
    decay: float = 0.99,
    eps: float = 1e-5,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Adaptive competitive gradient descent: `cgd` with an RMSProp metric inside the solve.

    The move solves ``(I - D J_o) move = D v`` with ``D = eta sqrt(1 - decay^t) / (sqrt(s_t) + eps)`` and
    ``s_t = decay s_(t-1) + (1 - decay) v^2``.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.
        decay: decay of the moving average of squared gradients.
        eps: added to its root, outside the bias correction.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [round(float(player), 3) for player in gs.solve(game, gs.acgd(0.5), (1.0, 1.0), 1).players]
        [0.4, 1.2]

    Reference:
        Schaefer, Zheng, Anandkumar, "Implicit competitive regularization in GANs", ICML 2020,
        https://arxiv.org/abs/1910.05852
    """
    metric = transforms.rms_metric(decay, eps)
    step = transforms.competitive(learning_rate, metric, tolerance, max_iterations, forcing)
    return optax.chain(step, transforms.descend(learning_rate))
