"""An identity that refuses reverse-mode differentiation with a clear error.

A `while_loop` has no reverse mode. JAX's own error speaks of a loop that the user never wrote. No function
transformation of JAX both tells the two modes apart and supports `vmap`, hence a primitive.
"""

from typing import NoReturn

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from gamesolve.trees import PyTree

_forward_only = Primitive("forward_only")
_forward_only.def_impl(lambda value: value)
_forward_only.def_abstract_eval(lambda value: value)
mlir.register_lowering(_forward_only, lambda _, value: [value])
batching.defvectorized(_forward_only)


def _refuse(*_: object) -> NoReturn:
    raise ValueError(
        "solve with tol or max_norm does not support reverse-mode grad, because its number of steps is not known in "
        "advance. Leave both out, or use jax.jvp or jax.jacfwd."
    )


ad.deflinear2(_forward_only, _refuse)


def forward_only(tree: PyTree) -> PyTree:
    """Return ``tree`` with every leaf marked as differentiable in forward mode only."""
    return jax.tree.map(_forward_only.bind, tree)
