"""Whether the numbers of players and states are finite."""

from collections.abc import Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp

from gamesolve.linear import Report
from gamesolve.trees import PyTree, State

# Whether each floating leaf of a state is finite.
Sound: TypeAlias = list[jax.Array]
# Leaves of at most this many numbers are looked at together.
SMALL = 2**16


def all_finite(tree: PyTree) -> jax.Array:
    """Return whether every number of a pytree is finite."""
    leaves = jax.lax.stop_gradient(jax.tree.leaves(tree))
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in _joined(leaves)]))


def sound_leaves(state: State) -> Sound:
    """Return whether each floating leaf of a state is finite; infinities such as the best value so far say nothing."""
    return [jnp.all(jnp.isfinite(leaf)) for leaf in _numbers(state)]


def still_sound(state: State, before: Sound) -> jax.Array:
    """Return whether the leaves that were finite are still finite. Reports of inner solves do not count."""
    leaves = _numbers(state)
    if not leaves:
        return jnp.array(True)
    return all_finite([jnp.where(then, leaf, 0) for leaf, then in zip(leaves, before, strict=True)])


def _joined(leaves: Sequence[jax.Array]) -> list[jax.Array]:
    """Return leaves with the small ones of each dtype as one vector.

    XLA would compile two or three kernels for each leaf, in all a third of the first call of `simgd`; a barrier keeps
    it from taking the vector apart again. Leaves with a sharding of their own stay where they are.
    """
    small: dict[jnp.dtype, list[jax.Array]] = {}
    joined = []
    for leaf in map(jnp.asarray, leaves):
        if leaf.size <= SMALL and not any(jax.typeof(leaf).sharding.spec):
            small.setdefault(leaf.dtype, []).append(leaf.ravel())
        else:
            joined.append(leaf)
    return joined + [jax.lax.optimization_barrier(jnp.concatenate(same)) for same in small.values()]


def _numbers(state: State) -> list[jax.Array]:
    """Return the floating leaves of a state without those of reports."""
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Report))
    arrays = (leaf for leaf in nodes if isinstance(leaf, jax.Array))
    return [leaf for leaf in arrays if jnp.issubdtype(leaf.dtype, jnp.inexact)]
