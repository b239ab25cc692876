"""Probe a game: its size, the shape of its field, and the point to which it converges."""

from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve import analysis, solvers
from gamesolve.advice import runs
from gamesolve.analysis.accuracy import newton_step, rounded
from gamesolve.analysis.operators import field_operator
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.driving.plan import Status
from gamesolve.driving.sets import Projections
from gamesolve.driving.solve import solve
from gamesolve.game import Game
from gamesolve.linear.arnoldi import krylov_schur
from gamesolve.linear.dense import flattened
from gamesolve.trees import Players
from gamesolve.trees.faces import shown

# The flow is followed by extragradient steps of this length times the reciprocal of the Lipschitz constant, in rounds.
STRIDE, ROUND, ROUNDS = 0.4, 100, 6
# Newton's method, which finds the end of a round's path, takes so many steps at most; two reach that of a linear field.
NEWTON, AFFINE = 10, 2
# An equilibrium is known when the field has fallen by this factor.
SMALL = 1e-5
# Real parts of eigenvalues up to this, relative to the largest modulus, count as zero.
NEUTRAL = 1e-4
# Players this many times farther away than at the start have left.
FAR = 1e3
# Products that find the largest singular value of a large J, and its eigenvalues at the ends; eigenvalues per end.
POWER, KRYLOV, ENDS = 10, 100, 4


@shown()
class Probe(NamedTuple):
    """What a short look at a game has found.

    Attributes:
        sizes: number of parameters of each player.
        residual: norm of the field at the start, or natural residual under constraints.
        lipschitz: Lipschitz constant of the field: the largest singular value of J, at the start or the end.
        rotation: rotational share of J, from 0 for a potential game to 1 for a Hamiltonian game.
        monotonicity: smallest eigenvalue of minus the symmetric part of J; negative if the field is not monotone.
            None for large games.
        leading: largest real part of the eigenvalues of J. None if it is not known.
        equilibrium: the equilibrium to which the flow converges, or the nearest one found; None if none was found.
        left: whether the flow leaves: the players grow without bound.
        jacobian: J at the equilibrium, or at the end of the path; None for large games.
        eigenvalues: eigenvalues of J, or those at the ends of its spectrum.
        spent: evaluations that the probe has taken.
    """

    sizes: tuple[int, ...]
    residual: float
    lipschitz: float
    rotation: float
    monotonicity: float | None
    leading: float | None
    equilibrium: Players | None
    left: bool
    jacobian: np.ndarray | None
    eigenvalues: np.ndarray
    spent: int

    @property
    def size(self) -> int:
        """Number of parameters of all players."""
        return sum(self.sizes)

    def __str__(self) -> str:
        """Return the probe in two lines."""
        kind = "" if self.monotonicity is None else f", {'' if self.monotonicity >= 0 else 'not '}monotone"
        found = "the flow leaves: the players grow without bound"
        if not self.left:
            found = "no equilibrium found" if self.equilibrium is None else "an equilibrium was found"
        if self.equilibrium is not None and self.leading is not None:
            found += f", {stability(self)} under the flow"
        return (
            f"{len(self.sizes)} players, {self.size} parameters; ‖v‖ = {self.residual:.3g} at the start, "
            f"Lipschitz constant {self.lipschitz:.3g}, rotation {self.rotation:.2f} of 1{kind}\n{found}"
        )


def stability(probe: Probe) -> str:
    """Return "stable", "neutral" or "unstable", by the largest real part of the eigenvalues."""
    if probe.leading is None:
        return ""
    scale = NEUTRAL * max(float(np.abs(probe.eigenvalues).max()), np.finfo(float).tiny)
    return "neutral" if abs(probe.leading) <= scale else "stable" if probe.leading < 0 else "unstable"


def look(game: Game, start: Players, constraints: Projections, allowance: float) -> Probe:
    """Probe a game from its start, with about this many evaluations at most."""
    large = ravel(start).size > LARGEST_SPECTRUM
    residual = runs.residual(game, start, constraints)
    lipschitz, spent = _stretch(game, start)
    end, left, known, used = _settled(game, start, constraints, lipschitz, allowance - spent)
    spent += 1 + used
    again, used = _stretch(game, end)
    shape = _ends(game, end) if large else _whole(game, end)
    return Probe(
        tuple(ravel(player).size for player in start),
        residual,
        max(lipschitz, again) if np.isfinite(again) else lipschitz,
        *shape[:3],
        end if known else None,
        left,
        *shape[3:5],
        spent + used + shape[5],
    )


def _stretch(game: Game, players: Players) -> tuple[float, int]:
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
        return back / jnp.linalg.norm(back), jnp.linalg.norm(image)

    first = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    return jax.lax.fori_loop(0, POWER, again, (first / jnp.linalg.norm(first), jnp.zeros((), flat.dtype)))[1]


def _settled(
    game: Game, start: Players, constraints: Projections, lipschitz: float, allowance: float
) -> tuple[Players, bool, bool, int]:
    """Follow the flow in rounds, each time looking for the equilibrium ahead by Newton's method.

    Returns:
        The equilibrium or the end of the path, whether the flow left, whether it is an equilibrium, the evaluations.
    """
    size = ravel(start).size
    newton = constraints is None and size <= LARGEST_SPECTRUM
    goal = SMALL * runs.residual(game, start, constraints)
    far = FAR * max(1.0, float(length(ravel(start))))
    path, fallback, spent = start, None, 0
    for number in range(ROUNDS):
        if newton:
            found, norm, taken = _newton(game, path, goal)
            spent += int(taken) * (size + 1)
            if float(norm) <= goal and float(length(ravel(found))) <= far:
                linear = number == 0 and int(taken) <= AFFINE
                spent += size
                if _attracts(game, found):
                    if linear or number:
                        return found, False, True, spent
                elif linear:
                    return found, False, True, spent
                else:
                    fallback = found
        if spent + 2 * ROUND > allowance:
            break
        step = STRIDE / lipschitz
        ended = solve(game, solvers.extragradient(step, None, constraints), path, ROUND, tol=goal, max_norm=far)
        spent += 2 * int(ended.steps) + 1
        if ended.ending is Status.DIVERGED:
            return (path if fallback is None else fallback), fallback is None, fallback is not None, spent
        path = ended.players
        if ended.ending is Status.CONVERGED:
            return path, False, True, spent
        lipschitz, used = _stretch(game, path)
        spent += used
    return (path if fallback is None else fallback), False, fallback is not None, spent


@jax.jit
def _newton(game: Game, players: Players, goal: jax.Array) -> tuple[Players, jax.Array, jax.Array]:
    """Return the end of Newton's method, the norm of the field there, and the number of steps."""
    field, flat = flattened(game.field, players)
    _, unravel = jax.flatten_util.ravel_pytree(players)

    def going(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        _, value, count = state
        return (jnp.linalg.norm(value) > goal) & (count < NEWTON)

    def step(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        at, value, count = state
        after = at - newton_step(*rounded(jax.jacfwd(field)(at)), value)
        return after, field(after), count + 1

    end, value, count = jax.lax.while_loop(going, step, (flat, field(flat), jnp.zeros((), jnp.int32)))
    return unravel(end), jnp.linalg.norm(value), count


def _attracts(game: Game, players: Players) -> bool:
    values = np.asarray(analysis.eigenvalues(game, players))
    return bool(np.real(values).max() <= NEUTRAL * np.abs(values).max())


def _whole(
    game: Game, players: Players
) -> tuple[float, float | None, float | None, np.ndarray | None, np.ndarray, int]:
    """Return rotation, monotonicity, largest real part, J, its eigenvalues and the evaluations."""
    matrix = np.asarray(analysis.jacobian(game, players), float)
    symmetric, rest = (matrix + matrix.T) / 2, (matrix - matrix.T) / 2
    values = np.linalg.eigvals(matrix)
    whole = float(np.linalg.norm(matrix)) or 1.0
    rotation = float(np.linalg.norm(rest) / whole) ** 2
    lowest = -float(np.linalg.eigvalsh(symmetric)[-1])
    return rotation, lowest, float(np.real(values).max()), matrix, values, len(matrix)


def _ends(game: Game, players: Players) -> tuple[float, float | None, float | None, np.ndarray | None, np.ndarray, int]:
    """Return the same without a matrix: eigenvalues at the ends of the spectrum only."""
    flat = ravel(players)
    probes = POWER
    share = float(analysis.hamiltonian_share(game, players, jax.random.key(0), probes))
    operator = jax.tree_util.Partial(field_operator, game, players)
    start = jax.random.normal(jax.random.key(1), flat.shape, flat.dtype)
    pairs = krylov_schur(operator, start, ENDS, ("LM", "LR"), 1e-2, KRYLOV)
    values = np.asarray(pairs.eigenvalues)[np.asarray(pairs.converged)]
    leading = float(np.real(values).max()) if len(values) else None
    return share, None, leading, None, values, 2 * probes + KRYLOV
