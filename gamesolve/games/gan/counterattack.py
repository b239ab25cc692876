"""The counter-attack: train a discriminator without its adversary, then let the generator answer."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.driving.solve import solve
from gamesolve.game import Players
from gamesolve.games.gan.experiment import Experiment


class CounterAttack(NamedTuple):
    """What happened to the discriminator; its loss is the negated payoff, a mean over batches that stay the same.

    Attributes:
        speed: mean absolute change of the logits a step in the first phase, on real images and on the generator's
            images from before it.
        before: its loss at the start.
        trained: its loss after the first phase.
        attacked: its largest loss while the generator answers.
        losses: over the first phase, shape (steps,).
        answers: its losses over the second phase, shape (answer_steps,).
        players: after the second phase.
    """

    speed: jax.Array
    before: jax.Array
    trained: jax.Array
    attacked: jax.Array
    losses: jax.Array
    answers: jax.Array
    players: Players

    @property
    def jump(self) -> jax.Array:
        """How far the loss rises at the counter-attack."""
        return self.attacked - self.trained


def counter_attack(
    experiment: Experiment,
    solver: Any,
    answer: Any,
    players: Players,
    *,
    key: jax.Array,
    steps: int = 200,
    answer_steps: int = 200,
    batches: int = 8,
) -> CounterAttack:
    """Continue a saved GAN with one solver, then with another, and watch the discriminator.

    For the discriminator alone take ``alternating(tx, tx, order=(1,))``, or a solver that looks at the game followed by
    ``per_player(optax.set_to_zero(), optax.identity())``; for the generator's answer the reverse.

    Args:
        experiment: with the measure ``logits``, such as `images` makes.
        solver: of the first phase.
        answer: of the second phase.
        players: the saved GAN.
        key: typed random key.
        steps: of the first phase.
        answer_steps: of the second phase.
        batches: number of batches over which the loss is averaged.

    Returns:
        The `CounterAttack`; works under ``jit`` and ``vmap``.

    Example:
        >>> import jax, optax, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> experiment = gan.images(gs.games.data.digits(), gan.perceptrons((8, 8), widths=(16,)))
        >>> sgd = optax.sgd(0.1)
        >>> alone, answer = (gs.alternating(sgd, sgd, order=order) for order in ((1,), (0,)))
        >>> seen = gan.counter_attack(experiment, alone, answer, experiment.game.start, key=jax.random.key(0), steps=20)
        >>> bool(seen.trained < seen.before < seen.attacked)
        True

    Reference:
        Schaefer, Zheng, Anandkumar, "Implicit competitive regularization in GANs", ICML 2020,
        https://arxiv.org/abs/1910.05852
    """
    if experiment.sample is None or "logits" not in experiment.measures:
        raise ValueError("experiment must have a sampler and the measure 'logits', as those of `images` have.")
    draw, first, second = jax.random.split(key, 3)
    watched = jax.vmap(experiment.sample)(jax.random.split(draw, batches))
    loss = jax.tree_util.Partial(_loss, experiment.game, watched)
    logits = jax.tree_util.Partial(_logits, experiment.measures["logits"], players[0])
    record = jax.tree_util.Partial(_seen, loss, logits)
    run = solve(experiment.game, solver, players, steps, sample=experiment.sample, key=first, record=record)
    losses, outputs = run.trace
    path = jnp.concatenate([logits(players, None)[None], outputs])
    answered = solve(
        experiment.game, answer, run.players, answer_steps, sample=experiment.sample, key=second, record=loss
    )
    return CounterAttack(
        speed=jnp.mean(jnp.abs(jnp.diff(path, axis=0))),
        before=loss(players, None),
        trained=losses[-1],
        attacked=jnp.max(answered.trace),
        losses=losses,
        answers=answered.trace,
        players=answered.players,
    )


def _loss(game: Any, watched: Any, players: Players, state: Any) -> jax.Array:
    del state
    return -jnp.mean(jax.vmap(lambda batch: game.bind(batch).evaluate(players)[1])(watched))


def _logits(measure: Any, generator: Any, players: Players, state: Any) -> jax.Array:
    del state
    return measure((generator, players[1]))


def _seen(loss: Any, logits: Any, players: Players, state: Any) -> tuple[jax.Array, jax.Array]:
    return loss(players, state), logits(players, state)
