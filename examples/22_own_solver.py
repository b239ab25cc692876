# %% [markdown]
# # A solver of your own
#
# A solver is an optax transformation: it gets `u = -v`, minus the field, and returns the move. One that looks at the
# game takes the extra argument `game`. This example writes one from a formula, holds its rate against theory, and tunes
# it.

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
# ## A part: the field averaged over two points
#
# The implicit midpoint rule `z' = z + η v((z + z')/2)` keeps every distance on `x y`. Its explicit cousin looks at the
# field half a step ahead: `z + η v(z + η/2 v)`. As a transformation of `u` it needs the game, so it takes it by name.


# %%
def midpoint(step):
    def update(updates, state, params, *, game, **extra_args):
        del extra_args
        half = optax.tree.add_scale(params, -step / 2, updates)
        return optax.tree.scale(-1.0, game.field(half)), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


# %% [markdown]
# ## A solver: a chain under `gs.parametric`
#
# The decorator makes its numbers leaves, so that sweeps and derivatives go through it.


# %%
@gs.parametric
def midpoint_descent(learning_rate):
    return optax.chain(midpoint(learning_rate), gs.transforms.descend(learning_rate))


@gs.parametric
def damped(learning_rate, gamma):
    """The same, with the pull of consensus before the step."""
    return optax.chain(midpoint(learning_rate), gs.transforms.consensus(gamma), gs.transforms.descend(learning_rate))


eta = 0.5
print(midpoint_descent(eta), "has the leaves", jax.tree.leaves(midpoint_descent(eta)))
print(f"rate {gs.analysis.rate(game, midpoint_descent(eta), origin):.6f}, theory {(1 + eta**4 / 4) ** 0.5:.6f}")

# %% [markdown]
# So it still flies off, though far slower than simultaneous descent (`√(1 + η²)` = 1.118). A better method remembers.
#
# ## With a state
#
# The state is any pytree. Here: the mean of all moves so far is subtracted with a weight, a kind of negative
# momentum with a long memory. `gs.analysis.rate` sees the state: its eigenvalues belong to players and memory together.


# %%
class Memory(NamedTuple):
    mean: optax.Updates


@gs.parametric
def restrained(learning_rate, decay, weight):
    def init(params):
        return Memory(optax.tree.zeros_like(params))

    def update(updates, state, params=None, **extra_args):
        del params, extra_args
        mean = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, state.mean, updates)
        return optax.tree.add_scale(updates, -weight, mean), Memory(mean)

    return optax.chain(optax.GradientTransformationExtraArgs(init, update), gs.transforms.descend(learning_rate))


for weight in (-1.0, 0.0, 0.5, 1.0):
    print(f"weight {weight:4}: rate {gs.analysis.rate(game, restrained(eta, 0.5, weight), origin):.4f}")

# %% [markdown]
# ## Tuned by its own derivative
#
# A run is differentiable in the solver's numbers: the gradient of the final distance has the solver's own shape.
# Twenty steps of Adam on all three of them at once:


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
print(f"rate {gs.analysis.rate(game, solver, origin):.4f} (before {before:.4f})")

# %%
solvers = {
    "midpoint": midpoint_descent(eta),
    "damped": damped(eta, 0.5),
    "restrained, tuned": solver,
    "extragradient": gs.extragradient(eta),
}
figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.4), layout="constrained")
record = lambda players, _: (players, jnp.hypot(*players))
traces = {name: gs.solve(game, solver, start, 60, record=record).trace for name, solver in solvers.items()}
gs.plots.phase_portrait(
    {name: path for name, (path, _) in traces.items()}, start=start, equilibrium=origin, field=game, ax=axes[0]
)
gs.plots.convergence({name: far for name, (_, far) in traces.items()}, ax=axes[1]).legend(fontsize=7)
