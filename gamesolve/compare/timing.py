"""Time compiled programs."""

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.compare.noise import Noise
from gamesolve.driving.solve import solve
from gamesolve.game import Game, Players
from gamesolve.solver import Solver

# Minimum number of steps in one timed call; a shorter run is repeated inside the call.
TIMED_STEPS = 1000
TIMED_CALLS = 3
# Short programs are repeated for up to this many seconds, or up to this many rounds.
BUDGET, MOST_ROUNDS = 2.0, 101

# One thread, so that a program is compiled on one core while the others work.
_BACKGROUND = ThreadPoolExecutor(1, "compiling")

Program = Callable[[], Any]


def time_steps(
    game: Game, solver: Solver, start: Players, steps: int, noise: Noise | None = None
) -> tuple[float, float]:
    """Time a solver's compiled steps.

    A call repeats the run from its start until it has taken 1000 steps. Inner solves then do the same work
    as in the run; near an equilibrium or at NaN they would do less.

    Args:
        game: the game.
        solver: the solver.
        start: the players at which each run starts.
        steps: length of a run.
        noise: how the game is noisy: each step draws its data. Default: it is not.

    Returns:
        Microseconds per step (the best of a few calls), and seconds to trace and compile.
    """
    return prepare_times(game, solver, start, steps, noise).times()


class Prepared(NamedTuple):
    """A call of `time_steps` whose program is being compiled in the background.

    Attributes:
        times: returns its result, once nothing is compiled any more.
        cancel: gives the program up, unless its compilation has begun.
    """

    times: Callable[[], tuple[float, float]]
    cancel: Callable[[], bool]


def prepare_times(game: Game, solver: Solver, start: Players, steps: int, noise: Noise | None = None) -> Prepared:
    """Begin a call of `time_steps`; its end must be in the same context of precision."""
    steps = max(1, steps)
    repeats = -(-TIMED_STEPS // steps)
    arguments = (game, solver, start, noise and (noise.sample, noise.key), repeats, False)
    program = _BACKGROUND.submit(trace_timed(_repeat, *arguments, steps=steps))

    def times() -> tuple[float, float]:
        compiled, compile_seconds = program.result()
        _BACKGROUND.submit(lambda: None).result()  # the last in line: other programs would disturb the clock
        seconds = interleaved({"": partial(compiled, *arguments)}, TIMED_CALLS, budget=0.0)[""]
        return 1e6 * min(seconds) / (steps * repeats), compile_seconds

    return Prepared(times, program.cancel)


def compile_timed(function: Any, *arguments: Any) -> tuple[Callable[..., Any], float]:
    """Compile a jitted function for these arguments; returns the program and the seconds to trace and compile."""
    return trace_timed(function, *arguments)()


def trace_timed(function: Any, *arguments: Any, **static: Any) -> Callable[[], tuple[Callable[..., Any], float]]:
    """Trace a jitted function for these arguments; returns the rest of `compile_timed`."""
    began = time.perf_counter()
    lowered = function.lower(*arguments, **static)
    seconds = time.perf_counter() - began

    def compiled() -> tuple[Callable[..., Any], float]:
        began = time.perf_counter()
        return lowered.compile(), seconds + time.perf_counter() - began

    return compiled


def interleaved(
    programs: Mapping[str, Program],
    repeats: int,
    *,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time programs in turn, so that anything that slows the machine down slows all of them.

    Args:
        programs: functions without arguments; timing waits for their results.
        repeats: minimum number of rounds. Every other round goes through the programs in reverse.
        budget: seconds to fill with further rounds if the programs are short, up to `MOST_ROUNDS` rounds. Default:
            `BUDGET`.
        clock: function that returns the time in seconds. Default: wall time.

    Returns:
        Seconds of every round, by program.
    """
    times: dict[str, list[float]] = {}

    def take_round(order: list[str]) -> None:
        for name in order:
            began = clock()
            jax.block_until_ready(programs[name]())
            times.setdefault(name, []).append(clock() - began)

    order = list(programs)
    take_round(order)  # compiles
    if budget:
        began = time.perf_counter()
        take_round(order)  # finds the caches, and plans the rounds
        repeats = max(repeats, min(MOST_ROUNDS, int(budget / (time.perf_counter() - began))))
    times.clear()
    for _ in range(repeats):
        take_round(order)
        order.reverse()
    return times


def median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of the ratio within a round, which does not depend on the machine's load."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


@partial(jax.jit, static_argnames="steps")
def _repeat(
    game: Game, solver: Solver, start: Players, draws: Any, repeats: int, go_on: bool, *, steps: int
) -> Players:
    drawing = {} if draws is None else dict(zip(("sample", "key"), draws, strict=True))

    def once(_: jax.Array, last: Players) -> Players:
        # go_on is False, but XLA does not know: otherwise it would hoist the run out of the loop (a barrier does not
        # prevent that).
        begin = jax.tree.map(partial(jnp.where, go_on), last, start)
        return solve(game, solver, begin, steps, **drawing).players

    return jax.lax.fori_loop(0, repeats, once, start)
