# %% [markdown]
# # More than two players
#
# Three firms choose how much to produce. The price falls with the total, and each firm earns its amount times the price
# minus its unit cost. The field, its spectrum, certificates and solvers work as for two players. Do solvers still
# converge with more players, and does it matter whether the players move together or in turn?

# %%
import os

import jax
import jax.numpy as jnp

import gamesolve as gs

fast = "GAMESOLVE_FAST" in os.environ
costs = jnp.array([0.1, 0.2, 0.3])


def profit(own):
    def payoff(*amounts_and_costs):
        *amounts, cost = amounts_and_costs
        price = 1.0 - sum(amounts)
        return amounts[own] * (price - cost[own])

    return payoff


market = gs.general_sum(*(profit(own) for own in range(3)), constants=(costs,))

# %% [markdown]
# ## The equilibrium
#
# In theory firm i produces `(1 + Σ c) / 4 - c_i`, where `c` holds the unit costs. The certificate shows a stable Nash
# equilibrium. The Stackelberg flags show, for each firm, whether the point is also an equilibrium with that firm as the
# leader. It is for none, because each firm would gain from moving first.

# %%
run = gs.solve(market, gs.simgd(0.2), (0.0, 0.0, 0.0), 500, tol=1e-6)
theory = (1 + costs.sum()) / 4 - costs
print("found ", [round(float(amount), 5) for amount in run.players])
print("theory", [round(float(amount), 5) for amount in theory])
certificate = gs.analysis.classify(market, run.players)
print(
    certificate.kind,
    "; Stackelberg for each leader:",
    certificate.stackelberg.tolist(),
)

# %% [markdown]
# ## The effect of the number of firms
#
# With `n` firms the Jacobian has the eigenvalues -1 and `-(n + 1)`. More firms make the game stiffer and lower the
# largest stable step size of simultaneous gradient descent, `2 / (n + 1)`. Firms that move in turn (`altgd`) converge
# for step sizes below 1, whatever their number.

# %%
limits = {"together": [], "in turn": []}
numbers = range(2, 5 if fast else 8)
for number in numbers:
    blocks = tuple(
        tuple(
            jnp.array([[2.0 if row == column else 1.0]])
            for column in range(number)
        )
        for row in range(number)
    )
    firms = gs.games.polymatrix(blocks)
    (equilibrium,) = firms.equilibria
    for name, make in {"together": gs.simgd, "in turn": gs.altgd}.items():
        limits[name].append(
            gs.analysis.critical_step(firms, make, equilibrium, upper=4.0)
        )
    print(
        f"{number} firms: together below {limits['together'][-1]:.4f} (theory "
        f"{2 / (number + 1):.4f}), "
        f"in turn below {limits['in turn'][-1]:.4f}"
    )

# %% mystnb={"image": {"alt": "Largest stable step size over the number of firms, for simultaneous and alternating steps."}, "figure": {"caption": "The limit falls like 2 / (n + 1) for simultaneous steps, and stays at 1 for firms that move in turn."}}
axes = gs.plots.lines(
    limits, numbers, axes=("number of firms", "largest stable step size")
)
axes.set(ylim=(0, None), xticks=list(numbers))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Derivatives of the equilibrium in a cost
#
# `differentiable_equilibrium` makes the equilibrium a differentiable function of everything in the game. The curves
# show all firms' amounts over the third firm's cost, with their tangents (dotted) at cost 0.3. The derivatives agree
# with theory: 1/4, 1/4 and -3/4.


# %% mystnb={"image": {"alt": "Amounts of three firms over the third firm's cost, with dotted tangents at cost 0.3."}, "figure": {"caption": "The tangents fit the curves: the derivative of the equilibrium is right. The third firm produces less, the others more."}}
def amounts(cost):
    game = gs.general_sum(
        *(profit(own) for own in range(3)), constants=(costs.at[2].set(cost),)
    )
    run = gs.solve(
        jax.lax.stop_gradient(game), gs.simgd(0.2), (0.0, 0.0, 0.0), 500
    )
    return jnp.stack(gs.analysis.differentiable_equilibrium(game, run.players))


prices, middle = jnp.linspace(0.1, 0.5, 21), 0.3
value, slope = jax.jvp(amounts, (middle,), (1.0,))
print(
    "derivatives of the amounts with respect to the third cost:",
    [round(float(entry), 4) for entry in slope],
)
made = jax.vmap(amounts)(prices).T
axes = gs.plots.lines(
    {f"firm {1 + own}": row for own, row in enumerate(made)},
    prices,
    axes=("third firm's cost", "amount"),
)
near = jnp.array([middle - 0.08, middle + 0.08])
for at, rise in zip(value, slope, strict=True):
    axes.plot(
        near,
        at + rise * (near - middle),
        color="black",
        linestyle=":",
        linewidth=2.5,
    )
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Matching pennies for three players
#
# Player 0 wants to match player 1, player 1 wants to match player 2, and player 2 wants to differ from player 0. Two
# eigenvalues are imaginary, so the flow circles around the centre forever. Simultaneous and alternating gradient
# descent diverge: even their best factor is above 1. Extragradient, which looks ahead, and CGD, which anticipates the
# responses of all other players, converge.


# %%
def alike(x, y):
    return x * y


pennies = gs.general_sum(
    lambda x, y, z: alike(x, y) - x**2 / 4,
    lambda x, y, z: alike(y, z) - y**2 / 4,
    lambda x, y, z: -alike(z, x) - z**2 / 4,
)
centre = (0.0, 0.0, 0.0)
print(
    "eigenvalues of J:",
    [
        f"{complex(value):.3f}"
        for value in gs.analysis.eigenvalues(pennies, centre)
    ],
)
for make in (gs.simgd, gs.altgd, gs.extragradient, gs.cgd):
    rates = jax.vmap(
        lambda step, make=make: gs.analysis.rate(pennies, make(step), centre)
    )(jnp.linspace(0.05, 1.0, 20))
    print(
        f"{make.__name__:14} smallest factor {rates.min():.4f} at step size "
        f"{0.05 + 0.05 * int(rates.argmin()):.2f}"
    )
