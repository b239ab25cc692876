"""GANs with linear generators and known equilibria: estimation of a covariance and of a mean."""

import dataclasses

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.game import zero_sum
from gamesolve.games.gan.adversaries import adversarial, batches, on_one_batch
from gamesolve.games.gan.data import Clusters
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.losses import wasserstein
from gamesolve.games.gan.regularisers import Regulariser
from gamesolve.sampling import latents
from gamesolve.trees import Players


def covariance(dim: int = 20, key: jax.Array | None = None) -> Experiment:
    """Make a GAN that estimates a covariance: generator ``V z``, discriminator ``x^T W x``, exact expectations.

    The generator minimises and the discriminator maximises ``<W, Sigma - V V^T>``. Here ``Sigma = U U^T``, and U has
    standard normal entries. The equilibrium is ``V = U`` (or any other root of Sigma) with ``W = 0``.

    Args:
        dim: dimension of the data.
        key: typed random key of U and the start. Default: ``jax.random.key(0)``.

    Returns:
        The experiment. It starts near the equilibrium, at ``V = U + C`` and ``W = A A^T``, where C and A have entries
        uniform on (-1/2, 1/2). Its measure is the ``residual``, the norm of ``(V V^T - Sigma, (W + W^T) / 2)``.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.covariance(4)
        >>> float(experiment.measures["residual"](experiment.game.equilibria[0]))
        0.0

    Reference:
        Schaefer, Anandkumar, "Competitive Gradient Descent", NeurIPS 2019, https://arxiv.org/abs/1905.12103
    """
    keys = jax.random.split(jax.random.key(0) if key is None else key, 3)
    root = jax.random.normal(keys[0], (dim, dim))
    A, C = (jax.random.uniform(own, (dim, dim), minval=-0.5, maxval=0.5) for own in keys[1:])
    target = root @ root.T
    players = (root + C, A @ A.T)
    game = dataclasses.replace(
        zero_sum(_covariance_gap, constants=(target,)),
        start=players,
        equilibria=((root, jnp.zeros((dim, dim))),),
    )
    return Experiment(game, None, {"residual": jax.tree_util.Partial(_residual, target)})


def mean_estimation(
    mean: ArrayLike = (3.0, 4.0), batch_size: int | None = None, regularisers: tuple[Regulariser, ...] = ()
) -> Experiment:
    """Make a Wasserstein GAN that estimates a mean: data ``N(mu, I)``, generator ``theta + z``, critic ``w^T x``.

    The payoff of the critic is ``w^T (mu - theta)``: bilinear, with the equilibrium ``theta = mu``, ``w = 0``.

    Args:
        mean: mu, of shape (d,).
        batch_size: number of pairs per batch. Default: None, exact expectations.
        regularisers: terms added to the payoffs, such as `r1`.

    Returns:
        The experiment. It starts at ``theta = 0`` and ``w = 1``. Its measure is the ``error``, the distance of theta
        from mu.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.mean_estimation()
        >>> run = gs.solve(experiment.game, gs.ogda(0.2), experiment.game.start, 1000)
        >>> round(float(experiment.measures["error"](run.players)), 4)
        0.0

    Reference:
        Daskalakis et al., "Training GANs with Optimism", ICLR 2018, https://arxiv.org/abs/1711.00141
    """
    mu = jnp.asarray(mean, float)
    players = (jnp.zeros_like(mu), jnp.ones_like(mu))
    game = adversarial(_shifted, _linear, wasserstein, regularisers)
    game = dataclasses.replace(game, start=players, equilibria=((mu, jnp.zeros_like(mu)),))
    sample = None
    if batch_size is None:
        game = on_one_batch(game, mu[None], jnp.zeros_like(mu)[None], regularisers)
    else:
        real = Clusters(mu[None], jnp.ones((), mu.dtype), batch_size)
        sample = batches(real, latents(batch_size, len(mu)), regularisers)
    return Experiment(game, sample, {"error": jax.tree_util.Partial(_error, mu)})


def _covariance_gap(root: jax.Array, form: jax.Array, target: jax.Array) -> jax.Array:
    return jnp.sum(form * (target - root @ root.T))


def _residual(target: jax.Array, players: Players) -> jax.Array:
    root, form = players
    return jnp.hypot(jnp.linalg.norm(root @ root.T - target), jnp.linalg.norm(form + form.T) / 2)


def _shifted(position: jax.Array, latent: jax.Array) -> jax.Array:
    return position + latent


def _linear(slope: jax.Array, examples: jax.Array) -> jax.Array:
    return examples @ slope


def _error(mean: jax.Array, players: Players) -> jax.Array:
    return jnp.linalg.norm(players[0] - mean)
