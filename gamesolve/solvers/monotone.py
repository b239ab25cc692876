"""Methods for monotone games: guarantee a rate for the last iterate, or project onto sets."""

import optax

from gamesolve import transforms
from gamesolve.driving.sets import Projections
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = [
    "anchored_extragradient",
    "anchored_extragradient_varying",
    "forward_backward_forward",
    "forward_reflected_backward",
    "halpern",
]


@declare(
    formula="w + E (v(w) - v(z)), w = P(z + E v)",
    paper="Tseng 2000",
    cost=Cost(fields=2),
)
@parametric
def forward_backward_forward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformation:
    """Step forward, project, and correct by a second forward step: Tseng's splitting.

    ``w = project(z + E v(z))`` and ``z <- w + E (v(w) - v(z))``; without projections it equals `extragradient`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.forward_backward_forward(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tseng, "A Modified Forward-Backward Splitting Method for Maximal Monotone Mappings", SICON 2000.
    """
    return transforms.forward_backward_forward(learning_rate, projections)


@declare(formula="P(z + E (2 v_t - v_(t-1)))", paper="Malitsky, Tam 2020", cost=Cost())
@parametric
def forward_reflected_backward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformation:
    """Step with the reflected field and project: one field evaluation and one projection per step.

    ``z <- project(z + E (2 v_t - v_(t-1)))`` with ``v_(-1) = v_0``; without projections it equals `ogda`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.forward_reflected_backward(0.5), (1.0, 0.0), 2)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 1.0]

    Reference:
        Malitsky, Tam, "A Forward-Backward Splitting Method for Monotone Inclusions Without Cocoercivity", SIOPT
        2020, https://arxiv.org/abs/1808.04162
    """
    return optax.chain(transforms.optimism(learning_rate), transforms.project(projections))


@declare(
    formula="z + a + E v(z + a + E v), a = (z_0 - z)/(k+2)",
    paper="Yoon, Ryu 2021",
    cost=Cost(fields=2),
    rated=False,
)
@parametric
def anchored_extragradient(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Pull each extragradient step to the start, less and less: extra anchored gradient, constant steps (EAG-C).

    With ``a = (z_0 - z) / (k + 2)``: ``w = z + a + E v(z)``, ``z <- z + a + E v(w)``. For a monotone field with
    Lipschitz constant R and ``E = 1 / (8 R)``: ``||v_k||^2 <= 260 R^2 ||z_0 - z*||^2 / (k + 2)^2``.

    Args:
        learning_rate: step size E, see `transforms.rates`.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.anchored_extragradient(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, "Accelerated Algorithms for Smooth Convex-Concave Minimax Problems with O(1/k^2) Rate on Squared
        Gradient Norm", ICML 2021, https://arxiv.org/abs/2102.07922
    """
    return transforms.anchored_extragradient(learning_rate)


@declare(
    formula="anchored_extragradient with E_k decreasing to a limit",
    paper="Yoon, Ryu 2021",
    cost=Cost(fields=2),
    arguments={"lipschitz": 1.0},
    rated=False,
)
@parametric
def anchored_extragradient_varying(learning_rate: float, lipschitz: float) -> optax.GradientTransformation:
    """Take larger anchored steps that decrease to a positive limit: extra anchored gradient, varying steps (EAG-V).

    As `anchored_extragradient` with ``eta_(k+1) = eta_k (1 - (k+2)^2 / ((k+1)(k+3)) eta_k^2 R^2) / (1 - eta_k^2 R^2)``.

    Args:
        learning_rate: eta_0, one number below 3 / (4 R); the paper takes 0.618 / R.
        lipschitz: R, the Lipschitz constant of the field.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.anchored_extragradient_varying(0.5, lipschitz=1.0), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, ICML 2021, https://arxiv.org/abs/2102.07922
    """
    return transforms.anchored_extragradient_varying(learning_rate, lipschitz)


@declare(
    formula="z + a + E v(w_k), w_k = z + a + E v(w_(k-1))",
    paper="Tran-Dinh, Luo 2021",
    cost=Cost(),
    rated=False,
)
@parametric
def halpern(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Pull Popov's steps to the start, less and less: Halpern's iteration with one field evaluation per step.

    With a constant step size and ``a = (z_0 - z) / (k + 2)``: ``w_k = z + a + E v(w_(k-1))`` and
    ``z <- z + a + E v(w_k)``, where ``v(w_(-1)) = v(z_0)``.

    Args:
        learning_rate: step size E, see `transforms.rates`.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.halpern(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tran-Dinh, Luo, "Halpern-Type Accelerated and Splitting Algorithms For Monotone Inclusions", 2021,
        https://arxiv.org/abs/2110.08150
    """
    return transforms.halpern(learning_rate)
