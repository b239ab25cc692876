"""Several devices and several processes: connecting them, and placing arrays on them.

A data-parallel run keeps the players on every device and divides each batch. The payoff is a mean over the batch, so
XLA divides the work and sums the results, also inside the linear solves of a step.

>>> import jax, jax.numpy as jnp, gamesolve as gs
>>> from gamesolve import distributed
>>> mesh = distributed.devices()
>>> game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
>>> sample = distributed.sharded(gs.minibatches(jnp.arange(16.0), 8), mesh)
>>> players = distributed.replicate((jnp.float32(1), jnp.float32(1)), mesh)
>>> gs.run(game, gs.cgd(0.1), players, 10, sample=sample, key=jax.random.key(0)).steps.item()
10
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from gamesolve.sampling.samplers import Sampler, draw_at
from gamesolve.trees import Batch, Key, PyTree, Scalar
from gamesolve.trees.faces import shown


def initialize(**arguments: Any) -> None:
    """Connect the processes of a run; this calls ``jax.distributed.initialize`` and does nothing else.

    Call it first in every process, before anything uses a device. Afterwards ``jax.devices()`` lists the devices of all
    processes. Only the first process writes checkpoints and logs.

    Args:
        **arguments: ``coordinator_address``, ``num_processes``, ``process_id`` and any other argument of
            `jax.distributed.initialize`. JAX finds the first three itself on clusters that it knows.
    """
    jax.distributed.initialize(**arguments)


def devices(axis: str = "data") -> Mesh:
    """Return all devices as a mesh of one axis.

    Args:
        axis: name of the axis. Default: ``"data"``.

    Returns:
        The mesh.

    Example:
        >>> import jax
        >>> from gamesolve import distributed
        >>> distributed.devices().size == jax.device_count()
        True
    """
    return implicit(jax.make_mesh((jax.device_count(),), (axis,)))


def implicit(mesh: Mesh) -> Mesh:
    """Return a mesh whose axes are automatic: XLA decides how to divide arrays, which solvers of any kind need.

    Args:
        mesh: a mesh with any axes; those of ``jax.make_mesh`` are explicit by default.

    Returns:
        The mesh.

    Example:
        >>> import jax
        >>> from gamesolve import distributed
        >>> distributed.implicit(jax.make_mesh((jax.device_count(),), ("data",))).axis_types[0].name
        'Auto'
    """
    return Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))


def replicate(tree: PyTree, mesh: Mesh) -> PyTree:
    """Put a copy of every array on every device.

    Args:
        tree: pytree of arrays, the same in every process.
        mesh: the devices.

    Returns:
        The tree.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import distributed
        >>> distributed.replicate(jnp.ones(3), distributed.devices()).is_fully_replicated
        True
    """
    return jax.device_put(tree, NamedSharding(implicit(mesh), PartitionSpec()))


def shard(tree: PyTree, mesh: Mesh) -> PyTree:
    """Divide the leading axis of every array among the devices: a batch, or players too large for one device.

    Args:
        tree: pytree of arrays; each process passes the part of its own devices.
        mesh: the devices; their number must divide the leading axis of each whole array.

    Returns:
        The tree.

    Example:
        >>> import numpy as np
        >>> from gamesolve import distributed
        >>> mesh = distributed.devices()
        >>> distributed.shard(np.zeros((mesh.size, 2)), mesh).shape == (mesh.size, 2)
        True
    """
    whole = NamedSharding(implicit(mesh), PartitionSpec(mesh.axis_names))
    own = len(whole.addressable_devices)
    for leaf in jax.tree.leaves(tree):
        _check_divides(leaf, own)
    return jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(whole, np.asarray(leaf)), tree)


def sharded(sample: Sampler, mesh: Mesh) -> Sampler:
    """Make a sampler whose draws are divided among devices, each along its leading axis.

    Args:
        sample: the sampler; its draws do not change.
        mesh: the devices; their number must divide the batch size.

    Returns:
        The sampler.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import distributed
        >>> sample = gs.minibatches(jnp.arange(16.0), 8)
        >>> distributed.sharded(sample, distributed.devices())(jax.random.key(0)).shape
        (8,)
    """
    return Sharded(sample, implicit(mesh))


def on_host(array: jax.typing.ArrayLike) -> np.ndarray:
    """Return a whole array on the host, in every process.

    Args:
        array: the array; if its parts are in several processes, all of them must call this.

    Returns:
        A NumPy array.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import distributed
        >>> distributed.on_host(distributed.replicate(jnp.ones(3), distributed.devices()))
        array([1., 1., 1.], dtype=float32)
    """
    if isinstance(array, jax.Array) and not array.is_fully_addressable and not array.is_fully_replicated:
        from jax.experimental import multihost_utils  # here, because few runs have several processes

        array = multihost_utils.process_allgather(array, tiled=True)
    return np.asarray(array)


def of_all_processes(number: int, tree: PyTree) -> list[int]:
    """Return the numbers of all processes that take part in a run, in every one of them.

    Args:
        number: the number of this process.
        tree: pytree of arrays of the run, or of their shapes with shardings; if some are divided among processes or
            copied to them, all must call this.

    Returns:
        The numbers of the processes.
    """
    if all(leaf.sharding.is_fully_addressable for leaf in jax.tree.leaves(tree)):
        return [number]
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.asarray(number)).tolist()


@shown()
@functools.partial(jax.tree_util.register_dataclass, data_fields=["sample"], meta_fields=["mesh"])
@dataclasses.dataclass(frozen=True)
class Sharded:
    """A sampler of divided draws, made by `sharded`."""

    sample: Sampler
    mesh: Mesh

    def __call__(self, key: Key) -> Batch:
        """Return one draw."""
        return self._divided(self.sample(key))

    def at(self, key: Key, t: Scalar) -> Batch:
        """Return the draw of step ``t`` of a run with the random key ``key``."""
        return self._divided(draw_at(self.sample, key, t))

    def _divided(self, batch: Batch) -> Batch:
        whole = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names))
        for leaf in jax.tree.leaves(batch):
            _check_divides(leaf, self.mesh.size)
        return jax.lax.with_sharding_constraint(batch, jax.tree.map(lambda _: whole, batch))


def _check_divides(leaf: jax.typing.ArrayLike, number: int) -> None:
    if np.ndim(leaf) == 0 or np.shape(leaf)[0] % number:
        raise ValueError(
            "the leading axis of each array must be a multiple of the number of devices, got shape "
            f"{np.shape(leaf)} for {number} devices. Pad or cut it."
        )
