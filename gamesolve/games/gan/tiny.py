"""GANs whose players have one parameter each: slices of a game on N(0, 1) that can be drawn in the plane.

Data and latents are standard normal, the generator is ``w_G z + b_G``, and the discriminator sees ``t = w_D x + b_D``.
The game is the saturating one, ``E log D(x) + E log(1 - D(G(z)))``.

The exact expectations are integrals against the density of t, which is normal, and the gradient differentiates that
density. The other way, differentiating ``log(1 - D)`` along each sample, has an infinite variance where ``D = 1`` is
reached, and Gauss-Hermite quadrature of it is badly wrong.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.stats
import numpy as np

from gamesolve.game import zero_sum
from gamesolve.games.gan.experiment import Experiment


@functools.partial(jax.tree_util.register_dataclass, data_fields=["kappa", "cap"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Bump:
    """The discriminator ``D = (1 - cap) exp(-kappa t^2)``.

    Attributes:
        kappa: how narrow it is.
        cap: how far below 1 it stays. Without a cap the gradient on a sample has an infinite variance, so that neither
            more samples nor more draws of parameter noise bring it closer to the exact one.
    """

    kappa: Any = 0.5
    cap: Any = 0.0

    def belief(self, t: jax.Array) -> jax.Array:
        """Return log D."""
        return jnp.log1p(-self.cap) - self.kappa * t**2

    def doubt(self, t: jax.Array) -> jax.Array:
        """Return log(1 - D); minus infinity at t = 0 without a cap."""
        return jnp.log(-jnp.expm1(self.belief(t)))

    def expected_belief(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log D for a normal t."""
        return jnp.log1p(-self.cap) - self.kappa * (mean**2 + scale**2)

    def expected_doubt(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log(1 - D) for a normal t.

        In the variable ``r = log(sqrt(kappa) |t|)`` the integrand is analytic and the trapezoidal rule exact to
        rounding, down to scales of 1e-12 and up to means of twenty scales.
        """
        spacing = 0.05
        t = jnp.exp(jnp.arange(-30.0, 2.5, spacing)) / jnp.sqrt(self.kappa)
        density = jax.scipy.stats.norm.pdf(t, mean, scale) + jax.scipy.stats.norm.pdf(-t, mean, scale)
        return spacing * jnp.sum(t * density * self.doubt(t))


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
        """Return E log D for a normal t, by Gauss-Hermite quadrature: nothing is singular here."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(40)
        return (weights / weights.sum()).astype(mean.dtype) @ self.belief(mean + scale * nodes.astype(mean.dtype))

    def expected_doubt(self, mean: jax.Array, scale: jax.Array) -> jax.Array:
        """Return E log(1 - D) for a normal t."""
        return self.expected_belief(-mean, scale)


def bias_plane(
    discriminator: Bump | Sigmoid = Bump(),
    weights: tuple[Any, Any] = (1.0, 1.0),
    samples: int | None = None,
    key: jax.Array | None = None,
) -> Experiment:
    """Make the plane of the two biases, with the weights held at right or wrong values.

    A sigmoid has no equilibrium: the generator's bias runs off to plus infinity and the discriminator's to minus
    infinity. A bump has one, (0, 0); for right weights its eigenvalues are ``-0.5 +- 1.167i`` for kappa = 1/2 and
    ``-1 +- 1.325i`` for kappa = 1, and for a wrong discriminator weight it is stable as long as ``|w_D|`` exceeds
    0.796 and 0.672.

    Args:
        discriminator: a `Bump` or the `Sigmoid`; a bump with kappa = 1/2 and no cap unless given.
        weights: ``(w_G, w_D)``, right at (1, 1).
        samples: None for exact expectations, else how many data and as many latents, drawn once.
        key: typed random key of the samples.

    Returns:
        The experiment; it starts at (1, 0.5), and its one measure is the ``distance`` from (0, 0).

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.gan.bias_plane(gs.games.gan.Bump(1.0)).game
        >>> [round(complex(value).real, 3) for value in gs.analysis.eigenvalues(game, game.equilibria[0])]
        [-1.0, -1.0]
    """
    return _plane(_biases, discriminator, weights, (1.0, 0.5), (0.0, 0.0), samples, key)


def weight_plane(
    discriminator: Bump | Sigmoid = Bump(),
    biases: tuple[Any, Any] = (0.0, 0.0),
    samples: int | None = None,
    key: jax.Array | None = None,
) -> Experiment:
    """Make the plane of the two weights, with the biases held at right or wrong values.

    (1, 1), where generator and data agree, is no equilibrium: with a bump and along the flow the generator's scale
    collapses to 0 at time 0.284 for kappa = 1/2 and 0.304 for kappa = 1. Payoffs end there.

    Args:
        discriminator: a `Bump` or the `Sigmoid`; a bump with kappa = 1/2 and no cap unless given.
        biases: ``(b_G, b_D)``, right at (0, 0).
        samples: None for exact expectations, else how many data and as many latents, drawn once.
        key: typed random key of the samples.

    Returns:
        The experiment; it starts at (1, 1), and its one measure is the ``distance`` from there.
    """
    return _plane(_weights, discriminator, biases, (1.0, 1.0), None, samples, key)


def _plane(place: Any, discriminator: Any, held: Any, start: Any, zero: Any, samples: Any, key: Any) -> Experiment:
    held = tuple(jnp.asarray(value, float) for value in held)
    game = zero_sum(_Value(place), constants=(discriminator, held))
    if samples is not None:
        if key is None:
            raise ValueError("samples are drawn with a random key; pass key=jax.random.key(0).")
        game = game.bind(tuple(jax.random.normal(key, (2, samples))))
    known = isinstance(discriminator, Bump) and samples is None and zero is not None
    start = tuple(jnp.asarray(value, float) for value in start)
    right = start if zero is None else tuple(jnp.asarray(value, float) for value in zero)
    game = dataclasses.replace(game, start=start, equilibria=(right,) if known else ())
    return Experiment(game, None, {"distance": jax.tree_util.Partial(_distance, right)})


def _biases(b_g: Any, b_d: Any, held: Any) -> Any:
    w_g, w_d = held
    return w_g, b_g, w_d, b_d


def _weights(w_g: Any, w_d: Any, held: Any) -> Any:
    b_g, b_d = held
    return w_g, b_g, w_d, b_d


@dataclasses.dataclass(frozen=True)
class _Value:
    """What the discriminator maximises, exactly or on data; ``place`` says which parameters the players are."""

    place: Callable[..., Any]

    def __call__(self, generator: Any, judge: Any, discriminator: Any, held: Any, batch: Any = None) -> jax.Array:
        w_g, b_g, w_d, b_d = self.place(generator, judge, held)
        if batch is None:
            mean, scale = w_d * b_g + b_d, jnp.abs(w_d * w_g)
            return discriminator.expected_belief(b_d, w_d) + discriminator.expected_doubt(mean, scale)
        real, latent = batch
        fake = w_g * latent + b_g
        return jnp.mean(discriminator.belief(w_d * real + b_d) + discriminator.doubt(w_d * fake + b_d))


def _distance(right: Any, players: Any) -> jax.Array:
    return jnp.hypot(players[0] - right[0], players[1] - right[1])
