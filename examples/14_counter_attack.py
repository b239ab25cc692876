# %% [markdown]
# # The counter-attack: why a good discriminator is no best response
#
# A generator and a discriminator learn handwritten digits together until little changes: the discriminator's loss
# hovers near its value for a coin toss. Is it stuck there because it can't do better? No: left alone with the
# generator's images it quickly tells them apart. What kept it from doing so was the generator, which answered every
# change. And what it learns alone is brittle: when the generator is let loose on it, the loss jumps far above where it
# began.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import gamesolve as gs
from gamesolve.games import data, gan

fast = "GAMESOLVE_FAST" in os.environ
digits = data.digits()
networks = gan.perceptrons((8, 8), widths=(64, 64))
classifier = gan.train_classifier(digits)
experiment = gan.images(digits, networks, classifier=classifier)
keys = jax.random.split(jax.random.key(3), 2 if fast else 5)

# %% [markdown]
# ## Five GANs, trained by simultaneous Adam and saved
#
# The seeds are lanes of one compiled program. The quality of the images is measured under a small classifier, and is
# always held against the same figure for real images: the floor is the distance of one half of the real digits to the
# other.

# %%
adam = optax.adam(1e-3, b1=0.5)


@jax.jit
@jax.vmap
def train(key):
    start = networks.init(key)
    solver = gs.per_player(adam, adam)
    return gs.solve(experiment.game, solver, start, 150 if fast else 1500, sample=experiment.sample, key=key).players


@jax.jit
def measure_all(measure, players):
    return jax.vmap(measure)(players)


saved = train(keys)
quality = measure_all(experiment.measures["quality"], saved)
print(f"Frechet distance {quality.frechet.mean():.1f}, real against real {quality.frechet_floor.mean():.1f}")
print(f"score            {quality.score.mean():.2f}, of real images {quality.real_score.mean():.2f}")
print(f"classes covered  {quality.coverage.mean():.1f}, by real images {quality.real_coverage.mean():.1f}")

# %% [markdown]
# ## Four ways to go on, and the generator's answer
#
# From the same saved networks, 150 plain gradient steps of size 0.01: of the discriminator alone; of both; of the
# discriminator alone by competitive gradient descent, which expects the generator to answer, though it does not;
# and of both by competitive gradient descent. Then the discriminator rests and the generator takes 150 steps. `speed`
# is how much the discriminator's logits change a step, on images that stay the same; `jump` how far its loss rises at
# the answer. A loss of 1.39 = log 4 is that of a discriminator that tosses a coin.

# %%
eta, steps = 0.01, 20 if fast else 150
sgd = optax.sgd(eta)
answer = gs.alternating(sgd, sgd, order=(0,))
only_discriminator = gs.per_player(optax.set_to_zero(), optax.identity())
phases = {
    "discriminator alone": gs.alternating(sgd, sgd, order=(1,)),
    "both, SimGD": gs.simgd(eta),
    "discriminator alone, CGD": optax.chain(gs.cgd(eta), only_discriminator),
    "both, CGD": gs.cgd(eta),
}

seen = {}
print(f"{'mean over the seeds':26}  speed  before  after  answered   jump")
for name, phase in list(phases.items())[: 2 if fast else None]:

    @jax.jit
    @jax.vmap
    def attack(key, players, phase=phase):
        return gan.counter_attack(experiment, phase, answer, players, key=key, steps=steps, answer_steps=steps)

    seen[name] = result = attack(keys, saved)
    figures = [float(jnp.mean(x)) for x in (result.speed, result.before, result.trained, result.attacked, result.jump)]
    print("{:26} {:6.3f} {:7.2f} {:6.2f} {:9.2f} {:6.2f}".format(name, *figures))

alone, both = seen["discriminator alone"], seen["both, SimGD"]
print(f"alone it changes {float(jnp.mean(alone.speed / both.speed)):.2f} times as fast as together")
print(f"and the counter-attack costs it {float(jnp.mean(alone.jump / both.jump)):.1f} times as much")

# %% [markdown]
# At step sizes this small the generator's expected answer is a small part of the competitive step, so a discriminator
# alone under CGD behaves like one under plain gradients: what protects it is an opponent that does answer.

# %% [markdown]
# Median and range of the five seeds; the dotted line is the toss of a coin.

# %%
losses = {name: jnp.concatenate([result.losses, result.answers], axis=1) for name, result in seen.items()}
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
gs.plots.lines(losses, axes=("step; the generator answers from the line on", "the discriminator's loss"), ax=axes)
axes.axvline(steps, color="grey", linewidth=0.8)
axes.axhline(2 * jnp.log(2.0), color="grey", linewidth=0.8, linestyle=":")
axes.set(yscale="log")
gs.plots.legend(axes)
