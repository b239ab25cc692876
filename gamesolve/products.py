"""Products with the Jacobian of a game's field, linearised once and applied as often as needed.

J is the Jacobian of ``v`` in all players at once. Block (i, j) is ``d v_i / d players_j``, and J_o keeps the blocks
with i != j. Each function returns a linear map on trees shaped as the players; nothing is ravelled.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp

from gamesolve.game import Game, Payoff, exact_products, with_sign
from gamesolve.game.fields import no_payoffs
from gamesolve.game.staged import opened
from gamesolve.trees import Players, PyTree

Product = Callable[[Players], Players]
# From trees of all players to one player's.
PlayerProduct = Callable[[Players], PyTree]


def forward(game: Game, players: Players) -> Product:
    """Return ``t -> J t``."""
    with exact_products():
        _, product = jax.linearize(game.gradients, players)
    return product


def transposed(game: Game, players: Players) -> Product:
    """Return ``s -> J^T s``."""
    with exact_products():
        _, product = jax.vjp(game.gradients, players)
    return lambda cotangents: product(cotangents)[0]


def mirror(tangents: Players) -> Players:
    """Change the sign of the second of two players; applied to ``J t`` of a zero-sum game it gives ``-H t``.

    H is the Hessian of f: the field of ``min over x, max over y of f`` is the gradient of -f with its second half
    negated.
    """
    first, second = tangents
    return first, jax.tree.map(jnp.negative, second)


def response(game: Game, players: Players, player: int) -> PlayerProduct:
    """Return ``t -> sum_j J_ij t_j`` over j != i: how player i's gradient changes when the other players move.

    The entry ``t[player]`` is ignored.
    """
    if not game.rules(players, player).of_value:
        return _pushed(game, players, player, _others(game, player))
    sign, product = unsigned_response(game, players, player)
    return lambda tangents: with_sign(sign, product(tangents))


def is_coupled(game: Game, players: Players) -> bool:
    """Return whether J has two symmetric diagonal blocks and opposite couplings, as zero-sum games have.

    A payoff whose gradient is not that of its value, because of ``stop_gradient`` for example, has another J.
    """
    return game.is_zero_sum and game.rules(players, 0).of_value


def unsigned_response(game: Game, players: Players, player: int) -> tuple[int, PlayerProduct]:
    """Return the sign of player i's payoff, and `response` for the function without that sign.

    By the symmetry of second derivatives it is one reverse pass over that function's gradients in the other players.
    """
    sign, gradients = _unsigned_stakes(game, players, player, "symmetric products")
    return sign, _pullback(gradients, players, player, _others(game, player))


def influence(game: Game, players: Players, player: int) -> PlayerProduct:
    """Return ``s -> sum_j J_ji^T s_j`` over j != i: how the others' gradients, weighted by s, change with player i.

    The entry ``s[player]`` is ignored.
    """
    others = _others(game, player)
    return _pullback(partial(game.gradients, movers=others), players, player, others)


def value(game: Game, players: Players, player: int, user: str) -> tuple[int, Payoff]:
    """Return the sign of a player's payoff, and the function without it, whose derivatives are those of its values.

    Args:
        game: the game.
        players: tuple of parameter pytrees, of which only the shapes matter.
        player: index of the player.
        user: name of what differentiates the payoff, for the message.

    Raises:
        ValueError: if the game has no payoffs, or the player's field is not the gradient of its payoff's value.
    """
    if not game.has_payoffs:
        raise no_payoffs(user)
    rules = game.rules(players, player)
    if not rules.of_value:
        raise ValueError(
            f"the payoff of player {player} must have the gradient of its value for {user}, got another one from "
            f"{' and '.join(rules.names)}. Write one payoff per player, without it, for general_sum."
        )
    sign, function = game.signed_payoff(player)
    return sign, opened(function) if rules.names else function


def stakes(game: Game, players: Players, player: int, user: str = "its stakes") -> Players:
    """Return ``d payoff_i / d players_j`` for every j != i, and None for player i itself.

    It differentiates the payoff without its sign, so that in a zero-sum game XLA merges it with the field. ``user`` is
    the name of the method, see `value`.
    """
    sign, gradients = _unsigned_stakes(game, players, player, user)
    with exact_products():
        entries = [with_sign(sign, gradient) for gradient in gradients(players)]
    entries.insert(player, None)
    return tuple(entries)


def curvature(game: Game, players: Players, player: int) -> Callable[[PyTree], PyTree]:
    """Return ``t -> J_ii t``: the product with the Hessian of player i's payoff in its own parameters."""
    if not game.rules(players, player).of_value:
        push = _pushed(game, players, player, (player,))
        return lambda tangent: push({player: tangent})
    product = _pullback(partial(game.gradients, movers=(player,)), players, player, (player,))
    return lambda tangent: product({player: tangent})


def off_diagonal(game: Game, players: Players) -> Product:
    """Return ``t -> J_o t``."""
    responses = [response(game, players, player) for player in range(game.num_players)]
    return lambda tangents: tuple(respond(tangents) for respond in responses)


def off_diagonal_transposed(game: Game, players: Players) -> Product:
    """Return ``s -> J_o^T s``."""
    influences = [influence(game, players, player) for player in range(game.num_players)]
    return lambda cotangents: tuple(pull(cotangents) for pull in influences)


def _others(game: Game, player: int) -> tuple[int, ...]:
    return tuple(j for j in range(game.num_players) if j != player)


def _unsigned_stakes(game: Game, players: Players, player: int, user: str) -> tuple[int, Callable[[Players], Players]]:
    """Return the sign of player i's payoff, and the gradients in the other players of the function without it."""
    sign, function = value(game, players, player, user)
    others = _others(game, player)
    return sign, lambda players: jax.grad(function, others)(*players) if others else ()


def _pullback(
    gradients: Callable[[Players], Players], players: Players, player: int, entries: tuple[int, ...]
) -> Callable[[Players | Mapping[int, PyTree]], PyTree]:
    """Return ``s -> sum_j (d gradients_j / d players_i)^T s_j``, where ``gradients`` returns the j in ``entries``."""
    if not entries:
        return lambda _: jax.tree.map(jnp.zeros_like, players[player])
    with exact_products():
        _, product = jax.vjp(lambda own: gradients((*players[:player], own, *players[player + 1 :])), players[player])
    return lambda cotangents: product(tuple(cotangents[j] for j in entries))[0]


def _pushed(
    game: Game, players: Players, player: int, moving: tuple[int, ...]
) -> Callable[[Players | Mapping[int, PyTree]], PyTree]:
    """Return ``t -> sum_j J_ij t_j`` over the j in ``moving``, without use of symmetry."""
    if not moving:
        return lambda _: jax.tree.map(jnp.zeros_like, players[player])

    def gradient(*moved: PyTree) -> PyTree:
        placed = dict(zip(moving, moved, strict=True))
        return game.gradients(tuple(placed.get(j, entry) for j, entry in enumerate(players)), (player,))[0]

    with exact_products():
        _, product = jax.linearize(gradient, *(players[j] for j in moving))
    return lambda tangents: product(*(tangents[j] for j in moving))
