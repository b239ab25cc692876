"""Nonlinear games of the literature: G7, G8, G10, G12, G13."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks.published import games
from benchmarks.published.claims import Claim, agrees, record_norm, said, shown


def g7() -> Iterator[Claim]:
    """Check stable opponent shaping, the tandem game, look-ahead .1: x + y at the end, from two starts."""
    for solver, published in (
        (gs.lola(0.1), 4 / 3),
        (gs.sos(0.1), 1.0),
        (gs.opponent_lookahead(0.1), 1.0),
        (gs.sga(0.1), 1.0),
        (gs.cgd(0.1), 1.0),
    ):
        ends = [
            float(sum(gs.solve(gs.games.tandem(), solver, start, 3000).players)) for start in ((0.3, -0.4), (2.0, 1.0))
        ]
        expected, found = "4/3" if published > 1 else "1", ", ".join(f"{end:.9f}" for end in ends)
        holds = all(abs(end - published) < 1e-9 for end in ends)
        yield said(f"x + y, {solver.factory.__name__}", expected, found, holds)


def g8() -> Iterator[Claim]:
    """Check timescale separation: the ratio of step sizes above which an equilibrium is stable."""
    for point, expected in (((0.0, 0.0), ".7391"), ((np.pi, np.pi), "1.3529")):
        value = gs.analysis.timescale_ratio(games.timescale(), point)
        yield shown(f"ratio at ({point[0]:.2f}, {point[1]:.2f})", expected, value)


def g10() -> Iterator[Claim]:
    """Check the forsaken game from (1, 1): |z| over the last 2000 of 20 000 steps."""
    for name, solver, low, high in (
        ("SimGD(.05)", gs.simgd(0.05), "1.315", "1.381"),
        ("EG(.05)", gs.extragradient(0.05), "1.2455", "1.2519"),
        ("EG(.33)", gs.extragradient(0.33), "", ""),
    ):
        path = gs.solve(games.forsaken(), solver, (1.0, 1.0), 20_000, record=record_norm).trace[-2000:]
        least, most = float(jnp.min(path)), float(jnp.max(path))
        close = agrees(least, low) and agrees(most, high) if high else most < 1e-12
        published = f"cycles, {low}-{high}" if high else "converges to 0"
        yield said(name, published, f"{least:.6g}-{most:.6g}", close)


def g12() -> Iterator[Claim]:
    """Check optimistic_adam_v2 in optax's documentation: x y from (1, 2), the distance from 0."""
    solver = optax.optimistic_adam_v2(learning_rate=1.0, alpha=0.01, beta=1.0)
    path = gs.solve(gs.games.curl(), solver, (1.0, 2.0), 1024, record=record_norm).trace
    for steps, published in zip((1, 4, 16, 64, 256, 1024), (2.243, 2.195, 2.161, 2.055, 0.796, 0.001), strict=True):
        # Computed in float32 in the documentation: the last digit may differ by one.
        value = float(path[steps - 1])
        yield said(f"after {steps}", f"{published:.3f}", f"{value:.5f}", abs(value - published) < 6e-4)


def g13() -> Iterator[Claim]:
    """Check polymatrix CGD on |x|^2 |y|^2: one step of size 1 from ones."""
    ones = (jnp.ones(2), jnp.ones(2))
    move = np.concatenate(jax.tree.leaves(gs.solve(games.polymatrix(), gs.cgd(1.0), ones, 1).players)) - 1
    for name, value, expected in (("x", move[:2], "-.553846"), ("y", move[2:], "-.430769")):
        yield shown(f"move of {name}, either entry", expected, value.mean() if np.ptp(value) < 1e-12 else np.nan)
