"""How fast nearby plays part: Lyapunov exponents of a solver's steps and of the flow.

A positive leading exponent is chaos, a leading exponent zero a cycle, all negative a stable point.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve.analysis.flat_step import flat_step
from gamesolve.game import Game, Players, as_players, exact_products
from gamesolve.linear.dense import LARGEST_MATRIX
from gamesolve.solver import as_solver
from gamesolve.solvers import runge_kutta


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

    An orthonormal frame is carried by the derivative of each step and made orthonormal again by QR; an exponent is
    the mean logarithm of what a direction was stretched by. The step maps players **and** floating state, as
    `step_spectrum` sees it; step counts go on along the run.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: where the run starts.
        num_steps: number of steps to average over; the error falls as its inverse.
        k: how many exponents, the leading ones; all of the players and the floating state unless given.
        settle: number of steps taken before, so that the run reaches its attractor and the frame its directions.

    Returns:
        Array of shape (k,), decreasing; minus infinity where the step forgets a direction.

    Raises:
        ValueError: if ``num_steps`` is below one, k exceeds the number of directions, or the frame is too large.

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
            f"num_steps is {num_steps} and settle {settle}; give at least one step and no negative number."
        )
    return _exponents(game, as_solver(solver), as_players(players, game.num_players), k, num_steps, settle)


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

    They are those of the classical Runge-Kutta method over its step.

    Args:
        game: the game, bound to its data.
        players: where the run starts.
        duration: time to average over.
        num_steps: number of Runge-Kutta steps in it.
        k: how many exponents, the leading ones; all unless given.
        settle: number of Runge-Kutta steps taken before.

    Returns:
        Array of shape (k,), decreasing.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 / 2 + x * y)
        >>> exponents = gs.analysis.flow_exponents(game, (0.1, 0.0), 100.0, 1000)
        >>> [round(float(exponent), 2) for exponent in exponents]  # both have the real part of the eigenvalues
        [-0.5, -0.5]

    Reference:
        Benettin et al., "Lyapunov characteristic exponents for smooth dynamical systems", Meccanica 1980
    """
    span = duration / num_steps
    return lyapunov_exponents(game, runge_kutta(span), players, num_steps, k, settle=settle) / span


@partial(jax.jit, static_argnums=(3, 4, 5))
def _exponents(game: Game, solver: Any, players: Players, k: int | None, num_steps: int, settle: int) -> jax.Array:
    start = flat_step(game, solver, players, solver.init(players))
    size = start.point.size
    count = size if k is None else k
    if not 1 <= count <= size:
        raise ValueError(f"k is {k}; players and state have {size} directions: give a number from 1 to {size}.")
    needed = size * count * start.point.dtype.itemsize
    if needed > LARGEST_MATRIX:
        raise ValueError(
            f"a frame of {size} x {count} takes {math.ceil(needed / 2**30)} GiB, more than the "
            f"{LARGEST_MATRIX // 2**30} GiB that the dense way allows; ask for the k leading exponents only."
        )

    def advance(carry: Any, _: None) -> Any:
        point, rest, frame, total = carry
        with exact_products():
            point, product, rest = jax.linearize(lambda z: start.advance(z, rest), point, has_aux=True)
            frame, stretch = jnp.linalg.qr(jax.vmap(product, in_axes=1, out_axes=1)(frame))
        return (point, rest, frame, total + jnp.log(jnp.abs(jnp.diagonal(stretch)))), None

    # Directions of no special place: unit vectors may lie in a subspace that the run never leaves.
    frame = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (size, count), start.point.dtype))[0]
    zero = jnp.zeros(count, start.point.dtype)
    (*settled, _), _ = jax.lax.scan(advance, (start.point, start.rest, frame, zero), length=settle)
    (*_, total), _ = jax.lax.scan(advance, (*settled, zero), length=num_steps)
    return -jnp.sort(-total / num_steps)
