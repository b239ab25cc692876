# %% [markdown]
# # The bilinear game: who goes round, who flies off, who settles
#
# Player 0 chooses a number `x` and minimises `x y`; player 1 chooses `y` and maximises it. Neither can gain at
# (0, 0), the only equilibrium. The question is which optimiser gets there, how fast, and why.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import gamesolve as gs

game = gs.zero_sum(lambda x, y: x * y)
start, equilibrium = (1.0, 1.0), (0.0, 0.0)

# %% [markdown]
# ## The field only turns
#
# The field `v` is each player's gradient of its own payoff, here `(-y, x)`. Its Jacobian `J` is antisymmetric: its
# symmetric part, which would pull the players in, is zero, and its eigenvalues are `i` and `-i`. So the flow
# `players' = v(players)` circles round the equilibrium for ever and keeps its distance.

# %%
symmetric, antisymmetric = gs.analysis.decompose(game, equilibrium)
print("eigenvalues of J  ", gs.analysis.eigenvalues(game, equilibrium) + 0)
print("symmetric part    ", (symmetric + 0).tolist())
print("antisymmetric part", antisymmetric.tolist())

# %% [markdown]
# ## Finite steps
#
# A solver's step is a linear map here, and the modulus of the largest eigenvalue of that map is the factor by which
# the distance to the equilibrium changes in a step. `gs.analysis.rate` computes it for any solver from the
# solver's own step, its memory included. The table below holds it against what theory says and against a run. For the
# run we compare the largest distances in the third and the last quarter, because some paths are ellipses.
#
# - **Simultaneous gradient descent** follows the tangent of a circle, and every tangent leads outwards: the factor
#   is `√(1 + η²)`, above one for every step size. Smaller steps only diverge more slowly.
# - **Alternating gradient descent** lets player 1 see the move of player 0. Its path closes to an ellipse:
#   it neither settles nor flies off while `η < 2`. With **negative momentum** it settles.
# - **Extragradient** takes the field from where a trial step leads. To first order that adds `η J v`, a pull inwards,
#   because `J²` is minus the identity here.
# - **Optimistic gradient descent** guesses that look ahead from the change of the field since the last step.
# - **Consensus optimisation** descends `gamma/2 ‖v‖²` as well, which is small at the equilibrium only.
# - **Competitive gradient descent** moves to the equilibrium of the game that the players see locally: its step
#   `(I - η J)⁻¹ η v` contracts for every step size.

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
    """Return the factor by which the largest distance of a quarter changes over the last two quarters, per step."""
    quarter = len(distances) // 4
    return (distances[-quarter:].max() / distances[-2 * quarter : -quarter].max()) ** (1 / quarter)


print(f"{'solver':44} theory  predicted  measured")
for solver, value in theory.items():
    predicted = gs.analysis.rate(game, solver, equilibrium)
    known = "-" if value is None else f"{value:.4f}"
    seen = measured(gs.solve(game, solver, start, num_steps, record=distance).trace)
    print(f"{solver!r:44} {known:>6} {predicted:10.4f} {seen:9.4f}")

# %% [markdown]
# ## Which step size is best
#
# The step size is a leaf of the solver, so `jax.vmap` runs through 120 of them in one compiled program.
# Extragradient and optimistic gradient descent have a window of step sizes and a best one in it: `1/√2` with factor
# `√3/2`, and `1/2` with factor `1/√2`. Competitive gradient descent has no upper limit on this game.

# %%
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
    rates[name] = jax.vmap(lambda step, make=make: gs.analysis.rate(game, make(step), equilibrium))(etas)
    best = jnp.argmin(rates[name])
    least = rates[name][best]
    print(f"{name:14} {f'best step {etas[best]:.2f}, factor {least:.4f}' if least < 0.9999 else 'settles for no step'}")
axes = gs.plots.lines(rates, etas, axes=("step size η", "factor per step"))
axes.axhline(1.0, color="grey", linewidth=0.8)
axes.set(ylim=(0.4, 1.6))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## The paths
#
# Forty steps from (1, 1), over the streamlines of the field.

# %%
solvers = gs.simgd(0.2), gs.altgd(0.2), gs.extragradient(0.2), gs.conopt(0.2, gamma=1.0), gs.cgd(0.2)
paths = {
    repr(solver): gs.solve(game, solver, start, 40, record=lambda players, state: players).trace for solver in solvers
}
figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
gs.plots.phase_portrait(paths, field=game, start=start, equilibrium=equilibrium, axes=("x", "y"), ax=axes)
gs.plots.legend(axes)
