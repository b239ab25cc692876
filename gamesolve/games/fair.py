"""Fair classification: a linear classifier whose mean score may hardly differ between two groups."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks import check_one
from gamesolve.game import Game
from gamesolve.games.constrained import lagrangian, multipliers
from gamesolve.games.robust import Classifier, classifier, labelled, penalty, shortened


def fair_classification(
    features: ArrayLike, labels: ArrayLike, groups: ArrayLike, tolerance: float = 0.1, ridge: float = 0.1
) -> Game:
    """Make logistic regression under a fairness constraint, as the game of its Lagrangian.

    Player 0 is the classifier ``x = {"w", "b"}``, which minimises the mean logistic loss plus
    ``ridge/2 (|w|^2 + b^2)``. Player 1 holds two multipliers, for ``score_gap <= tolerance`` and
    ``-score_gap <= tolerance``. Keep them non-negative: ``projections=(None, gs.games.multiplier_projection)``. The gap
    is the difference of the mean scores ``w^T a + b`` of the groups, which is linear in x, so the problem is convex.

    Args:
        features: of shape (N, d).
        labels: -1 or 1, of shape (N,).
        groups: booleans, or 0 and 1, of shape (N,); both occur.
        tolerance: largest gap allowed, not negative.
        ridge: weight of the classifier's penalty, not negative.

    Returns:
        The game. It starts at zero.

    Raises:
        ValueError: if shapes, labels, groups, the tolerance or the ridge do not fit.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> features, labels = jnp.array([[1.0], [2.0], [-1.0], [0.5]]), jnp.array([1, 1, -1, -1])
        >>> game = gs.games.fair_classification(features, labels, jnp.array([0, 1, 1, 0]), tolerance=0.05)
        >>> solver = gs.extragradient(0.5, projections=(None, gs.games.multiplier_projection))
        >>> solution = gs.solve(game, solver, game.start, 1000)
        >>> round(float(gs.games.score_gap(game, solution.players[0])), 3)
        -0.05

    Reference:
        Zafar, Valera, Gomez Rodriguez, Gummadi, "Fairness Constraints: Mechanisms for Fair Classification", AISTATS
        2017, https://arxiv.org/abs/1507.05259; its bound is on the covariance of group and score, a multiple of the gap
    """
    A, signs = labelled(features, labels)
    member = np.asarray(groups)
    if member.shape != signs.shape:
        raise ValueError(f"groups must have one entry per example, {signs.shape}, got shape {member.shape}.")
    found = np.unique(member).tolist()
    if set(found) != {0, 1}:
        raise ValueError(f"groups must be 0 or 1, and both must occur, got {shortened(found)}.")
    check_one("tolerance", tolerance, least=0.0)
    check_one("ridge", ridge, least=0.0)
    difference = A[member == 1].mean(axis=0) - A[member == 0].mean(axis=0)
    settings = (jnp.asarray(tolerance, A.dtype), jnp.asarray(ridge, A.dtype))
    constants, start = (A, signs, difference, *settings), classifier(A)
    game = lagrangian(_loss, inequality=_excess, constants=constants)
    return dataclasses.replace(game, start=(start, multipliers(start, inequality=_excess, constants=constants)))


def score_gap(game: Game, x: Classifier) -> jax.Array:
    """Return the difference of the mean scores of group 1 and group 0.

    Args:
        game: made by `fair_classification`.
        x: classifier, player 0.

    Returns:
        The gap, a number.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> features, labels = jnp.array([[1.0], [-1.0], [2.0], [0.0]]), jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> game = gs.games.fair_classification(features, labels, jnp.array([0, 0, 1, 1]))
        >>> gs.games.score_gap(game, {"w": jnp.array([0.5]), "b": jnp.array(0.0)}).tolist()
        0.5
    """
    return x["w"] @ game.constants[2]


def _loss(
    x: Classifier, A: jax.Array, signs: jax.Array, difference: jax.Array, tolerance: jax.Array, ridge: jax.Array
) -> jax.Array:
    del difference, tolerance
    return jax.nn.softplus(-signs * (A @ x["w"] + x["b"])).mean() + penalty(x, ridge)


def _excess(
    x: Classifier, A: jax.Array, signs: jax.Array, difference: jax.Array, tolerance: jax.Array, ridge: jax.Array
) -> jax.Array:
    del A, signs, ridge
    gap = x["w"] @ difference
    return jnp.stack([gap, -gap]) - tolerance
