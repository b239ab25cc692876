"""Constructors of games without payoffs: from their field, or from a monotone operator."""

import dataclasses

from gamesolve.checks import whole_number
from gamesolve.game import Game, Negated, Payoff, general_sum
from gamesolve.game.fields import Field, FormalPayoff
from gamesolve.trees import PyTree


def from_field(
    field: Field, num_players: int, *, constants: tuple[PyTree, ...] = (), model_state: PyTree = None
) -> Game:
    """Make a game from its field alone: a variational inequality, whose players have no payoffs.

    The field points up, as that of other games: ``players' = v(players)``. Methods that need the field and its
    Jacobian work; those that need values of payoffs or their derivatives in other players raise an error.

    Args:
        field: ``field(*players, *constants, *data)``, a tuple with one entry per player, shaped as the players. It may
            return ``field, gs.Aux(metrics, model_state)``. It need not be a gradient, not even in one player.
        num_players: number of players.
        constants: arrays of the game itself. Default: none.
        model_state: what networks keep without optimising it, see `general_sum`. Default: none.

    Returns:
        The game. Its field takes one evaluation of ``field``.

    Raises:
        TypeError: if the field is not a hashable function, or ``num_players`` is not an integer.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.from_field(lambda x, y: (-y, x), num_players=2)
        >>> solution = gs.solve(game, gs.extragradient(0.5), (1.0, 1.0), 1000, tol=1e-5)
        >>> solution.ending.name
        'CONVERGED'

    Reference:
        Facchinei, Pang, "Finite-Dimensional Variational Inequalities and Complementarity Problems", 2003
    """
    return dataclasses.replace(
        general_sum(*_formal(field, num_players), constants=constants, model_state=model_state), has_payoffs=False
    )


def from_operator(
    operator: Field, num_players: int, *, constants: tuple[PyTree, ...] = (), model_state: PyTree = None
) -> Game:
    """Make a game from a monotone operator F, whose field is ``v = -F``.

    A variational inequality asks for z in a set with ``<F(z), w - z> >= 0`` for all w in it. Pass the set to the solver
    as ``projections``.

    Args:
        operator: ``operator(*players, *constants, *data)``, a tuple with one entry per player, as in `from_field`.
        num_players: number of players.
        constants: arrays of the game itself. Default: none.
        model_state: what networks keep without optimising it, see `general_sum`. Default: none.

    Returns:
        The game.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.from_operator(lambda x: (x + jnp.array([1.0, -2.0]),), num_players=1)
        >>> solver = gs.extragradient(0.5, projections=lambda x: jnp.maximum(x, 0))
        >>> gs.solve(game, solver, (jnp.ones(2),), 100).players[0].round(3).tolist()
        [0.0, 2.0]
    """
    payoffs = map(Negated, _formal(operator, num_players))
    return dataclasses.replace(general_sum(*payoffs, constants=constants, model_state=model_state), has_payoffs=False)


def _formal(field: Field, num_players: int) -> tuple[Payoff, ...]:
    if not callable(field):
        raise TypeError(f"the field must be a function of the players, got {type(field).__name__}.")
    number = whole_number("num_players", num_players, 1)
    return (FormalPayoff(field, number),) * number
