"""Adjusted gradients: correct the field by one or two products with its Jacobian."""

import jax
import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = ["conopt", "crossing_the_curl", "hamiltonian", "jare", "lead", "sga"]


@declare(
    formula="z + E (v - γ Jᵀ v)",
    paper="Mescheder, Nowozin, Geiger 2017",
    cost=Cost(vjps=1),
    arguments={"gamma": 1.0},
)
@parametric
def conopt(
    learning_rate: rates.Rates,
    gamma: rates.Rates,
    groups: int | str | None = None,
    population: int | None = None,
) -> optax.GradientTransformation:
    """Descend ``gamma/2 ||v||^2`` besides the players' losses: consensus optimisation.

    One step is ``z + E (v - gamma J^T v)``; the regulariser has the factor 1/2 of the paper and its code. On bilinear
    games it is stable iff ``eta < 2 gamma / (1 + gamma^2 s^2)``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        gamma: weight of the regulariser, as for ``learning_rate``.
        groups: estimator on minibatches: None for the plain form, which is biased; G >= 2 for the unbiased form over
            G groups of the batch; ``"all"`` over all pairs of examples; ``"draws"`` over independent draws.
            Default: None.
        population: number of examples from which batches are drawn without replacement; only with ``groups``.
            Default: None.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.conopt(0.5, gamma=1.0), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NeurIPS 2017, https://arxiv.org/abs/1705.10461
    """
    return optax.chain(transforms.consensus(gamma, groups, population), transforms.descend(learning_rate))


@declare(formula="z + E (v - γ J_oᵀ v)", paper="Nie, Patel 2019", cost=Cost(vjps=1), arguments={"gamma": 1.0})
@parametric
def jare(
    learning_rate: rates.Rates,
    gamma: rates.Rates,
    groups: int | str | None = None,
    population: int | None = None,
) -> optax.GradientTransformation:
    """Regularise the Jacobian between the players: consensus without the players' own curvatures.

    One step is ``z + E (v - gamma J_o^T v)``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        gamma: weight of the regulariser, as for ``learning_rate``.
        groups: estimator on minibatches: None for the plain form, which is biased; G >= 2 for the unbiased form over
            G groups of the batch; ``"all"`` over all pairs of examples; ``"draws"`` over independent draws.
            Default: None.
        population: number of examples from which batches are drawn without replacement; only with ``groups``.
            Default: None.

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


@declare(formula="z - E Jᵀ v", paper="Abernethy, Lai, Wibisono 2019", cost=Cost(vjps=1))
@parametric
def hamiltonian(
    learning_rate: rates.Rates, groups: int | str | None = None, population: int | None = None
) -> optax.GradientTransformation:
    """Descend ``||v||^2 / 2`` alone, towards any zero of the field: Hamiltonian gradient descent.

    One step is ``z - E J^T v``; on bilinear games it is stable iff ``eta < 2 / s^2``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        groups: estimator on minibatches: None for the plain form, which is biased; G >= 2 for the unbiased form over
            G groups of the batch; ``"all"`` over all pairs of examples; ``"draws"`` over independent draws.
            Default: None.
        population: number of examples from which batches are drawn without replacement; only with ``groups``.
            Default: None.

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


@declare(formula="z + E (I + λ A) v", paper="Balduzzi et al. 2018", cost=Cost(jvps=1, vjps=1))
@parametric
def sga(
    learning_rate: rates.Rates,
    lam: rates.Rates = 1.0,
    align: bool = False,
    eps: float = 0.1,
    groups: int | str | None = None,
    population: int | None = None,
) -> optax.GradientTransformation:
    """Rotate the field by the antisymmetric part of its Jacobian: symplectic gradient adjustment.

    One step is ``z + E (I + lambda A) v``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        lam: lambda, of any sign, otherwise as for ``learning_rate``. Default: 1.
        align: whether lambda takes the sign of the paper's alignment rule, see `transforms.symplectic`.
            Default: False.
        eps: bias of that rule towards the positive sign. Default: 0.1.
        groups: estimator on minibatches: None for the plain form, which is biased; G >= 2 for the unbiased form over
            G groups of the batch; ``"all"`` over all pairs of examples; ``"draws"`` over independent draws.
            Default: None.
        population: number of examples from which batches are drawn without replacement; only with ``groups``.
            Default: None.

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


@declare(formula="z + E (J - Jᵀ) v", paper="Gemp, Mahadevan 2018", cost=Cost(jvps=1, vjps=1))
@parametric
def crossing_the_curl(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Move at right angles to the rotation of the field: crossing the curl.

    One step is ``z + E (J - J^T) v``. It needs a field that rotates in every direction.

    Args:
        learning_rate: step size E, see `transforms.rates`.

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


@declare(
    formula="z + β d + E v + α J_o d, d = z - z_prev",
    paper="Hemmat et al. 2023",
    cost=Cost(vjps=1),
    arguments={"alpha": 0.1, "beta": -0.1},
)
@parametric
def lead(
    learning_rate: rates.Rates, alpha: rates.Rates, beta: float | jax.Array | tuple[float | jax.Array, ...]
) -> optax.GradientTransformation:
    """Add momentum and a force from the others' last moves: least action dynamics.

    One step is ``z + beta d + E v + alpha J_o d`` with ``d = z - z_prev`` and ``z_(-1) = z_0``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: weight of the others' last moves: a number, an array, or a tuple with one of those per player.
        beta: momentum: a number of any sign, an array, or a tuple with one of those per player.

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
