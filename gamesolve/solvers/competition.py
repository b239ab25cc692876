"""Competitive gradients: move to the Nash equilibrium of a local bilinear game, by a linear solve or its series."""

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates
from gamesolve.trees import PyTree, Updates

__all__ = ["acgd", "cgd", "competitive_mirror_descent", "lcgd"]


@declare(
    formula="z + (I - E J_o)⁻¹ E v",
    paper="Schäfer, Anandkumar 2019; Ma et al. 2021",
    cost=Cost(vjps=2, vjps_per_iteration=1),
)
@parametric
def cgd(
    learning_rate: rates.Rates,
    inner: linear.Inner = linear.Inner(),
    curvature_batch: int | None = None,
) -> optax.GradientTransformation:
    """Move to the Nash equilibrium of the local bilinear game: competitive gradient descent, for any number of players.

    The move solves ``(I - E J_o) move = E v``. On bilinear games it converges for every step size, with spectral radius
    ``1 / sqrt(1 + eta_x eta_y s_min^2)``. It treats the diagonal blocks of J explicitly, so that strong curvature of a
    player's own payoff bounds the step size.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        inner: how to do the linear solve, see `linear.Inner`.
        curvature_batch: number of examples of each batch that J_o sees, see `transforms.competitive`. Default: all.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.cgd(1.0), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Schaefer, Anandkumar, "Competitive Gradient Descent", NeurIPS 2019, https://arxiv.org/abs/1905.12103;
        for n players Ma et al., "Polymatrix Competitive Gradient Descent", 2021, https://arxiv.org/abs/2111.08565
    """
    step = transforms.competitive(learning_rate, None, inner, curvature_batch=curvature_batch)
    return optax.chain(step, transforms.descend(learning_rate))


@declare(
    formula="z + (I - D J_o)⁻¹ D v, D = η √(1-βᵗ) / (√s_t + ε)",
    paper="Schäfer, Zheng, Anandkumar 2020",
    cost=Cost(vjps=2, vjps_per_iteration=1),
    rated=False,
)
@parametric
def acgd(
    learning_rate: rates.Rates,
    decay: float = 0.99,
    eps: float = 1e-5,
    inner: linear.Inner = linear.Inner(),
    curvature_batch: int | None = None,
) -> optax.GradientTransformation:
    """Use an RMSProp metric inside the solve of `cgd`: adaptive competitive gradient descent.

    The move solves ``(I - D J_o) move = D v`` with ``D = eta sqrt(1 - decay^t) / (sqrt(s_t) + eps)`` and
    ``s_t = decay s_(t-1) + (1 - decay) v^2``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        decay: decay rate of the moving average of squared gradients. Default: 0.99.
        eps: constant added to its root, outside the bias correction. Default: 1e-5.
        inner: how to do the linear solve, see `linear.Inner`.
        curvature_batch: number of examples of each batch that J_o sees, see `transforms.competitive`. On digits, with
            batches of 256, 64 examples and the tolerance 0.09 made a step eight times as cheap, and the distance of
            the images about 1.2 times as large at most. Default: all.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.acgd(0.5), (1.0, 1.0), 1)
        >>> [round(float(player), 3) for player in solution.players]
        [0.4, 1.2]

    Reference:
        Schaefer, Zheng, Anandkumar, "Implicit competitive regularization in GANs", ICML 2020,
        https://arxiv.org/abs/1910.05852
    """
    metric = transforms.rms_metric(decay, eps)
    step = transforms.competitive(learning_rate, metric, inner, curvature_batch=curvature_batch)
    return optax.chain(step, transforms.descend(learning_rate))


@declare(formula="z + E v + E J_o E v", paper="Schäfer, Anandkumar 2019", cost=Cost(vjps=1))
@parametric
def lcgd(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Take the first two terms of `cgd`'s Neumann series: linearised competitive gradient descent.

    One step is ``z + E v + E J_o E v``.

    Args:
        learning_rate: step size E, see `transforms.rates`.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.lcgd(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Schaefer, Anandkumar, "Competitive Gradient Descent", NeurIPS 2019, https://arxiv.org/abs/1905.12103
    """
    return optax.chain(transforms.anticipate(learning_rate), transforms.descend(learning_rate))


@declare(
    formula="∇ψ*(∇ψ(z) + E (I - J_o D)⁻¹ v)",
    paper="Schäfer, Anandkumar, Owhadi 2020",
    cost=Cost(vjps=2, vjps_per_iteration=1),
    arguments={"potentials": transforms.squared_distance()},
)
@parametric
def competitive_mirror_descent(
    learning_rate: rates.Rates,
    potentials: transforms.Potential | tuple[transforms.Potential, ...],
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Run `cgd` in the players' own geometries: competitive mirror descent.

    The Hessians of the potentials are the metric of the local bilinear game, and the step is taken in dual variables:
    ``z <- primal(dual(z) + E w)`` with ``(I - J_o D) w = v`` and ``D = E / Hessian(z)``. On the simplex the dual
    variables are centred, so that adding a constant to a payoff changes nothing.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        potentials: geometry for all players, such as ``transforms.entropy()``, or a tuple with one per player.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.competitive_mirror_descent(1.0, gs.transforms.squared_distance())
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Schaefer, Anandkumar, Owhadi, "Competitive Mirror Descent", 2020, https://arxiv.org/abs/2006.10179
    """
    direction = transforms.competitive(learning_rate, None, inner, potentials)
    back = _divided_by(transforms.potential_metric(potentials))
    return optax.chain(direction, back, transforms.mirror(learning_rate, potentials))


def _divided_by(metric: optax.GradientTransformation) -> optax.GradientTransformation:
    """Divide by a metric's diagonal, since the mirror step takes the dual direction; on a boundary both are zero."""

    def divide(updates: Updates, players: PyTree) -> Updates:
        diagonal, _ = metric.update(updates, metric.init(players), players)
        return jax.tree.map(lambda u, d: jnp.where(d > 0, u / jnp.where(d > 0, d, 1), 0), updates, diagonal)

    return optax.stateless(divide)
