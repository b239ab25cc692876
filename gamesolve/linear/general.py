"""Linear solves of any kind: dense ones of small systems, and GMRES with what takes over from it where it stalls."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.game import exact_products
from gamesolve.linear import krylov
from gamesolve.linear.dense import check_size
from gamesolve.linear.krylov import Operator
from gamesolve.linear.report import ACCEPTED_RESIDUAL, DENSE_LIMIT
from gamesolve.trees import PyTree, Scalar, at_least_float32, coarsest, magnitude, norm

# Number of vectors that GMRES keeps between restarts, as long as each cycle halves the residual.
RESTART = 20
# Number of unknowns up to which a dense solve takes over from cycles that stall. It costs as many products.
DENSE_RESCUE = 512
# Above, the vectors and numbers in the basis of the longer cycles that take over.
LONG_RESTART, LONG_BASIS = 256, 2**20


def solve_general(
    operator: Operator,
    rhs: PyTree,
    start: PyTree | None,
    tolerance: Scalar,
    max_iterations: int | None = None,
    dense_limit: int = DENSE_LIMIT,
) -> tuple[PyTree, jax.Array]:
    """Solve a system of any kind: densely up to ``dense_limit`` unknowns, above by restarted GMRES.

    Short cycles cannot see eigenvalues around zero. If one of them does not halve the residual, a dense solve takes
    over up to 512 unknowns (``DENSE_RESCUE``), which counts as one iteration per unknown; above, or if the limit is
    lower than that, longer cycles do.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess of GMRES; zero is used instead if its residual is smaller. None for zero.
        tolerance: relative tolerance on the residual.
        max_iterations: limit on the iterations; dense solves of small systems have none. Default: ten times the number
            of unknowns, at most 1000.
        dense_limit: number of unknowns up to which the solve is dense.

    Returns:
        The solution and the number of iterations.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import linear
        >>> A = jnp.array([[1.0, 1.0], [0.0, 4.0]])
        >>> x, iterations = linear.solve_general(lambda x: A @ x, jnp.array([2.0, 4.0]), None, 1e-6)
        >>> x.round(3).tolist()
        [1.0, 1.0]
    """
    if optax.tree.size(rhs) <= dense_limit:
        return solve_densely(operator, rhs), jnp.zeros((), jnp.int32)
    limit = iteration_limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        return persistently(matvec, rhs, start, tolerance, limit)

    with exact_products():
        return differentiable(operator, rhs, solve, solve)


def balanced(operator: Operator, rhs: PyTree) -> tuple[Operator, PyTree]:
    """Return a system divided by the size of its map, which the norms inside Krylov iterations take to be near one.

    It costs a product, and changes nothing for dense solves, which have no such norms.
    """
    if optax.tree.size(rhs) <= DENSE_LIMIT:
        return operator, rhs
    with exact_products():
        image = operator(krylov.times(1 / magnitude(rhs), rhs))
    inverse = jnp.where(norm(image) > 0, 1 / magnitude(image), 1)
    return lambda x: krylov.times(inverse, operator(x)), krylov.times(inverse, rhs)


def persistently(
    matvec: Operator, rhs: PyTree, start: PyTree | None, tolerance: Scalar, limit: int
) -> tuple[PyTree, jax.Array]:
    """Run short cycles of GMRES, and if they stall what `solve_general` says."""
    size = optax.tree.size(rhs)
    first = by_gmres(matvec, rhs, start, tolerance, limit, gain=0.5)
    if size <= min(DENSE_RESCUE, limit - RESTART):
        return rescued(matvec, rhs, first, tolerance, limit)

    def go_on() -> tuple[PyTree, jax.Array]:
        space = min(size, LONG_RESTART, max(LONG_BASIS // size, RESTART))
        more = by_gmres(matvec, rhs, first.x, tolerance, limit - first.iterations, space=space)
        return more.x, first.iterations + more.iterations

    return jax.lax.cond(_stalled(first, rhs, tolerance), go_on, lambda: first[:2])


def rescued(
    matvec: Operator, rhs: PyTree, found: krylov.Iterate, tolerance: Scalar, limit: int
) -> tuple[PyTree, jax.Array]:
    """Return what was found, or if that is poor and the limit leaves a product for each unknown, a dense solution."""
    size = optax.tree.size(rhs)

    def unfinished(carry: tuple[PyTree, jax.Array, jax.Array]) -> jax.Array:
        _, iterations, poor = carry
        return poor & (iterations + size <= limit)

    def densely(carry: tuple[PyTree, jax.Array, jax.Array]) -> tuple[PyTree, jax.Array, jax.Array]:
        x, iterations, poor = carry
        matrix, right, unravel = _matrix(matvec, rhs)
        candidate = unravel(jnp.linalg.solve(matrix, right))
        better = norm(optax.tree.sub(rhs, matvec(candidate))) < norm(found.residual)
        return optax.tree.where(better, candidate, x), iterations + size, jnp.zeros_like(poor)

    # A loop of one pass: under vmap both branches of a condition would run for every system.
    carry = (found.x, found.iterations, _stalled(found, rhs, tolerance))
    x, iterations, _ = jax.lax.while_loop(unfinished, densely, carry)
    return x, iterations


def _stalled(found: krylov.Iterate, rhs: PyTree, tolerance: Scalar) -> jax.Array:
    """Return whether an iteration ended far from its tolerance, and not because of rounding errors."""
    rounding = min(1e3 * float(jnp.finfo(coarsest(rhs)).eps), ACCEPTED_RESIDUAL)
    return ~found.reached & (norm(found.residual) > jnp.maximum(10 * tolerance, rounding) * norm(rhs))


def by_gmres(
    matvec: Operator,
    rhs: PyTree,
    start: PyTree | None,
    tolerance: Scalar,
    limit: Scalar,
    gain: float = 0.9,
    space: int = RESTART,
) -> krylov.Iterate:
    """Run cycles of GMRES of at most ``space`` iterations, see `krylov.restarted`."""
    cycle = partial(krylov.gmres, space=min(space, optax.tree.size(rhs)))
    return krylov.restarted(cycle, matvec, rhs, start, tolerance, limit, gain=gain)


def solve_densely(operator: Operator, rhs: PyTree) -> PyTree:
    """Return the dense solution; zero if the system is singular."""
    with exact_products():
        matrix, right, unravel = _matrix(operator, rhs)
        solved = jax.lax.stop_gradient(jnp.linalg.solve(matrix, right))
        # A singular system is replaced before it is differentiated: its NaN would spread to unrelated gradients.
        bad = ~jnp.all(jnp.isfinite(solved))
        solution = jnp.linalg.solve(jnp.where(bad, jnp.eye(len(matrix), dtype=matrix.dtype), matrix), right)
        # Zero solves a singular system exactly if the right-hand side is zero; if not, its relative residual is one.
        return unravel(jnp.where(bad, 0, solution))


def _matrix(operator: Operator, rhs: PyTree) -> tuple[jax.Array, jax.Array, Callable[[jax.Array], PyTree]]:
    """Return a system as a matrix and a vector, in float32 or wider since LAPACK has no other, and how to go back."""
    flat, unravel = jax.flatten_util.ravel_pytree(rhs)
    check_size(flat, "Lower the dense_limit of linear.Inner")
    column = lambda unit: jax.flatten_util.ravel_pytree(operator(unravel(unit)))[0]
    matrix = jax.vmap(column, out_axes=1)(jnp.eye(flat.size, dtype=flat.dtype))
    wide = at_least_float32(flat.dtype)
    return matrix.astype(wide), flat.astype(wide), lambda vector: unravel(vector.astype(flat.dtype))


def iteration_limit(unknown: PyTree, max_iterations: int | None) -> int:
    """Return the limit on the iterations of conjugate gradients and MINRES."""
    return min(10 * optax.tree.size(unknown), 1000) if max_iterations is None else max_iterations


def differentiable(
    operator: Operator,
    rhs: PyTree,
    solve: Callable[[Operator, PyTree], tuple[PyTree, jax.Array]],
    transpose_solve: Callable[[Operator, PyTree], tuple[PyTree, jax.Array]] | None = None,
    symmetric: bool = False,
) -> tuple[Any, jax.Array]:
    """Solve by ``solve``, with derivatives by `jax.lax.custom_linear_solve`.

    Inside ``shard_map`` the solve is a plain loop, without reverse mode: the operator holds arrays that differ between
    devices and the right-hand side does not, which `custom_linear_solve` refuses.
    """
    if jax.sharding.get_abstract_mesh().manual_axes:
        return solve(operator, rhs)
    operator = jax.jit(operator)  # traced once, and not wherever the solve and its derivatives use it
    # Newer versions of JAX declare that this never returns a pair.
    solved: Any = jax.lax.custom_linear_solve(operator, rhs, solve, transpose_solve, symmetric=symmetric, has_aux=True)
    return solved
