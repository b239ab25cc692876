"""Extrapolation: step with the gradients at a trial point, or correct them by their last change."""

import optax

from gamesolve import transforms
from gamesolve.driving.sets import Projections
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = [
    "alex_gda",
    "extragradient",
    "extragradient_plus",
    "mirror_prox",
    "ogda",
    "past_extragradient",
    "runge_kutta",
]


@declare(formula="z + E v(z + E' v(z))", paper="Korpelevich 1976", cost=Cost(fields=2))
@parametric
def extragradient(
    learning_rate: rates.Rates, extrapolation: rates.Rates | None = None, projections: Projections = None
) -> optax.GradientTransformation:
    """Step with the field at the end of a trial step: the extragradient method.

    One step is ``z + E v(z + E' v(z))``. On bilinear games with ``u = eta s`` the squared spectral radius is
    ``1 - u^2 + u^4``: stable for ``u < 1``, smallest at ``u = 1 / sqrt(2)``. In stochastic games both fields use one
    draw of the data (same-sample extragradient); with ``sampling.several(sample, 2)`` each uses its own (independent
    samples).

    Args:
        learning_rate: step size E, see `transforms.rates`.
        extrapolation: step size E' of the trial step. Default: E.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player;
            the trial point and the next point are both projected. Default: no constraints.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.extragradient(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Korpelevich, "The extragradient method for finding saddle points and other problems", Matecon 1976.
    """
    trial = learning_rate if extrapolation is None else extrapolation
    step = optax.chain(transforms.extrapolate(trial, projections), transforms.descend(learning_rate))
    return step if projections is None else optax.chain(step, transforms.project(projections))


@declare(
    formula="z + E v(z + E' v(z)), E < E'",
    paper="Diakonikolas, Daskalakis, Jordan 2021",
    cost=Cost(fields=2),
    arguments={"extrapolation": 0.15},
)
@parametric
def extragradient_plus(
    learning_rate: rates.Rates, extrapolation: rates.Rates, projections: Projections = None
) -> optax.GradientTransformation:
    """Take a long trial step and a shorter step (extragradient+), for fields that are only weakly monotone.

    One step is ``z + E v(z + E' v(z))`` with E below E'.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        extrapolation: step size E' of the trial step.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player.
            Default: no constraints.

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


@declare(
    formula="m(z, E v(m(z, E' v))), m(z, s) = ∇ψ*(∇ψ(z) + s)",
    paper="Nemirovski 2004",
    cost=Cost(fields=2),
    arguments={"potentials": transforms.squared_distance()},
)
@parametric
def mirror_prox(
    learning_rate: rates.Rates,
    potentials: transforms.Potential | tuple[transforms.Potential, ...],
    extrapolation: rates.Rates | None = None,
) -> optax.GradientTransformation:
    """Run `extragradient` in the players' own geometries: mirror-prox.

    The trial step and the step are both mirror steps ``primal(dual(z) + E v)`` from z. With `simplex_entropy` both
    multiply probabilities by exponentials and normalise, so that no projection is needed. With `squared_distance` it is
    `extragradient`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        potentials: geometry for all players, such as ``transforms.simplex_entropy()``, or a tuple with one per player.
        extrapolation: step size E' of the trial step. Default: E.

    Returns:
        The solver.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.rock_paper_scissors()
        >>> solver = gs.mirror_prox(1.0, gs.transforms.simplex_entropy())
        >>> start = (jnp.array([0.8, 0.1, 0.1]), jnp.array([0.3, 0.3, 0.4]))
        >>> players = gs.solve(game, solver, start, 200).players
        >>> [round(float(entry), 4) for entry in players[0]]
        [0.3333, 0.3333, 0.3333]

    Reference:
        Nemirovski, "Prox-Method with Rate of Convergence O(1/t) for Variational Inequalities with Lipschitz Continuous
        Monotone Operators and Smooth Convex-Concave Saddle Point Problems", SIAM J. Optim. 2004.
    """
    trial = learning_rate if extrapolation is None else extrapolation
    return optax.chain(transforms.mirror_extrapolate(trial, potentials), transforms.mirror(learning_rate, potentials))


@declare(formula="z + E v_t + W (v_t - v_(t-1))", paper="Popov 1980; Daskalakis et al. 2018", cost=Cost())
@parametric
def ogda(
    learning_rate: rates.Rates, correction: rates.Rates | None = None, zero_start: bool = False
) -> optax.GradientTransformation:
    """Add the last change of the field: optimistic gradient descent.

    One step is ``z + E v_t + W (v_t - v_(t-1))``. The field before the first step is taken equal to the first one, so
    that the first step is a plain one. On bilinear games it is stable for ``eta s < 1 / sqrt(3)``; the spectral radius
    is smallest at ``eta s = 1/2``, where it is ``1 / sqrt(2)``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        correction: W, as for ``learning_rate``. Default: E.
        zero_start: whether to take ``v_(-1) = 0``, as some codes do: the first step is then ``(E + W) v_0``.
            Default: False.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.ogda(0.5), (1.0, 0.0), 2)
        >>> [float(player) for player in solution.players]
        [0.5, 1.0]

    Reference:
        Popov, "A modification of the Arrow-Hurwicz method", 1980; Daskalakis et al., "Training GANs with Optimism",
        ICLR 2018, https://arxiv.org/abs/1711.00141
    """
    return transforms.optimism(learning_rate, correction, zero_start)


@declare(
    formula="z + E v(w_t), w_t = z + E v(w_(t-1))",
    paper="Popov 1980; Gidel et al. 2019",
    cost=Cost(),
)
@parametric
def past_extragradient(learning_rate: rates.Rates, projections: Projections = None) -> optax.GradientTransformation:
    """Reuse the field of the last trial point for the next one: past extragradient, or Popov's method.

    ``w_t = z_t + E v(w_(t-1))`` and ``z_(t+1) = z_t + E v(w_t)``, with ``w_(-1) = z_0``: one field evaluation per step.
    Its trial points are the iterates of `ogda`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player;
            the trial point and the next point are both projected. Default: no constraints.

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
    step = optax.chain(transforms.past_extragradient(learning_rate, projections), transforms.descend(learning_rate))
    return step if projections is None else optax.chain(step, transforms.project(projections))


@declare(formula="fourth-order step of z' = v", paper="Qin et al. 2020", cost=Cost(fields=4))
@parametric
def runge_kutta(
    learning_rate: rates.Rates, order: int = 4, penalty: rates.Rates | None = None
) -> optax.GradientTransformation:
    """Integrate the flow ``z' = v`` by a Runge-Kutta step: Euler, Heun or the classical fourth-order method.

    With a penalty p, as in ODE-GANs, one step is ``z + E (slope - 2 p J_o^T v(z))``: player j also descends
    ``p_j sum_(i != j) ||v_i||^2`` by one explicit step from ``z``. The squares have no factor 1/2, as in the paper.

    Args:
        learning_rate: length E of the step, see `transforms.rates`.
        order: 1, 2 or 4, which is also the number of field evaluations per step. Default: 4.
        penalty: weight of the others' squared gradients: a number, an array, or a tuple with one of those per player,
            such as ``(0.0, 0.01)`` for a penalty on the discriminator but not on the generator. Default: no penalty.

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


@declare(
    formula="z_i + E_i v_i(z_i, ẑ of the others), ẑ_i = z_i + γ_i (z_i_next - z_i), i in turn",
    paper="Lee, Cho, Yun 2024",
    cost=Cost(),
)
@parametric
def alex_gda(
    learning_rate: rates.Rates, gamma: float = 1.5, delta: float = 1.5, projections: Projections = None
) -> optax.GradientTransformationExtraArgs:
    """Move in turn, each player against the extrapolated last moves of the others: alternating-extrapolation GDA.

    In losses: ``x_(k+1) = x_k - eta_x f_x(x_k, yhat_k)``, ``xhat_(k+1) = x_k + gamma (x_(k+1) - x_k)``,
    ``y_(k+1) = y_k - eta_y g_y(xhat_(k+1), y_k)`` and ``yhat_(k+1) = y_k + delta (y_(k+1) - y_k)``, with
    ``yhat_0 = y_0``: one gradient per player and step. For ``gamma = delta = 1`` it is `altgd`; for two players,
    ``gamma = 0`` and ``delta = 1`` it is `simgd`. With both above 1 it converges linearly on bilinear games, for small
    step sizes.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        gamma: extrapolation factor of the first player's moves. Default: 1.5.
        delta: extrapolation factor of the other players' moves. Default: 1.5.
        projections: one function per player that maps its parameters to its set, or None for an unconstrained player;
            extrapolation starts from the projected moves. Default: no constraints.

    Returns:
        The solver; it stands first in a chain, since it takes the gradients itself.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.alex_gda(0.5), (1.0, 1.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 1.125]
        >>> round(float(gs.analysis.rate(game, gs.alex_gda(0.5), (0.0, 0.0))), 4)
        0.8669

    Reference:
        Lee, Cho, Yun, "Fundamental Benefit of Alternating Updates in Minimax Optimization", ICML 2024,
        https://arxiv.org/abs/2402.10475
    """
    return transforms.alex_gda(learning_rate, gamma, delta, projections)
