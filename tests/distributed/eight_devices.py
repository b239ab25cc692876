"""Programs on eight emulated devices: ``sweep``, ``players``, ``shard_map SOLVER...`` or ``DTYPE SOLVER...``."""

import re
import sys
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks.measurements.cases import gan
from gamesolve import distributed
from gamesolve.driving import sweep as sweeping
from tests.contract import test_modes

COLLECTIVES = r"all-reduce|all-gather|all-to-all|collective|reduce-scatter"
SOLVERS = {
    "simgd": gs.simgd(0.05),
    "conopt": gs.conopt(0.05, 0.1),
    "cgd": gs.cgd(0.05),
    "extragradient": gs.extragradient(0.05),
}


def lane(learning_rate, gamma):
    game, solver = gs.zero_sum(lambda x, y: x * y), gs.conopt(learning_rate, gamma)
    # Beyond the largest number, rounding decides between infinity and NaN.
    solution = gs.solve(game, solver, (1.0, 1.0), 50, tol=1e-3, max_norm=1e6)
    return solution.players, solution.steps


def check_sweep():
    grid = {"learning_rate": np.geomspace(1e-3, 10, 64), "gamma": np.geomspace(0.1, 10, 64)}
    one = distributed.Mesh(np.array(jax.devices()[:1]), ("lanes",))
    mesh = jax.make_mesh((4, 2), ("a", "b"))  # explicit axes, which are JAX's default
    for options in ({}, {"order_by": lambda point: point["learning_rate"]}, {"lanes_at_once": 100, "mesh": mesh}):
        together, single = gs.sweep(lane, grid, **options), gs.sweep(lane, grid, mesh=one)
        assert together.values[1].shape == (64, 64)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), together.values, single.values)
    axes = tuple(jnp.asarray(values) for values in grid.values())
    arguments = (jax.tree_util.Partial(lane), axes, sweeping.dealt(np.arange(4096), 8, 512))
    mesh = distributed.devices("lanes")
    text = sweeping.program.lower(*arguments, names=tuple(grid), mesh=mesh).compile().as_text()
    assert "num_partitions=8" in text
    assert not re.search(COLLECTIVES, text)
    few = gs.sweep(lane, {"learning_rate": [0.1, 0.2, 0.4], "gamma": [1.0]})  # fewer lanes than devices
    assert few.values[1].tolist() == gs.sweep(lane, few.axes, mesh=one).values[1].tolist()


def end(solver, dtype, mesh, steps=5):
    """Return the players after a run of a GAN: data-parallel on a mesh, or on one device without."""
    case = gan((4, 2), (8, 8), 32, 1)
    cast = lambda tree: jax.tree.map(lambda leaf: np.asarray(leaf, dtype), tree)
    players, batch = cast(case.players), cast(case.data[0])
    batches = [jax.tree.map(lambda leaf, t=t: np.roll(leaf, t, 0) * (1 + t), batch) for t in range(steps)]
    if mesh is not None:
        players = distributed.replicate(players, mesh)
        batches = [distributed.shard(own_part(each), mesh) for each in batches]
    return gs.run(gs.zero_sum(case.payoff), SOLVERS[solver], players, steps, batches=batches, chunk=steps).players


def own_part(batch):
    """Return the examples of this process."""
    count, index = jax.process_count(), jax.process_index()
    return jax.tree.map(lambda leaf: np.split(leaf, count)[index], batch)


def check_parallel(dtype, solvers):
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    for solver in solvers:
        one, many = (end(solver, dtype, mesh) for mesh in (None, distributed.devices()))
        worst = 0.0
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True):
            assert b.dtype == dtype
            worst = max(worst, float(np.max(np.abs(np.asarray(a) - np.asarray(b)))))
        print(solver, dtype, worst, flush=True)
        assert worst <= tolerance, (solver, dtype, worst)


def check_players():
    """Players that are divided themselves: so is their state, all chunks share a program, and going on is exact."""
    mesh = distributed.devices()
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, _, **about: compiled.append(about["fun_name"]) if "backend_compile" in event else None
    )
    game = gs.zero_sum(lambda x, y, b: jnp.mean(b) * jnp.sum(x * y) + jnp.sum(x**2 - y**2))
    players = distributed.shard((np.ones((16, 3), np.float32), np.full((16, 3), 2, np.float32)), mesh)
    options = {"sample": lambda key: jax.random.normal(key, (8,)), "key": jax.random.key(0), "chunk": 4}

    def run(steps, solver, folder=None):
        return gs.run(game, solver, players, steps, checkpoint=folder, **options)

    for solver in (optax.adam(1e-2), gs.cgd(0.1)):
        compiled.clear()
        unbroken = run(12, solver)
        assert compiled.count("jit(_advance)") == 1
        arrays = jax.tree.leaves((unbroken.players, unbroken.state))
        large = [leaf for leaf in arrays if leaf.shape == (16, 3)]
        assert len(large) >= 3
        assert all(leaf.addressable_shards[0].data.shape == (2, 3) for leaf in large)
        with tempfile.TemporaryDirectory() as folder:
            run(8, solver, folder)
            resumed = run(12, solver, folder)
        jax.tree.map(np.testing.assert_array_equal, resumed, unbroken)
        assert compiled.count("jit(_advance)") == 1
        whole = tuple(jnp.asarray(distributed.on_host(player)) for player in players)
        one = gs.run(game, solver, whole, 12, **options)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), one.players, unbroken.players)


def check_shard_map(solvers):
    for solver in solvers:
        test_modes.test_shard_map_takes_the_same_step(solver)
        print(solver, flush=True)


if __name__ == "__main__":
    what, *solvers = sys.argv[1:]
    assert jax.device_count() == 8
    if what == "sweep":
        check_sweep()
    elif what == "players":
        check_players()
    elif what == "shard_map":
        check_shard_map(solvers)
    else:
        jax.config.update("jax_enable_x64", what == "float64")
        check_parallel(what, solvers)
