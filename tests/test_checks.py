"""What the rest of the package relies on in `gamesolve.checks`."""

import inspect
import warnings

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
