import functools

import chex
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gamesolve as gs
from gamesolve import linear
from gamesolve.linear import Outcome, general

SIZE = 8


def system(seed, size=SIZE, condition=10.0, symmetric=True):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    other = basis if symmetric else np.linalg.qr(rng.normal(size=(size, size)))[0]
    return (basis * np.geomspace(1.0, 1 / condition, size)) @ other.T, rng.normal(size=size)


def solved(method, matrix, b, start=None, tolerance=1e-12, limit=None):
    return compiled(method, matrix, b, np.zeros(b.shape, b.dtype) if start is None else start, tolerance, limit)


@functools.partial(jax.jit, static_argnames=("method", "limit"))
def compiled(method, matrix, b, start, tolerance, limit):
    return method(lambda x: matrix @ x, b, start, tolerance, limit)


def relative(matrix, x, b):
    return np.linalg.norm(b - matrix @ np.asarray(x)) / np.linalg.norm(b)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 10.0, 1e4]))
def test_conjugate_gradients(seed, condition):
    with jax.enable_x64(True):
        matrix, b = system(seed, condition=condition)
        x, iterations = solved(linear.conjugate_gradients, matrix, b)
    assert relative(matrix, x, b) < 1e-11 * condition**0.5
    assert 0 < iterations <= 10 * SIZE
    if condition == 1.0:
        assert iterations == 1


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from([1.0, 10.0, 1e4]))
def test_dense_solve(seed, condition):
    with jax.enable_x64(True):
        matrix, b = system(seed, condition=condition, symmetric=False)
        x, iterations = solved(linear.solve_general, matrix, b)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, b), rtol=1e-13 * condition, atol=1e-13 * condition)
    assert iterations == 0


def test_gmres_agrees_with_dense(x64):
    size = linear.DENSE_LIMIT + 1
    matrix, b = system(0, size, condition=3.0, symmetric=False)
    matrix = np.eye(size) + 0.4 * matrix
    x, iterations = solved(linear.solve_general, matrix, b)
    assert 0 < iterations <= 200
    assert relative(matrix, x, b) < 1e-12
    np.testing.assert_allclose(x, np.linalg.solve(matrix, b), rtol=1e-10, atol=1e-11)
    start = x + 1e-3
    again, fewer = solved(linear.solve_general, matrix, b, start)
    assert fewer <= iterations
    assert relative(matrix, again, b) < 1e-12


METHODS = {
    "cg": (linear.conjugate_gradients, SIZE, True),
    "dense": (linear.solve_general, SIZE, False),
    "gmres": (linear.solve_general, linear.DENSE_LIMIT + 1, False),
    "minres": (linear.solve_symmetric, linear.DENSE_LIMIT + 1, True),
}


@pytest.fixture(params=METHODS)
def case(request, x64):
    method, size, symmetric = METHODS[request.param]
    matrix, b = system(3, size, 4.0, symmetric)
    matrix = matrix if symmetric else np.eye(size) + 0.4 * matrix
    return method, matrix, b


def test_nothing_to_solve(case):
    method, matrix, b = case
    for start in (np.zeros_like(b), np.ones_like(b)):
        x, iterations = solved(method, matrix, 0 * b, start)
        np.testing.assert_array_equal(x, 0 * b)
        assert iterations == 0


@pytest.mark.parametrize("scale", [1e-15, 1e-100, 1e15, 1e100])
def test_tolerances_are_relative(case, scale):
    method, matrix, b = case
    x, iterations = solved(method, matrix, b)
    tiny, same = solved(method, matrix, scale * b)
    np.testing.assert_allclose(tiny / scale, x, rtol=1e-9)
    assert abs(int(same) - int(iterations)) <= (linear.RESTART if iterations > 2 * SIZE else 1)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", np.float32([1e-12, 1e-8, 1e15]))
def test_tolerances_are_relative_in_float32(name, scale):
    method, size, symmetric = METHODS[name]
    matrix, b = map(np.float32, system(3, size, 4.0, symmetric))
    matrix = matrix if symmetric else np.eye(size, dtype=np.float32) + np.float32(0.4) * matrix
    x, _ = solved(method, matrix, scale * b, tolerance=np.float32(1e-6))
    assert relative(matrix, x / scale, b) < 1e-5


def test_warm_starts(case):
    method, matrix, b = case
    exact = np.linalg.solve(matrix, b)
    _, cold = solved(method, matrix, b)
    assert compiled(method, matrix, b, None, 1e-12, None)[1] == cold
    x, iterations = solved(method, matrix, b, exact, tolerance=1e-10)
    assert iterations == 0
    np.testing.assert_allclose(x, exact, rtol=1e-9)
    for terrible in (1e12 * np.ones_like(b), np.full_like(b, np.nan), np.full_like(b, np.inf), -exact):
        x, iterations = solved(method, matrix, b, terrible)
        assert iterations == cold
        np.testing.assert_allclose(x, exact, rtol=1e-9)


@pytest.mark.parametrize("scale", [3.0, 1e-8])
def test_one_unknown(scale, x64):
    for method in (linear.conjugate_gradients, linear.solve_general):
        for b in (jnp.asarray(2.0), jnp.array([2.0])):
            x, _ = jax.jit(lambda b: method(lambda x: scale * x, b, jnp.zeros_like(b), 1e-12))(b)  # noqa: B023
            np.testing.assert_allclose(x, 2.0 / scale * jnp.ones_like(b))


def test_pytrees_stay_pytrees(x64):
    matrix, b = system(5, 6)
    tree = {"a": jnp.asarray(b[:4].reshape(2, 2)), "b": (jnp.asarray(b[4]), None, jnp.asarray(b[5:]))}
    flat, unravel = jax.flatten_util.ravel_pytree(tree)
    operator = lambda x: unravel(matrix @ jax.flatten_util.ravel_pytree(x)[0])
    for method in (linear.conjugate_gradients, linear.solve_general):
        x, _ = jax.jit(lambda b: method(operator, b, jax.tree.map(jnp.zeros_like, b), 1e-12))(tree)  # noqa: B023
        expected = unravel(jnp.linalg.solve(matrix, flat))
        chex.assert_trees_all_close(x, expected, rtol=1e-9)


def test_iteration_limits(x64):
    matrix, b = system(1, 30, 1e6)
    _, iterations = solved(linear.conjugate_gradients, matrix, b, limit=4)
    assert iterations == 4
    _, iterations = solved(linear.conjugate_gradients, matrix, b, limit=0)
    assert iterations == 0
    matrix, b = system(1, linear.DENSE_LIMIT + 1, 1e6, symmetric=False)
    for limit in (21, None):
        x, iterations = solved(linear.solve_general, matrix, b, limit=limit)
        assert iterations <= (limit or 1000)
        assert relative(matrix, x, b) <= 1.0


@pytest.mark.parametrize("name", METHODS)
def test_ill_conditioned_systems_stay_finite(name):
    """In float32 the tolerance cannot be reached: the solve ends all the same and is not worse than nothing."""
    method, size, symmetric = METHODS[name]
    matrix, b = map(np.float32, system(2, size, 1e9, symmetric))
    x, iterations = solved(method, matrix, b, tolerance=1e-6)
    assert np.isfinite(x).all() or name == "dense"
    assert iterations <= 10 * max(size, linear.RESTART)


@pytest.mark.parametrize("name", METHODS)
def test_systems_that_are_not_numbers_end(name):
    method, size, _ = METHODS[name]
    x, iterations = solved(method, np.full((size, size), np.nan), np.ones(size))
    assert iterations <= linear.RESTART + size
    b = np.ones(size)
    b[0] = np.nan
    x, iterations = solved(method, np.eye(size), b)
    report = certified(x, b - np.eye(size) @ x, b)
    assert report.status == Outcome.FAILED
    assert iterations <= linear.RESTART


def test_derivatives_go_both_ways(case):
    method, matrix, b = case
    rng = np.random.default_rng(0)
    direction, cotangent, change = rng.normal(size=b.shape), rng.normal(size=b.shape), np.roll(matrix, 1, axis=0)
    if method is linear.conjugate_gradients:
        change = change + change.T

    def solution(epsilon, start):
        return solved(method, matrix + epsilon * change, b + epsilon * direction, start)[0]

    x = np.linalg.solve(matrix, b)
    expected = np.linalg.solve(matrix, direction - change @ x)
    _, tangent = jax.jit(lambda one: jax.jvp(lambda epsilon: solution(epsilon, 0 * b), (0.0,), (one,)))(1.0)
    np.testing.assert_allclose(tangent, expected, rtol=1e-8, atol=1e-10)
    slope, start = jax.jit(jax.grad(lambda *arguments: solution(*arguments) @ cotangent, (0, 1)))(0.0, 0 * b)
    np.testing.assert_allclose(slope, expected @ cotangent, rtol=1e-8)
    np.testing.assert_array_equal(start, 0 * b)


def test_vmap(case):
    method, matrix, b = case
    scales = jnp.array([1.0, 2.0, 0.0, 1e-9])
    shifts = jnp.array([0.0, 1.0, 0.0, 0.0])
    eye = np.eye(len(b))
    run = lambda scale, shift: solved(method, matrix + shift * eye, scale * b)
    x, iterations = jax.jit(jax.vmap(run))(scales, shifts)
    expected = [scale * np.linalg.solve(matrix + shift * eye, b) for scale, shift in zip(scales, shifts, strict=True)]
    np.testing.assert_allclose(x, expected, rtol=1e-9)
    assert iterations.shape == (4,)
    assert iterations[2] == 0


def certified(solution, residual, rhs, tolerance=1e-6):
    report = linear.empty_report(jnp.zeros(2))
    return linear.certify(
        report, jnp.asarray(solution), jnp.int32(3), jnp.asarray(residual), jnp.asarray(rhs), tolerance
    )


@pytest.mark.parametrize(
    ("residual", "rhs", "status", "relative"),
    [
        ([0.0, 0.0], [0.0, 0.0], Outcome.SOLVED, 0.0),
        ([0.0, 0.0], [3.0, 4.0], Outcome.SOLVED, 0.0),
        ([3e-6, 4e-6], [3.0, 4.0], Outcome.SOLVED, 1e-6),
        ([6e-5, 8e-5], [0.6, 0.8], Outcome.INEXACT, 1e-4),
        ([0.3, 0.4], [3.0, 4.0], Outcome.INEXACT, 0.1),
        ([0.6, 0.8], [3.0, 4.0], Outcome.FAILED, 0.2),
        ([np.nan, 0.0], [3.0, 4.0], Outcome.FAILED, np.inf),
        ([np.inf, 0.0], [3.0, 4.0], Outcome.FAILED, np.inf),
        ([np.nan, 0.0], [np.nan, 4.0], Outcome.FAILED, np.inf),
    ],
)
def test_certificates(residual, rhs, status, relative):
    report = certified([1.0, 2.0], residual, rhs)
    assert Outcome(int(report.status)) == status or relative == 0.1
    np.testing.assert_allclose(report.residual, relative, rtol=1e-5)
    assert report.fallbacks == (report.status == Outcome.FAILED)
    assert report.iterations == 3
    np.testing.assert_array_equal(report.solution, [1.0, 2.0])
    assert certified([1.0, 2.0], [1.0, 1.0], [1.0, 1.0]).fallbacks == 1


def test_default_tolerances(x64):
    for dtype, tolerance in ((jnp.float64, 1e-12), (jnp.float32, 1e-6), (jnp.bfloat16, 1e-2), (jnp.float16, 1e-2)):
        assert linear.default_tolerance({"a": jnp.ones(2, dtype)}) == tolerance


POTENTIAL = gs.general_sum(lambda x, y: jnp.sum(x * y), lambda x, y: jnp.sum(x * y))
LONG = (jnp.ones(linear.DENSE_LIMIT + 1), jnp.full(linear.DENSE_LIMIT + 1, 2.0))


@pytest.mark.parametrize("players", [(jnp.float32(1.0), jnp.float32(2.0)), LONG], ids=["dense", "gmres"])
def test_singular_systems_fall_back(players):
    """At eta sigma = 1 a potential game has the system I - eta^2 = 0: the explicit step, counted."""
    solution = gs.solve(POTENTIAL, gs.cgd(1.0), players, 2)
    explicit = gs.solve(POTENTIAL, gs.simgd(1.0), players, 2)
    chex.assert_trees_all_close(solution.players, explicit.players)
    assert optax.tree.get(solution.state, "status") == Outcome.FAILED
    assert optax.tree.get(solution.state, "fallbacks") == 2
    assert (
        not np.isfinite(optax.tree.get(solution.state, "residual")) or optax.tree.get(solution.state, "residual") > 0.1
    )


def test_a_fallback_is_forgotten_when_the_next_solve_succeeds():
    players = (jnp.float32(1.0), jnp.float32(2.0))
    failed = gs.solve(POTENTIAL, gs.cgd(1.0), players, 1)
    later = gs.solve(POTENTIAL, gs.cgd(0.5), failed.players, 1, state=failed.state)
    fresh = gs.solve(POTENTIAL, gs.cgd(0.5), failed.players, 1)
    chex.assert_trees_all_close(later.players, fresh.players)
    assert optax.tree.get(later.state, "status") == Outcome.SOLVED
    assert optax.tree.get(later.state, "fallbacks") == 1


def test_a_fallback_can_be_differentiated():
    reached = lambda x: gs.solve(POTENTIAL, gs.cgd(1.0), (x, 2.0), 1).players[0]
    assert jax.jacfwd(reached)(1.0) == 1.0
    assert jax.grad(reached)(1.0) == 1.0


@pytest.mark.parametrize("solver", [gs.cgd(0.5), gs.acgd(0.5)])
def test_payoffs_without_second_derivatives_fall_back(solver):
    """Where the field is finite and the couplings are not, the move is the explicit one."""

    def rough(x, y):
        return x * y + jnp.abs((x - 1) * (y - 2)) ** 1.5

    for game in (gs.zero_sum(rough), gs.general_sum(rough, lambda x, y: -2 * rough(x, y))):
        solution = gs.solve(game, solver, (1.0, 2.0), 1)
        assert np.isfinite(solution.players).all()
        assert solution.players[0] != 1.0
        assert optax.tree.get(solution.state, "status") == Outcome.FAILED
        assert solution.status == gs.Status.BUDGET


def test_payoffs_that_are_not_numbers_say_so():
    solution = gs.solve(gs.zero_sum(lambda x, y: jnp.log(-x) * y), gs.cgd(0.5), (1.0, 2.0), 2)
    assert optax.tree.get(solution.state, "status") == Outcome.FAILED
    assert solution.status == gs.Status.DIVERGED


def test_the_state_reports_the_solve(x64):
    game = gs.games.bilinear(system(0, 6, 10.0, symmetric=False)[0][:, :5])
    for solver in (gs.cgd(1.0), gs.acgd(0.1)):
        state = gs.solve(game, solver, game.start, 3).state
        assert optax.tree.get(state, "solution").shape == (5,)
        assert 0 < optax.tree.get(state, "iterations") <= 50
        assert optax.tree.get(state, "residual").dtype == jnp.float64
    limited = gs.solve(game, gs.cgd(1.0, inner=linear.Inner(max_iterations=1)), game.start, 1).state
    assert optax.tree.get(limited, "iterations") == 1
    assert optax.tree.get(limited, "status") in (Outcome.INEXACT, Outcome.FAILED)
    exact = gs.solve(game, gs.cgd(1.0), game.start, 1).state
    loose = gs.solve(game, gs.cgd(1.0, inner=linear.Inner(tolerance=1e-2)), game.start, 1).state
    assert optax.tree.get(loose, "iterations") < optax.tree.get(exact, "iterations")
    assert optax.tree.get(exact, "residual") < 1e-11
    assert optax.tree.get(exact, "status") == Outcome.SOLVED


def test_how_a_solve_is_done_is_part_of_the_solver():
    assert jax.tree.leaves(linear.Inner()) == []
    assert jax.tree.leaves(linear.Inner(1e-3, max_iterations=5, forcing=0.1)) == [1e-3, 0.1]
    assert jax.tree.structure(linear.Inner(max_iterations=5)) != jax.tree.structure(linear.Inner())
    assert repr(gs.cgd(0.1)) == "cgd(learning_rate=0.1)"
    assert repr(gs.newton(inner=linear.Inner(max_iterations=5))).endswith("inner=Inner(max_iterations=5))")
    solver = gs.cgd(0.1, inner=linear.Inner(tolerance=1))
    assert jax.tree.leaves(solver) == [0.1, 1.0]
    assert jax.tree.map(lambda leaf: leaf / 2, solver).arguments["inner"] == linear.Inner(tolerance=0.5)
    assert jax.tree.map(lambda _: "text", solver).arguments["inner"] == linear.Inner(tolerance="text")


def ten_by_ten():
    return gs.games.random_quadratic(jax.random.key(0), (10, 10), rotation=1.0)


@pytest.mark.parametrize("name", ["tolerance", "forcing"])
def test_vmap_over_how_a_solve_is_done(name, x64):
    game = ten_by_ten()

    def iterations(value):
        solver = gs.cgd(1.0, inner=linear.Inner(**{name: value}))
        return optax.tree.get(gs.solve(game, solver, game.start, 3).state, "iterations")

    values = jnp.array([1e-12, 1e-6, 1e-2])
    together = jax.vmap(iterations)(values)
    assert together[0] > together[1] > together[2]
    assert [int(iterations(value)) for value in values] == together.tolist()


def test_derivatives_of_a_solver_with_a_tolerance(x64):
    game = ten_by_ten()
    loss = lambda solver: optax.tree.norm(gs.solve(game, solver, game.start, 3).players)
    exact = jax.grad(loss)(gs.cgd(0.5))
    gradient = jax.grad(loss)(gs.cgd(0.5, inner=linear.Inner(tolerance=1e-13, forcing=1e-13)))
    assert isinstance(gradient.arguments["inner"], linear.Inner)
    np.testing.assert_allclose(gradient.arguments["learning_rate"], exact.arguments["learning_rate"], rtol=1e-9)
    assert jax.tree.leaves(gradient.arguments["inner"]) == [0.0, 0.0]


WITH_A_SOLVE = [
    lambda inner: gs.cgd(0.1, inner),
    lambda inner: gs.acgd(0.1, inner=inner),
    lambda inner: gs.competitive_mirror_descent(0.1, gs.transforms.entropy(), inner),
    lambda inner: gs.proximal(0.1, inner=inner),
    lambda inner: gs.newton(inner=inner),
    lambda inner: gs.levenberg_marquardt(inner=inner),
    lambda inner: gs.lss(0.1, inner=inner),
    lambda inner: gs.stackelberg(0.1, inner),
    lambda inner: gs.follow_the_ridge(0.1, inner=inner),
]


@pytest.mark.parametrize("make", WITH_A_SOLVE)
@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (lambda: linear.Inner(tolerance=0.0), "tolerance .* above 0"),
        (lambda: linear.Inner(tolerance=-1e-3), "tolerance .* above 0"),
        (lambda: linear.Inner(tolerance=float("nan")), "tolerance .* above 0"),
        (lambda: linear.Inner(forcing=0), "forcing .* above 0"),
        (lambda: linear.Inner(max_iterations=2.5), "max_iterations must be"),
        (lambda: linear.Inner(max_iterations=-1), "max_iterations .* at least 0"),
        (lambda: linear.Inner(dense_limit=-1), "dense_limit .* at least 0"),
        (lambda: 1e-6, "inner must be a linear.Inner, got float"),
    ],
)
def test_settings_of_a_solve_that_make_no_sense(make, inner, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(inner())


def test_a_dense_solve_that_would_fill_the_memory_is_refused():
    game = gs.general_sum(lambda x, y: jnp.sum(x * x * y), lambda x, y: jnp.sum(y * y * x))
    players = (jax.ShapeDtypeStruct((20_000,), jnp.float32),) * 2
    solver = gs.newton(inner=linear.Inner(dense_limit=10**6))
    with pytest.raises(ValueError, match=r"takes 6 GiB, .* Lower the dense_limit of linear\.Inner"):
        jax.eval_shape(lambda players: gs.step(game, solver, players)[0], players)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("game", [gs.zero_sum(lambda x, y: jnp.sum(x * y)), POTENTIAL], ids=["zero-sum", "potential"])
def test_low_precision(game, dtype):
    players = (jnp.ones(3, dtype), jnp.full(3, 2.0, dtype))
    solution = gs.solve(game, gs.cgd(0.25), players, 2)
    exact = gs.solve(game, gs.cgd(0.25), jax.tree.map(np.float32, players), 2)
    assert {leaf.dtype for leaf in solution.players} == {jnp.dtype(dtype)}
    chex.assert_trees_all_close(jax.tree.map(np.float32, solution.players), exact.players, rtol=0.03, atol=0.02)


def test_coupled_systems_and_their_derivatives(x64):
    """``x - B y = b``, ``y + C x = c`` against the dense system, also where C is not the transpose of B."""
    rng = np.random.default_rng(0)
    B, weights = rng.normal(size=(4, 7)), rng.uniform(0.5, 2.0, 7)
    sides, cotangents = ((rng.normal(size=4), rng.normal(size=7)) for _ in range(2))

    @jax.jit
    def solution(B, sides, start=(0.0,) * 4):
        start = jnp.array(start)
        solved = linear.coupled(lambda y: B @ y, lambda x: weights * (B.T @ x), sides, start, 1e-13)
        return (solved.x, solved.y), solved

    @jax.jit
    def dense(B, sides):
        matrix = jnp.block([[jnp.eye(4), -B], [weights[:, None] * B.T, jnp.eye(7)]])
        return jnp.split(jnp.linalg.solve(matrix, jnp.concatenate(sides)), [4])

    (x, y), solved = solution(B, sides)
    np.testing.assert_allclose(np.concatenate((x, y)), np.concatenate(dense(B, sides)), rtol=1e-10)
    assert solved.iterations <= 5
    np.testing.assert_allclose(sides[0] + B @ y - x, 0, atol=1e-11)
    np.testing.assert_allclose(solved.rhs, sides[0] + B @ sides[1], rtol=1e-12)
    assert solution(B, sides, x)[1].iterations <= 1  # a solution is where it stays
    value = lambda solve, *arguments: sum(jnp.vdot(a, b) for a, b in zip(solve(*arguments), cotangents, strict=True))
    ours, theirs = (
        jax.jit(jax.grad(functools.partial(value, solve), (0, 1)))(B, sides)
        for solve in (lambda *arguments: solution(*arguments)[0], dense)
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), ours, theirs)
    along = jax.jvp(lambda B: solution(B, sides)[0], (B,), (np.roll(B, 1),))[1]
    expected = jax.jvp(lambda B: tuple(dense(B, sides)), (B,), (np.roll(B, 1),))[1]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11), along, expected)


def stubborn(size, condition, seed=0):
    """Return a system whose eigenvalues surround zero, which restarted GMRES does not solve."""
    rng = np.random.default_rng(seed)
    basis, other = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    return (basis * np.geomspace(1, 1 / condition, size)) @ other, rng.normal(size=size)


@pytest.mark.parametrize("size", [65, 200, 400])
def test_stubborn_solves(size):
    for condition in (1e1, 1e2, 1e3, 1e4):
        matrix, b = map(np.float32, stubborn(size, condition))
        x, iterations = solved(linear.solve_general, matrix, b, tolerance=1e-6)
        assert relative(matrix, x, b) < 1e-6 * condition + 1e-5
        assert iterations <= 1000
    if size == 65:
        for limit in (30, 63):
            x, fewer = solved(linear.solve_general, matrix, b, tolerance=1e-6, limit=limit)
            assert linear.RESTART < fewer <= limit


@pytest.mark.parametrize("solve", [linear.solve_symmetric, linear.solve_general])
def test_stubborn_solves_of_symmetric_systems(solve):
    for condition in (1e1, 1e2, 1e3):
        matrix, b = stubborn(200, condition)
        matrix, b = map(np.float32, ((matrix + matrix.T) / 2, b))
        x, _ = solved(solve, matrix, b, tolerance=1e-6)
        assert relative(matrix, x, b) < 0.1


def test_long_cycles_take_over_where_a_matrix_would_be_too_large():
    size = general.DENSE_RESCUE + 8
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = np.float32((basis * np.resize(np.linspace(-1, 1, 60), size)) @ basis.T)
    b = np.float32(rng.normal(size=size))
    x, iterations = solved(linear.solve_general, matrix, b, tolerance=1e-5)
    assert relative(matrix, x, b) < 1e-4
    assert linear.RESTART < iterations <= 1000


def test_a_system_that_only_rounding_makes_regular_has_failed():
    """Steps of 1e7 from a field of one solve ``I - J D`` to the last digit: its entry of 1e-7 is rounding."""
    game = gs.general_sum(lambda x, c: c * x**2 / 2 + x, constants=(jnp.float32(1 - 6e-8),))
    for solver in (gs.proximal(1.0), gs.proximal(1.0, 2)):
        solution = gs.solve(game, solver, (0.0,), 1)
        assert float(solution.players[0]) == 1.0
        assert int(optax.tree.get(solution.state, "status")) == Outcome.FAILED
        assert int(optax.tree.get(solution.state, "fallbacks")) >= 1
