"""Differentiable games: solvers, and the tools that explain why they converge or diverge.

`gamesolve.game` defines games and states all signs; `gamesolve.solvers` states the notation of the solvers.
"""

import importlib
from typing import TYPE_CHECKING, Any

from gamesolve import (
    checkpoint,
    distributed,
    estimators,
    linear,
    sampling,
    solvers,
    transforms,
)
from gamesolve.driving.plan import Computed, StepState
from gamesolve.driving.run import Chunk, run
from gamesolve.driving.solve import Solution, Status, solve, step
from gamesolve.driving.sweep import Table, sweep
from gamesolve.game import Aux, Game, from_losses, general_sum, zero_sum
from gamesolve.game.variational import from_field, from_operator
from gamesolve.sampling import minibatches
from gamesolve.solver import Solver, as_solver, parametric
from gamesolve.solvers import *  # noqa: F403 - the names are those of its __all__
from gamesolve.transforms.accumulated import accumulate
from gamesolve.transforms.turns import alternating, per_player

if TYPE_CHECKING:
    from gamesolve import advice as advice
    from gamesolve import analysis, games, metrics
    from gamesolve import loggers as loggers
    from gamesolve import plots as plots
    from gamesolve import registry as registry
    from gamesolve.advice import recommend as recommend
    from gamesolve.checkpoint import orbax as orbax
    from gamesolve.plots import animate as animate
    from gamesolve.sampling import drawn as draws  # noqa: F401 - a name for users
    from gamesolve.watching import watch

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
    "from_field",
    "from_losses",
    "from_operator",
    "games",
    "general_sum",
    "linear",
    "metrics",
    "minibatches",
    "parametric",
    "per_player",
    "recommend",
    "run",
    "sampling",
    "solve",
    "solvers",
    "step",
    "sweep",
    "transforms",
    "watch",
    "zero_sum",
]
__all__ += solvers.__all__

# Imported on first use: scipy, matplotlib and the catalogue would double the time of `import gamesolve`.
_LAZY = {
    "advice": "gamesolve.advice",
    "analysis": "gamesolve.analysis",
    "animate": "gamesolve.plots.animate",
    "draws": "gamesolve.sampling.drawn",
    "games": "gamesolve.games",
    "loggers": "gamesolve.loggers",
    "metrics": "gamesolve.metrics",
    "modules": "gamesolve.game.modules",
    "orbax": "gamesolve.checkpoint.orbax",
    "plots": "gamesolve.plots",
    "recommend": "gamesolve.advice:recommend",
    "registry": "gamesolve.registry",
    "stopping": "gamesolve.driving.stopping",
    "watch": "gamesolve.watching:watch",
    "watching": "gamesolve.watching",
}

if not TYPE_CHECKING:  # type checkers see the imports above instead

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            module, _, member = _LAZY[name].partition(":")
            room = importlib.import_module(module)
            return getattr(room, member) if member else room
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LAZY, "__version__"})
