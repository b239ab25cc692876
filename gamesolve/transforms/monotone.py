"""Parts for monotone games: anchored steps and operator splitting."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.driving.sets import Projections, declare, projected
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, past_field
from gamesolve.transforms.geometry import check_projections
from gamesolve.trees import Players, PyTree, Scalar, widest


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
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Yoon, Ryu, ICML 2021, https://arxiv.org/abs/2102.07922
    """
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("lipschitz", lipschitz, above=0.0)
    if isinstance(learning_rate, float) and isinstance(lipschitz, float) and learning_rate * lipschitz >= 0.75:
        raise ValueError(f"learning_rate must be below 3 / (4 lipschitz) = {0.75 / lipschitz}, got {learning_rate}.")

    def first(players: Players) -> jax.Array:
        return jnp.asarray(learning_rate, widest(players))

    def move(step: Step, state: AnchoredState) -> tuple[Players, jax.Array]:
        eta, k = state.memory, state.count.astype(state.memory.dtype)
        square = (eta * lipschitz) ** 2
        following = eta * (1 - (k + 2) ** 2 / ((k + 1) * (k + 3)) * square) / (1 - square)
        return _extra_move(step, state, eta), following

    return _anchored("anchored_extragradient_varying", (), first, move)


@parametric
def halpern(learning_rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of the Halpern iteration in Popov's form, with one field per step.

    ``a = (z_0 - z) / (k + 2)``, ``w_k = z + a + E v(w_(k-1))``, the move is ``a + E v(w_k)``; ``v(w_(-1)) = v(z_0)``.

    Args:
        learning_rate: step size, see `transforms.rates`.

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
    towards = lambda anchor, z: (anchor - z) / (state.count + 2).astype(z.dtype)
    return jax.tree.map(towards, state.anchor, step.players)


def _extra_move(step: Step, state: AnchoredState, eta: rates.Rates) -> Players:
    pull = _pull(step, state)
    trial = jax.tree.map(lambda z, a, s: z + a - s, step.players, pull, rates.times(eta, step.u))
    return optax.tree.add(pull, rates.times(eta, step.game.gradients(trial)))


@parametric
def forward_backward_forward(
    learning_rate: rates.Rates, projections: Projections = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of Tseng's splitting: forward, backward (the projection), forward.

    ``w = project(z + E v(z))`` and the next players are ``w + E (v(w) - v(z))``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.transforms.forward_backward_forward(0.5), (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Tseng, "A Modified Forward-Backward Splitting Method for Maximal Monotone Mappings", SICON 2000.
    """
    check_projections(projections)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        middle = projected(projections, optax.tree.sub(step.players, rates.times(step.rates, step.u)))
        change = optax.tree.add(step.game.draw(1).gradients(middle), step.u)
        return optax.tree.add(optax.tree.sub(middle, step.players), rates.times(step.rates, change)), memory

    def start(players: Players) -> optax.EmptyState:
        declare(projections, players)
        return optax.EmptyState()

    return part("forward_backward_forward", formula, learning_rate, coefficient="learning_rate", memory=start)
