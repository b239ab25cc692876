"""Cost of a step against the number of parameters, players, examples, lanes and devices."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

import gamesolve as gs
from benchmarks.report import Row
from benchmarks.suites.suite import Settings, Tables
from gamesolve import registry
from gamesolve.compare.timing import Program, interleaved
from gamesolve.game import Players

# The shortest of this many interleaved rounds counts.
ROUNDS = 9
# Steps in a timed call: fewer of large games, and never so many that inner solves have nothing left to do.
WORK, STEPS = 2e6, 4
# So small a step size that all steps solve systems like those at the start.
RATE = 0.01
SIZES = (1_000, 10_000, 100_000, 300_000, 1_000_000)
# Exponents are fitted from here: in smaller games the overhead of the loop is part of a step.
FITTED_FROM = 100_000
# Solvers that keep more than a few vectors are not matrix-free.
DENSE = ("anderson",)
SOME = ("simgd", "extragradient", "conopt", "cgd")


class Timed(NamedTuple):
    """A program to time: solver, size on the axis, function without arguments, and its number of steps."""

    solver: str
    size: int
    call: Program
    steps: int


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of the logarithm of the time in that of the size, by least squares.

    >>> round(exponent([1.0, 10.0, 100.0], [2.0, 20.0, 200.0]), 3)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _rows(axis: str, timed: Sequence[Timed], clock: Callable[[], float] = time.perf_counter) -> list[Row]:
    """Time programs in turn; returns a row for each."""
    times = interleaved({f"{each.solver} {each.size}": each.call for each in timed}, ROUNDS, clock=clock)
    return [
        {"solver": each.solver, "axis": axis, "size": each.size, "microseconds": 1e6 * min(seconds) / each.steps}
        | {"exponent": None}
        for each, seconds in zip(timed, times.values(), strict=True)
    ]


@functools.partial(jax.jit, static_argnames="steps")
def _call(game: gs.Game, solver: gs.Solver, start: Players, *, steps: int) -> Players:
    return gs.solve(game, solver, start, steps).players


def _timed(name: str, size: int, game: gs.Game, start: Players | None, steps: int) -> Timed:
    solver = registry.SOLVERS[name].build(RATE)
    return Timed(name, size, functools.partial(_call, game, solver, start, steps=steps), steps)


def _rowwise(x: jax.Array, y: jax.Array, weights: jax.Array) -> jax.Array:
    """A zero-sum game with so many operations per parameter that arithmetic, not memory, limits the speed."""
    turned = jnp.sin(x * y + jnp.sin(x * y))
    return jnp.sum(weights * turned) + 0.05 * jnp.sum(x**2 - y**2)


def _entries(key: jax.Array, size: int) -> jax.Array:
    """Return numbers of both signs with absolute values between 0.05 and 0.1.

    Equal numbers would not do: a million rounding errors of equal float32 sums add up. Normal ones would not either:
    the extremes of more of them lie farther out, and inner solves would meet systems of worse condition.
    """
    sizes, signs = jax.random.split(key)
    return jax.random.uniform(sizes, (size,), minval=0.05, maxval=0.1) * jax.random.rademacher(signs, (size,))


def _repeated(call: Program, times: int) -> None:
    for _ in range(times):
        jax.block_until_ready(call())


def parameters(name: str, settings: Settings) -> list[Row]:
    """Time a solver on separable games of growing size."""
    largest = settings.budget or SIZES[-1]
    sizes = [size for size in SIZES if size <= largest] or [SIZES[0]]
    timed = []
    for size in sizes:
        game = gs.zero_sum(_rowwise, constants=(jnp.linspace(0.5, 1.0, size // 2),))
        start = tuple(_entries(key, size // 2) for key in jax.random.split(jax.random.key(0)))
        # All fitted sizes take equally many steps, since inner solves take fewer iterations as a run converges. Calls
        # are repeated until they last equally long, since other processes delay long calls more.
        fitted = size >= FITTED_FROM
        steps, repeats = (STEPS, largest // size) if fitted else (int(np.clip(WORK / size, STEPS, 200)), 1)
        once = _timed(name, size, game, start, steps)
        timed.append(once._replace(call=functools.partial(_repeated, once.call, repeats), steps=steps * repeats))
    # On a CPU the processor's time, which does not include waiting for other processes.
    on_cpu = all(device.platform == "cpu" for device in jnp.zeros(()).devices())
    rows = _rows("parameters", timed, time.process_time if on_cpu else time.perf_counter)
    fitted = [row for row in rows if row["size"] >= FITTED_FROM]
    if len(fitted) > 1:
        rows[-1]["exponent"] = exponent([row["size"] for row in fitted], [row["microseconds"] for row in fitted])
    return rows


def players(settings: Settings) -> list[Row]:
    """Time solvers on polymatrix games of more and more players of four dimensions."""
    del settings
    games = {number: gs.games.random_quadratic(jax.random.key(0), (4,) * number) for number in (2, 4, 8)}
    return _rows(
        "players",
        [_timed(name, number, game, game.start, 200) for number, game in games.items() for name in (*SOME, "altgd")],
    )


def many_players(settings: Settings) -> list[Row]:
    """Time solvers on rings of more and more players of a thousand dimensions, each with two neighbours.

    Payoffs that look at few others show what the number of players costs by itself.
    """
    del settings
    timed = []
    for number in (2, 5, 10, 20, 50):
        ring = np.roll(np.eye(number), 1, axis=0)
        benefits = np.random.default_rng(0).random((number, 1000))
        game = gs.games.network(np.maximum(ring, ring.T), 0.4, benefits)
        timed += [_timed(name, number, game, game.start, 50) for name in ("simgd", "altgd", "cgd")]
    return _rows("players", timed)


def batch(settings: Settings) -> list[Row]:
    """Time solvers on minibatches of a finite sum."""
    del settings
    draw = np.random.default_rng(0).normal
    game = gs.games.shifted_classes(draw(size=(4096, 50)), np.sign(draw(size=4096)))
    timed = []
    for size in (16, 64, 256, 1024):
        bound = game.bind(jax.tree.map(lambda leaf, size=size: leaf[:size], game.data[0]))
        timed += [_timed(name, size, bound, game.start, 50) for name in SOME]
    return _rows("batch", timed)


@functools.partial(jax.jit, static_argnames="steps")
def _in_lanes(game: gs.Game, solver: gs.Solver, starts: Players, *, steps: int) -> Players:
    return jax.vmap(lambda start: gs.solve(game, solver, start, steps).players)(starts)


def lanes(settings: Settings) -> list[Row]:
    """Time many runs in one program: a row gives the time of one step of all lanes."""
    del settings
    game = gs.games.random_quadratic(jax.random.key(0))
    timed = []
    for number in (1, 16, 256, 4096):
        starts = jax.tree.map(lambda leaf, number=number: jnp.broadcast_to(leaf, (number, *leaf.shape)), game.start)
        for name in SOME:
            solver, steps = registry.SOLVERS[name].build(RATE), max(4, 2000 // number)
            timed.append(Timed(name, number, functools.partial(_in_lanes, game, solver, starts, steps=steps), steps))
    return _rows("lanes", timed)


@functools.cache
def _lane(name: str, steps: int) -> Callable[[jax.Array], Players]:
    """Return a lane of a sweep over step sizes."""
    game = gs.games.random_quadratic(jax.random.key(0))
    start: Any = game.start
    return lambda rate: gs.solve(game, registry.SOLVERS[name].build(rate), start, steps).players


def devices(settings: Settings) -> list[Row]:
    """Time 4096 lanes on one device, two, four and so on, up to all devices of the default platform."""
    del settings
    (here,) = jnp.zeros(()).devices()
    there = jax.devices(here.platform)
    grid, steps, timed = {"rate": np.geomspace(1e-3, 1e-2, 4096)}, 50, []
    for number in (2**power for power in range(len(there).bit_length())):
        mesh = jax.make_mesh((number,), ("data",), axis_types=(AxisType.Auto,), devices=there[:number])
        for name in SOME:
            sweep = functools.partial(gs.sweep, _lane(name, steps), grid, mesh=mesh)
            timed.append(Timed(name, number, lambda sweep=sweep: sweep().values, steps))
    return _rows("devices", timed)


SUITE = Tables(
    "scaling",
    "How does the cost of a step grow with parameters, players, examples, lanes and devices?",
    {f"parameters-{name}": functools.partial(parameters, name) for name in registry.SOLVERS if name not in DENSE}
    | {"players": players, "many-players": many_players, "batch": batch, "lanes": lanes, "devices": devices},
)
