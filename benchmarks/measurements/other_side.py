"""Peers of `peers` that are not PyTorch's: the packages ``jax-cgd`` and ``nashopt``; wrappers only.

As in `torch_side` every program takes a case and returns ``run(num_steps) -> players``, which starts anew.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.flatten_util
import numpy as np

from benchmarks.measurements.cases import Case

Run = Callable[[int], Any]


def jax_cgd(case: Case) -> Run:
    """BCGD of the package `jax-cgd`, its step compiled and called in a loop, with its own conjugate gradients."""
    from jax_cgd import cgd, solvers  # pyright: ignore[reportMissingImports]

    (start_x, unravel_x), (start_y, unravel_y) = map(jax.flatten_util.ravel_pytree, case.players)
    (eta,) = case.numbers("cgd")

    def loss(x: Any, y: Any) -> Any:
        return case.payoff(unravel_x(x), unravel_y(y), *case.arguments)

    # Its solver keeps its last solution to start from, which can't leave a compiled step: each step starts from zero.
    step = jax.jit(cgd.generate_step_func(eta, solvers.CG(tol=1e-6), loss))

    def run(num_steps: int) -> Any:
        x, y, count = start_x, start_y, 0
        for _ in range(num_steps):
            x, y, count, _ = step(x, y, count)
        return unravel_x(x), unravel_y(y)

    return run


def nashopt_extragradient(case: Case, limit: float) -> Run:
    """Extragradient of the package `nashopt` on a quadratic game whose players stay within [-limit, limit]."""
    from nashopt.lq.extragrad_lq import extragradient_gnep  # pyright: ignore[reportMissingImports]

    A, B, C = (np.asarray(block, float) for block in case.constants)
    costs = [np.block([[A, B], [B.T, np.zeros_like(C)]]), np.block([[np.zeros_like(A), -B], [-B.T, C]])]
    sizes = [len(A), len(C)]
    start, unravel = jax.flatten_util.ravel_pytree(case.players)
    bounds = np.full(sum(sizes), limit)
    (eta,) = case.numbers("extragradient")
    settings = {"lb": -bounds, "ub": bounds, "alpha": eta, "x0": np.asarray(start, float), "tol": 0.0}

    def run(num_steps: int) -> Any:
        found = extragradient_gnep(sizes, costs, [np.zeros(sum(sizes))] * 2, maxiter=num_steps, **settings)
        return unravel(jax.numpy.asarray(found.x, start.dtype))

    return run
