"""A transformation before a part that looks at the game again is refused, or applied as written: never lost."""

import dataclasses
import functools
import inspect
import re

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry, transforms

STEEP = gs.zero_sum(lambda x, y: 100 * x * y)
START = (jnp.float32(1.0), jnp.float32(2.0))
REFUSED = r"must get the gradient.*Clipping, weight decay, masking.*MultiSteps.*(extrapolate|alternating|extra|after)"
# Solvers that read u and nothing else of the game; the wrappers contain simgd here.
READERS = {
    "anchored_gda",
    "anderson",
    "average",
    "forward_reflected_backward",
    "golden_ratio",
    "lookahead",
    "magnetic_mirror_descent",
    "ogda",
    "optimistic_adam",
    "simgd",
    "slingshot",
    "tiada",
    "tiada_coordinates",
}
BEFORE = {
    "clip": optax.clip(1.0),
    "clip_by_global_norm": optax.clip_by_global_norm(1.0),
    "weight decay": optax.add_decayed_weights(0.5),
    "masked": optax.masked(optax.clip(1.0), (False, True)),
    "noise": optax.add_noise(0.1, 0.5, 0),
    "adam": optax.scale_by_adam(),
    "momentum": optax.trace(0.9),
    "apply_if_finite": optax.apply_if_finite(optax.clip(1.0), 3),
    "multi_transform": optax.multi_transform({"a": optax.clip(1.0), "b": optax.identity()}, ("a", "b")),
    "hyperparameters": optax.inject_hyperparams(optax.clip)(1.0),
    "per_player": gs.per_player(optax.clip(1.0), optax.identity()),
    "a solver": gs.simgd(1.0),
}


def build(name, **arguments):
    return registry.SOLVERS[name].build(0.5, **arguments)


def traced(game, solver, *batch):
    return jax.eval_shape(lambda players: gs.step(game, solver, players, None, *batch), START)


CONSTANT = gs.general_sum(lambda x, y, c: -x * c[0], lambda x, y, c: -y * c[1], constants=(START,))
# Those that people write, for the solvers that read u alone.
USUAL = ["clip", "clip_by_global_norm", "weight decay", "masked", "apply_if_finite", "noise", "adam", "momentum"]


@pytest.mark.parametrize("name", [name for name in registry.SOLVERS if name not in READERS])
def test_nothing_before_a_solver_that_looks_again_is_lost(name):
    for before in BEFORE.values():
        with pytest.raises(ValueError, match=REFUSED):
            traced(STEEP, optax.chain(before, build(name)))


@pytest.mark.parametrize("before", USUAL)
@pytest.mark.parametrize(
    "name",
    [name if name in ("simgd", "ogda") else pytest.param(name, marks=pytest.mark.full) for name in sorted(READERS)],
)
def test_nothing_before_a_solver_is_lost(name, before):
    """A solver that reads u alone takes the steps of the game whose field is the transformed one."""
    solver, before = build(name), BEFORE[before]
    chain = optax.chain(before, solver)

    def both(reached, expected):
        players, (first, own) = expected
        changed, first = before.update(jax.tree.map(jnp.negative, STEEP.field(players)), first, players)
        players, own = gs.step(dataclasses.replace(CONSTANT, constants=(changed,)), solver, players, own)
        return gs.step(STEEP, chain, *reached), (players, (first, own))

    reached, expected = (START, chain.init(START)), (START, (before.init(START), solver.init(START)))
    step = jax.jit(both)
    for _ in range(3):
        reached, expected = step(reached, expected)
        chex.assert_trees_all_close(reached[0], expected[0], rtol=1e-5)


def clip(u, z):
    return np.clip(u, -1, 1)


FORMULAS = {
    "clip": clip,
    "clip_by_global_norm": lambda u, z: u / max(1, np.linalg.norm(u)),
    "weight decay": lambda u, z: u + 0.5 * z,
    "masked": lambda u, z: np.array([u[0], clip(u[1], z)]),
    "apply_if_finite": clip,
}


@pytest.mark.parametrize("before", FORMULAS)
def test_formulas_of_what_stands_before(before):
    """In plain numbers: simgd is ``z - eta w`` and ogda ``z - eta (2 w - w_before)`` on the transformed u."""
    steps = {"simgd": lambda w, old: w, "ogda": lambda w, old: 2 * w - old}
    for name, direction in steps.items():
        z, old = np.array([1.0, 2.0]), None
        players, state = START, None
        for _ in range(3):
            w = FORMULAS[before](100 * np.array([z[1], -z[0]]), z)
            z, old = z - 0.5 * direction(w, w if old is None else old), w
            players, state = gs.step(STEEP, optax.chain(BEFORE[before], build(name)), players, state)
            np.testing.assert_allclose(np.stack(players), z, rtol=1e-5)


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_accumulated_gradients_are_those_of_a_solver_or_refused(name):
    game = gs.zero_sum(lambda x, y, b: jnp.mean(b) * x * y + x**2 / 20 - y**2 / 20)
    data = jnp.array([3.0, -1.0])
    steps = optax.MultiSteps(build(name), 2)
    if name not in READERS:
        with pytest.raises(ValueError, match=REFUSED):
            traced(game, steps, data[:1])
        return
    whole, _ = gs.step(game, build(name), START, None, data)
    players, state = START, None
    for batch in data:
        players, state = gs.step(game, steps, players, state, batch[None])
    chex.assert_trees_all_close(players, whole, rtol=1e-6)


AROUND = {
    "lookahead": lambda solver: gs.lookahead(solver, period=2, alpha=0.5),
    "average": gs.average,
    "anderson": gs.anderson,
    "guarded": gs.guarded,
    "chain": lambda solver: optax.chain(optax.identity(), solver),
    "masked": lambda solver: optax.masked(solver, (True, True)),
    "multi_transform": lambda solver: optax.multi_transform({"all": solver}, ("all", "all")),
    "apply_if_finite": lambda solver: optax.apply_if_finite(solver, 3),
    "hyperparameters": lambda solver: optax.inject_hyperparams(lambda scale: optax.chain(solver, optax.scale(scale)))(
        1.0
    ),
}


@pytest.mark.parametrize("around", AROUND)
def test_wrappers_neither_lose_nor_hide_what_stands_before(around):
    """A wrapped solver takes its first step as alone, and refuses what it refuses alone, inside and outside."""
    clip = optax.clip(1.0)
    for solver in (gs.cgd(0.5), gs.altgd(0.5), gs.extra_adam(0.5)):
        wrapped = AROUND[around](solver)
        alone, _ = gs.step(gs.games.curl(), solver, START)
        chex.assert_trees_all_close(gs.step(gs.games.curl(), wrapped, START)[0], alone, rtol=1e-5)
        for refused in (optax.chain(clip, wrapped), AROUND[around](optax.chain(clip, solver))):
            with pytest.raises(ValueError, match=REFUSED):
                traced(STEEP, refused)


@pytest.mark.parametrize("make", [gs.per_player, gs.alternating])
def test_one_player_can_not_hold_a_part(make):
    for solver in (gs.cgd(0.5), optax.chain(optax.clip(1.0), gs.extragradient(0.5)), gs.accumulate(gs.simgd(0.5), 1)):
        with pytest.raises(ValueError, match="needs the game and all players"):
            traced(STEEP, make(solver, optax.sgd(0.1)))


def test_the_right_orders():
    """The orders that the error shows apply the clipping to every look at the field."""
    clipped = optax.chain(optax.clip(1.0), optax.sgd(0.5))
    (x, y), _ = gs.step(STEEP, gs.alternating(clipped, clipped), (1.0, 1.0))
    assert (float(x), float(y)) == (0.5, 1.5)
    (x, y), _ = gs.step(STEEP, transforms.extra(clipped), (0.25, 1.0))  # the trial point is (-0.25, 1.5)
    assert (float(x), float(y)) == (-0.25, 0.5)
    (x, y), _ = gs.step(STEEP, optax.chain(transforms.extrapolate(0.5), clipped), (0.25, 1.0))
    assert (float(x), float(y)) == (-0.25, 0.5)  # the trial point is (-49.75, 13.5)


def test_parts_of_a_chain_take_the_results_of_parts(x64):
    """On curl, J = [[0, -1], [1, 0]]: each pair is the product of its matrices."""
    game, start, J, eye = gs.games.curl(), (1.0, 0.5), np.array([[0.0, -1.0], [1.0, 0.0]]), np.eye(2)
    u = -J @ np.array(start)
    ahead = lambda u: -J @ (np.array(start) - 0.1 * u)
    pulled, solved = eye - 0.3 * J.T, np.linalg.inv(eye - 0.2 * J)
    extrapolate, consensus = transforms.extrapolate(0.1), transforms.consensus(0.3)
    competitive, identity = transforms.competitive(0.2), optax.masked(optax.identity(), (True, True))
    for parts, expected in (
        ((identity, consensus), pulled @ u),
        ((extrapolate, competitive), solved @ ahead(u)),
        ((extrapolate, identity, consensus, competitive), solved @ pulled @ ahead(u)),
        ((extrapolate, extrapolate), ahead(ahead(u))),
        ((transforms.svrg(), consensus), pulled @ u),
        ((transforms.direction(optax.scale(2.0)), consensus), pulled @ (2 * u)),
    ):
        reached, _ = gs.step(game, optax.chain(*parts, optax.sgd(1.0)), start)
        np.testing.assert_allclose(np.stack(reached) - start, -expected, rtol=1e-9)


@pytest.mark.parametrize(
    "parts",
    [
        (transforms.consensus(0.3), transforms.extrapolate(0.1)),
        (transforms.svrg(), transforms.extrapolate(0.1)),
        (transforms.extrapolate(0.1), optax.clip(1.0), transforms.consensus(0.3)),
        (transforms.extrapolate(0.1), gs.altgd(0.1)),
        (transforms.consensus(0.3), transforms.extra(optax.sgd(0.1))),
        (transforms.consensus(0.3), transforms.proximal(0.1, iterations=2)),
        (transforms.consensus(0.3), transforms.hamiltonian(groups=2)),
        (gs.cgd(0.1), transforms.consensus(0.3)),
        (transforms.lead(0.1, 0.1, 0.1), transforms.consensus(0.3)),
        (transforms.extrapolate(0.1), gs.accumulate(gs.simgd(0.1), 1)),
    ],
)
def test_parts_refuse_results_that_they_would_lose(parts):
    with pytest.raises(ValueError, match=REFUSED):
        traced(STEEP, optax.chain(*parts))


def test_callers_without_the_gradient_are_not_asked():
    solver, u = gs.cgd(0.5), (jnp.float32(3.0), jnp.float32(4.0))
    game = gs.games.curl()
    moves, _ = solver.update(u, solver.init(START), START, game=game)
    chex.assert_trees_all_close(moves, (-0.4, -2.2), rtol=1e-6)
    with pytest.raises(ValueError, match=REFUSED):
        solver.update(u, solver.init(START), START, game=game, grad=START)


def test_marks_keep_no_tracer_of_a_branch():
    parts = optax.chain(transforms.extrapolate(0.1), transforms.consensus(0.1), optax.sgd(0.1))
    with jax.checking_leaks():
        gs.solve(gs.games.curl(), optax.apply_if_finite(parts, 3), START, 2)


A = jax.random.normal(jax.random.key(0), (12, 3, 3))
B = jax.random.normal(jax.random.key(1), (12, 3))
# One solver for each way of looking at the game.
QUICK = {"simgd", "altgd", "extragradient", "conopt", "cgd", "lola", "svrg"}


@functools.cache
def finite_sum():
    def payoff(x, y, batch):
        a, b = batch
        return jnp.mean(
            jnp.einsum("i,nij,j->n", x, a, y) + jnp.sin(b @ x) ** 2 - jnp.cos(b @ y) + jnp.tanh(b @ x) * (b @ y)
        )

    return gs.zero_sum(payoff)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.full) for name in registry.SOLVERS]
)
def test_micro_batches_take_the_step_of_the_whole_batch(name, x64):
    game, players = finite_sum().bind((A.astype(float), B.astype(float))), (jnp.ones(3), jnp.array([0.5, -1.0, 2.0]))
    known = {"full": game} if "full" in inspect.signature(registry.SOLVERS[name].make).parameters else {}
    solver = registry.SOLVERS[name].build(0.1, **known)
    step = jax.jit(lambda solver: gs.step(game, solver, *gs.step(game, solver, players)))
    (whole, _), (parts, _) = step(solver), step(gs.accumulate(solver, 4))
    chex.assert_trees_all_close(parts, whole, rtol=1e-10, atol=1e-10)


@pytest.mark.full
def test_micro_batches_split_draws_keys_and_groups(x64):
    game = gs.zero_sum(lambda x, y, b: jnp.mean(b["a"]) * x * y + jnp.mean(b["a"] ** 2) * x**2 / 9)
    data = {"a": jnp.arange(24.0).reshape(2, 12)}
    draws = gs.sampling.draws(*({"a": row} for row in data["a"]))
    for solver in (gs.extragradient(0.1), gs.conopt(0.1, 1.0, groups="draws"), gs.conopt(0.1, 1.0, groups=3)):
        whole, _ = gs.step(game, solver, START, None, draws)
        parts, _ = gs.step(game, gs.accumulate(solver, 4), START, None, draws)
        chex.assert_trees_all_close(parts, whole, rtol=1e-5)
    seen = gs.zero_sum(lambda x, y, b: x * y + y * jnp.mean(jax.random.normal(b["key"], b["a"].shape)))
    batch = {"a": jnp.zeros(6), "key": jax.random.key(3)}
    (_, v), _ = gs.step(seen, gs.accumulate(gs.simgd(1.0), 3), START, None, batch)
    noise = [jax.random.normal(key, (2,)) for key in jax.random.split(batch["key"], 3)]
    assert float(v) == pytest.approx(3.0 + float(jnp.mean(jnp.stack(noise))), rel=1e-6)


def test_micro_batches_need_less_memory():
    """The temporary memory of a step on a batch of 1024 falls with the number of micro-batches, products included."""
    net = lambda weights, x: jnp.tanh(jnp.tanh(x @ weights[0]) @ weights[1])
    weights = lambda rows: [jnp.ones((rows, 32)), jnp.ones((32, 8))]
    game = gs.zero_sum(lambda g, d, b: jnp.mean(net(d, net(g, b)) - net(d, b)) + jnp.mean(net(d, b) ** 2))
    players, batch = (weights(8), weights(8)), jnp.ones((1024, 8))
    for solver in (gs.simgd(0.1), gs.conopt(0.1, 1.0)):

        def memory(solver):
            step = jax.jit(lambda batch: gs.step(game, solver, players, None, batch))
            return step.lower(batch).compile().memory_analysis().temp_size_in_bytes

        assert memory(gs.accumulate(solver, 8)) < memory(solver) / 3


def test_micro_batches_of_wrong_data():
    game = finite_sum()
    batch = (A[:3], B[:3])
    players = (jnp.ones(3), jnp.ones(3))
    with pytest.raises(ValueError, match=re.escape("k must divide the 3 examples of the batch, got 2.")):
        gs.step(game, gs.accumulate(gs.simgd(0.1), 2), players, None, batch)
    with pytest.raises(ValueError, match="leading axis for k= to split, got no data"):
        gs.step(STEEP, gs.accumulate(gs.simgd(0.1), 2), START)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        gs.accumulate(gs.simgd(0.1), 0)
