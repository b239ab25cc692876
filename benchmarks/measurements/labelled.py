"""Runs whose states are known from theory, to judge `gamesolve.watch` by.

Every family draws its game, start or step size from a seed. Its label follows from a theorem or a closed form, which
its docstring names. The thresholds of `gamesolve.watching.verdicts` were set on other games, those of `tuning`.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from gamesolve import sampling
from gamesolve.games import gan
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Players, PyTree, Scalar
from gamesolve.watching import Watch

# Measurements per run, unless there is a reason for more.
MEASUREMENTS = 40


class Labelled(NamedTuple):
    """A run: the arguments of `gamesolve.run`, and for GANs the generated examples and the number of modes covered."""

    game: gs.Game
    solver: optax.GradientTransformation
    start: Players
    steps: int
    sample: Sampler | None = None
    outputs: Callable[[Players], jax.Array] | None = None
    modes: Callable[[Players], jax.Array] | None = None


Family = Callable[[int], Labelled]


def watched(run: Labelled, seed: int, measurements: int = MEASUREMENTS) -> tuple[Watch, gs.Solution]:
    """Take a labelled run, and return its watch and its solution, with the modes covered as the trace."""
    every, key = run.steps // measurements, jax.random.key(seed)
    watch = gs.watch(run.game, run.solver, every=every, sample=run.sample, key=key, outputs=run.outputs, tell=None)
    record = None if run.modes is None else jax.tree_util.Partial(_of_players, run.modes)
    chunk, each = (max(every // 5, 1), 1) if run.modes is None else (every, every)
    options = {"chunk": chunk, "every": each, "sample": run.sample, "key": key, "progress": False}
    return watch, gs.run(run.game, run.solver, run.start, run.steps, record=record, callbacks=[watch], **options)


def uniform(seed: int, low: float, high: float, shape: tuple[int, ...] = ()) -> Scalar:
    """Draw uniform numbers from a seed."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def _coupling(seed: int, size: int = 3) -> jax.Array:
    """Return a random matrix with singular values from 0.5 to 1."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    return jnp.asarray(left * np.linspace(0.5, 1, size) @ right, jnp.float32)


def _noisy(size: int, batch: int = 4) -> Sampler:
    return sampling.joint(*2 * [sampling.latents(batch, size)])


def bilinear_extragradient(seed: int) -> Labelled:
    """Extragradient converges linearly on bilinear games (Korpelevich 1976)."""
    game = gs.games.bilinear(_coupling(seed))
    return Labelled(game, gs.extragradient(uniform(seed, 0.1, 0.3)), game.start, 800)


def bilinear_conopt(seed: int) -> Labelled:
    """Consensus makes the eigenvalues of a bilinear game's centre -γσ² ± iσ."""
    game = gs.games.bilinear(_coupling(seed))
    return Labelled(game, gs.conopt(uniform(seed, 0.05, 0.1), 1.0), game.start, 400)


def dirac_r1(seed: int) -> Labelled:
    """With R1 the Dirac-GAN converges (Mescheder, Geiger, Nowozin 2018)."""
    game = gan.dirac(regularisers=(gan.r1(1.0),)).game
    return Labelled(game, gs.simgd(0.1), tuple(uniform(seed, 0.5, 1.5, (2,))), 400)


def monotone_ogda(seed: int) -> Labelled:
    """Optimistic gradients converge linearly on strongly monotone games."""
    game = gs.games.random_quadratic(jax.random.key(seed), (4, 4), condition=4.0)
    return Labelled(game, gs.ogda(uniform(seed, 0.1, 0.3)), game.start, 800)


def noisy_approach(seed: int) -> Labelled:
    """A strongly monotone game with little noise: three time constants from its start, far above its noise floor."""
    game = gs.zero_sum(_noisy_quadratic, constants=(_coupling(seed), jnp.float32(0.02)))
    return Labelled(game, gs.simgd(0.01), _far(seed), 300, _noisy(3))


def bilinear_altgd(seed: int) -> Labelled:
    """Alternating gradients stay on bounded cycles around a bilinear game's equilibrium."""
    game = gs.games.bilinear(_coupling(seed))
    return Labelled(game, gs.altgd(uniform(seed, 0.1, 0.3)), game.start, 2000)


def cosine_orbit(seed: int) -> Labelled:
    """The flow of the cosine game near a centre runs on closed orbits: it conserves cos θ + sin φ."""
    amplitude = uniform(seed, 0.3, 1.0)
    return Labelled(gs.games.cosine(), gs.runge_kutta(0.1), (amplitude, jnp.float32(math.pi / 2)), 1200)


def dirac_orbit(seed: int) -> Labelled:
    """The flow of the Dirac-GAN with the minimax loss conserves θ² + ψ²."""
    return Labelled(gan.dirac().game, gs.runge_kutta(0.2), tuple(uniform(seed, 0.5, 1.5, (2,))), 1600)


def pennies_orbit(seed: int) -> Labelled:
    """Learning in matching pennies runs on closed orbits (Hofbauer 1996)."""
    game = gs.zero_sum(_pennies)
    return Labelled(game, gs.runge_kutta(0.2), tuple(uniform(seed, 0.3, 1.2, (2,))), 2000)


def noisy_orbit(seed: int) -> Labelled:
    """Alternating gradients on a bilinear game whose noise moves the orbit by less than a tenth of its radius."""
    game = gs.games.noisy_bilinear(_coupling(seed), 0.02)
    return Labelled(game, gs.altgd(uniform(seed, 0.05, 0.1)), game.start, 2000, _noisy(3))


def bilinear_simgd(seed: int) -> Labelled:
    """Simultaneous gradients multiply the distance by √(1 + η²σ²) per step."""
    game = gs.games.bilinear(_coupling(seed))
    return Labelled(game, gs.simgd(uniform(seed, 0.1, 0.2)), game.start, 800)


def biases_apart(seed: int) -> Labelled:
    """With a sigmoid the two biases have no equilibrium and diverge."""
    game = gan.bias_plane(gan.Sigmoid()).game
    return Labelled(game, gs.simgd(0.2), tuple(uniform(seed, 0.3, 1.0, (2,))), 2000)


def unstable_quadratic(seed: int) -> Labelled:
    """An eigenvalue of a quadratic game with positive real part: the distance grows exponentially."""
    game = gs.games.random_quadratic(jax.random.key(seed), (4, 4), rotation=0.2, monotone=False)
    return Labelled(game, gs.simgd(0.1), game.start, 1200)


def cubic_chaos(seed: int) -> Labelled:
    """Each coordinate maps x to 3x - 2x³, the Chebyshev map of order 3: its exponent is log 3."""
    game = gs.general_sum(lambda x, y: quartic(x), lambda x, y: quartic(y))
    return Labelled(game, gs.simgd(2.0), tuple(uniform(seed, -1.2, 1.2, (2, 2))), 400)


def logistic_chaos(seed: int) -> Labelled:
    """Each coordinate maps x to 4x - 3x², the logistic map at its end: its exponent is log 2."""
    game = gs.general_sum(lambda x, y: _cubic(x), lambda x, y: _cubic(y))
    return Labelled(game, gs.simgd(3.0), tuple(uniform(seed, 0.1, 1.2, (2, 2))), 400)


def rock_paper_scissors(seed: int) -> Labelled:
    """Learning rock-paper-scissors with ties of a half is chaotic far from the centre (Sato, Akiyama, Farmer 2002)."""
    game = gs.general_sum(_rows, _columns, constants=(jnp.float32(0.5),))
    x = jnp.log(jnp.asarray([0.5, 0.01, 0.49]) * (1 + uniform(seed, -0.05, 0.05, (3,))))
    y = jnp.log(jnp.asarray([0.5, 0.25, 0.25]) * (1 + uniform(seed + 1, -0.05, 0.05, (3,))))
    return Labelled(game, gs.runge_kutta(0.5), (x, y), 8000)


def cosine_saddle(seed: int) -> Labelled:
    """A start that the stable direction of the saddle (0, -π/2) brings near it, at the time of the closest approach."""
    near, far, rate = 10.0 ** uniform(seed, -6, -4), 0.5, 0.02
    steps = round(math.log(far / near) / 2 / rate / MEASUREMENTS) * MEASUREMENTS
    start = ((far + near) / 2**0.5, -math.pi / 2 + (near - far) / 2**0.5)
    return Labelled(gs.games.cosine(), gs.runge_kutta(rate), tuple(map(jnp.float32, start)), steps)


def double_well(seed: int) -> Labelled:
    """A potential with wells at x = ±1: the start is near the ridge, at the time of the closest approach to (0, 0)."""
    return from_ridge(seed, _well)


def from_ridge(seed: int, potential: Callable[[jax.Array, jax.Array], jax.Array]) -> Labelled:
    """Both players ascend a potential with a ridge at x = 0, until the closest approach to the saddle (0, 0)."""
    near, rate = float(10.0 ** uniform(seed, -6, -4)), 0.02
    steps = round(math.log(1 / near) / 2 / rate / MEASUREMENTS) * MEASUREMENTS
    game = gs.general_sum(potential, potential)
    return Labelled(game, gs.simgd(rate), (jnp.float32(near), jnp.float32(1)), steps)


def scale_collapse(seed: int) -> Labelled:
    """The flow of two weights with a bump collapses the generator's scale to 0 at time 0.284."""
    game, latents = gan.weight_plane().game, jax.random.normal(jax.random.key(seed), (256, 1))
    steps = 40 * round(float(uniform(seed, 6, 7)))
    outputs = jax.tree_util.Partial(scaled, latents)
    return Labelled(game, gs.simgd(0.28 / steps), game.start, steps, outputs=outputs)


def frozen_critic(seed: int, rate: float = 8e-3, steps: int = 1200) -> Labelled:
    """A generator that covers a ring ascends a critic that hardly moves: its samples go to the critic's maxima."""
    ring, players = _covering(seed)
    return Labelled(
        ring.game, _ahead(rate), players, steps, ring.sample, ring.measures["samples"], ring.measures["modes"]
    )


def vanishing_gradient(seed: int) -> Labelled:
    """A clipped discriminator that separates data from samples: the minimax gradient of the generator vanishes.

    Arjovsky, Bottou, "Towards Principled Methods for Training GANs", ICLR 2017, Theorem 2.4.
    """
    game = gs.general_sum(_fooling, _separating)
    generator, slope = uniform(seed, 9, 12), jnp.float32(0.2)
    clipped = gs.transforms.project((None, gan.clip(1.0)))
    return Labelled(game, optax.chain(gs.simgd((0.01, 0.005)), clipped), (generator, (slope, jnp.zeros(()))), 2000)


def saturated(seed: int) -> Labelled:
    """Player 0 sees x only through tanh(x + 3r), where r is the growing radius on which player 1 turns."""
    game = gs.general_sum(_saturating, _turning)
    start = jnp.asarray(uniform(seed, 0.3, 0.8, (2,)))
    return Labelled(game, gs.simgd((0.05, 0.02)), (jnp.zeros(()), start), 4000)


def noisy_bilinear(seed: int) -> Labelled:
    """Extragradient with noise at every step stays at the radius of its noise around the equilibrium."""
    game = gs.games.noisy_bilinear(_coupling(seed), 0.5)
    return Labelled(game, gs.extragradient(uniform(seed, 0.2, 0.4)), game.start, 4000, _noisy(3))


def noisy_rest(seed: int) -> Labelled:
    """Gradient steps on a strongly monotone game with noise, after a hundred time constants."""
    game = gs.zero_sum(_noisy_quadratic, constants=(_coupling(seed), jnp.float32(1.0)))
    return Labelled(game, gs.simgd(uniform(seed, 0.03, 0.1)), _far(seed), 4000, _noisy(3))


@functools.cache  # plain optax transformations are part of the compiled program
def _ahead(rate: float) -> optax.GradientTransformation:
    """Return Adam for a generator, and for a discriminator that hardly moves."""
    return gs.per_player(optax.adam(rate, b1=0.5), optax.adam(1e-6, b1=0.5))


@functools.cache
def evenly() -> optax.GradientTransformation:
    """Return Adam, equally fast for both players."""
    return optax.adam(2e-3, b1=0.5)


@functools.cache
def _covering(seed: int) -> tuple[gan.Experiment, Players]:
    """Return a GAN on a ring of eight clusters, and players of it that cover them, trained with R1."""
    trained, key = ring_of(seed, (gan.r1(0.3),)), jax.random.key(seed + 1)
    found = gs.solve(trained.game, evenly(), trained.game.start, 4000, sample=trained.sample, key=key)
    return ring_of(seed), found.players


def ring_of(seed: int, regularisers: tuple[Any, ...] = ()) -> gan.Experiment:
    """Return a GAN on a ring of eight clusters."""
    networks: dict[str, Any] = {"generator": gan.MLP((4, 32, 32, 2)), "discriminator": gan.MLP((2, 32, 32, 1))}
    settings = {"loss": gan.non_saturating, "regularisers": regularisers, "batch_size": 128}
    return gan.ring(8, 0.05, key=jax.random.key(seed), **settings, **networks)


def _of_players(measure: Callable[[Players], jax.Array], players: Players, state: PyTree) -> jax.Array:
    del state
    return measure(players)


def scaled(latents: jax.Array, players: Players) -> jax.Array:
    """Return the examples of a generator that scales its latents."""
    return players[0] * latents


def _far(seed: int) -> Players:
    return tuple(map(jnp.asarray, uniform(seed, 2, 4, (2, 3))))


def _noisy_quadratic(x: jax.Array, y: jax.Array, M: jax.Array, scale: jax.Array, noise: PyTree) -> jax.Array:
    pushes = [jnp.mean(entry, axis=0) for entry in noise]
    return (x @ x - y @ y) / 2 + x @ M @ y + scale * (pushes[0] @ x + pushes[1] @ y)


def _pennies(x: jax.Array, y: jax.Array) -> jax.Array:
    """Matching pennies in logits, each player's payoff linear in its own logit."""
    return x * jnp.tanh(y / 2)


def quartic(x: jax.Array) -> jax.Array:
    """Return the payoff whose gradient steps are cubic maps."""
    return jnp.sum(x**2 / 2 - x**4 / 4)


def _cubic(x: jax.Array) -> jax.Array:
    return jnp.sum(x**2 / 2 - x**3 / 3)


def _cycle(tie: Scalar) -> jax.Array:
    return jnp.array([[tie, -1.0, 1.0], [1.0, tie, -1.0], [-1.0, 1.0, tie]])


def _rows(x: jax.Array, y: jax.Array, tie: Scalar) -> jax.Array:
    return (x - jnp.mean(x)) @ (_cycle(tie) @ jax.nn.softmax(y))


def _columns(x: jax.Array, y: jax.Array, tie: Scalar) -> jax.Array:
    return (y - jnp.mean(y)) @ (_cycle(-tie) @ jax.nn.softmax(x))


def _well(x: jax.Array, y: jax.Array) -> jax.Array:
    return -((x**2 - 1) ** 2) / 4 - y**2 / 2


def _fooling(x: jax.Array, judge: Players) -> jax.Array:
    slope, bias = judge
    return -jax.nn.log_sigmoid(slope * x - bias)


def _separating(x: jax.Array, judge: Players) -> jax.Array:
    """The discriminator's payoff on data at 0 and samples at x, with the logit bias - slope x."""
    slope, bias = judge
    return jax.nn.log_sigmoid(bias) + jax.nn.log_sigmoid(slope * x - bias)


def _saturating(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.tanh(x + 3 * jnp.linalg.norm(y))


def _turning(x: jax.Array, y: jax.Array) -> jax.Array:
    """A payoff whose gradient in y turns it: y times a rotated copy that is not differentiated."""
    del x
    rotated = jax.lax.stop_gradient(jnp.stack([-y[1], y[0]]))
    return rotated @ y


JUDGED: Mapping[str, tuple[Family, ...]] = {
    "converging": (bilinear_extragradient, bilinear_conopt, dirac_r1, monotone_ogda, noisy_approach),
    "rotating": (bilinear_altgd, cosine_orbit, dirac_orbit, pennies_orbit, noisy_orbit),
    "running off": (bilinear_simgd, biases_apart, unstable_quadratic),
    "chaotic": (cubic_chaos, logistic_chaos, rock_paper_scissors),
    "near a saddle": (cosine_saddle, double_well),
    "collapsing": (scale_collapse, frozen_critic),
    "starved": (vanishing_gradient, saturated),
    "noise floor": (noisy_bilinear, noisy_rest),
}
