# %% [markdown]
# # The cosine game: solvers that converge to spurious points
#
# Two angles `θ` and `φ` have the field `v = (cos φ, sin θ)`. Each period has two centres, two saddles and no attractor.
# A method that descends `‖v‖²` finds zeros of the field. Which ones does it find, and are they desirable?

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import gamesolve as gs

game = gs.games.cosine()
view = ((-1.5, 4.7), (-3.1, 3.1))  # one period

# %% mystnb={"image": {"alt": "Streamlines of the cosine game with lines of zero gradient and markers at its centres and saddles."}, "figure": {"caption": "The flow circles around the centres and passes the saddles. Nothing attracts."}}
axes = gs.plots.phase_portrait({}, field=game, view=view, axes=("θ", "φ"))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## When do the saddles attract?
#
# With consensus optimisation of weight `γ`, the eigenvalues `±i` of a centre become `-γ ± i`, and those of a saddle,
# `±1`, become `±1 - γ`. The centres attract for every `γ > 0`. For `γ > 1` the saddles attract too, although the flow
# leaves them. `analysis.attraction` calls such points *spurious*.

# %%
step = 0.05
for gamma in (0.5, 0.9, 1.1, 2.0):
    found = [
        gs.analysis.attraction(game, gs.conopt(step, gamma), point)
        for point in game.equilibria
    ]
    kinds = [
        "spurious"
        if entry.spurious
        else "attracts"
        if entry.attracting
        else "repels"
        for entry in found
    ]
    print(
        f"gamma {gamma}: centres {kinds[0]}, {kinds[1]}; saddles {kinds[2]}, "
        f"{kinds[3]}"
    )

# %% [markdown]
# ## Basins of attraction
#
# Where does each start converge to? For `γ = 2` nearly half of the starts converge to saddles. For `γ = 0.5` the
# saddles repel, but the white starts do not converge to a centre either.

# %% mystnb={"image": {"alt": "Two maps of starting points, coloured by the equilibrium that each start reaches, for γ = 0.5 and γ = 2."}, "figure": {"caption": "For γ = 0.5 the white starts reach no equilibrium. For γ = 2 nearly half of the square belongs to saddles."}}
num = 41
positions = jnp.linspace(-4.0, 4.0, num)
origin = (0.0, 0.0)
plane = tuple(gs.analysis.axis(origin, index) for index in (0, 1))
starts = gs.analysis.slice_points(origin, plane, positions, positions)
figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), layout="constrained")
for ax, gamma, attractors in zip(
    axes, (0.5, 2.0), (game.equilibria[:2], game.equilibria), strict=True
):
    ends = gs.analysis.basins(
        game,
        gs.conopt(step, gamma),
        starts,
        1000,
        attractors,
        tol=1e-3,
        radius=0.05,
        period=2 * np.pi,
    )
    share = [float(jnp.mean(ends.label == label)) for label in (0, 1, 2, 3, -1)]
    print(
        "gamma {}: centres {:.2f} {:.2f}, saddles {:.2f} {:.2f}, "
        "none of these {:.2f}".format(gamma, *share)
    )
    gs.plots.basins(ends, positions, positions, equilibria=attractors, ax=ax)
    ax.set(title=f"consensus, γ = {gamma}", xlabel="θ", ylabel="φ")
plt.show()

# %% [markdown]
# The white starts move from saddle to saddle along straight lines. A saddle attracts at the rate `1 + γ` in one
# direction and repels at the rate `1 - γ` in the other. Since the first is larger, the path comes closer to each saddle
# that it passes, and stays there longer. The list shows the points where the norm of the field is smallest. A run that
# is stopped near one of them looks converged.

# %%
walk = gs.solve(
    game,
    gs.conopt(step, 0.5),
    (-1.0, -3.0),
    1000,
    record=lambda players, _: players,
).trace
norm = jnp.hypot(*jax.vmap(game.field)(walk))
low = [
    at
    for at in range(1, 999)
    if norm[at] < 0.1 and norm[at - 1] > norm[at] <= norm[at + 1]
]
for at in low:
    theta, phi = walk[0][at], walk[1][at]
    near = (
        np.pi * jnp.round(theta / np.pi),
        np.pi * (jnp.round(phi / np.pi - 0.5) + 0.5),
    )
    kind = gs.analysis.classify(game, near).kind
    print(
        f"step {at:4}: at ({theta:6.3f}, {phi:6.3f}), near a {kind}; norm of "
        f"the field {norm[at]:.1e}"
    )

# %% [markdown]
# ## Fixed points that are not equilibria
#
# `‖v‖²` may have minima with `v ≠ 0`, and the combined field `v - γ Jᵀ v` may have zeros that are not zeros of `v`. For
# `γ = 1.5` there are four, with `sin²θ = cos²φ = 1 - 1/γ²`. The table shows that all four repel.

# %%
gamma = 1.5
corner = 0.9 * np.pi
seeds = gs.analysis.sample_box(
    jax.random.key(0), (-corner, -corner), (corner, corner), 64
)
fixed = gs.analysis.find_fixed_points(
    game, gs.conopt(step, gamma), seeds, period=2 * np.pi, distance=0.05
)
for (theta, phi), entry in fixed:
    kind = "equilibrium" if entry.is_equilibrium else "not an equilibrium"
    squares = f"sin²θ {jnp.sin(theta) ** 2:.3f}, cos²φ {jnp.cos(phi) ** 2:.3f}"
    print(
        f"θ {theta:6.3f}, φ {phi:6.3f}: {kind:18} "
        f"{'attracts' if entry.attracting else 'repels':8} {squares}"
    )
print(f"1 - 1/γ² = {1 - 1 / gamma**2:.3f}")
