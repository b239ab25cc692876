"""One of two processes of a data-parallel run, for test_distributed: ``... tests.two_processes PORT INDEX FOLDER``."""

import importlib
import sys
from pathlib import Path

import jax
import numpy as np

from gamesolve import checkpoint, distributed


def main(port: str, index: str, folder: str) -> None:
    """Run one of the two processes."""
    jax.config.update("jax_enable_x64", True)
    distributed.initialize(coordinator_address=f"127.0.0.1:{port}", num_processes=2, process_id=int(index))

    # After the processes are connected: it makes arrays.
    eight_devices = importlib.import_module("tests.eight_devices")

    assert jax.process_count() == 2
    mesh = distributed.devices()
    one, many = eight_devices.ends("cgd", "float64", mesh)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
        np.testing.assert_allclose(a, distributed.on_host(b), rtol=0, atol=1e-12)

    # A checkpoint of arrays that are divided between the processes: written once, read by both.
    divided = distributed.shard(np.arange(4.0)[2 * int(index) :][:2], mesh)
    checkpoint.save(folder, 1, {"x": divided}, keep=1)
    print("agrees", flush=True)
    if index == "0":
        assert [path.name for path in Path(folder).iterdir()] == ["checkpoint-0000000001.gs"]
        found = checkpoint.load(folder, lambda step: {"x": jax.ShapeDtypeStruct((4,), np.float64)})
        assert found.tree["x"].tolist() == [0.0, 1.0, 2.0, 3.0]
    jax.distributed.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
