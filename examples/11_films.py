# %% [markdown]
# # Films of training
#
# A final number does not show how a run got there. `gs.animate` draws any picture of `gs.plots` once per record of a
# run, or once per value of a parameter. How does a generator learn five clusters, and how does a field change with
# fewer samples?

# %%
import os

import jax
import optax

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
size = {"dpi": 80, "size": (3.2, 3.0), "rate": 8.0}

# %% [markdown]
# ## Five clusters: samples over the discriminator's belief
#
# Data are blue, samples are orange, and light areas are those that the discriminator believes to be real. The samples
# spread to one cluster after another.

# %%
network, judge = gan.MLP((2, 64, 64, 2)), gan.MLP((2, 64, 64, 1))
experiment = gan.five(generator=network, discriminator=judge, batch_size=128)
adam = optax.adam(1e-3, b1=0.5)
num_steps, frames = (60, 3) if fast else (2000, 40)
run = gs.solve(
    experiment.game,
    gs.per_player(adam, adam),
    experiment.game.start,
    num_steps,
    sample=experiment.sample,
    key=jax.random.key(0),
    record=lambda players, _: players,
    every=num_steps // frames,
)
real = experiment.sample(jax.random.key(1))[0]
latents = jax.random.normal(jax.random.key(2), (200, 2))
view = ((-3.5, 3.5), (-3.5, 3.5))
print(
    "modes covered at the end:",
    int(experiment.measures["modes"](run.players)),
    "of 5",
)


def believes(players):
    return lambda x: judge(players[1], x)


def patches(ax, players):
    gs.plots.samples(
        real,
        network(players[0], latents),
        judge=believes(players),
        view=view,
        ax=ax,
    )


alt = "Film: samples spread to five clusters over a map of the belief"
gs.animate.training(run.trace, patches, alt=alt, **size)

# %% [markdown]
# ## The generator as a map
#
# In the same run, every line leads from a latent to its sample, and its colour is the latent's direction. The generator
# has to split the disc of latents into five pieces. Where it cannot, lines end between the clusters.


# %%
def arrows(ax, players):
    gs.plots.latent_map(latents, network(players[0], latents), ax=ax).set(
        xlim=view[0], ylim=view[1]
    )


alt = "Film: lines from latents to samples split into five bundles"
gs.animate.training(run.trace, arrows, alt=alt, **size)

# %% [markdown]
# ## The discriminator as a surface
#
# The height is the discriminator's belief, over data (blue) and samples (orange). A discriminator that cannot tell them
# apart is flat at one half.


# %%
def heights(ax, players):
    gs.plots.surface(
        believes(players),
        view,
        made=network(players[0], latents),
        real=real,
        num=31,
        ax=ax,
    )


gs.animate.training(
    run.trace,
    heights,
    alt="Film: the belief as a surface over data and samples",
    projection="3d",
    most=2 if fast else 20,
    **size,
)

# %% [markdown]
# ## A GAN on a line
#
# Histograms of data and samples, and the discriminator's belief (scale on the right). As the histograms approach each
# other, the belief flattens.

# %%
curve, critic = gan.MLP((1, 32, 32, 1)), gan.MLP((1, 32, 32, 1))
experiment = gan.line(
    (-2.0, 2.0), 0.3, batch_size=128, generator=curve, discriminator=critic
)
run = gs.solve(
    experiment.game,
    gs.per_player(optax.adam(1e-3, b1=0.5), optax.adam(2e-3, b1=0.5)),
    experiment.game.start,
    num_steps,
    sample=experiment.sample,
    key=jax.random.key(0),
    record=lambda players, _: players,
    every=num_steps // frames,
)
real = experiment.sample(jax.random.key(1))[0]
numbers = jax.random.normal(jax.random.key(2), (1000, 1))


def histograms(ax, players):
    made = curve(players[0], numbers)
    gs.plots.density(
        real,
        made,
        judge=lambda x: critic(players[1], x),
        view=(-4.0, 4.0),
        ax=ax,
    ).set_ylim(0, 2)


alt = "Film: histograms of data and samples approach each other"
gs.animate.training(run.trace, histograms, alt=alt, **size)

# %% [markdown]
# ## Fields from fewer samples and with more noise
#
# The players are the two biases of the smallest GAN. The first film shows their field from fewer and fewer samples, the
# second the field from 100 samples under increasing parameter noise. On each dark grey line the gradient of one bias is
# zero, so a crossing of two different lines is a zero of the field. Fewer samples add spurious zeros, and noise removes
# them.

# %%
bump = gan.Bump(0.5, cap=0.005)
corners = {"low": (-2.0, -2.0), "high": (2.0, 2.0), "num": 9 if fast else 41}
plane = ((1.0, 0.0), (0.0, 1.0))


def look(samples, noise):
    game = gan.bias_plane(bump, samples=samples, key=jax.random.key(1)).game
    game = (
        gs.analysis.smooth(game, noise, 30, jax.random.key(100))
        if noise
        else game
    )
    return gs.analysis.slice_field(game, (0.0, 0.0), plane, **corners)


counts = (2500, 5) if fast else (2500, 1000, 300, 100, 30, 10, 5)
gs.animate.fields(
    {f"{samples} samples": look(samples, 0.0) for samples in counts},
    dpi=80,
    rate=1.5,
    alt="Film: the field of two biases from fewer and fewer samples",
)

# %%
scales = (0.0, 0.2) if fast else (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
gs.animate.fields(
    {f"noise of scale {scale}": look(100, scale) for scale in scales},
    dpi=80,
    rate=1.5,
    alt="Film: the field of two biases under increasing noise",
)
