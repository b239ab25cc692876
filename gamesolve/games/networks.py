"""Games on networks: each player's payoff depends on its own effort and on those of its neighbours in a graph."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks import known
from gamesolve.game import Game, general_sum
from gamesolve.trees import PyTree

Shares = tuple[jax.Array, ...]


def network(graph: ArrayLike, strength: ArrayLike, benefits: ArrayLike = 1.0) -> Game:
    """Make the linear-quadratic game on a network of n players.

    Player i maximises ``b_i x_i - x_i^2 / 2 + strength sum_j G_ij x_i x_j``: efforts of neighbours encourage its own if
    the strength is positive and replace it if the strength is negative. The equilibrium is
    ``(I - strength G)^-1 b``, the Bonacich centrality of the players.

    A payoff looks at the neighbours in the graph only, so one field costs as much as there are edges. One step of
    ``simgd(1.0)`` is the simultaneous best response, and one of ``altgd(1.0)`` the best response in turn;
    `response_factor` bounds their convergence. Efforts that cannot be negative need
    ``projections=(optax.projections.projection_non_negative,) * n``.

    Args:
        graph: G, of shape (n, n) with zeros on its diagonal; ``G[i, j]`` is the weight of player j for player i. Its
            entries decide the structure of the program, so they are not traced.
        strength: factor of all weights.
        benefits: b, one number for all, of shape (n,), or of shape (n, d) for d independent efforts per player.

    Returns:
        The game, whose players are arrays of shape () or (d,). It starts at zero.

    Raises:
        ValueError: if shapes do not fit, or ``I - strength G`` is singular.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.network(jnp.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]), strength=0.5)
        >>> [round(float(effort), 4) for effort in game.equilibria[0]]
        [3.0, 4.0, 3.0]

    Reference:
        Ballester, Calvo-Armengol, Zenou, "Who's Who in Networks. Wanted: The Key Player", Econometrica 2006,
        https://doi.org/10.1111/j.1468-0262.2006.00709.x
    """
    G = _weights(graph)
    number = len(G)
    b = jnp.asarray(benefits, float)
    b = jnp.broadcast_to(b, (number,)) if b.ndim == 0 else b
    if b.ndim > 2 or b.shape[0] != number:
        raise ValueError(f"benefits must be a number, or have {number} rows, one per player, got shape {b.shape}.")
    factor = jnp.asarray(strength, float)
    if factor.ndim:
        raise ValueError(f"strength must be a number, got shape {factor.shape}. Put weights per edge into graph.")
    system = jnp.eye(number) - factor * G
    matrix = known(system)
    if matrix is not None and np.linalg.cond(matrix) > 0.1 / jnp.finfo(matrix.dtype).eps:
        raise ValueError(f"strength = {factor} makes I - strength G singular: there is no single equilibrium.")
    neighbours = [tuple(np.flatnonzero(row).tolist()) for row in G]
    weights = tuple(factor * row[row != 0] for row in G)
    payoffs = [_Effort(player, near) for player, near in enumerate(neighbours)]
    game = general_sum(*payoffs, constants=(weights, tuple(b)))
    start, equilibrium = (tuple(values) for values in (jnp.zeros_like(b), jnp.linalg.solve(system, b)))
    return dataclasses.replace(game, start=start, equilibria=(equilibrium,))


def response_factor(graph: ArrayLike, strength: float) -> float:
    """Return a bound on the factor by which a round of simultaneous best responses contracts.

    It is the smallest of the spectral norm and the largest row and column sums of absolute values of ``strength G``.
    Below 1, best responses converge at this linear rate or faster, and the equilibrium is the only one, even if efforts
    stay in convex sets. The exact rate without sets is ``analysis.rate(game, gs.simgd(1.0), game.equilibria[0])``.

    Args:
        graph: G, as in `network`.
        strength: as in `network`.

    Returns:
        The bound.

    Example:
        >>> import gamesolve as gs
        >>> round(gs.games.response_factor([[0, 1, 0], [1, 0, 1], [0, 1, 0]], 0.5), 4)
        0.7071

    Reference:
        Parise, Ozdaglar, "A variational inequality framework for network games: Existence, uniqueness, convergence and
        sensitivity analysis", Games and Economic Behavior 2019, https://arxiv.org/abs/1712.08277
    """
    G = float(strength) * _weights(graph)
    return float(min(np.linalg.norm(G, order) for order in (1, 2, np.inf)))


@dataclasses.dataclass(frozen=True)
class _Effort:
    player: int
    neighbours: tuple[int, ...]

    def __call__(self, *arguments: PyTree) -> jax.Array:
        *efforts, weights, benefits = arguments
        own, gain = efforts[self.player], benefits[self.player]
        for weight, near in zip(weights[self.player], self.neighbours, strict=True):
            gain = gain + weight * efforts[near]
        return jnp.vdot(own, gain - own / 2)


def _weights(graph: ArrayLike) -> np.ndarray:
    G = np.asarray(graph, float)
    if G.ndim != 2 or G.shape[0] != G.shape[1] or len(G) < 2:
        raise ValueError(f"graph must be a square matrix with a row per player, two or more, got shape {G.shape}.")
    if not np.isfinite(G).all() or np.diagonal(G).any():
        raise ValueError("graph must be finite and have zeros on its diagonal. Leave out the players' own efforts.")
    return G
