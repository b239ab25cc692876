"""Bilinear and quadratic games. Their matrices are constants, so games of one shape share a compiled program."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.driving.unoptimised import jit_once
from gamesolve.game import Game, from_losses, zero_sum
from gamesolve.trees import Players, PyTree

# ``blocks[i][j]`` multiplies player j in player i's loss.
Blocks = tuple[tuple[jax.Array, ...], ...]


def bilinear(matrix: ArrayLike) -> Game:
    """Make the zero-sum game ``x^T M y``: player 0 minimises, player 1 maximises.

    Args:
        matrix: M, of shape (d_0, d_1), or a scalar if each player is one number.

    Returns:
        The game. It starts at ones and has its equilibrium at zero (one of many if M is singular or not square).

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
        raise ValueError(f"matrix must have two dimensions, one per player, or be a scalar, got shape {matrix.shape}.")
    shapes = [(size,) for size in matrix.shape] if matrix.ndim else [(), ()]
    start = tuple(jnp.ones(shape, matrix.dtype) for shape in shapes)
    origin = tuple(jnp.zeros(shape, matrix.dtype) for shape in shapes)
    payoff = _bilinear if matrix.ndim else _product
    return dataclasses.replace(zero_sum(payoff, constants=(matrix,)), start=start, equilibria=(origin,))


def quadratic(
    A: ArrayLike,
    B: ArrayLike,
    C: ArrayLike,
    D: ArrayLike | None = None,
    a: ArrayLike | None = None,
    c: ArrayLike | None = None,
) -> Game:
    """Make a two-player linear-quadratic game.

    Player 0 minimises ``x^T A x / 2 + x^T B y + a^T x``, player 1 minimises ``y^T C y / 2 + y^T D x + c^T y``.
    Without D the game is zero-sum: ``D = -B^T``, and player 1 maximises
    ``x^T A x / 2 + x^T B y + a^T x - y^T C y / 2 - c^T y``.

    Args:
        A: symmetric matrix of shape (d_0, d_0).
        B: matrix of shape (d_0, d_1).
        C: symmetric matrix of shape (d_1, d_1).
        D: matrix of shape (d_1, d_0). Default: ``-B^T``, which makes the game zero-sum.
        a: vector of shape (d_0,). Default: zero.
        c: vector of shape (d_1,). Default: zero.

    Returns:
        The game. It starts one unit from the least-norm equilibrium in every coordinate.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.quadratic(jnp.eye(1), jnp.eye(1), jnp.eye(1), a=jnp.ones(1))
        >>> game.is_zero_sum, [round(float(player[0]), 6) for player in game.equilibria[0]]
        (True, [-0.5, -0.5])
    """
    A, B, C = map(_floating, (A, B, C))
    if A.shape != (B.shape[0],) * 2 or C.shape != (B.shape[1],) * 2:
        raise ValueError(f"A, B, C must have shapes (n, n), (n, m), (m, m), got {A.shape}, {B.shape}, {C.shape}.")
    a = jnp.zeros(B.shape[:1], B.dtype) if a is None else _shaped("a", a, B.shape[:1])
    c = jnp.zeros(B.shape[1:], B.dtype) if c is None else _shaped("c", c, B.shape[1:])
    if D is not None:
        return polymatrix(((A, B), (_shaped("D", D, B.shape[::-1]), C)), (a, c))
    game = zero_sum(_zero_sum_quadratic, constants=(A, B, C, a, c))
    return _with_equilibrium(game, ((A, B), (-B.T, C)), (a, c))


def polymatrix(blocks: Sequence[Sequence[ArrayLike]], linear: Sequence[ArrayLike] | None = None) -> Game:
    """Make the n-player linear-quadratic game with loss ``z_i^T H_ii z_i / 2 + sum_j z_i^T H_ij z_j + b_i^T z_i``.

    Its field is ``-(H z + b)``.

    Args:
        blocks: ``blocks[i][j]`` is H_ij of shape (d_i, d_j). The blocks H_ii are symmetric.
        linear: ``linear[i]`` is b_i of shape (d_i,). Default: zero.

    Returns:
        The game. It starts one unit from the least-norm equilibrium in every coordinate.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> one = jnp.ones((1, 1))
        >>> game = gs.games.polymatrix(((one, one, one), (-one, one, one), (-one, -one, one)))
        >>> [float(entry[0]) for entry in game.field(game.start)]
        [-3.0, -1.0, 1.0]
    """
    number = len(blocks)
    if any(len(row) != number for row in blocks):
        raise ValueError(f"blocks must have {number} entries in each row, got {[len(row) for row in blocks]}.")
    sizes = [np.shape(blocks[i][i])[0] for i in range(number)]
    H = tuple(
        tuple(_shaped(f"blocks[{i}][{j}]", block, (sizes[i], sizes[j])) for j, block in enumerate(row))
        for i, row in enumerate(blocks)
    )
    if linear is None:
        linear = [np.zeros(size, H[0][0].dtype) for size in sizes]
    if len(linear) != number:
        raise ValueError(f"linear must have one entry for each of the {number} players, got {len(linear)}.")
    b = tuple(_shaped(f"linear[{i}]", entry, (sizes[i],)) for i, entry in enumerate(linear))
    losses = [_Quadratic(i, number) for i in range(number)]
    return _with_equilibrium(from_losses(*losses, constants=(H, b)), H, b)


def icr_quadratic() -> Game:
    """Make ``x^2 + 10 x y + y^2``: player 0 minimises, player 1 maximises although the payoff is convex in y.

    The equilibrium at 0 is unstable for equal step sizes and becomes stable when player 0 is much faster. It is the
    standard example of implicit competitive regularisation.

    Returns:
        The game on two numbers. It starts at (1, 1).

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
    """Make ``x y``, whose field ``(-y, x)`` is pure rotation: the flow circles around the equilibrium 0.

    Returns:
        The game on two numbers. It starts at (1, 1).

    Example:
        >>> import gamesolve as gs
        >>> [float(entry) for entry in gs.games.curl().field((1.0, 2.0))]
        [-2.0, 1.0]
    """
    return _at_ones(zero_sum(_curl))


def rotation(dim: int) -> Game:
    """Make ``x^T y`` with ``dim`` parameters per player: every plane (x_k, y_k) rotates at unit speed.

    Args:
        dim: number of parameters per player.

    Returns:
        The game. It starts at ones and has its equilibrium at zero.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.rotation(3).field(gs.games.rotation(3).start)[0].tolist()
        [-1.0, -1.0, -1.0]
    """
    return bilinear(np.eye(dim))


@dataclasses.dataclass(frozen=True)
class _Quadratic:
    player: int
    number: int

    def __call__(self, *arguments: PyTree) -> jax.Array:
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


def _zero_sum_quadratic(
    x: jax.Array, y: jax.Array, A: jax.Array, B: jax.Array, C: jax.Array, a: jax.Array, c: jax.Array
) -> jax.Array:
    return x @ (A @ x / 2 + B @ y + a) - y @ (C @ y / 2 + c)


def _icr(x: jax.Array, y: jax.Array) -> jax.Array:
    return x**2 + 10 * x * y + y**2


def _curl(x: jax.Array, y: jax.Array) -> jax.Array:
    return x * y


def _at_ones(game: Game) -> Game:
    start = (jnp.ones(()), jnp.ones(()))
    return dataclasses.replace(game, start=start, equilibria=(jax.tree.map(jnp.zeros_like, start),))


@jit_once
def _start_and_zero(blocks: Blocks, linear: Players) -> tuple[Players, Players]:
    """Return the least-norm equilibrium, after a start one unit from it in every coordinate."""
    matrix = jnp.block([list(row) for row in blocks])
    vector, unravel = jax.flatten_util.ravel_pytree(linear)
    zero = jnp.linalg.lstsq(matrix, -vector)[0]
    return unravel(zero + 1), unravel(zero)


def _with_equilibrium(game: Game, blocks: Blocks, linear: Players) -> Game:
    start, equilibrium = _start_and_zero(blocks, linear)
    return dataclasses.replace(game, start=start, equilibria=(equilibrium,))


def _floating(value: ArrayLike) -> jax.Array:
    array = jnp.asarray(value)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)


def _shaped(name: str, value: ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    array = _floating(value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    return array
