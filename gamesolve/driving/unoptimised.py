"""Programs that run once or twice, compiled without optimisation: they are ready in a third of the time."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import optax

from gamesolve.trees import PyTree

# These change results by their rounding only. An XLA that no longer knows one of them compiles without it.
OPTIONS = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
# A program with so few numbers as arguments runs in less time than optimising it takes.
FEW = 2000


def jit_once(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function as `jax.jit` does, but without optimisation where it is called with concrete arrays.

    Use it for programs that take longer to compile than to run. In a traced call the function is part of the program
    that traces it.

    Args:
        function: a function of pytrees.
        **options: options of `jax.jit`.
    """
    inner = jax.jit(function, **options)
    outer = functools.cache(lambda: jax.jit(function, compiler_options=_known(), **options))

    @functools.wraps(function)
    def call(*arguments: PyTree, **named: PyTree) -> Any:
        if not traced((arguments, named)):
            # JAX refuses options inside of a program that is traced.
            with contextlib.suppress(ValueError):
                return outer()(*arguments, **named)
        return inner(*arguments, **named)

    return call


def jit_small(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function as `jit_once` does if its arguments have few numbers, and as `jax.jit` does otherwise."""
    once, often = jit_once(function, **options), jax.jit(function, **options)

    @functools.wraps(function)
    def call(*arguments: PyTree, **named: PyTree) -> Any:
        few = optax.tree.size((arguments, named)) <= FEW
        return (once if few else often)(*arguments, **named)

    return call


def concretely(function: Callable[..., Any], *arguments: PyTree) -> Any:
    """Call a function of concrete arrays so that its result is concrete too, even while a program is traced."""
    result = function(*arguments)
    if not traced(result):
        return result
    with jax.ensure_compile_time_eval():
        return function(*arguments)


def traced(tree: PyTree) -> bool:
    """Return whether any leaf is traced."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


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
