"""Named solvers that adjust the field by products with its Jacobian."""

from typing import Any

import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def jare(
    learning_rate: rates.Rates,
    gamma: rates.Rates,
    groups: int | str | None = None,
    population: int | None = None,
) -> optax.GradientTransformation:
    """Jacobian regularisation between the players: consensus without their own curvatures.

    One step is ``z + E (v - gamma J_o^T v)``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        gamma: weight of the regulariser, likewise.
        groups: how a minibatch is used: None for the plain form, which is biased; G >= 2 for the unbiased form over
            that many groups of the batch, ``"all"`` over all pairs of examples, ``"draws"`` over independent draws.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.jare(0.5, gamma=1.0), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Nie, Patel, "Towards a Better Understanding and Regularization of GAN Training Dynamics", UAI 2019,
        https://arxiv.org/abs/1806.09235
    """
    return optax.chain(transforms.jare(gamma, groups, population), transforms.descend(learning_rate))


@parametric
def hamiltonian(
    learning_rate: rates.Rates, groups: int | str | None = None, population: int | None = None
) -> optax.GradientTransformation:
    """Hamiltonian descent: descend ``||v||^2 / 2`` alone, towards any zero of the field.

    One step is ``z - E J^T v``; on bilinear games it is stable iff ``eta < 2 / s^2``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        groups: how a minibatch is used: None for the plain form, which is biased; G >= 2 for the unbiased form over
            that many groups of the batch, ``"all"`` over all pairs of examples, ``"draws"`` over independent draws.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.hamiltonian(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.0]

    Reference:
        Abernethy, Lai, Wibisono, "Last-iterate convergence rates for min-max optimization", 2019,
        https://arxiv.org/abs/1906.02027
    """
    return optax.chain(transforms.hamiltonian(groups, population), transforms.descend(learning_rate))


@parametric
def sga(
    learning_rate: rates.Rates,
    lam: rates.Rates = 1.0,
    align: bool = False,
    eps: float = 0.1,
    groups: int | str | None = None,
    population: int | None = None,
) -> optax.GradientTransformation:
    """Symplectic gradient adjustment: turn the field by the antisymmetric part of its Jacobian.

    One step is ``z + E (I + lambda A) v``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        lam: lambda, likewise.
        align: whether lambda takes the sign of the paper's alignment rule, see `transforms.symplectic`.
        eps: that rule's preference for the positive sign.
        groups: how a minibatch is used: None for the plain form, which is biased; G >= 2 for the unbiased form over
            that many groups of the batch, ``"all"`` over all pairs of examples, ``"draws"`` over independent draws.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.sga(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    return optax.chain(transforms.symplectic(lam, align, eps, groups, population), transforms.descend(learning_rate))


@parametric
def crossing_the_curl(
    learning_rate: rates.Rates,
) -> optax.GradientTransformation:
    """Crossing the curl: move at right angles to the field's rotation.

    One step is ``z + E (J - J^T) v``; it needs a field with rotation in every direction.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.crossing_the_curl(0.25), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.0]

    Reference:
        Gemp, Mahadevan, "Global Convergence to the Equilibrium of GANs using Variational Inequalities", 2018,
        https://arxiv.org/abs/1808.01531
    """
    return optax.chain(transforms.crossing_the_curl(), transforms.descend(learning_rate))


@parametric
def lead(learning_rate: rates.Rates, alpha: rates.Rates, beta: Any) -> optax.GradientTransformation:
    """Least action dynamics: momentum, and a force from the others' last change.

    One step is ``z + beta d + E v + alpha J_o d`` with ``d = z - z_prev``, ``z_(-1) = z_0``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        alpha: weight of the others' change: a number, an array, or a tuple with one of those per player.
        beta: momentum, likewise, of any sign.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.lead(0.5, alpha=0.5, beta=0.0), (1.0, 0.0), 2)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 1.0]

    Reference:
        Hemmat et al., "LEAD: Min-Max Optimization from a Physical Perspective", TMLR 2023,
        https://arxiv.org/abs/2010.13846
    """
    return transforms.lead(learning_rate, alpha, beta)


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
