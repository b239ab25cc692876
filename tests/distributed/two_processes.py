"""One of two processes of a data-parallel run, for test_distributed: ``PORT INDEX [FOLDER]``."""

import importlib
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import checkpoint, distributed
from gamesolve.checkpoint import orbax


def check_agreement(mesh):
    """Data-parallel CGD on a GAN goes where one process goes."""
    # Imported when the processes are connected: it makes arrays.
    eight_devices = importlib.import_module("tests.distributed.eight_devices")
    many = jax.tree.map(distributed.on_host, eight_devices.end("cgd", "float64", mesh))
    if jax.process_index() == 0:
        one = eight_devices.end("cgd", "float64", None)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-12), one, many)


def check_going_on(mesh, folder):
    """Players divided between the processes are written once or part by part, and the run goes on bit for bit."""
    index = jax.process_index()
    game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * jnp.sum(x * y) + jnp.sum(x**2 - y**2))
    players = distributed.shard((np.arange(4.0)[2 * index :][:2], np.ones(2)), mesh)
    sample = distributed.sharded(gs.minibatches(np.arange(8.0) / 8, 4), mesh)
    options = {"sample": sample, "key": jax.random.key(0), "chunk": 4, "record": lambda z, _: jnp.sum(z[0])}
    run = lambda steps, store: gs.run(game, gs.cgd(0.1), players, steps, checkpoint=store, **options)
    unbroken = jax.tree.map(distributed.on_host, run(12, None))
    for store in (folder / "files", orbax.Folder(folder / "orbax")):
        run(8, store)
        resumed = jax.tree.map(distributed.on_host, run(12, store))
        jax.tree.map(np.testing.assert_array_equal, resumed, unbroken)
    with pytest.raises(
        ValueError, match=r"all processes must find the same checkpoint, got steps \[12, 0\]. Use a folder that all"
    ):
        run(12, folder / ("files" if index == 0 else "elsewhere"))
    found = checkpoint.found(folder / "files")
    assert [step for step, _ in found] == [12, 8, 4]


def check_sweep():
    """The lanes of a sweep are shared by the processes, and all of them get the whole table."""
    game = gs.zero_sum(lambda x, y: x * y)
    lane = lambda rate: gs.solve(game, gs.conopt(rate, 1.0), (1.0, 1.0), 20).players[0]
    rates = np.linspace(0.1, 0.5, 7)
    values = gs.sweep(lane, {"rate": rates}).values
    np.testing.assert_allclose(values, jax.vmap(lane)(rates), rtol=1e-12)


def main(port: str, index: str, folder: str = "") -> None:
    """Run one of the two processes; without a folder only the run itself."""
    jax.config.update("jax_enable_x64", True)
    distributed.initialize(coordinator_address=f"127.0.0.1:{port}", num_processes=2, process_id=int(index))
    assert jax.process_count() == 2
    mesh = distributed.devices()
    check_agreement(mesh)
    if folder:
        check_going_on(mesh, Path(folder))
        check_sweep()
    print("agrees", flush=True)
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
