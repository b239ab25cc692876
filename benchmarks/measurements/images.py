"""Measure which optimiser makes the best images, with and without a regulariser, at equal budgets."""

import argparse
import functools
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.report import Row
from gamesolve.game import Players
from gamesolve.games import data, gan
from gamesolve.trees import Scalar, State

DATA: Mapping[str, Callable[[], data.Dataset]] = {"digits": data.digits, "mnist-5k": data.mnist_5k}
# Budgets; a step on images twelve times as large takes longer, and more steps are needed.
SECONDS = {"digits": 1.5, "mnist-5k": 10.0}
STEPS = {"digits": 300, "mnist-5k": 500}
# Every GAN gets the step size with which a separate seed ends nearest to the data.
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
CRITIC = "n-critic WGAN"
OPTIMISERS: Mapping[str, Callable[[Scalar], optax.GradientTransformation]] = {
    "Adam SimGD": lambda rate: gs.per_player(_adam(rate), _adam(rate)),
    "Adam AltGD": lambda rate: gs.alternating(_adam(rate), _adam(rate)),
    "consensus plugin": lambda rate: optax.chain(gs.transforms.consensus(0.1), optax.rmsprop(rate)),
    "consensus unbiased": lambda rate: optax.chain(gs.transforms.consensus(0.1, groups=2), optax.rmsprop(rate)),
    "extra-Adam": lambda rate: gs.extra_adam(rate, b1=0.5),
    "ACGD": gs.acgd,
    CRITIC: lambda rate: gs.alternating(optax.rmsprop(rate), optax.rmsprop(rate), order=(1, 1, 1, 1, 1, 0)),
}
REGULARISERS: Mapping[str, gan.Regulariser] = {
    "none": gan.weight_decay(0.0),
    "weight decay": gan.weight_decay(1e-3),
    "R1": gan.r1(0.1),
    "gradient penalty": gan.gradient_penalty(1.0),
}
CHUNK = 50
CLIP = 0.1
# The measures, and those of real images.
MEASURED = {
    "score": "real_score",
    "frechet": "frechet_floor",
    "coverage": "real_coverage",
    "precision": "real_precision",
    "recall": "real_recall",
}


class Lanes(NamedTuple):
    """Runs of one optimiser with one regulariser, side by side: step sizes, players, states and random keys."""

    rates: jax.Array
    players: Players
    state: State
    keys: jax.Array


class Trainer(NamedTuple):
    """One optimiser with one regulariser; ``advance`` takes a chunk of steps, ``quality`` measures players."""

    start: Callable[[jax.Array, jax.Array], Lanes]
    advance: Callable[[Lanes], Lanes]
    quality: Callable[[Players], gan.ImageMeasures]


OPTIONS = {
    "data": report.choices(DATA),
    "optimisers": report.choices(OPTIMISERS),
    "regularisers": report.choices(REGULARISERS),
    "seeds": {"type": int, "default": 3},
    "seconds": {"type": float, "help": f"budget in CPU seconds per seed (default: {SECONDS})"},
    "steps": {"type": int, "help": f"budget in steps (default: {STEPS})"},
}


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the measurement, one table for each data set; returns the exit code."""
    for name in arguments.data:

        def words(rows: Sequence[Row], name: str = name) -> dict[str, str]:
            claims = "\n".join(f"- {line}" for line in claim(rows))
            return {"name": name, "rates": ", ".join(f"{rate:g}" for rate in RATES), "claims": claims}

        measured = functools.partial(measure, name)
        report.measure("images", measured, arguments, command, about=f"-{name}", words=words)
    return 0


def measure(name: str, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for the real images of a data set, and one for each GAN and budget."""
    dataset = DATA[name]()
    classifier = gan.train_classifier(dataset)
    real = gan.images(dataset, classifier=classifier)
    start: Any = real.game.start
    measured = real.measures["quality"](start)
    yield {"optimiser": "real images", "regulariser": "-"} | _row(
        "-", "-", 0, {name: getattr(measured, floor)[None] for name, floor in MEASURED.items()}, 0.0, 0.0
    )
    seconds = SECONDS[name] if arguments.seconds is None else arguments.seconds
    steps = STEPS[name] if arguments.steps is None else arguments.steps
    for optimiser, regulariser in itertools.product(arguments.optimisers, arguments.regularisers):
        trainer = prepare(dataset, classifier, optimiser, regulariser)
        for row in train(trainer, tuned(trainer, steps), arguments.seeds, seconds, steps):
            yield {"optimiser": optimiser, "regulariser": regulariser} | row


def prepare(dataset: data.Dataset, classifier: gan.Classifier, optimiser: str, regulariser: str) -> Trainer:
    """Return the trainer of this optimiser with this regulariser."""
    networks = gan.perceptrons(dataset.inputs.shape[1:])
    loss = gan.wasserstein if optimiser == CRITIC else gan.minimax
    experiment = gan.images(dataset, networks, loss, (REGULARISERS[regulariser],), classifier=classifier)
    make, advance = _program(optimiser, optimiser == CRITIC and regulariser == "none")

    def start(rates: jax.Array, keys: jax.Array) -> Lanes:
        starts, keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        players = jax.vmap(networks.init)(starts)
        return Lanes(rates, players, jax.vmap(lambda rate, lane: make(rate).init(lane))(rates, players), keys)

    quality = functools.partial(_quality, experiment.measures["quality"])
    return Trainer(start, functools.partial(advance, experiment.game, experiment.sample), quality)


def tuned(trainer: Trainer, steps: int) -> float:
    """Return the step size of `RATES` with which the tuning seed ends nearest to the data."""
    keys = jnp.broadcast_to(jax.random.key(0), len(RATES))
    lanes = trainer.start(jnp.asarray(RATES), keys)
    for _ in range(-(-steps // CHUNK)):
        lanes = trainer.advance(lanes)
    return RATES[int(np.argmin(np.nan_to_num(trainer.quality(lanes.players).frechet, nan=np.inf)))]


def train(trainer: Trainer, rate: float, seeds: int, seconds: float, steps: int) -> Iterator[Row]:
    """Train chunk by chunk, and yield a row when each of the two budgets ends."""
    lanes = trainer.start(jnp.full(seeds, rate), jax.random.split(jax.random.key(1), seeds))
    warm, _ = _advance(trainer, lanes)
    budgets = {f"{seconds:g} s": lambda: spent >= seconds * seeds, f"{steps} steps": lambda: taken >= steps}
    spent, taken, first = 0.0, 0, None
    while budgets:
        elapsed, lanes = _advance(trainer, lanes)
        first = elapsed if first is None else first
        spent, taken = spent + elapsed, taken + CHUNK
        for budget in [budget for budget, over in budgets.items() if over()]:
            del budgets[budget]
            measured = trainer.quality(lanes.players)
            figures = {name: getattr(measured, name) for name in MEASURED}
            yield _row(budget, f"{rate:g}", taken, figures, spent / seeds, max(0.0, warm - first))


def claim(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each budget: the distances of ACGD alone and of the best regularised baseline."""
    for budget in dict.fromkeys(row["budget"] for row in rows):
        group = [row for row in rows if row["budget"] == budget]
        alone = [row for row in group if (row["optimiser"], row["regulariser"]) == ("ACGD", "none")]
        others = [row for row in group if row["optimiser"] != "ACGD" and row["regulariser"] != "none"]
        if not alone or not others:
            continue
        ours, best = alone[0], min(others, key=lambda row: np.nan_to_num(row["distance"], nan=np.inf))
        margin = float(np.hypot(ours["distance sd"], best["distance sd"]))
        verdict = "beats it" if ours["distance"] < best["distance"] - margin else "matches it"
        verdict = verdict if ours["distance"] <= best["distance"] + margin else "does not"
        yield (
            f"{budget}: distance {ours['distance']:.2f} ± {ours['distance sd']:.2f}; the best regularised "
            f"baseline, {best['optimiser']} with {best['regulariser']}, has {best['distance']:.2f} ± "
            f"{best['distance sd']:.2f}: ACGD alone {verdict} (within one standard deviation of the difference)."
        )


@functools.cache
def _program(optimiser: str, clipped: bool) -> tuple[Callable[[Scalar], Any], Callable[..., Lanes]]:
    """Return the solver's constructor and its compiled chunk, which games that differ only in strengths share."""

    def make(rate: Scalar) -> optax.GradientTransformation:
        solver = OPTIMISERS[optimiser](rate)
        return optax.chain(solver, gs.transforms.project((None, gan.clip(CLIP)))) if clipped else solver

    @jax.jit
    def advance(game: gs.Game, sample: Callable[[jax.Array], Any], lanes: Lanes) -> Lanes:
        def one(lane: Lanes) -> Lanes:
            here, later = jax.random.split(lane.keys)
            solution = gs.solve(game, make(lane.rates), lane.players, CHUNK, state=lane.state, sample=sample, key=here)
            return Lanes(lane.rates, solution.players, solution.state, later)

        return jax.vmap(one)(lanes)

    return make, advance


@jax.jit
def _quality(measure: Callable[[Players], gan.ImageMeasures], players: Players) -> gan.ImageMeasures:
    return jax.vmap(measure)(players)


def _adam(rate: Scalar) -> optax.GradientTransformation:
    return optax.adam(rate, b1=0.5)


def _row(
    budget: str, rate: str, steps: int, figures: Mapping[str, jax.Array], seconds: float, compile_seconds: float
) -> Row:
    arrays = {name: np.asarray(values) for name, values in figures.items()}
    mean = {name: float(values.mean()) for name, values in arrays.items()}
    return {
        "budget": budget,
        "rate": rate,
        "steps": steps,
        "score": mean["score"],
        "score sd": float(arrays["score"].std()),
        "distance": mean["frechet"],
        "distance sd": float(arrays["frechet"].std()),
        **{name: mean[name] for name in ("coverage", "precision", "recall")},
        "seconds": seconds,
        "compile": compile_seconds,
    }


def _advance(trainer: Trainer, lanes: Lanes) -> tuple[float, Lanes]:
    """Return the CPU seconds of a chunk of steps, and the lanes after it."""
    begin = time.process_time()
    result = jax.block_until_ready(trainer.advance(lanes))
    return time.process_time() - begin, result
