# %% [markdown]
# # The bilinear game: which solvers cycle, diverge or converge
#
# Player 0 chooses a number `x` and minimises `x y`. Player 1 chooses `y` and maximises it. The only equilibrium is
# (0, 0), where neither can gain. Which optimisers reach it, how fast, and why?

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import gamesolve as gs

game = gs.zero_sum(lambda x, y: x * y)
start, equilibrium = (1.0, 1.0), (0.0, 0.0)

# %% [markdown]
# ## The field is a pure rotation
#
# The field `v` holds each player's gradient of its own payoff, here `(-y, x)`. Its Jacobian `J` is antisymmetric, with
# eigenvalues `i` and `-i`. The symmetric part, which could attract the players, is zero. So the flow
# `players' = v(players)` circles around the equilibrium forever at a constant distance.

# %%
symmetric, antisymmetric = gs.analysis.decompose(game, equilibrium)
print("eigenvalues of J  ", gs.analysis.eigenvalues(game, equilibrium) + 0)
print("symmetric part    ", (symmetric + 0).tolist())
print("antisymmetric part", antisymmetric.tolist())

# %% [markdown]
# ## Finite steps
#
# On this game every step is a linear map. The largest modulus of its eigenvalues is the factor by which the distance
# to the equilibrium changes per step. `gs.analysis.rate` computes this factor for any solver from its own step map,
# including its state. The table below compares it with theory and with a run. For the run we compare the largest
# distances in the third and fourth quarters, because some paths are ellipses. With step size `η`:
#
# - **Simultaneous gradient descent** moves along the tangent of a circle, and every tangent leads outwards. The factor
#   is `√(1 + η²)`, above 1 for every step size. Smaller steps only diverge more slowly.
# - **Alternating gradient descent** lets player 1 see the move of player 0. Its path is a closed ellipse: for `η < 2`
#   it neither converges nor diverges. With **negative momentum** it converges.
# - **Extragradient** evaluates the field after a trial step. To first order this adds `η J v`, which points inwards,
#   because `J²` is minus the identity here.
# - **Optimistic gradient descent** extrapolates the field from its change since the last step.
# - **Consensus optimisation** also descends `γ/2 ‖v‖²`, whose only minimum is the equilibrium.
# - **Competitive gradient descent** moves to the equilibrium of the local game. Its step `(I - η J)⁻¹ η v` contracts
#   for every step size.

# %%
eta, gamma, num_steps = 0.5, 1.0, 200
theory = {
    gs.simgd(eta): (1 + eta**2) ** 0.5,
    gs.altgd(eta): 1.0,
    gs.altgd(eta, momentum=-0.3): None,
    gs.extragradient(eta): (1 - eta**2 + eta**4) ** 0.5,
    gs.ogda(0.4): ((1 + (1 - 4 * 0.4**2) ** 0.5) / 2) ** 0.5,
    gs.conopt(eta, gamma): abs(1 - eta * (1j + gamma)),
    gs.cgd(eta): 1 / (1 + eta**2) ** 0.5,
}


def distance(players, _state):
    return jnp.hypot(*players)


def measured(distances):
    """Return the factor by which the largest distance of a quarter changes
    over the last two quarters, per step.
    """
    quarter = len(distances) // 4
    return (
        distances[-quarter:].max() / distances[-2 * quarter : -quarter].max()
    ) ** (1 / quarter)


print(f"{'solver':44} theory  predicted  measured")
for solver, value in theory.items():
    predicted = gs.analysis.rate(game, solver, equilibrium)
    known = "-" if value is None else f"{value:.4f}"
    seen = measured(
        gs.solve(game, solver, start, num_steps, record=distance).trace
    )
    print(f"{solver!r:44} {known:>6} {predicted:10.4f} {seen:9.4f}")

# %% [markdown]
# In the table, the predicted factors agree with theory to all digits shown. A factor above 1 means that the solver
# diverges, a factor of 1 that it cycles, and a factor below 1 that it converges.
#
# ## The best step size
#
# The step size is a leaf of the solver, so `jax.vmap` evaluates 120 step sizes in one compiled program. Extragradient
# and optimistic gradient descent converge for a range of step sizes. Their best ones are `1/√2` with factor `√3/2`, and
# `1/2` with factor `1/√2`. Competitive gradient descent has no upper limit on this game.

# %% mystnb={"image": {"alt": "Factor per step over the step size, a curve for each of six solvers, with a grey line at factor 1."}, "figure": {"caption": "Below the grey line a solver converges. SimGD lies above it for every step size and AltGD on it; the others dip below it."}}
etas = jnp.linspace(0.01, 1.2, 120)
makers = {
    "simgd": gs.simgd,
    "altgd": gs.altgd,
    "extragradient": gs.extragradient,
    "ogda": gs.ogda,
    "conopt, γ = 1": lambda step: gs.conopt(step, gamma=1.0),
    "cgd": gs.cgd,
}
rates = {}
for name, make in makers.items():
    rates[name] = jax.vmap(
        lambda step, make=make: gs.analysis.rate(game, make(step), equilibrium)
    )(etas)
    best = jnp.argmin(rates[name])
    least = rates[name][best]
    shown = (
        f"best step {etas[best]:.2f}, factor {least:.4f}"
        if least < 0.9999
        else "converges for no step size"
    )
    print(f"{name:14} {shown}")
axes = gs.plots.lines(rates, etas, axes=("step size η", "factor per step"))
axes.axhline(1.0, color="grey", linewidth=0.8)
axes.set(ylim=(0.4, 1.6))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# Curves below the grey line converge. SimGD lies above it for every step size, and AltGD lies on it.
#
# ## The paths
#
# Forty steps from (1, 1), over the streamlines of the field. SimGD spirals out, AltGD stays on its ellipse, and the
# others spiral in.

# %% mystnb={"image": {"alt": "Trajectories of five solvers from the point (1, 1) over the circular streamlines of the game x y."}, "figure": {"caption": "SimGD spirals outwards, AltGD cycles on an ellipse, and the other three spiral into the equilibrium (star)."}}
solvers = (
    gs.simgd(0.2),
    gs.altgd(0.2),
    gs.extragradient(0.2),
    gs.conopt(0.2, gamma=1.0),
    gs.cgd(0.2),
)
paths = {
    repr(solver): gs.solve(
        game, solver, start, 40, record=lambda players, state: players
    ).trace
    for solver in solvers
}
figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
gs.plots.phase_portrait(
    paths,
    field=game,
    start=start,
    equilibrium=equilibrium,
    axes=("x", "y"),
    ax=axes,
)
gs.plots.legend(axes)
plt.show()
