"""Games of papers that are not in the catalogue."""

import jax.numpy as jnp

import gamesolve as gs


def forsaken() -> gs.Game:
    """Return ``x y + phi(x) - phi(y)``: an equilibrium inside an attracting limit cycle."""
    return gs.zero_sum(_forsaken)


def timescale() -> gs.Game:
    """Return ``-a cos x + cos(x - y) + a cos y``, a = 0.15: stability depends on the ratio of the step sizes."""
    return gs.zero_sum(_timescale)


def polymatrix() -> gs.Game:
    """Return the losses ``|x|^2 |y|^2`` and its negative."""
    return gs.from_losses(_squares, _negative_squares)


def definite(sign: float) -> gs.Game:
    """Return ``sign (x^2 - y^2)``: each player alone, at its best point or, with -1, at its worst."""
    return gs.zero_sum(_definite, constants=(jnp.asarray(sign),))


# Named functions, so that games built twice are equal and share their programs.
_phi = lambda z: 2 * z**6 / 21 - z**4 / 3 + z**2 / 3
_forsaken = lambda x, y: x * y + _phi(x) - _phi(y)
_timescale = lambda x, y: -0.15 * jnp.cos(x) + jnp.cos(x - y) + 0.15 * jnp.cos(y)
_squares = lambda x, y: jnp.sum(x**2) * jnp.sum(y**2)
_negative_squares = lambda x, y: -_squares(x, y)
_definite = lambda x, y, sign: sign * (x**2 - y**2)
