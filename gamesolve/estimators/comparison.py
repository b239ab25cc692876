"""Bias, variance and cost of each estimator of a regulariser."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import products
from gamesolve.estimators.self_products import Derivative, Groups, self_product
from gamesolve.game import Game
from gamesolve.trees import Batch, Players, norm

ROUNDS = 7


class Comparison(NamedTuple):
    """Statistics of one estimator over many batches; all but the costs are relative to the full-batch value.

    Attributes:
        groups: the estimator, as in `self_product`.
        bias: norm of the mean's error.
        error: standard error of the mean, given the number of batches: a bias below about twice this is not detectable.
        variance: trace of the covariance, over the squared norm.
        time: seconds of one compiled estimate, over those of the plain form.
        memory: its temporary memory, over that of the plain form; None if XLA does not report it.
    """

    groups: Groups
    bias: float
    error: float
    variance: float
    time: float
    memory: float | None


class Report(tuple[Comparison, ...]):
    """Several comparisons, printed as a table."""

    def __str__(self) -> str:
        lines = [f"{'groups':>8}{'bias':>11}{'+-':>11}{'variance':>11}{'time':>8}{'memory':>8}"]
        for row in self:
            memory = "-" if row.memory is None else f"{row.memory:.2f}"
            name = "plugin" if row.groups is None else str(row.groups)
            lines.append(
                f"{name:>8}{row.bias:>11.3g}{row.error:>11.3g}{row.variance:>11.3g}{row.time:>8.2f}{memory:>8}"
            )
        return "\n".join(lines)


def report(
    game: Game,
    players: Players,
    batches: Batch,
    groups: Sequence[Groups] = (None, 2, 4, "all"),
    population: int | None = None,
    product: Derivative = products.transposed,
) -> Report:
    """Compare estimators of ``J^T v``, the gradient of ``||v||^2 / 2``, over many batches with its full-batch value.

    Args:
        game: the game, bound to all of its data.
        players: where to compare.
        batches: batches stacked along a new leading axis, for example ``jax.vmap(sample)(keys)``.
        groups: the estimators, as in `self_product`. The plain form is always measured too, as the unit of cost.
        population: as in `self_product`, for the estimators that accept it. Default: None.
        product: estimate ``product(v)``, see `self_product`. Default: the product with ``J^T``.

    Returns:
        A tuple with one `Comparison` per estimator, which prints as a table.

    Raises:
        ValueError: if the game has no data, or the batches can't be split.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> points = jnp.arange(8.0)
        >>> game = gs.zero_sum(lambda x, y, a: jnp.mean(a) * x * y).bind(points)
        >>> keys = jax.random.split(jax.random.key(0), 2000)
        >>> batches = jax.vmap(gs.minibatches(points, 4))(keys)
        >>> plugin, halves = gs.estimators.report(game, (1.0, 1.0), batches, groups=(None, 2))
        >>> plugin.bias > 5 * plugin.error, halves.bias < 3 * halves.error
        (True, True)
    """
    if not game.data:
        raise ValueError("game must be bound to all of its data, got no data. Use game.bind(data).")
    truth = product(game, players)(game.field(players))
    scale = norm(truth)

    def estimator(kind: Groups) -> Callable[[Batch, Players], Players]:
        known = None if kind in (None, "draws") else population
        return lambda batch, players: self_product(product, game.bind(batch), players, kind, known).product

    plain, *costs = _costs([estimator(kind) for kind in (None, *groups)], batches, players)

    def compared(kind: Groups, cost: tuple[float, int]) -> Comparison:
        estimates = jax.jit(jax.vmap(estimator(kind), (0, None)))(batches, players)
        number = jax.tree.leaves(estimates)[0].shape[0]
        mean = jax.tree.map(lambda leaf: leaf.mean(0), estimates)
        variance = sum(jnp.sum(jnp.var(leaf, axis=0, ddof=1)) for leaf in jax.tree.leaves(estimates))
        error = jnp.sqrt(variance / number)
        off = norm(optax.tree.sub(mean, truth))
        memory = cost[1] / plain[1] if plain[1] else None
        return Comparison(
            kind, float(off / scale), float(error / scale), float(variance / scale**2), cost[0] / plain[0], memory
        )

    return Report(map(compared, groups, costs))


def _costs(functions: Sequence[Callable[..., Any]], batches: Batch, players: Players) -> list[tuple[float, int]]:
    """Return seconds and bytes of temporary memory of each compiled function on the first batch, timed in turn."""
    batch = jax.tree.map(lambda leaf: leaf[0], batches)
    programs = [jax.jit(function).lower(batch, players).compile() for function in functions]
    seconds: list[list[float]] = [[] for _ in programs]
    for _ in range(ROUNDS + 1):  # the first one warms up
        for program, times in zip(programs, seconds, strict=True):
            began = time.perf_counter()
            jax.block_until_ready(program(batch, players))
            times.append(time.perf_counter() - began)
    analyses = [program.memory_analysis() for program in programs]
    sizes = [0 if analysis is None else analysis.temp_size_in_bytes for analysis in analyses]
    return [(float(np.median(times[1:])), size) for times, size in zip(seconds, sizes, strict=True)]
