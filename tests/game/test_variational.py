"""Games without payoffs: every solver and analysis takes the steps of the same game with payoffs, or says no."""

import functools
import pathlib
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import registry

COUPLING = np.array([[0.7, -0.3], [0.2, 0.5]])
START = (np.array([0.4, -0.3]), np.array([0.2, 0.6]))
NEEDS = "needs payoffs, got a game made by from_field or from_operator"
# Their formulas have gradients of payoffs in the other player, a leader's total derivative, or a symmetric block of J.
LEADING = ["lola", "sos", "hola", "unrolled_lola", "meta_mapg", "pola", "stackelberg", "follow_the_ridge"]


def f(x, y):
    return jnp.sin(x) @ COUPLING @ y - 0.6 * x @ x + 0.1 * jnp.sum(x**2 * y)


def g(x, y):
    return x @ COUPLING.T @ jnp.tanh(y) - 0.5 * y @ y - 0.1 * jnp.sum(x * y**3)


def of(game):
    return gs.from_field(lambda *players: game.field(players), game.num_players)


GENERAL, ZERO = gs.general_sum(f, g), gs.zero_sum(lambda x, y: g(x, y) - f(x, y))
FORMS = {
    "general-sum": (of(GENERAL), GENERAL),
    "zero-sum": (of(ZERO), ZERO),
    "operator": (gs.from_operator(lambda x, y: jax.tree.map(jnp.negative, GENERAL.field((x, y))), 2), GENERAL),
}
FAST = [("general-sum", name) for name in (*registry.CORE, *LEADING, "newton", "lss")]
FAST += [("zero-sum", "cgd"), ("operator", "conopt")]
ALL = [(form, name) for form in FORMS for name in registry.SOLVERS if (form, name) not in FAST]


def same(first, second):
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=0, atol=1e-9), first, second)


def same_steps(form, name):
    stated, plain = FORMS[form]
    solver, players = registry.SOLVERS[name].build(0.1), jax.tree.map(jnp.asarray, START)
    steps = lambda game: gs.solve(game, solver, players, 3).players
    if name in LEADING:
        with pytest.raises(ValueError, match=NEEDS):
            steps(stated)
    else:
        same(steps(stated), steps(plain))


@pytest.mark.parametrize(("form", "name"), FAST)
def test_a_solver_takes_the_steps_of_the_game_with_payoffs_or_refuses(form, name, x64):
    same_steps(form, name)


def refuses(name):
    """Whether tracing one step says that the solver needs payoffs."""
    solver, players = registry.SOLVERS[name].build(0.1), jax.tree.map(jnp.asarray, START)
    try:
        jax.eval_shape(functools.partial(gs.step, FORMS["general-sum"][0], solver), players)
    except ValueError as error:
        return NEEDS in str(error)
    return False


def test_the_documentation_lists_the_solvers_that_need_payoffs():
    refusing = {name for name in registry.SOLVERS if refuses(name)}
    assert refusing == set(LEADING)
    page = (pathlib.Path(__file__).parents[2] / "docs/constraints.md").read_text()
    listed = page.partition("take the same steps as on the game with payoffs, except ")[2].partition(". These")[0]
    assert set(re.findall("`(.*?)`", listed)) == refusing


@pytest.mark.full
@pytest.mark.parametrize(("form", "name"), ALL)
def test_every_solver_on_every_form(form, name, x64):
    same_steps(form, name)


def test_the_field_is_evaluated_once():
    calls = []

    def field(x, y):
        calls.append(1)
        return -y, x

    game = gs.from_field(field, 2)
    assert [float(entry) for entry in gs.from_operator(field, 2).field((1.0, 2.0))] == [2.0, -1.0]
    game.field((1.0, 2.0))
    before = len(calls)
    assert [float(entry) for entry in game.field((1.0, 2.0))] == [-2.0, 1.0]
    assert len(calls) == before + 1
    assert not game.is_zero_sum
    assert game == gs.from_field(field, 2)


def test_a_field_that_is_no_gradient_of_its_player_and_has_branches(x64):
    """Each player's own block of J is a rotation, and a loop computes the field: nothing is differentiated but J."""

    def field(x):
        return (
            jax.lax.while_loop(lambda c: c[1] < 3, lambda c: (c[0] / 2, c[1] + 1), (jnp.stack([-x[1], x[0]]), 0))[0],
        )

    game = gs.from_field(field, 1)
    same(game.field((jnp.array([8.0, 16.0]),)), (jnp.array([-2.0, 1.0]),))
    same(
        gs.analysis.jacobian(gs.from_field(lambda x: (jnp.stack([-x[1], x[0]]),), 1), (jnp.ones(2),)), [[0, -1], [1, 0]]
    )
    assert float(gs.solve(game, gs.extragradient(0.5), (jnp.ones(2),), 200).players[0][0]) < 1


def test_a_complementarity_problem(x64):
    """z >= 0, F(z) >= 0, z F(z) = 0 for F(z) = M z + q, M not symmetric: Kojima and Shindo's linear case by hand."""
    M, q = jnp.array([[2.0, 1.0, 0.0], [-1.0, 2.0, 1.0], [0.0, -1.0, 2.0]]), jnp.array([-3.0, 1.0, -4.0])
    game = gs.from_operator(lambda z, M, q: (M @ z + q,), 1, constants=(M, q))
    solver = gs.extragradient(0.2, projections=lambda z: jnp.maximum(z, 0))
    solution = gs.solve(game, solver, (jnp.zeros(3),), 5000, tol=1e-10)
    z = solution.players[0]
    F = M @ z + q
    assert solution.ending == gs.Status.CONVERGED
    assert bool(jnp.all(z >= 0))
    assert bool(jnp.all(F >= -1e-9))
    assert float(jnp.abs(z @ F)) < 1e-9
    np.testing.assert_allclose(z, [1.5, 0, 2], atol=1e-8)


def test_data_model_state_and_constants(x64):
    def field(x, y, a, batch, *, model_state):
        mean = jnp.mean(batch)
        return (-a * y - x + mean, a * x - y), gs.Aux({"mean": mean}, model_state + 1)

    game = gs.from_field(field, 2, constants=(2.0,), model_state=jnp.zeros((), int))
    record = lambda players, state, computed: (computed.norms, computed.metrics[0]["mean"], computed.payoffs)
    sample = lambda key: jax.random.normal(key, (4,))
    run = gs.solve(game, gs.extragradient(0.1), (1.0, 1.0), 5, sample=sample, key=jax.random.key(0), record=record)
    assert int(run.model_state) == 5
    assert run.trace[0][0].shape == run.trace[1].shape == (5,)
    assert run.trace[2] == ()
    slope = jax.grad(
        lambda a: gs.solve(
            gs.from_field(lambda x, y, a: (-a * y, x), 2, constants=(a,)), gs.simgd(0.5), (1.0, 2.0), 1
        ).players[0]
    )(3.0)
    assert float(slope) == -1.0


def test_analysis_that_needs_no_payoffs(x64):
    stated, plain = FORMS["general-sum"]
    same(gs.analysis.jacobian(stated, START), gs.analysis.jacobian(plain, START))
    alone = [gs.analysis.alone(game, START, 1).field(START[1:]) for game in FORMS["general-sum"]]
    same(*alone)


@pytest.mark.full
def test_rates_of_solvers_and_smoothed_games_need_no_payoffs(x64):
    stated, plain = FORMS["general-sum"]
    zeros = (jnp.zeros(2), jnp.zeros(2))
    same(gs.analysis.eigenvalues(stated, START), gs.analysis.eigenvalues(plain, START))
    for solver in (gs.extragradient(0.2), gs.cgd(0.2)):
        same(gs.analysis.rate(stated, solver, zeros), gs.analysis.rate(plain, solver, zeros))

    smoothed = [gs.analysis.smooth(game, 0.3, 50, jax.random.key(0)).field(START) for game in (stated, plain)]
    same(*smoothed)


def test_micro_batches():
    field = lambda x, y, a: (-jnp.mean(a) * y, jnp.mean(a) * x)
    game = gs.from_field(field, 2).bind(jnp.arange(8.0))
    same(gs.estimators.micro_batched(game, 4).field((1.0, 2.0)), (jnp.array(-7.0), jnp.array(3.5)))


STATED = FORMS["general-sum"][0]
REFUSED = {
    "evaluate": lambda: STATED.evaluate(START),
    "classify": lambda: gs.analysis.classify(STATED, START),
    "classify_large": lambda: gs.analysis.classify_large(STATED, START, jax.random.key(0)),
    "find_equilibria": lambda: gs.analysis.find_equilibria(of(gs.games.curl()), [(0.1, 0.2)]),
    "best_response": lambda: gs.analysis.best_response(STATED, gs.simgd(0.1), START, 0, 3),
    "exploitability": lambda: gs.analysis.exploitability(STATED, gs.simgd(0.1), START, 3),
    "hessian_spectra": lambda: gs.analysis.hessian_spectra(STATED, START),
    "stackelberg_spectrum": lambda: gs.analysis.stackelberg_spectrum(STATED, START),
    "line search": lambda: gs.step(STATED, gs.per_player(optax.lbfgs(memory_size=1), optax.sgd(0.1)), START),
    "polyak": lambda: gs.step(STATED, gs.per_player(optax.polyak_sgd(), optax.sgd(0.1)), START),
    "backtracking": lambda: gs.solve(
        STATED,
        gs.per_player(optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(5)), optax.sgd(0.1)),
        START,
        2,
    ),
    "plateau": lambda: gs.solve(
        STATED, gs.per_player(optax.chain(optax.sgd(1.0), optax.contrib.reduce_on_plateau()), optax.sgd(0.1)), START, 2
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_payoffs_says_so(name, x64):
    with pytest.raises(ValueError, match=NEEDS):
        REFUSED[name]()


class Pair(NamedTuple):
    first: jax.Array
    second: jax.Array


def test_a_field_may_return_a_named_tuple():
    same(gs.from_field(lambda x, y: Pair(-x, 2 * y), 2).field((1.0, 2.0)), (jnp.array(-1.0), jnp.array(4.0)))
    same(gs.from_operator(lambda x, y: Pair(-x, 2 * y), 2).field((1.0, 2.0)), (jnp.array(1.0), jnp.array(-4.0)))


def test_mistakes():
    with pytest.raises(
        TypeError, match="the field must return a tuple with one entry for each of 2 players, got 1 entr"
    ):
        gs.from_field(lambda x, y: (x,), 2).field((1.0, 1.0))
    with pytest.raises(TypeError, match="the field must return a tuple with one entry for each of 2 players, got "):
        gs.from_field(lambda x, y: x, 2).field((1.0, 1.0))
    with pytest.raises(ValueError, match=r"the field must return entry 1 shaped as player 1, \(2,\), got \(\)"):
        gs.from_field(lambda x, y: (x, x), 2).field((1.0, jnp.ones(2)))
    with pytest.raises(
        TypeError, match=r"the field must take the players, the constants and the data, got lambda\(x\)"
    ):
        gs.from_field(lambda x: (x,), 2).field((1.0, 1.0))
    with pytest.raises(TypeError, match=r"num_players must be an integer, got 2\.5"):
        gs.from_field(lambda x: (x,), 2.5)
    with pytest.raises(TypeError, match="the field must be a function of the players, got int"):
        gs.from_operator(3, 2)
