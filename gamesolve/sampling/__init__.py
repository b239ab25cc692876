"""What a step draws: samplers, and several draws in one."""

from gamesolve.sampling.drawn import Draws, PerPlayer, draws, for_players
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
    "PerPlayer",
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
