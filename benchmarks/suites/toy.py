"""Nonlinear games on two numbers."""

import dataclasses
import functools
import math
from typing import Any

import jax.numpy as jnp

from benchmarks.published import games as published
from benchmarks.suites.rivals import RIVALS
from benchmarks.suites.suite import USUAL, Entry, Race, solvers
from gamesolve import games
from gamesolve.game import Game
from gamesolve.games import gan


def _at(game: Game, start: tuple[float, ...], *equilibria: tuple[float, ...]) -> Game:
    known = tuple(tuple(map(jnp.asarray, point)) for point in equilibria)
    return dataclasses.replace(game, start=tuple(map(jnp.asarray, start)), equilibria=known)


def _timescale() -> Game:
    return _at(published.timescale(), (0.5, 0.4), (0.0, 0.0), (math.pi, math.pi))


def _forsaken() -> Game:
    return _at(published.forsaken(), (1.0, 1.0), (0.0, 0.0))


def _tandem() -> Game:
    return _at(published.tandem(), (0.3, -0.4))


def _tandem_gap(game: Game, players: Any) -> Any:
    del game
    return jnp.abs(players[0] + players[1] - 1)


def _dirac(**settings: Any) -> Game:
    return gan.dirac(**settings).game


SUITE = Race(
    "toy",
    "What do solvers do where the field is not linear: centres, cycles, lines of equilibria?",
    (
        Entry("cosine", games.cosine, "field (cos phi, sin theta): two centres and two saddles a period, no attractor"),
        Entry("forsaken", _forsaken, "x y + phi(x) - phi(y): an equilibrium behind a cycle that attracts"),
        Entry("timescale", _timescale, "-a cos x + cos(x - y) + b cos y: stable from some ratio of step sizes on"),
        Entry(
            "tandem",
            _tandem,
            "losses (x + y)^2 - 2 z_i: the line x + y = 1 of equilibria",
            measure=_tandem_gap,
        ),
        Entry("dirac", _dirac, "Dirac-GAN, minimax loss: a centre"),
        Entry("dirac-swapped", functools.partial(_dirac, loss=gan.non_saturating), "Dirac-GAN, non-saturating loss"),
        Entry("dirac-squares", functools.partial(_dirac, loss=gan.least_squares), "Dirac-GAN, least squares"),
        Entry("dirac-r1", functools.partial(_dirac, regularisers=(gan.r1(0.3),)), "Dirac-GAN with R1 of weight 0.3"),
    ),
    solvers(*USUAL) | RIVALS,
    x64=True,
)
