"""Noise floors against closed forms and long runs of many lanes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import sampling

pytestmark = pytest.mark.usefixtures("x64")

KEY = jax.random.key(0)
ORIGIN = (0.0, 0.0)
PLANE = (np.zeros(2), np.zeros(2))


def additive(x, y, e):
    A = jnp.array([[1.0, 0.3], [0.0, 0.7]])
    return x @ A @ y + 0.1 * (x @ x - y @ y) + 0.1 * (e[:2] @ x + e[2:] @ y)


def single(x, y, e):
    A = jnp.array([[1.0, 0.3], [0.0, 0.7]]) * (1 + 0.5 * e[:4].reshape(2, 2))
    return x @ A @ y + 0.1 * (x @ x - y @ y) + 0.1 * ((e[:2] + e[4:6]) @ x + e[6:] @ y)


def examples(x, y, batch):
    return jnp.mean(jax.vmap(lambda e: single(x, y, e))(batch))


def scalar(x, y, e):
    return x * y + (x**2 - y**2) / 2 + 0.1 * (e[0] * x + e[1] * y)


GAMES = {
    "additive": (gs.zero_sum(additive), lambda key: jax.random.normal(key, (4,))),
    "multiplicative": (gs.zero_sum(single), lambda key: jax.random.normal(key, (8,))),
    "batches": (gs.zero_sum(examples), sampling.latents(4, 8)),
    "two batches": (gs.zero_sum(examples), sampling.several(sampling.latents(4, 8), 2)),
}
SCALAR = gs.zero_sum(scalar)
SCALAR_BILINEAR = gs.zero_sum(lambda x, y, e: x * y + 0.1 * (e[0] * x + e[1] * y))
normal = lambda key: jax.random.normal(key, (2,))


def measured(game, solver, sample, steps=4000, lanes=256, every=1):
    run = lambda key: gs.solve(
        game,
        solver,
        PLANE,
        steps,
        sample=sample,
        key=key,
        record=lambda z, _: optax.tree.norm(z, squared=True),
        every=every,
    )
    norms = jax.jit(jax.vmap(lambda key: run(key).trace))(jax.random.split(jax.random.key(7), lanes))
    return float(norms[:, norms.shape[1] // 4 :].mean())


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("additive", gs.simgd(0.1)),
        ("additive", gs.ogda(0.1)),
        pytest.param("additive", gs.cgd(0.3), marks=pytest.mark.full),
        ("multiplicative", gs.simgd(0.1)),
        ("multiplicative", gs.altgd(0.1)),
        pytest.param("multiplicative", gs.extragradient(0.3), marks=pytest.mark.full),
        pytest.param("multiplicative", gs.past_extragradient(0.1), marks=pytest.mark.full),
        ("multiplicative", gs.conopt(0.1, 0.5)),
        pytest.param("multiplicative", gs.sga(0.1, 0.5), marks=pytest.mark.full),
        pytest.param("multiplicative", gs.lola(0.1, 0.1), marks=pytest.mark.full),
        pytest.param("batches", gs.conopt(0.1, 0.5, groups=2), marks=pytest.mark.full),
        pytest.param("two batches", gs.extragradient(0.2), marks=pytest.mark.full),
        pytest.param("batches", gs.lead(0.1, 0.1, 0.1), marks=pytest.mark.full),
    ],
)
def test_floors_are_those_of_long_runs(name, solver):
    game, sample = GAMES[name]
    found = gs.analysis.noise_floor(game, solver, PLANE, sample, KEY)
    assert found.floor == pytest.approx(measured(game, solver, sample), rel=0.05)
    assert found.standard_error < 0.02 * found.floor
    assert sum(found.per_player) == pytest.approx(found.floor)
    bias = np.concatenate(found.bias)
    assert np.trace(found.covariance) + bias @ bias == pytest.approx(found.floor)


def test_the_floor_of_a_period_is_that_at_its_ends():
    game, sample = GAMES["additive"]
    solver = gs.lookahead(gs.simgd(0.1), period=5, alpha=0.5)
    found = gs.analysis.noise_floor(game, solver, PLANE, sample, KEY)
    assert found.floor == pytest.approx(measured(game, solver, sample, every=5, steps=10000), rel=0.05)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_a_quadratic_has_its_closed_form(momentum):
    """The floor of heavy ball on x^2/2: with curvature 1, step h and noise of variance q."""
    game = gs.from_losses(lambda x, e: x**2 / 2 + e * x)
    step, q = 0.2, 0.09
    sample = lambda key: 0.3 * jax.random.normal(key)
    found = gs.analysis.noise_floor(game, gs.simgd(step, momentum=momentum), (0.0,), sample, KEY, draws=20_000)
    M = np.array([[1 - step, -step * momentum], [1.0, momentum]])
    assert found.rate == pytest.approx(np.max(np.abs(np.linalg.eigvals(M))), abs=1e-9)
    exact = step * q * (1 + momentum) / ((1 - momentum) * (2 * (1 + momentum) - step))
    assert found.floor == pytest.approx(exact, abs=4 * found.standard_error)
    assert found.averaged == pytest.approx(q, rel=0.05)


def test_multiplicative_noise_has_its_closed_form_and_its_limit():
    """x' = x - h (1 + s e) x + h q n is stable in mean square only while (1 - h)^2 + h^2 s^2 < 1."""
    game = gs.from_losses(lambda x, e, s: (1 + s * e[0]) * x**2 / 2 + 0.1 * e[1] * x)
    h = 0.5
    sample = lambda s: lambda key: (normal(key), s)
    two = gs.from_losses(lambda x, batch: game.payoffs[0].function(x, *batch))
    found = gs.analysis.noise_floor(two, gs.simgd(h), (0.0,), sample(1.0), KEY, draws=20_000)
    assert found.floor == pytest.approx(h**2 * 0.01 / (1 - (1 - h) ** 2 - h**2), abs=4 * found.standard_error)
    with pytest.raises(ValueError, match=r"the variance of simgd.* must stay bounded, but the noise"):
        gs.analysis.noise_floor(two, gs.simgd(h), (0.0,), sample(2.0), KEY)


def test_the_average_of_iterates_follows_its_law():
    game, sample = GAMES["additive"]
    found = gs.analysis.noise_floor(game, gs.ogda(0.1), PLANE, sample, KEY)
    steps = 8000

    def mean(key):
        run = gs.solve(game, gs.ogda(0.1), PLANE, steps, sample=sample, key=key, record=lambda z, _: z)
        return optax.tree.norm(jax.tree.map(lambda rows: rows.mean(axis=0), run.trace), squared=True)

    errors = jax.jit(jax.vmap(mean))(jax.random.split(jax.random.key(3), 512))
    assert found.averaged / steps == pytest.approx(float(errors.mean()), rel=0.1)


def test_one_draw_for_both_looks_biases_extragradient():
    game, sample = GAMES["multiplicative"]
    same = gs.analysis.noise_floor(game, gs.extragradient(0.3), PLANE, sample, KEY)
    apart = gs.analysis.noise_floor(game, gs.extragradient(0.3), PLANE, sampling.several(sample, 2), KEY)
    # E[eta^2 J_e v_e] = eta^2 (0, 0.05, 0.05): the noise of the first column of A is also that of player 0's field.
    assert np.linalg.norm(np.concatenate(same.bias)) > 0.01
    np.testing.assert_allclose(np.concatenate(apart.bias), 0, atol=1e-3)


def test_a_bias_counts_in_the_noise():
    """Extragradient with one draw for both looks is affine, x' = M_s x + n_s, with M_s and n_s correlated."""
    game = gs.from_losses(lambda x, e: (1 + 0.7 * e) * x**2 / 2 + e * x)
    h, e = 0.3, np.array([-1.0, 1.0])
    a = 1 + 0.7 * e
    M, n = 1 - h * a * (1 - h * a), h**2 * a * e - h * e
    mean = n.mean() / (1 - M.mean())
    exact = (2 * mean * np.mean(M * n) + np.mean(n**2)) / (1 - np.mean(M**2))
    innovations = np.mean(((M - M.mean()) * mean + n - n.mean()) ** 2) + np.var(M) * (exact - mean**2)
    sample = lambda key: jax.random.rademacher(key, (), float)
    find = lambda key: gs.analysis.noise_floor(game, gs.extragradient(h), (0.0,), sample, key)
    found = find(KEY)
    assert found.floor == pytest.approx(exact, abs=4 * found.standard_error)
    assert found.averaged == pytest.approx(innovations / (1 - M.mean()) ** 2, rel=0.05)
    floors = [find(key).floor for key in jax.random.split(KEY, 8)]
    assert 0.5 < np.std(floors, ddof=1) / found.standard_error < 1.7


def test_slow_steps_of_many_parameters_contract_in_single_precision():
    n, step = 40, 1e-3
    game = gs.zero_sum(lambda x, y, e: x @ y + (x @ x - y @ y) / 2 + 0.1 * (e[0] @ x + e[1] @ y))
    sample = lambda key: jax.random.normal(key, (2, n), jnp.float32)
    origin = (jnp.zeros(n, jnp.float32),) * 2
    found = gs.analysis.noise_floor(game, gs.simgd(step), origin, sample, KEY, draws=64)
    assert found.floor == pytest.approx(2 * n * step * 0.01 / 2, rel=0.1)
    with pytest.raises(ValueError, match="must contract at the equilibrium, got a rate of 1"):
        gs.analysis.noise_floor(SCALAR_BILINEAR, gs.altgd(0.1), ORIGIN, normal, KEY)


def test_deterministic_samples_have_no_floor():
    constant = lambda key: jnp.zeros(2)
    found = gs.analysis.noise_floor(SCALAR, gs.ogda(0.1), ORIGIN, constant, KEY)
    assert (found.floor, found.standard_error, found.averaged) == (0, 0, 0)
    rows = jnp.arange(8.0).reshape(4, 2)
    whole = gs.zero_sum(lambda x, y, batch: jnp.mean(jax.vmap(lambda e: scalar(x, y, e - 3.5))(batch)))
    at = gs.solve(whole.bind(rows), gs.simgd(0.2), ORIGIN, 500).players
    sample = gs.minibatches(rows, 4, replace=False)
    assert gs.analysis.noise_floor(whole, gs.simgd(0.1), at, sample, KEY).floor < 1e-24


def test_a_wrong_equilibrium_shows_as_a_bias():
    found = gs.analysis.noise_floor(SCALAR, gs.simgd(0.1), (0.1, 0.0), normal, KEY)
    assert found.bias[0] == pytest.approx(-0.1, abs=0.005)


def late(solver):
    """Return a state in which Adam's corrections have faded."""
    adam, *rest = solver.init((jnp.zeros(()), jnp.zeros(())))
    return adam._replace(count=jnp.asarray(50_000), nu=(jnp.asarray(0.01),) * 2), *rest


def test_adam_has_a_floor_once_its_corrections_have_faded():
    adam = optax.adam(1e-3)
    with pytest.raises(ValueError, match="must stay the same or have a period, but they change with their count"):
        gs.analysis.noise_floor(SCALAR, adam, ORIGIN, normal, KEY)
    found = gs.analysis.noise_floor(SCALAR, adam, ORIGIN, normal, KEY, state=late(adam))
    record = lambda z, _: z[0] ** 2 + z[1] ** 2
    run = lambda key: gs.solve(SCALAR, adam, ORIGIN, 12_000, sample=normal, key=key, record=record).trace
    rows = jax.jit(jax.vmap(run))(jax.random.split(KEY, 64))
    assert found.floor == pytest.approx(float(rows[:, 4000:].mean()), rel=0.05)


@pytest.mark.parametrize(
    ("solver", "sample", "sentence"),
    [
        (gs.halpern(0.1), normal, "must stay the same or have a period, but they change with their count"),
        (gs.simgd(optax.exponential_decay(0.1, 9, 0.5)), normal, "must stay the same or have a period"),
        (gs.svrg(0.1, full=SCALAR.bind(jnp.zeros(2))), normal, "must stay the same or have a period"),
        (gs.simgd(3.0), normal, "must contract at the equilibrium, got a rate of 3.6"),
        (optax.sign_sgd(0.01), normal, "has no floor.* if the step jumps there, as a sign does, measure"),
        (gs.simgd(0.1), sampling.epochs(jnp.ones((4, 2)), 1), "sample must draw independently .* got Epochs"),
    ],
)
def test_solvers_without_a_floor_are_refused(solver, sample, sentence):
    with pytest.raises(ValueError, match=sentence):
        gs.analysis.noise_floor(SCALAR, solver, ORIGIN, sample, KEY)


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="key must be a typed random key, got int"):
        gs.analysis.noise_floor(SCALAR, gs.simgd(0.1), ORIGIN, normal, 0)
    with pytest.raises(ValueError, match="draws must be at least 2, got 1"):
        gs.analysis.noise_floor(SCALAR, gs.simgd(0.1), ORIGIN, normal, KEY, draws=1)
    with pytest.raises(TypeError, match="sample must be a function, got float"):
        gs.analysis.noise_floor(SCALAR, gs.simgd(0.1), ORIGIN, 1.0, KEY)


@pytest.mark.parametrize(
    ("game", "solver"),
    [
        (SCALAR, gs.extragradient(0.1, projections=lambda z: jnp.maximum(z, 0))),
        pytest.param(SCALAR, optax.adam(1e-2), marks=pytest.mark.full),
        pytest.param(
            gs.zero_sum(lambda x, y, e: x * y - jnp.cos(x) + jnp.cos(y) + 3 * (e[0] * x + e[1] * y)),
            gs.simgd(0.3),
            marks=pytest.mark.full,
        ),
    ],
)
def test_steps_that_are_not_linear_over_the_noise_warn(game, solver):
    state = None if isinstance(solver, gs.Solver) else late(solver)
    with pytest.warns(UserWarning, match=r"the predicted floor of .* its step is not linear over the noise"):
        found = gs.analysis.noise_floor(game, solver, ORIGIN, normal, KEY, state=state)
    assert not abs(found.simulated - found.floor) <= 0.05 * found.floor


@pytest.mark.parametrize("rate", [1e-2, pytest.param(1e-4, marks=pytest.mark.full)])
def test_a_figure_that_warns_is_that_of_long_runs_or_none(rate):
    """At the tie of a projection, derivatives say that the start is forgotten within two steps."""
    solver = gs.extragradient(rate, projections=lambda z: jnp.maximum(z, 0))
    with pytest.warns(UserWarning, match="but .*runs of .* (have|still changes)"):
        found = gs.analysis.noise_floor(SCALAR, solver, ORIGIN, normal, KEY, draws=512)
    if rate == 1e-4:
        assert np.isnan(found.simulated)
        return
    record = lambda z, _: z[0] ** 2 + z[1] ** 2
    run = lambda key: gs.solve(SCALAR, solver, ORIGIN, 2000, sample=normal, key=key, record=record).trace
    long = float(jax.jit(jax.vmap(run))(jax.random.split(KEY, 64))[:, 500:].mean())
    assert found.simulated == pytest.approx(long, rel=0.15)


def test_rare_events_may_be_missed_by_the_draws():
    rare = lambda key: jnp.where(jax.random.uniform(key, (2,)) < 5e-3, 30.0, 0.0)
    with pytest.warns(UserWarning, match="or the 32 draws miss rare ones"):
        found = gs.analysis.noise_floor(SCALAR, gs.simgd(0.1), ORIGIN, rare, KEY, draws=32)
    assert found.standard_error == 0


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("multiplicative", gs.altgd(0.1, momentum=-0.2)),
        pytest.param("two batches", gs.extragradient(0.2), marks=pytest.mark.full),
        pytest.param("additive", gs.lookahead(gs.simgd(0.1), period=5, alpha=0.5), marks=pytest.mark.full),
    ],
)
def test_the_trace_without_a_matrix_is_that_with_one(name, solver):
    game, sample = GAMES[name]
    found = gs.analysis.noise_floor_large(game, solver, PLANE, sample, KEY, lanes=4096)
    dense = gs.analysis.noise_floor(game, solver, PLANE, sample, KEY)
    error = np.hypot(found.standard_error, dense.standard_error)
    assert found.floor == pytest.approx(dense.floor, abs=4 * error)
    assert error < 0.03 * dense.floor
    assert found.rate == pytest.approx(dense.rate, abs=0.01)
    assert found.per_player == pytest.approx(dense.per_player, rel=0.1)


def test_a_hundred_thousand_parameters_have_their_closed_form():
    size, step = 50_000, 0.1
    game = gs.zero_sum(lambda x, y, e: x @ y + 0.5 * (x @ x - y @ y) + 0.1 * (e[0] @ x + e[1] @ y))
    start = (jnp.zeros(size), jnp.zeros(size))
    sample = lambda key: jax.random.normal(key, (2, size))
    found = gs.analysis.noise_floor_large(game, gs.simgd(step), start, sample, KEY, lanes=4)
    assert found.floor == pytest.approx(2 * size * 0.01 * step / (2 - 2 * step), rel=0.01)


@pytest.mark.parametrize(("step", "max_steps"), [(0.1, 2000), (2.0, 100_000)])
def test_a_variance_that_grows_is_refused_without_a_matrix(step, max_steps):
    with pytest.raises(ValueError, match=r"the variance of simgd.* must stay bounded, but the noise of a step has not"):
        gs.analysis.noise_floor_large(SCALAR_BILINEAR, gs.simgd(step), ORIGIN, normal, KEY, max_steps=max_steps)
