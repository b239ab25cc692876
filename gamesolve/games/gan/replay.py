"""Replay of old examples: a memory that shows the discriminator what the generator made earlier."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.checks import check_number, whole_number
from gamesolve.game import Aux, general_sum, zero_sum
from gamesolve.games.gan.adversaries import Discriminating, Generating
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.regularisers import Regulariser
from gamesolve.trees import Batch, PyTree, Scalar


def replayed(experiment: Experiment, slots: int = 1000, weight: Scalar = 1.0) -> Experiment:
    """Show the discriminator old generated examples beside the new ones, so that it forgets less.

    A memory keeps one generated example of each of the last ``slots`` steps. To the discriminator's payoff on a batch
    it adds ``weight`` times the same payoff, with its penalties, on the real examples and as many old ones. These are
    evenly spaced over the memory. Old examples do not depend on the generator, so its field is that of the plain game.
    The first step has no old examples.

    The memory is the model state of the game: checkpoints store it, and ``solution.model_state`` is its end.

    Args:
        experiment: experiment with a sampler whose game is that of `adversarial`, for example `line` or `images`.
        slots: number of steps that the memory spans.
        weight: weight of the old examples. It is a constant of the game.

    Returns:
        The experiment with the same start, sampler and measures. The game is zero-sum if it was.

    Raises:
        ValueError: if the experiment does not have a sampler or a start, or its game is not that of `adversarial`.

    Example:
        >>> import jax, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> experiment = gan.replayed(gan.line(batch_size=8), slots=100)
        >>> run = gs.solve(experiment.game, gs.simgd(0.01), experiment.game.start, 3, sample=experiment.sample,
        ...                key=jax.random.key(0))
        >>> int(run.model_state.steps), run.model_state.examples.shape
        (3, (100, 1))

    Reference:
        Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", CVPR 2017,
        https://arxiv.org/abs/1612.07828; Thanh-Tung, Tran, "Catastrophic Forgetting and Mode Collapse in GANs", IJCNN
        2020, https://arxiv.org/abs/1807.04015
    """
    slots = whole_number("slots", slots, least=1)
    check_number("weight", weight, least=0.0)
    game, sample = experiment.game, experiment.sample
    payoff = game.payoffs[-1]
    if sample is None or game.start is None or not isinstance(payoff, Discriminating):
        raise ValueError(
            "experiment must have a sampler, a start and a game of gan.adversarial, got one without. Make it with "
            "gan.clusters or gan.images, or as gan.Experiment(game, sample, {})."
        )
    made = jax.eval_shape(lambda: payoff.parts.generate(game.start[0], sample(jax.random.key(0))[1]))
    memory = Memory(jnp.zeros((), jnp.int32), jnp.zeros((slots, *made.shape[1:]), made.dtype))
    constants = (*game.constants, weight)
    remembering = Remembering(payoff)
    if game.is_zero_sum:
        replaying = zero_sum(remembering, constants=constants, model_state=memory)
    else:
        replaying = general_sum(Passing(Generating(payoff.parts)), remembering, constants=constants, model_state=memory)
    return experiment._replace(game=dataclasses.replace(replaying, start=game.start, equilibria=game.equilibria))


class Memory(NamedTuple):
    """Number of steps so far, and one example of each of the last steps, shape (slots, ...)."""

    steps: jax.Array
    examples: jax.Array


@dataclasses.dataclass(frozen=True)
class Remembering:
    """The discriminator's payoff on new and on old examples."""

    payoff: Discriminating

    def __call__(
        self,
        generator: PyTree,
        discriminator: PyTree,
        regularisers: tuple[Regulariser, ...],
        weight: Scalar,
        batch: Batch,
        *,
        model_state: Memory,
    ) -> tuple[jax.Array, Aux]:
        """Return the payoff, and the memory with one of the new examples."""
        real, latent, *rest = batch
        steps, examples = model_state
        # The first slots are the oldest or the only ones. A place that moves by one per step visits all of them.
        filled = jnp.clip(steps, 1, len(examples))
        places = (jnp.arange(len(real)) * filled // len(real) + steps) % filled
        on_old = Discriminating(self.payoff.parts._replace(generate=_given))
        old = on_old(generator, discriminator, regularisers, (real, examples[places], *rest))
        new = self.payoff(generator, discriminator, regularisers, batch)
        made = self.payoff.parts.generate(generator, latent)[0]
        memory = Memory(steps + 1, examples.at[steps % len(examples)].set(made))
        return new + jnp.where(steps > 0, weight, 0) * old, Aux(model_state=memory)


@dataclasses.dataclass(frozen=True)
class Passing:
    """The generator's payoff in a game that is not zero-sum; it leaves the memory unchanged."""

    payoff: Generating

    def __call__(
        self,
        generator: PyTree,
        discriminator: PyTree,
        regularisers: tuple[Regulariser, ...],
        weight: Scalar,
        batch: Batch,
        *,
        model_state: Memory,
    ) -> jax.Array:
        """Return the payoff without the memory."""
        del weight, model_state
        return self.payoff(generator, discriminator, regularisers, batch)


def _given(generator: PyTree, examples: jax.Array) -> jax.Array:
    del generator
    return examples
