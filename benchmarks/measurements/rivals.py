"""Measure the time to an accuracy beside linear programs, regret matching, Krylov and linear-quadratic methods.

Each method runs in float64 until its error, which all rows of a game measure in the same way, is at most the target.
Compilation is not counted: it is in `waiting`. One process uses as many threads as each library likes.
"""

import argparse
import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
import scipy.sparse.linalg

import gamesolve as gs
from benchmarks import report
from benchmarks.report import Row
from gamesolve.analysis.sets import natural_norm
from gamesolve.trees import Players, State

ROUNDS, MOST_STEPS = 5, 400_000
SETS = gs.games.simplices(2)
# Largest input of a steered system, and methods of nashopt with their options.
BOUND = 0.2
NASHOPT = {"lemke_dual": {}, "dr_daqp": {}, "qp_gnep": {"tol": 1e-12}, "log_ipm": {"eps": 1e-12}}
BOUNDED, EXTRA = "control-bounded", ("nashopt", "qpsolvers")


class Rival(NamedTuple):
    """A method on a game: ``run()`` returns its answer, and ``ours`` is whether it is one of gamesolve's solvers."""

    run: Callable[[], Any]
    ours: bool = False


class Problem(NamedTuple):
    """A game, the error of an answer to it, its target, and the methods."""

    error: Callable[[Any], float]
    target: float
    rivals: Mapping[str, Rival]


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each method on each game, with its time over that of the fastest that reached the target."""
    jax.config.update("jax_enable_x64", True)
    if BOUNDED in arguments.games and not all(map(importlib.util.find_spec, EXTRA)):
        raise SystemExit(f"{BOUNDED} needs {' and '.join(EXTRA)}. Install them, or name other --games.")
    for name in arguments.games:
        problem = PROBLEMS[name](arguments.seconds)
        found = {rival: _timed(problem, problem.rivals[rival].run, arguments.seconds) for rival in problem.rivals}
        reached = [seconds for seconds, error in found.values() if error <= problem.target]
        ours = [
            found[rival][0] for rival, one in problem.rivals.items() if one.ours and found[rival][1] <= problem.target
        ]
        for rival, (seconds, error) in found.items():
            met = error <= problem.target
            row = {"game": name, "method": rival, "ours": "yes" if problem.rivals[rival].ours else ""}
            row |= {"seconds": round(seconds, 5), "error": f"{error:.1e}", "target": f"{problem.target:.0e}"}
            yield row | {"over the fastest": round(seconds / min(reached), 2) if met else None}
        ratio = min(ours, default=np.inf) / min(reached, default=np.inf)
        verdict = "met" if ratio <= 2 else "missed"
        yield {"game": name, "method": "best of ours", "over the fastest": round(ratio, 2), "verdict": verdict}


main = partial(report.measure, "rivals", rows, packages=("jax", "jaxlib", "scipy", "numpy"))


def _timed(problem: Problem, run: Callable[[], Any], limit: float) -> tuple[float, float]:
    """Return the median seconds of a run and its error; a long run is timed once, after one that compiles."""
    answer, times = run(), []
    while len(times) < ROUNDS and sum(times) < limit / 4:
        began = time.perf_counter()
        answer = jax.block_until_ready(run())
        times.append(time.perf_counter() - began)
    return statistics.median(times), problem.error(answer)


def _matrix(size: int, limit: float) -> Problem:
    """Return a random zero-sum matrix game, to a duality gap of 1e-6."""
    game = gs.games.random_matrix_game(jax.random.key(0), (size, size))
    payoffs = np.asarray(game.constants[0])
    step = 0.95 / float(np.linalg.norm(payoffs, 2))
    even = game.start
    alternating = lambda part: gs.average(gs.alternating(part, part), decay=lambda t: t / (t + 2))
    target = 1e-6
    gap = lambda players: float(gs.games.duality_gap(game, tuple(map(jnp.asarray, players))))

    def until(solver: optax.GradientTransformation, averaged: bool = False) -> Rival:
        seen = lambda players, state: optax.tree.get(state, "average") if averaged else players
        return Rival(partial(_until, game, solver, even, seen, gap, target, limit), ours=True)

    rivals = {
        "HiGHS, dual simplex": Rival(partial(_program, payoffs, "highs-ds")),
        "HiGHS, interior point": Rival(partial(_program, payoffs, "highs-ipm")),
        "restarted PDHG": until(gs.restarted(gs.pdhg(step, projections=SETS))),
        "restarted extragradient": until(gs.restarted(gs.extragradient(step, projections=SETS))),
        "regret matching+": until(alternating(gs.transforms.regret_matching_plus()), averaged=True),
        "predictive regret matching+": until(
            alternating(gs.transforms.predictive_regret_matching_plus()), averaged=True
        ),
    }
    return Problem(gap, target, rivals)


def _until(
    game: gs.Game,
    solver: optax.GradientTransformation,
    players: Players,
    seen: Callable[[Players, State], Players],
    error: Callable[[Players], float],
    target: float,
    limit: float,
    chunk: int = 500,
) -> Players:
    """Run in chunks until the error is met, or the time or the steps are over."""
    state, steps, began = None, 0, time.perf_counter()
    while True:
        solution = gs.solve(game, solver, players, chunk, state=state, start=steps)
        players, state, steps = solution.players, solution.state, steps + chunk
        answer = seen(players, state)
        if error(answer) <= target or steps >= MOST_STEPS or time.perf_counter() - began > limit:
            return answer


def _program(payoffs: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the equilibrium of a zero-sum matrix game by a linear program; the column player's are its multipliers."""
    rows, columns = payoffs.shape
    # The row player minimises the value w with payoffs' x <= w.
    found = scipy.optimize.linprog(
        np.append(np.zeros(rows), 1.0),
        A_ub=np.hstack([payoffs.T, -np.ones((columns, 1))]),
        b_ub=np.zeros(columns),
        A_eq=np.append(np.ones(rows), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * rows + [(None, None)],
        method=method,
    )
    x, y = np.maximum(found.x[:-1], 0), np.maximum(-found.ineqlin.marginals, 0)
    return x / x.sum(), y / y.sum()


class Root(NamedTuple):
    """A game without sets as an equation of one vector, for methods that are not ours.

    Attributes:
        game: the game.
        start: its start, as one vector.
        unravel: the players of a vector.
        field: the field, as a function of vectors.
        bound: norm of the Jacobian at the start.
    """

    game: gs.Game
    start: jax.Array
    unravel: Callable[[Any], Players]
    field: Callable[[Any], jax.Array]
    bound: float


def _root(game: gs.Game) -> Root:
    start, unravel = jax.flatten_util.ravel_pytree(game.start)
    field = jax.jit(lambda z: jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0])
    return Root(
        game, start, unravel, field, float(np.linalg.norm(np.asarray(gs.analysis.jacobian(game, game.start)), 2))
    )


def _without_sets(
    root: Root,
    limit: float,
    others: Mapping[str, Callable[[], Any]],
    ours: Mapping[str, optax.GradientTransformation],
) -> Problem:
    """Return a game without sets, to a field of 1e-8; ``others`` return its vector."""
    flat = lambda players: jax.flatten_util.ravel_pytree(players)[0]
    error, target = lambda players: float(jnp.linalg.norm(root.field(flat(players)))), 1e-8
    seen = lambda players, _: players

    def until(solver: optax.GradientTransformation, chunk: int) -> Rival:
        return Rival(partial(_until, root.game, solver, root.game.start, seen, error, target, limit, chunk), ours=True)

    rivals = {name: Rival(lambda run=run: root.unravel(jnp.asarray(run()))) for name, run in others.items()}
    dense = gs.linear.Inner(dense_limit=root.start.size)
    rivals |= {"newton": until(gs.newton(1.0), 1), "newton, dense": until(gs.newton(1.0, inner=dense), 1)}
    rivals |= {name: until(solver, 25) for name, solver in ours.items()}
    return Problem(error, target, rivals)


def _quadratic(size: int, limit: float) -> Problem:
    """Return a strongly monotone zero-sum quadratic game."""
    root = _root(gs.games.random_quadratic(jax.random.key(0), (size // 2,) * 2, condition=100.0, rotation=0.7))
    start = np.asarray(root.start)

    def krylov() -> Any:
        here = np.asarray(root.field(start))
        product: Any = lambda z: np.asarray(root.field(start + np.ravel(z))) - here
        operator = scipy.sparse.linalg.LinearOperator((start.size, start.size), product)
        return start + scipy.sparse.linalg.gmres(operator, -here, rtol=1e-12, restart=200)[0]

    def dense() -> Any:
        J = np.asarray(gs.analysis.jacobian(root.game, root.game.start))
        return start - np.linalg.solve(J, np.asarray(root.field(start)))

    ours = {
        "cgd": gs.cgd(1 / root.bound),
        "extragradient": gs.extragradient(0.7 / root.bound),
        "anderson around simgd": gs.anderson(gs.simgd(0.1 / root.bound), depth=10),
    }
    return _without_sets(root, limit, {"SciPy GMRES": krylov, "dense Jacobian and LU": dense}, ours)


def _steered() -> Root:
    """Return the open-loop game of two players who steer one system of six states."""
    rng = np.random.default_rng(0)
    A = 0.95 * np.linalg.qr(rng.normal(size=(6, 6)))[0]
    push = tuple(rng.normal(size=(6, 2)) / 3 for _ in range(2))
    costs = tuple(np.diag(rng.uniform(0.1, 1, 6)) for _ in range(2))
    system = gs.games.linear_quadratic(A, push, costs, (np.eye(2),) * 2)
    return _root(gs.games.open_loop(system, 30, np.ones(6)))


def _control(limit: float) -> Problem:
    """Return the game of `_steered`."""
    root = _steered()
    field = lambda z: np.asarray(root.field(z))
    found = lambda method: scipy.optimize.root(field, np.asarray(root.start), method=method, tol=1e-10).x
    ours = {
        "simgd": gs.simgd(1 / root.bound),
        "altgd": gs.altgd(1 / root.bound),
        "anderson around altgd": gs.anderson(gs.altgd(1 / root.bound), depth=10),
    }
    others = {f"SciPy root, {method}": partial(found, method) for method in ("hybr", "krylov")}
    return _without_sets(root, limit, others, ours)


def _bounded_control(limit: float) -> Problem:
    """Return the game of `_steered` with bounds on every input, a sixth of which are active, to a residual of 1e-8."""
    root, seen = _steered(), lambda players, _: players
    clip = lambda players: jax.tree.map(lambda leaf: jnp.clip(leaf, -BOUND, BOUND), players)
    step = 1 / root.bound
    projected = optax.chain(gs.simgd(step), gs.transforms.project((clip, clip)))

    residual = jax.jit(partial(natural_norm, root.game, projections=(clip, clip)))
    error = lambda players: float(residual(players))
    ours = {
        "projected simgd": projected,
        "extragradient": gs.extragradient(step, projections=(clip, clip)),
        "restarted PDHG": gs.restarted(gs.pdhg(0.9 * step, projections=(clip, clip))),
        "anderson around projected simgd": gs.anderson(projected, depth=10),
    }
    until = partial(_until, root.game, players=root.game.start, seen=seen, error=error, target=1e-8, limit=limit)
    rivals = {name: Rival(partial(until, solver, chunk=25), ours=True) for name, solver in ours.items()}
    return Problem(error, 1e-8, _nashopt(root) | rivals)


def _nashopt(root: Root) -> dict[str, Rival]:
    """Return methods of nashopt for linear-quadratic games, in which bounds are shared constraints."""
    nashopt: Any = importlib.import_module("nashopt")  # here, because this game alone needs it
    size = len(root.start)
    J, c = np.asarray(gs.analysis.jacobian(root.game, root.game.start)), np.asarray(root.field(jnp.zeros(size)))
    sizes = [leaf.size for leaf in jax.tree.leaves(root.game.start)]
    costs, linear = [], []
    for end, own in zip(np.cumsum(sizes), sizes, strict=True):
        rows = np.zeros((size, size))
        rows[end - own : end] = -J[end - own : end]
        # A player minimises z Q z / 2: Q has its own block once, and each coupling block on both sides of the diagonal.
        costs.append(rows + rows.T - np.where(np.outer(*[np.any(rows, axis=1)] * 2), rows, 0))
        linear.append(np.where(np.any(rows, axis=1), -c, 0))
    walls, bounds = np.vstack([np.eye(size), -np.eye(size)]), np.full(2 * size, BOUND)

    def run(method: str) -> Players:
        problem = nashopt.GNEP_LQ(sizes, costs, linear, A=walls, b=bounds, variational=True, solver=method)
        return root.unravel(jnp.asarray(problem.solve(verbose=0, solver_options=dict(NASHOPT[method])).x))

    return {f"nashopt, {method}": Rival(partial(run, method)) for method in NASHOPT}


PROBLEMS: Mapping[str, Callable[[float], Problem]] = {
    "matrix-100": partial(_matrix, 100),
    "matrix-1000": partial(_matrix, 1000),
    "quadratic-100": partial(_quadratic, 100),
    "quadratic-1000": partial(_quadratic, 1000),
    "control": _control,
    BOUNDED: _bounded_control,
}
OPTIONS = {
    "games": report.choices(PROBLEMS),
    "seconds": {"type": float, "default": 120.0, "help": "longest time of one run (default: %(default)s)"},
}
