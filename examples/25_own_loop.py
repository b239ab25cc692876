# %% [markdown]
# # A custom training loop: donation, losses, accumulation
#
# `gs.step` is one pure step, for loops that `gs.run` does not cover. How is it compiled, how do you get losses from it,
# and how much memory do donated buffers, losses and gradient accumulation cost or save?

# %%
import functools
import os

import jax
import jax.numpy as jnp
import optax

import gamesolve as gs
from gamesolve.games import data, gan

fast = "GAMESOLVE_FAST" in os.environ
BATCH, STEPS, PARTS = 1024, 10 if fast else 500, 16
networks = gan.perceptrons((8, 8), widths=(256, 256))
game = gan.adversarial(networks.generate, networks.judge, gan.non_saturating)
adam = optax.adam(5e-4, b1=0.5)
solver = gs.per_player(adam, adam)
sample = gan.batches(
    gs.minibatches(data.digits().inputs, BATCH),
    gs.sampling.latents(BATCH, networks.latent),
)
start = networks.init(jax.random.key(0))
size = sum(leaf.nbytes for leaf in jax.tree.leaves(start)) / 2**20
print(f"players of {size:.1f} MiB; with the moments of Adam {3 * size:.1f} MiB")

# %% [markdown]
# ## The loop
#
# Bind the game and the solver with `functools.partial`, and donate the players and the state: each step then overwrites
# them. Donated arrays are deleted, so the loop starts from a copy. `aux=True` also returns what the step has
# computed: payoffs, metrics, gradient norms and the batch.

# %%
step = jax.jit(
    functools.partial(gs.step, game, solver, aux=True), donate_argnums=(0, 1)
)
players = jax.tree.map(jnp.copy, start)
state = solver.init(players)
key = jax.random.key(1)
for number in range(STEPS):
    players, state, computed = step(
        players, state, sample(jax.random.fold_in(key, number))
    )
    if (number + 1) % (STEPS // 5) == 0:
        losses, norms = (
            [f"{float(value):.3f}" for value in values]
            for values in (computed.payoffs, computed.norms)
        )
        print(
            f"step {number + 1:4}: payoffs {', '.join(losses)}; gradient "
            f"norms {', '.join(norms)}"
        )

# %% [markdown]
# ## Memory of a step
#
# A compiled program knows its memory: arguments and results, less the buffers that they share, and temporary buffers.
#
# - Donation lets results share the buffers of arguments, so players and moments are held once. Here the activations of
#   the large batch need more than both.
# - `aux=True` adds little.
# - `gs.accumulate` takes the step on the whole batch in micro-batches, one by one, and saves most of the memory.
# - With `aux=True` it saves nothing, because payoffs and gradient norms are computed on the whole batch at once.
#   Instead, pass the game through `micro_batched`: then the solver and the losses use micro-batches.

# %%
accumulated = gs.accumulate(solver, k=PARTS)


def all_micro_batched(players, state, batch):
    return gs.step(
        gs.estimators.micro_batched(game.bind(batch), PARTS),
        solver,
        players,
        state,
        aux=True,
    )


plain, both = functools.partial(gs.step, game), (0, 1)
steps = {
    "step": (functools.partial(plain, solver), ()),
    "donated": (functools.partial(plain, solver), both),
    "donated, aux": (functools.partial(plain, solver, aux=True), both),
    "accumulated, donated": (functools.partial(plain, accumulated), both),
    "accumulated, donated, aux": (
        functools.partial(plain, accumulated, aux=True),
        both,
    ),
    "micro-batched, donated, aux": (all_micro_batched, both),
}
batch = sample(key)
compiled = {
    name: jax.jit(function, donate_argnums=donated)
    .lower(start, solver.init(start), batch)
    .compile()
    for name, (function, donated) in steps.items()
}
print(f"{'MiB':28} arguments + results - shared + temporary = total")
for name, program in compiled.items():
    memory = program.memory_analysis()
    used, made, shared, temporary = (
        getattr(memory, f"{kind}_size_in_bytes") / 2**20
        for kind in ("argument", "output", "alias", "temp")
    )
    total = used + made - shared + temporary
    print(
        f"{name:28} {used:9.1f} {made:9.1f} {shared:8.1f} {temporary:11.1f} "
        f"{total:7.1f}"
    )

# %% [markdown]
# ## The same step
#
# Accumulation changes the rounding only: the players after one step agree.

# %%
expected, _ = compiled["step"](start, solver.init(start), batch)
for name in ("accumulated, donated", "micro-batched, donated, aux"):
    end, *_ = compiled[name](
        jax.tree.map(jnp.copy, start), solver.init(start), batch
    )
    differences = jax.tree.map(
        lambda a, b: float(jnp.max(abs(a - b))), end, expected
    )
    print(
        f"{name}: players differ by at most "
        f"{max(jax.tree.leaves(differences)):.0e}"
    )
