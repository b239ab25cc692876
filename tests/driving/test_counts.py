"""Counts beyond 32 bits, and counts that are not integers: the right number, or a sentence, but never a wrap-around."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import sampling

GAME, SOLVER, START = gs.zero_sum(lambda x, y: x * y), gs.simgd(0.1), (1.0, 1.0)
LAST = 2**31 - 1
solve = functools.partial(gs.solve, GAME, SOLVER, START)
run = functools.partial(gs.run, GAME, SOLVER, START, progress=False)
STOPPING = {"tol": 1e-9, "record": lambda z, _: z[0], "every": 2}


@pytest.mark.parametrize("options", [{}, STOPPING, STOPPING | {"tol": None}])
@pytest.mark.parametrize("start", [LAST - 10, np.int64(LAST - 10), jnp.int32(LAST - 10)])
def test_steps_are_counted_up_to_the_last_32_bit_integer(start, options):
    assert int(solve(10, start=start, **options).steps) == LAST
    assert int(run(10, start=start, chunk=4, **options).steps) == LAST


@pytest.mark.parametrize("function", [solve, run])
@pytest.mark.parametrize(
    "arguments",
    [
        {"num_steps": 2**31},
        {"num_steps": 2**40},
        {"num_steps": -(2**40)},
        {"num_steps": 10, "start": 2**31 - 5},
        {"num_steps": 10, "start": np.int64(2**31 - 5)},
        {"num_steps": 10, "start": jnp.int32(2**31 - 5)},
        {"num_steps": 1, "start": 2**31},
        {"num_steps": 1, "start": 2**70},
        {"num_steps": 1, "start": jnp.ones(2, int)},
        {"num_steps": 1, "start": 1.5},
        {"num_steps": True},
        {"num_steps": 4, "every": 2**33},
    ],
)
def test_counts_out_of_range_are_refused(function, arguments):
    with pytest.raises((ValueError, TypeError), match=r"must be .*, got"):
        function(**arguments)


@pytest.mark.parametrize("name", ["chunk", "keep", "checkpoint_every"])
def test_counts_of_a_run_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at most {LAST}, got {2**40}"):
        run(4, **{name: 2**40})


def test_a_traced_start_must_be_one_integer():
    for start in (jnp.float32(1.0), jnp.ones(2, int)):
        with pytest.raises(TypeError, match="start must be an integer"):
            jax.jit(lambda start: solve(1, start=start).steps)(start)
    assert int(jax.jit(lambda start: solve(1, start=start).steps)(3)) == 4


def test_draws_at_the_last_steps_are_those_of_their_numbers():
    sample = sampling.epochs(jnp.arange(6.0), 2)
    game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
    key = jax.random.key(0)
    players = gs.solve(game, SOLVER, START, 2, start=LAST - 2, sample=sample, key=key).players
    expected = START
    for step in (LAST - 2, LAST - 1):
        expected, _ = gs.step(game, SOLVER, expected, None, sample.at(key, jnp.int32(step)))
    np.testing.assert_allclose(players, expected, rtol=1e-6)
