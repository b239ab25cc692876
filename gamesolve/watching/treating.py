"""Act on what a training does: run it, and change the solver when the watch names a state that has a remedy."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import optax

from gamesolve.checks import whole_number
from gamesolve.checks.calls import called
from gamesolve.driving.plan import Solution, Status, check_state
from gamesolve.driving.run import Callback, run
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import as_solver
from gamesolve.trees import Key, Players, State
from gamesolve.watching.callback import watch
from gamesolve.watching.verdicts import Verdict

# A remedy makes the next solver from the present one.
Remedy = Callable[[optax.GradientTransformation], optax.GradientTransformation]


class Change(NamedTuple):
    """A change of the solver, and the verdict that it answers."""

    verdict: Verdict
    solver: optax.GradientTransformation


class Treated(NamedTuple):
    """The result of `treat`: the solution, the solver at the end, and each change in order."""

    solution: Solution
    solver: optax.GradientTransformation
    changes: tuple[Change, ...]


def treat(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    remedies: Mapping[str, Remedy],
    *,
    most: int = 3,
    watching: Mapping[str, Any] | None = None,
    sample: Sampler | None = None,
    key: Key | None = None,
    callbacks: tuple[Callback, ...] | list[Callback] = (),
    **options: Any,
) -> Treated:
    """Run a training under a watch, and change the solver when a state is named that has a remedy.

    After a change the run goes on at the same step. The new solver gets the state of the old one if it keeps the same,
    and a fresh one if not. It is watched anew, so that it has time to act before the next verdict. A run that diverges
    within a chunk, before a verdict, ends.

    Args:
        game: the game.
        solver: the solver to begin with.
        players: tuple of parameter pytrees, one per player.
        num_steps: number of steps in all.
        remedies: functions by the state that they answer, such as ``{"rotating": lambda solver: ...}``. Each takes the
            solver and returns the next one: with smaller steps, or with `transforms.consensus` before it.
        most: largest number of changes; after them the run only goes on. Default: 3.
        watching: further arguments of `gamesolve.watch`: ``every``, ``tangents``, ``outputs`` and ``tell``.
        sample: the sampler of the run, which the watch uses as well.
        key: the random key of the run.
        callbacks: further callbacks of `gamesolve.run`. If one of them stops the run, it ends.
        **options: further arguments of `gamesolve.run`: ``chunk``, ``tol``, ``max_norm``, ``progress``, ``donate``.

    Returns:
        The `Treated`.

    Raises:
        TypeError: if ``remedies`` is not a mapping to functions, or a checkpoint, a record, batches or a log are asked
            for, which belong to one solver.
        ValueError: if a key of ``remedies`` is not a state of a `Verdict`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> remedies = {"running off": lambda solver: gs.extragradient(0.1)}
        >>> how = {"every": 20, "tell": None}
        >>> treated = gs.watching.treat(
        ...     game, gs.simgd(0.1), (1.0, 1.0), 2000, remedies, watching=how, chunk=20, tol=1e-3
        ... )
        >>> [change.verdict.state for change in treated.changes], treated.solution.status == gs.Status.CONVERGED
        (['running off'], Array(True, dtype=bool))
    """
    if not isinstance(remedies, Mapping) or not all(map(callable, remedies.values())):
        raise TypeError(
            f"remedies must map states to functions of the solver, got {remedies!r}. Write {{'rotating': lambda "
            "solver: ...}."
        )
    watching = watching or {}
    refused = {"checkpoint", "record", "batches", "state", "start"} & set(options) or {"log"} & set(watching)
    if refused:
        raise TypeError(f"treat must run without {min(refused)}, which belongs to one solver. Use run and watch.")
    if given := {"stop", "sample", "key"} & set(watching):
        raise TypeError(
            f"watching must leave out {min(given)}, which treat sets itself. Pass remedies, sample and key."
        )
    watch(game, solver, stop=list(remedies), tell=None)  # checks the states
    num_steps, most = whole_number("num_steps", num_steps, 0), whole_number("most", most, 0)
    state, steps, changes = None, 0, list[Change]()
    while True:
        stop = list(remedies) if len(changes) < most else []
        seen = watch(game, solver, sample=sample, key=key, stop=stop, **watching)
        settings = {"sample": sample, "key": key, "state": state, "start": steps, **options}
        solution = run(game, solver, players, num_steps - steps, callbacks=[*callbacks, seen], **settings)
        players, state, steps = solution.players, solution.state, int(solution.steps)
        ended = solution.status == Status.STOPPED and seen.verdict.state in stop
        if not ended or steps >= num_steps:
            return Treated(solution, solver, tuple(changes))
        remedy = remedies[seen.verdict.state]
        solver = called("a remedy", remedy, solver, takes="the solver", hint="Write lambda solver: ...")
        changes.append(Change(seen.verdict, solver))
        state = _kept(game, solver, state, players)


def _kept(game: Game, solver: optax.GradientTransformation, state: State, players: Players) -> State | None:
    """Return the state if the solver keeps one of that structure, else None."""
    try:
        check_state(game, as_solver(solver), state, players)
    except ValueError:
        return None
    return state
