"""Constrained problems against their solutions in the literature and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games

pytestmark = pytest.mark.usefixtures("x64")


def rosen_suzuki(x):
    return x @ (jnp.array([1.0, 1, 2, 1]) * x) - x @ jnp.array([5.0, 5, 21, -7])


def three_balls(x):
    a, b, c, d = x
    sums = a**2 + b**2 + c**2
    return jnp.array(
        [sums + d**2 + a - b + c - d - 8, sums + b**2 + 2 * d**2 - a - d - 10, sums + a**2 + 2 * a - b - d - 5]
    )


def test_method_of_multipliers_solves_rosen_suzuki():
    """Problem 43 of Hock and Schittkowski: x = (0, 1, 2, -1), objective -44, multipliers (1, 0, 2)."""
    game = games.augmented_lagrangian(rosen_suzuki, inequality=three_balls, penalty=0.1)
    players = (jnp.zeros(4), games.multipliers(jnp.zeros(4), inequality=three_balls))
    for _ in range(10):
        (penalty,) = game.constants
        inner = gs.solve(game, gs.simgd((0.2 / (4 + 30 * penalty), 0.0)), players, 300).players
        after, _ = gs.step(game, gs.simgd((0.0, penalty)), inner)
        game, players = games.grow_penalty(game, players, inner), after
    np.testing.assert_allclose(players[0], [0, 1, 2, -1], atol=1e-5)
    np.testing.assert_allclose(players[1]["inequality"], [1, 0, 2], atol=2e-5)
    assert float(rosen_suzuki(players[0])) == pytest.approx(-44, abs=1e-4)
    assert float(game.constants[0]) > 1


def test_the_penalty_makes_a_saddle_of_the_objective_stable():
    """Maximise x y on x + y = 2: across the line the objective curves down, by one; the penalty adds 2 c."""
    problem = {"objective": lambda x: -x[0] * x[1], "equality": lambda x: x[0] + x[1] - 2}
    players = (jnp.ones(2), {"equality": jnp.array(1.0)})
    for game, stable in (
        (games.lagrangian(**problem), False),
        (games.augmented_lagrangian(**problem, penalty=0.4), False),
        (games.augmented_lagrangian(**problem, penalty=0.6), True),
    ):
        assert all(bool(jnp.all(entry == 0)) for entry in jax.tree.leaves(game.field(players)))
        assert bool(gs.analysis.rate(game, gs.altgd(0.05), players) < 1) == stable


def test_a_step_of_size_c_is_the_update_of_the_method_of_multipliers():
    penalty, x = 3.0, jnp.array([0.5, -1.0])
    functions = {"equality": lambda x: {"sum": x[0] + 2 * x[1]}, "inequality": lambda x: x**2 - 0.5}
    multipliers = {"equality": {"sum": jnp.array(-0.4)}, "inequality": jnp.array([0.2, 0.1])}
    game = games.augmented_lagrangian(lambda x: x @ x, **functions, penalty=penalty)
    assert game.is_zero_sum
    (_, after), _ = gs.step(game, gs.simgd((0.0, penalty)), (x, multipliers))
    assert float(after["equality"]["sum"]) == pytest.approx(-0.4 - 1.5 * penalty)
    np.testing.assert_allclose(after["inequality"], np.maximum([0.2 - 0.25 * penalty, 0.1 + 0.5 * penalty], 0))
    h, shifted = -1.5, np.array([0.0, 1.6])
    value = 1.25 - 0.4 * h + penalty / 2 * h**2 + (shifted @ shifted - 0.05) / (2 * penalty)
    assert float(game.evaluate((x, multipliers))[1]) == pytest.approx(value)


def test_another_penalty_does_not_compile_again():
    traces = []

    def objective(x):
        traces.append(x)
        return x**2

    on_one, counts = lambda x: x - 1, []
    for penalty in (1.0, 2.0, 4.0):
        game = games.augmented_lagrangian(objective, equality=on_one, penalty=penalty)
        gs.solve(game, gs.simgd(0.01), (0.0, {"equality": 0.0}), 3)
        counts.append(len(traces))
    assert counts[0] == counts[-1]


def test_multipliers_of_examples_follow_their_examples():
    """The least x with x >= a_i: the average of the multipliers is x, and only the largest a_i has one."""
    least = jnp.array([0.3, 0.9, 1.2, -0.5, 0.1, 1.1])
    problem = {"inequality": lambda x, batch: batch["least"] - x}
    game = games.lagrangian(lambda x, batch: x**2 / 2, **problem, index=lambda batch: batch["row"])
    data = {"row": jnp.arange(6), "least": least}
    start = (jnp.array(0.0), games.multipliers(jnp.array(0.0), **problem, constants=(data,), examples=6))
    batch = {"row": jnp.array([1, 4]), "least": least[jnp.array([1, 4])]}
    x_entry, entry = game.bind(batch).field(start)
    assert float(x_entry) == 0
    np.testing.assert_allclose(entry["inequality"], [0, 0.45, 0, 0, 0.05, 0])
    solver = gs.extragradient((0.05, 1.0), projections=(None, games.multiplier_projection))
    (x, variables), *_ = gs.solve(game.bind(data), solver, start, 3000)
    assert float(x) == pytest.approx(1.2, abs=1e-6)
    np.testing.assert_allclose(variables["inequality"], [0, 0, 7.2, 0, 0, 0], atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_penalty_stays_once_the_violation_is_rounding(dtype):
    """Maximise x y on x + y = 2: the multiplier is 1, in thirty rounds as in five."""
    game = games.augmented_lagrangian(lambda x: -x[0] * x[1], equality=lambda x: x[0] + x[1] - 2, penalty=1.0)
    players = (jnp.zeros(2, dtype), {"equality": jnp.zeros((), dtype)})
    for _ in range(30):
        (penalty,) = game.constants
        inner = gs.solve(game, gs.simgd((0.1 / float(penalty), 0.0)), players, 100).players
        after, _ = gs.step(game, gs.simgd((0.0, float(penalty))), inner)
        game, players = games.grow_penalty(game, players, inner), after
    assert float(game.constants[0]) <= 100
    assert float(players[1]["equality"]) == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(players[0], 1, atol=1e-5)


def test_the_tolerance_of_the_violation_can_be_chosen():
    game = games.augmented_lagrangian(lambda x: x**2, equality=lambda x: x - 1, penalty=1.0)
    before, after = ((x, {"equality": 0.0}) for x in (0.99, 0.995))
    for tolerance, grown in ((None, True), (0.006, False), (0.004, True)):
        assert float(games.grow_penalty(game, before, after, tolerance=tolerance).constants[0]) == (10 if grown else 1)
    with pytest.raises(ValueError, match="tolerance must not be negative or NaN, got -1"):
        games.grow_penalty(game, before, after, tolerance=-1)


def of_examples(rows):
    """Return a game with three constraints x >= least[i], bound to these rows of them."""
    least = jnp.array([0.5, 1.0, 2.0])
    inequality = lambda x, rows: least[jnp.asarray(rows, int)[:2]] - x
    return games.lagrangian(lambda x, rows: x**2, inequality=inequality, index=lambda rows: rows).bind(rows)


PER_EXAMPLE = (jnp.array(1.0), {"inequality": jnp.array([0.0, 0.0, 7.0])})


@pytest.mark.parametrize("rows", [[1, 3], [-1, 0]])
def test_numbers_of_examples_out_of_range_are_never_replaced_by_others(rows):
    """A compiled program can't raise: its payoffs are NaN, and its run diverges."""
    game, rows = of_examples(jnp.array([0, 1])), jnp.array(rows)
    with pytest.raises(ValueError, match=f"numbers from 0 to 2, .* got {rows.min()} to {rows.max()}"):
        of_examples(rows).evaluate(PER_EXAMPLE)
    assert all(bool(jnp.isnan(value)) for value in jax.jit(lambda rows: of_examples(rows).evaluate(PER_EXAMPLE))(rows))
    assert all(bool(jnp.isfinite(value)) for value in game.evaluate(PER_EXAMPLE))
    indexed = gs.transforms.indexed(optax.sgd(1.0), index=lambda rows: rows)
    move = lambda rows: indexed.update(jnp.ones(3), indexed.init(jnp.ones(3)), data=(rows,))[0]
    with pytest.raises(ValueError, match="numbers from 0 to 2"):
        move(rows)
    assert jax.jit(move)(rows).tolist() == [-float(row in rows.tolist()) for row in range(3)]


@pytest.mark.parametrize(
    ("rows", "seen"),
    [
        (jnp.array(1), r"shape \(\) of int"),
        (jnp.array([True, False, True]), r"shape \(3,\) of bool"),
        (jnp.array([1.0, 2.0]), r"shape \(2,\) of float"),
        ([0, 1], "list"),
    ],
    ids=["number", "mask", "floats", "list"],
)
def test_an_index_is_a_vector_of_integers(rows, seen):
    rule = f"index must return a vector of integers, .*, got {seen}"
    game = games.lagrangian(lambda x, batch: x**2, inequality=lambda x, batch: x * batch, index=lambda batch: rows)
    with pytest.raises(TypeError, match=rule):
        game.bind(jnp.ones(2)).field(PER_EXAMPLE)
    indexed = gs.transforms.indexed(optax.sgd(1.0), index=lambda batch: rows)
    with pytest.raises(TypeError, match=rule):
        indexed.update(jnp.ones(3), indexed.init(jnp.ones(3)), data=(jnp.ones(2),))


def test_mistakes():
    with pytest.raises(ValueError, match=r"penalty must be finite and above 0, got 0\."):
        games.augmented_lagrangian(lambda x: x, equality=lambda x: x, penalty=0.0)
    with pytest.raises(ValueError, match=r"penalty must be one number, got an array of shape \(2,\)"):
        games.augmented_lagrangian(lambda x: x, equality=lambda x: x, penalty=jnp.ones(2))
    with pytest.raises(ValueError, match="augmented_lagrangian needs a constraint, got none"):
        games.augmented_lagrangian(lambda x: x, penalty=1.0)
    with pytest.raises(ValueError, match="game must be made by augmented_lagrangian"):
        games.grow_penalty(games.curl(), (0.0, 0.0), (0.0, 0.0))
