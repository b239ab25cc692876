"""Modules of neural-network libraries as players: only their floating parameters may be there.

A solver moves, decays and projects all that a player holds. Counters and random keys can't be moved; running statistics
can, which would be silently wrong.
"""

import sys
from collections.abc import Mapping
from typing import Any

import jax

from gamesolve.trees import PyTree

KEEP_OUT = (
    "Keep counters, random keys and running statistics out of the players: take the parameters alone, with "
    "nnx.split(module, nnx.Param, ...), equinox.partition(module, equinox.is_inexact_array), or variables['params'] "
    "of linen."
)
# Variables of flax.nnx whose floating arrays are not parameters.
_STATISTICS = {"BatchStat", "Cache", "Intermediate", "Perturbation"}


def check_parameters_only(tree: PyTree, player: int) -> None:
    """Raise if a player is recognised as holding floating arrays that are not parameters."""
    if isinstance(tree, Mapping) and "params" in tree and _holds_collections(tree):
        raise TypeError(
            f"player {player} must hold parameters only, got the collections {', '.join(map(str, tree))}. {KEEP_OUT}"
        )
    for node in jax.tree.leaves(tree, is_leaf=_is_statistic) if "flax" in sys.modules else ():
        if _is_statistic(node):
            raise TypeError(f"player {player} must hold parameters only, got a {type(node).__name__}. {KEEP_OUT}")


def _holds_collections(tree: Mapping[Any, PyTree]) -> bool:
    """Return whether a dict looks like the variables of a linen module: several collections, each a dict by module."""
    return len(tree) > 1 and all(isinstance(collection, Mapping) for collection in tree.values())


def _is_statistic(node: PyTree) -> bool:
    return any(kind.__name__ in _STATISTICS and kind.__module__.startswith("flax.") for kind in type(node).__mro__)
