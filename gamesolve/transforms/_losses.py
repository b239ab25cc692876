"""What optax's transformations ask about the loss of the player that they move, under optax's names."""

from typing import Any, TypeAlias

from gamesolve.game import Game, exact_products, with_sign
from gamesolve.game.fields import Unknown, no_payoffs
from gamesolve.trees import Players, PyTree, Scalar

ExtraArgs: TypeAlias = dict[str, Any]


def asked(game: Game, players: Players, player: int) -> ExtraArgs:
    """Return the loss of one player, its negated payoff, as optax's extra arguments, and the data of the step.

    In a compiled step an argument that nobody reads costs nothing, because XLA removes it.

    Args:
        game: the game, bound to the data of the step.
        players: all players; the loss is a function of one of them, with the others fixed here.
        player: index of the player that moves.

    Returns:
        ``value``, the loss; ``value_fn`` and ``obj_fn``, the loss as a function of the player's parameters;
        ``grad_fn``, its gradient as a function of the parameters and of a count, which optax's sam passes; ``data``,
        the bound data that the player sees.
    """
    sign, payoff = game.signed_payoff(player)
    user = "a transformation that looks at the loss of its player"

    def others(own: PyTree) -> Players:
        return (*players[:player], own, *players[player + 1 :])

    # optax's line searches refuse arguments that this function does not take.
    def value_fn(own: PyTree, *, obj_fn: Any = None, grad_fn: Any = None, data: Any = None) -> Scalar:
        del obj_fn, grad_fn, data
        if not game.has_payoffs:
            raise no_payoffs(user)
        with exact_products():
            return with_sign(-sign, payoff(*others(own)))

    def grad_fn(own: PyTree, count: int | None = None) -> PyTree:
        del count
        (ascent,) = game.gradients(others(own), (player,))
        return with_sign(-1, ascent)

    data = game.draw(0).data_of(player)
    value = value_fn(players[player]) if game.has_payoffs else Unknown(no_payoffs(user))
    return {"value": value, "value_fn": value_fn, "obj_fn": value_fn, "grad_fn": grad_fn, "data": data}
