"""Games whose payoffs are means over examples, and the solvers that reduce their variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import games, sampling

KEY = jax.random.key(0)


def distance(game, players):
    gaps = jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), players, game.equilibria[0])
    return float(jnp.sqrt(sum(jax.tree.leaves(gaps))))


def norm(game, players):
    return float(jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(game.field(players)))))


@pytest.fixture
def regression(x64):
    draw = np.random.default_rng(0).normal
    features = draw(size=(20, 3))
    return games.dual_regression(features, features @ draw(size=3) + 0.5 * draw(size=20), ridge=0.2)


def test_dual_regression_is_ridge_regression(regression):
    assert norm(regression, regression.equilibria[0]) < 1e-15
    A, t, _ = regression.data[0]
    fit = np.linalg.solve(A.T @ A / 20 + 0.2 * np.eye(3), A.T @ t / 20)
    np.testing.assert_allclose(regression.equilibria[0][0], fit, rtol=1e-12)


def test_fields_of_single_examples_average_to_the_field_of_all(regression, x64):
    players = jax.tree.map(lambda leaf: leaf + 0.3, regression.start)
    alone = lambda row: regression.bind(jax.tree.map(lambda leaf: leaf[row : row + 1], regression.data[0]))
    singles = [alone(row) for row in range(20)]
    mean = np.mean([np.concatenate([np.ravel(v) for v in game.field(players)]) for game in singles], axis=0)
    np.testing.assert_allclose(mean, np.concatenate([np.ravel(v) for v in regression.field(players)]), atol=1e-14)


def test_finite_sums_of_several_players(x64):
    game = games.finite_sum(
        lambda x, y, c, a: -((x - a) ** 2) + c * x * y,
        lambda x, y, c, a: -((y - c * a) ** 2),
        arrays=jnp.arange(3.0),
        constants=(jnp.asarray(2.0),),
    )
    assert not game.is_zero_sum
    np.testing.assert_allclose(game.field((0.5, 1.0)), (2 * (1 - 0.5) + 2 * 1.0, 2 * (2 - 1.0)))


def test_noisy_bilinear_has_the_noise_that_it_says(x64):
    game = games.noisy_bilinear(jnp.array([[1.0, 2.0]]), scale=0.3)
    assert norm(game, game.equilibria[0]) == 0
    sample = sampling.joint(sampling.latents(4, 1), sampling.latents(4, 2))
    fields = jax.vmap(lambda key: game.bind(sample(key)).field(game.start))(jax.random.split(KEY, 20_000))
    for drawn, exact in zip(fields, game.field(game.start), strict=True):
        np.testing.assert_allclose(drawn.mean(0), exact, atol=5 * 0.15 / np.sqrt(20_000))
        np.testing.assert_allclose(drawn.std(0), 0.3 / 2, rtol=0.03)


def test_shifted_classes_has_a_stable_equilibrium(x64):
    draw = np.random.default_rng(1).normal
    features = draw(size=(30, 2))
    game = games.shifted_classes(features, np.sign(features[:, 0] + 0.3 * draw(size=30)))
    end = gs.solve(game, gs.extragradient(0.5), game.start, 3000, tol=1e-10)
    assert end.status == gs.Status.CONVERGED
    (classifier, shift) = end.players
    assert jnp.linalg.norm(shift) > 0.05
    assert jnp.sum(classifier["w"] ** 2) / 4 < 1  # concave in the shift there
    assert gs.analysis.eigenvalues(game, end.players).real.max() < 0


def test_same_sample_extragradient_converges_where_independent_samples_diverge():
    game = games.single_entries(4)
    same, steps = gs.minibatches(*game.data, 1), 4000
    run = lambda sample, key: gs.solve(game, gs.extragradient(0.05), game.start, steps, sample=sample, key=key).players
    keys = jax.random.split(KEY, 5)
    ends = jax.vmap(lambda key: run(same, key))(keys)
    apart = jax.vmap(lambda key: run(sampling.several(same, 2), key))(keys)
    size = lambda players: jnp.sqrt(sum(jnp.sum(leaf**2, -1) for leaf in players))
    assert size(ends).max() < 0.1
    assert size(apart).min() > 10


SVRG = {
    "svrg": lambda full, **how: gs.svrg(0.3, full, **how),
    "svrg_extragradient": lambda full, **how: gs.svrg_extragradient(0.2, full, **how),
    "svrg_hamiltonian": lambda full, **how: gs.svrg_hamiltonian(1.0, full, **how),
}


@pytest.mark.parametrize("how", [{}, {"period": 10}], ids=["loopless", "periods"])
@pytest.mark.parametrize("name", SVRG)
def test_variance_reduction_reaches_the_equilibrium_itself(name, how, regression):
    sample = gs.minibatches(*regression.data, 4)
    solver = SVRG[name](regression, **how)
    runs = [
        distance(regression, gs.solve(regression, solver, regression.start, steps, sample=sample, key=KEY).players)
        for steps in (0, 10_000)
    ]
    assert runs[1] < 1e-6 * runs[0]


def test_without_it_the_noise_stays(regression):
    sample = gs.minibatches(*regression.data, 4)
    end = gs.solve(regression, gs.simgd(0.3), regression.start, 10_000, sample=sample, key=KEY).players
    assert distance(regression, end) > 1e-2


def test_a_snapshot_every_step_is_the_full_method(regression):
    sample = gs.minibatches(*regression.data, 4)
    run = lambda solver, **how: gs.solve(regression, solver, regression.start, 30, **how).players[0]
    drawn = {"sample": sample, "key": KEY}
    np.testing.assert_allclose(run(gs.svrg(0.3, regression, period=1), **drawn), run(gs.simgd(0.3)), rtol=1e-12)
    solver = gs.svrg_hamiltonian(0.3, regression, period=1)
    np.testing.assert_allclose(run(solver, **drawn), run(gs.hamiltonian(0.3)), rtol=1e-12)


def test_on_the_full_batch_the_extragradient_is_the_papers_step(regression):
    """With the whole data as the batch and a snapshot every step it is plain extragradient."""
    run = lambda solver: gs.solve(regression, solver, regression.start, 30).players[0]
    np.testing.assert_allclose(run(gs.svrg_extragradient(0.2, regression, period=1)), run(gs.extragradient(0.2)))


def test_messages(regression):
    with pytest.raises(ValueError, match="svrg needs the game on all of its data"):
        gs.step(regression, gs.svrg(0.1), regression.start)
    with pytest.raises(ValueError, match=r"probability must be finite and above 0.0 and at most 1.0, got 0.0"):
        gs.svrg(0.1, probability=0.0)
    with pytest.raises(ValueError, match="period must be at least 1, got 0"):
        gs.svrg(0.1, period=0)
    with pytest.raises(ValueError, match=r"labels must be -1 or 1, got \[0, 1\]"):
        games.shifted_classes(np.zeros((2, 1)), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"features and targets must .* got \(2, 1\) and \(3,\)"):
        games.dual_regression(np.zeros((2, 1)), np.zeros(3))
    with pytest.raises(ValueError, match=r"matrix must .* got shape \(3,\)"):
        games.noisy_bilinear(np.zeros(3))
