"""Named solvers from the theory of monotone inclusions: anchored, split, adaptive."""

from typing import Any

import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def anchored_extragradient(
    learning_rate: rates.Rates,
) -> optax.GradientTransformation:
    """Anchored extragradient with a constant step (EAG-C): every step is also pulled to the start, less and less.

    With ``a = (z_0 - z) / (k + 2)``: ``w = z + a + E v(z)``, ``z <- z + a + E v(w)``. For a monotone field with
    Lipschitz constant R and ``E = 1 / (8 R)``: ``||v_k||^2 <= 260 R^2 ||z_0 - z*||^2 / (k + 2)^2``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.

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


@parametric
def anchored_extragradient_varying(learning_rate: float, lipschitz: float) -> optax.GradientTransformation:
    """Anchored extragradient with varying steps (EAG-V), which start larger and fall to a positive limit.

    As `anchored_extragradient` with ``eta_(k+1) = eta_k (1 - (k+2)^2 / ((k+1)(k+3)) eta_k^2 R^2) / (1 - eta_k^2 R^2)``.

    Args:
        learning_rate: eta_0, below 3 / (4 R); the paper takes 0.618 / R.
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


@parametric
def halpern(
    learning_rate: rates.Rates,
) -> optax.GradientTransformation:
    """Halpern's iteration in Popov's form: anchored, fast, and one field a step.

    With ``a = (z_0 - z) / (k + 2)``: ``w_k = z + a + E v(w_(k-1))``, ``z <- z + a + E v(w_k)``; ``v(w_(-1)) = v(z_0)``,
    with a constant step.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.

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


@parametric
def forward_backward_forward(learning_rate: rates.Rates, projections: Any = None) -> optax.GradientTransformation:
    """Tseng's splitting: forward, backward (a projection), forward.

    ``w = project(z + E v(z))`` and ``z <- w + E (v(w) - v(z))``; without projections it is `extragradient`.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        projections: one function per player that maps its parameters to its set, or None for a free player.

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


@parametric
def forward_reflected_backward(learning_rate: rates.Rates, projections: Any = None) -> optax.GradientTransformation:
    """Forward-reflected-backward: one field and one projection a step.

    ``z <- project(z + E (2 v_t - v_(t-1)))``, with ``v_(-1) = v_0``; without projections it is `ogda`.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        projections: one function per player that maps its parameters to its set, or None for a free player.

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


@parametric
def golden_ratio(learning_rate: float, ratio: float = 1.5, projections: Any = None) -> optax.GradientTransformation:
    """Adaptive golden-ratio method: it finds its step size from the fields that it sees, one a step.

    See `transforms.golden_ratio` for the exact form.

    Args:
        learning_rate: the first step size.
        ratio: above one and at most the golden ratio 1.618.
        projections: one function per player that maps its parameters to its set, or None for a free player.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.golden_ratio(0.1), (1.0, 1.0), 500, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Malitsky, "Golden ratio algorithms for variational inequalities", Math. Programming 2020,
        https://arxiv.org/abs/1803.08832
    """
    return transforms.golden_ratio(learning_rate, ratio, projections)
