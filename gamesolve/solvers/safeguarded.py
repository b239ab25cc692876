"""Safeguarded: moves of another solver, with extragradient steps when its residual does not decrease."""

import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.solvers.gradient import simgd

__all__ = ["guarded"]


@declare(
    formula="the inner step; an extragradient step from the last accepted z if the residual does not decrease",
    paper="Upadhyaya, Latafat, Giselsson 2025",
    cost=Cost(),
    inner=simgd,
    rated=False,
)
@parametric
def guarded(
    inner: optax.GradientTransformation, patience: int = 50, contraction: float = 0.99
) -> optax.GradientTransformationExtraArgs:
    """Make any solver converge on monotone games with a Lipschitz field, by extragradient steps when it does not.

    The residual is ``||v||``. A point is accepted if its residual is at most ``contraction`` times that of the last
    accepted point s. If the inner solver finds no such point in ``patience`` steps, or if the residual has grown a
    thousandfold, the guard returns to s and takes an extragradient step, ``m = s + eta v(s)`` and
    ``w = s + eta v(m)``. It accepts w if the residual has not increased and if ``eta l <= 0.95`` with the slope
    ``l = ||v(w) - v(m)|| / ||w - m||``. The step size is 0.7 over the largest slope seen, so there is none to choose;
    if the residual at m or w is ten times that at s, or not finite, the step size is halved instead. Failures in a row
    double the number of extragradient steps that follow, up to 32. A trial is at most ten thousand times as long as an
    extragradient step, and the first one at most as long as the players.

    Theorem: if ``-v`` is monotone, ``||v(w)||^2 <= ||v(s)||^2 - (1 - eta^2 l^2) ||v(m) - v(s)||^2`` at each accepted w.
    So the residuals of accepted points never increase, and as the guard compares them, rounding does not increase them
    either. If v is also Lipschitz and vanishes somewhere, they tend to zero, up to rounding errors, whatever the inner
    solver does. Proof: monotonicity between s and w gives ``v(s) v(m) >= v(w) v(m)``; insert
    it into ``||v(w) - v(m)||^2 = l^2 eta^2 ||v(m) - v(s)||^2``. With Newton's direction convergence is superlinear: all
    of its steps are accepted near a nondegenerate equilibrium.

    The method is FLEX with three changes: the test uses the field of the next step, so an accepted move costs nothing;
    a solver may increase the residual for some steps; and an extragradient step replaces the line search.

    Args:
        inner: solver whose moves are tried. Its state returns with the players.
        patience: number of trials after which the residual must have decreased. Default: 50.
        contraction: factor by which it must have decreased. Default: 0.99.

    Returns:
        The solver, for deterministic games without constraints; an inner solver with projections is an error. Parts
        after it in a chain, such as `optax.clip`, change its moves: then the residuals of accepted points still never
        increase, but they need not tend to zero. If the field can overflow, give no ``tol``, which ends a run at the
        first field that is not finite. The last move of a run is a trial that no field has
        checked yet, unless the run converged to its ``tol``; ``state.kept`` holds the last accepted players and their
        residual. Extragradient steps move all players, also one whose step size is zero.

    Example:
        >>> import gamesolve as gs
        >>> diverging = gs.simgd(1.0)
        >>> solution = gs.solve(gs.games.curl(), gs.guarded(diverging), (1.0, 0.0), 500, tol=1e-3)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Upadhyaya, Latafat, Giselsson, "A Lyapunov analysis of Korpelevich's extragradient method with fast and flexible
        extensions", 2025, https://arxiv.org/abs/2502.00119
    """
    return transforms.guarded(inner, patience, contraction)
