"""Why a solver settles: the spectrum of its own step map, players and state together."""

from functools import partial
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.operators import field_operator
from gamesolve.analysis.spectrum import by_real_part, jacobian
from gamesolve.analysis.step_map import Period, StepMap, period_of, step_map
from gamesolve.driving.solve import step
from gamesolve.game import Game, Players, as_players, exact_products
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.dense import dense_derivative
from gamesolve.linear.eigenpairs import Pairs, complexified
from gamesolve.solver import Solver, as_solver

# Steps taken at the point itself, so that momenta and averages have the values they take there.
SETTLING_STEPS = 10


def step_spectrum(
    game: Game, solver: optax.GradientTransformation, players: Players, state: Any = None, k: int | None = None
) -> jax.Array:
    """Return the eigenvalues of the solver's step map, players and floating state together.

    Counts that only grow (of schedules, of Adam), keys and reports of inner solves are held fixed at their values, as
    are numbers that no step changes. Counts that return (of look-ahead, of ``optax.MultiSteps``) make the step another
    one each time: then the map is that of their whole period of p steps, and its eigenvalues are given to the power 1/p
    (principal value), so that moduli are averages over the period. Complex state counts as its real and its imaginary
    part. One step of `alternating` is its whole order.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: where to look, normally an equilibrium.
        state: the solver's state there; unless given, the one reached after ten steps taken at that point.
        k: how many of the eigenvalues of largest modulus, found by products with the step's derivative alone; None
            for all of them, by its matrix.

    Returns:
        Complex array, by decreasing real part.

    Raises:
        ValueError: if the step is not differentiable there, as where a state holds the root of a zero second moment;
            if its matrix would take more than 2 GiB; or if one of the ``k`` has not converged.

    Example:
        >>> import gamesolve as gs
        >>> values = gs.analysis.step_spectrum(gs.games.curl(), gs.simgd(0.5), (0.0, 0.0))
        >>> [round(complex(value).imag, 6) for value in values]
        [0.5, -0.5]
    """
    setting, period = _settle(game, solver, players, state)
    if k is not None:
        return by_real_part(_averaged(jnp.asarray(_leading(setting, period, k).eigenvalues), period))
    values, finite = _step_eigenvalues(*setting, period)
    if not isinstance(finite, jax.core.Tracer) and not finite:
        raise ValueError(_not_differentiable(solver))
    return values


def rate(
    game: Game, solver: optax.GradientTransformation, players: Players, state: Any = None, k: int | None = None
) -> jax.Array:
    """Return the linear rate that a solver shows at an equilibrium: the spectral radius of its step map there.

    Where equilibria form a set, J has a null space and the step map one eigenvalue 1 for each of its dimensions;
    those are left out. The rate is that of one step, averaged over the period of a solver that has one, see
    `step_spectrum`.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: an equilibrium.
        state: the solver's state there; unless given, the one reached after ten steps taken at that point.
        k: for large games: look at the k eigenvalues of largest modulus only, found without a matrix; more than one
            where equilibria form a set.

    Returns:
        Scalar: below one the solver converges there, by this factor a step; above one it leaves.

    Raises:
        ValueError: if the step is not differentiable there, if its matrix would take more than 2 GiB, or if the ``k``
            eigenvalues have not converged or are all 1 for a set of equilibria.

    Example:
        >>> import gamesolve as gs
        >>> round(float(gs.analysis.rate(gs.games.curl(), gs.extragradient(0.5), (0.0, 0.0))), 6)
        0.901388
    """
    if k is not None:
        return _leading_rate(game, solver, players, state, k)
    values = step_spectrum(game, solver, players, state)
    return _largest(values, game, as_players(players, game.num_players))


@jax.jit
def _largest(values: jax.Array, game: Game, players: Players) -> jax.Array:
    """Return the largest modulus without as many eigenvalues near one as J has singular values at zero."""
    singular = jnp.linalg.svd(jacobian(game, players), compute_uv=False)
    accuracy = _accuracy(singular.dtype)
    free = jnp.sum(singular <= accuracy * jnp.maximum(singular[0], jnp.finfo(singular.dtype).tiny))
    gaps = jnp.abs(values - 1)
    order = jnp.argsort(gaps)
    left_out = (jnp.arange(values.size) < free) & (gaps[order] < 10 * accuracy)
    return jnp.max(jnp.where(left_out, 0, jnp.abs(values[order])))


def _leading_rate(game: Game, solver: Any, players: Players, state: Any, k: int) -> jax.Array:
    """Return the largest modulus of the leading eigenvalues that belong to no direction of equilibria."""
    setting, period = _settle(game, solver, players, state)
    players = setting[2]
    found = _leading(setting, period, k)
    size = optax.tree.size(players)
    moves = found.vectors[:, :size]
    accuracy = _accuracy(moves.real.dtype)
    left_out = (_field_changes(game, players, moves) <= 10 * accuracy) & (
        jnp.abs(found.eigenvalues - 1) < 10 * accuracy
    )
    if bool(jnp.all(left_out)):
        raise ValueError(f"the {k} leading eigenvalues of the step are 1, for a set of equilibria; ask for a larger k.")
    return jnp.max(jnp.where(left_out, 0, jnp.abs(_averaged(jnp.asarray(found.eigenvalues), period))))


@jax.jit
def _field_changes(game: Game, players: Players, moves: jax.Array) -> jax.Array:
    """Return the norms of J times some moves, beside that of J times an average vector."""
    with exact_products():
        product = complexified(field_operator(game, players))
        average = jax.random.normal(jax.random.key(0), moves.shape[1:], moves.real.dtype)
        scale = jnp.linalg.norm(product(average)) / jnp.sqrt(average.size)
        norms = jax.lax.map(lambda move: jnp.linalg.norm(product(move)), moves)
        return norms / jnp.maximum(scale, jnp.finfo(scale.dtype).tiny)


def _accuracy(dtype: Any) -> float:
    """Return how far from one or zero an eigenvalue counts as that."""
    return float(np.sqrt(jnp.finfo(dtype).eps))


def _settle(game: Game, solver: Any, players: Players, state: Any) -> tuple[tuple[Any, ...], Period]:
    """Return the game, the solver, the players and the state there, and the period of the state."""
    solver, players = as_solver(solver), as_players(players, game.num_players)
    state = _settled(game, solver, players) if state is None else jax.tree.map(jnp.asarray, state)
    return (game, solver, players, state), period_of(game, solver, players, state)


def _settled(game: Game, solver: Solver, players: Players) -> Any:
    """Return the state after some steps at the point; a state without numbers is what it was."""
    fresh = jax.eval_shape(solver.init, players)
    return _settling(game, solver, players) if jax.tree.leaves(fresh) else fresh


@jax.jit
def _settling(game: Game, solver: Solver, players: Players) -> Any:
    settle = lambda _, state: step(game, solver, players, state)[1]
    return jax.lax.fori_loop(0, SETTLING_STEPS, settle, solver.init(players))


def _leading(setting: tuple[Any, ...], period: Period, k: int) -> Pairs:
    """Return the leading eigenpairs of the map of a whole period."""
    operator = jax.tree_util.Partial(partial(_step_operator, period=period), *setting)
    pairs = leading_pairs(operator, _point(*setting), k, ("LM",))
    if not np.all(np.isfinite(pairs.eigenvalues)):
        raise ValueError(_not_differentiable(setting[1]))
    if not np.all(pairs.converged):
        raise ValueError(
            f"{int(np.sum(~pairs.converged))} of the {k} leading eigenvalues of the step have not converged: too many "
            "are nearly as large; ask for another k, or look at the game's own with gamesolve.analysis.leading."
        )
    return pairs


def _averaged(values: jax.Array, period: Period) -> jax.Array:
    """Return the eigenvalues of a whole period as those of one step of it."""
    return values if period.steps == 1 else _root(values, period.steps)


@jax.jit
def _root(values: jax.Array, degree: jax.Array) -> jax.Array:
    return jnp.abs(values) ** (1 / degree) * jnp.exp(1j * jnp.angle(values) / degree)


@partial(jax.jit, static_argnames="period")
def _step_eigenvalues(
    game: Game, solver: Solver, players: Players, state: Any, period: Period
) -> tuple[jax.Array, jax.Array]:
    """Return the eigenvalues of a period's derivative as those of one step, and whether all of its matrix is finite."""
    stepping = step_map(game, solver, players, state)
    matrix = dense_derivative(partial(_through, stepping, period), stepping.point)
    return by_real_part(_averaged(jnp.linalg.eigvals(matrix), period)), jnp.all(jnp.isfinite(matrix))


def _step_operator(game: Game, solver: Solver, players: Players, state: Any, *, period: Period) -> Any:
    stepping = step_map(game, solver, players, state)
    return jax.linearize(partial(_through, stepping, period), stepping.point)[1]


@jax.jit
def _point(game: Game, solver: Solver, players: Players, state: Any) -> jax.Array:
    return step_map(game, solver, players, state).point


def _through(stepping: StepMap, period: Period, point: jax.Array) -> jax.Array:
    """Take the steps of one period from a point."""
    if period.steps == 1:
        return stepping.advance(point, stepping.rest)[0]

    def advance(carry: Any, _: None) -> Any:
        point, rest = carry
        point, following = stepping.advance(point, rest)
        chosen = [old if held else new for old, new, held in zip(rest, following, period.held, strict=True)]
        return (point, chosen), None

    return jax.lax.scan(advance, (point, stepping.rest), length=period.steps)[0][0]


def _not_differentiable(solver: Any) -> str:
    return (
        f"the step of {solver!r} is not differentiable at these players: its state holds a root of zero there, "
        "or the players are not finite; look at a point where the field is not zero, or give state=."
    )
