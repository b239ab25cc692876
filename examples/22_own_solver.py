# %% [markdown]
# # Custom solvers
#
# A solver is an optax transformation: it receives `u = -v`, the negated field, and returns the update. A solver that
# evaluates the game takes the extra argument `game`. This example implements a solver from its formula, compares its
# rate with theory, and tunes it.

# %%
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax

import gamesolve as gs

game = gs.zero_sum(lambda x, y: x * y)
start, origin = (1.0, 1.0), (0.0, 0.0)

# %% [markdown]
# ## A transformation: the field at a midpoint
#
# The implicit midpoint rule `z' = z + η v((z + z')/2)`, with players `z` and step size `η`, preserves all distances on
# `x y`. Its explicit form evaluates the field half a step ahead: `z' = z + η v(z + η/2 v)`. As a transformation of `u`
# it needs the game, which it takes as a keyword argument.


# %%
def midpoint(step):
    def update(updates, state, params, *, game, **extra_args):
        del extra_args
        half = optax.tree.add_scale(params, -step / 2, updates)
        return optax.tree.scale(-1.0, game.field(half)), state

    return optax.GradientTransformationExtraArgs(
        lambda params: optax.EmptyState(), update
    )


# %% [markdown]
# ## A solver: a chain with `gs.parametric`
#
# The decorator makes the solver's numbers leaves of a pytree, so sweeps and derivatives can go through them.


# %%
@gs.parametric
def midpoint_descent(learning_rate):
    return optax.chain(
        midpoint(learning_rate), gs.transforms.descend(learning_rate)
    )


@gs.parametric
def damped(learning_rate, gamma):
    """Add consensus to the midpoint field before the step; `direction` says
    that consensus shall multiply it.
    """
    ahead = gs.transforms.direction(midpoint(learning_rate))
    return optax.chain(
        ahead,
        gs.transforms.consensus(gamma),
        gs.transforms.descend(learning_rate),
    )


eta = 0.5
print(
    midpoint_descent(eta),
    "has the leaves",
    jax.tree.leaves(midpoint_descent(eta)),
)
print(
    f"rate {gs.analysis.rate(game, midpoint_descent(eta), origin):.6f}, "
    f"theory {(1 + eta**4 / 4) ** 0.5:.6f}"
)

# %% [markdown]
# The rate is above 1: the solver diverges, though far more slowly than simultaneous gradient descent, whose rate is
# `√(1 + η²)` = 1.118. A better method has a memory.
#
# ## A solver with state
#
# The state can be any pytree. Here it is a moving average of the updates, and the solver subtracts a multiple of it.
# This is a kind of negative momentum. `gs.analysis.rate` includes the state: the eigenvalues are those of players and
# memory together. Weight 0 is simultaneous gradient descent, which diverges. Weight 0.5 converges.


# %%
class Memory(NamedTuple):
    mean: optax.Updates


@gs.parametric
def restrained(learning_rate, decay, weight):
    def init(params):
        return Memory(optax.tree.zeros_like(params))

    def update(updates, state, params=None, **extra_args):
        del params, extra_args
        mean = jax.tree.map(
            lambda old, new: decay * old + (1 - decay) * new,
            state.mean,
            updates,
        )
        return optax.tree.add_scale(updates, -weight, mean), Memory(mean)

    return optax.chain(
        optax.GradientTransformationExtraArgs(init, update),
        gs.transforms.descend(learning_rate),
    )


for weight in (-1.0, 0.0, 0.5, 1.0):
    print(
        f"weight {weight:4}: rate "
        f"{gs.analysis.rate(game, restrained(eta, 0.5, weight), origin):.4f}"
    )

# %% [markdown]
# ## Tuning a solver by gradients
#
# A run is differentiable in the solver's numbers, and the gradient of the final distance is a pytree like the solver.
# Twenty steps of Adam tune all three numbers at once and lower the rate:


# %%
def distance(solver):
    return jnp.log(jnp.hypot(*gs.solve(game, solver, start, 40).players))


solver, adam = restrained(0.3, 0.5, 0.5), optax.adam(0.05)
state = adam.init(solver)
for _ in range(20):
    value, gradient = jax.value_and_grad(distance)(solver)
    updates, state = adam.update(gradient, state)
    solver = optax.apply_updates(solver, updates)
numbers = [round(float(leaf), 3) for leaf in jax.tree.leaves(solver)]
print(f"learning rate, decay, weight: {numbers}")
before = gs.analysis.rate(game, restrained(0.3, 0.5, 0.5), origin)
print(
    f"rate {gs.analysis.rate(game, solver, origin):.4f} (before {before:.4f})"
)

# %% [markdown]
# Paths and distances of the custom solvers beside extragradient. Only the midpoint method without consensus diverges.

# %% mystnb={"image": {"alt": "Left, paths of the custom solvers and extragradient in the plane. Right, their distances over the steps."}, "figure": {"caption": "Only the midpoint method without consensus moves away from the equilibrium."}}
solvers = {
    "midpoint": midpoint_descent(eta),
    "damped": damped(eta, 0.5),
    "restrained, tuned": solver,
    "extragradient": gs.extragradient(eta),
}
figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.4), layout="constrained")
record = lambda players, _: (players, jnp.hypot(*players))
traces = {
    name: gs.solve(game, solver, start, 60, record=record).trace
    for name, solver in solvers.items()
}
gs.plots.phase_portrait(
    {name: path for name, (path, _) in traces.items()},
    start=start,
    equilibrium=origin,
    field=game,
    ax=axes[0],
)
gs.plots.convergence(
    {name: far for name, (_, far) in traces.items()}, ax=axes[1]
).legend(fontsize=7)
plt.show()
