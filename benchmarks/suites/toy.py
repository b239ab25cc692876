"""Nonlinear games on two numbers."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from benchmarks.outside import methods
from benchmarks.published import games as published
from benchmarks.suites.suite import USUAL, Entry, Race, solvers
from gamesolve import games
from gamesolve.game import Game, Players
from gamesolve.games import gan

Point = tuple[float, float]
COSINE = "field (cos phi, sin theta): two centres and two saddles per period, no attractor"
TANDEM = "losses (x + y)^2 - 2 z_i: the line x + y = 1 of equilibria"


def _at(game: Game, start: Point, *equilibria: Point) -> Game:
    known = tuple(tuple(map(jnp.asarray, point)) for point in equilibria)
    return dataclasses.replace(game, start=tuple(map(jnp.asarray, start)), equilibria=known)


def _timescale() -> Game:
    return _at(published.timescale(), (0.5, 0.4), (0.0, 0.0), (math.pi, math.pi))


def _tandem_gap(game: Game, players: Players) -> jax.Array:
    del game
    return jnp.abs(players[0] + players[1] - 1)


def _dirac(name: str, summary: str, loss: gan.Loss = gan.minimax, *regularisers: gan.Regulariser) -> Entry:
    return Entry(name, lambda: gan.dirac(loss, regularisers).game, f"Dirac-GAN{summary}")


SUITE = Race(
    "toy",
    "How do solvers behave if the field is not linear: centres, cycles, lines of equilibria?",
    (
        Entry("cosine", games.cosine, COSINE),
        Entry(
            "forsaken",
            lambda: _at(published.forsaken(), (1.0, 1.0), (0.0, 0.0)),
            "x y + phi(x) - phi(y): an equilibrium inside an attracting limit cycle",
        ),
        Entry("timescale", _timescale, "-a cos x + cos(x - y) + b cos y: stable above some ratio of step sizes"),
        Entry("tandem", lambda: _at(games.tandem(), (0.3, -0.4)), TANDEM, measure=_tandem_gap),
        _dirac("dirac", ", minimax loss: a centre"),
        _dirac("dirac-swapped", ", non-saturating loss", gan.non_saturating),
        _dirac("dirac-squares", ", least squares", gan.least_squares),
        _dirac("dirac-r1", " with R1 of weight 0.3", gan.minimax, gan.r1(0.3)),
    ),
    solvers(*USUAL) | methods("toy"),
    x64=True,
)
