"""Games that are stated by their field, without payoffs: variational inequalities.

Each player gets one and the same formal payoff, whose gradient in a player is that player's entry of the field. So the
field takes one evaluation, and all that needs derivatives of payoffs only as far as they are entries of the field or of
its Jacobian works without changes. The value of a formal payoff means nothing; the game knows that it has no payoffs.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import ARGUMENTS, UNBOUND
from gamesolve.checks.calls import called
from gamesolve.game.model_state import Aux
from gamesolve.trees import Players, PyTree, Scalar

Field = Callable[..., Players]


@dataclasses.dataclass(frozen=True)
class FormalPayoff:
    """A function whose gradient in each player is its entry of a field; equal if the fields are equal."""

    function: Field
    num_players: int

    def __call__(self, *arguments: PyTree, **model_state: PyTree) -> tuple[Scalar, Aux]:
        """Return a formal value, and what the field returned beside its entries."""
        players, rest = arguments[: self.num_players], arguments[self.num_players :]
        field = partial(self.function, **model_state) if model_state else self.function
        # The field is a value: the payoff depends on the players through the products below alone.
        result = called("the field", field, *jax.lax.stop_gradient(players), *rest, takes=ARGUMENTS, hint=UNBOUND)
        beside = isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Aux)
        entries, aux = result if beside else (result, Aux())
        _check_entries(entries, players)
        entries = tuple(entries)  # a NamedTuple is another kind of pytree
        return optax.tree.vdot(jax.tree.map(jnp.asarray, entries), players), aux


def _check_entries(entries: Players, players: Players) -> None:
    """Raise unless a field has one entry per player, of its shape: other shapes would broadcast."""
    if not isinstance(entries, tuple) or len(entries) != len(players):
        seen = f"{len(entries)} entries" if isinstance(entries, tuple) else type(entries).__name__
        raise TypeError(f"the field must return a tuple with one entry for each of {len(players)} players, got {seen}.")
    for number, (entry, player) in enumerate(zip(entries, players, strict=True)):
        shapes = [jax.tree.map(jnp.shape, tree) for tree in (player, entry)]
        if jax.tree.structure(entry) != jax.tree.structure(player) or shapes[0] != shapes[1]:
            raise ValueError(
                f"the field must return entry {number} shaped as player {number}, {shapes[0]}, got {shapes[1]}."
            )


def no_payoffs(user: str) -> ValueError:
    """Return the error of what needs payoffs, on a game without them."""
    return ValueError(
        f"{user} needs payoffs, got a game made by from_field or from_operator. State it with zero_sum or general_sum, "
        "or choose a method that needs the field alone."
    )


class Unknown:
    """A number that exists but is not known: any use raises an error."""

    def __init__(self, error: Exception) -> None:
        """Keep the error."""
        self._error = error

    def __jax_array__(self, *_: object) -> NoReturn:
        """Raise the error."""
        raise self._error

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __jax_array__
    __lt__ = __le__ = __gt__ = __ge__ = __neg__ = __abs__ = __pow__ = __float__ = __jax_array__


# Control flow and compiled functions flatten their arguments first.
jax.tree_util.register_pytree_node(Unknown, Unknown.__jax_array__, lambda _, error: Unknown(*error))
