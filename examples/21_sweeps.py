# %% [markdown]
# # Sweeps: a grid of hyperparameters in one program
#
# `gs.sweep` evaluates a function at every point of a product of named axes. All points run in one compiled program,
# distributed over all devices. For which consensus weights and step sizes does consensus optimisation converge, and
# does theory predict the boundary?

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
# On `x y` consensus optimisation with step size `η` and weight `γ` converges if and only if `η < 2γ / (1 + γ²)`. For
# given `η` this holds for `γ` between the two roots of a quadratic, of which the smaller one is drawn dashed. It
# coincides with the solid line, on which the computed rate is 1.


# %% mystnb={"image": {"alt": "Map of the factor per step over step size and weight of consensus optimisation."}, "figure": {"caption": "Blue converges, red diverges. The dashed line, from theory, coincides with the computed border."}}
def rate(eta, gamma):
    return gs.analysis.rate(game, gs.conopt(eta, gamma), origin)


table = gs.sweep(
    rate,
    {"eta": jnp.linspace(0.02, 0.98, 49), "gamma": jnp.linspace(0.02, 2.0, 49)},
)
axes = gs.plots.rate_map(
    table, boundary=lambda eta: (1 - np.sqrt(1 - eta**2)) / eta
)
stable = table.values < 1
eta, gamma = np.meshgrid(table.axes["eta"], table.axes["gamma"], indexing="ij")
known = eta < 2 * gamma / (1 + gamma**2)
print(
    f"{table.values.size} points; theory and rate agree on "
    f"{np.mean(stable == known):.2%} of them"
)
axes.figure

# %% [markdown]
# ## Runs with several seeds
#
# `keys=` adds an axis of random keys. The table shows the distance from the equilibrium at the end of runs on a noisy
# game, by solver and step size: medians over eight seeds. Very small steps have not converged after 2000 steps. For
# larger ones the distance stays at the level of the noise.

# %%
noisy = gs.zero_sum(
    lambda x, y, noise: jnp.mean(
        x * y + 0.1 * (noise[:, 0] * x + noise[:, 1] * y)
    )
)


def noise(key):
    return jax.random.normal(key, (4, 2))


makers = {"extragradient": gs.extragradient, "ogda": gs.ogda, "cgd": gs.cgd}
steps = jnp.geomspace(0.01, 0.4, 7)
print("step size     ", *(f"{step:6.3f}" for step in steps))
for name, make in makers.items():

    def end(step, key, make=make):
        run = gs.solve(
            noisy,
            make(step),
            (1.0, 1.0),
            2000,
            sample=jax.tree_util.Partial(noise),
            key=key,
        )
        return jnp.hypot(*run.players)

    ends = gs.sweep(
        end, {"step": steps}, keys=jax.random.split(jax.random.key(0), 8)
    )
    print(
        f"{name:14}",
        *(f"{value:6.3f}" for value in np.median(ends.values, axis=1)),
    )

# %% [markdown]
# The table is labelled. `table.select(gamma=1.0)` selects one value of an axis, and `table.to_dataframe()` returns a
# pandas data frame. On several devices the points are distributed without changes to the code.

# %%
print(
    f"devices: {jax.device_count()}; axes {list(ends.axes)}, values "
    f"{ends.values.shape}"
)
