"""Named solvers that look ahead with fields only: past extragradient and its relatives, Adam's, Runge-Kutta."""

from typing import Any

import optax

from gamesolve import rates, transforms
from gamesolve.parametric import parametric
from gamesolve.solvers.first_order import extragradient


@parametric
def past_extragradient(
    learning_rate: rates.Rates,
) -> optax.GradientTransformation:
    """Past extragradient (Popov): extragradient that remembers the field of the last trial point.

    ``w_t = z_t + E v(w_(t-1))``, ``z_(t+1) = z_t + E v(w_t)``, one field a step, ``w_(-1) = z_0``. Its trial points are
    the iterates of `ogda`.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.past_extragradient(0.5), (1.0, 0.0), 2)
        >>> [round(float(player), 6) for player in solution.players]
        [0.25, 0.75]

    Reference:
        Popov, "A modification of the Arrow-Hurwicz method for search of saddle points", 1980; Gidel et al., "A
        Variational Inequality Perspective on GANs", ICLR 2019, https://arxiv.org/abs/1802.10551
    """
    return optax.chain(transforms.past_extrapolate(learning_rate), transforms.descend(learning_rate))


@parametric
def extragradient_plus(
    learning_rate: rates.Rates, extrapolation: rates.Rates, projections: Any = None
) -> optax.GradientTransformation:
    """Extragradient+ : a long trial step and a shorter step, for fields that are only weakly monotone.

    One step is ``z + E v(z + E' v(z))`` with E below E'.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        extrapolation: step size E' of the trial step, likewise.
        projections: one function per player that maps its parameters to its set, or None for a free player.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.extragradient_plus(0.5, extrapolation=1.0), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Diakonikolas, Daskalakis, Jordan, "Efficient Methods for Structured Nonconvex-Nonconcave Min-Max Optimization",
        AISTATS 2021, https://arxiv.org/abs/2011.00364
    """
    return extragradient(learning_rate, extrapolation, projections).transformation


@parametric
def optimistic_adam(
    learning_rate: rates.Rates, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Optimistic Adam: Adam's direction, plus what it has changed by since the last step.

    With Adam's direction ``d_t = m_t / (sqrt(s_t) + eps)`` (bias-corrected) the move is
    ``E d_t + E (d_t - d_(t-1))``, the first one plain.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the root of the second moment.

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
    return optax.chain(optax.scale_by_adam(b1, b2, eps), transforms.optimism(learning_rate))


@parametric
def extra_adam(
    learning_rate: rates.Rates, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Extrapolated Adam: a trial Adam step, then an Adam step with the field at its end.

    The moments are updated once an iteration, by the second field: ``w = z + E adam(v(z); s)`` without keeping the
    moments, ``z + E adam(v(w); s)`` keeping them.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        b1: decay of the first moment.
        b2: decay of the second moment.
        eps: added to the root of the second moment.

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
    adam = optax.chain(optax.scale_by_adam(b1, b2, eps), transforms.descend(learning_rate))
    return transforms.trial(adam)


@parametric
def runge_kutta(learning_rate: rates.Rates, order: int = 4, penalty: Any = None) -> optax.GradientTransformation:
    """Runge-Kutta steps of the flow ``z' = v``: Euler, Heun or the classical method of fourth order.

    With a penalty p one step is ``z + E (slope - 2 p J_o^T v(z))``, the step of ODE-GANs: player j also descends
    ``p_j sum_(i != j) ||v_i||^2``, the plain squares as in the paper, by one explicit step from ``z``.

    Args:
        learning_rate: length E of the step: a number, a schedule, an array, or a tuple with one of those per player.
        order: 1, 2 or 4; also the number of fields a step.
        penalty: weight of the others' squared gradients, a number, an array, or a tuple with one of those per player
            who pays, such as ``(0.0, 0.01)`` for a generator and a discriminator who pays. None for no penalty.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.runge_kutta(0.5, order=2), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.875, 0.5]
        >>> solution = gs.solve(gs.games.curl(), gs.runge_kutta(0.5, order=2, penalty=0.25), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.625, 0.5]

    Reference:
        Qin et al., "Training Generative Adversarial Networks by Solving Ordinary Differential Equations", NeurIPS 2020,
        https://arxiv.org/abs/2010.15040
    """
    return optax.chain(transforms.flow(learning_rate, order, penalty), transforms.descend(learning_rate))
