"""Train one combination on several lanes, chunk by chunk, and measure the generators."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import gamesolve as gs
from benchmarks.images.choices import CLIP, CLIPPING, DATA, LOSSES, NETWORKS, OPTIMISERS, REGULARISERS, Choice
from gamesolve.games import data, gan
from gamesolve.trees import Players, Scalar, State

CHUNK = 25
# What is measured of the images, and the same of real ones.
MEASURED = {
    "distance": ("frechet", "frechet_floor"),
    "score": ("score", "real_score"),
    "coverage": ("coverage", "real_coverage"),
    "precision": ("precision", "real_precision"),
    "recall": ("recall", "real_recall"),
}


class Scene(NamedTuple):
    """Data with the classifier that judges images of them, the networks, and the number of examples of a batch."""

    dataset: data.Dataset
    classifier: gan.Classifier
    networks: gan.Networks
    batch: int


class Lanes(NamedTuple):
    """Runs of one program: step sizes of shape (lanes, 2), players, states, random keys, and fields spent by each."""

    rates: jax.Array
    players: Players
    state: State
    keys: jax.Array
    fields: jax.Array

    @property
    def smooth(self) -> Players:
        """The moving averages of the players."""
        return optax.tree.get(self.state, "average")


class Trainer(NamedTuple):
    """How one combination is trained.

    Attributes:
        start: ``start(rates, keys) -> lanes``.
        advance: ``advance(lanes) -> lanes`` after a chunk of updates of the generator.
        quality: ``quality(players) -> measures`` of the lanes' players.
    """

    start: Callable[[jax.Array, jax.Array], Lanes]
    advance: Callable[[Lanes], Lanes]
    quality: Callable[[Players], gan.ImageMeasures]


def scene(name: str, networks: str, batch: int) -> Scene:
    """Return the scene of a data set with networks of a kind."""
    dataset = DATA[name]()
    return Scene(dataset, gan.train_classifier(dataset), NETWORKS[networks](dataset.inputs.shape[1:]), batch)


def real(scene: Scene) -> dict[str, float]:
    """Return the measures of real images against other real ones: the best that can be expected."""
    experiment = gan.images(scene.dataset, classifier=scene.classifier)
    measured = experiment.measures["quality"](experiment.game.start)  # pyright: ignore[reportArgumentType]
    return {name: float(getattr(measured, best)) for name, (_, best) in MEASURED.items()}


def trainer(scene: Scene, choice: Choice) -> Trainer:
    """Return the trainer of a combination."""
    experiment = gan.images(
        scene.dataset,
        scene.networks,
        LOSSES[choice.loss],
        REGULARISERS[choice.regulariser],
        batch_size=scene.batch,
        classifier=scene.classifier,
    )
    make, advance = _program(choice.optimiser, choice.regulariser == CLIPPING)

    def start(rates: jax.Array, keys: jax.Array) -> Lanes:
        starts, keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        players = jax.vmap(scene.networks.init)(starts)
        state = jax.vmap(lambda rate, lane: make(rate).init(lane))(rates, players)
        return Lanes(rates, players, state, keys, jnp.zeros(len(rates)))

    quality = functools.partial(_quality, experiment.measures["quality"])
    examples = OPTIMISERS[choice.optimiser].examples
    share = 1.0 if examples is None else min(1.0, examples / scene.batch)
    return Trainer(start, functools.partial(advance, experiment.game, experiment.sample, share), quality)


def timed(trainer: Trainer, lanes: Lanes) -> tuple[float, Lanes]:
    """Return the CPU seconds of a chunk, those of all threads and without waiting, and the lanes after it."""
    begin = time.process_time()
    lanes = jax.block_until_ready(trainer.advance(lanes))
    return time.process_time() - begin, lanes


@functools.cache
def _program(name: str, clipped: bool) -> tuple[Callable[[jax.Array], Any], Callable[..., Lanes]]:
    """Return the solver's constructor and its compiled chunk, which games that differ only in strengths share."""
    optimiser = OPTIMISERS[name]

    def make(rates: jax.Array) -> optax.GradientTransformation:
        solver = optimiser.make(rates[0], rates[1])
        if clipped:
            solver = optax.chain(solver, gs.transforms.project((None, gan.clip(CLIP))))
        return gs.average(solver, decay=forgetting)

    @jax.jit
    def advance(game: gs.Game, sample: Callable[[jax.Array], Any], share: Scalar, lanes: Lanes) -> Lanes:
        def one(lane: Lanes) -> Lanes:
            here, later = jax.random.split(lane.keys)
            solution = gs.solve(
                game,
                make(lane.rates),
                lane.players,
                CHUNK,
                state=lane.state,
                sample=sample,
                key=here,
                record=None if optimiser.solve is None else last_iterations,
            )
            products = 0.0 if optimiser.solve is None else CHUNK * optimiser.solve + jnp.sum(solution.trace)
            spent = lane.fields + CHUNK * optimiser.fields + share * products
            return Lanes(lane.rates, solution.players, solution.state, later, spent)

        # One lane after the other: side by side each would wait for the longest inner solve, at twice the CPU time.
        return jax.lax.map(one, lanes)

    return make, advance


def forgetting(t: jax.Array) -> Scalar:
    """Return the decay of the moving average of the players after t steps."""
    return jnp.minimum(0.995, (1 + t) / (10 + t))


def last_iterations(players: Players, state: State) -> jax.Array:
    """Return the iterations of the last solve, to be recorded."""
    del players
    return optax.tree.get(state, "iterations")


@jax.jit
def _quality(measure: Callable[[Players], gan.ImageMeasures], players: Players) -> gan.ImageMeasures:
    return jax.vmap(measure)(players)
