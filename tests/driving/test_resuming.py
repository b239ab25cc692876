"""Resumed runs: bit for bit with every solver, and an error for each way in which the run is another one."""

import functools
import warnings

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import checkpoint, registry
from gamesolve.checkpoint import manifest
from gamesolve.driving import identity

START = (jnp.float32(1.0), jnp.float32(2.0))
NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y + x**2 - y**2)
FAMILIES = {entry.family: name for name, entry in registry.SOLVERS.items()}
QUADRATIC = gs.zero_sum(lambda x, y: jnp.sum(x * y) + jnp.sum(x**2 - y**2))


def scaled(factor, power=2):
    return gs.zero_sum(lambda x, y: factor * x * y + x**power - y**2)


def first_player(players, state):
    return players[0]


def run(folder, steps=20, game=None, solver=None, **options):
    shared = {"record": first_player, "chunk": 10, "checkpoint": folder, "progress": False} | options
    return gs.run(game or scaled(1.0), solver or gs.simgd(0.1), START, steps, **shared)


@pytest.mark.parametrize(
    "name",
    [name if name in FAMILIES.values() else pytest.param(name, marks=pytest.mark.full) for name in registry.SOLVERS],
)
def test_every_solver_resumes_bit_for_bit(name, tmp_path):
    players = (jnp.array([1.0, 0.5]), jnp.array([-0.5, 1.0]))
    go = functools.partial(gs.run, QUADRATIC, registry.SOLVERS[name].build(0.05), players, chunk=3, progress=False)
    go(7, checkpoint=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resumed = go(11, checkpoint=tmp_path)
    chex.assert_trees_all_equal(resumed, go(11))


def test_the_state_of_every_solver_comes_back(tmp_path):
    players = (jnp.array([1.0, 0.5]), jnp.array([-0.5, 1.0]))
    for step, entry in enumerate(registry.SOLVERS.values()):
        state = jax.tree.map(jnp.asarray, entry.build(0.1).init(players))
        checkpoint.save(tmp_path, step, state)
        found = checkpoint.load(tmp_path, lambda step, state=state: jax.eval_shape(lambda: state))
        assert found.step == step
        chex.assert_trees_all_equal(found.tree, state)
        chex.assert_trees_all_equal_dtypes(found.tree, state)


def other_record(players, state):
    return players[1]


def draw(key):
    return jax.random.normal(key, (3,))


def other_draw(key):
    return jax.random.uniform(key, (3,))


NOISE = {"game": NOISY, "sample": draw, "key": jax.random.key(0)}
ROWS = np.arange(6, dtype=np.float32)
OTHERS = {
    "payoffs": ({}, {"game": gs.zero_sum(lambda x, y: 2 * x * y)}, "game"),
    "a number in a closure": ({}, {"game": scaled(2.0)}, "game"),
    "a function in a closure": (
        {"game": gs.zero_sum(lambda x, y, f=jnp.sin: f(x) * y)},
        {"game": gs.zero_sum(lambda x, y, f=jnp.cos: f(x) * y)},
        "game",
    ),
    "a compiled function": (
        {"game": gs.zero_sum(jax.jit(lambda x, y: x * y))},
        {"game": gs.zero_sum(jax.jit(lambda x, y: x * y * y))},
        "game",
    ),
    "signs": (
        {"game": gs.general_sum(lambda x, y: x * y, lambda x, y: -x * y)},
        {"game": gs.from_losses(lambda x, y: x * y, lambda x, y: -x * y)},
        "game",
    ),
    "constants": (
        {"game": gs.zero_sum(lambda x, y, a: a * x * y, constants=(1.0,))},
        {"game": gs.zero_sum(lambda x, y, a: a * x * y, constants=(2.0,))},
        "game",
    ),
    "bound data": ({"game": NOISY.bind(ROWS)}, {"game": NOISY.bind(2 * ROWS)}, "game"),
    "a solver": ({}, {"solver": gs.altgd(0.1)}, "solver"),
    "an optax solver": ({"solver": optax.sgd(0.1)}, {"solver": optax.chain(optax.clip(1.0), optax.sgd(0.1))}, "solver"),
    "a record": ({}, {"record": other_record}, "record"),
    "a sampler": (NOISE, NOISE | {"sample": other_draw}, "data"),
    "a data set": (
        NOISE | {"sample": gs.minibatches(ROWS, 3)},
        NOISE | {"sample": gs.minibatches(ROWS + 1, 3)},
        "data",
    ),
}
SAME = {
    "a larger number of steps": ({}, {"steps": 40}),
    "another step size": ({}, {"solver": gs.simgd(0.2)}),
    "another step size of optax": ({"solver": optax.adam(0.1)}, {"solver": optax.adam(0.2)}),
    "another function of the same code": ({"game": scaled(1.0)}, {"game": scaled(1.0)}),
    "constants of another device": (
        {"game": gs.zero_sum(lambda x, y, a: a[0] * x * y, constants=(np.float32([1.0, 2.0]),))},
        {"game": gs.zero_sum(lambda x, y, a: a[0] * x * y, constants=(np.float32([1.0000001, 2.0]),))},
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_every_other_run_of_the_same_shapes_is_refused(name, tmp_path):
    before, now, part = OTHERS[name]
    run(tmp_path, **before)
    with pytest.raises(ValueError, match=rf"20 was written with {part}='.*', but this run has {part}='.*'\. Pass the"):
        run(tmp_path, **{"steps": 40} | now)
    before = before | {"steps": 40}
    assert run(tmp_path, **before).steps == 40


@pytest.mark.parametrize("name", SAME)
def test_the_same_run_with_other_numbers_goes_on(name, tmp_path):
    before, now = SAME[name]
    run(tmp_path, **before)
    assert run(tmp_path, **{"steps": 40} | now).steps == now.get("steps", 40)


def test_another_precision_is_refused(tmp_path):
    run(tmp_path)
    with jax.enable_x64(True), pytest.raises(ValueError, match="floats='float32', but this run has floats='float64'"):
        run(tmp_path, 40)


def test_registry_solvers_and_games_are_told_apart():
    solvers = [identity.hashed(entry.build(0.1), numbers=False) for entry in registry.SOLVERS.values()]
    assert len(set(solvers)) == len(solvers)
    games = [entry.make() for entry in registry.GAMES.values()]
    hashes = [identity.hashed((game.payoffs, tuple(jax.tree.leaves(game.constants)))) for game in games]
    assert len(set(hashes)) == len(hashes)


def test_what_a_program_changes_while_it_runs_is_not_part_of_its_code():
    seen, count = [], {"calls": 0}

    def payoff(x, y):
        seen.append(1)
        count["calls"] += 1
        return x * y

    before = identity.hashed(payoff)
    gs.solve(gs.zero_sum(payoff), gs.simgd(0.1), START, 2)
    assert seen
    assert identity.hashed(payoff) == before


def test_functions_that_call_each_other_are_hashed():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert identity.hashed(even) != identity.hashed(odd)


@pytest.mark.parametrize("other", [{}, {"game": gs.zero_sum(lambda x, y: 2 * x * y)}], ids=["same", "another game"])
def test_other_versions_are_a_warning(other, tmp_path, monkeypatch):
    run(tmp_path)
    here = manifest.versions() | {"jax": "99.0"}
    monkeypatch.setattr(identity, "versions", lambda: here)
    with pytest.raises(ValueError, match=r"solver='simgd .*', but this run has solver='altgd"):
        run(tmp_path, 40, solver=gs.altgd(0.1))
    with pytest.warns(UserWarning, match=r"step 20 was written with jax .* \(now 99\.0\).*The run continues") as told:
        run(tmp_path, 40, **other)
    assert len(told) == 1
    assert ("game=" in str(told[0].message)) == bool(other)


@pytest.mark.parametrize("written", [None, 3, [], {}, {"game": 3}])
def test_checkpoints_without_a_known_run_are_used(written, tmp_path, monkeypatch):
    monkeypatch.setattr("gamesolve.driving.run.identify", lambda plan: written)
    run(tmp_path)
    monkeypatch.undo()
    assert run(tmp_path, 40).steps == 40


@pytest.mark.parametrize("status", [None, 3, "ENDLESS", ["BUDGET"]])
def test_a_run_of_unknown_status_goes_on(status, tmp_path):
    run(tmp_path)
    fresh = {"players": START, "state": gs.simgd(0.1).init(START), "rows": np.zeros(20, np.float32)}
    about = {"start": 0, "chunk": 10, "every": 1, "key": None, "status": status}
    checkpoint.save(tmp_path, 20, fresh, about)
    assert run(tmp_path, 30).steps == 30


SUM = gs.general_sum(lambda x, batch: x * jnp.mean(batch))


def numbered(number):
    return [np.full(3, t, np.float32) for t in range(number)]


def added(folder, batches, steps=60):
    return gs.run(SUM, gs.simgd(1.0), (0.0,), steps, batches=batches, chunk=10, checkpoint=folder, progress=False)


@pytest.mark.parametrize("number", [0, 1, 19])
def test_an_iterable_shorter_than_what_was_used_is_refused(number, tmp_path):
    added(tmp_path, numbered(20))
    with pytest.raises(ValueError, match=rf"batches must hold the 20 batches .* used already, got {number}\. Pass"):
        added(tmp_path, iter(numbered(number)))
    assert added(tmp_path, numbered(20)).steps == 20
    assert added(tmp_path, numbered(60)).players[0] == sum(range(60))


@pytest.mark.parametrize("error", [OSError, RuntimeError, StopAsyncIteration])
@pytest.mark.parametrize("bad", [0, 9, 10, 25, 30, 39])
def test_an_iterator_that_raises_keeps_the_finished_chunks(bad, error, tmp_path):
    def source():
        yield from numbered(bad)
        raise error("the disk of the data is gone")

    with pytest.raises(error, match="disk of the data"):
        added(tmp_path, source())
    assert [step for step, _ in checkpoint.found(tmp_path)][:1] == ([bad // 10 * 10] if bad >= 10 else [])
    assert added(tmp_path, numbered(60)).players[0] == sum(range(60))


STRUCTURES = {
    "a list for a tuple": ((1.0, 2.0), [1.0, 2.0], r"PyTreeDef\(\[\*, \*\]\) at step 1 and PyTreeDef\(\(\*, \*\)\)"),
    "other names": ({"a": 1.0}, {"b": 1.0}, r"'b'.* at step 1 and .*'a'"),
    "a shape": (np.ones(2), np.ones(3), r"float64\[3\] at step 1 and float64\[2\]"),
    "a type": (np.ones(2), np.ones(2, np.float32), r"float32\[2\] at step 1 and float64\[2\]"),
    "one more": ((1.0,), (1.0, 2.0), r"float\[\], float\[\] at step 1 and float\[\] "),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_batches_of_another_structure_are_told_apart(name):
    first, second, words = STRUCTURES[name]
    with pytest.raises(ValueError, match=rf"one structure and shape, got .*{words}"):
        added(None, [first, second])


WORDS = [
    "text",
    b"bytes",
    np.array(["a"]),
    np.datetime64("2020-01-01"),
    np.timedelta64(1, "s"),
    object(),
    {"a": "text"},
]


@pytest.mark.parametrize("batch", WORDS, ids=[type(batch).__name__ for batch in WORDS])
def test_batches_of_words_and_dates_are_refused(batch):
    with pytest.raises(TypeError, match=r"batches must hold arrays of numbers, got .* at step 0\. Convert it or leave"):
        added(None, [batch])
    with pytest.raises(TypeError, match="batches must hold arrays of numbers, got str at step 0"):
        added(None, "text")
