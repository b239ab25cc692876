"""Inner linear solves on pytrees, each with a certificate.

`conjugate_gradients` is for symmetric positive definite operators and `coupled` for two unknowns of which one can be
eliminated to that end; `solve_symmetric` serves indefinite ones, and those that a change of signs makes symmetric, such
as the Jacobian of a zero-sum game, by GMRES and MINRES; `solve_general` all others by GMRES alone. Both solve small
systems densely. All are differentiable in both directions and return the number of Krylov iterations; `certify` turns a
true residual into the report that a solver keeps.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.game import exact_products
from gamesolve.linear import krylov
from gamesolve.linear.krylov import Operator

# Unknowns up to which a dense solve is faster than GMRES on two CPU cores (benchmarks/results).
DENSE_LIMIT = 64
# GMRES keeps this many vectors between restarts.
RESTART = 20
# Where nothing but GMRES serves, it takes at most this many iterations by default.
ITERATIONS = 200
# Unknowns beyond which the vectors of GMRES outgrow the caches, so that MINRES is the faster in spite of the signs.
LONG = 2**15


def conjugate_gradients(
    operator: Operator, rhs: Any, start: Any, tolerance: float, max_iterations: int | None = None
) -> tuple[Any, jax.Array]:
    """Solve a symmetric positive definite system by conjugate gradients.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess; it is dropped where zero is the better one.
        tolerance: relative tolerance on the residual.
        max_iterations: default ten times the number of unknowns, at most 1000.

    Returns:
        The solution and the number of iterations.
    """
    limit = _limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: Any) -> tuple[Any, jax.Array]:
        alone = lambda direction: (matvec(direction), ())
        (x, _), iterations = krylov.conjugate_gradients(alone, rhs, start, tolerance, limit)
        return x, iterations

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, symmetric=True, has_aux=True)


class Coupled(NamedTuple):
    """Solution of a coupled system, and what its residual is relative to.

    Attributes:
        x: the unknown that was solved for.
        y: the other one.
        iterations: number of iterations.
        rhs: right-hand side of the system in x alone.
    """

    x: Any
    y: Any
    iterations: jax.Array
    rhs: Any


def coupled(
    to_x: Operator,
    to_y: Operator,
    sides: tuple[Any, Any],
    start: Any,
    tolerance: float,
    max_iterations: int | None = None,
) -> Coupled:
    """Solve ``x - B y = b``, ``y + C x = c`` by conjugate gradients on x, where ``B C`` is symmetric semidefinite.

    Each iteration takes one product with B and one with C; ``C x`` is added up on the way.

    Args:
        to_x: ``y -> B y``, from trees shaped as c to trees shaped as b.
        to_y: ``x -> C x``, back.
        sides: the right-hand sides b and c.
        start: first guess of x; it is dropped where zero is the better one.
        tolerance: relative tolerance on the residual of ``(I + B C) x = b + B c``.
        max_iterations: default ten times the number of unknowns in x, at most 1000.
    """
    limit = _limit(start, max_iterations)
    start = jax.lax.stop_gradient(start)

    def operator(pair: Any) -> Any:
        x, y = pair
        return jax.tree.map(jnp.subtract, x, to_x(y)), jax.tree.map(jnp.add, y, to_y(x))

    def solve(_: Operator, sides: Any) -> Any:
        return _eliminate(to_x, to_y, sides, start, tolerance, limit)

    def solve_transposed(matvec: Operator, sides: Any) -> Any:
        """Do the same with ``-C^T`` in the place of B and ``-B^T`` in that of C."""
        no_x, no_y = optax.tree.zeros_like(sides)
        back_to_x = lambda y: jax.tree.map(jnp.negative, matvec((no_x, y))[0])
        back_to_y = lambda x: matvec((x, no_y))[1]
        return _eliminate(back_to_x, back_to_y, sides, start, tolerance, limit)

    with exact_products():
        (x, y), iterations = jax.lax.custom_linear_solve(operator, sides, solve, solve_transposed, has_aux=True)
        # The same as inside, and merged with it: arrays beside the solution are batched by vmap where they need not be.
        rhs = jax.tree.map(jnp.add, sides[0], to_x(sides[1]))
    return Coupled(x, y, iterations, rhs)


def _limit(unknown: Any, max_iterations: int | None) -> int:
    """Return the limit on the iterations of conjugate gradients."""
    return min(10 * optax.tree.size(unknown), 1000) if max_iterations is None else max_iterations


def _eliminate(to_x: Operator, to_y: Operator, sides: Any, start: Any, tolerance: float, limit: int) -> Any:
    first, second = sides
    rhs = jax.tree.map(jnp.add, first, to_x(second))

    def operate(x: Any) -> tuple[Any, Any]:
        along = to_y(x)
        return jax.tree.map(jnp.add, x, to_x(along)), along

    (x, along), iterations = krylov.conjugate_gradients(operate, rhs, start, tolerance, limit)
    return (x, jax.tree.map(jnp.subtract, second, along)), iterations


def solve_symmetric(
    operator: Operator,
    rhs: Any,
    start: Any,
    tolerance: float,
    max_iterations: int | None = None,
    mirror: Operator | None = None,
    weigh: Operator | None = None,
) -> tuple[Any, jax.Array]:
    """Solve a system that signs and weights make symmetric: dense up to `DENSE_LIMIT` unknowns, above by MINRES.

    Up to `LONG` unknowns cycles of GMRES on A itself come first, as long as each halves the residual. Where the
    eigenvalues of A lie on one side, they take about the root of the iterations that the signs would cost; where they
    lie on both, or turn, short cycles stall and MINRES does not.

    Args:
        operator: the linear map A, on trees shaped as ``rhs``; ``W M A`` is symmetric, definite or not.
        rhs: right-hand side.
        start: first guess.
        tolerance: relative tolerance on the residual; MINRES measures it in the norm of W.
        max_iterations: default ten times the number of unknowns, at most 1000. A dense solve has none.
        mirror: multiplication by M, a diagonal of signs; None for the identity.
        weigh: multiplication by W, a diagonal of which no entry is negative; None for the identity. Unknowns of weight
            zero enter A on its diagonal alone, and there as one.

    Returns:
        The solution and the number of iterations.
    """
    if optax.tree.size(rhs) <= DENSE_LIMIT:
        return _dense(operator, rhs), jnp.zeros((), jnp.int32)
    limit = _limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)
    inner = krylov.dot if weigh is None else lambda a, b: krylov.dot(a, weigh(b))
    flip = (lambda tree: tree) if mirror is None else mirror
    cycle = partial(krylov.minres, inner=inner)

    def by_minres(matvec: Operator, rhs: Any, start: Any, limit: Any, kept: float) -> tuple[Any, jax.Array]:
        flipped = lambda x: flip(matvec(x))
        found = krylov.restarted(cycle, flipped, flip(rhs), start, tolerance, limit, inner, kept=kept)
        if weigh is None:
            return found[:2]
        return _repaired(matvec, rhs, found.x, flip(found.residual), weigh), found.iterations

    def solve(matvec: Operator, rhs: Any) -> tuple[Any, jax.Array]:
        if optax.tree.size(rhs) > LONG:
            return by_minres(matvec, rhs, start, limit, kept=1.0)
        first = _by_gmres(matvec, rhs, start, tolerance, limit, gain=0.5)

        def go_on() -> tuple[Any, jax.Array]:
            # Where the system is singular, the residual falls little more, while the solution grows without bound.
            x, more = by_minres(matvec, rhs, first.x, limit - first.iterations, kept=0.1)
            return x, first.iterations + more

        return jax.lax.cond(first.reached, lambda: first[:2], go_on)

    def solve_transposed(matvec: Operator, rhs: Any) -> tuple[Any, jax.Array]:
        """Do the same; but with weights, since the transposed map has those that are one over them."""
        return solve(matvec, rhs) if weigh is None else _by_gmres(matvec, rhs, start, tolerance, limit)[:2]

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, solve_transposed, has_aux=True)


def _repaired(matvec: Operator, rhs: Any, x: Any, residual: Any, weigh: Operator) -> Any:
    """Take unknowns of little weight, which are in no norm, from their own equations, where that is the better."""
    weights = weigh(jax.tree.map(jnp.ones_like, rhs))
    heaviest = jax.tree.reduce(jnp.maximum, jax.tree.map(jnp.max, weights))
    light = jax.tree.map(lambda weight: weight <= 1e-3 * heaviest, weights)
    candidate = jax.tree.map(lambda yes, a, b: jnp.where(yes, a + b, a), light, x, residual)
    left = jax.tree.map(jnp.subtract, rhs, matvec(candidate))
    better = krylov.dot(left, left) < krylov.dot(residual, residual)
    return jax.tree.map(partial(jnp.where, better), candidate, x)


def solve_general(
    operator: Operator, rhs: Any, start: Any, tolerance: float, max_iterations: int | None = None
) -> tuple[Any, jax.Array]:
    """Solve a system of any kind: dense up to `DENSE_LIMIT` unknowns, restarted GMRES above.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess of GMRES.
        tolerance: relative tolerance on the residual.
        max_iterations: at most this many; default `ITERATIONS`. A dense solve has none.

    Returns:
        The solution and the number of iterations.
    """
    if optax.tree.size(rhs) <= DENSE_LIMIT:
        return _dense(operator, rhs), jnp.zeros((), jnp.int32)
    limit = ITERATIONS if max_iterations is None else max_iterations
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: Any) -> tuple[Any, jax.Array]:
        return _by_gmres(matvec, rhs, start, tolerance, limit)[:2]

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, transpose_solve=solve, has_aux=True)


def _by_gmres(matvec: Operator, rhs: Any, start: Any, tolerance: Any, limit: int, gain: float = 0.9) -> krylov.Iterate:
    cycle = partial(krylov.gmres, space=min(RESTART, optax.tree.size(rhs)))
    return krylov.restarted(cycle, matvec, rhs, start, tolerance, limit, gain=gain)


def _dense(operator: Operator, rhs: Any) -> Any:
    flat, unravel = jax.flatten_util.ravel_pytree(rhs)
    column = lambda unit: jax.flatten_util.ravel_pytree(operator(unravel(unit)))[0]
    with exact_products():
        matrix = jax.vmap(column, out_axes=1)(jnp.eye(flat.size, dtype=flat.dtype))
        # LAPACK has no precision below float32.
        wide = jnp.promote_types(flat.dtype, jnp.float32)
        matrix, right = matrix.astype(wide), flat.astype(wide)
        solved = jax.lax.stop_gradient(jnp.linalg.solve(matrix, right))
        # A singular system is replaced before it is differentiated, else its NaN spreads to unrelated gradients.
        bad = ~jnp.all(jnp.isfinite(solved))
        solution = jnp.linalg.solve(jnp.where(bad, jnp.eye(flat.size, dtype=wide), matrix), right)
        # Zero solves a singular system exactly where there is nothing to solve; elsewhere its residual is all of it.
        return unravel(jnp.where(bad, 0, solution).astype(flat.dtype))
