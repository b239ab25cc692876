"""Games in the leaves of one pytree: a function is minimised over some of them and maximised over the others."""

import dataclasses
from collections.abc import Callable

import jax

from gamesolve.checks import check_count, check_payoff
from gamesolve.game import Game, zero_sum
from gamesolve.trees import Players, PyTree, Scalar, path_name


def by_leaf(function: Callable[..., Scalar], *, constants: tuple[PyTree, ...] = ()) -> Game:
    """Make the zero-sum game of a function of one pytree, of which player 1 has the leaves that are maximised.

    The players are those of `split_leaves`, and `joined_leaves` puts them together again.

    Args:
        function: ``function(parameters, *constants, *data) -> scalar`` of the whole pytree.
        constants: arrays of the game itself. Default: none.

    Returns:
        The game.

    Example:
        Self-adaptive weights: the network minimises the weighted loss, and the weights maximise it.

        >>> import jax.numpy as jnp, gamesolve as gs
        >>> def loss(parameters):
        ...     errors = parameters["network"] - jnp.array([1.0, 2.0])
        ...     return jnp.sum(parameters["weights"] * errors**2)
        >>> parameters = {"network": jnp.zeros(2), "weights": jnp.ones(2)}
        >>> players = gs.games.split_leaves(parameters, maximise=lambda name: name.startswith("weights"))
        >>> game = gs.games.by_leaf(loss)
        >>> players = gs.solve(game, gs.simgd((0.1, 0.01)), players, 100).players
        >>> end = gs.games.joined_leaves(players)
        >>> [round(float(x), 3) for x in end["network"]], bool(end["weights"][1] > end["weights"][0])
        ([1.0, 2.0], True)

    Reference:
        McClenny, Braga-Neto, "Self-adaptive physics-informed neural networks", Journal of Computational Physics 2023,
        https://arxiv.org/abs/2009.04544
    """
    check_payoff(function, 0)
    return zero_sum(_OfLeaves(function), constants=constants)


def split_leaves(parameters: PyTree, maximise: Callable[[str], bool]) -> Players:
    """Split a pytree into two players: the leaves that are minimised, and those that are maximised.

    Args:
        parameters: any pytree of arrays, without None.
        maximise: function of a leaf's name, such as ``"network/0/bias"``, that says whether it belongs to player 1.

    Returns:
        Two pytrees like the given one, in which None stands for the leaves of the other player.

    Raises:
        ValueError: if a player would have no leaves.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.split_leaves({"net": 1.0, "weights": 2.0}, maximise=lambda name: name == "weights")
        ({'net': 1.0, 'weights': None}, {'net': None, 'weights': 2.0})
    """
    named, treedef = jax.tree_util.tree_flatten_with_path(parameters)
    names = [path_name(path) for path, _ in named]
    upper = [bool(maximise(name)) for name in names]
    if all(upper) or not any(upper):
        raise ValueError(
            f"maximise must choose some of the leaves, and not all, got {sum(upper)} of {len(upper)}. Their names are "
            f"{', '.join(names)}."
        )
    leaves = [leaf for _, leaf in named]
    return tuple(
        jax.tree.unflatten(treedef, [leaf if up == own else None for leaf, up in zip(leaves, upper, strict=True)])
        for own in (False, True)
    )


def joined_leaves(players: Players) -> PyTree:
    """Join the two players of `split_leaves` into the pytree that was split.

    Args:
        players: the players, for example those of a `gamesolve.Solution`.

    Returns:
        The pytree.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.joined_leaves(({"net": 1.0, "weights": None}, {"net": None, "weights": 2.0}))
        {'net': 1.0, 'weights': 2.0}
    """
    check_count(players, 2)
    first, second = players

    def either(low: PyTree, up: PyTree) -> PyTree:
        if (low is None) == (up is None):
            seen = "in neither player" if low is None else "in both players"
            raise ValueError(
                f"each leaf must be in one of the two players and None in the other, got one {seen}. Make them with "
                "games.split_leaves."
            )
        return up if low is None else low

    return jax.tree.map(either, first, second, is_leaf=lambda node: node is None)


@dataclasses.dataclass(frozen=True)
class _OfLeaves:
    function: Callable[..., Scalar]

    def __call__(self, x: PyTree, y: PyTree, *arguments: PyTree) -> Scalar:
        return self.function(joined_leaves((x, y)), *arguments)
