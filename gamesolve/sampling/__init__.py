"""Samplers of the data of one step, and several draws of it in one batch."""

from gamesolve.sampling.drawn import Draws, draws, for_players
from gamesolve.sampling.samplers import (
    Epochs,
    Latents,
    Minibatches,
    Several,
    draw_at,
    epochs,
    joint,
    latents,
    minibatches,
    per_player,
    several,
)

__all__ = [
    "Draws",
    "Epochs",
    "Latents",
    "Minibatches",
    "Several",
    "draw_at",
    "draws",
    "epochs",
    "for_players",
    "joint",
    "latents",
    "minibatches",
    "per_player",
    "several",
]
