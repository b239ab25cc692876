# %% [markdown]
# # GANs in the plane: five clusters, rings, grids, a circle
#
# How many modes does a GAN cover, what share of its samples is good, how unevenly do they cover the modes (reverse KL),
# and how far are they from the data (MMD)? All measures use the same thousand latents at every record.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
RECORDS = 4 if fast else 20


def train(make, solver, num_steps, names, seeds):
    """Return the traces of all seeds with `RECORDS` records each, with the
    seed as the first axis.
    """

    @jax.vmap
    def run(seed):
        experiment = make(jax.random.key(seed))
        return gs.solve(
            experiment.game,
            solver,
            experiment.game.start,
            num_steps,
            sample=experiment.sample,
            key=jax.random.key(50 + seed),
            record=experiment.watch(*names),
            every=num_steps // RECORDS,
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


def show(name, trace):
    print(name)
    for key in ("modes", "good", "reverse_kl", "mmd", "sectors"):
        if key in trace:
            means = (
                trace[key]
                .astype(float)
                .mean(axis=0)[RECORDS // 4 - 1 :: RECORDS // 4]
                .round(2)
            )
            print(
                f"  {key:10} mean after each quarter {means}, seeds at the "
                f"end {trace[key][:, -1].round(2)}"
            )


# %% [markdown]
# ## Two thousand steps of the vanilla GAN
#
# The loss is the saturating one, and Adam updates both players simultaneously. A sample is good if it lies within
# `reach` of a centre. Five clusters are found early. On the ring of eight and the grids of 16 and 25 sharper clusters
# the samples form a cloud. They are spread evenly (small reverse KL), but few are good and few modes count as covered.
# The circle is learned well, although a network cannot represent the discontinuity at its centre.

# %%
vanilla, num_steps, seeds = (
    optax.adam(1e-3, b1=0.5),
    12 if fast else 2000,
    2 if fast else 3,
)
measures = ("modes", "good", "reverse_kl", "mmd", "samples")
entries = {
    "five clusters": lambda key: gan.five(key=key, batch_size=128),
    "ring of 8": lambda key: gan.ring(
        8, 0.05, 2.0, reach=0.3, key=key, batch_size=128
    ),
    "grid of 16": lambda key: gan.grid(4, reach=0.25, key=key, batch_size=128),
    "grid of 25": lambda key: gan.grid(5, reach=0.25, key=key, batch_size=128),
}
shown = list(entries.items())[: 1 if fast else None]
traces = {}
for name, make in shown:
    traces[name] = train(make, vanilla, num_steps, measures, seeds)
    show(name, traces[name])
make = lambda key: gan.circle(key=key, batch_size=128)
traces["circle"] = train(
    make, vanilla, num_steps, ("mmd", "sectors", "samples"), seeds
)
show("circle", traces["circle"])

# %% [markdown]
# A thousand samples of one seed at the end (orange) over data (blue).

# %% mystnb={"image": {"alt": "Samples in orange over data in blue for the five clusters, the ring, both grids and the circle."}, "figure": {"caption": "Five clusters and the circle are learned. On the ring and on the grids the samples form a cloud."}}
real = {
    name: make(jax.random.key(0)).sample(jax.random.key(9))[0]
    for name, make in shown
}
real["circle"] = gan.circle(batch_size=128).sample(jax.random.key(9))[0]
figure, axes = plt.subplots(
    1, len(traces), figsize=(2.6 * len(traces), 2.7), layout="constrained"
)
for ax, (name, trace) in zip(axes, traces.items(), strict=True):
    gs.plots.samples(real[name], trace["samples"][0, -1], ax=ax).set_title(
        name, fontsize="small"
    )
plt.show()

# %% [markdown]
# The measures over training: medians and ranges over the seeds.

# %% mystnb={"image": {"alt": "Four panels over the training steps: modes covered, share of good samples, reverse KL and MMD, a curve per data set."}, "figure": {"caption": "Five clusters reach the best values early; the sharper ring and grids keep few good samples."}}
steps = num_steps // RECORDS * (1 + np.arange(RECORDS))
figure, axes = plt.subplots(2, 2, figsize=(7.2, 5), layout="constrained")
labels = {
    "modes": "modes covered",
    "good": "share of good samples",
    "reverse_kl": "reverse KL",
    "mmd": "MMD",
}
for ax, (key, label) in zip(axes.ravel(), labels.items(), strict=True):
    curves = {
        name: trace.get(key, np.full((1, RECORDS), np.nan))
        for name, trace in traces.items()
    }
    gs.plots.lines(curves, steps, axes=("step", label), ax=ax)
axes[0, 0].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Eight Gaussians with consensus optimisation
#
# This is the ring of "The Numerics of GANs": networks with four layers of 16 ReLUs, trained by RMSProp at rate 1e-4.
# With consensus optimisation the modes are found one after the other and kept. Without it, most seeds rotate or
# collapse for thousands of steps.

# %%
sizes = (16, 16, 16, 16)
networks = {
    "generator": gan.MLP((16, *sizes, 2), gain=1.0),
    "discriminator": gan.MLP((2, *sizes, 1), gain=1.0),
    "loss": gan.non_saturating,
    "batch_size": 512,
    "reach": 0.15,
}
rmsprop = optax.rmsprop(1e-4)
solvers = {
    "simultaneous": rmsprop,
    "alternating": gs.alternating(rmsprop, rmsprop),
    "consensus, γ = 10": optax.chain(gs.transforms.consensus(10.0), rmsprop),
}
long = 12 if fast else 6000
traces = {}
for name, solver in list(solvers.items())[:: 2 if fast else 1]:
    make = lambda key: gan.ring(8, key=key, **networks)
    traces[name] = train(
        make,
        solver,
        long,
        ("modes", "good", "mmd", "samples"),
        2 if fast else 3,
    )
    show(name, traces[name])

# %% [markdown]
# Samples of one seed at the end, and the number of modes covered over training.

# %% mystnb={"image": {"alt": "Samples of three trainings on the ring of eight clusters, and the number of modes covered over the steps."}, "figure": {"caption": "With consensus optimisation the number of covered modes rises and stays. Without it the modes are lost again."}}
figure, axes = plt.subplots(2, 2, figsize=(6.5, 6), layout="constrained")
real = gan.ring(8, **networks).sample(jax.random.key(9))[0]
for ax, (name, trace) in zip(axes.flat, traces.items(), strict=False):
    view = ((-1.6, 1.6), (-1.6, 1.6))
    gs.plots.samples(real, trace["samples"][0, -1], view=view, ax=ax).set_title(
        name, fontsize="small"
    )
covered = {name: trace["modes"] for name, trace in traces.items()}
gs.plots.lines(
    covered,
    long // RECORDS * (1 + np.arange(RECORDS)),
    axes=("step", "modes covered"),
    ax=axes[1, 1],
)
axes[1, 1].legend(fontsize=6)
plt.show()
