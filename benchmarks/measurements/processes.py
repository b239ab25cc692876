"""Rows of ratios that differ from process to process more than from round to round within one."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any


def median_row(measure: Callable[[], dict[str, Any]], ratio: str, processes: int) -> dict[str, Any]:
    """Measure a row in several fresh processes, one after the other.

    Args:
        measure: returns the row; it goes to the processes by pickling.
        ratio: column by which rows are compared.
        processes: their number.

    Returns:
        The row of the median ratio, with the range of all in a column of its own.
    """
    pool = partial(ProcessPoolExecutor, 1, multiprocessing.get_context("spawn"))
    found = []
    for _ in range(processes):
        with pool() as fresh:
            found.append(fresh.submit(measure).result())
    found.sort(key=lambda row: row[ratio])
    return found[(len(found) - 1) // 2] | {"range": f"{found[0][ratio]} to {found[-1][ratio]}"}
