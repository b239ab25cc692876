"""Robust linear classification: against the worst group of examples, and against perturbed examples."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks import check_one
from gamesolve.game import Game
from gamesolve.games.stochastic import finite_sum
from gamesolve.trees import Batch

Classifier = dict[str, jax.Array]


def group_robust(features: ArrayLike, labels: ArrayLike, groups: ArrayLike, ridge: float = 0.1) -> Game:
    """Make logistic regression for the worst group: y weighs the groups, and x fits the weighted losses.

    The game is ``sum_g y_g loss_g(x) + ridge/2 (|w|^2 + b^2)`` with ``x = {"w", "b"}`` and the mean logistic loss of
    each group. Keep y on the simplex: ``projections=(None, *gs.games.simplices(1))``. The game is convex in x, linear
    in y. Minibatches are unbiased: each example counts by one over the share of its group.

    Args:
        features: of shape (N, d).
        labels: -1 or 1, of shape (N,).
        groups: the group of each example, integers from 0 of shape (N,); no group is empty.
        ridge: weight of the classifier's penalty, not negative.

    Returns:
        The game on all examples. It starts at zero and at equal weights.

    Raises:
        ValueError: if shapes, labels, groups or the ridge do not fit.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> features, labels = jnp.array([[1.0], [2.0], [-1.0]]), jnp.array([1, -1, -1])
        >>> game = gs.games.group_robust(features, labels, groups=jnp.array([0, 1, 0]))
        >>> solver = gs.extragradient(0.5, projections=(None, *gs.games.simplices(1)))
        >>> solution = gs.solve(game, solver, game.start, 1000)
        >>> [round(float(loss), 3) for loss in gs.games.group_losses(game, solution.players[0])]
        [0.631, 0.631]

    Reference:
        Sagawa, Koh, Hashimoto, Liang, "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020,
        https://arxiv.org/abs/1911.08731
    """
    A, signs = labelled(features, labels)
    number = np.asarray(groups)
    check_one("ridge", ridge, least=0.0)
    if number.shape != signs.shape:
        raise ValueError(f"groups must have one entry per example, {signs.shape}, got shape {number.shape}.")
    if not np.issubdtype(number.dtype, np.integer) or number.min() < 0:
        raise ValueError(f"groups must be integers from 0, got {shortened(np.unique(number).tolist())}.")
    shares = np.bincount(number) / len(number)
    if not shares.all():
        raise ValueError(f"groups must not be empty, but no example is in group {int(np.argmin(shares))}.")
    constants = (jnp.asarray(shares, A.dtype), jnp.asarray(ridge, A.dtype))
    start = (classifier(A), jnp.full(len(shares), 1 / len(shares), A.dtype))
    return finite_sum(_grouped, arrays=(A, signs, jnp.asarray(number)), constants=constants, start=start)


def group_losses(game: Game, x: Classifier) -> jax.Array:
    """Return the mean logistic loss of each group at a classifier, without the penalty.

    Args:
        game: made by `group_robust`.
        x: classifier, player 0.

    Returns:
        Losses of shape (groups,). At an equilibrium those with positive weights are equal, and the largest.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> features, labels = jnp.array([[1.0], [-1.0], [2.0]]), jnp.array([1.0, -1.0, 1.0])
        >>> game = gs.games.group_robust(features, labels, jnp.array([0, 0, 1]))
        >>> losses = gs.games.group_losses(game, {"w": jnp.array([1.0]), "b": jnp.array(0.0)})
        >>> [round(float(loss), 3) for loss in losses]
        [0.313, 0.127]
    """
    (A, signs, groups), (shares, _) = game.data[0], game.constants
    losses = jax.nn.softplus(-signs * (A @ x["w"] + x["b"]))
    return jax.ops.segment_sum(losses, groups, len(shares)) / (shares * len(A))


def adversarial_classification(features: ArrayLike, labels: ArrayLike, ridge: float = 0.1) -> Game:
    """Make adversarial training of a linear classifier: y moves each example, x separates the moved examples.

    The game is ``mean_i log(1 + exp(-l_i (w^T (a_i + y_i) + b))) + ridge/2 (|w|^2 + b^2)`` with ``x = {"w", "b"}``.
    Keep y in a set, for example each entry within 0.2 of zero:
    ``projections=(None, functools.partial(optax.projections.projection_linf_ball, scale=0.2))``. Gradients in y have
    the factor 1 / N, so y needs a step size about N times as large as x. `adversarial_loss` has the inner maximum in
    closed form. The payoff is not concave in y, yet it has a saddle point, where each example moves against w.

    Args:
        features: the a_i, of shape (N, d).
        labels: the l_i, -1 or 1, of shape (N,).
        ridge: weight of the classifier's penalty, not negative.

    Returns:
        The game on all examples, with data ``(features, labels, indices of the examples)``. It starts at zero.

    Raises:
        ValueError: if shapes, labels or the ridge do not fit.

    Example:
        >>> import functools, jax.numpy as jnp, optax, gamesolve as gs
        >>> game = gs.games.adversarial_classification(jnp.array([[1.0], [-1.0], [2.0]]), jnp.array([1.0, -1.0, 1.0]))
        >>> ball = functools.partial(optax.projections.projection_linf_ball, scale=0.5)
        >>> solver = gs.extragradient((0.5, 1.5), projections=(None, ball))
        >>> solution = gs.solve(game, solver, game.start, 1000)
        >>> solution.players[1][:, 0].tolist()
        [-0.5, 0.5, -0.5]

    Reference:
        Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018,
        https://arxiv.org/abs/1706.06083; the closed form: Goodfellow, Shlens, Szegedy, "Explaining and Harnessing
        Adversarial Examples", ICLR 2015, https://arxiv.org/abs/1412.6572
    """
    A, signs = labelled(features, labels)
    check_one("ridge", ridge, least=0.0)
    arrays, start = (A, signs, jnp.arange(len(A))), (classifier(A), jnp.zeros_like(A))
    return finite_sum(_perturbed, arrays=arrays, constants=(jnp.asarray(ridge, A.dtype),), start=start)


def adversarial_loss(game: Game, x: Classifier, radius: float) -> jax.Array:
    """Return the payoff of `adversarial_classification` at the worst examples within a radius in each entry.

    The worst move lowers every margin by ``radius * sum_j |w_j|``.

    Args:
        game: made by `adversarial_classification`.
        x: classifier, player 0.
        radius: bound on each entry of y.

    Returns:
        The largest payoff over y, which is a convex function of x.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.adversarial_classification(jnp.array([[1.0], [-1.0]]), jnp.array([1.0, -1.0]), ridge=0.0)
        >>> x = {"w": jnp.array([1.0]), "b": jnp.array(0.0)}
        >>> [round(float(gs.games.adversarial_loss(game, x, radius)), 3) for radius in (0.0, 0.5)]
        [0.313, 0.474]
    """
    (A, signs, _), (ridge,) = game.data[0], game.constants
    margins = signs * (A @ x["w"] + x["b"]) - radius * jnp.abs(x["w"]).sum()
    return jax.nn.softplus(-margins).mean() + penalty(x, ridge)


def labelled(features: ArrayLike, labels: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Return the arrays of a classification problem, or raise ValueError if they do not fit."""
    A, signs = jnp.asarray(features, float), jnp.asarray(labels, float)
    if A.ndim != 2 or signs.shape != A.shape[:1]:
        raise ValueError(f"features and labels must have shapes (N, d) and (N,), got {A.shape} and {signs.shape}.")
    if not A.size:
        raise ValueError(f"features must have an example and a column at least, got shape {A.shape}.")
    found = np.unique(np.asarray(labels, float)).tolist()
    if not set(found) <= {-1, 1}:
        raise ValueError(f"labels must be -1 or 1, got {shortened(found)}.")
    return A, signs


def shortened(values: list[float]) -> str:
    """Return the first few of some values, for an error message."""
    return ", ".join(map(str, values[:4])) + (", ..." if len(values) > 4 else "")


def classifier(features: jax.Array) -> Classifier:
    """Return the linear classifier that is zero."""
    return {"w": jnp.zeros(features.shape[1], features.dtype), "b": jnp.zeros((), features.dtype)}


def penalty(x: Classifier, ridge: jax.Array) -> jax.Array:
    """Return ``ridge/2 (|w|^2 + b^2)``."""
    return ridge / 2 * (x["w"] @ x["w"] + x["b"] ** 2)


def _grouped(x: Classifier, y: jax.Array, shares: jax.Array, ridge: jax.Array, example: Batch) -> jax.Array:
    a, sign, group = example
    return y[group] / shares[group] * jax.nn.softplus(-sign * (x["w"] @ a + x["b"])) + penalty(x, ridge)


def _perturbed(x: Classifier, y: jax.Array, ridge: jax.Array, example: Batch) -> jax.Array:
    a, sign, number = example
    return jax.nn.softplus(-sign * (x["w"] @ (a + y[number]) + x["b"])) + penalty(x, ridge)
