"""Spectral densities and norms of S and A, the potential and the rotational part of J, without a matrix."""

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.analysis.operators import split_operator
from gamesolve.analysis.point import as_point
from gamesolve.game import Game, exact_products
from gamesolve.linear.arnoldi import expand
from gamesolve.trees import Key, Players
from gamesolve.trees.faces import shown


@shown()
class Density(NamedTuple):
    """A spectral density as weighted points, one row per random probe.

    Attributes:
        nodes: positions of the points, array of shape (probes, steps).
        weights: the share of the spectrum at each point; each row sums to one.
    """

    nodes: jax.Array
    weights: jax.Array

    @jax.jit
    def on(self, grid: jax.Array, width: float) -> jax.Array:
        """Return the density on a grid, with each point smoothed to a Gaussian of standard deviation ``width``."""
        bells = jnp.exp(-(((grid[:, None] - self.nodes.ravel()) / width) ** 2) / 2)
        return bells @ self.weights.ravel() / (len(self.nodes) * width * jnp.sqrt(2 * jnp.pi))


def spectral_density(
    game: Game, players: Players, key: Key, num_steps: int = 64, num_probes: int = 4
) -> tuple[Density, Density]:
    """Estimate the densities of the eigenvalues of S and of the frequencies of A, the two parts of J.

    The method is Lanczos quadrature. Each random probe starts a fully orthogonalised Krylov basis of ``num_steps``
    vectors. The points are the eigenvalues of the projected matrix, and their weights are the squared first entries of
    its eigenvectors. A has eigenvalues ``i w``; its density is that of the frequencies w, which is symmetric about
    zero up to the error of the probes.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        key: typed random key for the probes.
        num_steps: number of products with each part per probe; never more than the number of parameters.
        num_probes: number of probes.

    Returns:
        The `Density` of S and the `Density` of A.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.games.rotation(20)
        >>> potential, rotating = gs.analysis.spectral_density(game, game.start, jax.random.key(0))
        >>> float(abs(potential.nodes).max()), round(float(abs(rotating.nodes).max()), 3)
        (0.0, 1.0)

    Reference:
        Ubaru, Chen, Saad, "Fast Estimation of tr(f(A)) via Stochastic Lanczos Quadrature", SIAM J. Matrix Anal. Appl.
        2017; of neural networks: Ghorbani, Krishnan, Xiao, ICML 2019, https://arxiv.org/abs/1901.10159
    """
    players = as_point(players, game.num_players)
    return _densities(game, players, key, min(num_steps, optax.tree.size(players)), num_probes)


def hamiltonian_share(game: Game, players: Players, key: Key | None = None, num_probes: int | None = None) -> jax.Array:
    """Return the rotational share of J: ``||A||^2 / (||S||^2 + ||A||^2)`` in Frobenius norms.

    At this point, 0 means a potential game, in which plain gradient steps suffice, and 1 a Hamiltonian game, in which
    they only rotate.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        key: typed random key, needed with ``num_probes``.
        num_probes: number of random sign vectors from which the norms are estimated, with a relative error of at most
            about ``1 / sqrt(num_probes)``. Default: exact norms, from two products per parameter.

    Returns:
        Scalar between 0 and 1; NaN if J is zero.

    Raises:
        ValueError: if ``num_probes`` is given without a key.

    Example:
        >>> import gamesolve as gs
        >>> value = gs.analysis.hamiltonian_share(gs.games.icr_quadratic(), (0.0, 0.0))
        >>> round(float(value), 4)
        0.9615

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    players = as_point(players, game.num_players)
    if num_probes is not None and key is None:
        raise ValueError("num_probes= needs a random key. Pass key=jax.random.key(0).")
    return _share(game, players, key, num_probes)


@partial(jax.jit, static_argnames="num_probes")
def _share(game: Game, players: Players, key: Key | None, num_probes: int | None) -> jax.Array:
    flat, _ = jax.flatten_util.ravel_pytree(players)
    parts = split_operator(game, players)

    def squares(index: jax.Array) -> jax.Array:
        if key is None or num_probes is None:
            probe = jnp.zeros_like(flat).at[index].set(1)
        else:
            probe = jax.random.rademacher(jax.random.fold_in(key, index), flat.shape, flat.dtype)
        return jnp.stack([jnp.sum(part**2) for part in parts(probe)])

    with exact_products():
        number = flat.size if num_probes is None else num_probes
        potential, rotating = jnp.sum(jax.lax.map(squares, jnp.arange(number), batch_size=8), axis=0)
    return rotating / (potential + rotating)


@partial(jax.jit, static_argnames=("num_steps", "num_probes"))
def _densities(game: Game, players: Players, key: Key, num_steps: int, num_probes: int) -> tuple[Density, Density]:
    flat, _ = jax.flatten_util.ravel_pytree(players)
    parts = split_operator(game, players)

    def quadrature(key: Key) -> tuple[Density, Density]:
        start = jax.random.normal(key, flat.shape, flat.dtype)
        basis = jnp.zeros((num_steps + 1, flat.size), flat.dtype).at[0].set(start / jnp.linalg.norm(start))

        def density(part: int, factor: complex) -> Density:
            _, projected = expand(lambda: lambda t: parts(t)[part], basis, 0, num_steps)
            matrix = factor * projected[:-1]
            nodes, vectors = jnp.linalg.eigh((matrix + matrix.conj().T) / 2)
            return Density(nodes, jnp.abs(vectors[0]) ** 2)

        # The eigenvalues of the Hermitian matrix i A are the frequencies.
        return density(0, 1), density(1, 1j)

    return jax.lax.map(quadrature, jax.random.split(key, num_probes))
