"""A step size that keeps the loss of a discriminator near that of an ideal one."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number, known
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.trees import PyTree, Scalar, State, Updates, at_least_float32, widest


class GapState(NamedTuple):
    """State of `gap_aware`: the moving average of the loss."""

    loss: jax.Array


@parametric
def gap_aware(
    ideal: float, width: float | None = None, lowest: float = 0.1, highest: float = 2.0, decay: float = 0.95
) -> optax.GradientTransformationExtraArgs:
    """Scale the moves of a discriminator so that its loss stays near the loss that is ideal.

    The ideal loss is that of the best discriminator when generated and real examples have the same distribution; a
    `games.gan.Loss` knows it as ``ideal``. Let L be the moving average of the player's loss, which starts at the ideal
    one. The moves are multiplied by ``min(highest^(g / width), highest)`` if ``g = L - ideal`` is positive, and by
    ``max(lowest^(-g / width), lowest)`` otherwise. So a discriminator that is too good slows down.

    Args:
        ideal: the ideal loss, that is, the negated payoff.
        width: gap at which the factor reaches its limits. Default: a tenth of the ideal loss. Give it if that is 0.
        lowest: factor of a discriminator that is too good, at most 1. Default: 0.1.
        highest: factor of a discriminator that is too weak, at least 1. Default: 2.
        decay: decay rate of the moving average. Default: 0.95.

    Returns:
        The transformation. It goes after an optimiser inside `per_player` or `alternating`, which pass the loss.

    Example:
        >>> import optax, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> balanced = optax.chain(optax.adam(1e-3), gs.transforms.gap_aware(gan.hinge.ideal))
        >>> experiment = gan.ring(8, batch_size=16, loss=gan.hinge)
        >>> solver = gs.per_player(optax.adam(1e-3), balanced)
        >>> run = gs.solve(experiment.game, solver, experiment.game.start, 2, sample=experiment.sample,
        ...                key=jax.random.key(0))
        >>> run.status == gs.Status.BUDGET
        Array(True, dtype=bool)

    Reference:
        Hazimeh, Ponomareva, "Mind the (optimality) Gap: A Gap-Aware Learning Rate Scheduler for Adversarial Nets",
        AISTATS 2023, https://arxiv.org/abs/2302.00089
    """
    check_number("ideal", ideal)
    if width is None and known(ideal) == 0:
        raise ValueError(
            "width must be given if the ideal loss is 0, got None. Give the gap at which the factor is largest."
        )
    gap = abs(ideal) / 10 if width is None else width
    check_number("width", gap, above=0.0)
    check_number("lowest", lowest, above=0.0, most=1.0)
    check_number("highest", highest, least=1.0)
    check_number("decay", decay, least=0.0, below=1.0)

    def init(params: PyTree) -> GapState:
        return GapState(jnp.asarray(ideal, at_least_float32(widest(params))))

    def update(
        updates: Updates, state: State, params: PyTree = None, *, value: Scalar | None = None, **_: object
    ) -> tuple[Updates, GapState]:
        del params
        if value is None:
            raise ValueError(
                "gap_aware must get value=, the loss of its player, got none. Place it inside per_player or "
                "alternating."
            )
        loss = decay * state.loss + (1 - decay) * jnp.asarray(value, state.loss.dtype)
        distance = jnp.clip((loss - ideal) / gap, -1, 1)
        factor = jnp.where(distance > 0, highest**distance, lowest**-distance)
        return rates.times(factor, updates), GapState(loss.astype(state.loss.dtype))

    return optax.GradientTransformationExtraArgs(init, update)
