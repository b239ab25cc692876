# %% [markdown]
# # A DCGAN in flax nnx: BatchNorm, Dropout, checkpoints
#
# BatchNorm keeps running statistics, and Dropout keeps a key and a counter. A run carries them beside the players, as
# the model state. Does a small DCGAN, with BatchNorm in the generator and Dropout in the discriminator, learn digits of
# 8 by 8 pixels? Does a resumed run end with the same bits?

# %%
import os
import pathlib
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
from flax import nnx

import gamesolve as gs
from gamesolve.games import data, gan

fast = "GAMESOLVE_FAST" in os.environ
LATENT, BATCH, STEPS = 16, 8 if fast else 64, 10 if fast else 2000
digits = data.digits()
images = digits.inputs[..., None]

# %% [markdown]
# ## Networks and losses
#
# These are ordinary nnx modules, and the losses are functions of them: least squares, with targets 1 for real images
# and 0 for generated ones. The second loss also returns a metric: the share of images, real and generated, that the
# discriminator judges correctly.


# %%
class Generator(nnx.Module):
    def __init__(self, rngs):
        self.spread = nnx.Linear(LATENT, 4 * 4 * 32, rngs=rngs)
        self.normalise = nnx.BatchNorm(32, momentum=0.9, rngs=rngs)
        self.up = nnx.ConvTranspose(32, 1, (4, 4), (2, 2), rngs=rngs)

    def __call__(self, latents):
        small = self.normalise(self.spread(latents).reshape(-1, 4, 4, 32))
        return jnp.tanh(self.up(nnx.leaky_relu(small)))


class Discriminator(nnx.Module):
    def __init__(self, rngs):
        self.look = nnx.Conv(1, 16, (4, 4), (2, 2), rngs=rngs)
        self.down = nnx.Conv(16, 32, (4, 4), (2, 2), rngs=rngs)
        self.drop = nnx.Dropout(0.3, rngs=rngs)
        self.score = nnx.Linear(2 * 2 * 32, 1, rngs=rngs)

    def __call__(self, images):
        seen = self.drop(nnx.leaky_relu(self.look(images), 0.2))
        seen = self.drop(nnx.leaky_relu(self.down(seen), 0.2))
        return self.score(seen.reshape(len(images), -1))


def generator_loss(generator, discriminator, batch):
    _, latents = batch
    return jnp.mean((discriminator(generator(latents)) - 1) ** 2)


def discriminator_loss(generator, discriminator, batch):
    real, latents = batch
    real, fake = jnp.split(
        discriminator(jnp.concatenate([real, generator(latents)])), 2
    )
    loss = jnp.mean((real - 1) ** 2) + jnp.mean(fake**2)
    return loss, {"accuracy": (jnp.mean(real > 0.5) + jnp.mean(fake < 0.5)) / 2}


# %% [markdown]
# ## Training
#
# `from_nnx` separates the parameters, which are the players, from the model state. Each player has its own Adam. The
# third argument of `record` holds the payoffs and metrics that the step has computed anyway. A payoff is minus a loss.

# %%
nets = gs.modules.from_nnx(Generator(nnx.Rngs(0)), Discriminator(nnx.Rngs(1)))
game = gs.from_losses(
    nets.payoff(generator_loss),
    nets.payoff(discriminator_loss),
    model_state=nets.model_state,
)
solver = gs.per_player(optax.adam(2e-3, b1=0.5), optax.adam(1e-3, b1=0.5))
sample = gs.sampling.joint(
    gs.minibatches(images, BATCH), gs.sampling.latents(BATCH, LATENT)
)


def record(_players, _state, computed):
    generator, discriminator = computed.payoffs
    return {
        "generator": -generator,
        "discriminator": -discriminator,
        **computed.metrics[1],
    }


def train(num_steps, checkpoint=None):
    return gs.run(
        game,
        solver,
        nets.players,
        num_steps,
        sample=sample,
        key=jax.random.key(2),
        record=record,
        every=STEPS // 10,
        chunk=STEPS // 2,
        checkpoint=checkpoint,
        progress=False,
    )


solution = train(STEPS)
trace = solution.trace
print(" step  generator's loss  discriminator's loss  accuracy")
for row in range(1, 10, 2):
    step = (row + 1) * STEPS // 10
    print(
        f"{step:5} {trace['generator'][row]:17.2f} "
        f"{trace['discriminator'][row]:21.2f} {trace['accuracy'][row]:9.0%}"
    )

# %% [markdown]
# ## Samples before and after
#
# `merge` puts modules together again, with the parameters and the model state of the end. `eval()` then selects
# the running statistics of BatchNorm. The measuring classifier gives the Frechet distance to real digits: 0 would be
# perfect, and the value in parentheses is that of other real digits.

# %% mystnb={"image": {"alt": "Three rows of ten digits of 8 by 8 pixels: real, at the start, and after training."}, "figure": {"caption": "At the start the images are noise. After training they have the strokes of digits."}}
classifier = gan.train_classifier(digits, steps=100 if fast else 2000)
latents = jax.random.normal(jax.random.key(3), (100 if fast else 900, LATENT))
rows = {"real": images[:10]}
for name, arrays in {
    "start": (nets.players, nets.model_state),
    "trained": (solution.players, solution.model_state),
}.items():
    generator, _ = nets.merge(*arrays)
    generator.eval()
    made = generator(latents)
    quality = gan.image_measures(classifier, digits.inputs, made[..., 0])
    print(
        f"{name:8} distance {quality.frechet:6.1f} ("
        f"{quality.frechet_floor:.1f}), classes {quality.coverage:d}"
    )
    rows[name] = made[:10]
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
gs.plots.images(
    jnp.concatenate(list(rows.values())),
    columns=10,
    labels=tuple(rows),
    ax=axes,
)
plt.show()

# %% [markdown]
# ## Stop and resume
#
# The run below stops half-way and is then repeated with the full number of steps. It continues from the newest
# checkpoint. Running statistics, keys and counters are in it, so all arrays are equal to those of the first run.


# %%
@jax.jit
def same(tree, other):
    return jnp.all(
        jnp.stack(
            jax.tree.leaves(
                jax.tree.map(lambda a, b: jnp.all(a == b), tree, other)
            )
        )
    )


with tempfile.TemporaryDirectory() as folder:
    half = train(STEPS // 2, checkpoint=folder)
    print(
        "half-way:",
        sorted(path.name for path in pathlib.Path(folder).iterdir()),
    )
    resumed = train(STEPS, checkpoint=folder)
print(
    f"steps {half.steps}, then {resumed.steps}; players equal: "
    f"{same(resumed.players, solution.players)}"
)
print("model state equal:", same(resumed.model_state, solution.model_state))
print(
    "rows equal:",
    all(np.array_equal(resumed.trace[name], trace[name]) for name in trace),
)

# %% [markdown]
# The discriminator draws from Dropout twice per call, and each of the two losses calls it once per step. The counter
# shows it.

# %%
_, discriminator = nets.merge(resumed.players, resumed.model_state)
print(
    f"{int(discriminator.drop.rngs.count[...])} draws of Dropout in "
    f"{resumed.steps} steps"
)
