"""A small GAN run with checkpoints, as a program that a test kills.

Run: ``python -m tests.driving.gan_run FOLDER [batches] [stateful]``; with ``batches`` its data come from an iterable,
with ``stateful`` the game has a model state.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks.measurements.cases import minimax_log
from gamesolve import loggers, sampling

STEPS = 1500


def layers(key, widths):
    keys = jax.random.split(key, len(widths) - 1)
    pairs = zip(keys, widths[:-1], widths[1:], strict=True)
    return [(jax.random.normal(k, (a, b)) / np.sqrt(a), jnp.zeros(b)) for k, a, b in pairs]


def record(players, state):
    return {"generator": optax.tree.norm(players[0]), "discriminator": optax.tree.norm(players[1])}


def ring():
    """Return points on a circle, at eight angles."""
    angles = np.random.default_rng(0).integers(0, 8, 512) * (2 * np.pi / 8)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def batches():
    """Yield the batch of one step after the other: points and latents."""
    rng, points = np.random.default_rng(1), ring()
    while True:
        yield points[rng.integers(0, 512, 16)], rng.normal(size=(16, 2)).astype(np.float32)


def remembered(generator, discriminator, batch, *, model_state):
    """Return the payoff, and a running mean of it."""
    value = minimax_log(generator, discriminator, batch)
    return value, gs.Aux(model_state=0.99 * model_state + 0.01 * value)


def train(folder=None, callbacks=(), batches=None, stateful=False):
    """Return the end of the run, from its newest checkpoint where there is one."""
    generator, discriminator = jax.random.split(jax.random.key(0))
    players = (layers(generator, (2, 16, 2)), layers(discriminator, (2, 16, 1)))
    sample = sampling.joint(gs.minibatches(ring(), 16), sampling.latents(16, 2))
    data = {"sample": sample, "key": jax.random.key(1)} if batches is None else {"batches": batches}
    options = {"record": record, "every": 5, "chunk": 5, "checkpoint": folder, "callbacks": callbacks}
    game = gs.zero_sum(remembered, model_state=jnp.zeros(())) if stateful else gs.zero_sum(minimax_log)
    return gs.run(game, optax.adam(1e-3, 0.5), players, STEPS, **data, **options)


if __name__ == "__main__":
    folder, *given = sys.argv[1:]
    tell = lambda chunk: print(chunk.steps, flush=True)
    logs = [loggers.csv(f"{folder}/log.csv"), loggers.jsonl(f"{folder}/log.jsonl")]
    train(f"{folder}/checkpoints", [tell, *logs], batches() if "batches" in given else None, "stateful" in given)
