"""Solvers: optax transformations that are pytrees of their hyperparameters.

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

Numeric hyperparameters are leaves, so that a hundred step sizes share one compiled program, and ``vmap`` and ``grad``
work over solvers. Everything else (schedules, orders, counts, flags) is static.
"""

import functools
import inspect
import itertools
import math
import operator
import sys
import types
import typing
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ParamSpec, TypeAlias

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.checks import LARGEST_COUNT, composed
from gamesolve.checks.calls import bound
from gamesolve.trees import PyTree, State, Updates, traced
from gamesolve.trees.faces import face

P = ParamSpec("P")
Factory: TypeAlias = Callable[..., optax.GradientTransformation]
# What remains of a pytree without its numbers, see `split`: its structure, which leaves are numbers, the other leaves.
Rest: TypeAlias = tuple[Any, tuple[bool, ...], tuple[PyTree, ...]]
_STATIC_TYPES = (int, bool, str, type(None), Callable)


class Solver(optax.GradientTransformationExtraArgs):
    """An optax transformation that is a pytree of its hyperparameters.

    Functions decorated with `parametric` make solvers; do not construct one directly. ``init`` and ``update`` are
    optax's. The leaves are the numbers, arrays and inner solvers among the arguments of the decorated function.

    Attributes:
        leaves: the numeric hyperparameters, in the order of the arguments.
        structure: everything else that `arguments` consists of, hashable.
    """

    leaves: tuple[PyTree, ...]
    structure: tuple[Any, ...]

    def __new__(cls, leaves: Sequence[PyTree], structure: tuple[Any, ...]) -> "Solver":
        def init(params: PyTree) -> State:
            _check_shapes(self)
            with composed():
                return _own(self.transformation.init(params), params)

        def update(
            updates: Updates, state: State, params: PyTree | None = None, **extra_args: Any
        ) -> tuple[Updates, State]:
            with composed():
                return self.transformation.update(updates, state, params, **extra_args)

        self = super().__new__(cls, init, update)
        self.leaves = tuple(leaves)
        self.structure = structure
        return self

    @property
    def factory(self) -> Factory:
        """The function that builds the transformation."""
        return self.structure[0]

    @property
    def arguments(self) -> dict[str, PyTree]:
        """The arguments of the function that made the solver, by name."""
        _, rest, static, order = self.structure
        numeric = [name for name in order if name not in dict(static)]
        arguments = dict(static) | dict(zip(numeric, merge(self.leaves, rest), strict=True))
        return {name: arguments[name] for name in order}

    @property
    def transformation(self) -> optax.GradientTransformationExtraArgs:
        """The optax transformation, built on first use, because JAX also rebuilds solvers with placeholder leaves."""
        # What is computed from traced leaves belongs to the function that is traced now: later ones must not see it.
        return self._made() if traced(self.leaves) else self._kept

    @functools.cached_property
    def _kept(self) -> optax.GradientTransformationExtraArgs:
        return self._made()

    def _made(self) -> optax.GradientTransformationExtraArgs:
        given = inspect.signature(self.factory).bind_partial()
        given.arguments.update(self.arguments)
        return with_game(self.factory(*given.args, **given.kwargs))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the decorated function by its name, and the structure of the arguments as a tree of placeholders.

        Pickle finds the decorated function under the name of the undecorated one, and can't store tree definitions.
        """
        factory, rest, static, order = self.structure
        places = merge(range(len(self.leaves)), rest)
        return _rebuilt, (*_by_name(factory), self.leaves, places, static, order)

    def __repr__(self) -> str:
        parameters = inspect.signature(self.factory).parameters
        # An argument without leaves is None, or an object that holds its default.
        shown = (
            f"{name}={face(value)}"
            for name, value in self.arguments.items()
            if jax.tree.leaves(value) or value != parameters[name].default
        )
        return f"{self.factory.__name__}({', '.join(shown)})"


jax.tree_util.register_pytree_node(
    Solver, lambda solver: (solver.leaves, solver.structure), lambda structure, leaves: Solver(leaves, structure)
)


def split(tree: PyTree) -> tuple[list[PyTree], Rest]:
    """Split a pytree into its numeric leaves and a hashable rest, which `merge` combines again."""
    leaves, treedef = jax.tree.flatten(tree)
    numeric = tuple(map(_is_numeric, leaves))
    rest = tuple(None if is_number else leaf for leaf, is_number in zip(leaves, numeric, strict=True))
    return list(itertools.compress(leaves, numeric)), (treedef, numeric, rest)


def merge(leaves: Sequence[PyTree], rest: Rest) -> PyTree:
    """Return the pytree that `split` took apart."""
    treedef, numeric, static = rest
    dynamic = iter(leaves)
    return jax.tree.unflatten(
        treedef, [next(dynamic) if is_number else leaf for leaf, is_number in zip(static, numeric, strict=True)]
    )


def _by_name(factory: Factory) -> tuple[Factory, int]:
    """Return what stands under the name of a factory, and how often that wraps the factory."""
    try:
        named = operator.attrgetter(factory.__qualname__)(sys.modules[factory.__module__])
    except (AttributeError, KeyError):  # a local function, which only cloudpickle can store
        return factory, 0
    inner, layers = named, 0
    while inner is not factory and hasattr(inner, "__wrapped__"):
        inner, layers = inner.__wrapped__, layers + 1
    return (named, layers) if inner is factory else (factory, 0)


def _rebuilt(
    named: Any,
    layers: int,
    leaves: tuple[PyTree, ...],
    places: tuple[PyTree, ...],
    static: tuple[Any, ...],
    order: tuple[str, ...],
) -> Solver:
    """Return the solver that was taken apart by `Solver.__reduce__`."""
    factory = named
    for _ in range(layers):
        factory = factory.__wrapped__
    return Solver(leaves, (factory, split(places)[1], static, order))


def _own(state: State, params: PyTree) -> State:
    """Return a state whose arrays share no memory with the parameters or with each other, so that all can be donated.

    Traced arrays stay, because a compiled program returns each result in memory of its own.
    """
    seen = set(map(id, jax.tree.leaves(params)))

    def own(leaf: PyTree) -> PyTree:
        if not isinstance(leaf, jax.Array) or isinstance(leaf, jax.core.Tracer):
            return leaf
        if id(leaf) in seen:
            return jnp.copy(leaf)
        seen.add(id(leaf))
        return leaf

    return jax.tree.map(own, state)


def parametric(factory: Callable[P, optax.GradientTransformation]) -> Callable[P, Solver]:
    """Decorate a function that returns an optax transformation, so that it returns a `Solver` of its arguments.

    Parameters annotated as ``int``, ``bool``, ``str``, callables, or tuples or unions of those are static: they are
    part of the compiled program. In all others, numbers, arrays, per-player tuples and inner solvers are leaves, and
    an int is converted to a float; callables among them (schedules) stay static.

    Args:
        factory: function that returns an optax transformation.

    Returns:
        A function with the same signature.

    Raises:
        TypeError: if an annotation can't be resolved or, on a call, if a static argument is not hashable.

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
        given = bound(factory.__name__, signature, args, kwargs)
        given.apply_defaults()
        dynamic = tuple(jax.tree.map(_as_float, value) for name, value in given.arguments.items() if name not in static)
        fixed = tuple((name, _hashable(given.arguments[name], name, factory)) for name in sorted(static))
        leaves, rest = split(dynamic)
        solver = Solver(leaves, (factory, rest, fixed, tuple(given.arguments)))
        _ = solver.transformation  # built now, so that a bad argument is reported here, not at the first step
        return solver

    return make


def _is_numeric(leaf: PyTree) -> bool:
    return isinstance(leaf, (int, float, complex, jax.Array, np.ndarray, np.generic)) and not isinstance(leaf, bool)


def _as_float(leaf: PyTree) -> PyTree:
    if not isinstance(leaf, int) or isinstance(leaf, bool):
        return leaf
    try:
        return float(leaf)
    except OverflowError:
        return math.inf if leaf > 0 else -math.inf


def _check_shapes(solver: Solver) -> None:
    """Raise if an array stands for a number: it would broadcast against the players' arrays.

    A solver of stacked hyperparameters can be made and is mapped over, so this is known only when it is used.
    """
    for name in _number_names(solver.factory):
        for leaf in jax.tree.leaves(solver.arguments[name]):
            if getattr(leaf, "ndim", 0):
                raise ValueError(
                    f"{name} of {solver.factory.__name__} must be a number, got an array of shape {leaf.shape}. Give "
                    "one number, or use jax.vmap over the solver."
                )


def _hints(factory: Factory) -> dict[str, Any]:
    """Return the annotations of a function's parameters."""
    try:
        hints = typing.get_type_hints(factory)
    except (NameError, AttributeError) as error:
        raise TypeError(
            f"the annotations of {factory.__name__} must be resolvable, got {error}. Import their names at run time."
        ) from None
    return {name: hint for name, hint in hints.items() if name != "return"}


@functools.cache
def _static_names(factory: Factory) -> frozenset[str]:
    return frozenset(name for name, hint in _hints(factory).items() if _is_static(hint))


@functools.cache
def _number_names(factory: Factory) -> frozenset[str]:
    """Return the parameters that are annotated as numbers, and not as arrays as well."""
    kinds = {name: typing.get_args(hint) or (hint,) for name, hint in _hints(factory).items()}
    return frozenset(name for name, found in kinds.items() if float in found and jax.Array not in found)


def _is_static(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return all(map(_is_static, typing.get_args(hint)))
    if origin in (tuple, list, Sequence):
        return all(entry is Ellipsis or _is_static(entry) for entry in typing.get_args(hint))
    return hint in _STATIC_TYPES or origin in (Callable, typing.Literal)


@parametric
def wrapped(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """Return an optax transformation as a `Solver`, which has no leaves if the transformation contains no solver."""
    return transformation


def as_solver(transformation: optax.GradientTransformation) -> Solver:
    """Return an optax transformation as a `Solver`, so that ``jit`` takes it as an argument.

    Solvers are returned without changes. A plain optax transformation is a pytree of functions, which ``jax.jit``
    refuses as an argument; wrapped in a solver it is static, and equal transformations share a compiled program.

    Args:
        transformation: a solver or any optax transformation.

    Returns:
        A solver; its ``update`` also accepts extra arguments that the transformation does not know.

    Raises:
        TypeError: if it is neither a solver nor an optax transformation.

    Example:
        >>> import jax, optax, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solver = gs.as_solver(optax.chain(gs.transforms.consensus(10.0), optax.rmsprop(1e-4)))
        >>> players, state = jax.jit(gs.step)(game, solver, (1.0, 1.0))
        >>> players, state = jax.jit(gs.step)(game, solver, players, state)
    """
    return transformation if isinstance(transformation, Solver) else wrapped(_transformation(transformation))


def with_game(transformation: Any) -> optax.GradientTransformationExtraArgs:
    """Return an optax transformation of any kind as one that accepts ``game=`` and all other extra arguments.

    optax's wrapper would drop the game for transformations that accept extra arguments but do not have the type that
    says so, and would not help those that name all of the arguments that they accept, such as `optax.contrib.sam`.
    """
    transformation = _transformation(transformation)
    parameters = list(inspect.signature(transformation.update).parameters.values())
    if parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
        return optax.GradientTransformationExtraArgs(*transformation)
    named = {parameter.name for parameter in parameters[3:]}  # after updates, state and players

    def update(
        updates: Updates, state: State, params: PyTree | None = None, **extra_args: Any
    ) -> tuple[Updates, State]:
        known = {name: value for name, value in extra_args.items() if name in named}
        return transformation.update(updates, state, params, **known)

    return optax.GradientTransformationExtraArgs(transformation.init, update)


def _transformation(transformation: Any) -> optax.GradientTransformation:
    if isinstance(transformation, optax.MultiSteps):
        return transformation.gradient_transformation()
    if not isinstance(transformation, optax.GradientTransformation):
        name = getattr(transformation, "__name__", type(transformation).__name__)
        raise TypeError(
            f"solver must be a gamesolve solver or an optax transformation, got {name}. Pass simgd(0.1), for example."
        )
    return transformation


def _hashable(value: Any, name: str, factory: Factory) -> Hashable:
    hint, argument = _hints(factory)[name], f"{name} of {factory.__name__}"
    kinds = set(typing.get_args(hint) or (hint,)) - {type(None)}
    if kinds == {bool} and not isinstance(value, bool | np.bool_):
        raise TypeError(f"{argument} must be True or False, got {value!r}.")
    if kinds in ({int}, {int, str}) and value is not None and not isinstance(value, str):
        value = _as_int(value, argument)
    if kinds == {int} and isinstance(value, str):
        raise TypeError(f"{argument} must be an integer, got {value!r}.")
    value = tuple(value) if isinstance(value, list) else value
    try:
        hash(value)
    except TypeError:
        raise TypeError(
            f"{argument} must be hashable, got {type(value).__name__}. Give a number, a string, a function or a tuple "
            "of them."
        ) from None
    return value


def _as_int(value: Any, argument: str) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{argument} must be an integer, got {value}.")
    if abs(int(value)) > LARGEST_COUNT:
        raise ValueError(f"{argument} must be at most {LARGEST_COUNT}, got {value}.")
    return int(value)
