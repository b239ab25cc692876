"""Random linear-quadratic games with a controlled spectrum."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp

from gamesolve.driving.unoptimised import jit_once
from gamesolve.game import Game
from gamesolve.games.quadratics import Blocks, polymatrix, quadratic
from gamesolve.trees import Players


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

    Each player's own Hessian has logarithmically spaced eigenvalues from ``(1 - rotation) / condition`` to
    ``1 - rotation``. Each coupling block has logarithmically spaced singular values from ``rotation / condition`` to
    ``rotation``. All bases are random.

    Args:
        key: typed random key.
        dims: number of parameters of each player, for two or more players.
        condition: ratio of the largest to the smallest curvature and singular value, at least 1.
        rotation: weight of the coupling in [0, 1]: 0 for independent players, 1 for a bilinear game.
        monotone: if False, the smallest curvature of each player changes its sign.
        zero_sum: whether ``H_ij = -H_ji^T``, which makes a two-player game zero-sum; otherwise both are drawn.

    Returns:
        The game. Its start is drawn from a normal distribution.

    Raises:
        ValueError: if a setting is out of range.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.games.random_quadratic(jax.random.key(0), (4, 3))
        >>> game.is_zero_sum, [player.shape for player in game.start]
        (True, [(4,), (3,)])
    """
    if len(dims) < 2 or min(dims) < 1:
        raise ValueError(f"dims must give two or more players at least one parameter each, got {dims}.")
    if isinstance(condition, int | float) and not condition >= 1:
        raise ValueError(f"condition must be at least 1, got {condition}.")
    if isinstance(rotation, int | float) and not 0 <= rotation <= 1:
        raise ValueError(f"rotation must lie between 0 and 1, got {rotation}.")
    blocks, start = _draw(key, condition, rotation, tuple(dims), monotone, zero_sum)
    game = quadratic(blocks[0][0], blocks[0][1], blocks[1][1]) if len(dims) == 2 and zero_sum else polymatrix(blocks)
    return dataclasses.replace(game, start=start, equilibria=(jax.tree.map(jnp.zeros_like, start),))


@partial(jit_once, static_argnums=(3, 4, 5))
def _draw(
    key: jax.Array, condition: float, rotation: float, dims: tuple[int, ...], monotone: bool, zero_sum: bool
) -> tuple[Blocks, Players]:
    """Draw the blocks and the start of `random_quadratic`; compiled, because dozens of small calls take seconds."""
    number = len(dims)
    start_key, *keys = jax.random.split(key, 1 + number * number)
    blocks = [[jnp.empty(0)] * number for _ in dims]
    for i in range(number):
        values = (1 - rotation) * _spaced(dims[i], condition)
        if not monotone:
            values = values.at[-1].multiply(-1)
        basis = jax.random.orthogonal(keys[i * number + i], dims[i])
        blocks[i][i] = (basis * values) @ basis.T
        for j in range(i):
            blocks[j][i] = rotation * _coupling(keys[i * number + j], dims[j], dims[i], condition)
            blocks[i][j] = -blocks[j][i].T
            if not zero_sum:
                blocks[i][j] = rotation * _coupling(keys[j * number + i], dims[i], dims[j], condition)
    starts = jax.random.split(start_key, number)
    start = tuple(jax.random.normal(k, (d,)) for k, d in zip(starts, dims, strict=True))
    return tuple(map(tuple, blocks)), start


def _spaced(size: int, condition: float) -> jax.Array:
    return jnp.logspace(0.0, -1.0, size, base=condition) if size > 1 else jnp.ones(1)


def _coupling(key: jax.Array, rows: int, columns: int, condition: float) -> jax.Array:
    left, right = jax.random.split(key)
    rank = min(rows, columns)
    basis = jax.random.orthogonal(left, rows)[:, :rank] * _spaced(rank, condition)
    return basis @ jax.random.orthogonal(right, columns)[:, :rank].T
