"""Bilinear and quadratic games of the literature: G1 to G3, G6, G9, G11, G14, G15."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.published import games
from benchmarks.published.claims import Claim, distance, record_norm, said, shown

ORIGIN = (0.0, 0.0)


def rate(game: gs.Game, solver: gs.Solver) -> float:
    """Return the rate at the origin."""
    return float(gs.analysis.rate(game, solver, ORIGIN))


def g1() -> Iterator[Claim]:
    """Check implicit competitive regularisation: x^2 + 10 x y + y^2."""
    game, start = gs.games.icr_quadratic(), (1.0, 1.0)
    solver = gs.simgd((0.09, 0.01))
    value = complex(gs.analysis.step_spectrum(game, solver, ORIGIN)[0])
    near = np.isclose(value, 0.92 + 0.282843j, atol=5e-7) or np.isclose(value, 0.92 - 0.282843j, atol=5e-7)
    yield said("eigenvalues, steps (.09, .01)", ".92 ± .282843i", f"{value.real:.6g} ± {abs(value.imag):.6g}i", near)
    yield shown("rate", ".962497", rate(game, solver))
    yield shown("|z| after 100 steps", ".0785383", distance(game, solver, start, 100))
    yield shown("|z| after 200 steps", "7.13561e-4", distance(game, solver, start, 200))
    yield shown("rate, steps (.01, .09)", "1.116423", rate(game, gs.simgd((0.01, 0.09))))
    alone = np.abs(gs.analysis.step_spectrum(game, gs.simgd((0.0, 0.01)), ORIGIN))
    yield shown("leading eigenvalue, steps (0, .01)", "1.02", alone.max())


def g2() -> Iterator[Claim]:
    """Check the bilinear games of the CGD paper: a x y, step .2, |z| after 50 steps from (.5, .5)."""
    solvers = {
        "SimGD": (gs.simgd(0.2), "1.88503", "1541.55"),
        "AltGD": (gs.altgd(0.2), ".686801", ".589951"),
        "LCGD": (gs.lcgd(0.2), ".265672", ".00101417"),
        "EG": (gs.extragradient(0.2), ".265672", ".00101417"),
        "SGA": (gs.sga(0.2), "4.59418e-5", ".707107"),
        "ConOpt": (gs.conopt(0.2, gamma=1.0), "4.59418e-5", ".707107"),
        "OGDA, first step doubled": (gs.ogda(0.2, zero_start=True), ".260102", "18.3221"),
        "CGD": (gs.cgd(0.2), ".265248", "3.24349e-4"),
    }
    for name, (solver, *published) in solvers.items():
        for scale, expected in zip((1.0, 3.0), published, strict=True):
            game = gs.games.bilinear(scale)
            yield shown(f"{name}, a = {scale:g}", expected, distance(game, solver, (0.5, 0.5), 50))
    for scale, expected in ((1.0, ".980581"), (3.0, ".857493")):
        yield shown(f"rate of CGD, a = {scale:g}", expected, rate(gs.games.bilinear(scale), gs.cgd(0.2)))
    exact = rate(gs.games.bilinear(3.0), gs.conopt(0.2, gamma=1.0))
    yield said("rate of ConOpt, a = 3", "1 exactly", f"{exact:.15g}", abs(exact - 1) < 1e-12)


def g3() -> Iterator[Claim]:
    """Check the quadratics of the CGD paper: ±(x^2 - y^2), step .2, |z| after 100 steps from (.5, .5)."""
    good, bad, start = games.definite(1.0), games.definite(-1.0), (0.5, 0.5)
    conopt = gs.conopt(0.2, gamma=1.0)
    yield shown("SimGD, +", "4.62e-23", distance(good, gs.simgd(0.2), start, 100))
    yield shown("CGD, +", "4.62e-23", distance(good, gs.cgd(0.2), start, 100))
    yield shown("ConOpt, +", "8.96e-71", distance(good, conopt, start, 100))
    yield shown("OGDA, first step doubled, +", "3.57e-14", distance(good, gs.ogda(0.2, zero_start=True), start, 100))
    yield shown("SimGD, -", "2.9e14", distance(bad, gs.simgd(0.2), start, 100))
    yield shown("ConOpt, -", "4.62e-23", distance(bad, conopt, start, 100))
    end = gs.solve(bad, conopt, start, 100).players
    found = gs.analysis.classify(bad, end)
    words = {"zero of the field": found.is_equilibrium, "stable": found.stable, "Nash": found.nash}
    verdict = ", ".join(word if holds else f"not {word}" for word, holds in words.items())
    yield said("limit of ConOpt, -", "no equilibrium", verdict, not found.stable and not found.nash)


def g6() -> Iterator[Claim]:
    """Check negative momentum on x y."""
    curl = gs.games.curl()
    for eta, expected in ((0.1, ".99852"), (0.3, ".98661")):
        yield shown(
            f"rate, alternating, momentum -.5, step {eta:g}", expected, rate(curl, gs.altgd(eta, momentum=-0.5))
        )
        plain = rate(curl, gs.altgd(eta))
        yield said(f"rate, alternating, step {eta:g}", "1 exactly", f"{plain:.15g}", abs(plain - 1) < 1e-12)
        least = min(rate(curl, gs.simgd(eta, momentum=beta)) for beta in (-0.5, 0.0, 0.5))
        yield said(f"smallest rate, simultaneous, momentum -.5, 0, .5, step {eta:g}", "> 1", least, least > 1)


def g9() -> Iterator[Claim]:
    """Check lookahead-minimax on x y, step .3, six inner steps: the factor from one synchronisation to the next."""
    for alpha, expected in ((0.5, ".74476"), (0.4, ".71993"), (0.8, "1.01980")):
        solver = gs.lookahead(gs.simgd(0.3), period=6, alpha=alpha)
        path = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 60, record=record_norm, every=6).trace
        steady = np.allclose(path[1:] / path[:-1], path[0], rtol=1e-12)
        yield shown(f"factor, alpha = {alpha:g}", expected, path[0] if steady else np.nan)


def g11() -> Iterator[Claim]:
    """Check integrators on a rotation: the factor of one step."""
    names = {1: "Euler", 2: "Heun", 4: "RK4"}
    published = {
        1: ("1.00499", "1.11803", "1.41421"),
        2: ("1.0000125", "1.00778", "1.11803"),
        4: (".999999993", ".999895", ".993905"),
    }
    for order, figures in published.items():
        for step, expected in zip((0.1, 0.5, 1.0), figures, strict=True):
            value = rate(gs.games.curl(), gs.runge_kutta(step, order))
            yield shown(f"{names[order]}, h = {step:g}", expected, value)


def g14() -> Iterator[Claim]:
    """Check anchored extragradient on x y from (1, 1), step 1/8: the norm of the field."""
    for name, solver, published in (
        ("EAG-C", gs.anchored_extragradient(1 / 8), ("1.2541", ".06394", ".011299")),
        ("EG", gs.extragradient(1 / 8), ("1.3087", ".65152", "6.09e-4")),
    ):
        path = gs.solve(gs.games.curl(), solver, (1.0, 1.0), 1000, record=record_norm).trace  # |v| = |z| on this game
        for steps, expected in zip((10, 100, 1000), published, strict=True):
            yield shown(f"{name} after {steps}", expected, path[steps - 1])


def g15() -> Iterator[Claim]:
    """Check Lyapunov exponents of two maps on x y, step .2."""
    for name, solver, published in (
        ("SimGD", gs.simgd(0.2), ".0196104"),
        ("EG", gs.extragradient(0.2), "-.0195784"),
    ):
        for index, value in enumerate(gs.analysis.lyapunov_exponents(gs.games.curl(), solver, (0.5, 0.3), 200)):
            yield shown(f"{name}, exponent {index + 1}", published, jnp.real(value))
