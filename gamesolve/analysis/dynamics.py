"""Lyapunov exponents of a solver's steps and of the flow: how fast nearby trajectories separate.

A positive leading exponent means chaos, a leading exponent of zero a cycle, and only negative exponents a stable point.
"""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.analysis.flat_step import FlatStep, flat_step
from gamesolve.analysis.point import as_point
from gamesolve.game import Game, exact_products
from gamesolve.linear.dense import LARGEST_MATRIX
from gamesolve.solver import Solver, as_solver
from gamesolve.solvers import runge_kutta
from gamesolve.trees import Players, PyTree


def lyapunov_exponents(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    k: int | None = None,
    *,
    settle: int = 0,
) -> jax.Array:
    """Return the Lyapunov exponents of a solver's run, per iteration.

    The derivative of each step is applied to an orthonormal frame, which a QR decomposition makes orthonormal again.
    An exponent is the mean logarithm of the factor by which a direction is stretched. The step is the one of
    `step_map`, which acts on the players **and** the floating state, except that counts and keys advance along the run.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: where the run starts.
        num_steps: number of steps to average over; the error decreases as its inverse.
        k: number of leading exponents. Default: all, as many as the players and the floating state have entries.
        settle: number of steps before the average, in which the run converges to its attractor and the frame to its
            directions.

    Returns:
        Array of shape (k,), decreasing; minus infinity for a direction that the step discards.

    Raises:
        ValueError: if ``num_steps`` is below one, ``k`` exceeds the number of directions, or the frame is too large.

    Example:
        >>> import gamesolve as gs
        >>> exponents = gs.analysis.lyapunov_exponents(gs.games.curl(), gs.simgd(0.2), (1.0, 0.0), 100)
        >>> [round(float(exponent), 5) for exponent in exponents]  # log(1.04) / 2
        [0.01961, 0.01961]

    Reference:
        Benettin et al., "Lyapunov characteristic exponents for smooth dynamical systems", Meccanica 1980
    """
    if num_steps < 1 or settle < 0:
        raise ValueError(
            f"num_steps must be at least 1 and settle at least 0, got num_steps = {num_steps} and settle = {settle}."
        )
    return _exponents(game.frozen(), as_solver(solver), as_point(players, game.num_players), k, num_steps, settle)


def flow_exponents(
    game: Game,
    players: Players,
    duration: float,
    num_steps: int,
    k: int | None = None,
    *,
    settle: int = 0,
) -> jax.Array:
    """Return the Lyapunov exponents of the flow ``players' = v``, per unit of time.

    They are the exponents of the classical Runge-Kutta method, divided by its step size.

    Args:
        game: the game, bound to its data.
        players: where the run starts.
        duration: time to average over.
        num_steps: number of Runge-Kutta steps in that time.
        k: number of leading exponents. Default: all.
        settle: number of Runge-Kutta steps before the average.

    Returns:
        Array of shape (k,), decreasing.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 / 2 + x * y)
        >>> exponents = gs.analysis.flow_exponents(game, (0.1, 0.0), 100.0, 1000)
        >>> [round(float(exponent), 2) for exponent in exponents]  # both equal the real part of the eigenvalues
        [-0.5, -0.5]

    Reference:
        Benettin et al., "Lyapunov characteristic exponents for smooth dynamical systems", Meccanica 1980
    """
    span = duration / num_steps
    return lyapunov_exponents(game, runge_kutta(span), players, num_steps, k, settle=settle) / span


class Moving(NamedTuple):
    """A point that moves, the rest of the solver's state there, and an orthonormal frame of directions."""

    point: jax.Array
    rest: list[PyTree]
    frame: jax.Array


def framed(start: FlatStep, k: int | None) -> Moving:
    """Return the start of a run with a frame of ``k`` random directions, or of all if ``k`` is None."""
    size = start.point.size
    count = size if k is None else k
    if not 1 <= count <= size:
        raise ValueError(f"k must be from 1 to {size}, the number of directions of players and state, got {k}.")
    needed = size * count * start.point.dtype.itemsize
    if needed > LARGEST_MATRIX:
        raise ValueError(
            f"a frame of {size} x {count} takes {math.ceil(needed / 2**30)} GiB, more than the limit of "
            f"{LARGEST_MATRIX // 2**30} GiB. Pass k= to compute the k leading exponents only."
        )
    # Random directions: unit vectors may lie in an invariant subspace.
    frame = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (size, count), start.point.dtype))[0]
    return Moving(start.point, start.rest, frame)


def stretched(start: FlatStep, moving: Moving) -> tuple[Moving, jax.Array]:
    """Take a step, and return also the logarithms of the factors by which it stretches the frame."""
    with exact_products():
        point, product, rest = jax.linearize(lambda z: start.advance(z, moving.rest), moving.point, has_aux=True)
        frame, stretch = jnp.linalg.qr(jax.vmap(product, in_axes=1, out_axes=1)(moving.frame))
    return Moving(point, rest, frame), jnp.log(jnp.abs(jnp.diagonal(stretch)))


@partial(jax.jit, static_argnums=(3, 4, 5))
def _exponents(game: Game, solver: Solver, players: Players, k: int | None, num_steps: int, settle: int) -> jax.Array:
    start = flat_step(game, solver, players, solver.init(players))

    def advance(carry: tuple[Moving, jax.Array], _: None) -> tuple[tuple[Moving, jax.Array], None]:
        moving, stretches = stretched(start, carry[0])
        return (moving, carry[1] + stretches), None

    moving = framed(start, k)
    zero = jnp.zeros(moving.frame.shape[1], start.point.dtype)
    (moving, _), _ = jax.lax.scan(advance, (moving, zero), length=settle)
    (_, total), _ = jax.lax.scan(advance, (moving, zero), length=num_steps)
    return -jnp.sort(-total / num_steps)
