"""How much memory a long run holds: live buffers between chunks, and what the compiled programs ask for."""

import gc
import threading
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.driving import memory, plan

SIZE = 1001  # of an array that nothing else in the tests has
GAME = gs.zero_sum(lambda x, y: jnp.sum(x * y) / SIZE)
NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * jnp.sum(x * y) + jnp.sum(x**2 - y**2))
ADAM = optax.adam(1e-3)  # a carry of players, first and second moments: six arrays
SHARED = {"chunk": 5, "progress": False}


def start():
    return jnp.full(SIZE, 1.0), jnp.full(SIZE, 2.0)


def live():
    """Return how many arrays of the players' shape there are."""
    gc.collect()
    return sum(array.shape == (SIZE,) and not array.is_deleted() for array in jax.live_arrays())


class Watch:
    """A callback that counts arrays while the devices may compute the next chunk."""

    def __init__(self):
        self.before, self.seen = live(), []

    def __call__(self, chunk):
        jax.effects_barrier()
        self.seen.append(live() - self.before)


@pytest.mark.parametrize(("donate", "most"), [(False, 12), (True, 6)], ids=["beside", "in place"])
@pytest.mark.parametrize("resumed", [False, pytest.param(True, marks=pytest.mark.full)])
def test_carries_in_memory(donate, most, resumed, tmp_path):
    options = SHARED | {"donate": donate, "checkpoint": tmp_path if resumed else None, "checkpoint_every": 3}
    players = start()
    if resumed:
        gs.run(GAME, ADAM, players, 15, **options)
    watch = Watch()
    solution = gs.run(GAME, ADAM, players, 40, callbacks=[watch], **options)
    assert max(watch.seen) <= most
    assert min(watch.seen) >= 6
    del solution
    assert live() == watch.before


def test_the_compiled_chunk_takes_over_its_carry():
    options = {"sample": None, "key": None, "record": lambda players, state: players[0][0], "tol": None}
    chunk = plan.checked(GAME, ADAM, length=5, every=5, start=0, num_steps=40, max_norm=None, **options)
    players = start()
    state = chunk.solver.init(players)
    sound = [jnp.array(True)] * 4
    needs = {}
    for name, program in {"beside": memory.beside, "in place": memory.in_place}.items():
        needs[name] = program.lower(chunk, players, state, sound, 0, 5).compile().memory_analysis()
    carry = 6 * SIZE * 4
    if needs["in place"] is None:
        pytest.skip("this backend does not say how much memory a program needs")
    assert needs["beside"].alias_size_in_bytes == 0
    assert needs["in place"].alias_size_in_bytes >= carry
    # Taking over memory must not be paid for by copies inside of the program.
    assert needs["in place"].temp_size_in_bytes <= needs["beside"].temp_size_in_bytes + carry // 6


DRAWN = {"sample": lambda key: jax.random.normal(key, (3,)), "key": jax.random.key(0)}
SOLVERS = {
    "adam": ADAM,
    "average": gs.average(gs.simgd(0.01), 0.9),
    "lookahead": gs.lookahead(gs.simgd(0.01), period=3, alpha=0.5),
    "cgd": gs.cgd(0.01),
    "noise": optax.chain(optax.add_noise(0.1, 0.5, jax.random.key(1)), optax.sgd(0.01)),
}


@pytest.mark.parametrize("options", [{}, {"tol": 1e-9, "max_norm": 1e9}], ids=["fixed", "stopping"])
@pytest.mark.parametrize("name", SOLVERS)
def test_donated_runs_are_the_same_bit_for_bit(name, options, tmp_path):
    solver, players = SOLVERS[name], (jnp.ones(3), jnp.ones(3))
    shared = SHARED | DRAWN | options | {"record": lambda players, state: players[0]}
    expected = gs.run(NOISY, solver, players, 23, **shared)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        donated = gs.run(NOISY, solver, players, 23, donate=True, **shared)
        gs.run(NOISY, solver, players, 12, donate=True, checkpoint=tmp_path, **shared)
        resumed = gs.run(NOISY, solver, players, 23, donate=True, checkpoint=tmp_path, **shared)
    chex.assert_trees_all_equal(donated, expected)
    chex.assert_trees_all_equal(resumed, expected)


def test_arrays_of_the_user_stay_usable():
    x = jnp.ones(3)
    players, state = (x, x), ADAM.init((x, x))
    before = jax.tree.map(np.array, (players, state))
    gs.run(NOISY, ADAM, players, 10, state=state, donate=True, **SHARED | DRAWN)
    chex.assert_trees_all_equal((players, state), before)


def test_a_donated_chunk_is_gone_after_its_callbacks():
    kept, copies = [], []

    def keep(chunk):
        assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((chunk.players, chunk.state)))
        kept.append(chunk.players)
        copies.append(jax.tree.map(np.array, chunk.players))

    solution = gs.run(GAME, ADAM, start(), 15, donate=True, callbacks=[keep], **SHARED)
    with pytest.raises(RuntimeError, match="deleted"):
        np.asarray(kept[0][0])
    ends = [gs.run(GAME, ADAM, start(), steps, **SHARED).players for steps in (5, 10, 15)]
    chex.assert_trees_all_equal(copies, ends)
    chex.assert_trees_all_equal(solution.players, ends[-1])


# x -> x - x^5 from 2: -30, 2.4e7, about -8e36, then not finite.
EXPLODING = gs.general_sum(lambda x: -(x**6) / 6)
LOST = "NaN or infinite before step {}, and donate=True kept none since step {}, whose players are returned"


@pytest.mark.parametrize(("every", "good"), [(None, 0), (1, 2), (2, 0)])
def test_a_donated_run_that_diverges_returns_its_newest_checkpoint(every, good, tmp_path):
    options = {"record": lambda players, state: players[0], "chunk": 2, "progress": False, "donate": True}
    if every is not None:
        options |= {"checkpoint": tmp_path, "checkpoint_every": every}
    ends = {0: 2.0, 2: gs.run(EXPLODING, gs.simgd(1.0), (2.0,), 2, progress=False).players[0]}
    for _ in range(2):  # the same command ends in the same way
        with pytest.warns(UserWarning, match=LOST.format(4, good)):
            solution = gs.run(EXPLODING, gs.simgd(1.0), (2.0,), 60, **options)
        assert (int(solution.steps), int(solution.status)) == (good, gs.Status.DIVERGED)
        assert solution.players[0] == ends[good]
        np.testing.assert_array_equal(np.isfinite(solution.trace), np.arange(60) < 3)


def test_no_thread_is_left_over():
    before = threading.active_count()
    gs.run(GAME, ADAM, start(), 20, donate=True, **SHARED)
    assert threading.active_count() == before
