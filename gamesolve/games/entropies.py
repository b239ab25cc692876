"""Entropy-regularised games, whose equilibria are quantal response equilibria, and strategies as log odds."""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gamesolve.checks import check_one, known
from gamesolve.game import Game, Negated, Payoff
from gamesolve.game.fields import no_payoffs
from gamesolve.game.model_state import plus
from gamesolve.trees import Players, PyTree, Scalar


def quantal(game: Game, temperature: Scalar) -> Game:
    """Add to each payoff the entropy of the player's own strategy, times a temperature.

    If payoffs are linear in the player's own strategy, as in `matrix_game`, the equilibrium on the simplices is the
    logit quantal response equilibrium: each strategy is ``softmax(q / temperature)``, where q holds the payoffs of the
    player's actions. It is the point to which `magnetic_mirror_descent` converges on the game itself with this alpha
    and a uniform reference.

    The slope of the entropy is infinite at zero. Below the smallest positive number of the dtype it is continued by its
    tangent, so the field stays finite, but near the boundary it varies fast. Mirror steps with
    `transforms.simplex_entropy` suit it; projected steps must be small if an equilibrium has small probabilities.

    Args:
        game: game with payoffs whose players are arrays of probabilities along the last axis.
        temperature: weight of the entropies, not negative. It may be traced; it becomes the game's first constant.

    Returns:
        The game. A zero-sum game remains one. No equilibria are attached.

    Raises:
        ValueError: if the temperature is negative or not one number, or the game has no payoffs.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.quantal(gs.games.rock_paper_scissors(stakes=(3.0, 1.0, 3.0)), 1.0)
        >>> solver = gs.mirror_prox(0.1, gs.transforms.simplex_entropy())
        >>> [round(float(p), 3) for p in gs.solve(game, solver, game.start, 500).players[0]]
        [0.208, 0.485, 0.308]

    Reference:
        McKelvey, Palfrey, "Quantal Response Equilibria for Normal Form Games", Games and Economic Behavior 1995.
    """
    check_one("temperature", temperature, least=0.0)
    if not game.has_payoffs:
        raise no_payoffs("quantal")
    number = game.num_players
    if game.is_zero_sum:
        between = _Regularised(game.payoffs[1], number, (1,), (0,))
        payoffs: tuple[Payoff, ...] = (Negated(between), between)
    else:
        payoffs = tuple(_Regularised(payoff, number, (player,)) for player, payoff in enumerate(game.payoffs))
    return dataclasses.replace(game, payoffs=payoffs, constants=(temperature, *game.constants), equilibria=())


@dataclasses.dataclass(frozen=True)
class _Regularised:
    """A payoff plus the entropies of some players and minus those of others, times the first constant."""

    payoff: Payoff
    num_players: int
    plus: tuple[int, ...]
    minus: tuple[int, ...] = ()

    def __call__(self, *arguments: PyTree, **model_state: PyTree) -> PyTree:
        players, (temperature, *rest) = arguments[: self.num_players], arguments[self.num_players :]
        entropy = lambda chosen: sum(_entropy(players[player]) for player in chosen)
        added = temperature * (entropy(self.plus) - entropy(self.minus))
        return plus(self.payoff(*players, *rest, **model_state), added)


def _entropy(player: PyTree) -> Scalar:
    return sum(jnp.sum(_entropies(jnp.asarray(leaf))) for leaf in jax.tree.leaves(player))


def _entropies(p: jax.Array) -> jax.Array:
    """Return ``-p log p`` with its tangent below the smallest positive number, as the slope at zero is infinite."""
    tiny = float(jnp.finfo(p.dtype).tiny)
    above = jnp.maximum(p, tiny)
    return jnp.where(p > tiny, -above * jnp.log(above), -p * (math.log(tiny) + 1) + tiny)


def in_log_odds(game: Game) -> Game:
    """Make the same game with each strategy given by its log odds against the last action.

    Log odds are free of constraints, so that at an equilibrium in which all actions are played the field is zero. The
    functions of `analysis` can then be used, such as `analysis.follow` along the temperature of `quantal`.

    Args:
        game: game whose players are arrays of probabilities along the last axis.

    Returns:
        The game. A player with n actions is a vector of n - 1 log odds; see `log_odds` and `strategies`.

    Raises:
        ValueError: if the game starts with a probability of zero, which has no log odds.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.rock_paper_scissors(stakes=(3.0, 1.0, 3.0))
        >>> odds = gs.games.in_log_odds(gs.games.quantal(game, 1.0))
        >>> solution = gs.solve(odds, gs.extragradient(0.5), odds.start, 300)
        >>> [round(float(p), 3) for p in gs.games.strategies(solution.players)[0]]
        [0.208, 0.485, 0.308]
    """

    def rewritten(payoff: Payoff) -> Payoff:
        if isinstance(payoff, Negated):
            return Negated(rewritten(payoff.function))
        return _InLogOdds(payoff, game.num_players)

    return dataclasses.replace(
        game,
        payoffs=tuple(map(rewritten, game.payoffs)),
        start=None if game.start is None else _odds("the start of the game", game.start),
        equilibria=(),
    )


@dataclasses.dataclass(frozen=True)
class _InLogOdds:
    """A payoff of strategies as a function of log odds."""

    payoff: Payoff
    num_players: int

    def __call__(self, *arguments: PyTree, **model_state: PyTree) -> PyTree:
        players, rest = arguments[: self.num_players], arguments[self.num_players :]
        return self.payoff(*strategies(players), *rest, **model_state)


def log_odds(players: Players) -> Players:
    """Return the log odds of each strategy against its last action.

    Args:
        players: strategies, arrays of positive probabilities along the last axis.

    Returns:
        Arrays whose last axis is shorter by one.

    Raises:
        ValueError: if a probability is known not to be positive.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> gs.games.log_odds((jnp.array([0.5, 0.5]),))[0].tolist()
        [0.0]
    """
    return _odds("players", players)


def _odds(name: str, players: Players) -> Players:
    def odds(p: jax.Array) -> jax.Array:
        seen = known(p)
        if seen is not None and not (seen > 0).all():
            raise ValueError(
                f"{name} must be positive probabilities, got {seen.min()} among them. Give each action a small one, "
                "such as 1e-6: a probability of zero has no finite log odds."
            )
        return jnp.log(p[..., :-1]) - jnp.log(p[..., -1:])

    return _each_leaf(f"{name} must be arrays of probabilities", odds, players)


def strategies(players: Players) -> Players:
    """Return the strategies that have these log odds against their last action.

    Args:
        players: arrays of log odds along the last axis.

    Returns:
        Probabilities, arrays whose last axis is longer by one.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> gs.games.strategies((jnp.array([0.0]),))[0].tolist()
        [0.5, 0.5]
    """
    last = lambda odds: jnp.zeros((*odds.shape[:-1], 1), odds.dtype)
    chances = lambda odds: jax.nn.softmax(jnp.concatenate([odds, last(odds)], axis=-1))
    return _each_leaf("players must be arrays of log odds", chances, players)


def _each_leaf(wanted: str, function: Callable[[jax.Array], jax.Array], players: Players) -> Players:
    def applied(leaf: PyTree) -> jax.Array:
        if not jnp.ndim(leaf):
            raise ValueError(f"{wanted} along the last axis, got one number. Make each strategy an array.")
        return function(jnp.asarray(leaf))

    return jax.tree.map(applied, players)
