"""Named solvers that use products with the game's Jacobian."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def cgd(
    learning_rate: rates.Rates,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Competitive gradient descent: the Nash equilibrium of the local bilinear game, for any number of players.

    The move solves ``(I - E J_o) move = E v``. On bilinear games it converges for every step size, with
    spectral radius ``1 / sqrt(1 + eta_x eta_y s_min^2)``; the diagonal blocks are explicit, so that
    strongly curved payoffs of one player bound the step size.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.
        inner: how to do the linear solve, see `linear.Inner`.

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
    step = transforms.competitive(learning_rate, None, inner)
    return optax.chain(step, transforms.descend(learning_rate))


@parametric
def acgd(
    learning_rate: rates.Rates,
    decay: float = 0.99,
    eps: float = 1e-5,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Adaptive competitive gradient descent: `cgd` with an RMSProp metric inside the solve.

    The move solves ``(I - D J_o) move = D v`` with ``D = eta sqrt(1 - decay^t) / (sqrt(s_t) + eps)`` and
    ``s_t = decay s_(t-1) + (1 - decay) v^2``.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.
        decay: decay of the moving average of squared gradients.
        eps: added to its root, outside the bias correction.
        inner: how to do the linear solve, see `linear.Inner`.

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
    step = transforms.competitive(learning_rate, metric, inner)
    return optax.chain(step, transforms.descend(learning_rate))


@parametric
def lcgd(
    learning_rate: rates.Rates,
) -> optax.GradientTransformation:
    """Linearised competitive gradient descent: the first term of `cgd`'s series.

    One step is ``z + E v + E J_o E v``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.

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


@parametric
def competitive_mirror_descent(
    learning_rate: rates.Rates,
    potentials: Any,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Competitive mirror descent: `cgd` in the players' own geometries.

    The local bilinear game takes the Hessians of the potentials as its metric, and the step is taken in dual
    variables: ``z <- primal(dual(z) + E w)`` with ``(I - J_o D) w = v``, ``D = E / Hessian(z)``. On the simplex the
    dual variables are centred, so that a constant added to a payoff changes nothing.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        potentials: a geometry such as ``transforms.entropy()`` for all players, or a tuple with one per player.
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
    """Divide by a metric's diagonal: the mirror step wants the dual direction. On a boundary both are zero."""

    def divide(updates: Any, players: Any) -> Any:
        diagonal, _ = metric.update(updates, metric.init(players), players)
        return jax.tree.map(lambda u, d: jnp.where(d > 0, u / jnp.where(d > 0, d, 1), 0), updates, diagonal)

    return optax.stateless(divide)
