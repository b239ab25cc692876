"""GANs with one parameter per player: slices of a game on N(0, 1) that can be drawn in the plane.

Data and latents are standard normal, the generator is ``w_G z + b_G``, and the discriminator sees ``t = w_D x + b_D``.
The game is the saturating one, ``E log D(x) + E log(1 - D(G(z)))``.

Exact expectations are integrals against the density of t, which is normal, and gradients differentiate that density.
Differentiating ``log(1 - D)`` along each sample instead has infinite variance where D reaches 1, and its
Gauss-Hermite quadrature is badly wrong, except far from there.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.scipy.stats
import numpy as np

from gamesolve.game import zero_sum
from gamesolve.games.gan.experiment import Experiment
from gamesolve.trees import Players, Scalar

Parameters = tuple[Scalar, Scalar, Scalar, Scalar]
# At a mean of this many scales or more, both quadratures agree to twelve digits: t does not come near 0.
FAR = 12.0
# The smallest scale that the trapezoidal rule resolves.
THIN = 1e-12


@functools.partial(jax.tree_util.register_dataclass, data_fields=["kappa", "cap"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Bump:
    """The discriminator ``D = (1 - cap) exp(-kappa t^2)``.

    Attributes:
        kappa: inverse width of the bump.
        cap: distance of its maximum from 1. Without a cap the gradient on samples has infinite variance, so neither
            more samples nor more draws of parameter noise bring it closer to the exact gradient.
    """

    kappa: Scalar = 0.5
    cap: Scalar = 0.0

    def belief(self, t: jax.Array) -> jax.Array:
        """Return log D."""
        return jnp.log1p(-self.cap) - self.kappa * t**2

    def doubt(self, t: jax.Array) -> jax.Array:
        """Return log(1 - D), which is minus infinity at t = 0 without a cap."""
        return jnp.log(-jnp.expm1(self.belief(t)))

    def expected_belief(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log D for a normal t."""
        return jnp.log1p(-self.cap) - self.kappa * (mean**2 + scale**2)

    def expected_doubt(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log(1 - D) for a normal t; the sign of the scale does not matter.

        In the variable ``r = log(sqrt(kappa) |t|)`` the integrand is analytic. The trapezoidal rule is then exact up
        to rounding errors, for scales above ``THIN`` and means up to ``FAR`` scales. For larger means the singularity
        is far away and Gauss-Hermite quadrature is exact, as it is at scale 0.
        """
        spread = jnp.abs(scale)
        near = (jnp.abs(mean) < FAR * spread) & (spread > THIN)
        spread = jnp.where(near, spread, 1)
        spacing = 0.05
        t = jnp.exp(jnp.arange(-30.0, 2.5, spacing)) / jnp.sqrt(self.kappa)
        density = jax.scipy.stats.norm.pdf(t, mean, spread) + jax.scipy.stats.norm.pdf(-t, mean, spread)
        # Probability below the smallest t is lost; the value there is log(cap). Without a cap its share is negligible.
        floor = jnp.log(jnp.where(jnp.asarray(self.cap) > 0, self.cap, 1.0))
        weights = spacing * t * density
        singular = jnp.sum(weights * self.doubt(t)) + floor * (1 - jnp.sum(weights))
        regular = _gauss_hermite(self.doubt, jnp.where(near, 1, mean), jnp.where(near, 0, scale))
        return jnp.where(near, singular, regular)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """The discriminator ``D = 1 / (1 + exp(-t))``."""

    def belief(self, t: jax.Array) -> jax.Array:
        """Return log D."""
        return jax.nn.log_sigmoid(t)

    def doubt(self, t: jax.Array) -> jax.Array:
        """Return log(1 - D)."""
        return jax.nn.log_sigmoid(-t)

    def expected_belief(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log D for a normal t, by Gauss-Hermite quadrature: the integrand has no singularity."""
        return _gauss_hermite(self.belief, mean, scale)

    def expected_doubt(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log(1 - D) for a normal t."""
        return self.expected_belief(-mean, scale)


def _gauss_hermite(function: Callable[[jax.Array], jax.Array], mean: jax.Array, scale: jax.Array) -> jax.Array:
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    nodes, weights = (jnp.asarray(numbers, mean.dtype) for numbers in (nodes, weights / weights.sum()))
    return weights @ function(mean + scale * nodes)


def bias_plane(
    discriminator: Bump | Sigmoid = Bump(),
    weights: tuple[Scalar, Scalar] = (1.0, 1.0),
    samples: int | None = None,
    key: jax.Array | None = None,
) -> Experiment:
    """Make the GAN of the two biases, with the weights fixed at right or wrong values.

    With a sigmoid there is no equilibrium: the generator's bias diverges to plus infinity and the discriminator's to
    minus infinity. With a bump (0, 0) is an equilibrium. For right weights its eigenvalues are ``-0.5 +- 1.167i`` for
    kappa = 1/2 and ``-1 +- 1.325i`` for kappa = 1. For a wrong discriminator weight it is stable if ``|w_D|`` exceeds
    0.796 (kappa = 1/2) or 0.672 (kappa = 1).

    Args:
        discriminator: a `Bump` or a `Sigmoid`. Default: a bump with kappa = 1/2 and no cap.
        weights: ``(w_G, w_D)``; (1, 1) are the right values.
        samples: number of data and of latents, which are drawn once. Default: None, exact expectations.
        key: typed random key of the samples.

    Returns:
        The experiment. It starts at (1, 0.5), and its only measure is the ``distance`` from (0, 0).

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.gan.bias_plane(gs.games.gan.Bump(1.0)).game
        >>> [round(complex(value).real, 3) for value in gs.analysis.eigenvalues(game, game.equilibria[0])]
        [-1.0, -1.0]
    """
    return _plane(_biases, discriminator, weights, (1.0, 0.5), (0.0, 0.0), samples, key)


def weight_plane(
    discriminator: Bump | Sigmoid = Bump(),
    biases: tuple[Scalar, Scalar] = (0.0, 0.0),
    samples: int | None = None,
    key: jax.Array | None = None,
) -> Experiment:
    """Make the GAN of the two weights, with the biases fixed at right or wrong values.

    At (1, 1) generator and data agree, but it is not an equilibrium. With a bump, the flow collapses the generator's
    scale to 0 at time 0.284 for kappa = 1/2 and 0.304 for kappa = 1. The payoffs are not defined beyond.

    Args:
        discriminator: a `Bump` or a `Sigmoid`. Default: a bump with kappa = 1/2 and no cap.
        biases: ``(b_G, b_D)``; (0, 0) are the right values.
        samples: number of data and of latents, which are drawn once. Default: None, exact expectations.
        key: typed random key of the samples.

    Returns:
        The experiment. It starts at (1, 1), and its only measure is the ``distance`` from there.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.gan.weight_plane().game
        >>> [round(float(part), 2) for part in game.field(game.start)]
        [-1.61, 0.61]
    """
    return _plane(_weights, discriminator, biases, (1.0, 1.0), None, samples, key)


def _plane(
    place: Callable[..., Parameters],
    discriminator: Bump | Sigmoid,
    held: tuple[Scalar, Scalar],
    start: tuple[float, float],
    zero: tuple[float, float] | None,
    samples: int | None,
    key: jax.Array | None,
) -> Experiment:
    game = zero_sum(_Value(place), constants=(discriminator, _floats(held)))
    if samples is not None:
        if key is None:
            raise ValueError("samples need a random key, got None. Pass key=jax.random.key(0).")
        game = game.bind(tuple(jax.random.normal(key, (2, samples))))
    known = isinstance(discriminator, Bump) and samples is None and zero is not None
    players = _floats(start)
    right = players if zero is None else _floats(zero)
    game = dataclasses.replace(game, start=players, equilibria=(right,) if known else ())
    return Experiment(game, None, {"distance": jax.tree_util.Partial(_distance, right)})


def _floats(pair: tuple[Scalar, Scalar]) -> tuple[jax.Array, ...]:
    return tuple(jnp.asarray(value, float) for value in pair)


def _biases(b_g: Scalar, b_d: Scalar, held: tuple[Scalar, Scalar]) -> Parameters:
    w_g, w_d = held
    return w_g, b_g, w_d, b_d


def _weights(w_g: Scalar, w_d: Scalar, held: tuple[Scalar, Scalar]) -> Parameters:
    b_g, b_d = held
    return w_g, b_g, w_d, b_d


@dataclasses.dataclass(frozen=True)
class _Value:
    """The discriminator's payoff, exactly or on data. ``place`` puts the players among the four parameters."""

    place: Callable[..., Parameters]

    def __call__(
        self,
        generator: Scalar,
        judge: Scalar,
        discriminator: Bump | Sigmoid,
        held: tuple[Scalar, Scalar],
        batch: tuple[jax.Array, jax.Array] | None = None,
    ) -> jax.Array:
        w_g, b_g, w_d, b_d = self.place(generator, judge, held)
        if batch is None:
            mean, scale = w_d * b_g + b_d, w_d * w_g
            return discriminator.expected_belief(b_d, w_d) + discriminator.expected_doubt(mean, scale)
        real, latent = batch
        fake = w_g * latent + b_g
        return jnp.mean(discriminator.belief(w_d * real + b_d) + discriminator.doubt(w_d * fake + b_d))


def _distance(right: Players, players: Players) -> jax.Array:
    return jnp.hypot(players[0] - right[0], players[1] - right[1])
