"""Stability regions: where in the complex plane a solver's step is stable."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from numpy.typing import ArrayLike

from gamesolve.analysis.flat_step import made
from gamesolve.analysis.stability import step_map
from gamesolve.game import general_sum


def stability_region(make_solver: Callable[[float], optax.GradientTransformation], values: ArrayLike) -> jax.Array:
    """Return the factor by which one step of a solver amplifies a motion that rotates and grows at a complex rate.

    The game is the flow ``z' = l z`` of one complex number, as two players: ``v = (a x - b y, b x + a y)`` with
    ``l = a + i b``. The step size is 1, so that l is an eigenvalue of J times a step size. A first-order solver that
    moves all players at once is stable at an equilibrium of **any** game if and only if the amplification is at most 1
    at all of these products. For solvers that use J or move in turn, the answer holds for this game only.

    Args:
        make_solver: ``make_solver(step)`` returns the solver.
        values: complex array of any shape: eigenvalues of J times the step size.

    Returns:
        Real array of the same shape: the spectral radius of the solver's `step_map`, memory included. For a solver
        with a period it is the average over the period.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.stability_region(gs.runge_kutta, [2.8j, 2.9j])
        >>> (found < 1).tolist()
        [True, False]
    """
    values = jnp.asarray(values)
    solver = made(make_solver, 1.0)

    def amplify(value: jax.Array) -> jax.Array:
        game = general_sum(_first, _second, constants=(value.real, value.imag))
        zero = jnp.zeros((), value.real.dtype)
        return jnp.max(jnp.abs(step_map(game, solver, (zero, zero)).eigenvalues()))

    return jax.jit(jax.vmap(amplify))(values.ravel()).reshape(values.shape)


def _first(x: jax.Array, y: jax.Array, growth: jax.Array, rotation: jax.Array) -> jax.Array:
    return growth * x * x / 2 - rotation * x * y


def _second(x: jax.Array, y: jax.Array, growth: jax.Array, rotation: jax.Array) -> jax.Array:
    return growth * y * y / 2 + rotation * x * y
