"""Which optimiser makes the better images, with and without a regulariser, at one budget?"""

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
from gamesolve.games import data, gan

DATA: Mapping[str, Callable[[], data.Dataset]] = {"digits": data.digits, "mnist-5k": data.mnist_5k}
# A step on images twelve times as large takes longer, and more of them are needed.
SECONDS = {"digits": 1.5, "mnist-5k": 10.0}
STEPS = {"digits": 300, "mnist-5k": 500}
# Every GAN gets the one of these step sizes with which a seed of its own ends nearest to the data.
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
OPTIMISERS: Mapping[str, Callable[[Any], Any]] = {
    "Adam SimGD": lambda rate: gs.per_player(_adam(rate), _adam(rate)),
    "Adam AltGD": lambda rate: gs.alternating(_adam(rate), _adam(rate)),
    "consensus plugin": lambda rate: optax.chain(gs.transforms.consensus(0.1), optax.rmsprop(rate)),
    "consensus unbiased": lambda rate: optax.chain(gs.transforms.consensus(0.1, groups=2), optax.rmsprop(rate)),
    "extra-Adam": lambda rate: gs.extra_adam(rate, b1=0.5),
    "ACGD": gs.acgd,
    "n-critic WGAN": lambda rate: gs.alternating(optax.rmsprop(rate), optax.rmsprop(rate), order=(1, 1, 1, 1, 1, 0)),
}
REGULARISERS: Mapping[str, gan.Regulariser] = {
    "none": gan.weight_decay(0.0),
    "weight decay": gan.weight_decay(1e-3),
    "R1": gan.r1(0.1),
    "gradient penalty": gan.gradient_penalty(1.0),
}
CHUNK = 50
CLIP = 0.1
MEASURED = ("score", "frechet", "coverage", "precision", "recall")
NOTES = (
    "GANs of two hidden layers of 128 units (leaky ReLU), latents of 16 dimensions, batches of 64; the payoff is the "
    "minimax log loss, for the n-critic WGAN Wasserstein's, its critic clipped to ±0.1 where nothing else regularises "
    "it. Seeds run as lanes of one program. A budget in s is CPU time of training for each seed, in which methods take "
    "different numbers of steps; a budget in steps is as many updates of the generator for all, at different times. "
    "CPU time counts all threads of the process and no waiting; compilation is apart. Score, distance (Frechet, less "
    "is better) and coverage are those of one classifier, means over the seeds with their standard "
    "deviation; the row `real images` holds them for real images against other real ones, the best that can be hoped "
    "for. Figures of two data sets have two classifiers and do not compare. A distance of nan: a seed diverged. `rate` "
    f"is the step size, the one of {', '.join(f'{rate:g}' for rate in RATES)} that had the least distance after the "
    "budget in steps on a seed apart from those of the table; nothing else was tuned."
)


class Lanes(NamedTuple):
    """Runs of one optimiser with one regulariser, side by side.

    Attributes:
        rates: their step sizes.
        players: where they stand.
        state: the solver's, likewise.
        keys: their randomness.
    """

    rates: jax.Array
    players: Any
    state: Any
    keys: jax.Array


class Trainer(NamedTuple):
    """One optimiser with one regulariser, ready to train lanes.

    Attributes:
        start: ``start(rates, keys)`` makes lanes.
        advance: ``advance(lanes)`` takes a chunk of steps with all of them.
        quality: ``quality(players)`` measures them.
    """

    start: Callable[[jax.Array, jax.Array], Lanes]
    advance: Callable[[Lanes], Lanes]
    quality: Callable[[Any], gan.ImageMeasures]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--optimisers", nargs="+", choices=OPTIMISERS, default=list(OPTIMISERS))
    parser.add_argument("--regularisers", nargs="+", choices=REGULARISERS, default=list(REGULARISERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, help=f"budget in CPU seconds for each seed; otherwise {SECONDS}")
    parser.add_argument("--steps", type=int, help=f"budget in steps; otherwise {STEPS}")


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite, one table for each data set; returns the exit code."""
    where = report.environment(command, ("jax", "jaxlib", "optax"))
    for name in arguments.data:
        rows, claims = [], ""
        for row in measure(name, arguments):
            rows.append(row)
            print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)
            # Long as it takes, what is there so far is kept.
            claims = "\n".join(f"- {line}" for line in claim(rows))
            notes = f"{NOTES}\n\nDoes ACGD without a regulariser match or beat the regularised baselines?\n\n{claims}"
            report.write(f"images-{name}", f"GANs on images: {name}", notes, rows, where, arguments.out)
        print(f"\n{report.table(rows)}\n\n{claims}\n")
    return 0


def measure(name: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for the real images of a data set, and one for each GAN and budget."""
    dataset = DATA[name]()
    classifier = gan.train_classifier(dataset)
    yield _real(gan.images(dataset, classifier=classifier))
    seconds = SECONDS[name] if arguments.seconds is None else arguments.seconds
    steps = STEPS[name] if arguments.steps is None else arguments.steps
    for optimiser, regulariser in itertools.product(arguments.optimisers, arguments.regularisers):
        trainer = prepare(dataset, classifier, optimiser, regulariser)
        rate = tuned(trainer, steps)
        for row in train(trainer, rate, arguments.seeds, seconds, steps):
            yield {"optimiser": optimiser, "regulariser": regulariser} | row


def prepare(dataset: data.Dataset, classifier: gan.Classifier, optimiser: str, regulariser: str) -> Trainer:
    """Return what trains this optimiser with this regulariser."""
    networks = gan.perceptrons(dataset.inputs.shape[1:])
    critic = optimiser == "n-critic WGAN"
    loss = gan.wasserstein if critic else gan.minimax
    experiment = gan.images(dataset, networks, loss, (REGULARISERS[regulariser],), classifier=classifier)
    make, advance = _program(optimiser, critic and regulariser == "none")

    def start(rates: jax.Array, keys: jax.Array) -> Lanes:
        starts, keys = jnp.moveaxis(jax.vmap(jax.random.split)(keys), 1, 0)
        players = jax.vmap(networks.init)(starts)
        return Lanes(rates, players, jax.vmap(lambda rate, lane: make(rate).init(lane))(rates, players), keys)

    return Trainer(
        start,
        functools.partial(advance, experiment.game, experiment.sample),
        functools.partial(_quality, experiment.measures["quality"]),
    )


def tuned(trainer: Trainer, steps: int) -> float:
    """Return the step size of `RATES` with which the tuning seed ends nearest to the data."""
    keys = jnp.broadcast_to(jax.random.key(0), len(RATES))
    lanes = trainer.start(jnp.asarray(RATES), keys)
    for _ in range(-(-steps // CHUNK)):
        lanes = trainer.advance(lanes)
    return RATES[int(np.argmin(np.nan_to_num(trainer.quality(lanes.players).frechet, nan=np.inf)))]


def train(trainer: Trainer, rate: float, seeds: int, seconds: float, steps: int) -> Iterator[dict[str, Any]]:
    """Train chunk by chunk, and yield a row as each of the two budgets ends."""
    lanes = trainer.start(jnp.full(seeds, rate), jax.random.split(jax.random.key(1), seeds))
    warm = _cpu_seconds(lambda: trainer.advance(lanes))[0]
    budgets = {f"{seconds:g} s": lambda: spent >= seconds * seeds, f"{steps} steps": lambda: taken >= steps}
    spent, taken, first = 0.0, 0, None
    while budgets:
        elapsed, lanes = _cpu_seconds(lambda: trainer.advance(lanes))  # noqa: B023
        first = elapsed if first is None else first
        spent, taken = spent + elapsed, taken + CHUNK
        for budget in [budget for budget, over in budgets.items() if over()]:
            del budgets[budget]
            measured = trainer.quality(lanes.players)
            figures = {name: np.asarray(getattr(measured, name)) for name in MEASURED}
            yield _row(budget, f"{rate:g}", taken, figures) | {
                "seconds": spent / seeds,
                "compile": max(0.0, warm - first),
            }


def claim(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
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
def _program(optimiser: str, clipped: bool) -> tuple[Callable[[Any], Any], Callable[..., Lanes]]:
    """Return what makes the solver and its compiled chunk; games that differ in strengths only share it."""

    def make(rate: Any) -> Any:
        solver = OPTIMISERS[optimiser](rate)
        return optax.chain(solver, gs.transforms.project((None, gan.clip(CLIP)))) if clipped else solver

    @jax.jit
    def advance(game: gs.Game, sample: Any, lanes: Lanes) -> Lanes:
        def one(lane: Lanes) -> Lanes:
            here, later = jax.random.split(lane.keys)
            solution = gs.solve(game, make(lane.rates), lane.players, CHUNK, state=lane.state, sample=sample, key=here)
            return Lanes(lane.rates, solution.players, solution.state, later)

        return jax.vmap(one)(lanes)

    return make, advance


@jax.jit
def _quality(measure: Any, players: Any) -> gan.ImageMeasures:
    return jax.vmap(measure)(players)


def _adam(rate: Any) -> optax.GradientTransformation:
    return optax.adam(rate, b1=0.5)


def _real(experiment: gan.Experiment) -> dict[str, Any]:
    """Return the row of the real images."""
    measured = experiment.measures["quality"](experiment.game.start)
    names = ("real_score", "frechet_floor", "real_coverage", "real_precision", "real_recall")
    figures = {name: np.asarray(getattr(measured, real))[None] for name, real in zip(MEASURED, names, strict=True)}
    about = {"optimiser": "real images", "regulariser": "-"}
    return about | _row("-", "-", 0, figures) | {"seconds": 0.0, "compile": 0.0}


def _row(budget: str, rate: str, steps: int, figures: dict[str, np.ndarray]) -> dict[str, Any]:
    score, distance = figures["score"], figures["frechet"]
    return {
        "budget": budget,
        "rate": rate,
        "steps": steps,
        "score": float(score.mean()),
        "score sd": float(score.std()),
        "distance": float(distance.mean()),
        "distance sd": float(distance.std()),
        "coverage": float(figures["coverage"].mean()),
        "precision": float(figures["precision"].mean()),
        "recall": float(figures["recall"].mean()),
    }


def _cpu_seconds(program: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.process_time()
    result = jax.block_until_ready(program())
    return time.process_time() - begin, result
