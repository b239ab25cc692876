"""Certified rates against closed forms, published worst cases and games that are played."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import analysis

pytestmark = pytest.mark.usefixtures("x64")

CLASS = {"mu": 0.1, "L": 1.0}
ORIGIN = (0.0, 0.0)
# The linear game is worst, up to a small gap.
TIGHT = {
    "simgd": gs.simgd(0.1),
    "negative momentum": gs.simgd(0.05, momentum=-0.2),
    "complex momentum": gs.simgd(0.05, momentum=0.1 + 0.1j),
    "sgd": optax.sgd(0.05, momentum=0.1),
    "nesterov": optax.sgd(0.05, momentum=0.1, nesterov=True),
    "chain": optax.chain(optax.trace(0.1), optax.scale(-0.05)),
    "injected": optax.inject_hyperparams(optax.sgd)(0.1),
    "constant schedule": gs.simgd(optax.constant_schedule(0.1)),
    "extragradient": gs.extragradient(0.5),
    "extragradient of two rates": gs.extragradient((0.5, 0.3)),
    "extragradient_plus": gs.extragradient_plus(0.25, extrapolation=0.5),
    "extra": gs.transforms.extra(optax.sgd(0.5)),
    "forward_backward_forward": gs.forward_backward_forward(0.5),
    "ogda": gs.ogda(0.3),
    "ogda of two rates": gs.ogda((0.3, 0.2)),
    "past_extragradient": gs.past_extragradient(0.3),
    "forward_reflected_backward": gs.forward_reflected_backward(0.3),
    "runge_kutta": gs.runge_kutta(0.5),
    "heun": gs.runge_kutta(0.5, order=2),
    "average": gs.average(gs.extragradient(0.5)),
    "float32 momentum": optax.chain(optax.trace(0.1, accumulator_dtype=jnp.float32), optax.scale(-0.05)),
    "exact_proximal": analysis.exact_proximal(1.0),
}


def of_simgd(eta, mu=0.1, L=1.0):
    return np.sqrt(1 - 2 * mu * eta + L**2 * eta**2)


@pytest.mark.filterwarnings("ignore:the step of average")  # of its weights, which no player depends on
@pytest.mark.parametrize("name", TIGHT)
def test_the_certificate_meets_the_worst_linear_game(name):
    worst = analysis.certify(TIGHT[name], **CLASS)
    assert worst.lower <= worst.rate <= worst.lower + 1e-3
    assert worst.margin > 0
    assert min(map(np.min, worst.multipliers)) >= 0
    F = -np.asarray(analysis.jacobian(worst.game, ORIGIN))
    assert np.linalg.eigvalsh((F + F.T) / 2)[0] >= 0.1 - 1e-6
    assert np.linalg.norm(F, 2) <= 1 + 1e-6
    if name != "exact_proximal":  # it has no step in a run
        assert analysis.rate(worst.game, TIGHT[name], ORIGIN) == pytest.approx(worst.lower, abs=1e-6)


@pytest.mark.parametrize(("eta", "mu", "L"), [(0.1, 0.1, 1.0), (0.05, 0.5, 3.0), (1e-3, 5.0, 20.0), (2e6, 1e-7, 3e-7)])
def test_simgd_has_its_known_rate(eta, mu, L):
    assert analysis.certify(gs.simgd(eta), mu=mu, L=L).rate == pytest.approx(of_simgd(eta, mu, L), abs=2e-6)


def test_cocoercive_fields_have_the_known_rate_of_simgd():
    worst = analysis.certify(gs.simgd(0.5), mu=0.1, L=1.0, cocoercivity=1.0)
    assert worst.rate == pytest.approx(np.sqrt(1 - 2 * 0.1 * 0.5 + 0.5**2 * 0.1), abs=2e-6)
    assert worst.lower == pytest.approx(worst.rate, abs=2e-6)


def test_the_exact_proximal_method_has_its_known_rate():
    assert analysis.certify(analysis.exact_proximal(2.0), **CLASS).rate == pytest.approx(1 / 1.2, abs=2e-6)


@pytest.mark.parametrize("solver", [gs.simgd((0.1, 0.05)), gs.per_player(optax.sgd(0.1), optax.sgd(0.05))])
def test_unequal_steps_are_bounded_by_the_slower_player(solver):
    assert analysis.certify(solver, **CLASS).rate == pytest.approx(of_simgd(0.05), abs=1e-5)


@pytest.mark.parametrize("solver", [gs.altgd(0.1), gs.altgd(0.1, order=(1, 0)), gs.alex_gda(0.1)])
def test_players_that_move_in_turn_are_certified(solver):
    worst = analysis.certify(solver, **CLASS)
    assert worst.lower < worst.rate < 1


def test_a_longer_horizon_proves_a_smaller_rate():
    rates = [analysis.certify(gs.extragradient(0.5), **CLASS, horizon=horizon).rate for horizon in (1, 2, 3)]
    assert rates[0] > rates[1] > rates[2] >= analysis.certify(gs.extragradient(0.5), **CLASS).lower


@pytest.mark.parametrize(
    "make", [gs.extragradient, gs.forward_backward_forward, gs.forward_reflected_backward, gs.past_extragradient]
)
def test_sets_are_certified(make):
    free, on_sets = (analysis.certify(make(0.3, projections=sets), **CLASS) for sets in (None, analysis.any_set))
    assert free.lower == pytest.approx(on_sets.lower, abs=1e-6)  # the set may be the whole space
    assert free.rate - 1e-5 <= on_sets.rate < 1


def test_a_set_for_one_player_only_is_certified():
    one, both = (
        analysis.certify(gs.extragradient(0.3, projections=sets), **CLASS)
        for sets in ((analysis.any_set, None), analysis.any_set)
    )
    assert one.rate <= both.rate + 1e-5


def test_divergence_is_bounded_as_well():
    assert analysis.certify(gs.simgd(1.0), **CLASS).rate == pytest.approx(of_simgd(1.0), abs=2e-6)


def test_a_rate_is_proved_or_refused():
    worst = analysis.certify(gs.extragradient(0.5), **CLASS, rate=0.96)
    assert worst.rate == 0.96
    assert worst.margin > 0
    with pytest.raises(ValueError, match=r"rate must be at least 0\.95268.*got 0\.94\. .* rate 0\.9525"):
        analysis.certify(gs.extragradient(0.5), **CLASS, rate=0.94)
    # Above the linear game, but below all that can be proved.
    with pytest.raises(ValueError, match=r"rate must be at least 0\.95268"):
        analysis.certify(gs.extragradient(0.5), **CLASS, rate=0.9526)


@pytest.mark.parametrize("package", ["cvxpy", "clarabel"])
def test_the_missing_extra_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"analysis.certify needs cvxpy and clarabel.*\[certify\]"):
        analysis.certify(gs.simgd(0.1), **CLASS)


@pytest.mark.parametrize("solver", [gs.extragradient(0.1, projections=analysis.any_set), analysis.exact_proximal(1.0)])
def test_stand_ins_are_refused_in_a_run(solver):
    with pytest.raises(ValueError, match=r"must be inside analysis.certify or analysis.worst_case_residual, got a run"):
        gs.solve(gs.games.curl(), solver, (1.0, 1.0), 2)


def random_fields(number, mu, L, dims=(2, 3)):
    """Return random matrices of the class, with symmetric blocks of each player's own."""
    random, n = np.random.default_rng(0), sum(dims)
    own = np.equal.outer(*(np.repeat((0, 1), dims),) * 2)
    scale = random.uniform(0, 1, (number, 1, 1))
    full = random.standard_normal((number, n, n))
    between = np.where(random.integers(2, size=(number, 1, 1)), full, full - full.mT)  # general or zero-sum
    full = np.where(own, scale * (full + full.mT), (1 - scale) * between)
    full = full - np.linalg.eigvalsh((full + full.mT) / 2)[:, :1, None] * np.eye(n)
    low, high = np.zeros(number), np.full(number, 1e3)
    for _ in range(60):
        middle = (low + high) / 2
        inside = np.linalg.norm(mu * np.eye(n) + middle[:, None, None] * full, 2, axis=(1, 2)) <= L
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return mu * np.eye(n) + low[:, None, None] * full


def quadratic_game(F):
    return gs.games.quadratic(F[:2, :2], F[:2, 2:], F[2:, 2:], F[2:, :2])


@pytest.mark.parametrize("number", [100, pytest.param(10_000, marks=pytest.mark.full)])
@pytest.mark.parametrize(
    "solver",
    [
        gs.simgd(0.1),
        gs.simgd(0.05, momentum=-0.2),
        gs.extragradient((0.5, 0.3)),
        gs.ogda(0.3),
        gs.runge_kutta(0.5),
        gs.altgd((0.3, 0.1)),
        gs.alex_gda(0.1),
    ],
    ids=["simgd", "momentum", "extragradient", "ogda", "runge_kutta", "altgd", "alex_gda"],
)
def test_no_random_game_is_slower(solver, number):
    worst = analysis.certify(solver, **CLASS)
    start = (jnp.ones(2), jnp.ones(3))
    rates = jax.lax.map(
        lambda F: analysis.rate(quadratic_game(F), solver, jax.tree.map(jnp.zeros_like, start)),
        jnp.asarray(random_fields(number, **CLASS)),
    )
    assert 0.5 < np.max(rates) <= worst.rate


def bent_game(F):
    """Return a game whose loss field is ``F z`` and a monotone bounded term with slopes up to 1/2."""
    bend = lambda z: jnp.sum(jnp.sqrt(1 + z * z)) / 2
    first = lambda x, y, F: x @ (F[:2, :2] @ x / 2 + F[:2, 2:] @ y) + bend(x)
    second = lambda x, y, F: y @ (F[2:, 2:] @ y / 2 + F[2:, :2] @ x) + bend(y)
    return gs.from_losses(first, second, constants=(F,))


def test_no_random_curved_game_is_slower():
    worst = analysis.certify(gs.simgd(0.1), **CLASS)
    game = bent_game(jnp.asarray(random_fields(200, mu=0.1, L=0.5)))
    start = jax.random.normal(jax.random.key(0), (200, 5))
    players = (start[:, :2], start[:, 2:])
    record = lambda players, state: jnp.hypot(*map(jnp.linalg.norm, players))
    run = lambda game, players: gs.solve(game, gs.simgd(0.1), players, 100, record=record).trace
    lengths = jax.vmap(run)(game, players)
    before = jnp.concatenate([jnp.linalg.norm(start, axis=1)[:, None], lengths[:, :-1]], axis=1)
    assert 0.9 < jnp.max(lengths / before) <= worst.rate


@pytest.mark.parametrize("make", [gs.extragradient, gs.forward_reflected_backward])
def test_no_random_game_on_boxes_is_slower(make):
    worst = analysis.certify(make(0.5, projections=analysis.any_set), **CLASS)
    F = jnp.asarray(random_fields(50, **CLASS))
    terms = jax.random.normal(jax.random.key(0), (50, 5))
    start = (jnp.full(2, 0.5), jnp.full(3, 0.5))
    solver = make(0.5, projections=lambda z: jnp.clip(z, 0, 1))

    def distances(F, terms):
        game = gs.games.quadratic(F[:2, :2], F[:2, 2:], F[2:, 2:], F[2:, :2], terms[:2], terms[2:])
        trace = gs.solve(game, solver, start, 1500, record=lambda z, _: jnp.concatenate(z), every=10).trace
        return jnp.linalg.norm(trace - trace[-1], axis=1), jnp.sum((trace[-1] > 0) & (trace[-1] < 1))

    lengths, inside = jax.vmap(distances)(F, terms)
    assert set(np.unique(inside)) & {1, 2, 3, 4}  # some coordinates are on the boundary, some are not
    factors = (lengths[:, 20] / lengths[:, 2]) ** (1 / 180)
    assert jnp.all((lengths[:, 20] < 1e-12) | (factors <= worst.rate))


def test_the_best_certified_step_of_simgd_is_known():
    best = analysis.best_certified_step(gs.simgd, mu=0.5, L=2.0)
    assert best.step == pytest.approx(0.5 / 4, abs=5e-3)
    assert best.rate == pytest.approx(np.sqrt(1 - 0.25**2), abs=1e-4)


@pytest.mark.parametrize("upper", [1e3, 1e7])
def test_the_best_certified_step_does_not_depend_on_the_range(upper):
    best = analysis.best_certified_step(gs.simgd, **CLASS, upper=upper)
    assert best.step == pytest.approx(0.1, rel=5e-3)
    assert best.rate == pytest.approx(np.sqrt(0.99), abs=1e-5)


def test_a_search_without_a_convergent_step_is_refused():
    with pytest.raises(
        ValueError, match=r"make_solver must have a step size up to 2 with a certified rate below 1, got 1"
    ):
        analysis.best_certified_step(gs.simgd, mu=1e-3, L=1.0)


def test_the_best_certified_step_is_inside_of_the_range():
    with pytest.raises(ValueError, match="upper must be finite and above 0"):
        analysis.best_certified_step(gs.simgd, **CLASS, upper=-1.0)
    best = analysis.best_certified_step(gs.extragradient, mu=0.1, L=1.0, upper=0.2)
    assert 0.19 < best.step <= 0.2
