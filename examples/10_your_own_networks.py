# %% [markdown]
# # Custom networks as players: plain functions, flax, equinox
#
# A player is a pytree of arrays, together with a function. Pass `gan.adversarial` one function for the generator and
# one for the discriminator. They can be plain functions, flax modules or equinox modules. Each section below trains a
# small network on five clusters, and prints how many modes it covers and the share of good samples.

# %%
import importlib.util
import os

import jax
import jax.numpy as jnp
import optax

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
data = gan.five(batch_size=64)
centres, scale = data.measures["modes"].args[0], 0.2
sample = gan.batches(
    gan.Clusters(centres, jnp.asarray(scale), 64), gs.sampling.latents(64, 4)
)
keys = jax.random.split(jax.random.key(0), 3)


def train(name, game, players, generate):
    solver = optax.adam(1e-3, b1=0.5)
    run = gs.solve(
        game, solver, players, 50 if fast else 1000, sample=sample, key=keys[2]
    )
    samples = generate(run.players[0], jax.random.normal(keys[2], (1000, 4)))
    covered = int(
        gs.metrics.modes_covered(samples, centres, 3 * scale, least=10)
    )
    print(
        f"{name:12} {covered} of 5 modes, "
        f"{float(gs.metrics.good_share(samples, centres, 3 * scale)):.0%} "
        "good samples"
    )


# %% [markdown]
# ## Plain functions
#
# The parameters are a dictionary, and the network is one line.


# %%
def init(key, inputs, outputs):
    first, second = jax.random.split(key)
    weights = (
        jax.random.normal(first, (inputs, 64)),
        jax.random.normal(second, (64, outputs)) / 8,
    )
    return {"in": weights[0], "bias": jnp.zeros(64), "out": weights[1]}


def apply(layers, inputs):
    return jax.nn.relu(inputs @ layers["in"] + layers["bias"]) @ layers["out"]


train(
    "plain",
    gan.adversarial(apply, apply),
    (init(keys[0], 4, 2), init(keys[1], 2, 1)),
    apply,
)

# %% [markdown]
# ## equinox
#
# A module holds arrays and functions. `eqx.partition` separates them: the arrays are the player. Inside the function,
# `eqx.combine` puts the module together again.

# %%
if importlib.util.find_spec("equinox"):
    import equinox as eqx

    def network(key, inputs, outputs):
        arrays, static = eqx.partition(
            eqx.nn.MLP(inputs, outputs, 64, 2, key=key), eqx.is_inexact_array
        )
        return arrays, lambda own, examples: jax.vmap(eqx.combine(own, static))(
            examples
        )

    (generator, generate), (discriminator, judge) = (
        network(keys[0], 4, 2),
        network(keys[1], 2, 1),
    )
    train(
        "equinox",
        gan.adversarial(generate, judge),
        (generator, discriminator),
        generate,
    )
else:
    print("equinox is not installed: pip install gamesolve[images]")

# %% [markdown]
# ## flax
#
# A linen module's `apply` is a function of its variables, so it can be passed to the game without changes.

# %%
if importlib.util.find_spec("flax"):
    from flax import linen

    def stack(outputs):
        return linen.Sequential(
            [
                linen.Dense(64),
                linen.relu,
                linen.Dense(64),
                linen.relu,
                linen.Dense(outputs),
            ]
        )

    generate, judge = stack(2), stack(1)
    players = (
        generate.init(keys[0], jnp.zeros((1, 4))),
        judge.init(keys[1], jnp.zeros((1, 2))),
    )
    train(
        "flax",
        gan.adversarial(generate.apply, judge.apply),
        players,
        generate.apply,
    )
else:
    print("flax is not installed: pip install flax")
