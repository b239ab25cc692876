"""Updates of Lagrange multipliers: proportional-integral control, and one row per example of a data set."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.checks.calls import called
from gamesolve.checks.rows import check_rows
from gamesolve.solver import parametric, with_game
from gamesolve.trees import Batch, PyTree, Scalar, State, Updates


class ControllerState(NamedTuple):
    """State of `nupi`.

    Attributes:
        average: exponential average of the errors.
        started: which entries have an average; the others have not had an error yet.
    """

    average: PyTree
    started: PyTree


@parametric
def nupi(ki: float, kp: float = 0.0, nu: float = 0.0) -> optax.GradientTransformation:
    """Turn u into the move of a PI controller, which damps the oscillation of Lagrange multipliers.

    The error ``e = -u`` of a multiplier is the violation of its constraint. With its exponential average
    ``xi_t = nu xi_(t-1) + (1 - nu) e_t`` the move is ``ki e_t + kp (xi_t - xi_(t-1))``. The average starts at the first
    error, so that the first move is ``ki e``. With ``nu = 0`` the move is ``ki e_t + kp (e_t - e_(t-1))``: a gradient
    step for ``kp = 0``, and that of `ogda` for ``kp = ki``.

    Args:
        ki: integral gain, the step size of plain gradient ascent on the multipliers.
        kp: proportional gain, of any sign; larger positive values damp more. Default: 0.
        nu: coefficient of the average, above -1 and below 1. Default: 0, no averaging.

    Returns:
        The transformation. It returns moves, so it goes where a step size would: inside `per_player` or `alternating`,
        and before `project` for inequality constraints.

    Example:
        >>> import optax, gamesolve as gs
        >>> game = gs.games.lagrangian(lambda x: x**2 / 2, inequality=lambda x: 1 - x)
        >>> keep = gs.transforms.project(gs.games.multiplier_projection)
        >>> def largest(kp):
        ...     solver = gs.alternating(optax.sgd(0.05), optax.chain(gs.transforms.nupi(0.05, kp), keep))
        ...     run = gs.solve(game, solver, (0.0, {"inequality": 0.0}), 500, record=lambda players, _: players[1])
        ...     return round(float(run.trace["inequality"].max()), 4)
        >>> largest(0.0), largest(0.5), largest(1.0)  # the right multiplier is 1
        (1.2875, 1.0694, 1.0)

    Reference:
        Sohrabi, Ramirez, Zhang, Lacoste-Julien, Gallego-Posada, "On PI Controllers for Updating Lagrange Multipliers in
        Constrained Optimization", ICML 2024, https://arxiv.org/abs/2406.04558
    """
    check_number("ki", ki, least=0)
    check_number("kp", kp)
    check_number("nu", nu, above=-1, below=1)

    def init(params: PyTree) -> ControllerState:
        started = jax.tree.map(lambda leaf: jnp.zeros(jnp.shape(leaf), bool), params)
        return ControllerState(optax.tree.zeros_like(params), started)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, ControllerState]:
        del params

        def change(u: jax.Array, average: jax.Array, started: jax.Array) -> jax.Array:
            return jnp.where(started, _times(1 - nu, -u - average), 0)

        changes = jax.tree.map(change, updates, state.average, state.started)
        moves = jax.tree.map(lambda u, d: _times(kp, d) - _times(ki, u), updates, changes)
        average = jax.tree.map(
            lambda u, old, d, started: jnp.where(started, old + d, -u), updates, state.average, changes, state.started
        )
        return moves, ControllerState(average, jax.tree.map(jnp.ones_like, state.started))

    return optax.GradientTransformation(init, update)


@parametric
def indexed(
    transformation: optax.GradientTransformation, index: Callable[..., jax.Array]
) -> optax.GradientTransformationExtraArgs:
    """Update only the rows of a player that belong to the examples of the batch, with their rows of the state.

    It is for one constraint per example, see `games.lagrangian`. The gradient of the other rows is zero, but a
    transformation with memory, such as `nupi` or Adam, would move them as well.

    Args:
        transformation: transformation of the multipliers, without a projection or with one that acts row by row.
        index: ``index(*data)``, the numbers of the examples in the batch.

    Returns:
        The transformation, for the inside of `per_player` or `alternating`. All leaves of its player have one row per
        example. The leaves of its state with this number of rows follow the examples; the others, such as step counts,
        change in every step.

    Example:
        >>> import jax.numpy as jnp, optax, gamesolve as gs
        >>> least = jnp.array([1.0, 3.0, 2.0])  # x >= least[i] for every example
        >>> game = gs.games.lagrangian(
        ...     lambda x, rows: x**2, inequality=lambda x, rows: least[rows] - x, index=lambda rows: rows
        ... )
        >>> multipliers = gs.transforms.indexed(gs.transforms.nupi(1.0, 1.0), index=lambda rows: rows)
        >>> solver = gs.per_player(optax.sgd(0.1), multipliers)
        >>> players = (0.0, {"inequality": jnp.zeros(3)})
        >>> players, _ = gs.step(game, solver, players, None, jnp.array([0, 2]))
        >>> players[1]["inequality"].tolist()  # violations 1 and 2, averaged over two examples
        [0.5, 0.0, 1.0]
    """
    inner = with_game(transformation)

    def update(
        updates: Updates,
        state: State,
        params: PyTree = None,
        *,
        data: tuple[Batch, ...] | None = None,
        **extra_args: object,
    ) -> tuple[Updates, State]:
        if not data:
            raise ValueError(
                "indexed must get the data of the step, got none. Place it inside per_player or alternating, and pass "
                "data with sample=, batches= or bind(batch)."
            )
        takes, hint = "the data", "Write index=lambda batch: ..."
        seen = called("index", index, *data, takes=takes, hint=hint)
        count = _examples(updates)
        check_rows(seen, count)
        in_batch = jnp.zeros(count, bool).at[seen].set(True, mode="drop", wrap_negative_indices=False)

        def only_seen(new: Scalar, old: Scalar) -> Scalar:
            rows = jnp.shape(new)[:1] == (count,)
            return jnp.where(in_batch.reshape(-1, *(1,) * (jnp.ndim(new) - 1)), new, old) if rows else new

        moves, after = inner.update(updates, state, params, data=data, **extra_args)
        still = jax.tree.map(jnp.zeros_like, moves)
        return jax.tree.map(only_seen, moves, still), jax.tree.map(only_seen, after, state)

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _times(coefficient: Scalar, leaf: jax.Array) -> jax.Array:
    """Return a product in the leaf's dtype, so that the state keeps its type."""
    return jnp.asarray(coefficient, jnp.result_type(leaf)) * leaf


def _examples(player: PyTree) -> int:
    """Return the number of rows that all leaves of a player share, or raise."""
    rows = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(player)}
    if len(rows) != 1 or () in rows:
        raise ValueError(
            f"the player of indexed must have one row per example in every leaf, got leading axes {sorted(rows)}. Make "
            "it with gamesolve.games.multipliers(..., examples=n)."
        )
    return rows.pop()[0]
