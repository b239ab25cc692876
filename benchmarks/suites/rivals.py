"""Optimisers of other libraries, as solvers that run in the same suites."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def optimistic(learning_rate: float) -> optax.GradientTransformation:
    """Optax's optimistic gradient descent: the same as `gamesolve.ogda`."""
    return optax.optimistic_gradient_descent(learning_rate)


@gs.parametric
def optimistic_adam(learning_rate: float) -> optax.GradientTransformation:
    """Optax's optimistic Adam, second version, at its defaults."""
    return optax.optimistic_adam_v2(learning_rate)


RIVALS = {
    entry.name: entry
    for entry in (
        SolverEntry(
            "optax-optimistic",
            optimistic,
            "z + E (2 v_t - v_(t-1))",
            "optax.optimistic_gradient_descent",
            Cost(),
        ),
        SolverEntry(
            "optax-optimistic-adam",
            optimistic_adam,
            "an Adam step of 2 v_t - v_(t-1)",
            "optax.optimistic_adam_v2",
            Cost(),
            rated=False,
        ),
    )
}
