"""Prepare the parts of a comparison that all solvers share: its settings, and the game with its starting points."""

import dataclasses
import math
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.compare.constraints import as_constraints
from gamesolve.compare.noise import Noise, noise_of
from gamesolve.compare.plane import Plane, choose_plane
from gamesolve.compare.spectra import LARGEST_SPECTRUM, matrix_at
from gamesolve.compare.vectors import length, nearest, ravel
from gamesolve.driving.sets import Projections
from gamesolve.driving.unoptimised import jit_once, unoptimised
from gamesolve.game import Game, Players, as_players
from gamesolve.linear.dense import LARGEST_MATRIX
from gamesolve.sampling.samplers import Sampler
from gamesolve.transforms.rates import Rates
from gamesolve.trees import Key
from gamesolve.trees.faces import shown

# Most draws whose mean stands for a noisy game, and the error of their field, relative to the start, that suffices.
DRAWS, BLUR = 2048, 0.01
# The fields of a run with so few operations in all take less time than optimising its program.
LIGHT = 5e7


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of a comparison.

    Attributes:
        steps: maximum number of steps of each solver. Default: 2000.
        learning_rate: step size of all solvers, a number or a tuple with one per player. Default: 0.1.
        seeds: number of starting points; 1 means the game's own start. Default: 1.
        seed: seed of the random starting points. Default: 0.
        tune: whether each solver gets its own best step size, see `tuned`. Default: False.
    """

    steps: int = 2000
    learning_rate: float | tuple[float, ...] = 0.1
    seeds: int = 1
    seed: int = 0
    tune: bool = False


@shown()
@dataclasses.dataclass(frozen=True)
class Problem:
    """A game with everything that its runs share.

    Attributes:
        name: its name.
        game: the game; a noisy one is bound to all of its data, or to many draws, and stands for its mean.
        starts: starting points, stacked along a leading axis.
        equilibrium: the known equilibrium nearest to the first start, or None.
        jacobian: J at that equilibrium; None if no equilibrium is known or the game is too large.
        plane: the plane in which paths are drawn.
        axes: labels of the two axes of the plane.
        view: description of the plane.
        constraints: sets of the players. Default: none.
        noise: how the game is noisy. Default: None, it is not.
        light: whether the fields of a run take less time than optimising its program. Default: False.
    """

    name: str
    game: Game
    starts: Players
    equilibrium: Players | None
    jacobian: np.ndarray | None
    plane: Plane
    axes: tuple[str, str]
    view: str
    constraints: Projections = None
    noise: Noise | None = None
    light: bool = False

    @property
    def start(self) -> Players:
        """The first starting point."""
        return jax.tree.map(lambda leaf: leaf[0], self.starts)


def prepare(
    name: str,
    game: Game,
    settings: Settings,
    start: Players | None = None,
    *,
    constraints: Projections = None,
    sample: Sampler | None = None,
    key: Key | None = None,
) -> Problem:
    """Prepare everything that the runs on one game share.

    Args:
        name: name of the game, for tables and messages.
        game: the game, bound to its data.
        settings: settings of the comparison.
        start: starting point. Default: ``game.start``.
        constraints: one projection per player, or one for all of them. Default: no constraints.
        sample: sampler of each step for noisy games. Default: none.
        key: typed random key of the noise. Default: that of seed 0.

    Returns:
        The problem.

    Raises:
        TypeError: if a constraint is not a function.
        ValueError: if there is no start, the field is not finite there, the step sizes or constraints do not match the
            players, a step size of 0 is to be tuned, the sampler does not suit the payoffs, or the record of all runs
            would take more than 2 GiB.
    """
    start = game.start if start is None else start
    if start is None:
        raise ValueError(f"{name} has no start. Give start=.")
    rates = settings.learning_rate
    if isinstance(rates, tuple) and len(rates) != game.num_players:
        raise ValueError(
            f"the step size must have {game.num_players} entries on {name}, one per player, got {len(rates)}."
        )
    if settings.tune:
        check_search(rates)
    start = as_players(start, game.num_players)
    constraints = as_constraints(constraints, game.num_players)
    noise = None
    if sample is not None:
        noise = noise_of(game, sample, jax.random.key(0) if key is None else key, start, DRAWS, BLUR)
        game = noise.mean
    if constraints is not None:
        game = dataclasses.replace(game, equilibria=())  # those that are known are zeros of the field, without sets
    flat, unravel = jax.flatten_util.ravel_pytree(start)
    # Large games are measured as they run, and their points are not kept.
    check_record(settings.seeds, settings.steps + 1, min(flat.size, LARGEST_SPECTRUM) * flat.dtype.itemsize)
    if not _is_finite(game, start):
        raise ValueError("the field is not finite at the start. Start from another point.")
    known = [as_players(equilibrium, game.num_players) for equilibrium in game.equilibria]
    equilibrium = nearest(known, start) if known else None
    centre = None if equilibrium is None else ravel(equilibrium)
    starts = jax.vmap(unravel)(_starts(flat, centre, settings))
    light = settings.seeds * settings.steps * operations(jax.make_jaxpr(_field)(game, start).jaxpr) <= LIGHT
    with unoptimised(light):
        matrix = matrix_at(game, equilibrium)
    plane, axes, view = choose_plane(start, centre, matrix)
    return Problem(name, game, starts, equilibrium, matrix, plane, axes, view, constraints, noise, light)


def _field(game: Game, players: Players) -> jax.Array:
    return ravel(game.field(players))


@jit_once
def _is_finite(game: Game, players: Players) -> jax.Array:
    """Return whether the field is finite."""
    return jnp.all(jnp.isfinite(_field(game, players)))


def operations(jaxpr: Any) -> float:
    """Return about how many operations a traced program takes; infinity if that is not known before it runs."""
    from jax.extend import core  # a local import: it takes as long as twenty modules of ours

    count = 0.0
    for equation in jaxpr.eqns:
        name, parts = equation.primitive.name, [*core.jaxprs_in_params(equation.params)]
        sizes = [math.prod(entry.aval.shape) for entry in (*equation.invars, *equation.outvars)]
        if name == "while" or "conv_" in name or "callback" in name:
            return math.inf
        if parts:
            count += equation.params.get("length", 1) * sum(map(operations, parts))
        elif name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            count += 2 * sizes[-1] * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
        else:
            count += max(sizes, default=0)
    return count


def check_search(rates: Rates) -> None:
    """Raise if no search can begin at these step sizes."""
    if not np.max(np.asarray(rates, float)) > 0:
        raise ValueError(f"the step size must be above 0 for a search, got {rates}.")


def check_record(seeds: int, rows: int, size: int) -> None:
    """Raise if a record of points of ``size`` bytes would be too large: ``rows`` points of each of the starts."""
    needed = seeds * rows * size
    if needed > LARGEST_MATRIX:
        raise ValueError(
            f"a record of {seeds} starts and {rows} points each takes {math.ceil(needed / 2**30)} GiB, more than the "
            f"limit of {LARGEST_MATRIX // 2**30} GiB. Use fewer seeds or steps."
        )


def _starts(start: jax.Array, centre: jax.Array | None, settings: Settings) -> jax.Array:
    """Return the starting points: the start itself, or random ones about as far from the equilibrium."""
    if settings.seeds == 1:
        return start[None]
    noise = jax.random.normal(jax.random.key(settings.seed), (settings.seeds, start.size), start.dtype)
    if centre is None:  # no known equilibrium: spread around the start by a tenth of its size
        return start + 0.1 * jnp.maximum(1, length(start) / math.sqrt(start.size)) * noise
    return centre + length(start - centre) / math.sqrt(start.size) * noise
