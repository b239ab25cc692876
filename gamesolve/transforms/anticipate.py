"""Parts that reckon with the others' next move: look-ahead, opponent shaping."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve import products, rates
from gamesolve.game import Game, Players
from gamesolve.parametric import parametric
from gamesolve.transforms._parts import inner, memoryless, minus, plus


@parametric
def anticipate(rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I + J_o D) u``: each player's gradient after a plain step of the others, to first order.

    Args:
        rate: D, the step size assumed of each player that is anticipated: a number, a schedule, an array, or a tuple
            with one of those per player.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.anticipate(0.5), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Zhang, Lesser, "Multi-Agent Learning with Policy Prediction", AAAI 2010.
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        return _anticipated(game, players, u, step)

    return memoryless("anticipate", rate, formula, coefficient="rate")


@parametric
def shape(rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``xi_0 - chi``: look ahead, and steer the others' next step (LOLA, exact derivatives).

    With ``xi_0 = (I + J_o D) u`` and ``chi_i = sum_j J_ji^T D_j (d payoff_i / d z_j)``.

    Args:
        rate: D, the step size assumed of each player that is shaped, as in `anticipate`.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.shape(0.25), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        return minus(_anticipated(game, players, u, step), _shaping(game, players, step))

    return memoryless("shape", rate, formula, coefficient="rate")


@parametric
def shape_stably(rate: rates.Rates, a: float = 0.5, b: float = 0.1) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``xi_0 - p chi`` with `shape`'s terms and the weight p of stable opponent shaping.

    ``p = min(p_1, p_2)``; ``p_1`` is 1 if ``-<chi, xi_0> >= 0``, else ``min(1, -a ||xi_0||^2 / -<chi, xi_0>)``; ``p_2``
    is ``||u||^2`` if ``||u|| < b``, else 1. So the shaping vanishes at zeros of the field.

    Args:
        rate: D, the step size assumed of each player that is shaped, as in `anticipate`.
        a: largest share of ``xi_0`` that shaping may undo.
        b: norm of the field below which shaping fades.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.shape_stably(0.25), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Letcher et al., "Stable Opponent Shaping in Differentiable Games", ICLR 2019,
        https://arxiv.org/abs/1811.08469
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        ahead, steering = _anticipated(game, players, u, step), _shaping(game, players, step)
        against = -inner(steering, ahead)
        bounded = jnp.minimum(1, a * inner(ahead, ahead) / jnp.where(against < 0, -against, 1))
        square = inner(u, u)
        weight = jnp.minimum(jnp.where(against >= 0, 1, bounded), jnp.where(square < b**2, square, 1))
        return jax.tree.map(lambda x, s: x - weight.astype(x.dtype) * s, ahead, steering)

    return memoryless("shape_stably", rate, formula, coefficient="rate")


def _anticipated(game: Game, players: Players, u: Players, step: Any) -> Players:
    return plus(u, products.off_diagonal(game, players)(rates.times(step, u, "rate")))


def _shaping(game: Game, players: Players, step: Any) -> Players:
    """Return ``chi_i = sum_j J_ji^T D_j (d payoff_i / d z_j)`` for every player i."""
    steps = rates.spread(step, game.num_players, "rate")
    terms = []
    for i in range(game.num_players):
        stakes = products.stakes(game, players, i)
        weighed = tuple(None if j == i else rates.times(steps[j], stake) for j, stake in enumerate(stakes))
        terms.append(products.influence(game, players, i)(weighed))
    return tuple(terms)
