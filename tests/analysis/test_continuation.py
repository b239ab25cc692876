"""Curves of equilibria against closed forms: folds, branch points, Hopf points and the ends of logit paths."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.analysis import Halt, branches_at, follow

pytestmark = pytest.mark.usefixtures("x64")

COSINE = gs.games.cosine()


def torus(tau):
    f = lambda x, y: -0.15 * jnp.cos(x) + jnp.cos(x - y) + 0.15 * jnp.cos(y)
    return gs.general_sum(lambda x, y: -f(x, y), lambda x, y: tau * f(x, y))


def consensus(gamma):
    def pulled(own, x, y):
        v = COSINE.field((x, y))
        return own(x, y) - gamma / 2 * (v[0] ** 2 + v[1] ** 2)

    return gs.general_sum(*(partial(pulled, own) for own in COSINE.payoffs))


def s_shaped(c):
    return gs.general_sum(lambda x, y: c * x + x**2 / 2 - x**4 / 4 + 0 * y, lambda x, y: -((y - x) ** 2) / 2)


@pytest.mark.parametrize(("at", "tau"), [(0.0, 0.85 / 1.15), (np.pi, 1.15 / 0.85)])
def test_g8_the_timescale_where_a_torus_game_becomes_stable_is_a_hopf_point(at, tau):
    branch = follow(torus, (at, at), (0.1, 3.0))
    (hopf,) = branch.events
    assert hopf.kind == "Hopf point"
    assert hopf.parameter == pytest.approx(tau, abs=1e-9)
    determinant = tau * (1 - 0.85 * 1.15)  # the product of the two eigenvalues
    assert hopf.eigenvalue.imag == pytest.approx(np.sqrt(determinant), abs=1e-6)
    assert branch.halt == Halt.LEFT
    assert branch.parameters[-1] == 3.0
    assert branch.stable.tolist() == sorted(branch.stable.tolist())


def test_consensus_makes_the_centre_stable_at_zero_and_the_saddle_at_one():
    (hopf,) = follow(consensus, COSINE.equilibria[0], (-1.0, 1.0)).events
    assert (hopf.kind, abs(round(hopf.parameter, 9))) == ("Hopf point", 0)
    (pitchfork,) = follow(consensus, COSINE.equilibria[2], (0.2, 3.0)).events
    assert pitchfork.kind == "branch point"
    assert pitchfork.parameter == pytest.approx(1, abs=1e-9)
    along, change = pitchfork.direction
    assert abs(change) < 1e-6 < abs(along[0])
    for twig in branches_at(consensus, pitchfork, (0.2, 3.0)):
        np.testing.assert_allclose(np.sin(twig.players[0]) ** 2, 1 - 1 / twig.parameters**2, atol=1e-9)
        assert [event.kind for event in twig.events] == ["branch point"]
        assert twig.events[0].parameter == pytest.approx(np.sqrt(3), abs=1e-9)


def test_an_s_shaped_curve_passes_both_folds():
    branch = follow(s_shaped, (-1.5, -1.5), (-1.875, 2.0))
    assert [event.kind for event in branch.events] == ["fold", "fold"]
    turn = 2 / np.sqrt(27)  # c = x^3 - x at x^2 = 1/3
    np.testing.assert_allclose([event.parameter for event in branch.events], [turn, -turn], atol=1e-9)
    x = np.asarray(branch.players[0])
    np.testing.assert_allclose(x**3 - x, branch.parameters, atol=1e-9)
    assert np.all(np.diff(x) > 0)
    assert branch.stable[0]
    assert branch.stable[-1]
    assert not np.all(branch.stable)


@pytest.mark.parametrize("size", [0.03, 0.01, 1e-4])
@pytest.mark.parametrize("start", [-1.5, 0.0])
def test_folds_of_small_players_are_not_jumped_over(size, start):
    make_game = lambda c: gs.general_sum(
        lambda x, y: c * (x / size) + (x / size) ** 2 / 2 - (x / size) ** 4 / 4, lambda x, y: -((y - x) ** 2) / 2
    )
    branch = follow(make_game, (start * size, start * size), (start**3 - start, 2.0))  # from 0 it turns back to -1
    x = np.asarray(branch.players[0]) / size
    np.testing.assert_allclose(x**3 - x, branch.parameters, atol=1e-7)
    assert np.all(np.diff(x) > 0 if start else np.diff(x) < 0)
    turn = 2 / np.sqrt(27)
    expected = [turn, -turn] if start else [turn]
    np.testing.assert_allclose([event.parameter for event in branch.events], expected, atol=1e-7)


@pytest.mark.parametrize("imperfection", [1e-2, 1e-4, 1e-5])
def test_an_imperfect_pitchfork_has_no_branch_point(imperfection):
    make_game = lambda c: gs.general_sum(
        lambda x, y: imperfection * x + c * x**2 / 2 - x**4 / 4, lambda x, y: -(y**2) / 2
    )
    branch = follow(make_game, (imperfection, 0.0), (-1.0, 1.0))
    assert (branch.events, branch.halt) == ((), Halt.LEFT)
    assert branch.players[0][-1] == pytest.approx(1 + imperfection / 2, rel=1e-3)
    assert branch.stable.all()


def turning(c, x, y):
    return c * x[0] ** 2 / 2 + x[0] * y[0]


@pytest.mark.parametrize(("speed", "decay"), [(5.0, 0.0), (0.0, 1e6)])
def test_the_eigenvalue_of_a_hopf_point_is_the_one_that_crosses(speed, decay):
    make_game = lambda c: gs.general_sum(
        lambda x, y: turning(c, x, y) + speed * x[1] * y[1] - decay * x[1] ** 2 / 2,
        lambda x, y: turning(c, y, -x) - speed * x[1] * y[1] - decay * y[1] ** 2 / 2,
    )
    (event,) = follow(make_game, (jnp.zeros(2), jnp.zeros(2)), (-1.0, 1.3)).events
    assert (event.kind, event.parameter) == ("Hopf point", pytest.approx(0, abs=1e-6))
    assert event.eigenvalue == pytest.approx(1j, abs=1e-6)


def test_eigenvalues_that_cross_zero_together_make_a_branch_point_without_a_direction():
    for size in (2, 3):
        make_game = lambda c: gs.general_sum(lambda x, y: c * x @ x / 2 - (x @ x) ** 2 / 4, lambda x, y: -(y**2))
        (event,) = follow(make_game, (jnp.zeros(size), 0.0), (-1.0, 1.3)).events
        assert (event.kind, event.direction) == ("branch point", None)
        assert event.parameter == pytest.approx(0, abs=1e-9)


def test_a_permanent_centre_is_not_stable():
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(2))
    P, Q = (W @ np.diag([0.0, 1, 1]) @ W.T for W in (U, V))
    coupling = lambda c: U @ jnp.diag(jnp.array([1.0, 2, 3]) + c) @ V.T
    make_game = lambda c: gs.zero_sum(lambda x, y: x @ P @ x / 2 - y @ Q @ y / 2 + x @ coupling(c) @ y)
    branch = follow(make_game, (jnp.zeros(3), jnp.zeros(3)), (0.0, 1.0))
    assert not branch.stable.any()
    assert not branch.events


def test_the_other_curve_of_a_transcritical_point_has_its_slope():
    # The zeros of x (c - 2 x) = 0 in x are 0 and c / 2.
    game = lambda c: gs.general_sum(lambda x, y: c * x**2 / 2 - 2 * x**3 / 3, lambda x, y: -((y - 3 * x) ** 2))
    (event,) = follow(game, (0.0, 0.0), (-1.0, 2.0)).events
    assert event.parameter == pytest.approx(0, abs=1e-9)
    (x, y), change = event.direction
    assert float(x) / change == pytest.approx(0.5, abs=1e-6)
    assert float(y) / change == pytest.approx(1.5, abs=1e-6)
    for twig in branches_at(game, event, (-1.0, 2.0)):
        np.testing.assert_allclose(twig.players[0], twig.parameters / 2, atol=1e-9)


# Payoffs of three players with two actions: the game of McKelvey and McLennan with nine equilibria.
AMOUNTS = {(0, 0, 0): (9, 8, 12), (1, 1, 0): (9, 8, 2), (0, 1, 1): (3, 4, 6), (1, 0, 1): (3, 4, 6)}
# The chance of each player's first action, from the indifference of the players who mix.
NINE = [(1, 1, 1), (0, 0, 1), (1, 0, 0), (0, 1, 0), (1 / 2, 1 / 2, 1), (2 / 5, 1 / 2, 1 / 3), (1 / 2, 2 / 5, 1 / 4)]
NINE += [(0, 1 / 4, 1 / 3), (1 / 3, 1, 1 / 4)]


def odds(player, *arguments):
    """Return a payoff with the gradient: precision times the gain from the first action, less the log-odds of it."""
    *logits, precision = arguments
    chances = [jax.nn.sigmoid(jnp.stack([logit, -logit])) for logit in logits]
    chances[player] = jnp.array([1.0, -1.0])
    gain = sum(
        amounts[player] * chances[0][i] * chances[1][j] * chances[2][k] for (i, j, k), amounts in AMOUNTS.items()
    )
    return logits[player] * (precision * gain - logits[player] / 2)


PAYOFFS = [partial(odds, player) for player in range(3)]


def logit_game(precision):
    return gs.general_sum(*PAYOFFS, constants=(precision,))


def ends(branch):
    return np.array([float(jax.nn.sigmoid(x[-1])) for x in branch.players])


@pytest.mark.full
def test_logit_paths_end_at_the_nine_equilibria_of_a_game_of_three_players():
    starts = gs.analysis.sample_box(jax.random.key(0), (-20.0,) * 3, (20.0,) * 3, 60)
    found = gs.analysis.find_equilibria(logit_game(3.0), starts)
    assert len(found) == 9
    limits = np.array([ends(follow(logit_game, entry.players, (3.0, 300.0))) for entry in found])
    distances = np.abs(limits[:, None] - np.array(NINE)).max(axis=2)
    assert sorted(distances.argmin(axis=1)) == list(range(9))
    assert distances.min(axis=1).max() < 0.01


@pytest.mark.full
def test_the_principal_logit_path_begins_at_chance_and_branches_to_other_equilibria():
    trunk = follow(logit_game, (0.0, 0.0, 0.0), (0.0, 20.0))
    np.testing.assert_allclose(ends(trunk), (1 / 2, 1 / 2, 1), atol=1e-4)
    (event,) = trunk.events
    twigs = branches_at(logit_game, event, (0.0, 20.0))
    kinds = sorted(event.kind for twig in twigs for event in twig.events)
    assert kinds == ["Hopf point", "fold"]
    limits = sorted(map(ends, twigs), key=lambda limit: limit[0])
    np.testing.assert_allclose(limits, [(2 / 5, 1 / 2, 1 / 3), (1, 1, 1)], atol=0.02)


@pytest.mark.full
def test_a_line_of_equilibria_at_one_parameter_has_no_folds():
    game = lambda c: gs.zero_sum(lambda x, y: c * x**2 - y**2)
    (event,) = follow(game, (0.0, 0.0), (-1.0, 2.0)).events
    for twig in branches_at(game, event, (-1.0, 2.0), max_points=20):
        np.testing.assert_allclose(twig.parameters, 0, atol=1e-12)
        assert twig.halt == Halt.BUDGET
        assert not twig.events


def test_players_are_pytrees():
    game = lambda c: gs.zero_sum(lambda x, y: jnp.sum((x["w"] - c) ** 2) - (y[0] - x["w"][0]) ** 2)
    branch = follow(game, ({"w": jnp.zeros(2)}, (0.0,)), (0.0, 2.0))
    np.testing.assert_allclose(branch.players[0]["w"][-1], [2, 2])
    assert branch.players[1][0].shape == branch.parameters.shape
    assert not branch.events


def test_a_curve_that_ends_inside_the_interval_says_so():
    assert follow(s_shaped, (0.0, 0.0), (0.0, 5.0), max_points=3).halt == Halt.BUDGET
    root = lambda c: gs.general_sum(lambda x, y: c * x - jnp.sqrt(x) ** 3 * 2 / 3, lambda x, y: -(y**2))
    assert follow(root, (1.0, 0.0), (1.0, -1.0)).halt == Halt.STUCK  # x = c^2 down to c = 0


def parabola(c):
    return gs.general_sum(lambda x, y: c * x - x**3 / 3 + x * y, lambda x, y: -(y**2) / 2)


def test_a_fold_outside_the_interval_ends_the_curve():
    branch = follow(parabola, (-1.0, 0.0), (1.0, 1e-4))  # c = x^2
    assert (branch.events, branch.halt) == ((), Halt.LEFT)
    assert branch.parameters[-1] == pytest.approx(1e-4)
    assert branch.players[0][-1] == pytest.approx(-1e-2)


@pytest.mark.parametrize("interval", [1.0, None, (1.0,), ("a", "b")])
def test_an_interval_is_two_numbers(interval):
    with pytest.raises(TypeError, match=r"interval must be two numbers, got .* Write \(first, last\)"):
        follow(parabola, (-1.0, 0.0), interval)


def test_ends_that_are_equal_in_the_precision_of_the_players():
    with pytest.raises(ValueError, match=r"interval must have two different finite ends, got .* as float32"):
        follow(parabola, (jnp.float32(-1), jnp.float32(0)), (1.0, 1.0 + 1e-9))


def test_arguments_of_branches_at():
    make_game = lambda c: gs.zero_sum(lambda x, y: x**4 / 4 - c * x**2 / 2 - y**2 / 2)
    trunk = follow(make_game, (0.0, 0.0), (-1.0, 1.0))
    with pytest.raises(ValueError, match=r"interval must contain the branch point at 0, got \(0.5, 1.0\)"):
        branches_at(make_game, trunk.events[0]._replace(parameter=0.0), (0.5, 1.0))
    with pytest.raises(TypeError, match="event must be an Event, got Branch"):
        branches_at(make_game, trunk, (-1.0, 1.0))


def test_arguments():
    with pytest.raises(TypeError, match="make_game must be a function of the parameter, got int"):
        follow(3, (0.0, 0.0), (0.0, 1.0))
    with pytest.raises(TypeError, match="make_game must accept a traced parameter"):
        follow(lambda c: gs.zero_sum(lambda x, y: float(c) * x**2 - y**2), (0.0, 0.0), (1.0, 2.0))
    with pytest.raises(ValueError, match=r"players must be an equilibrium of make_game\(0.0\)"):
        follow(lambda c: gs.zero_sum(lambda x, y: jnp.exp(x) + c * y), (0.0, 0.0), (0.0, 1.0))
    with pytest.raises(ValueError, match=r"interval must have two different finite ends, got \(1.0, 1.0\)"):
        follow(s_shaped, (0.0, 0.0), (1.0, 1.0))
    with pytest.raises(TypeError, match="make_game must return a Game, got float"):
        follow(lambda c: c, (0.0, 0.0), (1.0, 2.0))
    fold = follow(s_shaped, (-1.0, -1.0), (0.0, 1.0)).events[0]
    with pytest.raises(ValueError, match="event must be a simple branch point, got a fold"):
        branches_at(s_shaped, fold, (0.0, 1.0))
