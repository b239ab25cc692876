"""What a game is, and the one place that states signs.

A game has one payoff per player and **every player maximises its own**. The field ``v = game.field(players)``
holds each player's gradient of its own payoff: ``v`` points up, and ``players' = v(players)`` are the dynamics.
`gamesolve.step` hands ``u = -v`` to the solver, because optax transformations descend, and adds what they return.

>>> import gamesolve as gs
>>> game = gs.zero_sum(lambda x, y: x * y)        # x minimises, y maximises
>>> [float(entry) for entry in game.field((1.0, 2.0))]
[-2.0, 1.0]
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.checks import explained
from gamesolve.sampling.drawn import Draws, PerPlayer
from gamesolve.trees import Players

Payoff = Callable[..., Any]

_NUMERIC = (jax.Array, np.ndarray, np.generic, int, float, complex)


@dataclasses.dataclass(frozen=True)
class Negated:
    """A payoff with its sign changed; equal whenever the functions are, so that nothing is compiled twice."""

    function: Payoff

    def __call__(self, *args: Any) -> Any:
        return -self.function(*args)


@dataclasses.dataclass(frozen=True)
class OwnDraw:
    """A payoff that sees its player's own draw of the data."""

    function: Payoff
    player: int

    def __call__(self, *args: Any) -> Any:
        return self.function(*(arg.batches[self.player] if isinstance(arg, PerPlayer) else arg for arg in args))


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["constants", "data", "more_data", "start", "equilibria"],
    meta_fields=["payoffs"],
)
@dataclasses.dataclass(frozen=True)
class Game:
    """Payoff functions, one per player, with the arrays that they close over.

    Make one with `zero_sum`, `general_sum` or `from_losses`. A game is a frozen pytree: the payoffs are static,
    everything else is a leaf, so that games of one shape share a compiled program, ``vmap`` maps over games and
    results can be differentiated in a game's constants.

    The payoffs and all products with their derivatives are traced at ``jax.default_matmul_precision("highest")``
    unless the user has set that option; it matters on GPUs, whose default rounds products to TF32.

    Attributes:
        payoffs: the functions as stored; each takes ``(*players, *constants, *data)`` and is maximised by its owner.
        constants: arrays of the game itself.
        data: what `bind` has bound: usually one minibatch.
        more_data: further draws, where `bind` has bound several; `draw` gives the game on one of them.
        start: a sensible starting point, where one is known (the catalogue `gamesolve.games` sets it).
        equilibria: known zeros of the field, a tuple of players.
    """

    payoffs: tuple[Payoff, ...]
    constants: tuple[Any, ...] = ()
    data: tuple[Any, ...] = ()
    more_data: tuple[tuple[Any, ...], ...] = ()
    start: Players | None = None
    equilibria: tuple[Players, ...] = ()

    @property
    def num_players(self) -> int:
        """Number of players."""
        return len(self.payoffs)

    @property
    def is_zero_sum(self) -> bool:
        """Whether the game has two players and the payoff of one is the negated payoff of the other."""
        if self.num_players != 2:
            return False
        (first, f), (second, g) = map(signed, self.payoffs)
        return f == g and first == -second

    def bind(self, *data: Any) -> "Game":
        """Return the deterministic game that one draw of the data gives; it replaces data bound before.

        Args:
            *data: what the payoffs take after the players and the constants, usually one minibatch pytree. It may be
                `draws.Draws`, several draws of which `draw` gives one, or `draws.PerPlayer`, one for each player.

        Raises:
            ValueError: if the numbers of draws do not fit each other or the number of players.
        """
        counts = {len(entry.batches) for entry in data if isinstance(entry, Draws)} or {1}
        if len(counts) > 1 or 0 in counts:
            raise ValueError(f"bind got data with {sorted(counts)} draws; give as many draws of each.")
        first, *more = (_drawn(data, k) for k in range(counts.pop()))
        payoffs = tuple(payoff.function if isinstance(payoff, OwnDraw) else payoff for payoff in self.payoffs)
        owned = [len(entry.batches) for entry in first if isinstance(entry, PerPlayer)]
        if owned:
            if set(owned) != {self.num_players}:
                raise ValueError(f"bind got {owned[0]} draws for {self.num_players} players; give one for each player.")
            payoffs = tuple(OwnDraw(payoff, player) for player, payoff in enumerate(payoffs))
        return dataclasses.replace(self, payoffs=payoffs, data=first, more_data=tuple(more))

    def draw(self, index: int) -> "Game":
        """Return the game on draw ``index`` of the data that is bound, 0 the first; one draw serves all.

        Args:
            index: the number of the draw.

        Raises:
            ValueError: if several draws are bound, but not this one.
        """
        if index == 0 or not self.more_data:
            return self
        if index > len(self.more_data):
            raise ValueError(
                f"the step asks for draw {index} and {len(self.more_data) + 1} draws are bound; bind one, which then "
                f"serves all, or at least {index + 1}, for example with sampling.several."
            )
        return dataclasses.replace(self, data=self.more_data[index - 1], more_data=())

    def evaluate(self, players: Players) -> tuple[jax.Array, ...]:
        """Return every player's payoff at ``players``, on the bound data.

        Args:
            players: tuple of parameter pytrees, one per player.

        Returns:
            One scalar per player.
        """
        players = as_players(players, self.num_players)
        with exact_products():
            signs, functions = zip(*map(signed, self.payoffs), strict=True)
            values = [
                _checked(function, player)(*players, *self.constants, *self.data)
                for player, function in enumerate(functions)
            ]
            return tuple(value if sign > 0 else -value for sign, value in zip(signs, values, strict=True))

    def field(self, players: Players) -> Players:
        """Return ``v``: every player's gradient of its own payoff in its own parameters.

        Players that share one function, such as the two of a zero-sum game, share its backward pass.

        Args:
            players: tuple of parameter pytrees, one per player, floating arrays of one precision.

        Returns:
            A tuple shaped as ``players``.
        """
        return self.gradients(players, tuple(range(self.num_players)))

    def gradients(self, players: Players, movers: tuple[int, ...]) -> Players:
        """Return the entries of the field that belong to the players in ``movers``, in that order."""
        players = as_players(players, self.num_players)
        owners: dict[Payoff, list[int]] = {}
        for mover in movers:
            owners.setdefault(signed(self.payoffs[mover])[1], []).append(mover)
        entries = {}
        for function, group in owners.items():
            checked = _checked(function, group[0])
            with exact_products():
                gradients = jax.grad(checked, tuple(group))(*players, *self.constants, *self.data)
            for mover, gradient in zip(group, gradients, strict=True):
                sign, _ = signed(self.payoffs[mover])
                entries[mover] = gradient if sign > 0 else jax.tree.map(jnp.negative, gradient)
        return tuple(entries[mover] for mover in movers)


def general_sum(*payoffs: Payoff, constants: tuple[Any, ...] = ()) -> Game:
    """Make a game in which player i maximises ``payoffs[i]``.

    Args:
        *payoffs: one function per player, ``payoff(*players, *constants, *data) -> scalar``, pure and traceable.
        constants: arrays of the game itself; each payoff takes them after the players.

    Returns:
        The game.

    Raises:
        TypeError: if a payoff is not a hashable function or ``constants`` is not a tuple.
        ValueError: if there is no payoff.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.general_sum(lambda x, y: x * y - x**2, lambda x, y: -((y - x) ** 2))
        >>> [float(value) for value in game.evaluate((1.0, 2.0))]
        [1.0, -1.0]
    """
    if not payoffs:
        raise ValueError("general_sum got no payoff; give one function per player.")
    for player, payoff in enumerate(payoffs):
        _check_function(payoff, player)
    if not isinstance(constants, tuple):
        raise TypeError(f"constants must be a tuple of arrays, got {type(constants).__name__}; write constants=(A,).")
    return Game(payoffs, constants)


def zero_sum(payoff: Payoff, *, constants: tuple[Any, ...] = ()) -> Game:
    """Make the two-player game in which player 0 minimises ``payoff`` and player 1 maximises it.

    Args:
        payoff: ``payoff(x, y, *constants, *data) -> scalar``, pure and traceable.
        constants: arrays of the game itself.

    Returns:
        The game with payoffs ``(-payoff, payoff)``; its field takes one backward pass.

    Example:
        >>> import gamesolve as gs
        >>> gs.zero_sum(lambda x, y: x**2 + 10 * x * y + y**2).is_zero_sum
        True
    """
    _check_function(payoff, 0)
    return general_sum(Negated(payoff), payoff, constants=constants)


def from_losses(*losses: Payoff, constants: tuple[Any, ...] = ()) -> Game:
    """Make a game in which player i minimises ``losses[i]``.

    Args:
        *losses: one function per player, ``loss(*players, *constants, *data) -> scalar``, pure and traceable.
        constants: arrays of the game itself.

    Returns:
        The game whose payoffs are the negated losses.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.from_losses(lambda x, y: x**2, lambda x, y: (y - x) ** 2)
        >>> [float(value) for value in game.evaluate((1.0, 3.0))]
        [-1.0, -4.0]
    """
    for player, loss in enumerate(losses):
        _check_function(loss, player)
    return general_sum(*map(Negated, losses), constants=constants)


def signed(payoff: Payoff) -> tuple[int, Payoff]:
    """Split a stored payoff into its sign and the function that the user wrote."""
    if isinstance(payoff, Negated):
        sign, function = signed(payoff.function)
        return -sign, function
    if isinstance(payoff, OwnDraw):
        sign, function = signed(payoff.function)
        return sign, OwnDraw(function, payoff.player)
    return 1, payoff


def _drawn(data: tuple[Any, ...], index: int) -> tuple[Any, ...]:
    return tuple(entry.batches[index] if isinstance(entry, Draws) else entry for entry in data)


def exact_products() -> contextlib.AbstractContextManager[Any]:
    """Trace matrix products at full precision, unless the user has chosen a precision.

    The field and its derivatives share this context: XLA merges their common products only at equal precision.
    """
    if jax.config.jax_default_matmul_precision is None:  # pyright: ignore[reportAttributeAccessIssue]
        return jax.default_matmul_precision("highest")
    return contextlib.nullcontext()


def as_players(players: Players, number: int) -> Players:
    """Return ``players`` as arrays, or raise a one-sentence error that names the player at fault."""
    if not isinstance(players, tuple):
        raise TypeError(
            f"players must be a tuple with one entry per player, got {type(players).__name__}; write (x, y)."
        )
    if len(players) != number:
        raise ValueError(f"players has {len(players)} entries but the game has {number} players; give one entry each.")
    entries = [jax.tree.flatten(tree) for tree in players]
    precisions: dict[Any, int] = {}
    for player, (leaves, _) in enumerate(entries):
        if not leaves:
            raise ValueError(f"player {player} has no parameters; give it at least one floating array.")
        for leaf in leaves:
            dtype = _check_leaf(leaf, player)
            if type(leaf) is not float and not getattr(leaf, "weak_type", False):
                # Python numbers, also traced ones, take the precision of the others.
                precisions.setdefault(dtype, player)
    if len(precisions) > 1:
        (dtype, player), (other, second) = list(precisions.items())[:2]
        raise TypeError(
            f"player {second} has {other} where player {player} has {dtype}; cast all players to one precision."
        )
    dtype = next(iter(precisions)) if precisions else jnp.result_type(float)
    return tuple(
        jax.tree.unflatten(treedef, [_as_array(leaf, dtype) for leaf in leaves]) for leaves, treedef in entries
    )


def _as_array(leaf: Any, dtype: Any) -> jax.Array:
    strong = isinstance(leaf, jax.Array) and not leaf.weak_type
    return leaf if strong else jnp.asarray(leaf, dtype)


def _check_leaf(leaf: Any, player: int) -> Any:
    if not isinstance(leaf, _NUMERIC):
        raise TypeError(
            f"player {player} has a leaf of type {type(leaf).__name__}; keep arrays only, "
            "for example with equinox.partition."
        )
    dtype = leaf.dtype if isinstance(leaf, jax.Array) else jnp.result_type(leaf)
    if not _is_floating(dtype):
        raise TypeError(f"player {player} has a leaf of type {dtype}; players are floating: cast it to float32.")
    if 0 in np.shape(leaf):
        raise ValueError(f"player {player} has an empty leaf of shape {np.shape(leaf)}; remove it.")
    return dtype


@functools.cache
def _is_floating(dtype: Any) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def _check_function(payoff: Any, player: int) -> None:
    if not callable(payoff):
        raise TypeError(f"the payoff of player {player} is a {type(payoff).__name__}; give a function of the players.")
    try:
        hash(payoff)
    except TypeError:
        raise TypeError(
            f"the payoff of player {player} is not hashable; write it as a function and pass its arrays "
            "through constants=."
        ) from None


def _checked(payoff: Payoff, player: int) -> Payoff:
    """Wrap a payoff so that a result that is not a real scalar is reported while it is traced."""

    def checked(*args: Any) -> Any:
        name = f"the payoff of player {player}"
        with explained(name):
            value = payoff(*args)
        if not isinstance(value, _NUMERIC):
            raise TypeError(f"{name} returned a {type(value).__name__}; return one real scalar.")
        shape, dtype = jnp.shape(value), jnp.result_type(value)
        if shape != ():
            raise ValueError(f"{name} returned an array of shape {shape}; return a scalar, for example its mean.")
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(f"{name} returned a value of type {dtype}; return a real floating scalar.")
        return value

    return checked
