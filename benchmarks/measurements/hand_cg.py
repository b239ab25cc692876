"""Solve the inner systems of the hand-written competitive steps by conjugate gradients on pytrees.

Independent of `gamesolve.linear`, to the same contract: relative tolerance, a warm start that is dropped if zero is the
better guess, guarded divisions, the true residual of the fixed point, a status and a fallback.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

TOLERANCE = 1e-6
LIMIT = 1000
# Above this true relative residual the explicit move is taken instead.
FAILED_ABOVE = 0.1

Tree = Any
Product = Callable[[Tree], Tree]


class Certificate(NamedTuple):
    """Report of an inner solve: solution, iterations, true relative residual, status and number of fallbacks."""

    solution: Tree
    iterations: jax.Array
    residual: jax.Array
    status: jax.Array
    fallbacks: jax.Array

    def choose(self, solved: Tree, explicit: Tree) -> Tree:
        """Return the solved tree, or the explicit one if the solve failed."""
        return jax.tree.map(lambda a, b: jnp.where(self.status == 2, b, a), solved, explicit)


def fresh_certificate(unknown: Tree) -> Certificate:
    """Return the certificate before the first solve."""
    zero = jnp.zeros((), jnp.int32)
    return Certificate(jax.tree.map(jnp.zeros_like, unknown), zero, jnp.zeros(()), zero, zero)


def certify(last: Certificate, solution: Tree, iterations: jax.Array, residual: Tree, rhs: Tree) -> Certificate:
    """Judge a solve by its true residual: status 0 within ten times the tolerance, 2 above `FAILED_ABOVE`, else 1."""
    size, scale = jnp.sqrt(_dot(residual, residual)), jnp.sqrt(_dot(rhs, rhs))
    relative = jnp.where(size > 0, size / jnp.where(scale > 0, scale, 1.0), 0.0)
    relative = jnp.where(jnp.isfinite(size), relative, jnp.inf)
    status = jnp.where(relative <= FAILED_ABOVE, jnp.where(relative <= 10 * TOLERANCE, 0, 1), 2).astype(jnp.int32)
    return Certificate(solution, iterations, relative, status, last.fallbacks + (status == 2))


def conjugate_gradients(operate: Product, rhs: Tree, start: Tree) -> tuple[Tree, Tree, jax.Array]:
    """Solve ``operate(w)[0] = rhs``; return w, the accumulated ``operate(w)[1]``, and the number of iterations."""
    limit = min(LIMIT, 10 * sum(leaf.size for leaf in jax.tree.leaves(rhs)))
    scale = _dot(rhs, rhs)
    image, half = operate(start)
    warm_residual = jax.tree.map(jnp.subtract, rhs, image)
    square = _dot(warm_residual, warm_residual)
    warm = square < scale
    w, half = jax.tree.map(lambda leaf: jnp.where(warm, leaf, 0.0), (start, half))
    residual = jax.tree.map(lambda near, far: jnp.where(warm, near, far), warm_residual, rhs)

    def unfinished(carry: Tree) -> jax.Array:
        *_, square, count = carry
        return (square > TOLERANCE**2 * scale) & (count < limit)

    def advance(carry: Tree) -> Tree:
        w, half, residual, direction, square, count = carry
        image, part = operate(direction)
        along = _ratio(square, _dot(direction, image))
        w = jax.tree.map(lambda a, d: a + along * d, w, direction)
        half = jax.tree.map(lambda a, d: a + along * d, half, part)
        residual = jax.tree.map(lambda r, q: r - along * q, residual, image)
        after = _dot(residual, residual)
        turn = _ratio(after, square)
        return w, half, residual, jax.tree.map(lambda r, d: r + turn * d, residual, direction), after, count + 1

    carry = (w, half, residual, residual, jnp.where(warm, square, scale), jnp.zeros((), jnp.int32))
    w, half, *_, count = jax.lax.while_loop(unfinished, advance, carry)
    return w, half, count


def _dot(a: Tree, b: Tree) -> Any:
    return sum(jnp.vdot(p, q) for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def _ratio(a: jax.Array, b: jax.Array) -> jax.Array:
    return a / jnp.where(b > 0, b, 1.0)
