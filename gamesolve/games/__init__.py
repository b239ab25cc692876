"""A catalogue of games, each with a start and the equilibria that are known."""

from gamesolve.games import data, gan
from gamesolve.games.control import LinearQuadratic, feedback, feedback_gains, linear_quadratic, open_loop
from gamesolve.games.fair import fair_classification, score_gap
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
from gamesolve.games.networks import network, response_factor
from gamesolve.games.quadratics import bilinear, curl, icr_quadratic, polymatrix, quadratic, rotation
from gamesolve.games.random_quadratics import random_quadratic
from gamesolve.games.robust import adversarial_classification, adversarial_loss, group_losses, group_robust
from gamesolve.games.stochastic import dual_regression, finite_sum, noisy_bilinear, shifted_classes, single_entries
from gamesolve.games.toy import cosine

__all__ = [
    "LinearQuadratic",
    "adversarial_classification",
    "adversarial_loss",
    "bilinear",
    "cosine",
    "curl",
    "data",
    "dual_regression",
    "duality_gap",
    "fair_classification",
    "feedback",
    "feedback_gains",
    "finite_sum",
    "gan",
    "group_losses",
    "group_robust",
    "icr_quadratic",
    "lagrangian",
    "linear_quadratic",
    "matching_pennies",
    "matrix_game",
    "multiplier_projection",
    "multipliers",
    "network",
    "noisy_bilinear",
    "open_loop",
    "polymatrix",
    "quadratic",
    "random_matrix_game",
    "random_quadratic",
    "response_factor",
    "rock_paper_scissors",
    "rotation",
    "score_gap",
    "shifted_classes",
    "simplices",
    "single_entries",
]
