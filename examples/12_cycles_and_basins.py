# %% [markdown]
# # Limit cycles and basins: an equilibrium that few runs find
#
# An equilibrium may be stable and yet hard to find. In the "forsaken" game, `x y + φ(x) - φ(y)` with a polynomial `φ`
# of degree six, a limit cycle surrounds the stable origin, and many trajectories end on it. Which solvers reach the
# origin, from which starts, and with which step sizes?

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gamesolve as gs

fast = "GAMESOLVE_FAST" in os.environ


def bend(z):
    return 2 * z**6 / 21 - z**4 / 3 + z**2 / 3


game = gs.zero_sum(lambda x, y: x * y + bend(x) - bend(y))
origin, start = (0.0, 0.0), (1.0, 1.0)
print("the origin:", gs.analysis.classify(game, origin).kind)

# %% [markdown]
# ## Three runs from (1, 1)
#
# `limit_cycle` reports whether a run ends on an attracting cycle, its period, and its smallest and largest distance
# from its centre. With small steps, extragradient follows the flow to the cycle. With large steps it passes through the
# cycle and converges to the origin.

# %%
solvers = {
    "simgd(0.05)": gs.simgd(0.05),
    "extragradient(0.05)": gs.extragradient(0.05),
    "extragradient(0.33)": gs.extragradient(0.33),
}
for name, solver in solvers.items():
    cycle = gs.analysis.limit_cycle(game, solver, start, 2000, settle=4000)
    distance = f"distance {cycle.nearest:.3f} to {cycle.farthest:.3f}"
    shape = (
        f"a cycle of {cycle.period:.1f} steps, {distance}"
        if cycle.found
        else f"no cycle, {distance}"
    )
    print(f"{name:20} {shape}")

# %% mystnb={"image": {"alt": "Three trajectories from (1, 1) over the streamlines of the forsaken game, with the origin marked."}, "figure": {"caption": "Small steps end on the limit cycle. The large steps of extragradient pass through it and reach the origin."}}
paths = {
    name: gs.solve(game, solver, start, 800, record=lambda z, _: z).trace
    for name, solver in solvers.items()
}
axes = gs.plots.phase_portrait(
    paths,
    field=game,
    start=start,
    view=((-1.8, 1.8), (-1.8, 1.8)),
    axes=("x", "y"),
)
gs.plots.equilibria(game, [origin], ax=axes)
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Which starts and step sizes reach the origin?
#
# `basins` runs all starts in one compiled call. The left picture shows extragradient with step size 0.05. Starts inside
# an inner, repelling cycle converge to the origin (blue). All others end on the outer cycle (white). The right picture
# shows starts on the diagonal over step sizes, and dark runs have diverged. Around step size 0.33 all starts reach the
# origin.

# %%
num = 31 if fast else 81
ticks = jnp.linspace(-1.6, 1.6, num)
plane = tuple(gs.analysis.axis(origin, index) for index in (0, 1))
starts = gs.analysis.slice_points(origin, plane, ticks, ticks)
ends = gs.analysis.basins(
    game, gs.extragradient(0.05), starts, 4000, [origin], tol=1e-4
)
print(
    f"extragradient(0.05): {jnp.mean(ends.label == 0):.0%} of the starts "
    "reach the origin"
)

rates, radii = jnp.linspace(0.02, 0.8, num), jnp.linspace(0.1, 2.0, num)
diagonal = (radii / np.sqrt(2), radii / np.sqrt(2))
both = jax.vmap(
    lambda rate: gs.analysis.basins(
        game, gs.extragradient(rate), diagonal, 4000, [origin], tol=1e-4
    )
)(rates)
for rate in (0.05, 0.33, 0.7):
    row = both.label[int(jnp.argmin(abs(rates - rate)))]
    print(
        f"step size {rate}: {jnp.mean(row == 0):.0%} reach the origin, "
        f"{jnp.mean(row == -2):.0%} diverge"
    )

# %% mystnb={"image": {"alt": "Two maps of the reached attractor: over the starts in the plane, and over step size and distance of the start."}, "figure": {"caption": "Blue starts reach the origin, white ones do not, and dark ones diverge. Near step size 0.33 the whole column is blue."}}
figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.4), layout="constrained")
gs.plots.basins(ends, ticks, ticks, equilibria=[origin], ax=axes[0])
axes[0].set(
    title="extragradient(0.05)",
    xlabel="x at the start",
    ylabel="y at the start",
    aspect="equal",
)
gs.plots.basins(both, rates, radii, ax=axes[1])
axes[1].set(
    title="extragradient",
    xlabel="step size",
    ylabel="distance of the start from 0",
)
plt.show()

# %% [markdown]
# ## Does theory guarantee this?
#
# The field is not monotone: the symmetric part of J has a positive eigenvalue somewhere, and the monotonicity constant
# is negative. Guarantees for extragradient with unequal steps need a weak Minty constant above `-1 / (2 L)`, where `L`
# is the Lipschitz constant. The constant sampled on the square is below that. So no theorem explains why the large step
# converges here; it was found by trying.

# %%
points = gs.analysis.sample_box(
    jax.random.key(0), (-1.5, -1.5), (1.5, 1.5), 2000
)
lipschitz = float(gs.analysis.lipschitz(game, points))
print(
    f"monotonicity constant {gs.analysis.monotonicity(game, points):.3f}, "
    f"Lipschitz constant {lipschitz:.3f}"
)
print(
    f"weak Minty constant {gs.analysis.weak_minty(game, points, origin):.4f}, "
    f"limit {-1 / (2 * lipschitz):.4f}"
)
