"""Measure the ends of a GAN's spectrum by the compiled Arnoldi iteration, and by ARPACK on the same product."""

import argparse
import resource
from collections.abc import Iterator
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from benchmarks import report
from benchmarks.measurements import cases
from benchmarks.measurements.arpack import arpack
from benchmarks.measurements.timed import per_step, verdict
from benchmarks.report import Row
from gamesolve.analysis.operators import field_operator
from gamesolve.compare.timing import interleaved, median_ratio
from gamesolve.linear.arnoldi import krylov_schur
from gamesolve.linear.eigenpairs import Pairs

ENDS = ("LR", "LI", "SR")
# Width of the hidden layers, batch, eigenvalues at each end, rounds, and the ratio to reach.
GANS = {
    "20k": (92, 256, 1, 11, 3.0),
    "20k-four": (92, 256, 4, 11, 3.0),
    "1M": (700, 64, 1, 7, 5.0),
    "1M-batch": (700, 256, 1, 7, 5.0),
}
MOST_MEMORY = 1.5
OPTIONS = {"sizes": report.choices(GANS)}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each GAN."""
    return (_row(name, arguments.repeats) for name in arguments.sizes)


main = partial(report.measure, "spectra", rows, packages=("jax", "jaxlib", "scipy", "numpy"))


def _row(name: str, repeats: int) -> Row:
    width, batch, k, rounds, target = GANS[name]
    case = cases.gan((16, 2), (width, width), batch, steps=1)
    flat, _ = jax.flatten_util.ravel_pytree(case.players)
    operator = jax.tree_util.Partial(field_operator, case.game, case.players)
    start = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    ours, theirs = (partial(method, operator, start, k, ENDS) for method in (krylov_schur, arpack))
    found = jax.block_until_ready(ours())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    reference = theirs()
    times = interleaved({"ours": ours, "theirs": theirs}, min(repeats, rounds))
    ratio = median_ratio(times["theirs"], times["ours"])
    return {
        "game": name,
        "parameters": flat.size,
        "batch": batch,
        "k": k,
        "compiled": per_step(times["ours"]),
        "scipy": per_step(times["theirs"]),
        "rounds": len(times["ours"]),
        "ratio": round(ratio, 2),
        "target": target,
        "residual": f"{_relative(found):.1e}",
        "residual of scipy": f"{_relative(reference):.1e}",
        "difference": f"{_difference(found.eigenvalues, reference.eigenvalues):.1e}",
        "peak GiB": round(memory, 2),
        "verdict": verdict(ratio >= target and memory <= MOST_MEMORY and bool(found.converged.all())),
    }


def _relative(pairs: Pairs) -> float:
    return float(np.max(pairs.residuals / np.abs(pairs.eigenvalues)))


def _difference(found: jax.Array, reference: jax.Array) -> float:
    """Return the largest relative difference; either one of a conjugate pair may be among them."""
    if len(found) != len(reference):
        return float("nan")
    a, b = (values.real + 1j * np.abs(values.imag) for values in (found, reference))
    return float(jnp.max(jnp.abs(a - b) / jnp.abs(b)))
