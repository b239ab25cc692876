"""Compiled programs on disk: another process that runs the same program loads it instead of compiling it."""

import os
from pathlib import Path

import jax


def use_compilation_cache(folder: str | os.PathLike[str] | None = None) -> Path:
    """Keep every compiled program in a folder, for this process and for later ones.

    The key of a program has the versions of JAX and XLA, the device and all compiler settings, so that a program is
    loaded only if compiling it again would give the same. JAX keeps programs that took a second to compile unless told
    otherwise; this keeps all of them. Nothing is removed: delete the folder to free its space.

    Args:
        folder: folder of the programs, made if it does not exist. Default: the one that JAX has been given
            (``JAX_COMPILATION_CACHE_DIR``), else ``gamesolve`` in the user's cache folder.

    Returns:
        The folder.

    Example:
        >>> import gamesolve as gs
        >>> gs.use_compilation_cache()  # doctest: +SKIP
    """
    given = folder or jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    chosen = Path(given or caches / "gamesolve").expanduser()
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return chosen
