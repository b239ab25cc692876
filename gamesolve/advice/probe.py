"""Probe a game: its size, the shape of its field, and the point to which it converges."""

from typing import NamedTuple

import jax
import numpy as np

from gamesolve import analysis
from gamesolve.advice import runs
from gamesolve.advice.flow import NEUTRAL, POWER, follow, is_near, stretch
from gamesolve.analysis.operators import field_operator
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import ravel
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.linear.arnoldi import krylov_schur
from gamesolve.trees import Players
from gamesolve.trees.faces import shown

# Products that find the eigenvalues of a large J at the ends of its spectrum, and eigenvalues per end.
KRYLOV, ENDS = 100, 4


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
        leading: largest real part of the eigenvalues of J. None if it is not known, and under constraints, which decide
            stability too.
        equilibrium: the equilibrium to which the flow converges, or the nearest one found; None if none was found.
        left: whether the flow diverges: the players grow without bound.
        vanishes: whether the field vanishes along the flow without an equilibrium, as at the end of a plateau.
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
    vanishes: bool
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
        found = "no equilibrium found" if self.equilibrium is None else "an equilibrium was found"
        if self.left:
            found = "the flow diverges: the players grow without bound"
        elif self.vanishes:
            found = "the field vanishes without an equilibrium"
        if self.equilibrium is not None and self.leading is not None:
            found += f", {stability(self)} under the flow"
        return (
            f"{_counted(len(self.sizes), 'player')}, {_counted(self.size, 'parameter')}; ‖v‖ = {self.residual:.3g} at "
            f"the start, Lipschitz constant {self.lipschitz:.3g}, {self.rotation:.0%} rotation{kind}\n{found}"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def stability(probe: Probe) -> str:
    """Return "stable", "neutral" or "unstable", by the largest real part of the eigenvalues."""
    if probe.leading is None:
        return ""
    scale = NEUTRAL * max(float(np.abs(probe.eigenvalues).max()), np.finfo(float).tiny)
    return "neutral" if abs(probe.leading) <= scale else "stable" if probe.leading < 0 else "unstable"


def least(size: int) -> int:
    """Return the evaluations that the shortest probe of a game with this many parameters takes."""
    return 1 + (2 * size if size <= LARGEST_SPECTRUM else 6 * POWER + KRYLOV)


def look(game: Game, start: Players, constraints: Projections, allowance: float) -> Probe:
    """Probe a game from its start, with at most this many evaluations, or `least` if that is more."""
    size = ravel(start).size
    residual = runs.residual(game, start, constraints)
    lipschitz, _ = stretch(game, start)
    end = follow(game, start, constraints, lipschitz, allowance - least(size))
    if size <= LARGEST_SPECTRUM:
        shape = _whole(game, end.players)
        matrix = np.asarray(shape.jacobian)
        again = float(np.linalg.norm(matrix, 2)) if np.isfinite(matrix).all() else np.nan
    else:
        again, _ = stretch(game, end.players)
        shape = _ends(game, end.players)
        if end.known and constraints is None and not is_near(game, start, end.players, again):
            end = end._replace(known=False, vanishes=True)
    return Probe(
        tuple(ravel(player).size for player in start),
        residual,
        max(lipschitz, again) if np.isfinite(again) else lipschitz,
        shape.rotation,
        shape.monotonicity,
        shape.leading if constraints is None else None,
        end.players if end.known else None,
        end.left,
        end.vanishes,
        shape.jacobian,
        shape.eigenvalues,
        least(size) + end.spent,
    )


class _Shape(NamedTuple):
    """The shape of the field at a point, see `Probe`."""

    rotation: float
    monotonicity: float | None
    leading: float | None
    jacobian: np.ndarray | None
    eigenvalues: np.ndarray


def _whole(game: Game, players: Players) -> _Shape:
    matrix = np.asarray(analysis.jacobian(game, players), float)
    symmetric, rest = (matrix + matrix.T) / 2, (matrix - matrix.T) / 2
    values = np.linalg.eigvals(matrix)
    whole = float(np.linalg.norm(matrix)) or 1.0
    rotation = float(np.linalg.norm(rest) / whole) ** 2
    lowest = -float(np.linalg.eigvalsh(symmetric)[-1])
    return _Shape(rotation, lowest, float(np.real(values).max()), matrix, values)


def _ends(game: Game, players: Players) -> _Shape:
    """Return the same without a matrix: eigenvalues at the ends of the spectrum only."""
    flat = ravel(players)
    share = float(analysis.hamiltonian_share(game, players, jax.random.key(0), POWER))
    operator = jax.tree_util.Partial(field_operator, game, players)
    start = jax.random.normal(jax.random.key(1), flat.shape, flat.dtype)
    pairs = krylov_schur(operator, start, ENDS, ("LM", "LR"), 1e-2, KRYLOV)
    values = np.asarray(pairs.eigenvalues)[np.asarray(pairs.converged)]
    return _Shape(share, None, float(np.real(values).max()) if len(values) else None, None, values)
