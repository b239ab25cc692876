"""Modules of flax and equinox as players: their floating parameters move, everything else is set aside.

Running statistics, counters and random keys become the model state of the game, and a payoff is written as a function
of the modules themselves.

>>> import jax, jax.numpy as jnp, gamesolve as gs
>>> from flax import nnx
>>> class Critic(nnx.Module):
...     def __init__(self, rngs):
...         self.normalise, self.score = nnx.BatchNorm(2, rngs=rngs), nnx.Linear(2, 1, rngs=rngs)
...     def __call__(self, x):
...         return self.score(self.normalise(x))
>>> nets = gs.modules.from_nnx(nnx.Linear(1, 2, rngs=nnx.Rngs(0)), Critic(nnx.Rngs(1)))
>>> def payoff(generator, critic, batch):
...     return jnp.mean(critic(batch)) - jnp.mean(critic(generator(batch[:, :1])))
>>> game = gs.zero_sum(nets.payoff(payoff), model_state=nets.model_state)
>>> players, state = gs.step(game, gs.simgd(0.1), nets.players, None, jax.random.normal(jax.random.key(0), (8, 2)))
>>> generator, critic = nets.merge(players, state.model_state)
>>> critic.normalise.mean[...].shape
(2,)
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import jax

from gamesolve.game.model_state import Aux, parted
from gamesolve.trees import Players, PyTree


class Frame(Protocol):
    """What remains of a module without its arrays, hashable."""

    def open(self, parameters: PyTree, state: PyTree) -> Any:
        """Return the module with these arrays."""

    def state_of(self, module: Any) -> PyTree:
        """Return the state of a module that `open` returned, after it was called."""


@dataclasses.dataclass(frozen=True)
class Modules:
    """Modules taken apart by `from_nnx`, `from_linen` or `from_equinox`.

    Attributes:
        players: the floating parameters of each module.
        model_state: everything else of each module that is an array; a tuple with one entry per module.
        frames: what remains of each module.
    """

    players: Players
    model_state: tuple[PyTree, ...]
    frames: tuple[Frame, ...]

    def payoff(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a payoff of the parameters from a function of the modules.

        Args:
            function: ``function(*modules, *constants, *data) -> value``, or ``(value, metrics)``. The modules are new
                in each evaluation. What they change in themselves while it runs becomes the next model state.

        Returns:
            The payoff, for a game with ``model_state=nets.model_state``.
        """
        return _OnModules(function, self.frames)

    def merge(self, players: Players, model_state: PyTree = None) -> tuple[Any, ...]:
        """Return the modules with other arrays, such as those at the end of a run.

        Args:
            players: parameters shaped as the attribute ``players``.
            model_state: shaped as the attribute ``model_state``. Default: that of the modules that were taken apart.
        """
        states = self.model_state if model_state is None else model_state
        return tuple(frame.open(*arrays) for frame, *arrays in zip(self.frames, players, states, strict=True))


@dataclasses.dataclass(frozen=True)
class _OnModules:
    """A payoff of parameters; equal if its parts are equal, so that nothing is compiled twice."""

    function: Callable[..., Any]
    frames: tuple[Frame, ...]

    def __call__(self, *args: PyTree, model_state: tuple[PyTree, ...] | None = None) -> tuple[Any, Aux]:
        if model_state is None:
            raise ValueError(
                "a payoff of modules must get their model state, got None. Make the game with "
                "model_state=nets.model_state."
            )
        players, rest = args[: len(self.frames)], args[len(self.frames) :]
        opened = [frame.open(*arrays) for frame, *arrays in zip(self.frames, players, model_state, strict=True)]
        value, metrics = parted(self.function(*opened, *rest))
        states = tuple(frame.state_of(module) for frame, module in zip(self.frames, opened, strict=True))
        return value, Aux(metrics, states)


@dataclasses.dataclass(frozen=True)
class _Nnx:
    graph: Any

    def open(self, parameters: PyTree, state: PyTree) -> Any:
        from flax import nnx

        return nnx.merge(self.graph, parameters, state, copy=True)  # else they belong to an outer trace

    def state_of(self, module: Any) -> PyTree:
        from flax import nnx

        return nnx.split(module, nnx.Param, ...)[2]


def from_nnx(*modules: Any) -> Modules:
    """Take modules of `flax.nnx` apart, one per player.

    Their ``nnx.Param`` variables are the players. All others are the model state: statistics of BatchNorm and
    SpectralNorm, and the keys and counters of Dropout. Modules must not share variables.

    Args:
        *modules: the modules, in training mode.

    Returns:
        The `Modules`.

    Example:
        >>> import gamesolve as gs
        >>> from flax import nnx
        >>> generator, discriminator = nnx.Linear(2, 2, rngs=nnx.Rngs(0)), nnx.Linear(2, 1, rngs=nnx.Rngs(1))
        >>> nets = gs.game.modules.from_nnx(generator, discriminator)
        >>> payoff = nets.payoff(lambda generator, discriminator, latents: discriminator(generator(latents)).mean())
        >>> game = gs.zero_sum(payoff, model_state=nets.model_state)
        >>> len(nets.players), game.is_zero_sum
        (2, True)
    """
    from flax import nnx

    graphs, players, states = zip(*(nnx.split(module, nnx.Param, ...) for module in modules), strict=True)
    return Modules(players, states, tuple(map(_Nnx, graphs)))


class BoundModule:
    """A linen module with its variables, called as the module itself would be inside ``apply``."""

    def __init__(self, module: Any, parameters: PyTree, state: dict[str, PyTree]) -> None:
        """Bind the module to its variables."""
        self._module, self._parameters = module, parameters
        self.state = state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the module, and keep what it has changed in its collections; ``rngs=`` and ``method=`` as in linen."""
        variables = {"params": self._parameters, **self.state}
        result, changed = self._module.apply(variables, *args, mutable=list(self.state), **kwargs)
        self.state = self.state | dict(changed)
        return result


@dataclasses.dataclass(frozen=True)
class _Linen:
    module: Any

    def open(self, parameters: PyTree, state: PyTree) -> BoundModule:
        return BoundModule(self.module, parameters, dict(state))

    def state_of(self, module: BoundModule) -> PyTree:
        return module.state


def from_linen(*modules: tuple[Any, PyTree]) -> Modules:
    """Take linen modules with their variables apart, one pair per player.

    The collection ``params`` is the player. All other collections, such as ``batch_stats``, are the model state.

    Args:
        *modules: pairs ``(module, variables)``, with the variables that ``module.init`` has returned.

    Returns:
        The `Modules`. A payoff gets each one as a `BoundModule`, to be called as ``generator(z, train=True)``.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from flax import linen as nn
        >>> generator, discriminator = nn.Dense(2), nn.Dense(1)
        >>> latents, first, second = jnp.ones((4, 2)), *jax.random.split(jax.random.key(0))
        >>> pairs = (generator, generator.init(first, latents)), (discriminator, discriminator.init(second, latents))
        >>> nets = gs.game.modules.from_linen(*pairs)
        >>> payoff = nets.payoff(lambda generator, discriminator, latents: discriminator(generator(latents)).mean())
        >>> sorted(nets.players[0])
        ['bias', 'kernel']
    """
    players, states = [], []
    for number, (_, variables) in enumerate(modules):
        if "params" not in variables:
            raise ValueError(
                f"module {number} must come with a collection 'params', got {sorted(variables)}. Pass what "
                "module.init(...) returned."
            )
        collections = dict(variables)
        players.append(collections.pop("params"))
        states.append(collections)
    return Modules(tuple(players), tuple(states), tuple(_Linen(module) for module, _ in modules))


class Stateful:
    """An equinox module with its state: call ``module`` with ``state``, and put the new one back.

    Attributes:
        module: the module.
        state: its `equinox.nn.State`, or None.
    """

    def __init__(self, module: Any, state: Any) -> None:
        """Keep both."""
        self.module, self.state = module, state


@dataclasses.dataclass(frozen=True)
class _Equinox:
    structure: Any
    others: tuple[Any, ...]
    stateful: bool

    def open(self, parameters: PyTree, state: PyTree) -> Any:
        import equinox

        arrays, own = state
        static = jax.tree.unflatten(self.structure, self.others)
        module = equinox.combine(parameters, arrays, static)
        return Stateful(module, own) if self.stateful else module

    def state_of(self, module: Any) -> PyTree:
        import equinox

        inner, own = (module.module, module.state) if self.stateful else (module, None)
        arrays = equinox.filter(equinox.filter(inner, equinox.is_inexact_array, inverse=True), equinox.is_array)
        return arrays, own


def from_equinox(*modules: Any) -> Modules:
    """Take equinox modules apart, one per player.

    Floating arrays are the player, other arrays and the state of layers such as BatchNorm are the model state, and
    functions and settings stay in the payoff.

    Args:
        *modules: modules, or pairs ``(module, state)`` from `equinox.nn.make_with_state`. A payoff gets a module as it
            is, and a pair as a `Stateful`.

    Returns:
        The `Modules`.

    Example:
        >>> import equinox, jax, gamesolve as gs
        >>> first, second = jax.random.split(jax.random.key(0))
        >>> nets = gs.game.modules.from_equinox(equinox.nn.Linear(2, 2, key=first), equinox.nn.Linear(2, 1, key=second))
        >>> payoff = nets.payoff(lambda generator, discriminator, z: discriminator(generator(z))[0])
        >>> game = gs.zero_sum(payoff, model_state=nets.model_state)
        >>> nets.players[0].weight.shape
        (2, 2)
    """
    import equinox

    players, states, frames = [], [], []
    for entry in modules:
        stateful = isinstance(entry, tuple)
        module, own = entry if stateful else (entry, None)
        parameters, rest = equinox.partition(module, equinox.is_inexact_array)
        arrays, static = equinox.partition(rest, equinox.is_array)
        others, structure = jax.tree.flatten(static)
        players.append(parameters)
        states.append((arrays, own))
        frames.append(_Equinox(structure, tuple(others), stateful))
    return Modules(tuple(players), tuple(states), tuple(frames))
