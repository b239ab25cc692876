"""Small games of the literature on one number per player."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from gamesolve.checks import check_one, whole_number
from gamesolve.game import Game, from_losses, general_sum


def cosine() -> Game:
    """Make the game with the field ``v(theta, phi) = (cos phi, sin theta)`` on two angles.

    Each period has four equilibria: centres at (0, pi/2) and (pi, -pi/2) with eigenvalues +-i, and saddles at
    (0, -pi/2) and (pi, pi/2) with eigenvalues +-1. The field has no attractor. Consensus optimisation makes the
    centres attracting for every gamma > 0, and the saddles too for gamma > 1.

    Returns:
        The game on two numbers. It starts at (0.5, 1), near the centre (0, pi/2).

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.cosine()
        >>> [round(complex(value).imag, 6) for value in gs.analysis.eigenvalues(game, game.equilibria[0])]
        [1.0, -1.0]
    """
    half = math.pi / 2
    zeros = ((0.0, half), (math.pi, -half), (0.0, -half), (math.pi, half))
    equilibria = tuple(tuple(map(jnp.asarray, zero)) for zero in zeros)
    start = (jnp.asarray(0.5), jnp.asarray(1.0))
    return dataclasses.replace(general_sum(_cosine_theta, _cosine_phi), start=start, equilibria=equilibria)


def tandem() -> Game:
    """Make the tandem game with losses ``(x + y)^2 - 2 x`` and ``(x + y)^2 - 2 y``: each leans on the other.

    The field vanishes on the line x + y = 1, where the losses sum to 0; at x + y = 1/2 they would sum to -1/2. `lola`
    leaves the line: its players push too hard and end at x + y = ``(1 - 2 alpha) / (1 - 4 alpha)``.

    Returns:
        The game on two numbers. It starts at (0.3, -0.4); the equilibrium attached is (1/2, 1/2).

    Example:
        >>> import gamesolve as gs
        >>> round(float(sum(gs.solve(gs.games.tandem(), gs.sos(0.1), (0.3, -0.4), 500).players)), 4)
        1.0

    Reference:
        Letcher et al., "Stable Opponent Shaping in Differentiable Games", ICLR 2019,
        https://arxiv.org/abs/1811.08469
    """
    start, middle = (jnp.asarray(0.3), jnp.asarray(-0.4)), (jnp.asarray(0.5), jnp.asarray(0.5))
    return dataclasses.replace(from_losses(_tandem_x, _tandem_y), start=start, equilibria=(middle,))


def ultimatum() -> Game:
    """Make the ultimatum game: player 0 offers a fair or a greedy split of 10, player 1 may reject the greedy one.

    The fair split gives 5 to each and is always accepted, the greedy one gives 8 and 2, and a rejection nothing. Player
    0 is the logit of a fair offer, player 1 the logit of accepting a greedy one. A naive player 1 accepts, so that
    player 0 gets 8; a player 1 who shapes learns to reject, and both get 5.

    Returns:
        The game on two numbers. It starts at (0, 0).

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.ultimatum()
        >>> [round(float(value), 4) for value in game.evaluate((20.0, 0.0))]
        [5.0, 5.0]
        >>> [round(float(value), 4) for value in game.evaluate((-20.0, 20.0))]
        [8.0, 2.0]

    Reference:
        Hutter, "Learning in two-player games between transparent opponents", 2020, https://arxiv.org/abs/2012.02671
    """
    return dataclasses.replace(general_sum(_proposer, _responder), start=(jnp.zeros(()), jnp.zeros(())))


def public_goods(num_players: int = 3, factor: float = 1.6) -> Game:
    """Make the public goods game of one round, in which each player may give 1 to a pot that is multiplied and shared.

    Player i is the logit of its chance ``p_i`` to give, and wins ``factor (p_0 + ... + p_(n-1)) / n - p_i``. For
    ``1 < factor < n`` giving nothing is dominant, although all win ``factor - 1`` if all give. `repeated_public_goods`
    repeats it.

    Args:
        num_players: number of players n, at least 2.
        factor: factor of the pot.

    Returns:
        The game on n numbers. It starts at zero.

    Example:
        >>> import gamesolve as gs
        >>> [round(float(value), 4) for value in gs.games.public_goods(4).evaluate((-20.0, 20.0, 20.0, 20.0))]
        [1.2, 0.2, 0.2, 0.2]
    """
    number = whole_number("num_players", num_players, 2)
    check_one("factor", factor)
    game = general_sum(*map(_Giver, range(number)), constants=(jnp.asarray(factor, float),))
    return dataclasses.replace(game, start=(jnp.zeros(()),) * number)


@dataclasses.dataclass(frozen=True)
class _Giver:
    player: int

    def __call__(self, *arguments: jax.Array) -> jax.Array:
        *logits, factor = arguments
        gifts = [jax.nn.sigmoid(logit) for logit in logits]
        return factor.astype(gifts[0].dtype) * sum(gifts) / len(gifts) - gifts[self.player]


def _tandem_x(x: jax.Array, y: jax.Array) -> jax.Array:
    return (x + y) ** 2 - 2 * x


def _tandem_y(x: jax.Array, y: jax.Array) -> jax.Array:
    return (x + y) ** 2 - 2 * y


def _proposer(offer: jax.Array, answer: jax.Array) -> jax.Array:
    fair, accepted = jax.nn.sigmoid(offer), jax.nn.sigmoid(answer)
    return 5 * fair + 8 * (1 - fair) * accepted


def _responder(offer: jax.Array, answer: jax.Array) -> jax.Array:
    fair, accepted = jax.nn.sigmoid(offer), jax.nn.sigmoid(answer)
    return 5 * fair + 2 * (1 - fair) * accepted


def _cosine_theta(theta: jax.Array, phi: jax.Array) -> jax.Array:
    return theta * jnp.cos(phi)


def _cosine_phi(theta: jax.Array, phi: jax.Array) -> jax.Array:
    return phi * jnp.sin(theta)
