"""Writing a run to checkpoints, and resuming it from the newest one."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from gamesolve.checkpoint import Checkpoint
from gamesolve.distributed import of_all_processes
from gamesolve.driving.chunks import placed
from gamesolve.driving.identity import compare
from gamesolve.driving.plan import Plan, Reached, Status
from gamesolve.trees import PyTree


class Store(Protocol):
    """A store of the checkpoints of a run, such as `gamesolve.checkpoint.Folder`.

    If it also has a method ``lock``, the run is inside the context that it returns.
    """

    def save(self, step: int, tree: PyTree, about: Mapping[str, Any]) -> None:
        """Write a checkpoint of one step, or raise `OSError`."""

    def load(self, template: Callable[[int], PyTree], expected: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest checkpoint that fits, or return None."""


class Saving(NamedTuple):
    """The checkpoints of a run: where they are kept, after how many chunks one is written, and which run it is."""

    plan: Plan
    chunks: int
    store: Store
    identity: Mapping[str, Any]

    def lock(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which no other run may use the store."""
        return getattr(self.store, "lock", contextlib.nullcontext)()

    def due(self, steps: int, last: bool) -> bool:
        """Return whether to write a checkpoint after so many steps."""
        return last or steps % (self.chunks * self.plan.length) == 0


def resumed(saving: Saving, fresh: Reached, num_steps: int) -> Reached | None:
    """Return the state of the newest checkpoint, or None if there is none.

    Args:
        saving: the checkpoints.
        fresh: the start of the run, as arrays or as their `outline`.
        num_steps: number of steps of the run.
    """
    plan, store = saving.plan, saving.store

    def template(step: int) -> dict[str, PyTree]:
        number = (step - plan.start) // plan.every
        rows = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((number, *leaf.shape[1:]), leaf.dtype), fresh.rows)
        return _tree(fresh) | {"rows": rows}

    found = store.load(template, _settings(plan))
    begin = plan.start if found is None else found.step
    steps = of_all_processes(begin, fresh.players)
    if len(set(steps)) > 1:
        raise ValueError(
            f"all processes must find the same checkpoint, got steps {steps}. Use a folder that all of them can read."
        )
    if found is None:
        return None
    if begin > plan.start + num_steps:
        raise ValueError(
            f"num_steps must reach the newest checkpoint, at step {begin}, got an end at step "
            f"{plan.start + num_steps}. Ask for more steps or use another folder."
        )
    compare(begin, found.about.get("run"), saving.identity)
    players, state = jax.tree.map(placed, (found.tree["players"], found.tree["state"]), (fresh.players, fresh.state))
    rows = jax.tree.map(np.asarray, found.tree["rows"])
    # A run of an unknown end goes on, and ends the same way again.
    status = next((status for status in Status if status.name == found.about.get("status")), Status.BUDGET)
    return Reached(players, state, rows, begin - plan.start, status)


def outline(tree: PyTree) -> PyTree:
    """Return the shapes, types and devices of the arrays in a pytree, without their memory."""

    def shape(leaf: PyTree) -> PyTree:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

    return jax.tree.map(lambda leaf: shape(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


def save(saving: Saving, reached: Reached) -> None:
    """Write a checkpoint; if that fails, for example on a full disk, warn and let the run continue."""
    step = saving.plan.start + reached.steps
    notes = {"status": reached.status.name, "command": getattr(sys, "argv", []), "run": saving.identity}
    try:
        saving.store.save(step, _tree(reached), _settings(saving.plan) | notes)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or "out of memory"
        warnings.warn(
            f"the checkpoint of step {step} was not written ({reason}). The run continues, and earlier checkpoints "
            "are intact.",
            stacklevel=4,
        )


def _tree(reached: Reached) -> dict[str, PyTree]:
    return {"players": reached.players, "state": reached.state, "rows": reached.rows}


def _settings(plan: Plan) -> dict[str, Any]:
    """Return what a resumed run must share with the checkpoint, as JSON can hold it."""
    key = plan.key
    described = None if key is None else [str(jax.random.key_impl(key)), jax.random.key_data(key).tolist()]
    return {"start": plan.start, "chunk": plan.length, "every": plan.every, "key": described}
