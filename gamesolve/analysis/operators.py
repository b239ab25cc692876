"""The Jacobian of a game as an operator, and its shifted inverse for the eigenvalues nearest to a number."""

from collections.abc import Callable
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import linear, products
from gamesolve.analysis.point import as_point
from gamesolve.game import Game, exact_products
from gamesolve.linear import krylov
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.dense import dense_derivative, flattened
from gamesolve.linear.eigenpairs import Pairs, VectorMap, certified, complexified
from gamesolve.trees import Players

# Up to this many parameters the shifted Jacobian is factorised; above, systems are solved by GMRES.
LARGEST_FACTORS = 2000
# Vectors between restarts of that GMRES. The operator is indefinite, on which short cycles stall.
INNER_SPACE = 100
# Products that estimate the norms of the rows of J.
PROBES = 8


def field_operator(game: Game, players: Players) -> VectorMap:
    """Return ``t -> J t`` on the players ravelled in order. With its arguments bound it is an `Operator`."""
    return jax.linearize(*flattened(game.field, players))[1]


def split_jacobian(game: Game, players: Players) -> Callable[[Players], tuple[Players, Players]]:
    """Return the products with the symmetric and the antisymmetric part of J, without a matrix.

    S is the part that attracts or repels along straight lines, A the part that only rotates. Each call takes one
    product with J and one with its transpose, so it works for players of any size; `decompose` returns both matrices.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.

    Returns:
        A linear function from players t to the pair ``(S t, A t)``, each with the structure of the players.

    Example:
        >>> import gamesolve as gs
        >>> split = gs.analysis.split_jacobian(gs.games.icr_quadratic(), (0.0, 0.0))
        >>> [[float(entry) for entry in part] for part in split((1.0, 0.0))]
        [[-2.0, 0.0], [0.0, 10.0]]

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    players = as_point(players, game.num_players)
    push, pull = products.forward(game, players), products.transposed(game, players)

    def parts(direction: Players) -> tuple[Players, Players]:
        direction = as_point(direction, game.num_players)
        ahead, back = push(direction), pull(direction)
        return optax.tree.scale(0.5, optax.tree.add(ahead, back)), optax.tree.scale(0.5, optax.tree.sub(ahead, back))

    return parts


def split_operator(game: Game, players: Players) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """Return ``t -> (S t, A t)`` on the players ravelled in order."""
    _, unravel = jax.flatten_util.ravel_pytree(players)
    split = split_jacobian(game, players)

    def parts(t: jax.Array) -> tuple[jax.Array, jax.Array]:
        potential, rotating = (jax.flatten_util.ravel_pytree(part)[0] for part in split(unravel(t)))
        return potential, rotating

    return parts


def symmetric_operator(game: Game, players: Players) -> VectorMap:
    """Return ``t -> S t`` on the players ravelled in order."""
    parts = split_operator(game, players)
    return lambda t: parts(t)[0]


def transposed_operator(game: Game, players: Players) -> VectorMap:
    """Return ``s -> J^T s`` on the players ravelled in order."""
    _, product = jax.vjp(*flattened(game.field, players))
    return lambda s: product(s)[0]


@jax.jit
def relative_changes(game: Game, players: Players, moves: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the norms of J times some moves of length one: each entry relative to its row of J, and relative to J.

    The norms of the rows are estimated from products with random vectors.
    """
    with exact_products():
        product = complexified(field_operator(game, players))
        probes = jax.random.normal(jax.random.key(0), (PROBES, moves.shape[1]), moves.real.dtype)
        rows = jnp.sqrt(jnp.mean(jax.lax.map(product, probes) ** 2, axis=0))
        images = jax.lax.map(product, moves)
    lengths, size = jnp.linalg.norm(moves, axis=1), jnp.linalg.norm(rows)
    lengths = jnp.where(lengths > 0, lengths, 1)
    changes = jnp.linalg.norm(images / jnp.where(rows > 0, rows, 1), axis=1) / lengths
    return changes, jnp.linalg.norm(images, axis=1) / lengths / jnp.where(size > 0, size, 1)


def nearest_pairs(
    game: Game, players: Players, flat: jax.Array, k: int, near: complex, tolerance: float | None
) -> Pairs:
    """Return the eigenpairs of J nearest to a number, found as the leading eigenpairs of ``(J - near I)^-1``."""
    shift = near if np.iscomplexobj(near) and np.imag(near) else float(np.real(near))
    like = flat.astype(jnp.result_type(flat.dtype, type(shift)))
    if flat.size <= LARGEST_FACTORS:
        inverse = jax.tree_util.Partial(_by_factors, _factors(game, players, jnp.asarray(shift, like.dtype)))
    else:
        inverse = jax.tree_util.Partial(_by_solves, game, players, jnp.asarray(shift, like.dtype))
    found = leading_pairs(inverse, like, k, ("LM",), tolerance)
    operator = jax.tree_util.Partial(field_operator, game, players)
    return certified(operator, shift + 1 / found.eigenvalues, found.vectors, tolerance)


@jax.jit
def _factors(game: Game, players: Players, shift: jax.Array) -> tuple[jax.Array, jax.Array]:
    matrix = dense_derivative(*flattened(game.field, players))
    return jax.scipy.linalg.lu_factor(matrix - shift * jnp.eye(len(matrix), dtype=shift.dtype))


def _by_factors(factors: tuple[jax.Array, jax.Array]) -> VectorMap:
    return partial(jax.scipy.linalg.lu_solve, factors)


def _by_solves(game: Game, players: Players, shift: jax.Array) -> VectorMap:
    """Return the shifted inverse by GMRES, with complex vectors as pairs of real vectors."""
    product = field_operator(game, players)

    def shifted(pair: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        a, b = shift.real, shift.imag
        if len(pair) == 1:
            return (product(pair[0]) - a * pair[0],)
        x, y = pair
        return product(x) - a * x + b * y, product(y) - a * y - b * x

    def inverse(vector: jax.Array) -> jax.Array:
        pair = (vector.real, vector.imag) if jnp.iscomplexobj(vector) else (vector,)
        cycle, tolerance = partial(krylov.gmres, space=INNER_SPACE), linear.default_tolerance(pair)
        solution = krylov.restarted(cycle, shifted, pair, None, tolerance, 10 * INNER_SPACE).x
        return jax.lax.complex(*solution) if len(pair) == 2 else solution[0]

    return inverse
