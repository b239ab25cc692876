"""Optimistix's Newton step on the field, with a dense Jacobian."""

from typing import Any

import jax
import jax.flatten_util
import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry
from gamesolve.trees import PyTree, Updates


@gs.parametric
def newton(learning_rate: float) -> optax.GradientTransformationExtraArgs:
    """Make the rule; a step size other than 1 damps it."""

    def update(updates: Updates, state: Any, params: PyTree = None, **extra: Any) -> tuple[Updates, Any]:
        del updates  # the field at the players, with its sign turned
        import optimistix  # here, so that the other methods run without it

        game = extra["game"]
        flat, unravel = jax.flatten_util.ravel_pytree(params)
        field = lambda z, _: (jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0], None)
        value, aux = jax.eval_shape(field, flat, None)
        solver = optimistix.Newton(rtol=1e-12, atol=1e-12)
        memory = solver.init(field, flat, None, {}, value, aux, frozenset())
        moved, *_ = solver.step(field, flat, None, {}, memory, frozenset())
        return unravel(learning_rate * (moved - flat)), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


METHOD = SolverEntry("optimistix-newton", newton, "z - E J⁻¹ v", "optimistix.Newton", Cost(jvps_per_iteration=1))
