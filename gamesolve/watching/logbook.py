"""The log of a watch: a file of JSON lines, one per measurement, with its verdict."""

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from gamesolve.watching.measures import Measured
from gamesolve.watching.verdicts import Row, Verdict


def read(path: Path) -> list[Row]:
    """Return the rows of a log, up to a line that a kill cut short; none if there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    rows: list[Row] = []
    for number, line in enumerate(lines):
        row = _row(line)
        if row is None and (number == 0 or number < len(lines) - 1):
            raise ValueError(
                f"log must be a new file or the log of a watch, got {path}, which is neither. Choose another path or "
                "move the file."
            )
        rows += [] if row is None else [row]
    return rows


def _row(line: str) -> Row | None:
    """Return the row of a line, or None if it is of another kind."""
    try:
        fields = json.loads(line)
        return {name: _numbers(fields[name]) for name in ("step", "diverged", *Measured._fields)}
    except (ValueError, TypeError, KeyError):
        return None


def write(path: Path, rows: Iterable[Row], verdicts: Iterable[Verdict], mode: str) -> None:
    """Write rows to a log, in the ``mode`` of a file; if that fails, warn and let the run continue."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write("".join(map(_line, rows, verdicts)))
    except OSError as error:
        warnings.warn(f"the log {path} was not written ({error.strerror}). The run continues.", stacklevel=4)


def _line(row: Row, verdict: Verdict) -> str:
    finite = {name: _nulls(value) for name, value in row.items()}
    return json.dumps(finite | {"state": verdict.state, "evidence": verdict.evidence}) + "\n"


def _nulls(value: Any) -> Any:
    """Return numbers as JSON has them: null for NaN and infinity."""
    if isinstance(value, list):
        return list(map(_nulls, value))
    return value if np.isfinite(value) else None


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_numbers, value))
    return np.nan if value is None else value
