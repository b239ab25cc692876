"""The norms behind ``tol`` and ``max_norm`` in any precision and at any scale."""

import jax
import jax.numpy as jnp
import numpy as np
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
