import functools

import chex
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry
from gamesolve.solver import as_solver

XY = gs.zero_sum(lambda x, y: x * y)
START = (jnp.float32(1.0), jnp.float32(2.0))
BOWL = gs.general_sum(lambda x, y: -(x**2), lambda x, y: -(y**2))
NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y + jnp.mean(batch**2) * (x**2 - y**2))
NAMES = registry.CORE

SOLVERS = {name: entry.build(0.1) for name, entry in registry.SOLVERS.items() if name in NAMES} | {
    "heavy ball": gs.simgd(0.1, 0.5),
    "complex momentum": gs.altgd(0.1, (0.3j, -0.5)),
    "two to one": gs.altgd((0.1, 0.05), order=(1, 1, 0)),
    "scheduled": gs.ogda(optax.linear_schedule(0.1, 0.01, 5), (0.1, 0.2)),
    "scheduled cgd": gs.cgd((optax.linear_schedule(0.1, 0.01, 5), 0.1)),
    "adam": optax.adam(0.1),
    "per player": gs.per_player(gs.simgd(0.1), optax.adam(0.05)),
    "chain": optax.chain(gs.transforms.consensus(0.5), optax.clip_by_global_norm(1.0), optax.rmsprop(0.01)),
}

every_solver = pytest.mark.parametrize("name", SOLVERS)


def looped(game, solver, players, steps, state=None):
    state = solver.init(players) if state is None else state
    for _ in range(steps):
        players, state = gs.step(game, solver, players, state)
    return players, state


def draw(key):
    return jax.random.normal(key, (3,))


@every_solver
def test_step_solve_and_jit_off_agree(name):
    solver = SOLVERS[name]
    solution = gs.solve(XY, solver, START, 4)
    compiled = jax.jit(functools.partial(gs.step, XY, solver))
    players, state = START, None
    for _ in range(4):
        players, state = compiled(players, state)
    chex.assert_trees_all_close((solution.players, solution.state), (players, state), rtol=1e-5, atol=1e-6)
    with jax.disable_jit():
        plain = gs.solve(XY, solver, START, 4)
    chex.assert_trees_all_close(solution, plain, rtol=1e-5, atol=1e-6)
    assert solution.status == gs.Status.BUDGET
    assert solution.steps == 4
    assert solution.trace is None


@every_solver
def test_the_state_keeps_its_shape(name, x64):
    """`eval_shape` predicts the state; float32 players stay float32 although x64 is on."""
    solver = SOLVERS[name]
    predicted = jax.eval_shape(solver.init, START)
    solution = gs.solve(XY, solver, START, 2)
    stepped = jax.eval_shape(functools.partial(gs.step, XY, solver), START)
    for players, state in ((solution.players, solution.state), stepped):
        chex.assert_trees_all_equal_structs(predicted, state)
        chex.assert_trees_all_equal_shapes_and_dtypes(predicted, state)
        assert [leaf.dtype for leaf in players] == [jnp.float32] * 2
    assert not any(leaf.dtype in (jnp.float64, jnp.complex128) for leaf in jax.tree.leaves(predicted))


ODD = ({"a": [jnp.ones(2), None], "b": {"c": jnp.full((1, 2), 0.5)}}, (jnp.ones(()), (), [jnp.ones((2, 1))]))


@every_solver
def test_odd_pytrees(name):
    def payoff(x, y):
        return (x["a"][0] @ y[2][0][:, 0]) * y[0] + jnp.sum(x["b"]["c"] ** 2) - y[0] ** 2

    game = gs.zero_sum(payoff)
    solution = gs.solve(game, SOLVERS[name], ODD, 3)
    chex.assert_trees_all_equal_shapes_and_dtypes(solution.players, ODD)
    assert np.isfinite(np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(solution.players)])).all()
    assert solution.status == gs.Status.BUDGET
    assert not np.allclose(*(jax.flatten_util.ravel_pytree(tree)[0] for tree in (solution.players, ODD)))


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "adam"])
def test_a_start_at_the_equilibrium_stays(name):
    solution = gs.solve(XY, SOLVERS[name], jax.tree.map(jnp.zeros_like, START), 4)
    assert [float(player) for player in solution.players] == [0.0, 0.0]
    assert solution.status == gs.Status.BUDGET


@pytest.mark.parametrize("name", [*NAMES, "heavy ball", "complex momentum", "scheduled cgd", "chain"])
def test_gradients_of_a_run(name, x64):
    """Reverse and forward mode against central differences, in the start, a constant and the solver's leaves."""
    game = gs.zero_sum(lambda x, y, c: c * jnp.sin(x) * y + x**2 - y**2, constants=(2.0,))
    leaves, treedef = jax.tree.flatten(as_solver(SOLVERS[name]))
    point = ((0.7, -0.4), [2.0], leaves)
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda leaf: rng.normal(), point)

    def along(h):
        start, constants, numbers = jax.tree.map(lambda leaf, d: leaf + h * d, point, direction)
        bound = jax.tree.unflatten(jax.tree.structure(game), constants)
        x, y = gs.solve(bound, jax.tree.unflatten(treedef, numbers), start, 3).players
        return x + 2 * y

    below, above = jax.vmap(along)(jnp.array([-1e-5, 1e-5]))
    forward, reverse = jax.jit(lambda h: (jax.jacfwd(along)(h), jax.grad(along)(h)))(0.0)
    np.testing.assert_allclose(forward, (above - below) / 2e-5, rtol=1e-6)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9)


def test_vmap_over_step_sizes():
    rates = jnp.array([0.05, 0.1, 0.2])
    for make in (gs.simgd, gs.altgd, gs.acgd, lambda rate: gs.conopt(rate, 1.0)):
        run = lambda rate, make=make: gs.solve(XY, make(rate), START, 4)
        together = jax.vmap(run)(rates)
        assert together.steps.tolist() == [4] * 3
        for row, rate in enumerate(rates):
            single = run(rate)
            chex.assert_trees_all_close([leaf[row] for leaf in together.players], list(single.players), rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"tol": 1e-3}], ids=["fixed", "tol"])
def test_vmap_over_starts_games_and_keys(options):
    starts = (jnp.array([1.0, 0.0, 2.0]), jnp.array([0.5, 0.0, 1.0]))
    games = jax.vmap(gs.games.bilinear)(jnp.array([0.5, 1.0, 2.0]))
    solver = gs.extragradient(0.4)

    def run(game, players):
        return gs.solve(game, solver, players, 40, record=lambda players, _: players[0], every=10, **options)

    together = jax.vmap(run)(games, starts)
    for row in range(3):
        pick = lambda leaf, row=row: leaf[row]
        single = run(*jax.tree.map(pick, (games, starts)))
        chex.assert_trees_all_close(jax.tree.map(pick, together), single, rtol=1e-4)
    if options:
        assert together.status[1] == gs.Status.CONVERGED
        assert together.steps[1] == 0
    keys = jax.random.split(jax.random.key(0), 3)
    sampled = lambda key: gs.solve(NOISY, gs.simgd(0.1), START, 4, sample=draw, key=key, **options).players
    together = jax.vmap(sampled)(keys)
    chex.assert_trees_all_close([leaf[2] for leaf in together], list(sampled(keys[2])), rtol=1e-5)
    assert together[0][0] != together[0][1]


def counting():
    calls = []

    def payoff(x, y, c):
        calls.append(1)
        return c * x * y

    return payoff, calls


@pytest.mark.parametrize("name", NAMES)
def test_other_numbers_do_not_trace_again(name):
    payoff, calls = counting()
    build = registry.SOLVERS[name].build

    def run(rate, c, start):
        gs.solve(gs.zero_sum(payoff, constants=(c,)), build(rate), start, 3)
        return len(calls)

    first = run(0.1, 1.0, (1.0, 2.0))
    assert {run(rate, 1.0 + rate, (rate, 1 - rate)) for rate in np.linspace(0.01, 0.3, 100).tolist()} == {first}
    assert first <= 12


@pytest.mark.parametrize("options", [{}, {"tol": 1e-6}, {"max_norm": 1e3}], ids=["fixed", "tol", "max_norm"])
def test_going_on_does_not_trace_again(options):
    payoff, calls = counting()
    game, solver = gs.zero_sum(payoff, constants=(1.0,)), gs.ogda(0.1)
    solution = gs.solve(game, solver, START, 3, **options)
    traces = []
    for _ in range(3):
        solution = gs.solve(game, solver, solution.players, 3, state=solution.state, start=solution.steps, **options)
        traces.append(len(calls))
    assert traces[0] == traces[-1]
    assert solution.steps == 12


def test_tolerances_and_keys_do_not_trace_again():
    payoff, calls = counting()
    game = gs.zero_sum(lambda x, y, batch: payoff(x, y, jnp.mean(batch)))
    traces = []
    for seed in range(3):
        options = {"tol": 10.0**-seed, "max_norm": 10.0 + seed, "start": seed}
        gs.solve(game, gs.simgd(0.1), START, 3, sample=draw, key=jax.random.key(seed), **options)
        traces.append(len(calls))
    assert traces[0] == traces[-1]


@pytest.mark.parametrize("options", [{}, {"tol": 0.0}], ids=["fixed", "tol"])
def test_records(options):
    record = lambda players, state: {"x": players[0], "m": state[0].buffer[1], "nothing": None}
    solver = gs.simgd(0.1, 0.5)
    full = gs.solve(XY, solver, START, 6, record=record, **options).trace
    assert full["x"].shape == (6,)
    assert full["nothing"] is None
    players, state = looped(XY, solver, START, 2)
    np.testing.assert_allclose(full["x"][1], players[0], rtol=1e-6)
    np.testing.assert_allclose(full["m"][1], state[0].buffer[1], rtol=1e-6)
    for every in (2, 3, 6):
        thinned = gs.solve(XY, solver, START, 6, record=record, every=every, **options).trace
        chex.assert_trees_all_close(thinned, jax.tree.map(lambda leaf, k=every: leaf[k - 1 :: k], full))
    assert gs.solve(XY, solver, START, 0, record=record, **options).trace["x"].shape == (0,)
    shaped = gs.solve(XY, solver, START, 4, record=lambda *_: jnp.ones((2, 3)), every=2, **options).trace
    assert shaped.shape == (2, 2, 3)
    assert gs.solve(XY, solver, START, 4, record=lambda *_: 1.0, **options).trace.tolist() == [1.0] * 4


def test_counts():
    assert gs.solve(XY, gs.simgd(0.1), START, 0).players == START
    assert gs.solve(XY, gs.simgd(0.1), START, 0, start=5).steps == 5
    assert gs.solve(XY, gs.simgd(0.1), START, np.int64(3)).steps == 3
    with pytest.raises(ValueError, match=r"every must divide num_steps, got every=4 and num_steps=10\. Choose"):
        gs.solve(XY, gs.simgd(0.1), START, 10, every=4)
    for every in (0, -1):
        with pytest.raises(ValueError, match=f"every must be at least 1, got {every}"):
            gs.solve(XY, gs.simgd(0.1), START, 10, every=every)
    with pytest.raises(ValueError, match="num_steps must be at least 0, got -1"):
        gs.solve(XY, gs.simgd(0.1), START, -1)
    for wrong in (1.0, "3", None, jnp.float32(3)):
        with pytest.raises(TypeError, match="num_steps must be an integer"):
            gs.solve(XY, gs.simgd(0.1), START, wrong)
    with pytest.raises(
        TypeError, match=r"num_steps must be an integer, got .*Tracer. It is part of the compiled program"
    ):
        jax.jit(lambda n: gs.solve(XY, gs.simgd(0.1), START, n))(3)


def test_no_steps_without_jit():
    with jax.disable_jit():
        assert gs.solve(XY, gs.simgd(0.1), START, 0).players == START


def test_step_t_draws_from_the_folded_key():
    key = jax.random.key(5)
    solution = gs.solve(NOISY, gs.simgd(0.1, 0.5), START, 3, sample=draw, key=key, start=7)
    players, state = START, None
    for t in (7, 8, 9):
        players, state = gs.step(NOISY, gs.simgd(0.1, 0.5), players, state, draw(jax.random.fold_in(key, t)))
    chex.assert_trees_all_close(solution.players, players, rtol=1e-5)
    assert solution.steps == 10


STOPS = {"tol": 1e-6, "max_norm": 1e3}


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, {}) for name in ("ogda", "acgd", "scheduled cgd", "per player", "complex momentum")]
    + [("heavy ball", STOPS), ("cgd", STOPS)],
)
def test_resumed_runs_are_exact(name, options):
    run = functools.partial(gs.solve, NOISY, SOLVERS[name], sample=draw, key=jax.random.key(0), **options)
    record = lambda players, _: jnp.stack(players)
    long = run(START, 8, record=record)
    first = run(START, 4, record=record)
    second = run(first.players, 4, state=first.state, start=first.steps, record=record)
    chex.assert_trees_all_equal((long.players, long.steps), (second.players, second.steps))
    chex.assert_trees_all_equal(long.state, second.state)
    np.testing.assert_array_equal(long.trace, np.concatenate([first.trace, second.trace]))


def test_sample_needs_a_key():
    with pytest.raises(
        ValueError, match=r"sample must come with a random key, got key=None. Pass key=jax\.random\.key\(0\)"
    ):
        gs.solve(NOISY, gs.simgd(0.1), START, 3, sample=draw)
    for wrong in (0, "key", 1.5, jax.random.key_data(jax.random.key(0))):
        with pytest.raises(TypeError, match="key"):
            gs.solve(NOISY, gs.simgd(0.1), START, 3, sample=draw, key=wrong)


@pytest.mark.parametrize("name", ["sample", "record"])
def test_what_is_no_function(name):
    with pytest.raises(TypeError, match=f"{name} must be a function"):
        gs.solve(XY, gs.simgd(0.1), START, 3, key=jax.random.key(0), **{name: 3})


@jax.tree_util.register_pytree_node_class
class Rows:
    """Rows of an array drawn at random: a callable with leaves."""

    traces = 0

    def __init__(self, array):
        self.array = array

    def __call__(self, key):
        Rows.traces += 1
        return self.array[jax.random.randint(key, (2,), 0, len(self.array))]

    def tree_flatten(self):
        return (self.array,), None

    @classmethod
    def tree_unflatten(cls, _, leaves):
        return cls(*leaves)


def test_samplers_with_leaves():
    key = jax.random.key(1)
    ends = []
    for scale in (1.0, 2.0, 3.0):
        rows = Rows(scale * jnp.arange(4.0))
        ends.append(gs.solve(NOISY, gs.simgd(0.01), START, 3, sample=rows, key=key).players[0])
    assert Rows.traces == 1
    assert len(set(map(float, ends))) == 3
    partial = jax.tree_util.Partial(lambda array, key: Rows(array)(key), jnp.arange(4.0))
    again = gs.solve(NOISY, gs.simgd(0.01), START, 3, sample=partial, key=key).players[0]
    np.testing.assert_allclose(again, ends[0], rtol=1e-6)
    slope = jax.grad(lambda array: gs.solve(NOISY, gs.simgd(0.01), START, 3, sample=Rows(array), key=key).players[0])
    assert np.isfinite(slope(jnp.arange(4.0))).all()


def test_bound_data_stay_without_a_sampler():
    bound = NOISY.bind(jnp.array([1.0, 1.0]))
    chex.assert_trees_all_close(
        gs.solve(bound, gs.simgd(0.1), START, 3).players, looped(bound, gs.simgd(0.1), START, 3)[0], rtol=1e-5
    )


def test_tol_stops_at_the_first_small_field():
    # z_t = 0.5^t z_0 and the norm of the field is 2 |z_t|
    start = (jnp.float32(3.0), jnp.float32(4.0))
    norm = lambda t: 10.0 * 0.5**t
    for stop in (0, 3, 6):
        for tol in (norm(stop), 1.5 * norm(stop)):
            solution = gs.solve(BOWL, gs.simgd(0.25), start, 12, tol=tol)
            assert solution.steps == stop
            assert solution.status == gs.Status.CONVERGED
            np.testing.assert_allclose(solution.players, np.array(start) * 0.5**stop)
    out = gs.solve(BOWL, gs.simgd(0.25), start, 4, tol=norm(5))
    assert (int(out.steps), gs.Status(int(out.status))) == (4, gs.Status.BUDGET)
    last = gs.solve(BOWL, gs.simgd(0.25), start, 4, tol=norm(4))
    assert (int(last.steps), gs.Status(int(last.status))) == (4, gs.Status.CONVERGED)
    later = gs.solve(BOWL, gs.simgd(0.25), start, 12, tol=norm(3), start=100)
    assert later.steps == 103


def test_max_norm_stops_a_run():
    solution = gs.solve(BOWL, gs.simgd(1.5), (3.0, 4.0), 10, max_norm=30.0)  # z_t = (-2)^t z_0
    assert solution.steps == 3
    assert solution.status == gs.Status.DIVERGED
    assert [float(player) for player in solution.players] == [-24.0, -32.0]
    assert gs.solve(BOWL, gs.simgd(0.1), (3.0, 4.0), 10, max_norm=30.0).status == gs.Status.BUDGET
    both = gs.solve(BOWL, gs.simgd(0.25), (3.0, 4.0), 50, max_norm=30.0, tol=1e-3)
    assert both.status == gs.Status.CONVERGED
    assert gs.solve(BOWL, gs.simgd(0.25), (3.0, 4.0), 50, max_norm=1.0).steps == 0


@pytest.mark.parametrize("options", [{}, {"tol": 1e-6}, {"max_norm": jnp.inf}], ids=["fixed", "tol", "max_norm"])
def test_runs_that_leave_the_numbers(options):
    broken = gs.zero_sum(lambda x, y: jnp.log(x) * y)
    solution = gs.solve(broken, gs.simgd(1.0), (0.5, 1.0), 20, **options)
    assert gs.Status(int(solution.status)) is gs.Status.DIVERGED
    assert solution.steps == 20 if not options else solution.steps < 20
    blown = gs.solve(BOWL, gs.simgd(1e10), (1.0, 1.0), 20, **options)
    assert blown.status == gs.Status.DIVERGED


def test_rows_after_an_early_stop_are_missing():
    def record(players, state):
        return {
            "x": players[0],
            "count": jnp.int32(3),
            "flag": jnp.bool_(True),
            "half": players[0].astype(jnp.bfloat16),
            "complex": players[0] + 1j,
        }

    solution = gs.solve(BOWL, gs.simgd(0.25), (3.0, 4.0), 12, tol=10 * 0.5**5, record=record, every=2)
    assert solution.steps == 5
    trace = solution.trace
    np.testing.assert_allclose(trace["x"], [0.75, 0.1875] + [np.nan] * 4)
    assert trace["count"].tolist() == [3, 3] + [np.iinfo(np.int32).min] * 4
    assert trace["flag"].tolist() == [True, True] + [False] * 4
    assert np.isnan(trace["complex"]).tolist() == [False] * 2 + [True] * 4
    assert trace["half"].dtype == jnp.bfloat16
    whole = gs.solve(BOWL, gs.simgd(0.25), (3.0, 4.0), 12, tol=10 * 0.5**4, record=record, every=2).trace
    np.testing.assert_allclose(whole["x"][:2], [0.75, 0.1875])
    assert np.isnan(whole["x"][2:]).all()
    at_once = gs.solve(BOWL, gs.simgd(0.25), (0.0, 0.0), 12, tol=1e-3, record=record, every=2)
    assert np.isnan(at_once.trace["x"]).all()
    assert at_once.steps == 0


@pytest.mark.parametrize("options", [{"tol": 1e-3}, {"max_norm": 10.0}], ids=["tol", "max_norm"])
def test_reverse_mode_refuses_early_stops(options):
    loss = lambda rate: gs.solve(BOWL, gs.simgd(rate), (3.0, 4.0), 5, **options).players[0]
    message = r"solve with tol or max_norm does not support reverse-mode grad.*use jax\.jvp or jax\.jacfwd"
    for differentiate in (jax.grad(loss), jax.jit(jax.grad(loss)), jax.jacrev(loss), jax.value_and_grad(loss)):
        with pytest.raises(ValueError, match=message):
            differentiate(0.1)
    with pytest.raises(ValueError, match=message):
        jax.vmap(jax.grad(loss))(jnp.full(2, 0.1))
    # z_5 = 3 (1 - 2 rate)^5
    np.testing.assert_allclose(jax.jacfwd(loss)(0.1), -30 * 0.8**4, rtol=1e-5)
    traced = lambda rate: gs.solve(
        BOWL, gs.simgd(rate), (3.0, 4.0), 5, record=lambda players, _: players[0], **options
    ).trace[1]
    np.testing.assert_allclose(jax.jacfwd(traced)(0.1), -12 * 0.8, rtol=1e-5)
    with pytest.raises(ValueError, match=message):
        jax.grad(traced)(0.1)


def test_solve_inside_jit():
    run = jax.jit(lambda solver, players: gs.solve(XY, solver, players, 3, record=lambda players, _: players, every=3))
    for rate in (0.1, 0.2):
        chex.assert_trees_all_close(
            run(gs.cgd(rate), START).players, gs.solve(XY, gs.cgd(rate), START, 3).players, rtol=1e-6
        )
    whole = jax.jit(gs.solve, static_argnums=3)(XY, gs.cgd(0.1), START, 3)
    chex.assert_trees_all_close(whole.players, gs.solve(XY, gs.cgd(0.1), START, 3).players, rtol=1e-6)


def test_statuses_round_trip():
    assert [status.name for status in gs.Status] == ["BUDGET", "CONVERGED", "DIVERGED", "STOPPED"]
    status = gs.solve(XY, gs.simgd(0.1), START, 1).status
    assert gs.Status(int(status)) is gs.Status.BUDGET
    assert status.dtype == jnp.int32
    assert isinstance(gs.solve(XY, gs.simgd(0.1), START, 1), gs.Solution)


def test_python_numbers_beside_arrays_of_another_precision(x64):
    """A Python number takes the precision of the other players, in `solve` as in `step`."""
    for players in ((1.0, np.float32(2.0)), (jnp.asarray(1.0), jnp.float32(2.0))):
        stepped, _ = gs.step(XY, gs.simgd(0.1), players)
        solution = gs.solve(XY, gs.simgd(0.1), players, 1)
        assert [leaf.dtype for leaf in (*stepped, *solution.players)] == [jnp.float32] * 4
    assert gs.solve(XY, gs.simgd(0.1), (1.0, 2.0), 1).players[0].dtype == jnp.float64


def test_wrong_games():
    for call in (gs.solve, gs.step):
        with pytest.raises(TypeError, match=r"game must be a Game, got function\. Make one with gamesolve\.zero_sum"):
            call(lambda x, y: x * y, gs.simgd(0.1), START, 1)


def test_invariance_under_scaling(x64):
    """Payoffs scaled by 1e-6 with step sizes scaled by 1e6 give the same iterates of CGD."""
    coupling = jax.random.normal(jax.random.key(0), (3, 2))
    f = lambda x, y, scale: scale * (x @ coupling @ y + x @ x - y @ y)
    g = lambda x, y, scale: scale * (x @ jnp.sin(coupling) @ y - y @ y)
    start = (jnp.ones(3), jnp.ones(2))
    for make in (gs.zero_sum, lambda f, constants: gs.general_sum(f, g, constants=constants)):
        game, scaled = make(f, constants=(1.0,)), make(f, constants=(1e-6,))
        plain = gs.solve(game, gs.cgd(0.1), start, 5).players
        chex.assert_trees_all_close(gs.solve(scaled, gs.cgd(1e5), start, 5).players, plain, rtol=1e-8)


def test_nothing_calls_back_to_the_host():
    text = str(jax.make_jaxpr(lambda players: gs.solve(XY, gs.acgd(0.1), players, 3, tol=1e-3))(START))
    assert "callback" not in text


def test_no_norm_without_tol():
    run = lambda **options: str(
        jax.make_jaxpr(lambda players: gs.solve(XY, gs.simgd(0.1), players, 3, **options))(START)
    )
    assert "sqrt" not in run()
    assert "sqrt" in run(tol=1e-3)
