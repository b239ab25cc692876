# %% [markdown]
# # Sweeps: a grid of hyperparameters in one program
#
# `gs.sweep` calls a function at every point of a product of named axes. All points are lanes of one compiled program,
# shared by all devices that there are. Which consensus weight and step size settle, and does theory know the boundary?

# %%
import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs

game = gs.zero_sum(lambda x, y: x * y)
origin = (0.0, 0.0)


# %% [markdown]
# ## The predicted rate on a grid
#
# On `x y` consensus optimisation settles iff `η < 2γ / (1 + γ²)`: as a function of `η`, for `γ` between the two roots
# of a quadratic; the dashed line is the lower one. It covers the line that was found.


# %%
def rate(eta, gamma):
    return gs.analysis.rate(game, gs.conopt(eta, gamma), origin)


table = gs.sweep(rate, {"eta": jnp.linspace(0.02, 0.98, 49), "gamma": jnp.linspace(0.02, 2.0, 49)})
axes = gs.plots.rate_map(table, boundary=lambda eta: (1 - np.sqrt(1 - eta**2)) / eta)
settles = table.values < 1
eta, gamma = np.meshgrid(table.axes["eta"], table.axes["gamma"], indexing="ij")
known = eta < 2 * gamma / (1 + gamma**2)
print(f"{table.values.size} lanes; theory and rate agree on {np.mean(settles == known):.2%} of them")
axes.figure

# %% [markdown]
# ## Runs instead of predictions, with seeds
#
# `keys=` adds an axis of random keys. Here: how far a run ends from the equilibrium when the game is noisy, the median
# over eight seeds, by solver and step size.

# %%
noisy = gs.zero_sum(lambda x, y, noise: jnp.mean(x * y + 0.1 * (noise[:, 0] * x + noise[:, 1] * y)))


def noise(key):
    return jax.random.normal(key, (4, 2))


makers = {"extragradient": gs.extragradient, "ogda": gs.ogda, "cgd": gs.cgd}
steps = jnp.geomspace(0.01, 0.4, 7)
print("step size     ", *(f"{step:6.3f}" for step in steps))
for name, make in makers.items():

    def end(step, key, make=make):
        run = gs.solve(noisy, make(step), (1.0, 1.0), 2000, sample=jax.tree_util.Partial(noise), key=key)
        return jnp.hypot(*run.players)

    ends = gs.sweep(end, {"step": steps}, keys=jax.random.split(jax.random.key(0), 8))
    print(f"{name:14}", *(f"{value:6.3f}" for value in np.median(ends.values, axis=1)))

# %% [markdown]
# The table is labelled: `table.select(gamma=1.0)` takes one value of an axis, `table.to_dataframe()` makes rows for
# pandas. On several devices the lanes are dealt out; nothing in the code changes.

# %%
print(f"devices: {jax.device_count()}; axes {list(ends.axes)}, values {ends.values.shape}")
