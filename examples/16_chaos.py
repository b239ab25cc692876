# %% [markdown]
# # Chaos and Lyapunov exponents
#
# Two players who learn rock-paper-scissors need not settle, and need not cycle either. How far can their future be
# foreseen? The largest Lyapunov exponent says by what factor a small error grows: zero for cycles, positive for chaos.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import gamesolve as gs

fast = "GAMESOLVE_FAST" in os.environ
num_steps, duration = (4000, 400.0) if fast else (20_000, 2000.0)

# %% [markdown]
# ## Exponents that are known
#
# On `x y` every difference grows with the distance: by `√(1 + η²)` a step for simultaneous descent. The flow keeps all
# distances. On a stable focus both exponents are the real part of its eigenvalues.

# %%
bilinear = gs.zero_sum(lambda x, y: x * y)
found = gs.analysis.lyapunov_exponents(bilinear, gs.simgd(0.2), (1.0, 0.0), 200)
print("simgd on x y:", *(f"{float(value):.5f}" for value in found), f"theory {jnp.log(1.04) / 2:.5f}")
found = gs.analysis.flow_exponents(bilinear, (1.0, 0.0), 100.0, 1000)
print("flow of x y: ", *(f"{abs(float(value)):.5f}" for value in found), "theory 0")

# %% [markdown]
# ## Learning rock-paper-scissors
#
# Each player raises its logits by the payoff of each action against the other's mixture. That field has no attractor:
# it conserves the sum of the players' distances (relative entropies) from (1/3, 1/3, 1/3). Where a draw pays `ε` to one
# and costs the other as much, the flow keeps a second quantity only for `ε = 0`: then plays lie on tori and the
# exponents vanish. For `ε = 1/2` some plays are chaotic.
#
# As a game: payoffs that are linear in the own logits.


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
        exponents = gs.analysis.flow_exponents(learn(tie), start, duration, num_steps, 2, settle=num_steps // 10)
        shown = ", ".join(f"{1000 * float(value):7.3f}" for value in exponents)
        print(f"ε = {tie}, {place:15}: leading exponents {shown} in thousandths per unit of time")

# %% [markdown]
# ## The same exponent, seen
#
# Thirty-two plays that begin within a thousandth of each other. In the chaotic case their distance from the one in
# the middle grows like `exp(λ t)` with the leading exponent λ (grey), until it is as large as the play itself; on the
# tori it grows in proportion to time.

# %%
shifts = 1e-3 * jax.random.normal(jax.random.key(0), (32, 3))
times = jnp.arange(1, 301)


def play(shift, tie):
    x, y = starts["far from it"]
    watch = lambda players, _: jax.nn.softmax(players[0])
    return gs.solve(learn(tie), gs.runge_kutta(0.1), (x + shift, y), 3000, record=watch, every=10).trace


def apart(tie):
    plays = jax.vmap(lambda shift: play(shift, tie))(jnp.concatenate([jnp.zeros((1, 3)), shifts]))
    return jnp.linalg.norm(plays[1:] - plays[0], axis=-1)


far = {f"ε = {tie}": apart(tie) for tie in (0.0, 0.5)}
axes = gs.plots.lines(far, times, axes=("time", "distance from the play in the middle"))
leading = gs.analysis.flow_exponents(learn(0.5), starts["far from it"], 200.0, 2000, 1)[0]
begin = jnp.median(far["ε = 0.5"][:, 10:30])
axes.plot(times[20:200], begin * jnp.exp(leading * (times[20:200] - times[20])), color="grey", linewidth=1)
axes.set_yscale("log")
gs.plots.legend(axes)
axes.figure

# %% [markdown]
# What player 0 does over 600 units of time, from the start far from the centre: without the tie's payoff the play winds
# round a torus, whose shadow has sharp edges; with it, it wanders.

# %%
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
        title=f"ε = {tie}", xlabel="probability of rock", ylabel="of paper", xlim=(0, 1), ylim=(0, 1), aspect="equal"
    )
