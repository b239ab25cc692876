"""Parts of solvers: transformations that take ``u = -v`` and the game, and return a better u.

They compose with each other and with optax: ``optax.chain(transforms.consensus(10.0), optax.rmsprop(1e-4))``. Parts
that look at the game need ``game=`` and all players, so they come before `per_player` in a chain. They also come before
clipping, weight decay, masking and momentum: a part that looks at the field again applies what stands before it in the
chain to the new field too, or refuses. So a part accepts the gradient, and those results of other parts for which its
formula is defined; nothing is silently lost. `direction` declares a transformation of yours as such a part.

`transforms.rates` says what a step size or another coefficient may be. A part with the name of a solver belongs to that
solver.
"""

from gamesolve.transforms._origin import direction
from gamesolve.transforms.adjusted import consensus, crossing_the_curl, hamiltonian, jare, lead, symplectic
from gamesolve.transforms.competition import competitive
from gamesolve.transforms.extrapolated import (
    extra,
    extrapolate,
    mirror_extrapolate,
    optimism,
    past_extragradient,
    runge_kutta,
)
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
from gamesolve.transforms.implicit import levenberg_marquardt, lss, newton, proximal
from gamesolve.transforms.metric import metric_of, rms_metric
from gamesolve.transforms.monotone import (
    anchored_extragradient,
    anchored_extragradient_varying,
    forward_backward_forward,
    golden_ratio,
    halpern,
)
from gamesolve.transforms.shaping import anticipate, follow_the_ridge, lola, sos, stackelberg
from gamesolve.transforms.simplex import (
    magnetic,
    mutation,
    predictive_regret_matching_plus,
    regret_matching,
    regret_matching_plus,
)
from gamesolve.transforms.variance_reduced import svrg, svrg_extragradient, svrg_hamiltonian

__all__ = [
    "Potential",
    "anchored_extragradient",
    "anchored_extragradient_varying",
    "anticipate",
    "box",
    "competitive",
    "consensus",
    "crossing_the_curl",
    "descend",
    "direction",
    "entropy",
    "extra",
    "extrapolate",
    "follow_the_ridge",
    "forward_backward_forward",
    "golden_ratio",
    "halpern",
    "hamiltonian",
    "heavy_ball",
    "jare",
    "lead",
    "levenberg_marquardt",
    "lola",
    "lss",
    "magnetic",
    "metric_of",
    "mirror",
    "mirror_extrapolate",
    "mutation",
    "newton",
    "optimism",
    "past_extragradient",
    "potential_metric",
    "predictive_regret_matching_plus",
    "project",
    "proximal",
    "regret_matching",
    "regret_matching_plus",
    "rms_metric",
    "runge_kutta",
    "simplex_entropy",
    "sos",
    "squared_distance",
    "stackelberg",
    "svrg",
    "svrg_extragradient",
    "svrg_hamiltonian",
    "symplectic",
]
