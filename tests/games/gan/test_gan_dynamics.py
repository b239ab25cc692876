"""What training passes: run-off and its cure, regrowing modes, capacity, folds of the generator, slices on the way."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.games import gan

POSITIONS = (-6.0, -2.0, 2.0, 6.0)


def train(make, solver, steps, every, look, seeds):
    """Return what ``look(experiment, players, state)`` records, with the seed as the first axis."""

    @jax.vmap
    def run(seed):
        experiment = make(key=jax.random.key(seed))
        return gs.solve(
            experiment.game,
            solver,
            experiment.game.start,
            steps,
            sample=experiment.sample,
            key=jax.random.key(50 + seed),
            record=lambda players, state: look(experiment, players, state),
            every=every,
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


def on_a_line(width, activation, **settings):
    network, judge = gan.MLP((1, 32, 32, 1), activation), gan.MLP((1, width, width, 1), activation)
    return judge, functools.partial(
        gan.line, POSITIONS, 0.2, batch_size=64, generator=network, discriminator=judge, **settings
    )


def separable(*regularisers):
    """Return the game of one real example at 0 and one generated example that can't come closer than 1."""

    def judge(line, x):
        return x @ line["weight"] + line["bias"]

    game = gan.adversarial(lambda theta, z: 1 + theta**2 + 0 * z, judge, regularisers=regularisers)
    return game.bind((jnp.zeros((1, 1)), jnp.zeros((1, 1))))


def test_weight_normalisation_brings_a_fixed_point_at_infinity_to_a_finite_place():
    start = jnp.array(0.5), {"weight": jnp.array([[-1.0]]), "bias": jnp.array([0.2])}
    look = lambda players, _: (players[0], players[1]["weight"][0, 0], players[1]["bias"][0])

    @jax.jit
    def both(bound):
        games = separable(), separable(gan.weight_normalisation(bound))
        return [gs.solve(game, gs.simgd(0.2), start, 4000, record=look, every=1000).trace for game in games]

    for bound in (2.0, 3.0):
        (_, weight, _), (theta, _, bias) = both(bound)
        # Without it the logits that separate the examples grow like log t.
        np.testing.assert_allclose(weight[3] - weight[0], -2 * np.log(4), rtol=0.1)
        np.testing.assert_allclose([theta[-1], bias[-1]], [0, bound / 2], atol=1e-5)


def test_weight_normalisation_ignores_the_scale_of_weights_and_is_smooth_at_zero():
    wrapped = gan.weight_normalisation().wrap(lambda weights, x: x @ weights, 0.5, None)
    weights = jnp.array([[3.0, 0.0], [4.0, 2.0]])
    seen = lambda scale: wrapped(scale * weights, jnp.eye(2))
    values, slopes = jax.jit(jax.vmap(lambda scale: (seen(scale), jax.jacfwd(seen)(scale))))(
        jnp.array([0.0, 1e-20, 1e20])
    )
    np.testing.assert_allclose(values, [np.zeros((2, 2))] + 2 * [[[0.3, 0], [0.4, 0.5]]], rtol=1e-6)
    assert np.isfinite(slopes).all()


@pytest.mark.full
def test_weight_normalisation_keeps_generators_from_leaving_for_good():
    look = lambda experiment, players, _: experiment.measures["samples"](players).mean()
    away = {}
    for bound in (None, 0.5, 1.0):
        regularisers = () if bound is None else (gan.weight_normalisation(bound),)
        make = on_a_line(32, jax.nn.relu, loss=gan.minimax, regularisers=regularisers)[1]
        away[bound] = ~(np.abs(train(make, gs.simgd(0.1), 1000, 20, look, 16)) <= 20)
    left = {bound: int(flags.any(axis=1).sum()) for bound, flags in away.items()}
    at_the_end = {bound: int(flags[:, -1].sum()) for bound, flags in away.items()}
    assert left[None] >= 6
    assert at_the_end[None] >= left[None] - 1
    assert left[1.0] <= 2
    assert at_the_end[0.5] == at_the_end[1.0] == 0


@pytest.mark.full
def test_a_larger_discriminator_helps_adam_and_hurts_plain_steps():
    modes = lambda experiment, players, _: (
        experiment.measures["modes"](players),
        experiment.measures["samples"](players).mean(),
    )
    left, covered = {}, {}
    for width in (8, 128):
        plain = on_a_line(width, jax.nn.relu, loss=gan.minimax)[1]
        means = train(plain, gs.simgd(0.1), 400, 20, modes, 16)[1]
        left[width] = int((~(np.abs(means) <= 20)).any(axis=1).sum())
        smooth = on_a_line(width, jnp.tanh, loss=gan.non_saturating)[1]
        covered[width] = train(smooth, optax.adam(1e-3, b1=0.5), 2000, 100, modes, 6)[0][:, -5:].mean()
    assert left[128] >= left[8] + 6
    assert covered[128] > covered[8] + 1


@pytest.mark.full
def test_a_wider_discriminator_is_surer_between_the_clusters():
    beliefs, middles = {}, jnp.array([[-4.0], [0.0], [4.0]])
    for width in (8, 128):
        judge, make = on_a_line(width, jnp.tanh, loss=gan.non_saturating)
        look = lambda _, players, __, judge=judge: jax.nn.sigmoid(judge(players[1], middles))[:, 0]
        beliefs[width] = train(make, optax.adam(1e-3, b1=0.5), 2000, 50, look, 6)[:, 20:].mean(axis=(0, 1))
    np.testing.assert_array_less(beliefs[128][[0, 2]], beliefs[8][[0, 2]] - 0.1)
    assert beliefs[128][1] < 0.05 < 0.2 < beliefs[8][1]
    assert beliefs[128][[0, 2]].min() > 0.1


@pytest.mark.full
def test_modes_vanish_and_regrow_on_a_line_but_not_in_the_average():
    make = on_a_line(32, jnp.tanh)[1]
    rmsprop = optax.rmsprop(1e-3)
    warm = lambda t: jnp.minimum(0.999, (1 + t) / (10 + t))

    def look(experiment, players, state):
        mean = (optax.tree.get(state, "average"), players[1])
        return [
            {name: experiment.measures[name](own) for name in ("shares", "good", "wasserstein1")}
            for own in (players, mean)
        ]

    last, mean = train(make, gs.per_player(gs.average(rmsprop, decay=warm), rmsprop), 3000, 20, look, 4)
    late = slice(75, None)
    counts = lambda trace: np.array([gan.regrowths(shares, 0.05, 0.15) for shares in trace["shares"][:, late]])
    assert (counts(last)[:, [0, 3]] >= 8).all()
    assert counts(last)[:, [1, 2]].max() <= 2
    assert counts(mean).max() == 0
    assert mean["wasserstein1"][:, late].mean() < 0.8 * last["wasserstein1"][:, late].mean()
    assert mean["good"][:, late].mean() < 0.5 * last["good"][:, late].mean()


@pytest.mark.full
def test_training_folds_the_generator_on_the_line():
    make = on_a_line(32, jnp.tanh)[1]
    z = jnp.linspace(-3, 3, 301)[:, None]
    network = gan.MLP((1, 32, 32, 1), jnp.tanh)
    look = lambda _, players, __: gs.metrics.folds(lambda x: network(players[0], x), z).changes
    counts = train(make, optax.rmsprop(1e-3), 2000, 100, look, 6)
    assert counts[:, 10:].mean() > counts[:, 0].mean() + 1
    assert (counts[:, -1] > 0).sum() >= 4


@pytest.mark.full
def test_the_plane_of_the_players_own_gradients_holds_the_field_at_its_centre():
    network = gan.MLP((1, 4, 1), jnp.tanh)
    experiment = gan.gaussian(batch_size=16, generator=network, discriminator=network)
    game = experiment.game.bind(experiment.sample(jax.random.key(0)))
    players, v = game.start, game.field(game.start)
    plane = tuple(
        tuple(own if i == j else jax.tree.map(jnp.zeros_like, own) for j, own in enumerate(v)) for i in (0, 1)
    )
    picture = gs.analysis.slice_field(game, players, plane, num=3)
    np.testing.assert_allclose(picture.motion[1, 1], [1, 1], rtol=1e-5)
    assert float(picture.out[1, 1]) < 1e-5 * float(picture.norm[1, 1])
    assert float(picture.out[0, 0]) > 1e-2 * float(picture.norm[0, 0])
