"""The counter-attack: train a discriminator without its adversary, then let the generator answer."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.driving.solve import solve
from gamesolve.game import Game
from gamesolve.games.gan.experiment import Experiment
from gamesolve.trees import Batch, Players, PyTree, State
from gamesolve.trees.faces import shown


@shown()
class CounterAttack(NamedTuple):
    """The discriminator's behaviour in both phases. Its loss is its negated payoff, averaged over fixed batches.

    Attributes:
        speed: mean absolute change of the logits per step in the first phase, on real images and on the images that
            the generator made before it.
        before: loss at the start.
        trained: loss after the first phase.
        attacked: largest loss while the generator answers.
        losses: losses in the first phase, shape (steps,).
        answers: losses in the second phase, shape (answer_steps,).
        players: players after the second phase.
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
        """Rise of the loss during the counter-attack."""
        return self.attacked - self.trained


def counter_attack(
    experiment: Experiment,
    solver: optax.GradientTransformation,
    answer: optax.GradientTransformation,
    players: Players,
    *,
    key: jax.Array,
    steps: int = 200,
    answer_steps: int = 200,
    batches: int = 8,
    state: State | None = None,
) -> CounterAttack:
    """Continue a saved GAN with one solver, then with another, and measure the discriminator's loss.

    To train the discriminator alone, use ``alternating(tx, tx, order=(1,))``, or chain a solver with
    ``per_player(optax.set_to_zero(), optax.identity())``: after `cgd` or `acgd` such a discriminator imagines an answer
    of the generator that does not come. For the generator's answer, exchange the players.

    Works under ``jit`` and ``vmap``.

    Args:
        experiment: experiment with the measure ``logits``, such as those of `images`.
        solver: solver of the first phase.
        answer: solver of the second phase.
        players: the saved GAN.
        key: typed random key.
        steps: number of steps in the first phase.
        answer_steps: number of steps in the second phase.
        batches: number of batches over which the loss is averaged.
        state: state of ``solver`` to begin with, such as the averages that `acgd` had when the GAN was saved. Default:
            a fresh one.

    Returns:
        The `CounterAttack`.

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
        raise ValueError("experiment must have a sampler and the measure 'logits'. Make it with gan.images.")
    draw, first, second = jax.random.split(key, 3)
    watched = jax.vmap(experiment.sample)(jax.random.split(draw, batches))
    loss = jax.tree_util.Partial(_loss, experiment.game, watched)
    logits = jax.tree_util.Partial(_logits, experiment.measures["logits"], players[0])
    record = jax.tree_util.Partial(_seen, loss, logits)
    run = solve(
        experiment.game, solver, players, steps, state=state, sample=experiment.sample, key=first, record=record
    )
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


def _loss(game: Game, watched: Batch, players: Players, state: State) -> jax.Array:
    del state
    return -jnp.mean(jax.vmap(lambda batch: game.bind(batch).evaluate(players)[1])(watched))


def _logits(measure: Callable[[Players], jax.Array], generator: PyTree, players: Players, state: State) -> jax.Array:
    del state
    return measure((generator, players[1]))


def _seen(
    loss: Callable[..., jax.Array], logits: Callable[..., jax.Array], players: Players, state: State
) -> tuple[jax.Array, jax.Array]:
    return loss(players, state), logits(players, state)
