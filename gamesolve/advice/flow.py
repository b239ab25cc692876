"""Follow the flow of a game to the point to which it converges."""

import itertools
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve import analysis, solvers
from gamesolve.advice import runs
from gamesolve.analysis.accuracy import newton_step, rounded
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.driving.plan import Status
from gamesolve.driving.sets import Projections
from gamesolve.driving.solve import solve
from gamesolve.game import Game
from gamesolve.linear.dense import flattened
from gamesolve.trees import Players, norm

# The flow is followed by extragradient steps of this length times the reciprocal of the Lipschitz constant, in rounds.
STRIDE, ROUND, ROUNDS = 0.4, 100, 6
# Newton's method, which finds the end of a round's path, takes so many steps at most. An affine field takes two, and
# its J changes by less than this on the way.
NEWTON, AFFINE, CHANGE = 10, 2, 1e-3
# A zero is near if Newton's next step is this short, relative to the path so far, or the one after it shrinks by this.
# Where the field only fades, steps stay as long as they are.
SHORT, SHRINK = 1e-2, 0.9
# Looks along the field that correct a step size, where the field is steeper ahead than at the point.
LOOKS = 12
# An equilibrium is known when the field has fallen by this factor.
SMALL = 1e-5
# Real parts of eigenvalues up to this, relative to the largest modulus, count as zero.
NEUTRAL = 1e-4
# Players this many times farther away than at the start have left.
FAR = 1e3
# Products that find the largest singular value of a large J, by pairs.
POWER = 10


class End(NamedTuple):
    """Where the flow went: the equilibrium or the end of the path, what it is, and the evaluations that this took."""

    players: Players
    spent: int
    known: bool = False
    left: bool = False
    vanishes: bool = False


def follow(game: Game, start: Players, constraints: Projections, lipschitz: float, allowance: float) -> End:
    """Follow the flow in rounds, each time looking for the equilibrium ahead by Newton's method."""
    newton = constraints is None and ravel(start).size <= LARGEST_SPECTRUM
    goal = SMALL * runs.residual(game, start, constraints)
    far = FAR * max(1.0, float(length(ravel(start))))
    path, fallback, spent, stride, diverged = start, None, 0, STRIDE, False
    for number in range(ROUNDS):
        if newton:
            found, stays, affine, used = _ahead(game, start, path, goal, far, allowance - spent)
            spent += used
            if found is not None and stays and (affine or number):
                return End(found, spent, known=True)
            fallback = found if found is not None and not stays else fallback
        if spent + 2 * ROUND + LOOKS + ravel(start).size > allowance:
            break
        lipschitz = _steepest(game, path, lipschitz)
        step = stride / lipschitz
        ended = solve(game, solvers.extragradient(step, None, constraints), path, ROUND, tol=goal, max_norm=far)
        spent += 2 * int(ended.steps) + 1 + LOOKS
        if ended.ending is Status.DIVERGED:
            if diverged:
                return End(path if fallback is None else fallback, spent, fallback is not None, fallback is None)
            diverged, stride = True, stride / 2
            continue
        path = ended.players
        if ended.ending is Status.CONVERGED:
            near, used = _confirmed(game, start, path) if newton else (True, 0)
            return End(path, spent + used, near, vanishes=not near)
        lipschitz, used = stretch(game, path)
        spent += used
    return End(path if fallback is None else fallback, spent, fallback is not None)


def _ahead(
    game: Game, start: Players, path: Players, goal: float, far: float, allowance: float
) -> tuple[Players | None, bool, bool, int]:
    """Look for an equilibrium by Newton's method.

    Returns:
        The equilibrium or None, whether the flow goes there nearby, whether the field is affine, the evaluations.
    """
    size = ravel(path).size
    most = min(NEWTON, int((allowance - 4 * size - 2) // (size + 1)))
    if most < 1:
        return None, False, False, 0
    found, norm, taken = _newton(game, path, goal, most)
    spent = int(taken) * (size + 1)
    if not float(norm) <= goal:
        return None, False, False, spent
    matrix, first = (np.asarray(analysis.jacobian(game, point), float) for point in (found, start))
    near, used = _confirmed(game, start, found)
    spent += 2 * size + used
    if not near or not np.isfinite(matrix).all():
        return None, False, False, spent
    affine = path is start and int(taken) <= AFFINE
    affine = affine and float(np.abs(matrix - first).max()) <= CHANGE * float(np.abs(matrix).max())
    inside = affine or float(length(ravel(found))) <= far
    return found if inside else None, attracts(np.linalg.eigvals(matrix)), affine, spent


def _confirmed(game: Game, start: Players, found: Players) -> tuple[bool, int]:
    """Return whether a zero lies near a point with a small field, and the evaluations that it took."""
    first, _, _ = _newton(game, found, -1.0, 1)
    second, _, _ = _newton(game, first, -1.0, 1)
    points = [ravel(players) for players in (start, found, first, second)]
    moved, step, after = (float(length(b - a)) for a, b in itertools.pairwise(points))
    return step <= SHORT * moved or after <= SHRINK * step, 2 * (points[0].size + 1)


def is_near(game: Game, start: Players, found: Players, lipschitz: float) -> bool:
    """Return the same for a large game: the norm of the field by the Lipschitz constant bounds the distance below."""
    moved = float(length(ravel(found) - ravel(start)))
    return runs.residual(game, found, None) <= SHORT * moved * lipschitz


@jax.jit
def _steepest(game: Game, players: Players, lipschitz: jax.Array) -> jax.Array:
    """Return the Lipschitz constant along a step of the flow, which is as long as that constant allows.

    Where J vanishes, the field over the size of the players takes its place.
    """
    field, flat = flattened(game.field, players)
    v = field(flat)
    size = norm(flat)
    unit = norm(v) / jnp.where(size > 0, size, 1.0)

    def look(_: int, constant: jax.Array) -> jax.Array:
        secant = norm(field(flat + STRIDE / constant * v) - v) / (STRIDE / constant * norm(v))
        return jnp.where(secant > constant, secant, constant)

    return jax.lax.fori_loop(0, LOOKS - 1, look, jnp.where(lipschitz > 0, lipschitz, unit))


@jax.jit
def _newton(game: Game, players: Players, goal: jax.Array, most: jax.Array) -> tuple[Players, jax.Array, jax.Array]:
    """Return the end of Newton's method, the norm of the field there, and the number of steps."""
    field, flat = flattened(game.field, players)
    _, unravel = jax.flatten_util.ravel_pytree(players)

    def going(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        _, value, count = state
        return (norm(value) > goal) & (count < most)

    def step(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        at, value, count = state
        after = at - newton_step(*rounded(jax.jacfwd(field)(at)), value)
        return after, field(after), count + 1

    end, value, count = jax.lax.while_loop(going, step, (flat, field(flat), jnp.zeros((), jnp.int32)))
    return unravel(end), norm(value), count


def attracts(values: np.ndarray) -> bool:
    """Return whether the flow does not leave a point with these eigenvalues of J."""
    return bool(np.real(values).max() <= NEUTRAL * np.abs(values).max())


def stretch(game: Game, players: Players) -> tuple[float, int]:
    """Return the largest singular value of J, and the evaluations that it took."""
    if ravel(players).size <= LARGEST_SPECTRUM:
        return float(analysis.lipschitz(game, jax.tree.map(lambda leaf: leaf[None], players))), ravel(players).size
    return float(_power(game, players)), 2 * POWER


@jax.jit
def _power(game: Game, players: Players) -> jax.Array:
    field, flat = flattened(game.field, players)
    push, pull = jax.linearize(field, flat)[1], jax.vjp(field, flat)[1]

    def again(_: jax.Array, state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        vector, _ = state
        image = push(vector)
        (back,) = pull(image)
        return back / norm(back), norm(image)

    first = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    return jax.lax.fori_loop(0, POWER, again, (first / norm(first), jnp.zeros((), flat.dtype)))[1]
