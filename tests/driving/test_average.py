"""The moving average of one player of a GAN: its weights, its place in records and checkpoints, and killed runs."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs

GAME = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * jnp.sum(x * y) + jnp.sum(x**2 - y**2))
START = (jnp.array([1.0, -2.0]), jnp.array([0.5, 1.0]))


def warm_up(t):
    return jnp.minimum(0.9, (1 + t) / (10 + t))


def record(players, state):
    return {"generator": players[0], "average": optax.tree.get(state, "average")}


def train(steps, decay=0.9, **options):
    solver = gs.per_player(gs.average(optax.adam(0.05), decay), optax.adam(0.1))
    drawn = {"sample": lambda key: jax.random.normal(key, (3,)), "key": jax.random.key(0), "record": record}
    return gs.run(GAME, solver, START, steps, chunk=5, progress=False, **drawn | options)


@pytest.mark.parametrize("decay", [0.9, warm_up], ids=["constant", "warm-up"])
def test_the_average_of_one_player_is_the_recursion(decay):
    solution = train(30, decay)
    average, expected = np.float64(START[0]), []
    for t, generator in enumerate(np.float64(solution.trace["generator"])):
        rate = float(decay(t)) if callable(decay) else decay
        average = rate * average + (1 - rate) * generator
        expected.append(average)
    np.testing.assert_allclose(solution.trace["average"], expected, rtol=1e-5)
    np.testing.assert_array_equal(optax.tree.get(solution.state, "average"), solution.trace["average"][-1])
    plain = gs.per_player(optax.adam(0.05), optax.adam(0.1))
    drawn = {"sample": lambda key: jax.random.normal(key, (3,)), "key": jax.random.key(0)}
    chex.assert_trees_all_close(solution.players, gs.solve(GAME, plain, START, 30, **drawn).players, rtol=1e-6)


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize("decay", [0.9, warm_up], ids=["constant", "warm-up"])
def test_interrupted_runs_keep_the_average_bit_for_bit(decay, donate, tmp_path):
    class KillError(Exception):
        pass

    def kill(chunk):
        if chunk.steps == 15:
            raise KillError

    options = {"checkpoint": tmp_path, "donate": donate}
    with pytest.raises(KillError):
        train(30, decay, callbacks=[kill], **options)
    chex.assert_trees_all_equal(train(30, decay, **options), train(30, decay))


def test_a_schedule_of_one_number_is_wanted():
    with pytest.raises(ValueError, match="decay must be one number"):
        train(5, lambda t: jnp.ones(2))
