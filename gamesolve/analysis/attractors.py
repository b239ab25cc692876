"""Decide whether a point attracts a solver, rightly or not."""

import warnings
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax

from gamesolve.analysis.accuracy import ROUNDING, eigenvalues_with_error, measured_jacobian
from gamesolve.analysis.null_space import NEVER, Fixed, eigenvalues_without, say_doubts
from gamesolve.analysis.stability import StepMap, derivative_and_fixed, not_differentiable, step_map
from gamesolve.driving.solve import step
from gamesolve.game import Game
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Players, Scalar
from gamesolve.trees.faces import shown


@shown()
class Attraction(NamedTuple):
    """How a solver behaves near a point; a pytree of scalars.

    Attributes:
        rate: spectral radius of the solver's step map, as in `rate`.
        distance: estimated distance to the solver's own fixed point: the norm of its first move, divided by the
            smallest distance of an eigenvalue from 1, directions of equilibria left out.
        attracting: whether the point is a fixed point of the solver to which the solver returns. False if the rate is 1
            to rounding.
        is_equilibrium: whether the field is zero there.
        stable: whether it is an equilibrium that the flow of the field does not leave: no eigenvalue of J has positive
            real part.
        spurious: whether the point is attracting although it is not an equilibrium or the flow leaves it.
    """

    rate: jax.Array
    distance: jax.Array
    attracting: jax.Array
    is_equilibrium: jax.Array
    stable: jax.Array
    spurious: jax.Array


def attraction(game: Game, solver: optax.GradientTransformation, players: Players, tol: float = 1e-5) -> Attraction:
    """Decide whether a point attracts a solver, and whether that attraction is spurious.

    Methods that descend the norm of the field, and implicit steps, can converge where the flow itself would not: to
    unstable zeros of the field, or to points where only the combined field is zero.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: the point.
        tol: the field counts as zero if its norm is at most this, and the point counts as a fixed point of the solver
            if the solver's own fixed point is at most this far away.

    Returns:
        The `Attraction`.

    Raises:
        ValueError: if the step is not differentiable there, or its dense matrix would be too large.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: y * y - x * x)   # both want to leave zero
        >>> bool(gs.analysis.attraction(game, gs.conopt(0.1, gamma=1.0), (0.0, 0.0)).spurious)
        True

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NeurIPS 2017, https://arxiv.org/abs/1705.10461
    """
    found, fixed, finite, margin = _attraction(step_map(game, solver, players), tol)
    if not isinstance(finite, jax.core.Tracer):
        if not finite:
            raise ValueError(not_differentiable(as_solver(solver)))
        say_doubts(fixed.doubts, margin.dtype)
        if margin > NEVER and found.distance <= tol and abs(found.rate - 1) <= margin:
            warnings.warn(
                f"attracting is False because the rate is 1 within its rounding error of {float(margin):.1g}. Use "
                "float64 to decide whether the point attracts or repels slowly.",
                stacklevel=2,
            )
    return found


@jax.jit
def _attraction(stepping: StepMap, tol: Scalar) -> tuple[Attraction, Fixed, jax.Array, jax.Array]:
    game, players = stepping.game, stepping.players
    matrix, fixed = derivative_and_fixed(stepping)
    values = eigenvalues_without(matrix, fixed.vectors, fixed.along)
    radius, gap = jnp.max(jnp.abs(values)) ** (1 / stepping.period), jnp.min(jnp.abs(values - 1))
    margin = ROUNDING * jnp.finfo(matrix.dtype).eps * jnp.sqrt(jnp.asarray(len(matrix), matrix.dtype))
    move, most = optax.tree.norm(first_move(game, stepping.solver, players)), jnp.finfo(matrix.dtype).max
    distance = jnp.where(move < gap * most, move / jnp.where(gap > 0, gap, 1), jnp.where(move > 0, most, 0))
    zero = optax.tree.norm(game.field(players)) <= tol
    leading, errors = eigenvalues_with_error(*measured_jacobian(game, players))
    stable = zero & jnp.all(leading.real <= errors)
    attracting = (distance <= tol) & (radius < 1 - margin)
    found = Attraction(radius, distance, attracting, zero, stable, attracting & ~stable)
    return found, fixed, jnp.all(jnp.isfinite(matrix)), margin


def first_move(game: Game, solver: Solver, players: Players) -> Players:
    """Return the update of a solver's first step, which a difference of the players would round."""
    keep = optax.GradientTransformation(lambda params: params, lambda updates, state, params=None: (updates, updates))
    _, (_, moves) = step(game, optax.chain(solver, keep), players)
    return moves
