"""The Jacobian of a game's field and its spectrum, whole or the leading eigenvalues only."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp

from gamesolve.analysis.operators import field_operator, nearest_pairs
from gamesolve.analysis.point import as_point
from gamesolve.driving.unoptimised import jit_either
from gamesolve.game import Game
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.dense import dense_derivative, flattened
from gamesolve.linear.eigenpairs import ORDERS, default_tolerance
from gamesolve.trees import Players
from gamesolve.trees.faces import shown


@shown()
class Spectrum(NamedTuple):
    """Eigenvalues of J with their vectors and residuals.

    Attributes:
        eigenvalues: complex array of shape (k,).
        vectors: complex tree with the structure of the players and a leading axis of length k. Each vector has
            Euclidean norm one over all players.
        residuals: true residuals ``||J x - l x||`` of eigenvalues l and vectors x, real array of shape (k,).
        converged: whether each residual is within the tolerance, boolean array of shape (k,).
    """

    eigenvalues: jax.Array
    vectors: Players
    residuals: jax.Array
    converged: jax.Array


def jacobian(game: Game, players: Players) -> jax.Array:
    """Return J, the Jacobian of the field, on the players ravelled in order.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.

    Returns:
        Array of shape (n, n), with n the total number of parameters. Row i is the gradient of the i-th entry of v.

    Raises:
        ValueError: if the matrix would take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> gs.analysis.jacobian(gs.games.icr_quadratic(), (0.0, 0.0)).tolist()
        [[-2.0, -10.0], [10.0, 2.0]]
    """
    return _jacobian(game, as_point(players, game.num_players))


@jit_either
def _jacobian(game: Game, players: Players) -> jax.Array:
    return dense_derivative(*flattened(game.field, players))


@jax.jit
def _all_eigenvalues(game: Game, players: Players) -> jax.Array:
    return by_real_part(jnp.linalg.eigvals(_jacobian(game, players)))


def eigenvalues(game: Game, players: Players, k: int | None = None, which: str = "LR") -> jax.Array:
    """Return the eigenvalues of J, by decreasing real part.

    If all real parts are negative at an equilibrium, the flow ``players' = v`` converges to it from nearby.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        k: number of eigenvalues, found without a matrix as in `leading`. Default: all eigenvalues.
        which: end of the spectrum to which ``k`` refers: ``"LM"`` largest modulus, ``"LR"`` largest real part,
            ``"SR"`` smallest real part, ``"LI"`` largest modulus of the imaginary part.

    Returns:
        Complex array of shape (n,), or (k,) if ``k`` is given.

    Raises:
        ValueError: if ``k`` is None and the matrix would take more than 2 GiB, or if one of the ``k`` eigenvalues has
            not converged.

    Example:
        >>> import gamesolve as gs
        >>> [complex(value).imag for value in gs.analysis.eigenvalues(gs.games.curl(), (0.0, 0.0))]
        [1.0, -1.0]
    """
    if k is None:
        return _all_eigenvalues(game, as_point(players, game.num_players))
    found = leading(game, players, k, which)
    if not bool(jnp.all(found.converged)):
        raise ValueError(
            f"{int(jnp.sum(~found.converged))} of the {k} eigenvalues have not converged. Ask for fewer, or use "
            "gamesolve.analysis.leading, which returns them with their residuals."
        )
    return by_real_part(found.eigenvalues)


def leading(
    game: Game,
    players: Players,
    k: int = 6,
    which: str | Sequence[str] = "LM",
    near: complex | None = None,
    tolerance: float | None = None,
) -> Spectrum:
    """Return leading eigenvalues of J with vectors and residuals, found from products with J alone.

    The method is a restarted Arnoldi iteration (Krylov-Schur) on the compiled product. Its loop over restarts runs on
    the host, so it can't be traced. It stores about sixty vectors of the length of all parameters, or four per
    requested eigenvalue if that is more. It uses one starting vector, so copies of a multiple eigenvalue may be missed.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        k: number of eigenvalues.
        which: end of the spectrum: ``"LM"`` largest modulus, ``"LR"`` largest real part, ``"SR"`` smallest real part,
            ``"LI"`` largest modulus of the imaginary part. Several ends, in a sequence, give ``k`` eigenvalues each at
            the cost of one.
        near: a number; the eigenvalues nearest to it are returned, and ``which`` must be ``"LM"``. Each product is then
            a solve with ``J - near I``, by factors up to 2000 parameters and by GMRES above. Default: none.
        tolerance: tolerance on residuals, relative to the modulus of the eigenvalue; never below ten rounding errors
            of a product. Default: 1e-10 in float64 and 1e-5 in float32.

    Returns:
        The `Spectrum`, with the leading eigenvalue first.

    Raises:
        ValueError: if ``which`` is not an end of the spectrum, or ``k`` is not from one to the number of parameters.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.rotation(50)
        >>> found = gs.analysis.leading(game, game.start, k=2, which="LI")
        >>> [round(abs(complex(value).imag), 4) for value in found.eigenvalues], bool(found.converged.all())
        ([1.0, 1.0], True)

    Reference:
        Stewart, "A Krylov-Schur Algorithm for Large Eigenproblems", SIAM J. Matrix Anal. Appl. 2002
    """
    players = as_point(players, game.num_players)
    ends = _ends(which, near)
    flat, _ = jax.flatten_util.ravel_pytree(players)
    if not 1 <= k <= flat.size:
        raise ValueError(f"k must be from 1 to {flat.size}, the number of parameters, got {k}.")
    if near is None:
        operator = jax.tree_util.Partial(field_operator, game, players)
        pairs = leading_pairs(operator, flat, k, ends, tolerance)
    else:
        pairs = nearest_pairs(game, players, flat, k, near, tolerance)
    return Spectrum(
        jnp.asarray(pairs.eigenvalues),
        _as_trees(players, pairs.vectors),
        jnp.asarray(pairs.residuals),
        jnp.asarray(pairs.converged),
    )


def eigenvectors(game: Game, players: Players) -> Spectrum:
    """Return all eigenvalues of J with their vectors, from the dense matrix.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.

    Returns:
        The `Spectrum` of all n eigenvalues, by decreasing real part. If J is defective, some vectors coincide.

    Raises:
        ValueError: if the matrix would take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.eigenvectors(gs.games.curl(), (0.0, 0.0))
        >>> x, y = found.vectors
        >>> [round(abs(complex(entry)), 4) for entry in (x[0], y[0])]
        [0.7071, 0.7071]
    """
    players = as_point(players, game.num_players)
    matrix = jacobian(game, players)
    return _certified(players, matrix, *jnp.linalg.eig(matrix))


@jax.jit
def _certified(players: Players, matrix: jax.Array, values: jax.Array, columns: jax.Array) -> Spectrum:
    """Return all eigenpairs in order, with their residuals."""
    order = order_by_real_part(values)
    values, rows = values[order], columns.T[order]
    residuals = jnp.linalg.norm(rows @ matrix.T - values[:, None] * rows, axis=1)
    goal = default_tolerance(matrix.dtype) * jnp.linalg.norm(matrix)
    return Spectrum(values, _as_trees(players, rows), residuals, residuals <= goal)


def decompose(game: Game, players: Players) -> tuple[jax.Array, jax.Array]:
    """Return the symmetric and the antisymmetric part of J: the potential and the rotational part of the field.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.

    Returns:
        S and A, each of shape (n, n), with ``J = S + A``.

    Example:
        >>> import gamesolve as gs
        >>> S, A = gs.analysis.decompose(gs.games.icr_quadratic(), (0.0, 0.0))
        >>> S.tolist(), A.tolist()
        ([[-2.0, 0.0], [0.0, 2.0]], [[0.0, -10.0], [10.0, 0.0]])

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    matrix = jacobian(game, players)
    return (matrix + matrix.T) / 2, (matrix - matrix.T) / 2


@jax.jit
def by_real_part(values: jax.Array) -> jax.Array:
    """Sort complex numbers by decreasing real part, of two conjugates the one with positive imaginary part first."""
    return values[order_by_real_part(values)]


def order_by_real_part(values: jax.Array) -> jax.Array:
    """Return the indices that sort complex numbers as `by_real_part` does."""
    return jnp.lexsort((-values.imag, -values.real))


def _ends(which: str | Sequence[str], near: complex | None) -> tuple[str, ...]:
    ends = (which,) if isinstance(which, str) else tuple(which)
    if not ends or not set(ends) <= set(ORDERS):
        raise ValueError(f"which must be an end of the spectrum ({', '.join(ORDERS)}) or several, got {which!r}.")
    if near is not None and ends != ("LM",):
        raise ValueError(f"which must be 'LM' with near={near}, got {which!r}. Leave which out.")
    return ends


@jax.jit
def _as_trees(players: Players, rows: jax.Array) -> Players:
    """Return complex rows as trees with the structure of the players."""
    unpack = jax.vmap(jax.flatten_util.ravel_pytree(players)[1])
    return jax.tree.map(jax.lax.complex, unpack(rows.real), unpack(rows.imag))
