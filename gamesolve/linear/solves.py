"""Linear solves on pytrees, one function for each kind of operator.

- `conjugate_gradients`: symmetric positive definite.
- `coupled`: two unknowns, one of which can be eliminated to leave a symmetric positive definite system.
- `solve_symmetric`: symmetric but indefinite, or symmetric after a change of signs, such as the Jacobian of a zero-sum
  game; by GMRES and MINRES.
- `general.solve_general`: all others, by GMRES. If short cycles stall, a dense solve or longer cycles take over.

The last two solve small systems densely. All are differentiable in forward and reverse mode, and return the number of
Krylov iterations; `certify` turns a true residual into the report that a solver keeps.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.game import exact_products
from gamesolve.linear import krylov
from gamesolve.linear.general import (
    DENSE_RESCUE,
    by_gmres,
    differentiable,
    iteration_limit,
    persistently,
    rescued,
    solve_densely,
)
from gamesolve.linear.krylov import Operator
from gamesolve.linear.report import DENSE_LIMIT
from gamesolve.trees import PyTree, Scalar, computed_once, dot, norm

# Number of unknowns beyond which the vectors of GMRES outgrow the caches, so that MINRES is faster despite the signs.
LONG = 2**15


def conjugate_gradients(
    operator: Operator, rhs: PyTree, start: PyTree | None, tolerance: Scalar, max_iterations: int | None = None
) -> tuple[PyTree, jax.Array]:
    """Solve a symmetric positive definite system by conjugate gradients.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess; zero is used instead if its residual is smaller. None for zero.
        tolerance: relative tolerance on the residual.
        max_iterations: limit on the iterations. Default: ten times the number of unknowns, at most 1000.

    Returns:
        The solution and the number of iterations.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import linear
        >>> A = jnp.array([[2.0, 0.0], [0.0, 4.0]])
        >>> x, iterations = linear.conjugate_gradients(lambda x: A @ x, jnp.array([2.0, 4.0]), None, 1e-6)
        >>> x.round(3).tolist()
        [1.0, 1.0]
    """
    limit = iteration_limit(rhs, max_iterations)
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        alone = lambda direction: (matvec(direction), ())
        (x, _), iterations = krylov.conjugate_gradients(alone, rhs, start, tolerance, limit)
        return x, iterations

    with exact_products():
        return differentiable(operator, rhs, solve, symmetric=True)


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
    start: PyTree | None,
    tolerance: Scalar,
    max_iterations: int | None = None,
) -> Coupled:
    """Solve ``x - B y = b``, ``y + C x = c`` by conjugate gradients on x, for ``B C`` symmetric positive semidefinite.

    Each iteration takes one product with B and one with C; ``C x`` is accumulated along the way.

    Args:
        to_x: ``y -> B y``, from trees shaped as c to trees shaped as b.
        to_y: ``x -> C x``, from trees shaped as b to trees shaped as c.
        sides: the right-hand sides b and c.
        start: first guess of x; zero is used instead if its residual is smaller. None for zero.
        tolerance: relative tolerance on the residual of ``(I + B C) x = b + B c``.
        max_iterations: limit on the iterations. Default: ten times the number of unknowns in x, at most 1000.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import linear
        >>> double = lambda tree: 2 * tree
        >>> found = linear.coupled(double, double, (jnp.array([5.0]), jnp.array([0.0])), None, 1e-6)
        >>> found.x.tolist(), found.y.tolist()
        ([1.0], [-2.0])
    """
    limit = iteration_limit(sides[0], max_iterations)
    start = jax.lax.stop_gradient(start)

    # Each product is traced once, see `differentiable`.
    push, pull = jax.jit(to_x), jax.jit(to_y)

    def operator(pair: PyTree) -> PyTree:
        x, y = pair
        return optax.tree.sub(x, push(y)), optax.tree.add(y, pull(x))

    def solve(_: Operator, sides: PyTree) -> PyTree:
        return _eliminate(push, pull, sides, start, tolerance, limit)

    def solve_transposed(matvec: Operator, sides: PyTree) -> PyTree:
        """Solve the transposed system: ``-C^T`` takes the place of B, and ``-B^T`` that of C."""
        no_x, no_y = optax.tree.zeros_like(sides)
        back_to_x = jax.jit(lambda y: jax.tree.map(jnp.negative, matvec((no_x, y))[0]))
        back_to_y = jax.jit(lambda x: matvec((x, no_y))[1])
        return _eliminate(back_to_x, back_to_y, sides, start, tolerance, limit)

    with exact_products():
        (x, y), iterations = differentiable(operator, sides, solve, solve_transposed)
        # XLA merges this with the same sum inside the solve. If the solve returned it, vmap would batch it needlessly.
        rhs = optax.tree.add(sides[0], to_x(sides[1]))
    return Coupled(x, y, iterations, rhs)


def _eliminate(
    to_x: Operator, to_y: Operator, sides: tuple[PyTree, PyTree], start: PyTree | None, tolerance: Scalar, limit: int
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
    start: PyTree | None,
    tolerance: Scalar,
    max_iterations: int | None = None,
    mirror: Operator | None = None,
    weigh: Operator | None = None,
    dense_limit: int = DENSE_LIMIT,
) -> tuple[PyTree, jax.Array]:
    """Solve a system that signs and weights make symmetric: densely up to ``dense_limit`` unknowns, above by MINRES.

    Up to `LONG` unknowns, cycles of GMRES on A itself come first, as long as each halves the residual. If the
    eigenvalues of A lie on one side of zero, these cycles take about the square root of the iterations that the signs
    would cost. If they lie on both sides, or rotate, short cycles stall and MINRES does not.

    Args:
        operator: the linear map A, on trees shaped as ``rhs``; ``W M A`` must be symmetric, but may be indefinite.
        rhs: right-hand side.
        start: first guess; zero is used instead if its residual is smaller. None for zero.
        tolerance: relative tolerance on the residual; MINRES measures it in the norm of W.
        max_iterations: limit on the iterations; dense solves have none. Default: ten times the number of unknowns, at
            most 1000.
        mirror: multiplication by M, a diagonal of signs. Default: the identity.
        weigh: multiplication by W, a diagonal without negative entries. Default: the identity. An unknown of weight
            zero may enter A only on its diagonal, as one.
        dense_limit: number of unknowns up to which the solve is dense.

    Returns:
        The solution and the number of iterations.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import linear
        >>> A = jnp.array([[2.0, 0.0], [0.0, 4.0]])
        >>> x, iterations = linear.solve_symmetric(lambda x: A @ x, jnp.array([2.0, 4.0]), None, 1e-6)
        >>> x.round(3).tolist()
        [1.0, 1.0]
    """
    if optax.tree.size(rhs) <= dense_limit:
        return solve_densely(operator, rhs), jnp.zeros((), jnp.int32)
    limit = iteration_limit(rhs, max_iterations)
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
        first = by_gmres(matvec, rhs, start, tolerance, limit, gain=0.5)

        def go_on() -> tuple[PyTree, jax.Array]:
            # In a singular system the residual falls little further, while the solution grows without bound.
            more = by_minres(matvec, rhs, first.x, limit - reserve - first.iterations, kept=0.1)
            more = more._replace(iterations=first.iterations + more.iterations)
            return rescued(matvec, rhs, more, tolerance, limit) if reserve else more[:2]

        # Products for a dense solve, if MINRES fails.
        size = optax.tree.size(rhs)
        reserve = size if size <= min(DENSE_RESCUE, limit // 2) else 0
        return jax.lax.cond(first.reached, lambda: first[:2], go_on)

    def solve_transposed(matvec: Operator, rhs: PyTree) -> tuple[PyTree, jax.Array]:
        """Solve the transposed system in the same way, but by GMRES if there are weights, which would be inverted."""
        return solve(matvec, rhs) if weigh is None else persistently(matvec, rhs, start, tolerance, limit)

    with exact_products():
        return differentiable(operator, rhs, solve, solve_transposed)


def _repaired(matvec: Operator, rhs: PyTree, x: PyTree, residual: PyTree, weigh: Operator) -> PyTree:
    """Take unknowns of little weight, which the norm does not see, from their own equations if that is better."""
    weights = weigh(jax.tree.map(jnp.ones_like, rhs))
    heaviest = computed_once(jax.tree.reduce(jnp.maximum, jax.tree.map(jnp.max, weights)), weights)
    light = jax.tree.map(lambda weight: weight <= 1e-3 * heaviest, weights)
    candidate = jax.tree.map(lambda yes, a, b: jnp.where(yes, a + b, a), light, x, residual)
    left = optax.tree.sub(rhs, matvec(candidate))
    better = norm(left) < norm(residual)
    return optax.tree.where(better, candidate, x)
