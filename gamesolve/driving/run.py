"""Long runs: a loop on the host over compiled chunks, which can be watched, stopped and resumed."""

import contextlib
import dataclasses
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import jax.numpy as jnp
import optax

from gamesolve.checkpoint import Folder, found
from gamesolve.checks import whole_number
from gamesolve.checks.calls import explained
from gamesolve.driving import rows
from gamesolve.driving.batches import peeked, supply
from gamesolve.driving.callbacks import Callback, check_callbacks, told
from gamesolve.driving.chunks import Chunk, Stacks, append, driven, first, joined, stack_of
from gamesolve.driving.identity import identify
from gamesolve.driving.loops import row_shapes
from gamesolve.driving.memory import BESIDE, IN_PLACE, as_they_are, copied, lost
from gamesolve.driving.plan import Plan, Reached, Record, Solution, Status, check_divides, checked
from gamesolve.driving.progress import bar
from gamesolve.driving.resuming import Saving, Store, outline, resumed, save
from gamesolve.driving.signals import Terminated, interruption
from gamesolve.game import Game
from gamesolve.linear.report import fallbacks
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Batch, Key, Players, PyTree, Scalar, State

__all__ = ["Chunk", "run"]


def run(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    *,
    state: State | None = None,
    start: int = 0,
    sample: Sampler | None = None,
    batches: Iterable[Batch] | None = None,
    key: Key | None = None,
    record: Record | None = None,
    every: int = 1,
    tol: Scalar | None = None,
    max_norm: Scalar | None = None,
    chunk: int = 100,
    progress: bool = True,
    checkpoint: str | Path | Store | None = None,
    checkpoint_every: int = 1,
    keep: int = 3,
    callbacks: Sequence[Callback] = (),
    donate: bool = False,
) -> Solution:
    """Run a solver for many steps, in compiled chunks with control on the host between them.

    The numbers are those of `gamesolve.solve`. The loop on the host adds a progress bar, callbacks, batches from any
    iterable, checkpoints, and Ctrl-C: the first one ends the run and keeps the result so far, the second one raises.
    SIGTERM, which schedulers send, ends the run in the same way, and then the program, with exit code 143. If the
    players become NaN or infinite, the run ends at its last finite players, with status DIVERGED. A callback that
    returns True or raises `StopIteration` ends the run after its chunk, with status STOPPED.

    With ``checkpoint=`` the same call also resumes the run. It continues from the newest whole checkpoint in the folder
    and ends with the same players, bit for bit, as a run without interruption. A larger ``num_steps`` extends the run.
    If a callback stopped the run, all callbacks see its last chunk again, and the run continues unless one stops it.

    Memory: while the devices compute a chunk, the run holds the players and the state before and after it, besides
    the working memory of a step. With ``donate=True`` it holds them once, and the players are the same, bit for bit.
    For this each chunk overwrites the one before it: callbacks run while the devices wait, the arrays of a chunk are
    deleted after its callbacks, and a run that diverges returns the players of its newest checkpoint, or its start.

    Args:
        game: the game.
        solver: a solver or any optax transformation.
        players: tuple of parameter pytrees, one per player; they stay usable.
        num_steps: number of steps.
        state: the solver's state to continue from. Default: a fresh one.
        start: number of steps already taken; step t draws its data from ``jax.random.fold_in(key, t)``.
        sample: ``sample(key) -> batch``, whose result each step binds to the game; drawn in the compiled chunk.
        batches: instead of ``sample``, an iterable of batches, one per step: a list, a generator, a ``grain`` or
            ``torch`` loader. Batches are pytrees of host arrays of one shape. Those of the next chunk are taken and
            stacked while the devices compute. The run ends when the batches do. A resumed run skips the batches that
            it has used.
        key: typed random key, required with ``sample``.
        record: ``record(players, state) -> pytree``, evaluated after every ``every`` steps and stacked.
        every: number of steps between records; it must divide ``num_steps`` and ``chunk``.
        tol: stop as soon as the Euclidean norm of the field is at most this. For players in
            sets (``projections=``, ``potentials=``, `transforms.project`) the norm is that of ``z - P(z + v)``, where P
            projects onto the sets. Sets of other optax transformations are not known.
        max_norm: stop as soon as the Euclidean norm of the players exceeds this.
        chunk: number of steps per compiled chunk.
        progress: whether to show a progress bar, on a terminal or in a notebook; it needs tqdm, the extra ``progress``.
        checkpoint: folder of the checkpoints, or an object with the methods of `gamesolve.checkpoint.Folder`. If there
            are several processes, all of them must see it.
        checkpoint_every: number of chunks between checkpoints; one more is written at the end.
        keep: number of checkpoints to keep. Default: 3.
        callbacks: functions of a `Chunk`, called after each chunk, such as those of `gamesolve.loggers` and
            `gamesolve.stopping`. One that returns True ends the run; all of them see that chunk first.
        donate: whether each chunk overwrites the memory of the one before it. Arrays that you pass are copied first.

    Returns:
        The `Solution`. After an early end the remaining rows of its trace are NaN, as in `gamesolve.solve`.

    Raises:
        TypeError: if an argument has the wrong type, or a callback returns anything but True, False or None.
        ValueError: if a count or shape is wrong, the players are not finite at the start, or the checkpoints in the
            folder belong to another run, or another run is using it.
        SystemExit: after SIGTERM; its attribute ``solution`` is the result so far.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> seen = []
        >>> watch = lambda chunk: seen.append(chunk.steps)
        >>> solution = gs.run(game, gs.extragradient(0.5), (1.0, 1.0), 250, callbacks=[watch])
        >>> seen, int(solution.steps)
        ([100, 200, 250], 250)
    """
    num_steps = whole_number("num_steps", num_steps, 0)
    _check_source(sample, batches)
    check_callbacks(callbacks)
    plan = checked(
        game,
        solver,
        length=whole_number("chunk", chunk, 1),
        every=every,
        start=whole_number("start", start, 0),
        num_steps=num_steps,
        sample=sample,
        key=key,
        record=record,
        tol=tol,
        max_norm=max_norm,
    )
    if record is not None:
        check_divides(plan.every, num_steps=num_steps, chunk=plan.length)
    saving = _saving(plan, checkpoint, checkpoint_every, keep)
    # What a record of the batch will return is known once a batch is.
    example, batches = peeked(batches) if plan.computes and batches is not None else (plan.sample, batches)
    shown = dataclasses.replace(plan, sample=example)
    begin = partial(_begun, shown, saving, players, state, num_steps, copied if donate else as_they_are)
    with explained("a payoff, sampler or record"), saving.lock() if saving else contextlib.nullcontext():
        begun = begin()
        stacks, prepare = [stack_of(plan, begun)], supply(plan, batches, begun.steps, num_steps)
        with interruption(outline(begun.players)) as interrupted, bar(progress, num_steps, begun.steps) as show:
            arrivals = driven(prepare, begun, interrupted, IN_PLACE if donate else BESIDE)
            del begun  # it would stay in memory for as long as the run
            reached = _followed(arrivals, stacks, callbacks, saving, show)
            received = interrupted()
        if lost(reached):
            end, trace = reached.steps, reached.rows
            del reached
            reached = begin()._replace(rows=trace, status=Status.DIVERGED)
            _tell_of_loss(plan, end, reached.steps)
    shapes, steps = row_shapes(shown, reached.players, reached.state), plan.start + reached.steps
    trace = rows.from_host(reached.rows, num_steps // plan.every, shapes)
    solution = Solution(reached.players, reached.state, trace, jnp.int32(steps), jnp.int32(reached.status))
    if received == signal.SIGTERM:
        raise Terminated(solution)
    if received and reached.steps < num_steps:
        warnings.warn(f"interrupted after step {steps}. The result so far is returned.", stacklevel=2)
    return solution


def _begun(
    plan: Plan,
    saving: Saving | None,
    players: Players,
    state: State | None,
    num_steps: int,
    take: Callable[[PyTree], PyTree],
) -> Reached:
    """Return where a run begins: at its newest checkpoint, or at its start; see `first`."""
    if saving is not None:
        fresh = outline(first(plan, players, state, as_they_are))  # not in memory beside the checkpoint
        found = resumed(saving, fresh, num_steps)
        if found is not None:
            return found
    return first(plan, players, state, take)


def _followed(
    arrivals: Iterator[tuple[Reached, Chunk, bool]],
    stacks: Stacks,
    callbacks: Sequence[Callback],
    saving: Saving | None,
    show: Callable[[int], object],
) -> Reached:
    """Follow a run from chunk to chunk, and return how far it got, with all rows; ``stacks`` holds the first ones."""
    reached, seen, last = next(arrivals)
    begin, before, warned, stopped = reached.steps, int(fallbacks(reached.state)), False, False
    if reached.status is Status.STOPPED:
        stopped = told(callbacks, seen)
        reached = reached if stopped else reached._replace(status=Status.BUDGET)
    while not (last or stopped):
        del reached, seen  # the next chunk may need their memory
        reached, seen, last = next(arrivals)
        warned = warned or _warned(int(fallbacks(reached.state)) - before, reached.steps - begin)
        stopped = told(callbacks, seen._replace(earlier=stacks))
        if stopped and reached.status is Status.BUDGET:
            reached = reached._replace(status=Status.STOPPED)
        append(stacks, (reached.rows, seen.row_steps))
        # After the callbacks: a resumed run repeats what a logger may have seen, and skips nothing.
        if saving is not None and saving.due(reached.steps, last or stopped) and not lost(reached):
            stacks[:] = [joined(stacks)]
            save(saving, reached._replace(rows=stacks[0][0]))
        show(reached.steps)
    if not stopped:
        next(arrivals, None)  # raises an error of the batches, now that the chunk before it is kept
    return reached._replace(rows=joined(stacks)[0])


def _tell_of_loss(plan: Plan, bad: int, good: int) -> None:
    warnings.warn(
        f"the players became NaN or infinite before step {plan.start + bad}, and donate=True kept none since step "
        f"{plan.start + good}, whose players are returned. Write checkpoints more often, or leave out donate.",
        stacklevel=3,
    )


def _warned(failed: int, steps: int) -> bool:
    """Warn if inner solves failed, and return whether they did."""
    if failed:
        warnings.warn(
            f"{failed} inner solves failed in the first {steps} steps, and those steps used the explicit direction. "
            "Take smaller steps, or allow more iterations with inner=gs.linear.Inner(max_iterations=...). See the "
            "fallbacks in the solver's state for the rest of the run.",
            stacklevel=4,
        )
    return failed > 0


def _check_source(sample: object, batches: object) -> None:
    if sample is not None and batches is not None:
        raise ValueError("sample and batches must not be combined, got both. Pass one of them.")


def _saving(plan: Plan, checkpoint: str | Path | Store | None, chunks: int, keep: int) -> Saving | None:
    """Return what writes the checkpoints; create a folder now, because later a long run would only be warned."""
    chunks, keep = whole_number("checkpoint_every", chunks, 1), whole_number("keep", keep, 1)
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | Path):
        if not (hasattr(checkpoint, "save") and hasattr(checkpoint, "load")):
            raise TypeError(f"checkpoint must be a folder, got {type(checkpoint).__name__}. Pass its path.")
        return Saving(plan, chunks, checkpoint, identify(plan))
    try:
        Path(checkpoint).mkdir(parents=True, exist_ok=True)
        found(Path(checkpoint))
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise ValueError(
            f"checkpoint must be a folder that can be created, got {str(checkpoint)!r} "
            f"({getattr(error, 'strerror', error)}). Pass another path."
        ) from None
    return Saving(plan, chunks, Folder(checkpoint, keep), identify(plan))
