"""What a report says: tables made of the cells and points of runs, as rows of equal keys."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import suites
from benchmarks.races import schema, statistics, store

Row = dict[str, Any]
# Contractions below this, and logarithms of contractions, are rounding.
ZERO = 1e-6


@dataclasses.dataclass(frozen=True)
class Digest:
    """One suite of one or more runs.

    Attributes:
        suite: the suite as data.
        cells: summaries of its races.
        rows: rows of its tables.
        points: its curve points; solvers are named with their device where there are several.
        axis: the column of `schema.AXES` that solvers are compared at equal amounts of.
    """

    suite: Any
    cells: list[Row]
    rows: list[Row]
    points: pd.DataFrame
    axis: str


def load(runs: Sequence[Path], axis: str = "spent") -> list[Digest]:
    """Read runs.

    Raises:
        StoreError: if a folder holds none, or they do not go together.
    """
    cells = store.together(runs)
    points: Any = pd.concat([store.points(folder) for folder in runs], ignore_index=True)
    several = len({cell["device"] for cell in cells}) > 1
    if several:
        points["solver"] = points["solver"] + " (" + points["device"] + ")"
    digests = []
    for name in suites.NAMES:
        own = [cell for cell in cells if cell["suite"] == name]
        if own:
            suite = suites.load(name)
            order = {pair: index for index, pair in enumerate(suite.names())}
            own.sort(key=lambda cell: order.get((cell["game"], cell["solver"]), len(order)))
            if several:
                own = [cell | {"solver": f"{cell['solver']} ({cell['device']})"} for cell in own]
            rows = [row for cell in own for row in cell.get("rows", ())]
            races = [cell for cell in own if "rows" not in cell]
            if axis != "spent":  # games without noise draw no examples
                used = set(points.loc[(points["suite"] == name) & (points[axis] > 0), "game"])
                races = [cell for cell in races if cell["game"] in used]
            digests.append(Digest(suite, races, rows, points[points["suite"] == name], axis))
    return digests


def summary(digest: Digest) -> list[Row]:
    """Return a row for each cell of a race: how its runs ended, where, and at what cost."""
    rows = []
    for cell in digest.cells:
        row: Row = {"game": cell["game"], "solver": cell["solver"]}
        if "final" not in cell:
            rows.append(row | dict.fromkeys(_summary_keys(digest)) | {"status": "n/a", "note": cell["note"]})
            continue
        finals, first = numbers(cell["final"]), numbers(cell["first"])
        low, median, high = statistics.band(finals / first)
        mean = statistics.interquartile_mean(np.log10(np.maximum(finals / first, 1e-300)))
        reached = to_target(cell, digest.axis)
        solved = np.isfinite(reached)
        status = {name: count for name, count in cell["status"].items() if count}
        entries = (
            ", ".join(f"{count} {name}" for name, count in status.items()),
            cell["learning_rate"],
            median,
            low,
            high,
            mean.value,
            f"{mean.low:.2f} to {mean.high:.2f}" if np.isfinite(mean.value) else "",
            f"{solved.sum()}/{len(solved)}",
            float(np.median(reached[solved])) if solved.mean() > 0.5 else None,
            cell["contraction"],
            cell["predicted"],
            *ratios(cell["contraction"], cell["predicted"]),
            cell["products_per_step"],
            1e6 * cell["seconds_per_product"] * cell["products_per_step"],
            cell["flops_per_step"],
            cell["compile_seconds"],
            cell["note"] or ("best step at the edge of the grid" if cell["at_edge"] else ""),
        )
        rows.append(row | dict(zip(_summary_keys(digest), entries, strict=True)))
    return rows


def _summary_keys(digest: Digest) -> tuple[str, ...]:
    return (
        *("status", "step size", "median", "20 %", "80 %", "IQM log10", "95 % interval", "at target"),
        f"{digest.axis} to target",
        *(
            "contraction",
            "predicted",
            "ratio",
            "ratio of logs",
            "steps",
            "µs a step",
            "flops a step",
            "compile s",
            "note",
        ),
    )


def ratios(contraction: float | None, predicted: float | None) -> tuple[float | None, float | None]:
    """Return a measured contraction over the predicted one, and the same of their logarithms, where that means much.

    The logarithm is the finer measure: near one, where the slowest mode has not yet won, contractions agree anyway. A
    rate that is zero but for rounding (Newton's) can't be measured, nor the logarithm of one that is 1.
    """
    if contraction is None or predicted is None or predicted < ZERO:
        return None, None
    logs = np.log([contraction, predicted])
    return contraction / predicted, float(logs[0] / logs[1]) if abs(logs[1]) > ZERO else None


def worst_ratio(digest: Digest) -> Row | None:
    """Return the row of a race whose measured contraction is farthest from the predicted one."""
    rated = [row for row in summary(digest) if row.get("ratio")]
    return max(rated, key=lambda row: abs(np.log(row["ratio"])), default=None)


def to_target(cell: Row, axis: str) -> np.ndarray:
    """Return what each seed of a cell had spent of an axis when it reached the target, NaN where it never did."""
    derived = {"flops": ("step", "flops_per_step"), "seconds": ("spent", "seconds_per_product")}
    if axis in derived:
        column, factor = derived[axis]
        return numbers(cell["to_target"][column]) * cell[factor]
    return numbers(cell["to_target"][axis])


def times(digest: Digest) -> tuple[np.ndarray, list[str]]:
    """Return what each problem (a start of a game) cost each solver, NaN where unsolved, and the solvers' names.

    Solvers that a game does not run, or that refuse it, have not solved it; games that most were not asked to play
    are left out.
    """
    cells = [cell for cell in digest.cells if "final" in cell]
    solvers = list(dict.fromkeys(cell["solver"] for cell in cells))
    blocks = []
    for game in dict.fromkeys(cell["game"] for cell in cells):
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
    """Return what performance and data profiles say at a few places, best solver first."""
    taken, solvers = times(digest)
    if not len(taken):
        return []
    budget = spendable(digest)
    ratios, budgets = np.array([1.0, 2.0, 4.0, 8.0]), budget * np.array([0.05, 0.25, 1.0])
    by_ratio, by_budget = statistics.performance_profile(taken, ratios), statistics.data_profile(taken, budgets)
    rows = [
        {"solver": name}
        | {f"within {ratio:g}x of the best": share for ratio, share in zip(ratios, shares, strict=True)}
        | {f"solved for {spent:.3g}": share for spent, share in zip(budgets, solved, strict=True)}
        for name, shares, solved in zip(solvers, by_ratio, by_budget, strict=True)
    ]
    return sorted(rows, key=lambda row: -row["within 2x of the best"])


def at_equal_budget(digest: Digest) -> list[Row]:
    """Return where solvers were when each had spent the most of the axis that all of them did, by game, best first."""
    rows = []
    for game in dict.fromkeys(cell["game"] for cell in digest.cells):
        own: Any = digest.points[digest.points["game"] == game]
        most = own.groupby("solver")[digest.axis].max().min()
        found = []
        for name, runs in own.groupby("solver"):
            there = curves(runs, digest.axis, np.array([most]))[:, 0]
            low, median, high = statistics.band(there)
            found.append({"game": game, digest.axis: most, "solver": name, "median": median, "20 %": low, "80 %": high})
        rows += sorted(found, key=lambda row: row["median"])
    return rows


def curves(points: pd.DataFrame, axis: str, where: np.ndarray) -> np.ndarray:
    """Return the values of each seed of a cell, relative to its start, at some costs: shape (seeds, costs)."""
    runs = [run for _, run in points.groupby("seed")]
    values = [run["value"].to_numpy() / run["value"].iloc[0] for run in runs]
    return np.array(
        [statistics.along(run[axis].to_numpy(), curve, where) for run, curve in zip(runs, values, strict=True)]
    )


def flows(digest: Digest) -> tuple[int, list[str]]:
    """Return how many games have a known flow that was looked at, and those that turned out otherwise."""
    known = {game.name: game.flow for game in getattr(digest.suite, "games", ()) if game.flow}
    seen = {cell["game"]: cell["flow"] for cell in digest.cells if cell["game"] in known and "flow" in cell}
    return len(seen), [f"{game} ({flow})" for game, flow in seen.items() if flow != known[game]]


def differences(one: Path, other: Path) -> tuple[list[Row], list[str]]:
    """Compare two runs.

    Returns:
        A row for each cell of both races, with the ratio of their final medians and times; and the cells of which
        any column but the timings differs, or that only one of the runs has.
    """
    sides = [{store.label(cell): cell for cell in store.cells(folder)} for folder in (one, other)]
    rows, differ = [], [f"{name}: in one run only" for name in sides[0].keys() ^ sides[1].keys()]
    for name in sides[0].keys() & sides[1].keys():
        a, b = sides[0][name], sides[1][name]
        if _untimed(a) != _untimed(b) or not _same_points(one, other, a):
            differ.append(name)
        if "final" in a and "final" in b:
            finals = [statistics.band(numbers(cell["final"]))[1] for cell in (a, b)]
            rows.append(
                {
                    "cell": name,
                    "final": finals[0],
                    "other final": finals[1],
                    "seconds ratio": a["seconds"] / b["seconds"],
                }
            )
    return sorted(rows, key=lambda row: row["cell"]), sorted(differ)


def numbers(values: Sequence[float | None]) -> np.ndarray:
    """Return values of a cell as an array, NaN where there is none."""
    return np.array([np.nan if value is None else value for value in values], float)


def _same_points(one: Path, other: Path, cell: Row) -> bool:
    where = (cell["suite"], cell["game"], cell["solver"], cell["device"])
    paths = [store.points_path(store.cell_path(folder, *where)) for folder in (one, other)]
    if not all(path.exists() for path in paths):
        return not any(path.exists() for path in paths)
    frames = [pd.read_parquet(path).drop(columns=list(schema.TIMING), errors="ignore") for path in paths]
    return frames[0].equals(frames[1])


def _untimed(content: Any) -> Any:
    """Return a cell without its timings, those of its rows included."""
    if isinstance(content, dict):
        return {key: _untimed(value) for key, value in content.items() if key not in schema.TIMING}
    return [_untimed(value) for value in content] if isinstance(content, list) else content
