"""Extragradient with a line search: the step size follows from how fast the field turns."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number, whole_number
from gamesolve.driving.sets import Projections, declare, projected
from gamesolve.game import Game
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part
from gamesolve.transforms.geometry import check_projections
from gamesolve.trees import Players, Scalar, at_least_float32, norm, norm_ratio, widest


class SearchState(NamedTuple):
    """State of `adaptive_extragradient`: the step size to try first, and the fields evaluated so far."""

    trial: jax.Array
    fields: jax.Array


@parametric
def adaptive_extragradient(
    learning_rate: float = 1.0, safety: float = 0.9, projections: Projections = None, max_trials: int = 50
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of extragradient with a line search, which needs no step size.

    ``w = project(z + l v(z))`` and the next players are ``project(z + l v(w))``. The step size l is halved until
    ``l ||v(w) - v(z)|| <= s ||w - z||``, with s the safety. The next step first tries
    ``min(2 l, s^2 ||w - z|| / ||v(w) - v(z)||)``, or the same l again if z or v has not changed. It tries 2 l if the
    move was so small that rounding removed it. The first trial is at most ``10 ||z|| / ||v||``.

    Args:
        learning_rate: step size that the first step tries. Default: 1.
        safety: s, below 1. Default: 0.9.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.
        max_trials: limit of the trials per step. If all are too long, the players stay, and the next step continues
            with shorter trials. Default: 50.

    Returns:
        The transformation; it needs ``game=`` and all players, and returns moves. Both fields see the same draw of the
        data. The state counts the evaluated fields under ``fields``.

    Example:
        >>> import optax, gamesolve as gs
        >>> steep = gs.zero_sum(lambda x, y: 1000 * x * y)
        >>> solution = gs.solve(steep, gs.transforms.adaptive_extragradient(), (1.0, 1.0), 200, tol=1e-2)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)
        >>> int(optax.tree.get(solution.state, "fields")) < 3 * int(solution.steps)
        True

    Reference:
        Khobotov, "Modification of the extra-gradient method for solving variational inequalities and certain
        optimization problems", USSR Computational Mathematics and Mathematical Physics 1987.
    """
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("safety", safety, above=0.0, below=1.0)
    check_projections(projections)
    most = whole_number("max_trials", max_trials, least=1)

    def start(players: Players) -> SearchState:
        declare(projections, players)
        trial = jnp.asarray(learning_rate, at_least_float32(widest(players)))
        return SearchState(trial, jnp.zeros((), jnp.int32))

    def ahead(players: Players, length: Scalar, u: Players) -> Players:
        return projected(projections, optax.tree.sub(players, rates.times(length, u)))

    def formula(step: Step, state: SearchState) -> tuple[Players, SearchState]:
        trial = jnp.where(state.fields == 0, _bounded(state.trial, step.players, step.u), state.trial)
        # The number of trials is constant between jumps: the derivative of the step is that at the accepted length.
        seen = jax.lax.stop_gradient((step.game, step.players, step.u, trial))
        trials, accepted, field = _search(*seen, ahead, safety, most)
        length = _halved(trial, trials - 1)
        point = ahead(step.players, length, step.u)
        field = _known(step.game, point, field)
        moved, turned = optax.tree.sub(point, step.players), optax.tree.add(field, step.u)
        following = ahead(step.players, length, optax.tree.scale(-1, field))
        move = optax.tree.where(accepted, optax.tree.sub(following, step.players), optax.tree.zeros_like(moved))
        again = jnp.where(_rounded(step.players, length, step.u), 2 * length, trial)
        again = jnp.where(accepted, _next_trial(again, length, safety, moved, turned), length / 2).astype(trial.dtype)
        return move, SearchState(again, state.fields + trials + 1)

    return part("adaptive_extragradient", formula, memory=start)


def _search(
    game: Game,
    players: Players,
    u: Players,
    trial: jax.Array,
    ahead: Callable[[Players, Scalar, Players], Players],
    safety: Scalar,
    most: int,
) -> tuple[jax.Array, jax.Array, Players]:
    """Return the number of trials, whether the last one is accepted, and the field at its end."""

    def too_long(carry: tuple[jax.Array, jax.Array, Players]) -> jax.Array:
        trials, accepted, _ = carry
        return ~accepted & (trials < most)

    def attempt(carry: tuple[jax.Array, jax.Array, Players]) -> tuple[jax.Array, jax.Array, Players]:
        trials, *_ = carry
        length = _halved(trial, trials)
        point = ahead(players, length, u)
        field = game.gradients(point)
        change, distance = norm(optax.tree.add(field, u)), norm(optax.tree.sub(point, players))
        return trials + 1, length * change <= safety * distance, field

    first = (jnp.zeros((), jnp.int32), jnp.zeros((), bool), optax.tree.zeros_like(players))
    return jax.lax.while_loop(too_long, attempt, first)


def _bounded(trial: jax.Array, players: Players, u: Players) -> jax.Array:
    """Return a first trial that moves the players by ten times their norm at most."""
    largest = 10 * norm_ratio(players, u)
    return jnp.where(largest > 0, jnp.minimum(trial, largest), trial).astype(trial.dtype)


def _rounded(players: Players, length: jax.Array, u: Players) -> jax.Array:
    """Return whether a move is so small that rounding removes it: such a trial says nothing about its length."""
    moved = optax.tree.sub(optax.tree.sub(players, rates.times(length, u)), players)
    return (norm(moved) == 0) & (norm(u) > 0)


def _halved(trial: jax.Array, times: jax.Array) -> jax.Array:
    return trial * jnp.exp2(-times.astype(trial.dtype))


def _next_trial(trial: jax.Array, length: jax.Array, safety: Scalar, moved: Players, turned: Players) -> jax.Array:
    """Return the step size that the next step tries first."""
    inverse = norm_ratio(moved, turned)
    return jnp.where(inverse > 0, jnp.minimum(2 * length, safety**2 * inverse), trial)


@jax.custom_jvp
def _known(game: Game, players: Players, field: Players) -> Players:
    """Return the field at the players, which the search has computed in a loop without reverse-mode derivatives."""
    del game, players
    return field


@_known.defjvp
def _known_derivative(
    primals: tuple[Game, Players, Players], tangents: tuple[Game, Players, Players]
) -> tuple[Players, Players]:
    game, players, field = primals
    _, change = jax.jvp(lambda game, players: game.gradients(players), (game, players), tangents[:2])
    return field, change
