"""The contents of a run's files, as described in ``schema.toml``."""

import tomllib
from pathlib import Path

_SCHEMA = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
VERSION: int = _SCHEMA["version"]
TIMING: tuple[str, ...] = tuple(_SCHEMA["timing"])
AXES: dict[str, str] = _SCHEMA["axes"]
POINTS: dict[str, str] = _SCHEMA["points"]
CELL: dict[str, str] = _SCHEMA["cell"]
