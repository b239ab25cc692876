"""Checkpoints: exact, atomic, and refused in a sentence when something is wrong with them."""

import itertools
import os
import warnings
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import checkpoint

NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y + x**2 - y**2)
START = (jnp.float32(1.0), jnp.float32(2.0))
RECORD = lambda players, state: players[0]


def draw(key):
    return jax.random.normal(key, (3,))


def run(folder, steps=60, **options):
    shared = {"sample": draw, "key": jax.random.key(0), "record": RECORD, "every": 2, "chunk": 10, "progress": False}
    return gs.run(NOISY, gs.acgd(0.05), START, steps, checkpoint=folder, **(shared | options))


def shapes(tree):
    return lambda step: jax.eval_shape(lambda: tree)


TREE = {
    "half": jnp.arange(3, dtype=jnp.bfloat16) / 3,
    "key": jax.random.key(7),
    "keys": jax.random.split(jax.random.key(7, impl="rbg"), 2),
    "flag": jnp.array([True, False]),
    "count": jnp.int32(5),
    "nested": [jnp.zeros((0, 3)), (jnp.full((2, 2), jnp.nan),)],
}


def test_every_kind_of_array_comes_back(tmp_path, x64):
    tree = TREE | {"double": jnp.array([1 / 3, -0.0])}
    checkpoint.save(tmp_path, 12, tree, {"note": "x"})
    found = checkpoint.load(tmp_path, shapes(tree))
    assert (found.step, found.about) == (12, {"note": "x"})
    data = lambda leaf: jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    assert found.tree["key"].dtype == tree["key"].dtype
    assert found.tree["keys"].dtype == tree["keys"].dtype
    for before, after in zip(jax.tree.leaves(tree), jax.tree.leaves(found.tree), strict=True):
        assert np.asarray(data(before)).tobytes() == np.asarray(data(after)).tobytes()
        assert before.dtype == after.dtype


def test_arrays_of_another_byte_order_come_back(tmp_path):
    checkpoint.save(tmp_path, np.int64(3), {"x": np.array([1.0, 2.0], ">f4"), "y": np.ones((2, 3), order="F")})
    like = {"x": np.zeros(2, np.float32), "y": np.zeros((2, 3))}
    assert checkpoint.load(tmp_path, lambda step: like).tree["x"].tolist() == [1.0, 2.0]


def test_what_can_not_be_kept_is_said_before_anything_is_deleted(tmp_path):
    checkpoint.save(tmp_path, 1, TREE)
    for step, tree, keep in ((-1, TREE, 3), (2, {"x": object()}, 3), (2, TREE, 0)):
        with pytest.raises((ValueError, TypeError)):
            checkpoint.save(tmp_path, step, tree, keep=keep)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-0000000001.gs"]


def test_a_checkpoint_of_ones_own_is_no_run(tmp_path):
    checkpoint.save(tmp_path, 10, {"x": jnp.ones(2)})
    with pytest.raises(ValueError, match="was written with start=None, but this run has start=0"):
        run(tmp_path)


def test_the_newest_are_kept(tmp_path):
    for step in range(5):
        checkpoint.save(tmp_path, step, TREE, keep=2)
    assert [step for step, _ in checkpoint.found(tmp_path)] == [4, 3]


def test_going_on_gives_the_same_bits(tmp_path):
    unbroken = run(None)
    for steps in (10, 20, 50, 60):
        resumed = run(tmp_path, steps)
    chex.assert_trees_all_equal(resumed, unbroken)
    again = run(tmp_path)
    chex.assert_trees_all_equal(again, unbroken)
    assert len(checkpoint.found(tmp_path)) == 3


def test_a_larger_number_of_steps_prolongs_a_run_that_ended_within_a_chunk(tmp_path):
    run(tmp_path, 14)
    chex.assert_trees_all_equal(run(tmp_path, 60), run(None, 60))


def test_checkpoints_are_written_every_few_chunks_and_at_the_end(tmp_path):
    steps = []
    watch = lambda chunk: steps.append([step for step, _ in checkpoint.found(tmp_path)])
    run(tmp_path, 70, checkpoint_every=3, callbacks=[watch])
    assert steps == [[], [], [], [30], [30], [30], [60, 30]]
    assert [step for step, _ in checkpoint.found(tmp_path)] == [70, 60, 30]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The bytes of three checkpoints of a run, and where it ends."""
    folder = tmp_path_factory.mktemp("written")
    solution = run(folder)
    return {path.name: path.read_bytes() for _, path in checkpoint.found(folder)}, solution


def restore(files, folder):
    for name, content in files.items():
        (folder / name).write_bytes(content)


NEWEST, SECOND = "checkpoint-0000000060.gs", "checkpoint-0000000050.gs"
DAMAGES = {
    "empty": (lambda content: b"", "is not a checkpoint of this version"),
    "foreign": (lambda content: b"\x89PNG" + content, "is not a checkpoint of this version"),
    "cut in its header": (lambda content: content[:40], "is damaged or cut short"),
    "cut at its end": (lambda content: content[:-1], "is damaged or cut short"),
    "longer": (lambda content: content + b"\0", "is damaged or cut short"),
    "one bit": (lambda content: content[:-9] + bytes([content[-9] ^ 4]) + content[-8:], "is damaged or cut short"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_and_the_one_before_used(name, written, tmp_path):
    damage, reason = DAMAGES[name]
    files, solution = written
    restore(files | {NEWEST: damage(files[NEWEST])}, tmp_path)
    with pytest.warns(UserWarning, match=rf"{NEWEST} {reason}.*\. {SECOND} is used instead"):
        chex.assert_trees_all_equal(run(tmp_path), solution)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path)  # the damaged one has been written anew


def test_no_usable_checkpoint_is_an_error(written, tmp_path):
    restore(dict.fromkeys(written[0], b"nothing"), tmp_path)
    with pytest.raises(ValueError, match=rf"No usable checkpoint in .*: {NEWEST} is not a check.*; older ones are"):
        run(tmp_path)


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".checkpoint-0000000010.gs.1.tmp").write_bytes(b"a kill left this")
    run(tmp_path, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-0000000010.gs",
        "checkpoint-0000000020.gs",
        "notes.txt",
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"chunk": 20}, "was written with chunk=10, but this run has chunk=20"),
        ({"every": 5}, "was written with every=2, but this run has every=5"),
        ({"start": 2}, "was written with start=0, but this run has start=2"),
        ({"key": jax.random.key(1)}, "was written with key=.*, but this run has key="),
        ({"record": None}, "holds .* arrays, but this run has .*, and they differ in 'rows'"),
        (
            {"record": lambda z, _: jnp.stack(z)},
            r"rows as float32 of shape \(30,\), but this run has .* \(30, 2\)",
        ),
        (
            {"steps": 40},
            "num_steps must reach the newest checkpoint, at step 60, got an end at step 40. Ask for more steps",
        ),
    ],
)
def test_checkpoints_of_another_run_are_refused(written, tmp_path, options, reason):
    restore(written[0], tmp_path)
    with pytest.raises(ValueError, match=reason):
        run(tmp_path, **options)


def test_other_players_and_solvers_are_refused(written, tmp_path):
    restore(written[0], tmp_path)
    shared = {"sample": draw, "key": jax.random.key(0), "record": RECORD, "every": 2, "chunk": 10}
    with pytest.raises(ValueError, match=r"holds \d+ arrays, but this run has \d+, and they differ in 'state"):
        gs.run(NOISY, gs.ogda(0.05), START, 60, checkpoint=tmp_path, **shared)
    wide = gs.zero_sum(lambda x, y, batch: jnp.sum(x * y))
    with pytest.raises(ValueError, match=r"players/0 as float32 of shape \(\), but this run has float32 .* \(4,\)"):
        gs.run(wide, gs.acgd(0.05), (jnp.ones(4), jnp.ones(4)), 60, checkpoint=tmp_path, **shared)


def test_doubles_are_not_read_as_floats(tmp_path):
    with jax.enable_x64(True):
        checkpoint.save(tmp_path, 1, {"x": jnp.ones(2)})
    with pytest.raises(ValueError, match=r"x as float64 of shape \(2,\), but this run has float32"):
        checkpoint.load(tmp_path, shapes({"x": jnp.ones(2)}))


@pytest.mark.parametrize(("owner", "failing", "good"), [(Path, "open", 2), (os, "fsync", 4), (Path, "replace", 2)])
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, owner, failing, good):
    """From the third checkpoint on nothing can be written: the run goes on and the first two stay."""
    calls, real = itertools.count(), getattr(owner, failing)

    def full(what, *args, **kwargs):
        if (failing != "open" or what.suffix == ".tmp") and next(calls) >= good:
            raise OSError(28, "No space left on device")
        return real(what, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(owner, failing, full)
        with pytest.warns(
            UserWarning, match=r"step \d+ was not written \(No space left on device\)\. The run continues"
        ):
            solution = run(tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["checkpoint-0000000010.gs", SECOND.replace("5", "2")]
    chex.assert_trees_all_equal(solution, run(None))
    chex.assert_trees_all_equal(run(tmp_path), solution)


def test_a_run_that_diverged_is_looked_at_again(tmp_path):
    game = gs.general_sum(lambda x: -(x**6) / 6)
    options = {"chunk": 10, "checkpoint": tmp_path, "record": lambda z, _: z[0], "every": 2, "progress": False}
    first, second = (gs.run(game, gs.simgd(1.0), (2.0,), 60, **options) for _ in range(2))
    chex.assert_trees_all_equal(first, second)
    assert (int(first.steps), int(first.status)) == (3, gs.Status.DIVERGED)


def test_anything_with_save_and_load_keeps_checkpoints():
    class Memory:
        def __init__(self):
            self.saved = None

        def save(self, step, tree, about):
            self.saved = checkpoint.Checkpoint(step, tree, about)

        def load(self, template, expected):
            return self.saved

    memory = Memory()
    run(memory, 30)
    assert (memory.saved.step, memory.saved.about["status"]) == (30, gs.Status.BUDGET.name)
    chex.assert_trees_all_equal(run(memory, 60), run(None, 60))
