# %% [markdown]
# # Spectral normalisation in equinox
#
# Spectral normalisation divides the weights of a layer by an estimate of their largest singular value. It follows this
# value by one power iteration per evaluation, with two vectors that it keeps as its state. Do the vectors keep up with
# the training, and what are the largest singular values with and without normalisation?

# %%
import os

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import gamesolve as gs
from gamesolve.games import data

fast = "GAMESOLVE_FAST" in os.environ
LATENT, BATCH, STEPS, ROWS = 16, 64, 20 if fast else 3000, 20
images = data.digits().inputs

# %% [markdown]
# ## Two discriminators
#
# Both consist of the same linear layers. `wrap` puts a layer into a module that is called with its state: into
# `SpectralNorm`, or into `Plain`, which leaves the layer as it is.


# %%
class Generator(eqx.Module):
    network: eqx.nn.MLP

    def __init__(self, key):
        self.network = eqx.nn.MLP(
            LATENT, 64, 128, 1, jax.nn.leaky_relu, jnp.tanh, key=key
        )

    def __call__(self, latent):
        return self.network(latent).reshape(8, 8)


class Plain(eqx.Module):
    layer: eqx.nn.Linear

    def __call__(self, inputs, state):
        return self.layer(inputs), state


class Discriminator(eqx.Module):
    layers: list

    def __init__(self, wrap, key):
        sizes = (64, 128, 1)
        keys = jax.random.split(key, len(sizes) - 1)
        self.layers = [
            wrap(eqx.nn.Linear(*pair, key=key), key)
            for *pair, key in zip(sizes[:-1], sizes[1:], keys, strict=True)
        ]

    def __call__(self, image, state):
        seen = image.ravel()
        for layer in self.layers[:-1]:
            seen, state = layer(seen, state)
            seen = jax.nn.leaky_relu(seen)
        logits, state = self.layers[-1](seen, state)
        return logits, state


def spectral(layer, key):
    return eqx.nn.SpectralNorm(layer, "weight", key=key)


def plain(layer, _key):
    return Plain(layer)


# %% [markdown]
# ## Losses
#
# A module with state comes with the attributes `module` and `state`. Each call puts the new state back. These are
# the hinge losses, which are usual with spectral normalisation.


# %%
def judge(discriminator, images):
    each = jax.vmap(discriminator.module, in_axes=(0, None), out_axes=(0, None))
    logits, discriminator.state = each(images, discriminator.state)
    return logits


def generator_loss(generator, discriminator, batch):
    _, latents = batch
    return -jnp.mean(judge(discriminator, jax.vmap(generator)(latents)))


def discriminator_loss(generator, discriminator, batch):
    real, latents = batch
    both = jnp.concatenate([real, jax.vmap(generator)(latents)])
    real, fake = jnp.split(judge(discriminator, both), 2)
    margin = {"margin": jnp.mean(real) - jnp.mean(fake)}
    return jnp.mean(jax.nn.relu(1 - real)) + jnp.mean(
        jax.nn.relu(1 + fake)
    ), margin


# %% [markdown]
# ## Training with and without
#
# `record` puts the modules together and computes exact singular values: of the weights as they are stored, and of the
# weights that the discriminator uses, which are divided by the estimate.


# %%
def top(weight):
    return jnp.linalg.norm(weight, 2)


def estimate(layer, state):
    if isinstance(layer, Plain):
        return 1.0
    u, v = state.get(layer.uv_index)
    return u @ layer.layer.weight @ v


def train(wrap):
    keys = jax.random.split(jax.random.key(0), 3)
    judging = eqx.nn.make_with_state(Discriminator)(wrap, keys[1])
    nets = gs.modules.from_equinox(Generator(keys[0]), judging)
    game = gs.from_losses(
        nets.payoff(generator_loss),
        nets.payoff(discriminator_loss),
        model_state=nets.model_state,
    )

    def record(players, state, computed):
        _, discriminator = nets.merge(players, state.model_state)
        layers = discriminator.module.layers
        stored = jnp.stack([top(layer.layer.weight) for layer in layers])
        estimates = jnp.stack(
            [
                jnp.asarray(estimate(layer, discriminator.state))
                for layer in layers
            ]
        )
        return {
            "stored": stored,
            "used": stored / estimates,
            **computed.metrics[1],
        }

    adam = optax.adam(5e-4, b1=0.5)
    sample = gs.sampling.joint(
        gs.minibatches(images, BATCH), gs.sampling.latents(BATCH, LATENT)
    )
    solution = gs.run(
        game,
        gs.per_player(adam, adam),
        nets.players,
        STEPS,
        sample=sample,
        key=keys[2],
        record=record,
        every=STEPS // ROWS,
        chunk=STEPS,
        progress=False,
    )
    return nets, solution


runs = {"SpectralNorm": train(spectral), "plain": train(plain)}

# %% [markdown]
# ## Do the vectors move?
#
# The vectors `u` and `v` of each layer have norm 1. A cosine below 1 between start and end says that they have moved.
# The last layer has one output, so its `u` is a single number and can't turn. The estimate at the end should be close
# to the exact largest singular value of the stored weights. It lags behind, because the weights move on.

# %%
nets, solution = runs["SpectralNorm"]
_, before = nets.merge(nets.players)
_, after = nets.merge(solution.players, solution.model_state)
print("layer  cosine of u  cosine of v  estimate   exact")
for number, layer in enumerate(after.module.layers):
    pairs = zip(
        before.state.get(layer.uv_index),
        after.state.get(layer.uv_index),
        strict=True,
    )
    cosines = [float(old @ new) for old, new in pairs]
    followed, exact = (
        float(estimate(layer, after.state)),
        float(top(layer.layer.weight)),
    )
    print(
        f"{number:5} {cosines[0]:12.3f} {cosines[1]:12.3f} {followed:9.4f} "
        f"{exact:7.4f}"
    )

# %% [markdown]
# ## The largest singular values
#
# The product over the layers bounds how fast the logits change with the image. With SpectralNorm it stays close to 1.
# Without it the singular values grow during the training, and so does the bound.

# %%
for name, (_, solution) in runs.items():
    used, margin = (
        np.asarray(solution.trace["used"]),
        float(solution.trace["margin"][-1]),
    )
    print(
        f"{name:13} after {STEPS} steps: {used[-1].round(2)}, product "
        f"{used[-1].prod():6.2f}, "
        f"largest of the run {used.max():.2f}, margin {margin:.2f} logits"
    )

# %% mystnb={"image": {"alt": "Largest singular value of each layer over the steps, with and without spectral normalisation."}, "figure": {"caption": "With normalisation the values stay near 1. Without it they grow during the training."}}
steps = np.arange(1, ROWS + 1) * (STEPS // ROWS)
figure, panels = plt.subplots(
    1, 2, figsize=(7, 2.8), layout="constrained", sharey=True
)
for axes, (name, (_, solution)) in zip(panels, runs.items(), strict=True):
    curves = {
        f"layer {number}": values
        for number, values in enumerate(np.asarray(solution.trace["used"]).T)
    }
    gs.plots.lines(
        curves, steps, axes=("step", "largest singular value in use"), ax=axes
    )
    axes.set_title(name)
panels[1].set_ylabel("")
panels[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# Real digits, and samples of both generators from the same ten latents.

# %% mystnb={"image": {"alt": "Three rows of ten digits: real ones, and samples with and without spectral normalisation."}, "figure": {"caption": "Both generators draw digit-like shapes from the same latents."}}
latents = jax.random.normal(jax.random.key(3), (10, LATENT))
rows = {"real": images[:10]}
for name, (nets, solution) in runs.items():
    generator, _ = nets.merge(solution.players, solution.model_state)
    rows[name] = jax.vmap(generator)(latents)
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
gs.plots.images(
    jnp.concatenate(list(rows.values())),
    columns=10,
    labels=tuple(rows),
    ax=axes,
)
plt.show()
