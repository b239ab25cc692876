"""Measure the counter-attack on images: a discriminator trained alone, and the generator's answer to it.

GANs are trained until they make recognisable images, and then by ACGD for some steps, whose averages are kept. From
there the discriminator goes on in several ways, and then the generator answers alone. On the way the discriminator's
loss and the change of its logits are measured; see `gamesolve.games.gan.counter_attack`.
"""

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import gamesolve as gs
from benchmarks import report
from benchmarks.images.choices import DATA, LOOSE, NETWORKS
from benchmarks.report import Row
from gamesolve import plots
from gamesolve.games import gan
from gamesolve.trees import Players, State

# Step sizes: of the training, of plain steps, and of adaptive ones.
ADAM, PLAIN, ADAPTIVE = 1e-3, 1e-2, 1e-3
# Examples in the products of ACGD.
EXAMPLES = 32
ONLY_DISCRIMINATOR = gs.per_player(optax.set_to_zero(), optax.identity())
OPTIONS = {
    "data": {"choices": list(DATA), "default": "mnist-5k"},
    "networks": {"choices": list(NETWORKS), "default": "dcgan"},
    "seeds": {"type": int, "default": 3},
    "training": {"type": int, "default": 2500, "help": "updates before the attack (default: %(default)s)"},
    "warm": {"type": int, "default": 50, "help": "updates of ACGD after them (default: %(default)s)"},
    "steps": {"type": int, "default": 100, "help": "steps of the discriminator, and of the generator's answer"},
}


class Saved(NamedTuple):
    """A trained GAN: its players, the state of ACGD, and the distance of its images."""

    players: Players
    state: State
    distance: jax.Array


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each way on, and draw the discriminator's losses at the end."""
    dataset = DATA[arguments.data]()
    networks = NETWORKS[arguments.networks](dataset.inputs.shape[1:])
    make = partial(gan.images, dataset, networks, classifier=gan.train_classifier(dataset))
    experiment = make(gan.minimax)
    keys = jax.random.split(jax.random.key(0), arguments.seeds)
    train = jax.jit(partial(_saved, make(gan.non_saturating, (gan.r1(0.1),)), experiment, networks, arguments))
    saved = [train(key) for key in keys]
    distance = float(np.mean([each.distance for each in saved]))
    curves: dict[str, np.ndarray] = {}
    for name, (phase, answer) in _ways().items():
        attack = jax.jit(partial(_attacked, experiment, phase, answer, arguments.steps))
        found = [attack(key, each) for key, each in zip(keys, saved, strict=True)]
        curves[name] = np.stack([np.concatenate([each.losses, each.answers]) for each in found])
        yield {"discriminator": name} | _figures(found) | {"distance": distance}
    arguments.out.mkdir(parents=True, exist_ok=True)
    _drawn(curves, arguments.steps).savefig(arguments.out / "counter_attack-curves.png", dpi=110)


main = partial(report.measure, "counter_attack", rows)


def _saved(
    training: gan.Experiment,
    experiment: gan.Experiment,
    networks: gan.Networks,
    arguments: argparse.Namespace,
    key: jax.Array,
) -> Saved:
    """Train a GAN with alternating Adam on a regularised loss, then with ACGD on the loss alone."""
    first, second = jax.random.split(key)
    adam = optax.adam(ADAM, b1=0.5)
    solver = gs.alternating(adam, adam)
    settings = {"sample": training.sample, "key": first}
    players = gs.solve(training.game, solver, networks.init(first), arguments.training, **settings).players
    distance = experiment.measures["quality"](players).frechet
    warm = gs.solve(experiment.game, _acgd(1.0), players, arguments.warm, sample=experiment.sample, key=second)
    return Saved(warm.players, warm.state, distance)


def _acgd(scale: float) -> gs.Solver:
    """Return ACGD whose discriminator imagines an answer of the generator that is so many times as long."""
    return gs.acgd((scale * ADAPTIVE, ADAPTIVE), inner=LOOSE, curvature_batch=EXAMPLES)


def _ways() -> Mapping[str, tuple[optax.GradientTransformation, optax.GradientTransformation]]:
    """Return the ways on by name, each with that of the generator's answer."""
    sgd, rms = optax.sgd(PLAIN), optax.rmsprop(ADAPTIVE)
    plain, adaptive = (gs.alternating(tx, tx, order=(0,)) for tx in (sgd, rms))
    imagined = {
        f"alone, ACGD, imagined answer x {scale:g}": (optax.chain(_acgd(scale), ONLY_DISCRIMINATOR), adaptive)
        for scale in (0.0, 1.0, 10.0)
    }
    return {
        "alone": (gs.alternating(sgd, sgd, order=(1,)), plain),
        "both, SimGD": (gs.simgd(PLAIN), plain),
        "alone, CGD": (optax.chain(gs.cgd(PLAIN), ONLY_DISCRIMINATOR), plain),
        "both, CGD": (gs.cgd(PLAIN), plain),
        **imagined,
    }


def _attacked(
    experiment: gan.Experiment,
    phase: optax.GradientTransformation,
    answer: optax.GradientTransformation,
    steps: int,
    key: jax.Array,
    saved: Saved,
) -> gan.CounterAttack:
    """Go on from a saved GAN; a solver that keeps the state of ACGD gets it."""
    fresh: Any = phase.init(saved.players)
    keeps = isinstance(fresh, tuple) and jax.tree.structure(fresh[:1]) == jax.tree.structure((saved.state,))
    state: Any = (saved.state, *fresh[1:]) if keeps else None
    return gan.counter_attack(
        experiment, phase, answer, saved.players, key=key, steps=steps, answer_steps=steps, state=state
    )


def _figures(found: list[gan.CounterAttack]) -> Row:
    jumps = [float(each.jump) for each in found]
    means = {name: float(np.mean([getattr(each, name) for each in found])) for name in ("speed", "before", "trained")}
    jump = {"jump": float(np.mean(jumps)), "range of the jump": f"{min(jumps):.2f} to {max(jumps):.2f}"}
    return means | {"answered": float(np.mean([each.attacked for each in found]))} | jump


def _drawn(curves: Mapping[str, np.ndarray], steps: int) -> Figure:
    """Draw the losses over the steps: median and range of the seeds."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    adaptive = {name: losses for name, losses in curves.items() if "ACGD" in name}
    plain = {name: losses for name, losses in curves.items() if name not in adaptive}
    for ax, group in zip(figure.subplots(1, 2), (plain, adaptive), strict=True):
        words = ("step; right of the line the generator answers", "discriminator's loss")
        plots.lines({name: jnp.asarray(losses) for name, losses in group.items()}, axes=words, ax=ax)
        ax.axvline(steps, color="grey", lw=0.8)
        ax.axhline(2 * np.log(2), color="grey", lw=0.8, ls=":")
        ax.set_yscale("log")
        plots.legend(ax)
    return figure
