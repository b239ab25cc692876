"""Basins of attraction: the equilibrium that a run reaches from each start, and the starts that diverge."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.analysis.equilibria import as_stack
from gamesolve.driving.solve import Status, solve
from gamesolve.game import Game
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Players, Scalar, norm
from gamesolve.trees.faces import shown

# Labels of a run that ends at none of the equilibria, and of a run that diverges.
ELSEWHERE, DIVERGED = -1, -2


@shown()
class Basins(NamedTuple):
    """The end of each run; a pytree whose leaves share the leading axis of the starts.

    Attributes:
        label: index of the equilibrium that the run reached, -1 for none of them, -2 if the run diverged.
        steps: number of steps until the field was zero or the run diverged, or else the budget.
        players: players at the end of the run.
        residual: norm of the field there.
    """

    label: jax.Array
    steps: jax.Array
    players: Players
    residual: jax.Array


def basins(
    game: Game,
    solver: optax.GradientTransformation,
    starts: Players | list[Players],
    num_steps: int,
    equilibria: Sequence[Players] | None = None,
    *,
    radius: float = 1e-2,
    tol: float = 1e-6,
    max_norm: float = 1e6,
    period: float | None = None,
) -> Basins:
    """Run a solver from many starts in one compiled call and report which equilibrium each run reaches.

    For a grid of starts, use `slice_points`. To scan step sizes as well, use ``vmap``:
    ``jax.vmap(lambda lr: basins(game, gs.simgd(lr), starts, 500))(rates)``. The labels -2 then show where runs
    diverge.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        starts: players with a leading axis on every leaf, or a list of players.
        num_steps: budget of each run.
        equilibria: the equilibria to distinguish, a sequence of players. Default: ``game.equilibria``.
        radius: a run has reached an equilibrium if it ends at most this far from it.
        tol: a run stops when the norm of the field is at most this. A run that passes an unstable zero this closely
            counts as having reached it.
        max_norm: a run diverges when the norm of the players exceeds this.
        period: period of every parameter, for players that are angles. Default: none.

    Returns:
        The `Basins`; ``jit``, ``vmap`` and forward-mode derivatives go through it.

    Raises:
        ValueError: if there are no equilibria to distinguish, or the starts do not share a leading axis.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.general_sum(lambda x: -((x**2 - 1) ** 2))
        >>> starts = (jnp.array([-2.0, -0.1, 0.1, 9.0]),)
        >>> gs.analysis.basins(game, gs.simgd(0.05), starts, 200, equilibria=[(-1.0,), (1.0,)]).label.tolist()
        [0, 0, 1, -2]
    """
    targets = game.equilibria if equilibria is None else tuple(equilibria)
    if not targets:
        raise ValueError("equilibria is empty and the game has none. Find some with find_equilibria.")
    return _basins(
        game,
        as_solver(solver),
        as_stack(starts, game.num_players),
        as_stack(list(targets), game.num_players),
        radius,
        tol,
        max_norm,
        period,
        num_steps=num_steps,
    )


@partial(jax.jit, static_argnames="num_steps")
def _basins(
    game: Game,
    solver: Solver,
    starts: Players,
    targets: Players,
    radius: Scalar,
    tol: Scalar,
    max_norm: Scalar,
    period: Scalar,
    *,
    num_steps: int,
) -> Basins:
    vector = lambda players: jax.flatten_util.ravel_pytree(players)[0]
    ends = jax.vmap(vector)(targets)

    def end(start: Players) -> Basins:
        solution = solve(game, solver, start, num_steps, tol=tol, max_norm=max_norm)
        gaps = ends - vector(solution.players)
        gaps = gaps if period is None else gaps - period * jnp.round(gaps / period)
        distances = jnp.linalg.norm(gaps, axis=1)
        label = jnp.where(jnp.min(distances) <= radius, jnp.argmin(distances), ELSEWHERE)
        label = jnp.where(solution.status == Status.DIVERGED, DIVERGED, label).astype(jnp.int32)
        residual = norm(game.field(solution.players))
        return Basins(label, solution.steps, solution.players, jnp.asarray(residual))

    return jax.vmap(end)(starts)
