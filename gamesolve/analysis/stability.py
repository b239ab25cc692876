"""The step map of a solver: why a solver converges or diverges at an equilibrium, and how fast."""

import dataclasses
import warnings
from functools import partial

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.accuracy import ROUNDING, measured_jacobian
from gamesolve.analysis.flat_step import SETTLING_STEPS, flat_step, settled_state, state_of
from gamesolve.analysis.null_space import Doubts, Fixed, carried, fixed_directions, radius_without, say_doubts
from gamesolve.analysis.operators import relative_changes
from gamesolve.analysis.periods import Period, concrete, period_of, whole_period
from gamesolve.analysis.point import as_point
from gamesolve.analysis.spectrum import by_real_part
from gamesolve.analysis.still import Moving, say_still, without_still, without_still_rows
from gamesolve.driving.plan import StepState
from gamesolve.driving.unoptimised import concretely, jit_either
from gamesolve.game import Game
from gamesolve.linear.arnoldi import leading_pairs, space_for
from gamesolve.linear.dense import dense_derivative
from gamesolve.linear.eigenpairs import Pairs, VectorMap, gaps
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Players, Scalar, State
from gamesolve.trees.faces import shown

# The end of a step map's spectrum that decides its rate.
LARGEST = ("LM",)
# Eigenvalues at most this far from 1 may belong to directions of equilibria; they are computed to rounding.
NEAR = 1e-3


@shown()
@partial(
    jax.tree_util.register_dataclass,
    data_fields=["game", "solver", "players", "state"],
    meta_fields=["period", "held", "lasting", "given", "settled"],
)
@dataclasses.dataclass(frozen=True)
class StepMap:
    """A solver's step as a map of one vector, the players and the floating state together. Make one with `step_map`.

    Called with a vector, it takes the steps of one period from there.

    Attributes:
        game: the game.
        solver: the solver.
        players: the players at which the map is linearised.
        state: the solver's state there.
        period: number of steps in the map; 1 for most solvers.
        held: for each entry of the state outside the vector, whether it is held fixed. Empty if there are no counts.
        lasting: whether later periods have the same map. False if a count changes the step without a period, as
            decaying step sizes do: the map and its rate are then those of this step alone.
        given: whether the state was passed, which chooses a step. If not, its eigenvalues and rate come with a warning.
        settled: number of steps, taken at these players, after which a solver has the state that was not passed.
    """

    game: Game
    solver: Solver
    players: Players
    state: State
    period: int
    held: tuple[bool, ...]
    lasting: bool
    given: bool
    settled: int

    @jax.jit
    def __call__(self, vector: jax.Array) -> jax.Array:
        return _function(self)[0](vector)

    @property
    def point(self) -> jax.Array:
        """The players and the floating state as one vector; a complex number of the state counts as two."""
        return _point(self)

    def eigenvalues(self, k: int | None = None) -> jax.Array:
        """Return the eigenvalues of the map's derivative at its point, per step and by decreasing real part.

        Args:
            k: number of eigenvalues of largest modulus, found from products with the derivative alone. Default: all,
                from its matrix.

        Returns:
            Complex array. Parameters of dead units under an adaptive step have eigenvalue 0, with a warning that counts
            them. For a period of p steps, the eigenvalues to the power 1/p (principal value), so that moduli
            are averages over the period.

        Raises:
            ValueError: if the step is not differentiable at the point, for example because the state holds the root
                of a second moment that is zero; if the matrix would take more than 2 GiB; or if one of the ``k``
                eigenvalues has not converged.
        """
        if k is not None:
            return by_real_part(_per_step(jnp.asarray(_leading(self, k).eigenvalues), self.period))
        matrix, still = linearised(self)
        values, finite = _eigenvalues(matrix, self.period)
        if not isinstance(finite, jax.core.Tracer) and not finite:
            raise ValueError(not_differentiable(self.solver))
        say_still(still, self.players)
        say_local(self)
        return values

    def rate(self, k: int | None = None) -> jax.Array:
        """Return the spectral radius of the map's derivative at its point, per step.

        If the equilibria form a set, the step map has one eigenvalue 1 per direction along it. These are left out. A
        direction counts as one only if neither the field nor the step moves it by more than the rounding error of each
        row, so slow modes of stiff games stay. Outside ``jit`` and ``vmap``, a warning says what was not decided.

        Args:
            k: number of eigenvalues of largest modulus to look at, found without a matrix; for large games. Use more
                than one if the equilibria form a set. Default: all, which small games use in any case.

        Returns:
            Scalar. Below 1 the solver converges to the point, by this factor per step; above 1 it diverges.

        Raises:
            ValueError: as `eigenvalues`, or if the ``k`` eigenvalues are all 1 for a set of equilibria.
        """
        if k is not None and self.point.size > 2 * space_for(k, LARGEST):
            return _leading_rate(self, k)
        matrix, fixed = derivative_and_fixed(self)
        found, finite = _radius(matrix, fixed, self.period)
        if not isinstance(finite, jax.core.Tracer) and not finite:
            raise ValueError(not_differentiable(self.solver))
        say_doubts(fixed.doubts, found.dtype)
        say_still(fixed.still, self.players)
        say_local(self)
        return found


def step_map(game: Game, solver: optax.GradientTransformation, players: Players, state: State | None = None) -> StepMap:
    """Return the step of a solver as a map of one vector, with its eigenvalues and its rate at these players.

    The vector holds the players **and** the floating entries of the state. A default state is the one reached after
    ten steps taken at these players, so that momenta and averages have converged. Of the other entries of the state:

    - A count, flag or index that returns to its value (of look-ahead, of ``optax.MultiSteps``) makes every step
      different. The map is then that of a whole period, after which all of them have returned.
    - A count that only grows is the time that schedules read. If the step is periodic in it, the map is that of a
      period too. If the step becomes constant or periodic within 1024 steps, the default state is one of that time.
      A step that keeps changing has a local map only, with the count held fixed, and its rate comes with a warning.
    - Random keys, reports of inner solves and numbers that no step changes are held fixed.

    One step of `alternating` is its whole order. A model state is held fixed.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: where to linearise, normally an equilibrium.
        state: the solver's state there. Default: the one after ten steps taken at these players.

    Returns:
        The `StepMap`, a pytree: it passes through ``jit`` and ``vmap``, and derivatives go through its rate.

    Raises:
        ValueError: if the counts in the state neither grow nor return within 1024 steps, or if the solver closes over
            traced numbers that are not its leaves, so that nothing can be said about its counts.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.step_map(gs.games.curl(), gs.lookahead(gs.simgd(0.5), 6, 0.5), (0.0, 0.0))
        >>> found.period, found.point.size, round(float(found.rate()), 4)
        (6, 4, 0.9019)
    """
    solver, players = as_solver(solver), as_point(players, game.num_players)
    if isinstance(state, StepState):
        game, state = dataclasses.replace(game, model_state=state.model_state), state.solver
    game = game.frozen()
    given = state is not None
    settled = SETTLING_STEPS
    if given:
        state = state_of(solver, players, state)
        found = period_of(game, solver, players, state)
    else:
        found = _period_after(game, solver, players, settled)
        if found.begins:
            settled += found.begins
            found = _period_after(game, solver, players, settled)
        state = settled_state(game, solver, players, settled)
    return StepMap(game, solver, players, state, found.steps, found.held, found.begins == 0, given, settled)


def _period_after(game: Game, solver: Solver, players: Players, steps: int) -> Period:
    """Return the period of a solver after some steps, found with ones for traced numbers, which count alike."""
    game, solver, players = concretely(concrete, (game, solver, players))
    return period_of(game, solver, players, concretely(settled_state, game, solver, players, steps))


def remade(stepping: StepMap, solver: optax.GradientTransformation) -> StepMap:
    """Return the step map of a solver that differs in its numbers only, which may be traced."""
    solver = as_solver(solver)
    state = settled_state(stepping.game, solver, stepping.players, stepping.settled)
    return dataclasses.replace(stepping, solver=solver, state=state)


def step_spectrum(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    state: State | None = None,
    k: int | None = None,
) -> jax.Array:
    """Return the eigenvalues of a solver's step map: ``step_map(...).eigenvalues(k)``.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: where to linearise, normally an equilibrium.
        state: as in `step_map`.
        k: number of eigenvalues of largest modulus. Default: all.

    Returns:
        Complex array, by decreasing real part; see `StepMap.eigenvalues`.

    Raises:
        ValueError: as `StepMap.eigenvalues`.

    Example:
        >>> import gamesolve as gs
        >>> values = gs.analysis.step_spectrum(gs.games.curl(), gs.simgd(0.5), (0.0, 0.0))
        >>> [round(complex(value).imag, 6) for value in values]
        [0.5, -0.5]
    """
    return step_map(game, solver, players, state).eigenvalues(k)


def rate(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    state: State | None = None,
    k: int | None = None,
) -> jax.Array:
    """Return the linear rate of a solver at an equilibrium: ``step_map(...).rate(k)``, its spectral radius.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: an equilibrium.
        state: as in `step_map`.
        k: number of eigenvalues of largest modulus to look at, for large games. Default: all.

    Returns:
        Scalar. Below 1 the solver converges to the equilibrium, by this factor per step; above 1 it diverges. See
        `StepMap.rate`.

    Raises:
        ValueError: as `StepMap.rate`.

    Example:
        >>> import gamesolve as gs
        >>> value = gs.analysis.rate(gs.games.curl(), gs.extragradient(0.5), (0.0, 0.0))
        >>> round(float(value), 6)
        0.901388
    """
    return step_map(game, solver, players, state).rate(k)


def derivative_and_fixed(stepping: StepMap) -> tuple[jax.Array, Fixed]:
    """Return the derivative of a step map, and the directions of equilibria at its point."""
    constant = jax.lax.stop_gradient(stepping)
    jacobian = measured_jacobian(constant.game, constant.players)
    matrix, still = linearised(stepping)
    return matrix, fixed_directions(partial(_carried, constant), len(matrix), jacobian, still)


@jit_either
def linearised(stepping: StepMap) -> tuple[jax.Array, Scalar]:
    """Return the derivative of a step map, and the number of still parameters that it leaves out."""
    return without_still_rows(dense_derivative(*_function(stepping)), stepping.game, stepping.players)


@jit_either
def _carried(stepping: StepMap, null: jax.Array) -> tuple[jax.Array, jax.Array]:
    function, point, _ = _moving(stepping)
    return carried(function, point, null)


@partial(jit_either, static_argnums=2)
def _radius(matrix: jax.Array, fixed: Fixed, period: int) -> tuple[jax.Array, jax.Array]:
    """Return the spectral radius per step without the directions of equilibria, and whether the matrix is finite."""
    radius = radius_without(matrix, fixed.vectors, fixed.along)
    return radius ** (1 / period), jnp.all(jnp.isfinite(matrix))


def _leading_rate(stepping: StepMap, k: int) -> jax.Array:
    """Return the largest modulus of the leading eigenvalues that do not belong to a direction of equilibria."""
    found = _leading(stepping, k)
    if np.any(np.abs(found.eigenvalues - 1) < NEAR):
        finest = _pairs(stepping, k, 100 * float(jnp.finfo(stepping.point.dtype).eps))
        found = finest if np.all(finest.converged) else found
    moves = found.vectors[:, : optax.tree.size(stepping.players)]
    changes, speeds = map(np.asarray, relative_changes(stepping.game, stepping.players, moves))
    accuracy = 3 * found.residuals + ROUNDING * float(jnp.finfo(moves.dtype).eps) * np.sqrt(stepping.point.size)
    left_out = (changes <= accuracy / gaps(found.eigenvalues, accuracy)) & (np.abs(found.eigenvalues - 1) <= accuracy)
    if np.all(left_out):
        raise ValueError(f"the {k} leading eigenvalues of the step are 1, for a set of equilibria; ask for a larger k.")
    hidden = jnp.asarray(np.max(speeds, initial=0, where=left_out))
    say_doubts(Doubts(jnp.asarray(np.inf), hidden), stepping.point.dtype)
    return jnp.max(jnp.abs(_per_step(jnp.asarray(found.eigenvalues[~left_out]), stepping.period)))


def _leading(stepping: StepMap, k: int) -> Pairs:
    """Return the leading eigenpairs of the map of a whole period."""
    pairs = _pairs(stepping, k)
    if not np.all(np.isfinite(pairs.eigenvalues)):
        raise ValueError(not_differentiable(stepping.solver))
    if not np.all(pairs.converged):
        raise ValueError(
            f"{int(np.sum(~pairs.converged))} of the {k} leading eigenvalues of the step have not converged: too many "
            "are nearly as large; ask for another k, or look at the game's own with gamesolve.analysis.leading."
        )
    say_still(_still(stepping), stepping.players, stacklevel=4)
    say_local(stepping, stacklevel=4)
    return pairs


def _pairs(stepping: StepMap, k: int, tolerance: float | None = None) -> Pairs:
    operator = jax.tree_util.Partial(_derivative, stepping)
    return leading_pairs(operator, stepping.point, k, LARGEST, tolerance)


def _per_step(values: jax.Array, period: int) -> jax.Array:
    """Return the eigenvalues of a whole period as those of one step."""
    return values if period == 1 else _root(values, period)


@jax.jit
def _root(values: jax.Array, degree: int | jax.Array) -> jax.Array:
    return jnp.abs(values) ** (1 / degree) * jnp.exp(1j * jnp.angle(values) / degree)


@partial(jit_either, static_argnums=1)
def _eigenvalues(matrix: jax.Array, period: int) -> tuple[jax.Array, jax.Array]:
    """Return the eigenvalues of a whole period's map as those of one step, and whether its matrix is finite."""
    return by_real_part(_per_step(jnp.linalg.eigvals(matrix), period)), jnp.all(jnp.isfinite(matrix))


def _derivative(stepping: StepMap) -> VectorMap:
    function, point, _ = _moving(stepping)
    return jax.linearize(function, point)[1]


@jax.jit
def _still(stepping: StepMap) -> Scalar:
    return _moving(stepping).still


def _moving(stepping: StepMap) -> Moving:
    """Return the map of one period that its derivatives are taken of."""
    return without_still(*_function(stepping), stepping.game, stepping.players)


@jax.jit
def _point(stepping: StepMap) -> jax.Array:
    return _function(stepping)[1]


def _function(stepping: StepMap) -> tuple[VectorMap, jax.Array]:
    """Return the map of one period and its point."""
    flat = flat_step(stepping.game, stepping.solver, stepping.players, stepping.state)
    return partial(whole_period, flat, stepping.period, stepping.held), flat.point


def say_local(stepping: StepMap, stacklevel: int = 3) -> None:
    """Warn if the map is that of one step, and nobody has chosen the step; a traced one, when it is traced."""
    if not stepping.lasting and not stepping.given:
        warnings.warn(
            f"the step of {stepping.solver!r} changes with its count, without a visible period, so that this is the "
            f"local rate of step {stepping.settled}. Pass state= to choose another step.",
            stacklevel=stacklevel + 1,
        )


def not_differentiable(solver: Solver) -> str:
    """Return the sentence for a step map whose derivative is not finite."""
    return (
        f"the step of {solver!r} is not differentiable at these players: its state holds a root of zero there, "
        "or the players are not finite; give the state= of a run, or measure how fast a run converges."
    )
