"""Games of papers that the catalogue does not name."""

from typing import Any

import jax
import jax.numpy as jnp

import gamesolve as gs


def forsaken() -> gs.Game:
    """Return ``x y + phi(x) - phi(y)``: an equilibrium behind a cycle that attracts."""
    return gs.zero_sum(_forsaken)


def timescale() -> gs.Game:
    """Return ``-a cos x + cos(x - y) + a cos y``, a = 0.15: what is stable depends on the ratio of the step sizes."""
    return gs.zero_sum(_timescale)


def tandem() -> gs.Game:
    """Return the losses ``(x + y)^2 - 2 z_i``, whose field vanishes on the line x + y = 1."""
    return gs.from_losses(_tandem_x, _tandem_y)


def polymatrix() -> gs.Game:
    """Return the losses ``|x|^2 |y|^2`` and its negative."""
    return gs.from_losses(_product_of_squares, _negative_product)


def definite(sign: float) -> gs.Game:
    """Return ``sign (x^2 - y^2)``: each player alone, at its best point or, with -1, at its worst."""
    return gs.zero_sum(_definite, constants=(jnp.asarray(sign),))


def _phi(z: Any) -> Any:
    return 2 * z**6 / 21 - z**4 / 3 + z**2 / 3


def _forsaken(x: Any, y: Any) -> jax.Array:
    return x * y + _phi(x) - _phi(y)


def _timescale(x: Any, y: Any) -> jax.Array:
    return -0.15 * jnp.cos(x) + jnp.cos(x - y) + 0.15 * jnp.cos(y)


def _tandem_x(x: Any, y: Any) -> jax.Array:
    return (x + y) ** 2 - 2 * x


def _tandem_y(x: Any, y: Any) -> jax.Array:
    return (x + y) ** 2 - 2 * y


def _product_of_squares(x: Any, y: Any) -> jax.Array:
    return jnp.sum(x**2) * jnp.sum(y**2)


def _negative_product(x: Any, y: Any) -> jax.Array:
    return -_product_of_squares(x, y)


def _definite(x: Any, y: Any, sign: Any) -> jax.Array:
    return sign * (x**2 - y**2)
