# %% [markdown]
# # The counter-attack: why a good discriminator is not a best response
#
# A generator and a discriminator learn handwritten digits together until little changes. The discriminator's loss stays
# near that of a coin toss. Is the discriminator unable to do better? No: trained alone, it quickly learns to tell the
# generator's images from real ones. During joint training the generator prevented this by responding to every change. A
# discriminator trained alone is also brittle: when the generator responds, its loss rises far above its initial value.

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
# ## Train five GANs with simultaneous Adam
#
# All seeds run in one compiled program. A small classifier measures the quality of the images. Each measure is printed
# beside its value for real images: for the Frechet distance, that is the distance between two halves of the real
# digits.

# %%
adam = optax.adam(1e-3, b1=0.5)


@jax.jit
@jax.vmap
def train(key):
    start = networks.init(key)
    solver = gs.per_player(adam, adam)
    return gs.solve(
        experiment.game,
        solver,
        start,
        150 if fast else 1500,
        sample=experiment.sample,
        key=key,
    ).players


@jax.jit
def measure_all(measure, players):
    return jax.vmap(measure)(players)


saved = train(keys)
quality = measure_all(experiment.measures["quality"], saved)
print(
    f"Frechet distance {quality.frechet.mean():.1f}, real against real "
    f"{quality.frechet_floor.mean():.1f}"
)
print(
    f"score            {quality.score.mean():.2f}, of real images "
    f"{quality.real_score.mean():.2f}"
)
print(
    f"classes covered  {quality.coverage.mean():.1f}, by real images "
    f"{quality.real_coverage.mean():.1f}"
)

# %% [markdown]
# ## Four continuations, and the generator's response
#
# From the same saved networks we take 150 steps of size 0.01 in four ways:
#
# - gradient steps of the discriminator alone,
# - gradient steps of both players (SimGD),
# - competitive gradient descent (CGD) of the discriminator alone, which anticipates a response that does not come,
# - competitive gradient descent of both players.
#
# Then the discriminator is fixed and the generator takes 150 gradient steps. In the table, `speed` is the change of the
# discriminator's logits per step on fixed images, and `jump` is the rise of its loss during the response. A loss of
# 1.39 = log 4 is that of a coin toss.

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
        return gan.counter_attack(
            experiment,
            phase,
            answer,
            players,
            key=key,
            steps=steps,
            answer_steps=steps,
        )

    seen[name] = result = attack(keys, saved)
    figures = [
        float(jnp.mean(x))
        for x in (
            result.speed,
            result.before,
            result.trained,
            result.attacked,
            result.jump,
        )
    ]
    print(
        "{:26} {:6.3f} {:7.2f} {:6.2f} {:9.2f} {:6.2f}".format(name, *figures)
    )

alone, both = seen["discriminator alone"], seen["both, SimGD"]
print(
    "alone, the discriminator changes "
    f"{float(jnp.mean(alone.speed / both.speed)):.2f} times as fast as "
    "together,"
)
print(
    f"and its loss jumps {float(jnp.mean(alone.jump / both.jump)):.1f} times "
    "as far during the counter-attack"
)

# %% [markdown]
# With such small steps the anticipated response is a small part of the competitive step. A discriminator alone under
# CGD therefore behaves like one under plain gradient steps.

# %% [markdown]
# Median and range of the discriminator's loss over the five seeds. The generator responds to the right of the vertical
# line. The dotted line is the loss of a coin toss.


# %% mystnb={"image": {"alt": "Discriminator's loss over 300 steps for four continuations, with a vertical line in the middle."}, "figure": {"caption": "Trained alone, the discriminator improves fast. When the generator responds, its loss jumps above that of a coin toss (dotted)."}}
def draw(seen, line):
    losses = {
        name: jnp.concatenate([result.losses, result.answers], axis=1)
        for name, result in seen.items()
    }
    _, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    gs.plots.lines(
        losses,
        axes=(
            "step (right of the line: the generator responds)",
            "discriminator's loss",
        ),
        ax=axes,
    )
    axes.axvline(line, color="grey", linewidth=0.8)
    axes.axhline(2 * jnp.log(2.0), color="grey", linewidth=0.8, linestyle=":")
    axes.set(yscale="log")
    gs.plots.legend(axes)
    plt.show()


draw(seen, steps)

# %% [markdown]
# ## A discriminator that imagines the answer
#
# Does a discriminator that imagines the generator's answer, and moves alone, become more robust? Adaptive CGD takes
# larger steps, and in `acgd((scale * rate, rate))` the first number says how far the generator is imagined to go: 0 is
# plain adaptive gradient descent. The GANs are trained by `acgd`, and the discriminator goes on with the averages of
# that training, `state=`.

# %%
rate, steps = 3e-3, 10 if fast else 100
adaptive = gs.per_player(optax.rmsprop(rate), optax.rmsprop(rate))
respond = optax.chain(
    adaptive, gs.per_player(optax.identity(), optax.set_to_zero())
)


@jax.jit
@jax.vmap
def save(key):
    start, length = networks.init(key), 10 if fast else 400
    trained = gs.solve(
        experiment.game,
        gs.acgd(rate),
        start,
        length,
        sample=experiment.sample,
        key=key,
    )
    return trained.players, trained.state


@jax.jit
def imagine(scale, keys, players, states):
    phase = optax.chain(gs.acgd((scale * rate, rate)), only_discriminator)

    def attack(key, players, state):
        kept = state, *phase.init(players)[1:]
        settings = {
            "key": key,
            "steps": steps,
            "answer_steps": steps,
            "state": kept,
        }
        return gan.counter_attack(
            experiment, phase, respond, players, **settings
        )

    return jax.vmap(attack)(keys, players, states)


keys = keys[: 2 if fast else 3]
players, states = save(keys)
imagined = {}
print("imagined answer  speed  before  after  answered   jump (over the seeds)")
for scale in (0.0, 1.0, 10.0):
    imagined[f"answer x {scale:g}"] = result = imagine(
        scale, keys, players, states
    )
    figures = [
        float(jnp.mean(x))
        for x in (
            result.speed,
            result.before,
            result.trained,
            result.attacked,
            result.jump,
        )
    ]
    print(
        "{:15g} {:6.3f} {:7.2f} {:6.2f} {:9.2f} {:6.2f}".format(
            scale, *figures
        ),
        end=" ",
    )
    print(f"({result.jump.min():.2f} to {result.jump.max():.2f})")

# %% [markdown]
# It does: a little if the generator is imagined to take its own steps, and clearly if it takes steps ten times as long.
# In return the discriminator gains less in isolation.

# %%
draw(imagined, steps)
