"""How far a run has got, and how it is put into a checkpoint and taken out again."""

import sys
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.distributed import of_all_processes
from gamesolve.driving.chunks import placed
from gamesolve.driving.loops import Status, missing
from gamesolve.game import Players


class Reached(NamedTuple):
    """How far a run has got; rows are kept on the host, a stack for each chunk."""

    players: Players
    state: Any
    rows: list[Any]
    steps: int
    status: Status

    def all_rows(self) -> Any:
        """Return one stack of all rows; it takes the place of the others."""
        self.rows[:] = [jax.tree.map(lambda *parts: np.concatenate(parts), *self.rows)]
        return self.rows[0]


def resumed(store: Any, settings: dict[str, Any], fresh: Reached, stop: int) -> Reached:
    """Return where the newest checkpoint is, or the fresh start where there is none."""
    tree = {"players": fresh.players, "state": fresh.state, "rows": fresh.rows[0]}

    def template(step: int) -> Any:
        count = (step - settings["start"]) // settings["every"]
        rows = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((count, *leaf.shape[1:]), leaf.dtype), tree["rows"])
        return tree | {"rows": rows}

    found = store.load(template, settings)
    steps = of_all_processes(fresh.steps if found is None else found.step, fresh.players)
    if len(set(steps)) > 1:
        raise ValueError(f"the processes find checkpoints of steps {steps}; give a folder that all of them can see.")
    if found is None:
        return fresh
    if found.step > stop:
        raise ValueError(
            f"the checkpoint is at step {found.step} and this run ends at step {stop}; ask for more steps or give "
            "another folder."
        )
    players, state = jax.tree.map(placed, (found.tree["players"], found.tree["state"]), (fresh.players, fresh.state))
    rows = jax.tree.map(np.asarray, found.tree["rows"])
    return Reached(players, state, [rows], found.step, Status(found.about["status"]))


def save(store: Any, reached: Reached, settings: dict[str, Any]) -> None:
    """Write a checkpoint; a disk that is full is no reason to end the run."""
    tree = {"players": reached.players, "state": reached.state, "rows": reached.all_rows()}
    try:
        store.save(reached.steps, tree, settings | {"status": int(reached.status), "command": sys.argv})
    except OSError as error:
        reason = error.strerror or str(error)
        warnings.warn(
            f"the checkpoint of step {reached.steps} was not written ({reason}); the run goes on, and what was "
            "written before is there.",
            stacklevel=3,
        )


def described(key: jax.Array | None) -> Any:
    """Return a random key as JSON can hold it."""
    return None if key is None else [str(jax.random.key_impl(key)), jax.random.key_data(key).tolist()]


def empty(shapes: Any) -> Any:
    """Return no rows of these shapes."""
    return jax.tree.map(lambda leaf: np.empty((0, *leaf.shape), leaf.dtype), shapes)


def padded(rows: Any, number: int) -> Any:
    """Return rows as a trace of ``number`` rows."""
    fill = lambda leaf: missing((number - len(leaf), *leaf.shape[1:]), leaf.dtype)
    return jax.tree.map(lambda leaf: jnp.concatenate([leaf, fill(leaf)]), rows)
