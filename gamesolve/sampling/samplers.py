"""Samplers: functions ``sample(key) -> batch`` of what one step of a stochastic game draws.

`gamesolve.solve` calls them inside its compiled loop. A batch is a pytree whose leaves share a leading example axis;
arrays that a sampler draws from are its leaves, so that they travel into the program and are no constants of it.

>>> import jax, jax.numpy as jnp, gamesolve as gs
>>> sample = gs.minibatches(jnp.arange(10.0), 4)
>>> sample(jax.random.key(0)).shape
(4,)
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.sampling.drawn import draws, for_players

Sampler = Callable[[jax.Array], Any]
Distribution = Callable[[jax.Array, tuple[int, ...]], jax.Array]


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["batch_size", "replace", "size"]
)
@dataclasses.dataclass(frozen=True)
class Minibatches:
    """A sampler of rows, made by `minibatches`."""

    arrays: Any
    batch_size: int
    replace: bool
    size: int

    def __call__(self, key: jax.Array) -> Any:
        """Return rows drawn independently of every other step."""
        rows = jax.random.choice(key, self.size, (self.batch_size,), replace=self.replace)
        return _taken(self.arrays, rows)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["batch_size", "size"])
@dataclasses.dataclass(frozen=True)
class Epochs:
    """A sampler that goes through all rows in a new order each epoch, made by `epochs`."""

    arrays: Any
    batch_size: int
    size: int

    def __call__(self, key: jax.Array) -> Any:
        """Return the first batch of an epoch: what one draw on its own is."""
        return self.at(key, jnp.zeros((), jnp.int32))

    def at(self, key: jax.Array, t: Any) -> Any:
        """Return the batch of step ``t`` of a run with the random key ``key``."""
        epoch, position = jnp.divmod(t, self.size // self.batch_size)
        order = jax.random.permutation(jax.random.fold_in(key, epoch), self.size)
        rows = jax.lax.dynamic_slice_in_dim(order, position * self.batch_size, self.batch_size)
        return _taken(self.arrays, rows)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Latents:
    """A sampler of noise, made by `latents`."""

    shape: tuple[int, ...]
    draw: Distribution

    def __call__(self, key: jax.Array) -> jax.Array:
        """Return an array of independent draws."""
        return self.draw(key, self.shape)


@functools.partial(jax.tree_util.register_dataclass, data_fields=["samplers"], meta_fields=["collect"])
@dataclasses.dataclass(frozen=True)
class Several:
    """A sampler that calls others with independent keys and puts their draws together."""

    samplers: tuple[Any, ...]
    collect: Callable[..., Any]

    def __call__(self, key: jax.Array) -> Any:
        """Return what the samplers draw, together."""
        keys = jax.random.split(key, len(self.samplers))
        return self.collect(*(sample(own) for sample, own in zip(self.samplers, keys, strict=True)))

    def at(self, key: jax.Array, t: Any) -> Any:
        """Return the draws of step ``t`` of a run with the random key ``key``."""
        if not any(hasattr(sample, "at") for sample in self.samplers):
            return self(jax.random.fold_in(key, t))
        keys = jax.random.split(key, len(self.samplers))
        return self.collect(*(draw_at(sample, own, t) for sample, own in zip(self.samplers, keys, strict=True)))


def minibatches(arrays: Any, batch_size: int, *, replace: bool = True) -> Minibatches:
    """Make a sampler of minibatches; every step draws independently of the others.

    Args:
        arrays: pytree of arrays that share their leading axis, the examples.
        batch_size: number of examples a draw.
        replace: whether one draw may hold an example twice. With ``replace=False`` and ``batch_size`` equal to the
            number of examples every draw is all of them, in some order. It costs a permutation of all examples.

    Returns:
        The sampler, ``sample(key) -> batch``.

    Raises:
        ValueError: if the leaves disagree on the leading axis, or the batch does not fit.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> points = jnp.array([1.0, 3.0])
        >>> game = gs.zero_sum(lambda x, y, batch: jnp.mean(y * (x - batch)))
        >>> sample = gs.minibatches(points, 2, replace=False)
        >>> solution = gs.solve(game, gs.extragradient(0.5), (0.0, 0.0), 200, sample=sample, key=jax.random.key(0))
        >>> round(float(solution.players[0]), 3)
        2.0
    """
    size = _size(arrays)
    _check_batch(batch_size, None if replace else size)
    return Minibatches(jax.tree.map(jnp.asarray, arrays), batch_size, replace, size)


def epochs(arrays: Any, batch_size: int) -> Epochs:
    """Make a sampler that goes through all examples once an epoch, in a new order each time.

    Step t of a run takes batch ``t mod (N // batch_size)`` of epoch ``t // (N // batch_size)``; what does not fill a
    last batch is left out of that epoch. A resumed run (``start=``) goes on where it was. Each step computes its
    epoch's permutation anew, about 0.1 ms per thousand examples on a CPU.

    Args:
        arrays: pytree of arrays that share their leading axis, the examples.
        batch_size: number of examples a draw, at most their number.

    Returns:
        The sampler; `gamesolve.solve` asks it for the batch of each step, and ``sample(key)`` gives a first one.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gamesolve import sampling
        >>> sample, key = sampling.epochs(jnp.arange(6), 2), jax.random.key(0)
        >>> sorted(int(row) for t in range(3) for row in sample.at(key, t))
        [0, 1, 2, 3, 4, 5]
    """
    size = _size(arrays)
    _check_batch(batch_size, size)
    return Epochs(jax.tree.map(jnp.asarray, arrays), batch_size, size)


def latents(batch_size: int, dim: int | tuple[int, ...], draw: Distribution = jax.random.normal) -> Latents:
    """Make a sampler of latent noise of shape ``(batch_size, dim)``.

    Args:
        batch_size: number of examples a draw.
        dim: dimension of one example, or its shape.
        draw: ``draw(key, shape) -> array``, such as ``jax.random.normal`` or ``jax.random.uniform``.

    Returns:
        The sampler.

    Example:
        >>> import jax
        >>> from gamesolve import sampling
        >>> sampling.latents(8, 2)(jax.random.key(0)).shape
        (8, 2)
    """
    _check_batch(batch_size)
    return Latents((batch_size, *(dim if isinstance(dim, tuple) else (dim,))), draw)


def joint(*samplers: Sampler) -> Several:
    """Make a sampler of tuples: one draw of each of the samplers, with independent keys.

    Args:
        *samplers: such as `minibatches` of data and `latents`; their batch sizes should agree, since example i of the
            batch is example i of each.

    Returns:
        The sampler.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gamesolve import sampling
        >>> sample = sampling.joint(sampling.minibatches(jnp.zeros((10, 3)), 4), sampling.latents(4, 2))
        >>> [part.shape for part in sample(jax.random.key(0))]
        [(4, 3), (4, 2)]
    """
    return Several(samplers, _as_tuple)


def several(sampler: Sampler, number: int) -> Several:
    """Make a sampler of several independent draws: one for each turn or look-ahead of a step.

    `Game.bind` takes them as one; the field is that of the first draw, a look-ahead or a second mover takes the next.

    Args:
        sampler: what is drawn.
        number: how many draws.

    Returns:
        The sampler, of `gamesolve.sampling.Draws`.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import sampling
        >>> game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
        >>> sample = sampling.several(gs.minibatches(jnp.array([0.5, 1.5]), 1), 2)
        >>> independent = gs.solve(game, gs.extragradient(0.1), (1.0, 1.0), 9, sample=sample, key=jax.random.key(0))
        >>> len(independent.players)
        2
    """
    return Several((sampler,) * number, draws)


def per_player(*samplers: Sampler) -> Several:
    """Make a sampler of independent draws for the players: player i's payoff sees the draw of sampler i.

    Args:
        *samplers: one for each player.

    Returns:
        The sampler, of `gamesolve.sampling.PerPlayer`. A zero-sum game of two players then takes two backward passes.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import sampling
        >>> rows = gs.minibatches(jnp.arange(4.0), 2)
        >>> game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
        >>> bound = game.bind(sampling.per_player(rows, rows)(jax.random.key(0)))
        >>> bound.is_zero_sum
        False
    """
    return Several(samplers, for_players)


def draw_at(sample: Any, key: jax.Array, t: Any) -> Any:
    """Return the batch of step ``t``: what the sampler says itself, or its draw from ``fold_in(key, t)``."""
    at = getattr(sample, "at", None)
    return sample(jax.random.fold_in(key, t)) if at is None else at(key, t)


def _as_tuple(*batches: Any) -> tuple[Any, ...]:
    return batches


def _taken(arrays: Any, rows: jax.Array) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], arrays)


def _size(arrays: Any) -> int:
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(arrays)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"the arrays have {sorted(sizes)} examples along their leading axes; give arrays that agree, one row an "
            "example."
        )
    return sizes.pop()


def _check_batch(batch_size: Any, most: int | None = None) -> None:
    if not isinstance(batch_size, int) or isinstance(batch_size, bool):
        raise TypeError(f"batch_size is {batch_size!r}; give a whole number, it is part of the program.")
    if batch_size < 1 or (most is not None and batch_size > most):
        bounds = "at least 1" if most is None else f"from 1 to {most}, the number of examples"
        raise ValueError(f"batch_size is {batch_size}; it must be {bounds}.")
