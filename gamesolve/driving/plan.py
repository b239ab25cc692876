"""Records that all loops share: what a run does, how far it has got, and what it returns."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.core
import jax.numpy as jnp
import optax

from gamesolve.checks import LARGEST_COUNT, Ending, as_pytree, check_key, check_limit, whole_number
from gamesolve.checks.calls import required
from gamesolve.game import Game
from gamesolve.sampling import draw_at
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Batch, Key, Players, PyTree, Row, Scalar, State
from gamesolve.trees.faces import named, shown

Record: TypeAlias = Callable[..., Row]


class Status(Ending):
    """How a run ended; ``solution.ending.sentence`` says it in words.

    BUDGET: all steps taken. CONVERGED: the field, or on sets the natural residual, is at most ``tol``. DIVERGED: beyond
    ``max_norm``, or not finite. STOPPED: a callback of `run` ended it.
    """

    BUDGET = 0, "took all of its steps"
    CONVERGED = 1, "reached the tolerance on the field or the natural residual"
    DIVERGED = 2, "exceeded the limit on the players, or became NaN or infinite"
    STOPPED = 3, "was stopped by a callback"


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Plan:
    """A run: which game, which solver, and what to draw, record and stop at.

    A pytree. The static fields, like everything static in the game, solver, sampler and record, are part of the
    compiled program; all other fields are traced arguments of it.

    Steps are counted from 0 within the run. Samplers, `Solution` and `Chunk` count from ``start``; `clock` converts.

    Attributes:
        game: the game, without the data that ``sample`` draws.
        solver: the solver.
        start: number of steps taken before the run.
        sample: the sampler of each step's data, or None.
        key: random key of the sampler, or None.
        record: function of players and state, and perhaps a `Computed`, whose results are stacked, or None.
        tol: norm of the field, or of the natural residual on the solver's sets, at which to stop, or None.
        max_norm: norm of the players beyond which to stop, or None.
        length: maximal number of steps of one compiled call.
        every: number of steps between records.
    """

    game: Game
    solver: Solver
    start: Scalar
    sample: Sampler | None
    key: Key | None
    record: Record | None
    tol: Scalar | None
    max_norm: Scalar | None
    length: int = dataclasses.field(metadata={"static": True})
    every: int = dataclasses.field(metadata={"static": True})

    @property
    def may_stop(self) -> bool:
        """Whether the run has a condition under which it stops early."""
        return self.tol is not None or self.max_norm is not None

    @property
    def computes(self) -> bool:
        """Whether ``record`` takes what a step has computed: it has a third argument without a default."""
        return required(self.record) == 3

    def clock(self, steps: Scalar) -> jax.Array:
        """Return the count of samplers and users after ``steps`` steps of the run."""
        return jnp.asarray(self.start, jnp.int32) + steps

    def bound(self, clock: Scalar) -> Game:
        """Return the game of one step: bound to that step's draw if there is a sampler."""
        if self.sample is None:
            return self.game
        # Only samplers of batches that already exist come without a key, and they read none.
        return self.game.bind(draw_at(self.sample, self.key, clock))  # pyright: ignore[reportArgumentType]


class Reached(NamedTuple):
    """How far a run has got; a pytree when it comes from a compiled loop.

    Attributes:
        players: the players after the last step.
        state: the solver's state there.
        rows: stacked records; None without ``record``.
        steps: number of steps, counted from 0 within the run.
        status: a `Status`, as an integer array inside compiled loops.
    """

    players: Players
    state: State
    rows: Row
    steps: Scalar
    status: Scalar


@shown()
class StepState(NamedTuple):
    """The state of a run whose game has a model state; solvers of other games keep their own state alone.

    Attributes:
        model_state: the model state of the game after the last step.
        solver: the solver's optax state.
    """

    model_state: PyTree
    solver: State


@shown()
class Computed(NamedTuple):
    """What a step has computed at the players that it started from; a pytree.

    A ``record`` with a third argument gets that of the last step; reading it takes no other pass through the networks.

    Attributes:
        payoffs: the payoff of each player, on the data of the step; empty for a game without payoffs.
        metrics: what each payoff returned as metrics, one entry per player; None for those that return none.
        norms: the Euclidean norm of each player's gradient.
        batch: the data of the step, as `gamesolve.Game.bind` got it: a tuple of all arguments after the players.
    """

    payoffs: tuple[Scalar, ...]
    metrics: tuple[PyTree, ...]
    norms: tuple[Scalar, ...]
    batch: tuple[Batch, ...]


@shown(status=named(Status))
class Solution(NamedTuple):
    """The result of `solve` or `run`; a pytree.

    Attributes:
        players: the players after the last step.
        state: the solver's optax state there; a `StepState` if the game has a model state.
        trace: the stacked records, leading axis ``num_steps // every``; None without ``record``.
        steps: number of steps taken, ``start`` included.
        status: a `Status`, as an integer array; see `ending`.
    """

    players: Players
    state: State
    trace: Row
    steps: jax.Array
    status: jax.Array

    @property
    def model_state(self) -> PyTree:
        """The model state after the last step; None if the game has none."""
        return self.state.model_state if isinstance(self.state, StepState) else None

    @property
    def ending(self) -> Status:
        """The `Status` as an enum, outside of compiled code, with ``ending.name`` and ``ending.sentence``."""
        if jnp.shape(self.status) != ():
            raise ValueError(
                f"ending must be that of one run, got runs of shape {jnp.shape(self.status)}. Select one, for example "
                "with jax.tree.map(lambda leaf: leaf[0], solution)."
            )
        return Status(int(self.status))


def checked(
    game: Game,
    solver: optax.GradientTransformation,
    *,
    length: int,
    every: int,
    start: Scalar,
    num_steps: int | None = None,
    sample: Sampler | None,
    key: Key | None,
    record: Record | None,
    tol: Scalar | None,
    max_norm: Scalar | None,
) -> Plan:
    """Return the plan of a run, or raise if one of the arguments that `solve` and `run` share is wrong.

    The number of steps is ``length``, unless the run has several compiled calls of that length.
    """
    check_game(game)
    every = whole_number("every", every, 1)
    check_limit("tol", tol)
    check_limit("max_norm", max_norm)
    check_start(start, length if num_steps is None else num_steps)
    if sample is not None and key is None:
        raise ValueError("sample must come with a random key, got key=None. Pass key=jax.random.key(0).")
    if key is not None:
        check_key("key", key)
    sample, record = as_pytree("sample", sample), as_pytree("record", record)
    return Plan(game, as_solver(solver), start, sample, key, record, tol, max_norm, length, every)


def check_game(game: object) -> None:
    """Raise unless ``game`` is a game."""
    if not isinstance(game, Game):
        raise TypeError(f"game must be a Game, got {type(game).__name__}. Make one with gamesolve.zero_sum.")


def check_start(start: Scalar, num_steps: int) -> None:
    """Raise unless ``start`` is a count that leaves room for ``num_steps`` more, as far as it is known."""
    if isinstance(start, jax.core.Tracer):
        if start.shape or not jnp.issubdtype(start.dtype, jnp.integer):
            raise TypeError(f"start must be an integer, got {start.dtype} of shape {start.shape}.")
        return
    end = whole_number("start", start, 0) + num_steps
    if end > LARGEST_COUNT:
        raise ValueError(
            f"start + num_steps must be at most {LARGEST_COUNT}, got {end}. Steps are counted in 32-bit integers; pass "
            "a smaller start with the state of the earlier run."
        )


def check_divides(every: int, **counts: int) -> None:
    """Raise unless ``every`` divides all of the named counts."""
    for name, count in counts.items():
        if count % every:
            raise ValueError(f"every must divide {name}, got every={every} and {name}={count}. Choose a divisor.")


def first_state(game: Game, solver: optax.GradientTransformation, players: Players) -> State:
    """Return the state of a run that begins at these players."""
    state = solver.init(players)
    return state if game.model_state is None else StepState(game.model_state, state)


def check_state(game: Game, solver: Solver, state: State, players: Players) -> None:
    """Raise unless a state has the structure and shapes of a run of the solver from these players."""

    def shapes(tree: PyTree) -> PyTree:
        return jax.tree.map(jnp.shape, tree)

    expected = jax.eval_shape(functools.partial(first_state, game, solver), players)
    if jax.tree.structure(state) != jax.tree.structure(expected) or shapes(state) != shapes(expected):
        raise ValueError(
            f"state must be one that {solver.factory.__name__} keeps for these players, got other shapes or another "
            "structure. Pass the state of a run of the same solver on players of the same shapes, or None."
        )
