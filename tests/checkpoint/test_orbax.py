"""Checkpoints through orbax: the same promises as those in files, each process with its own part of the arrays."""

import threading
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.checkpoint import orbax

NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y + x**2 - y**2)
START = (jnp.float32(1.0), jnp.float32(2.0))


RECORD = lambda players, state: players[0]


def draw(key):
    return jax.random.normal(key, (3,))


def run(store, steps=30, **options):
    shared = {"sample": draw, "key": jax.random.key(0), "record": RECORD, "every": 2, "chunk": 10}
    return gs.run(NOISY, gs.ogda(0.05), START, steps, checkpoint=store, **(shared | options))


def steps_of(path):
    return sorted(int(entry.name) for entry in path.iterdir() if entry.name.isdigit())


def test_going_on_gives_the_same_bits(tmp_path):
    store, unbroken = orbax.Folder(tmp_path, keep=2), run(None)
    for steps in (10, 20, 30, 30):
        resumed = run(store, steps)
    chex.assert_trees_all_equal(resumed, unbroken)
    assert steps_of(tmp_path) == [20, 30]


def test_every_kind_of_array_comes_back(tmp_path):
    tree = {"half": jnp.arange(3, dtype=jnp.bfloat16) / 3, "key": jax.random.key(7), "none": np.zeros((0, 3))}
    store = orbax.Folder(tmp_path)
    store.save(5, tree, {"note": "x"})
    found = store.load(lambda step: tree, {"note": "x"})
    assert (found.step, found.about) == (5, {"note": "x"})
    assert jax.random.key_data(found.tree["key"]).tolist() == jax.random.key_data(tree["key"]).tolist()
    assert found.tree["half"].dtype == jnp.bfloat16
    assert found.tree["half"].tolist() == tree["half"].tolist()
    assert found.tree["none"].shape == (0, 3)


def test_a_damaged_checkpoint_is_refused_and_the_one_before_used(tmp_path):
    store, unbroken = orbax.Folder(tmp_path), run(None)
    run(store)
    for path in (tmp_path / "30").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-7])
    with pytest.warns(UserWarning, match=r"checkpoint 30 is damaged or cut short\. checkpoint 20 is"):
        chex.assert_trees_all_equal(run(store), unbroken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(store)  # the damaged one has been written anew


def test_only_a_save_clears_up_what_a_kill_has_left(tmp_path):
    left = tmp_path / "7.orbax-checkpoint-tmp"
    store = orbax.Folder(tmp_path)
    store.save(5, {"x": START[0]}, {})
    left.mkdir()
    threads = set(threading.enumerate())
    assert store.load(lambda step: {"x": START[0]}, {}).step == 5
    for thread in set(threading.enumerate()) - threads:
        thread.join(1)
    assert left.exists()
    store.save(6, {"x": START[0]}, {})
    assert not left.exists()


def test_checkpoints_of_another_run_are_refused(tmp_path):
    run(orbax.Folder(tmp_path), 10)
    with pytest.raises(ValueError, match="checkpoint 10 was written with chunk=10, but this run has"):
        run(orbax.Folder(tmp_path), 10, chunk=2)


def test_a_full_disk_is_a_warning(tmp_path, monkeypatch):
    from orbax.checkpoint import CheckpointManager

    store, real = orbax.Folder(tmp_path), CheckpointManager.save

    def full(self, step, **kwargs):
        if step > 10:
            raise ValueError("RESOURCE_EXHAUSTED: no space left on device")
        return real(self, step, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointManager, "save", full)
        with pytest.warns(UserWarning, match=r"of step \d+ was not written \(RESOURCE_EXHAUSTED"):
            solution = run(store)
    assert steps_of(tmp_path) == [10]
    chex.assert_trees_all_equal(run(store), solution)


def test_without_orbax(monkeypatch):
    monkeypatch.setattr(orbax.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"needs orbax-checkpoint\. Install it with pip install .*\[orbax\]'"):
        orbax.Folder("unused")
