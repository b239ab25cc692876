"""Named solvers: thin aliases over the parts in `gamesolve.transforms`."""

from gamesolve.solvers.adjusted import conopt, crossing_the_curl, hamiltonian, jare, lead, sga
from gamesolve.solvers.competition import acgd, cgd, competitive_mirror_descent, lcgd
from gamesolve.solvers.extrapolated import (
    extra_adam,
    extragradient,
    extragradient_plus,
    ogda,
    optimistic_adam,
    past_extragradient,
    runge_kutta,
)
from gamesolve.solvers.gradient import altgd, simgd
from gamesolve.solvers.implicit import levenberg_marquardt, lss, newton, proximal
from gamesolve.solvers.monotone import (
    anchored_extragradient,
    anchored_extragradient_varying,
    forward_backward_forward,
    forward_reflected_backward,
    golden_ratio,
    halpern,
)
from gamesolve.solvers.shaping import follow_the_ridge, lola, opponent_lookahead, sos, stackelberg
from gamesolve.solvers.variance_reduced import svrg, svrg_extragradient, svrg_hamiltonian
from gamesolve.solvers.wrappers import anderson, average, lookahead

__all__ = [
    "acgd",
    "altgd",
    "anchored_extragradient",
    "anchored_extragradient_varying",
    "anderson",
    "average",
    "cgd",
    "competitive_mirror_descent",
    "conopt",
    "crossing_the_curl",
    "extra_adam",
    "extragradient",
    "extragradient_plus",
    "follow_the_ridge",
    "forward_backward_forward",
    "forward_reflected_backward",
    "golden_ratio",
    "halpern",
    "hamiltonian",
    "jare",
    "lcgd",
    "lead",
    "levenberg_marquardt",
    "lola",
    "lookahead",
    "lss",
    "newton",
    "ogda",
    "opponent_lookahead",
    "optimistic_adam",
    "past_extragradient",
    "proximal",
    "runge_kutta",
    "sga",
    "simgd",
    "sos",
    "stackelberg",
    "svrg",
    "svrg_extragradient",
    "svrg_hamiltonian",
]
