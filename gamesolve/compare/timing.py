"""How long a step of a compiled run takes."""

import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from gamesolve.driving.solve import solve
from gamesolve.game import Game, Players
from gamesolve.solver import Solver

# Steps that one timed call takes, at least; a shorter run is repeated inside the call.
TIMED_STEPS = 1000
TIMED_CALLS = 3


def time_steps(game: Game, solver: Solver, start: Players, steps: int) -> tuple[float, float]:
    """Time a solver's compiled steps.

    A call repeats the run from its start until it has taken `TIMED_STEPS` steps, so that inner solves do the
    work that they do in the run, and not what is left to do at an equilibrium or among NaNs.

    Args:
        game: the game.
        solver: the solver.
        start: where each run starts.
        steps: length of a run.

    Returns:
        Microseconds per step (the best of a few calls), and seconds to trace and compile.
    """
    steps = max(1, steps)
    repeats = -(-TIMED_STEPS // steps)
    began = time.perf_counter()
    arguments = (game, solver, start, repeats, False)
    compiled = _repeat.lower(*arguments, steps=steps).compile()
    compile_seconds = time.perf_counter() - began
    seconds = []
    for _ in range(TIMED_CALLS + 1):  # the first one warms up
        began = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - began)
    return 1e6 * min(seconds[1:]) / (steps * repeats), compile_seconds


@partial(jax.jit, static_argnames="steps")
def _repeat(game: Game, solver: Solver, start: Players, repeats: Any, go_on: Any, *, steps: int) -> Players:
    def once(_: Any, last: Players) -> Players:
        # go_on is False, but XLA can't know: it would else run once, and not in the loop (a barrier does not help).
        begin = jax.tree.map(partial(jnp.where, go_on), last, start)
        return solve(game, solver, begin, steps).players

    return jax.lax.fori_loop(0, repeats, once, start)
