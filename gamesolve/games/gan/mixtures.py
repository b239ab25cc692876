"""GANs on synthetic data: clusters on a line or in the plane, rings, grids, a circle."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.games.gan import measures
from gamesolve.games.gan.adversaries import adversarial, batches
from gamesolve.games.gan.data import Circle, Clusters
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.losses import Loss, minimax
from gamesolve.games.gan.networks import MLP
from gamesolve.games.gan.regularisers import Regulariser
from gamesolve.sampling import latents
from gamesolve.trees import Scalar

WATCHED = 1000
"""Number of generated examples that the measures use."""


def clusters(
    centres: ArrayLike,
    scale: Scalar,
    *,
    loss: Loss = minimax,
    regularisers: tuple[Regulariser, ...] = (),
    key: jax.Array | None = None,
    batch_size: int = 256,
    latent_dim: int = 16,
    generator: MLP | None = None,
    discriminator: MLP | None = None,
    reach: Scalar | None = None,
) -> Experiment:
    """Make a GAN on normal clusters, all equally likely.

    All measures use the same thousand latents at every step:

    - ``samples``: the generated examples.
    - ``modes``: number of clusters covered, with at least ten samples within ``reach`` of the centre.
    - ``good``: share of the samples within ``reach`` of some centre.
    - ``shares``: share of the samples that are nearest to each centre.
    - ``reverse_kl``: reverse KL divergence of these shares from equal shares.
    - ``mmd``: maximum mean discrepancy to as many real examples.
    - ``preference``: the discriminator's logit at each centre, minus the mean over the centres.
    - ``wasserstein1``: Wasserstein-1 distance to as many real examples, in one dimension only.

    Args:
        centres: centres of the clusters, of shape (k, d).
        scale: standard deviation of each cluster.
        loss: pair of payoffs.
        regularisers: terms added to the payoffs.
        key: typed random key for the initial weights and the measures. Default: ``jax.random.key(0)``.
        batch_size: number of pairs per batch.
        latent_dim: dimension of the normal latents. Ignored if ``generator`` is given: its inputs decide.
        generator: network of the generator. Default: two hidden layers of 64 ReLUs.
        discriminator: network of the discriminator. Default: two hidden layers of 64 ReLUs.
        reach: distance from a centre within which a sample counts as covering it. Default: ``3 * scale``.

    Returns:
        The experiment.

    Example:
        >>> import jax, gamesolve as gs
        >>> experiment = gs.games.gan.ring(8, batch_size=16)
        >>> run = gs.solve(experiment.game, gs.simgd(0.01), experiment.game.start, 2, sample=experiment.sample,
        ...                key=jax.random.key(0), record=experiment.watch("modes", "mmd"))
        >>> run.trace["modes"].shape
        (2,)
    """
    centres, scale = jnp.asarray(centres, float), jnp.asarray(scale, float)
    key = jax.random.key(0) if key is None else key
    watched = Clusters(centres, scale, WATCHED)(jax.random.fold_in(key, 2))
    networks = _networks(latent_dim, centres.shape[1], generator, discriminator)
    experiment = _experiment(networks, Clusters(centres, scale, batch_size), watched, key, loss, regularisers)
    seen = networks[0], _latent(key, networks[0])
    partial = jax.tree_util.Partial
    reach = 3 * scale if reach is None else jnp.asarray(reach, float)
    of_clusters = {
        "modes": partial(measures.modes, centres, reach, *seen),
        "good": partial(measures.good, centres, reach, *seen),
        "reverse_kl": partial(measures.reverse_kl, centres, *seen),
        "shares": partial(measures.shares, centres, *seen),
        "preference": partial(measures.preference, centres, networks[1]),
    }
    return experiment._replace(measures=experiment.measures | of_clusters)


def gaussian(mean: float = 3.0, scale: float = 1.0, **settings: Any) -> Experiment:
    """Make a GAN on a normal distribution on the line.

    Args:
        mean: mean of the data.
        scale: standard deviation of the data.
        **settings: as in `clusters`. Latents have one dimension by default, so the generator maps the line to itself.

    Returns:
        The experiment.

    Example:
        >>> import jax, gamesolve as gs
        >>> experiment = gs.games.gan.gaussian(mean=3.0)
        >>> real, latents = experiment.sample(jax.random.key(0))
        >>> real.shape, latents.shape
        ((256, 1), (256, 1))
    """
    return clusters([[mean]], scale, **{"latent_dim": 1, **settings})


def line(positions: ArrayLike = (-2.0, 2.0), scale: float = 0.3, **settings: Any) -> Experiment:
    """Make a GAN on a mixture of normal distributions on the line.

    Args:
        positions: centres of the clusters.
        scale: standard deviation of each cluster.
        **settings: as in `clusters`. Latents have one dimension by default.

    Returns:
        The experiment.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.line((-2.0, 0.0, 2.0))
        >>> experiment.measures["shares"](experiment.game.start).shape
        (3,)
    """
    return clusters(jnp.asarray(positions, float)[:, None], scale, **{"latent_dim": 1, **settings})


def five(scale: float = 0.2, radius: float = 2.0, **settings: Any) -> Experiment:
    """Make a GAN on five clusters in the plane: one at 0 and four at the corners of a square.

    Args:
        scale: standard deviation of each cluster.
        radius: distance of the corners from 0.
        **settings: as in `clusters`.

    Returns:
        The experiment.

    Example:
        >>> import jax, gamesolve as gs
        >>> experiment = gs.games.gan.five()
        >>> real, _ = experiment.sample(jax.random.key(0))
        >>> real.shape
        (256, 2)
    """
    side = radius / 2**0.5
    return clusters([[0, 0], [side, side], [-side, side], [-side, -side], [side, -side]], scale, **settings)


def ring(modes: int = 8, scale: float = 0.01, radius: float = 1.0, **settings: Any) -> Experiment:
    """Make a GAN on clusters evenly spaced on a circle.

    Args:
        modes: number of clusters.
        scale: standard deviation of each cluster.
        radius: radius of the circle.
        **settings: as in `clusters`.

    Returns:
        The experiment.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> experiment = gs.games.gan.ring(modes=8)
        >>> real, _ = experiment.sample(jax.random.key(0))
        >>> round(float(jnp.linalg.norm(real, axis=1).mean()), 2)
        1.0

    Reference:
        Metz et al., "Unrolled Generative Adversarial Networks", ICLR 2017, https://arxiv.org/abs/1611.02163. The
        defaults are those of Mescheder, Nowozin, Geiger, "The Numerics of GANs", NeurIPS 2017,
        https://arxiv.org/abs/1705.10461
    """
    angles = 2 * jnp.pi * jnp.arange(modes) / modes
    return clusters(radius * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1), scale, **settings)


def grid(side: int = 5, scale: float = 0.05, spacing: float = 1.0, **settings: Any) -> Experiment:
    """Make a GAN on a square grid of clusters: 16 for ``side=4``, 25 for ``side=5``.

    Args:
        side: number of clusters along one side.
        scale: standard deviation of each cluster.
        spacing: distance between neighbouring centres.
        **settings: as in `clusters`.

    Returns:
        The experiment.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.grid(side=4)
        >>> len(experiment.measures["shares"](experiment.game.start))
        16

    Reference:
        Dumoulin et al., "Adversarially Learned Inference", ICLR 2017, https://arxiv.org/abs/1606.00704
    """
    ticks = spacing * (jnp.arange(side) - (side - 1) / 2)
    return clusters(jnp.stack(jnp.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2), scale, **settings)


def circle(
    *,
    loss: Loss = minimax,
    regularisers: tuple[Regulariser, ...] = (),
    key: jax.Array | None = None,
    batch_size: int = 256,
    latent_dim: int = 2,
    generator: MLP | None = None,
    discriminator: MLP | None = None,
) -> Experiment:
    """Make a GAN on ``u = z / ||z|| + z / 10``: normal points of the plane pulled towards a circle.

    This map would be a generator without error, but a network cannot represent it: it is discontinuous at 0. The
    measures are ``samples`` and ``mmd``, as in `clusters`, and ``sectors``, the number of 16 sectors of the plane that
    hold at least ten of the thousand samples.

    Args:
        loss: pair of payoffs.
        regularisers: terms added to the payoffs.
        key: typed random key for the initial weights and the measures. Default: ``jax.random.key(0)``.
        batch_size: number of pairs per batch.
        latent_dim: dimension of the normal latents. Ignored if ``generator`` is given: its inputs decide.
        generator: network of the generator. Default: two hidden layers of 64 ReLUs.
        discriminator: network of the discriminator. Default: two hidden layers of 64 ReLUs.

    Returns:
        The experiment.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> experiment = gs.games.gan.circle()
        >>> real, _ = experiment.sample(jax.random.key(0))
        >>> bool(jnp.linalg.norm(real, axis=1).min() > 1)
        True
    """
    key = jax.random.key(0) if key is None else key
    networks = _networks(latent_dim, 2, generator, discriminator)
    watched = Circle(WATCHED)(jax.random.fold_in(key, 2))
    experiment = _experiment(networks, Circle(batch_size), watched, key, loss, regularisers)
    sectors = jax.tree_util.Partial(measures.sectors, networks[0], _latent(key, networks[0]))
    return experiment._replace(measures=experiment.measures | {"sectors": sectors})


def _networks(latent_dim: int, dim: int, generator: MLP | None, discriminator: MLP | None) -> tuple[MLP, MLP]:
    return generator or MLP((latent_dim, 64, 64, dim)), discriminator or MLP((dim, 64, 64, 1))


def _experiment(
    networks: tuple[MLP, MLP],
    data: Clusters | Circle,
    watched: jax.Array,
    key: jax.Array,
    loss: Loss,
    regularisers: tuple[Regulariser, ...],
) -> Experiment:
    """Return the experiment with the measures that all data sets share; ``watched`` are real examples."""
    latent_dim, *_, dim = networks[0].sizes
    keys = [jax.random.fold_in(key, number) for number in (0, 1)]
    players = tuple(network.init(own) for network, own in zip(networks, keys, strict=True))
    game = dataclasses.replace(adversarial(*networks, loss, regularisers), start=players)
    seen = networks[0], _latent(key, networks[0])
    partial = jax.tree_util.Partial
    common = {"samples": partial(measures.samples, *seen), "mmd": partial(measures.mmd, watched, *seen)}
    if dim == 1:
        common["wasserstein1"] = partial(measures.wasserstein1, watched, *seen)
    return Experiment(game, batches(data, latents(data.batch_size, latent_dim), regularisers), common)


def _latent(key: jax.Array, generator: MLP) -> jax.Array:
    return jax.random.normal(jax.random.fold_in(key, 3), (WATCHED, generator.sizes[0]))
