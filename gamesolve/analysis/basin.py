"""Where runs end, by where they start: basins of attraction, and which starts and step sizes diverge."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.analysis.equilibria import as_stack
from gamesolve.driving.solve import Status, solve
from gamesolve.game import Game, Players
from gamesolve.solver import as_solver

# The label of a run that ends at none of the equilibria, and of one that diverges.
ELSEWHERE, DIVERGED = -1, -2


class Basins(NamedTuple):
    """Where each run ended; a pytree whose leaves share the leading axis of the starts.

    Attributes:
        label: index of the equilibrium that the run came to, -1 for none of them, -2 where it diverged.
        steps: number of steps until the field was zero, or the run diverged, or the budget.
        players: where it ended.
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
    """Run a solver from many starts in one compiled call and say which equilibrium each run comes to.

    A grid of starts is that of `slice_points`. Over a range of step sizes too, map it:
    ``jax.vmap(lambda lr: basins(game, gs.simgd(lr), starts, 500))(rates)``; the labels -2 are then the map of
    divergence.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        starts: players with a leading axis on every leaf, or a list of players.
        num_steps: budget of each run.
        equilibria: the attractors to tell apart, a sequence of players; ``game.equilibria`` unless given.
        radius: a run has come to an equilibrium that is at most this far from its end.
        tol: a run stops where the norm of the field is at most this; one that passes an unstable zero that closely is
            taken to have come to it.
        max_norm: a run diverges where the norm of the players exceeds this.
        period: what every parameter may be shifted by, for players that are angles.

    Returns:
        The `Basins`; ``jit``, ``vmap`` and forward-mode derivatives go through it.

    Raises:
        ValueError: if there is no equilibrium to come to, or the starts do not share a leading axis.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.general_sum(lambda x: -((x**2 - 1) ** 2))
        >>> starts = (jnp.array([-2.0, -0.1, 0.1, 9.0]),)
        >>> gs.analysis.basins(game, gs.simgd(0.05), starts, 200, equilibria=[(-1.0,), (1.0,)]).label.tolist()
        [0, 0, 1, -2]
    """
    targets = game.equilibria if equilibria is None else tuple(equilibria)
    if not targets:
        raise ValueError("equilibria is empty and the game knows none; find some with find_equilibria.")
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
    solver: Any,
    starts: Players,
    targets: Players,
    radius: Any,
    tol: Any,
    max_norm: Any,
    period: Any,
    *,
    num_steps: int,
) -> Basins:
    vector = lambda players: jax.flatten_util.ravel_pytree(players)[0]
    places = jax.vmap(vector)(targets)

    def end(start: Players) -> Basins:
        solution = solve(game, solver, start, num_steps, tol=tol, max_norm=max_norm)
        gaps = places - vector(solution.players)
        gaps = gaps if period is None else gaps - period * jnp.round(gaps / period)
        distances = jnp.linalg.norm(gaps, axis=1)
        label = jnp.where(jnp.min(distances) <= radius, jnp.argmin(distances), ELSEWHERE)
        label = jnp.where(solution.status == Status.DIVERGED, DIVERGED, label).astype(jnp.int32)
        residual = optax.tree.norm(game.field(solution.players))
        return Basins(label, solution.steps, solution.players, jnp.asarray(residual))

    return jax.vmap(end)(starts)
