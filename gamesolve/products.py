"""Products with the Jacobian of a game's field, linearised once and applied as often as needed.

J is the Jacobian of ``v`` in all players at once; block (i, j) is ``d v_i / d players_j`` and J_o keeps the blocks
with i != j. Each function returns a linear map on trees shaped as the players; nothing is ravelled.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gamesolve.game import Game, Players, exact_products, signed

Product = Callable[[Players], Players]


def forward(game: Game, players: Players) -> Product:
    """Return ``t -> J t``."""
    with exact_products():
        _, product = jax.linearize(game.field, players)
    return product


def transposed(game: Game, players: Players) -> Product:
    """Return ``s -> J^T s``."""
    with exact_products():
        _, product = jax.vjp(game.field, players)
    return lambda cotangents: product(cotangents)[0]


def mirror(tangents: Players) -> Players:
    """Turn the second of two players round: applied to ``J t`` of a zero-sum game it leaves minus a Hessian's product.

    The field of ``min over x, max over y of f`` is the gradient of -f but for the sign of its second half.
    """
    first, second = tangents
    return first, jax.tree.map(jnp.negative, second)


def response(game: Game, players: Players, player: int) -> Callable[[Players], Any]:
    """Return ``t -> sum_j J_ij t_j`` over j != i: how player i's gradient answers to moves of the others.

    The entry ``t[player]`` is ignored.
    """
    sign, product = unsigned_response(game, players, player)
    if sign > 0:
        return product
    return lambda tangents: jax.tree.map(jnp.negative, product(tangents))


def unsigned_response(game: Game, players: Players, player: int) -> tuple[int, Callable[[Players], Any]]:
    """Return the sign of player i's payoff and `response` for the function without that sign.

    By the symmetry of second derivatives it is one reverse pass over the others' gradients of that function.
    """
    sign, function = signed(game.payoffs[player])
    others = tuple(j for j in range(game.num_players) if j != player)
    if not others:
        return sign, lambda _: jax.tree.map(jnp.zeros_like, players[player])

    def gradients(own: Any) -> Any:
        moved = (*players[:player], own, *players[player + 1 :])
        return jax.grad(function, others)(*moved, *game.constants, *game.data)

    with exact_products():
        _, product = jax.vjp(gradients, players[player])
    return sign, lambda tangents: product(tuple(tangents[j] for j in others))[0]


def influence(game: Game, players: Players, player: int) -> Callable[[Players], Any]:
    """Return ``s -> sum_j J_ji^T s_j`` over j != i: how the others' gradients, weighed by s, answer to player i.

    The entry ``s[player]`` is ignored.
    """
    others = tuple(j for j in range(game.num_players) if j != player)
    if not others:
        return lambda _: jax.tree.map(jnp.zeros_like, players[player])

    def gradients(own: Any) -> Any:
        return game.gradients((*players[:player], own, *players[player + 1 :]), others)

    _, product = jax.vjp(gradients, players[player])
    return lambda cotangents: product(tuple(cotangents[j] for j in others))[0]


def stakes(game: Game, players: Players, player: int) -> Players:
    """Return ``d payoff_i / d players_j`` for every j != i: what the others' moves do to player i; None for itself.

    Taken without the payoff's sign, so that in a zero-sum game XLA finds in it what the field has computed already.
    """
    sign, function = signed(game.payoffs[player])
    others = tuple(j for j in range(game.num_players) if j != player)
    with exact_products():
        slopes = jax.grad(function, others)(*players, *game.constants, *game.data) if others else ()
    entries = [slope if sign > 0 else jax.tree.map(jnp.negative, slope) for slope in slopes]
    entries.insert(player, None)
    return tuple(entries)


def curvature(game: Game, players: Players, player: int) -> Callable[[Any], Any]:
    """Return ``t -> J_ii t``: the product with player i's own Hessian of its payoff, which is symmetric."""

    def gradient(own: Any) -> Any:
        return game.gradients((*players[:player], own, *players[player + 1 :]), (player,))[0]

    _, product = jax.vjp(gradient, players[player])
    return lambda tangent: product(tangent)[0]


def off_diagonal(game: Game, players: Players) -> Product:
    """Return ``t -> J_o t``."""
    responses = [response(game, players, player) for player in range(game.num_players)]
    return lambda tangents: tuple(respond(tangents) for respond in responses)


def off_diagonal_transposed(game: Game, players: Players) -> Product:
    """Return ``s -> J_o^T s``."""
    influences = [influence(game, players, player) for player in range(game.num_players)]
    return lambda cotangents: tuple(pull(cotangents) for pull in influences)
