"""What ``stop_gradient`` and custom derivative rules in a payoff mean for its field, found once for each program."""

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.game.model_state import evaluated
from gamesolve.game.staged import hidden, opened, used
from gamesolve.trees import DType, Players, PyTree, Scalar

Payoff: TypeAlias = Callable[..., Scalar]

# Random points at which two gradients are compared, and the largest relative difference that counts as rounding.
POINTS, LARGEST_ROUNDING = 4, 0.1


class Rules(NamedTuple):
    """What the derivative rules of a payoff mean for its field.

    Attributes:
        names: the rules that were found, such as ``"stop_gradient"``. Empty: derivatives are JAX's.
        of_value: whether the field is the gradient of the payoff's value, so that second derivatives are symmetric.
        differentiable: whether the field can be differentiated.
    """

    names: tuple[str, ...] = ()
    of_value: bool = True
    differentiable: bool = True


def gradient(rules: Rules, payoff: Payoff, movers: tuple[int, ...]) -> Callable[..., Players]:
    """Return a payoff's gradient in some players, whose derivatives are those of the gradient as a function.

    Args:
        rules: the payoff's rules. If its gradient is not differentiable, the result raises an error on differentiation.
        payoff: function of the players.
        movers: indices of the players.
    """
    slope = jax.grad(payoff, movers)
    if not rules.names:
        return slope
    if rules.differentiable:
        return opened(slope)
    return lambda *players: slope(*_sealed(rules.names, players))


# What was found for each payoff, as long as it exists.
_known: weakref.WeakKeyDictionary[Payoff, dict[Any, Rules]] = weakref.WeakKeyDictionary()


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _sealed(names: tuple[str, ...], players: Players) -> Players:  # noqa: ARG001
    return players


@_sealed.defjvp
def _raise(names: tuple[str, ...], primals: Any, tangents: Any) -> Any:  # noqa: ARG001
    raise ValueError(
        f"the payoffs must be twice differentiable for products with J and for rates, got {' and '.join(names)} around "
        "code that JAX can't differentiate. Use a solver that needs gradients only, or write the payoff without it."
    )


def rules(
    payoff: Payoff, player: int, movers: tuple[int, ...], args: tuple[PyTree, ...], *, has_value: bool = True
) -> Rules:
    """Return the rules of a payoff for arguments of these shapes; found once, when a program is traced.

    Args:
        payoff: the function that the user wrote.
        player: index of its owner, for error messages.
        movers: indices of all its owners.
        args: players, constants and data, each a tuple, and the model state.
        has_value: whether the payoff has a value, and not only a gradient. Default: True.
    """
    leaves, treedef = jax.tree.flatten(args)
    kinds = tuple(map(jax.typeof, leaves))
    try:
        known = _known.setdefault(payoff, {})
    except TypeError:
        known = {}  # an object without weak references
    key = (movers, treedef, kinds, has_value)
    if key not in known:
        known[key] = _found(payoff, player, movers, treedef, kinds, has_value)
    return known[key]


def _found(
    payoff: Payoff, player: int, movers: tuple[int, ...], treedef: Any, kinds: tuple[Any, ...], has_value: bool
) -> Rules:
    leaves = [jax.ShapeDtypeStruct(kind.shape, kind.dtype, weak_type=kind.weak_type) for kind in kinds]
    players, constants, data, model_state = jax.tree.unflatten(treedef, leaves)
    ends = len(players), len(players) + len(constants)

    def function(*args: PyTree) -> Scalar:
        parts = args[: ends[0]], args[ends[0] : ends[1]], args[ends[1] : -1]
        return evaluated(payoff, player, parts, args[-1])[0]

    shapes, everyone = (*players, *constants, *data, model_state), tuple(range(len(players)))
    slope = jax.grad(function, movers)
    if not has_value:
        return Rules(("from_field",), False, _differentiable(opened(slope), everyone, shapes))
    try:
        names = hidden(used(jax.make_jaxpr(function)(*shapes).jaxpr))
    except jax.errors.ConcretizationTypeError:
        return Rules()  # branches on numbers: it can be called, but not compiled
    if not names:
        return Rules()
    value = opened(function)
    if names == {"custom_jvp"} and all(
        _agree(order(function), order(value), shapes)
        for order in (lambda f: jax.grad(f, everyone), lambda f: _along(jax.grad(f, everyone), everyone))
    ):
        return Rules()  # rules for the sake of accuracy, which may know limits that the value does not
    of_value = _agree(slope, jax.grad(value, movers), shapes)
    return Rules(tuple(sorted(names)), of_value, _differentiable(opened(slope), everyone, shapes))


def _along(function: Callable[..., PyTree], moving: tuple[int, ...]) -> Callable[..., PyTree]:
    """Return the derivative of a function in some arguments, along these arguments themselves."""

    def derivative(*args: PyTree) -> PyTree:
        own, rest = args[: len(moving)], args[len(moving) :]
        return jax.jvp(lambda *own: function(*own, *rest), own, own)[1]

    return derivative


def _differentiable(function: Callable[..., PyTree], moving: tuple[int, ...], shapes: tuple[PyTree, ...]) -> bool:
    """Return whether JAX differentiates a function forward and backward; nothing is computed."""

    def backward(*args: PyTree) -> PyTree:
        values, pull = jax.vjp(lambda *own: function(*own, *args[len(moving) :]), *args[: len(moving)])
        return pull(values)

    try:
        jax.eval_shape(_along(function, moving), *shapes)
        jax.eval_shape(backward, *shapes)
    except Exception:  # whatever the user's code raises
        return False
    return True


def _agree(first: Callable[..., PyTree], second: Callable[..., PyTree], shapes: tuple[PyTree, ...]) -> bool:
    """Return whether two functions agree at random arguments of these shapes; False if that can't be told."""
    accuracy = max(jnp.finfo(dtype).eps for dtype in _floating(shapes)) ** 0.5
    tolerance = min(10 * float(accuracy), LARGEST_ROUNDING)

    def compare(index: jax.Array) -> tuple[jax.Array, jax.Array]:
        args = _sample(index, shapes)
        a, b = (
            jax.tree.map(lambda leaf: leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32)), function(*args))
            for function in (first, second)
        )
        scale = optax.tree.norm(a) + optax.tree.norm(b)
        return jnp.isfinite(scale), optax.tree.norm(optax.tree.sub(a, b)) <= tolerance * scale

    try:
        with (
            jax.ensure_compile_time_eval(),
            jax.default_matmul_precision("highest"),
            jax.debug_nans(False),
            jax.debug_infs(False),
        ):
            finite, equal = map(np.asarray, jax.jit(lambda: jax.lax.map(compare, jnp.arange(POINTS)))())
    except Exception:  # whatever the user's code raises
        return False
    return bool(finite.any() and equal[finite].all())


def _floating(shapes: PyTree) -> list[DType]:
    return [leaf.dtype for leaf in jax.tree.leaves(shapes) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def _sample(index: jax.Array, shapes: PyTree) -> PyTree:
    """Return random arguments: of either sign at even points, positive at odd ones."""
    leaves, treedef = jax.tree.flatten(shapes)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), index), len(leaves))

    def draw(key: jax.Array, leaf: jax.ShapeDtypeStruct) -> jax.Array:
        if leaf.dtype == key.dtype:
            return jax.random.split(key, leaf.shape)
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            return jax.random.bernoulli(key, 0.5, leaf.shape).astype(leaf.dtype)
        normal = jax.random.normal(key, leaf.shape, leaf.dtype)
        return jnp.where(index % 2 == 1, jnp.abs(normal), normal)

    return jax.tree.unflatten(treedef, list(map(draw, keys, leaves)))
