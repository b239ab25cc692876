"""Parts of solvers: transformations that take ``u = -v`` and the game, and return a better u.

They compose with each other and with optax: ``optax.chain(transforms.consensus(10.0), optax.rmsprop(1e-4))``.
Parts that look at the game need ``game=`` and all players, so they stand before `per_player` in a chain.
"""

from gamesolve.transforms.adjusted import (
    accelerate_by_change,
    consensus,
    cross_consensus,
    hamiltonian,
    symplectic,
    uncurl,
)
from gamesolve.transforms.competition import competitive
from gamesolve.transforms.extrapolated import extrapolate, flow, optimism, past_extrapolate, trial
from gamesolve.transforms.geometry import (
    Potential,
    box,
    entropy,
    mirror,
    potential_metric,
    project,
    simplex_entropy,
    squared_distance,
)
from gamesolve.transforms.gradient import descend, heavy_ball
from gamesolve.transforms.implicit import levenberg_marquardt, newton, proximal, surgery
from gamesolve.transforms.metric import metric_of, rms_metric
from gamesolve.transforms.monotone import anchored, anchored_past, anchored_varying, correct_forward, golden
from gamesolve.transforms.shaping import anticipate, lead_totally, ridge, shape, shape_stably
from gamesolve.transforms.variance_reduced import reduce_variance, reduced_hamiltonian, snapshot_extrapolate

__all__ = [
    "Potential",
    "accelerate_by_change",
    "anchored",
    "anchored_past",
    "anchored_varying",
    "anticipate",
    "box",
    "competitive",
    "consensus",
    "correct_forward",
    "cross_consensus",
    "descend",
    "entropy",
    "extrapolate",
    "flow",
    "golden",
    "hamiltonian",
    "heavy_ball",
    "lead_totally",
    "levenberg_marquardt",
    "metric_of",
    "mirror",
    "newton",
    "optimism",
    "past_extrapolate",
    "potential_metric",
    "project",
    "proximal",
    "reduce_variance",
    "reduced_hamiltonian",
    "ridge",
    "rms_metric",
    "shape",
    "shape_stably",
    "simplex_entropy",
    "snapshot_extrapolate",
    "squared_distance",
    "surgery",
    "symplectic",
    "trial",
    "uncurl",
]
