# %% [markdown]
# # Chaos and Lyapunov exponents
#
# Two players who learn rock-paper-scissors need not converge, and need not cycle either. How predictable are their
# trajectories? The largest Lyapunov exponent is the growth rate of small errors: zero on cycles, positive in chaos.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import gamesolve as gs

fast = "GAMESOLVE_FAST" in os.environ
num_steps, duration = (4000, 400.0) if fast else (20_000, 2000.0)

# %% [markdown]
# ## Known exponents
#
# On `x y`, simultaneous gradient descent multiplies every difference by `√(1 + η²)` per step, so both exponents are
# `log(1 + η²) / 2`. The flow preserves all distances, so both of its exponents are zero. (On a stable focus both would
# be the real part of its eigenvalues.) The estimates agree with these values.

# %%
bilinear = gs.zero_sum(lambda x, y: x * y)
found = gs.analysis.lyapunov_exponents(bilinear, gs.simgd(0.2), (1.0, 0.0), 200)
print(
    "simgd on x y:",
    *(f"{float(value):.5f}" for value in found),
    f"theory {jnp.log(1.04) / 2:.5f}",
)
found = gs.analysis.flow_exponents(bilinear, (1.0, 0.0), 100.0, 1000)
print(
    "flow of x y: ",
    *(f"{abs(float(value)):.5f}" for value in found),
    "theory 0",
)

# %% [markdown]
# ## Learning rock-paper-scissors
#
# Each player increases its logits by the payoff of each action against the other's mixed strategy. As a game, the
# payoffs are linear in the player's own logits. This field has no attractor: it conserves the sum of the players'
# relative entropies from (1/3, 1/3, 1/3). A draw pays `ε` to one player and costs the other as much. For `ε = 0` the
# flow conserves a second quantity. Trajectories then lie on tori, and the exponents vanish. For `ε = 1/2` some
# trajectories are chaotic: the output shows a positive exponent for the start far from the centre.


# %%
def cyclic(tie):
    return jnp.array([[tie, -1.0, 1.0], [1.0, tie, -1.0], [-1.0, 1.0, tie]])


def first(x, y, tie):
    return x @ (cyclic(tie) @ jax.nn.softmax(y))


def second(x, y, tie):
    return y @ (cyclic(-tie) @ jax.nn.softmax(x))


def learn(tie):
    return gs.general_sum(first, second, constants=(jnp.float32(tie),))


def logits(*probabilities):
    return jnp.log(jnp.array(probabilities))


starts = {
    "near the centre": (logits(0.36, 0.33, 0.31), logits(0.33, 0.32, 0.35)),
    "far from it": (logits(0.5, 0.01, 0.49), logits(0.5, 0.25, 0.25)),
}
for tie in (0.0, 0.5):
    for place, start in starts.items():
        exponents = gs.analysis.flow_exponents(
            learn(tie), start, duration, num_steps, 2, settle=num_steps // 10
        )
        shown = ", ".join(f"{1000 * float(value):7.3f}" for value in exponents)
        print(
            f"ε = {tie}, {place:15}: leading exponents {shown} in thousandths "
            "per unit of time"
        )

# %% [markdown]
# ## How nearby trajectories separate
#
# Thirty-two trajectories start at a distance of about a thousandth from a reference trajectory. In the chaotic case
# their distance from it grows like `exp(λ t)` with the leading exponent `λ` (grey line), until it is as large as the
# trajectory itself. On the tori it grows in proportion to time.

# %% mystnb={"image": {"alt": "Distance from a reference trajectory over time, for ε = 0 and ε = 1/2, on a logarithmic scale."}, "figure": {"caption": "In the chaotic case the distance grows along the grey line, exponentially. On the tori it grows much more slowly."}}
shifts = 1e-3 * jax.random.normal(jax.random.key(0), (32, 3))
times = jnp.arange(1, 301)


def play(shift, tie):
    x, y = starts["far from it"]
    watch = lambda players, _: jax.nn.softmax(players[0])
    return gs.solve(
        learn(tie),
        gs.runge_kutta(0.1),
        (x + shift, y),
        3000,
        record=watch,
        every=10,
    ).trace


def apart(tie):
    plays = jax.vmap(lambda shift: play(shift, tie))(
        jnp.concatenate([jnp.zeros((1, 3)), shifts])
    )
    return jnp.linalg.norm(plays[1:] - plays[0], axis=-1)


far = {f"ε = {tie}": apart(tie) for tie in (0.0, 0.5)}
axes = gs.plots.lines(far, times, axes=("time", "distance from the reference"))
leading = gs.analysis.flow_exponents(
    learn(0.5), starts["far from it"], 200.0, 2000, 1
)[0]
begin = jnp.median(far["ε = 0.5"][:, 10:30])
axes.plot(
    times[20:200],
    begin * jnp.exp(leading * (times[20:200] - times[20])),
    color="grey",
    linewidth=1,
)
axes.set_yscale("log")
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# Player 0's strategy over 600 units of time, from the start far from the centre. For `ε = 0` the trajectory winds
# around a torus, whose projection has sharp edges. For `ε = 1/2` it wanders.

# %% mystnb={"image": {"alt": "Probabilities of rock and paper of player 0 as dots in the plane, for ε = 0 and ε = 1/2."}, "figure": {"caption": "The torus on the left has sharp edges. The chaotic trajectory on the right wanders over a region."}}
figure, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for ax, tie in zip(axes, (0.0, 0.5), strict=True):
    run = gs.solve(
        learn(tie),
        gs.runge_kutta(0.1),
        starts["far from it"],
        6000,
        record=lambda players, _: jax.nn.softmax(players[0]),
        every=2,
    )
    ax.plot(run.trace[:, 0], run.trace[:, 1], ",", color="#0072B2")
    ax.set(
        title=f"ε = {tie}",
        xlabel="probability of rock",
        ylabel="of paper",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
plt.show()
