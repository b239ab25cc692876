"""A catalogue of games, each with a start and the equilibria that are known."""

from gamesolve.games import data, gan
from gamesolve.games.augmented import augmented_lagrangian, grow_penalty
from gamesolve.games.constrained import lagrangian, multiplier_projection, multipliers
from gamesolve.games.control import LinearQuadratic, feedback, feedback_gains, linear_quadratic, open_loop
from gamesolve.games.entropies import in_log_odds, log_odds, quantal, strategies
from gamesolve.games.fair import fair_classification, score_gap
from gamesolve.games.leaves import by_leaf, joined_leaves, split_leaves
from gamesolve.games.matrix import (
    duality_gap,
    matching_pennies,
    matrix_game,
    random_matrix_game,
    rock_paper_scissors,
    simplices,
)
from gamesolve.games.networks import network, response_factor
from gamesolve.games.quadratics import bilinear, curl, icr_quadratic, polymatrix, quadratic, rotation
from gamesolve.games.random_quadratics import random_quadratic
from gamesolve.games.repeated import (
    iterated_chicken,
    iterated_matching_pennies,
    iterated_prisoners_dilemma,
    iterated_stag_hunt,
    policy_divergence,
    repeated_game,
    repeated_public_goods,
)
from gamesolve.games.robust import adversarial_classification, adversarial_loss, group_losses, group_robust
from gamesolve.games.shared_constraints import fischer_burmeister, generalised, generalised_multipliers, kkt_residual
from gamesolve.games.stochastic import dual_regression, finite_sum, noisy_bilinear, shifted_classes, single_entries
from gamesolve.games.toy import cosine, public_goods, tandem, ultimatum

__all__ = [
    "LinearQuadratic",
    "adversarial_classification",
    "adversarial_loss",
    "augmented_lagrangian",
    "bilinear",
    "by_leaf",
    "cosine",
    "curl",
    "data",
    "dual_regression",
    "duality_gap",
    "fair_classification",
    "feedback",
    "feedback_gains",
    "finite_sum",
    "fischer_burmeister",
    "gan",
    "generalised",
    "generalised_multipliers",
    "group_losses",
    "group_robust",
    "grow_penalty",
    "icr_quadratic",
    "in_log_odds",
    "iterated_chicken",
    "iterated_matching_pennies",
    "iterated_prisoners_dilemma",
    "iterated_stag_hunt",
    "joined_leaves",
    "kkt_residual",
    "lagrangian",
    "linear_quadratic",
    "log_odds",
    "matching_pennies",
    "matrix_game",
    "multiplier_projection",
    "multipliers",
    "network",
    "noisy_bilinear",
    "open_loop",
    "policy_divergence",
    "polymatrix",
    "public_goods",
    "quadratic",
    "quantal",
    "random_matrix_game",
    "random_quadratic",
    "repeated_game",
    "repeated_public_goods",
    "response_factor",
    "rock_paper_scissors",
    "rotation",
    "score_gap",
    "shifted_classes",
    "simplices",
    "single_entries",
    "split_leaves",
    "strategies",
    "tandem",
    "ultimatum",
]
