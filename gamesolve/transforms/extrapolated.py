"""Parts that use the field at trial points, or a past one."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import products
from gamesolve.game import Game, Players
from gamesolve.solver import parametric, with_game
from gamesolve.transforms import rates
from gamesolve.transforms._base import memoryless, minus, negative, past_field, plus, remembering, whole
from gamesolve.transforms.geometry import Projections, projected


@parametric
def extrapolate(eta: rates.Rates, projections: Projections = None) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-v(players - eta u)``, with one more field.

    Both fields see one draw of the data, or each its own if several are bound. With projections the trial point is
    ``project(players - eta u)``.

    Args:
        eta: step size of the trial step: a number, a schedule, an array, or a tuple with one of those per player.
        projections: one function per player that maps its parameters to its set, or None for a free player.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.extrapolate(0.5), optax.sgd(0.5))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> [float(player) for player in gs.solve(game, solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Korpelevich, "The extragradient method for finding saddle points and other problems", Matecon 1976.
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        return negative(game.draw(1).gradients(projected(projections, minus(players, rates.times(step, u, "eta")))))

    return memoryless("extrapolate", eta, formula)


@parametric
def flow(eta: rates.Rates, order: int = 4, penalty: Any = None) -> optax.GradientTransformationExtraArgs:
    """Turn u into the mean slope of a Runge-Kutta step of ``players' = v`` over the time ``eta``.

    All stages see one draw of the data, or each its own if several are bound.

    With a penalty p it becomes ``slope - 2 p J_o^T u``, the product taken before the step: player j also descends
    ``p_j sum_(i != j) ||v_i||^2``, the plain squares as in the paper. `cross_consensus` has halves of them.

    Args:
        eta: length of the step that will be taken: a number, a schedule, an array, or a tuple with one per player.
        order: 1 for Euler, 2 for Heun, 4 for the classical method.
        penalty: weight of the others' squared gradients, a number, an array, or a tuple with one of those per player
            who pays; ODE-GANs let the discriminator alone pay for the generator's gradient. None for no penalty.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.flow(0.5, order=2), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.875, 0.5]

    Reference:
        Qin et al., "Training Generative Adversarial Networks by Solving Ordinary Differential Equations",
        NeurIPS 2020, https://arxiv.org/abs/2010.15040
    """
    # Each stage starts from the one before, this share of the step away; the slopes are averaged with the weights.
    tableaus = {1: ((), (1.0,)), 2: ((1.0,), (0.5, 0.5)), 4: ((0.5, 0.5, 1.0), (1 / 6, 1 / 3, 1 / 3, 1 / 6))}
    if order not in tableaus:
        raise ValueError(f"order is {order}; the orders are {sorted(tableaus)}.")
    shares, weights = tableaus[order]
    if penalty is not None:
        rates.check("penalty", penalty)
        if rates.is_scheduled(penalty):
            raise TypeError("penalty is a schedule; give a number, or a tuple with one number per player.")

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        slope, mean = u, optax.tree.scale(weights[0], u)
        for stage, (share, weight) in enumerate(zip(shares, weights[1:], strict=True), start=1):
            moved = minus(players, optax.tree.scale(share, rates.times(step, slope, "eta")))
            slope = negative(game.draw(stage).gradients(moved))
            mean = plus(mean, optax.tree.scale(weight, slope))
        if penalty is None:
            return mean
        pull = optax.tree.scale(2.0, products.off_diagonal_transposed(game, players)(u))
        return minus(mean, rates.times(penalty, pull, "penalty"))

    return memoryless("flow", eta, formula)


@parametric
def trial(inner: Any) -> optax.GradientTransformationExtraArgs:
    """Turn any solver into its extragradient form: step with the field where a trial step of it would end.

    The inner state (moments, counts) is updated once an iteration, by the second of the two steps. Both see one draw of
    the data, or each its own if several are bound.

    Args:
        inner: a solver of moves, such as ``optax.adam(1e-3)``.

    Returns:
        The solver; it needs ``game=`` and all players.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.trial(gs.simgd(0.5)), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Gidel et al., "A Variational Inequality Perspective on GANs", ICLR 2019, https://arxiv.org/abs/1802.10551
    """
    solver = with_game(inner)

    def update(
        updates: Any, state: Any, params: Any = None, *, game: Game | None = None, **extra_args: Any
    ) -> tuple[Any, Any]:
        game, players = whole("trial", game, updates, params)
        move, _ = solver.update(updates, state, players, game=game, **extra_args)
        ahead = negative(game.draw(1).gradients(plus(players, move)))
        return solver.update(ahead, state, players, game=game, **extra_args)

    return optax.GradientTransformationExtraArgs(solver.init, update)


class OptimismState(NamedTuple):
    """State of `optimism`: step count for schedules and the update before, infinite where none is known yet."""

    rates: Any
    previous: Any


@parametric
def optimism(
    learning_rate: rates.Rates, correction: Any = None, zero_start: bool = False
) -> optax.GradientTransformation:
    """Turn u into the move ``-(eta u_t + omega (u_t - u_(t-1)))``.

    Args:
        learning_rate: eta: a number, a schedule, an array, or a tuple with one of those per player.
        correction: omega, likewise; eta unless given.
        zero_start: take ``u_(-1) = 0`` instead of ``u_(-1) = u_0``, so that the first move is doubled.

    Returns:
        The transformation; it scales by the step size itself.

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
    rates.check("correction", 0.0 if correction is None else correction)
    omega = learning_rate if correction is None else correction

    def init(params: Any) -> OptimismState:
        count = rates.init((*rates.listed(learning_rate), *rates.listed(omega)))
        before = 0.0 if zero_start else jnp.inf
        return OptimismState(count, optax.tree.full_like(params, before))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, OptimismState]:
        del params
        eta, weight = rates.current(learning_rate, state.rates), rates.current(omega, state.rates)
        # "Not known yet" is a value and not a flag: a flag in the carry of a loop is copied in every step. Two products
        # with one sum do the rest: the difference of the updates would be one pass over the entries more.
        past = jax.tree.map(lambda u, before: jnp.where(before == jnp.inf, u, before), updates, state.previous)
        if isinstance(eta, tuple) or isinstance(weight, tuple):
            eta, weight = rates.spread(eta, len(updates)), rates.spread(weight, len(updates), "correction")
        descent = rates.times(jax.tree.map(lambda e, w: -(e + w), eta, weight), updates)
        move = jax.tree.map(jnp.add, descent, rates.times(weight, past, "correction"))
        return move, OptimismState(rates.advance(state.rates), updates)

    return optax.GradientTransformation(init, update)


class PastState(NamedTuple):
    """Memory of `past_extrapolate`: steps taken and the field at the last trial point."""

    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    field: Any


@parametric
def past_extrapolate(eta: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-v(w_t)`` with ``w_t = players + eta v(w_(t-1))``: extragradient with one field a step.

    Args:
        eta: step size of the trial step: a number, a schedule, an array, or a tuple with one of those per player.

    Returns:
        The transformation; it needs ``game=`` and all players. ``w_(-1)`` is the start.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.past_extrapolate(0.5), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Popov, "A modification of the Arrow-Hurwicz method for search of saddle points", 1980.
    """

    def start(params: Any) -> PastState:
        return PastState(jnp.zeros((), jnp.int32), optax.tree.zeros_like(params))

    def formula(game: Game, players: Players, _: Any, __: Any, step: Any, memory: PastState) -> tuple[Any, Any]:
        past = past_field(memory.count, memory.field, players, game.gradients)
        field = game.gradients(plus(players, rates.times(step, past, "eta")))
        return negative(field), PastState(optax.safe_increment(memory.count), field)

    return remembering("past_extrapolate", eta, start, formula)
