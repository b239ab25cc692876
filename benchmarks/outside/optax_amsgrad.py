"""AMSGrad: Adam whose second moments never fall."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def amsgrad(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.amsgrad(learning_rate)


METHOD = SolverEntry("optax-amsgrad", amsgrad, "an AMSGrad step of v", "optax.amsgrad", Cost(), rated=False)
