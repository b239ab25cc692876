"""Check the sets of the players, for comparisons and recommendations alike."""

from typing import Any

from gamesolve.driving.sets import Projections
from gamesolve.transforms.geometry import check_projections


def as_constraints(constraints: Any, players: int) -> Projections:
    """Return one projection, or a tuple with one or None per player; a list becomes a tuple.

    Raises:
        TypeError: if a projection is not a function.
        ValueError: if there is not one per player.

    Example:
        >>> from gamesolve.compare.constraints import as_constraints
        >>> as_constraints([None, abs], 2)
        (None, <built-in function abs>)
    """
    each = tuple(constraints) if isinstance(constraints, list) else constraints
    check_projections(each)
    if isinstance(each, tuple) and len(each) != players:
        raise ValueError(
            f"constraints must have one projection or None per player, got {len(each)} for {players} players. Pass one "
            "function for all players, or a tuple."
        )
    return each
