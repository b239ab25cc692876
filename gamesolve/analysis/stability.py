"""The step map of a solver: why a solver converges or diverges at an equilibrium, and how fast."""

import dataclasses
from functools import partial

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.flat_step import flat_step, settled_state
from gamesolve.analysis.operators import field_operator
from gamesolve.analysis.periods import period_of, whole_period
from gamesolve.analysis.spectrum import by_real_part, jacobian
from gamesolve.game import Game, as_players, exact_products
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.dense import dense_derivative
from gamesolve.linear.eigenpairs import Pairs, VectorMap, complexified
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import DType, Players, State


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["game", "solver", "players", "state"],
    meta_fields=["period", "held"],
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
    """

    game: Game
    solver: Solver
    players: Players
    state: State
    period: int
    held: tuple[bool, ...]

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
            Complex array. For a period of p steps, the eigenvalues to the power 1/p (principal value), so that moduli
            are averages over the period.

        Raises:
            ValueError: if the step is not differentiable at the point, for example because the state holds the root
                of a second moment that is zero; if the matrix would take more than 2 GiB; or if one of the ``k``
                eigenvalues has not converged.
        """
        if k is not None:
            return by_real_part(_per_step(jnp.asarray(_leading(self, k).eigenvalues), self.period))
        values, finite = _eigenvalues(self)
        if not isinstance(finite, jax.core.Tracer) and not finite:
            raise ValueError(_not_differentiable(self.solver))
        return values

    def rate(self, k: int | None = None) -> jax.Array:
        """Return the spectral radius of the map's derivative at its point, per step.

        If the equilibria form a set, J has a null space and the step map has one eigenvalue 1 per dimension of it.
        These eigenvalues are left out.

        Args:
            k: number of eigenvalues of largest modulus to look at, found without a matrix; for large games. Use more
                than one if the equilibria form a set. Default: all.

        Returns:
            Scalar. Below 1 the solver converges to the point, by this factor per step; above 1 it diverges.

        Raises:
            ValueError: as `eigenvalues`, or if the ``k`` eigenvalues are all 1 for a set of equilibria.
        """
        if k is not None:
            return _leading_rate(self, k)
        return _largest(self.eigenvalues(), self.game, self.players)


def step_map(game: Game, solver: optax.GradientTransformation, players: Players, state: State | None = None) -> StepMap:
    """Return the step of a solver as a map of one vector, with its eigenvalues and its rate at these players.

    The vector holds the players **and** the floating entries of the state. A default state is the one reached after
    ten steps taken at these players, so that momenta and averages have converged. Of the other entries of the state:

    - A count, flag or index that returns to its value (of look-ahead, of ``optax.MultiSteps``) makes every step
      different. The map is then that of a whole period, after which all of them have returned.
    - A count that only grows (the time that a schedule reads, Adam's count) is held fixed at its value.
    - Random keys, reports of inner solves and numbers that no step changes are held fixed.

    One step of `alternating` is its whole order.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: where to linearise, normally an equilibrium.
        state: the solver's state there. Default: the one after ten steps taken at these players.

    Returns:
        The `StepMap`, a pytree: it passes through ``jit`` and ``vmap``, and derivatives go through its rate.

    Raises:
        ValueError: if the counts in the state neither grow nor return within 1024 steps.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.step_map(gs.games.curl(), gs.lookahead(gs.simgd(0.5), 6, 0.5), (0.0, 0.0))
        >>> found.period, found.point.size, round(float(found.rate()), 4)
        (6, 4, 0.9019)
    """
    solver, players = as_solver(solver), as_players(players, game.num_players)
    state = settled_state(game, solver, players) if state is None else jax.tree.map(jnp.asarray, state)
    return StepMap(game, solver, players, state, *period_of(game, solver, players, state))


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
        >>> round(float(gs.analysis.rate(gs.games.curl(), gs.extragradient(0.5), (0.0, 0.0))), 6)
        0.901388
    """
    return step_map(game, solver, players, state).rate(k)


@jax.jit
def _largest(values: jax.Array, game: Game, players: Players) -> jax.Array:
    """Return the largest modulus, leaving out as many eigenvalues near 1 as J has singular values at zero."""
    singular = jnp.linalg.svd(jacobian(game, players), compute_uv=False)
    accuracy = _accuracy(singular.dtype)
    free = jnp.sum(singular <= accuracy * jnp.maximum(singular[0], jnp.finfo(singular.dtype).tiny))
    gaps = jnp.abs(values - 1)
    order = jnp.argsort(gaps)
    left_out = (jnp.arange(values.size) < free) & (gaps[order] < 10 * accuracy)
    return jnp.max(jnp.where(left_out, 0, jnp.abs(values[order])))


def _leading_rate(stepping: StepMap, k: int) -> jax.Array:
    """Return the largest modulus of the leading eigenvalues that do not belong to a direction of equilibria."""
    found = _leading(stepping, k)
    moves = found.vectors[:, : optax.tree.size(stepping.players)]
    accuracy = _accuracy(moves.real.dtype)
    left_out = (_field_changes(stepping.game, stepping.players, moves) <= 10 * accuracy) & (
        jnp.abs(found.eigenvalues - 1) < 10 * accuracy
    )
    if bool(jnp.all(left_out)):
        raise ValueError(f"the {k} leading eigenvalues of the step are 1, for a set of equilibria; ask for a larger k.")
    return jnp.max(jnp.where(left_out, 0, jnp.abs(_per_step(jnp.asarray(found.eigenvalues), stepping.period))))


@jax.jit
def _field_changes(game: Game, players: Players, moves: jax.Array) -> jax.Array:
    """Return the norms of J times some moves, relative to that of J times an average vector."""
    with exact_products():
        product = complexified(field_operator(game, players))
        average = jax.random.normal(jax.random.key(0), moves.shape[1:], moves.real.dtype)
        scale = jnp.linalg.norm(product(average)) / jnp.sqrt(average.size)
        norms = jax.lax.map(lambda move: jnp.linalg.norm(product(move)), moves)
        return norms / jnp.maximum(scale, jnp.finfo(scale.dtype).tiny)


def _accuracy(dtype: DType) -> float:
    """Return how close to 1 or 0 an eigenvalue counts as equal to it."""
    return float(np.sqrt(jnp.finfo(dtype).eps))


def _leading(stepping: StepMap, k: int) -> Pairs:
    """Return the leading eigenpairs of the map of a whole period."""
    pairs = leading_pairs(jax.tree_util.Partial(_derivative, stepping), stepping.point, k, ("LM",))
    if not np.all(np.isfinite(pairs.eigenvalues)):
        raise ValueError(_not_differentiable(stepping.solver))
    if not np.all(pairs.converged):
        raise ValueError(
            f"{int(np.sum(~pairs.converged))} of the {k} leading eigenvalues of the step have not converged: too many "
            "are nearly as large; ask for another k, or look at the game's own with gamesolve.analysis.leading."
        )
    return pairs


def _per_step(values: jax.Array, period: int) -> jax.Array:
    """Return the eigenvalues of a whole period as those of one step."""
    return values if period == 1 else _root(values, period)


@jax.jit
def _root(values: jax.Array, degree: int | jax.Array) -> jax.Array:
    return jnp.abs(values) ** (1 / degree) * jnp.exp(1j * jnp.angle(values) / degree)


@jax.jit
def _eigenvalues(stepping: StepMap) -> tuple[jax.Array, jax.Array]:
    """Return the eigenvalues of the map's derivative, per step, and whether all of its matrix is finite."""
    matrix = dense_derivative(*_function(stepping))
    return by_real_part(_per_step(jnp.linalg.eigvals(matrix), stepping.period)), jnp.all(jnp.isfinite(matrix))


def _derivative(stepping: StepMap) -> VectorMap:
    return jax.linearize(*_function(stepping))[1]


@jax.jit
def _point(stepping: StepMap) -> jax.Array:
    return _function(stepping)[1]


def _function(stepping: StepMap) -> tuple[VectorMap, jax.Array]:
    """Return the map of one period and its point."""
    flat = flat_step(stepping.game, stepping.solver, stepping.players, stepping.state)
    return partial(whole_period, flat, stepping.period, stepping.held), flat.point


def _not_differentiable(solver: Solver) -> str:
    return (
        f"the step of {solver!r} is not differentiable at these players: its state holds a root of zero there, "
        "or the players are not finite; look at a point where the field is not zero, or give state=."
    )
