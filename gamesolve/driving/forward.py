"""An identity that refuses reverse-mode differentiation with a sentence of ours.

A `while_loop` has no reverse mode; JAX says so in terms of its own loop, which the user never wrote. No function
transformation of JAX can tell the two modes apart in a way that `vmap` also accepts, hence a primitive.
"""

from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_forward_only = Primitive("forward_only")
_forward_only.def_impl(lambda value: value)
_forward_only.def_abstract_eval(lambda value: value)
mlir.register_lowering(_forward_only, lambda _, value: [value])
batching.defvectorized(_forward_only)


def _refuse(*_: Any) -> Any:
    raise ValueError(
        "reverse-mode grad can't go through solve with tol or max_norm, whose number of steps is not known "
        "beforehand; leave them out, or use jax.jvp or jax.jacfwd."
    )


ad.deflinear2(_forward_only, _refuse)


def forward_only(tree: Any) -> Any:
    """Return ``tree`` with every leaf marked as differentiable in forward mode only."""
    return jax.tree.map(_forward_only.bind, tree)
