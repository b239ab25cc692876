"""Differentiable games: solvers that settle, and the tools that say why.

See `gamesolve.game` for what a game is and which way the signs go.
"""

import importlib
from typing import Any

from gamesolve import analysis, checkpoint, distributed, estimators, games, linear, metrics, sampling, transforms
from gamesolve.driving.run import Chunk, run
from gamesolve.driving.solve import Solution, Status, solve, step
from gamesolve.driving.sweep import Table, sweep
from gamesolve.game import Game, from_losses, general_sum, zero_sum
from gamesolve.sampling import minibatches
from gamesolve.solver import Solver, parametric
from gamesolve.solvers import (
    acgd,
    altgd,
    anchored_extragradient,
    anchored_extragradient_varying,
    anderson,
    average,
    cgd,
    competitive_mirror_descent,
    conopt,
    crossing_the_curl,
    extra_adam,
    extragradient,
    extragradient_plus,
    follow_the_ridge,
    forward_backward_forward,
    forward_reflected_backward,
    golden_ratio,
    halpern,
    hamiltonian,
    jare,
    lcgd,
    lead,
    levenberg_marquardt,
    lola,
    lookahead,
    lss,
    newton,
    ogda,
    opponent_lookahead,
    optimistic_adam,
    past_extragradient,
    proximal,
    runge_kutta,
    sga,
    simgd,
    sos,
    stackelberg,
    svrg,
    svrg_extragradient,
    svrg_hamiltonian,
)
from gamesolve.transforms.turns import alternating, per_player

__version__ = "0.1.0"

__all__ = [
    "Chunk",
    "Game",
    "Solution",
    "Solver",
    "Status",
    "Table",
    "acgd",
    "alternating",
    "altgd",
    "analysis",
    "anchored_extragradient",
    "anchored_extragradient_varying",
    "anderson",
    "average",
    "cgd",
    "checkpoint",
    "competitive_mirror_descent",
    "conopt",
    "crossing_the_curl",
    "distributed",
    "estimators",
    "extra_adam",
    "extragradient",
    "extragradient_plus",
    "follow_the_ridge",
    "forward_backward_forward",
    "forward_reflected_backward",
    "from_losses",
    "games",
    "general_sum",
    "golden_ratio",
    "halpern",
    "hamiltonian",
    "jare",
    "lcgd",
    "lead",
    "levenberg_marquardt",
    "linear",
    "lola",
    "lookahead",
    "lss",
    "metrics",
    "minibatches",
    "newton",
    "ogda",
    "opponent_lookahead",
    "optimistic_adam",
    "parametric",
    "past_extragradient",
    "per_player",
    "proximal",
    "run",
    "runge_kutta",
    "sampling",
    "sga",
    "simgd",
    "solve",
    "sos",
    "stackelberg",
    "step",
    "svrg",
    "svrg_extragradient",
    "svrg_hamiltonian",
    "sweep",
    "transforms",
    "zero_sum",
]


_LAZY = {
    "animate": "gamesolve.plots.animate",
    "draws": "gamesolve.sampling.drawn",
    "loggers": "gamesolve.loggers",
    "orbax": "gamesolve.checkpoint.orbax",
    "plots": "gamesolve.plots",
    "registry": "gamesolve.registry",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:  # on first use: matplotlib alone takes half a second to import
        return importlib.import_module(_LAZY[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_LAZY, "__version__"])
