"""Repeated games: published values, sums over rounds, and games whose values are known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

FAR = 30.0
FIRST = {0: [1, 1, -1, 1, -1], 1: [1, 1, 1, -1, -1]}


def tit_for_tat(player):
    """Return the policy that cooperates first and then repeats the other's last action, of player 0 or 1."""
    return FAR * jnp.array(FIRST[player], float)


def always(sign, size=5):
    return jnp.full(size, sign * FAR)


def values(game, *players):
    return [float(value) for value in game.evaluate(players)]


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.96])
def test_iterated_prisoners_dilemma_has_its_published_values(x64, discount):
    game = gs.games.iterated_prisoners_dilemma(discount)
    assert values(game, always(-1), always(-1)) == pytest.approx([-2, -2])
    assert values(game, always(1), always(1)) == pytest.approx([-1, -1])
    assert values(game, always(1), always(-1)) == pytest.approx([-3, 0])
    assert values(game, tit_for_tat(0), tit_for_tat(1)) == pytest.approx([-1, -1])
    # Tit-for-tat loses 3 in the first round against a defector, and 2 in all later ones.
    assert values(game, tit_for_tat(0), always(-1)) == pytest.approx([-3 + discount, -2 * discount])


def test_tit_for_tat_is_an_equilibrium_for_patient_players_alone(x64):
    for discount, holds in ((0.96, True), (0.1, False)):
        game = gs.games.iterated_prisoners_dilemma(discount)
        _, mutual = values(game, tit_for_tat(0), tit_for_tat(1))
        _, betrayal = values(game, tit_for_tat(0), always(-1))
        assert (betrayal < mutual) == holds


@pytest.mark.parametrize("number", [2, 3])
def test_values_are_the_discounted_sum_over_rounds(x64, number):
    rng, discount = np.random.default_rng(number), 0.7
    amounts = rng.normal(size=(number, *(2,) * number))
    players = rng.normal(size=(number, 1 + 2**number))
    chances = 1 / (1 + np.exp(-players))
    joint = np.zeros((1 + 2**number, 2**number))
    for situation in range(1 + 2**number):
        for index, actions in enumerate(np.ndindex(*(2,) * number)):
            taken = [chances[k, situation] if a == 0 else 1 - chances[k, situation] for k, a in enumerate(actions)]
            joint[situation, index] = np.prod(taken)
    expected, state = np.zeros(number), joint[0]
    for t in range(200):
        expected += (1 - discount) * discount**t * amounts.reshape(number, -1) @ state
        state = state @ joint[1:]
    game = gs.games.repeated_game(amounts, discount)
    np.testing.assert_allclose(values(game, *map(jnp.asarray, players)), expected, rtol=1e-12)


def test_float32_keeps_values_and_slopes_of_patient_players(x64):
    policies = np.array([[0.3, 1.0, -0.5, 0.2, -1.0], [0.1, -0.4, 0.8, 1.0, 0.3]])
    both = jax.jit(lambda game, players: (jnp.stack(game.evaluate(players)), jnp.stack(game.field(players))))
    for discount in (0.999, 0.9999, 0.99999):
        game = gs.games.iterated_prisoners_dilemma(float(np.float32(discount)))
        found, expected = (both(game, tuple(jnp.asarray(policies, dtype))) for dtype in ("float32", "float64"))
        assert found[0].dtype == "float32"
        for entry, exact in zip(found, expected, strict=True):
            np.testing.assert_allclose(entry, exact, rtol=2e-5, atol=2e-6)


def test_matching_pennies_has_value_zero_at_its_equilibrium(x64):
    game = gs.games.iterated_matching_pennies()
    assert game.is_zero_sum
    np.testing.assert_allclose(game.field(game.equilibria[0]), 0, atol=1e-15)
    assert values(game, always(1), always(1)) == pytest.approx([1, -1])
    uniform = game.equilibria[0][0]
    assert values(game, uniform, game.start[1]) == pytest.approx([0, 0], abs=1e-15)


def test_chicken_and_stag_hunt_pay_what_they_say(x64):
    chicken, hunt = gs.games.iterated_chicken(), gs.games.iterated_stag_hunt()
    assert values(chicken, always(1), always(-1)) == pytest.approx([-1, 1])
    assert values(chicken, always(-1), always(-1)) == pytest.approx([-10, -10])
    assert values(hunt, always(1), always(1)) == pytest.approx([4, 4])
    assert values(hunt, always(1), always(-1)) == pytest.approx([1, 3])
    assert values(hunt, always(-1), always(-1)) == pytest.approx([2, 2])


def test_public_goods_reward_free_riders(x64):
    once, often = gs.games.public_goods(3, 1.6), gs.games.repeated_public_goods(3, 1.6)
    for signs in ([1, 1, 1], [-1, -1, -1], [-1, 1, 1], [1, -1, -1]):
        gifts = np.array(signs) > 0
        expected = pytest.approx(list(1.6 * gifts.mean() - gifts), abs=1e-10)
        assert values(once, *(jnp.asarray(FAR * sign) for sign in signs)) == expected
        assert values(often, *(always(sign, 9) for sign in signs)) == expected


def test_a_naive_responder_accepts_greedy_offers(x64):
    game = gs.games.ultimatum()
    players = gs.solve(game, gs.simgd(1.0), game.start, 1000).players
    assert values(game, *players) == pytest.approx([8, 2], abs=0.05)


def test_values_can_be_differentiated_in_the_discount_and_mapped_over(x64):
    loss = lambda discount: gs.games.iterated_prisoners_dilemma(discount).evaluate((tit_for_tat(0), always(-1)))[0]
    assert float(jax.grad(loss)(0.5)) == pytest.approx(1)  # of -3 + discount
    np.testing.assert_allclose(jax.vmap(loss)(jnp.array([0.1, 0.5])), [-2.9, -2.5], rtol=1e-9)


def test_repeated_games_built_twice_share_a_program():
    structures = {jax.tree.structure(gs.games.iterated_prisoners_dilemma(discount)) for discount in (0.5, 0.9)}
    assert len(structures) == 1


def test_policy_divergence_is_that_of_two_coins(x64):
    p, q = 0.3, 0.6
    logits = [jnp.log(jnp.array([chance / (1 - chance)] * 5)) for chance in (p, q)]
    expected = 5 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)))
    assert float(gs.games.policy_divergence(*logits)) == pytest.approx(expected)
    assert float(gs.games.policy_divergence(logits[0], logits[0])) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gs.games.repeated_game(np.zeros((2, 3, 3))), r"payoffs must have shape \(n, 2"),
        (lambda: gs.games.iterated_prisoners_dilemma(1.0), "discount must be finite and at least 0.0 and below 1.0"),
        (lambda: gs.games.repeated_public_goods(1), "num_players must be at least 2"),
        (lambda: gs.games.public_goods(3, float("nan")), "factor must be finite"),
        (lambda: gs.games.public_goods(3, jnp.ones(3)), r"factor must be one number, got an array of shape \(3,\)"),
        (lambda: gs.games.repeated_public_goods(3, jnp.ones(3)), "factor must be one number"),
        (lambda: gs.games.iterated_chicken(jnp.full(2, 0.5)), "discount must be one number"),
        (
            lambda: gs.games.iterated_chicken().evaluate((jnp.zeros(4), jnp.zeros(5))),
            "player 0 must be a vector of 5 logits",
        ),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
