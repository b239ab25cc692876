"""Games of mixed strategies and constrained problems, against linear programming and closed forms."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games, transforms

pytestmark = pytest.mark.usefixtures("x64")


def step_size(game):
    return 0.9 / float(jnp.linalg.norm(game.constants[0], 2))


def gap_after(game, solver, steps):
    return float(games.duality_gap(game, gs.solve(game, solver, game.start, steps).players))


@pytest.mark.parametrize("make", [games.matching_pennies, games.rock_paper_scissors])
def test_small_games_reach_their_only_equilibrium(make):
    game, sets = make(), games.simplices(2)
    eta = step_size(game)
    for solver in (
        gs.extragradient(eta, projections=sets),
        gs.extragradient_plus(eta / 2, eta, projections=sets),
        gs.forward_backward_forward(eta, sets),
        gs.forward_reflected_backward(eta / 2, sets),
        gs.golden_ratio(eta, projections=sets),
    ):
        players = gs.solve(game, solver, game.start, 3000).players
        np.testing.assert_allclose(np.concatenate(players), np.concatenate(game.equilibria[0]), atol=1e-9)
        for player in players:
            assert float(jnp.sum(player)) == pytest.approx(1, abs=1e-12)
            assert bool(jnp.all(player >= 0))


@pytest.mark.parametrize(
    ("size", "steps"),
    [
        pytest.param((10, 10), 30_000, marks=pytest.mark.full),
        ((50, 50), 60_000),
        pytest.param((30, 50), 60_000, marks=pytest.mark.full),
    ],
)
def test_random_games_reach_a_duality_gap_of_one_in_a_million(size, steps):
    game = games.random_matrix_game(jax.random.key(0), size)
    solver = gs.extragradient(step_size(game), projections=games.simplices(2))
    assert 0 <= gap_after(game, solver, steps) < 1e-6
    assert gap_after(game, gs.simgd(1e-12), 1) > 0.01


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_nashpy(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nashpy = pytest.importorskip("nashpy")
    game = games.random_matrix_game(jax.random.key(seed), (4, 5))
    M = np.asarray(game.constants[0])
    equilibria = list(nashpy.Game(-M).vertex_enumeration())
    assert len(equilibria) == 1
    solver = gs.extragradient(step_size(game), projections=games.simplices(2))
    reached = gs.solve(game, solver, game.start, 30_000).players
    for mine, theirs in zip(reached, equilibria[0], strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-7)


def test_entropy_keeps_strategies_on_the_simplex_and_converges_when_optimistic():
    game = games.rock_paper_scissors()
    mirror = transforms.mirror(0.3, transforms.simplex_entropy())
    ahead = optax.chain(transforms.optimism(1.0), optax.scale(-1.0), mirror)
    players = gs.solve(game, ahead, game.start, 3000).players
    np.testing.assert_allclose(np.concatenate(players), 1 / 3, atol=1e-6)
    plain = gs.solve(game, mirror, game.start, 300).players
    assert all(float(jnp.sum(player)) == pytest.approx(1, abs=1e-9) for player in plain)
    assert float(games.duality_gap(game, plain)) > 0.1  # simultaneous multiplicative weights leave


@pytest.mark.parametrize("potential", [transforms.entropy(), transforms.box(0.0, 4.0)])
def test_competitive_mirror_descent_solves_the_local_game_in_dual_variables(potential):
    """One step against the dense formula ``primal(dual(z) + eta (I - J_o D)^-1 v)``, ``D = eta / Hessian``."""
    game = gs.zero_sum(lambda x, y: jnp.sum(x**2) + x @ (jnp.arange(6.0).reshape(2, 3) @ y) - jnp.sum(y**3))
    start, eta = (jnp.array([0.5, 1.5]), jnp.array([1.0, 0.3, 2.0])), 0.1
    J = np.array(gs.analysis.jacobian(game, start))
    J[:2, :2] = J[2:, 2:] = 0
    z, v = np.concatenate(start), np.concatenate(game.field(start))
    D = eta * np.concatenate([potential.metric(player) for player in start])
    hessian = jax.vmap(jax.grad(lambda t: potential.dual(t)))(jnp.asarray(z))
    np.testing.assert_allclose(eta / D, hessian, rtol=1e-10)
    direction = np.linalg.solve(np.eye(5) - J * D, v)
    expected = potential.primal(potential.dual(jnp.asarray(z)) + eta * direction)
    reached = gs.solve(game, gs.competitive_mirror_descent(eta, potential), start, 1).players
    np.testing.assert_allclose(np.concatenate(reached), expected, rtol=1e-9)


def shifted(game, number):
    """Return a matrix game whose payoffs are all larger by a number."""
    return games.matrix_game(*(matrix + number for matrix in game.constants))


@pytest.mark.parametrize("make", [games.matching_pennies, games.rock_paper_scissors])
def test_competitive_mirror_descent_on_the_simplex_does_not_see_constants(make):
    game = make()
    solver = gs.competitive_mirror_descent(0.5, transforms.simplex_entropy())
    assert not np.allclose(game.start[0], game.equilibria[0][0], atol=0.05)
    paths = [
        gs.solve(g, solver, game.start, 300, record=lambda players, _: players) for g in (game, shifted(game, 5.0))
    ]
    for plain, other in zip(*(path.trace for path in paths), strict=True):
        np.testing.assert_allclose(plain, other, atol=1e-9)
    reached = np.concatenate(gs.solve(shifted(game, 5.0), solver, game.start, 3000).players)
    np.testing.assert_allclose(reached, np.concatenate(game.equilibria[0]), atol=1e-6)


def test_competitive_mirror_descent_on_the_simplex_takes_the_metric_of_its_tangents(x64):
    """One step against the dense formula with the inverse Hessian ``diag(p) - p p^T``, of two players and of three."""
    A, B = jax.random.normal(jax.random.key(0), (2, 3, 4))
    p, q = jax.nn.softmax(jnp.arange(3.0)), jax.nn.softmax(jnp.cos(jnp.arange(4.0)))
    bystander = lambda payoff: lambda x, y, w: payoff(x, y) - w**2
    payoffs = {"zero-sum": (lambda x, y: -x @ A @ y, lambda x, y: x @ A @ y)}
    payoffs["general-sum"] = (lambda x, y: x @ B @ y - jnp.sum(x**3), payoffs["zero-sum"][1])
    v = {kind: np.concatenate([jax.grad(f, i)(p, q) for i, f in enumerate(pair)]) for kind, pair in payoffs.items()}
    G = jax.scipy.linalg.block_diag(*(jnp.diag(r) - jnp.outer(r, r) for r in (p, q)))
    for kind, couplings in {"zero-sum": (-A, A), "general-sum": (B, A)}.items():
        J = np.zeros((7, 7))
        J[:3, 3:], J[3:, :3] = couplings[0], couplings[1].T
        dual = jnp.log(np.concatenate((p, q))) + 0.4 * np.linalg.solve(np.eye(7) - 0.4 * J @ G, v[kind])
        expected = np.concatenate([jax.nn.softmax(dual[:3]), jax.nn.softmax(dual[3:])])
        two = gs.zero_sum(payoffs[kind][1]) if kind == "zero-sum" else gs.general_sum(*payoffs[kind])
        three = gs.general_sum(*map(bystander, payoffs[kind]), lambda x, y, w: -(w**2))
        geometry = transforms.simplex_entropy()
        step = jax.jit(lambda game, solver, players: gs.step(game, solver, players)[0])
        reached = step(two, gs.competitive_mirror_descent(0.4, geometry), (p, q))
        np.testing.assert_allclose(np.concatenate(reached), expected, rtol=1e-9)
        mixed = (geometry, geometry, transforms.squared_distance())
        reached = step(three, gs.competitive_mirror_descent(0.4, mixed), (p, q, jnp.array(0.0)))
        np.testing.assert_allclose(np.concatenate(reached[:2]), expected, rtol=1e-9)


def test_mirror_geometries_stay_inside():
    game = games.matching_pennies()
    box = (transforms.box(0.0, 1.0), transforms.box(0.0, 1.0))
    players = gs.solve(game, gs.competitive_mirror_descent(5.0, box), game.start, 200).players
    for player in players:
        assert bool(jnp.all((player > 0) & (player < 1)))


def test_general_matrix_games_are_bilinear_in_both_payoffs():
    A, B = jnp.array([[3.0, 0.0], [5.0, 1.0]]), jnp.array([[3.0, 5.0], [0.0, 1.0]])  # prisoners: row 1 dominates
    game = games.matrix_game(A, B)
    assert not game.is_zero_sum
    x, y = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
    np.testing.assert_allclose(game.evaluate((x, y)), (x @ A @ y, x @ B @ y))
    solver = optax.chain(gs.simgd(0.1), transforms.project(games.simplices(2)))
    players = gs.solve(game, solver, game.start, 200).players
    np.testing.assert_allclose(np.concatenate(players), [0, 1, 0, 1], atol=1e-12)


def test_duality_gap_is_zero_at_equilibria_only():
    game = games.matching_pennies()
    assert float(games.duality_gap(game, game.equilibria[0])) == 0
    assert float(games.duality_gap(game, (jnp.array([1.0, 0.0]), jnp.array([0.5, 0.5])))) == 1
    with pytest.raises(ValueError, match="made by matrix_game"):
        games.duality_gap(games.curl(), (0.0, 0.0))


def test_lagrangian_with_equality_and_inequality():
    """Minimise |x - a|^2 over x_1 + x_2 + x_3 = 1, x_1 <= 0.2: solved by hand with multipliers."""
    a = jnp.array([0.8, 0.4, 0.1])
    problem = {"equality": lambda x, a: jnp.sum(x) - 1, "inequality": lambda x, a: x[0] - 0.2}
    game = games.lagrangian(lambda x, a: jnp.sum((x - a) ** 2), **problem, constants=(a,))
    start = (jnp.zeros(3), games.multipliers(jnp.zeros(3), **problem, constants=(a,)))
    solver = gs.extragradient(0.2, projections=(None, games.multiplier_projection))
    x, variables = gs.solve(game, solver, start, 3000).players
    np.testing.assert_allclose(x, [0.2, 0.55, 0.25], atol=1e-9)
    assert float(variables["equality"]) == pytest.approx(-0.3, abs=1e-9)
    assert float(variables["inequality"]) == pytest.approx(1.5, abs=1e-9)
    slack = {"inequality": lambda x: x[0] - 5.0}
    game = games.lagrangian(lambda x: jnp.sum(x**2), **slack)
    x, variables = gs.solve(game, solver, (jnp.ones(2), games.multipliers(jnp.ones(2), **slack)), 1000).players
    np.testing.assert_allclose(x, 0, atol=1e-9)
    assert float(variables["inequality"]) == 0
    with pytest.raises(ValueError, match="needs a constraint"):
        games.lagrangian(lambda x: x)


def test_projections_are_checked():
    solver = gs.extragradient(0.1, projections=(None,))
    with pytest.raises(ValueError, match="projections must have one entry per player, got 1 for 2 players"):
        gs.solve(games.curl(), solver, (1.0, 1.0), 1)
    with pytest.raises(ValueError, match=r"payoffs must .* got \(2,\)"):
        games.matrix_game([1.0, 2.0])
    with pytest.raises(ValueError, match=r"column_payoffs must have the shape of payoffs, \(2, 2\), got \(3, 3\)"):
        games.matrix_game(np.eye(2), np.eye(3))


def test_matrix_games_share_a_program():
    keys = jax.random.split(jax.random.key(0), 4)
    stack = jax.vmap(lambda key: games.random_matrix_game(key, (3, 3)))(keys)
    solver = gs.extragradient(0.1, projections=games.simplices(2))
    together = jax.vmap(lambda game: gs.solve(game, solver, game.start, 50).players)(stack)
    one = jax.tree.map(lambda leaf: leaf[2], stack)
    alone = gs.solve(dataclasses.replace(one), solver, one.start, 50).players
    np.testing.assert_allclose(together[0][2], alone[0], rtol=1e-12)
