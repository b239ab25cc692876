"""Generalised Nash problems: the constraints of a player depend on the other players, and some are shared by all.

A player of multipliers joins the game. It sets one multiplier for each shared constraint, the same for all players, so
that equilibria of the game are variational equilibria of the problem.
"""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import as_players, check_payoff
from gamesolve.checks.calls import called
from gamesolve.game import Game, general_sum
from gamesolve.game.model_state import plus
from gamesolve.games.constrained import Constraint, check_kinds, check_multipliers
from gamesolve.trees import Players, PyTree, Scalar

# One function per player, or None for a player without private constraints.
Private = tuple[Constraint | None, ...]


def generalised(
    *payoffs: Callable[..., Scalar],
    inequality: Constraint | None = None,
    equality: Constraint | None = None,
    private: Private | None = None,
    constants: tuple[PyTree, ...] = (),
) -> Game:
    """Make the game of a generalised Nash problem, with a last player that sets the multipliers.

    Player i maximises its payoff minus the multipliers times the shared constraints and its private ones. The last
    player maximises the products of all multipliers and constraints. At an equilibrium all players thus agree on the
    multipliers of shared constraints: it is a variational equilibrium. If the payoffs are concave and the inequalities
    convex in their own players, each player's strategy is a best response.

    The last player is a dict with the keys ``"equality"``, ``"inequality"`` and ``"private"``, as far as there are such
    constraints. `generalised_multipliers` returns a start, and `multiplier_projection` keeps all except the first
    non-negative.

    Args:
        *payoffs: one function per player, ``payoff(*players, *constants, *data) -> scalar``, without the multipliers.
        inequality: shared constraints, ``inequality(*players, *constants, *data)``, a pytree of arrays that must be at
            most zero. Default: none.
        equality: shared constraints that must be zero, called in the same way. Default: none.
        private: tuple with one function per player, called in the same way, whose values must be at most zero and
            constrain that player alone; None for a player without. Default: none.
        constants: arrays of the problem, passed to all functions.

    Returns:
        The game, with one player more than there are payoffs.

    Raises:
        ValueError: if there is no constraint, or not one entry of ``private`` per player.

    Example:
        >>> import gamesolve as gs
        >>> shared = {"inequality": lambda x, y: x + y - 1}
        >>> game = gs.games.generalised(lambda x, y: -((x - 1) ** 2), lambda x, y: -((y - 0.5) ** 2), **shared)
        >>> start = (0.0, 0.0, gs.games.generalised_multipliers((0.0, 0.0), **shared))
        >>> solver = gs.extragradient(0.2, projections=(None, None, gs.games.multiplier_projection))
        >>> x, y, multipliers = gs.solve(game, solver, start, 1000, tol=1e-6).players
        >>> round(float(x), 4), round(float(y), 4), round(float(multipliers["inequality"]), 4)
        (0.75, 0.25, 0.5)

    Reference:
        Facchinei, Kanzow, "Generalized Nash Equilibrium Problems", Annals of Operations Research 2010
    """
    for player, payoff in enumerate(payoffs):
        check_payoff(payoff, player)
    problem = _Problem(payoffs, _constraints(len(payoffs), equality, inequality, private))
    own = [_Penalised(problem, player) for player in range(len(payoffs))]
    return general_sum(*own, _Multiplied(problem), constants=constants)


def generalised_multipliers(
    players: Players,
    inequality: Constraint | None = None,
    equality: Constraint | None = None,
    private: Private | None = None,
    constants: tuple[PyTree, ...] = (),
) -> dict[str, PyTree]:
    """Return zero multipliers for the constraints of a `generalised` game.

    Args:
        players: any players of the right shapes, without the multipliers.
        inequality: as in `generalised`.
        equality: as in `generalised`.
        private: as in `generalised`.
        constants: as in `generalised`, followed by one draw of the data if the constraints take data.

    Returns:
        The last player at zero.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.generalised_multipliers((0.0, 0.0), inequality=lambda x, y: x + y - 1)
        {'inequality': Array(0., dtype=float32)}
    """
    constraints = _constraints(len(players), equality, inequality, private)
    values = partial(_values, constraints)
    return optax.tree.zeros_like(jax.eval_shape(values, *as_players(players, len(players)), *constants))


def kkt_residual(game: Game, players: Players) -> Players:
    """Return the natural residual of the optimality conditions of a constrained game: zero at its solutions only.

    The entries of the players and of equality multipliers are those of ``-v``. The entry of an inequality ``g <= 0``
    with multiplier m is ``min(m, -g)``. A run with ``tol`` and ``projections`` stops at the norm of this residual.

    Args:
        game: game made by `lagrangian` or `generalised`, bound to its data, whose last player is a dict of multipliers.
        players: tuple of parameter pytrees, one per player.

    Returns:
        The residual, shaped as ``players``.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.lagrangian(lambda x: x**2 / 2, inequality=lambda x: 1 - x)
        >>> x, multipliers = gs.games.kkt_residual(game, (1.5, {"inequality": 0.25}))
        >>> float(x), float(multipliers["inequality"])  # zero at x = 1 with the multiplier 1
        (1.25, 0.25)
    """
    return _residual(game, players, jnp.minimum)


def fischer_burmeister(game: Game, players: Players) -> Players:
    """Return the Fischer-Burmeister residual of a constrained game: zero where `kkt_residual` is, but smoother.

    The entry of an inequality ``g <= 0`` with multiplier m is ``m - g - sqrt(m^2 + g^2)``; the others are those of
    ``-v``. It has a derivative except at ``m = g = 0``, for root finders and least squares.

    Args:
        game: as in `kkt_residual`.
        players: as in `kkt_residual`.

    Returns:
        The residual, shaped as ``players``.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.lagrangian(lambda x: x**2 / 2, inequality=lambda x: 1 - x)
        >>> float(gs.games.fischer_burmeister(game, (5.0, {"inequality": 3.0}))[1]["inequality"])
        2.0

    Reference:
        Fischer, "A special Newton-type optimization method", Optimization 1992
    """
    return _residual(game, players, _fischer_burmeister)


def _fischer_burmeister(multiplier: jax.Array, slack: jax.Array) -> jax.Array:
    size = jax.lax.stop_gradient(jnp.maximum(jnp.abs(multiplier), jnp.abs(slack)))
    # A square root has no derivative at zero, which squares of small numbers are.
    corner = size < jnp.finfo(size.dtype).tiny
    scale = jnp.where(corner, 1, size)
    square = jnp.where(corner, 1, (multiplier / scale) ** 2 + (slack / scale) ** 2)
    return multiplier + slack - jnp.where(corner, 0, scale * jnp.sqrt(square))


def _residual(game: Game, players: Players, complementarity: Callable[[jax.Array, jax.Array], jax.Array]) -> Players:
    *others, multipliers = as_players(players, game.num_players)
    if not isinstance(multipliers, dict):
        raise ValueError(
            f"the last player must be a dict of multipliers, got {type(multipliers).__name__}. Make the game with "
            "gamesolve.games.lagrangian or generalised."
        )
    u = optax.tree.scale(-1, game.field((*others, multipliers)))
    entries = {
        kind: u[-1][kind] if kind == "equality" else jax.tree.map(complementarity, weights, u[-1][kind])
        for kind, weights in multipliers.items()
    }
    return (*u[:-1], entries)


Constraints = tuple[tuple[str, Constraint | Private], ...]


def _constraints(
    number: int, equality: Constraint | None, inequality: Constraint | None, private: Private | None
) -> Constraints:
    """Return the constraints of a problem by their kind, or raise if there are none."""
    if private is not None and (not isinstance(private, tuple) or len(private) != number):
        seen = len(private) if isinstance(private, tuple) else type(private).__name__
        raise ValueError(
            f"private must be a tuple with one function or None for each of the {number} players, got {seen}."
        )
    given = {"equality": equality, "inequality": inequality, "private": private if any(private or ()) else None}
    constraints = tuple((kind, constraint) for kind, constraint in given.items() if constraint is not None)
    if not constraints:
        raise ValueError("generalised needs a constraint, got none. Pass inequality=, equality= or private=.")
    return constraints


def _values(constraints: Constraints, *arguments: PyTree) -> dict[str, PyTree]:
    """Return the values of all constraints at the players, followed by the constants and the data."""

    def at(name: str, function: Constraint | None) -> PyTree:
        takes = "the players, the constants and the data, without the multipliers"
        hint = f"Write {name}=lambda x, y, ...: ..."
        return None if function is None else called(name, function, *arguments, takes=takes, hint=hint)

    return {
        kind: tuple(at("private", each) for each in function) if isinstance(function, tuple) else at(kind, function)
        for kind, function in constraints
    }


@dataclasses.dataclass(frozen=True)
class _Problem:
    """The payoffs and constraints of a problem; equal if its functions are, so that nothing is compiled twice."""

    payoffs: tuple[Callable[..., Scalar], ...]
    constraints: Constraints

    def split(self, arguments: tuple[PyTree, ...]) -> tuple[tuple[PyTree, ...], dict[str, PyTree]]:
        """Return the arguments of the payoffs and constraints, and the multipliers."""
        number = len(self.payoffs)
        multipliers = arguments[number]
        check_kinds(multipliers, dict(self.constraints).keys(), number)
        return (*arguments[:number], *arguments[number + 1 :]), multipliers

    def products(self, arguments: tuple[PyTree, ...], multipliers: dict[str, PyTree]) -> dict[str, list[Scalar]]:
        """Return the products of multipliers and constraints by kind: one, or for private ones one per player."""
        values = _values(self.constraints, *arguments)
        for kind, entry in values.items():
            check_multipliers(kind, multipliers[kind], entry)
        pairs = {kind: zip(multipliers[kind], values[kind], strict=True) for kind in values if kind == "private"}
        shared = {kind: [(multipliers[kind], values[kind])] for kind in values if kind != "private"}
        return {kind: [optax.tree.vdot(m, g) for m, g in entries] for kind, entries in {**shared, **pairs}.items()}


@dataclasses.dataclass(frozen=True)
class _Penalised:
    problem: _Problem
    player: int

    def __call__(self, *arguments: PyTree) -> PyTree:
        rest, multipliers = self.problem.split(arguments)
        takes = "the players, the constants and the data, without the multipliers"
        hint = "Pass data with sample=, batches= or bind(batch), and arrays through constants=."
        name = f"the payoff of player {self.player}"
        value = called(name, self.problem.payoffs[self.player], *rest, takes=takes, hint=hint)
        for kind, products in self.problem.products(rest, multipliers).items():
            value = plus(value, -products[self.player if kind == "private" else 0])
        return value


@dataclasses.dataclass(frozen=True)
class _Multiplied:
    problem: _Problem

    def __call__(self, *arguments: PyTree) -> Scalar:
        products = self.problem.products(*self.problem.split(arguments))
        return jnp.sum(jnp.stack([entry for entries in products.values() for entry in entries]))
