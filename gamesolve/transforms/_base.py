"""How parts that look at the game are made: what they know of a step, their coefficients, metric and memory."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_count
from gamesolve.driving.sets import is_single
from gamesolve.game import Game
from gamesolve.solver import with_game
from gamesolve.transforms import rates
from gamesolve.transforms._origin import Origin, mark, require_origin
from gamesolve.trees import Marks, Players, PyTree, State, Updates


class Step(NamedTuple):
    """What a part knows in one step.

    Attributes:
        game: the game, bound to the data of the step.
        players: all players.
        u: the updates, after the parts before this one in the chain.
        grad: the gradient that u came from, ``-v`` at the players, equal to u before the first part; None if the caller
            of ``update`` did not pass it.
        rates: the coefficients, with each schedule replaced by its value.
        diagonal: the diagonal of the metric P, shaped as the players; None for the identity.
    """

    game: Game
    players: Players
    u: Players
    grad: Players | None
    rates: rates.Values
    diagonal: PyTree

    def metric(self, tree: Players) -> Players:
        """Multiply by the metric P."""
        return tree if self.diagonal is None else optax.tree.mul(self.diagonal, tree)

    def descent(self, players: Players, draw: int = 0) -> Players:
        """Return ``-v`` at other players, on one of the bound draws of the data."""
        return jax.tree.map(jnp.negative, self.game.draw(draw).gradients(players))


Formula = Callable[[Step, PyTree], tuple[Players, PyTree]]


class PartState(NamedTuple):
    """State of a part: a step count if a coefficient is a schedule, the metric's state, the memory."""

    rates: rates.RatesState
    metric: State
    memory: PyTree


def part(
    name: str,
    formula: Formula,
    coefficients: rates.Rates = (),
    *,
    coefficient: str = "eta",
    signed: bool = False,
    metric: optax.GradientTransformation | None = None,
    memory: Callable[[Players], PyTree] | None = None,
    accepts: Origin = Origin.GRADIENT,
    returns: Origin | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Make a part that looks at the game from its formula.

    Args:
        name: name of the part in error messages.
        formula: ``formula(step, memory)`` returns the better u and the next memory; ``step`` is a `Step`.
        coefficients: see `rates`; the formula gets those of the step. Default: none.
        coefficient: name of the coefficients in error messages.
        signed: whether the coefficients may be negative. Default: False.
        metric: transformation that maps u to the diagonal of P. Default: the identity.
        memory: function that returns the first memory of the initial players. Default: no memory.
        accepts: updates that the formula is defined for, see `Origin`. Default: the gradient alone.
        returns: what the better u is for the parts after this one. Default: a move, which they do not accept.
    """
    rates.check(coefficient, coefficients, signed=signed)
    measure = None if metric is None else with_game(metric)

    def init(params: PyTree) -> PartState:
        measured = optax.EmptyState() if measure is None else measure.init(params)
        first = optax.EmptyState() if memory is None else memory(params)
        return PartState(rates.init(coefficients), measured, first)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Players, PartState]:
        game, players = require_game(name, game, updates, params)
        require_origin(name, updates, grad, marks, accepts)
        diagonal, measured = None, state.metric
        if measure is not None:
            diagonal, measured = measure.update(updates, state.metric, players, grad=grad, marks=marks, **extra_args)
            _check_diagonal(name, diagonal, players)
        step = Step(game, players, updates, grad, rates.current(coefficients, state.rates, coefficient), diagonal)
        better, remembered = formula(step, state.memory)
        mark(better, returns, marks)
        return better, PartState(rates.advance(state.rates), measured, remembered)

    return optax.GradientTransformationExtraArgs(init, update)


def _check_diagonal(part: str, diagonal: PyTree, players: Players) -> None:
    """Raise unless a metric has one number per parameter or per array: other shapes would broadcast."""
    alike = jax.tree.structure(diagonal) == jax.tree.structure(players)
    pairs = zip(jax.tree.leaves(diagonal), jax.tree.leaves(players), strict=False)
    if not alike or any(jnp.shape(entry) not in ((), jnp.shape(leaf)) for entry, leaf in pairs):
        shapes = [jax.tree.map(jnp.shape, tree) for tree in (players, diagonal)]
        raise ValueError(f"the metric of {part} must be shaped as the players, {shapes[0]}, got {shapes[1]}.")


def past_field(count: jax.Array, remembered: Players, field: Callable[[Players], Players], players: Players) -> Players:
    """Return the remembered field, or in the first step the field at the players.

    A branch instead of a select, so that only the first step evaluates the second field.
    """
    return jax.lax.cond(count == 0, lambda: field(players), lambda: remembered)


def require_game(part: str, game: Game | None, updates: Updates, players: PyTree) -> tuple[Game, Players]:
    """Return the game and all of its players, or raise an error that says what hides them from ``part``."""
    if game is None or players is None or is_partial((updates, players)):
        raise out_of_sight(part)
    check_count(players, game.num_players)
    return game, players


def is_partial(tree: PyTree) -> bool:
    """Return whether a mask hides some leaves of a pytree."""
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, optax.MaskedNode))
    return any(isinstance(node, optax.MaskedNode) for node in nodes)


def require_players(part: str, players: PyTree) -> Players:
    """Return the players that ``part`` is initialised with, or raise if they are not a game's tuple of players."""
    if not isinstance(players, tuple):
        raise out_of_sight(part)
    return players


def require_all(part: str, params: PyTree) -> Players:
    """Return the players that ``part`` is initialised with, or raise if it sees one player or a mask hides some."""
    if is_single(params) or is_partial(params):
        raise out_of_sight(part)
    return params


def require_no_model_state(part: str, game: Game) -> None:
    """Raise if the game has a model state, which belongs to one evaluation on one batch."""
    if game.model_state is not None:
        raise ValueError(
            f"{part} needs payoffs without a model state, since it evaluates them on other data or parts of the batch, "
            "whose running statistics differ. Use game.frozen(), or networks without such statistics."
        )


def require_two_players(part: str, game: Game) -> None:
    """Raise unless the game has two players."""
    if game.num_players != 2:
        raise ValueError(f"{part} needs two players, a leader and a follower, got a game with {game.num_players}.")


def out_of_sight(part: str) -> ValueError:
    """Return the error of a part that does not see the game and all players."""
    return ValueError(
        f"{part} needs the game and all players. Place it before per_player or alternating in a chain, not inside one "
        "or inside a partial mask, and pass game= and the players to update, as gamesolve.step does."
    )
