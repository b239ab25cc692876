"""Whether the numbers of players and states are finite."""

from typing import TypeAlias

import jax
import jax.numpy as jnp

from gamesolve.linear import Report
from gamesolve.trees import PyTree, State

# Whether each floating leaf of a state is finite.
Sound: TypeAlias = list[jax.Array]


def all_finite(tree: PyTree) -> jax.Array:
    """Return whether every number of a pytree is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def sound_leaves(state: State) -> Sound:
    """Return whether each floating leaf of a state is finite; infinities such as the best value so far say nothing."""
    return [all_finite(leaf) for leaf in _numbers(state)]


def still_sound(state: State, before: Sound) -> jax.Array:
    """Return whether the leaves that were finite are so still. Reports of inner solves do not count."""
    still = [now | ~then for now, then in zip(sound_leaves(state), before, strict=True)]
    return jnp.all(jnp.stack(still)) if still else jnp.array(True)


def _numbers(state: State) -> list[jax.Array]:
    """Return the floating leaves of a state without those of reports."""
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Report))
    arrays = (leaf for leaf in nodes if isinstance(leaf, jax.Array))
    return [leaf for leaf in arrays if jnp.issubdtype(leaf.dtype, jnp.inexact)]
