# %% [markdown]
# # Anticipation: when the other's answer is part of the step
#
# Simultaneous gradient descent treats the other player as if it stood still. Competitive gradient descent (CGD) takes
# the step of both that is best against the other's: the equilibrium of the bilinear game seen locally. What does
# anticipating buy, and at what price?

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import gamesolve as gs

origin = (0.0, 0.0)

# %% [markdown]
# ## From no anticipation to all of it
#
# CGD's step is `(I - η J_o)⁻¹ η v`, and its series `η v + η² J_o v + ...` is "I move; I move against your move; I move
# against your move against mine; ...". Cut after one term it is simultaneous descent, after two `lcgd`. On `x y` the
# first diverges for every step size, the second up to one holds, and the whole series always does.

# %%
bilinear = gs.zero_sum(lambda x, y: x * y)
makers = {"one term: simgd": gs.simgd, "two terms: lcgd": gs.lcgd, "all: cgd": gs.cgd}
steps = jnp.linspace(0.02, 2.0, 60)
rates = {}
for name, make in makers.items():
    rates[name] = jax.vmap(lambda step, make=make: gs.analysis.rate(bilinear, make(step), origin))(steps)
    stable = steps[rates[name] < 1]
    print(f"{name:16} settles for {f'step sizes up to {stable.max():.2f}' if stable.size else 'no step size'} of 2.00")
axes = gs.plots.lines(rates, steps, axes=("step size", "factor per step"))
axes.axhline(1.0, color="grey", linewidth=0.8)
axes.set(ylim=(0.4, 2))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Implicit competitive regularisation
#
# `x² + 10 x y + y²`: player 1 wants to leave zero, its payoff is convex. With equal step sizes simultaneous descent
# never stays there. CGD does: since each player reckons with the other's strong answer, running away does not pay. The
# origin is stabilised by the interaction, not by any player's own curvature. (With unequal step sizes things change:
# at (0.01, 0.09) CGD diverges as well, and at (0.09, 0.01) simultaneous descent holds.) The picture has forty steps of
# size 0.09.

# %%
game = gs.games.icr_quadratic()
print("own curvatures and kind:", gs.analysis.classify(game, origin).kind)
for steps_of_both in ((0.09, 0.09), (0.09, 0.01), (0.01, 0.09)):
    row = [f"{name} {gs.analysis.rate(game, make(steps_of_both), origin):.4f}" for name, make in makers.items()]
    print(f"step sizes {steps_of_both}: factors {', '.join(row)}")

# %%
solvers = {"simgd": gs.simgd(0.09), "extragradient": gs.extragradient(0.09), "cgd": gs.cgd(0.09)}
paths = {
    name: gs.solve(game, solver, (0.5, 0.5), 40, record=lambda players, _: players).trace
    for name, solver in solvers.items()
}
axes = gs.plots.phase_portrait(paths, field=game, start=(0.5, 0.5), view=((-1.5, 1.5), (-1.5, 1.5)))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## The map of both step sizes
#
# How fast CGD and simultaneous descent settle over a grid of both players' step sizes; the solid line is where the
# factor passes one. The dashed line is where theory puts it for simultaneous descent: `η_y = η_x / (1 + 48 η_x)`.


# %%
def rate_of(make):
    return lambda eta_x, eta_y: gs.analysis.rate(game, make((eta_x, eta_y)), origin)


grid = {"eta_x": jnp.geomspace(0.003, 0.3, 31), "eta_y": jnp.geomspace(0.003, 0.3, 31)}
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for ax, make, boundary in zip(axes, (gs.simgd, gs.cgd), (lambda eta: eta / (1 + 48 * eta), None), strict=True):
    table = gs.sweep(rate_of(make), grid)
    print(f"{make.__name__}: {(table.values < 1).mean():.1%} of the grid settles")
    gs.plots.rate_map(table, boundary=boundary, ax=ax).set_title(make.__name__)
