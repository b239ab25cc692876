"""Batches from a user's iterable, stacked for the compiled chunks of a run."""

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.driving.plan import Plan
from gamesolve.trees import Batch, Key, Scalar

# The tree structure of a batch, and the shape and dtype of each leaf.
_Kind: TypeAlias = tuple[Hashable, tuple[tuple[tuple[int, ...], str], ...]]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Stacked:
    """A sampler of batches that already exist, one row per step from step ``first`` on."""

    arrays: Batch
    first: Scalar

    def __call__(self, key: Key | None) -> Batch:
        """Return the first batch."""
        return self.at(key, self.first)

    def at(self, key: Key | None, t: Scalar) -> Batch:
        """Return the batch of step ``t``; the random key is not used."""
        del key
        return jax.tree.map(lambda leaf: leaf[t - self.first], self.arrays)


def supply(plan: Plan, batches: Iterable[Batch] | None, begin: int, end: int) -> Callable[[int], tuple[Plan, int]]:
    """Return a function that prepares one chunk after another.

    Args:
        plan: the plan of all chunks.
        batches: batches of the steps of the run from step 0 on, or None if the plan says what each step draws.
        begin: the step that the run continues from; the batches before it are skipped.
        end: number of steps of the run.

    Returns:
        ``prepare(step) -> (plan, number)``: the plan of the chunk that starts after ``step`` steps, with the sampler of
        its batches, and its number of steps. It is smaller at the end of the run or of the batches, and then 0.
    """

    def number(step: int) -> int:
        return min(plan.length - step % plan.length, end - step)

    if batches is None:
        return lambda step: (plan, number(step))
    unused = _iterator(batches)
    used = sum(1 for _ in itertools.islice(unused, begin))
    if used < begin:
        raise ValueError(
            f"batches must hold the {begin} batches that the run has used already, got {used}. Pass the same iterable, "
            "from its beginning."
        )
    alike = _alike(unused, plan.start + begin)

    def prepare(step: int) -> tuple[Plan, int]:
        taken = list(itertools.islice(alike, number(step)))
        sample = stacked(taken, plan.start + step, plan.length) if taken else None
        return dataclasses.replace(plan, sample=sample), len(taken)

    return prepare


def peeked(batches: Iterable[Batch]) -> tuple[Stacked | None, Iterable[Batch]]:
    """Return a sampler of the first batch, None if there is none, and an iterable that still begins with it."""
    unused = _iterator(batches)
    taken = list(itertools.islice(unused, 1))
    return (stacked(taken, 0, 1) if taken else None), itertools.chain(taken, unused)


def stacked(batches: list[Batch], first: int, length: int) -> Stacked:
    """Return a sampler of batches.

    Args:
        batches: pytrees of host arrays, at least one, all of one structure and shape.
        first: the step that takes the first of them.
        length: number of rows to fill up to with the last batch, the same for all chunks so that they share a program.
    """
    rows = batches + batches[-1:] * (length - len(batches))
    return Stacked(jax.tree.map(_stack, *rows), first)


def _iterator(batches: Iterable[Batch]) -> Iterator[Batch]:
    try:
        return iter(batches)
    except TypeError:
        raise TypeError(
            f"batches must be an iterable, got {type(batches).__name__}. Pass one batch per step."
        ) from None


def _alike(batches: Iterable[Batch], first: int) -> Iterator[Batch]:
    """Yield batches, the first of which belongs to step ``first``, and raise at one of another structure or shape."""
    expected = None
    for t, batch in enumerate(batches, first):
        kind = _kind(batch, t)
        expected = expected or kind
        if kind != expected:
            words = _structure if kind[1] == expected[1] else _words
            raise ValueError(
                f"all batches must have one structure and shape, got {words(kind)} at step {t} and {words(expected)} "
                f"at step {first}. Drop a smaller last batch."
            )
        yield batch


def _stack(*leaves: jax.typing.ArrayLike) -> jax.Array | np.ndarray:
    """Stack on the host, or on the devices if the leaves are there already."""
    return jnp.stack(leaves) if isinstance(leaves[0], jax.Array) else np.stack(leaves)


def _kind(batch: Batch, t: int) -> _Kind:
    leaves, treedef = jax.tree.flatten(batch)
    for leaf in leaves:
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if getattr(dtype, "kind", "") in tuple("OSUMm"):
            seen = dtype if hasattr(leaf, "dtype") else type(leaf).__name__
            raise TypeError(f"batches must hold arrays of numbers, got {seen} at step {t}. Convert it or leave it out.")
    return treedef, tuple((np.shape(leaf), str(getattr(leaf, "dtype", type(leaf).__name__))) for leaf in leaves)


def _words(kind: _Kind) -> str:
    return ", ".join(f"{dtype}{list(shape)}" for shape, dtype in kind[1]) or "empty"


def _structure(kind: _Kind) -> str:
    return str(kind[0])
