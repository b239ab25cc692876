"""Programs compiled without optimisation: they are ready in a third of the time, for what runs only once or twice."""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax

from gamesolve.trees import PyTree, traced

# These change results by their rounding only. An XLA that no longer knows one of them compiles without it.
OPTIONS = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}

_wanted: contextvars.ContextVar[bool] = contextvars.ContextVar("unoptimised", default=False)


@contextlib.contextmanager
def unoptimised(yes: bool) -> Iterator[None]:
    """Compile the functions of `jit_either` without optimisation in this block, if ``yes``."""
    token = _wanted.set(yes)
    try:
        yield
    finally:
        _wanted.reset(token)


def jit_once(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function as `jax.jit` does, but without optimisation where it is called with concrete arrays.

    Use it for programs that take longer to compile than to run, whatever their arguments. In a traced call the function
    is part of the program that traces it.

    Args:
        function: a function of pytrees.
        **options: options of `jax.jit`.
    """
    inner = jax.jit(function, **options)
    outer = functools.cache(lambda: jax.jit(function, compiler_options=_known(), **options))

    @functools.wraps(function)
    def call(*arguments: PyTree, **named: PyTree) -> Any:
        if not traced((arguments, named)):
            try:
                return outer()(*arguments, **named)
            except ValueError as error:  # JAX refuses options inside of a program that is traced
                if "compiler_options" not in str(error):
                    raise
        return inner(*arguments, **named)

    return call


def jit_either(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function as `jax.jit` does, or as `jit_once` does inside of `unoptimised`."""
    once, often = jit_once(function, **options), jax.jit(function, **options)

    @functools.wraps(function)
    def call(*arguments: PyTree, **named: PyTree) -> Any:
        return (once if _wanted.get() else often)(*arguments, **named)

    return call


def concretely(function: Callable[..., Any], *arguments: PyTree) -> Any:
    """Call a function of concrete arrays so that its result is concrete too, even while a program is traced.

    It is then called again, and what the first call has traced is never used.
    """
    result = function(*arguments)
    if not traced(result):
        return result
    with jax.ensure_compile_time_eval():
        return function(*arguments)


@functools.cache
def _known() -> dict[str, Any]:
    """Return the options that this version of XLA knows."""

    def knows(name: str) -> bool:
        try:
            jax.jit(lambda: 0, compiler_options={name: OPTIONS[name]}).lower().compile()
        except jax.errors.JaxRuntimeError:
            return False
        return True

    return {name: value for name, value in OPTIONS.items() if knows(name)}
