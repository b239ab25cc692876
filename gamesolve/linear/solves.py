"""Linear solves on pytrees, one function for each kind of operator.

- `conjugate_gradients`: symmetric positive definite.
- `coupled`: two unknowns, one of which can be eliminated to leave a symmetric positive definite system.
- `solve_symmetric`: symmetric but indefinite, or symmetric after a change of signs, such as the Jacobian of a zero-sum
  game; by GMRES and MINRES.
- `solve_general`: all others, by GMRES. If short cycles stall, a dense solve or a longer cycle takes over.

The last two solve small systems densely. All are differentiable in forward and reverse mode, and return the number of
Krylov iterations; `certify` turns a true residual into the report that a solver keeps.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.game import exact_products
from gamesolve.linear import krylov
from gamesolve.linear.krylov import Operator
from gamesolve.trees import PyTree, Scalar, dot, magnitude, norm

# Number of unknowns up to which a dense solve is faster than GMRES on two CPU cores (benchmarks/results).
DENSE_LIMIT = 64
# Number of vectors that GMRES keeps between restarts, as long as each cycle halves the residual.
RESTART = 20
# Number of unknowns up to which a dense solve takes over from cycles that stall. It costs as many products.
DENSE_RESCUE = 512
# Above, the vectors and numbers in the basis of the longer cycles that take over.
LONG_RESTART, LONG_BASIS = 256, 2**20
# Number of unknowns beyond which the vectors of GMRES outgrow the caches, so that MINRES is faster despite the signs.
LONG = 2**15


def conjugate_gradients(
    operator: Operator, rhs: PyTree, start: PyTree, tolerance: Scalar, max_iterations: int | None = None
) -> tuple[PyTree, jax.Array]:
    """Solve a symmetric positive definite system by conjugate gradients.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess; zero is used instead if its residual is smaller.
        tolerance: relative tolerance on the residual.
        max_iterations: limit on the iterations. Default: ten times the number of unknowns, at most 1000.

    Returns:
        The solution and the number of iterations.
    """
    limit = _limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        alone = lambda direction: (matvec(direction), ())
        size = magnitude(rhs)
        rhs, begin = krylov.times(1 / size, rhs), krylov.times(1 / size, start)
        (x, _), iterations = krylov.conjugate_gradients(alone, rhs, begin, tolerance, limit)
        return krylov.times(size, x), iterations

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, symmetric=True, has_aux=True)


class Coupled(NamedTuple):
    """Solution of a coupled system, with the right-hand side that its residual is relative to.

    Attributes:
        x: the unknown that was solved for.
        y: the other unknown.
        iterations: number of iterations.
        rhs: right-hand side of the system in x alone.
    """

    x: PyTree
    y: PyTree
    iterations: jax.Array
    rhs: PyTree


def coupled(
    to_x: Operator,
    to_y: Operator,
    sides: tuple[PyTree, PyTree],
    start: PyTree,
    tolerance: Scalar,
    max_iterations: int | None = None,
) -> Coupled:
    """Solve ``x - B y = b``, ``y + C x = c`` by conjugate gradients on x, for ``B C`` symmetric positive semidefinite.

    Each iteration takes one product with B and one with C; ``C x`` is accumulated along the way.

    Args:
        to_x: ``y -> B y``, from trees shaped as c to trees shaped as b.
        to_y: ``x -> C x``, from trees shaped as b to trees shaped as c.
        sides: the right-hand sides b and c, with entries near one: the squares of very small and very large ones are
            lost.
        start: first guess of x; zero is used instead if its residual is smaller.
        tolerance: relative tolerance on the residual of ``(I + B C) x = b + B c``.
        max_iterations: limit on the iterations. Default: ten times the number of unknowns in x, at most 1000.
    """
    limit = _limit(start, max_iterations)
    start = jax.lax.stop_gradient(start)

    def operator(pair: PyTree) -> PyTree:
        x, y = pair
        return optax.tree.sub(x, to_x(y)), optax.tree.add(y, to_y(x))

    def solve(_: Operator, sides: PyTree) -> PyTree:
        return _eliminate(to_x, to_y, sides, start, tolerance, limit)

    def solve_transposed(matvec: Operator, sides: PyTree) -> PyTree:
        """Solve the transposed system: ``-C^T`` takes the place of B, and ``-B^T`` that of C."""
        no_x, no_y = optax.tree.zeros_like(sides)
        back_to_x = lambda y: jax.tree.map(jnp.negative, matvec((no_x, y))[0])
        back_to_y = lambda x: matvec((x, no_y))[1]
        return _eliminate(back_to_x, back_to_y, sides, start, tolerance, limit)

    with exact_products():
        (x, y), iterations = jax.lax.custom_linear_solve(operator, sides, solve, solve_transposed, has_aux=True)
        # XLA merges this with the same sum inside the solve. If the solve returned it, vmap would batch it needlessly.
        rhs = optax.tree.add(sides[0], to_x(sides[1]))
    return Coupled(x, y, iterations, rhs)


def _limit(unknown: PyTree, max_iterations: int | None) -> int:
    """Return the limit on the iterations of conjugate gradients and MINRES."""
    return min(10 * optax.tree.size(unknown), 1000) if max_iterations is None else max_iterations


def _eliminate(
    to_x: Operator, to_y: Operator, sides: tuple[PyTree, PyTree], start: PyTree, tolerance: Scalar, limit: int
) -> PyTree:
    first, second = sides
    rhs = optax.tree.add(first, to_x(second))

    def operate(x: PyTree) -> tuple[PyTree, PyTree]:
        along = to_y(x)
        return optax.tree.add(x, to_x(along)), along

    (x, along), iterations = krylov.conjugate_gradients(operate, rhs, start, tolerance, limit)
    return (x, optax.tree.sub(second, along)), iterations


def solve_symmetric(
    operator: Operator,
    rhs: PyTree,
    start: PyTree,
    tolerance: Scalar,
    max_iterations: int | None = None,
    mirror: Operator | None = None,
    weigh: Operator | None = None,
) -> tuple[PyTree, jax.Array]:
    """Solve a system that signs and weights make symmetric: densely up to `DENSE_LIMIT` unknowns, above by MINRES.

    Up to `LONG` unknowns, cycles of GMRES on A itself come first, as long as each halves the residual. If the
    eigenvalues of A lie on one side of zero, these cycles take about the square root of the iterations that the signs
    would cost. If they lie on both sides, or rotate, short cycles stall and MINRES does not.

    Args:
        operator: the linear map A, on trees shaped as ``rhs``; ``W M A`` must be symmetric, but may be indefinite.
        rhs: right-hand side.
        start: first guess; zero is used instead if its residual is smaller.
        tolerance: relative tolerance on the residual; MINRES measures it in the norm of W.
        max_iterations: limit on the iterations; dense solves have none. Default: ten times the number of unknowns, at
            most 1000.
        mirror: multiplication by M, a diagonal of signs. Default: the identity.
        weigh: multiplication by W, a diagonal without negative entries. Default: the identity. An unknown of weight
            zero may enter A only on its diagonal, as one.

    Returns:
        The solution and the number of iterations.
    """
    if optax.tree.size(rhs) <= DENSE_LIMIT:
        return _dense(operator, rhs), jnp.zeros((), jnp.int32)
    limit = _limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)
    inner = dot if weigh is None else lambda a, b: dot(a, weigh(b))
    flip = (lambda tree: tree) if mirror is None else mirror
    cycle = partial(krylov.minres, inner=inner)

    def by_minres(matvec: Operator, rhs: PyTree, start: PyTree, limit: Scalar, kept: float) -> krylov.Iterate:
        flipped = lambda x: flip(matvec(x))
        found = krylov.restarted(cycle, flipped, flip(rhs), start, tolerance, limit, inner, kept=kept)
        found = found._replace(residual=flip(found.residual))
        if weigh is not None:
            x = _repaired(matvec, rhs, found.x, found.residual, weigh)
            found = found._replace(x=x, residual=optax.tree.sub(rhs, matvec(x)))
        return found

    def solve(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        if optax.tree.size(rhs) > LONG:
            return by_minres(matvec, rhs, start, limit, kept=1.0)[:2]
        first = _by_gmres(matvec, rhs, start, tolerance, limit, gain=0.5)

        def go_on() -> tuple[PyTree, jax.Array]:
            # In a singular system the residual falls little further, while the solution grows without bound.
            more = by_minres(matvec, rhs, first.x, limit - reserve - first.iterations, kept=0.1)
            more = more._replace(iterations=first.iterations + more.iterations)
            return _rescued(matvec, rhs, more, tolerance, limit) if reserve else more[:2]

        # Products for a dense solve, if MINRES fails.
        size = optax.tree.size(rhs)
        reserve = size if size <= min(DENSE_RESCUE, limit // 2) else 0
        return jax.lax.cond(first.reached, lambda: first[:2], go_on)

    def solve_transposed(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        """Solve the transposed system in the same way, but by GMRES if there are weights, which would be inverted."""
        return solve(matvec, rhs) if weigh is None else _persistently(matvec, rhs, start, tolerance, limit)

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, solve_transposed, has_aux=True)


def _repaired(matvec: Operator, rhs: PyTree, x: PyTree, residual: PyTree, weigh: Operator) -> PyTree:
    """Take unknowns of little weight, which the norm does not see, from their own equations if that is better."""
    weights = weigh(jax.tree.map(jnp.ones_like, rhs))
    heaviest = jax.tree.reduce(jnp.maximum, jax.tree.map(jnp.max, weights))
    light = jax.tree.map(lambda weight: weight <= 1e-3 * heaviest, weights)
    candidate = jax.tree.map(lambda yes, a, b: jnp.where(yes, a + b, a), light, x, residual)
    left = optax.tree.sub(rhs, matvec(candidate))
    better = norm(left) < norm(residual)
    return optax.tree.where(better, candidate, x)


def solve_general(
    operator: Operator, rhs: PyTree, start: PyTree, tolerance: Scalar, max_iterations: int | None = None
) -> tuple[PyTree, jax.Array]:
    """Solve a system of any kind: densely up to `DENSE_LIMIT` unknowns, above by restarted GMRES.

    Short cycles cannot see eigenvalues around zero. If one of them does not halve the residual, a dense solve takes
    over up to `DENSE_RESCUE` unknowns, which counts as one iteration per unknown; above, longer cycles do.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess of GMRES; zero is used instead if its residual is smaller.
        tolerance: relative tolerance on the residual.
        max_iterations: limit on the iterations; dense solves of small systems have none. Default: ten times the number
            of unknowns, at most 1000.

    Returns:
        The solution and the number of iterations.
    """
    if optax.tree.size(rhs) <= DENSE_LIMIT:
        return _dense(operator, rhs), jnp.zeros((), jnp.int32)
    limit = _limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        return _persistently(matvec, rhs, start, tolerance, limit)

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, transpose_solve=solve, has_aux=True)


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


def _persistently(
    matvec: Operator, rhs: PyTree, start: PyTree, tolerance: Scalar, limit: int
) -> tuple[PyTree, jax.Array]:
    """Run short cycles of GMRES, and if they stall what `solve_general` says."""
    size = optax.tree.size(rhs)
    first = _by_gmres(matvec, rhs, start, tolerance, limit, gain=0.5)
    if size <= DENSE_RESCUE:
        return _rescued(matvec, rhs, first, tolerance, limit)

    def go_on() -> tuple[PyTree, jax.Array]:
        space = min(size, LONG_RESTART, max(LONG_BASIS // size, RESTART))
        more = _by_gmres(matvec, rhs, first.x, tolerance, limit - first.iterations, space=space)
        return more.x, first.iterations + more.iterations

    return jax.lax.cond(_stalled(first, rhs, tolerance), go_on, lambda: first[:2])


def _rescued(
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
    rounding = 1e3 * float(jnp.finfo(optax.tree.dtype(rhs, "lowest")).eps)
    return ~found.reached & (norm(found.residual) > jnp.maximum(10 * tolerance, rounding) * norm(rhs))


def _by_gmres(
    matvec: Operator,
    rhs: PyTree,
    start: PyTree,
    tolerance: Scalar,
    limit: Scalar,
    gain: float = 0.9,
    space: int = RESTART,
) -> krylov.Iterate:
    cycle = partial(krylov.gmres, space=min(space, optax.tree.size(rhs)))
    return krylov.restarted(cycle, matvec, rhs, start, tolerance, limit, gain=gain)


def _dense(operator: Operator, rhs: PyTree) -> PyTree:
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
    column = lambda unit: jax.flatten_util.ravel_pytree(operator(unravel(unit)))[0]
    matrix = jax.vmap(column, out_axes=1)(jnp.eye(flat.size, dtype=flat.dtype))
    wide = jnp.promote_types(flat.dtype, jnp.float32)
    return matrix.astype(wide), flat.astype(wide), lambda vector: unravel(vector.astype(flat.dtype))
