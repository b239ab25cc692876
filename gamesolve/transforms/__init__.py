"""Parts of solvers: transformations that take ``u = -v`` and the game, and return a better u.

They compose with each other and with optax: ``optax.chain(transforms.consensus(10.0), optax.rmsprop(1e-4))``.
Parts that look at the game need ``game=`` and all players, so they stand before `per_player` in a chain.
"""

from gamesolve.transforms.anchored import anchored, anchored_past, anchored_varying
from gamesolve.transforms.anticipate import anticipate, shape, shape_stably
from gamesolve.transforms.competitive import competitive
from gamesolve.transforms.consensus import consensus, cross_consensus, hamiltonian
from gamesolve.transforms.descend import descend
from gamesolve.transforms.extrapolate import extrapolate, flow, trial
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
from gamesolve.transforms.implicit import levenberg_marquardt, newton, proximal, surgery
from gamesolve.transforms.leading import lead_totally, ridge
from gamesolve.transforms.memory import heavy_ball, optimism
from gamesolve.transforms.metric import metric_of, rms_metric
from gamesolve.transforms.splitting import accelerate_by_change, correct_forward, golden, past_extrapolate
from gamesolve.transforms.symplectic import symplectic, uncurl
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
