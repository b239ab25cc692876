"""How the linear solve inside a step is done, and how it ended.

Every part with an inner solve treats it in the same way:

- **Direction.** The solve starts from the solution of the last step, to the tolerance that `Inner` sets.
- **Certificate.** The true residual is computed afterwards and kept in the solver's state, in a `Report`.
- **Fallback.** If the true relative residual exceeds `ACCEPTED_RESIDUAL`, the solve has failed: the step uses the
  explicit direction, which needs no solve, and the report counts a fallback.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import Ending, check_number, whole_number
from gamesolve.linear import krylov
from gamesolve.trees import PyTree, Scalar, State, Updates, coarsest, dot, magnitude, norm
from gamesolve.trees.faces import named, shown

# A solve whose true relative residual exceeds this has failed.
ACCEPTED_RESIDUAL = 0.1
# Number of unknowns up to which a dense solve is faster than GMRES on two CPU cores (benchmarks/results).
DENSE_LIMIT = 64


@shown()
@partial(
    jax.tree_util.register_dataclass,
    data_fields=["tolerance", "forcing"],
    meta_fields=["max_iterations", "dense_limit"],
)
@dataclasses.dataclass(frozen=True)
class Inner:
    """How to do the linear solve inside a step: the argument ``inner`` of every part and solver that has one.

    A pytree: the tolerance and the forcing are leaves, so that sweeps and derivatives go through them; the limits are
    static.

    Attributes:
        tolerance: relative tolerance on the residual. Default: `default_tolerance`, for the coarsest dtype
            among the players: 1e-12 in float64, 1e-6 in float32 and 1e-2 below. Use 1e-2 for players in float32 whose
            payoffs compute in bfloat16.
        max_iterations: limit on the Krylov iterations; dense solves have none. Default: ten times the number of
            unknowns, at most 1000.
        dense_limit: number of unknowns up to which a solve is dense, by a matrix of one product per unknown and its
            factors. Solves by conjugate gradients never are: competitive ones of zero-sum games, and those of normal
            equations. Default: `DENSE_LIMIT`. Raise it for ill-conditioned games of some hundred unknowns; a matrix
            of more than 2 GiB is an error.
        forcing: loosens the tolerance to ``forcing`` times the norm of u if that is larger, at most to
            `ACCEPTED_RESIDUAL`: solves are loose far from an equilibrium and exact near one. Default: never loosen.

    Example:
        >>> import gamesolve as gs
        >>> gs.cgd(0.1, inner=gs.linear.Inner(tolerance=1e-3))
        cgd(learning_rate=0.1, inner=Inner(tolerance=0.001))
    """

    tolerance: Scalar | None = None
    max_iterations: int | None = None
    forcing: Scalar | None = None
    dense_limit: int = DENSE_LIMIT

    def relative_tolerance(self, u: Updates) -> Scalar:
        """Return the relative tolerance of a step whose updates are ``u``."""
        tightest = default_tolerance(u) if self.tolerance is None else self.tolerance
        if self.forcing is None:
            return tightest
        return jnp.clip(self.forcing * norm(u), tightest, ACCEPTED_RESIDUAL)


def check_inner(inner: Inner) -> None:
    """Raise unless ``inner`` is an `Inner` with sensible values.

    The class itself does not check, because JAX also builds it around leaves that are not numbers.
    """
    if not isinstance(inner, Inner):
        raise TypeError(
            f"inner must be a linear.Inner, got {type(inner).__name__}. Write linear.Inner(tolerance=1e-6)."
        )
    for name, value in (("tolerance", inner.tolerance), ("forcing", inner.forcing)):
        if value is not None:
            check_number(name, value, above=0.0)
    if inner.max_iterations is not None:
        whole_number("max_iterations", inner.max_iterations, least=0)
    whole_number("dense_limit", inner.dense_limit, least=0)


class Outcome(Ending):
    """How an inner solve ended, judged by its true relative residual.

    SOLVED: within ten times the tolerance. INEXACT: above that, but used. FAILED: above `ACCEPTED_RESIDUAL`, NaN or
    infinite; the step used the explicit direction instead.
    """

    SOLVED = 0, "reached its tolerance"
    INEXACT = 1, "missed its tolerance but was used"
    FAILED = 2, "failed, and the explicit direction was used instead"


@shown(status=named(Outcome))
class Report(NamedTuple):
    """What a solver's state keeps of its inner solves; read a field with ``optax.tree.get(state, "residual")``.

    Attributes:
        solution: the last solution, from which the next solve starts.
        iterations: number of Krylov iterations of the last solve, 0 for a dense one.
        residual: true relative residual of the last solve.
        status: an `Outcome`.
        fallbacks: number of failed solves so far.
    """

    solution: PyTree
    iterations: jax.Array
    residual: jax.Array
    status: jax.Array
    fallbacks: jax.Array

    @property
    def failed(self) -> jax.Array:
        """Whether the last solve failed, so that the step uses the explicit direction."""
        return self.status == Outcome.FAILED


def empty_report(unknown: PyTree) -> Report:
    """Return the report before the first solve, for an unknown shaped as ``unknown``."""
    zero = jnp.zeros((), jnp.int32)
    return Report(optax.tree.zeros_like(unknown), zero, jnp.zeros((), coarsest(unknown)), zero, zero)


def fallbacks(state: State) -> Scalar:
    """Return the number of failed solves in all reports of a solver's state."""
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Report))
    return sum(jnp.sum(node.fallbacks) for node in nodes if isinstance(node, Report))


def certify(
    last: Report,
    solution: PyTree,
    iterations: jax.Array,
    residual: PyTree,
    rhs: PyTree,
    tolerance: Scalar,
    near_identity: bool = False,
) -> Report:
    """Return the report of a solve.

    Args:
        last: the report of the solve before it.
        solution: the solution.
        iterations: the number of Krylov iterations.
        residual: the true residual, shaped as ``rhs``.
        rhs: the right-hand side.
        tolerance: the relative tolerance that was asked for.
        near_identity: whether the map is the identity minus another one. Rounding errors of the difference are then
            those of the identity, and a solution so long that they alone leave an unaccepted residual has failed: it
            solves a singular system that rounding made regular.
    """
    unit = 1 / magnitude(rhs)
    square, scale = (dot(tree, tree) for tree in (krylov.times(unit, residual), krylov.times(unit, rhs)))
    relative = jnp.sqrt(krylov.ratio(square, scale))
    if near_identity:
        rounding = jnp.finfo(coarsest(rhs)).eps * norm(krylov.times(unit, solution))
        rounding = krylov.ratio(rounding, jnp.sqrt(scale))
        relative = jnp.where(rounding > ACCEPTED_RESIDUAL, jnp.maximum(rounding, relative), relative)
    # A solution that is NaN or infinite shows in its residual.
    relative = jnp.where(relative >= 0, relative, jnp.inf).astype(last.residual.dtype)
    status = jnp.where(relative <= 10 * tolerance, Outcome.SOLVED, Outcome.INEXACT)
    status = jnp.where(relative <= ACCEPTED_RESIDUAL, status, Outcome.FAILED).astype(jnp.int32)
    fallbacks = last.fallbacks + (status == Outcome.FAILED).astype(jnp.int32)
    return jax.lax.stop_gradient(Report(solution, iterations, relative, status, fallbacks))


def default_tolerance(tree: PyTree) -> float:
    """Return the relative tolerance for a tree's coarsest dtype: 1e-12 in float64, 1e-6 in float32, 1e-2 below.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import linear
        >>> linear.default_tolerance(jnp.ones(3)), linear.default_tolerance(jnp.ones(3, jnp.bfloat16))
        (1e-06, 0.01)
    """
    bits = jnp.finfo(coarsest(tree)).bits
    return {64: 1e-12, 32: 1e-6}.get(bits, 1e-2)


def certified(
    solve: Callable[..., tuple[PyTree, jax.Array]],
    operator: krylov.Operator,
    rhs: PyTree,
    last: Report,
    tolerance: Scalar,
    max_iterations: int | None,
    near_identity: bool = False,
) -> tuple[PyTree, Report]:
    """Solve from the last solution on, and return the solution with its report, see `certify`."""
    solution, iterations = solve(operator, rhs, last.solution, tolerance, max_iterations)
    residual = optax.tree.sub(rhs, operator(solution))
    return solution, certify(last, solution, iterations, residual, rhs, tolerance, near_identity)


def combined(first: Report, second: Report) -> Report:
    """Return one report of a step's two solves: the worse outcome, all iterations, the warm start of the first."""
    return Report(
        first.solution,
        first.iterations + second.iterations,
        jnp.maximum(first.residual, second.residual),
        jnp.maximum(first.status, second.status),
        second.fallbacks,
    )
