"""Derivatives of functions that stop gradients or have their own derivative rules, taken of the values alone.

``stop_gradient`` and custom derivative rules change what JAX calls the gradient of a payoff. That gradient is the
field. Its own derivatives, the Jacobian J, are those of the field *as a function of all players*. JAX would apply the
same rules a second time instead. So the gradient is staged, which applies the rules once, and what remains of them in
the staged program is opened: a stopped value counts as that value, and a call with a rule counts as what it computes.

>>> import jax
>>> loss = lambda x, y: x * jax.lax.stop_gradient(y)
>>> slope = jax.grad(loss)  # the function y
>>> float(jax.grad(slope, 1)(1.0, 2.0)), float(jax.grad(opened(slope), 1)(1.0, 2.0))
(0.0, 1.0)
"""

import functools
import importlib
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax

from gamesolve.trees import PyTree

if TYPE_CHECKING:
    from jax.extend import core

# Calls with derivative rules, by the names of their primitives.
CALLS = {"custom_vjp_call": "custom_vjp", "custom_jvp_call": "custom_jvp"}
# JAX's own functions that stop a maximum, or a rounded number, such that the derivatives are those of the values.
RIGHTLY_STOPPED = {"logsumexp", "softmax", "_softmax", "_softmax_deprecated", "log_softmax", "sinc"}
JAX = str(pathlib.Path(jax.__file__).parent)
# Files whose functions get their rules from ``defjvps``.
WITH_DEFJVPS = (f"{JAX}/_src/nn/", f"{JAX}/_src/scipy/", f"{JAX}/_src/third_party/")


def opened(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Return a function with the same values, whose derivatives are those of its values.

    Args:
        function: function of pytrees of arrays. Derivatives that it takes itself keep their rules.
    """

    def evaluate(*args: PyTree) -> PyTree:
        staged, shape = jax.make_jaxpr(function, return_shape=True)(*args)
        results = _core().jaxpr_as_fun(_opened(staged))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shape), results)

    return evaluate


def hidden(jaxpr: "core.Jaxpr") -> frozenset[str]:
    """Return the names of what keeps JAX from differentiating a program as a function; JAX's own rules are right."""
    names: set[str] = set()
    for eqn in jaxpr.eqns:
        name = _rule(eqn)
        names |= {name} if name else set()
        names.update(*map(hidden, _core().jaxprs_in_params(eqn.params)))
    return frozenset(names)


def used(jaxpr: "core.Jaxpr") -> "core.Jaxpr":
    """Return a program without what its results do not need, such as the running statistics of BatchNorm."""
    needed, eqns = set(filter(_is_variable, jaxpr.outvars)), []
    for eqn in reversed(jaxpr.eqns):
        if eqn.effects or needed.intersection(eqn.outvars):
            needed.update(filter(_is_variable, eqn.invars))
            eqns.append(eqn)
    return jaxpr.replace(eqns=eqns[::-1])


def _is_variable(atom: Any) -> bool:
    return isinstance(atom, _core().Var)


def _rule(eqn: "core.JaxprEqn") -> str | None:
    """Return the name of an equation's rule if it is not one of JAX's own."""
    name = eqn.primitive.name
    if name == "stop_gradient":
        return None if _stopped_by_jax(eqn) else name
    if name == "custom_jvp_call" and _ruled_by_jax(eqn):
        return None
    return CALLS.get(name)


def _stopped_by_jax(eqn: "core.JaxprEqn") -> bool:
    """Return whether a value is stopped in one of JAX's `RIGHTLY_STOPPED` functions."""
    traceback = getattr(eqn.source_info, "traceback", None)
    frames = [] if traceback is None else list(traceback.frames)
    # Batching stops a value again: the last of these frames, which go outwards, has the true caller.
    stops = [i for i, frame in enumerate(frames[:-1]) if frame.function_name == "stop_gradient" and _of_jax(frame)]
    caller = frames[stops[-1] + 1] if stops else None
    return caller is not None and caller.function_name in RIGHTLY_STOPPED and _of_jax(caller)


def _of_jax(frame: Any) -> bool:
    return frame.file_name.startswith(JAX)


def _ruled_by_jax(eqn: "core.JaxprEqn") -> bool:
    """Return whether a rule is one of JAX's own, such as that of ``relu``."""
    call = eqn.params["call_jaxpr"].jaxpr
    if any(inner.primitive.name in CALLS for inner in call.eqns):
        return False  # someone's rule for one of JAX's functions that has a rule
    rule, function = (_source(entry) for entry in (eqn.params["jvp_jaxpr_fun"], call))
    if rule.startswith(f"{JAX}/_src/custom_derivatives.py"):
        return function.startswith(WITH_DEFJVPS)
    return rule.startswith(JAX)


def _source(traced: Any) -> str:
    """Return the file and line of a traced function, or "" if they are not known."""
    return getattr(getattr(traced, "debug_info", None), "func_src_info", "").partition(" at ")[2]


def _opened(staged: "core.ClosedJaxpr") -> "core.ClosedJaxpr":
    return _core().ClosedJaxpr(_opened_program(staged.jaxpr), staged.consts)


def _opened_program(jaxpr: "core.Jaxpr") -> "core.Jaxpr":
    if not hidden(jaxpr):
        return jaxpr
    same: dict[core.Var, Any] = {}  # stopped values, by what they are
    read = lambda atom: same.get(atom, atom) if isinstance(atom, _core().Var) else atom
    eqns = []
    for eqn in jaxpr.eqns:
        inputs = list(map(read, eqn.invars))
        if eqn.primitive.name == "stop_gradient" and _rule(eqn):
            same.update(zip(eqn.outvars, inputs, strict=True))
        else:
            eqns.append(_opened_equation(eqn.replace(invars=inputs)))
    return jaxpr.replace(eqns=eqns, outvars=list(map(read, jaxpr.outvars)))


def _opened_equation(eqn: "core.JaxprEqn") -> "core.JaxprEqn":
    inside = [*_core().jaxprs_in_params(eqn.params)]
    if not _rule(eqn) and not any(map(hidden, inside)):
        return eqn
    # A call of what it computes. Not a compiled one: a step outside jit would compile a new program each time.
    call: Any = eqn.params.get("call_jaxpr" if eqn.primitive.name in CALLS else "jaxpr")
    if eqn.primitive.name in (*CALLS, "jit", "pjit"):
        return eqn.replace(primitive=_core().primitives.closed_call_p, params={"call_jaxpr": _opened(call)})
    return eqn.replace(params={name: _opened_parameter(value) for name, value in eqn.params.items()})


def _opened_parameter(value: Any) -> Any:
    if isinstance(value, _core().ClosedJaxpr):
        return _opened(value)
    if isinstance(value, _core().Jaxpr):
        return _opened_program(value)
    if isinstance(value, tuple):
        entries = map(_opened_parameter, value)
        return type(value)(*entries) if hasattr(value, "_fields") else tuple(entries)
    return value


@functools.cache
def _core() -> Any:
    # On first use: the import takes as long as that of twenty modules of ours.
    return importlib.import_module("jax.extend.core")
