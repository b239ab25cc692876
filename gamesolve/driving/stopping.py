"""Callbacks of `gamesolve.run` that stop it: at a target, without progress, when time is up, or at NaN.

Each one looks at a chunk after its last step. Those of a metric decide from the recorded rows alone, also the rows of a
checkpoint: a resumed run stops where a run without interruption does. If you repeat the command of a run that they
stopped, it ends at once where it had stopped. It continues with a larger ``rows``, another target, or without them.

A metric is one recorded number per row. Its name is that of its column in a log: ``"loss"`` for a record
``{"loss": ...}``, ``"a/b"`` for a nested one, ``"value"`` for a record that is a single number.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import numpy as np

from gamesolve.checks import check_number, whole_number
from gamesolve.driving.chunks import Chunk
from gamesolve.trees import Row, path_name

Stop: TypeAlias = Callable[[Chunk], bool]


def target(metric: str, value: float, *, smaller_is_better: bool = True) -> Stop:
    """Make a callback that stops a run when the last row of a chunk has reached a value.

    The rows before it do not count: the players that the run returns are those of the last row.

    Args:
        metric: name of the metric.
        value: the value to reach.
        smaller_is_better: whether the metric must be at most the value; else at least. Default: True.

    Returns:
        The callback.

    Raises:
        ValueError: during the run, if the metric is not recorded.

    Example:
        >>> import gamesolve as gs
        >>> game, record = gs.zero_sum(lambda x, y: x * y), lambda players, state: {"x": abs(players[0])}
        >>> callbacks = [gs.stopping.target("x", 0.01)]
        >>> options = {"record": record, "chunk": 10, "callbacks": callbacks}
        >>> solution = gs.run(game, gs.extragradient(0.5), (1.0, 1.0), 1000, **options)
        >>> int(solution.steps), gs.Status(int(solution.status)).sentence
        (50, 'was stopped by a callback')
    """
    check_number("value", value)
    sign = 1 if smaller_is_better else -1

    def stop(chunk: Chunk) -> bool:
        return bool((sign * _values([chunk.rows], metric)[-1:] <= sign * value).any())

    return stop


def patience(metric: str, rows: int, *, min_change: float = 0.0, smaller_is_better: bool = True) -> Stop:
    """Make a callback that stops a run when a metric no longer improves.

    It compares the best of the last ``rows`` rows with the best of all rows before them. NaN is worse than any number.

    Args:
        metric: name of the metric.
        rows: number of rows to wait for an improvement.
        min_change: improvements of at most this do not count. Default: 0.
        smaller_is_better: whether small values are good ones. Default: True.

    Returns:
        The callback.

    Raises:
        ValueError: if ``rows`` is less than 1 or ``min_change`` is negative; during the run, if the metric is not
            recorded.

    Example:
        >>> import gamesolve as gs
        >>> game, record = gs.zero_sum(lambda x, y: x * y), lambda players, state: {"x": abs(players[0])}
        >>> callbacks = [gs.stopping.patience("x", rows=20, min_change=1e-3)]
        >>> options = {"record": record, "chunk": 10, "callbacks": callbacks}
        >>> solution = gs.run(game, gs.extragradient(0.5), (1.0, 1.0), 1000, **options)
        >>> int(solution.steps)
        70
    """
    rows = whole_number("rows", rows, 1)
    check_number("min_change", min_change, least=0.0)
    sign = 1 if smaller_is_better else -1

    def stop(chunk: Chunk) -> bool:
        values = sign * _values([*(stack for stack, _ in chunk.earlier), chunk.rows], metric).astype(float)
        values = np.where(np.isnan(values), np.inf, values)
        before, since = values[:-rows], values[-rows:]
        return len(before) > 0 and not since.min() < before.min() - min_change

    return stop


def not_finite(metric: str) -> Stop:
    """Make a callback that stops a run when a metric has become NaN or infinite.

    Args:
        metric: name of the metric.

    Returns:
        The callback.

    Raises:
        ValueError: during the run, if the metric is not recorded.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game, record = gs.zero_sum(lambda x, y: x * y), lambda players, state: {"log": jnp.log(players[0])}
        >>> callbacks = [gs.stopping.not_finite("log")]
        >>> int(gs.run(game, gs.simgd(0.5), (1.0, 1.0), 100, record=record, chunk=5, callbacks=callbacks).steps)
        5
    """
    return lambda chunk: not np.isfinite(_values([chunk.rows], metric)).all()


def time_limit(seconds: float) -> Stop:
    """Make a callback that stops a run when its time is up, counted from this call on.

    The run ends after the chunk that exceeds it. The same command continues it, with the same time again.

    Args:
        seconds: the time.

    Returns:
        The callback.

    Raises:
        ValueError: if the time is negative or not finite.

    Example:
        >>> import gamesolve as gs
        >>> callbacks = [gs.stopping.time_limit(0.0)]
        >>> int(gs.run(gs.games.curl(), gs.simgd(0.1), (1.0, 1.0), 1000, chunk=10, callbacks=callbacks).steps)
        10
    """
    check_number("seconds", seconds, least=0.0)
    end = time.monotonic() + seconds
    return lambda chunk: time.monotonic() >= end


def _values(stacks: Sequence[Row], metric: str) -> np.ndarray:
    """Return a metric in the rows of several stacks, one after the other."""
    return np.concatenate([_column(rows, metric) for rows in stacks])


def _column(rows: Row, metric: str) -> np.ndarray:
    named = {path_name(path) or "value": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(rows)}
    numbers = {name: leaf for name, leaf in named.items() if leaf.ndim == 1}
    if metric not in numbers:
        known = ", ".join(map(repr, numbers)) or "none"
        raise ValueError(
            f"metric must be the name of a recorded number, got {metric!r}, and record returned {known}. Return it "
            "from record."
        )
    return numbers[metric]
