"""Check unbiased consensus by enumerating every batch of a small finite sum: G17."""

import functools
import itertools
from collections.abc import Callable, Iterator

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.published.claims import Claim, said
from gamesolve import estimators, products
from gamesolve.game import Players
from gamesolve.trees import Batch, PyTree

Product = Callable[..., Callable[[Players], Players]]
Groups = int | str | None

POINTS = 8
BATCH = 4


def payoff(x: jax.Array, y: jax.Array, rows: Batch) -> jax.Array:
    """A smooth finite sum in two and three dimensions."""
    inner = jnp.tanh(rows["a"] @ x) * jnp.sin(rows["b"] @ y)
    return jnp.mean(inner + 0.3 * rows["c"] * jnp.sum(x**2) - 0.2 * jnp.sum(y**2) * rows["c"] ** 2)


GAME = gs.zero_sum(payoff)


def points() -> dict[str, jax.Array]:
    """Return the examples."""
    draw = np.random.default_rng(0).normal
    return {name: jnp.asarray(draw(size=(POINTS, *shape))) for name, shape in {"a": (2,), "b": (3,), "c": ()}.items()}


def players() -> tuple[jax.Array, jax.Array]:
    """Return the players at which products are estimated."""
    return jnp.asarray([0.4, -0.3]), jnp.asarray([0.2, 0.7, -0.5])


def ravel(tree: PyTree) -> np.ndarray:
    """Return all numbers of a pytree."""
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


def exact(points: Batch, players: Players, product: Product = products.transposed) -> np.ndarray:
    """Return a product of the mean game's Jacobian with its own field."""
    return ravel(_exact(points, players, product))


@functools.partial(jax.jit, static_argnames="product")
def _exact(points: Batch, players: Players, product: Product) -> Players:
    game = GAME.bind(points)
    return product(game, players)(game.field(players))


def over_batches(
    points: Batch,
    players: Players,
    groups: Groups,
    product: Product = products.transposed,
    rows: np.ndarray | None = None,
    population: int | None = None,
) -> np.ndarray:
    """Return the estimates from all ordered batches with replacement, or from those given by their rows."""
    if rows is None:
        rows = np.array(list(itertools.product(range(POINTS), repeat=BATCH)))
    estimate = jax.jit(jax.vmap(functools.partial(_estimate, points, players, groups, product, population)))
    stacked = estimate(jnp.asarray(rows))
    return np.concatenate([np.asarray(leaf).reshape(len(rows), -1) for leaf in jax.tree.leaves(stacked)], axis=1)


def _estimate(
    points: Batch, players: Players, groups: Groups, product: Product, population: int | None, index: jax.Array
) -> Players:
    game = GAME.bind(jax.tree.map(lambda leaf: leaf[index], points))
    return estimators.self_product(product, game, players, groups, population).product


def plugin_excess(points: Batch, players: Players) -> np.ndarray:
    """Return the plugin's bias by theory: (E[J_i^T v_i] - J^T v) over the batch size."""
    single = lambda row: jax.tree.map(lambda leaf: leaf[row : row + 1], points)
    alone = np.mean([exact(single(row), players) for row in range(POINTS)], axis=0)
    return (alone - exact(points, players)) / BATCH


def g17() -> Iterator[Claim]:
    """Check bias and variance of the consensus term over all 4096 batches of 4 from 8."""
    where, at = points(), players()
    truth = exact(where, at)
    size = np.linalg.norm(truth)
    found = {groups: over_batches(where, at, groups) for groups in (None, 2, "all")}
    for name, groups in (("halves", 2), ("pairs", "all")):
        bias = float(np.linalg.norm(found[groups].mean(0) - truth) / size)
        yield said(f"relative bias, {name}", "≤ 1e-14", f"{bias:.1e}", bias <= 1e-14)
    error = found[None].mean(0) - truth - plugin_excess(where, at)
    close = float(np.linalg.norm(error) / np.linalg.norm(plugin_excess(where, at)))
    yield said("plugin's bias, against its covariance term", "equal", f"relative difference {close:.1e}", close < 1e-11)
    halves, pairs = (float(found[groups].var(0).sum() / size**2) for groups in (2, "all"))
    yield said("variance of pairs and halves", "pairs ≤ halves", f"{pairs:.4g}, {halves:.4g}", pairs <= halves)
