"""Sweeps: every lane is the run that one would make alone, in its place, whatever the others do."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.driving import sweep as module

XY = gs.zero_sum(lambda x, y: x * y)
GRID = {"learning_rate": [0.1, 0.2, 0.4], "gamma": np.array([0.5, 1.0])}


def end(learning_rate, gamma):
    solution = gs.solve(XY, gs.conopt(learning_rate, gamma), (1.0, 2.0), 20)
    return {"players": jnp.stack(solution.players), "status": solution.status, "point": (learning_rate, gamma)}


def alone(grid):
    rows = [[end(jnp.float32(a), jnp.float32(b)) for b in grid["gamma"]] for a in grid["learning_rate"]]
    stack = lambda parts: jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
    return stack([stack(row) for row in rows])


@pytest.mark.parametrize("lanes_at_once", [None, 1, 4, 100])
@pytest.mark.parametrize("order_by", [None, lambda point: -point["gamma"] * point["learning_rate"]])
def test_lanes_are_single_runs_in_their_places(lanes_at_once, order_by):
    table = gs.sweep(end, GRID, lanes_at_once=lanes_at_once, order_by=order_by)
    chex.assert_trees_all_close(table.values, alone(GRID), rtol=1e-5)
    np.testing.assert_allclose(table.values["point"][0][:, 1], GRID["learning_rate"])
    np.testing.assert_allclose(table.values["point"][1][2], GRID["gamma"])
    assert list(table.axes) == ["learning_rate", "gamma"]


def test_the_axes_keep_their_order_whatever_their_names():
    table = gs.sweep(lambda z, a: 10 * z + a, {"z": [1, 2, 3], "a": [4, 5]})
    assert table.values.tolist() == [[14, 15], [24, 25], [34, 35]]


def test_seeds_are_an_axis():
    keys = jax.random.split(jax.random.key(0), 4)
    table = gs.sweep(lambda scale, key: scale * jax.random.normal(key), {"scale": [1.0, 2.0]}, keys=keys)
    one = jax.vmap(jax.random.normal)(keys)
    np.testing.assert_allclose(table.values, np.stack([one, 2 * one]), rtol=1e-6)
    assert table.axes["key"].dtype == keys.dtype
    assert table.to_dataframe()["key"].tolist() == [0, 1, 2, 3] * 2


def test_starts_are_an_axis():
    starts = np.arange(6.0).reshape(3, 2)
    table = gs.sweep(lambda start: start.sum(), {"start": starts})
    assert table.values.tolist() == [1.0, 5.0, 9.0]


def test_values_are_told_apart():
    """Neighbours that differ by less than rounding of a float, keys and whole rows of an axis."""
    seeds, starts = [1_000_000, 1_000_001], np.arange(6.0).reshape(3, 2)
    keys = jax.random.split(jax.random.key(0), 2)
    table = gs.sweep(lambda seed, start, key: seed % 10 + start[0], {"seed": seeds, "start": starts}, keys=keys)
    for seed in (0, 1):
        part = table.select(seed=seeds[seed], key=keys[1])
        assert part.values.tolist() == [seed, seed + 2.0, seed + 4.0]
        assert part.select(start=starts[1]).values == seed + 2.0
    with pytest.raises(ValueError, match=r"start must be a value of its axis, got 1\.0"):
        table.select(start=1.0)
    near = gs.Table({"rate": np.array([0.1, 0.1 + 1e-8, 0.2])}, np.arange(3))
    assert [int(near.select(rate=rate).values) for rate in near.axes["rate"]] == [0, 1, 2]


def test_lanes_that_diverge_or_finish_leave_the_others_alone():
    """ConOpt on xy is stable for rates below 2 gamma / (1 + gamma^2) = 1."""
    run = lambda rate: gs.solve(XY, gs.conopt(rate, 1.0), (1.0, 1.0), 3000, tol=1e-4)
    grid = {"rate": [0.5, 1e3, 0.01, 0.25]}
    together = gs.sweep(lambda rate: run(rate), grid).values
    S = gs.Status
    assert together.status.tolist() == [S.CONVERGED, S.DIVERGED, S.CONVERGED, S.CONVERGED]
    for lane, rate in enumerate(grid["rate"]):
        one = run(jnp.float32(rate))
        assert together.steps[lane] == one.steps
        np.testing.assert_allclose([player[lane] for player in together.players], one.players, rtol=1e-4, atol=1e-7)


def test_a_diverged_lane_does_not_keep_an_inner_solve_going():
    game = gs.games.random_quadratic(jax.random.key(0), (4, 4), zero_sum=True)

    def iterations(rate):
        count = lambda players, state: optax.tree.get(state, "iterations")
        solution = gs.solve(game, gs.cgd(rate), game.start, 30, record=count)
        return solution.trace, solution.status

    spent, status = gs.sweep(iterations, {"rate": [0.1, jnp.nan]}).values
    assert status.tolist() == [gs.Status.BUDGET, gs.Status.DIVERGED]
    assert spent[1].max() <= spent[0].max()


def test_one_program_serves_other_values():
    traces = []

    def lane(rate):
        traces.append(1)
        return gs.solve(XY, gs.simgd(rate), (1.0, 1.0), 3).players

    for scale in (1, 2, 3):
        gs.sweep(lane, {"rate": np.linspace(0, scale, 7, dtype=np.float32)}, lanes_at_once=3)
    assert len(traces) == 1


def test_groups_bound_the_memory():
    """Each lane needs a buffer of its own; groups of 4 need a sixteenth of what all 64 lanes need."""

    def lane(rate):
        return jnp.linalg.norm(jax.lax.fori_loop(0, 3, lambda _, z: jnp.sin(z) * rate, jnp.ones(10_000) * rate))

    def memory(width):
        dealt = module.dealt(np.arange(64), 1, width)
        axes = (jnp.linspace(0, 1, 64),)
        lowered = module.program.lower(jax.tree_util.Partial(lane), axes, dealt, names=("rate",), mesh=None)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert memory(4) * 8 < memory(64)


@pytest.mark.parametrize(("total", "devices", "width"), [(10, 1, 10), (10, 1, 3), (10, 4, 1), (4096, 8, 16), (5, 8, 1)])
def test_dealing(total, devices, width):
    lanes = np.random.default_rng(0).permutation(total)
    dealt = module.dealt(lanes, devices, width)
    assert dealt.shape[1] == width
    assert len(dealt) % devices == 0
    assert dealt.size < total + devices * width
    assert set(dealt.ravel()) == set(range(total))
    first_round = dealt.reshape(devices, -1, width)[:, 0].ravel()  # one group for each device, the cheapest first
    assert first_round[:total].tolist() == lanes[: devices * width].tolist()


def test_tables():
    table = gs.sweep(end, GRID)
    part = table.select(gamma=1.0)
    assert list(part.axes) == ["learning_rate"]
    np.testing.assert_array_equal(part.values["players"], table.values["players"][:, 1])
    assert table.select(learning_rate=0.4, gamma=0.5).values["status"].shape == ()
    frame = table.to_dataframe()
    assert " ".join(frame.columns) == "learning_rate gamma players[0] players[1] point/0 point/1 status"
    assert len(frame) == 6
    np.testing.assert_allclose(frame["learning_rate"], frame["point/0"])
    with pytest.raises(ValueError, match=r"select must name an axis, got 'lr'\. Choose from learning_rate, gamma"):
        table.select(lr=0.1)
    with pytest.raises(ValueError, match=r"gamma must be a value of its axis, got 0\.7"):
        table.select(gamma=0.7)
