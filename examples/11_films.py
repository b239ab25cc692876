# %% [markdown]
# # Films: what happens during training
#
# A number at the end of a run hides how it got there. `gs.animate` draws any picture of `gs.plots` once per record of a
# run, or once per value of a parameter. What do five clusters do to a generator, and what do few samples do to a field?

# %%
import os

import jax
import optax

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
size = {"dpi": 80, "size": (3.2, 3.0), "rate": 8.0}

# %% [markdown]
# ## Five clusters: samples, over what the discriminator believes

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
print("modes covered at the end:", int(experiment.measures["modes"](run.players)), "of 5")


def believes(players):
    return lambda x: judge(players[1], x)


def patches(ax, players):
    gs.plots.samples(real, network(players[0], latents), judge=believes(players), view=view, ax=ax)


gs.animate.training(run.trace, patches, **size)

# %% [markdown]
# ## The same run as a map
#
# Every arrow leads from a latent to its sample; its colour is the latent's direction. The generator has to tear the
# disc of latents into five pieces, and where it can't, arrows end between clusters.


# %%
def arrows(ax, players):
    gs.plots.latent_map(latents, network(players[0], latents), ax=ax).set(xlim=view[0], ylim=view[1])


gs.animate.training(run.trace, arrows, **size)

# %% [markdown]
# ## And as a surface
#
# The discriminator's belief in space, over data (blue) and samples (orange). A discriminator that can't tell them apart
# is flat at one half.


# %%
def heights(ax, players):
    gs.plots.surface(believes(players), view, made=network(players[0], latents), real=real, num=31, ax=ax)


gs.animate.training(run.trace, heights, projection="3d", most=2 if fast else 20, **size)

# %% [markdown]
# ## A GAN on a line
#
# Histograms of data and samples, and the discriminator's belief (right scale).

# %%
curve, critic = gan.MLP((1, 32, 32, 1)), gan.MLP((1, 32, 32, 1))
experiment = gan.line((-2.0, 2.0), 0.3, batch_size=128, generator=curve, discriminator=critic)
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
    gs.plots.density(real, made, judge=lambda x: critic(players[1], x), view=(-4.0, 4.0), ax=ax).set_ylim(0, 2)


gs.animate.training(run.trace, histograms, **size)

# %% [markdown]
# ## Fields that change: fewer samples, more noise
#
# The biases' plane of the smallest GAN, from more and fewer samples; then from 100 of them under growing noise on the
# parameters. The dark grey lines are where one of the two biases rests, and a crossing of both is a zero of the field.

# %%
bump = gan.Bump(0.5, cap=0.005)
corners = {"low": (-2.0, -2.0), "high": (2.0, 2.0), "num": 9 if fast else 41}
plane = ((1.0, 0.0), (0.0, 1.0))


def look(samples, noise):
    game = gan.bias_plane(bump, samples=samples, key=jax.random.key(1)).game
    game = gs.analysis.smooth(game, noise, 30, jax.random.key(100)) if noise else game
    return gs.analysis.slice_field(game, (0.0, 0.0), plane, **corners)


counts = (2500, 5) if fast else (2500, 1000, 300, 100, 30, 10, 5)
gs.animate.fields({f"{samples} samples": look(samples, 0.0) for samples in counts}, dpi=80, rate=1.5)

# %%
scales = (0.0, 0.2) if fast else (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
gs.animate.fields({f"noise of scale {scale}": look(100, scale) for scale in scales}, dpi=80, rate=1.5)
