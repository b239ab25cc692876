"""Several devices and several processes: JAX's own runtime, and where to put what.

A data-parallel run keeps the players on every device and divides each batch: the payoff is a mean over the batch, and
XLA divides its work and sums what belongs together, in the linear solves of a step as well.

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


def initialize(**arguments: Any) -> None:
    """Connect the processes of a run: ``jax.distributed.initialize`` and nothing else.

    Call it first, in every process, before anything uses a device. Afterwards ``jax.devices()`` are those of all
    processes. Checkpoints and logs are written by the first process alone.

    Args:
        **arguments: ``coordinator_address``, ``num_processes`` and ``process_id``, which clusters that JAX knows
            provide by themselves, and whatever else `jax.distributed.initialize` takes.
    """
    jax.distributed.initialize(**arguments)


def devices(axis: str = "data") -> Mesh:
    """Return all devices as a mesh of one axis.

    Args:
        axis: its name.
    """
    return implicit(jax.make_mesh((jax.device_count(),), (axis,)))


def implicit(mesh: Mesh) -> Mesh:
    """Return a mesh whose arrays XLA divides as it sees fit; that is what solvers of any kind need.

    Args:
        mesh: of any axes; those of ``jax.make_mesh`` are explicit unless it was told otherwise.
    """
    return Mesh(mesh.devices, mesh.axis_names, axis_types=(AxisType.Auto,) * len(mesh.axis_names))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Put a copy of every array on every device.

    Args:
        tree: pytree of arrays, the same in every process.
        mesh: the devices.

    Returns:
        The tree.
    """
    return jax.device_put(tree, NamedSharding(implicit(mesh), PartitionSpec()))


def shard(tree: Any, mesh: Mesh) -> Any:
    """Divide the leading axis of every array among the devices: a batch, or players too large for one device.

    Args:
        tree: pytree of arrays, in every process the part of its own devices.
        mesh: the devices; the leading axis of each whole array must be a multiple of their number.

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
        sample: the sampler; its draws are the same as without this.
        mesh: the devices; the batch size must be a multiple of their number.

    Returns:
        The sampler.
    """
    return Sharded(sample, implicit(mesh))


def on_host(array: Any) -> np.ndarray:
    """Return a whole array on the host, in every process.

    Args:
        array: the array; where its parts are in several processes, all of them must call this.
    """
    if isinstance(array, jax.Array) and not array.is_fully_addressable and not array.is_fully_replicated:
        from jax.experimental import multihost_utils  # here, because few runs have more than one process

        array = multihost_utils.process_allgather(array, tiled=True)
    return np.asarray(array)


def of_all_processes(number: int, tree: Any) -> list[int]:
    """Return a number as each process has it that takes part in a run, in every one of them.

    Args:
        number: this process' own.
        tree: pytree of arrays; if some are divided among processes or copied to them, all of them must call this.
    """
    if all(leaf.is_fully_addressable for leaf in jax.tree.leaves(tree)):
        return [number]
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(np.asarray(number)).tolist()


@functools.partial(jax.tree_util.register_dataclass, data_fields=["sample"], meta_fields=["mesh"])
@dataclasses.dataclass(frozen=True)
class Sharded:
    """A sampler of divided draws, made by `sharded`."""

    sample: Any
    mesh: Mesh

    def __call__(self, key: jax.Array) -> Any:
        """Return one draw."""
        return self._divided(self.sample(key))

    def at(self, key: jax.Array, t: Any) -> Any:
        """Return the draw of step ``t`` of a run with the random key ``key``."""
        return self._divided(draw_at(self.sample, key, t))

    def _divided(self, batch: Any) -> Any:
        whole = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names))
        for leaf in jax.tree.leaves(batch):
            _check_divides(leaf, self.mesh.size)
        return jax.lax.with_sharding_constraint(batch, jax.tree.map(lambda _: whole, batch))


def _check_divides(leaf: Any, number: int) -> None:
    if np.ndim(leaf) == 0 or np.shape(leaf)[0] % number:
        raise ValueError(
            f"an array of shape {np.shape(leaf)} can't be divided among {number} devices; make its leading axis a "
            "multiple of their number."
        )
