"""Critical and best step sizes, and timescale ratios, against closed forms and published figures."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")

ORIGIN = (0.0, 0.0)


def third(gamma):
    return 2 * gamma / (1 + gamma**2)


@pytest.mark.parametrize(
    ("make", "threshold"),
    [
        (gs.extragradient, 1.0),
        (gs.ogda, 1 / np.sqrt(3)),
        (gs.past_extragradient, 1 / np.sqrt(3)),
        (lambda u: gs.extragradient(u, extrapolation=0.5), 2 * 0.5 / (1 + 0.25)),
        (lambda u: gs.conopt(u, gamma=1.0), 1.0),
        (lambda u: gs.conopt(u, gamma=0.25), third(0.25)),
        (lambda u: gs.sga(u, lam=0.25), third(0.25)),
        (lambda u: gs.jare(u, gamma=0.25), third(0.25)),
        (lambda u: gs.opponent_lookahead(u, alpha=0.25), third(0.25)),
        (lambda u: gs.lola(u, alpha=0.25), third(0.5)),
        (gs.lcgd, 1.0),
        (gs.altgd, 2.0),
        (lambda u: gs.altgd(u, momentum=-0.25), 1.5),
        (gs.hamiltonian, 2.0),
        (lambda u: gs.lead(u, alpha=0.3, beta=-0.2), 2 * 0.3 * (1 - 0.04 - 0.09) / (0.09 + 0.64)),
        (lambda u: gs.runge_kutta(u, order=4), np.sqrt(8)),
        (gs.cgd, 10.0),
        (gs.proximal, 10.0),
    ],
)
def test_critical_steps_on_the_bilinear_game_are_those_of_theory(make, threshold):
    assert gs.analysis.critical_step(gs.games.bilinear(1.0), make, ORIGIN) == pytest.approx(threshold, rel=1e-6)


def test_critical_steps_of_other_quadratics():
    icr = gs.games.icr_quadratic()
    slower = gs.analysis.critical_step(icr, lambda eta: gs.simgd((0.09, eta)), ORIGIN)
    assert slower == pytest.approx(0.09 / (1 + 48 * 0.09), rel=1e-6)
    with pytest.warns(UserWarning, match="no step size in .* is stable"):
        assert gs.analysis.critical_step(icr, gs.simgd, ORIGIN) == 0
    opposed = gs.zero_sum(lambda x, y: 2.0 * (x**2 - y**2))
    assert gs.analysis.critical_step(opposed, gs.cgd, ORIGIN, upper=3.0) == pytest.approx(0.5, rel=1e-6)
    # Twice a singular value halves the step, plain optax transformations included.
    wide = gs.games.bilinear(jnp.diag(jnp.array([1.0, 4.0])))
    assert gs.analysis.critical_step(wide, gs.extragradient, wide.equilibria[0]) == pytest.approx(0.25, rel=1e-6)
    convex = gs.zero_sum(lambda x, y: (x**2 - y**2) / 2)
    assert gs.analysis.critical_step(convex, lambda eta: optax.sgd(eta), ORIGIN) == pytest.approx(2, rel=1e-6)


def test_a_critical_step_after_an_unstable_beginning():
    """Where J has eigenvalues e +- i, extragradient is stable once eta > 2 e / ..., and again not beyond."""
    growth = 0.1
    game = gs.general_sum(lambda x, y: growth * x**2 / 2 - x * y, lambda x, y: growth * y**2 / 2 + x * y)
    square = lambda u: abs(1 + u * (growth + 1j) + u**2 * (growth + 1j) ** 2)
    found = gs.analysis.critical_step(game, gs.extragradient, ORIGIN)
    assert square(0.01) > 1 > square(found - 1e-5)
    assert square(found) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("make", [gs.simgd, lambda u: gs.simgd(u, momentum=-0.5)])
def test_a_solver_that_no_step_size_makes_stable_is_reported(make):
    for size in (1, 15):
        game = gs.games.bilinear(jnp.diag(jnp.linspace(0.5, 2.0, size)))
        with pytest.warns(UserWarning, match="no step size in .* is stable"):
            assert gs.analysis.critical_step(game, make, game.equilibria[0]) == 0
        with pytest.warns(UserWarning, match="no step size in .* is stable"):
            assert gs.analysis.best_step(game, make, game.equilibria[0]).rate > 1


def test_critical_step_of_a_solver_that_only_large_steps_make_stable():
    growth = 0.1
    game = gs.general_sum(lambda x, y: growth * x**2 / 2 - x * y, lambda x, y: growth * y**2 / 2 + x * y)
    assert gs.analysis.critical_step(game, gs.extragradient, ORIGIN, upper=0.5) == 0.5


warmup = optax.scale_by_schedule(lambda count: jnp.minimum(count / 100, 1.0))


@pytest.mark.parametrize(
    ("make", "threshold"),
    [
        (lambda eta: optax.chain(gs.simgd(eta), warmup), 1.0),
        (lambda eta: gs.simgd(optax.linear_schedule(0.0, eta, 100)), 1.0),
        (lambda eta: optax.MultiSteps(optax.sgd(eta), 2).gradient_transformation(), 1.0),
        (lambda eta: optax.chain(gs.simgd(eta), optax.apply_every(2)), 0.5),
    ],
)
def test_solvers_that_close_over_their_step_have_the_steps_of_their_end(make, threshold):
    game = gs.zero_sum(lambda x, y: x * y + (x**2 - y**2) / 2)
    assert gs.analysis.critical_step(game, make, ORIGIN) == pytest.approx(threshold, rel=1e-6)
    if threshold == 1.0:
        best = gs.analysis.best_step(game, make, ORIGIN, upper=1.0)
        assert best.step == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("size", [5, 20])
def test_critical_steps_that_single_precision_can_decide(size):
    origin = (jnp.zeros(size, jnp.float32),) * 2
    damped = gs.zero_sum(lambda x, y: x @ y + 0.02 * (x @ x - y @ y))
    exact = 2 * 0.04 / (1 + 0.04**2)
    assert gs.analysis.critical_step(damped, gs.simgd, origin, upper=1.0) == pytest.approx(exact, rel=0.03)
    with pytest.warns(UserWarning, match="is stable, and none below is clearly stable"):
        assert gs.analysis.critical_step(gs.zero_sum(lambda x, y: x @ y), gs.simgd, origin, upper=1.0) == 0


def test_critical_step_says_where_there_is_no_rate():
    with pytest.raises(ValueError, match="not differentiable at these players"):
        gs.analysis.critical_step(gs.games.curl(), gs.acgd, ORIGIN)
    with pytest.raises(ValueError, match="upper must be finite and positive, got -1"):
        gs.analysis.critical_step(gs.games.curl(), gs.simgd, ORIGIN, upper=-1)


@pytest.mark.parametrize(
    ("make", "step", "least"), [(gs.extragradient, np.sqrt(0.5), np.sqrt(0.75)), (gs.ogda, 0.5, np.sqrt(0.5))]
)
def test_best_steps_are_those_of_theory(make, step, least):
    best = gs.analysis.best_step(gs.games.bilinear(2.0), make, ORIGIN)
    assert best.step == pytest.approx(step / 2, abs=1e-6)
    assert best.rate == pytest.approx(least, abs=1e-6)


def test_best_step_and_momentum_together():
    """Heavy ball on a quadratic with curvatures 1 and 9: Polyak's ((r-1)/(r+1))^2 with r = 3, and his step."""
    game = gs.zero_sum(lambda x, y: (x**2 - 9 * y**2) / 2)
    make = lambda eta, beta: gs.simgd(eta, momentum=beta)
    best = gs.analysis.best_step(game, make, ORIGIN, upper=1.0, ranges=[(-0.5, 0.9)])
    assert best.rate == pytest.approx(0.5, abs=1e-3)
    assert best.others[0] == pytest.approx(0.25, abs=2e-3)
    assert best.step == pytest.approx(4 / 16, abs=2e-3)
    with pytest.raises(ValueError, match="lowest, highest"):
        gs.analysis.best_step(game, make, ORIGIN, ranges=[(0.9, 0.9)])


def test_published_timescale_ratios():
    game = gs.zero_sum(lambda x, y: -0.15 * jnp.cos(x) + jnp.cos(x - y) + 0.15 * jnp.cos(y))
    assert gs.analysis.timescale_ratio(game, ORIGIN) == pytest.approx(0.7391, abs=5e-5)
    assert gs.analysis.timescale_ratio(game, (np.pi, np.pi)) == pytest.approx(1.3529, abs=5e-5)


def test_timescale_ratios_at_both_ends():
    stable = gs.zero_sum(lambda x, y: x**2 + x * y - y**2)
    assert gs.analysis.timescale_ratio(stable, ORIGIN) == 0
    assert gs.analysis.timescale_ratio(gs.games.curl(), ORIGIN) == np.inf
    # x^2 + 10 x y + y^2: the leader must be the faster one, and whoever leads sees the other's ratio.
    icr = gs.games.icr_quadratic()
    assert gs.analysis.timescale_ratio(icr, ORIGIN, leader=1) == pytest.approx(1, rel=1e-6)
    with pytest.raises(ValueError, match="leader must be one of the players 0 to 1, got 2"):
        gs.analysis.timescale_ratio(icr, ORIGIN, leader=2)
