"""Where in the complex plane a solver's step is stable."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve.analysis.stability import step_map
from gamesolve.game import Game, general_sum


def stability_region(make_solver: Callable[[float], optax.GradientTransformation], values: Any) -> jax.Array:
    """Return by how much one step of a solver multiplies a motion that turns and grows at a given complex rate.

    The game is the flow ``z' = l z`` of one complex number, as two players: ``v = (a x - b y, b x + a y)`` with
    ``l = a + i b``, and the step size is 1, so that l stands for eigenvalue of J times step size. A first-order solver
    that moves all players at once is stable at an equilibrium of **any** game iff all these products lie where the
    amplification is at most 1. For the others, which look at J or move in turn, it is the answer for this game.

    Args:
        make_solver: ``make_solver(step)`` returns the solver.
        values: complex array of any shape: eigenvalues of J times step size.

    Returns:
        Real array of the same shape: the spectral radius of the step map, memory included; averaged over the period
        of a solver that has one.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.stability_region(gs.runge_kutta, [2.8j, 2.9j])
        >>> (found < 1).tolist()
        [True, False]
    """
    values = jnp.asarray(values)
    solver = make_solver(1.0)

    def amplify(value: jax.Array) -> jax.Array:
        game = _turning(value.real, value.imag)
        zero = jnp.zeros((), value.real.dtype)
        return jnp.max(jnp.abs(step_map(game, solver, (zero, zero)).eigenvalues()))

    return jax.jit(jax.vmap(amplify))(values.ravel()).reshape(values.shape)


def _turning(growth: Any, turn: Any) -> Game:
    return general_sum(_first, _second, constants=(growth, turn))


def _first(x: Any, y: Any, growth: Any, turn: Any) -> Any:
    return growth * x * x / 2 - turn * x * y


def _second(x: Any, y: Any, growth: Any, turn: Any) -> Any:
    return growth * y * y / 2 + turn * x * y
