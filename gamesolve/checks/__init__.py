"""Validate arguments, with one error message per mistake: counts, limits, players, payoffs and other user functions."""

import contextlib
import enum
import functools
import operator
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, Self, TypeVar

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from gamesolve.checks.calls import called
from gamesolve.checks.modules import KEEP_OUT, check_parameters_only
from gamesolve.trees import DType, Players, PyTree, Scalar, is_key

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_NUMERIC = (jax.Array, np.ndarray, np.generic, int, float, complex)

# Errors of transformations that ask for the loss, under optax's names, or that refuse extra arguments.
_LOSS = "value|value_fn|obj_fn|grad_fn"
_MISSING = re.compile(rf"missing \d+ required [^']*'({_LOSS})'|({_LOSS}) must be provided")
_UNKNOWN = re.compile(rf"unexpected keyword argument '(game|grad|marks|{_LOSS})'")

# Counts are 32-bit integers inside compiled programs.
LARGEST_COUNT = 2**31 - 1

ARGUMENTS = "the players, the constants and the data"
# What to do if a payoff wants more arguments than there are.
UNBOUND = "Pass data with sample=, batches= or bind(batch), and arrays through constants=."


class Ending(enum.IntEnum):
    """How a run or a solve ended, and the sentence that says so: base of `gamesolve.Status` and `linear.Outcome`."""

    sentence: str

    def __new__(cls, value: int, sentence: str) -> Self:
        """Make a member from its number and its sentence."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    def __str__(self) -> str:
        return self.name


def known(value: Any) -> np.ndarray | None:
    """Return a number or an array as numpy sees it, or None if it is traced or not a number."""
    is_number = isinstance(value, _NUMERIC) and not isinstance(value, bool | jax.core.Tracer)
    return np.asarray(value) if is_number else None


def check_real(name: str, value: Any, kind: str, *, or_complex: bool = False) -> None:
    """Raise an error unless a value is a real number or an array of them; ``kind`` says what it must be."""
    if not isinstance(value, _NUMERIC) or isinstance(value, bool):
        raise TypeError(f"{name} must be {kind}, got {'a schedule' if callable(value) else repr(value)}.")
    dtype = getattr(value, "dtype", type(value))
    allowed = (jnp.floating, jnp.integer, *((jnp.complexfloating,) if or_complex else ()))
    if not any(jnp.issubdtype(dtype, number) for number in allowed):
        raise TypeError(f"{name} must be real, got {value!r}.")


def check_limit(name: str, value: Any) -> None:
    """Raise an error unless a limit is None or one real number that is not negative or NaN, as far as it is known."""
    if value is None:
        return
    check_real(name, value, "one number")
    if jnp.shape(value) != ():
        raise ValueError(f"{name} must be one number, got an array of shape {jnp.shape(value)}.")
    limit = known(value)
    if limit is not None and not limit >= 0:
        raise ValueError(f"{name} must not be negative or NaN, got {value}.")


def check_number(
    name: str,
    value: Any,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Raise an error unless a value is one real number or array, and finite and within its bounds if it is known.

    Args:
        name: name of the argument, for the message.
        value: the value.
        above: lower bound, itself excluded. Default: none.
        least: lower bound, itself included. Default: none.
        below: upper bound, itself excluded. Default: none.
        most: upper bound, itself included. Default: none.
    """
    check_real(name, value, "one number for all players")
    number = known(value)
    if number is None:
        return
    bounds = {"above": above, "at least": least, "below": below, "at most": most}
    held = {"above": operator.gt, "at least": operator.ge, "below": operator.lt, "at most": operator.le}
    wanted = {words: bound for words, bound in bounds.items() if bound is not None}
    if not (np.isfinite(number).all() and all(held[words](number, bound).all() for words, bound in wanted.items())):
        limits = "".join(f" and {words} {_short(bound)}" for words, bound in wanted.items())
        raise ValueError(f"{name} must be finite{limits}, got {value}.")


def check_one(name: str, value: Any, **bounds: float) -> None:
    """Raise an error unless a value passes `check_number`, with the same bounds, and is not an array of several."""
    check_number(name, value, **bounds)
    if jnp.shape(value) != ():
        raise ValueError(f"{name} must be one number, got an array of shape {jnp.shape(value)}.")


def check_key(name: str, key: Any) -> None:
    """Raise an error unless ``key`` is one typed random key."""
    if is_key(key) and key.shape == ():
        return
    if is_key(key):
        raise ValueError(f"{name} must be one random key, got keys of shape {key.shape}. Use jax.vmap over the keys.")
    if getattr(key, "dtype", None) == jnp.uint32:
        raise TypeError(
            f"{name} must be a typed random key, got a legacy one of uint32. Make one with jax.random.key(0), or "
            "convert it with jax.random.wrap_key_data."
        )
    raise TypeError(f"{name} must be a typed random key, got {type(key).__name__}. Make one with jax.random.key(0).")


def whole_number(name: str, value: Any, least: int, most: int = LARGEST_COUNT) -> int:
    """Return a count as an int, or raise an error if it is not an integer from ``least`` to ``most``."""
    try:
        count = None if isinstance(value, bool) else value.__index__()
    except (AttributeError, TypeError):
        count = None
    if count is None:
        seen = value if isinstance(value, float | bool) else type(value).__name__
        raise TypeError(f"{name} must be an integer, got {seen}. It is part of the compiled program.")
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}.")
    if count > most:
        raise ValueError(f"{name} must be at most {most}, got {count}. Counts are 32-bit integers.")
    return count


def _short(bound: float) -> float | str:
    return bound if len(str(bound)) < 6 else f"{bound:.4g}"


def as_pytree(name: str, function: Any) -> PyTree:
    """Return a function as a pytree, so that ``jit`` accepts it: static, or with the leaves that it has."""
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be a function, got {type(function).__name__}.")
    return jax.tree_util.Partial(function) if jax.tree_util.all_leaves([function]) else function


@contextlib.contextmanager
def composed() -> Iterator[None]:
    """Replace errors about what an optax transformation gets by errors that say how to compose the solver."""
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        message = str(error)
        if asked := _MISSING.search(message):
            raise ValueError(
                f"a transformation needs {asked[1] or asked[2]}=, the loss of one player, but it moves all "
                "players at once or is inside a mask. Place it inside per_player or alternating, as in "
                "gs.per_player(optax.lbfgs(), optax.sgd(0.1))."
            ) from error
        if refused := _UNKNOWN.search(message):
            raise ValueError(
                "a transformation inside another one must accept extra arguments, got one that does not take "
                f"{refused[1]}=. Wrap it, as in optax.chain(optax.clip(1.0), gs.as_solver(optax.contrib.sam(...)))."
            ) from error
        if re.search(r"has no attribute '?fast'?$", message):
            raise ValueError(
                "optax.lookahead must get pairs of fast and slow parameters, got players. Use gs.lookahead."
            ) from error
        raise


def check_payoff(payoff: Any, player: int) -> None:
    """Raise an error if a payoff is not a hashable function."""
    name, kind = f"the payoff of player {player}", type(payoff).__name__
    if not callable(payoff):
        raise TypeError(f"{name} must be a function of the players, got {kind}.")
    try:
        hash(payoff)
    except TypeError:
        raise TypeError(
            f"{name} must be hashable, got {kind}. Write it as a function and pass its arrays through constants=."
        ) from None


def scalar_of(
    payoff: Callable[..., Scalar], player: int, args: tuple[PyTree, ...], constants: int = 0, data: int = 0
) -> Scalar:
    """Call a payoff, and raise an error if it can't take its arguments or its result is not a real scalar.

    Args:
        payoff: the payoff.
        player: index of its owner, for error messages.
        args: the players, the constants and the data.
        constants: number of constants among the arguments.
        data: number of entries of data among the arguments.
    """
    name = f"the payoff of player {player}"
    value = called(
        name,
        payoff,
        *args,
        takes=_arguments(len(args) - constants - data, constants, data) + ("" if data else " and no data"),
        hint="Add a parameter for each" + (", or leave out sample=, batches= and bind(batch)." if data else "."),
        lacking="A tuple of arrays is one batch." if data else UNBOUND,
    )
    if not isinstance(value, _NUMERIC):
        raise TypeError(f"{name} must return one real scalar, got {type(value).__name__}.")
    shape, dtype = jnp.shape(value), jnp.result_type(value)
    if shape != ():
        raise ValueError(f"{name} must return a scalar, got an array of shape {shape}. Return its mean, for example.")
    if not _is_floating(dtype):
        raise TypeError(f"{name} must return a real floating-point scalar, got {dtype}.")
    return value


def _arguments(players: int, constants: int, data: int) -> str:
    """Return the numbers of arguments of a payoff in words."""
    nouns = ((players, "player", "players"), (constants, "constant", "constants"), (data, "batch", "batches"))
    return " and ".join(f"{number} {one if number == 1 else many}" for number, one, many in nouns if number)


def check_count(players: Players, number: int) -> None:
    """Raise an error unless ``players`` is a tuple with one entry per player."""
    if not isinstance(players, tuple):
        kind = type(players).__name__
        raise TypeError(f"players must be a tuple with one entry per player, got {kind}. Write (x, y).")
    if len(players) != number:
        raise ValueError(f"players must have one entry for each of the game's {number} players, got {len(players)}.")


def check_moves(moves: PyTree, players: PyTree) -> None:
    """Raise an error unless moves have the structure and shapes of what they move; other shapes would broadcast."""
    (new, structure), (old, expected) = map(jax.tree.flatten, (moves, players))
    if structure != expected or any(np.shape(a) != np.shape(b) for a, b in zip(new, old, strict=True)):
        raise ValueError(
            "the moves of a solver must be shaped as the players, got other shapes or another structure. Leave out "
            "transformations that change shapes, such as optax.contrib.dpsgd, which takes one gradient per example."
        )


def as_players(players: Players, number: int) -> Players:
    """Return ``players`` as arrays, each leaf of its dtype, or raise an error that names the player at fault.

    Python numbers, also traced ones, take the widest dtype of the arrays.
    """
    check_count(players, number)
    precisions: dict[DType, int] = {}
    for player, tree in enumerate(players):
        check_parameters_only(tree, player)
        leaves = jax.tree.leaves(tree)
        if not leaves:
            raise ValueError(f"player {player} has no parameters. Give it at least one floating-point array.")
        for leaf in leaves:
            dtype = _dtype_of(leaf, player, leaves)
            if type(leaf) is not float and not getattr(leaf, "weak_type", False):
                precisions.setdefault(dtype, player)
    dtype = _common(precisions) if precisions else jnp.result_type(float)
    return jax.tree.map(lambda leaf: _as_array(leaf, dtype), tuple(players))


def _common(precisions: dict[DType, int]) -> DType:
    """Return the dtype that JAX gives to sums over all players; ``precisions`` has a player of each dtype."""
    try:
        return jnp.result_type(*precisions)
    except jax.dtypes.TypePromotionError:  # floats of 8 bits and less have no common dtype with others
        seen = " and ".join(f"{dtype} for player {player}" for dtype, player in precisions.items())
        raise TypeError(f"players must have dtypes that JAX can add, got {seen}. Cast them to bfloat16.") from None


def _as_array(leaf: Scalar, dtype: DType) -> jax.Array:
    strong = isinstance(leaf, jax.Array) and not leaf.weak_type
    return leaf if strong else jnp.asarray(leaf, dtype)


def _is_parameter(leaf: PyTree) -> bool:
    return isinstance(leaf, _NUMERIC) and _is_floating(jnp.result_type(leaf))


def _dtype_of(leaf: PyTree, player: int, leaves: list[PyTree]) -> DType:
    if not isinstance(leaf, _NUMERIC):
        raise TypeError(
            f"player {player} must hold arrays only, got a leaf of type {type(leaf).__name__}. Keep the arrays, for "
            "example with equinox.partition."
        )
    dtype = leaf.dtype if isinstance(leaf, jax.Array) else jnp.result_type(leaf)
    if not _is_floating(dtype):
        hint = KEEP_OUT if is_key(leaf) or any(map(_is_parameter, leaves)) else "Cast them to float32."
        raise TypeError(f"player {player} must hold floating-point arrays, got {dtype}. {hint}")
    if 0 in np.shape(leaf):
        raise ValueError(f"player {player} must not hold empty arrays, got shape {np.shape(leaf)}. Remove that leaf.")
    return dtype


@functools.cache
def _is_floating(dtype: DType) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def deprecated(
    old: str, new: str, version: str
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Return a decorator that keeps a former name working, and warns once when it is called.

    Args:
        old: former name.
        new: name, or expression, that replaces it.
        version: first release without the former name.

    Returns:
        The decorator, for the function under its new name.

    Example:
        >>> from gamesolve.checks import deprecated
        >>> def cube(x):
        ...     return x**3
        >>> third_power = deprecated("third_power", "cube", "0.3")(cube)
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @functools.cache
        def warn() -> None:
            warnings.warn(
                f"{old} is deprecated and will be removed in gamesolve {version}. Use {new}.",
                DeprecationWarning,
                stacklevel=3,
            )

        @functools.wraps(function)
        def renamed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            warn()
            return function(*args, **kwargs)

        return renamed

    return decorate
