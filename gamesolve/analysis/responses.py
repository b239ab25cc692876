"""Unilateral gains of the players: best responses, exploitability and the duality gap."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import products
from gamesolve.checks import ARGUMENTS, UNBOUND
from gamesolve.checks.calls import called
from gamesolve.driving.sets import declared_by, natural_residual
from gamesolve.driving.solve import solve
from gamesolve.game import Game, Negated, Payoff, as_players, signed
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Players, PyTree, norm
from gamesolve.trees.faces import shown


@dataclasses.dataclass(frozen=True)
class _Alone:
    """A payoff in which all players except one are constants."""

    function: Payoff
    player: int

    def __call__(self, own: PyTree, others: Players, *rest: PyTree) -> PyTree:
        players = (*others[: self.player], own, *others[self.player :])
        return called("a payoff", self.function, *players, *rest, takes=ARGUMENTS, hint=UNBOUND)


def alone(game: Game, players: Players, player: int) -> Game:
    """Make the game that one player faces while all other players are fixed.

    Args:
        game: the game.
        players: tuple of parameter pytrees, one per player.
        player: index of the player that moves.

    Returns:
        A one-player game. The other players are its constants, so that ``vmap`` and ``grad`` reach them.

    Raises:
        ValueError: if there is no such player.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y - y**2)
        >>> [float(entry) for entry in gs.analysis.alone(game, (2.0, 0.5), 1).field((0.5,))]
        [1.0]
    """
    game, players = game.frozen(), as_players(players, game.num_players)
    if not 0 <= player < game.num_players:
        raise ValueError(f"player must be one of the players 0 to {game.num_players - 1}, got {player}.")
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


@shown()
class Response(NamedTuple):
    """A best response.

    Attributes:
        player: the parameters of the player.
        gain: the increase of its payoff.
        residual: remaining norm of its field, or of the natural residual if the solver keeps the player in a set.
    """

    player: PyTree
    gain: jax.Array
    residual: jax.Array


def best_response(
    game: Game, solver: optax.GradientTransformation, players: Players, player: int, num_steps: int
) -> Response:
    """Improve one player with a given solver while all other players are fixed.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation for one player. For strategies in sets, use a solver with
            ``projections``, one function for the set of any player; the player must be in its set.
        players: tuple of parameter pytrees, one per player; the response starts at the player's own entry.
        player: index of the player that responds.
        num_steps: number of steps.

    Returns:
        The `Response`. If the payoff is concave in this player, it is a global best response, to the accuracy of the
        solver. Otherwise it is a local one, and its gain is a lower bound.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y - y**2)
        >>> response = gs.analysis.best_response(game, gs.simgd(0.25), (2.0, 0.0), 1, 100)
        >>> float(response.player), float(response.gain)
        (1.0, 1.0)
    """
    single = alone(game, players, player)
    products.value(single, single.start or (), 0, "best_response")
    return _respond(single, as_solver(solver), num_steps)


@partial(jax.jit, static_argnums=2)
def _respond(single: Game, solver: Solver, num_steps: int) -> Response:
    before = single.start or ()
    after = solve(single, solver, before, num_steps).players
    gain = single.evaluate(after)[0] - single.evaluate(before)[0]
    u = jax.tree.map(jnp.negative, single.field(after))
    residual = natural_residual(declared_by(solver, after), after, u)
    return Response(after[0], gain, norm(residual))


def exploitability(
    game: Game,
    solvers: optax.GradientTransformation | Sequence[optax.GradientTransformation],
    players: Players,
    num_steps: int,
) -> jax.Array:
    """Return how much each player could gain by changing alone.

    All gains are zero at a Nash equilibrium, and only there. Their sum is the Nikaido-Isoda function. In two-player
    zero-sum games, at players x and y, it is the duality gap ``max_y' f(x, y') - min_x' f(x', y)``.

    Args:
        game: the game, bound to its data.
        solvers: solver that finds the responses, see `best_response`: one for all players, or a sequence with one per
            player.
        players: tuple of parameter pytrees, one per player.
        num_steps: number of steps of each response.

    Returns:
        Array with one gain per player. For concave payoffs the gains are exact up to the error of the solver;
        otherwise they are lower bounds.

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
        raise ValueError(
            f"solvers has {len(each)} entries for {game.num_players} players. Give one solver, or one per player."
        )
    return jnp.stack(
        [best_response(game, solver, players, player, num_steps).gain for player, solver in enumerate(each)]
    )
