"""Points that are moved apart, so that their markers do not cover each other."""

import numpy as np

ROUNDS = 1000


def apart(points: np.ndarray, gap: float) -> np.ndarray:
    """Move points apart until no two are closer than a gap. Points that are far enough from all others stay.

    Args:
        points: complex numbers.
        gap: smallest distance between two of them afterwards.

    Returns:
        The moved points.

    Example:
        >>> import numpy as np
        >>> moved = apart(np.array([0, 0, 5j]), 1.0)
        >>> round(float(abs(moved[0] - moved[1])), 2), complex(moved[2])
        (1.0, 5j)
    """
    number = len(points)
    close = np.abs(points[:, None] - points) < gap
    # Points that coincide leave in different directions.
    start = 0.01 * gap * np.exp(2j * np.pi * (np.arange(number) + 0.5) / max(number, 1))
    moved = np.where(close.sum(axis=1) > 1, points + start, points)
    for _ in range(ROUNDS):
        away = moved[:, None] - moved
        distance = np.abs(away) + np.diag(np.full(number, np.inf))
        lacking = np.clip(1.001 * gap - distance, 0, None)
        if lacking.max(initial=0) < 0.001 * gap:
            break
        moved = moved + 0.3 * (lacking * away / distance).sum(axis=1)
    return moved
