"""Unbiased products over a minibatch, and what they cost in variance and arithmetic."""

from gamesolve.estimators.comparison import Comparison, report
from gamesolve.estimators.micro_batches import micro_batched
from gamesolve.estimators.self_products import Estimate, Grouped, batch_size, check, replaced, self_product, split
from gamesolve.estimators.subset import first_examples
from gamesolve.estimators.surrogate import dice, magic_box

__all__ = [
    "Comparison",
    "Estimate",
    "Grouped",
    "batch_size",
    "check",
    "dice",
    "first_examples",
    "magic_box",
    "micro_batched",
    "replaced",
    "report",
    "self_product",
    "split",
]
