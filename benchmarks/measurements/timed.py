"""Compare programs by their times, in one process or in several, and judge the ratios by their targets."""

import multiprocessing
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from benchmarks.report import Row


def median_row(measure: Callable[[], Row], ratio: str, processes: int) -> Row:
    """Measure a row in several fresh processes, one after the other.

    Ratios can differ more between processes than between the rounds in one process.

    Args:
        measure: function that returns the row; it is pickled.
        ratio: column by which rows are compared.
        processes: number of processes.

    Returns:
        The row of the median ratio, with the range of all ratios in a further column.
    """
    found = []
    for _ in range(processes):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
            found.append(fresh.submit(measure).result())
    found.sort(key=lambda row: row[ratio])
    return found[(len(found) - 1) // 2] | {"range": f"{found[0][ratio]} to {found[-1][ratio]}"}


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
