"""Named solvers: thin aliases over the parts in `gamesolve.transforms`."""

from gamesolve.solvers.adjusted import crossing_the_curl, hamiltonian, jare, lead, sga
from gamesolve.solvers.around import anderson, average, lookahead
from gamesolve.solvers.extrapolated import (
    extra_adam,
    extragradient_plus,
    optimistic_adam,
    past_extragradient,
    runge_kutta,
)
from gamesolve.solvers.first_order import altgd, extragradient, ogda, simgd
from gamesolve.solvers.implicit import competitive_mirror_descent, lcgd, levenberg_marquardt, lss, newton, proximal
from gamesolve.solvers.monotone import (
    anchored_extragradient,
    anchored_extragradient_varying,
    forward_backward_forward,
    forward_reflected_backward,
    golden_ratio,
    halpern,
)
from gamesolve.solvers.second_order import acgd, cgd, conopt
from gamesolve.solvers.shaping import follow_the_ridge, lola, opponent_lookahead, sos, stackelberg
from gamesolve.solvers.variance_reduced import svrg, svrg_extragradient, svrg_hamiltonian

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
