"""Batches from an iterable of the user's own, stacked for the compiled steps of a run."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@functools.partial(jax.tree_util.register_dataclass, data_fields=["arrays", "first"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Stacked:
    """A sampler of batches that are there already, one row a step from step ``first`` on."""

    arrays: Any
    first: Any

    def __call__(self, key: jax.Array | None) -> Any:
        """Return the first batch."""
        return self.at(key, self.first)

    def at(self, key: jax.Array | None, t: Any) -> Any:
        """Return the batch of step ``t``; the random key plays no part."""
        del key
        return jax.tree.map(lambda leaf: leaf[t - self.first], self.arrays)


def supply(
    sample: Any, batches: Iterable[Any] | None, start: int, first: int, length: int
) -> Callable[[int, int], tuple[Any, int]]:
    """Return the function that gives a chunk its sampler.

    Args:
        sample: the sampler of all chunks, if there are no batches.
        batches: batches of the user's own from step ``start`` on, or None.
        start: number of steps taken before the run.
        first: the step that the run goes on from; the batches before it have been used.
        length: steps of a chunk.

    Returns:
        ``draw(first, number) -> (sampler, count)``: for the ``number`` steps from ``first`` on, or fewer where the
        batches end.
    """
    if batches is None:
        return lambda first, number: (sample, number)
    try:
        unused = itertools.islice(iter(batches), first - start, None)
    except TypeError:
        raise TypeError(f"batches must be an iterable of batches, got {type(batches).__name__}.") from None
    alike = _alike(unused, first)
    return lambda first, number: stacked(alike, first, number, length)


def stacked(batches: Iterator[Any], first: int, number: int, length: int) -> tuple[Stacked | None, int]:
    """Take ``number`` batches, or what is left of them, and stack them to ``length`` rows.

    Args:
        batches: pytrees of host arrays, all of one structure and shape.
        first: the step that takes the first of them.
        number: how many steps are to come.
        length: rows of the stack, the same for all chunks so that they share a program; the last batch fills it up.

    Returns:
        The sampler, and how many batches it holds; None and 0 if there are none left.
    """
    taken = list(itertools.islice(batches, number))
    if not taken:
        return None, 0
    rows = taken + taken[-1:] * (length - len(taken))
    return Stacked(jax.tree.map(_stack, *rows), first), len(taken)


def _alike(batches: Iterable[Any], first: int) -> Iterator[Any]:
    """Yield the batches from step ``first`` on, all of the structure and shape of the first."""
    expected = None
    for t, batch in enumerate(batches, first):
        kind = _kind(batch)
        expected = expected or kind
        if kind != expected:
            raise ValueError(
                f"the batch of step {t} is {_words(kind)} where that of step {first} is {_words(expected)}; give "
                "batches of one structure and shape, for example by dropping a smaller last."
            )
        yield batch


def _stack(*leaves: Any) -> Any:
    """Stack on the host, or on the devices where the leaves are there already."""
    return (jnp if isinstance(leaves[0], jax.Array) else np).stack(leaves)


def _kind(batch: Any) -> Any:
    leaves, treedef = jax.tree.flatten(batch)
    return treedef, tuple((np.shape(leaf), str(getattr(leaf, "dtype", type(leaf).__name__))) for leaf in leaves)


def _words(kind: Any) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in kind[1]) or "empty"
