"""Wrappers: lookahead, averaging and Anderson mixing around another solver."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number, whole_number
from gamesolve.solver import parametric, with_game
from gamesolve.solvers.entry import Cost, declare
from gamesolve.solvers.gradient import simgd
from gamesolve.transforms import rates
from gamesolve.trees import DType, PyTree, Scalar, State, Updates, coarsest, norm, normalised, widest

__all__ = ["anderson", "average", "lookahead"]


class LookaheadState(NamedTuple):
    """State of `lookahead`: the inner state, steps since the last synchronisation, and the slow players."""

    inner: State
    since: jax.Array
    slow: PyTree


@declare(
    formula="slow + α (fast - slow) every k steps",
    paper="Chavdarova et al. 2021",
    cost=Cost(),
    arguments={"period": 6, "alpha": 0.5},
    inner=simgd,
    rated=False,
)
@parametric
def lookahead(
    inner: optax.GradientTransformation, period: int, alpha: float, reset_state: bool = False
) -> optax.GradientTransformationExtraArgs:
    """Pull the players of another solver back towards their last anchor every ``period`` steps.

    Every ``period`` steps: ``slow <- slow + alpha (fast - slow)``, ``fast <- slow``. A period turns an eigenvalue ``m``
    of the inner step into ``1 - alpha + alpha m^period``. Nest it for more levels.

    Args:
        inner: solver that moves the fast players.
        period: steps between synchronisations.
        alpha: share of the fast players' displacement that is kept.
        reset_state: whether each synchronisation resets the state of the inner solver. Default: False.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.lookahead(gs.simgd(1.0), period=2, alpha=0.5)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 2)
        >>> [float(player) for player in solution.players]
        [0.5, 1.0]

    Reference:
        Chavdarova et al., "Taming GANs with Lookahead-Minimax", ICLR 2021, https://arxiv.org/abs/2006.14567
    """
    if period < 1:
        raise ValueError(f"period must be at least 1, got {period}.")
    check_number("alpha", alpha)
    solver = with_game(inner)

    def init(params: PyTree) -> LookaheadState:
        params = jax.tree.map(jnp.asarray, params)
        return LookaheadState(solver.init(params), jnp.zeros((), jnp.int32), params)

    def update(
        updates: Updates, state: State, params: PyTree = None, **extra_args: Any
    ) -> tuple[Updates, LookaheadState]:
        move, inner_state = solver.update(updates, state.inner, params, **extra_args)
        fast = optax.apply_updates(params, move)
        synchronise = state.since == period - 1
        drawn_back = optax.tree.add(state.slow, rates.times(alpha, optax.tree.sub(fast, state.slow)))
        chosen = lambda new, old: jax.tree.map(lambda a, b: jnp.where(synchronise, a, b), new, old)
        slow = chosen(drawn_back, state.slow)
        if reset_state:
            inner_state = chosen(solver.init(drawn_back), inner_state)
        move = chosen(optax.tree.sub(drawn_back, params), move)
        return move, LookaheadState(inner_state, jnp.where(synchronise, 0, state.since + 1), slow)

    return optax.GradientTransformationExtraArgs(init, update)


class AverageState(NamedTuple):
    """State of `average`: the inner state, the number of iterates seen, and their average."""

    inner: State
    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    average: PyTree


@declare(
    formula="the inner step; the mean of its iterates is kept, not fed back",
    paper="Bruck 1977; Yazici et al. 2019",
    cost=Cost(),
    inner=simgd,
    rated=False,
)
@parametric
def average(
    inner: optax.GradientTransformation, decay: rates.Rate | None = None
) -> optax.GradientTransformationExtraArgs:
    """Keep an average of the iterates of another solver, including the start; the average is never fed back.

    Read it with ``optax.tree.get(solution.state, "average")``. The average is that of the players after the inner
    solver's move. Make it the outermost solver: it does not see projections or other parts that follow it in a chain.
    Around the optimiser of one player in `per_player` it averages that player alone.

    Args:
        inner: solver whose iterates are averaged.
        decay: decay rate of an exponential moving average, a number or a schedule. Default: the uniform average. The
            average begins at the start, which a constant rate of .999 remembers for some thousand steps. The schedule
            ``lambda t: jnp.minimum(0.999, (1 + t) / (10 + t))`` forgets it sooner; t counts from 0.

    Returns:
        The solver; the players move as without it.

    Example:
        >>> import optax, gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.average(gs.simgd(1.0)), (1.0, 0.0), 3)
        >>> [float(player) for player in solution.players]
        [-2.0, 2.0]
        >>> [float(player) for player in optax.tree.get(solution.state, "average")]
        [0.0, 1.25]

    Reference:
        Bruck 1977; Yazici et al., "The Unusual Effectiveness of Averaging in GAN Training", ICLR 2019,
        https://arxiv.org/abs/1806.04498
    """
    if decay is not None and not callable(decay):
        check_number("decay", decay, least=0.0, most=1.0)
    solver = with_game(inner)

    def weight(count: jax.Array, dtype: DType) -> Scalar:
        if decay is None:
            return 1 / (count.astype(dtype) + 2)
        (rate,) = rates.spread(rates.current(decay, optax.ScaleByScheduleState(count), "decay"), 1)
        return 1 - rate

    def init(params: PyTree) -> AverageState:
        params = jax.tree.map(jnp.asarray, params)
        return AverageState(solver.init(params), jnp.zeros((), jnp.int32), params)

    def update(
        updates: Updates, state: State, params: PyTree = None, **extra_args: Any
    ) -> tuple[Updates, AverageState]:
        move, inner_state = solver.update(updates, state.inner, params, **extra_args)
        iterate = optax.apply_updates(params, move)
        share = weight(state.count, widest(params))
        mean = optax.tree.add(state.average, rates.times(share, optax.tree.sub(iterate, state.average)))
        return move, AverageState(inner_state, optax.safe_increment(state.count), mean)

    return optax.GradientTransformationExtraArgs(init, update)


class AndersonState(NamedTuple):
    """State of `anderson`: the inner state, steps taken, last point and move, and their last differences."""

    inner: State
    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    players: PyTree
    move: Updates
    steps: PyTree
    changes: PyTree


@declare(
    formula="the mixture of the last moves with the smallest residual",
    paper="Walker, Ni 2011; He et al. 2022",
    cost=Cost(),
    arguments={"depth": 5},
    inner=simgd,
    rated=False,
)
@parametric
def anderson(
    inner: optax.GradientTransformation, depth: int = 5, regularisation: float = 1e-12
) -> optax.GradientTransformationExtraArgs:
    """Mix the last moves of a solver to minimise the residual of the mixture: Anderson acceleration, type II.

    With the inner solver's move ``f_k`` at ``z_k``, and the last ``depth`` differences dZ of points and dF of moves:
    ``z_(k+1) = z_k + f_k - (dZ + dF) c``, where c minimises ``||f_k - dF c||``.

    Args:
        inner: solver whose moves are mixed. The mixing sees moves only, so it suits solvers without memory.
        depth: number of differences to keep. Default: 5.
        regularisation: shift of the least-squares problem, relative to its largest diagonal entry. Default: 1e-12.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.anderson(gs.simgd(0.5), depth=2)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.5), 10, tol=1e-3)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Walker, Ni, "Anderson Acceleration for Fixed-Point Iterations", SIAM J. Numer. Anal. 2011; for games He et al.,
        "GDA-AM: On the effectiveness of solving minimax optimization via Anderson Acceleration", ICLR 2022,
        https://arxiv.org/abs/2110.02457
    """
    whole_number("depth", depth, 1, most=1000)
    check_number("regularisation", regularisation, least=0.0)
    solver = with_game(inner)

    def init(params: PyTree) -> AndersonState:
        params = jax.tree.map(jnp.asarray, params)
        history = jax.tree.map(lambda leaf: jnp.zeros((depth, *leaf.shape), leaf.dtype), params)
        zeros = optax.tree.zeros_like(params)
        return AndersonState(solver.init(params), jnp.zeros((), jnp.int32), params, zeros, history, history)

    def update(
        updates: Updates, state: State, params: PyTree = None, **extra_args: Any
    ) -> tuple[Updates, AndersonState]:
        move, inner_state = solver.update(updates, state.inner, params, **extra_args)
        slot, known = (state.count - 1) % depth, state.count > 0
        put = lambda rows, row: rows.at[slot].set(jnp.where(known, row, rows[slot]))
        steps = jax.tree.map(put, state.steps, optax.tree.sub(params, state.players))
        changes = jax.tree.map(put, state.changes, optax.tree.sub(move, state.move))
        weights = _weights(changes, move, regularisation)
        combined = lambda rows: jnp.tensordot(weights.astype(rows.dtype), rows, 1)
        change, correction = jax.tree.map(combined, changes), jax.tree.map(combined, optax.tree.add(steps, changes))
        # Weights that rounding has spoilt would not reduce the residual. NaN of the move itself is kept.
        better = norm(optax.tree.sub(move, change)) <= norm(move)
        mixed = jax.tree.map(lambda f, c: jnp.where(better, f - c, f), move, correction)
        count = optax.safe_increment(state.count)
        return mixed, AndersonState(inner_state, count, params, move, steps, changes)

    return optax.GradientTransformationExtraArgs(init, update)


def _weights(changes: PyTree, move: Updates, regularisation: Scalar) -> jax.Array:
    """Return the weights c that minimise ``||move - changes c||`` with a shift; changes without size get none."""
    # The squares of small changes would underflow.
    eps = jnp.finfo(coarsest(move)).eps
    (size, changes), (length, move) = normalised(changes), normalised(move)
    rows, right = jax.tree.leaves(changes), jax.tree.leaves(move)
    gram, rhs = (functools.reduce(jnp.add, map(_products, rows, other)) for other in (rows, right))
    largest = jnp.max(jnp.diag(gram))
    shift = jnp.where(largest > 0, jnp.maximum(regularisation, eps) * largest, 1)
    back = jnp.where(largest > 0, length / size, 0)
    return back * jnp.linalg.solve(gram + shift * jnp.eye(len(gram), dtype=gram.dtype), rhs)


def _products(rows: jax.Array, other: jax.Array) -> jax.Array:
    """Return all inner products of stacked arrays with one array, or with stacked ones."""
    flat = rows.reshape(len(rows), -1)
    return flat @ (other.reshape(len(other), -1).T if other.shape == rows.shape else other.ravel())
