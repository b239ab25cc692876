"""The callback `gamesolve.watch`: it measures a run at regular steps, judges it, keeps a log, and may stop it."""

import dataclasses
from collections.abc import Callable, Collection
from pathlib import Path

import jax
import numpy as np
import optax

from gamesolve.checks import as_pytree, whole_number
from gamesolve.distributed import on_host
from gamesolve.driving.plan import Status, check_game
from gamesolve.driving.run import Chunk
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import as_solver
from gamesolve.trees import Key
from gamesolve.watching import logbook
from gamesolve.watching.measures import Outputs, Subject, any_tangent, measure
from gamesolve.watching.verdicts import STATES, Row, Verdict, judge

# Examples within this share of the largest spread so far belong to one clump.
REACH = 0.25


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

    @property
    def verdict(self) -> Verdict:
        """The last verdict."""
        return self.verdicts[-1] if self.verdicts else judge([])

    def __call__(self, chunk: Chunk) -> bool:
        """Measure the run if it is due, and return whether to stop it."""
        if chunk.steps <= self._seen or not self._seen:
            self._begin(chunk.steps)
        before, self._seen = self._seen, chunk.steps
        diverged = chunk.status is Status.DIVERGED
        if self.rows and chunk.steps // self.every == before // self.every and not diverged:
            return False
        at = chunk.players, chunk.state
        tangent = any_tangent(self.subject, *at) if self._tangent is None else self._tangent
        reach = REACH * float(max((row["spread"] for row in self.rows), default=np.inf))
        measured, self._tangent = measure(self.subject, *at, chunk.steps, tangent, reach, tangents=self.tangents)
        numbers = {name: _plain(value) for name, value in measured._asdict().items()}
        self.rows.append({"step": chunk.steps, "diverged": diverged} | numbers)
        self.verdicts.append(judge(self.rows))
        self._write(self.rows[-1:], self.verdicts[-1:], "a")
        changed = len(self.verdicts) < 2 or self.verdict.state != self.verdicts[-2].state
        if self.tell is not None and changed:
            self.tell(self.verdict)
        return self.verdict.state in self.stop

    def _begin(self, steps: int) -> None:
        """Forget another run, and take up the log of this one if it was resumed."""
        kept = [] if self.log is None else logbook.read(self.log)
        self.rows[:] = [row for row in kept if row["step"] < steps]
        self.verdicts[:] = [judge(self.rows[: number + 1]) for number in range(len(self.rows))]
        self._tangent, self._seen = None, self.rows[-1]["step"] if self.rows else 0
        self._write(self.rows, self.verdicts, "w")

    def _write(self, rows: list[Row], verdicts: list[Verdict], mode: str) -> None:
        if self.log is not None and not jax.process_index():
            logbook.write(self.log, rows, verdicts, mode)


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
    `RECENT` measurements; it looks at the last ones, and at the largest values since the start.

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
        log: file to which each row is written with its verdict, as JSON lines. A resumed run takes them up from it,
            so each run needs its own file.
        tell: function of the `Verdict`, called when the state changes. Default: ``print``. None for silence.

    Returns:
        The `Watch`. Its ``verdict`` is the last one, and `gamesolve.watching.dashboard` draws it.

    Raises:
        TypeError: if ``game`` is not a game.
        ValueError: if a count is below one, ``stop`` names an unknown state, or ``sample`` comes without a key.

    Example:
        >>> import gamesolve as gs
        >>> game, solver = gs.zero_sum(lambda x, y: x * y), gs.extragradient(0.1)
        >>> watch = gs.watch(game, solver, every=20, tell=None)
        >>> _ = gs.run(game, solver, (1.0, 1.0), 1000, chunk=20, callbacks=[watch])
        >>> watch.verdict.state
        'converging'
    """
    check_game(game)
    unknown = sorted(set(stop) - set(STATES))
    if isinstance(stop, str) or unknown:
        raise ValueError(f"stop must be a list of states among {', '.join(STATES)}, got {stop!r}. Write stop=[...].")
    if sample is not None and key is None:
        raise ValueError("sample must come with a random key, got key=None. Pass the key of the run.")
    subject = Subject(game, as_solver(solver), as_pytree("sample", sample), key, as_pytree("outputs", outputs))
    every, tangents = whole_number("every", every, 1), whole_number("tangents", tangents, 1)
    return Watch(subject, every, tangents, frozenset(stop), None if log is None else Path(log), tell)


def _plain(value: jax.Array) -> list[float] | float:
    return on_host(value).tolist()
