"""A game whose field answers each query with a fresh random vector, and stands for all fields of a class."""

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.field_class import check_scalar
from gamesolve.game import Game
from gamesolve.game.fields import Unknown
from gamesolve.trees import Players, PyTree, State, Updates

PLAYERS = 2

# The shape of each player.
Shapes = tuple[tuple[int, ...], ...]


def any_set(player: PyTree) -> PyTree:
    """Stand for the projection onto an arbitrary closed convex set in `certify` and `worst_case_residual`.

    Pass it as a solver's ``projections=``. The certificate then holds for all sets, one per player.

    Args:
        player: parameters of one player.

    Returns:
        The projected parameters; it has a value inside of a certification only.

    Raises:
        ValueError: if it is called in a run.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.extragradient(0.5, projections=gs.analysis.any_set)
        >>> round(gs.analysis.certify(solver, mu=0.1, L=1.0).rate, 3)
        0.961
    """
    return jnp.asarray(_answers("any_set").project(player))


def exact_proximal(learning_rate: float) -> optax.GradientTransformationExtraArgs:
    """Make the exact proximal point method ``w = z + eta v(w)``, for `certify` and `worst_case_residual`.

    In a run use `gamesolve.proximal`, which solves this equation by Newton's method.

    Args:
        learning_rate: step size eta, one number for all players.

    Returns:
        The solver; it has a step inside of a certification only, and raises a ValueError in a run.

    Example:
        >>> import gamesolve as gs
        >>> result = gs.analysis.worst_case_residual(gs.analysis.exact_proximal(2.0), 10)
        >>> round(result.bound, 5)                       # (1 - 1/10)^9 / 10
        0.03874

    Reference:
        Gu, Yang, "Tight Sublinear Convergence Rate of the Proximal Point Algorithm for Maximal Monotone Inclusion
        Problems", SIAM J. Optim. 2020, https://arxiv.org/abs/1904.05495
    """
    check_scalar("learning_rate", learning_rate, above=0.0)

    def update(updates: Updates, state: State, params: PyTree = None, **_: object) -> tuple[Updates, State]:
        del updates
        ahead = _answers("exact_proximal").resolve(params, learning_rate)
        return optax.tree.sub(ahead, params), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


class Answers:
    """Random answers to the queries of a solver, with a record of both."""

    def __init__(self, shapes: Shapes, seed: int, points: float, fields: float, unit: float) -> None:
        """Begin with arrays of these shapes, which identify the players, at the scales of points and ``F / unit``."""
        self.shapes, self.points, self.fields, self.unit = shapes, points, fields, unit
        self.random = np.random.default_rng(seed)
        self.restart()

    def restart(self) -> None:
        """Clear the record."""
        self.vectors: list[tuple[np.ndarray, ...]] = []
        self.asked: list[tuple[int | None, tuple[np.ndarray, ...], int]] = []

    def fresh(self, scale: float) -> tuple[np.ndarray, ...]:
        """Return a new random array for each player."""
        self.vectors.append(tuple(scale * self.random.standard_normal(shape) for shape in self.shapes))
        return self.vectors[-1]

    def field(self, players: Players) -> Players:
        """Answer a query of F."""
        points, answer = tuple(map(_value, players)), self._field()
        self._note(None, points)
        return tuple(map(jnp.asarray, answer))

    def resolve(self, players: Players, eta: float) -> Players:
        """Answer ``y = x - eta F(y)``: a query of F at a point that its answer has chosen."""
        points = tuple(x - eta * w for x, w in zip(map(_value, players), self._field(), strict=True))
        self._note(None, points)
        return tuple(map(jnp.asarray, points))

    def project(self, player: PyTree) -> np.ndarray:
        """Answer the projection of one player."""
        point = _value(player)
        owner = self.shapes.index(point.shape)
        answer = self.fresh(self.points)[owner]
        self._note(owner, tuple(point if i == owner else np.zeros(shape) for i, shape in enumerate(self.shapes)))
        return answer

    def _field(self) -> tuple[np.ndarray, ...]:
        return tuple(self.unit * vector for vector in self.fresh(self.fields))

    def _note(self, player: int | None, points: tuple[np.ndarray, ...]) -> None:
        self.asked.append((player, points, len(self.vectors) - 1))


_current: ContextVar[Answers | None] = ContextVar("answers", default=None)


def _answers(name: str) -> Answers:
    answers = _current.get()
    if answers is None:
        raise ValueError(
            f"{name} must be inside analysis.certify or analysis.worst_case_residual, got a run. It stands for all "
            "sets or exact implicit steps; give a run a projection, or gs.proximal."
        )
    return answers


@dataclasses.dataclass(frozen=True)
class AskedGame(Game):
    """A game of two players that takes its field from `Answers`.

    It inherits from `Game` because solvers know games only.
    """

    answers: Any = None

    @classmethod
    def of(cls, answers: Answers) -> "AskedGame":
        """Return the game that asks these answers."""
        return cls((_evaluated,) * PLAYERS, answers=answers)

    def gradients(self, players: Players, movers: tuple[int, ...] | None = None) -> Players:
        answer = self.answers.field(players)
        return tuple(-answer[mover] for mover in (range(PLAYERS) if movers is None else movers))

    def signed_payoff(self, player: int) -> tuple[int, Any]:
        del player
        # The sign is that of a loss, so that nobody multiplies the result by -1.
        return -1, lambda *_: Unknown(not_first_order("uses the value of a payoff"))

    def rules(self, players: Players, player: int) -> NoReturn:
        del players, player
        raise not_first_order("differentiates a payoff")


def _evaluated(*_: PyTree) -> NoReturn:
    raise not_first_order("evaluates a payoff")


def _value(player: PyTree) -> np.ndarray:
    if isinstance(player, jax.core.Tracer):
        raise not_first_order("differentiates the field")
    return np.asarray(player, np.float64)


def not_first_order(fault: str, remedy: str = "Use analysis.rate for a given game") -> ValueError:
    """Return the error of a solver that certificates do not cover."""
    return ValueError(f"solver must be a first-order method with fixed steps, got one that {fault}. {remedy}.")


@contextmanager
def eager(answers: Answers) -> Iterator[None]:
    """Run without compilation, in float64, with an answer to `any_set` and `exact_proximal`."""
    token = _current.set(answers)
    try:
        with ExitStack() as stack:
            stack.enter_context(jax.enable_x64(True))
            stack.enter_context(jax.disable_jit())
            yield
    finally:
        _current.reset(token)
