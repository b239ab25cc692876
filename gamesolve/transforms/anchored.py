"""Anchored methods: every step is also pulled towards the start, less and less."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import rates
from gamesolve.game import Game, Players
from gamesolve.parametric import parametric
from gamesolve.transforms._parts import past_field, plus, remembering


class AnchoredState(NamedTuple):
    """Memory of an anchored method: steps taken, the start, and what the step size or the past field is."""

    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    anchor: Any
    memory: Any


@parametric
def anchored(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of EAG-C: an extragradient step whose both halves are pulled to the start.

    ``a = (z_0 - z) / (k + 2)``, ``w = z + a + E v(z)``, and the move is ``a + E v(w)``.

    Args:
        learning_rate: step size: a number, a schedule, an array, or a tuple with one of those per player; at most
            1 / (8 R) for a monotone field with Lipschitz constant R.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=``.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.anchored(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, "Accelerated Algorithms for Smooth Convex-Concave Minimax Problems with O(1/k^2) Rate on Squared
        Gradient Norm", ICML 2021, https://arxiv.org/abs/2102.07922
    """

    def step(state: AnchoredState, players: Players, u: Players, field: Any, eta: Any) -> tuple[Any, Any]:
        return _extra_move(state, players, u, field, eta), state.memory

    return _anchored("anchored", learning_rate, lambda _: optax.EmptyState(), step)


@parametric
def anchored_varying(learning_rate: float, lipschitz: float) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of EAG-V: `anchored` with step sizes that fall to a positive limit.

    ``eta_(k+1) = eta_k (1 - (k+2)^2 / ((k+1)(k+3)) eta_k^2 R^2) / (1 - eta_k^2 R^2)``.

    Args:
        learning_rate: eta_0, below 3 / (4 R).
        lipschitz: R, the Lipschitz constant of the field.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=``.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.anchored_varying(0.5, lipschitz=1.0)
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, ICML 2021, https://arxiv.org/abs/2102.07922
    """
    rates.check_number("learning_rate", learning_rate, above=0.0)
    rates.check_number("lipschitz", lipschitz, above=0.0)
    if isinstance(learning_rate, float) and isinstance(lipschitz, float) and learning_rate * lipschitz >= 0.75:
        raise ValueError(f"learning_rate is {learning_rate}; it must be below 3 / (4 lipschitz) = {0.75 / lipschitz}.")

    def first(params: Any) -> Any:
        return jnp.asarray(learning_rate, optax.tree.dtype(params, "lowest"))

    def step(state: AnchoredState, players: Players, u: Players, field: Any, _: Any) -> tuple[Any, Any]:
        eta, k = state.memory, state.count.astype(state.memory.dtype)
        square = (eta * lipschitz) ** 2
        following = eta * (1 - (k + 2) ** 2 / ((k + 1) * (k + 3)) * square) / (1 - square)
        return _extra_move(state, players, u, field, eta), following

    return _anchored("anchored_varying", (), first, step)


@parametric
def anchored_past(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of the Halpern iteration in Popov's form: one field a step.

    ``a = (z_0 - z) / (k + 2)``, ``w_k = z + a + E v(w_(k-1))``, the move is ``a + E v(w_k)``; ``v(w_(-1)) = v(z_0)``.

    Args:
        learning_rate: step size: a number, a schedule, an array, or a tuple with one of those per player.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=``.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.anchored_past(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tran-Dinh, Luo, "Halpern-Type Accelerated and Splitting Algorithms For Monotone Inclusions", 2021,
        https://arxiv.org/abs/2110.08150
    """

    def step(state: AnchoredState, players: Players, _: Any, field: Any, eta: Any) -> tuple[Any, Any]:
        past, pull = past_field(state.count, state.memory, players, field), _pull(state, players)
        following = field(plus(players, plus(pull, rates.times(eta, past))))
        return plus(pull, rates.times(eta, following)), following

    return _anchored("anchored_past", learning_rate, optax.tree.zeros_like, step)


def _anchored(name: str, learning_rate: Any, memory: Callable[..., Any], step: Callable[..., Any]) -> Any:
    def start(params: Any) -> AnchoredState:
        return AnchoredState(jnp.zeros((), jnp.int32), jax.tree.map(jnp.asarray, params), memory(params))

    def formula(game: Game, players: Players, u: Players, _: Any, eta: Any, state: AnchoredState) -> tuple[Any, Any]:
        move, remembered = step(state, players, u, game.field, eta)
        return move, AnchoredState(optax.safe_increment(state.count), state.anchor, remembered)

    return remembering(name, learning_rate, start, formula, coefficient="learning_rate")


def _pull(state: AnchoredState, players: Players) -> Players:
    return jax.tree.map(lambda anchor, z: (anchor - z) / (state.count + 2).astype(z.dtype), state.anchor, players)


def _extra_move(state: AnchoredState, players: Players, u: Players, field: Callable[..., Any], eta: Any) -> Players:
    pull = _pull(state, players)
    trial = jax.tree.map(lambda z, a, s: z + a - s, players, pull, rates.times(eta, u))
    return plus(pull, rates.times(eta, field(trial)))
