"""Unbiased products of a field with its own Jacobian over a minibatch.

Consensus optimisation and its relatives need ``J^T v``, the gradient of ``||v||^2 / 2``, where v and J are means over
all data. On a minibatch the obvious ``J_b^T v_b`` is biased, because one batch makes both factors: its mean is off by
the covariance of the two. With G groups of the batch, whose mean fields are ``V_1 .. V_G``,

    ``sum_g J_g^T c_g``  with  ``c_g = (sum_h V_h - V_g) / (G (G - 1))``

takes every product of two different groups once and is unbiased. It is the vjp of ``players -> (V_1 .. V_G)``, the
arithmetic of the biased form; with groups of one example each it is the U-statistic over all pairs.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.game import Game, Players, exact_products

Linear = Callable[[Players], Players]
Groups = int | str | None

# Examples whose own products are taken at once: more are no faster, and memory grows with them.
CHUNK = 16
# So few groups, of at least so many examples, are taken one by one: side by side their products take a quarter longer.
MOST_APART, LEAST_APART = 4, 128


@dataclasses.dataclass(frozen=True)
class Grouped:
    """A game on several groups at once: what is one tree for a game is one with a leading axis of groups here.

    A transposed product with its field adds up over the groups by itself, without keeping one result for each.

    Attributes:
        game: the game.
        parts: data to bind, with a leading axis of groups.
    """

    game: Game
    parts: Any

    @property
    def num_players(self) -> int:
        """Number of players."""
        return self.game.num_players

    def field(self, players: Players) -> Players:
        """Return the fields of the groups."""
        return self.gradients(players, tuple(range(self.num_players)))

    def gradients(self, players: Players, movers: tuple[int, ...]) -> Players:
        """Return the entries of the groups' fields that belong to the players in ``movers``."""
        return jax.vmap(lambda part: self.game.bind(*part).gradients(players, movers))(self.parts)

    def pushed(self, players: Players) -> Linear:
        """Return ``t -> sum_g J_g t_g``."""
        with exact_products():
            each = lambda part, t: jax.jvp(self.game.bind(*part).field, (players,), (t,))[1]  # noqa: E731
            return lambda tangents: _summed(jax.vmap(each)(self.parts, tangents))


class Estimate(NamedTuple):
    """An estimate over one batch: the mean field, and the product of its Jacobian with itself."""

    field: Players
    product: Players


def check(groups: Groups, population: int | None = None) -> None:
    """Raise unless the arguments name an estimator.

    Args:
        groups: None, a number of groups from 2 on, ``"all"`` or ``"draws"``.
        population: number of examples in all, or None.
    """
    named = isinstance(groups, str)
    if (named and groups not in ("all", "draws")) or (isinstance(groups, int) and groups < 2):
        raise ValueError(
            f"groups is {groups!r}; give None for the plain biased form, a number from 2 on, 'all' for all pairs of "
            "examples, or 'draws' for the draws that are bound."
        )
    if population is not None and groups in (None, "draws"):
        raise ValueError(
            f"population is {population} with groups = {groups!r}; the correction for draws without replacement needs "
            "groups of one batch: give groups=2 or 'all'."
        )


def self_product(
    product: Callable[[Game, Players], Linear],
    game: Game,
    players: Players,
    groups: Groups = None,
    population: int | None = None,
    metric: Linear = lambda cotangents: cotangents,
) -> Estimate:
    """Estimate the product of the field with a linear function of its own Jacobian, from the data that is bound.

    Args:
        product: ``product(game, players)`` gives the linear map, such as `products.transposed` for ``J^T``; where the
            batch is split its game is a `Grouped`, and the map takes a cotangent for each group and adds the results.
        game: the game, its payoffs means over the leading axis of the bound data.
        players: tuple of parameter pytrees.
        groups: None for the plain biased form; G >= 2 for that many equal groups of the batch; ``"all"`` for all pairs
            of examples (`CHUNK` examples at a time, so that memory does not grow with the batch); ``"draws"`` for the
            independent draws that are bound, one group each.
        population: number N of examples that the batch was drawn from without replacement: the estimate is then
            unbiased for all N, and exact when the batch is all of them. None for draws with replacement.
        metric: a linear map between the field and the product.

    Returns:
        The mean field and the estimate of ``product(metric(v))``.

    Raises:
        ValueError: if the batch can't be split so, or ``groups`` names no estimator.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import estimators, products
        >>> game = gs.zero_sum(lambda x, y, a: jnp.mean(a) * x * y).bind(jnp.array([1.0, 3.0]))
        >>> for groups in (None, 2):
        ...     estimate = estimators.self_product(products.transposed, game, (1.0, 0.0), groups)
        ...     print([float(entry) for entry in estimate.product])
        [4.0, 0.0]
        [3.0, 0.0]
    """
    check(groups, population)
    if groups is None:
        field = game.field(players)
        return Estimate(field, product(game, players)(metric(field)))
    if groups == "draws":
        return _over_draws(product, game, players, metric)
    size = batch_size(game.data)
    number = size if groups == "all" else int(groups)
    if population is not None and population < size:
        raise ValueError(f"population is {population}, less than the {size} examples of one batch; give all of them.")
    if number < 2:
        raise ValueError(f"the batch has {size} example; an unbiased form needs two or more.")
    common, own = _weights(number, 0 if population is None else size / number / population)
    few = number <= MOST_APART and size >= LEAST_APART * number
    over = _over_examples if groups == "all" else _over_few if few else _over_groups
    return over(product, game, players, metric, number, common, own)


def replaced(u: Players, grad: Players | None, estimate: Estimate) -> Players:
    """Return u from the estimate's own field if u is the gradient itself, which then is never computed."""
    return jax.tree.map(jnp.negative, estimate.field) if u is grad else u


def batch_size(data: Any) -> int:
    """Return the number of examples of a batch: the leading axis of its leaves, typed keys aside.

    Raises:
        ValueError: if there is no data or its leaves disagree.
    """
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(data) if not _is_key(leaf)]
    sizes = {shape[0] if shape else 0 for shape in shapes}
    if len(sizes) != 1 or 0 in sizes:
        seen = f"leaves with {sorted(sizes)} examples" if sizes else "no data"
        raise ValueError(f"groups= splits the batch of the game, which has {seen}; bind leaves of one leading axis.")
    return sizes.pop()


def split(data: Any, groups: int) -> Any:
    """Split a batch into equal groups: each leaf gets the groups as a new leading axis; a typed key is split.

    Args:
        data: pytree whose leaves share the leading example axis.
        groups: number of groups.

    Raises:
        ValueError: if the number of examples is not a multiple of ``groups``.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve import estimators
        >>> estimators.split(jnp.arange(4), 2).tolist()
        [[0, 1], [2, 3]]
    """
    size = batch_size(data)
    if size % groups:
        raise ValueError(
            f"the batch has {size} examples, which {groups} groups can't share equally; choose a divisor of {size}."
        )

    def part(leaf: Any) -> Any:
        if _is_key(leaf):
            return jax.random.split(leaf, groups)
        return jnp.reshape(leaf, (groups, size // groups, *jnp.shape(leaf)[1:]))

    return jax.tree.map(part, data)


def _weights(number: int, share: float) -> tuple[float, float]:
    """Return a and b of the cotangents ``a sum_h V_h + b V_g``; ``share`` is a group's share of the population."""
    pairs = (1 - share) / (number * (number - 1))
    return pairs, share / number - pairs


def _over_groups(
    product: Any, game: Game, players: Players, metric: Linear, number: int, common: float, own: float
) -> Estimate:
    grouped = Grouped(game, split(game.data, number))
    fields = grouped.field(players)
    total = _summed(fields)
    cotangents = jax.tree.map(lambda s, v: common * s + own * v, total, fields)
    return Estimate(optax.tree.scale(1 / number, total), product(grouped, players)(metric(cotangents)))


def _over_few(
    product: Any, game: Game, players: Players, metric: Linear, number: int, common: float, own: float
) -> Estimate:
    """Do the same group by group, for few and large ones."""
    parts = split(game.data, number)
    games = [game.bind(*jax.tree.map(lambda leaf, k=k: leaf[k], parts)) for k in range(number)]
    fields, estimate = _one_by_one(product, games, players, metric, common, own)
    return Estimate(optax.tree.scale(1 / number, _added(fields)), estimate)


def _over_examples(
    product: Any, game: Game, players: Players, metric: Linear, number: int, common: float, own: float
) -> Estimate:
    """Do the same for groups of one, the term that they share from the whole batch, the others a chunk at a time."""

    def alone(example: Any) -> Players:
        single = game.bind(*example)
        return product(single, players)(metric(single.field(players)))

    def added(total: Players, chunk: Any) -> tuple[Players, None]:
        return optax.tree.add(total, _summed(jax.vmap(alone)(chunk))), None

    examples = split(game.data, number)
    whole = number - number % CHUNK
    chunks = jax.tree.map(lambda leaf: leaf[:whole].reshape(whole // CHUNK, CHUNK, *leaf.shape[1:]), examples)
    field = game.field(players)
    shared = product(game, players)(metric(field))
    alones, _ = jax.lax.scan(added, optax.tree.zeros_like(shared), chunks)
    if number > whole:
        alones, _ = added(alones, jax.tree.map(lambda leaf: leaf[whole:], examples))
    return Estimate(field, jax.tree.map(lambda s, a: common * number**2 * s + own * a, shared, alones))


def _over_draws(product: Any, game: Game, players: Players, metric: Linear) -> Estimate:
    number = 1 + len(game.more_data)
    if number < 2:
        raise ValueError("groups='draws' needs two or more draws and one is bound; bind more with sampling.several.")
    games = [game.draw(k) for k in range(number)]
    fields, estimate = _one_by_one(product, games, players, metric, *_weights(number, 0))
    return Estimate(fields[0], estimate)


def _one_by_one(
    product: Any, games: list[Game], players: Players, metric: Linear, common: float, own: float
) -> tuple[list[Players], Any]:
    """Return the fields of games that differ in their data, and the estimate from them."""
    fields = [game.field(players) for game in games]
    total = _added(fields)
    pulled = [
        product(game, players)(metric(jax.tree.map(lambda s, v: common * s + own * v, total, field)))
        for game, field in zip(games, fields, strict=True)
    ]
    return fields, _added(pulled)


def _added(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: sum(leaves), *trees)


def _summed(stacked: Any) -> Any:
    return jax.tree.map(partial(jnp.sum, axis=0), stacked)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) and leaf.ndim == 0
