"""Extragradient with a line search: the step size follows from how fast the field turns."""

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
from gamesolve.trees import Players, Scalar, at_least_float32, norm, normalised, widest


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
    ``min(2 l, s^2 ||w - z|| / ||v(w) - v(z)||)``, or the same l again if z or v has not changed.

    Args:
        learning_rate: step size that the first step tries. Default: 1.
        safety: s, below 1. Default: 0.9.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.
        max_trials: limit of the trials per step; the last one is taken even if it is too long. Default: 50.

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

    def search(game: Game, players: Players, u: Players, trial: jax.Array) -> tuple[jax.Array, Players]:
        """Return the number of trials and the field at the end of the last one."""

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
        trials, _, field = jax.lax.while_loop(too_long, attempt, first)
        return trials, field

    def formula(step: Step, state: SearchState) -> tuple[Players, SearchState]:
        # The number of trials is constant between jumps: the derivative of the step is that at the accepted length.
        trials, field = search(*jax.lax.stop_gradient((step.game, step.players, step.u, state.trial)))
        length = _halved(state.trial, trials - 1)
        point = ahead(step.players, length, step.u)
        field = _known(step.game, point, field)
        moved, turned = optax.tree.sub(point, step.players), optax.tree.add(field, step.u)
        following = ahead(step.players, length, optax.tree.scale(-1, field))
        again = _next_trial(state.trial, length, safety, moved, turned)
        return optax.tree.sub(following, step.players), SearchState(again, state.fields + trials + 1)

    return part("adaptive_extragradient", formula, memory=start)


def _halved(trial: jax.Array, times: jax.Array) -> jax.Array:
    return trial * jnp.exp2(-times.astype(trial.dtype))


def _next_trial(trial: jax.Array, length: jax.Array, safety: Scalar, moved: Players, turned: Players) -> jax.Array:
    """Return the step size that the next step tries first."""
    # Norms as products of a size and a number near one: the derivative of a quotient squares its divisor.
    sizes, units = zip(*map(normalised, (moved, turned)), strict=True)
    distance, change = map(norm, units)
    known = (distance > 0) & (change > 0)
    inverse = jnp.where(known, sizes[0] / sizes[1], 1) * distance / jnp.where(known, change, 1)
    return jnp.where(known, jnp.minimum(2 * length, safety**2 * inverse), trial).astype(trial.dtype)


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
