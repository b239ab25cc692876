"""Record what is needed to repeat a run and to judge its figures."""

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from typing import Any

import jax

import gamesolve


def provenance(command: str, packages: Iterable[str]) -> dict[str, Any]:
    """Return the command, date, machine, devices and versions of a run.

    Args:
        command: the command line.
        packages: names of the distributions whose versions matter; Python's and gamesolve's are always included.

    Returns:
        A dictionary that JSON can hold. ``machine`` includes the load, which shows whether others used the machine.

    Example:
        >>> from gamesolve.compare.provenance import provenance
        >>> list(provenance("gamesolve compare", ["jax"])["versions"])
        ['python', 'gamesolve', 'jax']
    """
    return {
        "command": command,
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        "versions": {"python": platform.python_version(), "gamesolve": gamesolve.__version__}
        | {name: importlib.metadata.version(name) for name in packages},
    }
