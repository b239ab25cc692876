"""A catalogue of games, each with a start and the equilibria that are known."""

from gamesolve.games import data, gan
from gamesolve.games.constrained import (
    augmented_lagrangian,
    grow_penalty,
    lagrangian,
    multiplier_projection,
    multipliers,
)
from gamesolve.games.leaves import by_leaf, joined_leaves, split_leaves
from gamesolve.games.matrix import (
    duality_gap,
    matching_pennies,
    matrix_game,
    random_matrix_game,
    rock_paper_scissors,
    simplices,
)
from gamesolve.games.quadratics import bilinear, curl, icr_quadratic, polymatrix, quadratic, rotation
from gamesolve.games.random_quadratics import random_quadratic
from gamesolve.games.shared_constraints import fischer_burmeister, generalised, generalised_multipliers, kkt_residual
from gamesolve.games.stochastic import dual_regression, finite_sum, noisy_bilinear, shifted_classes, single_entries
from gamesolve.games.toy import cosine

__all__ = [
    "augmented_lagrangian",
    "bilinear",
    "by_leaf",
    "cosine",
    "curl",
    "data",
    "dual_regression",
    "duality_gap",
    "finite_sum",
    "fischer_burmeister",
    "gan",
    "generalised",
    "generalised_multipliers",
    "grow_penalty",
    "icr_quadratic",
    "joined_leaves",
    "kkt_residual",
    "lagrangian",
    "matching_pennies",
    "matrix_game",
    "multiplier_projection",
    "multipliers",
    "noisy_bilinear",
    "polymatrix",
    "quadratic",
    "random_matrix_game",
    "random_quadratic",
    "rock_paper_scissors",
    "rotation",
    "shifted_classes",
    "simplices",
    "single_entries",
    "split_leaves",
]
