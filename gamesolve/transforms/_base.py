"""What the parts that look at the game have in common: who calls them, coefficients, schedules, metrics, memory."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_count
from gamesolve.game import Game, Players
from gamesolve.transforms import rates

Formula = Callable[[Game, Players, Players, Callable[[Any], Any], Any], Players]
Recurrence = Callable[[Game, Players, Players, Any, Any, Any], tuple[Players, Any]]


class PartState(NamedTuple):
    """State of a part: step count where a coefficient is a schedule, the metric's state, what the part remembers."""

    rates: Any
    metric: Any
    memory: Any


def memoryless(
    name: str, coefficients: rates.Rates, formula: Formula, metric: Any = None, coefficient: str = "eta"
) -> optax.GradientTransformationExtraArgs:
    """Return the part ``u -> P formula(game, players, u, times_P, coefficients)`` for a diagonal metric P.

    Args:
        name: what messages call the part.
        coefficients: a number, a schedule, an array, or a tuple with one of those per player.
        formula: the part itself; it gets the coefficients of the current step.
        metric: transformation that maps u to the diagonal of P; None for the identity.
        coefficient: what messages call the coefficients.
    """

    def scaled(game: Game, players: Players, u: Players, diagonal: Any, current: Any, memory: Any) -> tuple[Any, Any]:
        scale = partial(times, diagonal)
        return scale(formula(game, players, u, scale, current)), memory

    return remembering(name, coefficients, lambda _: optax.EmptyState(), scaled, metric, coefficient)


def remembering(
    name: str,
    coefficients: rates.Rates,
    start: Callable[[Any], Any],
    formula: Recurrence,
    metric: Any = None,
    coefficient: str = "eta",
) -> optax.GradientTransformationExtraArgs:
    """Return the part ``u, memory -> formula(game, players, u, diagonal, coefficients, memory)``.

    Args:
        name: what messages call the part.
        coefficients: a number, a schedule, an array, or a tuple with one of those per player; () for none.
        start: the first memory, of the players that the part is initialised with.
        formula: the better u and the next memory; it gets the coefficients of the current step and the diagonal of the
            metric, None for the identity.
        metric: transformation that maps u to that diagonal; None for the identity.
        coefficient: what messages call the coefficients.
    """
    rates.check(coefficient, coefficients)
    measure = None if metric is None else optax.with_extra_args_support(metric)

    def init(params: Any) -> PartState:
        measured = optax.EmptyState() if measure is None else measure.init(params)
        return PartState(rates.init(coefficients), measured, start(params))

    def update(
        updates: Any, state: Any, params: Any = None, *, game: Game | None = None, **extra_args: Any
    ) -> tuple[Any, PartState]:
        game, players = whole(name, game, updates, params)
        diagonal, measured = None, state.metric
        if measure is not None:
            diagonal, measured = measure.update(updates, state.metric, players, **extra_args)
        current = rates.current(coefficients, state.rates)
        better, memory = formula(game, players, updates, diagonal, current, state.memory)
        return better, PartState(rates.advance(state.rates), measured, memory)

    return optax.GradientTransformationExtraArgs(init, update)


def past_field(count: Any, memory: Any, players: Players, field: Callable[..., Any]) -> Players:
    """Return the remembered field, or at the first step the one at the players.

    A branch and not a select, so that only the first step takes the second field.
    """
    return jax.lax.cond(count == 0, lambda: field(players), lambda: memory)


def where(condition: Any, yes: Any, no: Any) -> Any:
    """Choose one of two trees."""
    return jax.tree.map(partial(jnp.where, condition), yes, no)


def times(diagonal: Any, tree: Any) -> Any:
    """Multiply by a diagonal; None is the identity."""
    return tree if diagonal is None else jax.tree.map(jnp.multiply, diagonal, tree)


def plus(a: Any, b: Any) -> Any:
    """Add two trees."""
    return jax.tree.map(jnp.add, a, b)


def minus(a: Any, b: Any) -> Any:
    """Subtract two trees."""
    return jax.tree.map(jnp.subtract, a, b)


def inner(a: Any, b: Any) -> Any:
    """Return the inner product of two trees."""
    return optax.tree.vdot(a, b)


def negative(tree: Any) -> Any:
    """Change the sign of a tree."""
    return jax.tree.map(jnp.negative, tree)


def whole(part: str, game: Game | None, updates: Any, players: Any) -> tuple[Game, Players]:
    """Return the game and all of its players, or raise a sentence that says what hides them from ``part``."""
    masked = any(
        isinstance(leaf, optax.MaskedNode)
        for leaf in jax.tree.leaves((updates, players), is_leaf=lambda node: isinstance(node, optax.MaskedNode))
    )
    if game is None or masked or players is None:
        raise ValueError(alone(part))
    check_count(players, game.num_players)
    return game, players


def all_of(part: str, players: Any) -> Players:
    """Return the players that a part is initialised with, or raise if they are not a game's tuple of players."""
    if not isinstance(players, tuple):
        raise ValueError(alone(part))
    return players


def alone(part: str) -> str:
    """Return the sentence for a part that does not see the game and all players."""
    return (
        f"{part} looks at the game and at all players: place it before per_player or alternating in a chain, not "
        "inside one or inside a partial mask, and pass game= and the players to update, as gamesolve.step does."
    )


def two(part: str, game: Game) -> None:
    """Raise unless the game has two players."""
    if game.num_players != 2:
        raise ValueError(
            f"{part} is a method for two players, a leader and a follower; the game has {game.num_players}."
        )
