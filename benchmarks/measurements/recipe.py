"""Measure what the images of ACGD hinge on, with the Wasserstein payoff and no regulariser: one setting at a time."""

import argparse
import statistics
from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import jax
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.images.choices import DATA, NETWORKS
from benchmarks.images.training import forgetting, last_iterations
from benchmarks.report import Row
from gamesolve.games import gan

# The settings from which one at a time differs. ``ratio`` is the discriminator's step size over the generator's.
BASE: Mapping[str, Any] = MappingProxyType(
    {"rate": 4e-3, "ratio": 1.0, "batch": 256, "decay": 0.99, "eps": 1e-5, "tolerance": 0.09, "few": None, "start": 1.0}
)
# ``few`` is ``curvature_batch``. A solve starts from the last solution times ``start``.
OTHERS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "rate": (1e-3, 2e-3, 8e-3, 16e-3),
        "ratio": (0.25, 0.5, 2.0, 4.0),
        "batch": (32, 64, 128, 512),
        "decay": (0.9, 0.999),
        "eps": (1e-8, 1e-3),
        "tolerance": (1e-6, 1e-2, 0.5),
        "few": (64, 16),
        "start": (0.0,),
    }
)
OPTIONS = {
    "data": {**report.choices(DATA), "default": ["digits"]},
    "networks": {**report.choices(NETWORKS), "default": ["perceptrons"]},
    "settings": report.choices(OTHERS),
    "seeds": {"type": int, "default": 4},
    "steps": {"type": int, "default": 300},
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for the base, and one for each other value of each setting."""
    for name in arguments.data:
        dataset = DATA[name]()
        classifier = gan.train_classifier(dataset)
        for kind in arguments.networks:
            networks = NETWORKS[kind](dataset.inputs.shape[1:])
            make = partial(gan.images, dataset, networks, gan.wasserstein, classifier=classifier)
            settings = [("base", None), *((one, value) for one in arguments.settings for value in OTHERS[one])]
            for setting, value in settings:
                chosen = BASE if setting == "base" else {**BASE, setting: value}
                experiment = make(batch_size=chosen["batch"])
                found = trained(experiment, networks, chosen, arguments.seeds, arguments.steps)
                shown = None if value is None else f"{value:g}"
                yield {"data": name, "networks": kind, "setting": setting, "value": shown} | found


def trained(
    experiment: gan.Experiment, networks: gan.Networks, chosen: Mapping[str, Any], seeds: int, steps: int
) -> Row:
    """Return the distance of the generator and of its average over the seeds, and what the solves took."""
    rates = chosen["rate"], chosen["rate"] * chosen["ratio"]
    inner = gs.linear.Inner(chosen["tolerance"])
    solver = gs.acgd(rates, chosen["decay"], chosen["eps"], inner, curvature_batch=chosen["few"])
    solver = gs.average(_started(solver, chosen["start"]), decay=forgetting)
    last, averaged, iterations, fallbacks = [], [], [], 0
    for seed in range(seeds):
        run = gs.solve(
            experiment.game,
            solver,
            networks.init(jax.random.key(100 + seed)),
            steps,
            sample=experiment.sample,
            key=jax.random.key(seed),
            record=last_iterations,
        )
        quality = experiment.measures["quality"]
        last.append(float(quality(run.players).frechet))
        averaged.append(float(quality(optax.tree.get(run.state, "average")).frechet))
        iterations.append(float(run.trace.mean()))
        fallbacks += int(optax.tree.get(run.state, "fallbacks"))
    return {
        "distance": statistics.mean(last),
        "sd": statistics.stdev(last),
        "averaged": statistics.mean(averaged),
        "averaged sd": statistics.stdev(averaged),
        "iterations": statistics.mean(iterations),
        "fallbacks": fallbacks,
    }


def _started(solver: gs.Solver, share: float) -> optax.GradientTransformation:
    """Return a solver whose inner solves start from a share of the last solution."""

    def scaled(node: Any) -> Any:
        if not isinstance(node, gs.linear.Report):
            return node
        return node._replace(solution=optax.tree.scale(share, node.solution))

    def update(updates: Any, state: Any, params: Any = None, **others: Any) -> tuple[Any, Any]:
        state = jax.tree.map(scaled, state, is_leaf=lambda node: isinstance(node, gs.linear.Report))
        return solver.update(updates, state, params, **others)

    return solver if share == 1 else optax.GradientTransformationExtraArgs(solver.init, update)


main = partial(report.measure, "recipe", rows)
