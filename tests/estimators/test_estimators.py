"""Unbiased products over a minibatch, tested by enumerating every batch of a small game."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from benchmarks.published import enumeration
from benchmarks.published.enumeration import BATCH, GAME, POINTS, exact, over_batches, ravel
from gamesolve import estimators, products, sampling
from gamesolve.transforms.adjusted import _both

FORMS = {"halves": 2, "pairs of groups": 4, "pairs": "all"}


@pytest.fixture
def points(x64):
    return enumeration.points()


@pytest.fixture
def players(x64):
    return enumeration.players()


def self_product(game, players, groups, population=None):
    """Compile `estimators.self_product` as one program: uncompiled, its dozens of small operations take seconds."""
    form = lambda game, players: estimators.self_product(products.transposed, game, players, groups, population)
    return jax.jit(form)(game, players)


PRODUCTS = {
    "consensus": products.transposed,
    "cross terms": products.off_diagonal_transposed,
    "symplectic": _both,
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_unbiased_form_is_unbiased(product, points, players):
    truth = exact(points, players, PRODUCTS[product])
    for groups in FORMS.values():
        estimates = over_batches(points, players, groups, PRODUCTS[product])
        np.testing.assert_allclose(estimates.mean(0), truth, rtol=0, atol=1e-12 * np.linalg.norm(truth))


def test_the_plugin_misses_by_the_covariance(points, players):
    """G17: its mean exceeds the truth by E[J_i^T v_i] - J^T v over the batch size."""
    truth = exact(points, players)
    bias = over_batches(points, players, None).mean(0) - truth
    assert np.linalg.norm(bias) > 0.1 * np.linalg.norm(truth)
    np.testing.assert_allclose(bias, enumeration.plugin_excess(points, players), rtol=1e-12, atol=1e-14)


def test_variance_falls_with_the_number_of_groups(points, players):
    variances = [over_batches(points, players, groups).var(0).sum() for groups in (2, 4)]
    assert variances[1] < variances[0]


def test_scalar_variance_has_the_constants_of_theory(x64):
    """On v = mean of Gaussian numbers, U_G has variance 4 mu^2 s^2 / B + c s^4 / B^2 with c = 2 G / (G - 1)."""
    batch, mean, runs = 8, 0.3, 400_000
    draws = mean + jax.random.normal(jax.random.key(0), (runs, batch))
    for groups, constant in ((2, 4.0), (4, 8 / 3), (8, 16 / 7)):
        means = draws.reshape(runs, groups, -1).mean(-1)
        square = (means.sum(1) ** 2 - (means**2).sum(1)) / (groups * (groups - 1))
        expected = 4 * mean**2 / batch + constant / batch**2
        np.testing.assert_allclose(float(square.var()), expected, rtol=0.02)
        common, own = estimators.self_products._weights(groups, 0.0)
        weighed = ((common * means.sum(1, keepdims=True) + own * means) * means).sum(1)
        np.testing.assert_allclose(weighed, square, atol=1e-12)


@pytest.mark.parametrize("groups", [2, "all"])
def test_population_is_unbiased_without_replacement_and_exact_at_the_full_batch(groups, points, players):
    truth = exact(points, players)
    rows = np.array(list(itertools.permutations(range(POINTS), BATCH)))
    estimates = over_batches(points, players, groups, rows=rows, population=POINTS)
    np.testing.assert_allclose(estimates.mean(0), truth, rtol=0, atol=1e-12 * np.linalg.norm(truth))
    uncorrected = over_batches(points, players, groups, rows=rows)
    assert np.linalg.norm(uncorrected.mean(0) - truth) > 1e-3 * np.linalg.norm(truth)
    whole = self_product(GAME.bind(points), players, groups, POINTS).product
    np.testing.assert_allclose(ravel(whole), truth, rtol=1e-12)


def test_full_batches_without_replacement_are_deterministic_consensus(points, players):
    sample = gs.minibatches(points, POINTS, replace=False)
    for groups in (2, "all"):
        solver = gs.conopt(0.1, 0.5, groups=groups, population=POINTS)
        drawn = gs.solve(GAME, solver, players, 50, sample=sample, key=jax.random.key(1)).players
        exactly = gs.solve(GAME.bind(points), gs.conopt(0.1, 0.5), players, 50).players
        np.testing.assert_allclose(ravel(drawn), ravel(exactly), atol=1e-12)


def test_chunks_and_their_remainder_make_no_difference(players, x64):
    draw = np.random.default_rng(1).normal
    for size in (5, 19):
        rows = {"a": jnp.asarray(draw(size=(size, 2))), "b": jnp.asarray(draw(size=(size, 3))), "c": jnp.ones(size)}
        game = GAME.bind(rows)
        by_groups = self_product(game, players, size)
        by_pairs = self_product(game, players, "all")
        np.testing.assert_allclose(ravel(by_pairs), ravel(by_groups), rtol=1e-10)


def test_draws_are_groups(points, players):
    """Two independent draws are equivalent to the two halves of one batch."""
    halves = [jax.tree.map(lambda leaf, part=part: leaf[part], points) for part in (slice(0, 4), slice(4, 8))]
    together = self_product(GAME.bind(points), players, 2).product
    apart = GAME.bind(sampling.draws(*halves))
    np.testing.assert_allclose(
        ravel(self_product(apart, players, "draws").product),
        ravel(together),
        rtol=1e-12,
    )


# THEORY 4: per-example fields in loss form xi_i = (z - 1) + e_i (1 + z), e_i = +-2.
def shifting(z, noise):
    return -jnp.mean((z - 1) ** 2 / 2 + noise * (z + z**2 / 2))


SIGNS = jnp.array([-2.0, 2.0])


@pytest.mark.parametrize(("gamma", "fixed"), [(1.0, 0.6), pytest.param(10.0, 0.375, marks=pytest.mark.full)])
def test_the_plugin_moves_the_equilibrium_and_the_unbiased_forms_do_not(gamma, fixed, x64):
    game, sample = gs.general_sum(shifting), gs.minibatches(SIGNS, 8)

    def mean_end(groups):
        """Average over 225 seeds and the last half of a run of small steps."""
        solver = gs.conopt(0.02 / (1 + gamma), gamma, groups=groups)

        def run(key):
            seen = gs.solve(game, solver, (1.0,), 2000, sample=sample, key=key, record=lambda z, _: z[0], every=10)
            return seen.trace[100:].mean()

        ends = jax.vmap(run)(jax.random.split(jax.random.key(0), 225))
        return float(ends.mean()), float(ends.std() / 15)

    plugin, error = mean_end(None)
    assert abs(plugin - fixed) < max(4 * error, 0.02)
    for groups in (2, 4, "all"):
        unbiased, error = mean_end(groups)
        assert error < 0.05
        assert abs(unbiased - 1) < 4 * error


def test_batch_coupling_layers_bias_every_form(points, players):
    """A payoff that normalises over the batch is not a mean over examples: splitting changes the game (THEORY 4)."""

    def normalised(x, y, rows):
        features = rows["a"] @ x
        features = (features - features.mean()) / jnp.sqrt(features.var() + 0.1)
        return jnp.mean(features * (rows["b"] @ y) + 0.1 * jnp.sum(x**2) - 0.1 * jnp.sum(y**2))

    game = gs.zero_sum(normalised).bind(points)
    whole = ravel(self_product(game, players, 2).field)
    assert np.linalg.norm(whole - ravel(game.field(players))) > 0.05 * np.linalg.norm(whole)


def test_messages(points, players):
    game = GAME.bind(points)
    product = lambda groups, game=game, population=None: self_product(game, players, groups, population)
    for groups in (1, 0, "half"):
        with pytest.raises(ValueError, match=f"groups must be None .*, got {groups!r}"):
            gs.conopt(0.1, 1.0, groups=groups)
    with pytest.raises(ValueError, match="population needs groups of one batch, got groups = None"):
        gs.hamiltonian(0.1, population=8)
    with pytest.raises(ValueError, match="groups must divide the 8 examples of the batch, got 3"):
        product(3)
    with pytest.raises(ValueError, match="population must be at least the 8 examples of one batch, got 4"):
        product(2, population=4)
    with pytest.raises(ValueError, match="got no data"):
        product(2, gs.games.curl())
    with pytest.raises(ValueError, match=r"leaves with \[7, 8\] examples"):
        product(2, GAME.bind(points | {"c": jnp.ones(7)}))
    with pytest.raises(ValueError, match="at least 2 examples for an unbiased estimate, got 1"):
        product("all", GAME.bind(jax.tree.map(lambda leaf: leaf[:1], points)))
    with pytest.raises(ValueError, match="needs at least 2 bound draws, got 1"):
        product("draws")


def test_keys_in_a_batch_are_split(players, x64):
    """Noise that a payoff draws from a key in the batch differs between groups."""

    def noisy(x, y, batch):
        rows, key = batch
        return jnp.mean(rows * jnp.sum(x)) * jnp.sum(y) + jax.random.normal(key) * jnp.sum(x)

    batch = (jnp.arange(4.0), jax.random.key(0))
    parts = estimators.split(batch, 2)
    assert parts[1].shape == (2,)
    game = gs.zero_sum(noisy).bind(batch)
    for groups in (2, "all"):
        assert np.isfinite(ravel(self_product(game, players, groups))).all()
    assert jax.tree.leaves(gs.step(game, gs.conopt(0.1, 1.0, groups=2), players, None)[0])[0].shape == (2,)


def test_the_report_measures_bias_and_variance_as_theory_says(points, players):
    """Compare with enumerated values; 4000 draws stand for all batches."""
    keys = jax.random.split(jax.random.key(0), 4000)
    batches = jax.vmap(gs.minibatches(points, BATCH))(keys)
    rows = estimators.report(GAME.bind(points), players, batches, groups=(None, 2, 4))
    truth = np.linalg.norm(exact(points, players))
    for row in rows:
        enumerated = over_batches(points, players, row.groups)
        bias = np.linalg.norm(enumerated.mean(0) - exact(points, players)) / truth
        assert abs(row.bias - bias) < 3 * row.error
        np.testing.assert_allclose(row.variance, enumerated.var(0).sum() / truth**2, rtol=0.1)
        assert row.time > 0
    assert rows[0].bias > 5 * rows[0].error
    assert len(str(rows).splitlines()) == 4
    with pytest.raises(ValueError, match="game must be bound to all of its data"):
        estimators.report(GAME, players, batches)


def test_large_groups_are_taken_one_by_one_and_give_the_same(players, x64, monkeypatch):
    draw = np.random.default_rng(2).normal
    rows = {"a": jnp.asarray(draw(size=(24, 2))), "b": jnp.asarray(draw(size=(24, 3))), "c": jnp.ones(24)}
    together = [self_product(GAME.bind(rows), players, groups) for groups in (2, 4)]
    monkeypatch.setattr(estimators.self_products, "LEAST_APART", 6)
    apart = [self_product(GAME.bind(rows), players, groups) for groups in (2, 4)]
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(ravel(one.field), ravel(other.field), rtol=1e-12)
        np.testing.assert_allclose(ravel(one.product), ravel(other.product), rtol=1e-12)
