# %% [markdown]
# # Constrained optimisation as a game
#
# Constrained minimisation is a game: one player minimises the Lagrangian, the other sets the multipliers and maximises
# it. The multipliers enter linearly, without curvature, so the field rotates. Which solvers find the constrained
# minimum?

# %%
import jax.numpy as jnp
import optax
from scipy.optimize import linprog

import gamesolve as gs

# %% [markdown]
# ## An equality constraint
#
# The point of the line `x + 2y = 3` closest to 0 is (0.6, 1.2), with multiplier -1.2. All four solvers find it.
# Simultaneous gradient descent does so because the objective is strongly convex.


# %%
def objective(x):
    return jnp.sum(x**2)


def on_the_line(x):
    return x[0] + 2 * x[1] - 3


game = gs.games.lagrangian(objective, equality=on_the_line)
start = (jnp.zeros(2), gs.games.multipliers(jnp.zeros(2), equality=on_the_line))
for solver in (gs.simgd(0.1), gs.extragradient(0.1), gs.ogda(0.1), gs.cgd(0.1)):
    run = gs.solve(game, solver, start, 1000, tol=1e-5, max_norm=1e3)
    x, prices = run.players
    print(
        f"{solver!r:45} {run.ending.name:9} {run.steps:4} steps: "
        f"({x[0]:.4f}, {x[1]:.4f}), multiplier {prices['equality']:.4f}"
    )

# %% [markdown]
# ## A linear objective
#
# We look for the cheapest mixture `x` of three foods with enough of two nutrients. This linear program has no curvature
# at all. A projection after each step keeps `x` and the multipliers of the inequalities non-negative. The reference is
# scipy's `linprog`. Extragradient and forward-reflected-backward reach its cost, and simultaneous gradient descent does
# not converge.

# %%
price = jnp.array([2.0, 3.0, 1.0])
content = jnp.array([[1.0, 2.0, 0.0], [1.0, 0.5, 1.0]])
needed = jnp.array([4.0, 3.0])


def cost(x):
    return price @ x


def lacking(x):
    return needed - content @ x


program = gs.games.lagrangian(cost, inequality=lacking)
start = (jnp.ones(3), gs.games.multipliers(jnp.ones(3), inequality=lacking))
keep = (lambda x: jnp.maximum(x, 0), gs.games.multiplier_projection)
solvers = {
    "simgd, projected": optax.chain(gs.simgd(0.1), gs.transforms.project(keep)),
    "extragradient": gs.extragradient(0.1, projections=keep),
    "forward_reflected_backward": gs.forward_reflected_backward(
        0.1, projections=keep
    ),
}


def watch(players, _state):
    return jnp.linalg.norm(players[0] - known.x)


known = linprog(price, A_ub=-content, b_ub=-needed)
print(f"scipy: cost {known.fun:.4f} at {known.x.round(4).tolist()}")
curves = {}
for name, solver in solvers.items():
    run = gs.solve(program, solver, start, 2000, record=watch)
    x, prices = run.players
    print(
        f"{name:27} cost {cost(x):.4f}, largest violation "
        f"{jnp.max(lacking(x)):.4f}, "
        "multipliers "
        f"{', '.join(f'{value:.3f}' for value in prices['inequality'])}"
    )
    curves[name] = run.trace

# %% mystnb={"image": {"alt": "Distance from the optimum of a linear program over the steps, a curve per solver on a logarithmic scale."}, "figure": {"caption": "Extragradient and forward-reflected-backward fall to the optimum. Simultaneous gradient descent does not converge."}}
axes = gs.plots.convergence(curves, quantity="distance from the optimum")
gs.plots.legend(axes)
axes.figure
