"""Model state: what networks keep beside their parameters, under every solver, and what a step has computed."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from benchmarks.measurements import cases
from gamesolve import estimators, registry

# These evaluate payoffs on other data, or on parts of the batch.
REFUSED = [name for name in registry.SOLVERS if name.startswith(("svrg", "flip_flop"))]
ACCEPTED = [name for name in registry.SOLVERS if name not in REFUSED]
# Solvers that solve another system in zero-sum games, and those that move in turn or look elsewhere.
QUICK = ["simgd", "altgd", "extragradient", "ogda", "conopt", "cgd", "lola", "anderson"]
GATED = [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in ACCEPTED]
START = (jnp.array([1.0, -0.5]), jnp.array([0.5, 1.0]))


def counting(x, y, *, model_state):
    """Return a payoff that depends on how often payoffs were evaluated before, and the next count."""
    weight = 1 + 0.1 * model_state["count"].astype(x.dtype)
    new = {"count": model_state["count"] + 1, "mean": 0.9 * model_state["mean"] + 0.1 * x}
    return weight * (x @ y) + 0.1 * x @ x - 0.1 * y @ y, gs.Aux({"weight": weight}, new)


def counting_loss(x, y, *, model_state):
    value, aux = counting(x, y, model_state=model_state)
    return -2 * value, aux


def weighted(x, y, weight):
    return weight * (x @ y) + 0.1 * x @ x - 0.1 * y @ y


def weighted_loss(x, y, weight):
    return -2 * weighted(x, y, weight + 0.1)  # player 1 sees what the payoff of player 0 has left


def first():
    return {"count": jnp.int32(0), "mean": jnp.zeros(2)}


KINDS = {
    "zero-sum": (gs.zero_sum(counting, model_state=first()), lambda c: gs.zero_sum(weighted, constants=(c,)), 1),
    "general-sum": (
        gs.from_losses(counting, counting_loss, model_state=first()),
        lambda c: gs.from_losses(weighted, weighted_loss, constants=(c,)),
        2,
    ),
}


@pytest.mark.parametrize("name", GATED)
@pytest.mark.parametrize("kind", KINDS)
def test_all_evaluations_of_a_step_see_one_model_state(name, kind, x64):
    """A step is that of the game whose count is a constant: also its look-aheads, turns and products with J."""
    game, held, evaluations = KINDS[kind]
    solver, start = registry.SOLVERS[name].build(0.05), jax.tree.map(lambda leaf: leaf.astype(float), START)
    solution = gs.solve(game, solver, start, 4, record=lambda players, state: (players, state.model_state))
    players, own, mean = start, None, np.zeros(2)
    for step in range(4):
        mean = 0.9 * mean + 0.1 * np.asarray(players[0])
        if evaluations == 2:
            mean = 0.9 * mean + 0.1 * np.asarray(players[0])
        players, own = gs.step(held(1 + 0.1 * evaluations * step), solver, players, own)
        seen, state = jax.tree.map(lambda leaf, step=step: leaf[step], solution.trace)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), seen, players)
        np.testing.assert_allclose(state["mean"], mean, rtol=1e-6)
        assert int(state["count"]) == evaluations * (step + 1)
    assert solution.model_state["count"].dtype == jnp.int32


@pytest.mark.parametrize("name", REFUSED)
def test_parts_that_evaluate_other_data_refuse_model_state(name):
    game = KINDS["zero-sum"][0]
    full = {"full": game.frozen()} if name.startswith("svrg") else {}
    solver = registry.SOLVERS[name].build(0.05, **full)
    with pytest.raises(ValueError, match="model state"):
        gs.step(game, solver, START)


def test_micro_batches_and_groups_refuse_model_state():
    game = gs.zero_sum(lambda x, y, b, *, model_state: jnp.mean(b) * x @ y, model_state=jnp.zeros(2))
    for solver in (gs.accumulate(gs.simgd(0.1), 2), gs.conopt(0.1, gamma=0.1, groups=2)):
        with pytest.raises(ValueError, match="model state"):
            gs.step(game, solver, START, None, jnp.ones(4))
    with pytest.raises(ValueError, match="such as BatchNorm"):
        estimators.self_product(gs.analysis.smooth, game, START, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_runs_solves_steps_and_lanes_agree(kind, tmp_path):
    game, solver = KINDS[kind][0], gs.cgd(0.1)
    options = {"record": lambda players, state, computed: (state.model_state, computed), "every": 2}
    solution = gs.solve(game, solver, START, 12, **options)
    for chunk, extra in ((4, {}), (6, {"checkpoint": tmp_path}), (4, {"tol": 1e-9})):
        other = gs.run(game, solver, START, 12, chunk=chunk, progress=False, **options, **extra)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), other[:4], solution[:4])
    half = gs.solve(game, solver, START, 6)
    rest = gs.solve(game, solver, half.players, 6, state=half.state, start=6)
    jax.tree.map(np.testing.assert_array_equal, (rest.players, rest.state), (solution.players, solution.state))
    scaled = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), START)
    lanes = jax.vmap(lambda players: gs.solve(game, solver, players, 12))(scaled)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-5, atol=1e-6), lanes.model_state, solution.model_state
    )


def test_stopped_and_resumed_runs_keep_the_model_state(tmp_path):
    game, solver = KINDS["general-sum"][0], gs.per_player(optax.adamw(0.1, weight_decay=0.1), optax.adam(0.1))
    unbroken = gs.run(game, solver, START, 12, chunk=3, progress=False)
    gs.run(game, solver, START, 6, chunk=3, progress=False, checkpoint=tmp_path)
    resumed = gs.run(game, solver, START, 12, chunk=3, progress=False, checkpoint=tmp_path)
    jax.tree.map(np.testing.assert_array_equal, resumed[:2], unbroken[:2])


def test_derivatives_go_through_a_run_and_not_through_the_model_state():
    def end(start, game):
        return gs.solve(game, gs.simgd(0.1), (start, START[1]), 1)

    statistic = lambda start: jnp.sum(end(start, KINDS["zero-sum"][0]).model_state["mean"])
    np.testing.assert_array_equal(jax.grad(statistic)(START[0]), 0.0)
    player = lambda start: jnp.sum(end(start, KINDS["zero-sum"][0]).players[1])
    assert np.any(jax.grad(player)(START[0]))


def test_analysis_holds_the_model_state():
    game, held, _ = KINDS["zero-sum"]
    zero = jax.tree.map(jnp.zeros_like, START)
    plain = held(jnp.float32(1.0))
    for analyse in (
        lambda game: gs.analysis.jacobian(game, START),
        lambda game: gs.analysis.rate(game, gs.cgd(0.1), zero),
        lambda game: gs.analysis.rate(game, gs.ogda(0.1), zero),
        lambda game: gs.analysis.best_response(game, gs.simgd(0.1), START, 1, 10),
        lambda game: gs.analysis.lyapunov_exponents(game, gs.simgd(0.1), START, 5),
        lambda game: gs.analysis.attraction(game, gs.simgd(0.1), zero),
        lambda game: gs.analysis.smooth(game, 0.1, 3, jax.random.key(0)).field(START),
        lambda game: gs.analysis.classify(game, zero).eigenvalues,
    ):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), analyse(game), analyse(plain))
    reached = gs.solve(game, gs.ogda(0.1), zero, 5)
    after = gs.analysis.rate(game, gs.ogda(0.1), zero, state=reached.state)
    np.testing.assert_allclose(after, gs.analysis.rate(held(jnp.float32(1.5)), gs.ogda(0.1), zero), rtol=1e-5)


def with_metrics(generator, discriminator, batch):
    value = cases.minimax_log(generator, discriminator, batch)
    return value, {"twice": 2 * value}


def test_a_record_sees_what_the_step_has_computed():
    case = cases.gan((4, 2), (8, 8), 32, 1)
    data = [jax.tree.map(lambda leaf, t=t: np.roll(leaf, t, 0) * (1 + t), case.data[0]) for t in range(6)]
    game = gs.zero_sum(with_metrics)
    seen = gs.run(
        game,
        gs.simgd(0.1),
        case.players,
        6,
        batches=iter(data),
        record=lambda players, state, computed: (players, computed),
        chunk=4,
        every=2,
        progress=False,
    ).trace
    players, state = case.players, None
    for step, batch in enumerate(data):
        before, bound = players, game.bind(batch)
        players, state, computed = gs.step(game, gs.simgd(0.1), players, state, batch, aux=True)
        assert computed.batch[0] is not None
        np.testing.assert_allclose(computed.payoffs, bound.evaluate(before), rtol=1e-6)
        assert computed.metrics[0]["twice"] == 2 * computed.payoffs[1]
        np.testing.assert_allclose(computed.norms, [optax.tree.norm(v) for v in bound.field(before)], rtol=1e-5)
        if step % 2:
            row = jax.tree.map(lambda leaf, step=step: leaf[step // 2], seen)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), row, (players, computed))


def test_a_third_argument_with_a_default_is_the_users_own():
    held = lambda players, state, factor=2.0: factor * players[0]
    several = lambda *args: args[0][0] * len(args)
    for record in (held, several):
        trace = gs.solve(gs.zero_sum(lambda x, y: x * y), gs.simgd(0.1), (1.0, 1.0), 1, record=record).trace
        np.testing.assert_allclose(trace, [2 * 0.9], rtol=1e-6)


def test_losses_cost_no_other_forward_pass():
    case = cases.gan((16, 2), (64, 64), 128, 1)
    game = gs.zero_sum(with_metrics).bind(*case.data)

    def flops(record):
        run = jax.jit(lambda players: gs.solve(game, gs.simgd(0.1), players, 2, record=record))
        return run.lower(case.players).compile().cost_analysis()["flops"]

    plain = flops(lambda players, state: players[0][0][0][0, 0])
    told = flops(lambda players, state, computed: (computed.payoffs, computed.metrics))
    assert plain < told <= 1.02 * plain
    assert flops(lambda players, state, computed: computed) <= 1.02 * plain


@pytest.mark.parametrize(
    ("payoff", "state", "message"),
    [
        (lambda x, y: (x @ y, gs.Aux(model_state=x)), None, "must not return a model state, since the game has none"),
        (lambda x, y, *, model_state: (x @ y, gs.Aux(model_state={})), jnp.zeros(2), "a model state like the one"),
        (lambda x, y, *, model_state: (x @ y, gs.Aux(model_state=x[0])), jnp.zeros(2), "a model state like the one"),
        (lambda x, y: (x @ y, 0, 0), None, "one real scalar"),
        (lambda x, y: x @ y, jnp.zeros(2), "must take model_state="),
    ],
)
def test_payoffs_that_return_the_wrong_thing(payoff, state, message):
    with pytest.raises((ValueError, TypeError), match=message):
        gs.step(gs.zero_sum(payoff, model_state=state), gs.simgd(0.1), START, aux=True)


def test_a_state_of_a_run_without_model_state_is_refused():
    game = KINDS["zero-sum"][0]
    state = gs.ogda(0.1).init(START)
    with pytest.raises(ValueError, match="state must be one"):
        gs.solve(game, gs.ogda(0.1), START, 1, state=state)
    with pytest.raises(ValueError, match="must not be frozen"):
        dataclasses.replace(game).entered(START)[0].frozen()
