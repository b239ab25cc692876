"""The games and solvers that are measured.

A case is the game ``min over x, max over y of f(x, y, *arguments)`` as plain functions and arrays, from which
gamesolve, the hand-written steps and PyTorch each build their own.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from gamesolve import registry
from gamesolve.trees import PyTree, Scalar

Layers = list[tuple[jax.Array, jax.Array]]


@dataclasses.dataclass(frozen=True)
class Case:
    """A game to measure on.

    Attributes:
        name: name in tables and on the command line.
        payoff: ``payoff(x, y, *constants, *data)``, minimised by x.
        players: the start of runs.
        target: largest acceptable time of gamesolve over hand-written JAX.
        steps: steps in one timed call, enough to hide the call itself.
        few_steps: the same for solvers with an inner solve: few enough to stay away from the equilibrium, where the
            inner solves are different.
        rates: step size and other numbers, by solver, that differ from `RATES`.
        constants: arrays of the game.
        data: one minibatch, if the game takes data.
    """

    name: str
    payoff: Callable[..., jax.Array]
    players: tuple[PyTree, PyTree]
    target: float
    steps: int
    few_steps: int
    rates: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    constants: tuple[Any, ...] = ()
    data: tuple[Any, ...] = ()

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of the payoff after the players."""
        return (*self.constants, *self.data)

    @property
    def game(self) -> gs.Game:
        """The game as users of gamesolve write it."""
        game = gs.zero_sum(self.payoff, constants=self.constants)
        return game.bind(*self.data) if self.data else game

    def function(self, arguments: tuple[Any, ...]) -> Callable[[PyTree, PyTree], jax.Array]:
        """Return the payoff as a function of the players alone."""
        return lambda x, y: self.payoff(x, y, *arguments)

    def numbers(self, solver: str) -> tuple[float, ...]:
        """Return the numbers that ``solver`` takes on this game, the step size first."""
        return self.rates.get(solver) or RATES.get(solver, (OTHER_RATE,))

    def length(self, solver: str) -> int:
        """Return the number of steps in one timed call of ``solver``."""
        if solver not in SOLVERS:
            return min(self.few_steps, FEW)
        return self.few_steps if solver in ("cgd", "acgd") else self.steps


# Step size first, then the constructor's other numbers, in the order of its arguments.
RATES: Mapping[str, tuple[float, ...]] = {
    **dict.fromkeys(("simgd", "altgd", "extragradient", "ogda"), (0.05,)),
    "conopt": (0.05, 0.5),
    "cgd": (0.5,),
    "acgd": (0.01, 0.99, 1e-5),
}
# The solvers that are written by hand as well.
SOLVERS: Mapping[str, Callable[..., gs.Solver]] = {name: getattr(gs, name) for name in RATES}
# All others take the arguments of the registry, this step size, and this many steps in a timed call.
OTHER_RATE, FEW = 0.05, 100


def build(solver: str, *numbers: Scalar) -> gs.Solver:
    """Return a solver at the numbers of a case: one that is also written by hand, or any other of the registry."""
    return SOLVERS[solver](*numbers) if solver in SOLVERS else registry.SOLVERS[solver].build(*numbers)


def product(x: jax.Array, y: jax.Array) -> jax.Array:
    """The scalar bilinear game."""
    return x * y


def quadratic_form(x: jax.Array, y: jax.Array, A: jax.Array, B: jax.Array, C: jax.Array) -> jax.Array:
    """A zero-sum quadratic with curvatures A, C and coupling B."""
    return x @ (A @ x / 2 + B @ y) - y @ (C @ y / 2)


def network(layers: Layers, inputs: jax.Array) -> jax.Array:
    """A multilayer perceptron with ReLU between its layers."""
    *hidden, (weight, bias) = layers
    for inner_weight, inner_bias in hidden:
        inputs = jax.nn.relu(inputs @ inner_weight + inner_bias)
    return inputs @ weight + bias


def minimax_log(generator: Layers, discriminator: Layers, batch: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The minimax loss of GANs: the generator minimises, the discriminator maximises."""
    real, latent = batch
    fake = network(generator, latent)
    on_real, on_fake = network(discriminator, real), network(discriminator, fake)
    return -jnp.mean(jax.nn.softplus(-on_real)) - jnp.mean(jax.nn.softplus(on_fake))


def scalar() -> Case:
    """Return the bilinear game on two numbers."""
    # Such small steps that the inner solve needs its one iteration until the end of the run.
    slow = dict.fromkeys(("simgd", "altgd", "extragradient", "ogda", "cgd"), (1e-3,))
    rates = slow | {"conopt": (1e-3, 1e-3), "acgd": (1e-5, 0.99, 1e-5)}
    one = jnp.asarray(1.0)
    return Case("scalar", product, (one, one), 1.25, steps=1_000_000, few_steps=50_000, rates=rates)


def quadratic(size: int, steps: int, few_steps: int, **rates: tuple[float, ...]) -> Case:
    """Return a zero-sum quadratic with ``size`` parameters per player: weak curvature, coupling of condition 10."""
    rng = np.random.default_rng(size)

    def basis() -> np.ndarray:
        return np.linalg.qr(rng.normal(size=(size, size)))[0]

    spread = np.logspace(0, -1, size)
    own = [(q * (0.05 * spread)) @ q.T for q in (basis(), basis())]
    coupling = (basis() * spread) @ basis()
    constants = tuple(jnp.asarray(array, jnp.float32) for array in (own[0], coupling, own[1]))
    x, y = (jnp.asarray(rng.normal(size=size), jnp.float32) for _ in range(2))
    return Case(f"quadratic-{size}", quadratic_form, (x, y), 1.05, steps, few_steps, rates, constants)


def gan(widths: tuple[int, int], hidden: tuple[int, ...], batch: int, steps: int, name: str = "gan") -> Case:
    """Return a GAN on fixed data; ``widths`` are those of the latents and the data, ``hidden`` of both networks."""
    rng = np.random.default_rng(0)
    latent, data = widths

    def layers(sizes: tuple[int, ...]) -> Layers:
        return [
            (jnp.asarray(rng.normal(size=(a, b)) * np.sqrt(2 / a), jnp.float32), jnp.zeros(b, jnp.float32))
            for a, b in itertools.pairwise(sizes)
        ]

    generator, discriminator = layers((latent, *hidden, data)), layers((data, *hidden, 1))
    arrays = tuple(jnp.asarray(rng.normal(size=(batch, width)), jnp.float32) for width in (data, latent))
    rates = {"cgd": (0.05,), "acgd": (1e-4, 0.99, 1e-5)}
    few = max(1, steps // 4)
    return Case(name, minimax_log, (generator, discriminator), 1.10, steps, few, rates, data=(arrays,))


CASES: Mapping[str, Callable[[], Case]] = {
    "scalar": scalar,
    # Thousands of steps hide the call; small ones do not reach the equilibrium.
    "quadratic-10": functools.partial(quadratic, 10, 50_000, 10_000, cgd=(0.1,), acgd=(5e-4, 0.99, 1e-5)),
    "quadratic-100": functools.partial(quadratic, 100, 5_000, 1_000),
    "quadratic-1000": functools.partial(quadratic, 1000, 30, 20),
    "gan": functools.partial(gan, (16, 2), (128, 128, 128), 256, 20),
}
# Small versions for the test, which compares flops and not times.
SMALL_CASES: Mapping[str, Callable[[], Case]] = {
    "quadratic-10": CASES["quadratic-10"],
    "quadratic-300": functools.partial(quadratic, 300, 1, 1),
    "gan-small": functools.partial(gan, (4, 2), (16, 16), 32, 1, "gan-small"),
}
