# %% [markdown]
# # The projection problem: which error does a constrained generator choose?
#
# A "distribution" is a pair (t_1, t_2). The true one is (2, 2), but the generator can only reach a disc of radius 2.5.
# The discriminator sees the components scaled by (100, 1), so the first one is prominent. An unconstrained
# discriminator can tell every distribution of the disc from (2, 2), so no divergence between distributions determines
# the generator's choice. The dynamics decide.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gamesolve as gs
from gamesolve.games import gan

fast = "GAMESOLVE_FAST" in os.environ
num_steps, every, seeds = (4000, 40, 2) if fast else (60_000, 40, 8)


def play(solver, scales=(100.0, 1.0)):
    @jax.vmap
    def run(seed):
        experiment = gan.projection(scales, key=jax.random.key(seed))
        return gs.solve(
            experiment.game,
            solver,
            experiment.game.start,
            num_steps,
            record=experiment.watch(),
            every=every,
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


def stretches(right):
    return np.array([every * int(gan.longest_stretch(row)) for row in right])


# %% [markdown]
# ## How long is the first component right?
#
# Right means within 0.05 of 2. Simultaneous gradient descent stays for a stretch and then leaves. Competitive gradient
# descent with the same step size stays longer, even at step sizes where simultaneous gradient descent only circles.

# %%
runs = {}
for eta in (1.5e-4, 2e-4, 2.5e-4):
    for name, solver in (
        ("simultaneous", gs.simgd(eta)),
        ("competitive", gs.cgd(eta)),
    ):
        trace = runs[name, eta] = play(solver)
        lengths = stretches(trace["first_right"])
        print(
            f"step {eta:.1e}, {name:12}: longest stretch "
            f"{lengths.mean():7.0f} steps on average {lengths.tolist()}, "
            f"right for {trace['first_right'].mean():.0%} of the time"
        )

# %% [markdown]
# While the first component is right, the second one is 1.5, the largest value that the disc allows. The generator
# computes a projection in a metric that it does not know.

# %%
trace = runs["competitive", 2e-4]
print(
    "mean output while the first is right:",
    trace["output"][trace["first_right"]].mean(axis=0).round(2),
)

# %% [markdown]
# Both components over the steps, for one seed. The grey line is the target 2.

# %% mystnb={"image": {"alt": "Both components of the generator over the steps, for simultaneous and competitive gradient descent."}, "figure": {"caption": "The first component stays near the target (grey line) for longer with competitive steps."}}
figure, axes = plt.subplots(
    2, 1, figsize=(7, 4), layout="constrained", sharex=True
)
steps = every * (1 + np.arange(num_steps // every))
for ax, name in zip(axes, ("simultaneous", "competitive"), strict=True):
    first, second = runs[name, 2e-4]["output"][0].T
    gs.plots.lines(
        {"first component": first, "second component": second},
        steps,
        axes=("step", "output"),
        ax=ax,
    )
    ax.axhline(2.0, color="grey", linewidth=0.8)
    ax.set(title=f"{name}, steps of 2e-4, one seed")
axes[0].set(xlabel="")
axes[0].legend(fontsize=7)
plt.show()

# %% [markdown]
# ## Other perceptual scales
#
# The more prominent component becomes right: the first for scales (100, 1), the second for scales (1, 100).

# %%
for scales in ((100.0, 1.0), (100.0, 10.0), (1.0, 100.0)):
    trace = play(gs.cgd(1.5e-4), scales)
    first, second = trace["first_right"].mean(), trace["second_right"].mean()
    median = np.nanmedian(trace["output"][:, -100:], axis=(0, 1)).round(2)
    lost = np.isnan(trace["output"][:, -1]).any(axis=-1).sum()
    print(
        f"scales {scales}: first right {first:.0%}, second right {second:.0%} "
        f"of the time, median output {median}, "
        f"{lost} of {seeds} seeds diverged"
    )
