"""What a report says: tables made of the cells and points of runs, as rows of equal keys."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import schema, statistics, store, suites
from benchmarks.suite import Race

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Digest:
    """One suite of one or more runs.

    Attributes:
        suite: the suite as data.
        cells: summaries of its races.
        rows: rows of its tables.
        points: its curve points.
    """

    suite: Any
    cells: list[Row]
    rows: list[Row]
    points: pd.DataFrame


def load(runs: Sequence[Path]) -> list[Digest]:
    """Read runs.

    Raises:
        StoreError: if a folder holds none.
    """
    for folder in runs:
        store.read_manifest(folder)
    cells = [cell for folder in runs for cell in store.cells(folder)]
    points: Any = pd.concat([store.points(folder) for folder in runs], ignore_index=True)
    digests = []
    for name in suites.NAMES:
        own = [cell for cell in cells if cell["suite"] == name]
        if own:
            suite = suites.load(name)
            order = {pair: index for index, pair in enumerate(suite.names())}
            own.sort(key=lambda cell: order.get((cell["game"], cell["solver"]), len(order)))
            rows = [row for cell in own for row in cell.get("rows", ())]
            races = [cell for cell in own if "rows" not in cell]
            digests.append(Digest(suite, races, rows, points[points["suite"] == name]))
    return digests


def summary(digest: Digest) -> list[Row]:
    """Return a row for each cell of a race: how its runs ended, where, and at what cost."""
    rows = []
    for cell in digest.cells:
        row: Row = {"game": cell["game"], "solver": cell["solver"]}
        if len({other["device"] for other in digest.cells}) > 1:
            row["device"] = cell["device"]
        if "final" not in cell:
            rows.append(row | dict.fromkeys(_SUMMARY) | {"status": "n/a", "note": cell["note"]})
            continue
        finals, first = _numbers(cell["final"]), _numbers(cell["first"])
        low, median, high = statistics.band(finals / first)
        mean = statistics.interquartile_mean(np.log10(np.maximum(finals / first, 1e-300)))
        reached = _numbers(cell["to_target"])
        solved = np.isfinite(reached)
        known = cell["contraction"] is not None and cell["predicted"] is not None
        status = {name: count for name, count in cell["status"].items() if count}
        rows.append(
            row
            | {
                "status": ", ".join(f"{count} {name}" for name, count in status.items()),
                "step size": cell["learning_rate"],
                "median": median,
                "20 %": low,
                "80 %": high,
                "IQM log10": mean.value,
                "95 % interval": f"{mean.low:.2f} to {mean.high:.2f}" if np.isfinite(mean.value) else "",
                "at target": f"{solved.sum()}/{len(solved)}",
                "cost to target": float(np.median(reached[solved])) if solved.mean() > 0.5 else None,
                "contraction": cell["contraction"],
                "predicted": cell["predicted"],
                "ratio": cell["contraction"] / cell["predicted"] if known and cell["predicted"] else None,
                "µs a step": 1e6 * cell["seconds"] / cell["steps"] / cell["lanes"],
                "flops a step": cell["flops_per_step"],
                "compile s": cell["compile_seconds"],
                "note": cell["note"] or ("best step at the edge of the grid" if cell["at_edge"] else ""),
            }
        )
    return rows


_SUMMARY = (
    *("status", "step size", "median", "20 %", "80 %", "IQM log10", "95 % interval", "at target", "cost to target"),
    *("contraction", "predicted", "ratio", "µs a step", "flops a step", "compile s", "note"),
)


def worst_ratio(digest: Digest) -> Row | None:
    """Return the row of a race whose measured contraction is farthest from the predicted one."""
    rated = [row for row in summary(digest) if row.get("ratio")]
    return max(rated, key=lambda row: abs(np.log(row["ratio"])), default=None)


def times(digest: Digest) -> tuple[np.ndarray, list[str]]:
    """Return what each problem (a start of a game) cost each solver, NaN where unsolved, and the solvers' names.

    Solvers that a game does not run, or that refuse it, have not solved it; games that most were not asked to play
    are left out.
    """
    cells = [cell for cell in digest.cells if "final" in cell]
    solvers = list(dict.fromkeys(cell["solver"] for cell in cells))
    blocks = []
    for game, device in dict.fromkeys((cell["game"], cell["device"]) for cell in cells):
        own = {cell["solver"]: cell for cell in cells if (cell["game"], cell["device"]) == (game, device)}
        if len(own) > len(solvers) / 2:
            number = len(next(iter(own.values()))["to_target"])
            columns = [_numbers(own[name]["to_target"]) if name in own else np.full(number, np.nan) for name in solvers]
            blocks.append(np.stack(columns, axis=1))
    return (np.concatenate(blocks) if blocks else np.empty((0, len(solvers)))), solvers


def spendable(digest: Digest) -> float:
    """Return the largest budget of a race's cells."""
    return max(cell["budget"] for cell in digest.cells if "budget" in cell)


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
        | {f"solved for {spent:g}": share for spent, share in zip(budgets, solved, strict=True)}
        for name, shares, solved in zip(solvers, by_ratio, by_budget, strict=True)
    ]
    return sorted(rows, key=lambda row: -row["within 2x of the best"])


def differences(one: Path, other: Path) -> tuple[list[Row], list[str]]:
    """Compare two runs.

    Returns:
        A row for each cell of both races, with the ratio of their final medians and times; and the cells of which
        any column but the timings differs, or that only one of the runs has.
    """
    sides = [{_name(cell): cell for cell in store.cells(folder)} for folder in (one, other)]
    rows, differ = [], [f"{name}: in one run only" for name in sides[0].keys() ^ sides[1].keys()]
    for name in sides[0].keys() & sides[1].keys():
        a, b = sides[0][name], sides[1][name]
        table = "microseconds" in next(iter(a.get("rows", ())), {})
        if not table and (_untimed(a) != _untimed(b) or not _same_points(one, other, a)):
            differ.append(name)
        if "final" in a and "final" in b:
            finals = [statistics.band(_numbers(cell["final"]))[1] for cell in (a, b)]
            rows.append(
                {
                    "cell": name,
                    "final": finals[0],
                    "other final": finals[1],
                    "seconds ratio": a["seconds"] / b["seconds"],
                }
            )
    return sorted(rows, key=lambda row: row["cell"]), sorted(differ)


def suites_of(digests: Iterable[Digest]) -> tuple[list[Digest], list[Digest]]:
    """Return the races, and the tables."""
    digests = list(digests)
    races = [digest for digest in digests if isinstance(digest.suite, Race)]
    return races, [digest for digest in digests if not isinstance(digest.suite, Race)]


def _same_points(one: Path, other: Path, cell: Row) -> bool:
    where = (cell["suite"], cell["game"], cell["solver"], cell["device"])
    paths = [store.points_path(store.cell_path(folder, *where)) for folder in (one, other)]
    if not all(path.exists() for path in paths):
        return not any(path.exists() for path in paths)
    frames = [pd.read_parquet(path).drop(columns=list(schema.TIMING), errors="ignore") for path in paths]
    return frames[0].equals(frames[1])


def _untimed(cell: Row) -> Row:
    return {key: value for key, value in cell.items() if key not in schema.TIMING}


def _name(cell: Row) -> str:
    return " ".join(cell[key] for key in ("device", "suite", "game", "solver"))


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], float)
