"""Methods that coincide, and the mistakes of other implementations, each as a test named after what goes wrong."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import linear, registry, transforms

pytestmark = pytest.mark.usefixtures("x64")


def smooth(x, y):
    return jnp.sum(jnp.tanh(x) * y[:2]) + x[0] ** 2 * y[2] - 0.3 * jnp.sum(y**2) + jnp.cos(x[1]) * y[0]


def game_of(kind):
    """Return a game on (2, 3) parameters and a start."""
    game = {
        "zero-sum": lambda: gs.zero_sum(smooth),
        "general-sum": lambda: gs.general_sum(lambda x, y: -smooth(x, y) - jnp.sum(x**4), smooth),
        "bilinear": lambda: gs.games.bilinear(jax.random.normal(jax.random.key(3), (2, 3))),
    }[kind]()
    return game, (jnp.array([0.3, -0.5]), jnp.array([0.2, 0.1, -0.4]))


def assert_same(game, start, one, other, steps=20, rtol=1e-9):
    a, b = (np.concatenate(gs.solve(game, solver, start, steps).players) for solver in (one, other))
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)
    assert not np.allclose(a, np.concatenate(start))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("bilinear", gs.cgd(0.7), gs.proximal(0.7)),
        ("bilinear", gs.extragradient(0.3), gs.lcgd(0.3)),
        ("bilinear", gs.extragradient(0.3), gs.conopt(0.3, gamma=0.3)),
        ("bilinear", gs.extragradient(0.3), gs.sga(0.3, lam=0.3)),
        ("bilinear", gs.conopt(0.3, gamma=0.5), gs.jare(0.3, gamma=0.5)),
        ("bilinear", gs.lola(0.3, alpha=0.2), gs.conopt(0.3, gamma=0.4)),
        ("bilinear", gs.lead(0.3, alpha=0.3, beta=0.0), gs.ogda(0.3)),
        ("zero-sum", gs.opponent_lookahead(0.3), gs.lcgd(0.3)),
        ("general-sum", gs.simgd(0.1, momentum=0.0), gs.simgd(0.1)),
        ("general-sum", gs.simgd(0.1, momentum=0.4 + 0j), gs.simgd(0.1, momentum=0.4)),
        ("general-sum", gs.altgd(0.1, momentum=0.0), gs.altgd(0.1)),
        ("general-sum", gs.lookahead(gs.simgd(0.1), period=3, alpha=1.0), gs.simgd(0.1)),
        ("general-sum", gs.average(gs.simgd(0.1)), gs.simgd(0.1)),
        ("general-sum", gs.average(gs.simgd(0.1), decay=0.9), gs.simgd(0.1)),
        ("general-sum", transforms.extra(gs.simgd(0.1)), gs.extragradient(0.1)),
        ("general-sum", gs.extragradient_plus(0.1, extrapolation=0.3), gs.extragradient(0.1, extrapolation=0.3)),
        ("general-sum", gs.forward_backward_forward(0.1), gs.extragradient(0.1)),
        ("general-sum", gs.forward_reflected_backward(0.1), gs.ogda(0.1)),
        ("general-sum", gs.runge_kutta(0.1, order=1), gs.simgd(0.1)),
        (
            "general-sum",
            gs.mirror_prox(0.1, transforms.squared_distance(), extrapolation=0.3),
            gs.extragradient(0.1, extrapolation=0.3),
        ),
        ("general-sum", gs.competitive_mirror_descent(0.2, transforms.squared_distance()), gs.cgd(0.2)),
        ("zero-sum", gs.competitive_mirror_descent(0.2, transforms.squared_distance()), gs.cgd(0.2)),
    ],
)
def test_methods_that_coincide(kind, one, other):
    game, start = game_of(kind)
    assert_same(game, start, one, other)


@pytest.mark.parametrize("kind", ["zero-sum", "general-sum"])
def test_cgd_of_two_players_is_the_polymatrix_form(kind):
    game, start = game_of(kind)
    bystander = gs.general_sum(
        *(lambda x, y, _, payoff=payoff: payoff(x, y) for payoff in game.payoffs), lambda x, y, w: -(w**2)
    )
    two = gs.solve(game, gs.cgd(0.4), start, 10).players
    three = gs.solve(bystander, gs.cgd(0.4), (*start, jnp.array(0.0)), 10).players
    np.testing.assert_allclose(np.concatenate(two), np.concatenate(three[:2]), rtol=1e-10)


def unit_metric():
    return optax.stateless(lambda u, _: jax.tree.map(jnp.ones_like, u))


@pytest.mark.parametrize("kind", ["zero-sum", "general-sum"])
def test_the_identity_metric_changes_nothing(kind):
    game, start = game_of(kind)
    descend = transforms.descend(0.2)
    for plain, with_metric in (
        (transforms.competitive(0.2), transforms.competitive(0.2, unit_metric())),
        (transforms.consensus(0.5), transforms.consensus(0.5, metric=unit_metric())),
        (transforms.symplectic(0.5), transforms.symplectic(0.5, metric=unit_metric())),
        (transforms.proximal(0.2), transforms.proximal(0.2, metric=unit_metric())),
    ):
        assert_same(game, start, optax.chain(plain, descend), optax.chain(with_metric, descend))


@pytest.mark.parametrize("kind", ["zero-sum", "general-sum"])
def test_metrics_equal_their_dense_formulas(kind):
    """``P f(J P) u`` for each part f, with the diagonal P of an optax scaler."""
    game, start = game_of(kind)
    u = np.concatenate(jax.tree.map(jnp.negative, game.field(start)))
    J = np.asarray(gs.analysis.jacobian(game, start))
    scaler = optax.scale_by_rms(decay=0.5, eps=1e-3)
    field = game.field(start)
    P = np.concatenate(jax.tree.map(jnp.divide, scaler.update(field, scaler.init(start))[0], field))
    off, A, I = J.copy(), (J - J.T) / 2, np.eye(5)  # noqa: E741
    off[:2, :2] = off[2:, 2:] = 0
    metric = transforms.metric_of(scaler)
    for part, matrix in (
        (transforms.consensus(0.3, metric=metric), I - 0.3 * J.T @ np.diag(P)),
        (transforms.symplectic(0.3, metric=metric), I + 0.3 * A @ np.diag(P)),
        (transforms.competitive(0.1, metric), np.linalg.inv(I - 0.1 * off @ np.diag(P))),
        (transforms.proximal(0.1, metric=metric), np.linalg.inv(I - 0.1 * J @ np.diag(P))),
    ):
        step = jax.jit(lambda u, z, part=part: part.update(u, part.init(z), z, game=game)[0])
        reached = step(jax.tree.map(jnp.negative, field), start)
        np.testing.assert_allclose(np.concatenate(reached), P * (matrix @ u), rtol=1e-9)


def test_acgd_is_one_line_over_the_metric():
    game, start = game_of("zero-sum")
    line = optax.chain(transforms.competitive(0.1, transforms.rms_metric(0.99, 1e-5)), transforms.descend(0.1))
    assert_same(game, start, line, gs.acgd(0.1), rtol=0)


@pytest.mark.parametrize("scaler", [optax.scale_by_rms(), optax.scale_by_adam(b1=0.0), optax.scale_by_amsgrad(b1=0.0)])
def test_scalers_of_optax_are_metrics(scaler):
    game, start = game_of("zero-sum")
    solver = optax.chain(transforms.competitive(1e-2, transforms.metric_of(scaler)), transforms.descend(1e-2))
    solution = gs.solve(game, solver, start, 10)
    assert int(optax.tree.get(solution.state, "fallbacks")) == 0
    diagonal, _ = transforms.metric_of(scaler).update((jnp.array([0.0, 2.0]),), scaler.init((jnp.zeros(2),)))
    assert bool(jnp.all(diagonal[0] > 0))
    assert bool(jnp.all(jnp.isfinite(diagonal[0])))


def test_a_scaler_with_momentum_is_no_metric():
    with pytest.raises(ValueError, match="must not have momentum"):
        transforms.metric_of(optax.scale_by_adam())


# Traps, by what goes wrong.


@pytest.mark.parametrize("name", registry.SOLVERS)
def test_trap_sign_player_0_minimises_and_player_1_maximises(name):
    game = gs.zero_sum(lambda x, y: x**2 - y**2 + 0.1 * x * y)
    start = (1.0, 1.0)
    if name in ("crossing_the_curl", "hamiltonian", "anderson"):
        return
    x, y = gs.solve(game, registry.SOLVERS[name].build(0.05), start, 100).players
    assert abs(x) < 1
    assert abs(y) < 1


def test_trap_warm_start_of_cg_begins_with_the_residual():
    game, start = game_of("zero-sum")
    part = transforms.competitive(0.5)
    u = jax.tree.map(jnp.negative, game.field(start))
    update = jax.jit(lambda state: part.update(u, state, start, game=game))
    first, state = update(part.init(start))
    again, state = update(state)
    assert int(optax.tree.get(state, "iterations")) == 0
    np.testing.assert_allclose(np.concatenate(first), np.concatenate(again), rtol=1e-10)


def test_trap_jvp_is_no_vjp():
    game, start = game_of("general-sum")
    J = gs.analysis.jacobian(game, start)
    part = transforms.hamiltonian()
    u = jax.tree.map(jnp.negative, game.field(start))
    reached = np.concatenate(jax.jit(lambda u: part.update(u, part.init(start), start, game=game)[0])(u))
    np.testing.assert_allclose(reached, -J.T @ np.concatenate(u), rtol=1e-10)
    assert not np.allclose(reached, -J @ np.concatenate(u), rtol=1e-2)


def test_trap_consensus_gradient_has_the_half():
    game, start = game_of("general-sum")
    flat, unravel = jax.flatten_util.ravel_pytree(start)
    square = jax.jit(lambda z: sum(jnp.sum(v**2) for v in game.field(unravel(z))) / 2)
    slope = np.array([(square(flat + h) - square(flat - h)) / 2e-6 for h in 1e-6 * np.eye(5)])
    part = transforms.consensus(1.0)
    u = jax.tree.map(jnp.negative, game.field(start))
    better, _ = part.update(u, part.init(start), start, game=game)
    np.testing.assert_allclose(np.concatenate(better) - np.concatenate(u), slope, atol=1e-7)


def test_trap_optimism_stores_the_last_field_and_not_the_current_one():
    game, start = game_of("general-sum")
    by_hand, previous = start, game.field(start)
    for _ in range(3):
        v = game.field(by_hand)
        by_hand = jax.tree.map(lambda z, a, b: z + 0.1 * (2 * a - b), by_hand, v, previous)
        previous = v
    np.testing.assert_allclose(
        np.concatenate(gs.solve(game, gs.ogda(0.1), start, 3).players), np.concatenate(by_hand), rtol=1e-12
    )


def test_trap_extra_adam_counts_its_moments_once_an_iteration():
    game, start = game_of("zero-sum")
    state = gs.solve(game, gs.extra_adam(1e-2), start, 7).state
    assert int(optax.tree.get(state, "count")) == 7


def test_trap_averages_do_not_feed_back():
    game = gs.games.curl()
    path = gs.solve(game, gs.simgd(0.1), (1.0, 0.5), 20, record=lambda players, _: players).trace
    state = gs.solve(game, gs.average(gs.simgd(0.1)), (1.0, 0.5), 20).state
    for mean, steps, start in zip(optax.tree.get(state, "average"), path, (1.0, 0.5), strict=True):
        np.testing.assert_allclose(mean, (start + jnp.sum(steps)) / 21, rtol=1e-12)


def test_trap_lola_does_not_keep_the_fixed_points():
    """On the tandem game x + y settles at (1 - 2 alpha) / (1 - 4 alpha), where the field vanishes at 1."""
    game = gs.from_losses(lambda x, y: (x + y) ** 2 - 2 * x, lambda x, y: (x + y) ** 2 - 2 * y)
    for solver, total in (
        (gs.lola(0.1), 4 / 3),
        (gs.sos(0.1), 1),
        (gs.opponent_lookahead(0.1), 1),
        (gs.sga(0.1), 1),
        (gs.cgd(0.1), 1),
    ):
        x, y = gs.solve(game, solver, (0.3, -0.4), 3000).players
        assert float(x + y) == pytest.approx(total, abs=1e-9), solver


SHAPING = ("lola", "sos", "hola", "unrolled_lola", "meta_mapg", "pola", "stackelberg")


def test_trap_spectator_terms_reach_only_those_who_look_at_losses():
    losses = (lambda x, y, c: x * y + c * y**2), (lambda x, y, c: (y - x) ** 2)
    watched = [gs.from_losses(*losses, constants=(weight,)) for weight in (0.0, 3.0)]
    for name, entry in registry.SOLVERS.items():
        a, b = (gs.solve(game, entry.build(0.05), (0.5, 0.7), 3).players for game in watched)
        same = np.allclose(a, b, rtol=1e-12)
        assert same == (name not in SHAPING), name


def test_trap_forward_reflected_backward_reflects_forward():
    game = gs.games.curl()
    box = (lambda x: jnp.clip(x, -0.5, 2.0), None)
    solver = gs.forward_reflected_backward(0.3, projections=box)
    z, previous = np.array([1.0, 0.2]), np.array([-0.2, 1.0])
    for _ in range(10):
        v = np.array([-z[1], z[0]])
        z, previous = z + 0.3 * (2 * v - previous), v
        z[0] = np.clip(z[0], -0.5, 2.0)
    np.testing.assert_allclose(gs.solve(game, solver, (1.0, 0.2), 10).players, z, rtol=1e-12)


def test_trap_potential_games_make_the_competitive_system_singular():
    """Both players ascend x y: at unit steps I - J_o D is singular, and the explicit step stands in."""
    game = gs.general_sum(lambda x, y: x * y, lambda x, y: x * y)
    solution = gs.solve(game, gs.cgd(1.0), (1.0, 0.5), 1)
    np.testing.assert_allclose(solution.players, (1.5, 1.5))
    assert int(optax.tree.get(solution.state, "status")) == linear.Outcome.FAILED
    assert int(optax.tree.get(solution.state, "fallbacks")) == 1


def test_loose_solves_cost_fewer_iterations_and_still_converge():
    game = registry.GAMES["quadratic"].make()
    counts = {}
    for forcing in (None, 0.1):
        solver = optax.chain(transforms.competitive(5.0, inner=linear.Inner(forcing=forcing)), transforms.descend(0.5))
        solution = gs.solve(
            game, solver, game.start, 400, record=lambda _, state: optax.tree.get(state, "iterations"), tol=1e-9
        )
        assert solution.status == gs.Status.CONVERGED
        counts[forcing] = int(jnp.sum(solution.trace[: int(solution.steps)]))
    assert counts[0.1] < 0.9 * counts[None]


def test_the_penalty_of_runge_kutta_is_the_gradient_of_the_others_squared_gradients():
    game, start = game_of("general-sum")
    u = jax.tree.map(jnp.negative, game.field(start))
    weights = (0.3, 0.7)
    plain, paid = (transforms.runge_kutta(0.1, 2, penalty) for penalty in (None, weights))
    slopes = [part.update(u, part.init(start), start, game=game)[0] for part in (plain, paid)]
    for payer, other in ((0, 1), (1, 0)):
        cost = jax.grad(lambda *players, other=other: jnp.sum(game.field(players)[other] ** 2), payer)(*start)
        np.testing.assert_allclose(slopes[1][payer] - slopes[0][payer], weights[payer] * cost, rtol=1e-9)


MIRROR = functools.partial(gs.competitive_mirror_descent, potentials=transforms.squared_distance())
# One for each kind of solve; the others differ from them in what they solve for.
WITH_A_SOLVE = [gs.cgd, gs.proximal, gs.stackelberg]
MORE_WITH_A_SOLVE = [gs.acgd, gs.newton, gs.levenberg_marquardt, gs.lss, gs.follow_the_ridge, MIRROR]


@pytest.mark.parametrize(
    "make", [*WITH_A_SOLVE, *(pytest.param(make, marks=pytest.mark.full) for make in MORE_WITH_A_SOLVE)]
)
def test_forced_solves_are_loose_early_and_exact_near_the_equilibrium(make):
    game = gs.games.random_quadratic(jax.random.key(0), (70, 65), condition=3.0)
    (centre,) = game.equilibria
    step = jax.jit(lambda solver, players: gs.step(game, solver, players))
    near = jax.tree.map(lambda z: z + 1e-13, centre)
    residuals = {}
    for forcing in (None, 0.05):
        solver = make(0.5, inner=linear.Inner(forcing=forcing))
        residuals[forcing] = float(optax.tree.get(step(solver, game.start)[1], "residual"))
        reached, state = step(solver, near)
        assert int(optax.tree.get(state, "status")) == linear.Outcome.SOLVED
        residuals[forcing, "near"] = np.concatenate(reached)
    assert residuals[None] < 1e-11 < 1e-7 < residuals[0.05] <= linear.ACCEPTED_RESIDUAL
    np.testing.assert_array_equal(residuals[None, "near"], residuals[0.05, "near"])
