"""Where formulas end: zero fields, boundaries, singular systems, one player, bad settings."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import linear, registry, transforms


def finite(tree):
    return all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("start", [(0.0, 0.0), (1.0, 1.0)])
def test_the_golden_ratio_stays_finite_at_its_limit(start):
    game = gs.zero_sum(lambda x, y: x**2 / 2 + x * y - y**2 / 2)
    solution = gs.solve(game, gs.golden_ratio(0.1), start, 5000)
    assert finite(solution)
    np.testing.assert_allclose(solution.players, 0, atol=1e-6)


def test_the_golden_ratio_of_a_constant_field_keeps_its_step():
    game = gs.general_sum(lambda x, y: x, lambda x, y: -y)
    x, y = gs.solve(game, gs.golden_ratio(0.5), (0.0, 0.0), 2).players
    assert float(x) == -float(y) > 0
    assert finite(gs.solve(game, gs.golden_ratio(0.5), (0.0, 0.0), 1000))


@pytest.mark.parametrize(
    ("solver", "game", "start"),
    [
        (gs.follow_the_ridge(0.1), gs.games.curl(), (1.0, 0.0)),
        (gs.stackelberg(0.1), gs.games.bilinear(np.ones((2, 2))), (jnp.zeros(2), jnp.zeros(2))),
        (gs.newton(), gs.games.bilinear(np.ones((2, 2))), (jnp.zeros(2), jnp.zeros(2))),
    ],
)
def test_singular_systems_never_reach_the_players(solver, game, start):
    solution = gs.solve(game, solver, start, 3)
    assert finite(solution)
    if all(not np.any(player) for player in start):  # nothing to solve is solved by zero
        assert all(not np.any(player) for player in solution.players)
        assert int(optax.tree.get(solution.state, "fallbacks")) == 0


def test_a_singular_system_with_something_to_solve_has_failed():
    state = gs.solve(gs.games.curl(), gs.stackelberg(0.1), (1.0, 0.0), 1).state
    assert int(optax.tree.get(state, "status")) == linear.Outcome.FAILED


@pytest.mark.parametrize("geometry", [transforms.box(0.0, 1.0), transforms.simplex_entropy()])
def test_mirror_descent_stays_finite_on_the_boundary(geometry):
    game = gs.games.matrix_game([[1.0, -1.0, 2.0], [-1.0, 1.0, 2.0], [3.0, 3.0, 5.0]])
    assert finite(gs.solve(game, gs.competitive_mirror_descent(0.5, geometry), game.start, 500).players)


def test_alignment_with_a_metric_is_alignment_in_other_coordinates():
    """On z = P^(1/2) s the metric P is the identity, and the sign must be the same."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        A, P = rng.normal(size=(2, 2)), np.exp(rng.normal(size=2))
        A[0, 0], A[1, 1] = rng.normal(size=2) / 4
        root = np.sqrt(P)
        with jax.enable_x64(True):
            blocks = lambda M: tuple(tuple(jnp.array([[M[i, j]]]) for j in (0, 1)) for i in (0, 1))
            game, other = (gs.games.polymatrix(blocks(M)) for M in (A, root[:, None] * A * root))
            start = rng.normal(size=2)
            metric = optax.stateless(lambda u, _, P=P: tuple(jnp.array([p]) for p in P))
            reached = []
            for one, z, part in (
                (game, root * start, transforms.symplectic(1.0, align=True, eps=0.0, metric=metric)),
                (other, start, transforms.symplectic(1.0, align=True, eps=0.0)),
            ):
                players = tuple(jnp.array([entry]) for entry in z)
                u = jax.tree.map(jnp.negative, one.field(players))
                reached.append(np.concatenate(part.update(u, part.init(players), players, game=one)[0]))
        np.testing.assert_allclose(reached[0], root * reached[1], rtol=1e-9)


FOR_TWO = ("stackelberg", "follow_the_ridge", "slingshot")


@pytest.mark.parametrize("name", [name for name in registry.SOLVERS if name not in FOR_TWO])
def test_one_player_alone_ascends_its_payoff(name):
    game = gs.general_sum(lambda x: -jnp.sum((x - 1) ** 2))
    start = (jnp.zeros(2),)
    (x,) = gs.solve(game, registry.SOLVERS[name].build(0.05), start, 5).players
    assert finite(x)
    if name not in ("crossing_the_curl",):
        assert bool(jnp.all(x > 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gs.golden_ratio(0.0), "learning_rate must be finite and above 0.0, got 0.0"),
        (lambda: gs.golden_ratio(0.1, ratio=3.0), "ratio must be finite and above 1.0 and at most 1.618, got 3.0"),
        (
            lambda: gs.golden_ratio(lambda count: 0.1),
            "learning_rate must be one number for all players, got a schedule",
        ),
        (
            lambda: gs.anchored_extragradient_varying((0.1, 0.2), 1.0),
            r"learning_rate must be one number for all players, got \(0.1, 0.2\)",
        ),
        (
            lambda: gs.anchored_extragradient_varying(2.0, 1.0),
            "learning_rate must be below 3 / .4 lipschitz. = 0.75, got 2.0",
        ),
        (lambda: gs.lookahead(gs.simgd(0.1), period=2.5, alpha=0.5), "period of lookahead must be an integer, got 2.5"),
        (
            lambda: gs.lookahead(gs.simgd(0.1), period=2, alpha=None),
            "alpha must be one number for all players, got None",
        ),
        (lambda: gs.proximal(0.1, iterations=2.0), "iterations of proximal must be an integer, got 2.0"),
        (lambda: gs.golden_ratio((0.1, 0.2)), r"learning_rate must be one number for all players, got \(0.1, 0.2\)"),
        (
            lambda: gs.anchored_extragradient_varying(lambda count: 0.1, 1.0),
            "learning_rate must be one number for all players, got a schedule",
        ),
        (lambda: gs.simgd(0.1, momentum=float("nan")), "momentum must be finite, got nan"),
        (
            lambda: gs.simgd(0.1, momentum=(0.1, None)),
            "momentum must be a number or a tuple with one number per player, got None",
        ),
        (
            lambda: gs.simgd(0.1, momentum=lambda count: 0.1),
            "momentum must be a number or a tuple with one number per player, got a schedule",
        ),
        (lambda: gs.altgd(0.1, momentum=(float("inf"), 0.1)), "momentum must be finite, got inf"),
        (lambda: gs.altgd((0.1, None)), "learning_rate must be a number, a schedule or a tuple .*, got None"),
        (lambda: gs.lead(0.1, alpha=0.1, beta=float("nan")), "beta must be finite, got nan"),
        (lambda: gs.lead(0.1, alpha=lambda count: 0.1, beta=0.0), "alpha must be a number .*, got a schedule"),
        (lambda: gs.runge_kutta(0.1, penalty=-1.0), "penalty must be finite and not negative, got -1.0"),
        (
            lambda: gs.runge_kutta(0.1, penalty=lambda count: 0.1),
            "penalty must be a number or a tuple .*, got a schedule",
        ),
        (lambda: gs.cgd(0.1, inner=linear.Inner(forcing=0.0)), "forcing must be finite and above 0.0, got 0.0"),
        (
            lambda: gs.cgd(0.1, inner=linear.Inner(forcing=lambda count: 0.1)),
            "forcing must be one number for all players, got a schedule",
        ),
        (
            lambda: transforms.competitive(0.1, transforms.rms_metric(), potentials=transforms.entropy()),
            "competitive takes a metric or potentials, got both",
        ),
        (lambda: transforms.box(1.0, 1.0), "low must be below high"),
        (lambda: gs.levenberg_marquardt(1.0, damping=-1.0), "damping must be finite and above 0.0, got -1.0"),
        (
            lambda: gs.solve(gs.games.curl(), gs.per_player(gs.altgd(0.1), gs.simgd(0.1)), (1.0, 1.0), 1),
            "before per_player",
        ),
    ],
)
def test_settings_that_make_no_sense_are_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


class Pair(NamedTuple):
    a: jax.Array
    b: jax.Array


def test_a_player_that_is_a_named_tuple_is_one_player():
    game = gs.zero_sum(lambda x, y: jnp.sum(x.a * y) + x.b**2)
    start = (Pair(jnp.ones(2), jnp.ones(())), jnp.ones(2))
    alone = gs.per_player(transforms.optimism(0.1), transforms.optimism(0.1))
    momentum = gs.per_player(gs.simgd(0.1, momentum=0.5), gs.simgd(0.1, momentum=0.5))
    for one, other in ((alone, gs.ogda(0.1)), (momentum, gs.simgd(0.1, momentum=0.5))):
        reached, expected = (gs.solve(game, solver, start, 3).players for solver in (one, other))
        assert isinstance(reached[0], Pair)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), reached, expected)


def test_a_dropped_correction_of_an_implicit_step_is_reported():
    """On v = 1 + max(z - 1/2, 0) the first Newton step ends at z = 1, where I - J is singular, also when rounded."""
    game = gs.general_sum(lambda x: x + jnp.maximum(x - 0.5, 0) ** 2 / 2)
    for iterations, status, residual in ((1, linear.Outcome.SOLVED, 0.0), (2, linear.Outcome.FAILED, 0.5)):
        solution = gs.solve(game, gs.proximal(1.0, iterations), (0.0,), 1)
        assert float(solution.players[0]) == 1.0
        assert int(optax.tree.get(solution.state, "status")) == status
        assert int(optax.tree.get(solution.state, "fallbacks")) == iterations - 1
        assert float(optax.tree.get(solution.state, "residual")) == pytest.approx(residual)


@pytest.mark.parametrize("name", ["zero-sum", "general-sum", "gmres"])
def test_small_payoffs_with_large_steps_are_the_same_game_in_float32(name):
    scale, size = 1e-8, 40 if name == "gmres" else 4
    blocks = jax.random.normal(jax.random.key(1), (4, size, size)) / 4

    def game(scale):
        own = scale * jnp.eye(size, dtype=jnp.float32) / 8
        B, D = scale * blocks[0], scale * blocks[1]
        return gs.games.quadratic(own, B, own, None if name == "zero-sum" else D)

    start = tuple(blocks[2:, 0])
    plain = gs.solve(game(1.0), gs.cgd(0.7), start, 5)
    tiny = gs.solve(game(scale), gs.cgd(0.7 / scale), start, 5)
    for a, b in zip(plain.players, tiny.players, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    for solution in (plain, tiny):
        assert int(optax.tree.get(solution.state, "status")) == linear.Outcome.SOLVED
        assert int(optax.tree.get(solution.state, "fallbacks")) == 0


def test_derivatives_through_an_adaptive_metric_with_a_field_entry_of_zero():
    game = gs.zero_sum(lambda x, y: jnp.sum(jnp.sin(x) * y))
    start = (jnp.array([0.3, 0.0]), jnp.array([0.5, 0.0]))
    reach = lambda z: jnp.sum(gs.solve(game, gs.acgd(0.1), (z, start[1]), 3).players[0] ** 2)
    slope = jax.grad(reach)(start[0])
    assert finite(slope)
    step = 1e-2
    difference = (reach(start[0].at[0].add(step)) - reach(start[0].at[0].add(-step))) / (2 * step)
    np.testing.assert_allclose(slope[0], difference, rtol=1e-2)
