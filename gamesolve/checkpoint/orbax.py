"""Checkpoints of runs over many hosts, through orbax-checkpoint: every process writes and reads its own part of arrays.

They take the place of the files of `gamesolve.checkpoint`, whose first process gathers all arrays and writes them
alone: ``gs.run(..., checkpoint=orbax.Folder("runs/large"))``. What is checked when a run goes on is the same.

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
from typing import Any

import jax
import numpy as np

from gamesolve.checkpoint.manifest import Checkpoint, RefusedError, as_leaf, as_struct, check, describe, newest
from gamesolve.checks import whole_number
from gamesolve.trees import numbers_of


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of checkpoints in the format of orbax, for ``gs.run(checkpoint=)``; it needs the extra ``orbax``.

    Attributes:
        path: the folder; all processes must see it.
        keep: how many checkpoints stay.

    Raises:
        ImportError: without orbax-checkpoint.
        ValueError: if none shall stay.
    """

    path: str | Path
    keep: int = 3

    def __post_init__(self) -> None:
        if importlib.util.find_spec("orbax") is None:
            raise ImportError("orbax.Folder needs orbax-checkpoint; install it with pip install 'gamesolve[orbax]'.")
        whole_number("keep", self.keep, 1)

    def save(self, step: int, tree: Any, about: Mapping[str, Any]) -> None:
        """Write a checkpoint, then delete all but the newest; every process must call it.

        Args:
            step: the step that the arrays belong to.
            tree: pytree of arrays, on one device or divided among those of several processes.
            about: what else to write down, anything that JSON can hold.

        Raises:
            OSError: if it can't be written.
        """
        from orbax.checkpoint import args

        numbers = [_writable(numbers_of(leaf)) for leaf in jax.tree.leaves(tree)]
        arrays = {str(index): array for index, array in enumerate(numbers) if array.size}
        content = args.Composite(arrays=args.StandardSave(arrays), manifest=args.JsonSave(describe(step, tree, about)))
        # Only here: orbax deletes what a kill has left in a thread, for which a save waits and a load does not. That
        # of a load could outlive it and take what the next save is writing.
        with self._manager(cleanup_tmp_directories=True) as manager:
            if step in manager.all_steps():  # a damaged one, or the same once more
                manager.delete(step)
            try:
                manager.save(step, args=content, force=True)
            except ValueError as error:  # what tensorstore makes of a full disk
                raise OSError(str(error)) from error

    def load(self, template: Callable[[int], Any], expected: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest checkpoint that is whole and fits, each process its own part.

        Args:
            template: ``template(step)`` returns a pytree of arrays or ``jax.ShapeDtypeStruct``, what a checkpoint of
                that step must hold; arrays are put where those of the template are.
            expected: what ``about`` must say, by name.

        Returns:
            The checkpoint; None if the folder holds none.

        Raises:
            ValueError: if there are checkpoints, but none can be used.
        """
        with self._manager() as manager:
            steps = sorted(manager.all_steps(), reverse=True)
            candidates = ((f"checkpoint {step}", partial(_read, manager, step, template, expected)) for step in steps)
            return newest(candidates, self.path)

    @contextlib.contextmanager
    def _manager(self, **more: Any) -> Iterator[Any]:
        from orbax import checkpoint
        from orbax.checkpoint import checkpoint_managers

        options = checkpoint.CheckpointManagerOptions(
            preservation_policy=checkpoint_managers.LatestN(self.keep),
            enable_async_checkpointing=False,
            **more,
        )
        with checkpoint.CheckpointManager(Path(self.path).absolute(), options=options) as manager:
            yield manager


def _read(manager: Any, step: int, template: Callable[[int], Any], expected: Mapping[str, Any]) -> Checkpoint:
    from orbax.checkpoint import args

    tree = template(step)
    try:
        manifest = manager.restore(step, args=args.Composite(manifest=args.JsonRestore()))["manifest"]
        check(manifest, tree, expected)
        wanted = [_target(entry, leaf) for entry, leaf in zip(manifest["leaves"], jax.tree.leaves(tree), strict=True)]
        items = args.StandardRestore({str(index): target for index, target in enumerate(wanted) if target.size})
        arrays = manager.restore(step, args=args.Composite(arrays=items))["arrays"]
    except RefusedError:
        raise
    except (ValueError, KeyError, OSError) as error:
        raise RefusedError("it is damaged or cut short") from error
    leaves = [
        as_leaf(arrays[str(index)] if target.size else np.empty(target.shape, target.dtype), entry)
        for index, (target, entry) in enumerate(zip(wanted, manifest["leaves"], strict=True))
    ]
    return Checkpoint(step, jax.tree.unflatten(jax.tree.structure(tree), leaves), manifest["about"])


def _writable(array: Any) -> Any:
    """Return an array as orbax takes it: what every process has for itself is written by the first, from the host."""
    return array if _is_divided(array) else np.asarray(array)


def _target(entry: Mapping[str, Any], leaf: Any) -> jax.ShapeDtypeStruct:
    """Return the numbers of a leaf to be read, put where the template's are; those of one process to the host."""
    numbers = as_struct({**entry, "key": None})
    sharding = numbers_of(leaf).sharding if _is_divided(leaf) else None
    return jax.ShapeDtypeStruct(numbers.shape, numbers.dtype, sharding=sharding)


def _is_divided(array: Any) -> bool:
    return isinstance(array, jax.Array) and len(array.sharding.device_set) > 1
