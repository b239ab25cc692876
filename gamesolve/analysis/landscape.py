"""Evaluate the field along lines and planes through the players' space.

>>> import gamesolve as gs
>>> path = gs.analysis.path_angle(gs.games.curl(), (1.0, 1.0), (0.0, 0.0), num=3, low=0.0, high=1.0)
>>> abs(path.cosine).tolist()  # the loss field (y, -x) is orthogonal to the line to the centre
[0.0, 0.0, 0.0]
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.core
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from gamesolve import trees
from gamesolve.analysis.point import as_point
from gamesolve.game import Game, as_players
from gamesolve.trees import Players, Scalar
from gamesolve.trees.faces import shown


@shown()
class Path(NamedTuple):
    """The field along the line ``w_a = a end + (1 - a) start``.

    Attributes:
        a: positions on the line, shape (num,).
        cosine: cosine of the angle between ``end - start`` and the loss field ``-v(w_a)``; 0 where the field is zero.
        norm: Euclidean norm of the field.
    """

    a: jax.Array
    cosine: jax.Array
    norm: jax.Array


def path_angle(game: Game, start: Players, end: Players, num: int = 101, low: float = -0.1, high: float = 1.1) -> Path:
    """Return the angle between a line and the loss field along it, and the norm of the field.

    If ``end`` is a stable point, the cosine jumps from -1 to 1 there when the field only attracts, and has a bump when
    the field also rotates.

    Args:
        game: the game, bound to its data.
        start: players at one point of the line, usually where a run started.
        end: players at another point, usually where the run ended.
        num: number of positions.
        low: first position.
        high: last position.

    Returns:
        A `Path`: ``a, cosine, norm``.

    Raises:
        ValueError: if ``start`` and ``end`` are equal.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 - y**2)
        >>> gs.analysis.path_angle(game, (1.0, 1.0), (0.0, 0.0), num=2, low=0.0, high=2.0).cosine.round(3).tolist()
        [-1.0, 1.0]

    Reference:
        Berard et al., "A Closer Look at the Optimization Landscapes of Generative Adversarial Networks", ICLR 2020,
        https://arxiv.org/abs/1906.04848
    """
    start, end = as_point(start, game.num_players), as_point(end, game.num_players)
    direction = jax.tree.map(jnp.subtract, end, start)
    length = trees.norm(direction)
    if not isinstance(length, jax.core.Tracer) and float(length) == 0:
        raise ValueError("start and end are the same players. Give two different points.")
    a = jnp.linspace(low, high, num, dtype=length.dtype)
    cosine, norm = _along(game, start, direction, length, a)
    return Path(a, cosine, norm)


@jax.jit
def _along(
    game: Game, start: Players, direction: Players, length: jax.Array, a: jax.Array
) -> tuple[jax.Array, jax.Array]:
    def look(position: jax.Array) -> tuple[jax.Array, jax.Array]:
        v = game.field(optax.tree.add_scale(start, position, direction))
        norm = trees.norm(v)
        unit = lambda tree, size: optax.tree.scale(1 / jnp.where(size > 0, size, 1), tree)
        return -trees.dot(unit(direction, length), unit(v, norm)), norm

    return jax.lax.map(look, a)


@shown()
class Slice(NamedTuple):
    """The field on a plane through the players' space; entry (i, j) belongs to the point ``a[i], b[j]``.

    Attributes:
        a: positions along the first direction, shape (num_a,).
        b: positions along the second direction, shape (num_b,).
        motion: rates of change of the two positions, shape (num_a, num_b, 2).
        out: norm of the field's component out of the plane, shape (num_a, num_b); zero if the players have two
            parameters in all.
        norm: Euclidean norm of the whole field, shape (num_a, num_b).
    """

    a: jax.Array
    b: jax.Array
    motion: jax.Array
    out: jax.Array
    norm: jax.Array


def axis(players: Players, index: int) -> Players:
    """Return the unit direction of one parameter: one at ``index`` of the players ravelled in order, zero elsewhere.

    Args:
        players: tuple of parameter pytrees, one per player.
        index: index of the parameter.

    Returns:
        A tree with the structure of the players.

    Raises:
        ValueError: if there is no such parameter.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> gs.analysis.axis((jnp.zeros(2), jnp.zeros(1)), 1)[0].tolist()
        [0.0, 1.0]
    """
    flat, unravel = jax.flatten_util.ravel_pytree(as_players(players, len(players)))
    if not 0 <= index < flat.size:
        raise ValueError(f"index must be that of one of the parameters 0 to {flat.size - 1}, got {index}.")
    return unravel(jnp.zeros_like(flat).at[index].set(1))


def slice_points(origin: Players, directions: tuple[Players, Players], a: ArrayLike, b: ArrayLike) -> Players:
    """Return the players on a plane, ``origin + a[i] d_0 + b[j] d_1``, along one leading axis on which j varies faster.

    Args:
        origin: the players at ``a = b = 0``.
        directions: two trees d_0 and d_1 with the structure of the players, not parallel.
        a: positions along the first direction.
        b: positions along the second direction.

    Returns:
        Players with a leading axis of size ``len(a) len(b)``, for `basins` and `find_equilibria`.

    Example:
        >>> import gamesolve as gs
        >>> origin = (0.0, 0.0)
        >>> axes = (gs.analysis.axis(origin, 0), gs.analysis.axis(origin, 1))
        >>> [leaf.tolist() for leaf in gs.analysis.slice_points(origin, axes, [0.0, 1.0], [2.0, 3.0])]
        [[0.0, 0.0, 1.0, 1.0], [2.0, 3.0, 2.0, 3.0]]
    """
    number = len(origin)
    base, first, second = (as_point(tree, number) for tree in (origin, *directions))
    dtype = jax.tree.leaves(base)[0].dtype
    return _points(base, first, second, jnp.asarray(a, dtype), jnp.asarray(b, dtype))


@jax.jit
def _points(origin: Players, first: Players, second: Players, a: jax.Array, b: jax.Array) -> Players:
    A, B = jnp.meshgrid(a, b, indexing="ij")
    return jax.vmap(partial(_place, origin, first, second))(A.ravel(), B.ravel())


def slice_field(
    game: Game,
    origin: Players,
    directions: tuple[Players, Players] | None = None,
    low: tuple[float, float] = (-1.0, -1.0),
    high: tuple[float, float] = (1.0, 1.0),
    num: int = 41,
    batch_size: int = 64,
) -> Slice:
    """Return the field on a plane, in the plane and out of it.

    At ``z = origin + a d_0 + b d_1`` the field is ``a' d_0 + b' d_1`` plus a remainder orthogonal to both directions. A
    point where (a', b') is zero but the remainder is not zero is not an equilibrium.

    Args:
        game: the game, bound to its data.
        origin: the players at ``a = b = 0``.
        directions: two trees d_0 and d_1 with the structure of the players. Default: the first two parameters, see
            `axis`.
        low: smallest a and b.
        high: largest a and b.
        num: number of positions along each direction.
        batch_size: number of points evaluated together; reduce it for large players.

    Returns:
        The `Slice`.

    Raises:
        ValueError: if the directions are parallel.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.bilinear(jnp.eye(2))
        >>> origin = (jnp.zeros(2), jnp.zeros(2))
        >>> picture = gs.analysis.slice_field(game, origin, num=3)  # the plane of player 0; the field leaves it
        >>> abs(picture.motion[2, 2]).tolist(), round(float(picture.out[2, 2]), 4)
        ([0.0, 0.0], 1.4142)
    """
    origin = as_point(origin, game.num_players)
    if directions is None:
        directions = (axis(origin, 0), axis(origin, 1))
    first, second = (as_point(direction, game.num_players) for direction in directions)
    gram = jnp.array([[optax.tree.vdot(p, q) for q in (first, second)] for p in (first, second)])
    if not isinstance(gram, jax.core.Tracer) and np.linalg.cond(gram) > 1 / jnp.finfo(gram.dtype).eps:
        raise ValueError("directions must span a plane, got two parallel trees. Give two independent directions.")
    a, b = (jnp.linspace(low[i], high[i], num, dtype=gram.dtype) for i in (0, 1))
    return _slice(game, origin, first, second, gram, a, b, batch_size=batch_size)


@partial(jax.jit, static_argnames="batch_size")
def _slice(
    game: Game,
    origin: Players,
    first: Players,
    second: Players,
    gram: jax.Array,
    a: jax.Array,
    b: jax.Array,
    *,
    batch_size: int,
) -> Slice:
    def look(position: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        v = game.field(_place(origin, first, second, *position))
        motion = jnp.linalg.solve(gram, jnp.stack([optax.tree.vdot(first, v), optax.tree.vdot(second, v)]))
        remainder = _place(v, first, second, -motion[0], -motion[1])
        return motion, trees.norm(remainder), trees.norm(v)

    A, B = jnp.meshgrid(a, b, indexing="ij")
    motion, out, norm = jax.lax.map(look, (A.ravel(), B.ravel()), batch_size=batch_size)
    return Slice(a, b, motion.reshape(*A.shape, 2), out.reshape(A.shape), norm.reshape(A.shape))


def _place(origin: Players, first: Players, second: Players, a: Scalar, b: Scalar) -> Players:
    return optax.tree.add_scale(optax.tree.add_scale(origin, a, first), b, second)
