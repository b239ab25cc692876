"""The log of a watch: a file of JSON lines. The first names the run; the others are measurements with verdicts."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gamesolve.watching.history import Row
from gamesolve.watching.measures import Measured
from gamesolve.watching.verdicts import Verdict

Entry = tuple[Row, Verdict]


def read(path: Path, run: Mapping[str, str]) -> list[Entry]:
    """Return the rows of the log of a run with their verdicts; none if there is no file.

    A last line that a kill cut short is left out.

    Raises:
        ValueError: if the file is not a log, or that of another run.
    """
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if not lines:
        return []
    written = _written(lines[0])
    entries = [_entry(line) for line in lines[1:]]
    if written is None or None in entries[:-1]:
        raise ValueError(
            f"log must be a new file or the log of a watch, got {path}, which is neither. Choose another path or "
            "move the file."
        )
    for part, word in run.items():
        if (held := written.get(part)) != word:
            raise ValueError(
                f"log must be a new file or the log of this run, got {path}, written with {part}={held!r}, but this "
                f"run has {part}={word!r}. Choose another path or move the file."
            )
    return [entry for entry in entries if entry is not None]


def begin(path: Path, run: Mapping[str, str], entries: Sequence[Entry]) -> None:
    """Write the log of a run anew, with the entries so far."""
    _put(path, "w", [json.dumps({"watch": dict(run)}), *map(_line, entries)])


def append(path: Path, entry: Entry) -> None:
    """Append an entry to a log."""
    _put(path, "a", [_line(entry)])


def _put(path: Path, mode: str, lines: Sequence[str]) -> None:
    """Write lines, in the ``mode`` of a file; if that fails, warn and let the run continue."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        warnings.warn(f"the log {path} was not written ({error.strerror}). The run continues.", stacklevel=5)


def _written(line: str) -> dict[str, Any] | None:
    """Return what the first line says of the run, or None if it is of another kind."""
    try:
        return dict(json.loads(line)["watch"])
    except (ValueError, TypeError, KeyError):
        return None


def _entry(line: str) -> Entry | None:
    """Return the row of a line with its verdict, or None if the line is of another kind."""
    try:
        fields = json.loads(line)
        row = {name: _numbers(fields[name]) for name in ("step", "diverged", *Measured._fields)}
        return row, Verdict(fields["state"], fields["evidence"], fields["step"])
    except (ValueError, TypeError, KeyError):
        return None


def _line(entry: Entry) -> str:
    row, verdict = entry
    finite = {name: _nulls(value) for name, value in row.items()}
    return json.dumps(finite | {"state": verdict.state, "evidence": verdict.evidence})


def _nulls(value: Any) -> Any:
    """Return numbers as JSON has them: null for NaN, and a word for infinity."""
    if isinstance(value, list):
        return list(map(_nulls, value))
    return value if np.isfinite(value) else None if np.isnan(value) else str(value)


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_numbers, value))
    return np.nan if value is None else float(value) if isinstance(value, str) else value
