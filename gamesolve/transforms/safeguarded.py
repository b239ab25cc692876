"""The guard of extragradient: trial moves of any solver, checked by the residual that extragradient decreases."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number, whole_number
from gamesolve.driving.sets import declared_by
from gamesolve.driving.sound import sound_leaves, still_sound
from gamesolve.game import Game
from gamesolve.solver import parametric, with_game
from gamesolve.transforms._base import require_all, require_game
from gamesolve.transforms._origin import INSIDE, require_origin
from gamesolve.trees import Marks, Players, PyTree, State, Updates, at_least_float32, norm, norm_ratio, widest

# Step size of an extragradient step, and the largest one that a finished step may show, times the slope of the field.
SHARE, LIMIT = 0.7, 0.95
# A trial whose residual is larger by this factor is undone at once.
GROWTH = 1000.0
# An extragradient step is halved if the residual at its middle or at its end is larger by this factor: it is too long
# for the slope there to say anything about the field where it began.
STEEP = 10.0
# Longest trial in units of an extragradient step: an overshooting trial stays finite.
REACH = 1e4
# Most extragradient steps between two trials.
LONGEST_PAUSE = 32
# Shorter moves, relative to the players and to the dtype's eps, are rounding errors and show no slope.
ROUNDING = 100


class Kept(NamedTuple):
    """A point that the guard has accepted: players, u there, the norm of u, the inner state before its update.

    The state is kept as its leaves, so that a search for a report or a moment finds one only.
    """

    players: Players
    updates: Updates
    size: jax.Array
    inner: list[jax.Array]


class Seen(NamedTuple):
    """A point whose field is known, and u there."""

    players: Players
    updates: Updates


class Plan(NamedTuple):
    """Counts: trials left until the residual must have decreased, extragradient steps left until the next trial.

    ``pause`` is the number of extragradient steps that the next failure asks for, ``falls`` that of all so far.
    """

    trials: jax.Array
    rest: jax.Array
    pause: jax.Array
    falls: jax.Array


class GuardedState(NamedTuple):
    """State of `guarded`.

    Attributes:
        inner: state of the inner solver.
        kept: the last accepted point. ``kept.players`` are the checked players of a run.
        last: the last point whose field is known.
        slope: largest slope of the field between two points that were seen; zero if none is known. It doubles after
            an extragradient step that was too long.
        step: step size of the extragradient step that led to the players; zero after a trial, negative after a return
            to the accepted point, because the extragradient step was too long.
        plan: counts.
    """

    inner: State
    kept: Kept
    last: Seen
    slope: jax.Array
    step: jax.Array
    plan: Plan


@parametric
def guarded(
    inner: optax.GradientTransformation, patience: int = 50, contraction: float = 0.99
) -> optax.GradientTransformationExtraArgs:
    """Turn any solver into a guarded one, which falls back to extragradient steps when the residual does not decrease.

    See the solver `gamesolve.guarded`, which is this part.

    Args:
        inner: solver whose moves are tried.
        patience: number of trials after which the residual must have decreased. Default: 50.
        contraction: factor by which it must have decreased. Default: 0.99.

    Returns:
        The solver; it needs ``game=`` and all players.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.guarded(gs.simgd(1.0), patience=1)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 500, tol=1e-3)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)
    """
    whole_number("patience", patience, 1)
    check_number("contraction", contraction, above=0.0, below=1.0)
    solver = with_game(inner)

    def init(params: PyTree) -> GuardedState:
        if sets := declared_by(solver, require_all("guarded", params)):
            raise ValueError(
                f"the solver in guarded must be without projections, got some for player {sets[0].path[0]}. Use "
                "extragradient or adaptive_extragradient with projections= instead."
            )
        params = jax.tree.map(jnp.asarray, params)
        state, zeros = solver.init(params), optax.tree.zeros_like(params)
        number = jnp.zeros((), at_least_float32(widest(params)))
        # Any residual is smaller than the first one: the start is accepted.
        kept = Kept(params, zeros, number + jnp.finfo(number.dtype).max, jax.tree.leaves(state))
        plan = Plan(*(jnp.full((), count, jnp.int32) for count in (patience, 0, 1, 0)))
        return GuardedState(state, kept, Seen(params, zeros), number, number, plan)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        game: Game | None = None,
        grad: Players | None = None,
        marks: Marks | None = None,
        **extra_args: object,
    ) -> tuple[Updates, GuardedState]:
        game, players = require_game("guarded", game, updates, params)
        require_origin("guarded", updates, grad, marks, order=INSIDE)
        residual = norm(updates).astype(state.kept.size.dtype)
        accepted, failed, slope = _judged(state, Seen(players, updates), residual, contraction)
        kept = optax.tree.where(accepted, Kept(players, updates, residual, jax.tree.leaves(state.inner)), state.kept)
        plan, falls = _next(state, accepted, failed, patience)
        state = state._replace(kept=kept, slope=slope, plan=plan)

        def fallen() -> tuple[Updates, GuardedState]:
            end, after = _extragradient(game, state)
            return optax.tree.sub(end, players), after

        def tried() -> tuple[Updates, GuardedState]:
            move, inner = solver.update(updates, state.inner, players, game=game, grad=grad, marks=marks, **extra_args)
            # A state that became NaN or infinite, too, ends the trials: the next moves would be lost.
            sound = jnp.isfinite(norm(move)) & still_sound(inner, sound_leaves(state.inner))
            move = _cut(move, _reach(slope, players, residual), sound)
            inner = optax.tree.where(sound, inner, _resumed(state))
            left = plan._replace(trials=jnp.where(sound, plan.trials - 1, 0))
            still = jnp.zeros_like(slope)
            return move, state._replace(inner=inner, last=Seen(players, updates), step=still, plan=left)

        return jax.lax.cond(falls, fallen, tried)

    return optax.GradientTransformationExtraArgs(init, update)


def _judged(
    state: GuardedState, here: Seen, residual: jax.Array, contraction: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return whether the players are accepted, whether they are given up, and the slope that is known now."""
    fell, seen = state.step != 0, _slope(here, state.last).astype(residual.dtype)
    # A comparison with NaN is false: such a residual counts as large.
    large = ~(residual <= jnp.where(fell, STEEP, GROWTH) * state.kept.size)
    short = (state.step > 0) & (state.step * seen <= LIMIT)
    # In exact numbers a short step decreases the residual of a monotone game; rounding or later parts may increase it.
    accepted = jnp.where(fell, short & (residual <= state.kept.size), residual <= contraction * state.kept.size)
    failed = ~accepted & (fell | large | (state.plan.trials == 0))
    # The slope up to a point whose residual is large says little about the field where the move began.
    told = jnp.where(large, jnp.where(_arrived(state, here), jnp.inf, 0), seen)
    return accepted, failed, _larger(state.slope, told)


def _arrived(state: GuardedState, here: Seen) -> jax.Array:
    """Return whether the players are at the end of an extragradient step: later parts may change the move."""
    end = _moved(state.kept.players, state.last.updates, state.step)
    far = norm(optax.tree.sub(here.players, end))
    return (state.step > 0) & (far <= ROUNDING * jnp.finfo(far.dtype).eps * norm(end))


def _next(state: GuardedState, accepted: jax.Array, failed: jax.Array, patience: int) -> tuple[Plan, jax.Array]:
    """Return the next counts, and whether an extragradient step is due.

    Each failure in a row doubles the number of extragradient steps that follow it.
    """
    plan, fell = state.plan, state.step > 0
    stopped, helped = failed & ~fell, accepted & ~fell
    longer = jnp.minimum(2 * plan.pause, LONGEST_PAUSE)
    rest = jnp.where(stopped, plan.pause, plan.rest - (accepted & fell).astype(jnp.int32))
    falls = failed | (rest > 0)
    following = Plan(
        trials=jnp.where(accepted | failed, patience, plan.trials),
        rest=rest,
        pause=jnp.where(stopped, longer, jnp.where(helped, 1, plan.pause)),
        falls=jnp.where(falls, optax.safe_increment(plan.falls), plan.falls),
    )
    return following, falls


def _extragradient(game: Game, state: GuardedState) -> tuple[Players, GuardedState]:
    """Return the end of an extragradient step from the accepted point, and the state, with the inner one from there."""
    kept, eta = state.kept, _step(state.slope)
    middle = _moved(kept.players, kept.updates, eta)
    ahead = Seen(middle, jax.tree.map(jnp.negative, game.gradients(middle)))
    start = Seen(kept.players, kept.updates)
    between = _slope(ahead, start).astype(eta.dtype)
    taken = norm(ahead.updates).astype(eta.dtype) <= STEEP * kept.size
    after = state._replace(
        inner=_resumed(state),
        last=optax.tree.where(taken, ahead, start),
        slope=_larger(state.slope, jnp.where(taken, between, jnp.inf)),
        step=jnp.where(taken, eta, -eta),
    )
    return optax.tree.where(taken, _moved(kept.players, ahead.updates, eta), kept.players), after


def _step(slope: jax.Array) -> jax.Array:
    """Return the step size of an extragradient step; one if no slope is known."""
    return SHARE / _assumed(slope)


def _assumed(slope: jax.Array) -> jax.Array:
    return jnp.where(slope > 0, slope, SHARE)


def _larger(slope: jax.Array, seen: jax.Array) -> jax.Array:
    """Return the larger of two slopes; one that is not finite doubles the one that was assumed."""
    return jnp.where(jnp.isfinite(seen), jnp.maximum(slope, seen), 2 * _assumed(slope))


def _moved(players: Players, updates: Updates, eta: jax.Array) -> Players:
    return jax.tree.map(lambda z, u: z - eta.astype(z.dtype) * u, players, updates)


def _reach(slope: jax.Array, players: Players, residual: jax.Array) -> jax.Array:
    """Return the longest move of a trial: without a slope the norm of the players, as the field gives no length."""
    size = norm(players).astype(residual.dtype)
    return jnp.where((slope == 0) & (size > 0), size, REACH * _step(slope) * residual)


def _cut(move: Updates, longest: jax.Array, sound: jax.Array) -> Updates:
    """Return a move of at most some length, zero if it is not sound."""
    length = norm(move).astype(longest.dtype)
    long = length > longest
    share = jnp.where(long, longest / jnp.where(long, length, 1), 1)
    return jax.tree.map(lambda m: jnp.where(sound, share.astype(m.dtype) * m, 0), move)


def _resumed(state: GuardedState) -> State:
    """Return the inner state at the accepted point."""
    return jax.tree.unflatten(jax.tree.structure(state.inner), state.kept.inner)


def _slope(point: Seen, other: Seen) -> jax.Array:
    """Return the slope of the field between two points; zero if rounding errors hide it."""
    moved, turned = (optax.tree.sub(a, b) for a, b in zip(point, other, strict=True))
    length, size = norm(moved), norm(point.players)
    least = ROUNDING * jnp.finfo(size.dtype).eps * size
    return jnp.where(length > least, norm_ratio(turned, moved), 0)
