"""Cost of a step against the number of parameters, players, examples, lanes and devices."""

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType

import gamesolve as gs
from benchmarks.suites.suite import Settings, Tables
from benchmarks.timing import interleaved
from gamesolve import registry

# Shortest of so many interleaved rounds.
ROUNDS = 9
# Steps in a timed call: fewer of large games, and never so many that inner solves have nothing left to do.
WORK, STEPS = 2e6, 4
# Step size: so small that all of them see systems like those at the start.
RATE = 0.01
SIZES = (1_000, 10_000, 100_000, 300_000, 1_000_000)
# Solvers that keep more than a few vectors or solve dense systems are not matrix-free in this sense.
DENSE = ("anderson",)
# Exponents are fitted from here: below, the overhead of the loop is a part of a step.
FITTED_FROM = 100_000


def _rowwise(x: Any, y: Any, weights: Any) -> jax.Array:
    """A zero-sum game whose field costs so many operations a parameter that arithmetic, not memory, sets the pace."""
    turned = jnp.sin(x * y + jnp.sin(x * y))
    return jnp.sum(weights * turned) + 0.05 * jnp.sum(x**2 - y**2)


def separable(size: int) -> gs.Game:
    """Return the game in ``size`` parameters, half of them each player's."""
    weights = jnp.linspace(0.5, 1.0, size // 2)
    return gs.zero_sum(_rowwise, constants=(weights,))


def _entries(key: jax.Array, size: int) -> jax.Array:
    """Return numbers of both signs between 0.05 and 0.1 in modulus.

    Unlike ones, since sums of a million equal float32 numbers round the same way each time; bounded on both sides,
    since the extremes of more normal ones lie further out, and inner solves would see systems of worse condition.
    """
    sizes, signs = jax.random.split(key)
    return jax.random.uniform(sizes, (size,), minval=0.05, maxval=0.1) * jax.random.rademacher(signs, (size,))


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of the logarithm of the time in that of the size, by least squares.

    >>> round(exponent([1.0, 10.0, 100.0], [2.0, 20.0, 200.0]), 3)
    1.0
    """
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


@functools.partial(jax.jit, static_argnames="steps")
def _call(game: Any, solver: Any, start: Any, *, steps: int) -> Any:
    return gs.solve(game, solver, start, steps).players


def _seconds(
    programs: dict[Any, tuple[Callable[[], Any], int]], clock: Callable[[], float] = time.perf_counter
) -> dict[Any, float]:
    """Return the seconds of one step of each program, which is given with its number of steps."""
    times = interleaved({str(name): call for name, (call, _) in programs.items()}, ROUNDS, clock)
    return {name: min(times[str(name)]) / steps for name, (_, steps) in programs.items()}


def _repeated(call: Callable[[], Any], times: int) -> None:
    for _ in range(times):
        jax.block_until_ready(call())


def parameters(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Time a solver on games of growing size."""
    largest = settings.budget or SIZES[-1]
    sizes = [size for size in SIZES if size <= largest] or [SIZES[0]]
    programs = {}
    for size in sizes:
        start = tuple(_entries(key, size // 2) for key in jax.random.split(jax.random.key(0)))
        # Where exponents are fitted all sizes take as many steps, since inner solves take fewer iterations as a run
        # settles, and calls are repeated until they last alike, since others on the machine hold long ones up more.
        few = size >= FITTED_FROM
        steps, repeats = (STEPS, largest // size) if few else (int(np.clip(WORK / size, STEPS, 200)), 1)
        solver = registry.SOLVERS[name].build(RATE)
        call = functools.partial(_call, separable(size), solver, start, steps=steps)
        programs[size] = functools.partial(_repeated, call, repeats), steps * repeats
    # On a CPU the time of the processor, which waiting for others does not lengthen.
    on_cpu = all(device.platform == "cpu" for device in jnp.zeros(()).devices())
    seconds = _seconds(programs, time.process_time if on_cpu else time.perf_counter)
    rows = [_row(name, "parameters", size, seconds[size]) for size in sizes]
    fitted = [size for size in sizes if size >= FITTED_FROM]
    if len(fitted) > 1:
        rows[-1]["exponent"] = exponent(fitted, [seconds[size] for size in fitted])
    return rows


def players(settings: Settings) -> list[dict[str, Any]]:
    """Time solvers on polymatrix games of more and more players of four dimensions."""
    del settings
    programs = {}
    for number in (2, 4, 8):
        game = gs.games.random_quadratic(jax.random.key(0), (4,) * number)
        for name in ("simgd", "altgd", "extragradient", "conopt", "cgd"):
            solver = registry.SOLVERS[name].build(RATE)
            programs[name, number] = functools.partial(_call, game, solver, game.start, steps=200), 200
    return [_row(name, "players", number, value) for (name, number), value in _seconds(programs).items()]


def batch(settings: Settings) -> list[dict[str, Any]]:
    """Time solvers on the minibatches of a finite sum."""
    del settings
    draw = np.random.default_rng(0).normal
    game = gs.games.shifted_classes(draw(size=(4096, 50)), np.sign(draw(size=4096)))
    programs = {}
    for size in (16, 64, 256, 1024):
        bound = game.bind(jax.tree.map(lambda leaf, size=size: leaf[:size], game.data[0]))
        for name in ("simgd", "extragradient", "conopt", "cgd"):
            solver = registry.SOLVERS[name].build(RATE)
            programs[name, size] = functools.partial(_call, bound, solver, game.start, steps=50), 50
    return [_row(name, "batch", size, value) for (name, size), value in _seconds(programs).items()]


@functools.partial(jax.jit, static_argnames="steps")
def _in_lanes(game: Any, solver: Any, starts: Any, *, steps: int) -> Any:
    return jax.vmap(lambda start: gs.solve(game, solver, start, steps).players)(starts)


def lanes(settings: Settings) -> list[dict[str, Any]]:
    """Time many runs in one program: seconds are those of a step of all lanes."""
    del settings
    game = gs.games.random_quadratic(jax.random.key(0))
    programs = {}
    for number in (1, 16, 256, 4096):
        starts = jax.tree.map(lambda leaf, number=number: jnp.broadcast_to(leaf, (number, *leaf.shape)), game.start)
        for name in ("simgd", "extragradient", "conopt", "cgd"):
            solver, steps = registry.SOLVERS[name].build(RATE), max(4, 2000 // number)
            programs[name, number] = functools.partial(_in_lanes, game, solver, starts, steps=steps), steps
    return [_row(name, "lanes", number, value) for (name, number), value in _seconds(programs).items()]


@functools.cache
def _lane(name: str, steps: int) -> Callable[..., Any]:
    """Return a lane of a sweep over step sizes."""
    game = gs.games.random_quadratic(jax.random.key(0))
    start: Any = game.start
    return lambda rate: gs.solve(game, registry.SOLVERS[name].build(rate), start, steps).players


def devices(settings: Settings) -> list[dict[str, Any]]:
    """Time 4096 lanes on one device, two, four and so on up to all of their kind."""
    del settings
    (here,) = jnp.zeros(()).devices()
    there = jax.devices(here.platform)
    grid, steps, programs = {"rate": np.geomspace(1e-3, 1e-2, 4096)}, 50, {}
    for number in (2**power for power in range(len(there).bit_length())):
        mesh = jax.make_mesh((number,), ("data",), axis_types=(AxisType.Auto,), devices=there[:number])
        for name in ("simgd", "extragradient", "conopt", "cgd"):
            sweep = functools.partial(gs.sweep, _lane(name, steps), grid, mesh=mesh)
            programs[name, number] = (lambda sweep=sweep: sweep().values), steps
    return [_row(name, "devices", number, value) for (name, number), value in _seconds(programs).items()]


def _row(name: str, axis: str, size: int, seconds: float) -> dict[str, Any]:
    return {"solver": name, "axis": axis, "size": size, "microseconds": 1e6 * seconds, "exponent": None}


SUITE = Tables(
    "scaling",
    "How does the cost of a step grow with parameters, players, examples, lanes and devices?",
    {f"parameters-{name}": functools.partial(parameters, name) for name in registry.SOLVERS if name not in DENSE}
    | {"players": players, "batch": batch, "lanes": lanes, "devices": devices},
)
