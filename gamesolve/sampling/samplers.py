"""Samplers: functions ``sample(key) -> batch`` that draw the data of one step of a stochastic game.

`gamesolve.solve` calls them inside its compiled loop. A batch is a pytree whose leaves share a leading example axis.
The arrays that a sampler draws from are its leaves, so they are arguments of the compiled program, not constants in it.

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

from gamesolve.checks import as_pytree, whole_number
from gamesolve.checks.calls import called
from gamesolve.sampling.drawn import draws, for_players
from gamesolve.trees import Batch, Key, PyTree, Scalar
from gamesolve.trees.faces import shown

Sampler = Callable[[Key], Batch]
Distribution = Callable[[Key, tuple[int, ...]], jax.Array]


@shown()
@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["batch_size", "replace", "size"]
)
@dataclasses.dataclass(frozen=True)
class Minibatches:
    """A sampler of random rows, made by `minibatches`."""

    arrays: PyTree
    batch_size: int
    replace: bool
    size: int

    def __call__(self, key: Key) -> Batch:
        """Return rows drawn independently of all other steps."""
        rows = jax.random.choice(key, self.size, (self.batch_size,), replace=self.replace)
        return _taken(self.arrays, rows)


@shown()
@functools.partial(jax.tree_util.register_dataclass, data_fields=["arrays"], meta_fields=["batch_size", "size"])
@dataclasses.dataclass(frozen=True)
class Epochs:
    """A sampler that visits all rows in a new order in each epoch, made by `epochs`."""

    arrays: PyTree
    batch_size: int
    size: int

    def __call__(self, key: Key) -> Batch:
        """Return the first batch of an epoch."""
        return self.at(key, jnp.zeros((), jnp.int32))

    def at(self, key: Key, t: Scalar) -> Batch:
        """Return the batch of step ``t`` in a run with the random key ``key``."""
        epoch, position = jnp.divmod(t, self.size // self.batch_size)
        order = jax.random.permutation(jax.random.fold_in(key, epoch), self.size)
        rows = jax.lax.dynamic_slice_in_dim(order, position * self.batch_size, self.batch_size)
        return _taken(self.arrays, rows)


@shown()
@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Latents:
    """A sampler of latent noise, made by `latents`."""

    shape: tuple[int, ...]
    draw: Distribution

    def __call__(self, key: Key) -> jax.Array:
        """Return an array of independent draws."""
        takes, hint = "a key and a shape", "Pass a function like jax.random.normal."
        return called("draw", self.draw, key, self.shape, takes=takes, hint=hint)


@shown()
@functools.partial(jax.tree_util.register_dataclass, data_fields=["samplers"], meta_fields=["collect"])
@dataclasses.dataclass(frozen=True)
class Several:
    """A sampler that calls others with independent keys and combines their draws."""

    samplers: tuple[Sampler, ...]
    collect: Callable[..., Batch]

    def __call__(self, key: Key) -> Batch:
        """Return the combined draws of the samplers."""
        keys = jax.random.split(key, len(self.samplers))
        return self.collect(*(_drawn(sample, own) for sample, own in zip(self.samplers, keys, strict=True)))

    def at(self, key: Key, t: Scalar) -> Batch:
        """Return the combined draws of step ``t`` in a run with the random key ``key``."""
        if not any(hasattr(sample, "at") for sample in self.samplers):
            return self(jax.random.fold_in(key, t))
        keys = jax.random.split(key, len(self.samplers))
        return self.collect(*(draw_at(sample, own, t) for sample, own in zip(self.samplers, keys, strict=True)))


def minibatches(arrays: PyTree, batch_size: int, *, replace: bool = True) -> Minibatches:
    """Make a sampler of minibatches that are independent from step to step.

    Args:
        arrays: pytree of arrays that share their leading axis, the examples.
        batch_size: number of examples per draw.
        replace: whether one draw may contain an example twice. With ``replace=False`` each draw costs a permutation
            of all examples; if ``batch_size`` is their number, every draw contains all of them. Default: True.

    Returns:
        The sampler, ``sample(key) -> batch``.

    Raises:
        ValueError: if the leaves disagree on the leading axis, or the batch is too large.

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


def epochs(arrays: PyTree, batch_size: int) -> Epochs:
    """Make a sampler that visits all examples once per epoch, in a new order each time.

    With N examples, step t of a run takes batch ``t mod (N // batch_size)`` of epoch ``t // (N // batch_size)``.
    Examples that do not fill a last batch are left out of that epoch. A resumed run (``start=``) continues where it
    stopped. Each step recomputes the permutation of its epoch, about 0.1 ms per thousand examples on a CPU.

    Args:
        arrays: pytree of arrays that share their leading axis, the examples.
        batch_size: number of examples per draw, at most N.

    Returns:
        The sampler. `gamesolve.solve` takes the batch of each step from it; ``sample(key)`` returns a first batch.

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
        batch_size: number of examples per draw.
        dim: dimension of one example, or its shape.
        draw: ``draw(key, shape) -> array``, such as ``jax.random.uniform``. Default: ``jax.random.normal``.

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
    """Make a sampler of tuples with one draw of each sampler, from independent keys.

    Args:
        *samplers: samplers such as `minibatches` of data and `latents`. Their batch sizes must agree, since example i
            of the tuple is example i of each entry.

    Returns:
        The sampler.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gamesolve import sampling
        >>> sample = sampling.joint(sampling.minibatches(jnp.zeros((10, 3)), 4), sampling.latents(4, 2))
        >>> [part.shape for part in sample(jax.random.key(0))]
        [(4, 3), (4, 2)]
    """
    return _several("joint", samplers, _as_tuple)


def several(sampler: Sampler, number: int) -> Several:
    """Make a sampler of several independent draws: one for each turn or look-ahead of a step.

    `Game.bind` accepts them as one entry. The field uses the first draw; a look-ahead or a second mover uses the next.

    Args:
        sampler: sampler of one draw.
        number: number of draws.

    Returns:
        A sampler of `gamesolve.sampling.Draws`.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import sampling
        >>> game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
        >>> sample = sampling.several(gs.minibatches(jnp.array([0.5, 1.5]), 1), 2)
        >>> independent = gs.solve(game, gs.extragradient(0.1), (1.0, 1.0), 9, sample=sample, key=jax.random.key(0))
        >>> len(independent.players)
        2
    """
    return _several("several", (sampler,) * whole_number("number", number, 1), draws)


def per_player(*samplers: Sampler) -> Several:
    """Make a sampler of independent draws, one per player: player i's payoff sees the draw of sampler i.

    Args:
        *samplers: one per player.

    Returns:
        A sampler of `gamesolve.sampling.Draws`. A two-player zero-sum game then takes two backward passes.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import sampling
        >>> rows = gs.minibatches(jnp.arange(4.0), 2)
        >>> game = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y)
        >>> bound = game.bind(sampling.per_player(rows, rows)(jax.random.key(0)))
        >>> bound.is_zero_sum
        False
    """
    return _several("per_player", samplers, for_players)


def draw_at(sample: Sampler, key: Key, t: Scalar) -> Batch:
    """Return the batch of step ``t``: ``sample.at(key, t)`` if it exists, else ``sample(fold_in(key, t))``."""
    at = getattr(sample, "at", None)
    return _drawn(sample, jax.random.fold_in(key, t)) if at is None else at(key, t)


def _drawn(sample: Sampler, key: Key) -> Batch:
    return called("a sampler", sample, key, takes="a random key", hint="Write lambda key: ...")


def _several(name: str, samplers: tuple[Sampler, ...], collect: Callable[..., Batch]) -> Several:
    """Return a sampler of several others; plain functions among them become pytrees without leaves."""
    return Several(tuple(as_pytree(f"a sampler of {name}", sample) for sample in samplers), collect)


def _as_tuple(*batches: Batch) -> tuple[Batch, ...]:
    sizes = {len(leaf) for leaf in jax.tree.leaves(batches) if np.ndim(leaf)}
    if len(sizes) > 1:
        raise ValueError(f"the samplers of joint must draw batches of one size, got {sorted(sizes)}.")
    return batches


def _taken(arrays: PyTree, rows: jax.Array) -> Batch:
    return jax.tree.map(lambda leaf: leaf[rows], arrays)


def _size(arrays: PyTree) -> int:
    sizes = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(arrays)}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"arrays must share their leading axis, got {sorted(sizes)} examples. Give arrays with one row per example."
        )
    return sizes.pop()


def _check_batch(batch_size: Any, most: int | None = None) -> None:
    if not isinstance(batch_size, int) or isinstance(batch_size, bool):
        raise TypeError(f"batch_size must be an integer, got {batch_size!r}. It is part of the compiled program.")
    if batch_size < 1 or (most is not None and batch_size > most):
        bounds = "at least 1" if most is None else f"from 1 to {most}, the number of examples"
        raise ValueError(f"batch_size must be {bounds}, got {batch_size}.")
