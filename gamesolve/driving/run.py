"""Long runs: a loop on the host over compiled chunks, which can be watched, stopped and taken up again."""

import functools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import checkpoint as checkpoints
from gamesolve.checks import as_pytree, check_limit, explained, whole_number
from gamesolve.distributed import on_host
from gamesolve.driving.batches import supply
from gamesolve.driving.chunks import Program, begin, finite, launch, settle, strong
from gamesolve.driving.loops import Solution, Status
from gamesolve.driving.progress import bar, interruption
from gamesolve.driving.resuming import Reached, described, empty, padded, resumed, save
from gamesolve.driving.solve import check_game, check_state
from gamesolve.game import Game, Players, as_players
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import as_solver
from gamesolve.trees import is_key

Supply = Callable[[int, int], tuple[Any, int]]


class Chunk(NamedTuple):
    """What a callback of `run` is given after each chunk of steps.

    Attributes:
        players: where the run is.
        state: the solver's optax state there.
        rows: the records of this chunk, stacked, as arrays on the host; None without ``record``.
        row_steps: the step after which each row was recorded.
        steps: number of steps taken, ``start`` included.
        status: a `Status`.
        seconds: how long the chunk took.
    """

    players: Players
    state: Any
    rows: Any
    row_steps: np.ndarray
    steps: int
    status: Status
    seconds: float


def run(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    *,
    state: Any = None,
    start: int = 0,
    sample: Sampler | None = None,
    batches: Iterable[Any] | None = None,
    key: jax.Array | None = None,
    record: Callable[[Players, Any], Any] | None = None,
    every: int = 1,
    tol: float | None = None,
    max_norm: float | None = None,
    chunk: int = 100,
    progress: bool = True,
    checkpoint: str | Path | Any = None,
    checkpoint_every: int = 1,
    keep: int = 3,
    callbacks: Sequence[Callable[[Chunk], Any]] = (),
) -> Solution:
    """Run a solver for many steps, in compiled chunks with a look from the host between them.

    The numbers are those of `gamesolve.solve`. What the loop on the host adds: a progress bar, callbacks, batches from
    any iterable, checkpoints, and an end by Ctrl-C that keeps the result so far (a second Ctrl-C raises). A run whose
    players stop being finite ends at the last step at which they were, with status DIVERGED.

    With ``checkpoint=`` the same call is the one to go on with: it takes up the newest whole checkpoint of the folder
    and ends with players that are bit for bit those of the run without interruption. A larger ``num_steps`` prolongs
    the run.

    Args:
        game: the game.
        solver: a solver or any optax transformation.
        players: tuple of parameter pytrees, one per player; they stay usable.
        num_steps: number of steps.
        state: the solver's state to go on from; None for a fresh one.
        start: number of steps taken before; step t draws its data from ``jax.random.fold_in(key, t)``.
        sample: ``sample(key) -> batch``, what each step binds to the game, drawn in the compiled chunk.
        batches: instead of ``sample``, an iterable of batches as pytrees of host arrays, all of one shape, one for
            each step: a list, a generator, a ``grain`` or ``torch`` loader. Those of the next chunk are taken and
            stacked while the devices compute. The run ends when they do. When it goes on from a checkpoint, those
            that were used before are skipped.
        key: typed random key, needed with ``sample``.
        record: ``record(players, state) -> pytree``, evaluated after every ``every`` steps and stacked.
        every: number of steps between records; it must divide ``num_steps`` and ``chunk``.
        tol: stop as soon as the Euclidean norm of the field is at most this.
        max_norm: stop as soon as the Euclidean norm of the players exceeds this.
        chunk: number of steps between two looks from the host.
        progress: whether to show a bar on a terminal; it needs tqdm, the extra ``progress``.
        checkpoint: folder of the checkpoints, or an object with the methods of `gamesolve.checkpoint.Folder`. Where
            there are several processes, all of them must see it.
        checkpoint_every: number of chunks between checkpoints; one more is written at the end.
        keep: how many checkpoints stay.
        callbacks: functions that are given a `Chunk` after each chunk, such as those of `gamesolve.loggers`.

    Returns:
        The `Solution`. After an early end the remaining rows of its trace are NaN, as in `gamesolve.solve`.

    Raises:
        TypeError: if an argument is of the wrong kind.
        ValueError: if a count or shape is wrong, the players are not finite at the start, or the checkpoints of the
            folder belong to another run.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> seen = []
        >>> watch = lambda chunk: seen.append(chunk.steps)
        >>> solution = gs.run(game, gs.extragradient(0.5), (1.0, 1.0), 250, callbacks=[watch])
        >>> seen, int(solution.steps)
        ([100, 200, 250], 250)
    """
    check_game(game)
    num_steps, start = whole_number("num_steps", num_steps, 0), whole_number("start", start, 0)
    chunk, every = whole_number("chunk", chunk, 1), whole_number("every", every, 1)
    checkpoint_every, keep = whole_number("checkpoint_every", checkpoint_every, 1), whole_number("keep", keep, 1)
    if record is not None:
        _check_divides(every, num_steps=num_steps, chunk=chunk)
    check_limit("tol", tol)
    check_limit("max_norm", max_norm)
    _check_source(sample, batches, key)
    _check_callbacks(callbacks)
    store = _store(checkpoint, keep)
    players = as_players(players, game.num_players)
    _check_finite(players)
    solver, record, sample = as_solver(solver), as_pytree("record", record), as_pytree("sample", sample)
    program = Program(game, solver, key, record, tol, max_norm, start, chunk, every)
    pure = functools.partial(explained, "a payoff, sampler or record")
    with pure():
        if state is None:
            state = begin(solver, players)
        else:
            check_state(solver, state, players)
            state = strong(jax.tree.map(jnp.asarray, state))
        shapes = None if record is None else jax.eval_shape(record, players, state)
    fresh = Reached(players, state, [empty(shapes)], start, Status.BUDGET)
    settings = {"start": start, "chunk": chunk, "every": every, "key": described(key)}
    reached = begun = fresh if store is None else resumed(store, settings, fresh, start + num_steps)
    draw = supply(sample, batches, start, begun.steps, chunk)
    with pure(), interruption(players) as interrupted, bar(progress, num_steps, begun.steps - start) as show:
        for reached, news, last in _driven(program, begun, draw, start + num_steps, interrupted):
            for callback in callbacks:
                callback(news)
            # After the callbacks: a run that is taken up again repeats what a logger may have seen, and skips nothing.
            if store is not None and (last or (reached.steps - start) % (chunk * checkpoint_every) == 0):
                save(store, reached, settings)
            show(reached.steps - start)
        if interrupted() and reached.steps < start + num_steps:
            warnings.warn(f"interrupted after step {reached.steps}; this is the result so far.", stacklevel=2)
    trace = padded(reached.all_rows(), num_steps // every)
    return Solution(reached.players, reached.state, trace, jnp.int32(reached.steps), jnp.int32(reached.status))


def _check_divides(every: int, **counts: int) -> None:
    for name, count in counts.items():
        if count % every:
            raise ValueError(f"every is {every}, which does not divide {name} = {count}; choose a divisor.")


def _check_source(sample: Any, batches: Any, key: Any) -> None:
    if sample is not None and batches is not None:
        raise ValueError("run got sample= and batches=; give one of them.")
    if sample is not None and key is None:
        raise ValueError("sample= draws with a random key; pass key=jax.random.key(0).")
    if key is not None and not is_key(key):
        raise TypeError(f"key must be a typed random key, got {type(key).__name__}; make one with jax.random.key(0).")


def _check_callbacks(callbacks: Any) -> None:
    if callable(callbacks) or not all(map(callable, callbacks)):
        raise TypeError("callbacks must be a list of functions; write callbacks=[...].")


def _store(checkpoint: Any, keep: int) -> Any:
    """Return what keeps the checkpoints; a folder is made now, since later a run of hours would only be warned."""
    if not isinstance(checkpoint, str | Path):
        if checkpoint is not None and not (hasattr(checkpoint, "save") and hasattr(checkpoint, "load")):
            raise TypeError(f"checkpoint must be a folder, got {type(checkpoint).__name__}; give its path.")
        return checkpoint
    try:
        Path(checkpoint).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"checkpoint is {str(checkpoint)!r}, where no folder can be made ({error.strerror}); give another one."
        ) from None
    return checkpoints.Folder(checkpoint, keep)


def _check_finite(players: Players) -> None:
    for player, entry in enumerate(players):
        if not finite(entry):
            raise ValueError(f"player {player} is not finite at the start; start from finite numbers.")


def _driven(
    program: Program, reached: Reached, draw: Supply, stop: int, interrupted: Callable[[], bool]
) -> Iterator[tuple[Reached, Chunk, bool]]:
    """Yield where each chunk got to, the next one running already, and whether it was the last."""

    def ask(steps: int) -> tuple[Any, int]:
        return draw(steps, min(program.length - (steps - program.start) % program.length, stop - steps))

    sample, number = ask(reached.steps)
    clock = time.perf_counter()
    flight = None
    if number:
        flight = launch(program, reached.players, reached.state, sample, reached.steps, reached.steps + number)
    while flight is not None:
        sample, number = ask(flight.end)  # while the devices compute
        begin, solution = flight.begin, settle(flight)
        players, state, steps, status = solution.players, solution.state, int(solution.steps), int(solution.status)
        flight = None
        if number and status == Status.BUDGET and not interrupted():
            flight = launch(program, players, state, sample, steps, steps + number)
        done = (begin - program.start) // program.every
        count = 0 if solution.trace is None else (steps - program.start) // program.every - done
        rows = jax.tree.map(lambda leaf: on_host(leaf)[:count], solution.trace)  # noqa: B023
        row_steps = program.start + program.every * np.arange(done + 1, done + count + 1)
        reached = Reached(players, state, [*reached.rows, rows], steps, Status(status))
        now = time.perf_counter()
        yield reached, Chunk(players, state, rows, row_steps, steps, Status(status), now - clock), flight is None
        clock = now
