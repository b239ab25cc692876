# %% [markdown]
# # A GAN on a line: mode collapse, divergence, hopping, forgetting
#
# Latents and data are numbers, so generator and discriminator are curves that can be drawn. How often does each
# well-known failure occur? Every section measures one failure by one number. All seeds run in one compiled program.

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
num_steps, every = (300, 30) if fast else (3000, 30)


def line(loss, activation, **settings):
    network = gan.MLP((1, 32, 32, 1), activation)
    return lambda key: gan.line(
        (-6.0, -2.0, 2.0, 6.0),
        0.2,
        loss=loss,
        batch_size=64,
        generator=network,
        discriminator=network,
        key=key,
        **settings,
    )


def train(make, solver, names, seeds, every=every):
    """Return the traces of all seeds, with the seed as the first axis."""

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
            every=every,
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(2 if fast else seeds)))


# %% [markdown]
# ## Mode collapse
#
# With four clusters, ReLU networks, the non-saturating loss and plain gradient steps, most seeds cover only two of the
# four modes.

# %%
trace = train(
    line(gan.non_saturating, jax.nn.relu),
    gs.simgd(0.1),
    ("modes", "shares", "samples"),
    8,
)
print("modes covered at the end, of 4:", trace["modes"][:, -1])
print(
    "largest share of one mode:     ",
    trace["shares"][:, -1].max(axis=1).round(2),
)

# %% [markdown]
# The left picture shows which modes one seed covers. On the right, the number of modes over training.

# %% mystnb={"image": {"alt": "Left, histograms of data with four clusters and of samples. Right, number of modes covered over the steps."}, "figure": {"caption": "The samples of this seed miss clusters of the data, and the median over the seeds stays below four modes."}}
real = gan.Clusters(
    jnp.array([[-6.0], [-2.0], [2.0], [6.0]]), jnp.array(0.2), 2000
)(jax.random.key(9))
steps = every * (1 + np.arange(num_steps // every))
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained")
gs.plots.density(
    real, trace["samples"][1, -1], view=(-9.0, 9.0), ax=axes[0]
).set_title("one seed, at the end")
axes[0].legend(fontsize=7)
gs.plots.lines(
    {"all seeds": trace["modes"]},
    steps,
    axes=("step", "modes covered, of 4"),
    ax=axes[1],
)
axes[1].set(ylim=(-0.1, 4.1), title="median and range of the seeds")
plt.show()

# %% [markdown]
# ## Divergence with a saturated discriminator
#
# The loss is now the saturating one, with the same networks and steps. Early in training the discriminator drives the
# generator to one side. It then becomes so confident that the generator's gradient vanishes, and the generator never
# returns. The output counts the seeds that left and those that came back.

# %%
means = {}
for name, make in (
    ("four clusters", line(gan.minimax, jax.nn.relu)),
    ("one Gaussian", lambda key: gan.gaussian(batch_size=64, key=key)),
):
    samples = train(make, gs.simgd(0.1), ("samples",), 16, every=5)["samples"]
    centres = means[name] = samples.mean(axis=(-1, -2))
    away = ~(np.abs(centres) <= 20)  # true for NaN as well
    gone = away.any(axis=1)
    back = gone & ~away[:, -1]
    print(
        f"{name}: {gone.sum()} of {len(gone)} seeds left (mean beyond 20), "
        f"{back.sum()} returned"
    )

# %% [markdown]
# The mean of the samples over training, on symmetric logarithmic scales: curves that leave the middle stay away.

# %% mystnb={"image": {"alt": "Mean of the samples over training for seven seeds, in two panels with symmetric logarithmic scales."}, "figure": {"caption": "Curves that leave the middle never return."}}
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained")
for ax, (name, centres) in zip(axes, means.items(), strict=True):
    early = 5 * (1 + np.arange(centres.shape[1]))
    gs.plots.lines(
        {f"seed {seed}": row for seed, row in enumerate(centres[:7])},
        early,
        ax=ax,
    )
    ax.set_yscale("symlog", linthresh=10)
    ax.set(xscale="log", yticks=[-1e6, -1e3, 0, 1e3, 1e6], ylim=(-1e7, 1e7))
    ax.set(
        title=f"{name}, seven seeds",
        xlabel="step",
        ylabel="mean of the samples",
    )
plt.show()

# %% [markdown]
# ## Hopping and forgetting
#
# With smooth networks and RMSProp training never comes to rest. The generator's largest mode changes between most
# records, and the discriminator's preferences among the clusters drift. All clusters are equally likely in the data.
# Against a fixed generator the preferences converge for almost every seed, so the drift comes from the game and not
# from the data.

# %%
smooth = line(gan.minimax, jnp.tanh)
still = gs.per_player(optax.set_to_zero(), optax.rmsprop(1e-3))
preferences = {}
for name, solver in (
    ("both train", optax.rmsprop(1e-3)),
    ("generator fixed", still),
):
    trace = train(smooth, solver, ("shares", "preference"), 6)
    preferences[name] = trace["preference"][0]
    later = trace["preference"][:, trace["preference"].shape[1] // 2 :]
    hops = [int(gan.hops(shares)) for shares in trace["shares"]]
    drift = [round(float(gan.drift(preference)), 3) for preference in later]
    print(
        f"{name:15}: hops in {num_steps // every} records {hops}, drift in "
        f"logits per record {drift}"
    )

# %% [markdown]
# The discriminator's preferences over training, for one seed: its logit at each cluster minus the mean of all four. On
# the left they drift, on the right they converge.

# %% mystnb={"image": {"alt": "The discriminator's logit at four clusters over the steps: in the game on the left, with a fixed generator on the right."}, "figure": {"caption": "The logits drift in the game, and converge when the generator is fixed."}}
figure, axes = plt.subplots(
    1, 2, figsize=(7.2, 3), layout="constrained", sharey=True
)
for ax, (name, rows) in zip(axes, preferences.items(), strict=True):
    clusters = {
        f"cluster at {centre}": row
        for centre, row in zip((-6, -2, 2, 6), rows.T, strict=True)
    }
    gs.plots.lines(clusters, steps, axes=("step", "logit minus mean"), ax=ax)
    ax.set(title=name)
axes[0].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Histogram, discriminator and generator over training
#
# The data are one Gaussian, and the measure is the Wasserstein-1 distance to the data. The pictures show the density of
# the samples, the discriminator's belief and the generator after each third of the training.

# %% mystnb={"image": {"alt": "Density of the samples, belief of the discriminator and generator as curves, after each third of the training."}, "figure": {"caption": "The density approaches that of the data (grey), and the belief flattens towards one half."}}
network = gan.MLP((1, 32, 32, 1), jnp.tanh)
experiment = gan.gaussian(
    batch_size=128, generator=network, discriminator=network
)
latent, place = (
    jnp.linspace(-3, 3, 100)[:, None],
    jnp.linspace(-3, 9, 100)[:, None],
)


def curves(watch, players, state):
    return watch(players, state) | {
        "map": network(players[0], latent),
        "belief": jax.nn.sigmoid(network(players[1], place)),
    }


trace = gs.solve(
    experiment.game,
    gs.simgd(0.05),
    experiment.game.start,
    num_steps,
    sample=experiment.sample,
    key=jax.random.key(1),
    record=jax.tree_util.Partial(
        curves, experiment.watch("samples", "wasserstein1")
    ),
    every=num_steps // 3,
).trace
print(
    "Wasserstein-1 distance after each third:", trace["wasserstein1"].round(2)
)
labels = [f"{(row + 1) * num_steps // 3} steps" for row in range(3)]
edges = np.linspace(-3, 9, 61)
shapes = [
    np.histogram(samples, edges, density=True)[0]
    for samples in trace["samples"][..., 0]
]
panels = {
    "density of the samples": (shapes, (edges[1:] + edges[:-1]) / 2, "x"),
    "belief that x is real": (trace["belief"][..., 0], place[:, 0], "x"),
    "generator": (trace["map"][..., 0], latent[:, 0], "latent"),
}
figure, axes = plt.subplots(1, 3, figsize=(9.5, 3), layout="constrained")
for ax, (title, (rows, at, axis)) in zip(axes, panels.items(), strict=True):
    gs.plots.lines(
        dict(zip(labels, rows, strict=True)), at, axes=(axis, title), ax=ax
    )
normal = np.exp(-((place[:, 0] - 3) ** 2) / 2) / np.sqrt(2 * np.pi)
axes[0].plot(place[:, 0], normal, color="grey", linewidth=0.8, label="data")
axes[0].legend(fontsize=7)
plt.show()
