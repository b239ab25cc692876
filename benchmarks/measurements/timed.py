"""Compare programs by their times, in one process or in several, and judge the ratios by their targets."""

import multiprocessing
import statistics
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor

from benchmarks.report import Row
from gamesolve.compare.timing import median_ratio


def compared(times: Mapping[str, list[float]], steps: float, target: float, gain: bool = False) -> Row:
    """Return the row of two programs that take as many steps: their times per step, and the ratio with its verdict.

    The ratio is the first time over the second, and the target a maximum; for a gain, both are the other way round.
    """
    one, other = times.values()
    ratio = median_ratio(other, one) if gain else median_ratio(one, other)
    row: Row = {name: per_step(seconds, steps) for name, seconds in times.items()}
    met = ratio >= target if gain else ratio <= target
    return row | {"ratio": round(ratio, 4), "target": target, "verdict": verdict(met)}


def per_step(seconds: list[float], steps: float = 1) -> str:
    """Return the median time of a step, with three digits and a unit."""
    median = statistics.median(seconds) / steps
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if median >= size:
            return f"{median / size:.3g} {unit}"
    return f"{median / 1e-9:.3g} ns"


def verdict(met: bool) -> str:
    """Return the verdict on a target."""
    return "met" if met else "missed"


def median_row(measure: Callable[[], Row], ratio: str, processes: int) -> Row:
    """Measure a row in several fresh processes, since ratios differ more between processes than within one.

    Args:
        measure: function that returns the row; it is pickled.
        ratio: column by which rows are compared.
        processes: number of processes, which run one after the other.

    Returns:
        The row of the median ratio, with the range of all ratios in a further column.
    """
    found = []
    for _ in range(processes):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            found.append(fresh.submit(measure).result())
    found.sort(key=lambda row: row[ratio])
    return found[(len(found) - 1) // 2] | {"range": f"{found[0][ratio]} to {found[-1][ratio]}"}
