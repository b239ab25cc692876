"""First-order methods that are moves of their own: past extragradient, Tseng's splitting, the golden ratio."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import products, rates
from gamesolve.game import Game, Players
from gamesolve.parametric import parametric
from gamesolve.transforms._parts import inner, memoryless, minus, negative, past_field, plus, remembering
from gamesolve.transforms.geometry import Projections, projected


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
        past = past_field(memory.count, memory.field, players, game.field)
        field = game.field(plus(players, rates.times(step, past, "eta")))
        return negative(field), PastState(optax.safe_increment(memory.count), field)

    return remembering("past_extrapolate", eta, start, formula)


@parametric
def correct_forward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of Tseng's splitting: forward, backward (the projection), forward.

    ``w = project(z + E v(z))`` and the next players are ``w + E (v(w) - v(z))``.

    Args:
        learning_rate: step size: a number, a schedule, an array, or a tuple with one of those per player.
        projections: one function per player that maps its parameters to its set, or None for a free player.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=``.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.correct_forward(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tseng, "A Modified Forward-Backward Splitting Method for Maximal Monotone Mappings", SICON 2000.
    """

    def formula(game: Any, players: Any, u: Any, _: Any, eta: Any) -> Any:
        middle = projected(projections, minus(players, rates.times(eta, u)))
        return plus(minus(middle, players), rates.times(eta, plus(game.draw(1).field(middle), u)))

    return memoryless("correct_forward", learning_rate, formula, coefficient="learning_rate")


class GoldenState(NamedTuple):
    """State of `golden`: step size, its last growth, averaged players, last players and their u."""

    step: Any
    growth: Any
    average: Any
    players: Any
    updates: Any


@parametric
def golden(learning_rate: float, ratio: float = 1.5, projections: Projections = None) -> optax.GradientTransformation:
    """Turn u into the move of the adaptive golden-ratio method, which finds the step size from the fields it sees.

    ``l_k = min((1/r + 1/r^2) l_(k-1), r g_(k-1) / (4 l_(k-1)) ||z_k - z_(k-1)||^2 / ||v_k - v_(k-1)||^2)``, kept where
    nothing has moved; the paper's upper bound on l is left out;
    ``g_k = r l_k / l_(k-1)``, ``a_k = ((r - 1) z_k + a_(k-1)) / r``, ``z_(k+1) = project(a_k + l_k v_k)``.

    Args:
        learning_rate: the first step size ``l_0``; ``g_0 = 1`` and ``a_0 = z_0``.
        ratio: r, above one and at most the golden ratio 1.618.
        projections: one function per player that maps its parameters to its set, or None for a free player.

    Returns:
        The transformation; it chooses the step size itself.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.golden(0.1)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 1.0), 500, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Malitsky, "Golden ratio algorithms for variational inequalities", Math. Programming 2020,
        https://arxiv.org/abs/1803.08832
    """
    rates.check_number("learning_rate", learning_rate, above=0.0)
    rates.check_number("ratio", ratio, above=1.0, most=(1 + 5**0.5) / 2)

    def init(params: Any) -> GoldenState:
        params = jax.tree.map(jnp.asarray, params)
        one = jnp.ones((), optax.tree.dtype(params, "lowest"))
        first = jnp.asarray(learning_rate, one.dtype)
        return GoldenState(first, one, params, params, optax.tree.zeros_like(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, GoldenState]:
        if params is None:
            raise ValueError("golden moves the players themselves; pass them to update, as gamesolve.step does.")
        moved, turned = minus(params, state.players), minus(updates, state.updates)
        length, change = inner(moved, moved), inner(turned, turned)
        known = (length > 0) & (change > 0)  # where nothing moved, nothing is learned: the step is kept
        largest = (1 / ratio + 1 / ratio**2) * state.step
        local = ratio * state.growth / (4 * state.step) * length / jnp.where(known, change, 1)
        step = jnp.where(known, jnp.minimum(largest, local), state.step).astype(state.step.dtype)
        growth = jnp.where(known, ratio * step / state.step, state.growth).astype(state.step.dtype)
        average = jax.tree.map(lambda z, a: ((ratio - 1) * z + a) / ratio, params, state.average)
        following = projected(projections, minus(average, rates.times(step, updates)))
        return minus(following, params), GoldenState(step, growth, average, params, updates)

    return optax.GradientTransformation(init, update)


@parametric
def accelerate_by_change(learning_rate: rates.Rates, alpha: Any, beta: Any) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move ``beta d + E v + alpha J_o d`` with ``d = z - z_prev``: least action dynamics.

    Args:
        learning_rate: step size E: a number, a schedule, an array, or a tuple with one of those per player.
        alpha: weight of the others' change, a number, an array, or a tuple with one of those per player.
        beta: momentum, likewise, of any sign.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=``. ``z_prev`` is the start at first.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.accelerate_by_change(0.5, alpha=0.5, beta=0.0)
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 2).players]
        [0.5, 1.0]

    Reference:
        Hemmat et al., "LEAD: Min-Max Optimization from a Physical Perspective", TMLR 2023,
        https://arxiv.org/abs/2010.13846
    """
    rates.check_signed("alpha", alpha)
    rates.check_signed("beta", beta)

    def formula(game: Game, players: Players, u: Any, _: Any, eta: Any, previous: Players) -> tuple[Any, Any]:
        change = minus(players, previous)
        turn = rates.times(alpha, products.off_diagonal(game, players)(change), "alpha")
        descent = rates.times(eta, u)
        move = jax.tree.map(lambda b, t, s: b + t - s, rates.times(beta, change, "beta"), turn, descent)
        return move, players

    start = partial(jax.tree.map, jnp.asarray)
    return remembering("accelerate_by_change", learning_rate, start, formula, coefficient="learning_rate")
