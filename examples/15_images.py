# %% [markdown]
# # Digits from perceptrons and convolutions
#
# A GAN on images is a game like any other: two networks, a payoff and a sampler. The networks can be the perceptrons of
# the catalogue or equinox models. The solver can be any solver of gamesolve or optax. Which image quality do they
# reach?

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import gamesolve as gs
from gamesolve.games import data, gan

short = "GAMESOLVE_FAST" in os.environ
digits = data.digits()
classifier = gan.train_classifier(digits)
print(
    "accuracy of the measuring classifier on held-out images: "
    f"{float(classifier.accuracy):.1%}"
)

# %% [markdown]
# ## Two solvers on perceptrons
#
# Adam for both players takes many cheap steps, and adaptive competitive gradient descent (ACGD) takes few expensive
# ones. The values in parentheses are those of real images, because all measures depend on the classifier and on the
# number of samples. A good generator comes close to them: the distance should be low, everything else high.

# %%
experiment = gan.images(
    digits, gan.perceptrons((8, 8), widths=(64, 64)), classifier=classifier
)
adam, few = optax.adam(1e-3, b1=0.5), 20 if short else 150
solvers = {
    f"Adam, {few} steps": (gs.per_player(adam, adam), few),
    f"Adam, {10 * few} steps": (gs.per_player(adam, adam), 10 * few),
    f"ACGD, {few} steps": (gs.acgd(2e-3), few),
}
played = {"start": experiment.game.start}
for name, (solver, num_steps) in list(solvers.items())[:: 2 if short else 1]:
    run = gs.solve(
        experiment.game,
        solver,
        experiment.game.start,
        num_steps,
        sample=experiment.sample,
        key=jax.random.key(0),
    )
    played[name] = run.players


@jax.jit
def measure(quality, players):
    return quality(players)


print(f"{'':16} distance (floor)  score (real)  classes  precision  recall")
for name, players in played.items():
    q = measure(experiment.measures["quality"], players)
    print(
        f"{name:16} {q.frechet:8.1f} ({q.frechet_floor:.1f}) {q.score:9.2f} ("
        f"{q.real_score:.2f})"
        f" {q.coverage:6d} {q.precision:10.2f} {q.recall:8.2f}"
    )

# %% [markdown]
# Real digits, and digits from the same ten latents after each training.

# %% mystnb={"image": {"alt": "Rows of ten digits: real ones, and samples of each training from the same latents."}, "figure": {"caption": "Compare the rows: the samples of the trainings resemble the real digits in the first row."}}
noise = jax.random.normal(jax.random.key(7), (10, 16))
generate = gan.perceptrons((8, 8), widths=(64, 64)).generate
rows = {"real": digits.inputs[:10]} | {
    name: generate(players[0], noise) for name, players in played.items()
}
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
gs.plots.images(
    jnp.concatenate(list(rows.values())),
    columns=10,
    labels=tuple(rows),
    ax=axes,
)
plt.show()

# %% [markdown]
# ## Convolutions, and any equinox model
#
# `gan.convolutional` makes networks with the architecture of DCGAN. Here they train on the non-saturating loss with R1.
# The distance after training should be far below that at the start.

# %%
networks = gan.convolutional((8, 8), latent=16, width=8)
convolutional = gan.images(
    digits,
    networks,
    gan.non_saturating,
    (gan.r1(2.0),),
    batch_size=32,
    classifier=classifier,
)
quick, num_steps = optax.adam(2e-3, b1=0.5), 10 if short else 800
run = gs.solve(
    convolutional.game,
    gs.per_player(quick, quick),
    convolutional.game.start,
    num_steps,
    sample=convolutional.sample,
    key=jax.random.key(0),
)
for name, players in (
    ("start", convolutional.game.start),
    ("trained", run.players),
):
    q = measure(convolutional.measures["quality"], players)
    print(
        f"convolutional, {name:8} distance {q.frechet:.1f} ("
        f"{q.frechet_floor:.1f}), classes {q.coverage:d}"
    )

# %% mystnb={"image": {"alt": "Rows of ten generated digits before and after training of a convolutional GAN."}, "figure": {"caption": "The first row is noise. After training the shapes are those of digits."}}
made = {
    "real": digits.inputs[10:20],
    "trained": networks.generate(run.players[0], noise),
}
figure, axes = plt.subplots(figsize=(6, 1.5), layout="constrained")
gs.plots.images(
    jnp.concatenate(list(made.values())),
    columns=10,
    labels=tuple(made),
    ax=axes,
)
plt.show()

# %% [markdown]
# `gan.from_equinox` splits any equinox model of one example into a player, which is a pytree of arrays, and a function
# that applies it to a batch. Such players can be combined with any others: here, a convolutional generator with a
# perceptron.

# %%
import equinox as eqx  # noqa: E402

critic, judge = gan.from_equinox(
    eqx.nn.MLP(64, 1, 32, 1, key=jax.random.key(2))
)
mixed = gan.adversarial(
    networks.generate,
    lambda player, images: judge(player, images.reshape(-1, 64)),
)
batch = digits.inputs[:32], jnp.zeros((32, 16))
players = gs.solve(
    mixed.bind(batch), gs.acgd(1e-3), (convolutional.game.start[0], critic), 1
).players
print(
    "a convolutional generator against an equinox perceptron:",
    len(jax.tree.leaves(players)),
    "arrays after a step",
)

# %% [markdown]
# ## Larger images
#
# `data.mnist_5k` holds MNIST digits of 28 by 28 pixels. `data.fashion_mnist` reads clothes in the same format, from
# Debian's package or from any folder. The picture compares real digits with generated ones, before and after training.

# %% mystnb={"image": {"alt": "Rows of ten images of 28 by 28 pixels: real digits, and samples before and after training."}, "figure": {"caption": "After training the strokes appear, less sharp than those of the real digits."}}
mnist = data.mnist_5k()
large = gan.perceptrons((28, 28), latent=32, widths=(256, 256))
wide = gan.images(
    mnist, large, gan.non_saturating, (gan.r1(10.0),), batch_size=64
)
adam = optax.adam(5e-4, b1=0.5)
run = gs.solve(
    wide.game,
    gs.per_player(adam, adam),
    wide.game.start,
    10 if short else 2000,
    sample=wide.sample,
    key=jax.random.key(0),
)
noise = jax.random.normal(jax.random.key(7), (10, 32))
made = {
    "real": mnist.inputs[::500],
    "start": large.generate(wide.game.start[0], noise),
}
made["trained"] = large.generate(run.players[0], noise)
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
gs.plots.images(
    jnp.concatenate(list(made.values())),
    columns=10,
    labels=tuple(made),
    ax=axes,
)
print(
    "discriminator's margin between real and generated images: "
    f"{wide.measures['margin'](run.players):.2f} logits"
)
