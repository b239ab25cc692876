"""Competitive steps whose products with J see fewer examples than the field, against the formula in plain numpy."""

import argparse
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from benchmarks.measurements import curvature
from gamesolve.linear import Outcome

EXAMPLES, FEW, ETA = 6, 2, (0.5, 0.25)
SOLVERS = {"cgd": gs.cgd, "acgd": gs.acgd}


def coupling(x, y, batch):
    """Return the mean over the batch of a payoff with curvatures, couplings and slopes of every example."""
    own = batch["a"] @ x**2 - batch["b"] @ y**2
    return jnp.mean(own + jnp.einsum("i,nij,j->n", x, batch["m"], y) + batch["a"] @ x - batch["b"] @ y)


def other(x, y, batch):
    return jnp.mean(jnp.einsum("i,nij,j->n", x, batch["m"] ** 2, y) - batch["b"] @ y**2 + batch["b"] @ y)


GAMES = {"zero-sum": gs.zero_sum(coupling), "general-sum": gs.from_losses(coupling, other)}


def batch(seed=0):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: jnp.asarray(rng.normal(size=(EXAMPLES, *shape)))
    return {"a": draw(3), "b": draw(2), "m": draw(3, 2)}


def start():
    return jnp.array([0.3, -1.0, 0.5]), jnp.array([1.0, 0.7])


def field_and_coupling(kind, x, y, rows):
    """Return v and J_o of a game on some rows of the batch."""
    a, b, m = (np.asarray(rows[name]).mean(0) for name in "abm")
    loss_x = a * (2 * x + 1) + m @ y
    if kind == "zero-sum":
        loss_y, to_y = b * (2 * y + 1) - m.T @ x, -m.T
    else:
        square = (np.asarray(rows["m"]) ** 2).mean(0)
        loss_y, to_y = square.T @ x - b * (2 * y - 1), square.T
    off = np.zeros((5, 5))
    off[:3, 3:], off[3:, :3] = -m, -to_y
    return -np.concatenate([loss_x, loss_y]), off


def by_hand(name, kind, batches, few):
    """Return the players after one step per batch: v from all examples, J_o from the first ``few``."""
    z, square = np.concatenate(start()), 0.0
    for t, rows in enumerate(batches, 1):
        v, _ = field_and_coupling(kind, z[:3], z[3:], rows)
        _, off = field_and_coupling(kind, z[:3], z[3:], {name: leaf[:few] for name, leaf in rows.items()})
        metric = np.repeat(ETA, (3, 2))
        if name == "acgd":
            square = 0.99 * square + 0.01 * v**2
            metric = metric * np.sqrt(1 - 0.99**t) / (np.sqrt(square) + 1e-5)
        z = z + np.linalg.solve(np.eye(5) - metric[:, None] * off, metric * v)
    return z


def trained(game, solver, batches):
    players, state, step = start(), solver.init(start()), jax.jit(gs.step)
    for rows in batches:
        players, state = step(game, solver, players, state, rows)
    return players, state


@pytest.mark.parametrize("kind", GAMES)
@pytest.mark.parametrize("name", SOLVERS)
def test_the_step_is_the_formula_with_two_batches(name, kind, x64):
    batches = [batch(seed) for seed in range(3)]
    players, _ = trained(GAMES[kind], SOLVERS[name](ETA, curvature_batch=FEW), batches)
    np.testing.assert_allclose(np.concatenate(players), by_hand(name, kind, batches, FEW), rtol=1e-9)
    # The examples that J sees matter.
    assert np.abs(by_hand(name, kind, batches, EXAMPLES) - np.concatenate(players)).max() > 1e-2


@pytest.mark.parametrize("kind", GAMES)
def test_the_whole_batch_gives_the_plain_step_to_the_bit(kind):
    batches = [batch(seed) for seed in range(3)]
    plain, _ = trained(GAMES[kind], gs.acgd(0.1), batches)
    whole, _ = trained(GAMES[kind], gs.acgd(0.1, curvature_batch=EXAMPLES), batches)
    for one, two in zip(plain, whole, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_report_certifies_the_system_that_was_solved(x64):
    """The residual is that of J on few examples; with all examples, the same solution leaves a large one."""
    game, solver = GAMES["zero-sum"], gs.cgd(1.0, curvature_batch=FEW)
    players, state = trained(game, solver, [batch()])
    assert optax.tree.get(state, "status") == Outcome.SOLVED
    assert optax.tree.get(state, "residual") < 1e-11
    move = np.concatenate(players) - np.concatenate(start())
    for rows, low, high in ((FEW, 0, 1e-11), (EXAMPLES, 0.05, np.inf)):
        v, _ = field_and_coupling("zero-sum", *start(), batch())
        _, off = field_and_coupling("zero-sum", *start(), {key: leaf[:rows] for key, leaf in batch().items()})
        assert low <= np.linalg.norm(v - (np.eye(5) - off) @ move) / np.linalg.norm(v) < high


def test_draws_per_player_and_micro_batches(x64):
    """Each player's J sees the first examples of its own draw, also if a batch is visited in micro-batches."""
    game, solver = GAMES["general-sum"], gs.cgd(0.5, curvature_batch=FEW)
    own = game.bind(gs.sampling.for_players(batch(0), batch(1)))
    players, _ = jax.jit(gs.step)(own, solver, start())
    rows = [{key: leaf[:FEW] for key, leaf in batch(seed).items()} for seed in (0, 1)]
    fields = [field_and_coupling("general-sum", *start(), batch(seed))[0] for seed in (0, 1)]
    offs = [field_and_coupling("general-sum", *start(), part)[1] for part in rows]
    v, off = (np.concatenate([pair[0][:3], pair[1][3:]]) for pair in (fields, offs))
    np.testing.assert_allclose(
        np.concatenate(players), np.concatenate(start()) + np.linalg.solve(np.eye(5) - 0.5 * off, 0.5 * v), rtol=1e-9
    )
    plain, _ = trained(game, solver, [batch()])
    accumulated, _ = trained(game, gs.accumulate(solver, 3), [batch()])
    np.testing.assert_allclose(np.concatenate(accumulated), np.concatenate(plain), rtol=1e-9)


def with_state(x, y, batch, *, model_state):
    return coupling(x, y, batch), gs.Aux(model_state=model_state + 1)


REFUSED = {
    "no data": (gs.zero_sum(lambda x, y: jnp.sum(x) * jnp.sum(y)), "one leading axis for curvature_batch= to split"),
    "two lengths": (GAMES["zero-sum"].bind(batch() | {"c": jnp.ones(7)}), r"got leaves with \[6, 7\] examples"),
    "a small batch": (
        GAMES["zero-sum"].bind({key: leaf[:1] for key, leaf in batch().items()}),
        "curvature_batch must be at most the 1 examples of the batch, got 2. Choose fewer examples",
    ),
    "a model state": (
        gs.zero_sum(with_state, model_state=jnp.zeros(())).bind(batch()),
        "curvature_batch needs payoffs without a model state",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_batches_that_cannot_be_cut_are_refused(case):
    game, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(functools.partial(gs.step, game, gs.cgd(0.1, curvature_batch=FEW)), start())


def test_random_keys_stay_whole():
    """A key belongs to all examples; an array of keys is cut like any other leaf."""
    key = jax.random.key(0)
    game = gs.zero_sum(lambda x, y, batch: x * y).bind((jnp.arange(4.0), key, jax.random.split(key, 4)))
    values, one, each = gs.estimators.first_examples(game, 3).data[0]
    assert (values.shape, each.shape) == ((3,), (3,))
    np.testing.assert_array_equal(jax.random.key_data(one), jax.random.key_data(key))


@pytest.mark.full
def test_few_examples_are_cheap_and_lose_little():
    """The measurement `curvature` on one seed, with wider margins than its targets."""
    adam, whole, *others = curvature.rows(argparse.Namespace(rates=[4e-3], seeds=1, steps=300))
    few = next(row for row in others if (row["examples"], row["tolerance"]) == (64, 0.09))
    assert 3 * few["ms per step"] < whole["ms per step"]
    assert few["distance"] < 2 * whole["distance"] < 0.2 * adam["distance"]
    assert few["fallbacks"] == 0
