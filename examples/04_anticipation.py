# %% [markdown]
# # Anticipation: steps that include the other player's response
#
# Simultaneous gradient descent treats the other player as fixed. In competitive gradient descent (CGD) each player's
# step is the best response to the other's step: the equilibrium of a local bilinear game. What is the benefit of
# anticipation, and what are its limits?

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import gamesolve as gs

origin = (0.0, 0.0)

# %% [markdown]
# ## From no anticipation to full anticipation
#
# CGD's step is `(I - η J_o)⁻¹ η v`, where `v` is the field, `η` the step size, and `J_o` the off-diagonal blocks of the
# Jacobian. Its series `η v + η² J_o v + ...` reads: I move; I respond to your move; I respond to your response to my
# move; and so on. One term is simultaneous gradient descent (`simgd`), two terms are `lcgd`. On `x y`, `simgd`
# diverges for every step size, `lcgd` converges for step sizes below 1, and `cgd` always converges.

# %% mystnb={"image": {"alt": "Factor per step over the step size for series of one, two and more terms, up to competitive gradient descent."}, "figure": {"caption": "The solvers converge below the grey line: simgd nowhere, lcgd for steps below 1, cgd for all step sizes."}}
bilinear = gs.zero_sum(lambda x, y: x * y)
makers = {
    "one term: simgd": gs.simgd,
    "two terms: lcgd": gs.lcgd,
    "all: cgd": gs.cgd,
}
steps = jnp.linspace(0.02, 2.0, 60)
rates = {}
for name, make in makers.items():
    rates[name] = jax.vmap(
        lambda step, make=make: gs.analysis.rate(bilinear, make(step), origin)
    )(steps)
    stable = steps[rates[name] < 1]
    shown = (
        f"for step sizes up to {stable.max():.2f}"
        if stable.size
        else "for no step size"
    )
    print(f"{name:16} converges {shown}, of those tried up to 2.00")
axes = gs.plots.lines(rates, steps, axes=("step size", "factor per step"))
axes.axhline(1.0, color="grey", linewidth=0.8)
axes.set(ylim=(0.4, 2))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Implicit competitive regularisation
#
# In `x² + 10 x y + y²`, the payoff of player 1, who maximises, is convex, so it alone would leave zero. With equal step
# sizes simultaneous gradient descent never stays at the origin. CGD does: each player anticipates the other's strong
# response, so leaving does not pay. The interaction stabilises the origin, not a player's own curvature. Unequal step
# sizes change this. At (0.01, 0.09) CGD diverges too, and at (0.09, 0.01) simultaneous gradient descent converges.
# The table shows the factor per step for each case: below 1 means convergence.

# %%
game = gs.games.icr_quadratic()
print("own curvatures and kind:", gs.analysis.classify(game, origin).kind)
for steps_of_both in ((0.09, 0.09), (0.09, 0.01), (0.01, 0.09)):
    row = [
        f"{name} {gs.analysis.rate(game, make(steps_of_both), origin):.4f}"
        for name, make in makers.items()
    ]
    print(f"step sizes {steps_of_both}: factors {', '.join(row)}")

# %% [markdown]
# Forty steps of size 0.09 for both players: SimGD leaves the origin, extragradient and CGD converge to it.

# %% mystnb={"image": {"alt": "Trajectories of three solvers over the streamlines of the game x² + 10 x y + y²."}, "figure": {"caption": "SimGD leaves the origin, although it starts near it. Extragradient and CGD converge."}}
solvers = {
    "simgd": gs.simgd(0.09),
    "extragradient": gs.extragradient(0.09),
    "cgd": gs.cgd(0.09),
}
paths = {
    name: gs.solve(
        game, solver, (0.5, 0.5), 40, record=lambda players, _: players
    ).trace
    for name, solver in solvers.items()
}
axes = gs.plots.phase_portrait(
    paths, field=game, start=(0.5, 0.5), view=((-1.5, 1.5), (-1.5, 1.5))
)
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Rates over both step sizes
#
# The maps show the factor per step of simultaneous gradient descent and of CGD over a grid of both players' step
# sizes. Blue converges, red diverges, and the solid line marks factor 1. The dashed line is the theoretical limit for
# simultaneous gradient descent, `η_y = η_x / (1 + 48 η_x)`. CGD converges on a much larger part of the grid.


# %% mystnb={"image": {"alt": "Two maps of the factor per step over both players' step sizes, one for simgd and one for cgd."}, "figure": {"caption": "Blue converges, red diverges. The blue part is much larger for CGD than for SimGD."}}
def rate_of(make):
    return lambda eta_x, eta_y: gs.analysis.rate(
        game, make((eta_x, eta_y)), origin
    )


grid = {
    "eta_x": jnp.geomspace(0.003, 0.3, 31),
    "eta_y": jnp.geomspace(0.003, 0.3, 31),
}
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for ax, make, boundary in zip(
    axes,
    (gs.simgd, gs.cgd),
    (lambda eta: eta / (1 + 48 * eta), None),
    strict=True,
):
    table = gs.sweep(rate_of(make), grid)
    print(
        f"{make.__name__}: converges on {(table.values < 1).mean():.1%} of "
        "the grid"
    )
    gs.plots.rate_map(table, boundary=boundary, ax=ax).set_title(make.__name__)
plt.show()
