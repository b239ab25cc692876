"""Count what steps cost."""

from typing import TypeVar

import numpy as np

from gamesolve.solvers.entry import Cost

Count = TypeVar("Count", float, np.ndarray)


def spent(cost: Cost, steps: Count, iterations: Count) -> dict[str, Count]:
    """Return the fields and products that some steps cost.

    Args:
        cost: cost of one step.
        steps: number of steps.
        iterations: number of iterations of inner solves in these steps.

    Returns:
        Numbers of ``fields``, ``jvps`` and ``vjps``.

    Example:
        >>> from gamesolve.compare.costs import spent
        >>> spent(Cost(fields=1, vjps=2, vjps_per_iteration=1), steps=10, iterations=30)
        {'fields': 10, 'jvps': 0.0, 'vjps': 50}
    """
    return {
        "fields": cost.fields * steps,
        "jvps": cost.jvps * steps + cost.jvps_per_iteration * iterations,
        "vjps": cost.vjps * steps + cost.vjps_per_iteration * iterations,
    }
