"""A small GAN run with checkpoints, as a program that a test kills: ``python tests/driving/gan_run.py FOLDER``."""

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


def train(folder=None, callbacks=()):
    """Return the end of the run, from its newest checkpoint where there is one."""
    generator, discriminator, points = jax.random.split(jax.random.key(0), 3)
    players = (layers(generator, (2, 16, 2)), layers(discriminator, (2, 16, 1)))
    angles = jax.random.randint(points, (512,), 0, 8) * (2 * np.pi / 8)
    ring = jnp.stack([jnp.cos(angles), jnp.sin(angles)], 1)
    sample = sampling.joint(gs.minibatches(ring, 16), sampling.latents(16, 2))
    options = {"sample": sample, "key": jax.random.key(1), "record": record, "every": 5, "chunk": 5}
    solver = optax.adam(1e-3, 0.5)
    return gs.run(gs.zero_sum(minimax_log), solver, players, STEPS, checkpoint=folder, callbacks=callbacks, **options)


if __name__ == "__main__":
    folder = sys.argv[1]
    tell = lambda chunk: print(chunk.steps, flush=True)
    train(f"{folder}/checkpoints", [tell, loggers.csv(f"{folder}/log.csv"), loggers.jsonl(f"{folder}/log.jsonl")])
