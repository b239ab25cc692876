import functools
import itertools

import chex
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import transforms

PARTS = {
    "consensus": lambda rate: transforms.consensus(rate),
    "extrapolate": lambda rate: transforms.extrapolate(rate),
    "competitive": lambda rate: transforms.competitive(rate),
}
KINDS = {"zero-sum": ((3, 2), True), "general-sum": ((2, 3), False), "three players": ((2, 1, 3), False)}


def ravel(tree):
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


@functools.cache
def dense(kind):
    """Return a game, a point, u there, J, J_o and the player of every entry."""
    dims, zero_sum = KINDS[kind]
    draw = jax.jit(lambda key: gs.games.random_quadratic(key, dims, condition=2.0, zero_sum=zero_sum))
    game = draw(jax.random.key(1))
    J = np.asarray(gs.analysis.jacobian(game, game.start))
    owner = np.repeat(np.arange(len(dims)), dims)
    return game, game.start, -J @ ravel(game.start), J, J * (owner[:, None] != owner), owner


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("tuples", [False, True], ids=["number", "tuple"])
def test_formulas(part, kind, tuples, x64):
    game, players, u, J, J_o, owner = dense(kind)
    rate = (0.5, 0.25, 0.75)[: len(players)] if tuples else 0.5
    D = np.diag(np.asarray(rate)[owner] if tuples else np.full(len(u), rate))
    eye = np.eye(len(u))
    expected = {
        "consensus": u - D @ J.T @ u,
        "extrapolate": -J @ (ravel(players) - D @ u),
        "competitive": np.linalg.solve(eye - J_o @ D, u),
    }[part]
    transformation = PARTS[part](rate)
    state = transformation.init(players)
    updates = jax.tree.map(jnp.negative, game.field(players))
    answer, after = jax.jit(transformation.update)(updates, state, players, game=game)
    np.testing.assert_allclose(ravel(answer), expected, rtol=1e-10, atol=1e-12)
    chex.assert_trees_all_equal_shapes_and_dtypes(after, state)


def test_a_metric_stands_inside_the_solve(x64):
    for kind in KINDS:
        game, players, u, _, J_o, _ = dense(kind)
        part = transforms.competitive(0.5, transforms.rms_metric(0.9, 1e-3))
        P = np.diag(np.sqrt(0.1) / (np.sqrt(0.1 * u**2) + 1e-3))
        updates = jax.tree.map(jnp.negative, game.field(players))
        answer, state = jax.jit(part.update)(updates, part.init(players), players, game=game)
        expected = P @ np.linalg.solve(np.eye(len(u)) - 0.5 * J_o @ P, u)
        np.testing.assert_allclose(ravel(answer), expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ravel(state.metric.square), 0.1 * u**2)
        assert optax.tree.get(state.metric, "count") == 1


def test_the_metric_is_bias_corrected():
    part = transforms.rms_metric(decay=0.9, eps=0.5)
    state, square = part.init((0.0, jnp.zeros(2))), 0.0
    for t, u in enumerate((1.0, 2.0, -3.0), 1):
        square = 0.9 * square + 0.1 * u**2
        diagonal, state = part.update((jnp.float32(u), jnp.full(2, 2 * u)), state)
        root = np.sqrt(1 - 0.9**t)
        np.testing.assert_allclose(diagonal[0], root / (np.sqrt(square) + 0.5), rtol=1e-5)
        np.testing.assert_allclose(diagonal[1], [root / (2 * np.sqrt(square) + 0.5)] * 2, rtol=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_schedules_in_parts(part):
    game = gs.games.curl()
    u, players = (jnp.float32(1.0), jnp.float32(2.0)), game.start
    scheduled = PARTS[part]((optax.linear_schedule(0.5, 0.0, 2), 0.25))
    state = scheduled.init(players)
    update = jax.jit(lambda part, state: part.update(u, state, players, game=game))
    for rate in (0.5, 0.25, 0.0, 0.0):
        plain = PARTS[part]((rate, 0.25))
        expected, _ = update(plain, plain.init(players))
        answer, state = update(scheduled, state)
        chex.assert_trees_all_close(answer, expected)


def test_descend_and_chains():
    part = transforms.descend((0.5, optax.linear_schedule(1.0, 0.0, 2)))
    state = part.init((0.0, 0.0))
    moves = []
    for _ in range(3):
        move, state = part.update((1.0, {"a": jnp.ones(2)}), state)
        moves.append((float(move[0]), float(move[1]["a"][1])))
    assert moves == [(-0.5, -1.0), (-0.5, -0.5), (-0.5, 0.0)]


COMPANY = {
    "per_player": lambda part: gs.per_player(part, optax.sgd(0.1)),
    "per_player, second": lambda part: gs.per_player(optax.sgd(0.1), optax.chain(part, optax.sgd(0.1))),
    "alternating": lambda part: gs.alternating(part, optax.sgd(0.1)),
    "masked": lambda part: optax.masked(part, (True, False)),
    "partition": lambda part: optax.partition({"a": part, "b": optax.sgd(0.1)}, ("a", "b")),
}
STARTS = [
    (jnp.float32(1.0), jnp.float32(1.0)),
    (jnp.ones(2), jnp.ones(2)),
    ({"a": jnp.ones(()), "b": jnp.ones(3)}, (jnp.ones(2), jnp.ones(2))),
]


@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("start", STARTS, ids=["scalars", "vectors", "trees"])
def test_parts_that_look_at_the_game_need_all_players(company, part, start):
    game = gs.zero_sum(lambda x, y: optax.tree.sum(x) * optax.tree.sum(y))
    solver = COMPANY[company](PARTS[part](0.1))
    with pytest.raises(ValueError, match=f"{part} needs the game and all players. Place it before per_player"):
        jax.eval_shape(lambda players: gs.step(game, solver, players), start)


@pytest.mark.parametrize("part", [*PARTS.values(), lambda rate: gs.alternating(optax.sgd(rate), optax.sgd(rate))])
def test_parts_without_a_game_or_players(part):
    game, transformation = gs.games.curl(), part(0.1)
    state = transformation.init(game.start)
    with pytest.raises(ValueError, match="needs the game and all players"):
        transformation.update(game.start, state, game.start)
    with pytest.raises(ValueError, match="pass game= and the players to update"):
        transformation.update(game.start, state, game=game)
    with pytest.raises(ValueError, match="players must have one entry for each of the game's 2 players, got 3"):
        transformation.update((1.0,) * 3, state, (1.0,) * 3, game=game)


def test_competitive_refuses_a_step_size_per_parameter():
    """Its operator would not be symmetric; a metric is what takes one."""
    game = gs.games.rotation(3)
    with pytest.raises(ValueError, match=r"eta must be one number per player, got an array of shape \(3,\)"):
        gs.solve(game, gs.cgd(jnp.array([0.1, 0.2, 0.3])), game.start, 1)


def test_unknown_extra_arguments_are_ignored():
    game = gs.games.curl()
    for part in PARTS.values():
        state = part(0.1).init(game.start)
        expected, _ = part(0.1).update(game.start, state, game.start, game=game)
        reached, _ = part(0.1).update(game.start, state, game.start, game=game, value=1.0, grad=None)
        assert reached == expected


def probe(seen):
    """Return a part that keeps what ``update`` gets: u, the gradient and the players."""

    def update(updates, state, params=None, *, grad=None, **extra_args):
        seen.append((updates, grad, params))
        return updates, state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


WRAPPERS = {
    "chain": lambda part: optax.chain(optax.scale(2.0), part, optax.sgd(0.1)),
    "lookahead": lambda part: gs.lookahead(optax.chain(part, optax.sgd(0.1)), period=2, alpha=0.5),
    "average": lambda part: gs.average(optax.chain(part, optax.sgd(0.1))),
    "anderson": lambda part: gs.anderson(optax.chain(part, optax.sgd(0.1))),
    "extra": lambda part: transforms.extra(optax.chain(part, optax.sgd(0.1))),
    "metric": lambda part: transforms.competitive(0.1, metric=part),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_parts_get_the_gradient_at_the_players(name, x64):
    game, players, *_ = dense("zero-sum")
    seen = []
    gs.step(game, WRAPPERS[name](probe(seen)), players)
    for _, grad, at in seen:
        chex.assert_trees_all_close(grad, jax.tree.map(jnp.negative, game.field(players)), rtol=1e-5)
        chex.assert_trees_all_close(at, players)
    u, grad, _ = seen[0]
    assert (u is grad) == (name != "chain")
    assert len(seen) == (2 if name == "extra" else 1)
    assert all(u is not grad for u, grad, _ in seen[1:])  # the field at the trial point is not the gradient


def test_one_player_gets_its_own_gradient():
    game, start = gs.games.curl(), (jnp.float32(1.0), jnp.float32(2.0))
    u = game.field(start)
    for turn in (gs.per_player, gs.alternating):
        seen = []
        solver = turn(*(optax.chain(probe(seen), optax.sgd(0.5)) for _ in range(2)))
        factor = 2.0 if turn is gs.per_player else 1.0  # a second look at the field would lose the factor
        gs.step(game, optax.chain(optax.scale(2.0), solver) if factor == 2.0 else solver, start)
        (u0, first, _), (u1, second, _) = seen
        assert (float(u0), float(first)) == (factor * -u[0], -u[0])
        if turn is gs.per_player:
            assert (float(u1), float(second)) == (2 * -u[1], -u[1])
        else:
            assert u1 is second  # a new look at the field
            assert float(second) == -(1.0 - 0.5 * 2.0)
        seen.clear()
        solver.update((1.0, 2.0), solver.init(start), start, game=game)
        assert seen[0][1] is None  # the caller gave none


def test_estimates_replace_the_gradient_and_nothing_else(x64):
    """An unbiased part takes u from its own estimate only if u is the gradient, not if it was looked up elsewhere."""
    game = gs.zero_sum(lambda x, y, a: jnp.mean(a) * x * y + jnp.mean(a**2) * x**2).bind(jnp.array([1.0, 3.0]))
    start, rate, gamma = (jnp.array(1.0), jnp.array(0.5)), 0.1, 0.3
    solver = gs.conopt(rate, gamma, groups=2)
    estimate = gs.estimators.self_product(gs.products.transposed, game, start, 2)
    pull = np.stack(estimate.product)
    move = lambda v: rate * (np.stack(v) - gamma * pull)
    ahead = tuple(np.stack(start) + move(game.field(start)))
    reached, _ = gs.step(game, transforms.extra(solver), start)
    np.testing.assert_allclose(reached, np.stack(start) + move(game.field(ahead)), rtol=1e-12)
    costs = [
        jax.jit(functools.partial(gs.step, game, chain)).lower(start).compile().cost_analysis()["flops"]
        for chain in (solver, optax.chain(transforms.direction(optax.scale(2.0)), solver))
    ]
    assert costs[0] < costs[1]


def test_parts_of_optax_get_the_gradient():
    """The line searches of optax take ``grad`` by that name; other parts ignore it."""
    game = gs.general_sum(lambda x: -jnp.sum(x**2))
    search = optax.scale_by_backtracking_linesearch(max_backtracking_steps=10)
    value = lambda players: -game.evaluate(players)[0]

    def update(updates, state, params=None, *, grad, **_):
        return search.update(updates, state, params, value=value(params), grad=grad, value_fn=value)

    solver = optax.chain(optax.sgd(4.0), optax.GradientTransformationExtraArgs(search.init, update))
    (x,) = gs.solve(game, solver, (jnp.ones(2),), 20).players
    np.testing.assert_allclose(x, 0, atol=1e-2)
    for part in (optax.adam(0.1), optax.MultiSteps(optax.sgd(0.1), 2), optax.inject_hyperparams(optax.sgd)(0.1)):
        gs.solve(game, part, (jnp.ones(2),), 3)


@pytest.mark.parametrize("beta", [0.0, 0.5, -0.5, 0.5 + 0.5j, (0.5, -0.25), (0.5, 0.3j), jnp.float32(0.5)])
def test_heavy_ball(beta):
    part = transforms.heavy_ball(beta)
    betas = beta if isinstance(beta, tuple) else (beta, beta)
    tree = ({"a": jnp.zeros(2)}, jnp.float32(0.0))
    state, buffers = part.init(tree), np.zeros(2, complex)
    for u in np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32):
        buffers = np.array(betas) * buffers + u
        before = state
        answer, state = part.update(({"a": jnp.full(2, u[0])}, jnp.asarray(u[1])), state)
        chex.assert_trees_all_close(answer, ({"a": np.full(2, buffers[0].real)}, buffers[1].real), rtol=1e-5)
        chex.assert_trees_all_equal_shapes_and_dtypes(state, before)
        chex.assert_trees_all_equal_dtypes(answer, tree)
    kinds = [jnp.iscomplexobj(leaf) for leaf in jax.tree.leaves(state)]
    assert kinds == [isinstance(entry, complex) for entry in betas]


def test_heavy_ball_keeps_the_precision(x64):
    players = (jnp.float32(1.0), jnp.float32(1.0))
    state = gs.solve(gs.games.curl(), gs.simgd(0.1, 0.5j), players, 3).state
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype(jnp.complex64)}
    state = gs.simgd(0.1, 0.5j).init((1.0, 1.0))
    assert {leaf.dtype for leaf in jax.tree.leaves(state)} == {jnp.dtype(jnp.complex128)}


@pytest.mark.parametrize("beta", [0.9, -0.5])
def test_momentum_is_polyaks(beta, x64):
    """With a constant step z+ = z + E v + beta (z - z_prev), the first step plain."""
    game, eta = gs.games.icr_quadratic(), 0.01
    path = gs.solve(game, gs.simgd(eta, beta), game.start, 6, record=lambda players, _: jnp.stack(players)).trace
    z = [np.ones(2), np.ones(2)]
    for _ in range(6):
        z.append(z[-1] + eta * ravel(game.field(tuple(z[-1]))) + beta * (z[-1] - z[-2]))
    np.testing.assert_allclose(path, z[2:], rtol=1e-12)


@pytest.mark.parametrize("correction", [None, 0.2, (0.2, 0.0)])
@pytest.mark.parametrize("zero_start", [False, True])
def test_optimism(correction, zero_start, x64):
    rate = (0.5, 0.25)
    omega = np.array(rate) if correction is None else np.array(correction) * np.ones(2)
    part = transforms.optimism(rate, correction, zero_start)
    state = part.init((jnp.zeros(2), {"a": jnp.zeros(())}))
    drawn = np.random.default_rng(0).normal(size=(4, 2))
    previous = np.zeros(2) if zero_start else drawn[0]
    for u in drawn:
        move, state = part.update((jnp.full(2, u[0]), {"a": jnp.asarray(u[1])}), state)
        expected = -(np.array(rate) * u + omega * (u - previous))
        np.testing.assert_allclose(ravel(move), expected[[0, 0, 1]], rtol=1e-12)
        previous = u
    if zero_start and correction is None:
        doubled, _ = part.update((jnp.ones(2), {"a": jnp.ones(())}), part.init((jnp.zeros(2), {"a": jnp.zeros(())})))
        np.testing.assert_allclose(ravel(doubled), [-1.0, -1.0, -0.5])


def test_optimism_of_one_player():
    part = transforms.optimism(optax.linear_schedule(1.0, 0.0, 2), 0.5)
    u, state = {"a": jnp.ones(2)}, part.init({"a": jnp.zeros(2)})
    for scale in (1.0, 0.5, 0.0):
        move, state = part.update(u, state)
        np.testing.assert_allclose(move["a"], [-scale] * 2)
    solver = gs.per_player(transforms.optimism(0.1), transforms.optimism(0.2))
    game = gs.games.curl()
    chex.assert_trees_all_close(
        gs.solve(game, solver, game.start, 5).players, gs.solve(game, gs.ogda((0.1, 0.2)), game.start, 5).players
    )


def test_parts_compose_with_optax(x64):
    game, players, u, J, J_o, _ = dense("zero-sum")
    chain = optax.chain(transforms.consensus(0.3), optax.clip(0.1), optax.sgd(2.0))
    moved, _ = jax.jit(functools.partial(gs.step, game, chain))(players)
    expected = ravel(players) - 2.0 * np.clip(u - 0.3 * J.T @ u, -0.1, 0.1)
    np.testing.assert_allclose(ravel(moved), expected, rtol=1e-12)
    stacked = optax.chain(transforms.consensus(0.3), transforms.competitive(0.5), optax.sgd(1.0))
    moved, _ = jax.jit(functools.partial(gs.step, game, stacked))(players)
    eye = np.eye(len(u))
    expected = ravel(players) - np.linalg.solve(eye - 0.5 * J_o, u - 0.3 * J.T @ u)
    np.testing.assert_allclose(ravel(moved), expected, rtol=1e-9)


def test_the_sides_of_a_consensus():
    """J and its transpose differ in sign on xy: consensus pulls in, the other side pushes out."""
    moved, _ = gs.step(gs.games.curl(), gs.conopt(1.0, 1.0), (1.0, 0.0))
    assert [float(player) for player in moved] == [0.0, 1.0]


@pytest.mark.parametrize("dims", list(itertools.product((1, 3), repeat=2)))
def test_competitive_steps_with_players_of_any_size(dims, x64):
    for zero_sum in (True, False):
        coupling = np.random.default_rng(0).normal(size=dims)
        eye = [np.eye(dim) for dim in dims]
        game = gs.games.quadratic(eye[0], coupling, eye[1], None if zero_sum else np.cos(coupling).T)
        rates = (0.3, 0.7)
        J = np.asarray(gs.analysis.jacobian(game, game.start))
        E = np.diag(np.repeat(rates, dims))
        owner = np.repeat([0, 1], dims)
        z = ravel(game.start)
        expected = z + np.linalg.solve(np.eye(len(z)) - E @ (J * (owner[:, None] != owner)), E @ J @ z)
        moved, state = jax.jit(gs.step)(game, gs.cgd(rates), game.start)
        np.testing.assert_allclose(ravel(moved), expected, rtol=1e-10, atol=1e-12)
        assert optax.tree.get(state, "solution").shape == (min(dims),)
