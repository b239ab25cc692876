"""Judge `gamesolve.recommend` on a random noisy game: the floor of its solver, and how well that was predicted."""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.measurements.tuned import Judged, draw, named, settings, start_of
from gamesolve.advice import runs
from gamesolve.advice.trials import EVERY
from gamesolve.compare.curves import floors
from gamesolve.game import signed
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree

# Solvers of the comparison, and evaluations of each run, whose last half shows the floor.
SOLVERS, EVALUATIONS = ("simgd", "altgd", "ogda", "extragradient", "conopt", "cgd"), 1000
# Settings reach down to this share of the step sizes without noise.
SHARE = 0.1
# Examples of a game, of a minibatch, and their size relative to the field at the start.
EXAMPLES, BATCH, NOISE = 64, 4, 0.3
# Runs and steps that measure a floor to 2 %: they begin at the equilibrium, and their last half counts.
LANES, STEPS = 256, 8000
# Runs whose floors are averaged in the comparison.
REPEATS = 16


@dataclasses.dataclass(frozen=True)
class _Noisy:
    """A payoff to which a push of all players is added, the mean over a batch; equal ones share programs."""

    payoff: Callable[..., jax.Array]

    def __call__(self, x: jax.Array, y: jax.Array, *rest: PyTree) -> jax.Array:
        *constants, pushes = rest
        return self.payoff(x, y, *constants) + jnp.mean(pushes, axis=0) @ jnp.concatenate([x, y])


def judge(kind: str, size: int, seed: int) -> Judged:
    """Recommend from one start and judge from another, by the floor after `EVALUATIONS`."""
    base, start, test = _drawn(kind, size, seed)
    scale = float(jnp.linalg.norm(jnp.concatenate(base.field(start))))
    pushes = NOISE * scale * jax.random.normal(jax.random.key(seed), (EXAMPLES, 2 * size)) / math.sqrt(2 * size)
    _, function = signed(base.payoffs[1])
    game = gs.zero_sum(_Noisy(function), constants=base.constants).bind(pushes - jnp.mean(pushes, axis=0))
    sample = gs.minibatches(game.data[0], BATCH)
    advice = gs.recommend(game, start, sample=sample, key=jax.random.key(seed), budget=20 * EVALUATIONS)
    row = advice.table[0]
    best, name = _best(game, sample, start, test)
    found = float(_floors(game, lambda _: row.solver, jnp.zeros(1), test, sample, _steps(row.cost / EVERY))[0])
    error = math.nan
    if row.floor is not None:
        error = abs(
            _long(game, row.solver, base.equilibria[0], sample) / advice.probe.residual / row.floor.residual - 1
        )
    return Judged(found / best, math.nan, advice.spent, row.code, name, error)


def _drawn(kind: str, size: int, seed: int) -> tuple[gs.Game, Players, Players]:
    """Return a stable zero-sum game and two starts."""
    while True:
        base, _ = draw(kind, size, seed)
        if np.linalg.eigvals(np.asarray(gs.analysis.jacobian(base, base.equilibria[0]))).real.max() < 0:
            first, second = (start_of(base, None, jax.random.key(1000 * seed + part)) for part in (1, 2))
            return base, first, second
        seed += 1000


def _steps(cost: float) -> int:
    return max(2, int(EVALUATIONS / cost))


def _best(game: gs.Game, sample: Sampler, start: Players, test: Players) -> tuple[float, str]:
    """Return the lowest floor of the solvers, each at its best step sizes from the first start."""
    scale = float(np.linalg.norm(np.asarray(gs.analysis.jacobian(game, start)), 2))
    costs: dict[str, float] = {}
    for name in SOLVERS:
        family = named(name)
        inner = family.cost.products(1) - family.cost.products(0)
        steps = _steps(family.cost.products(len(start[0]) * bool(inner)))
        values = settings(family, scale) * np.array([SHARE, 1.0])
        make = lambda row, family=family: family.build(tuple(row), game.num_players)
        tuned = _floors(game, make, jnp.asarray(values), start, sample, steps)
        at = jnp.asarray(values[[int(np.nanargmin(tuned))]])
        costs[name] = float(_floors(game, make, at, test, sample, steps)[0])
    name = min(costs, key=lambda name: costs[name])
    return costs[name], name


def _floors(
    game: gs.Game,
    make: Callable[[jax.Array], Solver],
    values: jax.Array,
    start: Players,
    sample: Sampler,
    steps: int,
) -> np.ndarray:
    """Return the floor of each setting, the root mean square over `REPEATS` runs and their last half."""
    record = lambda players, _: jnp.linalg.norm(jnp.concatenate(game.field(players)))

    def run(row: jax.Array, key: jax.Array) -> jax.Array:
        return gs.solve(game, make(row), start, steps, sample=sample, key=key, record=record).trace

    keys = jax.random.split(jax.random.key(9), REPEATS)
    curves = np.asarray(jax.jit(jax.vmap(jax.vmap(run, (None, 0)), (0, None)))(values, keys))
    with np.errstate(invalid="ignore", over="ignore"):
        each = floors(curves.reshape(-1, steps)).reshape(len(values), REPEATS)
        return np.sqrt(np.mean(each**2, axis=1))


def _long(game: gs.Game, solver: Solver, equilibrium: Players, sample: Sampler) -> float:
    """Return the floor in long runs."""
    record = lambda players, _: runs.natural_norm(game, players, None)
    run = lambda key: gs.solve(game, solver, equilibrium, STEPS, sample=sample, key=key, record=record, every=10).trace
    curves = np.asarray(jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(8), LANES)))
    return float(np.sqrt(np.mean(floors(curves) ** 2)))
