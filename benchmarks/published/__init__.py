"""Reproduce published figures: one function for each row, which yields its claims.

>>> from benchmarks import published
>>> import jax
>>> with jax.enable_x64(True):
...     [claim.holds for claim in published.ROWS["G13"].claims()]
[True, True]
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.published import enumeration, gans, linear, nonlinear
from benchmarks.published.claims import Claim

__all__ = ["ROWS", "Claim", "Row"]


class Row(NamedTuple):
    """A published experiment: its source, and the function that yields its claims in float64."""

    source: str
    claims: Callable[[], Iterator[Claim]]


ROWS = {
    "G1": Row("Schäfer, Zheng, Anandkumar 2020, implicit competitive regularisation", linear.g1),
    "G2": Row("Schäfer, Anandkumar 2019, bilinear games", linear.g2),
    "G3": Row("Schäfer, Anandkumar 2019, quadratic games", linear.g3),
    "G4": Row("Mescheder, Geiger, Nowozin 2018, Dirac-GAN", gans.g4),
    "G5": Row("Gidel et al. 2019, toy Wasserstein GAN", gans.g5),
    "G6": Row("Gidel et al. 2019, negative momentum", linear.g6),
    "G7": Row("Letcher et al. 2019, tandem game", nonlinear.g7),
    "G8": Row("Fiez, Ratliff 2020, timescale separation", nonlinear.g8),
    "G9": Row("Chavdarova et al. 2021, Lookahead-minimax", linear.g9),
    "G10": Row("Hsieh et al. 2021; Pethick et al. 2022, forsaken", nonlinear.g10),
    "G11": Row("Qin et al. 2020, integrators", linear.g11),
    "G12": Row("optax, optimistic_adam_v2", nonlinear.g12),
    "G13": Row("Ma et al. 2021, polymatrix CGD", nonlinear.g13),
    "G14": Row("Yoon, Ryu 2021, anchored extragradient", linear.g14),
    "G15": Row("Lyapunov exponents of maps", linear.g15),
    "G16": Row("Schäfer, Anandkumar 2019, covariance estimation", gans.g16),
    "G17": Row("unbiased consensus by enumeration", enumeration.g17),
    "G18": Row("Mescheder, Nowozin, Geiger 2017, 8 Gaussians", gans.g18),
}
