"""Shaping through unrolled learning steps: identities, consistency, proximal limits, and what repeated games end in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

GAME = gs.games.iterated_prisoners_dilemma(0.5)
PLAYERS = np.random.default_rng(0).normal(size=(2, 5))


def moves(game, solver, players=PLAYERS):
    players = tuple(map(jnp.asarray, players))
    after, _ = jax.jit(gs.step)(game, solver, players)
    return np.concatenate(jax.tree.map(jnp.subtract, after, players))


@pytest.mark.parametrize(
    "solver",
    [
        gs.unrolled_lola(0.7, alpha=0.4, lookahead=1),
        gs.pola(0.7, alpha=0.4, iterations=1, divergence=gs.games.policy_divergence),
    ],
    ids=["one step of look-ahead", "one proximal iteration"],
)
def test_first_levels_are_the_exact_form_of_lola(x64, solver):
    np.testing.assert_allclose(moves(GAME, solver), moves(GAME, gs.hola(0.7, alpha=0.4, order=1)), rtol=1e-10)


def test_lola_is_the_first_order_expansion_of_its_exact_form(x64):
    """Halving the assumed steps quarters the difference."""
    differences = [
        np.linalg.norm(moves(GAME, gs.lola(1.0, alpha)) - moves(GAME, gs.hola(1.0, alpha, order=1)))
        for alpha in (0.02, 0.01)
    ]
    assert differences[0] / differences[1] == pytest.approx(4, rel=0.05)
    assert 0 < differences[1] < 1e-4


@pytest.mark.parametrize("make", [gs.hola, gs.unrolled_lola, gs.meta_mapg])
def test_players_who_assume_no_learning_take_naive_steps(x64, make):
    factor = 2 if make is gs.meta_mapg else 1  # which sums over two steps
    np.testing.assert_allclose(moves(GAME, make(0.3, alpha=0.0)), moves(GAME, gs.simgd(factor * 0.3)), rtol=1e-12)


def test_a_horizon_of_one_learns_through_its_own_step(x64):
    """On ``-x^2 / 2`` alone, the step to ``(1 - alpha) x`` has the gradient ``-(1 - alpha)^2 x``."""
    game = gs.general_sum(lambda x, y: -(x**2) / 2, lambda x, y: -(y**2))
    x, _ = gs.step(game, gs.meta_mapg(0.1, alpha=0.25, horizon=1), (jnp.asarray(2.0), jnp.asarray(0.0)))[0]
    assert float(x) == pytest.approx(2 - 0.1 * 0.75**2 * 2)


def test_high_orders_become_consistent_on_the_tandem_game(x64):
    """A consistent step is the ascent that follows if each player assumes that very step of the other.

    On the tandem game it is affine: ``h = p own + m other + c``, with ``w`` the slope of ``x + y + h`` in x.
    """
    alpha, p, m, c = 0.05, 0.0, 0.0, 0.0
    for _ in range(200):
        w = 1 + m  # d (x + y + h_y) / dx, where h_y = p y + m x + c
        p, m, c = -2 * alpha * w * w, -2 * alpha * w * (1 + p), 2 * alpha * (1 - w * c)
    start = (0.3, -0.4)
    expected = [p * x + m * y + c for x, y in (start, start[::-1])]
    found = [np.array(gs.step(gs.games.tandem(), gs.hola(alpha, order=order), start)[0]) - start for order in (1, 2, 4)]
    errors = [np.abs(move - expected).max() for move in found]
    assert errors[2] < errors[1] / 10 < errors[0] / 100


def test_many_iterations_of_pola_reach_the_proximal_point(x64):
    """At the end the slope of the shaped payoff is that of the penalty."""
    penalty = 2.0
    solver = gs.pola(0.1, alpha=0.4, penalty=penalty, iterations=400)
    moved = moves(GAME, solver)[:5]
    x, y = PLAYERS[0] + moved, PLAYERS[1]

    def shaped(x):
        step = 0.4 * jax.grad(lambda y: GAME.evaluate((x, y))[1])(jnp.asarray(y))
        return GAME.evaluate((x, y + step))[0]

    np.testing.assert_allclose(jax.grad(shaped)(jnp.asarray(x)), penalty * moved, atol=1e-8)


def test_proximal_steps_do_not_depend_on_the_units_of_their_own_policy(x64):
    """Player 0 counts its logits in other units: LOLA then moves its policy otherwise, POLA does not.

    Player 1 does see the difference, since it assumes a gradient step of player 0.
    """
    units = jnp.array([3.0, 0.5, 2.0, 1.0, 0.7])
    payoffs = [lambda x, y, i=i: GAME.evaluate((units * x, y))[i] for i in (0, 1)]
    other, start = gs.general_sum(*payoffs), (PLAYERS[0] / np.asarray(units), PLAYERS[1])

    def divergence(old, new):
        return jnp.sum((units * (new - old)) ** 2) / 2  # the same divergence, in these units

    arguments = {"alpha": 4.0, "penalty": 2.0, "iterations": 1000}
    plain = moves(GAME, gs.pola((0.1, 0.1), **arguments))
    scaled = moves(other, gs.pola((0.05, 0.1), **arguments, divergence=divergence), start)
    np.testing.assert_allclose(units * scaled[:5], plain[:5], atol=1e-6)
    naive = moves(GAME, gs.pola((0.1, 0.1), **{**arguments, "alpha": 0.0}))
    assert np.abs(plain - naive)[:5].max() > 5e-3
    assert np.abs(scaled - plain)[5:].max() > 1e-3
    lola = moves(GAME, gs.hola(0.1))[:5]
    assert np.abs(units * moves(other, gs.hola(0.1), start)[:5] - lola).max() > 1e-2


def test_pola_takes_no_schedule_for_the_steps_of_the_others():
    with pytest.raises(TypeError, match=r"alpha must be a number .*, got a schedule"):
        gs.pola(0.1, alpha=lambda count: 0.1)


@pytest.mark.parametrize(
    ("divergence", "error", "message"),
    [
        (3.0, TypeError, r"divergence must be a function of two versions of a player, got 3\.0"),
        (lambda old: old @ old, TypeError, r"divergence must take two versions of a player, got lambda\(old\)"),
        (lambda old, new: (old - new) ** 2, ValueError, r"divergence must return one number, got shape \(5,\)"),
        (lambda old, new: (1.0, 2.0), ValueError, r"divergence must return one number, got shape \(\(\), \(\)\)"),
    ],
    ids=["number", "one argument", "vector", "pair"],
)
def test_a_divergence_is_a_number_for_two_players(divergence, error, message):
    with pytest.raises(error, match=message):
        moves(GAME, gs.pola(0.1, divergence=divergence))


SHAPING = ["opponent_lookahead", "lola", "sos", "hola", "unrolled_lola", "meta_mapg", "pola"]


@pytest.mark.parametrize("name", SHAPING)
def test_mistakes_in_the_assumed_steps_have_the_name_of_the_argument(name):
    make = getattr(gs, name)
    with pytest.raises(ValueError, match=r"alpha must be finite( and not negative)?, got (-1\.0|nan)"):
        make(0.1, alpha=-1.0)
    with pytest.raises(ValueError, match=r"alpha must be finite"):
        make(0.1, alpha=(0.1, float("nan")))
    with pytest.raises(ValueError, match=r"learning_rate must be finite and not negative, got -0\.1"):
        make(-0.1)


def losses(solver, starts, steps, deviation=1.0):
    """Return the mean loss per round of the iterated prisoners' dilemma that each random start ends in."""
    game = gs.games.iterated_prisoners_dilemma(0.96)

    def ended(z):
        return -jnp.mean(jnp.stack(game.evaluate(gs.solve(game, solver, (z[0], z[1]), steps).players)))

    return jax.jit(jax.vmap(ended))(deviation * jax.random.normal(jax.random.key(0), (starts, 2, 5)))


# Step sizes 1 / (1 - discount) are those of papers with total instead of mean losses; b is in the same units.
RATE = 25.0
COOPERATING = {
    "sos": gs.sos(RATE, b=0.1 / RATE),
    "lola": gs.lola(RATE),
    "hola": gs.hola(RATE, order=1),
    "unrolled_lola": gs.unrolled_lola(RATE, lookahead=3),
    "pola": gs.pola(4.0, alpha=8.0, penalty=0.5, iterations=50, divergence=gs.games.policy_divergence),
}
DEFECTING = {
    "simgd": gs.simgd(RATE),
    "extragradient": gs.extragradient(RATE),
    "opponent_lookahead": gs.opponent_lookahead(RATE),
    "cgd": gs.cgd(RATE),
}


def test_lola_cooperates_where_naive_players_defect():
    assert float(jnp.mean(losses(COOPERATING["lola"], 20, 100))) < 1.3
    assert float(jnp.mean(losses(DEFECTING["simgd"], 20, 100))) > 1.9


@pytest.mark.full
@pytest.mark.parametrize("name", [*COOPERATING, *DEFECTING])
def test_prisoners_end_in_the_published_losses(name):
    if name in COOPERATING:
        assert float(jnp.mean(losses(COOPERATING[name], 50, 100 if name == "pola" else 500))) < 1.2
    else:
        assert float(jnp.mean(losses(DEFECTING[name], 50, 500))) > 1.85
