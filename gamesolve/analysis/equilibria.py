"""Find the equilibria of a game, and the fixed points of a solver, from many starts."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.accuracy import newton_step, rounded
from gamesolve.analysis.attractors import Attraction, attraction, first_move
from gamesolve.analysis.certificates import Certificate, classify
from gamesolve.analysis.point import as_point
from gamesolve.checks.extras import needs
from gamesolve.game import Game, as_players
from gamesolve.linear.dense import LARGEST_MATRIX, flattened
from gamesolve.linear.eigenpairs import VectorMap
from gamesolve.solver import as_solver
from gamesolve.trees import Players, PyTree
from gamesolve.trees.faces import shown

# A root finder stops after this many steps. When it converges, it takes about ten.
MAX_STEPS = 100
# Newton steps after it.
POLISHING = 2


@shown()
class Equilibrium(NamedTuple):
    """A zero of the field and its `Certificate`."""

    players: Players
    certificate: Certificate


@shown()
class FixedPoint(NamedTuple):
    """A fixed point of a solver and its `Attraction`."""

    players: Players
    attraction: Attraction


def sample_box(key: jax.Array, low: Players, high: Players, num: int) -> Players:
    """Draw starts uniformly from a box of players.

    Args:
        key: typed random key.
        low: one corner, a tuple of parameter pytrees, one per player.
        high: the opposite corner, with the same structure as ``low``.
        num: number of starts.

    Returns:
        Players with a leading axis of size ``num`` on every leaf, for `find_equilibria` and `basins`.

    Example:
        >>> import jax, gamesolve as gs
        >>> starts = gs.analysis.sample_box(jax.random.key(0), (-1.0, 0.0), (1.0, 2.0), 5)
        >>> [start.shape for start in starts]
        [(5,), (5,)]
    """
    return _sample_box(key, as_players(low, len(low)), as_players(high, len(high)), num)


@partial(jax.jit, static_argnums=3)
def _sample_box(key: jax.Array, low: Players, high: Players, num: int) -> Players:
    corner, unravel = jax.flatten_util.ravel_pytree(low)
    opposite, _ = jax.flatten_util.ravel_pytree(high)
    points = jax.random.uniform(key, (num, corner.size), corner.dtype)
    return jax.vmap(unravel)(corner + points * (opposite - corner))


def find_equilibria(
    game: Game,
    starts: Players | list[Players],
    *,
    tol: float = 1e-5,
    distance: float = 1e-3,
    period: float | None = None,
    finder: Any = None,
) -> list[Equilibrium]:
    """Find the zeros of the field from many starts, each once, with a certificate.

    A root finder of optimistix solves ``v = 0`` from every start, all in one compiled call. An end counts as a zero if
    the norm of the field **and** the remaining Newton step are small. A field that only decays towards infinity thus
    gives no equilibrium. If the equilibria form a set, each start contributes its own point of the set.

    Args:
        game: the game, bound to its data; any number of players.
        starts: players with a leading axis on every leaf, for example from `sample_box`, or a list of players.
        tol: largest norm of the field at an equilibrium.
        distance: points closer to each other than this count as one.
        period: period of every parameter, for players that are angles; they are wrapped to within half a period of
            zero. Default: none.
        finder: a root finder or least-squares solver of optimistix. Default: ``optimistix.LevenbergMarquardt``.

    Returns:
        A list of (players, certificate), the most stable first; empty if no equilibrium was found.

    Raises:
        ImportError: if optimistix is not installed.
        ValueError: if the starts do not share a leading axis, or their Jacobians would take more than 2 GiB.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: (x**3 / 3 - x) + x * y - y**2)
        >>> starts = gs.analysis.sample_box(jax.random.key(0), (-2.0, -2.0), (2.0, 2.0), 32)
        >>> for (x, y), certificate in gs.analysis.find_equilibria(game, starts):
        ...     print(f"{x:.3f} {y:.3f} {certificate.kind}")
        0.781 0.390 stable, Nash
        -1.281 -0.640 saddle, not Nash

    Reference:
        Rader, Lyons, Kidger, "Optimistix: modular optimisation in JAX and Equinox", 2024,
        https://arxiv.org/abs/2402.09983
    """
    ends = _zeros(_field, (game,), game, starts, tol, distance, period, finder)
    found = [Equilibrium(players, classify(game, players, tol)) for players in ends]
    return sorted(found, key=lambda entry: -float(entry.certificate.margins.stable))


def find_fixed_points(
    game: Game,
    solver: optax.GradientTransformation,
    starts: Players | list[Players],
    *,
    tol: float = 1e-5,
    distance: float = 1e-3,
    period: float | None = None,
    finder: Any = None,
) -> list[FixedPoint]:
    """Find the points where a solver's first move is zero, each once, and whether they attract it, rightly or not.

    For most solvers the zeros of the field are among them. Solvers that adjust the field, such as consensus
    optimisation, may have others too.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        starts: as in `find_equilibria`.
        tol: largest norm of the solver's move, and of the field at an equilibrium.
        distance: points closer to each other than this count as one.
        period: as in `find_equilibria`.
        finder: as in `find_equilibria`.

    Returns:
        A list of (players, attraction), the smallest rate first.

    Raises:
        ImportError: if optimistix is not installed.
        ValueError: if the starts do not share a leading axis, or their Jacobians would take more than 2 GiB.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: y**2 - x**2)
        >>> starts = gs.analysis.sample_box(jax.random.key(0), (-1.0, -1.0), (1.0, 1.0), 4)
        >>> ((players, found),) = gs.analysis.find_fixed_points(game, gs.hamiltonian(0.1), starts)
        >>> bool(found.attracting), bool(found.spurious)
        (True, True)
    """
    solver = as_solver(solver)
    ends = _zeros(first_move, (game, solver), game, starts, tol, distance, period, finder)
    found = [FixedPoint(players, attraction(game, solver, players, tol)) for players in ends]
    return sorted(found, key=lambda entry: float(entry.attraction.rate))


def _field(game: Game, players: Players) -> Players:
    return game.field(players)


def _zeros(
    motion: Callable[..., Players],
    subject: tuple[PyTree, ...],
    game: Game,
    starts: Players | list[Players],
    tol: float,
    distance: float,
    period: float | None,
    finder: Any,
) -> list[Players]:
    """Return the zeros of ``motion(*subject, players)`` that are found from the starts, each once."""
    stacked = as_stack(starts, game.num_players)
    count, size = _shape(stacked)
    needed = count * size * size * jax.tree.leaves(stacked)[0].dtype.itemsize
    if needed > LARGEST_MATRIX:
        raise ValueError(
            f"{count} starts with a Jacobian of {size} x {size} each take {needed / 2**30:.1f} GiB, more than the "
            f"limit of {LARGEST_MATRIX // 2**30} GiB. Give fewer starts, or run gamesolve.newton with tol= from each "
            "of them, which needs no matrix."
        )
    ends, flat, norms, left = jax.tree.map(np.asarray, _search(motion, finder, subject, stacked))
    wrap = (lambda values: values) if period is None else (lambda values: values - period * np.round(values / period))
    kept: list[int] = []
    for index in np.flatnonzero((norms <= tol) & (left <= np.sqrt(tol))):
        if not np.any(np.linalg.norm(wrap(flat[kept] - flat[index]), axis=1) < distance):
            kept.append(int(index))
    return [jax.tree.map(lambda leaf, index=index: jnp.asarray(wrap(leaf[index])), ends) for index in kept]


# The end of each search: players, the same as one vector, norm of the motion, and relative length of the Newton step.
Found: TypeAlias = tuple[Players, jax.Array, jax.Array, jax.Array]


@partial(jax.jit, static_argnums=(0, 1))
def _search(motion: Callable[..., Players], finder: Any, subject: tuple[PyTree, ...], starts: Players) -> Found:
    optimistix = _optimistix()
    eps = float(jnp.finfo(jax.tree.leaves(starts)[0].dtype).eps)
    chosen = optimistix.LevenbergMarquardt(rtol=eps**0.5, atol=eps**0.75) if finder is None else finder

    def find(start: Players) -> Found:
        residual = lambda players, _: motion(*subject, players)
        end = optimistix.root_find(residual, chosen, start, max_steps=MAX_STEPS, throw=False).value
        function, flat = flattened(partial(motion, *subject), end)
        flat = jax.lax.fori_loop(0, POLISHING, lambda _, at: _polished(function, at), flat)
        value, left = function(flat), _newton(function, flat)
        unravel = jax.flatten_util.ravel_pytree(end)[1]
        return unravel(flat), flat, jnp.linalg.norm(value), jnp.linalg.norm(left) / (1 + jnp.linalg.norm(flat))

    return jax.vmap(find)(starts)


def _newton(function: VectorMap, flat: jax.Array) -> jax.Array:
    return newton_step(*rounded(jax.jacfwd(function)(flat)), function(flat))


def _polished(function: VectorMap, flat: jax.Array) -> jax.Array:
    """Take a Newton step if the motion is smaller there: a root finder stops early along slow modes."""
    after = flat - _newton(function, flat)
    return jnp.where(jnp.linalg.norm(function(after)) < jnp.linalg.norm(function(flat)), after, flat)


def as_stack(starts: Players | list[Players], number: int) -> Players:
    """Return starts as players with a leading axis; a list of players is stacked."""
    if isinstance(starts, list):
        if not starts:
            raise ValueError("starts is an empty list. Give at least one tuple of players.")
        starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(as_point(start, number) for start in starts))
    stacked = as_point(starts, number)  # pyright: ignore[reportArgumentType]
    lengths = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(stacked)}
    if len(lengths) > 1 or () in lengths:
        raise ValueError(
            f"starts must share one leading axis, got leading axes {sorted(lengths)}. Stack the starts along the first "
            "axis of every leaf, or give a list of players."
        )
    return stacked


def _shape(stacked: Players) -> tuple[int, int]:
    count = jax.tree.leaves(stacked)[0].shape[0]
    return count, optax.tree.size(stacked) // count


def _optimistix() -> Any:
    try:
        import optimistix
    except ImportError:
        raise needs("analysis.find_equilibria", "optimistix", "analysis") from None
    return optimistix
