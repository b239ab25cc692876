"""Measures of GANs on synthetic data, as functions of the players.

They take their data and networks first, for `jax.tree_util.Partial`.
"""

import jax
import jax.numpy as jnp

from gamesolve import metrics
from gamesolve.games.gan.networks import MLP
from gamesolve.trees import Players


def samples(network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the generated examples."""
    return network(players[0], latent)


def mmd(watched: jax.Array, network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the maximum mean discrepancy between generated and real examples."""
    return metrics.mmd(network(players[0], latent), watched)


def wasserstein1(watched: jax.Array, network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the Wasserstein-1 distance between generated and real numbers."""
    return metrics.wasserstein1(network(players[0], latent)[:, 0], watched[:, 0])


def modes(centres: jax.Array, reach: jax.Array, network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the number of centres with enough samples within ``reach``."""
    return metrics.modes_covered(network(players[0], latent), centres, reach, least=len(latent) // 100)


def good(centres: jax.Array, reach: jax.Array, network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the share of samples within ``reach`` of some centre."""
    return metrics.good_share(network(players[0], latent), centres, reach)


def reverse_kl(centres: jax.Array, network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the reverse KL divergence of the shares from equal shares."""
    return metrics.reverse_kl(network(players[0], latent), centres, jnp.inf)


def shares(centres: jax.Array, network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the share of samples nearest to each centre."""
    made = network(players[0], latent)
    distances = jnp.sum((made[:, None] - centres) ** 2, axis=-1)
    return jnp.bincount(jnp.argmin(distances, axis=1), length=len(centres)) / len(made)


def preference(centres: jax.Array, network: MLP, players: Players) -> jax.Array:
    """Return the discriminator's logit at each centre, minus their mean."""
    logits = network(players[1], centres)[:, 0]
    return logits - jnp.mean(logits)


def sectors(network: MLP, latent: jax.Array, players: Players) -> jax.Array:
    """Return the number of 16 sectors of the plane with enough samples."""
    x, y = network(players[0], latent).T
    sector = jnp.floor(jnp.arctan2(y, x) / (2 * jnp.pi) * 16).astype(int) % 16
    return jnp.sum(jnp.bincount(sector, length=16) >= len(latent) // 100)
