"""Solvers: optax transformations that are pytrees of their own hyperparameters.

>>> import jax, optax, gamesolve as gs
>>> @gs.parametric
... def clipped(learning_rate, limit):
...     return optax.chain(optax.clip(limit), optax.sgd(learning_rate))
>>> solver = clipped(0.1, limit=1)
>>> solver
clipped(learning_rate=0.1, limit=1.0)
>>> jax.tree.leaves(solver)
[0.1, 1.0]
>>> jax.tree.map(lambda leaf: 2 * leaf, solver)
clipped(learning_rate=0.2, limit=2.0)

Numeric hyperparameters are leaves, so that a hundred step sizes run through one compiled program and ``vmap`` and
``grad`` go through a solver. Everything else (schedules, orders, counts, flags) is static.
"""

import functools
import inspect
import itertools
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import jax
import numpy as np
import optax

P = ParamSpec("P")
_STATIC_TYPES = (int, bool, str, type(None), Callable)


class Solver(optax.GradientTransformationExtraArgs):
    """An optax transformation that is a pytree of its own hyperparameters.

    Made by functions under `parametric`, never directly. ``init`` and ``update`` are optax's; the leaves are the
    numbers, arrays and inner solvers among the arguments that it was made with.

    Attributes:
        leaves: the numeric hyperparameters, in the order of the arguments.
        structure: everything else that `arguments` is put together from, hashable.
    """

    leaves: tuple[Any, ...]
    structure: tuple[Any, ...]

    def __new__(cls, leaves: Sequence[Any], structure: tuple[Any, ...]) -> "Solver":
        def init(params: Any) -> Any:
            return self.transformation.init(params)

        def update(updates: Any, state: Any, params: Any = None, **extra_args: Any) -> Any:
            return self.transformation.update(updates, state, params, **extra_args)

        self = super().__new__(cls, init, update)
        self.leaves = tuple(leaves)
        self.structure = structure
        return self

    @property
    def factory(self) -> Callable[..., optax.GradientTransformation]:
        """The function that builds the transformation."""
        return self.structure[0]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that the solver was made with, by name."""
        _, rest, static, order = self.structure
        numeric = [name for name in order if name not in dict(static)]
        arguments = dict(static) | dict(zip(numeric, merge(self.leaves, rest), strict=True))
        return {name: arguments[name] for name in order}

    @functools.cached_property
    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The transformation itself, built when first used: JAX also rebuilds solvers around leaves of other kinds."""
        bound = inspect.signature(self.factory).bind_partial()
        bound.arguments.update(self.arguments)
        return with_game(self.factory(*bound.args, **bound.kwargs))

    def __reduce__(self) -> Any:
        return Solver, (self.leaves, self.structure)

    def __repr__(self) -> str:
        parameters = inspect.signature(self.factory).parameters
        # An argument without leaves is None, or an object that holds its default.
        shown = (
            f"{name}={value!r}"
            for name, value in self.arguments.items()
            if jax.tree.leaves(value) or value != parameters[name].default
        )
        return f"{self.factory.__name__}({', '.join(shown)})"


jax.tree_util.register_pytree_node(
    Solver, lambda solver: (solver.leaves, solver.structure), lambda structure, leaves: Solver(leaves, structure)
)


def split(tree: Any) -> tuple[list[Any], Any]:
    """Split a pytree into its numeric leaves and a hashable rest that `merge` puts back."""
    leaves, treedef = jax.tree.flatten(tree)
    numeric = tuple(map(_is_numeric, leaves))
    rest = tuple(None if is_number else leaf for leaf, is_number in zip(leaves, numeric, strict=True))
    return list(itertools.compress(leaves, numeric)), (treedef, numeric, rest)


def merge(leaves: Sequence[Any], rest: Any) -> Any:
    """Put the leaves that `split` took out back in their places."""
    treedef, numeric, static = rest
    dynamic = iter(leaves)
    return jax.tree.unflatten(
        treedef, [next(dynamic) if is_number else leaf for leaf, is_number in zip(static, numeric, strict=True)]
    )


def parametric(factory: Callable[P, optax.GradientTransformation]) -> Callable[P, Solver]:
    """Make a function that returns an optax transformation return a `Solver` with the function's arguments as leaves.

    Parameters annotated ``int``, ``bool``, ``str`` or as callables (and tuples or unions of those) are static and
    part of the compiled program. Of all others the numbers, arrays, per-player tuples and inner solvers are leaves,
    an int taken as a float; callables among them (schedules) stay static.

    Args:
        factory: function that returns an optax transformation.

    Returns:
        A function of the same signature.

    Raises:
        TypeError: if an annotation can't be resolved, or (on a call) if a static argument is not hashable.

    Example:
        >>> import jax, jax.numpy as jnp, optax, gamesolve as gs
        >>> @gs.parametric
        ... def decayed(learning_rate, decay):
        ...     return optax.chain(optax.add_decayed_weights(decay), optax.sgd(learning_rate))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> run = lambda decay: gs.solve(game, decayed(0.1, decay), (1.0, 1.0), 50).players[0]
        >>> jax.vmap(run)(jnp.array([0.0, 1.0])).shape
        (2,)
    """
    signature = inspect.signature(factory)
    static = _static_names(factory)

    @functools.wraps(factory)
    def make(*args: P.args, **kwargs: P.kwargs) -> Solver:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        dynamic = tuple(jax.tree.map(_as_float, value) for name, value in bound.arguments.items() if name not in static)
        fixed = tuple((name, _hashable(bound.arguments[name], name, factory)) for name in sorted(static))
        leaves, rest = split(dynamic)
        solver = Solver(leaves, (factory, rest, fixed, tuple(bound.arguments)))
        _ = solver.transformation  # built now, so that a bad argument is reported here and not at the first step
        return solver

    return make


def _is_numeric(leaf: Any) -> bool:
    return isinstance(leaf, (int, float, complex, jax.Array, np.ndarray, np.generic)) and not isinstance(leaf, bool)


def _as_float(leaf: Any) -> Any:
    return float(leaf) if isinstance(leaf, int) and not isinstance(leaf, bool) else leaf


@functools.cache
def _static_names(factory: Callable[..., Any]) -> frozenset[str]:
    try:
        hints = typing.get_type_hints(factory)
    except (NameError, AttributeError) as error:
        raise TypeError(
            f"the annotations of {factory.__name__} can't be resolved ({error}); import what they name at run time."
        ) from None
    return frozenset(name for name, hint in hints.items() if name != "return" and _is_static(hint))


def _is_static(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return all(map(_is_static, typing.get_args(hint)))
    if origin in (tuple, list, Sequence):
        return all(entry is Ellipsis or _is_static(entry) for entry in typing.get_args(hint))
    return hint in _STATIC_TYPES or origin in (Callable, typing.Literal)


@parametric
def wrapped(transformation: Any) -> optax.GradientTransformation:
    """Return an optax transformation as a `Solver`, without leaves where it is a plain one."""
    return transformation


def as_solver(transformation: optax.GradientTransformation) -> Solver:
    """Return ``transformation`` itself if it is a solver, else a solver of it.

    Args:
        transformation: a solver or any optax transformation.

    Returns:
        A solver.

    Raises:
        TypeError: if it is neither.
    """
    return transformation if isinstance(transformation, Solver) else wrapped(with_game(transformation))


def with_game(transformation: Any) -> optax.GradientTransformationExtraArgs:
    """Return an optax transformation as one that takes ``game=``, whatever kind of transformation it is.

    optax's own wrapper would drop the game for transformations that take extra arguments without saying so by their
    type, as `optax.MultiSteps` does.
    """
    if isinstance(transformation, optax.MultiSteps):
        transformation = transformation.gradient_transformation()
    if not isinstance(transformation, optax.GradientTransformation):
        name = getattr(transformation, "__name__", type(transformation).__name__)
        raise TypeError(
            f"a solver must be a gamesolve solver or an optax transformation, got {name}; for example simgd(0.1)."
        )
    kinds = {parameter.kind for parameter in inspect.signature(transformation.update).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return optax.GradientTransformationExtraArgs(*transformation)
    return optax.with_extra_args_support(transformation)


def _hashable(value: Any, name: str, factory: Callable[..., Any]) -> Any:
    hint = typing.get_type_hints(factory)[name]
    if {int, float} & set(typing.get_args(hint) or (hint,)) == {int} and isinstance(value, float):
        raise TypeError(f"{name} of {factory.__name__} is {value}; it counts something, so give a whole number.")
    value = tuple(value) if isinstance(value, list) else value
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"{name} of {factory.__name__} is a {type(value).__name__}, which is not hashable; "
            "give a number, a string, a function or a tuple of them."
        ) from None
    return value
