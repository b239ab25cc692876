"""Labelled results: arrays with one leading dimension per named axis.

>>> import numpy as np, gamesolve as gs
>>> table = gs.Table({"rate": np.array([0.1, 0.2]), "seed": np.arange(3)}, np.arange(6).reshape(2, 3))
>>> int(table.select(rate=0.2, seed=1).values)
4
"""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.checks.extras import needs
from gamesolve.trees import PyTree, columns, is_key, numbers_of
from gamesolve.trees.faces import shown

if TYPE_CHECKING:
    import pandas as pd

# Arrays of numpy and of JAX, lists and numbers.
ArrayLike: TypeAlias = np.typing.ArrayLike | jax.Array


@shown()
@dataclasses.dataclass(frozen=True)
class Table:
    """Labelled results of a `sweep`.

    Attributes:
        axes: the values along each axis, by name and in order.
        values: the results of the function, on the host; every leaf has one leading dimension per axis.
    """

    axes: dict[str, Any]
    values: PyTree

    def select(self, **point: ArrayLike) -> "Table":
        """Select values along some axes, and drop these axes.

        Args:
            **point: an entry per axis, by the name of the axis; a floating number selects the nearest entry within
                rounding.

        Raises:
            ValueError: if there is no such axis or value.
        """
        index: list[slice | int] = [slice(None)] * len(self.axes)
        for name, value in point.items():
            if name not in self.axes:
                raise ValueError(f"select must name an axis, got {name!r}. Choose from {', '.join(self.axes)}.")
            place = _place(self.axes[name], value)
            if place is None:
                raise ValueError(f"{name} must be a value of its axis, got {value}. Choose from {self.axes[name]}.")
            index[list(self.axes).index(name)] = place
        axes = {name: values for name, values in self.axes.items() if name not in point}
        return Table(axes, jax.tree.map(lambda leaf: leaf[tuple(index)], self.values))

    def to_dataframe(self) -> "pd.DataFrame":
        """Return a pandas data frame with one row per lane; it needs pandas, the extra ``dataframe``."""
        try:
            import pandas as pd  # here, because it is an extra
        except ImportError:
            raise needs("to_dataframe", "pandas", "dataframe") from None
        numbers = [
            np.arange(len(values)) if is_key(values) or np.ndim(values) > 1 else values for values in self.axes.values()
        ]
        grid = np.meshgrid(*numbers, indexing="ij")
        points = {name: values.ravel() for name, values in zip(self.axes, grid, strict=True)}
        return pd.DataFrame(points | columns(self.values, len(self.axes)))


def _place(values: ArrayLike, value: ArrayLike) -> int | None:
    """Return the index of an entry along an axis: the nearest floating number within rounding, or an equal entry."""
    entries, wanted = np.asarray(numbers_of(values)), np.asarray(numbers_of(value))
    if wanted.shape != entries.shape[1:] or wanted.dtype.kind in "OSUMm":
        return None
    floating = jnp.issubdtype(entries.dtype, jnp.inexact)
    same = np.isclose(entries, wanted, rtol=1e-6, atol=0, equal_nan=True) if floating else entries == wanted
    near = np.flatnonzero(same.reshape(len(entries), -1).all(1))
    if floating and len(near) > 1:
        near = near[np.argsort(np.abs(entries[near] - wanted).reshape(len(near), -1).sum(1), kind="stable")]
    return int(near[0]) if len(near) else None
