"""Finite-time Lyapunov exponents along a run, and the passes near saddles and cycles that they show."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import trees
from gamesolve.analysis.dynamics import Moving, framed, stretched
from gamesolve.analysis.flat_step import flat_step
from gamesolve.analysis.point import as_point
from gamesolve.checks import whole_number
from gamesolve.driving.plan import check_divides
from gamesolve.game import Game
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Players
from gamesolve.trees.faces import shown


@shown()
class Stretching(NamedTuple):
    """How the windows of a run stretch a cluster of nearby players.

    Attributes:
        steps: steps taken at the end of each window, shape (windows,).
        exponents: finite-time Lyapunov exponents of each window, per step, shape (windows, k).
        speed: length of the players' path in each window, per step, shape (windows,).
        straightness: distance between the players at the two ends of each window, divided by the length of the path.
            It is 1 on a straight line and near 0 after a whole number of turns; 1 if the players rest. Shape
            (windows,).
        players: the players at the end of each window, along a leading axis.
    """

    steps: jax.Array
    exponents: jax.Array
    speed: jax.Array
    straightness: jax.Array
    players: Players


@shown()
class Passes(NamedTuple):
    """What the windows of a run pass: boolean arrays of shape (windows,). At most one is true in a window.

    All marks but ``saddle`` need the same of the windows before and after.

    Attributes:
        saddle: the players slow to less than half their speed before and after, and the cluster separates.
        converging: the players slow down, and the cluster contracts: they approach a stable point.
        cycle: the path turns back, and the cluster keeps its size.
        drifting: the path is straight, and the cluster keeps its size: the players drift on a plateau or to infinity.
    """

    saddle: jax.Array
    converging: jax.Array
    cycle: jax.Array
    drifting: jax.Array


def finite_time_exponents(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    k: int = 1,
    *,
    every: int,
) -> Stretching:
    """Follow a cluster of nearby players along a run, and return its growth rates in successive windows.

    The cluster is infinitesimal: ``k`` directions follow the derivative of each step, as in `lyapunov_exponents`, and
    the exponents of a window are the mean logarithms of their stretches. The means over all windows converge to the
    Lyapunov exponents. The directions are random at first, so the first window underestimates the leading exponent.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation. Exponents are those of players and floating state together.
        players: where the run starts.
        num_steps: number of steps.
        k: number of directions.
        every: number of steps per window; it must divide ``num_steps``.

    Returns:
        The `Stretching`. `passes` marks saddles, cycles and run-offs in it.

    Raises:
        ValueError: if ``every`` does not divide ``num_steps``, or ``k`` exceeds the number of directions.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: (y**2 - x**2) / 2)  # both players climb: an unstable point
        >>> found = gs.analysis.finite_time_exponents(game, gs.simgd(0.1), (0.1, 0.1), 20, every=10)
        >>> found.steps.tolist(), [round(float(value), 4) for value in found.exponents[:, 0]]  # log(1.1)
        ([10, 20], [0.0953, 0.0953])

    Reference:
        Shadden, Lekien, Marsden, "Definition and properties of Lagrangian coherent structures from finite-time
        Lyapunov exponents", Physica D 2005
    """
    check_divides(whole_number("every", every, 1), num_steps=whole_number("num_steps", num_steps, 1))
    point = as_point(players, game.num_players)
    return _follow(game.frozen(), as_solver(solver), point, k, num_steps // every, every)


@partial(jax.jit, static_argnames=("k", "windows", "every"))
def _follow(game: Game, solver: Solver, players: Players, k: int, windows: int, every: int) -> Stretching:
    start = flat_step(game, solver, players, solver.init(players))

    def distance(one: jax.Array, other: jax.Array) -> jax.Array:
        return trees.norm(jax.tree.map(jnp.subtract, start.players(one), start.players(other)))

    def advance(moving: Moving, _: None) -> tuple[Moving, tuple[jax.Array, jax.Array]]:
        following, stretches = stretched(start, moving)
        return following, (stretches, distance(following.point, moving.point))

    def window(moving: Moving, steps: jax.Array) -> tuple[Moving, Stretching]:
        following, (stretches, lengths) = jax.lax.scan(advance, moving, length=every)
        path, ends = jnp.sum(lengths), distance(following.point, moving.point)
        straightness = jnp.where(path == 0, 1, ends / jnp.where(path == 0, 1, path))
        exponents = -jnp.sort(-jnp.mean(stretches, axis=0))
        return following, Stretching(steps, exponents, path / every, straightness, start.players(following.point))

    return jax.lax.scan(window, framed(start, k), every * jnp.arange(1, windows + 1))[1]


def passes(stretching: Stretching, factor: float = 2.0) -> Passes:
    """Mark what each window of a run passes: a saddle, a stable point, a cycle or a plateau.

    The marks compare the leading exponent with the speed and the shape of the path. They need windows that hold at
    least half a turn of a cycle, and in which the speed falls and rises again around a saddle. They are no proof: look
    at the eigenvalues of a marked point, see `classify`.

    Args:
        stretching: result of `finite_time_exponents`.
        factor: a window separates the cluster if it stretches it by more than this factor, and contracts it if it
            shrinks it by more.

    Returns:
        The `Passes`. A window without any mark stretches the cluster at full speed, or turns only a little.

    Example:
        >>> import gamesolve as gs
        >>> found = gs.analysis.finite_time_exponents(gs.games.curl(), gs.simgd(0.05), (1.0, 0.5), 400, every=100)
        >>> [int(marks.sum()) for marks in gs.analysis.passes(found)]  # four windows of a cycle
        [0, 0, 4, 0]
    """
    steps, speed = stretching.steps, stretching.speed
    window = steps[1] - steps[0] if len(steps) > 1 else steps[0]
    growth = window * stretching.exponents[:, 0]
    limit = jnp.log(factor)
    around = jnp.convolve(growth, jnp.ones(3), mode="same")
    before, after = jnp.roll(speed, 1).at[0].set(jnp.inf), jnp.roll(speed, -1).at[-1].set(jnp.inf)
    fastest = jnp.minimum(jax.lax.cummax(speed), jax.lax.cummax(speed, reverse=True))
    saddle = (around > limit) & (speed < before) & (speed < after) & (2 * speed < fastest)
    steady, shape = (jnp.abs(growth) <= limit) & ~saddle, stretching.straightness
    return Passes(
        saddle,
        converging=_lasting((growth < -limit) & (speed < before)),
        cycle=_lasting(steady & (shape < 0.5)),
        drifting=_lasting(steady & (shape > 0.9) & (speed > 0)),
    )


def _lasting(flags: jax.Array) -> jax.Array:
    """Return where the flags hold in a window and in its neighbours, as far as there are any."""
    padded = jnp.pad(flags, 1, constant_values=True)
    return padded[:-2] & flags & padded[2:]
