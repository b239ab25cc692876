"""A catalogue of games, each with a start and the equilibria that are known."""

from gamesolve.games import data, gan
from gamesolve.games.entropies import in_log_odds, log_odds, quantal, strategies
from gamesolve.games.matrix import (
    duality_gap,
    lagrangian,
    matching_pennies,
    matrix_game,
    multiplier_projection,
    multipliers,
    random_matrix_game,
    rock_paper_scissors,
    simplices,
)
from gamesolve.games.quadratics import bilinear, curl, icr_quadratic, polymatrix, quadratic, rotation
from gamesolve.games.random_quadratics import random_quadratic
from gamesolve.games.stochastic import dual_regression, finite_sum, noisy_bilinear, shifted_classes, single_entries
from gamesolve.games.toy import cosine

__all__ = [
    "bilinear",
    "cosine",
    "curl",
    "data",
    "dual_regression",
    "duality_gap",
    "finite_sum",
    "gan",
    "icr_quadratic",
    "in_log_odds",
    "lagrangian",
    "log_odds",
    "matching_pennies",
    "matrix_game",
    "multiplier_projection",
    "multipliers",
    "noisy_bilinear",
    "polymatrix",
    "quadratic",
    "quantal",
    "random_matrix_game",
    "random_quadratic",
    "rock_paper_scissors",
    "rotation",
    "shifted_classes",
    "simplices",
    "single_entries",
    "strategies",
]
