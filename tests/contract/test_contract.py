"""Properties that every solver of the registry satisfies."""

import itertools

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gamesolve as gs
from gamesolve import registry
from tests.contract import reference

SHAPES = [(1, 1), (4, 2), (20, 13), (7, 1, 5)]
NAMES = list(registry.SOLVERS)
FOR_TWO = ["stackelberg", "follow_the_ridge", "slingshot"]
# These see losses and not only the field, so that zero-sum and polymatrix games differ for them.
WITH_STAKES = ["lola", "sos", "hola", "unrolled_lola", "meta_mapg", "pola", "stackelberg", "follow_the_ridge"]
MAPPED = [name for name in NAMES if hasattr(reference, name)]


def linear_quadratic(dims, seed, zero_sum, condition, shift=True):
    """Draw a game, its J and b, and a start in numpy, so that nothing is compiled for them."""
    rng = np.random.default_rng(seed)
    basis = lambda size: np.linalg.qr(rng.normal(size=(size, size)))[0]
    spaced = lambda size: np.logspace(0.0, -1.0, size, base=condition) / 2

    def coupling(rows, columns):
        rank = min(rows, columns)
        return basis(rows)[:, :rank] * spaced(rank) @ basis(columns)[:, :rank].T

    own = [(bases * spaced(len(bases))) @ bases.T for bases in map(basis, dims)]
    blocks = [[coupling(rows, columns) for columns in dims] for rows in dims]
    for i, j in itertools.product(range(len(dims)), repeat=2):
        if i == j:
            blocks[i][i] = own[i]
        elif zero_sum and i > j:
            blocks[i][j] = -blocks[j][i].T
    linear = [rng.normal(size=size) * shift for size in dims]
    if len(dims) == 2 and zero_sum:
        game = gs.games.quadratic(blocks[0][0], blocks[0][1], blocks[1][1], None, *linear)
    else:
        game = gs.games.polymatrix(tuple(map(tuple, blocks)), tuple(linear))
    slices = [slice(high - size, high) for size, high in zip(dims, np.cumsum(dims), strict=True)]
    return (
        game,
        -np.block(blocks),
        -np.concatenate(linear),
        slices,
        tuple(jnp.asarray(rng.normal(size=d)) for d in dims),
    )


@st.composite
def problems(draw, shapes):
    dims = draw(st.sampled_from(shapes))
    zero_sum = draw(st.booleans())
    # The couplings have norm 1/2: with larger step sizes the system of a general-sum CGD step could be singular.
    largest = 2.0 if zero_sum and len(dims) == 2 else 0.9
    rates = tuple(draw(st.lists(st.floats(0.01, largest), min_size=len(dims), max_size=len(dims))))
    condition = draw(st.sampled_from([1.0, 10.0, 1e4]))
    return dims, draw(st.integers(0, 2**16)), zero_sum, condition, rates


def test_every_solver_with_a_rate_has_its_formula():
    assert [name for name, entry in registry.SOLVERS.items() if entry.rated and name not in MAPPED] == []


# The steps that lookahead needs for one period are enough for every other solver. All tests of a solver on games of one
# shape take the same number of steps, so that they share one program.
STEPS = 7


def assert_same_iterates(name, problem, **arguments):
    dims, seed, zero_sum, condition, rates = problem
    with jax.enable_x64(True):
        game, J, b, slices, start = linear_quadratic(dims, seed, zero_sum, condition)
        if name in ("newton", "lss"):
            assume(np.linalg.cond(J) < 1e6)
        eta = np.repeat(rates, dims)
        solver = registry.SOLVERS[name].build(rates, **arguments)
        reached = np.concatenate(gs.solve(game, solver, start, STEPS).players)
    spread = {
        key: np.repeat(value, dims) if type(value) is tuple and key != "order" else value
        for key, value in arguments.items()
    }
    if name in WITH_STAKES:
        spread["zero_sum"] = game.is_zero_sum
    expected = getattr(reference, name)(J, b, slices, eta, np.concatenate(start), STEPS, **spread)
    np.testing.assert_allclose(reached, expected, rtol=1e-10, atol=1e-10 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", registry.CORE)
@given(problem=problems(SHAPES))
def test_affine_map(name, problem):
    assert_same_iterates(name, problem, **registry.SOLVERS[name].arguments)


@pytest.mark.parametrize("name", [name for name in MAPPED if name not in registry.CORE])
@settings(max_examples=3)  # each shape is a program of its own
@given(data=st.data())
def test_affine_map_of_the_literature(name, data):
    shapes = [(1, 1), (4, 2)] if name in FOR_TWO else [(4, 2), (2, 1, 3)]
    problem = data.draw(problems(shapes))
    arguments = registry.SOLVERS[name].arguments
    assert_same_iterates(name, problem, **arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("simgd", {"momentum": -0.3}),
        ("altgd", {"momentum": 0.4, "order": (1, 1, 0)}),
        ("extragradient", {"extrapolation": 0.2}),
        ("ogda", {"correction": 0.3}),
        ("ogda", {"zero_start": True}),
        ("conopt", {"gamma": 0.0}),
        ("acgd", {"decay": 0.9, "eps": 1e-8}),
        ("sga", {"lam": 0.7, "align": True}),
        ("sga", {"lam": 0.7, "align": True, "eps": -0.5}),
        ("runge_kutta", {"order": 2}),
        ("runge_kutta", {"order": 1}),
        ("runge_kutta", {"order": 2, "penalty": 0.3}),
        ("runge_kutta", {"penalty": (0.0, 0.7)}),
        ("opponent_lookahead", {"alpha": (0.3, 0.8)}),
        ("lola", {"alpha": 0.4}),
        ("sos", {"alpha": 0.4}),
        ("hola", {"alpha": 0.4, "order": 1}),
        ("hola", {"alpha": (0.4, 0.1), "order": 3}),
        ("unrolled_lola", {"alpha": 0.4, "lookahead": 3}),
        ("meta_mapg", {"alpha": 0.4, "horizon": 3}),
        ("pola", {"alpha": (0.4, 0.1), "penalty": 0.3, "iterations": 4}),
        ("proximal", {"iterations": 3}),
        ("follow_the_ridge", {"total": True}),
        ("lss", {"regularisation": 0.3}),
    ],
)
@given(seed=st.integers(0, 2**16), rates=st.tuples(st.floats(0.0, 1.0), st.floats(0.01, 1.0)))
def test_affine_map_with_arguments(name, arguments, seed, rates):
    assert_same_iterates(name, ((4, 2), seed, False, 10.0, rates), **arguments)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
@pytest.mark.parametrize("dims", [(4, 2), (2, 1, 3)])
def test_cgd_does_not_see_the_units_of_the_payoffs(x64, scale, dims):
    game, *_, start = linear_quadratic(dims, 0, True, 10.0, shift=False)
    scaled = gs.games.polymatrix(jax.tree.map(lambda leaf: scale * leaf, hessians(game, dims)))
    plain = gs.games.polymatrix(hessians(game, dims))
    for one, other in ((plain, scaled), (game, zero_sum_scaled(game, scale)) if len(dims) == 2 else (plain, scaled)):
        expected = gs.solve(one, gs.cgd(0.7), start, 20).players
        reached = gs.solve(other, gs.cgd(0.7 / scale), start, 20).players
        for a, b in zip(reached, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12)


def hessians(game, dims):
    J = -gs.analysis.jacobian(game, game.equilibria[0])
    edges = np.cumsum([0, *dims])
    return tuple(
        tuple(J[edges[i] : edges[i + 1], edges[j] : edges[j + 1]] for j in range(len(dims))) for i in range(len(dims))
    )


def zero_sum_scaled(game, scale):
    return gs.zero_sum(game.payoffs[1], constants=jax.tree.map(lambda leaf: scale * leaf, game.constants))


@pytest.mark.parametrize("name", NAMES)
def test_an_equilibrium_is_a_fixed_point(x64, name):
    solver = registry.SOLVERS[name].build(0.1 if name in ONE_NUMBER else (0.1, 0.1))
    core = [gs.games.rotation(3)] if name in registry.CORE else []
    drawn = [linear_quadratic((4, 2), 0, zero_sum, 10.0, shift=False)[0] for zero_sum in (True, False)]
    for game in (*core, gs.games.bilinear(0.0), *drawn):
        start = jax.tree.map(jnp.zeros_like, game.start)
        solution = gs.solve(game, solver, start, STEPS)
        assert all(np.all(np.asarray(player) == 0) for player in solution.players)
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(solution.state))


# The first step size of these is one number.
ONE_NUMBER = {"adaptive_extragradient", "golden_ratio", "anchored_extragradient_varying"}
# These take one first step size for all players, respond to the other player's move, or have momentum.
MOVING = {*ONE_NUMBER, "follow_the_ridge", "lead"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in MOVING])
def test_a_player_with_step_size_zero_stays(x64, name):
    game, *_, start = linear_quadratic((4, 2), 3, True, 10.0)
    for still in (0, 1):
        rates = tuple(0.0 if player == still else 0.1 for player in range(2))
        solution = gs.solve(game, registry.SOLVERS[name].build(rates), start, STEPS)
        np.testing.assert_array_equal(solution.players[still], start[still])
        assert not np.allclose(solution.players[1 - still], start[1 - still])
        if (residual := optax.tree.get(solution.state, "residual", None)) is not None:
            assert float(residual) < 1e-11


@pytest.mark.parametrize("name", NAMES)
def test_exports_for_every_platform_without_host_calls(name):
    solver = registry.SOLVERS[name].build(0.1)
    games = [registry.GAMES["general-sum"].make()]
    if name in registry.CORE:
        games += [registry.GAMES["quadratic"].make(), linear_quadratic((80, 70), 0, False, 10.0)[0]]
    for game in games:
        run = jax.jit(lambda players, solver=solver, game=game: gs.solve(game, solver, players, 10, tol=1e-6))
        exported = jax.export.export(run, platforms=("cpu", "cuda", "tpu"))(game.start)
        assert set(exported.platforms) == {"cpu", "cuda", "tpu"}
        assert "callback" not in exported.mlir_module()


ODD = ({"a": (jnp.array([0.3, -0.2]), jnp.array(0.7)), "none": None}, (jnp.array([[0.5], [-1.0]]),))


def odd_payoff(x, y):
    return jnp.sum(jnp.tanh(x["a"][0] @ y[0])) + x["a"][1] ** 2 * y[0][0, 0] - jnp.sum(y[0] ** 2)


ODD_GAME = gs.general_sum(lambda x, y: -odd_payoff(x, y) - x["a"][1] ** 2 - jnp.sum(x["a"][0] ** 4), odd_payoff)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in registry.CORE])
def test_every_solver_keeps_the_contract(name):
    """Check for each other solver in one test the properties that test_solve and test_rates check for the core."""
    entry, traces = registry.SOLVERS[name], []

    def counted(x, y):
        traces.append(1)
        return odd_payoff(x, y)

    game = gs.general_sum(ODD_GAME.payoffs[0], counted)
    solver = entry.build(0.05)
    run = lambda eta: gs.solve(game, entry.build(eta), ODD, 3).players
    expected = run(0.05)
    assert jax.tree.structure(expected) == jax.tree.structure(ODD)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(expected))
    count = len(traces)
    run(0.01)
    assert len(traces) == count  # another step size runs the same program
    together = jax.vmap(run)(jnp.array([0.01, 0.05]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, rtol=2e-3, atol=1e-4), together, expected)
    if name not in ONE_NUMBER:
        scheduled = gs.solve(game, entry.build(lambda count: 0.05), ODD, 3).players
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), scheduled, expected)
    state = solver.init(ODD)
    u = jax.eval_shape(game.field, ODD)
    _, after = jax.eval_shape(lambda u, state: solver.update(u, state, ODD, game=game, unheard_of=1), u, state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(lambda leaf: leaf.dtype, state)
    with jax.enable_x64(True):
        kept = jax.eval_shape(lambda: gs.solve(game, solver, ODD, 2))
    assert {leaf.dtype for leaf in jax.tree.leaves(kept.players)} == {jnp.dtype("float32")}
