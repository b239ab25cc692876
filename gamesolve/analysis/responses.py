"""What a player could gain alone: best responses, exploitability and the duality gap."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.driving.solve import solve
from gamesolve.game import Game, Negated, Payoff, Players, as_players, signed
from gamesolve.solver import as_solver


@dataclasses.dataclass(frozen=True)
class _Alone:
    """A payoff with all players but one among the constants."""

    function: Payoff
    player: int

    def __call__(self, own: Any, others: tuple[Any, ...], *rest: Any) -> Any:
        return self.function(*others[: self.player], own, *others[self.player :], *rest)


def alone(game: Game, players: Players, player: int) -> Game:
    """Make the game that one player faces when all others stand still.

    Args:
        game: the game.
        players: tuple of parameter pytrees, one per player.
        player: who moves.

    Returns:
        A game of one player; the others are constants of it, so that ``vmap`` and ``grad`` reach them.

    Raises:
        ValueError: if there is no such player.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y - y**2)
        >>> [float(entry) for entry in gs.analysis.alone(game, (2.0, 0.5), 1).field((0.5,))]
        [1.0]
    """
    players = as_players(players, game.num_players)
    if not 0 <= player < game.num_players:
        raise ValueError(f"player is {player}; the game has players 0 to {game.num_players - 1}.")
    sign, function = signed(game.payoffs[player])
    payoff: Payoff = _Alone(function, player)
    others = (*players[:player], *players[player + 1 :])
    return dataclasses.replace(
        game,
        payoffs=(payoff if sign > 0 else Negated(payoff),),
        constants=(others, *game.constants),
        data=game.data_of(player),
        start=(players[player],),
        equilibria=(),
    )


class Response(NamedTuple):
    """A best response.

    Attributes:
        player: the player's parameters.
        gain: what its payoff rose by.
        residual: norm of the field that is left of it; in a convex set it need not vanish.
    """

    player: Any
    gain: jax.Array
    residual: jax.Array


def best_response(
    game: Game, solver: optax.GradientTransformation, players: Players, player: int, num_steps: int
) -> Response:
    """Let one player improve alone, by a solver of the caller's choice.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation for one player; for strategies in sets one with ``projections``.
        players: tuple of parameter pytrees, one per player; the response starts at the player's own entry.
        player: who responds.
        num_steps: number of steps.

    Returns:
        The `Response`. Where the payoff is concave in this player it is a global one, as good as the solver; else it
        is a local one, and its gain a lower bound.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y - y**2)
        >>> response = gs.analysis.best_response(game, gs.simgd(0.25), (2.0, 0.0), 1, 100)
        >>> float(response.player), float(response.gain)
        (1.0, 1.0)
    """
    return _respond(alone(game, players, player), as_solver(solver), num_steps)


@partial(jax.jit, static_argnums=2)
def _respond(lonely: Game, solver: Any, num_steps: int) -> Response:
    before = lonely.start or ()
    after = solve(lonely, solver, before, num_steps).players
    gain = lonely.evaluate(after)[0] - lonely.evaluate(before)[0]
    return Response(after[0], gain, optax.tree.norm(lonely.field(after)))


def exploitability(
    game: Game, solvers: optax.GradientTransformation | Sequence[Any], players: Players, num_steps: int
) -> jax.Array:
    """Return what each player could gain alone; all zero at a Nash equilibrium, and there only.

    The sum is the Nikaido-Isoda function, in two-player zero-sum games the duality gap
    ``max_y f(x, y') - min_x f(x', y)``.

    Args:
        game: the game, bound to its data.
        solvers: what finds the responses, see `best_response`: one solver, or a sequence with one for each player.
        players: tuple of parameter pytrees, one per player.
        num_steps: number of steps of each response.

    Returns:
        Array with one gain per player, exact for concave payoffs up to the solver's error, else lower bounds.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 + x * y - y**2)
        >>> gs.analysis.exploitability(game, gs.simgd(0.25), (1.0, 0.0), 100).tolist()
        [1.0, 0.25]

    Reference:
        Nikaido, Isoda, "Note on non-cooperative convex games", Pacific J. Math. 1955
    """
    each = [solvers] * game.num_players if isinstance(solvers, optax.GradientTransformation) else list(solvers)
    if len(each) != game.num_players:
        raise ValueError(f"solvers has {len(each)} entries for {game.num_players} players; give one, or one each.")
    return jnp.stack(
        [best_response(game, solver, players, player, num_steps).gain for player, solver in enumerate(each)]
    )
