"""Unbiased products of a field with its own Jacobian over a minibatch.

Consensus optimisation and its relatives need ``J^T v``, the gradient of ``||v||^2 / 2``, where v and J are means over
all data. On a minibatch the obvious ``J_b^T v_b`` is biased, because both factors come from the same batch: its bias is
the covariance of the two. Split the batch into G groups with mean fields ``V_1 .. V_G``. Then

    ``sum_g J_g^T c_g``  with  ``c_g = (sum_h V_h - V_g) / (G (G - 1))``

contains every product of two different groups once and is unbiased. It is a vjp of ``players -> (V_1 .. V_G)``, so it
costs as much as the biased form. With groups of one example each it is the U-statistic over all pairs.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from gamesolve.game import Game
from gamesolve.products import Product
from gamesolve.trees import Batch, Players, PyTree, is_key, same_leaves
from gamesolve.trees.faces import shown

Groups: TypeAlias = int | str | None
# ``derivative(game, players)`` is a linear map, as in `gamesolve.products`; the game may be a `Grouped`.
Derivative: TypeAlias = Callable[[Any, Players], Product]

# Number of examples whose own products are computed at once: more are not faster, and memory grows with them.
CHUNK = 16
# At most so many groups, of at least so many examples, are processed one by one: vmap over them takes a quarter longer.
MOST_APART, LEAST_APART = 4, 128


@dataclasses.dataclass(frozen=True)
class Grouped:
    """A game on several groups at once: its fields have a leading axis of groups.

    A transposed product with its field sums over the groups without keeping one result per group.

    Attributes:
        game: the game.
        parts: data to bind, with a leading axis of groups.
    """

    game: Game
    parts: tuple[Batch, ...]

    @property
    def num_players(self) -> int:
        """Number of players."""
        return self.game.num_players

    def field(self, players: Players) -> Players:
        """Return the fields of the groups."""
        return self.gradients(players)

    def gradients(self, players: Players, movers: tuple[int, ...] | None = None) -> Players:
        """Return the entries of the groups' fields that belong to ``movers``. Default: all players."""
        return jax.vmap(lambda part: self.game.bind(*part).gradients(players, movers))(self.parts)

    def pushed(self, players: Players) -> Product:
        """Return ``t -> sum_g J_g t_g``."""

        def each(part: tuple[Batch, ...], tangents: Players) -> Players:
            return jax.jvp(self.game.bind(*part).gradients, (players,), (tangents,))[1]

        return lambda tangents: _summed(jax.vmap(each)(self.parts, tangents))


@shown()
class Estimate(NamedTuple):
    """An estimate over one batch: the mean field, and the product of the field with its own Jacobian."""

    field: Players
    product: Players


def check(groups: Groups, population: int | None = None) -> None:
    """Raise an error unless the arguments name an estimator.

    Args:
        groups: None, a number of groups of at least 2, ``"all"`` or ``"draws"``.
        population: number of examples in the data set, or None.
    """
    named = isinstance(groups, str)
    if (named and groups not in ("all", "draws")) or (isinstance(groups, int) and groups < 2):
        raise ValueError(
            f"groups must be None (the plain biased form), a number of at least 2, 'all' (all pairs of examples) or "
            f"'draws' (the draws that are bound), got {groups!r}."
        )
    if population is not None and groups in (None, "draws"):
        raise ValueError(
            f"population needs groups of one batch, got groups = {groups!r}. Give groups=2 or groups='all' to correct "
            "for draws without replacement."
        )


def self_product(
    product: Derivative,
    game: Game,
    players: Players,
    groups: Groups = None,
    population: int | None = None,
    metric: Product = lambda cotangents: cotangents,
) -> Estimate:
    """Estimate the product of the field with a linear function of its own Jacobian, from the bound data.

    Args:
        product: ``product(game, players)`` returns the linear map, such as ``gamesolve.products.transposed`` for
            ``J^T``. If the batch is split, its game is a `Grouped`, and the map takes one cotangent per group and sums
            the results.
        game: the game, whose payoffs are means over the leading axis of the bound data.
        players: tuple of parameter pytrees.
        groups: None for the plain biased form. G >= 2 for that many equal groups of the batch. ``"all"`` for all pairs
            of examples, 16 examples at a time, so that memory does not grow with the batch. ``"draws"`` for the
            independent draws that are bound, one group each. Default: None.
        population: number N of examples from which the batch was drawn without replacement. The estimate is then
            unbiased for all N, and exact if the batch contains all of them. Default: None, drawn with replacement.
        metric: a linear map applied to the field before the product. Default: the identity.

    Returns:
        The mean field and the estimate of ``product(metric(v))``.

    Raises:
        ValueError: if the batch can't be split into these groups, or ``groups`` is not the name of an estimator.

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
        field = game.gradients(players)
        return Estimate(field, product(game, players)(metric(field)))
    if game.model_state is not None:
        raise ValueError(
            "groups must be None for a game with a model state, since layers such as BatchNorm make the payoff of one "
            f"example depend on the others of its batch, got groups={groups!r}. Use networks without such layers."
        )
    if groups == "draws":
        return _over_draws(product, game, players, metric)
    game = game.draw(0)
    size = batch_size(game.data)
    number = size if groups == "all" else int(groups)
    if population is not None and population < size:
        raise ValueError(
            f"population must be at least the {size} examples of one batch, got {population}. Count the whole data set."
        )
    if number < 2:
        raise ValueError(f"the batch must have at least 2 examples for an unbiased estimate, got {size}.")
    common, own = _weights(number, 0 if population is None else size / number / population)
    few = number <= MOST_APART and size >= LEAST_APART * number
    over = _over_examples if groups == "all" else _over_few if few else _over_groups
    return over(product, game, players, metric, number, common, own)


def replaced(u: Players, grad: Players | None, estimate: Estimate) -> Players:
    """Return u from the estimate's own field if u is the gradient itself, which then is never computed."""
    return jax.tree.map(jnp.negative, estimate.field) if same_leaves(u, grad) else u


def batch_size(data: Batch, purpose: str = "groups=") -> int:
    """Return the number of examples of a batch: the length of its leaves' leading axis, typed keys aside.

    Args:
        data: pytree whose leaves share the leading example axis.
        purpose: argument that splits the batch, for the message.

    Raises:
        ValueError: if there is no data or its leaves disagree.
    """
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(data) if not is_one_key(leaf)]
    sizes = {shape[0] if shape else 0 for shape in shapes}
    if len(sizes) != 1 or 0 in sizes:
        seen = f"leaves with {sorted(sizes)} examples" if sizes else "no data"
        raise ValueError(f"the bound data must share one leading axis for {purpose} to split, got {seen}.")
    return sizes.pop()


def split(data: Batch, groups: int) -> Batch:
    """Split a batch into equal groups, a new leading axis of each leaf; a typed key is split into independent keys.

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
            f"groups must divide the {size} examples of the batch, got {groups}. Choose a divisor of {size}."
        )

    def part(leaf: jax.Array) -> jax.Array:
        if is_one_key(leaf):
            return jax.random.split(leaf, groups)
        return jnp.reshape(leaf, (groups, size // groups, *jnp.shape(leaf)[1:]))

    return jax.tree.map(part, data)


def _weights(number: int, share: float) -> tuple[float, float]:
    """Return a and b of the cotangents ``a sum_h V_h + b V_g``; ``share`` is one group's share of the population."""
    pairs = (1 - share) / (number * (number - 1))
    return pairs, share / number - pairs


def _over_groups(
    product: Derivative, game: Game, players: Players, metric: Product, number: int, common: float, own: float
) -> Estimate:
    grouped = Grouped(game, split(game.data, number))
    fields = grouped.gradients(players)
    total = _summed(fields)
    cotangents = jax.tree.map(lambda s, v: common * s + own * v, total, fields)
    return Estimate(optax.tree.scale(1 / number, total), product(grouped, players)(metric(cotangents)))


def _over_few(
    product: Derivative, game: Game, players: Players, metric: Product, number: int, common: float, own: float
) -> Estimate:
    """Compute the same as `_over_groups` group by group, for few and large groups."""
    parts = split(game.data, number)
    games = [game.bind(*jax.tree.map(lambda leaf, k=k: leaf[k], parts)) for k in range(number)]
    fields, estimate = _one_by_one(product, games, players, metric, common, own)
    return Estimate(optax.tree.scale(1 / number, _added(fields)), estimate)


def _over_examples(
    product: Derivative, game: Game, players: Players, metric: Product, number: int, common: float, own: float
) -> Estimate:
    """Compute the same for groups of one: their common term from the whole batch, their own terms chunk by chunk."""

    def own_term(example: tuple[Batch, ...]) -> Players:
        single = game.bind(*example)
        return product(single, players)(metric(single.gradients(players)))

    def added(total: Players, chunk: tuple[Batch, ...]) -> tuple[Players, None]:
        return optax.tree.add(total, _summed(jax.vmap(own_term)(chunk))), None

    examples = split(game.data, number)
    whole = number - number % CHUNK
    chunks = jax.tree.map(lambda leaf: leaf[:whole].reshape(whole // CHUNK, CHUNK, *leaf.shape[1:]), examples)
    field = game.gradients(players)
    shared = product(game, players)(metric(field))
    own_terms, _ = jax.lax.scan(added, optax.tree.zeros_like(shared), chunks)
    if number > whole:
        own_terms, _ = added(own_terms, jax.tree.map(lambda leaf: leaf[whole:], examples))
    return Estimate(field, jax.tree.map(lambda s, a: common * number**2 * s + own * a, shared, own_terms))


def _over_draws(product: Derivative, game: Game, players: Players, metric: Product) -> Estimate:
    number = game.num_draws
    if number < 2:
        raise ValueError("groups='draws' needs at least 2 bound draws, got 1. Bind more, with sampling.several.")
    games = [game.draw(k) for k in range(number)]
    fields, estimate = _one_by_one(product, games, players, metric, *_weights(number, 0))
    return Estimate(fields[0], estimate)


def _one_by_one(
    product: Derivative, games: list[Game], players: Players, metric: Product, common: float, own: float
) -> tuple[list[Players], Players]:
    """Return the fields of games that differ in their data, and the estimate that they give."""
    fields = [game.gradients(players) for game in games]
    total = _added(fields)
    pulled = [
        product(game, players)(metric(jax.tree.map(lambda s, v: common * s + own * v, total, field)))
        for game, field in zip(games, fields, strict=True)
    ]
    return fields, _added(pulled)


def _added(trees: list[Players]) -> Players:
    return jax.tree.map(lambda *leaves: sum(leaves), *trees)


def _summed(stacked: Players) -> Players:
    return jax.tree.map(partial(jnp.sum, axis=0), stacked)


def is_one_key(leaf: PyTree) -> bool:
    """Return whether a leaf of a batch is a single typed key, which belongs to all examples."""
    return is_key(leaf) and leaf.ndim == 0
