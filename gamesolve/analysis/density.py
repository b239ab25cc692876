"""How much of a game is potential and how much rotates: densities and shares of S and A, without a matrix."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.game import Game, Players, as_players, exact_products
from gamesolve.linear.arnoldi import expand
from gamesolve.linear.dense import flattened


class Density(NamedTuple):
    """A spectral density as weighted points, one row for each random probe.

    Attributes:
        nodes: where the eigenvalues are, array of shape (probes, steps).
        weights: their share of the spectrum; each row sums to one.
    """

    nodes: jax.Array
    weights: jax.Array

    @jax.jit
    def on(self, grid: jax.Array, width: float) -> jax.Array:
        """Return the density on a grid, each point spread to a Gaussian of standard deviation ``width``."""
        bells = jnp.exp(-(((grid[:, None] - self.nodes.ravel()) / width) ** 2) / 2)
        return bells @ self.weights.ravel() / (len(self.nodes) * width * jnp.sqrt(2 * jnp.pi))


def spectral_density(
    game: Game, players: Players, key: jax.Array, num_steps: int = 64, num_probes: int = 4
) -> tuple[Density, Density]:
    """Return the densities of the eigenvalues of S and of the frequencies of A, the two parts of J.

    Lanczos quadrature: from each random probe a fully orthogonalised Krylov basis of ``num_steps`` vectors; the
    eigenvalues of the projected matrix are the points, the squared first entries of its vectors their weights. A has
    eigenvalues ``i w``; its density is that of the frequencies w, symmetric about zero up to the probes.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        key: typed random key of the probes.
        num_steps: products with each part, for each probe; at most the number of parameters are used.
        num_probes: number of probes.

    Returns:
        The `Density` of S and that of A.

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
    players = as_players(players, game.num_players)
    return _densities(game, players, key, min(num_steps, optax.tree.size(players)), num_probes)


def hamiltonian_share(
    game: Game, players: Players, key: jax.Array | None = None, num_probes: int | None = None
) -> jax.Array:
    """Return the share of J that rotates: ``||A||^2 / (||S||^2 + ||A||^2)``, Frobenius norms.

    0 is a potential game at this point, where plain gradients are right; 1 a Hamiltonian one, where they only turn.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        key: typed random key, needed with ``num_probes``.
        num_probes: estimate the norms from this many vectors of random signs, with a relative error of about
            ``1 / sqrt(num_probes)`` at worst; None for exact ones, by two products for each parameter.

    Returns:
        Scalar between 0 and 1; NaN where J is zero.

    Raises:
        ValueError: if ``num_probes`` comes without a key.

    Example:
        >>> import gamesolve as gs
        >>> round(float(gs.analysis.hamiltonian_share(gs.games.icr_quadratic(), (0.0, 0.0))), 4)
        0.9615

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    players = as_players(players, game.num_players)
    if num_probes is not None and key is None:
        raise ValueError("num_probes= draws random vectors; pass key=jax.random.key(0).")
    return _share(game, players, key, num_probes)


@partial(jax.jit, static_argnames="num_probes")
def _share(game: Game, players: Players, key: Any, num_probes: int | None) -> jax.Array:
    flat, _ = jax.flatten_util.ravel_pytree(players)
    parts = _parts(game, players)

    def squares(index: jax.Array) -> jax.Array:
        if num_probes is None:
            probe = jnp.zeros_like(flat).at[index].set(1)
        else:
            probe = jax.random.rademacher(jax.random.fold_in(key, index), flat.shape, flat.dtype)
        return jnp.stack([jnp.sum(part**2) for part in parts(probe)])

    with exact_products():
        number = flat.size if num_probes is None else num_probes
        potential, rotating = jnp.sum(jax.lax.map(squares, jnp.arange(number), batch_size=8), axis=0)
    return rotating / (potential + rotating)


@partial(jax.jit, static_argnames=("num_steps", "num_probes"))
def _densities(game: Game, players: Players, key: jax.Array, num_steps: int, num_probes: int) -> Any:
    flat, _ = jax.flatten_util.ravel_pytree(players)
    parts = _parts(game, players)

    def quadrature(key: jax.Array) -> Any:
        start = jax.random.normal(key, flat.shape, flat.dtype)
        basis = jnp.zeros((num_steps + 1, flat.size), flat.dtype).at[0].set(start / jnp.linalg.norm(start))
        densities = []
        # i A is Hermitian, with the frequencies for eigenvalues.
        for part, factor in ((0, 1), (1, 1j)):
            _, projected = expand(lambda part=part: lambda t: parts(t)[part], basis, 0, num_steps)
            matrix = factor * projected[:-1]
            nodes, vectors = jnp.linalg.eigh((matrix + matrix.conj().T) / 2)
            densities.append(Density(nodes, jnp.abs(vectors[0]) ** 2))
        return tuple(densities)

    return jax.lax.map(quadrature, jax.random.split(key, num_probes))


def _parts(game: Game, players: Players) -> Any:
    """Return ``t -> (S t, A t)`` on the players ravelled in order."""
    field, flat = flattened(game.field, players)
    with exact_products():
        _, forward = jax.linearize(field, flat)
        transposed = jax.linear_transpose(forward, flat)

    def parts(t: jax.Array) -> tuple[jax.Array, jax.Array]:
        ahead, back = forward(t), transposed(t)[0]
        return (ahead + back) / 2, (ahead - back) / 2

    return parts
