"""The norms behind ``tol`` and ``max_norm`` in any precision and at any scale, and runs whose state or solves fail."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import trees

BOWL = gs.general_sum(lambda x: -jnp.sum(x**2) / 2)
FLAT = gs.general_sum(lambda x, slope: jnp.sum(slope * x))


def ended(game, start, steps=3, solver=None, **options):
    solution = gs.solve(game, solver or gs.simgd(0.5), start, steps, **options)
    return gs.Status(int(solution.status)).name, int(solution.steps)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_norms_neither_underflow_nor_overflow(dtype):
    info = jnp.finfo(dtype)
    for size in (4 * float(info.tiny), 1e-4, 1.0, 100.0, float(info.max) / 64):
        leaf = jnp.full(400, size, dtype)
        np.testing.assert_allclose(trees.norm((leaf, {"a": leaf[:225]})), 25 * float(leaf[0]), rtol=1e-3)
    assert trees.norm((jnp.zeros(3, dtype),)) == 0
    for value in (jnp.inf, jnp.nan):
        assert not jnp.isfinite(trees.norm((jnp.ones(2, dtype), jnp.full(2, value, dtype))))
    assert trees.norm(()) == 0
    np.testing.assert_array_equal(jax.grad(trees.norm)(jnp.zeros(3, dtype)), 0)
    np.testing.assert_allclose(np.float32(jax.grad(trees.norm)(jnp.array([3.0, 4.0], dtype))), [0.6, 0.8], rtol=1e-2)


def test_norms_of_many_leaves():
    numbers = np.random.default_rng(0).normal(size=40).astype(np.float32)
    assert trees.norm([jnp.asarray(number) for number in numbers]) == pytest.approx(np.linalg.norm(numbers), rel=1e-6)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_small_fields_of_many_entries_have_not_converged(dtype):
    game = gs.general_sum(lambda x: 1e-4 * jnp.sum(x))
    start = (jnp.zeros(2000, dtype),)
    assert ended(game, start, tol=1e-3) == ("BUDGET", 3)
    assert ended(game, start, tol=5e-3) == ("CONVERGED", 0)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_large_numbers_have_not_diverged(dtype):
    large = 2e4 if dtype == jnp.float16 else 1e30
    start = (jnp.full(300, large, dtype),)
    assert ended(BOWL, start, tol=1e-3) == ("BUDGET", 3)
    assert ended(BOWL, start, max_norm=18 * large) == ("BUDGET", 3)
    assert ended(BOWL, start, max_norm=17 * large) == ("DIVERGED", 0)


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e22, 1e30])
def test_tol_has_the_scale_of_the_field(scale):
    game = gs.general_sum(lambda x: -scale * jnp.sum(x**2) / 2)
    assert ended(game, (jnp.ones(4),), 50, gs.simgd(0.5 / scale), tol=0.3 * scale) == ("CONVERGED", 3)


@pytest.mark.parametrize("options", [{}, {"tol": 1e-6}, {"max_norm": 1e6}], ids=["fixed", "tol", "max_norm"])
@pytest.mark.parametrize("solver", [gs.optimistic_adam(0.1), gs.extra_adam(0.1), optax.adam(0.1)])
def test_a_state_that_leaves_the_numbers_is_seen(solver, options):
    """The square of a field of 1e25 overflows, and the players of Adam do not move any more."""
    game = gs.zero_sum(lambda x, y: 1e25 * x * y)
    assert ended(game, (1.0, 1.0), 3, solver, **options)[0] == "DIVERGED"
    run = gs.run(game, solver, (1.0, 1.0), 3, progress=False, **options)
    assert gs.Status(int(run.status)).name == "DIVERGED"
    assert ended(gs.zero_sum(lambda x, y: x * y), (1.0, 1.0), 3, solver, **options) == ("BUDGET", 3)


def test_infinities_that_a_state_begins_with_are_no_fault():
    def update(updates, state, params=None):
        return updates, (state[0], state[1] + 1)

    best = optax.GradientTransformation(lambda params: (jnp.full((), jnp.inf), jnp.zeros(())), update)
    assert ended(BOWL, (jnp.ones(2),), 3, optax.chain(best, optax.sgd(0.1))) == ("BUDGET", 3)


def test_a_run_warns_once_of_solves_that_fell_back():
    game = gs.general_sum(lambda x: x + x**2 / 2)  # I - J is zero
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = gs.run(game, gs.proximal(1.0), (0.0,), 30, chunk=10, progress=False)
    assert int(optax.tree.get(solution.state, "fallbacks")) == 30
    assert [str(each.message)[:24] for each in caught] == ["10 inner solves failed i"]
    assert caught[0].filename == __file__
