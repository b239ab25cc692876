"""Extragradient steps on the parts of a finite sum, in a random order and back."""

import jax
import jax.numpy as jnp
import optax

from gamesolve import estimators
from gamesolve.game import Game
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, require_no_model_state
from gamesolve.trees import Batch, Players, Scalar


@parametric
def flip_flop_extragradient(
    learning_rate: rates.Rates, batches: int | None = None, seed: int = 0
) -> optax.GradientTransformationExtraArgs:
    """Turn u into half the way of an epoch of extragradient steps: over all parts of the data in a new order, and back.

    On part i the step is ``z + E v_i(z + E/2 v_i(z))``. The move leads to the mean of the first and the last players.

    Args:
        learning_rate: step size E, see `transforms.rates`; schedules count epochs.
        batches: number of equal parts of the data that the game is bound to. Default: one per example.
        seed: seed of the random orders.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.single_entries(2)
        >>> end = gs.step(game, gs.transforms.flip_flop_extragradient(0.5), game.start)[0]
        >>> [[round(float(entry), 4) for entry in player] for player in end]
        [[-0.375, -0.375], [0.625, 0.625]]

    Reference:
        Chae, Yun, Kim, "Stochastic Extragradient with Flip-Flop Shuffling & Anchoring: Provable Improvements", NeurIPS
        2024, https://arxiv.org/abs/2501.00511
    """
    if batches is not None and batches < 1:
        raise ValueError(f"batches must be at least 1, got {batches}.")

    def formula(step: Step, count: Scalar) -> tuple[Players, Scalar]:
        require_no_model_state("flip_flop_extragradient", step.game)
        parts, number = _divided(step.game, batches)
        order = jax.random.permutation(jax.random.fold_in(jax.random.key(seed), count), number)
        half = jax.tree.map(lambda eta: eta / 2, step.rates)

        def visit(players: Players, index: jax.Array) -> tuple[Players, None]:
            game = step.game.bind(*jax.tree.map(lambda leaf: leaf[index], parts))
            trial = optax.tree.add(players, rates.times(half, game.gradients(players)))
            return optax.tree.add(players, rates.times(step.rates, game.gradients(trial))), None

        first = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.asarray(leaf).dtype), step.players)
        last, _ = jax.lax.scan(visit, first, jnp.concatenate([order, order[::-1]]), unroll=2)
        return jax.tree.map(lambda end, start: (end - start) / 2, last, first), optax.safe_increment(count)

    start = lambda players: jnp.zeros((), jnp.int32)
    return part("flip_flop_extragradient", formula, learning_rate, coefficient="learning_rate", memory=start)


def _divided(game: Game, batches: int | None) -> tuple[tuple[Batch, ...], int]:
    """Return the parts of the bound data, stacked, and their number: one if there is no data."""
    if not game.data:
        return (), 1
    examples = estimators.batch_size(game.data, "batches=")
    number = examples if batches is None else batches
    if examples % number:
        raise ValueError(
            f"batches must divide the {examples} examples of the data, got {number}. Choose a divisor of {examples}."
        )
    return estimators.split(game.data, number), number
