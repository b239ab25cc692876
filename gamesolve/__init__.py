"""Differentiable games: solvers, and the tools that explain why they converge or diverge.

`gamesolve.game` defines games and states all signs; `gamesolve.solvers` states the notation of the solvers.
"""

import importlib
from types import ModuleType

from gamesolve import (
    analysis,
    checkpoint,
    distributed,
    estimators,
    games,
    linear,
    metrics,
    sampling,
    solvers,
    transforms,
)
from gamesolve.driving.plan import Computed, StepState
from gamesolve.driving.run import Chunk, run
from gamesolve.driving.solve import Solution, Status, solve, step
from gamesolve.driving.sweep import Table, sweep
from gamesolve.game import Aux, Game, from_losses, general_sum, zero_sum
from gamesolve.sampling import minibatches
from gamesolve.solver import Solver, as_solver, parametric
from gamesolve.solvers import *  # noqa: F403 - the names are those of its __all__
from gamesolve.transforms.accumulated import accumulate
from gamesolve.transforms.turns import alternating, per_player

__version__ = "0.1.0"

__all__ = [
    "Aux",
    "Chunk",
    "Computed",
    "Game",
    "Solution",
    "Solver",
    "Status",
    "StepState",
    "Table",
    "accumulate",
    "alternating",
    "analysis",
    "as_solver",
    "checkpoint",
    "distributed",
    "estimators",
    "from_losses",
    "games",
    "general_sum",
    "linear",
    "metrics",
    "minibatches",
    "parametric",
    "per_player",
    "run",
    "sampling",
    "solve",
    "solvers",
    "step",
    "sweep",
    "transforms",
    "zero_sum",
]
__all__ += solvers.__all__

_LAZY = {
    "animate": "gamesolve.plots.animate",
    "draws": "gamesolve.sampling.drawn",
    "loggers": "gamesolve.loggers",
    "modules": "gamesolve.game.modules",
    "orbax": "gamesolve.checkpoint.orbax",
    "plots": "gamesolve.plots",
    "registry": "gamesolve.registry",
    "stopping": "gamesolve.driving.stopping",
}


def __getattr__(name: str) -> ModuleType:
    if name in _LAZY:  # on first use, because importing matplotlib alone takes half a second
        return importlib.import_module(_LAZY[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_LAZY, "__version__"])
