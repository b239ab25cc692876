"""Differentiable games: solvers, and the tools that explain why they converge or diverge.

`gamesolve.game` defines games and states all signs; `gamesolve.solvers` states the notation of the solvers.
"""

# ruff: noqa: F401 - names for users

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers; at runtime each name comes on first use
    from gamesolve import (
        advice,
        analysis,
        checkpoint,
        distributed,
        estimators,
        games,
        linear,
        loggers,
        metrics,
        plots,
        registry,
        sampling,
        solvers,
        transforms,
    )
    from gamesolve.advice import recommend
    from gamesolve.checkpoint import orbax
    from gamesolve.driving import stopping
    from gamesolve.driving.compilation_cache import use_compilation_cache
    from gamesolve.driving.plan import Computed, StepState
    from gamesolve.driving.run import Chunk, run
    from gamesolve.driving.solve import Solution, Status, solve, step
    from gamesolve.driving.sweep import Table, sweep
    from gamesolve.game import Aux, Game, from_losses, general_sum, modules, zero_sum
    from gamesolve.game.variational import from_field, from_operator
    from gamesolve.plots import animate
    from gamesolve.sampling import drawn as draws
    from gamesolve.sampling import minibatches
    from gamesolve.solver import Solver, as_solver, parametric
    from gamesolve.solvers import *  # noqa: F403 - the names are those of its __all__
    from gamesolve.transforms.accumulated import accumulate
    from gamesolve.transforms.turns import alternating, per_player
    from gamesolve.watching import watch

__version__ = "0.1.0"

# Where the public names are, apart from the named solvers. With all of them, `import gamesolve` would take a third of
# the time that JAX takes.
_PUBLIC = {
    "Aux": "gamesolve.game:Aux",
    "Chunk": "gamesolve.driving.run:Chunk",
    "Computed": "gamesolve.driving.plan:Computed",
    "Game": "gamesolve.game:Game",
    "Solution": "gamesolve.driving.solve:Solution",
    "Solver": "gamesolve.solver:Solver",
    "Status": "gamesolve.driving.solve:Status",
    "StepState": "gamesolve.driving.plan:StepState",
    "Table": "gamesolve.driving.sweep:Table",
    "accumulate": "gamesolve.transforms.accumulated:accumulate",
    "alternating": "gamesolve.transforms.turns:alternating",
    "analysis": "gamesolve.analysis",
    "as_solver": "gamesolve.solver:as_solver",
    "checkpoint": "gamesolve.checkpoint",
    "distributed": "gamesolve.distributed",
    "estimators": "gamesolve.estimators",
    "from_field": "gamesolve.game.variational:from_field",
    "from_losses": "gamesolve.game:from_losses",
    "from_operator": "gamesolve.game.variational:from_operator",
    "games": "gamesolve.games",
    "general_sum": "gamesolve.game:general_sum",
    "linear": "gamesolve.linear",
    "metrics": "gamesolve.metrics",
    "minibatches": "gamesolve.sampling:minibatches",
    "parametric": "gamesolve.solver:parametric",
    "per_player": "gamesolve.transforms.turns:per_player",
    "recommend": "gamesolve.advice:recommend",
    "run": "gamesolve.driving.run:run",
    "sampling": "gamesolve.sampling",
    "solve": "gamesolve.driving.solve:solve",
    "solvers": "gamesolve.solvers",
    "step": "gamesolve.driving.solve:step",
    "sweep": "gamesolve.driving.sweep:sweep",
    "transforms": "gamesolve.transforms",
    "use_compilation_cache": "gamesolve.driving.compilation_cache:use_compilation_cache",
    "watch": "gamesolve.watching:watch",
    "zero_sum": "gamesolve.game:zero_sum",
}
# Rooms that ``from gamesolve import *`` leaves out: some need an extra.
_ROOMS = {
    "advice": "gamesolve.advice",
    "animate": "gamesolve.plots.animate",
    "draws": "gamesolve.sampling.drawn",
    "loggers": "gamesolve.loggers",
    "modules": "gamesolve.game.modules",
    "orbax": "gamesolve.checkpoint.orbax",
    "plots": "gamesolve.plots",
    "registry": "gamesolve.registry",
    "stopping": "gamesolve.driving.stopping",
    "watching": "gamesolve.watching",
}


def _solvers() -> list[str]:
    return importlib.import_module("gamesolve.solvers").__all__


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__all__":
            return [*_PUBLIC, *_solvers()]
        place = (_PUBLIC | _ROOMS).get(name)
        if place is None and (name.startswith("_") or name not in _solvers()):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, member = (place or f"gamesolve.solvers:{name}").partition(":")
        room = importlib.import_module(module)
        found = getattr(room, member) if member else room
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*_PUBLIC, *_ROOMS, *_solvers(), "__version__"})
