"""Games, and the one place that states signs.

A game has one payoff per player, and **every player maximises its own**. The field ``v = game.field(players)``
holds each player's gradient of its own payoff: ``v`` points uphill, and ``players' = v(players)`` are the dynamics.
`gamesolve.step` passes ``u = -v`` to the solver, because optax transformations descend, and adds the result.

>>> import gamesolve as gs
>>> game = gs.zero_sum(lambda x, y: x * y)        # x minimises, y maximises
>>> [float(entry) for entry in game.field((1.0, 2.0))]
[-2.0, 1.0]
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gamesolve.checks import as_players, check_payoff
from gamesolve.game import derivatives
from gamesolve.game.fields import no_payoffs
from gamesolve.game.model_state import Aux as Aux
from gamesolve.game.model_state import Frozen, ModelStates, evaluated
from gamesolve.sampling import drawn
from gamesolve.trees import Batch, Players, PyTree, Scalar, strong
from gamesolve.trees.faces import name_of, shown

Payoff = Callable[..., Scalar]


@dataclasses.dataclass(frozen=True)
class Negated:
    """A payoff with its sign changed; equal if the functions are equal, so that nothing is compiled twice."""

    function: Payoff

    def __call__(self, *args: PyTree) -> Scalar:
        return -self.function(*args)


def _names(payoffs: tuple[Payoff, ...]) -> str:
    return f"({', '.join('-' * (sign < 0) + name_of(function) for sign, function in map(signed, payoffs))})"


@shown(payoffs=_names)
@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["constants", "data", "start", "equilibria", "model_state"],
    meta_fields=["payoffs", "has_payoffs"],
)
@dataclasses.dataclass(frozen=True)
class Game:
    """Payoff functions, one per player, with the arrays that they use.

    Make one with `zero_sum`, `general_sum` or `from_losses`. A game is a frozen pytree: the payoffs are static and
    everything else is a leaf. So games of one shape share a compiled program, ``vmap`` maps over games, and results
    can be differentiated with respect to a game's constants.

    The payoffs and all products with their derivatives are traced at ``jax.default_matmul_precision("highest")``
    unless the user has set that option. It matters on GPUs, whose default rounds products to TF32.

    Attributes:
        payoffs: the functions as stored; each takes ``(*players, *constants, *data)``, and ``model_state=`` if the game
            has one, and is maximised by its owner.
        constants: arrays of the game itself.
        data: the data that `bind` has bound, usually one minibatch; see `sampling.Draws` for several.
        start: a sensible starting point, or None if none is known (the catalogue `gamesolve.games` sets it).
        equilibria: known zeros of the field, a tuple of players.
        model_state: what the payoffs' networks keep without optimising it, see `Aux`; None if there is nothing.
        has_payoffs: False for games made by `from_field` or `from_operator`, whose payoffs have no values.
    """

    payoffs: tuple[Payoff, ...]
    constants: tuple[PyTree, ...] = ()
    data: tuple[Batch, ...] = ()
    start: PyTree = None
    equilibria: tuple[Players, ...] = ()
    model_state: PyTree = None
    has_payoffs: bool = True

    @property
    def num_players(self) -> int:
        """Number of players."""
        return len(self.payoffs)

    @property
    def num_draws(self) -> int:
        """Number of draws of the data that are bound, of which `draw` selects one."""
        return next(iter(drawn.numbers(self.data, per_player=False)), 1)

    @property
    def is_zero_sum(self) -> bool:
        """Whether the game has two players and the payoff of one is the negated payoff of the other."""
        if self.num_players != 2 or self._has_draws_per_player:
            return False
        (first, f), (second, g) = map(signed, self.payoffs)
        return f == g and first == -second

    @property
    def _has_draws_per_player(self) -> bool:
        return bool(drawn.numbers(self.data, per_player=True))

    def bind(self, *data: Batch) -> "Game":
        """Return the deterministic game for one draw of the data, which replaces data bound before.

        Args:
            *data: the arguments of the payoffs after the players and the constants, usually one minibatch pytree. An
                entry may be `sampling.Draws`: several draws, of which `draw` selects one, or one draw per player.

        Raises:
            ValueError: if the numbers of draws disagree with each other or with the number of players.
        """
        looks = drawn.numbers(data, per_player=False)
        if len(looks) > 1 or 0 in looks:
            raise ValueError(
                f"data must have the same number of draws in every entry, and at least 1, got {sorted(looks)}."
            )
        owned = drawn.numbers(data, per_player=True) - {self.num_players}
        if owned:
            raise ValueError(
                f"data must have one draw per player, got {min(owned)} draws for {self.num_players} players."
            )
        return dataclasses.replace(self, data=data)

    def draw(self, index: int) -> "Game":
        """Return the game on one of the draws that are bound; if only one is bound, it serves every index.

        Args:
            index: number of the draw, from 0.

        Raises:
            ValueError: if several draws are bound, but not this one.
        """
        number = self.num_draws
        if index >= number > 1:
            raise ValueError(
                f"this step needs {index + 1} draws of the data, got {number}. Bind one draw, which then serves all "
                f"looks, or at least {index + 1}, for example with sampling.several."
            )
        return dataclasses.replace(self, data=drawn.choose(self.data, min(index, number - 1), per_player=False))

    def data_of(self, player: int) -> tuple[Batch, ...]:
        """Return the bound data with the player's own draw in place of one draw per player."""
        return drawn.choose(self.data, player, per_player=True)

    def signed_payoff(self, player: int) -> tuple[int, Payoff]:
        """Return the sign of a player's payoff, and the payoff without that sign as a function of the players alone."""
        sign, function = signed(self.payoffs[player])
        constants, data, seen = self.constants, self.draw(0).data_of(player), self._model_state_of(player)
        return sign, lambda *players: evaluated(function, player, (players, constants, data), seen)[0]

    def _model_state_of(self, player: int) -> PyTree:
        """Return the model state that a player's payoff sees."""
        return self.model_state.seen[player] if isinstance(self.model_state, ModelStates) else self.model_state

    def frozen(self) -> "Game":
        """Return the game with its model state as a constant, which the payoffs see and no step changes.

        Analysis looks at it. To look at the end of a run, pass its model state to the game first:
        ``dataclasses.replace(game, model_state=solution.model_state)``.
        """
        if self.model_state is None:
            return self
        if isinstance(self.model_state, ModelStates):
            raise ValueError("the game of a step must not be frozen, since each payoff sees another model state.")

        def held(payoff: Payoff) -> Payoff:
            return Negated(held(payoff.function)) if isinstance(payoff, Negated) else Frozen(payoff, self.num_players)

        payoffs, constants = tuple(map(held, self.payoffs)), (self.model_state, *self.constants)
        return dataclasses.replace(self, payoffs=payoffs, constants=constants, model_state=None)

    def entered(self, players: Players) -> tuple["Game", tuple[Scalar, ...], tuple[PyTree, ...]]:
        """Return the game of the step that begins at ``players``, and the payoffs and metrics there.

        All evaluations of the returned game see the model states of that step.
        """
        current, seen, payoffs, metrics = self.model_state, [], [], []
        first: dict[tuple[Payoff, int | None], int] = {}
        for player, payoff in enumerate(self.payoffs):
            sign, function = signed(payoff)
            same = first.setdefault((function, player if self._has_draws_per_player else None), player)
            if same == player:
                seen.append(current)
                args = (players, self.constants, self.draw(0).data_of(player))
                with exact_products():
                    value, aux = evaluated(function, player, args, current)
                current = jax.lax.stop_gradient(aux.model_state)
                payoffs.append(with_sign(sign, value))
                metrics.append(aux.metrics)
            else:
                seen.append(seen[same])
                own, _ = signed(self.payoffs[same])
                payoffs.append(with_sign(sign * own, payoffs[same]))
                metrics.append(metrics[same])
        states = None if self.model_state is None else ModelStates(tuple(seen), current)
        values = tuple(payoffs) if self.has_payoffs else ()
        return dataclasses.replace(self, model_state=states), values, tuple(metrics)

    def rules(self, players: Players, player: int) -> derivatives.Rules:
        """Return what ``stop_gradient`` and custom derivative rules in a player's payoff mean for its field.

        Args:
            players: tuple of parameter pytrees, of which only the shapes matter.
            player: index of the player.
        """
        _, function = signed(self.payoffs[player])
        owners = [player]
        if not self._has_draws_per_player:
            owners = [j for j, payoff in enumerate(self.payoffs) if signed(payoff)[1] == function]
        data = self.draw(0).data_of(player)
        args = (players, self.constants, data, self._model_state_of(player))
        return derivatives.rules(function, player, tuple(owners), args, has_value=self.has_payoffs)

    def evaluate(self, players: Players) -> tuple[jax.Array, ...]:
        """Return every player's payoff at ``players``, on the bound data.

        Args:
            players: tuple of parameter pytrees, one per player.

        Returns:
            One scalar per player.

        Raises:
            ValueError: if the game was made by `from_field` or `from_operator`.
        """
        if not self.has_payoffs:
            raise no_payoffs("evaluate")
        players = as_players(players, self.num_players)
        with exact_products():
            signs, functions = zip(*map(self.signed_payoff, range(self.num_players)), strict=True)
            values = [function(*players) for function in functions]
            return tuple(map(with_sign, signs, values))

    def field(self, players: Players) -> Players:
        """Return ``v``: every player's gradient of its own payoff with respect to its own parameters.

        Args:
            players: tuple of parameter pytrees, one per player, floating-point arrays; their dtypes may differ.

        Returns:
            A tuple shaped as ``players``.
        """
        return self.gradients(as_players(players, self.num_players))

    def gradients(self, players: Players, movers: tuple[int, ...] | None = None) -> Players:
        """Return the field without validating ``players``, for solvers: a run validates its players when it begins.

        Players that share one function, such as the two of a zero-sum game, share its backward pass.

        Args:
            players: tuple of parameter pytrees, one per player.
            movers: players whose entries are returned, in that order. Default: all players.
        """
        movers = tuple(range(self.num_players)) if movers is None else movers
        shared = not self._has_draws_per_player
        groups: dict[tuple[Payoff, int | None], list[int]] = {}
        for mover in movers:
            _, function = signed(self.payoffs[mover])
            groups.setdefault((function, None if shared else mover), []).append(mover)
        entries = {}
        for group in groups.values():
            _, function = self.signed_payoff(group[0])
            with exact_products():
                gradients = derivatives.gradient(self.rules(players, group[0]), function, tuple(group))(*players)
            for mover, gradient in zip(group, gradients, strict=True):
                sign, _ = signed(self.payoffs[mover])
                entries[mover] = with_sign(sign, gradient)
        return tuple(entries[mover] for mover in movers)


def general_sum(*payoffs: Payoff, constants: tuple[PyTree, ...] = (), model_state: PyTree = None) -> Game:
    """Make a game in which player i maximises ``payoffs[i]``.

    Args:
        *payoffs: one function per player, ``payoff(*players, *constants, *data) -> scalar``, pure and traceable.
        constants: arrays of the game itself, which each payoff takes after the players. Default: none.
        model_state: pytree of arrays that the payoffs' networks keep without optimising them, such as running
            statistics. Each payoff takes it as ``model_state=`` and returns ``value, gs.Aux(model_state=new)``, see
            `Aux`. Default: none.

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
        raise ValueError("a game must have at least one payoff, got none. Give one function per player.")
    for player, payoff in enumerate(payoffs):
        check_payoff(signed(payoff)[1], player)
    if not isinstance(constants, tuple):
        raise TypeError(f"constants must be a tuple of arrays, got {type(constants).__name__}. Write constants=(A,).")
    return Game(payoffs, constants, model_state=strong(model_state))


def zero_sum(payoff: Payoff, *, constants: tuple[PyTree, ...] = (), model_state: PyTree = None) -> Game:
    """Make the two-player game in which player 0 minimises ``payoff`` and player 1 maximises it.

    Args:
        payoff: ``payoff(x, y, *constants, *data) -> scalar``, pure and traceable.
        constants: arrays of the game itself. Default: none.
        model_state: what networks keep without optimising it, see `general_sum`. Default: none.

    Returns:
        The game with payoffs ``(-payoff, payoff)``; its field takes one backward pass.

    Example:
        >>> import gamesolve as gs
        >>> gs.zero_sum(lambda x, y: x**2 + 10 * x * y + y**2).is_zero_sum
        True
    """
    return general_sum(Negated(payoff), payoff, constants=constants, model_state=model_state)


def from_losses(*losses: Payoff, constants: tuple[PyTree, ...] = (), model_state: PyTree = None) -> Game:
    """Make a game in which player i minimises ``losses[i]``.

    Args:
        *losses: one function per player, ``loss(*players, *constants, *data) -> scalar``, pure and traceable.
        constants: arrays of the game itself. Default: none.
        model_state: what networks keep without optimising it, see `general_sum`. Default: none.

    Returns:
        The game whose payoffs are the negated losses.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.from_losses(lambda x, y: x**2, lambda x, y: (y - x) ** 2)
        >>> [float(value) for value in game.evaluate((1.0, 3.0))]
        [-1.0, -4.0]
    """
    return general_sum(*map(Negated, losses), constants=constants, model_state=model_state)


def signed(payoff: Payoff) -> tuple[int, Payoff]:
    """Split a stored payoff into its sign and the function that the user wrote."""
    if isinstance(payoff, Negated):
        sign, function = signed(payoff.function)
        return -sign, function
    return 1, payoff


def with_sign(sign: int, tree: PyTree) -> PyTree:
    """Return a tree times a sign of `signed`."""
    return tree if sign > 0 else jax.tree.map(jnp.negative, tree)


def exact_products() -> contextlib.AbstractContextManager[object]:
    """Trace matrix products at full precision, unless the user has chosen a precision.

    The field and its derivatives share this context: XLA merges their common products only at equal precision.
    """
    if jax.config.jax_default_matmul_precision is None:  # pyright: ignore[reportAttributeAccessIssue]
        return jax.default_matmul_precision("highest")
    return contextlib.nullcontext()
