# %% [markdown]
# # Digits from perceptrons and convolutions
#
# A GAN on images is a game like any other: two networks, a payoff, a sampler. The networks may be the plain perceptrons
# of the catalogue or models of equinox; the solver may be any of the library's or of optax.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import gamesolve as gs
from gamesolve.games import data, gan

digits = data.digits()
classifier = gan.train_classifier(digits)
print(f"the classifier that measures is right on {float(classifier.accuracy):.1%} of what it has not seen")

# %% [markdown]
# ## Two solvers on perceptrons
#
# Adam for both players at once takes many cheap steps; adaptive competitive gradient descent (ACGD) few expensive ones.
# Each figure stands beside the same for real images, since it depends on the classifier and on the number of samples.

# %%
experiment = gan.images(digits, gan.perceptrons((8, 8), widths=(64, 64)), classifier=classifier)
adam = optax.adam(1e-3, b1=0.5)
solvers = {
    "Adam, 150 steps": (gs.per_player(adam, adam), 150),
    "Adam, 1500 steps": (gs.per_player(adam, adam), 1500),
    "ACGD, 150 steps": (gs.acgd(2e-3), 150),
}
played = {"start": experiment.players}
for name, (solver, num_steps) in solvers.items():
    run = gs.solve(
        experiment.game, solver, experiment.players, num_steps, sample=experiment.sample, key=jax.random.key(0)
    )
    played[name] = run.players


@jax.jit
def measure(quality, players):
    return quality(players)


print(f"{'':16} distance (floor)  score (real)  classes  precision  recall")
for name, players in played.items():
    q = measure(experiment.measures["quality"], players)
    print(
        f"{name:16} {q.frechet:8.1f} ({q.frechet_floor:.1f}) {q.score:9.2f} ({q.real_score:.2f})"
        f" {q.coverage:6d} {q.precision:10.2f} {q.recall:8.2f}"
    )

# %%
noise = jax.random.normal(jax.random.key(7), (10, 16))
generate = gan.perceptrons((8, 8), widths=(64, 64)).generate
figure, axes = plt.subplots(len(played) + 1, 10, figsize=(7, 4), layout="constrained")
for row, (name, pictures) in zip(
    axes,
    [("real", digits.inputs[:10]), *((name, generate(players[0], noise)) for name, players in played.items())],
    strict=True,
):
    for column, picture in zip(row, pictures, strict=True):
        column.imshow(picture, cmap="grey", vmin=-1, vmax=1)
        column.set_axis_off()
    row[0].set_title(name, fontsize="small", loc="left")

# %% [markdown]
# ## Convolutions, and any model of equinox
#
# `gan.convolutional` makes networks of DCGAN's shape. `gan.from_equinox` splits any equinox model of one example into
# a player, which is a pytree of arrays, and a function that applies it to a batch; the two may be mixed with anything.

# %%
networks = gan.convolutional((8, 8), latent=16, width=8)
convolutional = gan.images(digits, networks, batch_size=32, classifier=classifier)
fast = optax.adam(3e-3, b1=0.5)
run = gs.solve(
    convolutional.game,
    gs.per_player(fast, fast),
    convolutional.players,
    300,
    sample=convolutional.sample,
    key=jax.random.key(0),
)
for name, players in (("start", convolutional.players), ("Adam, 300 steps", run.players)):
    q = measure(convolutional.measures["quality"], players)
    print(f"convolutional, {name:16} distance {q.frechet:.1f} ({q.frechet_floor:.1f}), classes {q.coverage:d}")

# %%
import equinox as eqx  # noqa: E402

critic, judge = gan.from_equinox(eqx.nn.MLP(64, 1, 32, 1, key=jax.random.key(2)))
mixed = gan.adversarial(networks.generate, lambda player, images: judge(player, images.reshape(-1, 64)))
batch = digits.inputs[:32], jnp.zeros((32, 16))
players, _ = gs.step(mixed, gs.acgd(1e-3), (convolutional.players[0], critic), None, batch)
print("a convolutional generator against an equinox perceptron:", len(jax.tree.leaves(players)), "arrays after a step")
