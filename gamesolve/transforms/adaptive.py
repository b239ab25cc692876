"""Parts that find their step sizes from the gradients seen so far."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.checks import check_number, known
from gamesolve.driving.sets import Projections, declare, projected
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import require_all
from gamesolve.transforms.geometry import check_projections
from gamesolve.trees import Players, PyTree, State, Updates, dot, norm_ratio, widened, widest


class GoldenState(NamedTuple):
    """State of `golden_ratio`: step size, its last growth, averaged players, last players and their u."""

    step: jax.Array
    growth: jax.Array
    average: Players
    players: Players
    updates: Updates


@parametric
def golden_ratio(
    learning_rate: float, ratio: float = 1.5, projections: Projections = None
) -> optax.GradientTransformation:
    """Turn u into the move of the adaptive golden-ratio method, which finds the step size from the fields it sees.

    ``l_k = min((1/r + 1/r^2) l_(k-1), r g_(k-1) / (4 l_(k-1)) ||z_k - z_(k-1)||^2 / ||v_k - v_(k-1)||^2)``, or
    ``l_(k-1)`` if nothing has moved; the paper's upper bound on l is omitted.
    ``g_k = r l_k / l_(k-1)``, ``a_k = ((r - 1) z_k + a_(k-1)) / r``, ``z_(k+1) = project(a_k + l_k v_k)``.

    Args:
        learning_rate: initial step size ``l_0``; ``g_0 = 1`` and ``a_0 = z_0``.
        ratio: r, above one and at most the golden ratio 1.618.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.

    Returns:
        The transformation; it returns moves and chooses the step size itself.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.golden_ratio(0.1)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 1.0), 500, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Malitsky, "Golden ratio algorithms for variational inequalities", Math. Programming 2020,
        https://arxiv.org/abs/1803.08832
    """
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("ratio", ratio, above=1.0, most=(1 + 5**0.5) / 2)
    check_projections(projections)

    def init(params: PyTree) -> GoldenState:
        declare(projections, params)
        params = jax.tree.map(jnp.asarray, params)
        one = jnp.ones((), widest(params))
        first = jnp.asarray(learning_rate, one.dtype)
        return GoldenState(first, one, params, params, optax.tree.zeros_like(params))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Players, GoldenState]:
        if params is None:
            raise ValueError("golden_ratio needs the players. Pass them to update, as gamesolve.step does.")
        moved, turned = optax.tree.sub(params, state.players), optax.tree.sub(updates, state.updates)
        inverse = norm_ratio(moved, turned)
        known = inverse > 0  # without movement there is nothing to learn, and the step size stays
        largest = (1 / ratio + 1 / ratio**2) * state.step
        # The inverse slope is about as large as the step size: its square might overflow before it is divided.
        local = ratio * state.growth / 4 * (inverse / state.step) * inverse
        step = jnp.where(known, jnp.minimum(largest, local), state.step).astype(state.step.dtype)
        growth = jnp.where(known, ratio * step / state.step, state.growth).astype(state.step.dtype)
        average = jax.tree.map(lambda z, a: ((ratio - 1) * z + a) / ratio, params, state.average)
        following = projected(projections, optax.tree.sub(average, rates.times(step, updates)))
        return optax.tree.sub(following, params), GoldenState(step, growth, average, params, updates)

    return optax.GradientTransformation(init, update)


class TiadaState(NamedTuple):
    """State of `tiada`: step count for schedules, and the squared gradients summed so far."""

    rates: rates.RatesState
    squares: PyTree


@parametric
def tiada(learning_rate: rates.Rates, alpha: float = 0.6, beta: float = 0.4) -> optax.GradientTransformation:
    """Turn u into the move of TiAda: AdaGrad in which player 0 waits for the others.

    With V_i the sum of all ``||u_i||^2`` so far, this step's included, player 0 moves by
    ``-eta_0 u_0 / max_j(V_j)^alpha``, and player i by ``-eta_i u_i / V_i^beta``. A player that has never had a gradient
    stays where it is; the paper starts the sums above zero instead.

    Args:
        learning_rate: step sizes eta, see `transforms.rates`.
        alpha: exponent of player 0, above beta. Default: 0.6.
        beta: exponent of the other players. Default: 0.4.

    Returns:
        The transformation; it needs all players, and returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: 2 * x * y - 2 * x**2 - y**2 / 2)
        >>> solution = gs.solve(game, gs.transforms.tiada(1.0), (1.0, 0.5), 1000, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Li, Yang, He, "TiAda: A Time-scale Adaptive Algorithm for Nonconvex Minimax Optimization", ICLR 2023,
        https://arxiv.org/abs/2210.17478
    """

    def moves(updates: Updates, squares: PyTree) -> Updates:
        slowest = _largest(squares)
        sums = (slowest, *squares[1:])
        exponents = (-alpha, *[-beta] * (len(updates) - 1))
        return rates.times(tuple(map(_power, sums, exponents)), updates)

    return _tiada("tiada", learning_rate, alpha, beta, lambda player: dot(player, player), moves)


@parametric
def tiada_coordinates(
    learning_rate: rates.Rates, alpha: float = 0.6, beta: float = 0.4
) -> optax.GradientTransformation:
    """Turn u into the move of TiAda with one step size per parameter, for networks.

    With s the sums of squares of each parameter's gradients and V_i the total of player i's, player 0 moves by
    ``-eta_0 u_0 / s_0^alpha (V_0 / max_j(V_j))^alpha``, and player i by ``-eta_i u_i / s_i^beta``. Parameters that have
    never had a gradient stay where they are.

    Args:
        learning_rate: step sizes eta, see `transforms.rates`.
        alpha: exponent of player 0, above beta. Default: 0.6.
        beta: exponent of the other players. Default: 0.4.

    Returns:
        The transformation; it needs all players, and returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: 2 * x * y - 2 * x**2 - y**2 / 2)
        >>> solution = gs.solve(game, gs.transforms.tiada_coordinates(1.0), (1.0, 0.5), 1000, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Li, Yang, He, "TiAda: A Time-scale Adaptive Algorithm for Nonconvex Minimax Optimization", ICLR 2023,
        https://arxiv.org/abs/2210.17478
    """

    def moves(updates: Updates, squares: PyTree) -> Updates:
        totals = tuple(jnp.asarray(optax.tree.sum(player)) for player in squares)
        largest = _largest(totals)
        share = _power(totals[0] / jnp.where(largest > 0, largest, 1), alpha)
        exponents = (alpha, *[beta] * (len(updates) - 1))
        scales = tuple(
            jax.tree.map(lambda square, power=power: _power(square, -power), player)
            for player, power in zip(squares, exponents, strict=True)
        )
        scaled = jax.tree.map(lambda u, scale: u * scale.astype(jnp.result_type(u)), updates, scales)
        return (rates.times(share, scaled[0]), *scaled[1:])

    squared = lambda player: jax.tree.map(jnp.square, widened(player))
    return _tiada("tiada_coordinates", learning_rate, alpha, beta, squared, moves)


def _tiada(
    name: str,
    learning_rate: rates.Rates,
    alpha: float,
    beta: float,
    squared: Callable[[PyTree], PyTree],
    moves: Callable[[Updates, PyTree], Updates],
) -> optax.GradientTransformation:
    """Make the part that sums the ``squared`` gradients of each player, and scales u as ``moves`` says."""
    rates.check("learning_rate", learning_rate)
    check_number("alpha", alpha, above=0.0, below=1.0)
    check_number("beta", beta, above=0.0, below=1.0)
    larger, smaller = known(alpha), known(beta)
    if larger is not None and smaller is not None and np.any(larger <= smaller):
        raise ValueError(f"alpha must be above beta = {beta}, got {alpha}. Give player 0 the larger exponent.")

    def init(params: PyTree) -> TiadaState:
        zeros = tuple(map(squared, optax.tree.zeros_like(require_all(name, params))))
        return TiadaState(rates.init(learning_rate), zeros)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, TiadaState]:
        del params
        squares = optax.tree.add(state.squares, tuple(map(squared, updates)))
        eta = rates.current(learning_rate, state.rates)
        descent = rates.times(eta, moves(updates, squares))
        return optax.tree.scale(-1, descent), TiadaState(rates.advance(state.rates), squares)

    return optax.GradientTransformation(init, update)


def _largest(sums: Sequence[jax.Array]) -> jax.Array:
    return functools.reduce(jnp.maximum, sums)


def _power(sums: jax.Array, exponent: float) -> jax.Array:
    """Return ``sums^exponent``, and zero for a sum of zero: its update is zero as well, and its derivative finite."""
    return jnp.where(sums > 0, jnp.where(sums > 0, sums, 1) ** exponent, 0)
