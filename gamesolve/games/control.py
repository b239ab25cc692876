"""Linear-quadratic dynamic games: several players steer one linear system, each at its own quadratic cost."""

import dataclasses
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks import whole_number
from gamesolve.game import Game, from_losses
from gamesolve.trees import Players, PyTree
from gamesolve.trees.faces import shown


@shown()
class LinearQuadratic(NamedTuple):
    """A linear system and the quadratic costs of n players who steer it.

    The state moves by ``x_(t+1) = A x_t + sum_i B_i u_(i,t)``. Over T steps player i pays
    ``sum_t (x_t^T Q_i x_t + u_(i,t)^T R_i u_(i,t)) / 2 + x_T^T F_i x_T / 2``.

    Attributes:
        dynamics: A, of shape (d, d).
        inputs: the B_i, of shapes (d, m_i), one per player.
        state_costs: the Q_i, symmetric, of shape (d, d).
        input_costs: the R_i, symmetric and positive definite, of shapes (m_i, m_i).
        final_costs: the F_i, symmetric, of shape (d, d).
    """

    dynamics: jax.Array
    inputs: tuple[jax.Array, ...]
    state_costs: tuple[jax.Array, ...]
    input_costs: tuple[jax.Array, ...]
    final_costs: tuple[jax.Array, ...]


def linear_quadratic(
    dynamics: ArrayLike,
    inputs: tuple[ArrayLike, ...],
    state_costs: tuple[ArrayLike, ...],
    input_costs: tuple[ArrayLike, ...],
    final_costs: tuple[ArrayLike, ...] | None = None,
) -> LinearQuadratic:
    """Make and check the system and the costs of a dynamic game.

    Args:
        dynamics: A, of shape (d, d).
        inputs: the B_i, of shapes (d, m_i), one per player.
        state_costs: the Q_i, of shape (d, d).
        input_costs: the R_i, of shapes (m_i, m_i), with positive definite symmetric parts.
        final_costs: the F_i, of shape (d, d). Default: the state costs.

    Returns:
        The system, for `open_loop`, `feedback` and `feedback_gains`. It has the symmetric parts of all costs: a
        quadratic form depends on nothing else, and the Riccati equations need symmetric matrices.

    Raises:
        ValueError: if shapes do not fit.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> one = jnp.ones((1, 1))
        >>> system = gs.games.linear_quadratic(one, (one, one), (one, 2 * one), (one, one))
        >>> len(system.inputs)
        2
    """
    A = jnp.asarray(dynamics, float)
    B, Q, R = (tuple(jnp.asarray(each, float) for each in group) for group in (inputs, state_costs, input_costs))
    F = Q if final_costs is None else tuple(jnp.asarray(each, float) for each in final_costs)
    if A.ndim != 2 or A.shape[0] != A.shape[1]:
        raise ValueError(f"dynamics must be a square matrix, got shape {A.shape}.")
    if len(B) < 2 or any(each.ndim != 2 or len(each) != len(A) for each in B):
        shapes = [each.shape for each in B]
        raise ValueError(f"inputs must be two or more matrices with {len(A)} rows, one per player, got {shapes}.")
    own = [(each.shape[1],) * 2 for each in B]
    for name, group, wanted in (
        ("state_costs", Q, [A.shape] * len(B)),
        ("input_costs", R, own),
        ("final_costs", F, [A.shape] * len(B)),
    ):
        if [each.shape for each in group] != wanted:
            raise ValueError(f"{name} must have shapes {wanted}, one per player, got {[each.shape for each in group]}.")
    return LinearQuadratic(A, B, *(tuple((each + each.T) / 2 for each in group) for group in (Q, R, F)))


def open_loop(system: LinearQuadratic, horizon: int, initial: ArrayLike) -> Game:
    """Make the dynamic game in which each player fixes all of its inputs in advance.

    Player i is the array of its inputs, of shape (horizon, m_i). The field is affine, and the equilibrium is the
    solution of its linear system. Bounds on the inputs are the ``projections`` of a solver. Model predictive control
    solves this game from each state that the system reaches, and applies the first inputs; the initial state may be
    traced, so that all these games share one program.

    Args:
        system: see `linear_quadratic`.
        horizon: number of steps T.
        initial: first state, of shape (d,).

    Returns:
        The game. It starts at zero inputs. The equilibrium is not unique if its linear system is singular.

    Raises:
        ValueError: if the horizon is not positive or the initial state has another shape.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> one = jnp.ones((1, 1))
        >>> system = gs.games.linear_quadratic(one, (one, one), (one, 2 * one), (one, one))
        >>> game = gs.games.open_loop(system, 1, jnp.ones(1))
        >>> [round(float(player[0, 0]), 4) for player in game.equilibria[0]]
        [-0.25, -0.5]

    Reference:
        Basar, Olsder, "Dynamic Noncooperative Game Theory", SIAM 1999, Theorem 6.2,
        https://doi.org/10.1137/1.9781611971132
    """
    horizon, x = whole_number("horizon", horizon, 1), jnp.asarray(initial, float)
    if x.shape != system.dynamics.shape[:1]:
        raise ValueError(f"initial must have shape {system.dynamics.shape[:1]}, got {x.shape}.")
    start = tuple(jnp.zeros((horizon, each.shape[1]), x.dtype) for each in system.inputs)
    game = from_losses(*map(_OpenLoop, range(len(start))), constants=(system, x))
    return dataclasses.replace(game, start=start, equilibria=(_zero(game, start),))


def feedback(system: LinearQuadratic, horizon: int) -> Game:
    """Make the dynamic game in which each player chooses gains: its input at time t is ``-K_t x_t``.

    Player i is the array of its gains, of shape (horizon, m_i, d), and pays the sum of its costs from the d unit
    vectors as first states. The equilibrium is that of `feedback_gains`. The field is not linear.

    Args:
        system: see `linear_quadratic`.
        horizon: number of steps T.

    Returns:
        The game. It starts at zero gains.

    Raises:
        ValueError: if the horizon is not positive.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> one = jnp.ones((1, 1))
        >>> system = gs.games.linear_quadratic(one, (one, one), (one, 2 * one), (one, one))
        >>> game = gs.games.feedback(system, 3)
        >>> bool(max(jnp.abs(entry).max() for entry in game.field(game.equilibria[0])) < 1e-5)
        True

    Reference:
        Mazumdar et al., "Policy-Gradient Algorithms Have No Guarantees of Convergence in Linear Quadratic Games",
        AAMAS 2020, https://arxiv.org/abs/1907.03712, for constant gains.
    """
    gains = feedback_gains(system, horizon)
    game = from_losses(*map(_Feedback, range(len(gains))), constants=(system,))
    return dataclasses.replace(game, start=tuple(map(jnp.zeros_like, gains)), equilibria=(gains,))


def feedback_gains(system: LinearQuadratic, horizon: int) -> Players:
    """Return the feedback equilibrium of a dynamic game, by the coupled Riccati recursion backwards in time.

    In each step a linear system couples the gains of all players:
    ``(R_i + B_i^T P_i B_i) K_i + B_i^T P_i sum_(j != i) B_j K_j = B_i^T P_i A``.

    Args:
        system: see `linear_quadratic`.
        horizon: number of steps T.

    Returns:
        One array of gains per player, of shape (horizon, m_i, d), in the order of time.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> one = jnp.ones((1, 1))
        >>> system = gs.games.linear_quadratic(one, (one, one), (one, 2 * one), (one, one))
        >>> [round(float(gains[-1, 0, 0]), 4) for gains in gs.games.feedback_gains(system, 5)]
        [0.25, 0.5]

    Reference:
        Basar, Olsder, "Dynamic Noncooperative Game Theory", SIAM 1999, Corollary 6.1,
        https://doi.org/10.1137/1.9781611971132
    """
    A, B, Q, R, F = system
    ends = np.cumsum([each.shape[1] for each in B])[:-1]
    own = jax.scipy.linalg.block_diag(*R)

    def back(P: tuple[jax.Array, ...], _: None) -> tuple[tuple[jax.Array, ...], Players]:
        rows = [b.T @ p for b, p in zip(B, P, strict=True)]
        coupled = own + jnp.concatenate([row @ jnp.concatenate(B, axis=1) for row in rows])
        K = jnp.split(jnp.linalg.solve(coupled, jnp.concatenate([row @ A for row in rows])), ends)
        closed = A - sum(b @ k for b, k in zip(B, K, strict=True))
        costs = zip(P, Q, R, K, strict=True)
        return tuple(q + k.T @ r @ k + closed.T @ p @ closed for p, q, r, k in costs), tuple(K)

    return jax.lax.scan(back, F, length=whole_number("horizon", horizon, 1), reverse=True)[1]


@dataclasses.dataclass(frozen=True)
class _OpenLoop:
    player: int

    def __call__(self, *arguments: PyTree) -> jax.Array:
        *inputs, system, initial = arguments

        def advance(x: jax.Array, inputs: Players) -> tuple[jax.Array, jax.Array]:
            return _step(system, self.player, x, inputs)

        last, costs = jax.lax.scan(advance, initial, tuple(inputs))
        return costs.sum() + _square(system.final_costs[self.player], last)


@dataclasses.dataclass(frozen=True)
class _Feedback:
    player: int

    def __call__(self, *arguments: PyTree) -> jax.Array:
        *gains, system = arguments

        def advance(x: jax.Array, gains: Players) -> tuple[jax.Array, jax.Array]:
            return _step(system, self.player, x, tuple(-gain @ x for gain in gains))

        # The columns are the states that the unit vectors reach.
        last, costs = jax.lax.scan(advance, jnp.eye(len(system.dynamics)), tuple(gains))
        return costs.sum() + _square(system.final_costs[self.player], last)


def _step(system: LinearQuadratic, player: int, x: jax.Array, inputs: Players) -> tuple[jax.Array, jax.Array]:
    """Return the next state, and what the player pays in this one."""
    cost = _square(system.state_costs[player], x) + _square(system.input_costs[player], inputs[player])
    return system.dynamics @ x + sum(b @ u for b, u in zip(system.inputs, inputs, strict=True)), cost


def _square(matrix: jax.Array, vectors: jax.Array) -> jax.Array:
    return jnp.vdot(vectors, matrix @ vectors) / 2


@jax.jit
def _zero(game: Game, start: Players) -> Players:
    """Return the zero of an affine field."""
    flat, unravel = jax.flatten_util.ravel_pytree(start)
    field = lambda z: jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0]
    return unravel(flat + jnp.linalg.solve(jax.jacfwd(field)(flat), -field(flat)))
