"""Recommend a solver for a game: probe it, predict on its linear model, try the best proposals on the game itself."""

from gamesolve.advice.floors import Floor
from gamesolve.advice.probe import Probe
from gamesolve.advice.recommendation import Recommendation, Row
from gamesolve.advice.recommending import recommend

__all__ = ["Floor", "Probe", "Recommendation", "Row", "recommend"]
