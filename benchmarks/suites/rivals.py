"""Optimisers of optax, as solvers that run in the same suites."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def optimistic(learning_rate: float) -> optax.GradientTransformation:
    """Make optax's optimistic gradient descent, the same as `gamesolve.ogda`."""
    return optax.optimistic_gradient_descent(learning_rate)


@gs.parametric
def optimistic_adam(learning_rate: float) -> optax.GradientTransformation:
    """Make optax's optimistic Adam, second version, at its defaults."""
    return optax.optimistic_adam_v2(learning_rate)


_DESCENT = ("optax-optimistic", optimistic, "z + E (2 v_t - v_(t-1))", "optax.optimistic_gradient_descent")
_ADAM = ("optax-optimistic-adam", optimistic_adam, "an Adam step of 2 v_t - v_(t-1)", "optax.optimistic_adam_v2")
RIVALS = {
    _DESCENT[0]: SolverEntry(*_DESCENT, Cost()),
    _ADAM[0]: SolverEntry(*_ADAM, Cost(), rated=False),
}
