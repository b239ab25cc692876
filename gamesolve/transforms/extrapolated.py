"""Parts that use the field at trial points, or a past field."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import products
from gamesolve.driving.sets import Projections, projected
from gamesolve.game import Game
from gamesolve.solver import parametric, with_game
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, past_field, require_game
from gamesolve.transforms._origin import INSIDE, Origin, mark, require_origin
from gamesolve.transforms.geometry import Potential, check_potentials, check_projections, mirrored
from gamesolve.trees import Marks, Players, PyTree, Scalar, State, Updates


@parametric
def extrapolate(eta: rates.Rates, projections: Projections = None) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-v(players - eta u)``, with one more field.

    Both fields see one draw of the data, or each its own draw if several are bound. With projections the trial point is
    ``project(players - eta u)``.

    Args:
        eta: step size of the trial step, see `transforms.rates`.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.extrapolate(0.5), optax.sgd(0.5))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Korpelevich, "The extragradient method for finding saddle points and other problems", Matecon 1976.
    """
    check_projections(projections)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        trial = optax.tree.sub(step.players, rates.times(step.rates, step.u, "eta"))
        return step.descent(projected(projections, trial), draw=1), memory

    # Behind another one it is the next iteration of the implicit equation ``w = players + eta v(w)``.
    return part("extrapolate", formula, eta, accepts=Origin.FIELD, returns=Origin.FIELD)


@parametric
def mirror_extrapolate(
    eta: rates.Rates, potentials: Potential | tuple[Potential, ...]
) -> optax.GradientTransformationExtraArgs:
    """Turn u into minus the field at the end of a mirror step, with one more field: the trial step of mirror-prox.

    Args:
        eta: step size of the trial step, see `transforms.rates`.
        potentials: one `Potential` for all players, or a tuple with one per player.

    Returns:
        The transformation; it needs ``game=`` and all players. Follow it by `mirror` with the same potentials.

    Example:
        >>> import optax, gamesolve as gs
        >>> plain = gs.transforms.squared_distance()
        >>> solver = optax.chain(gs.transforms.mirror_extrapolate(0.5, plain), gs.transforms.mirror(0.5, plain))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Nemirovski, "Prox-Method with Rate of Convergence O(1/t) for Variational Inequalities with Lipschitz Continuous
        Monotone Operators and Smooth Convex-Concave Saddle Point Problems", SIAM J. Optim. 2004.
    """
    check_potentials(potentials)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        trial = mirrored(potentials, step.players, rates.times(step.rates, step.u, "eta"))
        return step.descent(trial, draw=1), memory

    return part("mirror_extrapolate", formula, eta, accepts=Origin.FIELD, returns=Origin.FIELD)


@parametric
def runge_kutta(
    eta: rates.Rates, order: int = 4, penalty: rates.Rates | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the mean slope of a Runge-Kutta step of ``players' = v`` over the time ``eta``.

    All stages see one draw of the data, or each its own draw if several are bound.

    With a penalty p, u becomes ``slope - 2 p J_o^T u``, with the product taken before the step: player j also descends
    ``p_j sum_(i != j) ||v_i||^2``, without a factor 1/2, as in the paper. `jare` has the factor 1/2.

    Args:
        eta: length of the step that follows, see `transforms.rates`.
        order: 1 for Euler, 2 for Heun, 4 for the classical method.
        penalty: weight of the squared gradients of the others: a number, an array, or a tuple with one of these per
            player who pays. In ODE-GANs only the discriminator pays, for the generator's gradient. Default: no penalty.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.runge_kutta(0.5, order=2), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.875, 0.5]

    Reference:
        Qin et al., "Training Generative Adversarial Networks by Solving Ordinary Differential Equations",
        NeurIPS 2020, https://arxiv.org/abs/2010.15040
    """
    # Each stage starts this share of the step along the slope of the stage before it; the weights average the slopes.
    tableaus = {1: ((), (1.0,)), 2: ((1.0,), (0.5, 0.5)), 4: ((0.5, 0.5, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))}
    if order not in tableaus:
        raise ValueError(f"order must be one of {sorted(tableaus)}, got {order}.")
    shares, weights = tableaus[order]
    if penalty is not None:
        rates.check("penalty", penalty)
        if rates.is_scheduled(penalty):
            raise TypeError("penalty must be a number or a tuple with one number per player, got a schedule.")

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        slope, mean = step.u, optax.tree.scale(weights[0], step.u)
        for stage, (share, weight) in enumerate(zip(shares, weights[1:], strict=True), start=1):
            move = optax.tree.scale(share, rates.times(step.rates, slope, "eta"))
            slope = step.descent(optax.tree.sub(step.players, move), draw=stage)
            mean = optax.tree.add(mean, optax.tree.scale(weight, slope))
        if penalty is None:
            return mean, memory
        pull = optax.tree.scale(2.0, products.off_diagonal_transposed(step.game, step.players)(step.u))
        rates.check_shapes("penalty", penalty)
        return optax.tree.sub(mean, rates.times(penalty, pull, "penalty")), memory

    return part("runge_kutta", formula, eta, returns=Origin.DIRECTION)


@parametric
def extra(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Turn any solver into its extragradient form: it steps with the field at the end of a trial step of its own.

    The inner state (moments, counts) is updated once per step, by the second of the two steps. Both see one draw of the
    data, or each its own draw if several are bound.

    Args:
        inner: solver that returns moves, such as ``optax.adam(1e-3)``.

    Returns:
        The solver; it needs ``game=`` and all players.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.extra(gs.simgd(0.5)), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Gidel et al., "A Variational Inequality Perspective on GANs", ICLR 2019, https://arxiv.org/abs/1802.10551
    """
    solver = with_game(inner)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Updates, State]:
        game, players = require_game("extra", game, updates, params)
        require_origin("extra", updates, grad, marks, order=INSIDE)
        marks = Marks() if marks is None else marks
        # Both steps start at the players, so both get the gradient there: the second u is not that gradient.
        step = partial(solver.update, state=state, params=players, game=game, grad=grad, marks=marks, **extra_args)
        move, _ = step(updates)
        ahead = jax.tree.map(jnp.negative, game.draw(1).gradients(optax.tree.add(players, move)))
        mark(ahead, Origin.FIELD, marks)
        return step(ahead)

    return optax.GradientTransformationExtraArgs(solver.init, update)


class OptimismState(NamedTuple):
    """State of `optimism`: step count for schedules, and the last update, the largest number before the first step."""

    rates: rates.RatesState
    previous: Updates


@parametric
def optimism(
    learning_rate: rates.Rates, correction: rates.Rates | None = None, zero_start: bool = False
) -> optax.GradientTransformation:
    """Turn u into the move ``-(eta u_t + omega (u_t - u_(t-1)))``.

    Args:
        learning_rate: step size eta, see `transforms.rates`.
        correction: omega, likewise. Default: eta.
        zero_start: take ``u_(-1) = 0`` instead of ``u_(-1) = u_0``, which doubles the first move.

    Returns:
        The transformation; it returns moves, already scaled by the step size.

    Example:
        >>> from gamesolve import transforms
        >>> part = transforms.optimism(0.5)
        >>> state = part.init((0.0,))
        >>> for u in (1.0, 2.0):
        ...     move, state = part.update((u,), state)
        >>> float(move[0])
        -1.5
    """
    rates.check("learning_rate", learning_rate)
    omega = learning_rate if correction is None else correction
    rates.check("correction", omega)

    def init(params: PyTree) -> OptimismState:
        count = rates.init((*rates.listed(learning_rate), *rates.listed(omega)))
        previous = optax.tree.zeros_like(params) if zero_start else jax.tree.map(_unknown, params)
        return OptimismState(count, previous)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, OptimismState]:
        del params
        eta, weight = rates.current(learning_rate, state.rates), rates.current(omega, state.rates)
        # "Not known yet" is a value instead of a flag, because a flag in the carry of a loop is copied in every step.
        # Two products and one sum do the rest; the difference of the updates would take one more pass.
        past = jax.tree.map(lambda u, before: jnp.where(before == _unknown(u), u, before), updates, state.previous)
        if isinstance(eta, tuple) or isinstance(weight, tuple):
            eta, weight = rates.spread(eta, len(updates)), rates.spread(weight, len(updates), "correction")
        descent = rates.times(jax.tree.map(lambda e, w: -(e + w), eta, weight), updates)
        move = optax.tree.add(descent, rates.times(weight, past, "correction"))
        return move, OptimismState(rates.advance(state.rates), updates)

    return optax.GradientTransformation(init, update)


def _unknown(leaf: Scalar) -> jax.Array:
    """Return the largest finite number, which no update is: infinity would trip ``jax_debug_infs``."""
    return jnp.full_like(leaf, jnp.finfo(jnp.result_type(leaf)).max)


class PastState(NamedTuple):
    """Memory of `past_extragradient`: steps taken and the field at the last trial point."""

    count: Scalar  # pyright: ignore[reportIncompatibleMethodOverride]
    field: Players


@parametric
def past_extragradient(eta: rates.Rates, projections: Projections = None) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-v(w_t)`` with ``w_t = players + eta v(w_(t-1))``: extragradient with one field per step.

    With projections the trial point is ``project(players + eta v(w_(t-1)))``.

    Args:
        eta: step size of the trial step, see `transforms.rates`.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.

    Returns:
        The transformation; it needs ``game=`` and all players. ``w_(-1)`` is the start.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.past_extragradient(0.5), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Popov, "A modification of the Arrow-Hurwicz method for search of saddle points", 1980.
    """
    check_projections(projections)

    def memory(players: Players) -> PastState:
        return PastState(jnp.zeros((), jnp.int32), optax.tree.zeros_like(players))

    def formula(step: Step, last: PastState) -> tuple[Players, PastState]:
        past = past_field(last.count, last.field, step.game.gradients, step.players)
        trial = optax.tree.add(step.players, rates.times(step.rates, past, "eta"))
        field = step.game.gradients(projected(projections, trial))
        return jax.tree.map(jnp.negative, field), PastState(optax.safe_increment(last.count), field)

    return part("past_extragradient", formula, eta, memory=memory, returns=Origin.DIRECTION)
