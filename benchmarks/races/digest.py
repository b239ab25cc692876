"""Make the tables of a report from the cells and points of runs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats

from benchmarks import suites
from benchmarks.races import schema, store
from benchmarks.report import Row
from benchmarks.suites.suite import Race, Suite
from gamesolve.compare import profiles

# Contractions below this, and logarithms of contractions, are rounding.
ZERO = 1e-6


@dataclasses.dataclass(frozen=True)
class Digest:
    """One suite of one or more runs.

    Attributes:
        cells: summaries of its races.
        rows: rows of its tables.
        points: its curve points; solvers are named with their device if there are several.
        axis: the column of `schema.AXES` at equal amounts of which solvers are compared.
    """

    suite: Suite
    cells: list[Row]
    rows: list[Row]
    points: pd.DataFrame
    axis: str

    @property
    def games(self) -> list[str]:
        """The names of the games."""
        return list(dict.fromkeys(cell["game"] for cell in self.cells))

    def of(self, game: str) -> pd.DataFrame:
        """Return the points of a game."""
        own: Any = self.points[self.points["game"] == game]
        return own


def load(runs: Sequence[Path], axis: str = "spent") -> list[Digest]:
    """Read runs.

    Raises:
        StoreError: if a folder holds no run, or the runs do not go together.
    """
    cells = store.together(runs)
    points: Any = pd.concat([store.points(folder) for folder in runs], ignore_index=True)
    several = len({cell["device"] for cell in cells}) > 1
    if several:
        points["solver"] = points["solver"] + " (" + points["device"] + ")"
    digests = []
    for suite in map(
        suites.load, dict.fromkeys(name for name in suites.NAMES for cell in cells if cell["suite"] == name)
    ):
        order = {pair: index for index, pair in enumerate(suite.names())}
        own = [cell for cell in cells if cell["suite"] == suite.name]
        own.sort(key=lambda cell: order.get((cell["game"], cell["solver"]), len(order)))
        if several:
            own = [cell | {"solver": f"{cell['solver']} ({cell['device']})"} for cell in own]
        rows = [row for cell in own for row in cell.get("rows", ())]
        races, curves = [cell for cell in own if "rows" not in cell], points[points["suite"] == suite.name]
        if axis != "spent":  # games without noise draw no examples
            used = set(curves.loc[curves[axis] > 0, "game"])
            races = [cell for cell in races if cell["game"] in used]
        digests.append(Digest(suite, races, rows, curves, axis))
    return digests


def summary(digest: Digest) -> list[Row]:
    """Return a row for each cell of a race: how its runs ended, their final values, and their costs."""
    return [{"game": cell["game"], "solver": cell["solver"]} | _summary(cell, digest.axis) for cell in digest.cells]


def _summary(cell: Row, axis: str) -> Row:
    if "final" not in cell:
        return {"status": "n/a", "note": cell["note"]}
    relative = numbers(cell["final"]) / numbers(cell["first"])
    low, median, high = profiles.band(relative)
    mean = profiles.interquartile_mean(np.log10(np.maximum(relative, 1e-300)))
    reached = to_target(cell, axis)
    solved = np.isfinite(reached)
    ratio, logs = ratios(cell["contraction"], cell["predicted"])
    return {
        "status": ", ".join(f"{count} {name}" for name, count in cell["status"].items() if count),
        "step size": cell["learning_rate"],
        "median": median,
        "20 %": low,
        "80 %": high,
        "IQM log10": mean.value,
        "95 % interval": f"{mean.low:.2f} to {mean.high:.2f}" if np.isfinite(mean.value) else "",
        "at target": f"{solved.sum()}/{len(solved)}",
        f"{axis} to target": float(np.median(reached[solved])) if solved.mean() > 0.5 else None,
        "contraction": cell["contraction"],
        "predicted": cell["predicted"],
        "ratio": ratio,
        "ratio of logs": logs,
        "steps": cell["products_per_step"],
        "µs a step": 1e6 * cell["seconds_per_product"] * cell["products_per_step"],
        "flops a step": cell["flops_per_step"],
        "compile s": cell["compile_seconds"],
        "note": cell["note"] or ("best step at the edge of the grid" if cell["at_edge"] else ""),
    }


def ratios(contraction: float | None, predicted: float | None) -> tuple[float | None, float | None]:
    """Return a measured contraction over the predicted one, and the same for their logarithms, if they mean much.

    The logarithm is the finer measure: near one, if the slowest mode does not dominate yet, contractions agree anyway.
    A rate that is zero but for rounding (Newton's) cannot be measured, nor the logarithm of a rate that is 1.
    """
    if contraction is None or predicted is None or predicted < ZERO:
        return None, None
    logs = np.log([contraction, predicted])
    return contraction / predicted, float(logs[0] / logs[1]) if abs(logs[1]) > ZERO else None


def rated(digest: Digest) -> list[Row]:
    """Return the rows of a race with a measured and a predicted contraction."""
    return [row for row in summary(digest) if row.get("ratio")]


def worst_ratio(digest: Digest) -> Row | None:
    """Return the row of a race whose measured contraction is farthest from the predicted one."""
    return max(rated(digest), key=lambda row: abs(np.log(row["ratio"])), default=None)


def to_target(cell: Row, axis: str) -> np.ndarray:
    """Return what each seed of a cell had spent of an axis when it reached the target, NaN if it never did."""
    derived = {"flops": ("step", "flops_per_step"), "seconds": ("spent", "seconds_per_product")}
    column, factor = derived.get(axis, (axis, None))
    return numbers(cell["to_target"][column]) * (1 if factor is None else cell[factor])


def times(digest: Digest) -> tuple[np.ndarray, list[str]]:
    """Return the cost of each problem (a start of a game) for each solver, NaN if unsolved, and the solvers' names.

    Solvers that a game does not run, or that refuse it, have not solved it; games that run at most half of the
    solvers are left out.
    """
    cells = [cell for cell in digest.cells if "final" in cell]
    solvers = list(dict.fromkeys(cell["solver"] for cell in cells))
    blocks = []
    for game in digest.games:
        own = {cell["solver"]: to_target(cell, digest.axis) for cell in cells if cell["game"] == game}
        if len(own) > len(solvers) / 2:
            number = min(map(len, own.values()))  # devices may differ in it
            columns = [own[name][:number] if name in own else np.full(number, np.nan) for name in solvers]
            blocks.append(np.stack(columns, axis=1))
    return (np.concatenate(blocks) if blocks else np.empty((0, len(solvers)))), solvers


def spendable(digest: Digest) -> float:
    """Return the most that a run of a race has spent of the digest's axis."""
    return float(digest.points[digest.axis].to_numpy().max())


def profile(digest: Digest) -> list[Row]:
    """Return performance and data profiles at a few places, best solver first."""
    taken, solvers = times(digest)
    if not len(taken):
        return []
    ratios, budgets = np.array([1.0, 2.0, 4.0, 8.0]), spendable(digest) * np.array([0.05, 0.25, 1.0])
    by_ratio, by_budget = profiles.performance_profile(taken, ratios), profiles.data_profile(taken, budgets)
    within, solved = (f"within {ratio:g}x of the best" for ratio in ratios), (f"solved for {x:.3g}" for x in budgets)
    columns = ["solver", *within, *solved]
    rows = [
        dict(zip(columns, [name, *a, *b], strict=True)) for name, a, b in zip(solvers, by_ratio, by_budget, strict=True)
    ]
    return sorted(rows, key=lambda row: -row["within 2x of the best"])


def ranking(digest: Digest) -> list[Row]:
    """Return the solvers of a race by their mean rank in the cost to the target, over all problems of `times`.

    Equal costs share a rank, and all solvers that have not solved a problem share the last one.
    """
    taken, solvers = times(digest)
    if not len(taken):
        return []
    ranks = scipy.stats.rankdata(np.nan_to_num(taken, nan=np.inf), axis=1).mean(axis=0)
    known = digest.suite.solvers if isinstance(digest.suite, Race) else {}
    papers = {name: method.paper for name, method in known.items()}
    columns = zip(solvers, ranks, np.isfinite(taken).mean(axis=0), strict=True)
    rows = [
        {"solver": name, "source": papers.get(name.split(" (")[0], ""), "mean rank": rank, "solved": solved}
        for name, rank, solved in sorted(columns, key=lambda column: column[1])
    ]
    return [{"place": place, **row} for place, row in enumerate(rows, 1)]


def at_equal_budget(digest: Digest) -> list[Row]:
    """Return each solver's value at the largest amount of the axis that all of them spent, by game, best first."""
    rows = []
    for game in digest.games:
        runs = digest.of(game).groupby("solver")
        spent: Any = runs[digest.axis].max()
        most = spent.min()
        found = []
        for name, group in runs:
            low, median, high = profiles.band(curves(group, digest.axis, np.array([most]))[:, 0])
            found.append({"game": game, digest.axis: most, "solver": name, "median": median, "20 %": low, "80 %": high})
        rows += sorted(found, key=lambda row: row["median"])
    return rows


def curves(points: pd.DataFrame, axis: str, where: np.ndarray) -> np.ndarray:
    """Return the values of each seed of a cell, relative to its start, at some costs: shape (seeds, costs)."""
    runs = [run for _, run in points.groupby("seed")]
    values = [run["value"].to_numpy() / run["value"].iloc[0] for run in runs]
    return np.array(
        [profiles.along(run[axis].to_numpy(), curve, where) for run, curve in zip(runs, values, strict=True)]
    )


def flows(digest: Digest) -> tuple[int, list[str]]:
    """Return the number of games with a known flow that was checked, and the games whose flow differs from it."""
    games = digest.suite.games if isinstance(digest.suite, Race) else ()
    known = {game.name: game.flow for game in games if game.flow}
    seen = {cell["game"]: cell["flow"] for cell in digest.cells if cell["game"] in known and "flow" in cell}
    return len(seen), [f"{game} ({flow})" for game, flow in seen.items() if flow != known[game]]


def differences(one: Path, other: Path) -> tuple[list[Row], list[str]]:
    """Compare two runs.

    Returns:
        A row for each cell of both races, with its final medians and the ratio of its times; and the cells that only
        one of the runs has, or of which a column other than the timings differs.

    Raises:
        StoreError: if a folder holds no run.
    """
    sides = [{store.label(cell): cell for cell in store.cells(folder)} for folder in (one, other)]
    rows, differ = [], [f"{name}: in one run only" for name in sides[0].keys() ^ sides[1].keys()]
    for name in sorted(sides[0].keys() & sides[1].keys()):
        a, b = (side[name] for side in sides)
        if _untimed(a) != _untimed(b) or not _same_points(one, other, a):
            differ.append(name)
        if "final" in a and "final" in b:
            final, again = (profiles.band(numbers(cell["final"]))[1] for cell in (a, b))
            seconds = a["seconds"] / b["seconds"]
            rows.append({"cell": name, "final": final, "other final": again, "seconds ratio": seconds})
    return rows, sorted(differ)


def numbers(values: Sequence[float | None]) -> np.ndarray:
    """Return values of a cell as an array, NaN for missing ones."""
    return np.array([np.nan if value is None else value for value in values], float)


def _same_points(one: Path, other: Path, cell: Row) -> bool:
    first, second = (store.read_points(folder, cell) for folder in (one, other))
    untimed = [column for column in first if column not in schema.TIMING]
    return first[untimed].equals(second[untimed])


def _untimed(content: Any) -> Any:
    """Return a cell without its timings, those of its rows included."""
    if isinstance(content, dict):
        return {key: _untimed(value) for key, value in content.items() if key not in schema.TIMING}
    return [_untimed(value) for value in content] if isinstance(content, list) else content
