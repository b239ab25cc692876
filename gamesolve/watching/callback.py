"""The callback `gamesolve.watch`: it measures a run at regular steps, judges it, keeps a log, and may stop it."""

import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path

import jax
import numpy as np
import optax

from gamesolve.checks import as_pytree, check_key, whole_number
from gamesolve.distributed import on_host
from gamesolve.driving.identity import hashed
from gamesolve.driving.plan import Status, check_game, check_state
from gamesolve.driving.run import Chunk
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import as_solver
from gamesolve.trees import Key, Players
from gamesolve.watching import logbook
from gamesolve.watching.history import RECENT, Extremes, Row, extended, of_all
from gamesolve.watching.measures import Outputs, Subject, any_tangent, measure
from gamesolve.watching.verdicts import EVIDENCE, Verdict, judge


@dataclasses.dataclass
class Watch:
    """A callback of `gamesolve.run`, made by `gamesolve.watch`.

    Attributes:
        subject: the game, the solver and the data.
        every: number of steps between measurements.
        tangents: number of steps that each measurement follows a tangent.
        stop: states at which the run ends.
        log: file of JSON lines with the rows and verdicts, or None.
        tell: function that gets each `Verdict` whose state differs from the one before, or None.
        rows: the measurements so far, each a dict of numbers and lists with its ``step``.
        verdicts: the verdict after each measurement.
    """

    subject: Subject
    every: int
    tangents: int
    stop: frozenset[str]
    log: Path | None
    tell: Callable[[Verdict], object] | None
    rows: list[Row] = dataclasses.field(default_factory=list, repr=False)
    verdicts: list[Verdict] = dataclasses.field(default_factory=list, repr=False)
    _tangent: jax.Array | None = dataclasses.field(default=None, repr=False)
    _seen: int = dataclasses.field(default=0, repr=False)
    _run: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    # The extremes of the rows before the window of the last verdict.
    _before: Extremes | None = dataclasses.field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The last verdict."""
        return self.verdicts[-1] if self.verdicts else judge([])

    def __call__(self, chunk: Chunk) -> bool:
        """Measure the run if it is due, and return whether to stop it."""
        if not self._seen or chunk.before != self._seen or _shapes(chunk.players) != self._run["players"]:
            self._begin(chunk)
        self._seen = chunk.steps
        diverged = chunk.status is Status.DIVERGED
        if self.rows and chunk.steps // self.every == chunk.before // self.every and not diverged:
            return False
        if len(self.rows) >= RECENT:
            self._before = extended(self._before, self.rows[-RECENT])
        self.rows.append({"step": chunk.steps, "diverged": diverged} | self._measured(chunk))
        self.verdicts.append(judge(self.rows, self._before))
        if self.log is not None and not jax.process_index():
            logbook.append(self.log, (self.rows[-1], self.verdict))
        changed = len(self.verdicts) < 2 or self.verdict.state != self.verdicts[-2].state
        if self.tell is not None and changed:
            self.tell(self.verdict)
        return self.verdict.state in self.stop

    def _measured(self, chunk: Chunk) -> Row:
        at = chunk.players, chunk.state
        tangent = any_tangent(self.subject, *at) if self._tangent is None else self._tangent
        extremes = of_all(self.rows[1 - RECENT :], self._before)
        spread = np.float32(0 if extremes is None else extremes.spread)
        measured, self._tangent = measure(self.subject, *at, chunk.steps, tangent, spread, tangents=self.tangents)
        return {name: on_host(value).tolist() for name, value in measured._asdict().items()}

    def _begin(self, chunk: Chunk) -> None:
        """Forget another run, and read the earlier rows of this one from its log if it was resumed."""
        _check_solver(self.subject, chunk)
        self._run = _identity(self.subject, chunk.players)
        kept = [] if self.log is None else logbook.read(self.log, self._run)
        kept = [(row, verdict) for row, verdict in kept if row["step"] <= chunk.before]
        self.rows[:], self.verdicts[:] = [row for row, _ in kept], [verdict for _, verdict in kept]
        self._before = of_all(self.rows[:-RECENT])
        self._tangent = None
        if self.log is not None and not jax.process_index():
            logbook.begin(self.log, self._run, kept)


def watch(
    game: Game,
    solver: optax.GradientTransformation,
    *,
    every: int = 500,
    tangents: int = 2,
    sample: Sampler | None = None,
    key: Key | None = None,
    outputs: Outputs | None = None,
    stop: Collection[str] = (),
    log: str | Path | None = None,
    tell: Callable[[Verdict], object] | None = print,
) -> Watch:
    """Make a callback of `gamesolve.run` that measures a training now and then, and names what it does.

    The states are converging, rotating, chaotic, near a saddle, collapsing, running off, starved (one player has no
    gradient left), noise floor and undecided. Each `Verdict` comes with its evidence in a sentence. A verdict needs
    12 measurements; it looks at the last ones, and at the largest values since the start.

    A measurement costs some twenty gradient evaluations. It changes nothing in the run. The callback measures after the
    first chunk, and after each one that passes a multiple of ``every`` steps.

    Args:
        game: the game of the run; bind a batch to it if the run gets its data from ``batches``.
        solver: the solver of the run.
        every: number of steps between measurements. Default: 500.
        tangents: number of steps that each measurement follows a direction, for the Lyapunov exponent. Default: 2.
        sample: the sampler of the run.
        key: the random key of the run, required with ``sample``.
        outputs: ``outputs(players) -> examples``, generated examples along a leading axis, always from the same
            latents. It is needed to see a collapse, and counts the clumps among the first 256.
        stop: states at which to end the run.
        log: file to which each row is written with its verdict, as JSON lines. A resumed run reads its earlier rows
            from it. A run that starts again overwrites it, and one of another game, solver or shape is refused.
        tell: function of the `Verdict`, called when the state changes. Default: ``print``. None for silence.

    Returns:
        The `Watch`. Its ``verdict`` is the last one, and `gamesolve.watching.dashboard` draws it.

    Raises:
        TypeError: if ``game`` is not a game, ``key`` is not a typed key, or ``sample``, ``outputs`` or ``tell`` is not
            a function.
        ValueError: if a count is below one, ``stop`` is not a list of states, or ``sample`` comes without a key. The
            callback raises it if the solver or the log is not that of the run, or ``outputs`` returns no array.

    Example:
        >>> import gamesolve as gs
        >>> game, solver = gs.zero_sum(lambda x, y: x * y), gs.extragradient(0.1)
        >>> watch = gs.watch(game, solver, every=20, tell=None)
        >>> _ = gs.run(game, solver, (1.0, 1.0), 1000, chunk=20, callbacks=[watch])
        >>> watch.verdict.state
        'converging'
    """
    check_game(game)
    if isinstance(stop, str) or not isinstance(stop, Collection) or any(state not in EVIDENCE for state in stop):
        raise ValueError(f"stop must be a list of states among {', '.join(EVIDENCE)}, got {stop!r}. Write stop=[...].")
    if sample is not None and key is None:
        raise ValueError("sample must come with a random key, got key=None. Pass the key of the run.")
    if key is not None:
        check_key("key", key)
    if tell is not None and not callable(tell):
        raise TypeError(f"tell must be a function of a Verdict, got {type(tell).__name__}. Write tell=print, or None.")
    subject = Subject(game, as_solver(solver), as_pytree("sample", sample), key, as_pytree("outputs", outputs))
    every, tangents = whole_number("every", every, 1), whole_number("tangents", tangents, 1)
    return Watch(subject, every, tangents, frozenset(stop), None if log is None else Path(log), tell)


def _check_solver(subject: Subject, chunk: Chunk) -> None:
    """Raise unless the state of the run is one that the solver keeps."""
    try:
        check_state(subject.game, subject.solver, chunk.state, chunk.players)
    except ValueError as error:
        name = subject.solver.factory.__name__
        raise ValueError(
            f"solver must be that of the run, got {name}, which keeps another state. Pass one solver to watch and run."
        ) from error


def _identity(subject: Subject, players: Players) -> dict[str, str]:
    """Return what tells the log of a run from those of others; numbers such as step sizes may change."""
    name = subject.solver.factory.__name__
    return {
        "game": hashed(subject.game.payoffs, numbers=False),
        "solver": f"{name} {hashed(subject.solver, numbers=False)}",
        "players": _shapes(players),
    }


def _shapes(players: Players) -> str:
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(players))
