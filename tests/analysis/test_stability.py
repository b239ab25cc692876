"""Rates of solvers against closed forms: step maps with their memory, over whole periods, and without a matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry
from gamesolve.analysis import flat_step
from gamesolve.solver import as_solver

pytestmark = pytest.mark.usefixtures("x64")

ORIGIN = (0.0, 0.0)


def radius(solver, scale=1.0):
    return float(gs.analysis.rate(gs.games.bilinear(scale), solver, ORIGIN))


# Not at u = 1/2, where the optimistic map is defective and eigenvalues have half the digits.
@pytest.mark.parametrize("u", [0.1, 0.45, 0.9, 1.3])
def test_rates_on_the_bilinear_game_are_those_of_theory(u):
    sigma = 2.0
    eta = u / sigma
    assert radius(gs.simgd(eta), sigma) == pytest.approx(np.sqrt(1 + u**2), abs=1e-12)
    assert radius(gs.simgd((2 * eta, eta / 2)), sigma) == pytest.approx(np.sqrt(1 + u**2), abs=1e-12)
    assert radius(gs.altgd(eta), sigma) == pytest.approx(1, abs=1e-12)
    assert radius(gs.extragradient(eta), sigma) == pytest.approx(np.sqrt(1 - u**2 + u**4), abs=1e-12)
    assert radius(gs.cgd(eta), sigma) == pytest.approx(1 / np.sqrt(1 + u**2), abs=1e-12)
    assert radius(gs.cgd((3 * eta, eta / 3)), sigma) == pytest.approx(1 / np.sqrt(1 + u**2), abs=1e-12)
    gamma = 0.3
    consensus = abs(1 - eta * (1j * sigma + gamma * sigma**2))
    assert radius(gs.conopt(eta, gamma=gamma), sigma) == pytest.approx(consensus, abs=1e-12)
    optimistic = np.max(np.abs(np.roots([1, -(1 - 2j * u), -1j * u])))
    assert radius(gs.ogda(eta), sigma) == pytest.approx(optimistic, abs=1e-12)
    heavy = np.max(np.abs(np.roots([1, -(1 + 0.4 - 1j * u), 0.4])))
    assert radius(gs.simgd(eta, momentum=0.4), sigma) == pytest.approx(heavy, abs=1e-12)


@pytest.mark.parametrize("make", [gs.cgd, gs.proximal])
def test_implicit_steps_converge_on_the_bilinear_game_for_every_step_size(make):
    for u in (1e-2, 1.0, 1e2):
        assert radius(make(u)) == pytest.approx(1 / np.sqrt(1 + u**2), rel=1e-9)


def test_follow_the_ridge_has_the_spectrum_of_its_two_hessians():
    game = gs.zero_sum(lambda x, y: -3 * x**2 - y**2 + 4 * x * y)
    eta_x, eta_y = 0.05, 0.1
    schur, follower = -6 - 4 * (1 / -2) * 4, 2
    values = gs.analysis.step_spectrum(game, gs.follow_the_ridge((eta_x, eta_y)), ORIGIN)
    np.testing.assert_allclose(np.sort(values.real), np.sort([1 - eta_x * schur, 1 - eta_y * follower]), atol=1e-12)
    np.testing.assert_allclose(values.imag, 0, atol=1e-12)
    assert gs.analysis.rate(game, gs.simgd(0.05), ORIGIN) > 1


@pytest.mark.parametrize("gamma", [0.25, 0.99, 1.01, 3.0])
def test_consensus_makes_saddles_of_the_cosine_game_attract_beyond_gamma_one(gamma):
    game = gs.games.cosine()
    solver = gs.conopt(1e-3, gamma=gamma)
    for zero, saddle in zip(game.equilibria, (False, False, True, True), strict=True):
        assert (gs.analysis.rate(game, solver, zero) < 1) == (gamma > 1 or not saddle)


def test_consensus_and_hamiltonian_descent_attract_to_the_worst_point_of_both():
    opposed = gs.zero_sum(lambda x, y: y**2 - x**2)
    assert gs.analysis.rate(opposed, gs.conopt(0.05, gamma=1.0), ORIGIN) < 1
    assert gs.analysis.rate(opposed, gs.hamiltonian(0.05), ORIGIN) < 1
    assert gs.analysis.rate(opposed, gs.lss(0.05), ORIGIN) > 1


def test_anchored_extragradient_keeps_its_bound():
    game, start = gs.games.rotation(3), (jnp.ones(3), -jnp.ones(3))
    record = lambda players, _: optax.tree.norm(game.field(players), squared=True)
    path = gs.solve(game, gs.anchored_extragradient(1 / 8), start, 500, record=record).trace
    bound = 260 * float(optax.tree.norm(start, squared=True)) / (np.arange(1, 501) + 2) ** 2
    assert np.all(path <= bound)


def test_altgd_leaves_the_unit_circle_at_two():
    assert radius(gs.altgd((1.0, 3.999))) == pytest.approx(1, abs=1e-9)
    assert radius(gs.altgd((1.0, 4.001))) > 1.01
    assert radius(gs.altgd(1.0, momentum=-0.5)) == pytest.approx(1, abs=1e-9)
    assert radius(gs.altgd(0.5, momentum=0.1)) > 1


def test_altgd_conserves_its_ellipse():
    game, eta, sigma = gs.games.bilinear(1.5), (0.4, 0.9), 1.5
    path = gs.solve(game, gs.altgd(eta), (1.0, 0.3), 200, record=lambda players, _: players).trace
    x, y = map(np.asarray, path)
    first, second = (x**2 / eta[0] + sign * sigma * x * y + y**2 / eta[1] for sign in (1, -1))
    assert min(np.ptp(first), np.ptp(second)) < 1e-12


def test_memory_belongs_to_the_rate():
    """With the memory held fixed, the players alone would give OGDA on xy a rate above one."""
    solver, eta = gs.ogda(0.3), 0.3
    assert radius(solver) < 1
    players_only = np.eye(2) + 2 * eta * np.array([[0, -1], [1, 0]])
    assert np.max(np.abs(np.linalg.eigvals(players_only))) > 1
    values = gs.analysis.step_spectrum(gs.games.curl(), solver, ORIGIN)
    np.testing.assert_allclose(np.sort(np.abs(np.roots([1, -(1 - 0.6j), -0.3j]))), np.sort(np.abs(values))[::2])


def test_complex_momentum_counts_both_parts_of_its_buffer():
    eta, beta = 0.1, 0.6 * np.exp(0.8j)
    values = gs.analysis.step_spectrum(gs.games.curl(), gs.simgd(eta, momentum=beta), ORIGIN)
    J = np.array([[0, -1], [1, 0]])
    real, imag = beta.real * np.eye(2), beta.imag * np.eye(2)
    joint = np.block([[np.eye(2) + eta * J, eta * real, -eta * imag], [J, real, -imag], [np.zeros((2, 2)), imag, real]])
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(np.linalg.eigvals(joint)), atol=1e-12)


def test_general_sum_and_icr_rates():
    icr = gs.games.icr_quadratic()
    threshold = 0.09 / (1 + 48 * 0.09)
    assert gs.analysis.rate(icr, gs.simgd((0.09, threshold * 0.9999)), ORIGIN) < 1
    assert gs.analysis.rate(icr, gs.simgd((0.09, threshold * 1.0001)), ORIGIN) > 1
    for eta in (1e-3, 1e-2, 0.1):
        assert gs.analysis.rate(icr, gs.simgd(eta), ORIGIN) > 1
        assert gs.analysis.rate(icr, gs.cgd(eta), ORIGIN) < 1
    assert gs.analysis.rate(icr, gs.cgd((0.01, 0.09)), ORIGIN) > 1


def test_a_set_of_equilibria_is_left_out_of_the_rate():
    matrix = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0]])
    game = gs.games.bilinear(matrix)
    values = gs.analysis.step_spectrum(game, gs.cgd(1.0), game.equilibria[0])
    assert np.max(np.abs(values)) == pytest.approx(1, abs=1e-12)
    assert gs.analysis.rate(game, gs.cgd(1.0), game.equilibria[0]) == pytest.approx(1 / np.sqrt(1.25), abs=1e-12)
    assert gs.analysis.rate(game, gs.ogda(0.5), game.equilibria[0]) == pytest.approx(
        np.max(np.abs(np.roots([1, -(1 - 0.5j), -0.25j]))), abs=1e-12
    )


@pytest.mark.parametrize("solver", [gs.acgd(0.1), optax.adam(0.1)])
def test_a_root_of_zero_in_the_state_is_an_error(solver):
    with pytest.raises(ValueError, match="not differentiable at these players"):
        gs.analysis.rate(gs.games.curl(), solver, ORIGIN)


def test_rate_can_be_differentiated_and_mapped():
    def rate(eta):
        return gs.analysis.rate(gs.games.curl(), gs.extragradient(eta), ORIGIN)

    etas = jnp.array([0.2, 0.6])
    np.testing.assert_allclose(jax.vmap(rate)(etas), jnp.sqrt(1 - etas**2 + etas**4))
    slope = (-2 * 0.6 + 4 * 0.6**3) / (2 * np.sqrt(1 - 0.36 + 0.6**4))
    assert jax.grad(rate)(0.6) == pytest.approx(slope, abs=1e-10)


def test_plain_optax_transformations_have_rates():
    game = registry.GAMES["quadratic"].make()
    reached = gs.analysis.rate(game, optax.sgd(0.1, momentum=0.5), game.equilibria[0])
    assert reached == pytest.approx(float(gs.analysis.rate(game, gs.simgd(0.1, momentum=0.5), game.equilibria[0])))


@pytest.mark.parametrize("solver", [gs.ogda(0.3), gs.lookahead(gs.simgd(0.3), period=3, alpha=0.5)])
def test_a_step_map_is_a_function_of_players_and_state_together(solver):
    game, start = gs.games.curl(), (1.0, 0.5)
    found = gs.analysis.step_map(game, solver, ORIGIN)
    np.testing.assert_array_equal(found(found.point), found.point)
    values = np.linalg.eigvals(jax.jacobian(found)(found.point))
    powers = np.asarray(found.eigenvalues()) ** found.period
    np.testing.assert_allclose(np.sort_complex(powers), np.sort_complex(values), atol=1e-12)
    assert float(found.rate()) ** found.period == pytest.approx(np.max(np.abs(values)), abs=1e-12)
    fresh = gs.analysis.step_map(game, solver, start, as_solver(solver).init(tuple(map(jnp.asarray, start))))
    players = gs.solve(game, solver, start, fresh.period).players
    np.testing.assert_allclose(fresh(fresh.point)[:2], jnp.stack(players), rtol=1e-12)


def test_step_maps_go_through_jit_and_vmap():
    game, etas = gs.games.curl(), jnp.array([0.2, 0.6])
    maps = jax.vmap(lambda eta: gs.analysis.step_map(game, gs.extragradient(eta), ORIGIN))(etas)
    rates = jax.jit(jax.vmap(gs.analysis.StepMap.rate))(maps)
    np.testing.assert_allclose(rates, jnp.sqrt(1 - etas**2 + etas**4))


def period(solver, players=ORIGIN):
    game = gs.games.curl()
    solver, players = as_solver(solver), jax.tree.map(jnp.asarray, players)
    return gs.analysis.step_map(game, solver, players, solver.init(players)).period


def test_periods_of_states():
    assert period(gs.ogda(0.1)) == 1
    assert period(gs.lookahead(gs.simgd(0.1), period=6, alpha=0.5)) == 6
    nested = gs.lookahead(gs.lookahead(gs.simgd(0.1), period=4, alpha=0.5), period=6, alpha=0.5)
    assert period(nested) == 12
    assert period(optax.MultiSteps(optax.adam(0.1), 5)) == 5
    assert period(gs.simgd(optax.exponential_decay(0.1, 10, 0.5))) == 1
    with pytest.raises(ValueError, match="neither grow nor return"):
        period(optax.GradientTransformation(lambda _: jnp.zeros((), jnp.int32), lambda u, s, p=None: (u, s * s + 7)))


@pytest.mark.parametrize(("alpha", "expected"), [(0.5, 0.74476), (0.4, 0.71993), (0.8, 1.01980)])
def test_lookahead_has_its_published_rate_over_a_period(alpha, expected):
    slow = radius(gs.lookahead(gs.simgd(0.3), period=6, alpha=alpha))
    assert slow**6 == pytest.approx(expected, abs=5e-6)
    assert slow**6 == pytest.approx(abs(1 - alpha + alpha * (1 + 0.3j) ** 6), abs=1e-12)


def test_rates_of_solvers_with_a_period_are_those_measured():
    game = gs.games.rotation(2)
    record = lambda players, _: optax.tree.norm(players)
    inner = gs.ogda(0.4)
    for solver, length in (
        (gs.lookahead(gs.ogda(0.4), period=5, alpha=0.7), 5),
        (gs.lookahead(gs.simgd(0.1, momentum=-0.3), period=3, alpha=0.6, reset_state=True), 3),
        (optax.MultiSteps(inner, 4), 4),
    ):
        norms = np.asarray(gs.solve(game, solver, game.start, 240, record=record, every=length).trace)
        measured = (norms[-1] / norms[-11]) ** (1 / (10 * length))
        assert float(gs.analysis.rate(game, solver, game.equilibria[0])) == pytest.approx(measured, abs=1e-3)
    assert float(gs.analysis.rate(game, optax.MultiSteps(inner, 4), game.equilibria[0])) ** 4 == pytest.approx(
        float(gs.analysis.rate(game, inner, game.equilibria[0])), abs=1e-7
    )


def test_a_period_goes_through_vmap_jit_and_grad():
    def slow(eta):
        return gs.analysis.rate(gs.games.curl(), gs.lookahead(gs.simgd(eta), period=2, alpha=0.5), ORIGIN)

    exact = lambda eta: np.sqrt(abs(0.5 + 0.5 * (1 + 1j * eta) ** 2))
    np.testing.assert_allclose(jax.vmap(slow)(jnp.array([0.2, 0.4])), exact(np.array([0.2, 0.4])), rtol=1e-9)
    np.testing.assert_allclose(jax.jit(slow)(0.2), exact(0.2), rtol=1e-9)


def test_numbers_that_no_step_changes_have_no_eigenvalue():
    injected = optax.inject_hyperparams(gs.extragradient)(learning_rate=0.5)
    assert radius(injected) == pytest.approx(np.sqrt(1 - 0.25 + 0.0625), abs=1e-12)


def test_growing_counts_are_held_where_the_state_has_them():
    schedule = gs.extragradient(lambda count: 0.5 / (1 + count))
    for count in (0, 4):
        state = jax.tree.map(lambda leaf, count=count: jnp.full_like(leaf, count), schedule.init(ORIGIN))
        eta = 0.5 / (1 + count)
        found = gs.analysis.rate(gs.games.curl(), schedule, ORIGIN, state=state)
        assert found == pytest.approx(np.sqrt(1 - eta**2 + eta**4), abs=1e-12)


def every_other(first, second):
    return lambda count: jnp.where(count % 2 == 0, first, second)


def test_periodic_schedules_are_followed_over_their_period():
    """Alternating signs of the steps: one player moves against its gradient in every step."""
    steps = (every_other(0.5, -0.5), every_other(-0.5, 0.5))
    assert radius(gs.simgd(steps)) == pytest.approx(np.sqrt(0.75), abs=1e-12)
    found = gs.analysis.step_map(gs.games.curl(), gs.simgd(steps), ORIGIN)
    assert (found.period, found.lasting) == (2, True)
    etas = 0.3 + 0.1 * np.sin(2 * np.pi * np.arange(50) / 50)
    exact = np.prod(np.sqrt(1 - etas**2 + etas**4)) ** (1 / 50)
    wave = gs.extragradient(lambda count: 0.3 + 0.1 * jnp.sin(2 * jnp.pi * count / 50))
    assert radius(wave) == pytest.approx(exact, abs=1e-9)


def test_a_schedule_that_becomes_constant_has_the_rate_of_its_end():
    warmed = gs.extragradient(optax.linear_schedule(0.0, 0.5, 100))
    assert radius(warmed) == pytest.approx(radius(gs.extragradient(0.5)), abs=1e-12)


@pytest.mark.parametrize("schedule", [lambda count: 0.5 / (1 + count), optax.cosine_decay_schedule(0.5, 100)])
def test_a_rate_of_steps_that_keep_changing_is_called_local(schedule):
    with pytest.warns(UserWarning, match="without a visible period, so that this is the local rate of step 10"):
        eta, found = float(schedule(10)), radius(gs.extragradient(schedule))
    assert found == pytest.approx(np.sqrt(1 - eta**2 + eta**4), abs=1e-9)
    assert not gs.analysis.step_map(gs.games.curl(), gs.extragradient(schedule), ORIGIN).lasting


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_slow_and_late_changes_are_seen(dtype):
    origin = (jnp.zeros((), dtype),) * 2
    lasting = lambda schedule: gs.analysis.step_map(gs.games.curl(), gs.extragradient(schedule), origin).lasting
    assert not lasting(optax.piecewise_constant_schedule(0.5, {5000: 0.01}))
    assert not lasting(optax.cosine_decay_schedule(0.5, 200_000))
    assert not lasting(optax.exponential_decay(0.1, 5_000_000, 0.5))
    assert lasting(optax.linear_schedule(0.0, 0.5, 1000))
    assert lasting(lambda count: 0.3 + 0.1 * jnp.sin((2 * jnp.pi * count / 50).astype(dtype)))
    large = (jnp.zeros(140_000, dtype),) * 2
    late = gs.extragradient(optax.piecewise_constant_schedule(0.5, {200: 0.1}))
    assert not gs.analysis.step_map(gs.zero_sum(lambda x, y: x @ y), late, large).lasting


def test_a_mapped_rate_of_one_step_is_called_local_too():
    warmed = lambda eta: gs.extragradient(lambda count: eta * jnp.minimum(count / 100, 1.0))
    with pytest.warns(UserWarning, match="this is the local rate of step 10"):
        jax.vmap(lambda eta: gs.analysis.rate(gs.games.curl(), warmed(eta), ORIGIN))(jnp.array([0.5]))


def test_a_traced_warm_up_has_the_rate_of_its_end_if_its_numbers_are_leaves():
    warmup = optax.scale_by_schedule(lambda count: jnp.minimum(count / 100, 1.0))
    make = lambda eta: optax.chain(gs.extragradient(eta), warmup)
    rate = lambda solver: gs.analysis.rate(gs.games.curl(), solver, ORIGIN)
    assert jax.jit(rate)(gs.parametric(make)(0.5)) == pytest.approx(radius(gs.extragradient(0.5)), abs=1e-12)
    with pytest.raises(ValueError, match=r"the traced numbers of .* must be its leaves.* Wrap the function"):
        jax.jit(lambda eta: rate(make(eta)))(0.5)


def test_dead_parameters_under_adam_are_left_out_and_counted():
    """Three parameters feed a dead unit, so that their gradients and second moments are exactly zero."""
    dead = lambda x, y: x["a"] * y + x["a"] ** 2 / 2 - y**2 / 2 + jnp.sum(jax.nn.relu(x["dead"] - 5) * y)
    alive = gs.zero_sum(lambda x, y: x * y + x**2 / 2 - y**2 / 2)
    zero = jnp.zeros(())

    def state(players):
        adam, *rest = optax.adam(0.1).init(players)
        nu = jax.tree.map(lambda leaf: jnp.where(leaf.size == 3, 0, 0.04 + leaf), adam.nu)
        return adam._replace(count=jnp.asarray(50_000), nu=nu), *rest

    players = ({"a": zero, "dead": jnp.zeros(3)}, zero)
    expected = gs.analysis.rate(alive, optax.adam(0.1), (zero, zero), state=state((zero, zero)))
    for k in (None, 3):
        with pytest.warns(UserWarning, match="leaves out 3 of 5 parameters, whose field and derivative are zero"):
            found = gs.analysis.rate(gs.zero_sum(dead), optax.adam(0.1), players, state=state(players), k=k)
        assert found == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.full
@pytest.mark.parametrize("make", [gs.extragradient, gs.ogda, lambda eta: gs.lookahead(gs.simgd(eta), 6, 0.5)])
def test_leading_eigenvalues_of_a_step_are_those_of_its_matrix(make):
    scales = jnp.concatenate([jnp.array([3.0, 2.5]), jnp.linspace(0.5, 2, 63)])
    game = gs.games.bilinear(jnp.diag(scales))
    point = game.equilibria[0]
    dense = gs.analysis.step_spectrum(game, make(0.2), point)
    found = gs.analysis.step_spectrum(game, make(0.2), point, k=2)
    np.testing.assert_allclose(np.abs(found), np.sort(np.abs(dense))[::-1][:2], rtol=1e-7)
    matrix_free = gs.analysis.rate(game, make(0.2), point, k=2)
    assert matrix_free == pytest.approx(float(gs.analysis.rate(game, make(0.2), point)), abs=1e-8)


@pytest.mark.full
def test_a_set_of_equilibria_is_left_out_without_a_matrix_too():
    game = gs.games.bilinear(jnp.eye(60, 70) * jnp.linspace(0.1, 1, 60)[:, None])
    exact = 1 / np.sqrt(1 + 0.01)
    assert gs.analysis.rate(game, gs.cgd(1.0), game.equilibria[0]) == pytest.approx(exact, abs=1e-9)
    assert gs.analysis.rate(game, gs.cgd(1.0), game.equilibria[0], k=12) == pytest.approx(exact, abs=1e-9)
    with pytest.raises(ValueError, match="are 1, for a set of equilibria; ask for a larger k"):
        gs.analysis.rate(game, gs.cgd(1.0), game.equilibria[0], k=1)


def test_a_root_of_zero_is_an_error_without_a_matrix_too():
    with pytest.raises(ValueError, match="not differentiable at these players"):
        gs.analysis.rate(gs.games.rotation(80), gs.acgd(0.1), gs.games.rotation(80).equilibria[0], k=2)
    assert flat_step.SETTLING_STEPS == 10
