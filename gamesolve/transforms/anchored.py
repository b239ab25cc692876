"""Anchored steps: each one is pulled to the start, less and less."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.checks import check_number, known
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, past_field
from gamesolve.trees import DType, Players, PyTree, Scalar, State, Updates, at_least_float32, widest


class AnchoredState(NamedTuple):
    """Memory of an anchored method: steps taken, the start, and the current step size or the past field."""

    count: Scalar  # pyright: ignore[reportIncompatibleMethodOverride]
    anchor: Players
    memory: PyTree


@parametric
def anchored_extragradient(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of EAG-C: an extragradient step whose two halves are both pulled towards the start.

    ``a = (z_0 - z) / (k + 2)``, ``w = z + a + E v(z)``, and the move is ``a + E v(w)``.

    Args:
        learning_rate: step size, see `transforms.rates`; at most 1 / (8 R) for a monotone field with Lipschitz constant
            R.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.anchored_extragradient(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, "Accelerated Algorithms for Smooth Convex-Concave Minimax Problems with O(1/k^2) Rate on Squared
        Gradient Norm", ICML 2021, https://arxiv.org/abs/2102.07922
    """

    def move(step: Step, state: AnchoredState) -> tuple[Players, PyTree]:
        return _extra_move(step, state, step.rates), state.memory

    return _anchored("anchored_extragradient", learning_rate, lambda _: optax.EmptyState(), move)


@parametric
def anchored_extragradient_varying(learning_rate: float, lipschitz: float) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of EAG-V: `anchored_extragradient` with step sizes that decrease to a positive limit.

    ``eta_(k+1) = eta_k (1 - (k+2)^2 / ((k+1)(k+3)) eta_k^2 R^2) / (1 - eta_k^2 R^2)``.

    Args:
        learning_rate: eta_0, below 3 / (4 R).
        lipschitz: R, the Lipschitz constant of the field.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.anchored_extragradient_varying(0.5, lipschitz=1.0)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, ICML 2021, https://arxiv.org/abs/2102.07922
    """
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("lipschitz", lipschitz, above=0.0)
    eta, bound = known(learning_rate), known(lipschitz)
    if eta is not None and bound is not None and np.any(eta * bound >= 0.75):
        raise ValueError(f"learning_rate must be below 3 / (4 lipschitz) = {0.75 / lipschitz}, got {learning_rate}.")

    def first(players: Players) -> jax.Array:
        return jnp.asarray(learning_rate, at_least_float32(widest(players)))

    def move(step: Step, state: AnchoredState) -> tuple[Players, jax.Array]:
        eta, k = state.memory, state.count.astype(state.memory.dtype)
        square = (eta * lipschitz) ** 2
        # The quotient of the formula, written so that large counts do not overflow.
        following = eta * (1 - (1 + 1 / (k + 1) / (k + 3)) * square) / (1 - square)
        return _extra_move(step, state, eta), following

    return _anchored("anchored_extragradient_varying", (), first, move)


@parametric
def halpern(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of the Halpern iteration in Popov's form, with one field per step.

    ``a = (z_0 - z) / (k + 2)``, ``w_k = z + a + E v(w_(k-1))``, the move is ``a + E v(w_k)``; ``v(w_(-1)) = v(z_0)``.

    Args:
        learning_rate: step size, see `transforms.rates`; below 1 / (sqrt(3) R) with the Lipschitz constant R of the
            field: with larger ones bilinear games diverge.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.halpern(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tran-Dinh, Luo, "Halpern-Type Accelerated and Splitting Algorithms For Monotone Inclusions", 2021,
        https://arxiv.org/abs/2110.08150
    """

    def move(step: Step, state: AnchoredState) -> tuple[Players, Players]:
        past = past_field(state.count, state.memory, step.game.gradients, step.players)
        pull = _pull(step, state)
        trial = optax.tree.add(step.players, optax.tree.add(pull, rates.times(step.rates, past)))
        field = step.game.gradients(trial)
        return optax.tree.add(pull, rates.times(step.rates, field)), field

    return _anchored("halpern", learning_rate, optax.tree.zeros_like, move)


@parametric
def fast_extragradient(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of the fast extragradient method: anchored extragradient with a shorter trial step.

    With ``b = 1 / (k + 1)`` and ``a = b (z_0 - z)``: ``w = z + a + (1 - b) E v(z)``, and the move is ``a + E v(w)``.

    Args:
        learning_rate: step size E, see `transforms.rates`; at most 1 / R for a monotone field with Lipschitz constant
            R.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.fast_extragradient(0.5), (1.0, 0.0), 2)
        >>> [float(player) for player in solution.players]
        [0.75, 0.6875]

    Reference:
        Lee, Kim, "Fast Extra Gradient Methods for Smooth Structured Nonconvex-Nonconcave Minimax Problems", NeurIPS
        2021, https://arxiv.org/abs/2106.02326
    """

    def move(step: Step, state: AnchoredState) -> tuple[Players, PyTree]:
        field = jax.tree.map(jnp.negative, step.u)
        moved, _ = _fast_move(step, state, lambda dtype: 1 / (state.count + 1).astype(dtype), field)
        return moved, state.memory

    return _anchored("fast_extragradient", learning_rate, lambda _: optax.EmptyState(), move)


@parametric
def anchored_optimism(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of the anchored generalised optimistic method, with one field per step.

    With ``b = 2 / (k + 6)`` and ``a = b (z_0 - z)``: ``y_k = z + a + (1 - b) E v(y_(k-1))``, and the move is
    ``a + E v(y_k)``; ``v(y_(-1)) = v(z_0)``.

    Args:
        learning_rate: step size E, see `transforms.rates`; below 1 / (2 sqrt(3) R) for a monotone field with Lipschitz
            constant R.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.anchored_optimism(0.75), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.625, 0.75]

    Reference:
        Sohrabi et al., "Accelerated and Stable Convergence with Anchored Generalized Optimistic Method", ICML 2026,
        https://arxiv.org/abs/2606.21528
    """

    def move(step: Step, state: AnchoredState) -> tuple[Players, Players]:
        past = past_field(state.count, state.memory, step.game.gradients, step.players)
        return _fast_move(step, state, lambda dtype: 2 / (state.count + 6).astype(dtype), past)

    return _anchored("anchored_optimism", learning_rate, optax.tree.zeros_like, move)


class AnchoredGdaState(NamedTuple):
    """State of `anchored_gda`: a step count if a step size is a schedule, steps taken, and the start."""

    rates: rates.RatesState
    count: Scalar  # pyright: ignore[reportIncompatibleMethodOverride]
    anchor: PyTree


@parametric
def anchored_gda(
    learning_rate: rates.Rates, pull: float = 2.0, power: float = 0.5, shift: float = 2.0
) -> optax.GradientTransformation:
    """Turn u into a gradient move and a pull to the start, both with vanishing weights.

    The move in step k is ``E v(z) / (k + shift)^power + pull (z_0 - z) / (k + shift)``.

    Args:
        learning_rate: E, see `transforms.rates`.
        pull: weight of the pull to the start.
        power: exponent of the decay of the step sizes, at most one.
        shift: number that is added to the step count, above zero.

    Returns:
        The transformation; it returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.anchored_gda(0.5, power=1.0, shift=1.0)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 2)
        >>> [float(player) for player in solution.players]
        [0.875, 0.25]

    Reference:
        Ryu, Yuan, Yin, "ODE Analysis of Stochastic Gradient Methods with Optimism and Anchoring for Minimax Problems",
        2019, https://arxiv.org/abs/1905.10899; Surina et al., "An Improved Last-Iterate Convergence Rate for Anchored
        Gradient Descent Ascent", 2026, https://arxiv.org/abs/2604.03782
    """
    check_number("pull", pull, least=0.0)
    check_number("power", power, least=0.0, most=1.0)
    check_number("shift", shift, above=0.0)

    rates.check("learning_rate", learning_rate)

    def init(params: PyTree) -> AnchoredGdaState:
        anchor = jax.tree.map(jnp.asarray, params)
        return AnchoredGdaState(rates.init(learning_rate), jnp.zeros((), jnp.int32), anchor)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, AnchoredGdaState]:
        if params is None:
            raise ValueError("anchored_gda needs the players. Pass them to update, as gamesolve.step does.")

        def moved(anchor: jax.Array, z: jax.Array, scaled: jax.Array) -> jax.Array:
            later = state.count.astype(z.dtype) + jnp.asarray(shift, z.dtype)
            weight = jnp.asarray(pull, z.dtype) / later
            return weight * (anchor - z) - scaled / later ** jnp.asarray(power, z.dtype)

        scaled = rates.times(rates.current(learning_rate, state.rates), updates)
        moves = jax.tree.map(moved, state.anchor, jax.tree.map(jnp.asarray, params), scaled)
        return moves, AnchoredGdaState(rates.advance(state.rates), optax.safe_increment(state.count), state.anchor)

    return optax.GradientTransformation(init, update)


def _anchored(
    name: str,
    learning_rate: rates.Rates,
    memory: Callable[[Players], PyTree],
    move: Callable[[Step, AnchoredState], tuple[Players, PyTree]],
) -> optax.GradientTransformationExtraArgs:
    """Make the part whose formula is ``move``, which returns the move and the next ``memory``."""

    def start(players: Players) -> AnchoredState:
        return AnchoredState(jnp.zeros((), jnp.int32), jax.tree.map(jnp.asarray, players), memory(players))

    def formula(step: Step, state: AnchoredState) -> tuple[Players, AnchoredState]:
        moved, remembered = move(step, state)
        return moved, AnchoredState(optax.safe_increment(state.count), state.anchor, remembered)

    return part(name, formula, learning_rate, coefficient="learning_rate", memory=start)


def _pull(step: Step, state: AnchoredState) -> Players:
    """Return the pull towards the start, ``(z_0 - z) / (k + 2)``."""
    return _pulled(step, state, lambda dtype: 1 / (state.count + 2).astype(dtype))


def _pulled(step: Step, state: AnchoredState, weight: Callable[[DType], jax.Array]) -> Players:
    return jax.tree.map(lambda anchor, z: weight(z.dtype) * (anchor - z), state.anchor, step.players)


def _extra_move(step: Step, state: AnchoredState, eta: rates.Rates) -> Players:
    pull = _pull(step, state)
    trial = jax.tree.map(lambda z, a, s: z + a - s, step.players, pull, rates.times(eta, step.u))
    return optax.tree.add(pull, rates.times(eta, step.game.gradients(trial)))


def _fast_move(
    step: Step, state: AnchoredState, weight: Callable[[DType], jax.Array], ahead: Players
) -> tuple[Players, Players]:
    """Return the anchored move with the field at a trial point, to which the field ``ahead`` leads, and that field."""
    pull = _pulled(step, state, weight)
    shorter = jax.tree.map(lambda v: (1 - weight(v.dtype)) * v, rates.times(step.rates, ahead))
    field = step.game.gradients(optax.tree.add(step.players, optax.tree.add(pull, shorter)))
    return optax.tree.add(pull, rates.times(step.rates, field)), field
