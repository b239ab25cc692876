"""What the rest of the package relies on in `gamesolve.checks`."""

import inspect
import sys
import types
import warnings

import jax
import jax.numpy as jnp
import pytest

import gamesolve as gs
from gamesolve.checks import deprecated


def test_a_former_name_works_and_warns_once_where_it_is_called():
    former = deprecated("gs.sgd", "gs.simgd", "0.3")(gs.simgd)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert repr(former(0.1)) == "simgd(learning_rate=0.1)"
        assert repr(former(learning_rate=0.2)) == "simgd(learning_rate=0.2)"
    (warning,) = seen
    assert str(warning.message) == "gs.sgd is deprecated and will be removed in gamesolve 0.3. Use gs.simgd."
    assert warning.category is DeprecationWarning
    assert warning.filename == __file__


def test_a_former_name_has_the_signature_and_the_docstring_of_the_new_one():
    former = deprecated("gs.sgd", "gs.simgd", "0.3")(gs.simgd)
    assert inspect.signature(former) == inspect.signature(gs.simgd)
    assert former.__doc__ == gs.simgd.__doc__


def test_the_new_name_does_not_warn():
    deprecated("gs.sgd", "gs.simgd", "0.3")(gs.simgd)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gs.simgd(0.1)


def test_a_warning_that_is_an_error_is_raised_each_time():
    former = deprecated("gs.sgd", "gs.simgd", "0.3")(gs.simgd)
    for _ in range(2):
        with pytest.raises(DeprecationWarning, match=r"Use gs\.simgd\."):
            former(0.1)


XY = gs.zero_sum(lambda x, y: x * y)
DATA = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
START = (1.0, 1.0)
WITHOUT_DATA = {
    "solve": lambda: gs.solve(DATA, gs.simgd(0.1), START, 3),
    "run": lambda: gs.run(DATA, gs.simgd(0.1), START, 3),
    "step": lambda: gs.step(DATA, gs.cgd(0.1), START),
    "field": lambda: DATA.field(START),
    "evaluate": lambda: DATA.evaluate(START),
    "rate": lambda: gs.analysis.rate(DATA, gs.simgd(0.1), START),
    "smooth": lambda: gs.analysis.smooth(DATA, 0.1, 2, jax.random.key(0)).field(START),
    "alone": lambda: gs.analysis.alone(DATA, START, 0).field((1.0,)),
}


@pytest.mark.parametrize("call", WITHOUT_DATA)
def test_a_payoff_that_wants_data_says_so_wherever_it_is_called(call):
    with pytest.raises(
        TypeError, match=r"payoff .*got lambda\(x, y, batch\)\. Pass data with sample=, batches= or bind"
    ):
        WITHOUT_DATA[call]()


def test_errors_inside_a_users_function_are_its_own():
    def payoff(x, y):
        return (lambda a: a)(x, y)

    with pytest.raises(TypeError, match=r"takes 1 positional argument but 2 were given"):
        gs.zero_sum(payoff).field(START)


def test_the_message_names_the_function_and_not_its_wrapper():
    def record(players, state, batch, key):
        return batch

    with pytest.raises(TypeError, match=r"record must take .* got record\(players, state, batch, key\)\. Write lambda"):
        gs.solve(XY, gs.simgd(0.1), START, 3, record=record)


@pytest.mark.parametrize("name", ["simgd", "cgd", "conopt", "extragradient", "acgd", "sga", "ogda"])
def test_an_unknown_argument_of_a_solver_names_the_right_ones(name):
    with pytest.raises(
        TypeError, match=rf"the arguments of {name} must be among learning_rate, .*got lr\. Did you mean"
    ):
        getattr(gs, name)(lr=0.1)


def test_plain_functions_inside_samplers_of_several_draws_work():
    noise = lambda key: jax.random.normal(key, (3,))
    for sample in (gs.sampling.several(noise, 2), gs.sampling.per_player(noise, noise)):
        solution = gs.solve(DATA, gs.extragradient(0.1), START, 3, sample=sample, key=jax.random.key(0))
        assert solution.steps == 3
    drawn = gs.sampling.joint(noise, noise)(jax.random.key(0))
    assert [entry.shape for entry in drawn] == [(3,), (3,)]


def test_a_dict_with_parameters_among_others_is_a_player():
    game = gs.zero_sum(lambda x, y: x["params"]["w"] * x["scale"] * y)
    assert float(game.evaluate(({"params": {"w": 2.0}, "scale": 3.0}, 1.0))[1]) == 6.0


def test_running_statistics_of_a_flax_module_are_no_parameters(monkeypatch):
    @jax.tree_util.register_pytree_node_class
    class BatchStat:
        def tree_flatten(self):
            return (jnp.ones(2),), None

        @classmethod
        def tree_unflatten(cls, _, __):
            return cls()

    BatchStat.__module__ = "flax.nnx.variablelib"
    monkeypatch.setitem(sys.modules, "flax", types.ModuleType("flax"))
    with pytest.raises(TypeError, match=r"player 1 must hold parameters only, got a BatchStat\. Keep counters"):
        XY.field((1.0, {"w": jnp.ones(2), "mean": BatchStat()}))
