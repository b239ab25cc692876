"""The noise floor: the error at which a solver with constant steps stays on a stochastic game."""

import warnings
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.noisy_step import NoisyStep, Sampled, curvature, drawn, sampled, significant
from gamesolve.analysis.point import as_point
from gamesolve.analysis.stability import not_differentiable, step_map
from gamesolve.analysis.stationary import Array, Recursion
from gamesolve.checks import as_pytree, check_key, whole_number
from gamesolve.game import Game
from gamesolve.linear.dense import check_size
from gamesolve.sampling.samplers import Sampler, Several
from gamesolve.solver import Solver
from gamesolve.trees import Key, Players, State

# A floor that the curvature of the step changes by more than this fraction gets a warning.
CURVED = 0.05


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
        curvature: relative change of ``floor`` from the curvature of the step, to first order. It is not included.
    """

    floor: float
    standard_error: float
    per_player: tuple[float, ...]
    covariance: Array
    bias: Players
    averaged: float
    rate: float
    curvature: float


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
    Noise that grows with the distance is thus included. The curvature of the step is left out; `NoiseFloor.curvature`
    estimates its effect, and a warning says if it exceeds 5 % of the floor.

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
    noisy = NoisyStep(step_map(game.bind(drawn(sample, first)), solver, players, state), sample)
    check_size(noisy.stepping.point)
    keys = jax.random.split(key, draws)
    found = sampled(noisy, keys, optax.tree.size(players))
    if not (np.all(np.isfinite(found.recursion.noise)) and np.all(np.isfinite(found.recursion.matrix))):
        raise ValueError(not_differentiable(noisy.stepping.solver))
    return _floor(noisy, keys, found)


def _floor(noisy: NoisyStep, keys: jax.Array, found: Sampled) -> NoiseFloor:
    """Return the stationary distribution of a sampled recursion."""
    players, recursion = noisy.stepping.players, found.recursion
    size, identity = optax.tree.size(players), np.eye(len(found.drift))
    rate = _contraction(noisy, recursion, found.point)
    covariance, weights = _stationary(noisy.stepping.solver, recursion, size, rate)
    inverse = np.linalg.inv(identity - recursion.matrix)[:size]
    bias, error = inverse @ found.drift, inverse @ found.error @ inverse.T
    bias = bias if significant(bias, error) else np.zeros_like(bias)
    parts = np.diag(covariance)[:size] + bias**2
    floor, ends = float(parts.sum()), np.cumsum([optax.tree.size(player) for player in players])
    innovations = recursion.covariance + recursion.multiplicative(covariance)
    _, unravel = jax.flatten_util.ravel_pytree(players)
    return NoiseFloor(
        floor=floor,
        standard_error=_standard_error(recursion, covariance, weights),
        per_player=tuple(float(part.sum()) for part in np.split(parts, ends[:-1])),
        covariance=covariance[:size, :size],
        bias=unravel(jnp.asarray(bias, found.point.dtype)),
        averaged=float(np.trace(inverse @ innovations @ inverse.T)),
        rate=rate,
        curvature=_curvature(noisy, keys, found.point, covariance, weights, floor),
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


def _stationary(solver: Solver, recursion: Recursion, size: int, rate: float) -> tuple[Array, Array]:
    """Return the stationary covariance and its adjoint weights, or raise an error if the variance diverges."""
    covariance = recursion.stationary()
    weights = None if covariance is None else recursion.weights(size)
    if covariance is None or weights is None:
        raise ValueError(
            f"the variance of {solver!r} must stay bounded, but the noise of the derivatives makes it grow, although "
            f"the mean step contracts with a rate of {rate:.6g}. Use smaller steps or larger batches."
        )
    return covariance, weights


def _standard_error(recursion: Recursion, covariance: Array, weights: Array) -> float:
    """Return the standard error of the floor: that of the mean of each draw's influence on it."""
    additive = np.sum((recursion.noise @ weights) * recursion.noise, axis=1)
    samples = recursion.matrix + recursion.spread
    multiplicative = np.sum((weights @ samples @ covariance) * samples, axis=(1, 2))
    return float(np.sqrt(np.var(additive) / len(additive) + np.var(multiplicative) / len(multiplicative)))


def _curvature(
    noisy: NoisyStep, keys: jax.Array, point: jax.Array, covariance: Array, weights: Array, floor: float
) -> float:
    """Return the relative change of the floor through the curvature of the step; warn if it is large."""
    values, vectors = np.linalg.eigh(covariance)
    root = jnp.asarray(vectors * np.sqrt(np.maximum(values, 0)), point.dtype)
    changes = np.asarray(curvature(noisy, keys, point, root, jnp.asarray(weights, point.dtype)), np.float64)
    change, error = float(changes.mean()), float(changes.std() / np.sqrt(len(changes)))
    relative = change / floor if floor > 0 else 0.0
    if not abs(change) <= CURVED * floor + 3 * error:
        warnings.warn(
            f"the curvature of the step of {noisy.stepping.solver!r}, which the prediction leaves out, changes the "
            f"noise floor by about {relative:.0%}. Measure it in a long run, or use smaller steps.",
            stacklevel=4,
        )
    return relative


def _depends_on_step(sample: Sampler) -> bool:
    if isinstance(sample, Several):
        return any(map(_depends_on_step, sample.samplers))
    return hasattr(sample, "at")
