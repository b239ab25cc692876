"""The noise floor: the error at which a solver with constant steps stays on a stochastic game."""

import warnings
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.noisy_step import NoisyStep, Sampled, distances, drawn, sampled, significant
from gamesolve.analysis.point import as_point
from gamesolve.analysis.stability import StepMap, not_differentiable, step_map
from gamesolve.analysis.stationary import Array, Recursion
from gamesolve.checks import as_pytree, check_key, whole_number
from gamesolve.game import Game
from gamesolve.linear.dense import check_size
from gamesolve.sampling.samplers import Sampler, Several
from gamesolve.solver import Solver
from gamesolve.trees import Key, Players, State, is_key

# A floor that differs from that of short runs by more than this fraction gets a warning.
CURVED = 0.05
# Length of these runs: so many times the one in which a deviation decreases by a factor of e, within a limit.
RELAXATIONS, MOST_PERIODS = 3, 4096
# Numbers that they compute in all, and their smallest count.
SIMULATED, LEAST_LANES = 2**24, 64


class NoiseFloor(NamedTuple):
    """The stationary distribution of a solver around an equilibrium; made by `noise_floor`.

    Attributes:
        floor: mean squared distance of the players from the equilibrium in a long run.
        standard_error: standard error of ``floor`` from the number of draws.
        per_player: each player's part of ``floor``.
        covariance: covariance of the players, ravelled in order, shape (n, n).
        bias: difference of the mean of the players from the equilibrium; zero if it is too small for these draws.
        averaged: the mean of k iterates has a mean squared distance of ``averaged / k``, plus the bias, for large k.
        rate: spectral radius of the mean step, per step: the factor at which the start is forgotten.
        simulated: mean squared distance in short runs that start from the predicted distribution, a check of ``floor``.
    """

    floor: float
    standard_error: float
    per_player: tuple[float, ...]
    covariance: Array
    bias: Players
    averaged: float
    rate: float
    simulated: float


def noise_floor(
    game: Game,
    solver: optax.GradientTransformation,
    equilibrium: Players,
    sample: Sampler,
    key: Key,
    *,
    state: State | None = None,
    draws: int = 4096,
) -> NoiseFloor:
    """Predict the error at which a solver stays on a stochastic game, and the error of the averaged iterates.

    Near the equilibrium one step maps the deviation d of players and floating state to ``M_s d + n_s``, with an
    independent draw s per step. The stationary covariance S solves ``S = E[M_s S M_s^T] + Cov[n_s]``. The n_s are
    sampled steps from the equilibrium and the M_s their derivatives, so the sampler itself is not differentiated.
    Noise that grows with the distance is thus included. The curvature of the step is left out: of the payoffs beyond
    second order, of projections at an active bound, and of Adam's roots. Short runs from the predicted distribution
    check the result, and a warning says if they differ from it by more than 5 % and their error.

    Args:
        game: the game, without its data.
        solver: a solver or any optax transformation, with constant or periodic steps.
        equilibrium: a zero of the mean field.
        sample: sampler of one step's data, as for `gamesolve.solve`, with independent draws.
        key: random key of the draws.
        state: the solver's state; only its counts matter. Default: as in `step_map`.
        draws: number of sampled steps. Large games use fewer draws for derivatives.

    Returns:
        The `NoiseFloor`. For a solver with a period, such as `lookahead`, it holds at the ends of periods.

    Raises:
        TypeError: if ``sample`` or ``key`` has the wrong type.
        ValueError: if the mean step does not contract at the equilibrium, the noise destroys stability, the draws are
            not independent, the step keeps changing with its count, or it is not differentiable.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y, e: x * y + 0.5 * (x**2 - y**2) + 0.1 * (e[0] * x + e[1] * y))
        >>> sample = lambda key: jax.random.normal(key, (2,))
        >>> found = gs.analysis.noise_floor(game, gs.simgd(0.1), (0.0, 0.0), sample, jax.random.key(0))
        >>> round(found.floor, 4), round(found.averaged, 3)  # exact: 0.02/18, 0.01
        (0.0011, 0.01)

    Reference:
        Mandt, Hoffman, Blei, "Stochastic Gradient Descent as Approximate Bayesian Inference", JMLR 2017,
        https://arxiv.org/abs/1704.04289
    """
    check_key("key", key)
    draws = whole_number("draws", draws, 2)
    if _depends_on_step(sample):
        raise ValueError(
            f"sample must draw independently at every step, got {type(sample).__name__}. Use gamesolve.minibatches."
        )
    players, sample = as_point(equilibrium, game.num_players), as_pytree("sample", sample)
    first, key = jax.random.split(key)
    noisy = NoisyStep(_lasting(game.bind(drawn(sample, first)), solver, players, state), sample)
    check_size(noisy.stepping.point)
    keys = jax.random.split(key, draws)
    found = sampled(noisy, keys, optax.tree.size(players))
    if not (np.all(np.isfinite(found.recursion.noise)) and np.all(np.isfinite(found.recursion.matrix))):
        raise ValueError(not_differentiable(noisy.stepping.solver))
    return _floor(noisy, keys, found)


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


class _Law(NamedTuple):
    """The stationary distribution of players and state: mean, covariance, its adjoint weights, and (I - M)^-1.

    The rows of ``inverse`` are those of the players.
    """

    away: Array
    covariance: Array
    weights: Array
    inverse: Array


def _law(solver: Solver, found: Sampled, size: int, rate: float) -> _Law:
    """Return the stationary distribution, or raise an error if its variance diverges."""
    recursion = found.recursion
    covariance, weights = recursion.stationary(), recursion.weights(size)
    if covariance is None or weights is None:
        raise ValueError(
            f"the variance of {solver!r} must stay bounded, but the noise of the derivatives makes it grow, although "
            f"the mean step contracts with a rate of {rate:.6g}. Use smaller steps or larger batches."
        )
    inverse = np.linalg.inv(np.eye(len(found.drift)) - recursion.matrix)
    away, error = inverse @ found.drift, (inverse @ found.error @ inverse.T)[:size, :size]
    return _Law(away * significant(away[:size], error), covariance, weights, inverse[:size])


def _floor(noisy: NoisyStep, keys: jax.Array, found: Sampled) -> NoiseFloor:
    """Return the floor that a sampled recursion has."""
    solver, players, recursion = noisy.stepping.solver, noisy.stepping.players, found.recursion
    size, ends = optax.tree.size(players), np.cumsum([optax.tree.size(player) for player in players])
    rate = _contraction(noisy, recursion, found.point)
    law = _law(solver, found, size, rate)
    parts = np.diag(law.covariance)[:size] + law.away[:size] ** 2
    floor = float(parts.sum())
    innovations = recursion.covariance + recursion.multiplicative(law.covariance)
    _, unravel = jax.flatten_util.ravel_pytree(players)
    return NoiseFloor(
        floor=floor,
        standard_error=_standard_error(recursion, law),
        per_player=tuple(float(part.sum()) for part in np.split(parts, ends[:-1])),
        covariance=law.covariance[:size, :size],
        bias=unravel(jnp.asarray(law.away[:size], found.point.dtype)),
        averaged=float(np.trace(law.inverse @ innovations @ law.inverse.T)),
        rate=rate,
        simulated=_checked(*_simulated(noisy, keys, found.point, law, rate), floor, noisy),
    )


def _contraction(noisy: NoisyStep, recursion: Recursion, point: jax.Array) -> float:
    """Return the rate of the mean step per step, or raise an error if it does not contract."""
    radius = float(np.max(np.abs(np.linalg.eigvals(recursion.matrix))))
    rate = radius ** (1 / noisy.stepping.period)
    if radius >= 1 - 100 * float(jnp.finfo(point.dtype).eps) * point.size:
        raise ValueError(
            f"the mean step of {noisy.stepping.solver!r} must contract at the equilibrium, got a rate of "
            f"{rate:.6g}, so that the error has no floor. Use other step sizes or another solver."
        )
    return rate


def _standard_error(recursion: Recursion, law: _Law) -> float:
    """Return the standard error of the floor: that of the mean of each draw's influence on it."""
    additive = np.sum((recursion.noise @ law.weights) * recursion.noise, axis=1)
    samples = recursion.matrix + recursion.spread
    multiplicative = np.sum((law.weights @ samples @ law.covariance) * samples, axis=(1, 2))
    return float(np.sqrt(np.var(additive) / len(additive) + np.var(multiplicative) / len(multiplicative)))


def _simulated(noisy: NoisyStep, keys: jax.Array, point: jax.Array, law: _Law, rate: float) -> tuple[float, float]:
    """Return the mean squared distance in runs that start from the predicted distribution, and its standard error."""
    periods = min(MOST_PERIODS, 1 + int(RELAXATIONS / (1 - rate**noisy.stepping.period)))
    lanes = max(LEAST_LANES, min(len(keys), SIMULATED // (point.size * periods)))
    values, vectors = np.linalg.eigh(law.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    starts = law.away + np.random.default_rng(0).normal(size=(lanes, point.size)) @ root.T
    own = jax.random.split(keys[0], lanes)
    found = np.asarray(distances(noisy, own, point, jnp.asarray(starts, point.dtype), periods), np.float64)
    return float(found.mean()), float(found.std() / np.sqrt(lanes))


def _checked(simulated: float, error: float, floor: float, noisy: NoisyStep) -> float:
    """Return the simulated floor; warn if it is not the predicted one."""
    rounding = (
        100 * float(jnp.finfo(noisy.stepping.point.dtype).eps) * (1 + float(jnp.linalg.norm(noisy.stepping.point)))
    )
    if not abs(simulated - floor) <= CURVED * floor + 3 * error + rounding**2:
        warnings.warn(
            f"the step of {noisy.stepping.solver!r} is not linear over the noise: the predicted floor is {floor:.3g}, "
            f"and short runs have {simulated:.3g}. Measure the error in a long run, or use smaller steps.",
            stacklevel=4,
        )
    return simulated


def _depends_on_step(sample: Sampler) -> bool:
    if isinstance(sample, Several):
        return any(map(_depends_on_step, sample.samplers))
    return hasattr(sample, "at")
