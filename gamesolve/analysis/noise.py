"""The noise floor: the error at which a solver with constant steps stays on a stochastic game."""

import warnings
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.noisy_step import NoisyStep, Sampled, distances, noisy_step, sampled, significant
from gamesolve.analysis.point import as_point
from gamesolve.analysis.stability import not_differentiable
from gamesolve.analysis.stationary import Array, Recursion
from gamesolve.checks import check_key, whole_number
from gamesolve.game import Game
from gamesolve.linear.dense import check_size
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import Solver
from gamesolve.trees import Key, Players, State

# A floor that differs from that of runs by more than this fraction gets a warning.
CURVED = 0.05
# Length of these runs: so many times the one in which a deviation decreases by a factor of e, within a limit. If
# they differ, they are doubled, up to twice the limit, until their mean changes by no more than that fraction.
RELAXATIONS, MOST_PERIODS = 3, 4096
# Numbers that they compute in all, and their smallest count.
SIMULATED, LEAST_LANES = 2**24, 64
# Roundings of a step's derivative, relative to its norm, that may hide a rate of 1.
ROUNDED = 8


class NoiseFloor(NamedTuple):
    """The stationary distribution of a solver around an equilibrium; made by `noise_floor`.

    Attributes:
        floor: mean squared distance of the players from the equilibrium in a long run.
        standard_error: standard error of ``floor`` from the number of draws. Events too rare for the draws do not show.
        per_player: each player's part of ``floor``.
        covariance: covariance of the players, ravelled in order, shape (n, n).
        bias: difference of the mean of the players from the equilibrium; zero if it is too small for these draws.
        averaged: the mean of k iterates has a mean squared distance of ``averaged / k``, plus the bias, for large k.
        rate: spectral radius of the mean step, per step: the factor at which the start is forgotten.
        simulated: mean squared distance in runs that start from the predicted distribution, a check of ``floor``; NaN
            if it differs and still changes with their length.
        averaged_covariance: covariance of the mean of k iterates, times k, for large k, shape (n, n); its trace is
            ``averaged``.
    """

    floor: float
    standard_error: float
    per_player: tuple[float, ...]
    covariance: Array
    bias: Players
    averaged: float
    rate: float
    simulated: float
    averaged_covariance: Array


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
    second order, of projections at an active bound, and of Adam's roots. Runs from the predicted distribution check
    the result, and a warning says if they differ from it by more than 5 % and the errors of both.

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
    players = as_point(equilibrium, game.num_players)
    noisy, key = noisy_step(game, solver, players, sample, key, state)
    check_size(noisy.stepping.point)
    keys = jax.random.split(key, draws)
    found = sampled(noisy, keys, optax.tree.size(players))
    if not (np.all(np.isfinite(found.recursion.noise)) and np.all(np.isfinite(found.recursion.matrix))):
        raise ValueError(not_differentiable(noisy.stepping.solver))
    return _floor(noisy, keys, found)


class _Law(NamedTuple):
    """The stationary distribution of players and state.

    Attributes:
        away: its mean.
        deviations: the recursion of the deviations from this mean.
        covariance: its covariance.
        weights: those of noise of any covariance in the players' variance.
        inverse: ``(I - M)^-1``.
    """

    away: Array
    deviations: Recursion
    covariance: Array
    weights: Array
    inverse: Array


def _law(solver: Solver, found: Sampled, size: int, rate: float) -> _Law:
    """Return the stationary distribution, or raise an error if its variance diverges."""
    recursion = found.recursion
    inverse = np.linalg.inv(np.eye(len(found.drift)) - recursion.matrix)
    away, error = inverse @ found.drift, (inverse @ found.error @ inverse.T)[:size, :size]
    away = away * significant(away[:size], error)
    deviations = recursion.around(away)
    covariance, weights = deviations.stationary(), deviations.weights(size)
    if covariance is None or weights is None:
        raise ValueError(
            f"the variance of {solver!r} must stay bounded, but the noise of the derivatives makes it grow, although "
            f"the mean step contracts with a rate of {rate:.6g}. Use smaller steps or larger batches."
        )
    return _Law(away, deviations, covariance, weights, inverse)


def _floor(noisy: NoisyStep, keys: jax.Array, found: Sampled) -> NoiseFloor:
    """Return the floor that a sampled recursion has."""
    solver, players = noisy.stepping.solver, noisy.stepping.players
    size, ends = optax.tree.size(players), np.cumsum([optax.tree.size(player) for player in players])
    rate = _contraction(noisy, found.recursion, found.point)
    law = _law(solver, found, size, rate)
    parts = np.diag(law.covariance)[:size] + law.away[:size] ** 2
    floor = float(parts.sum())
    innovations = law.deviations.covariance + law.deviations.multiplicative(law.covariance)
    averaged = law.inverse[:size] @ innovations @ law.inverse[:size].T
    _, unravel = jax.flatten_util.ravel_pytree(players)
    predicted = NoiseFloor(
        floor=floor,
        standard_error=_standard_error(law, found.unexplained, size),
        per_player=tuple(float(part.sum()) for part in np.split(parts, ends[:-1])),
        covariance=law.covariance[:size, :size],
        bias=unravel(jnp.asarray(law.away[:size], found.point.dtype)),
        averaged=float(np.trace(averaged)),
        rate=rate,
        simulated=float("nan"),
        averaged_covariance=averaged,
    )
    return _simulated(noisy, keys, found.point, law, predicted)


def _contraction(noisy: NoisyStep, recursion: Recursion, point: jax.Array) -> float:
    """Return the rate of the mean step per step, or raise an error if it does not contract."""
    radius = float(np.max(np.abs(np.linalg.eigvals(recursion.matrix))))
    rate = radius ** (1 / noisy.stepping.period)
    rounding = ROUNDED * float(jnp.finfo(point.dtype).eps) * noisy.stepping.period * np.linalg.norm(recursion.matrix, 2)
    if not radius < 1 - rounding:
        raise ValueError(
            f"the mean step of {noisy.stepping.solver!r} must contract at the equilibrium, got a rate of "
            f"{rate:.6g}, so that its linear model has no floor. Use other step sizes or another solver; if the step "
            "jumps there, as a sign does, measure the error in a long run."
        )
    return rate


def _standard_error(law: _Law, unexplained: Array, size: int) -> float:
    """Return the standard error of the floor: that of the mean of each draw's influence on it."""
    noise, spread = law.deviations.noise, law.deviations.spread
    weighted = noise @ law.weights
    influence = [np.sum(weighted * noise, axis=1)]
    samples = law.deviations.matrix + spread
    influence.append(np.sum((law.weights @ samples @ law.covariance) * samples, axis=(1, 2)))
    if np.any(law.away):
        # The mean moves its square, and the noise, which depends on it.
        slope = np.where(np.arange(len(law.away)) < size, law.away, 0) + np.einsum("si,sij->j", weighted, spread) / len(
            noise
        )
        influence = [sum(influence) + 2 * (unexplained[: len(spread)] + spread @ law.away) @ (slope @ law.inverse)]
    return float(np.sqrt(sum(np.var(part) / len(part) for part in influence)))


def _simulated(noisy: NoisyStep, keys: jax.Array, point: jax.Array, law: _Law, floor: NoiseFloor) -> NoiseFloor:
    """Compare a predicted floor with runs that start from the predicted distribution; warn if it is not theirs.

    If it is not, the rate does not say either how long they take to forget their start, so they are doubled.
    """
    rounding = 100 * float(jnp.finfo(point.dtype).eps) * (1 + float(jnp.linalg.norm(point)))
    periods = min(MOST_PERIODS, 1 + int(RELAXATIONS / (1 - floor.rate**noisy.stepping.period)))
    found, error = _runs(noisy, keys, point, law, periods, periods)
    if abs(found - floor.floor) <= CURVED * floor.floor + 3 * np.hypot(error, floor.standard_error) + rounding**2:
        return floor._replace(simulated=found)
    before, steady = found, False
    while not steady and periods <= MOST_PERIODS:
        periods *= 2
        found = _runs(noisy, keys, point, law, periods, 2 * MOST_PERIODS)[0]
        steady, before = abs(found - before) <= CURVED * found, found
    runs = f"runs of {periods * noisy.stepping.period} steps"
    seen = f"{runs} have {found:.3g}" if steady else f"the mean of {runs} still changes with their length"
    warnings.warn(
        f"the predicted floor of {noisy.stepping.solver!r} is {floor.floor:.3g}, but {seen}: its step is not linear "
        f"over the noise, or the {len(keys)} draws miss rare ones. Measure the error in a long run, use smaller steps, "
        "or pass more draws.",
        stacklevel=4,
    )
    return floor._replace(simulated=found if steady else float("nan"))


def _runs(
    noisy: NoisyStep, keys: jax.Array, point: jax.Array, law: _Law, periods: int, longest: int
) -> tuple[float, float]:
    """Return the mean squared distance in runs, and its standard error; as many runs as fit if they are the longest."""
    lanes = max(LEAST_LANES, min(len(keys), SIMULATED // (point.size * longest)))
    values, vectors = np.linalg.eigh(law.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    starts = law.away + np.random.default_rng(0).normal(size=(lanes, point.size)) @ root.T
    own = jax.random.split(keys[0], lanes)
    found = np.asarray(distances(noisy, own, point, jnp.asarray(starts, point.dtype), periods), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # runs may diverge
        return float(found.mean()), float(found.std() / np.sqrt(lanes))
