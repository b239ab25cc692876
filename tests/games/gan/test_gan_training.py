"""Training of GANs: collapse, divergence and forgetting on a line, modes in the plane, the projection problem."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.games import gan

POSITIONS = (-6.0, -2.0, 2.0, 6.0)


def train(make, solver, steps, every, names, seeds=5):
    """Return the traces of several seeds, with the seed as the first axis."""

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
            record=experiment.watch(*names),
            every=every,
        ).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


def on_a_line(loss, activation):
    network = gan.MLP((1, 32, 32, 1), activation)
    return functools.partial(
        gan.line, POSITIONS, 0.2, loss=loss, batch_size=64, generator=network, discriminator=network
    )


def test_a_generator_collapses_onto_some_of_the_modes():
    trace = train(on_a_line(gan.non_saturating, jax.nn.relu), gs.simgd(0.1), 1000, 100, ("modes", "shares"), 8)
    kept = trace["modes"][:, 5:]
    assert (kept.max(axis=1) <= 2).sum() >= 4
    assert np.median(trace["shares"][:, -1].max(axis=1)) > 0.45


@pytest.mark.full
def test_a_saturated_generator_leaves_and_never_returns():
    trace = train(on_a_line(gan.minimax, jax.nn.relu), gs.simgd(0.1), 1000, 50, ("samples",), 16)
    away = np.abs(trace["samples"].mean(axis=(-1, -2))) > 20
    gone = away.any(axis=1)
    assert 5 <= gone.sum() <= 13
    assert away[gone, -1].mean() > 0.9


@pytest.mark.full
def test_the_discriminator_forgets_and_the_generator_hops():
    names = ("shares", "preference")
    trace = train(on_a_line(gan.minimax, jnp.tanh), optax.rmsprop(1e-3), 1200, 30, names)
    assert np.mean([gan.hops(shares) for shares in trace["shares"]]) > 0.3 * trace["shares"].shape[1]
    drift = np.mean([gan.drift(preference) for preference in trace["preference"]])
    still = gs.per_player(optax.set_to_zero(), optax.rmsprop(1e-3))
    alone = train(on_a_line(gan.minimax, jnp.tanh), still, 1200, 30, names)
    settled = np.mean([gan.drift(preference[20:]) for preference in alone["preference"]])
    assert drift > 0.15
    assert settled < drift / 2


@pytest.mark.full
def test_vanilla_finds_five_clusters():
    names = ("modes", "good", "reverse_kl", "mmd")
    trace = train(gan.five, optax.adam(1e-3, b1=0.5), 400, 200, names)
    assert np.mean(trace["modes"][:, -1]) > 4
    assert np.mean(trace["good"][:, -1]) > 0.3
    assert np.mean(trace["reverse_kl"][:, -1]) < 0.4
    assert np.mean(trace["mmd"][:, -1]) < 0.6


def eight(batch_size):
    sizes = (16, 16, 16, 16)
    return functools.partial(
        gan.ring,
        8,
        loss=gan.non_saturating,
        batch_size=batch_size,
        generator=gan.MLP((16, *sizes, 2), gain=1.0),
        discriminator=gan.MLP((2, *sizes, 1), gain=1.0),
        reach=0.15,
    )


RMSPROP = optax.rmsprop(1e-4)
CONSENSUS = optax.chain(gs.transforms.consensus(10.0), RMSPROP)


@pytest.mark.full
def test_g18_consensus_spreads_early_over_the_ring():
    runs = [train(eight(64), solver, 2000, 500, ("mmd",)) for solver in (CONSENSUS, RMSPROP)]
    consensus, simultaneous = (run["mmd"][:, -2:].mean() for run in runs)
    assert consensus < simultaneous / 1.5


@pytest.mark.full
def test_g18_eight_gaussians():
    solvers = {"conopt": CONSENSUS, "simgd": RMSPROP, "altgd": gs.alternating(RMSPROP, RMSPROP)}
    runs = {name: train(eight(512), solver, 12_000, 1000, ("modes", "mmd")) for name, solver in solvers.items()}
    assert (runs["conopt"]["modes"][:, -2:] == 8).mean() > 0.85
    assert runs["conopt"]["mmd"][:, -4:].mean() < 0.05
    # Without consensus most seeds rotate or collapse, but some find the modes.
    for name in ("simgd", "altgd"):
        assert runs[name]["modes"][:, -6:].mean() < 6.5
        assert runs[name]["mmd"][:, -6:].mean() > 0.15


def test_samplers_draw_what_they_say():
    circle = gan.Circle(4000)(jax.random.key(0))
    # u = z/||z|| + z/10 has the radius 1 + ||z||/10, of mean 1 + sqrt(pi/2)/10.
    radii = jnp.linalg.norm(circle, axis=1)
    assert abs(float(radii.mean()) - 1 - np.sqrt(np.pi / 2) / 10) < 0.004
    assert float(radii.min()) > 1
    grid = gan.grid(4, scale=0.01)
    real, latent = grid.sample(jax.random.key(1))
    assert real.shape == (256, 2)
    assert latent.shape == (256, 16)
    centres = grid.measures["modes"].args[0]
    assert centres.shape == (16, 2)
    assert int(gs.metrics.modes_covered(real, centres, 0.05)) == 16
    experiment = gan.circle()
    assert int(experiment.measures["sectors"](experiment.game.start)) <= 16
    assert gan.gaussian().measures["wasserstein1"](gan.gaussian().game.start) > 1


def project(solver, steps, seeds=5, scales=(100.0, 1.0)):
    @jax.vmap
    def run(seed):
        experiment = gan.projection(scales, key=jax.random.key(seed))
        record = experiment.watch("first_right", "second_right", "output")
        return gs.solve(experiment.game, solver, experiment.game.start, steps, record=record, every=40).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


def test_competitive_descent_prolongs_the_projection():
    simultaneous, competitive = project(gs.simgd(2e-4), 30_000), project(gs.cgd(2e-4), 30_000)
    stretches = [
        np.array([40 * int(gan.longest_stretch(row)) for row in trace["first_right"]])
        for trace in (simultaneous, competitive)
    ]
    assert stretches[1].mean() > 4 * stretches[0].mean()
    assert competitive["first_right"].mean() > 2 * simultaneous["first_right"].mean()
    # Runs that stay are near (2, 1.5), the projection in the discriminator's metric, and not near (1.5, 2).
    output = competitive["output"][:, -100:]
    assert np.abs(np.median(output, axis=(0, 1)) - [2.0, 1.5]).max() < 0.1


@pytest.mark.full
def test_simultaneous_descent_spends_long_stretches_at_smaller_steps():
    trace = project(gs.simgd(1.5e-4), 30_000)
    right = trace["first_right"].mean(axis=1)
    assert np.median(right) > 0.5
    assert np.mean(trace["second_right"]) < 0.1
    lengths = [40 * int(gan.longest_stretch(row)) for row in trace["first_right"]]
    assert np.median(lengths) > 4000
    assert max(lengths) < 30_000
