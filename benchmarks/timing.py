"""How do the times of programs that do the same compare, on a machine that others use as well?"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax

Program = Callable[[], Any]

BUDGET = 2.0
MOST_ROUNDS = 101


def interleaved(
    programs: Mapping[str, Program], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Time programs in turn, so that whatever slows the machine down slows all of them.

    Args:
        programs: functions without arguments; what they return is waited for.
        repeats: least number of rounds; short programs get more, up to `BUDGET` seconds in all or `MOST_ROUNDS`.
            Every other round goes through the programs in reverse.
        clock: what tells the seconds.

    Returns:
        Seconds of every round, by program.
    """
    begin = 0.0
    for _ in range(2):  # the first calls compile, the second ones find the caches and are timed to plan the rounds
        begin = time.perf_counter()
        for program in programs.values():
            jax.block_until_ready(program())
    rounds = max(repeats, min(MOST_ROUNDS, int(BUDGET / (time.perf_counter() - begin))))
    times: dict[str, list[float]] = {name: [] for name in programs}
    order = list(programs)
    for _ in range(rounds):
        for name in order:
            begin = clock()
            jax.block_until_ready(programs[name]())
            times[name].append(clock() - begin)
        order.reverse()
    return times


def median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median over the rounds of the ratio within a round, which a machine that slows down leaves alone."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
