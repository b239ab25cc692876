"""Parts for monotone games: anchored steps, splitting, the golden ratio."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.game import Game, Players
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import inner, memoryless, minus, past_field, plus, remembering
from gamesolve.transforms.geometry import Projections, projected


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
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("lipschitz", lipschitz, above=0.0)
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
        move, remembered = step(state, players, u, game.gradients, eta)
        return move, AnchoredState(optax.safe_increment(state.count), state.anchor, remembered)

    return remembering(name, learning_rate, start, formula, coefficient="learning_rate")


def _pull(state: AnchoredState, players: Players) -> Players:
    return jax.tree.map(lambda anchor, z: (anchor - z) / (state.count + 2).astype(z.dtype), state.anchor, players)


def _extra_move(state: AnchoredState, players: Players, u: Players, field: Callable[..., Any], eta: Any) -> Players:
    pull = _pull(state, players)
    trial = jax.tree.map(lambda z, a, s: z + a - s, players, pull, rates.times(eta, u))
    return plus(pull, rates.times(eta, field(trial)))


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
        return plus(minus(middle, players), rates.times(eta, plus(game.draw(1).gradients(middle), u)))

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
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("ratio", ratio, above=1.0, most=(1 + 5**0.5) / 2)

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
