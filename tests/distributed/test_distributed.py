"""Several devices, several processes: the same numbers as one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import distributed

ROOT = Path(__file__).resolve().parents[2]


def start(module, *arguments, devices=1):
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", f"tests.distributed.{module}", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(*processes):
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(outputs)
    return outputs


def test_a_sweep_on_eight_devices_has_no_collective():
    finish(start("eight_devices", "sweep", devices=8))


@pytest.mark.full
def test_players_divided_among_devices_stay_there():
    finish(start("eight_devices", "players", devices=8))


@pytest.mark.full  # of which the gate has cgd in two processes, below
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_parallel_runs_are_runs(dtype):
    solvers = ["simgd", "conopt", "cgd", "extragradient"]
    (output,) = finish(start("eight_devices", dtype, *solvers, devices=8))
    assert [line.split()[0] for line in output.splitlines() if dtype in line] == solvers


@pytest.mark.full
def test_shard_map_on_eight_devices():
    solvers = ["simgd", "conopt", "cgd", "acgd", "extragradient", "follow_the_ridge"]
    (output,) = finish(start("eight_devices", "shard_map", *solvers, devices=8))
    assert output.split() == solvers


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.full)])
def test_two_processes_agree_with_one(whole, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = [str(tmp_path)] if whole else []
    outputs = finish(*(start("two_processes", port, str(index), *folder) for index in range(2)))
    assert all("agrees" in output for output in outputs)


def test_on_one_device_nothing_changes():
    mesh = distributed.devices()
    game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
    sample = gs.minibatches(jnp.arange(16.0), 8)
    runs = [
        gs.solve(game, gs.cgd(0.1), (1.0, 2.0), 5, sample=each, key=jax.random.key(0)).players
        for each in (sample, distributed.sharded(sample, mesh))
    ]
    np.testing.assert_allclose(*runs, rtol=1e-6)
    whole = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(distributed.shard(whole, mesh), whole)
    assert distributed.replicate(whole, mesh).sharding.is_fully_replicated


def test_what_can_not_be_divided():
    mesh = distributed.devices()
    with pytest.raises(ValueError, match=r"a multiple of the number of devices, got shape \(\) for 1 devices"):
        distributed.shard(1.0, mesh)
