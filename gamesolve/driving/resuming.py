"""Writing a run to checkpoints, and resuming it from the newest one."""

import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from gamesolve.checkpoint import Checkpoint
from gamesolve.distributed import of_all_processes
from gamesolve.driving.chunks import placed
from gamesolve.driving.plan import Plan, Reached, Status
from gamesolve.trees import PyTree


class Store(Protocol):
    """A store of the checkpoints of a run, such as `gamesolve.checkpoint.Folder`."""

    def save(self, step: int, tree: PyTree, about: Mapping[str, Any]) -> None:
        """Write a checkpoint of one step, or raise `OSError`."""

    def load(self, template: Callable[[int], PyTree], expected: Mapping[str, Any]) -> Checkpoint | None:
        """Read the newest checkpoint that fits, or return None."""


class Saving(NamedTuple):
    """The checkpoints of a run: where they are kept, and after how many chunks one is written."""

    plan: Plan
    chunks: int
    store: Store

    def due(self, steps: int, last: bool) -> bool:
        """Return whether to write a checkpoint after so many steps."""
        return last or steps % (self.chunks * self.plan.length) == 0


def resumed(saving: Saving | None, fresh: Reached, num_steps: int) -> Reached:
    """Return the state of the newest checkpoint, or the fresh start if there is none."""
    if saving is None:
        return fresh
    plan, _, store = saving

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
        return fresh
    if begin > plan.start + num_steps:
        raise ValueError(
            f"num_steps must reach the newest checkpoint, at step {begin}, got an end at step "
            f"{plan.start + num_steps}. Ask for more steps or use another folder."
        )
    players, state = jax.tree.map(placed, (found.tree["players"], found.tree["state"]), (fresh.players, fresh.state))
    rows = jax.tree.map(np.asarray, found.tree["rows"])
    return Reached(players, state, rows, begin - plan.start, Status[found.about["status"]])


def save(saving: Saving, reached: Reached) -> None:
    """Write a checkpoint; if that fails, for example on a full disk, warn and let the run continue."""
    plan, _, store = saving
    step = plan.start + reached.steps
    try:
        store.save(step, _tree(reached), _settings(plan) | {"status": reached.status.name, "command": sys.argv})
    except OSError as error:
        reason = error.strerror or str(error)
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
