# %% [markdown]
# # Choosing a step size from the spectrum
#
# A solver converges locally to an equilibrium if all eigenvalues of its step map lie inside the unit circle. These
# follow from the eigenvalues of the Jacobian `J`. So the stable step sizes, and the best one, are known before a run.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs

jax.config.update("jax_enable_x64", True)  # step sizes to more than six figures
game = gs.games.random_quadratic(jax.random.key(3), (2, 2))
(equilibrium,) = game.equilibria
values = gs.analysis.eigenvalues(game, equilibrium)
print(
    "eigenvalues of J:", ", ".join(f"{complex(value):.3f}" for value in values)
)

# %% [markdown]
# ## Regions of stability
#
# Every first-order solver has a region in the complex plane that is the same for all games. The solver converges
# locally if and only if the region contains the step size times every eigenvalue. In games eigenvalues may lie close to
# the imaginary axis. The region of extragradient extends along this axis, but that of simultaneous gradient descent
# touches it only at 0. With step size 0.6 all eigenvalues of this game (black) lie inside all three regions.

# %% mystnb={"image": {"alt": "Regions of stability of three solvers in the complex plane, with the scaled eigenvalues of the game."}, "figure": {"caption": "A solver converges if its region holds all black points. The region of SimGD touches the imaginary axis only at 0."}}
step = 0.6
makers = {"simgd": gs.simgd, "extragradient": gs.extragradient, "ogda": gs.ogda}
axes = gs.plots.stability_regions(makers, {f"{step} λ": step * values})
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## The largest and the best step size
#
# `critical_step` finds the step size at which a solver becomes unstable, and `best_step` the one with the smallest
# rate. For simultaneous gradient descent the limit is known: the smallest `-2 Re λ / |λ|²` over the eigenvalues `λ`.
# Dots mark the best step sizes. Extragradient and OGDA reach a much smaller factor than SimGD.

# %% mystnb={"image": {"alt": "Factor per step over the step size for three solvers, with a dot at the best step size of each."}, "figure": {"caption": "The lowest point of each curve is its best step size. Where a curve crosses the grey line the solver becomes unstable."}}
theory = np.min(-2 * values.real / abs(values) ** 2)
print(f"simgd in theory: stable below {theory:.6f}")
steps, rates, best = np.linspace(0.005, 2.4, 100), {}, {}
for name, make in makers.items():
    critical = gs.analysis.critical_step(game, make, equilibrium, upper=4.0)
    best[name] = gs.analysis.best_step(game, make, equilibrium, upper=4.0)
    print(
        f"{name:14} stable below {critical:.6f}, best {best[name].step:.4f} "
        f"with factor {best[name].rate:.4f}"
    )
    rates[name] = jax.vmap(
        lambda eta, make=make: gs.analysis.rate(game, make(eta), equilibrium)
    )(steps)
axes = gs.plots.lines(rates, steps, axes=("step size", "factor per step"))
for found in best.values():
    axes.plot(found.step, found.rate, "o", color="black", markersize=4)
axes.axhline(1.0, color="grey", linewidth=0.8)
axes.set(ylim=(0.5, 1.3))
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# ## Check against runs
#
# Just below the limit a run converges, and just above it diverges. At the best step size the distance contracts by the
# predicted factor.

# %%
limit = gs.analysis.critical_step(
    game, gs.extragradient, equilibrium, upper=4.0
)
start = jax.tree.map(lambda leaf: leaf + 0.1, equilibrium)


def distance(players, _state):
    return (
        sum(
            ((a - b) ** 2).sum()
            for a, b in zip(players, equilibrium, strict=True)
        )
        ** 0.5
    )


for factor in (0.98, 1.02):
    run = gs.solve(
        game, gs.extragradient(factor * limit), start, 2000, record=distance
    )
    print(
        f"{factor} of the limit: distance {run.trace[0]:.3g} -> "
        f"{run.trace[-1]:.3g}"
    )
tuned = best["extragradient"]
trace = gs.solve(
    game, gs.extragradient(tuned.step), start, 180, record=distance
).trace
print(
    "at the best step: measured factor "
    f"{(trace[170] / trace[20]) ** (1 / 150):.4f}, predicted {tuned.rate:.4f}"
)

# %% [markdown]
# ## The ratio of the players' step sizes
#
# In this game (player 0 minimises) there is an equilibrium that player 0 alone would leave. It is stable only if player
# 1 is fast enough. `timescale_ratio` finds the smallest ratio `τ` of their speeds (dashed line). The curve is the
# largest real part of the eigenvalues of the flow in which player 1 is `τ` times as fast as player 0: it is negative to
# the right of the dashed line.


# %% mystnb={"image": {"alt": "Largest real part of the eigenvalues over the ratio of the players' step sizes, with a dashed vertical line."}, "figure": {"caption": "The curve falls below 0 at the dashed line: from this ratio on the equilibrium is stable."}}
def torus(x, y):
    return -0.15 * jnp.cos(x) + jnp.cos(x - y) + 0.15 * jnp.cos(y)


game, point = gs.zero_sum(torus), (jnp.pi, jnp.pi)
ratios = np.linspace(0.5, 2.5, 101)
tau = gs.analysis.timescale_ratio(game, point)
J = gs.analysis.jacobian(game, point)
leading = [
    np.linalg.eigvals(np.diag([1.0, ratio]) @ J).real.max() for ratio in ratios
]
axes = gs.plots.lines(
    {"leading eigenvalue": leading},
    ratios,
    axes=("ratio of the rates τ", "largest real part"),
)
axes.axhline(0.0, color="grey", linewidth=0.8)
axes.axvline(tau, color="grey", linewidth=0.8, linestyle="--")
print(f"stable for τ above {tau:.4f}")
axes.figure

# %%
jax.config.update("jax_enable_x64", False)
