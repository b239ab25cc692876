# %% [markdown]
# # Custom games: plain pytrees, flax, equinox
#
# A game needs one pure payoff function per player, and players that are pytrees of floating arrays. This example writes
# the same game three times: a small network fits data, and an adversary reweights the examples. All three runs must
# agree.

# %%
import importlib.util

import jax
import jax.numpy as jnp
import optax

import gamesolve as gs

x = jnp.linspace(-2.0, 2.0, 64)[:, None]
data = (x, jnp.sin(2 * x[:, 0]) + 1.5 * (abs(x[:, 0]) > 1.7))
sample = gs.minibatches(data, 32)

# %% [markdown]
# ## Plain pytrees
#
# Player 0 is a dictionary with the weights of the network. Player 1 holds two numbers, from which it computes a weight
# for each example. Player 0 minimises the weighted error. Player 1 maximises it, but pays for weights far from 1/2. A
# payoff takes all players and then the batch, and is a mean over the batch's first axis.


# %%
def predict(weights, inputs):
    hidden = jnp.tanh(inputs @ weights["in"] + weights["bias"])
    return (hidden @ weights["out"])[:, 0]


def emphasis(slope, inputs):
    return jax.nn.sigmoid(slope["a"] * abs(inputs[:, 0]) + slope["b"])


def error(predictions, slope, batch):
    inputs, targets = batch
    weight = emphasis(slope, inputs)
    return jnp.mean(
        weight * (predictions - targets) ** 2 - 2 * (weight - 0.5) ** 2
    )


game = gs.zero_sum(
    lambda weights, slope, batch: error(
        predict(weights, batch[0]), slope, batch
    )
)
first, second = jax.random.split(jax.random.key(0))
weights = {
    "in": 2 * jax.random.normal(first, (1, 16)),
    "bias": jnp.linspace(-2.0, 2.0, 16),
    "out": 0.1 * jax.random.normal(second, (16, 1)),
}
slope = {"a": jnp.array(0.0), "b": jnp.array(0.0)}
solver = gs.extragradient(0.1)


def worst(players, _state=None):
    return jnp.max(abs(predict(players[0], data[0]) - data[1]))


run = gs.solve(
    game,
    solver,
    (weights, slope),
    2000,
    sample=sample,
    key=jax.random.key(1),
    record=worst,
    every=20,
)
learned = {
    name: round(float(value), 3) for name, value in run.players[1].items()
}
print(
    f"plain: largest error {run.trace[0]:.3f} -> {run.trace[-1]:.3f}; player "
    f"1 {learned}"
)

# %% [markdown]
# ## flax
#
# `module.init` returns the parameters, which are the player. `module.apply` is a pure function, which the payoff calls.
# The printed difference from the plain run is at the level of rounding errors.

# %%
if importlib.util.find_spec("flax"):
    from flax import linen

    class Network(linen.Module):
        @linen.compact
        def __call__(self, inputs):
            return linen.Dense(1, use_bias=False, name="out")(
                linen.tanh(linen.Dense(16, name="in")(inputs))
            )[:, 0]

    network = Network()
    fresh = network.init(jax.random.key(0), x)
    print("flax: the player is", jax.tree.map(jnp.shape, fresh))
    player = {
        "params": {
            "in": {"kernel": weights["in"], "bias": weights["bias"]},
            "out": {"kernel": weights["out"]},
        }
    }
    flax_game = gs.zero_sum(
        lambda variables, slope, batch: error(
            network.apply(variables, batch[0]), slope, batch
        )
    )
    end = gs.solve(
        flax_game,
        solver,
        (player, slope),
        2000,
        sample=sample,
        key=jax.random.key(1),
    ).players
    print(
        "flax: differs from plain by "
        f"{abs(end[0]['params']['out']['kernel'] - run.players[0]['out']).max():.1e}"
    )
else:
    print("flax: not installed")

# %% [markdown]
# ## equinox
#
# A module holds arrays and other attributes. `eqx.partition` separates the arrays, which are the player, and
# `eqx.combine` puts the module together again inside the payoff. This run agrees with the plain one too.

# %%
if importlib.util.find_spec("equinox"):
    import equinox as eqx

    model = eqx.nn.MLP(
        1,
        1,
        16,
        1,
        activation=jnp.tanh,
        use_final_bias=False,
        key=jax.random.key(0),
    )
    model = eqx.tree_at(
        lambda tree: (
            tree.layers[0].weight,
            tree.layers[0].bias,
            tree.layers[1].weight,
        ),
        model,
        (weights["in"].T, weights["bias"], weights["out"].T),
    )
    arrays, rest = eqx.partition(model, eqx.is_inexact_array)

    def judged(arrays, slope, batch):
        return error(
            jax.vmap(eqx.combine(arrays, rest))(batch[0])[:, 0], slope, batch
        )

    end = gs.solve(
        gs.zero_sum(judged),
        solver,
        (arrays, slope),
        2000,
        sample=sample,
        key=jax.random.key(1),
    ).players
    print(
        "equinox: differs from plain by "
        f"{abs(end[0].layers[1].weight.T - run.players[0]['out']).max():.1e}"
    )
else:
    print("equinox: not installed")

# %% [markdown]
# ## Compare solvers
#
# Any optax transformation is a solver too. The curves show the largest error over the steps: medians and ranges over
# five seeds.

# %% mystnb={"image": {"alt": "Largest error over the steps, a curve with a shaded range for each solver, on a logarithmic scale."}, "figure": {"caption": "The lowest curve at the end belongs to the best solver of this game. The shaded ranges are those of five seeds."}}
solvers = {
    "simgd": gs.simgd(0.1),
    "extragradient": gs.extragradient(0.1),
    "Adam per player": gs.per_player(optax.adam(3e-3), optax.adam(3e-3)),
}
keys = jax.random.split(jax.random.key(2), 5)
curves = {
    name: jax.vmap(
        lambda key, chosen=chosen: (
            gs.solve(
                game,
                chosen,
                (weights, slope),
                1000,
                sample=sample,
                key=key,
                record=worst,
                every=20,
            ).trace
        )
    )(keys)
    for name, chosen in solvers.items()
}
axes = gs.plots.convergence(
    curves, quantity="largest error", cost=dict.fromkeys(curves, 20)
)
gs.plots.legend(axes)
axes.figure
