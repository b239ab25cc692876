"""The linear model of a game at a point: predictions run on it, so that they cost no evaluation of the game itself."""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve import games
from gamesolve.compare.vectors import ravel
from gamesolve.driving.sets import Projection, Projections, projected
from gamesolve.game import Game
from gamesolve.trees import Players, PyTree

# A player's own block of J must be symmetric to this, relative to J, or payoffs with this Jacobian do not exist.
ASYMMETRY = 1e-3
# Number of starts of a model.
STARTS = 3


class Model(NamedTuple):
    """A game that is cheap to run and behaves as another one near a point.

    Attributes:
        game: the linear-quadratic game.
        starts: its starting players, with a leading axis: the start of the game, and others as far from the point, so
            that hyperparameters do not fit one direction alone.
        constraints: the sets of its players.
        whole: whether the model has all parameters of the game; if not, it only has some eigenvalues of J.
    """

    game: Game
    starts: Players
    constraints: Projections
    whole: bool


def linearised(
    game: Game, start: Players, point: Players, matrix: np.ndarray, constraints: Projections
) -> Model | None:
    """Return the game whose field is ``v(point) + J (z - point)``, on players that are vectors.

    Args:
        game: the game.
        start: starting players.
        point: where to linearise.
        matrix: J there.
        constraints: sets of the players, or None.

    Returns:
        The model; None if no payoffs have this Jacobian, as in games with ``stop_gradient``.
    """
    flat = [ravel(player) for player in start]
    ends = np.cumsum([vector.size for vector in flat])[:-1]
    blocks = [np.split(rows, ends, axis=1) for rows in np.split(matrix, ends, axis=0)]
    own = max(float(np.abs(row[i] - row[i].T).max()) for i, row in enumerate(blocks))
    if not np.isfinite(matrix).all() or own > ASYMMETRY * float(np.abs(matrix).max()):
        return None
    offset = np.split(matrix @ np.asarray(ravel(point)) - np.asarray(ravel(game.field(point))), ends)
    dtype = flat[0].dtype
    H = [[jnp.asarray(-block, dtype) for block in row] for row in blocks]
    b = [jnp.asarray(part, dtype) for part in offset]
    if game.is_zero_sum and len(flat) == 2:
        affine = games.quadratic(H[0][0], H[0][1], H[1][1], a=b[0], c=b[1])
    else:
        affine = games.polymatrix(H, b)
    centre = tuple(ravel(player) for player in point)
    sets = _on_vectors(constraints, start)
    return Model(affine, _inside(sets, _around(tuple(flat), centre)), sets, whole=True)


def from_eigenvalues(values: np.ndarray, dtype: np.dtype) -> Model:
    """Return a game with given eigenvalues of J: each pair ``a ± bi`` is one parameter of either player.

    Steps that are polynomials of J have the same rate on it as on the game that the eigenvalues come from.
    """
    a, b = jnp.asarray(np.real(values), dtype), jnp.asarray(np.abs(np.imag(values)), dtype)
    game = games.quadratic(jnp.diag(-a), jnp.diag(b), jnp.diag(-a))
    zeros = (jnp.zeros_like(a), jnp.zeros_like(a))
    return Model(game, _around((jnp.ones_like(a), jnp.ones_like(a)), zeros), None, whole=False)


def _around(start: Players, centre: Players) -> Players:
    """Return the start, and random players as far from the centre, along a leading axis."""
    vector, unravel = jax.flatten_util.ravel_pytree(start)
    middle, _ = jax.flatten_util.ravel_pytree(centre)
    others = jax.random.normal(jax.random.key(0), (STARTS - 1, vector.size), vector.dtype)
    others = middle + jnp.linalg.norm(vector - middle) * others / jnp.linalg.norm(others, axis=1, keepdims=True)
    return jax.vmap(unravel)(jnp.concatenate([vector[None], others]))


def _inside(sets: Projections, starts: Players) -> Players:
    """Return starts projected onto the sets."""
    return starts if sets is None else jax.vmap(partial(projected, sets))(starts)


def _on_vectors(constraints: Projections, players: Players) -> Projections:
    """Return projections of ravelled players."""
    if constraints is None:
        return None
    each = constraints if isinstance(constraints, tuple) else (constraints,) * len(players)
    return tuple(_on_vector(projection, player) for projection, player in zip(each, players, strict=True))


def _on_vector(projection: Projection | None, player: PyTree) -> Projection | None:
    leaves, structure = jax.tree.flatten(jax.eval_shape(lambda: player))
    return None if projection is None else _OnVector(projection, structure, tuple(leaves))


@dataclasses.dataclass(frozen=True)
class _OnVector:
    """A projection of one player, as a function of its parameters in a vector; equal ones share programs."""

    projection: Projection
    structure: Any
    leaves: tuple[jax.ShapeDtypeStruct, ...]

    def __call__(self, vector: jax.Array) -> jax.Array:
        zeros = [jnp.zeros(leaf.shape, leaf.dtype) for leaf in self.leaves]
        _, unravel = jax.flatten_util.ravel_pytree(jax.tree.unflatten(self.structure, zeros))
        return jax.flatten_util.ravel_pytree(self.projection(unravel(vector)))[0]
