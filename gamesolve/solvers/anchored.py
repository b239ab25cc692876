"""Anchored methods: pull each step to the start, so that the field itself converges at a guaranteed rate."""

import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = [
    "anchored_extragradient",
    "anchored_extragradient_varying",
    "anchored_gda",
    "anchored_optimism",
    "dual_anchored_extragradient",
    "fast_extragradient",
    "halpern",
]


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
        learning_rate: step size E, see `transforms.rates`; below 1 / (sqrt(3) R) with the Lipschitz constant R of the
            field: with larger ones bilinear games diverge.

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


@declare(
    formula="z + a + E v(y_k), y_k = z + a + (1-b) E v(y_(k-1)), a = b (z_0 - z), b = 2/(k+6)",
    paper="Sohrabi et al. 2026",
    cost=Cost(),
    rated=False,
)
@parametric
def anchored_optimism(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Pull optimistic steps to the start, less and less: the anchored generalised optimistic method (GOMA).

    With ``b = 2 / (k + 6)`` and ``a = b (z_0 - z)``: ``y_k = z + a + (1 - b) E v(y_(k-1))`` and
    ``z <- z + a + E v(y_k)``, where ``v(y_(-1)) = v(z_0)``: one field evaluation per step. For a monotone field with
    Lipschitz constant R, E must be below ``1 / (2 sqrt(3) R)``. Close to this limit
    ``||v_k||^2 <= 264 R^2 ||z_0 - z*||^2 / (k + 6)^2``; for smaller E the factor grows like ``1 / E^2``.

    Args:
        learning_rate: step size E, see `transforms.rates`.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.anchored_optimism(0.75), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.625, 0.75]

    Reference:
        Sohrabi, You, Lacoste-Julien, Gorbunov, Gidel, "Accelerated and Stable Convergence with Anchored Generalized
        Optimistic Method", ICML 2026, https://arxiv.org/abs/2606.21528
    """
    return transforms.anchored_optimism(learning_rate)


@declare(
    formula="z + E v / (k+s)^p + c (z_0 - z) / (k+s)",
    paper="Ryu, Yuan, Yin 2019",
    cost=Cost(),
    rated=False,
)
@parametric
def anchored_gda(
    learning_rate: rates.Rates, pull: float = 2.0, power: float = 0.5, shift: float = 2.0
) -> optax.GradientTransformation:
    """Take plain gradient steps and pull them to the start, both with vanishing weights: anchored gradient descent.

    One step is ``z + E v / (k + s)^p + c (z_0 - z) / (k + s)`` with the pull c, the power p and the shift s. For a
    monotone field with Lipschitz constant R, ``E = 1 / R``, ``p = 1/2`` and ``c = s >= 2``, ``||v_k||^2`` is of order
    1 / k. The original method has s = 1, E = 1 - p, c at least ``2 (1 - p)``, and p between 1/2 and 1, also for
    stochastic gradients; its ``||v_k||^2`` is of order ``1 / k^(2 - 2p)``.

    Args:
        learning_rate: E, see `transforms.rates`.
        pull: weight c of the pull to the start. Default: 2.
        power: exponent p of the decay of the step sizes, at most 1. Default: 1/2.
        shift: number s that is added to the step count k, above 0. Default: 2.

    Returns:
        The solver.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.games.curl()
        >>> end = gs.solve(game, gs.anchored_gda(1.0), (1.0, 1.0), 1000).players
        >>> round(1000 * float(jax.numpy.hypot(*game.field(end)) ** 2), 1)
        8.0

    Reference:
        Ryu, Yuan, Yin, "ODE Analysis of Stochastic Gradient Methods with Optimism and Anchoring for Minimax Problems",
        2019, https://arxiv.org/abs/1905.10899; for the power 1/2: Surina et al., "An Improved Last-Iterate Convergence
        Rate for Anchored Gradient Descent Ascent", 2026, https://arxiv.org/abs/2604.03782
    """
    return transforms.anchored_gda(learning_rate, pull, power, shift)


@declare(
    formula="w + r E (v(w) - v), w = z + E (v + m), m = r m - v(w)/(N-k), r = (N-k-1)/(N-k)",
    paper="Yoon, Kim, Suh, Ryu 2024",
    cost=Cost(fields=2),
    arguments={"period": 10},
    rated=False,
)
@parametric
def dual_anchored_extragradient(learning_rate: rates.Rates, period: int) -> optax.GradientTransformation:
    """Replace the pull to the start by a memory of the fields: the dual fast extragradient method (Dual-FEG).

    With N for the period, ``r = (N - k - 1) / (N - k)`` and ``m_0 = 0``: ``w = z + E (v(z) + m)``,
    ``z <- w + r E (v(w) - v(z))`` and ``m <- r m - v(w) / (N - k)``. For a monotone field with Lipschitz constant R and
    E at most ``1 / R``: ``||v_N||^2 <= 4 ||z_0 - z*||^2 / (E N)^2``. The bound is for step N, so choose N as the number
    of steps of the run. After N steps k and m begin again at zero, with the players of that step as the new start.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        period: number N of steps after which the method begins again.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.dual_anchored_extragradient(0.5, period=2)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.875, 0.5]

    Reference:
        Yoon, Kim, Suh, Ryu, "Optimal Acceleration for Minimax and Fixed-Point Problems is Not Unique", ICML 2024,
        https://arxiv.org/abs/2404.13228
    """
    return transforms.dual_anchored_extragradient(learning_rate, period)


@declare(
    formula="z + a + E v(z + a + (1-b) E v), a = b (z_0 - z), b = 1/(k+1)",
    paper="Lee, Kim 2021",
    cost=Cost(fields=2),
    rated=False,
)
@parametric
def fast_extragradient(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Pull extragradient steps to the start, with a shorter trial step: the fast extragradient method (FEG).

    With ``b = 1 / (k + 1)`` and ``a = b (z_0 - z)``: ``w = z + a + (1 - b) E v(z)``, ``z <- z + a + E v(w)``. For a
    monotone field with Lipschitz constant R and E at most ``1 / R``: ``||v_k||^2 <= 4 ||z_0 - z*||^2 / (E k)^2``. The
    paper has one more parameter, for fields that are not monotone, which is zero here.

    Args:
        learning_rate: step size E, see `transforms.rates`.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.fast_extragradient(0.5), (1.0, 0.0), 2)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.6875]

    Reference:
        Lee, Kim, "Fast Extra Gradient Methods for Smooth Structured Nonconvex-Nonconcave Minimax Problems", NeurIPS
        2021, https://arxiv.org/abs/2106.02326
    """
    return transforms.fast_extragradient(learning_rate)
