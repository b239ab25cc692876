"""The Jacobian of a game's field and its spectrum, whole or at its ends."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp

from gamesolve.analysis.operators import field_operator, nearest_pairs
from gamesolve.game import Game, Players, as_players
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.dense import dense_derivative, flattened
from gamesolve.linear.eigenpairs import ORDERS, default_tolerance


class Spectrum(NamedTuple):
    """Eigenvalues of J with their vectors, and how far to trust them.

    Attributes:
        eigenvalues: complex array of shape (k,).
        vectors: tree shaped as the players, complex, with a leading axis of length k; of Euclidean norm one over
            all players.
        residuals: true residuals ``||J x - l x||``, real array of shape (k,).
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
        Array of shape (n, n), n the total number of parameters; row i is the gradient of the i-th entry of v.

    Raises:
        ValueError: if the matrix would take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> gs.analysis.jacobian(gs.games.icr_quadratic(), (0.0, 0.0)).tolist()
        [[-2.0, -10.0], [10.0, 2.0]]
    """
    return _jacobian(game, as_players(players, game.num_players))


@jax.jit
def _jacobian(game: Game, players: Players) -> jax.Array:
    return dense_derivative(*flattened(game.field, players))


@jax.jit
def _all_eigenvalues(game: Game, players: Players) -> jax.Array:
    return by_real_part(jnp.linalg.eigvals(_jacobian(game, players)))


def eigenvalues(game: Game, players: Players, k: int | None = None, which: str = "LR") -> jax.Array:
    """Return the eigenvalues of J, by decreasing real part.

    Where all real parts are negative the flow ``players' = v`` settles at an equilibrium there.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        k: how many, found without a matrix as `leading` does; None for all of them.
        which: the end of the spectrum that ``k`` counts from: ``"LM"`` largest modulus, ``"LR"`` largest real part,
            ``"SR"`` smallest real part, ``"LI"`` largest imaginary part in modulus.

    Returns:
        Complex array of shape (n,), or (k,).

    Raises:
        ValueError: if all are asked for and the matrix would take more than 2 GiB, or if one of the ``k`` has not
            converged.

    Example:
        >>> import gamesolve as gs
        >>> [complex(value).imag for value in gs.analysis.eigenvalues(gs.games.curl(), (0.0, 0.0))]
        [1.0, -1.0]
    """
    if k is None:
        return _all_eigenvalues(game, as_players(players, game.num_players))
    found = leading(game, players, k, which)
    if not bool(jnp.all(found.converged)):
        raise ValueError(
            f"{int(jnp.sum(~found.converged))} of the {k} eigenvalues asked for have not converged; ask for fewer, or "
            "take gamesolve.analysis.leading, which returns them with their residuals."
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
    """Return leading eigenvalues of J with vectors and residuals, by products with J alone.

    A restarted Arnoldi iteration of Krylov-Schur form on the compiled product; its loop over restarts runs on the host,
    so it can't be traced. It keeps some sixty vectors of the length of all parameters (four for each eigenvalue that is
    asked for, if those are more). From one starting vector, copies of a multiple eigenvalue may be missed.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        k: how many.
        which: the end of the spectrum: ``"LM"`` largest modulus, ``"LR"`` largest real part, ``"SR"`` smallest real
            part, ``"LI"`` largest imaginary part in modulus; or several of those, of which each gets ``k`` at the price
            of one.
        near: a number; then the eigenvalues nearest to it are returned, of which ``which`` is to be ``"LM"``. Each
            product becomes a solve with ``J - near I``: by factors up to 2000 parameters, by GMRES above.
        tolerance: on residuals relative to the modulus of the eigenvalue; by default 1e-10 in float64 and 1e-5 in
            float32, and never below ten roundings of a product.

    Returns:
        A `Spectrum`, the leading eigenvalue first.

    Raises:
        ValueError: if ``which`` names no end or ``k`` is not between one and the number of parameters.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.rotation(50)
        >>> found = gs.analysis.leading(game, game.start, k=2, which="LI")
        >>> [round(abs(complex(value).imag), 4) for value in found.eigenvalues], bool(found.converged.all())
        ([1.0, 1.0], True)

    Reference:
        Stewart, "A Krylov-Schur Algorithm for Large Eigenproblems", SIAM J. Matrix Anal. Appl. 2002
    """
    players = as_players(players, game.num_players)
    ends = _ends(which, near)
    flat, _ = jax.flatten_util.ravel_pytree(players)
    if not 1 <= k <= flat.size:
        raise ValueError(f"k is {k} for {flat.size} parameters; ask for at least one and at most all eigenvalues.")
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
        A `Spectrum` of all n, by decreasing real part. Where J is defective some vectors coincide.

    Raises:
        ValueError: if the matrix would take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.eigenvectors(gs.games.curl(), (0.0, 0.0))
        >>> x, y = found.vectors
        >>> [round(abs(complex(entry)), 4) for entry in (x[0], y[0])]
        [0.7071, 0.7071]
    """
    players = as_players(players, game.num_players)
    matrix = jacobian(game, players)
    return _certified(players, matrix, *jnp.linalg.eig(matrix))


@jax.jit
def _certified(players: Players, matrix: jax.Array, values: jax.Array, columns: jax.Array) -> Spectrum:
    """Return all eigenpairs in order, with their residuals."""
    order = _order(values)
    values, rows = values[order], columns.T[order]
    residuals = jnp.linalg.norm(rows @ matrix.T - values[:, None] * rows, axis=1)
    goal = default_tolerance(matrix.dtype) * jnp.linalg.norm(matrix)
    return Spectrum(values, _as_trees(players, rows), residuals, residuals <= goal)


def decompose(game: Game, players: Players) -> tuple[jax.Array, jax.Array]:
    """Return the symmetric and the antisymmetric part of J: the potential and the rotating share of the field.

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
    """Sort complex numbers by decreasing real part, conjugates with the positive imaginary part first."""
    return values[_order(values)]


def _order(values: jax.Array) -> jax.Array:
    return jnp.lexsort((-values.imag, -values.real))


def _ends(which: str | Sequence[str], near: complex | None) -> tuple[str, ...]:
    ends = (which,) if isinstance(which, str) else tuple(which)
    if not ends or not set(ends) <= set(ORDERS):
        raise ValueError(f"which is {which!r}; name an end of the spectrum: {', '.join(ORDERS)}.")
    if near is not None and ends != ("LM",):
        raise ValueError(f"which is {which!r} beside near={near}; the nearest eigenvalues have no other order.")
    return ends


@jax.jit
def _as_trees(players: Players, rows: jax.Array) -> Players:
    """Return complex rows as trees shaped as the players."""
    unpack = jax.vmap(jax.flatten_util.ravel_pytree(players)[1])
    return jax.tree.map(jax.lax.complex, unpack(rows.real), unpack(rows.imag))
