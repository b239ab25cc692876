"""Samples of a stochastic step at an equilibrium: moves, fields and derivatives, all at the same draws."""

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.flat_step import flat_step
from gamesolve.analysis.stability import StepMap, step_map
from gamesolve.analysis.stationary import Array, Recursion
from gamesolve.checks import as_pytree
from gamesolve.checks.calls import called
from gamesolve.game import Game, exact_products
from gamesolve.linear.dense import COLUMNS
from gamesolve.sampling.samplers import Sampler, Several
from gamesolve.trees import Batch, Key, Players, PyTree, Scalar, State, is_key

# Sampled derivatives take at most this many numbers, and at most this much arithmetic for each sum over them.
LARGEST_SAMPLE, MOST_WORK = 2**26, 2**34
# Newton steps to the mean state; one suffices for momenta and averages, whose steps are affine.
NEWTON_STEPS = 3
# A mean this many standard deviations above zero is not zero.
CLEAR = 4

_Carry: TypeAlias = tuple[jax.Array, list[PyTree]]


class NoisyStep(NamedTuple):
    """A step map and the sampler of its data; a pytree. One advance takes the steps of a whole period.

    Attributes:
        stepping: the step map, its game bound to any draw.
        sample: the sampler.
    """

    stepping: StepMap
    sample: Sampler

    def advance(self, vector: jax.Array, key: Key) -> jax.Array:
        """Take the steps of one period from a vector of players and state, each step with an independent draw."""
        game, solver, players, state = (getattr(self.stepping, name) for name in ("game", "solver", "players", "state"))
        held = self.stepping.held

        def once(carry: _Carry, key: Key) -> tuple[_Carry, None]:
            vector, rest = carry
            flat = flat_step(game.bind(drawn(self.sample, key)), solver, players, state)
            vector, following = flat.advance(vector, rest)
            if held:
                rest = [old if fixed else new for old, new, fixed in zip(rest, following, held, strict=True)]
            return (vector, rest), None

        rest = flat_step(game, solver, players, state).rest
        return jax.lax.scan(once, (vector, rest), self._keys(key))[0][0]

    def mean_field(self, key: Key) -> jax.Array:
        """Return the mean of the fields at the equilibrium, ravelled, over the draws of one period."""
        game, players = self.stepping.game, self.stepping.players
        fields = jax.vmap(lambda key: game.bind(drawn(self.sample, key)).field(players))(self._keys(key))
        return jax.flatten_util.ravel_pytree(jax.tree.map(lambda leaf: leaf.mean(axis=0), fields))[0]

    def _keys(self, key: Key) -> jax.Array:
        return jax.random.split(key, self.stepping.period)


class Sampled(NamedTuple):
    """Samples of a step at the equilibrium with its mean state.

    Attributes:
        point: the equilibrium and the mean state, as one vector.
        recursion: the deviations' affine recursion.
        drift: mean move, from which the part that follows the field's zero mean is removed.
        unexplained: samples of the move, without their mean and the part that follows the field; shape (draws, n).
    """

    point: jax.Array
    recursion: Recursion
    drift: Array
    unexplained: Array

    @property
    def error(self) -> Array:
        """Covariance of the estimate ``drift``."""
        return self.unexplained.T @ self.unexplained / len(self.unexplained) ** 2


def noisy_step(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    sample: Sampler,
    key: Key,
    state: State | None,
) -> tuple[NoisyStep, Key]:
    """Return the step and another key, or raise an error if its draws depend on each other or its steps change."""
    if _depends_on_step(sample):
        raise ValueError(
            f"sample must draw independently at every step, got {type(sample).__name__}. Use gamesolve.minibatches."
        )
    sample = as_pytree("sample", sample)
    first, key = jax.random.split(key)
    return NoisyStep(_lasting(game.bind(drawn(sample, first)), solver, players, state), sample), key


def _lasting(game: Game, solver: optax.GradientTransformation, players: Players, state: State | None) -> StepMap:
    """Return the step map of a solver whose steps stay the same, or raise an error."""
    stepping = step_map(game, solver, players, state)
    if not stepping.lasting:
        raise ValueError(
            f"the steps of {stepping.solver!r} must stay the same or have a period, but they change with their count. "
            "Use constant step sizes, or pass state= of a step after which they are constant."
        )
    if any(map(is_key, jax.tree.leaves(stepping.state))):
        raise ValueError(
            f"all randomness of {stepping.solver!r} must come from sample, got a random key in its state. Measure the "
            "error in a long run."
        )
    return stepping


def drawn(sample: Sampler, key: Key) -> Batch:
    """Return one draw of a user's sampler."""
    return called("sample", sample, key, takes="a random key", hint="Write lambda key: ...")


def sampled(noisy: NoisyStep, keys: jax.Array, size: int) -> Sampled:
    """Sample a step at an equilibrium, and find the state that it keeps on average.

    Args:
        noisy: the step.
        keys: a random key per sample. Large games use fewer of them for derivatives.
        size: number of the players' parameters.
    """
    point, fields = noisy.stepping.point, _numbers(_fields(noisy, keys))
    some = keys[: max(2, min(len(keys), LARGEST_SAMPLE // point.size**2, MOST_WORK // point.size**3))]
    found = _sampled_at(noisy, keys, some, point, fields)
    for _ in range(NEWTON_STEPS):
        slope, kept = found.recursion.matrix[size:, size:], found.drift[size:]
        still = np.all(np.abs(kept) <= 1e-6 * np.abs(found.recursion.noise[:, size:]).max(initial=0))
        if still or not np.all(np.isfinite(slope)):
            break
        change = np.linalg.lstsq(np.eye(len(slope)) - slope, kept)[0]
        point = point.at[size:].add(jnp.asarray(change, point.dtype))
        found = _sampled_at(noisy, keys, some, point, fields)
    return found


def _sampled_at(noisy: NoisyStep, keys: jax.Array, some: jax.Array, point: jax.Array, fields: Array) -> Sampled:
    moves, matrices = _numbers(_moves(noisy, point, keys)), _numbers(_matrices(noisy, point, some))
    # Sums of thousands of equal matrices would round a rate of 1 down.
    spread = _centred(matrices)
    recursion = Recursion(matrices[0] - spread[0], spread, _centred(moves))
    return Sampled(point, recursion, *_drift(moves, fields))


def significant(mean: Array, covariance: Array) -> bool:
    """Return whether an estimate of this covariance is clearly not zero."""
    return bool(mean @ mean > np.trace(covariance) + CLEAR * np.sqrt(2 * np.sum(covariance**2)))


def _drift(moves: Array, fields: Array) -> tuple[Array, Array]:
    """Return the mean move and the samples that its error comes from, with the field as a control variate.

    The noise of the field moves the mean of any sample away from zero, and would hide a small bias of the step.
    """
    noise, offset = _centred(fields), fields.mean(axis=0)
    # So few draws are fitted up to rounding, which would then pass for a bias.
    few = len(noise) < 2 * noise.shape[1]
    if few or significant(offset, noise.T @ noise / len(noise) ** 2):
        noise, offset = np.zeros_like(noise), np.zeros_like(offset)
    slopes = np.linalg.lstsq(noise, _centred(moves))[0]
    return moves.mean(axis=0) - offset @ slopes, _centred(moves) - noise @ slopes


def _centred(samples: Array) -> Array:
    """Return samples without their mean; equal ones, exactly zero."""
    away = samples - samples[0]
    return away - away.mean(axis=0)


def _numbers(samples: jax.Array) -> Array:
    return np.asarray(samples, np.float64)


@jax.jit
def _fields(noisy: NoisyStep, keys: jax.Array) -> jax.Array:
    return jax.lax.map(noisy.mean_field, keys, batch_size=COLUMNS)


@jax.jit
def _moves(noisy: NoisyStep, point: jax.Array, keys: jax.Array) -> jax.Array:
    return jax.lax.map(lambda key: noisy.advance(point, key) - point, keys, batch_size=COLUMNS)


@jax.jit
def _matrices(noisy: NoisyStep, point: jax.Array, keys: jax.Array) -> jax.Array:
    def derivative(key: Key) -> jax.Array:
        product = jax.linearize(partial(noisy.advance, key=key), point)[1]
        return jax.vmap(product, out_axes=1)(jnp.eye(point.size, dtype=point.dtype))

    with exact_products():
        return jax.lax.map(derivative, keys, batch_size=max(1, COLUMNS // point.size))


@jax.jit
def distances(noisy: NoisyStep, keys: jax.Array, point: jax.Array, starts: jax.Array, periods: Scalar) -> jax.Array:
    """Return the mean squared distance of the players in the second half of each of several runs.

    Args:
        noisy: the step.
        keys: a random key per run.
        point: the equilibrium and the mean state.
        starts: deviations from it at the start, a row per run.
        periods: number of periods of a run.
    """
    size = optax.tree.size(noisy.stepping.players)

    def distance(key: Key, start: jax.Array) -> jax.Array:
        def advance(t: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            vector, total = carry
            vector = noisy.advance(vector, jax.random.fold_in(key, t))
            away = jnp.sum((vector - point)[:size] ** 2)
            return vector, total + jnp.where(t >= periods // 2, away, 0)

        return jax.lax.fori_loop(0, periods, advance, (point + start, jnp.zeros((), point.dtype)))[1]

    return jax.vmap(distance)(keys, starts) / (periods - periods // 2)


def _depends_on_step(sample: Sampler) -> bool:
    if isinstance(sample, Several):
        return any(map(_depends_on_step, sample.samplers))
    return hasattr(sample, "at")
