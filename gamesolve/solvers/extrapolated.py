"""Named solvers that look ahead with fields only: past extragradient and its relatives, Adam's, Runge-Kutta."""

from typing import Any

import optax

from gamesolve import transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates


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
    return optax.chain(transforms.past_extragradient(learning_rate), transforms.descend(learning_rate))


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
    return transforms.extra(adam)


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
    return optax.chain(transforms.runge_kutta(learning_rate, order, penalty), transforms.descend(learning_rate))


@parametric
def extragradient(
    learning_rate: rates.Rates, extrapolation: Any = None, projections: Any = None
) -> optax.GradientTransformation:
    """Extragradient: step with the field at the point that a trial step reaches.

    One step is ``z + E v(z + E' v(z))``. On bilinear games with ``u = eta s`` the squared spectral radius is
    ``1 - u^2 + u^4``: stable for ``u < 1``, best at ``u = 1 / sqrt(2)``. In stochastic games both fields see one draw
    (same-sample extragradient); with ``sampling.several(sample, 2)`` each sees its own (independent samples).

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        extrapolation: step size E' of the trial step, likewise; E unless given.
        projections: one function per player that maps its parameters to its set, or None for a free player; the trial
            point and the next one are both projected.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.extragradient(0.5), (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Korpelevich, "The extragradient method for finding saddle points and other problems", Matecon 1976.
    """
    trial = learning_rate if extrapolation is None else extrapolation
    step = optax.chain(transforms.extrapolate(trial, projections), transforms.descend(learning_rate))
    return step if projections is None else optax.chain(step, transforms.project(projections))


@parametric
def ogda(learning_rate: rates.Rates, correction: Any = None, zero_start: bool = False) -> optax.GradientTransformation:
    """Optimistic gradient descent: add what the field has changed by since the last step.

    One step is ``z + E v_t + W (v_t - v_(t-1))``. The field before the first step is taken equal to the first
    one, so that the first step is plain. On bilinear games it is stable for ``eta s < 1 / sqrt(3)`` and best at
    ``eta s = 1/2``, with spectral radius ``1 / sqrt(2)``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        correction: W, likewise; E unless given.
        zero_start: take ``v_(-1) = 0``, as some codes do: the first step is then ``(E + W) v_0``.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, gs.ogda(0.5), (1.0, 0.0), 2).players]
        [0.5, 1.0]

    Reference:
        Popov, "A modification of the Arrow-Hurwicz method", 1980; Daskalakis et al., "Training GANs with Optimism",
        ICLR 2018, https://arxiv.org/abs/1711.00141
    """
    return transforms.optimism(learning_rate, correction, zero_start)
