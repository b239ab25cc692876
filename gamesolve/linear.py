"""Inner linear solves on pytrees, each with a certificate.

`conjugate_gradients` is for symmetric positive definite operators and `coupled` for two unknowns of which one can be
eliminated to that end; `solve_general` serves all others and picks a dense solve for small systems and restarted GMRES
for large ones. All are differentiable in both directions and return the number of Krylov iterations; `certify` turns a
true residual into the report that a solver keeps.
"""

import enum
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.game import exact_products

Operator = Callable[[Any], Any]

# Unknowns up to which a dense solve is faster than GMRES on two CPU cores (benchmarks/results).
DENSE_LIMIT = 64
# GMRES keeps this many vectors between restarts.
RESTART = 20
# A true relative residual above this means that the solve failed: the explicit direction is used instead.
ACCEPTED_RESIDUAL = 0.1


class Outcome(enum.IntEnum):
    """How an inner solve ended, by its true relative residual.

    SOLVED: within ten times the tolerance. INEXACT: above that, but used. FAILED: not finite or above
    `ACCEPTED_RESIDUAL`; the solver used the explicit direction instead.
    """

    SOLVED = 0
    INEXACT = 1
    FAILED = 2


class Report(NamedTuple):
    """What a solver's state keeps of its inner solves; read a field with ``optax.tree.get(state, "residual")``.

    Attributes:
        solution: the last solution, where the next solve starts.
        iterations: Krylov iterations of the last solve (0 for a dense one; whole cycles for GMRES).
        residual: true relative residual of the last solve.
        status: an `Outcome`.
        fallbacks: how many solves failed so far.
    """

    solution: Any
    iterations: jax.Array
    residual: jax.Array
    status: jax.Array
    fallbacks: jax.Array


def empty_report(unknown: Any) -> Report:
    """Return the report before the first solve, for an unknown shaped as ``unknown``."""
    zero = jnp.zeros((), jnp.int32)
    return Report(optax.tree.zeros_like(unknown), zero, jnp.zeros((), optax.tree.dtype(unknown, "lowest")), zero, zero)


def certify(last: Report, solution: Any, iterations: jax.Array, residual: Any, rhs: Any, tolerance: float) -> Report:
    """Return the report of a solve.

    Args:
        last: the report of the solve before.
        solution: its solution.
        iterations: its Krylov iterations.
        residual: its true residual, a tree like ``rhs``.
        rhs: its right-hand side.
        tolerance: the relative tolerance that it was asked for.
    """
    square, scale = _dot(residual, residual), _dot(rhs, rhs)
    relative = jnp.sqrt(_ratio(square, scale))
    # A solution that is not finite shows in its residual.
    relative = jnp.where(relative >= 0, relative, jnp.inf).astype(last.residual.dtype)
    status = jnp.where(relative <= 10 * tolerance, Outcome.SOLVED, Outcome.INEXACT)
    status = jnp.where(relative <= ACCEPTED_RESIDUAL, status, Outcome.FAILED).astype(jnp.int32)
    fallbacks = last.fallbacks + (status == Outcome.FAILED)
    return jax.lax.stop_gradient(Report(solution, iterations, relative, status, fallbacks))


def default_tolerance(tree: Any) -> float:
    """Return the relative tolerance for a tree's precision: 1e-12 in float64, 1e-6 in float32, 1e-2 below."""
    bits = jnp.finfo(optax.tree.dtype(tree, "lowest")).bits
    return {64: 1e-12, 32: 1e-6}.get(bits, 1e-2)


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
        (x, _), iterations = _iterate(lambda direction: (matvec(direction), ()), rhs, start, tolerance, limit)
        return x, iterations

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, symmetric=True, has_aux=True)


class Coupled(NamedTuple):
    """Solution of a coupled system, and what certifies it.

    Attributes:
        x: the unknown that was solved for.
        y: the other one.
        iterations: number of iterations.
        residual: true residual of the system in x.
        rhs: its right-hand side.
    """

    x: Any
    y: Any
    iterations: jax.Array
    residual: Any
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
        back_to_x = lambda y: jax.tree.map(jnp.negative, matvec((no_x, y))[0])  # noqa: E731
        back_to_y = lambda x: matvec((x, no_y))[1]  # noqa: E731
        return _eliminate(back_to_x, back_to_y, sides, start, tolerance, limit)

    with exact_products():
        (x, y), iterations = jax.lax.custom_linear_solve(operator, sides, solve, solve_transposed, has_aux=True)
        # The same as inside, and merged with it: arrays beside the solution are batched by vmap where they need not be.
        rhs = jax.tree.map(jnp.add, sides[0], to_x(sides[1]))
        residual = jax.tree.map(lambda a, b, c: a + b - c, sides[0], to_x(y), x)
    return Coupled(x, y, iterations, residual, rhs)


def _limit(unknown: Any, max_iterations: int | None) -> int:
    """Return the limit on the iterations of conjugate gradients."""
    return min(10 * optax.tree.size(unknown), 1000) if max_iterations is None else max_iterations


def _eliminate(to_x: Operator, to_y: Operator, sides: Any, start: Any, tolerance: float, limit: int) -> Any:
    first, second = sides
    rhs = jax.tree.map(jnp.add, first, to_x(second))

    def operate(x: Any) -> tuple[Any, Any]:
        along = to_y(x)
        return jax.tree.map(jnp.add, x, to_x(along)), along

    (x, along), iterations = _iterate(operate, rhs, start, tolerance, limit)
    return (x, jax.tree.map(jnp.subtract, second, along)), iterations


def _iterate(
    matvec: Callable[[Any], tuple[Any, Any]], rhs: Any, start: Any, tolerance: float, limit: int
) -> tuple[tuple[Any, Any], jax.Array]:
    """Iterate on x, and add up for x what ``matvec`` returns beside the image of a direction."""
    image, along = matvec(start)
    sums, residual, square, scale = _begin((start, along), image, rhs)

    def unfinished(carry: Any) -> jax.Array:
        _, _, _, square, iteration = carry
        return (square > tolerance**2 * scale) & (iteration < limit)

    def advance(carry: Any) -> Any:
        sums, residual, direction, square, iteration = carry
        image, along = matvec(direction)
        step = _ratio(square, _dot(direction, image))
        sums = _axpy(step, (direction, along), sums)
        residual = jax.tree.map(lambda r, entry: r - step * entry, residual, image)
        new_square = _dot(residual, residual)
        return sums, residual, _axpy(_ratio(new_square, square), direction, residual), new_square, iteration + 1

    carry = (sums, residual, residual, square, jnp.zeros((), jnp.int32))
    sums, _, _, _, iterations = jax.lax.while_loop(unfinished, advance, carry)
    return sums, iterations


def solve_general(
    operator: Operator, rhs: Any, start: Any, tolerance: float, max_iterations: int | None = None
) -> tuple[Any, jax.Array]:
    """Solve a system of any kind: dense up to `DENSE_LIMIT` unknowns, restarted GMRES above.

    Args:
        operator: the linear map, on trees shaped as ``rhs``.
        rhs: right-hand side.
        start: first guess of GMRES.
        tolerance: relative tolerance on the residual.
        max_iterations: at most this many, in whole cycles of `RESTART`; default 10 cycles. A dense solve has none.

    Returns:
        The solution and the number of iterations.
    """
    if optax.tree.size(rhs) <= DENSE_LIMIT:
        return _dense(operator, rhs), jnp.zeros((), jnp.int32)
    cycles = 10 if max_iterations is None else max(1, -(-max_iterations // RESTART))
    start = jax.lax.stop_gradient(start)

    def solve(matvec: Operator, rhs: Any) -> tuple[Any, jax.Array]:
        return _restarted(matvec, rhs, start, tolerance, cycles)

    with exact_products():
        return jax.lax.custom_linear_solve(operator, rhs, solve, transpose_solve=solve, has_aux=True)


def _dense(operator: Operator, rhs: Any) -> Any:
    flat, unravel = jax.flatten_util.ravel_pytree(rhs)
    column = lambda unit: jax.flatten_util.ravel_pytree(operator(unravel(unit)))[0]  # noqa: E731
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


def _restarted(matvec: Operator, rhs: Any, start: Any, tolerance: float, cycles: int) -> tuple[Any, jax.Array]:
    """Run GMRES a cycle at a time, from the residual, until it is small or no longer falls."""
    x, residual, square, scale = _begin(start, matvec(start), rhs)
    size = min(RESTART, optax.tree.size(rhs))
    goal, norm = tolerance * jnp.sqrt(scale), jnp.sqrt(square)
    cycle: Any = partial(jax.scipy.sparse.linalg.gmres, restart=size, maxiter=1, tol=0.0, solve_method="incremental")

    def unfinished(carry: Any) -> jax.Array:
        _, _, norm, before, count = carry
        return (norm > goal) & (norm < 0.9 * before) & (count < cycles)

    def advance(carry: Any) -> Any:
        x, residual, norm, _, count = carry
        # GMRES takes vectors below the machine's epsilon for zero, whatever the tolerance: give it one of norm one.
        scale = jnp.where(norm > 0, norm, 1)
        unit = jax.tree.map(lambda leaf: leaf / scale, residual)
        correction, _ = cycle(matvec, unit, atol=0.5 * goal / scale)
        candidate = _axpy(scale, correction, x)
        residual_after = _axpy(-1.0, matvec(candidate), rhs)
        norm_after = optax.tree.norm(residual_after)
        better = norm_after < norm
        keep = lambda new, old: jax.tree.map(partial(jnp.where, better), new, old)  # noqa: E731
        after = keep(candidate, x), keep(residual_after, residual), jnp.minimum(norm_after, norm)
        return *after, norm, count + 1

    carry = (x, residual, norm, jnp.full_like(norm, jnp.inf), jnp.zeros((), jnp.int32))
    x, _, _, _, count = jax.lax.while_loop(unfinished, advance, carry)
    return x, count * size


def _begin(start: Any, image: Any, rhs: Any) -> tuple[Any, Any, Any, Any]:
    """Return the first guess, zero where ``start`` is no better, its residual and both squared norms."""
    residual = jax.tree.map(jnp.subtract, rhs, image)
    square, scale = _dot(residual, residual), _dot(rhs, rhs)
    warm = square < scale
    choose = lambda near, far: jax.tree.map(partial(jnp.where, warm), near, far)  # noqa: E731
    start, residual = choose(start, optax.tree.zeros_like(start)), choose(residual, rhs)
    return start, residual, jnp.where(warm, square, scale), scale


def _dot(a: Any, b: Any) -> Any:
    return optax.tree.vdot(a, b)


def _axpy(scale: Any, x: Any, y: Any) -> Any:
    return jax.tree.map(lambda a, b: scale * a + b, x, y)


def _ratio(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Divide, but by one where there is nothing to divide by: at convergence both are zero."""
    return numerator / jnp.where(denominator > 0, denominator, 1)
