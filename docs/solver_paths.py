"""Draw the path of every solver on three games and measure it there: ``python docs/solver_paths.py [solver ...]``.

Writes docs/solvers/methods/NAME.svg and docs/solvers/measured.json, from which docs/solver_pages.py makes the pages.
"""

import contextlib
import functools
import io
import json
import pathlib
import sys
import tomllib
from typing import Any

import jax
import numpy as np
import optax
import solver_svg
from solver_games import LISTS, Drawn

import gamesolve as gs
from gamesolve import registry

HERE = pathlib.Path(__file__).resolve().parent / "solvers"
STEPS, LIMIT, TOLERANCE = 60, 2000, 1e-4


def example(drawn: Drawn, call: str, games: str) -> str:
    """Return the example of a page: it makes a game, runs the solver on it, and prints how the run ended."""
    source = f"{drawn.code} {drawn.start}"
    imports = [f"import {name}" for name, sign in (("jax", "jax."), ("jax.numpy as jnp", "jnp.")) if sign in source]
    game = "full" if games in ("sums", "epochs") else "game"
    run = [f"solution = gs.solve({game}, solver, start, {LIMIT}, tol={TOLERANCE:g}{', **data' * (games == 'sums')})"]
    if games == "sums":
        run.insert(0, 'data = {"sample": gs.minibatches(*full.data, 2), "key": jax.random.key(1)}')
    made = [drawn.code, f"start = {drawn.start}", f"solver = {call}", *run]
    ending = "print(solution.ending.name, int(solution.steps))"
    return "\n".join([*imports, *[""] * bool(imports), "import gamesolve as gs", "", *made, ending])


def path(drawn: Drawn, call: str, games: str) -> tuple[np.ndarray, float | None]:
    """Return the points of a run, and the rate that `analysis.rate` predicts at the equilibrium, if it has one."""
    names = drawn.made()
    game = names.get("game", names.get("full"))
    solver, start = eval(call, names), eval(drawn.start, names)
    averaged = call.startswith("gs.average")
    record = lambda players, state: drawn.point(optax.tree.get(state, "average") if averaged else players)
    data = {"sample": gs.minibatches(*game.data, 2), "key": jax.random.key(1)} if games == "sums" else {}
    trace = gs.solve(game, solver, start, STEPS, record=record, **data).trace
    points = np.concatenate([[np.asarray(drawn.point(start), float)], np.asarray(trace, float)])
    name = call.removeprefix("gs.").partition("(")[0]
    rated = registry.SOLVERS[name].rated and games not in ("sums", "epochs")
    rate = float(gs.analysis.rate(game, solver, drawn.players(np.array(drawn.equilibrium)))) if rated else None
    return points, rate


@functools.cache
def field(drawn: Drawn) -> np.ndarray:
    """Return the field at the arrows; on simplices it is that of the replicator dynamics."""
    names = drawn.made()
    game = names.get("game", names.get("full"))
    points = solver_svg.grid(drawn.center(), drawn.radius)
    values = [game.field(drawn.players(point)) for point in points]
    if np.ndim(values[0][0]) == 0:
        return np.array(values, float)
    gains = np.array(values, float) @ np.array([1.0, -1.0])
    return points * (1 - points) * gains


def distances(drawn: Drawn, points: np.ndarray) -> dict[str, float]:
    """Return the distances to the equilibrium at both ends, and the factor per step over the second half of the path.

    The half ends before the distance is below a ten-thousandth of that at the start, where rounding counts.
    """
    away = np.array([drawn.distance(point) for point in points])
    far = np.flatnonzero(~(away > 1e-4 * away[0]))
    last = max(int(far[0]) - 1 if far.size else STEPS, 1)
    factor = (away[last] / away[last // 2]) ** (1 / (last - last // 2))
    return {name: float(f"{value:.4g}") for name, value in (("start", away[0]), ("end", away[-1]), ("factor", factor))}


def measured(call: str, games: str) -> tuple[dict[str, Any], str]:
    """Return the numbers of a page, and its picture."""
    panels, rows = [], []
    for drawn in LISTS[games]:
        points, rate = path(drawn, call, games)
        rows.append({"rate": rate, **distances(drawn, points)})
        arrows = field(drawn)
        rest = np.array(drawn.equilibrium)
        panels.append(solver_svg.Panel(drawn.title, points, arrows, rest, drawn.center(), drawn.radius, drawn.line))
    code = example(LISTS[games][1], call, games)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "example", "exec"), {})
    return {"games": rows, "example": code, "prints": printed.getvalue()}, solver_svg.drawing(panels)


if __name__ == "__main__":
    texts = tomllib.loads((HERE / "methods.toml").read_text(encoding="utf-8"))
    store = HERE / "measured.json"
    numbers = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {}
    for name in sys.argv[1:] or registry.SOLVERS:
        numbers[name], picture = measured(texts[name]["call"], texts[name].get("games", "plane"))
        (HERE / "methods" / f"{name}.svg").write_text(picture, encoding="utf-8")
        print(name, numbers[name]["prints"].strip(), *(row["end"] for row in numbers[name]["games"]))  # noqa: T201
    ordered = {name: numbers[name] for name in registry.SOLVERS if name in numbers}
    store.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
