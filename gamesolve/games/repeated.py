"""Repeated games in exact form: players who remember the last actions, and whose values one linear solve gives.

Each player has two actions, 0 (often "cooperate") and 1 (often "defect"), and one logit of action 0 per situation:
first for the first round, then for each joint action of the last round. Joint actions are ordered as digits are, player
0 first; with two players and actions C and D they are CC, CD, DC, DD, for both players alike.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks import check_one, whole_number
from gamesolve.game import Game, general_sum, zero_sum
from gamesolve.trees import Scalar


def repeated_game(payoffs: ArrayLike, discount: Scalar = 0.96) -> Game:
    """Make the game that repeats a game of two actions per player, for players who remember the last round.

    A payoff is the mean over all rounds, with weights ``(1 - discount) discount^t``: so it lies between the smallest
    and the largest amount of one round. It is computed exactly, by a solve with the ``2^n`` joint actions.

    Args:
        payoffs: ``payoffs[i, a_0, ..., a_(n-1)]``, the amount that player i wins in one round if player k takes action
            ``a_k``: an array of shape ``(n, 2, ..., 2)``.
        discount: weight of each round relative to the one before, at least 0 and below 1.

    Returns:
        The game. A player is a vector of ``1 + 2^n`` logits of action 0: for the first round, then one per joint action
        of the last round. It starts at zero, where all actions are equally likely.

    Raises:
        ValueError: if the payoffs have another shape, or the discount is out of range.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.repeated_game([[[2.0, 0.0], [0.0, 1.0]]] * 2, discount=0.5)  # coordination
        >>> always, other = jnp.full(5, 20.0), jnp.full(5, -20.0)
        >>> [round(float(value), 4) for value in game.evaluate((always, always))]
        [2.0, 2.0]
        >>> [round(float(value), 4) for value in game.evaluate((always, other))]
        [0.0, 0.0]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """
    amounts = _amounts(payoffs)
    number = len(amounts)
    game = general_sum(*map(_Repeated, range(number)), constants=(amounts, _discount(discount, amounts)))
    return dataclasses.replace(game, start=(jnp.zeros(1 + 2**number, amounts.dtype),) * number)


def iterated_prisoners_dilemma(discount: Scalar = 0.96) -> Game:
    """Make the iterated prisoners' dilemma: losses 1, 1 if both cooperate, 2, 2 if both defect, 3, 0 if one does.

    Mutual defection loses 2 per round. Tit-for-tat, which cooperates first and then repeats the other's last action,
    loses 1 per round against itself, and is an equilibrium for large discounts.

    Args:
        discount: as for `repeated_game`.

    Returns:
        The game on two vectors of five logits of cooperation: first round, CC, CD, DC, DD. It starts at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.iterated_prisoners_dilemma()
        >>> [round(float(value), 4) for value in game.evaluate((jnp.full(5, -20.0), jnp.full(5, -20.0)))]
        [-2.0, -2.0]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """
    return repeated_game(_symmetric([[-1.0, -3.0], [0.0, -2.0]]), discount)


def iterated_matching_pennies(discount: Scalar = 0.9) -> Game:
    """Make iterated matching pennies: player 0 wins 1 if the pennies match, player 1 if they differ.

    The game is zero-sum with value 0. Its equilibrium is uniform actions in every situation.

    Args:
        discount: as for `repeated_game`.

    Returns:
        The game on two vectors of five logits. It starts away from the equilibrium.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.iterated_matching_pennies()
        >>> [abs(round(float(value), 4)) for value in game.evaluate(game.equilibria[0])]
        [0.0, 0.0]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """
    losses = jnp.asarray([[[-1.0, 1.0], [1.0, -1.0]]] * 2)
    game = zero_sum(_Repeated(0), constants=(losses, _discount(discount, losses)))
    start = (jnp.array([0.5, 1.0, -0.5, 0.25, -1.0]), jnp.array([-0.75, 0.5, 1.0, -0.25, 0.5]))
    return dataclasses.replace(game, start=start, equilibria=((jnp.zeros(5), jnp.zeros(5)),))


def iterated_stag_hunt(discount: Scalar = 0.96) -> Game:
    """Make the iterated stag hunt: both win 4 with the stag (action 0), 2 with hares, and 1 or 3 if only one hunts it.

    Args:
        discount: as for `repeated_game`.

    Returns:
        The game on two vectors of five logits of hunting the stag. It starts at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.iterated_stag_hunt()
        >>> [round(float(value), 4) for value in game.evaluate((jnp.full(5, 20.0), jnp.full(5, -20.0)))]
        [1.0, 3.0]
    """
    return repeated_game(_symmetric([[4.0, 1.0], [3.0, 2.0]]), discount)


def iterated_chicken(discount: Scalar = 0.96) -> Game:
    """Make iterated chicken: swerving (action 0) costs 1 if the other does not, and a crash costs both 10.

    Args:
        discount: as for `repeated_game`.

    Returns:
        The game on two vectors of five logits of swerving. It starts at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.iterated_chicken()
        >>> [round(float(value), 4) for value in game.evaluate((jnp.full(5, -20.0), jnp.full(5, -20.0)))]
        [-10.0, -10.0]
    """
    return repeated_game(_symmetric([[0.0, -1.0], [1.0, -10.0]]), discount)


def repeated_public_goods(num_players: int = 3, factor: float = 1.6, discount: Scalar = 0.96) -> Game:
    """Make the repeated public goods game, in which each player may give 1 to a pot that is multiplied and shared.

    In one round player i wins ``factor m / n - a_i``, where m of the n players give and ``a_i`` is 1 if player i does.
    For ``1 < factor < n`` giving nothing dominates a single round, although all win ``factor - 1`` if all give.

    Args:
        num_players: number of players n, at least 2.
        factor: factor of the pot.
        discount: as for `repeated_game`.

    Returns:
        The game on n vectors of ``1 + 2^n`` logits of giving (action 0). It starts at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.repeated_public_goods(3)
        >>> [round(float(value), 4) for value in game.evaluate((jnp.full(9, 20.0),) * 3)]
        [0.6, 0.6, 0.6]

    Reference:
        Zhao, Lu, Grosse, Foerster, "Proximal Learning With Opponent-Learning Awareness", NeurIPS 2022,
        https://arxiv.org/abs/2210.10125
    """
    number = whole_number("num_players", num_players, 2, most=10)
    check_one("factor", factor)
    gives = 1.0 - np.indices((2,) * number)
    return repeated_game(factor * gives.mean(0) - gives, discount)


def policy_divergence(policy: jax.Array, other: jax.Array) -> jax.Array:
    """Return the Kullback-Leibler divergence of another policy from a policy, summed over all situations.

    Args:
        policy: logits of action 0, of any shape: one player of a `repeated_game`.
        other: logits of the same shape.

    Returns:
        ``sum_s KL(policy(s) || other(s))``, which is zero only for equal policies.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> round(float(gs.games.policy_divergence(jnp.zeros(5), jnp.ones(5))), 4)
        0.6006
    """
    chance = jax.nn.sigmoid(policy)
    taken = chance * (jax.nn.log_sigmoid(policy) - jax.nn.log_sigmoid(other))
    left = (1 - chance) * (jax.nn.log_sigmoid(-policy) - jax.nn.log_sigmoid(-other))
    return jnp.sum(taken + left)


@dataclasses.dataclass(frozen=True)
class _Repeated:
    """The payoff of one player of a repeated game, or its loss if the amounts are losses."""

    player: int

    def __call__(self, *arguments: jax.Array) -> jax.Array:
        *policies, amounts, discount = arguments
        _check_policies(policies, amounts)
        actions = [jnp.stack([jax.nn.sigmoid(logits), jax.nn.sigmoid(-logits)], -1) for logits in policies]
        first, *later = functools.reduce(_joint, actions)
        transitions = jnp.stack(later)
        # How often each joint action is played in the discounted mean over all rounds.
        system = jnp.eye(len(first), dtype=first.dtype) - discount.astype(first.dtype) * transitions.T
        visits = jnp.linalg.solve(system, first)
        # They sum to 1 / (1 - discount); near 1 the solve loses that factor, and little else, to rounding.
        visits = visits / visits.sum()
        return visits @ amounts[self.player].ravel().astype(first.dtype)


def _joint(chances: jax.Array, own: jax.Array) -> jax.Array:
    """Return the probabilities of the joint actions of independent players, one row per situation."""
    return (chances[:, :, None] * own[:, None, :]).reshape(len(chances), -1)


def _check_policies(policies: list[jax.Array], amounts: jax.Array) -> None:
    situations = 1 + amounts[0].size
    for player, logits in enumerate(policies):
        if jnp.shape(logits) != (situations,):
            raise ValueError(
                f"player {player} must be a vector of {situations} logits, for the first round and for each joint "
                f"action of the last one, got shape {jnp.shape(logits)}."
            )


def _amounts(payoffs: ArrayLike) -> jax.Array:
    amounts = jnp.asarray(payoffs, float)
    if amounts.ndim < 2 or amounts.shape != (amounts.ndim - 1, *(2,) * (amounts.ndim - 1)):
        raise ValueError(
            f"payoffs must have shape (n, 2, ..., 2) for n players with two actions each, got {amounts.shape}."
        )
    return amounts


def _discount(discount: Scalar, amounts: jax.Array) -> jax.Array:
    check_one("discount", discount, least=0.0, below=1.0)
    return jnp.asarray(discount, amounts.dtype)


def _symmetric(amounts: ArrayLike) -> np.ndarray:
    """Return the payoffs of both players from those of player 0, if the players are alike."""
    return np.stack([np.asarray(amounts), np.asarray(amounts).T])
