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
from gamesolve.transforms.adaptive import golden_ratio, tiada, tiada_coordinates
from gamesolve.transforms.adjusted import consensus, crossing_the_curl, hamiltonian, jare, lead, symplectic
from gamesolve.transforms.anchored import (
    anchored_extragradient,
    anchored_extragradient_varying,
    anchored_gda,
    anchored_optimism,
    fast_extragradient,
    halpern,
)
from gamesolve.transforms.competition import competitive
from gamesolve.transforms.dual import dual_anchored_extragradient
from gamesolve.transforms.extrapolated import (
    extra,
    extrapolate,
    mirror_extrapolate,
    optimism,
    past_extragradient,
    runge_kutta,
)
from gamesolve.transforms.flip_flop import flip_flop_extragradient
from gamesolve.transforms.gap import gap_aware
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
from gamesolve.transforms.gradient import descend, heavy_ball, slingshot
from gamesolve.transforms.implicit import levenberg_marquardt, lss, newton, proximal
from gamesolve.transforms.lazy import lazy_extra_newton
from gamesolve.transforms.line_search import adaptive_extragradient
from gamesolve.transforms.metric import metric_of, rms_metric
from gamesolve.transforms.monotone import forward_backward_forward
from gamesolve.transforms.multipliers import indexed, nupi
from gamesolve.transforms.safeguarded import guarded
from gamesolve.transforms.shaping import anticipate, follow_the_ridge, lola, sos, stackelberg
from gamesolve.transforms.simplex import (
    magnetic,
    mutation,
    predictive_regret_matching_plus,
    regret_matching,
    regret_matching_plus,
)
from gamesolve.transforms.turns_ahead import alex_gda
from gamesolve.transforms.unrolled import hola, meta_mapg, pola, unrolled_lola
from gamesolve.transforms.variance_reduced import svrg, svrg_extragradient, svrg_hamiltonian

__all__ = [
    "Potential",
    "adaptive_extragradient",
    "alex_gda",
    "anchored_extragradient",
    "anchored_extragradient_varying",
    "anchored_gda",
    "anchored_optimism",
    "anticipate",
    "box",
    "competitive",
    "consensus",
    "crossing_the_curl",
    "descend",
    "direction",
    "dual_anchored_extragradient",
    "entropy",
    "extra",
    "extrapolate",
    "fast_extragradient",
    "flip_flop_extragradient",
    "follow_the_ridge",
    "forward_backward_forward",
    "gap_aware",
    "golden_ratio",
    "guarded",
    "halpern",
    "hamiltonian",
    "heavy_ball",
    "hola",
    "indexed",
    "jare",
    "lazy_extra_newton",
    "lead",
    "levenberg_marquardt",
    "lola",
    "lss",
    "magnetic",
    "meta_mapg",
    "metric_of",
    "mirror",
    "mirror_extrapolate",
    "mutation",
    "newton",
    "nupi",
    "optimism",
    "past_extragradient",
    "pola",
    "potential_metric",
    "predictive_regret_matching_plus",
    "project",
    "proximal",
    "regret_matching",
    "regret_matching_plus",
    "rms_metric",
    "runge_kutta",
    "simplex_entropy",
    "slingshot",
    "sos",
    "squared_distance",
    "stackelberg",
    "svrg",
    "svrg_extragradient",
    "svrg_hamiltonian",
    "symplectic",
    "tiada",
    "tiada_coordinates",
    "unrolled_lola",
]
