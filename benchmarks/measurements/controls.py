"""Labelled runs without a collapse whose outputs change much, to count the verdicts `collapsing` that are wrong."""

import jax
import jax.numpy as jnp

import gamesolve as gs
from benchmarks.measurements.labelled import Labelled, evenly, ring_of, scaled, uniform
from gamesolve.games import gan


def growing_scale(seed: int) -> Labelled:
    """A generator whose scale grows to the best one."""
    game = gs.general_sum(lambda w, d: -((w - 1) ** 2) / 2, lambda w, d: -(d**2) / 2)
    outputs = jax.tree_util.Partial(scaled, jax.random.normal(jax.random.key(seed), (256, 3)))
    return Labelled(game, gs.simgd(0.02), (uniform(seed, 0.05, 0.2), jnp.float32(1)), 600, outputs=outputs)


def ring_from_scratch(seed: int) -> Labelled:
    """A GAN with R1 that learns a ring of eight clusters and keeps them."""
    ring = ring_of(seed, (gan.r1(0.3),))
    return Labelled(ring.game, evenly(), ring.game.start, 4000, ring.sample, ring.measures["samples"])
