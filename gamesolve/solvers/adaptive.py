"""Adaptive step sizes: find the step sizes from the gradients seen so far."""

import jax
import optax

from gamesolve import transforms
from gamesolve.checks import check_number
from gamesolve.driving.sets import Projections
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates
from gamesolve.trees import PyTree, State, Updates

__all__ = [
    "adaptive_extragradient",
    "extra_adam",
    "golden_ratio",
    "optimistic_adam",
    "tiada",
    "tiada_coordinates",
]


@declare(
    formula="P(a_t + λ_t v_t), λ_t adaptive",
    paper="Malitsky 2020",
    cost=Cost(),
    rated=False,
)
@parametric
def golden_ratio(
    learning_rate: float, ratio: float = 1.5, projections: Projections = None
) -> optax.GradientTransformation:
    """Adapt the step size to the fields seen so far, one per step: the adaptive golden-ratio method.

    `transforms.golden_ratio` states the exact rule.

    Args:
        learning_rate: first step size, one number.
        ratio: above 1 and at most the golden ratio, 1.618. Default: 1.5.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

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


@declare(
    formula="P(z + l v(w)), w = P(z + l v), l ‖v(w) - v‖ ≤ s ‖w - z‖",
    paper="Khobotov 1987",
    cost=Cost(fields=2),
    rated=False,
)
@parametric
def adaptive_extragradient(
    learning_rate: float = 1.0, safety: float = 0.9, projections: Projections = None, max_trials: int = 50
) -> optax.GradientTransformation:
    """Find the step size of extragradient by a line search, so that none has to be given.

    `transforms.adaptive_extragradient` states the exact rule. A step takes two field evaluations if its first trial is
    accepted, and one more for each further trial; the state counts them under ``fields``. Monotone games need no
    tuning, whatever the scale of their payoffs, nor do others with a Minty solution.

    Args:
        learning_rate: step size that the first step tries, one number. Default: 1.
        safety: s, below 1. Default: 0.9.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.
        max_trials: limit of the trials per step; if all are too long, the players stay in this step. Default: 50.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> steep = gs.zero_sum(lambda x, y: 1000 * x * y)
        >>> solution = gs.solve(steep, gs.adaptive_extragradient(), (1.0, 1.0), 200, tol=1e-2)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Khobotov, "Modification of the extra-gradient method for solving variational inequalities and certain
        optimization problems", USSR Computational Mathematics and Mathematical Physics 1987.
    """
    return transforms.adaptive_extragradient(learning_rate, safety, projections, max_trials)


@declare(
    formula="z + E (2 d_t - d_(t-1)), d = Adam's direction",
    paper="Daskalakis et al. 2018",
    cost=Cost(),
    rated=False,
)
@parametric
def optimistic_adam(
    learning_rate: rates.Rates, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Add the last change of Adam's direction: optimistic Adam.

    With Adam's bias-corrected direction ``d_t = m_t / (sqrt(s_t) + eps)`` the move is ``E d_t + E (d_t - d_(t-1))``;
    the first move is a plain Adam step.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        b1: decay rate of the first moment. Default: 0.9.
        b2: decay rate of the second moment. Default: 0.999.
        eps: constant added to the root of the second moment. Default: 1e-8.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.icr_quadratic(), gs.optimistic_adam((0.02, 0.01)), (1.0, 1.0), 100)
        >>> solution.status == gs.Status.BUDGET
        Array(True, dtype=bool)

    Reference:
        Daskalakis et al., "Training GANs with Optimism", ICLR 2018, https://arxiv.org/abs/1711.00141
    """
    return optax.chain(_adam(b1, b2, eps), transforms.optimism(learning_rate))


@declare(
    formula="Adam step with v(w), w = trial Adam step",
    paper="Gidel et al. 2019",
    cost=Cost(fields=2),
    rated=False,
)
@parametric
def extra_adam(
    learning_rate: rates.Rates, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Take an Adam step with the field at the end of a trial Adam step: extrapolated Adam.

    The trial step ``w = z + E adam(v(z); m)`` leaves the moments m unchanged; the step ``z + E adam(v(w); m)`` updates
    them.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        b1: decay rate of the first moment. Default: 0.9.
        b2: decay rate of the second moment. Default: 0.999.
        eps: constant added to the root of the second moment. Default: 1e-8.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.extra_adam(0.1), (1.0, 1.0), 1)
        >>> [round(float(player), 3) for player in solution.players]
        [0.9, 1.1]

    Reference:
        Gidel et al., "A Variational Inequality Perspective on GANs", ICLR 2019, https://arxiv.org/abs/1802.10551
    """
    adam = optax.chain(_adam(b1, b2, eps), transforms.descend(learning_rate))
    return transforms.extra(adam)


@declare(
    formula="z_0 + E_0 v_0 / max_j(V_j)^α, z_i + E_i v_i / V_i^β, V_i = Σ ‖v_i‖²",
    paper="Li, Yang, He 2023",
    cost=Cost(),
    rated=False,
)
@parametric
def tiada(learning_rate: rates.Rates, alpha: float = 0.6, beta: float = 0.4) -> optax.GradientTransformation:
    """Adapt the ratio of the players' step sizes by their past gradients: time-scale adaptive AdaGrad.

    `transforms.tiada` states the exact rule. Player 0, who minimises a function that the others maximise, waits until
    their gradients are small. AdaGrad with a fixed ratio of step sizes diverges or stalls if that ratio is wrong.

    Args:
        learning_rate: step sizes E, see `transforms.rates`.
        alpha: exponent of player 0, above beta. Default: 0.6.
        beta: exponent of the other players. Default: 0.4.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: 2 * x * y - 2 * x**2 - y**2 / 2)
        >>> solution = gs.solve(game, gs.tiada(1.0), (1.0, 0.5), 1000, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Li, Yang, He, "TiAda: A Time-scale Adaptive Algorithm for Nonconvex Minimax Optimization", ICLR 2023,
        https://arxiv.org/abs/2210.17478
    """
    return transforms.tiada(learning_rate, alpha, beta)


@declare(
    formula="tiada with one step size per parameter",
    paper="Li, Yang, He 2023",
    cost=Cost(),
    rated=False,
)
@parametric
def tiada_coordinates(
    learning_rate: rates.Rates, alpha: float = 0.6, beta: float = 0.4
) -> optax.GradientTransformation:
    """Adapt one step size per parameter, and the ratio between the players: TiAda by coordinates.

    `transforms.tiada_coordinates` states the exact rule.

    Args:
        learning_rate: step sizes E, see `transforms.rates`.
        alpha: exponent of player 0, above beta. Default: 0.6.
        beta: exponent of the other players. Default: 0.4.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: 2 * x * y - 2 * x**2 - y**2 / 2)
        >>> solution = gs.solve(game, gs.tiada_coordinates(1.0), (1.0, 0.5), 1000, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Li, Yang, He, "TiAda: A Time-scale Adaptive Algorithm for Nonconvex Minimax Optimization", ICLR 2023,
        https://arxiv.org/abs/2210.17478
    """
    return transforms.tiada_coordinates(learning_rate, alpha, beta)


def _adam(b1: float, b2: float, eps: float) -> optax.GradientTransformation:
    """Return optax's Adam scaling, which mixes dtypes: it needs standard promotion even where users ask for strict."""
    check_number("b1", b1, least=0.0, below=1.0)
    check_number("b2", b2, least=0.0, below=1.0)
    check_number("eps", eps, least=0.0)
    adam = optax.scale_by_adam(b1, b2, eps)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, State]:
        with jax.numpy_dtype_promotion("standard"):
            return adam.update(updates, state, params)

    return optax.GradientTransformation(adam.init, update)
