"""Robust and fair classification on real data, against convex programs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games
from gamesolve.games import data

cvxpy = pytest.importorskip("cvxpy")
pytest.importorskip("sklearn")
pytestmark = pytest.mark.usefixtures("x64")
RADIUS, RIDGE = 0.2, 0.1


def women_and_men():
    """The measurements without the sex, the labels, and the sex as the group."""
    inputs, labels = (np.asarray(each) for each in data.diabetes())
    return np.delete(inputs, 1, axis=1).astype(float), 2.0 * labels - 1, (inputs[:, 1] > 0).astype(int)


def program(features):
    """A classifier as variables, its scores and its penalty."""
    w, b = cvxpy.Variable(features.shape[1]), cvxpy.Variable()
    return w, b, features @ w + b, RIDGE / 2 * (cvxpy.sum_squares(w) + cvxpy.square(b))


def agree(x, w, b, tolerance=1e-5):
    np.testing.assert_allclose(np.append(x["w"], x["b"]), np.append(w.value, b.value), atol=tolerance)


def test_the_worst_group_is_fitted():
    features, labels, groups = women_and_men()
    game = games.group_robust(features, labels, groups, RIDGE)
    w, b, scores, penalty = program(features)
    margins = cvxpy.multiply(labels, scores)
    losses = [cvxpy.sum(cvxpy.logistic(-margins[groups == g])) / (groups == g).sum() for g in (0, 1)]
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.maximum(*losses) + penalty))
    problem.solve(solver="CLARABEL")
    solver = gs.extragradient(0.5, projections=(None, *games.simplices(1)))
    x, y = gs.solve(game, solver, game.start, 3000, tol=1e-8).players
    agree(x, w, b)
    found = games.group_losses(game, x)
    np.testing.assert_allclose(found, [loss.value for loss in losses], atol=1e-6)
    assert float(game.evaluate((x, y))[1]) == pytest.approx(problem.value, abs=1e-6)
    plain = gs.solve(game, gs.simgd((0.5, 0.0)), game.start, 3000).players[0]
    assert float(games.group_losses(game, plain).max()) > float(found.max())


def test_batches_of_the_groups_are_unbiased():
    features, labels, groups = women_and_men()
    game = games.group_robust(features[:6], labels[:6], groups[:6], RIDGE)
    players = ({"w": jnp.ones(9), "b": jnp.ones(())}, jnp.array([0.3, 0.7]))
    halves = [game.bind(tuple(leaf[rows] for leaf in game.data[0])) for rows in (slice(3), slice(3, 6))]
    mean = np.mean([half.evaluate(players)[1] for half in halves])
    assert float(game.evaluate(players)[1]) == pytest.approx(mean)
    losses = np.asarray(games.group_losses(game, players[0]))
    expected = np.array([0.3, 0.7]) @ losses + RIDGE / 2 * 10
    assert float(game.evaluate(players)[1]) == pytest.approx(expected)


def test_adversarial_training_reaches_the_closed_form():
    inputs, labels = (np.asarray(each) for each in data.breast_cancer())
    features, labels = inputs[::3, :5].astype(float), 2.0 * labels[::3] - 1
    game = games.adversarial_classification(features, labels, RIDGE)
    w, b, scores, penalty = program(features)
    margins = cvxpy.multiply(labels, scores) - RADIUS * cvxpy.norm1(w)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum(cvxpy.logistic(-margins)) / len(labels) + penalty))
    problem.solve(solver="CLARABEL")
    ball = functools.partial(optax.projections.projection_linf_ball, scale=RADIUS)
    solver = gs.extragradient((0.3, 0.3 * len(labels)), projections=(None, ball))
    x, y = gs.solve(game, solver, game.start, 5000, tol=1e-8).players
    agree(x, w, b)
    assert float(games.adversarial_loss(game, x, RADIUS)) == pytest.approx(problem.value, abs=1e-6)
    assert float(game.evaluate((x, y))[1]) == pytest.approx(problem.value, abs=1e-6)
    moved = np.abs(np.asarray(x["w"])) > 1e-3
    expected = -RADIUS * labels[:, None] * np.sign(np.asarray(x["w"]))
    np.testing.assert_allclose(np.asarray(y)[:, moved], expected[:, moved], atol=1e-6)


@pytest.mark.parametrize("tolerance", [0.0, 0.1])
def test_the_gap_of_scores_is_bounded(tolerance):
    features, labels, groups = women_and_men()
    game = games.fair_classification(features, labels, groups, tolerance, RIDGE)
    w, b, scores, penalty = program(features)
    loss = cvxpy.sum(cvxpy.logistic(-cvxpy.multiply(labels, scores))) / len(labels)
    gap = (features[groups == 1].mean(axis=0) - features[groups == 0].mean(axis=0)) @ w
    cvxpy.Problem(cvxpy.Minimize(loss + penalty), [cvxpy.abs(gap) <= tolerance]).solve(solver="CLARABEL")
    solver = gs.extragradient(0.5, projections=(None, games.multiplier_projection))
    solution = gs.solve(game, solver, game.start, 5000, tol=1e-8)
    assert solution.status == gs.Status.CONVERGED
    agree(solution.players[0], w, b)
    assert abs(float(games.score_gap(game, solution.players[0]))) == pytest.approx(tolerance, abs=1e-6)
    free = games.fair_classification(features, labels, groups, 10.0, RIDGE)
    assert abs(float(games.score_gap(free, gs.solve(free, solver, free.start, 3000).players[0]))) > 0.2


def test_diabetes_has_two_equal_classes_and_standardised_columns():
    inputs, labels = data.diabetes()
    assert np.bincount(labels).tolist() == [221, 221]
    np.testing.assert_allclose(np.asarray(inputs, float).mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.asarray(inputs, float).std(axis=0), 1, atol=1e-5)


ONES = np.ones((4, 2))
FAIR = (ONES, np.ones(4), np.arange(4) % 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: games.group_robust(ONES, np.ones(3), np.zeros(3, int)), "shapes"),
        (lambda: games.group_robust(ONES, np.arange(4.0), np.zeros(4, int)), "labels must be -1 or 1"),
        (lambda: games.group_robust(ONES, np.ones(4), np.array([0, 0, 2, 2])), "no example is in group 1"),
        (lambda: games.group_robust(ONES, np.ones(4), np.zeros(4)), r"integers from 0, got 0\.0"),
        (lambda: games.group_robust(ONES, np.ones(4), np.array([0, -1, 1, 1])), "integers from 0, got -1, 0, 1"),
        (lambda: games.group_robust(ONES, np.ones(4), np.zeros(3, int)), r"one entry per example, \(4,\), got shape"),
        (lambda: games.group_robust(ONES[:0], np.ones(0), np.zeros(0, int)), r"features must have an example"),
        (lambda: games.fair_classification(ONES, np.ones(4), np.array([1, 2, 1, 2])), "0 or 1, .*, got 1, 2"),
        (lambda: games.fair_classification(ONES, np.ones(4), np.zeros(3, int)), "one entry per example"),
        (lambda: games.fair_classification(*FAIR, ridge=-5.0), "ridge must be finite and at least 0.0, got -5.0"),
        (lambda: games.fair_classification(*FAIR, tolerance=jnp.ones(2)), "tolerance must be one number"),
        (lambda: games.group_robust(*FAIR, ridge=-5.0), "ridge must be finite and at least 0.0, got -5.0"),
        (lambda: games.adversarial_classification(*FAIR[:2], ridge=-5.0), "ridge must be finite and at least 0.0"),
        (lambda: games.fair_classification(ONES, np.ones(4), np.zeros(4, int)), "both must occur, got 0"),
        (
            lambda: games.fair_classification(ONES, np.ones(4), np.arange(4) % 2, -1.0),
            "tolerance must be finite and at least 0.0",
        ),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_of_another_type_are_named():
    for call in (
        lambda: games.fair_classification(*FAIR, tolerance="a"),
        lambda: games.group_robust(*FAIR, ridge="a"),
    ):
        with pytest.raises(TypeError, match=r"must be one number .*, got 'a'"):
            call()


def test_settings_may_be_traced():
    make = lambda tolerance, ridge: games.fair_classification(*FAIR, tolerance, ridge).constants[-2:]
    assert [float(setting) for setting in jax.jit(make)(0.25, 0.5)] == [0.25, 0.5]
