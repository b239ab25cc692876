"""A catalogue of games, each with a start and the equilibria that are known."""

from gamesolve.games import data, gan
from gamesolve.games.constrained import (
    augmented_lagrangian,
    grow_penalty,
    lagrangian,
    multiplier_projection,
    multipliers,
)
from gamesolve.games.entropies import in_log_odds, log_odds, quantal, strategies
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
from gamesolve.games.repeated import (
    iterated_chicken,
    iterated_matching_pennies,
    iterated_prisoners_dilemma,
    iterated_stag_hunt,
    policy_divergence,
    repeated_game,
    repeated_public_goods,
)
from gamesolve.games.shared_constraints import fischer_burmeister, generalised, generalised_multipliers, kkt_residual
from gamesolve.games.stochastic import dual_regression, finite_sum, noisy_bilinear, shifted_classes, single_entries
from gamesolve.games.toy import cosine, public_goods, tandem, ultimatum

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
    "in_log_odds",
    "iterated_chicken",
    "iterated_matching_pennies",
    "iterated_prisoners_dilemma",
    "iterated_stag_hunt",
    "joined_leaves",
    "kkt_residual",
    "lagrangian",
    "log_odds",
    "matching_pennies",
    "matrix_game",
    "multiplier_projection",
    "multipliers",
    "noisy_bilinear",
    "policy_divergence",
    "polymatrix",
    "public_goods",
    "quadratic",
    "quantal",
    "random_matrix_game",
    "random_quadratic",
    "repeated_game",
    "repeated_public_goods",
    "rock_paper_scissors",
    "rotation",
    "shifted_classes",
    "simplices",
    "single_entries",
    "split_leaves",
    "strategies",
    "tandem",
    "ultimatum",
]
