"""Commands that install the optional dependencies of gamesolve."""

import json
import re
from importlib import metadata
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname


def command(extra: str, record: str | None = None) -> str:
    """Return the command that adds an extra to gamesolve in the way in which gamesolve was installed.

    Args:
        extra: the extra, such as ``"certify"``.
        record: pip's record of the origin, as in ``direct_url.json``. Default: that of the running gamesolve.

    Returns:
        ``pip install`` with the checkout, the wheel or the address that gamesolve was installed from; the name of the
        package on an index if there is no record or its file is gone.

    Example:
        >>> command("certify", '{"url": "file:///tmp", "dir_info": {"editable": true}}')
        "pip install -e '/tmp[certify]'"
    """
    origin = json.loads((_record() if record is None else record) or "{}")
    url = urlparse(origin.get("url", ""))
    path = Path(url2pathname(url.path))
    if url.scheme == "file" and not path.exists():
        return f"pip install 'gamesolve[{extra}]'"
    if "dir_info" in origin:
        return f"pip install {'-e ' * origin['dir_info'].get('editable', False)}'{path}[{extra}]'"
    if "vcs_info" in origin:
        vcs = origin["vcs_info"]
        return f"pip install 'gamesolve[{extra}] @ {vcs['vcs']}+{origin['url']}@{vcs['commit_id']}'"
    if url.scheme:
        return f"pip install 'gamesolve[{extra}] @ {origin['url']}'"
    return f"pip install 'gamesolve[{extra}]'"


def needs(what: str, packages: str, extra: str) -> ImportError:
    """Return the error that something needs the packages of an extra."""
    them = "them" if re.search(r" and |, ", packages) else "it"
    return ImportError(f"{what} needs {packages}. Install {them} with {command(extra)}.")


def _record() -> str | None:
    try:
        return metadata.distribution("gamesolve").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        return None
