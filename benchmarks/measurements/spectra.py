"""How fast are the ends of a GAN's spectrum found, by the compiled Arnoldi iteration and by ARPACK on one product?"""

import argparse
import resource
import statistics
from functools import partial
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from benchmarks import report
from benchmarks.measurements import cases
from benchmarks.measurements.arpack import arpack
from benchmarks.timing import interleaved, median_ratio
from gamesolve.analysis.operators import field_operator
from gamesolve.linear.arnoldi import krylov_schur
from gamesolve.linear.eigenpairs import Pairs

NOTES = (
    "The eigenvalues of largest real part, largest imaginary part and smallest real part (`k` of each) of the Jacobian "
    "of an MLP GAN at its start, float32: `krylov_schur`, one basis for the three ends, against "
    "three runs of `scipy.sparse.linalg.eigs` on the same jitted product with the same starting vector and tolerance, "
    "interleaved; the ratio is the median over the rounds. Residuals are true ones, `||J x - l x|| / |l|`, the worst; "
    "the difference is that of the eigenvalues, relative. Memory is the peak of the whole process after the first call "
    "of the compiled iteration, JAX and the game included."
)
ENDS = ("LR", "LI", "SR")
# Width of the hidden layers, batch, eigenvalues at each end, rounds, and how many times faster it is to be.
GANS = {
    "20k": (92, 256, 1, 11, 3.0),
    "20k-four": (92, 256, 4, 11, 3.0),
    "1M": (700, 64, 1, 7, 5.0),
    "1M-batch": (700, 256, 1, 7, 5.0),
}
MOST_MEMORY = 1.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    parser.add_argument("--sizes", nargs="+", choices=GANS, default=list(GANS))


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite; returns the exit code."""
    rows = []
    for name in arguments.sizes:
        rows.append(_row(name, arguments.repeats))
        print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    where = report.environment(command, ("jax", "jaxlib", "scipy", "numpy"))
    report.write("spectra", "Ends of a GAN's spectrum", NOTES, rows, where, arguments.out)
    print(f"\n{report.table(rows)}")
    return 0


def _row(name: str, repeats: int) -> dict[str, Any]:
    width, batch, k, rounds, target = GANS[name]
    case = cases.gan((16, 2), (width, width), batch, steps=1)
    flat, _ = jax.flatten_util.ravel_pytree(case.players)
    operator = jax.tree_util.Partial(field_operator, case.game, case.players)
    start = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    ours = partial(krylov_schur, operator, start, k, ENDS)
    theirs = partial(arpack, operator, start, k, ENDS)
    found = jax.block_until_ready(ours())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    reference = theirs()
    times = interleaved({"ours": ours, "theirs": theirs}, min(repeats, rounds))
    ratio = median_ratio(times["theirs"], times["ours"])
    met = ratio >= target and memory <= MOST_MEMORY and bool(found.converged.all())
    return {
        "game": name,
        "parameters": flat.size,
        "batch": batch,
        "k": k,
        "compiled": report.duration(statistics.median(times["ours"])),
        "scipy": report.duration(statistics.median(times["theirs"])),
        "rounds": len(times["ours"]),
        "ratio": round(ratio, 2),
        "target": target,
        "residual": f"{_relative(found):.1e}",
        "residual of scipy": f"{_relative(reference):.1e}",
        "difference": f"{_difference(found, reference):.1e}",
        "peak GiB": round(memory, 2),
        "verdict": "met" if met else "missed",
    }


def _relative(pairs: Pairs) -> float:
    return float(np.max(pairs.residuals / np.abs(pairs.eigenvalues)))


def _difference(found: Pairs, reference: Pairs) -> float:
    """Return the largest relative difference; of a conjugate pair either one may have been returned."""
    if len(found.eigenvalues) != len(reference.eigenvalues):
        return float("nan")
    upper = lambda values: values.real + 1j * np.abs(values.imag)
    a, b = upper(found.eigenvalues), upper(reference.eigenvalues)
    return float(jnp.max(jnp.abs(a - b) / jnp.abs(b)))
