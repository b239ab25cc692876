"""Bilinear and quadratic games; their matrices are constants, so that games of one shape share a compiled program."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.game import Game, from_losses, zero_sum


def bilinear(matrix: Any) -> Game:
    """Make the zero-sum game ``x^T M y``: player 0 minimises, player 1 maximises.

    Args:
        matrix: M, of shape (d_0, d_1), or a scalar for the game on two numbers.

    Returns:
        The game; start at ones, equilibrium at zero (one of many where M is not square or singular).

    Example:
        >>> import gamesolve as gs
        >>> [float(entry) for entry in gs.games.bilinear(3.0).field((1.0, 1.0))]
        [-3.0, 3.0]

    Reference:
        The first example of most papers on game dynamics, for instance Daskalakis et al., "Training GANs with
        Optimism", ICLR 2018, https://arxiv.org/abs/1711.00141
    """
    matrix = _floating(matrix)
    if matrix.ndim not in (0, 2):
        raise ValueError(f"matrix has shape {matrix.shape}; give two dimensions, one per player, or a scalar.")
    shapes = [(size,) for size in matrix.shape] if matrix.ndim else [(), ()]
    start = tuple(jnp.ones(shape, matrix.dtype) for shape in shapes)
    origin = tuple(jnp.zeros(shape, matrix.dtype) for shape in shapes)
    payoff = _bilinear if matrix.ndim else _product
    return dataclasses.replace(zero_sum(payoff, constants=(matrix,)), start=start, equilibria=(origin,))


def quadratic(A: Any, B: Any, C: Any, D: Any = None, a: Any = None, c: Any = None) -> Game:
    """Make the general two-player linear-quadratic game.

    Player 0 minimises ``x^T A x / 2 + x^T B y + a^T x``, player 1 minimises ``y^T C y / 2 + y^T D x + c^T y``.
    Without D the game is zero-sum: ``D = -B^T``, and player 1 maximises
    ``x^T A x / 2 + x^T B y + a^T x - y^T C y / 2 - c^T y``.

    Args:
        A: symmetric (d_0, d_0).
        B: (d_0, d_1).
        C: symmetric (d_1, d_1).
        D: (d_1, d_0); ``-B^T`` and zero-sum unless given.
        a: (d_0,); zero unless given.
        c: (d_1,); zero unless given.

    Returns:
        The game; start one unit from the equilibrium in every coordinate. The equilibrium is the least-norm one.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.quadratic(jnp.eye(1), jnp.eye(1), jnp.eye(1), a=jnp.ones(1))
        >>> game.is_zero_sum, [round(float(player[0]), 6) for player in game.equilibria[0]]
        (True, [-0.5, -0.5])
    """
    A, B, C = map(_floating, (A, B, C))
    if A.shape != (B.shape[0],) * 2 or C.shape != (B.shape[1],) * 2:
        raise ValueError(f"A, B, C have shapes {A.shape}, {B.shape}, {C.shape}; they must be (n, n), (n, m), (m, m).")
    a = jnp.zeros(B.shape[:1], B.dtype) if a is None else _floating(a)
    c = jnp.zeros(B.shape[1:], B.dtype) if c is None else _floating(c)
    for name, entry, size in (("a", a, B.shape[0]), ("c", c, B.shape[1])):
        if entry.shape != (size,):
            raise ValueError(f"{name} has shape {entry.shape}; it must be {(size,)}.")
    if D is None:
        game = zero_sum(_zero_sum_quadratic, constants=(A, B, C, a, c))
        return _with_equilibrium(game, ((A, B), (-B.T, C)), (a, c))
    return polymatrix(((A, B), (_floating(D), C)), (a, c))


def polymatrix(blocks: tuple[tuple[Any, ...], ...], linear: tuple[Any, ...] | None = None) -> Game:
    """Make the n-player linear-quadratic game with loss ``z_i^T H_ii z_i / 2 + sum_j z_i^T H_ij z_j + b_i^T z_i``.

    Its field is ``-(H z + b)``.

    Args:
        blocks: ``blocks[i][j]`` is H_ij of shape (d_i, d_j); the blocks H_ii are symmetric.
        linear: ``linear[i]`` is b_i of shape (d_i,); zero unless given.

    Returns:
        The game; start one unit from the least-norm equilibrium in every coordinate.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> one = jnp.ones((1, 1))
        >>> game = gs.games.polymatrix(((one, one, one), (-one, one, one), (-one, -one, one)))
        >>> [float(entry[0]) for entry in game.field(game.start)]
        [-3.0, -1.0, 1.0]
    """
    blocks = tuple(tuple(map(_floating, row)) for row in blocks)
    if any(len(row) != len(blocks) for row in blocks):
        raise ValueError(f"blocks has rows of {[len(row) for row in blocks]} entries; give {len(blocks)} each.")
    sizes = [blocks[i][i].shape[0] for i in range(len(blocks))]
    for i, row in enumerate(blocks):
        for j, block in enumerate(row):
            if block.shape != (sizes[i], sizes[j]):
                raise ValueError(f"blocks[{i}][{j}] has shape {block.shape}; it must be {(sizes[i], sizes[j])}.")
    if linear is None:
        linear = tuple(jnp.zeros(size, blocks[0][0].dtype) for size in sizes)
    losses = [_Quadratic(i, len(blocks)) for i in range(len(blocks))]
    if len(linear) != len(blocks):
        raise ValueError(f"linear has {len(linear)} entries for {len(blocks)} players; give one each.")
    linear = tuple(map(_floating, linear))
    for i, entry in enumerate(linear):
        if entry.shape != (sizes[i],):
            raise ValueError(f"linear[{i}] has shape {entry.shape}; it must be {(sizes[i],)}.")
    return _with_equilibrium(from_losses(*losses, constants=(blocks, linear)), blocks, linear)


def icr_quadratic() -> Game:
    """Make ``x^2 + 10 x y + y^2``: player 0 minimises, player 1 maximises, although it is convex in y.

    The equilibrium 0 is unstable for equal step sizes and becomes stable when player 0 is much faster: the example
    of implicit competitive regularisation.

    Returns:
        The game on two numbers; start at (1, 1).

    Example:
        >>> import gamesolve as gs
        >>> values = gs.analysis.eigenvalues(gs.games.icr_quadratic(), (0.0, 0.0))
        >>> [round(complex(value).imag, 4) for value in values]
        [9.798, -9.798]

    Reference:
        Schaefer, Zheng, Anandkumar, "Implicit competitive regularization in GANs", ICML 2020,
        https://arxiv.org/abs/1910.05852
    """
    return _at_ones(zero_sum(_icr))


def curl() -> Game:
    """Make ``x y``, whose field ``(-y, x)`` is all curl: the flow circles round the equilibrium 0.

    Returns:
        The game on two numbers; start at (1, 1).

    Example:
        >>> import gamesolve as gs
        >>> [float(entry) for entry in gs.games.curl().field((1.0, 2.0))]
        [-2.0, 1.0]
    """
    return _at_ones(zero_sum(_curl))


def rotation(dim: int) -> Game:
    """Make ``x^T y`` in ``dim`` dimensions a player: every plane (x_k, y_k) turns at speed one.

    Args:
        dim: number of parameters of each player.

    Returns:
        The game; start at ones, equilibrium at zero.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.rotation(3).field(gs.games.rotation(3).start)[0].tolist()
        [-1.0, -1.0, -1.0]
    """
    return bilinear(np.eye(dim))


def random_quadratic(
    key: jax.Array,
    dims: tuple[int, ...] = (10, 10),
    *,
    condition: float = 10.0,
    rotation: float = 0.5,
    monotone: bool = True,
    zero_sum: bool = True,
) -> Game:
    """Draw a linear-quadratic game with a controlled spectrum and its equilibrium at zero.

    Each player's own Hessian has eigenvalues spaced evenly in the logarithm from ``(1 - rotation) / condition`` to
    ``1 - rotation``; each coupling has singular values from ``rotation / condition`` to ``rotation``, in random bases.

    Args:
        key: typed random key.
        dims: number of parameters per player, two or more players.
        condition: ratio of the largest to the smallest own curvature and singular value, at least 1.
        rotation: weight of the coupling in [0, 1]: 0 for players that ignore each other, 1 for a bilinear game.
        monotone: if False, each player's smallest own curvature changes its sign.
        zero_sum: whether ``H_ij = -H_ji^T`` (two players then make a zero-sum game); else both are drawn.

    Returns:
        The game; its start is drawn from a normal distribution.

    Raises:
        ValueError: if a setting is out of its range.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.games.random_quadratic(jax.random.key(0), (4, 3))
        >>> game.is_zero_sum, [player.shape for player in game.start]
        (True, [(4,), (3,)])
    """
    if len(dims) < 2 or min(dims) < 1:
        raise ValueError(f"dims is {dims}; give two or more players with one or more parameters each.")
    if isinstance(condition, int | float) and not condition >= 1:
        raise ValueError(f"condition is {condition}; it is a ratio of at least 1.")
    if isinstance(rotation, int | float) and not 0 <= rotation <= 1:
        raise ValueError(f"rotation is {rotation}; it is a share between 0 and 1.")
    blocks, start = _draw(key, condition, rotation, tuple(dims), monotone, zero_sum)
    game = quadratic(blocks[0][0], blocks[0][1], blocks[1][1]) if len(dims) == 2 and zero_sum else polymatrix(blocks)
    return dataclasses.replace(game, start=start, equilibria=(jax.tree.map(jnp.zeros_like, start),))


@partial(jax.jit, static_argnums=(3, 4, 5))
def _draw(key: jax.Array, condition: Any, rotation: Any, dims: tuple[int, ...], monotone: bool, zero_sum: bool) -> Any:
    """Draw the blocks and the start of `random_quadratic`; compiled, since dozens of small calls take seconds."""
    number = len(dims)
    start_key, *keys = jax.random.split(key, 1 + number * number)
    blocks: list[list[Any]] = [[None] * number for _ in dims]
    for i in range(number):
        values = (1 - rotation) * _spaced(dims[i], condition)
        if not monotone:
            values = values.at[-1].multiply(-1)
        basis = _orthogonal(keys[i * number + i], dims[i])
        blocks[i][i] = (basis * values) @ basis.T
        for j in range(i):
            blocks[j][i] = rotation * _coupling(keys[i * number + j], dims[j], dims[i], condition)
            blocks[i][j] = -blocks[j][i].T
            if not zero_sum:
                blocks[i][j] = rotation * _coupling(keys[j * number + i], dims[i], dims[j], condition)
    starts = jax.random.split(start_key, number)
    start = tuple(jax.random.normal(k, (d,)) for k, d in zip(starts, dims, strict=True))
    return tuple(map(tuple, blocks)), start


@dataclasses.dataclass(frozen=True)
class _Quadratic:
    player: int
    number: int

    def __call__(self, *arguments: Any) -> jax.Array:
        players, (blocks, linear) = arguments[: self.number], arguments[self.number : self.number + 2]
        own, row = players[self.player], blocks[self.player]
        gradient = linear[self.player] + row[self.player] @ own / 2
        for j in range(self.number):
            if j != self.player:
                gradient = gradient + row[j] @ players[j]
        return own @ gradient


def _product(x: jax.Array, y: jax.Array, factor: jax.Array) -> jax.Array:
    return factor * x * y


def _bilinear(x: jax.Array, y: jax.Array, matrix: jax.Array) -> jax.Array:
    return x @ (matrix @ y)


def _zero_sum_quadratic(x: Any, y: Any, A: Any, B: Any, C: Any, a: Any, c: Any) -> jax.Array:
    return x @ (A @ x / 2 + B @ y + a) - y @ (C @ y / 2 + c)


def _icr(x: jax.Array, y: jax.Array) -> jax.Array:
    return x**2 + 10 * x * y + y**2


def _curl(x: jax.Array, y: jax.Array) -> jax.Array:
    return x * y


def _at_ones(game: Game) -> Game:
    start = (jnp.ones(()), jnp.ones(()))
    return dataclasses.replace(game, start=start, equilibria=(jax.tree.map(jnp.zeros_like, start),))


@jax.jit
def _start_and_zero(blocks: Any, linear: Any) -> Any:
    """Return a start, one unit from the least-norm equilibrium in every coordinate, and that equilibrium."""
    matrix = jnp.block([list(row) for row in blocks])
    vector, unravel = jax.flatten_util.ravel_pytree(linear)
    zero = jnp.linalg.lstsq(matrix, -vector)[0]
    return unravel(zero + 1), unravel(zero)


def _with_equilibrium(game: Game, blocks: Any, linear: Any) -> Game:
    start, equilibrium = _start_and_zero(blocks, linear)
    return dataclasses.replace(game, start=start, equilibria=(equilibrium,))


def _floating(value: Any) -> jax.Array:
    array = jnp.asarray(value)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def _spaced(size: int, condition: float) -> jax.Array:
    return jnp.logspace(0.0, -1.0, size, base=condition) if size > 1 else jnp.ones(1)


def _orthogonal(key: jax.Array, size: int) -> jax.Array:
    return jax.random.orthogonal(key, size)


def _coupling(key: jax.Array, rows: int, columns: int, condition: float) -> jax.Array:
    left, right = jax.random.split(key)
    rank = min(rows, columns)
    basis = _orthogonal(left, rows)[:, :rank] * _spaced(rank, condition)
    return basis @ _orthogonal(right, columns)[:, :rank].T
