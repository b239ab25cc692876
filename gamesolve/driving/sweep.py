"""Sweeps: call a function at every point of a product of named axes, in one compiled program on all devices.

>>> import jax.numpy as jnp, gamesolve as gs
>>> game = gs.zero_sum(lambda x, y: x * y)
>>> def distance(learning_rate, gamma):
...     players = gs.solve(game, gs.conopt(learning_rate, gamma), (1.0, 1.0), 100).players
...     return jnp.hypot(*players)
>>> table = gs.sweep(distance, {"learning_rate": [0.1, 0.2, 0.4], "gamma": [0.5, 1.0]})
>>> table.values.shape
(3, 2)
>>> float(table.select(learning_rate=0.4, gamma=1.0).values) < 1e-12
True
"""

import contextlib
import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from gamesolve.checks import as_pytree, whole_number
from gamesolve.checks.calls import called, explained
from gamesolve.distributed import devices, implicit, on_host
from gamesolve.driving import stale
from gamesolve.driving.table import ArrayLike, Table
from gamesolve.trees import Key, PyTree, Scalar, is_key

# A function that computes one lane, called with the axes by name.
Lane: TypeAlias = Callable[..., PyTree]

# With order_by, lanes of similar cost share a group; a group costs as much as its slowest lane times its width.
ORDERED_GROUP = 16


def sweep(
    fn: Lane,
    grid: Mapping[str, ArrayLike],
    *,
    keys: Key | None = None,
    mesh: Mesh | None = None,
    lanes_at_once: int | None = None,
    order_by: Callable[[dict[str, jax.Array]], Scalar] | None = None,
) -> Table:
    """Call a function at every point of a product of named axes: step sizes, seeds, starts or any other argument.

    All points are lanes of one compiled program. They share the devices, and no device waits for another before the
    end. A lane that diverges or finishes does not affect the others. But a loop that stops early, such as an inner
    linear solve, runs as long as the slowest lane of its group.

    Args:
        fn: ``fn(**point) -> pytree`` of arrays, pure and traceable; it may call `gamesolve.solve`. Its arguments are
            traced scalars. If you pass the same function again, the compiled program serves all values.
        grid: the axes by name, each a one-dimensional array or list. If an array has more dimensions, the first one is
            the axis and ``fn`` gets its entries.
        keys: typed random keys, shape ``(n,)``; they add an axis ``key``.
        mesh: the devices that share the lanes. Default: all devices.
        lanes_at_once: number of lanes that each device computes side by side, which bounds the memory. Default: all
            lanes of the device.
        order_by: ``order_by(point) -> number``, the expected cost of a lane. Lanes of similar cost are then computed
            side by side, by default 16 at once. This helps if inner solves differ widely in cost; the smaller the game,
            the wider the groups should be.

    Returns:
        The `Table`; its arrays are on the host.

    Raises:
        TypeError: if ``fn`` is not a function, or does not take the names of the axes.
        ValueError: if an axis is empty or not an array, or the cost of a lane is not a finite number.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> steps = lambda learning_rate: gs.solve(game, gs.ogda(learning_rate), (1.0, 1.0), 900, tol=1e-3).steps
        >>> gs.sweep(steps, {"learning_rate": [0.1, 0.2, 0.4]}).values.tolist()
        [900, 343, 68]
    """
    _check_types(fn, grid, mesh)
    axes = _axes(grid, keys)
    _check_names(fn, axes)
    shape = tuple(len(values) for values in axes.values())
    total = whole_number("the number of lanes", math.prod(shape), 1)
    alone = mesh is None and jax.device_count() == 1
    shares = None if alone else implicit(mesh or devices("lanes"))
    number = 1 if shares is None else shares.size
    most = ORDERED_GROUP if order_by is not None else total
    if lanes_at_once is not None:
        most = whole_number("lanes_at_once", lanes_at_once, 1)
    lanes = np.arange(total) if order_by is None else np.argsort(_costs(order_by, axes), kind="stable")
    groups = dealt(lanes, number, min(most, -(-total // number)))
    with explained("the function of the sweep"):
        lane = as_pytree("fn", fn)
        results = program(lane, tuple(axes.values()), groups, names=tuple(axes), mesh=shares)
        stale.check({"the function of the sweep": lane}, (lane, axes))
    kept = {name: axis if is_key(axis) else np.asarray(axis) for name, axis in axes.items()}
    return Table(kept, _in_places(results, groups, shape))


@partial(jax.jit, static_argnames=("names", "mesh"))
def program(
    fn: Lane, axes: tuple[jax.Array, ...], dealt: jax.Array, *, names: tuple[str, ...], mesh: Mesh | None
) -> PyTree:
    """Compute the lanes of each row side by side, and the rows of a device one after the other.

    Args:
        fn: the function.
        axes: the values along each axis.
        dealt: numbers of the lanes, shape (rows, width); a device gets successive rows.
        names: the names of the axes.
        mesh: the devices that share the rows, or None for one device.

    Returns:
        The results of the function, with the shape of ``dealt`` in front.
    """
    shape = tuple(len(values) for values in axes)

    def rows_of(fn: Lane, axes: tuple[jax.Array, ...], dealt: jax.Array) -> PyTree:
        def one(lane: jax.Array) -> PyTree:
            entries = (values[index] for values, index in zip(axes, jnp.unravel_index(lane, shape), strict=True))
            return jax.tree.map(jnp.asarray, fn(**dict(zip(names, entries, strict=True))))

        return jax.lax.map(jax.vmap(one), dealt)

    if mesh is None:
        results = rows_of(fn, axes, dealt)
    else:
        own = PartitionSpec(mesh.axis_names)
        every = PartitionSpec()
        shared = jax.shard_map(rows_of, mesh=mesh, in_specs=(every, every, own), out_specs=own, check_vma=False)
        results = shared(fn, axes, dealt)
    stale.remember({"the function of the sweep": fn}, (fn, dict(zip(names, axes, strict=True))))
    return results


def dealt(lanes: np.ndarray, number: int, width: int) -> np.ndarray:
    """Cut lanes into groups and deal these to the devices in turn, so that no device gets all the costly ones.

    Args:
        lanes: the numbers of the lanes, in the order of their costs.
        number: number of devices.
        width: number of lanes per group.

    Returns:
        Numbers of lanes, shape (rows, width), device after device; the last lane fills the last row.
    """
    rounds = -(-len(lanes) // (number * width))
    filled = np.pad(lanes, (0, rounds * number * width - len(lanes)), mode="edge")
    return filled.reshape(rounds, number, width).swapaxes(0, 1).reshape(-1, width).astype(np.int32)


def _in_places(results: PyTree, groups: np.ndarray, shape: tuple[int, ...]) -> PyTree:
    """Undo `dealt`: return results on the host, the lanes in their places along the axes."""
    places = np.empty(math.prod(shape), np.int64)
    places[groups.ravel()] = np.arange(groups.size)

    def in_places(leaf: jax.Array) -> np.ndarray:
        return on_host(leaf).reshape(-1, *leaf.shape[2:])[places].reshape(*shape, *leaf.shape[2:])

    return jax.tree.map(in_places, results)


def _check_types(fn: object, grid: object, mesh: object) -> None:
    if not callable(fn):
        raise TypeError(f"fn must be a function, got {type(fn).__name__}. Pass one that takes the axes by name.")
    if not isinstance(grid, Mapping):
        raise TypeError(f"grid must be a dict of axes by name, got {type(grid).__name__}. Write {{'rate': values}}.")
    if mesh is not None and not isinstance(mesh, Mesh):
        raise TypeError(f"mesh must be a jax.sharding.Mesh, got {type(mesh).__name__}. Make one with jax.make_mesh.")


def _axes(grid: Mapping[str, ArrayLike], keys: Key | None) -> dict[str, jax.Array]:
    axes = dict(grid)
    if keys is not None:
        if "key" in axes:
            raise ValueError("keys must not be given with an axis named key, got both. Pass one of them.")
        if not is_key(keys):
            kind = getattr(keys, "dtype", type(keys).__name__)
            raise TypeError(
                f"keys must be typed random keys, got {kind}. Make them with jax.random.split(jax.random.key(0), n)."
            )
        axes["key"] = keys
    if not axes:
        raise ValueError("grid must have at least one axis, got none. Add one, or pass keys.")
    return {name: _axis(name, values) for name, values in axes.items()}


def _axis(name: str, values: ArrayLike) -> jax.Array:
    try:
        array = values if isinstance(values, jax.Array) else np.asarray(values)
    except ValueError:  # rows of several lengths
        array = np.asarray(None)
    if not is_key(array) and array.dtype.kind in "OSUMm":
        raise TypeError(
            f"axis {name!r} must be an array of numbers, got {array.dtype.name}. Pass a one-dimensional list or array."
        )
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"axis {name!r} must be a list or an array with at least one value, got shape {array.shape}. Add a value."
        )
    with np.errstate(over="ignore"):
        result = jnp.asarray(array)
    if not is_key(array):
        kept = np.isfinite(array) == np.isfinite(result) if array.dtype.kind == "f" else array == np.asarray(result)
        if not np.all(kept):
            raise ValueError(
                f"axis {name!r} must fit {result.dtype}, got values out of its range. Pass smaller ones or enable x64."
            )
    return result


def _check_names(fn: Lane, axes: Mapping[str, jax.Array]) -> None:
    with contextlib.suppress(ValueError):  # some callables have no signature
        signature = inspect.signature(fn)
        try:
            signature.bind(**axes)
        except TypeError as error:
            known, wrong = list(signature.parameters), [name for name in axes if name not in signature.parameters]
            near = difflib.get_close_matches(wrong[0], known, n=1) if wrong else []
            hint = f"Did you mean {near[0]}?" if near else "Name the axes as the arguments of fn."
            raise TypeError(f"fn must take the axes by name, got {', '.join(axes)}: {error}. {hint}") from None


def _costs(order_by: Callable[[dict[str, jax.Array]], Scalar], axes: Mapping[str, jax.Array]) -> np.ndarray:
    shape = tuple(len(values) for values in axes.values())
    indices = np.unravel_index(np.arange(math.prod(shape)), shape)
    points = {name: values[index] for (name, values), index in zip(axes.items(), indices, strict=True)}
    takes, hint = "a dict of the axes' values", "Write lambda point: ..."
    cost = lambda point: called("order_by", order_by, point, takes=takes, hint=hint)
    costs = np.asarray(jax.vmap(cost)(points))
    if costs.shape != indices[0].shape or not np.isfinite(costs).all():
        raise ValueError("order_by must return one finite number per lane, got another shape, NaN or infinity.")
    return costs
