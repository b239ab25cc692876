import dataclasses
import functools
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gamesolve as gs
from gamesolve.game import Negated, as_players, signed

NUMBERS = st.floats(-10, 10, width=32)


def product(x, y):
    return x * y


def scaled(x, y, factor):
    return factor * jnp.sum(x * y)


XY = gs.zero_sum(product)


def counted(function):
    calls = []

    @functools.wraps(function)
    def payoff(*args):
        calls.append(args)
        return function(*args)

    return payoff, calls


@given(NUMBERS, NUMBERS)
def test_zero_sum_signs(x, y):
    np.testing.assert_array_equal(np.asarray(XY.field((x, y))), np.float32([-y, x]))
    value = np.float32(x) * np.float32(y)
    np.testing.assert_array_equal(np.asarray(XY.evaluate((x, y))), [-value, value])


@given(NUMBERS, NUMBERS)
def test_from_losses_is_general_sum_negated(x, y):
    losses = gs.from_losses(lambda x, y: x**2 + x * y, lambda x, y: (y - x) ** 2)
    payoffs = gs.general_sum(lambda x, y: -(x**2) - x * y, lambda x, y: -((y - x) ** 2))
    chex.assert_trees_all_close(losses.field((x, y)), payoffs.field((x, y)), rtol=1e-6)
    chex.assert_trees_all_close(losses.field((x, y)), (-2 * x - y, -2 * (y - x)), rtol=1e-5, atol=1e-5)
    chex.assert_trees_all_close(losses.evaluate((x, y)), payoffs.evaluate((x, y)))


def test_three_players_get_their_own_gradients():
    game = gs.general_sum(lambda x, y, z: x * y, lambda x, y, z: y * z * z, lambda x, y, z: x * y * z)
    assert game.num_players == 3
    assert not game.is_zero_sum
    assert [float(entry) for entry in game.field((2.0, 3.0, 5.0))] == [3.0, 25.0, 6.0]
    assert [float(entry) for entry in game.gradients((2.0, 3.0, 5.0), (2, 0))] == [6.0, 3.0]
    assert [float(value) for value in game.evaluate((2.0, 3.0, 5.0))] == [6.0, 75.0, 30.0]


@pytest.mark.parametrize(
    ("game", "passes"),
    [
        (lambda f: gs.zero_sum(f), 1),
        (lambda f: gs.general_sum(f, f), 1),
        (lambda f: gs.general_sum(f, lambda x, y: f(x, y)), 2),
    ],
)
def test_players_that_share_a_payoff_share_a_backward_pass(game, passes):
    payoff, calls = counted(product)
    stated = game(payoff)
    jax.eval_shape(stated.field, (1.0, 2.0))  # the first look also searches each payoff for derivative rules
    calls.clear()
    jaxpr = jax.make_jaxpr(stated.field)((1.0, 2.0))
    assert len(calls) == passes
    assert str(jaxpr).count(" mul ") <= 2 * passes + 1


def test_equal_payoffs_make_equal_games():
    assert gs.zero_sum(product) == XY
    assert hash(gs.zero_sum(product)) == hash(XY)
    assert gs.zero_sum(lambda x, y: x * y) != XY
    assert gs.general_sum(Negated(product), product).is_zero_sum
    assert gs.general_sum(product, Negated(product)).is_zero_sum
    assert not gs.general_sum(product, product).is_zero_sum
    assert not gs.general_sum(product, Negated(Negated(product))).is_zero_sum
    assert signed(Negated(Negated(product))) == (1, product)
    assert jax.tree.structure(gs.zero_sum(product)) == jax.tree.structure(XY)


def test_equal_games_trace_once():
    payoff, calls = counted(product)
    field = jax.jit(lambda game, players: game.field(players))
    traces = []
    for x in (1.0, 2.0, 3.0):
        field(gs.zero_sum(payoff), (x, 1.0))
        gs.solve(gs.zero_sum(payoff), gs.simgd(0.1), (x, 1.0), 3)
        traces.append(len(calls))
    assert traces[0] == traces[-1] <= 3


def test_games_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        XY.data = (1.0,)


def test_constants_are_leaves():
    payoff, calls = counted(scaled)
    games = [gs.zero_sum(payoff, constants=(factor,)) for factor in (1.0, 2.0, 3.0)]
    assert jax.tree.leaves(games[1]) == [2.0]
    stack = jax.tree.map(lambda *leaves: jnp.stack(leaves), *games)
    x, y = jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])
    v = jax.vmap(lambda game: game.field((x, y)))(stack)
    assert len(calls) == 2  # one to search it for derivative rules
    factors = jnp.array([[1.0], [2.0], [3.0]])
    chex.assert_trees_all_close(v, (-factors * y, factors * x))


def test_gradients_go_through_constants():
    def equilibrium(shift):
        game = gs.general_sum(lambda x, y, c: -((x - c) ** 2), lambda x, y, c: -((y - x * c) ** 2), constants=(shift,))
        return gs.solve(game, gs.simgd(0.25), (0.0, 0.0), 60).players

    chex.assert_trees_all_close(equilibrium(3.0), (3.0, 9.0), rtol=1e-5)
    chex.assert_trees_all_close(jax.jacrev(equilibrium)(3.0), (1.0, 6.0), rtol=1e-5)
    chex.assert_trees_all_close(jax.jacfwd(equilibrium)(3.0), (1.0, 6.0), rtol=1e-5)


def test_gradients_go_through_what_a_payoff_closes_over():
    def reached(factor):
        return gs.solve(gs.zero_sum(lambda x, y: factor * x * y), gs.simgd(0.5), (1.0, 1.0), 2).players[0]

    # x_2 = 1 - 0.5 a - 0.5 a (1 + 0.5 a)
    assert float(reached(2.0)) == pytest.approx(-2.0)
    assert float(jax.grad(reached)(2.0)) == pytest.approx(-2.0)


def test_bind_replaces_the_data():
    game = gs.zero_sum(lambda x, y, scale, shift: scale * x * (y - shift))
    bound = game.bind(2.0, 1.0)
    assert bound.evaluate((1.0, 3.0))[1] == 4.0
    assert bound.bind(3.0, 0.0).evaluate((1.0, 3.0))[1] == 9.0
    assert game.data == ()
    assert bound.bind().data == ()


def test_data_come_after_constants():
    game = gs.zero_sum(lambda x, y, constant, batch: x * y + constant - batch, constants=(10.0,)).bind(1.0)
    assert game.evaluate((1.0, 1.0))[1] == 10.0


def test_odd_pytrees_keep_their_shape():
    players = ({"a": [jnp.ones(2), None], "b": (jnp.ones(()),)}, jnp.ones((2, 1)))
    game = gs.zero_sum(lambda x, y: x["a"][0] @ y[:, 0] * x["b"][0])
    v = game.field(players)
    chex.assert_trees_all_equal_structs(v, players)
    chex.assert_trees_all_equal_shapes_and_dtypes(v, players)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_precision_is_kept(dtype, x64):
    v = XY.field((jnp.ones((), dtype), jnp.ones((), dtype)))
    assert {entry.dtype for entry in v} == {jnp.dtype(dtype)}


def test_python_numbers_take_the_others_precision(x64):
    weak = jnp.asarray(1.0)
    assert weak.weak_type
    for number in (1.0, weak):
        players = as_players((number, np.float32(2)), 2)
        assert [entry.dtype for entry in players] == [jnp.float32] * 2
        assert not any(entry.weak_type for entry in players)
    assert as_players((1.0, 2.0), 2)[0].dtype == jnp.float64


def test_numpy_players():
    v = XY.field((np.float64(2), np.array(3.0)))
    assert [float(entry) for entry in v] == [-3.0, 2.0]
    assert all(isinstance(entry, jax.Array) for entry in v)


@pytest.mark.parametrize(
    ("players", "error", "message"),
    [
        ([1.0, 1.0], TypeError, "players must be a tuple with one entry per player, got list"),
        ({"x": 1.0}, TypeError, "got dict"),
        (1.0, TypeError, "got float"),
        ((1.0,), ValueError, "players must have one entry for each of the game's 2 players, got 1"),
        ((1.0,) * 3, ValueError, "players must have one entry for each of the game's 2 players, got 3"),
        ((1, 1.0), TypeError, "player 0 must hold floating-point arrays, got int32"),
        ((1.0, np.arange(3)), TypeError, "player 1 must hold floating-point arrays, got int32"),
        ((1.0, True), TypeError, "player 1 must hold floating-point arrays, got bool"),
        ((1.0, {"a": 1j}), TypeError, "player 1 must hold floating-point arrays, got complex64"),
        ((np.zeros((2, 0)), 1.0), ValueError, r"player 0 must not hold empty arrays, got shape \(2, 0\)"),
        ((1.0, ()), ValueError, "player 1 has no parameters"),
        ((None, 1.0), ValueError, "player 0 has no parameters"),
        (({"f": jnp.tanh, "w": 1.0}, 1.0), TypeError, "player 0 must hold arrays only, got a leaf of type"),
        ((1.0, "y"), TypeError, "player 1 must hold arrays only, got a leaf of type str"),
        ((1.0, object()), TypeError, "player 1 must hold arrays only, got a leaf of type object"),
        ((jax.random.key(0), 1.0), TypeError, "player 0 must hold floating-point arrays, got key"),
        (
            (np.float32(1), jnp.ones((), jnp.float8_e4m3fn)),
            TypeError,
            "got float32 for player 0 and float8_e4m3fn for player 1. Cast",
        ),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        lambda players: XY.field(players),
        lambda players: XY.evaluate(players),
        lambda players: gs.step(XY, gs.simgd(0.1), players),
        lambda players: gs.solve(XY, gs.simgd(0.1), players, 1),
    ],
    ids=["field", "evaluate", "step", "solve"],
)
def test_bad_players_are_named(use, players, error, message):
    with pytest.raises(error, match=message):
        use(players)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (lambda x, y: jnp.stack([x, y]), ValueError, r"must return a scalar, got an array of shape \(2,\)"),
        (lambda x, y: 1j * x * y, TypeError, "must return a real floating-point scalar, got complex64"),
        (lambda x, y: jnp.int32(3), TypeError, "must return a real floating-point scalar, got int32"),
        (lambda x, y: x > y, TypeError, "must return a real floating-point scalar, got bool"),
        (lambda x, y: (x, y), TypeError, "must return one scalar, or that and a dict of metrics, got a pair"),
        (lambda x, y: (x, y, x), TypeError, "must return one real scalar, got tuple"),
        (lambda x, y: [x * y], TypeError, "must return one real scalar, got list"),
        (lambda x, y: None, TypeError, "must return one real scalar, got NoneType"),
        (lambda x, y: "payoff", TypeError, "must return one real scalar, got str"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_bad_payoffs_are_named(value, error, message, strict):
    """The message does not depend on whether warnings are errors, or on which call traces the payoff first."""
    games = [
        (gs.general_sum(product, value), "the payoff of player 1 "),
        (gs.zero_sum(value), "the payoff of player 0 "),
        (gs.from_losses(product, value), "the payoff of player 1 "),
    ]
    for game, name in games:
        calls = [game.evaluate, game.field, lambda players, game=game: gs.solve(game, gs.simgd(0.1), players, 1)]
        for call in calls:
            with warnings.catch_warnings():
                warnings.simplefilter("error" if strict else "ignore")
                with pytest.raises(error, match=name + message):
                    call((1.0, 1.0))


def test_bad_payoff_functions():
    class Unhashable:
        __hash__ = None

        def __call__(self, x, y):
            return x * y

    for make in (gs.zero_sum, gs.general_sum, gs.from_losses):
        with pytest.raises(TypeError, match=r"the payoff of player 0 must be hashable, got Unhashable\. Write it"):
            make(Unhashable())
        with pytest.raises(TypeError, match="the payoff of player 0 must be a function of the players, got float"):
            make(1.0)
        with pytest.raises(TypeError, match=r"constants must be a tuple of arrays, got float. Write constants=\(A,\)"):
            make(product, constants=1.0)
    with pytest.raises(TypeError, match="the payoff of player 1 must be a function of the players, got str"):
        gs.general_sum(product, "payoff")
    for make in (gs.general_sum, gs.from_losses):
        with pytest.raises(ValueError, match=r"at least one payoff, got none\. Give one function per player"):
            make()


def test_products_are_exact_unless_the_user_chose(monkeypatch):
    game = gs.games.rotation(2)
    text = lambda: str(jax.make_jaxpr(game.field)(game.start))
    assert "HIGHEST" in text()
    with jax.default_matmul_precision("bfloat16"):
        assert "HIGHEST" not in text()


def test_a_constant_payoff_has_a_zero_field():
    assert [float(entry) for entry in gs.zero_sum(lambda x, y: 1.0).field((1.0, 2.0))] == [0.0, 0.0]
