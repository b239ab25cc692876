"""An identity that refuses reverse-mode differentiation with a clear error.

A `while_loop` has no reverse mode. JAX's own error speaks of a loop that the user never wrote. No function
transformation of JAX both tells the two modes apart and supports `vmap`, hence a primitive.
"""

import functools
import importlib
from typing import Any, NoReturn

import jax
from jax.interpreters import ad, batching, mlir

from gamesolve.trees import PyTree


@functools.cache
def _primitive() -> Any:
    # On first use: the import takes as long as that of twenty modules of ours.
    primitive = importlib.import_module("jax.extend.core").Primitive("forward_only")
    primitive.def_impl(lambda value: value)
    primitive.def_abstract_eval(lambda value: value)
    mlir.register_lowering(primitive, lambda _, value: [value])
    batching.defvectorized(primitive)
    ad.deflinear2(primitive, _refuse)
    return primitive


def _refuse(*_: object) -> NoReturn:
    raise ValueError(
        "solve with tol or max_norm does not support reverse-mode grad, because its number of steps is not known in "
        "advance. Leave both out, or use jax.jvp or jax.jacfwd."
    )


def forward_only(tree: PyTree) -> PyTree:
    """Return ``tree`` with every leaf marked as differentiable in forward mode only."""
    return jax.tree.map(_primitive().bind, tree)
