"""The noise floor of a large game, from products with the derivatives of sampled steps."""

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.noisy_step import NoisyStep, noisy_step
from gamesolve.analysis.point import as_point
from gamesolve.analysis.stability import not_differentiable
from gamesolve.checks import check_key, check_number, whole_number
from gamesolve.game import Game, exact_products
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Key, Players, State

# Steps with pinned players to the mean state; the second half of them is averaged.
SETTLING = 200
# Terms between two looks at the sum.
BLOCK = 100


class NoiseTrace(NamedTuple):
    """The trace of a stationary covariance; made by `noise_floor_large`.

    Attributes:
        floor: mean squared distance of the players from the equilibrium in a long run.
        standard_error: standard error of ``floor`` from the number of lanes.
        per_player: each player's part of ``floor``.
        rate: factor per step by which the deviation that one step's noise has left shrinks in mean square, at the end.
        steps: number of steps in the sum.
    """

    floor: float
    standard_error: float
    per_player: tuple[float, ...]
    rate: float
    steps: int


def noise_floor_large(
    game: Game,
    solver: optax.GradientTransformation,
    equilibrium: Players,
    sample: Sampler,
    key: Key,
    *,
    state: State | None = None,
    lanes: int = 64,
    tolerance: float = 1e-3,
    max_steps: int = 100_000,
) -> NoiseTrace:
    """Predict the error at which a solver stays on a stochastic game, without a matrix.

    `noise_floor` decides more as long as a matrix of players and state fits into memory. With its M_s and n_s, the
    stationary variance is ``sum_k E |M_k ... M_1 n_0|^2``. Each lane draws an n_0 and multiplies it by the derivatives
    of independent steps, so a term costs as much as two steps of each lane. The sum ends when the rest, as a geometric
    series, is below ``tolerance`` of it; that rest is added.

    The bias of the mean and the curvature of the step are left out, and no runs check the result.

    Args:
        game: the game, without its data.
        solver: a solver or any optax transformation, with constant or periodic steps.
        equilibrium: a zero of the mean field.
        sample: sampler of one step's data, as for `gamesolve.solve`, with independent draws.
        key: random key of the draws.
        state: the solver's state; only its counts matter. Default: as in `step_map`.
        lanes: number of sums, of which the result is the mean.
        tolerance: relative size of the rest at which the sum ends.
        max_steps: largest number of steps in the sum.

    Returns:
        The `NoiseTrace`.

    Raises:
        TypeError: if ``sample`` or ``key`` has the wrong type.
        ValueError: if the sum does not end, the draws are not independent, the step keeps changing with its count, or
            it is not differentiable.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y, e: x @ y + 0.5 * (x @ x - y @ y) + 0.1 * (e[0] @ x + e[1] @ y))
        >>> sample = lambda key: jax.random.normal(key, (2, 1000))
        >>> start = (jax.numpy.zeros(1000), jax.numpy.zeros(1000))
        >>> found = gs.analysis.noise_floor_large(game, gs.simgd(0.1), start, sample, jax.random.key(0))
        >>> round(found.floor, 2)                       # exact: 1000 x 0.02/18
        1.11

    Reference:
        Mandt, Hoffman, Blei, "Stochastic Gradient Descent as Approximate Bayesian Inference", JMLR 2017,
        https://arxiv.org/abs/1704.04289
    """
    check_key("key", key)
    check_number("tolerance", tolerance, above=0.0, below=1.0)
    lanes, max_steps = whole_number("lanes", lanes, 2), whole_number("max_steps", max_steps, 1)
    players = as_point(equilibrium, game.num_players)
    noisy, key = noisy_step(game, solver, players, sample, key, state)
    settling, first, rest = (jax.random.split(each, lanes) for each in jax.random.split(key, 3))
    point = _mean_state(noisy, settling)
    away = _noise(noisy, point, first)
    total, block = np.zeros((lanes, len(players))), 0
    while True:
        terms, away = _terms(noisy, point, away, rest, block)
        terms, block = np.asarray(terms, np.float64), block + 1
        if block == 1 and np.isnan(terms[:2]).any():
            raise ValueError(not_differentiable(noisy.stepping.solver))
        with np.errstate(over="ignore"):
            total += terms.sum(axis=0)
        if not np.isfinite(total.sum()):
            raise ValueError(_unstable(noisy, block))
        halves = [float(half.sum()) for half in np.split(terms, 2)]
        fading = halves[1] / halves[0] if halves[0] else 0.0
        left = halves[1] * fading / (1 - fading) if fading < 1 else np.inf
        if left <= tolerance * total.sum():
            break
        if block * BLOCK * noisy.stepping.period >= max_steps:
            raise ValueError(_unstable(noisy, block))
    total *= 1 + left / max(total.sum(), np.finfo(float).tiny)
    return NoiseTrace(
        floor=float(total.sum(axis=1).mean()),
        standard_error=float(total.sum(axis=1).std(ddof=1) / np.sqrt(lanes)),
        per_player=tuple(map(float, total.mean(axis=0))),
        rate=float(fading ** (1 / (BLOCK * noisy.stepping.period))),
        steps=block * BLOCK * noisy.stepping.period,
    )


def _unstable(noisy: NoisyStep, blocks: int) -> str:
    return (
        f"the variance of {noisy.stepping.solver!r} must stay bounded, but the noise of a step has not faded after "
        f"{blocks * BLOCK * noisy.stepping.period} steps. Use smaller steps or larger batches, or raise max_steps."
    )


@jax.jit
def _mean_state(noisy: NoisyStep, keys: jax.Array) -> jax.Array:
    """Return the equilibrium with the mean of the state, over lanes and time, while the players stay there."""
    start, size = noisy.stepping.point, optax.tree.size(noisy.stepping.players)

    def settled(key: Key) -> jax.Array:
        def advance(t: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            vector, total = carry
            vector = noisy.advance(vector, jax.random.fold_in(key, t)).at[:size].set(start[:size])
            return vector, total + jnp.where(t >= SETTLING // 2, vector, 0)

        return jax.lax.fori_loop(0, SETTLING, advance, (start, jnp.zeros_like(start)))[1]

    mean = jax.vmap(settled)(keys).mean(axis=0) / (SETTLING - SETTLING // 2)
    return start.at[size:].set(mean[size:])


@jax.jit
def _noise(noisy: NoisyStep, point: jax.Array, keys: jax.Array) -> jax.Array:
    """Return the moves from the equilibrium without their mean, at the variance that they have with it."""
    moves = jax.vmap(partial(noisy.advance, point))(keys) - point
    return (moves - moves.mean(axis=0)) * np.sqrt(len(keys) / (len(keys) - 1))


@jax.jit
def _terms(
    noisy: NoisyStep, point: jax.Array, away: jax.Array, keys: jax.Array, block: int
) -> tuple[jax.Array, jax.Array]:
    """Return the next terms of the sums, of shape (BLOCK, lanes, players), and the vectors after them."""
    ends = np.cumsum([optax.tree.size(player) for player in noisy.stepping.players])

    def term(away: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        parts = [jnp.sum(part**2, axis=1) for part in jnp.split(away, ends, axis=1)[:-1]]
        following = lambda vector, key: jax.jvp(
            partial(noisy.advance, key=jax.random.fold_in(key, t)), (point,), (vector,)
        )[1]
        return jax.vmap(following)(away, keys), jnp.stack(parts, axis=1)

    with exact_products():
        away, terms = jax.lax.scan(term, away, block * BLOCK + jnp.arange(BLOCK))
    return terms, away
