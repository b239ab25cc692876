"""Programs that run once are compiled without optimisation, and give the same results wherever they are called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gamesolve.driving import unoptimised
from gamesolve.driving.unoptimised import concretely, jit_either, jit_once
from gamesolve.driving.unoptimised import unoptimised as without


def roots(x, scale):
    return {"root": jnp.sqrt(x) * scale}


@pytest.mark.parametrize("compiled", [jit_once, jit_either])
def test_results_are_those_of_jit_whether_called_or_traced(compiled):
    function, x = compiled(roots), jnp.arange(1.0, 4.0)
    expected = jnp.sqrt(x) * 3
    assert function(x, 3.0)["root"] == pytest.approx(expected)
    assert function(x, scale=3.0)["root"] == pytest.approx(expected)
    assert jax.jit(lambda x: function(x, 3.0)["root"])(x) == pytest.approx(expected)
    assert jax.vmap(lambda x: function(x, 3.0)["root"])(x) == pytest.approx(expected)
    assert jax.grad(lambda x: function(x, 3.0)["root"])(4.0) == pytest.approx(0.75)


def test_static_arguments_stay_static():
    power = jit_once(lambda x, exponent: sum([x] * exponent), static_argnums=1)
    assert power(2.0, 3) == 6.0


def test_a_function_of_concrete_numbers_can_be_called_while_a_program_is_traced():
    function = jit_once(roots)

    @jax.jit
    def outer(y):
        inside = jit_once(lambda x: x * y)  # closes over a traced number
        known = concretely(function, np.float32(1), 2.0)["root"]
        assert not unoptimised.traced(known)
        return inside(jnp.asarray(3.0)) + function(np.float32(1), 2.0)["root"] + known

    assert outer(5.0) == 19.0


def test_functions_skip_the_optimisation_only_where_that_is_wanted(monkeypatch):
    seen = []
    monkeypatch.setattr(unoptimised, "_known", lambda: seen.append("unoptimised") or {})
    total = jit_either(jnp.sum)
    assert total(jnp.ones(3)) == 3
    with without(False):
        assert total(jnp.ones(3)) == 3
    assert not seen
    with without(True):
        assert total(jnp.ones(3)) == 3
    assert seen == ["unoptimised"]


def test_an_error_of_the_function_is_raised_at_once():
    calls = []

    @jit_once
    def fails(x):
        calls.append(x)
        raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        fails(1.0)
    assert len(calls) == 1


def test_an_option_that_xla_does_not_know_is_left_out(monkeypatch):
    monkeypatch.setattr(unoptimised, "OPTIONS", {"xla_backend_optimization_level": 0, "xla_cpu_no_such_option": True})
    unoptimised._known.cache_clear()
    try:
        assert unoptimised._known() == {"xla_backend_optimization_level": 0}
        np.testing.assert_allclose(jit_once(roots)(4.0, 1.0)["root"], 2.0)
    finally:
        unoptimised._known.cache_clear()
