"""The field seen along lines and planes through the players' space.

>>> import gamesolve as gs
>>> path = gs.analysis.path_angle(gs.games.curl(), (1.0, 1.0), (0.0, 0.0), num=3, low=0.0, high=1.0)
>>> abs(path.cosine).tolist()  # the loss field (y, -x) is at right angles to the way to the centre
[0.0, 0.0, 0.0]
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.core
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.game import Game, Players, as_players


class Path(NamedTuple):
    """The field along the line ``w_a = a end + (1 - a) start``.

    Attributes:
        a: positions, shape (num,).
        cosine: cosine of the angle between ``end - start`` and the loss field ``-v(w_a)``; 0 where the field is zero.
        norm: Euclidean norm of the field.
    """

    a: jax.Array
    cosine: jax.Array
    norm: jax.Array


def path_angle(game: Game, start: Players, end: Players, num: int = 101, low: float = -0.1, high: float = 1.1) -> Path:
    """Return the angle between a line and the loss field along it, and the norm of the field.

    With a stable point at ``end`` the cosine changes its sign from -1 to 1 there where the field only pulls in, and
    has a bump where it also turns.

    Args:
        game: the game, bound to its data.
        start: players, usually where a run started.
        end: players, usually where it ended.
        num: number of positions.
        low: first position.
        high: last position.

    Returns:
        A `Path`: ``a, cosine, norm``.

    Raises:
        ValueError: if ``start`` and ``end`` are the same.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 - y**2)
        >>> gs.analysis.path_angle(game, (1.0, 1.0), (0.0, 0.0), num=2, low=0.0, high=2.0).cosine.round(3).tolist()
        [-1.0, 1.0]

    Reference:
        Berard et al., "A Closer Look at the Optimization Landscapes of Generative Adversarial Networks", ICLR 2020,
        https://arxiv.org/abs/1906.04848
    """
    start, end = as_players(start, game.num_players), as_players(end, game.num_players)
    direction = jax.tree.map(jnp.subtract, end, start)
    length = optax.tree.norm(direction)
    if not isinstance(length, jax.core.Tracer) and float(length) == 0:
        raise ValueError("start and end are the same players; a line needs two points.")
    a = jnp.linspace(low, high, num, dtype=length.dtype)
    cosine, norm = _along(game, start, direction, length, a)
    return Path(a, cosine, norm)


@jax.jit
def _along(game: Game, start: Players, direction: Players, length: jax.Array, a: jax.Array) -> Any:
    def look(position: jax.Array) -> tuple[jax.Array, jax.Array]:
        v = game.field(optax.tree.add_scale(start, position, direction))
        norm = optax.tree.norm(v)
        scale = length * norm
        turn: Any = optax.tree.vdot(direction, v)
        return -turn / jnp.where(scale > 0, scale, 1), norm

    return jax.lax.map(look, a)


class Slice(NamedTuple):
    """The field on a plane through the players' space; the leaves of ``motion`` belong to ``a[i], b[j]``.

    Attributes:
        a: positions along the first direction, shape (num_a,).
        b: positions along the second direction, shape (num_b,).
        motion: how fast the two positions move, shape (num_a, num_b, 2).
        out: norm of what the field moves out of the plane, shape (num_a, num_b); zero for games of two numbers.
        norm: Euclidean norm of the whole field, shape (num_a, num_b).
    """

    a: jax.Array
    b: jax.Array
    motion: jax.Array
    out: jax.Array
    norm: jax.Array


def axis(players: Players, index: int) -> Players:
    """Return the direction of one parameter: zero but for a one at ``index`` of the players ravelled in order.

    Args:
        players: tuple of parameter pytrees, one per player.
        index: which parameter.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> gs.analysis.axis((jnp.zeros(2), jnp.zeros(1)), 1)[0].tolist()
        [0.0, 1.0]
    """
    flat, unravel = jax.flatten_util.ravel_pytree(as_players(players, len(players)))
    if not 0 <= index < flat.size:
        raise ValueError(f"index is {index}; the players have parameters 0 to {flat.size - 1}.")
    return unravel(jnp.zeros_like(flat).at[index].set(1))


def slice_points(origin: Players, directions: tuple[Players, Players], a: Any, b: Any) -> Players:
    """Return the players on a plane: ``origin + a[i] d_0 + b[j] d_1``, on one leading axis, j the faster one.

    Args:
        origin: the players at ``a = b = 0``.
        directions: two trees shaped as the players, not parallel.
        a: positions along the first direction.
        b: positions along the second direction.

    Returns:
        Players with a leading axis of size ``len(a) len(b)``, as `basins` and `find_equilibria` take them.

    Example:
        >>> import gamesolve as gs
        >>> origin = (0.0, 0.0)
        >>> axes = (gs.analysis.axis(origin, 0), gs.analysis.axis(origin, 1))
        >>> [leaf.tolist() for leaf in gs.analysis.slice_points(origin, axes, [0.0, 1.0], [2.0, 3.0])]
        [[0.0, 0.0, 1.0, 1.0], [2.0, 3.0, 2.0, 3.0]]
    """
    number = len(origin)
    base, first, second = (as_players(tree, number) for tree in (origin, *directions))
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
    """Return the field on a plane, with what it moves out of the plane.

    At ``z = origin + a d_0 + b d_1`` the field is ``a' d_0 + b' d_1 +`` a rest at right angles to both directions. A
    point where (a', b') is zero but the rest is not is no equilibrium.

    Args:
        game: the game, bound to its data.
        origin: the players at ``a = b = 0``.
        directions: two trees shaped as the players; the first two parameters unless given, see `axis`.
        low: smallest a and b.
        high: largest a and b.
        num: positions along each direction.
        batch_size: how many points are looked at together; less for large players.

    Returns:
        A `Slice`.

    Raises:
        ValueError: if the directions are parallel.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.bilinear(jnp.eye(2))
        >>> origin = (jnp.zeros(2), jnp.zeros(2))
        >>> picture = gs.analysis.slice_field(game, origin, num=3)  # both of player 0; player 1 is driven out
        >>> abs(picture.motion[2, 2]).tolist(), round(float(picture.out[2, 2]), 4)
        ([0.0, 0.0], 1.4142)
    """
    origin = as_players(origin, game.num_players)
    if directions is None:
        directions = (axis(origin, 0), axis(origin, 1))
    first, second = (as_players(direction, game.num_players) for direction in directions)
    gram = jnp.array([[optax.tree.vdot(p, q) for q in (first, second)] for p in (first, second)])
    if not isinstance(gram, jax.core.Tracer) and np.linalg.cond(gram) > 1 / jnp.finfo(gram.dtype).eps:
        raise ValueError("directions holds two parallel trees; a plane needs two directions.")
    a, b = (jnp.linspace(low[i], high[i], num, dtype=gram.dtype) for i in (0, 1))
    return _slice(game, origin, first, second, gram, a, b, batch_size=batch_size)


@partial(jax.jit, static_argnames="batch_size")
def _slice(
    game: Game, origin: Players, first: Players, second: Players, gram: Any, a: Any, b: Any, *, batch_size: int
) -> Slice:
    def look(position: tuple[jax.Array, jax.Array]) -> Any:
        v = game.field(_place(origin, first, second, *position))
        motion = jnp.linalg.solve(gram, jnp.stack([optax.tree.vdot(first, v), optax.tree.vdot(second, v)]))
        rest = _place(v, first, second, -motion[0], -motion[1])
        return motion, optax.tree.norm(rest), optax.tree.norm(v)

    A, B = jnp.meshgrid(a, b, indexing="ij")
    motion, out, norm = jax.lax.map(look, (A.ravel(), B.ravel()), batch_size=batch_size)
    return Slice(a, b, motion.reshape(*A.shape, 2), out.reshape(A.shape), norm.reshape(A.shape))


def _place(origin: Players, first: Players, second: Players, a: Any, b: Any) -> Players:
    return optax.tree.add_scale(optax.tree.add_scale(origin, a, first), b, second)
