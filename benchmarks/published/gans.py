"""GANs of the literature: G4, G5, G16, G18."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks.published.claims import Claim, distance, said, shown
from gamesolve.game import Players
from gamesolve.games import gan
from gamesolve.trees import Row

# A Wasserstein critic is projected after each of its moves, by shortening the move.
CLIP = optax.stateless(lambda moves, players: jax.tree.map(lambda u, z: jnp.clip(z + u, -1, 1) - z, moves, players))
RMSPROP = optax.rmsprop(1e-4)
CONSENSUS = optax.chain(gs.transforms.consensus(10.0), RMSPROP)
# G18 in a short run, and at about the published size.
SHORT = {"batch": 64, "steps": 2000, "every": 500, "seeds": 5}
LONG = {"batch": 512, "steps": 12_000, "every": 1000, "seeds": 5}
# Published budget of G16, in forward passes.
PASSES = 100_000


def clipped(solver: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Return simultaneous play with a critic clipped to [-1, 1]."""
    return optax.chain(solver, gs.per_player(optax.identity(), CLIP))


def turns(first: float, order: tuple[int, ...] = (0, 1)) -> optax.GradientTransformationExtraArgs:
    """Return alternating play with a critic clipped to [-1, 1]."""
    return gs.alternating(gs.simgd(first), optax.chain(gs.simgd(first), CLIP), order=order)


def g4() -> Iterator[Claim]:
    """Check the Dirac-GAN, step .2, |z| after 500 steps from (1, 1)."""
    plain = {"simultaneous": gs.simgd(0.2), "alternating": gs.altgd(0.2)}
    critic = {"simultaneous": clipped(gs.simgd(0.2)), "alternating": turns(0.2)}
    for name, game, solvers, published in (
        ("GAN", gan.dirac().game, plain, ("3.09695", "1.42102")),
        ("NSGAN", gan.dirac(gan.non_saturating).game, plain, (".640207", ".283923")),
        ("WGAN, clipped", gs.games.curl(), critic, ("1.00215", "1.02412")),
        ("R1", gan.dirac(regularisers=(gan.r1(0.3),)).game, plain, ("2.643e-6", "2.301e-7")),
    ):
        for (play, solver), expected in zip(solvers.items(), published, strict=True):
            yield shown(f"{name}, {play}", expected, distance(game, solver, (1.0, 1.0), 500))
    yield shown("consensus, simultaneous", "2.58e-10", distance(gan.dirac().game, gs.conopt(0.2, 1.0), (1.0, 1.0), 500))
    yield shown("consensus, alternating", "1.72e-11", consensus_in_turns(gan.dirac().game))


def consensus_in_turns(game: gs.Game) -> jax.Array:
    """Return |z| if the players move in turn, each along its own entry of the regularised field."""
    part = gs.transforms.consensus(1.0)

    def step(index: jax.Array, players: Players) -> Players:
        del index
        better: Any
        for mover in (0, 1):
            u = jax.tree.map(jnp.negative, game.field(players))
            better, _ = part.update(u, part.init(players), players, game=game)
            moved = zip(players, better, strict=True)
            players = tuple(z - 0.2 * g if i == mover else z for i, (z, g) in enumerate(moved))
        return players

    return jnp.hypot(*jax.lax.fori_loop(0, 500, step, (jnp.ones(()), jnp.ones(()))))


def g5() -> Iterator[Claim]:
    """Check the toy Wasserstein GAN, y clipped to [-1, 1], |z| after 100 steps from (2, .5)."""
    game, start = gs.games.curl(), (2.0, 0.5)
    for name, solver, expected in (
        ("simultaneous(.1)", clipped(gs.simgd(0.1)), "1.07759"),
        ("alternating(.1), y first", turns(0.1, (1, 0)), ".995872"),
        ("alternating(.1), x first", turns(0.1), "1.00423"),
        ("EG(.6)", clipped(gs.extragradient(0.6)), "2.67e-6"),
    ):
        yield shown(name, expected, distance(game, solver, start, 100))
    past = distance(game, clipped(gs.past_extragradient(0.5)), start, 100)
    yield said("past EG(.5)", "below 1e-12", past, past < 1e-12)
    solver = clipped(gs.simgd(lambda count: 2 / jnp.sqrt(count + 1)))
    path = gs.solve(game, solver, start, 100, record=lambda players, _: players).trace
    mean = [(first + jnp.sum(steps)) / 101 for first, steps in zip(start, path, strict=True)]
    yield shown("average of simultaneous play, step 2/√(t+1)", ".0517772", jnp.hypot(*mean))


def g16(passes: int = PASSES // 10) -> Iterator[Claim]:
    """Check covariance estimation: the step sizes among .005, .025, .1, .4 with which it does not diverge."""
    experiment = gan.covariance()
    start: Any = experiment.game.start
    note = "" if passes >= PASSES else f"reduced: {passes} forward passes of {PASSES}"
    # Forward passes per step; those of CGD with three iterations of its inner solves, as near the equilibrium.
    makes = {
        "OGDA": (gs.ogda, 2, {0.005, 0.025}),
        "ConOpt": (lambda eta: gs.conopt(eta, gamma=1.0), 6, {0.005}),
        "SGA": (gs.sga, 4, {0.005}),
        "CGD": (gs.cgd, 10, {0.005, 0.025, 0.1, 0.4}),
    }
    for name, (make, cost, published) in makes.items():
        stable = {
            eta
            for eta in (0.005, 0.025, 0.1, 0.4)
            if gs.solve(experiment.game, make(eta), start, passes // cost, max_norm=1e6).status != gs.Status.DIVERGED
        }
        expected, found = (" ".join(f"{eta:g}" for eta in sorted(etas)) for etas in (published, stable))
        yield said(f"stable steps of {name}", expected, found, stable == published, note)


def eight(batch: int, key: jax.Array) -> gan.Experiment:
    """Return the GAN on 8 Gaussians: networks of four layers of 16 units, latents of 16 dimensions."""
    sizes = (16, 16, 16, 16)
    return gan.ring(
        8,
        loss=gan.non_saturating,
        batch_size=batch,
        generator=gan.MLP((16, *sizes, 2), gain=1.0),
        discriminator=gan.MLP((2, *sizes, 1), gain=1.0),
        reach=0.15,
        key=key,
    )


def g18(size: Mapping[str, int] = SHORT) -> Iterator[Claim]:
    """Check 8 Gaussians, RMSProp 1e-4: the clusters that the generator covers, and the distance of its samples."""
    with jax.enable_x64(False):
        consensus = _late(CONSENSUS, **size)
        others = {"SimGD": _late(RMSPROP, **size), "AltGD": _late(gs.alternating(RMSPROP, RMSPROP), **size)}
    for name, other in others.items():
        quantity, published = f"ConOpt (γ = 10) against {name}", "8 clusters; collapse or rotation"
        distances = f"MMD {consensus['mmd']:.3f} against {other['mmd']:.3f}"
        if size == LONG:
            covered = f"{consensus['modes']:.1f} against {other['modes']:.1f} clusters, {distances}"
            yield said(quantity, published, covered, consensus["modes"] > 7.5 and other["modes"] < 6.5)
        else:
            steps = f"{size['steps']} steps of {LONG['steps']}, batches of {size['batch']}"
            closer = consensus["mmd"] < other["mmd"] / 1.5
            yield said(quantity, published, distances, closer, f"reduced: {steps}; MMD instead of clusters")


def _late(solver: optax.GradientTransformation, batch: int, steps: int, every: int, seeds: int) -> dict[str, float]:
    """Return means of the measures over the seeds and the later half of the records."""

    def train(seed: jax.Array) -> Row:
        experiment = eight(batch, jax.random.key(seed))
        start: Any = experiment.game.start
        record, key = experiment.watch("modes", "mmd"), jax.random.key(50 + seed)
        options = {"sample": experiment.sample, "key": key, "record": record, "every": every}
        return gs.solve(experiment.game, solver, start, steps, **options).trace

    traces = jax.vmap(train)(jnp.arange(seeds))
    return {name: float(np.mean(np.asarray(trace)[:, steps // every // 2 :])) for name, trace in traces.items()}
