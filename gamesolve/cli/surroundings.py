"""Options that both commands share: the noise of the user's game, and the sets of its players."""

import argparse
from typing import Any

import jax

from gamesolve.cli.loading import CommandError, find


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options."""
    add = command.add_argument
    add("--sample", metavar="FILE:NAME", help="sampler of a noisy game: a function of a random key")
    add("--key", type=_seed, help="seed of the random key of --sample (default: 0)")
    add("--constraints", metavar="FILE:NAME", help="a projection, or a tuple with one per player")


def load(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments ``sample``, ``key`` and ``constraints``.

    Raises:
        CommandError: if an object does not exist, or there is a key without a sampler.
    """
    sample = options.sample and find(options.sample, "a function of a random key")
    constraints = options.constraints and find(options.constraints, "a projection or a tuple with one per player")
    if options.key is not None and sample is None:
        raise CommandError("--key needs --sample: without noise there is nothing to draw.")
    key = None if sample is None else jax.random.key(options.key or 0)
    return {"sample": sample, "key": key, "constraints": constraints}


def _seed(text: str) -> int:
    """Read the seed of a random key."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"must be an integer from 0 to 4294967295, got {text}")
    return int(text)
