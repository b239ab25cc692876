"""Modules of flax and equinox as players: a run equals the loop that one writes with the library alone.

The loops are scans, because XLA compiles the body of a loop otherwise than a single step.
"""

from importlib.metadata import version
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import gamesolve as gs

SIDE, LATENT, BATCH = 4, 8, 8
RATES = (1e-3, 2e-3)


class Generator(nnx.Module):
    def __init__(self, rngs):
        self.spread = nnx.Linear(LATENT, SIDE * SIDE, rngs=rngs)
        self.normalise = nnx.BatchNorm(4, rngs=rngs)
        self.up = nnx.ConvTranspose(4, 1, (3, 3), (2, 2), rngs=rngs)

    def __call__(self, latents):
        images = self.spread(latents).reshape(-1, SIDE // 2, SIDE // 2, 4)
        return jnp.tanh(self.up(nnx.relu(self.normalise(images))))


class Discriminator(nnx.Module):
    def __init__(self, rngs):
        self.look = nnx.Conv(1, 4, (3, 3), (2, 2), rngs=rngs)
        self.normalise = nnx.BatchNorm(4, rngs=rngs)
        self.drop = nnx.Dropout(0.3, rngs=rngs)
        self.score = nnx.Linear(4 * SIDE * SIDE // 4, 1, rngs=rngs)

    def __call__(self, images):
        seen = self.drop(nnx.leaky_relu(self.normalise(self.look(images))))
        return self.score(seen.reshape(len(images), -1))


def judged(real, fake):
    return jnp.mean(nnx.softplus(-real)) + jnp.mean(nnx.softplus(fake))


def generator_loss(generator, discriminator, batch):
    fake = discriminator(generator(batch["latents"]))
    return jnp.mean(nnx.softplus(-fake)), {"fooled": jnp.mean(fake > 0)}


def discriminator_loss(generator, discriminator, batch):
    return judged(discriminator(batch["images"]), discriminator(generator(batch["latents"])))


def batches(number):
    rng = np.random.default_rng(0)
    for _ in range(number):
        images, latents = rng.normal(size=(BATCH, SIDE, SIDE, 1)), rng.normal(size=(BATCH, LATENT))
        yield {"images": images.astype(np.float32), "latents": latents.astype(np.float32)}


def trained(nets, steps, losses=(generator_loss, discriminator_loss), **options):
    game = gs.from_losses(*map(nets.payoff, losses), model_state=nets.model_state)
    solver = gs.per_player(*map(optax.adam, RATES))
    return gs.run(game, solver, nets.players, steps, batches=batches(steps), progress=False, **options)


def scanned(step, carry, steps):
    """Return the end of a plain loop over the batches, and what each step returns."""
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *batches(steps))
    return jax.jit(lambda carry: jax.lax.scan(step, carry, stacked))(carry)


# Both programs are compiled operation by operation there, see conftest.py. Elsewhere fusions round differently, and
# Adam makes whole steps of the rounding errors of gradients that are nearly zero.
EXACT = version("jaxlib").startswith("0.10.")


def assert_same(tree, other):
    as_numbers = lambda leaf: jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    tolerance = {"rtol": 0.0, "atol": 0.0} if EXACT else {"rtol": 1e-3, "atol": 10 * max(RATES)}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(as_numbers(a), as_numbers(b), **tolerance), tree, other)


@pytest.mark.parametrize("steps", [20, pytest.param(150, marks=pytest.mark.full)])
def test_nnx_as_in_a_plain_loop(steps, tmp_path):
    make = lambda: (Generator(nnx.Rngs(0)), Discriminator(nnx.Rngs(1)))
    nets = gs.modules.from_nnx(*make())
    record = lambda players, state, computed: (computed.payoffs, computed.metrics[0])
    solution = trained(nets, steps, record=record, chunk=5)

    modules = make()
    optimisers = [
        nnx.Optimizer(module, optax.adam(rate), wrt=nnx.Param) for module, rate in zip(modules, RATES, strict=True)
    ]
    graph, state = nnx.split((modules, optimisers))

    def step(state, batch):
        (generator, discriminator), (first, second) = nnx.merge(graph, state, copy=True)
        loss = nnx.value_and_grad(generator_loss, has_aux=True)
        (own, metrics), slope = loss(generator, discriminator, batch)
        other, other_slope = nnx.value_and_grad(discriminator_loss, argnums=1)(generator, discriminator, batch)
        first.update(generator, slope)
        second.update(discriminator, other_slope)
        return nnx.state(((generator, discriminator), (first, second))), (own, other, metrics["fooled"])

    state, plain = scanned(step, state, steps)
    modules, _ = nnx.merge(graph, state, copy=True)
    for module, end in zip(modules, nets.merge(solution.players, solution.model_state), strict=True):
        assert_same(nnx.state(end), nnx.state(module))
    assert int(modules[1].drop.rngs.count[...]) == 3 * steps
    payoffs, metrics = solution.trace
    assert_same((np.asarray(payoffs), metrics["fooled"]), (np.negative(plain[:2]), plain[2]))
    # Stopped half-way and taken up again, it ends at the same bits.
    options = {"record": record, "chunk": 5, "checkpoint": tmp_path}
    trained(nets, steps // 10 * 5, **options)
    assert_same(trained(nets, steps, **options)[:3], solution[:3])


class LinenGenerator(linen.Module):
    @linen.compact
    def __call__(self, latents):
        images = linen.Dense(SIDE * SIDE)(latents).reshape(-1, SIDE // 2, SIDE // 2, 4)
        seen = linen.relu(linen.BatchNorm(use_running_average=False)(images))
        return jnp.tanh(linen.ConvTranspose(1, (3, 3), (2, 2))(seen))


class LinenDiscriminator(linen.Module):
    @linen.compact
    def __call__(self, images):
        seen = linen.leaky_relu(linen.BatchNorm(use_running_average=False)(linen.Conv(4, (3, 3), (2, 2))(images)))
        seen = linen.Dropout(0.3, deterministic=False)(seen)
        return linen.Dense(1)(seen.reshape(len(images), -1))


def linen_losses():
    noise = lambda number: {"rngs": {"dropout": jax.random.key(number)}}

    def generator_loss(generator, discriminator, batch):
        return jnp.mean(nnx.softplus(-discriminator(generator(batch["latents"]), **noise(0))))

    def discriminator_loss(generator, discriminator, batch):
        fake = generator(batch["latents"])
        return judged(discriminator(batch["images"], **noise(1)), discriminator(fake, **noise(2)))

    return generator_loss, discriminator_loss


@pytest.mark.parametrize("steps", [10, pytest.param(150, marks=pytest.mark.full)])
def test_linen_as_in_a_plain_loop(steps):
    modules, batch = (LinenGenerator(), LinenDiscriminator()), next(batches(1))
    key = jax.random.key(0)
    variables = (
        modules[0].init(key, batch["latents"]),
        modules[1].init({"params": key, "dropout": key}, batch["images"]),
    )
    nets = gs.modules.from_linen(*zip(modules, variables, strict=True))
    losses = linen_losses()
    solution = trained(nets, steps, losses, chunk=5)

    def step(carry, batch):
        players, statistics, states = carry
        updates, states = [], list(states)
        for number, (loss, rate) in enumerate(zip(losses, RATES, strict=True)):

            def value(own, number=number, loss=loss, statistics=statistics):
                params = (*players[:number], own, *players[number + 1 :])
                stats = list(statistics)

                def call(which):
                    def apply(*args, **kwargs):
                        result, new = modules[which].apply(
                            {"params": params[which], "batch_stats": stats[which]},
                            *args,
                            mutable=["batch_stats"],
                            **kwargs,
                        )
                        stats[which] = new["batch_stats"]
                        return result

                    return apply

                return loss(call(0), call(1), batch), tuple(stats)

            slope, statistics = jax.grad(value, has_aux=True)(players[number])
            moved, states[number] = optax.adam(rate).update(slope, states[number], players[number])
            updates.append(moved)
        return (optax.apply_updates(players, tuple(updates)), statistics, states), None

    players = tuple(entry["params"] for entry in variables)
    statistics = tuple(entry["batch_stats"] for entry in variables)
    states = [optax.adam(rate).init(player) for rate, player in zip(RATES, players, strict=True)]
    (players, statistics, _), _ = scanned(step, (players, statistics, states), steps)
    assert_same(solution.players, players)
    assert_same(tuple(state["batch_stats"] for state in solution.model_state), statistics)


class EquinoxGenerator(eqx.Module):
    spread: eqx.nn.Linear
    normalise: eqx.nn.BatchNorm
    out: eqx.nn.SpectralNorm

    def __init__(self, key):
        first, second, third = jax.random.split(key, 3)
        self.spread = eqx.nn.Linear(LATENT, 16, key=first)
        self.normalise = eqx.nn.BatchNorm(16, "batch", mode="batch")
        self.out = eqx.nn.SpectralNorm(eqx.nn.Linear(16, SIDE * SIDE, key=second), "weight", key=third)

    def __call__(self, latent, state):
        seen, state = self.normalise(self.spread(latent), state)
        image, state = self.out(jax.nn.relu(seen), state)
        return jnp.tanh(image), state


def over_batch(module, state, inputs):
    return jax.vmap(module, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(inputs, state)


def equinox_generator_loss(generator, discriminator, batch):
    images, generator.state = over_batch(generator.module, generator.state, batch["latents"])
    return jnp.mean(nnx.softplus(-jax.vmap(discriminator)(images)))


def equinox_discriminator_loss(generator, discriminator, batch):
    images, generator.state = over_batch(generator.module, generator.state, batch["latents"])
    return judged(jax.vmap(discriminator)(batch["images"].reshape(BATCH, -1)), jax.vmap(discriminator)(images))


@pytest.mark.parametrize("steps", [10, pytest.param(150, marks=pytest.mark.full)])
def test_equinox_as_in_a_plain_loop(steps):
    make = lambda: (
        eqx.nn.make_with_state(EquinoxGenerator)(jax.random.key(0)),
        eqx.nn.MLP(SIDE * SIDE, 1, 16, 1, key=jax.random.key(1)),
    )
    nets = gs.modules.from_equinox(*make())
    losses = (equinox_generator_loss, equinox_discriminator_loss)
    solution = trained(nets, steps, losses, chunk=5)

    (generator, state), discriminator = make()
    players, others = eqx.partition((generator, discriminator), eqx.is_inexact_array)

    def step(carry, batch):
        players, state, states = carry

        def value(own, number, state):
            modules = eqx.combine((*players[:number], own, *players[number + 1 :]), others)
            pair = SimpleNamespace(module=modules[0], state=state)
            return losses[number](pair, modules[1], batch), pair.state

        updates, following = [], []
        for number, rate in enumerate(RATES):
            slope, state = jax.grad(value, has_aux=True)(players[number], number, state)
            update, new = optax.adam(rate).update(slope, states[number], players[number])
            updates.append(update)
            following.append(new)
        return (optax.apply_updates(players, tuple(updates)), state, following), None

    states = [optax.adam(rate).init(player) for rate, player in zip(RATES, players, strict=True)]
    (players, state, _), _ = scanned(step, (players, state, states), steps)
    generator, discriminator = eqx.combine(players, others)
    ended, judge = nets.merge(solution.players, solution.model_state)
    assert_same(*(eqx.filter(tree, eqx.is_array) for tree in (ended.module, generator)))
    assert_same(*(eqx.filter(tree, eqx.is_array) for tree in (judge, discriminator)))
    assert_same(jax.tree.leaves(ended.state), jax.tree.leaves(state))


@pytest.mark.parametrize(
    "name", ["cgd", *(pytest.param(name, marks=pytest.mark.full) for name in ("altgd", "extragradient", "conopt"))]
)
def test_solvers_take_modules(name):
    nets = gs.modules.from_nnx(Generator(nnx.Rngs(0)), Discriminator(nnx.Rngs(1)))
    game = gs.from_losses(*map(nets.payoff, (generator_loss, discriminator_loss)), model_state=nets.model_state)
    solver = gs.registry.SOLVERS[name].build(0.01)
    solution = gs.solve(game.bind(next(batches(1))), solver, nets.players, 1)
    players, state = solution.players, solution.state
    _, discriminator = nets.merge(players, state.model_state)
    assert int(discriminator.drop.rngs.count[...]) == 3
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(players))


def test_payoffs_of_modules_are_equal_if_their_parts_are():
    make = lambda: gs.modules.from_nnx(Generator(nnx.Rngs(0)), Discriminator(nnx.Rngs(1)))
    assert make().payoff(generator_loss) == make().payoff(generator_loss)
    mlp = lambda: gs.modules.from_equinox(eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(0)))
    assert mlp().payoff(generator_loss) == mlp().payoff(generator_loss)


def test_mistakes():
    nets = gs.modules.from_nnx(Generator(nnx.Rngs(0)), Discriminator(nnx.Rngs(1)))
    with pytest.raises(ValueError, match=r"model_state=nets\.model_state"):
        gs.step(gs.zero_sum(nets.payoff(discriminator_loss)), gs.simgd(0.1), nets.players, None, next(batches(1)))
    with pytest.raises(ValueError, match="'params'"):
        gs.modules.from_linen((LinenGenerator(), {"batch_stats": {}}))
