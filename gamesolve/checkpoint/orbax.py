"""Checkpoints of runs on many hosts with orbax-checkpoint: every process writes and reads its own part of the arrays.

They replace the files of `gamesolve.checkpoint`, for which the first process gathers and writes all arrays:
``gs.run(..., checkpoint=orbax.Folder("runs/large"))``. The checks when a run is resumed are the same.

>>> import tempfile, gamesolve as gs
>>> from gamesolve import orbax
>>> game = gs.zero_sum(lambda x, y: x * y)
>>> with tempfile.TemporaryDirectory() as path:
...     for steps in (100, 200):
...         solution = gs.run(game, gs.ogda(0.1), (1.0, 1.0), steps, checkpoint=orbax.Folder(path))
>>> int(solution.steps)
200
"""

import contextlib
import dataclasses
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gamesolve.checkpoint.choosing import Checkpoint, RefusedError, newest
from gamesolve.checkpoint.lock import locked
from gamesolve.checkpoint.manifest import Entry, as_leaf, as_struct, check, describe, parsed
from gamesolve.checks import whole_number
from gamesolve.checks.extras import needs
from gamesolve.trees import PyTree, numbers_of

if TYPE_CHECKING:
    from orbax.checkpoint import CheckpointManager


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of checkpoints in orbax format, for ``gs.run(checkpoint=)``; it needs the extra ``orbax``.

    Attributes:
        path: the folder; all processes must see it.
        keep: number of checkpoints to keep. Default: 3.

    Raises:
        ImportError: if orbax-checkpoint is not installed.
        ValueError: if ``keep`` is less than 1.
    """

    path: str | Path
    keep: int = 3

    def __post_init__(self) -> None:
        if importlib.util.find_spec("orbax") is None:
            raise needs("orbax.Folder", "orbax-checkpoint", "orbax")
        whole_number("keep", self.keep, 1)

    def save(self, step: int, tree: PyTree, about: Mapping[str, Any]) -> None:
        """Write a checkpoint, then delete all but the newest; every process must call it.

        Args:
            step: the step that the arrays belong to.
            tree: pytree of arrays, on one device or divided among the devices of several processes.
            about: notes on the run by name, anything that JSON can hold.

        Raises:
            OSError: if it cannot be written.
        """
        from orbax.checkpoint import args

        numbers = [_writable(numbers_of(leaf)) for leaf in jax.tree.leaves(tree)]
        arrays = {str(index): array for index, array in enumerate(numbers) if array.size}
        content = args.Composite(arrays=args.StandardSave(arrays), manifest=args.JsonSave(describe(step, tree, about)))
        # Clean up only here: orbax deletes a kill's leftovers in a thread, for which a save waits and a load does not.
        # The thread of a load could outlive it and delete the folder that the next save is writing.
        with self._manager(clean_up=True) as manager:
            if step in manager.all_steps():  # a damaged one, or the same again
                manager.delete(step)
            try:
                manager.save(step, args=content, force=True)
            except ValueError as error:  # tensorstore raises it on a full disk
                raise OSError(str(error)) from error

    def load(self, template: Callable[[int], PyTree], expected: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest checkpoint that is whole and fits, each process its own part.

        Args:
            template: ``template(step)`` returns a pytree of arrays or ``jax.ShapeDtypeStruct`` that a checkpoint of
                that step must match; arrays are put on the devices of the template's arrays.
            expected: required entries of ``about``.

        Returns:
            The checkpoint; None if the folder holds none.

        Raises:
            ValueError: if there are checkpoints, but none is usable.
        """
        with self._manager() as manager:
            steps = sorted(manager.all_steps(), reverse=True)
            candidates = ((f"checkpoint {step}", partial(_read, manager, step, template, expected)) for step in steps)
            return newest(candidates, self.path)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which no other run may use the folder."""
        Path(self.path).mkdir(parents=True, exist_ok=True)
        return locked(self.path)

    @contextlib.contextmanager
    def _manager(self, clean_up: bool = False) -> "Iterator[CheckpointManager]":
        from orbax import checkpoint
        from orbax.checkpoint import checkpoint_managers

        options = checkpoint.CheckpointManagerOptions(
            preservation_policy=checkpoint_managers.LatestN(self.keep),
            enable_async_checkpointing=False,
            cleanup_tmp_directories=clean_up,
        )
        with checkpoint.CheckpointManager(Path(self.path).absolute(), options=options) as manager:
            yield manager


def _read(
    manager: "CheckpointManager", step: int, template: Callable[[int], PyTree], expected: Mapping[str, Any]
) -> Checkpoint:
    from orbax.checkpoint import args

    tree = template(step)
    try:
        manifest = parsed(manager.restore(step, args=args.Composite(manifest=args.JsonRestore()))["manifest"])
        check(manifest, tree, expected)
        wanted = [_target(entry, leaf) for entry, leaf in zip(manifest.leaves, jax.tree.leaves(tree), strict=True)]
        items = args.StandardRestore({str(index): target for index, target in enumerate(wanted) if target.size})
        arrays = manager.restore(step, args=args.Composite(arrays=items))["arrays"]
    except RefusedError:
        raise
    except Exception as error:  # orbax and tensorstore raise errors of many kinds at damaged files
        raise RefusedError("is damaged or cut short") from error
    leaves = [
        as_leaf(arrays[str(index)] if target.size else np.empty(target.shape, target.dtype), entry)
        for index, (target, entry) in enumerate(zip(wanted, manifest.leaves, strict=True))
    ]
    whole = jax.tree.unflatten(jax.tree.structure(tree), leaves)
    return Checkpoint(step, whole, manifest.about)


def _writable(array: jax.Array | np.ndarray) -> jax.Array | np.ndarray:
    """Return an array as orbax takes it; the first process writes undivided arrays, from the host."""
    return array if _is_divided(array) else np.asarray(array)


def _target(entry: Entry, leaf: PyTree) -> jax.ShapeDtypeStruct:
    """Return what to read for a leaf: onto the devices of a divided template, else to the host."""
    numbers = as_struct(entry._replace(key=None))
    sharding = numbers_of(leaf).sharding if _is_divided(leaf) else None
    return jax.ShapeDtypeStruct(numbers.shape, numbers.dtype, sharding=sharding)


def _is_divided(array: PyTree) -> bool:
    sharding = getattr(array, "sharding", None)  # the shapes of rows have none
    return sharding is not None and len(sharding.device_set) > 1
