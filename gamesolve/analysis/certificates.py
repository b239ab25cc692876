"""Certify a point: as an equilibrium of the players, of leaders and followers, and as an attractor of a solver.

>>> import gamesolve as gs
>>> saddle = gs.games.icr_quadratic()             # x^2 + 10 x y + y^2, convex in the maximiser y
>>> gs.analysis.classify(saddle, (0.0, 0.0)).kind
'centre, not Nash'
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.blocks import lead_from
from gamesolve.analysis.spectrum import by_real_part, jacobian
from gamesolve.analysis.stability import step_map
from gamesolve.driving.solve import step
from gamesolve.game import Game, as_players
from gamesolve.solver import Solver
from gamesolve.trees import Players, Scalar, norm


class Margins(NamedTuple):
    """The margin by which each property of a `Certificate` holds; negative if it fails.

    Attributes:
        residual: Euclidean norm of the field.
        stable: minus the largest real part of the eigenvalues of J: the rate of the flow.
        nash: for each player, minus the largest eigenvalue of its own Hessian of its own payoff.
        stackelberg: for each leader, minus the largest eigenvalue of its total Hessian and of the followers' own
            Hessians.
        total: for each leader, norm of its total gradient and the followers' field; zero at a Stackelberg point.
        singular: ratio of the smallest to the largest singular value of J.
        accuracy: eigenvalues within this distance of zero count as zero.
    """

    residual: jax.Array
    stable: jax.Array
    nash: jax.Array
    stackelberg: jax.Array
    total: jax.Array
    singular: jax.Array
    accuracy: jax.Array


class Certificate(NamedTuple):
    """The result of `classify` at a point; a pytree of arrays.

    Attributes:
        is_equilibrium: whether the field is zero, to the tolerance.
        stable: whether the point is an equilibrium to which the flow returns: every eigenvalue of J has negative real
            part.
        nash: whether it is a differential Nash equilibrium: the field is zero and each own Hessian is negative
            definite.
        stackelberg: for each player as the leader, whether it is a differential Stackelberg equilibrium: the leader's
            **total** gradient and the followers' field are zero, and the leader's total Hessian and the followers' own
            Hessians are negative definite. In general-sum games such a point need not be a zero of the field.
        degenerate: whether J is singular. Then the eigenvalues do not decide stability, and equilibria may form a set.
        eigenvalues: eigenvalues of J, by decreasing real part.
        margins: the `Margins`.
    """

    is_equilibrium: jax.Array
    stable: jax.Array
    nash: jax.Array
    stackelberg: jax.Array
    degenerate: jax.Array
    eigenvalues: jax.Array
    margins: Margins

    @property
    def kind(self) -> str:
        """The certificate in words: how the flow behaves at the point, and whether it is a Nash equilibrium."""
        if not self.is_equilibrium:
            return "no equilibrium"
        nash = "Nash" if self.nash else "not Nash"
        if self.degenerate:
            return f"degenerate, {nash}"
        parts, accuracy = np.real(self.eigenvalues), float(self.margins.accuracy)
        if self.stable:
            motion = "stable"
        elif np.max(parts) <= accuracy:
            motion = "centre"
        else:
            motion = "saddle" if np.min(parts) < -accuracy else "unstable"
        return f"{motion}, {nash}"


def classify(game: Game, players: Players, tol: float = 1e-5, rates: Sequence[float] | None = None) -> Certificate:
    """Certify a point: whether it is an equilibrium, stable, Nash, and Stackelberg for each leader.

    Stability and the Nash property differ. In zero-sum games a strict Nash equilibrium is stable, but a stable point
    need not be Nash. In general-sum games neither follows from the other.

    Args:
        game: the game, bound to its data; any number of players.
        players: the point, a tuple of parameter pytrees, one per player.
        tol: the field counts as zero if its Euclidean norm is at most this.
        rates: speed of each player; the eigenvalues are then those of ``diag(rates) J``. Default: all 1.

    Returns:
        The `Certificate`; ``certificate.kind`` is its summary in words. Works under ``jit`` and ``vmap``, except for
        ``kind``.

    Raises:
        ValueError: if J would take more than 2 GiB. Use ``eigenvalues`` for the leading eigenvalues then.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: 0.5 * x * x + x * y - 0.5 * y * y)
        >>> certificate = gs.analysis.classify(game, (0.0, 0.0))
        >>> certificate.kind, certificate.stackelberg.tolist()
        ('stable, Nash', [True, True])

    Reference:
        Mazumdar, Ratliff, Sastry, "On Gradient-Based Learning in Continuous Games", SIMODS 2020,
        https://arxiv.org/abs/1804.05464; Fiez, Chasnov, Ratliff, "Implicit Learning Dynamics in Stackelberg Games",
        ICML 2020, https://arxiv.org/abs/1906.01217
    """
    players = as_players(players, game.num_players)
    if rates is not None and len(rates) != game.num_players:
        raise ValueError(f"rates has {len(rates)} entries for {game.num_players} players. Give one number per player.")
    return _classify(game, players, jacobian(game, players), tol, rates)


@jax.jit
def _classify(game: Game, players: Players, J: jax.Array, tol: Scalar, rates: Sequence[Scalar] | None) -> Certificate:
    sizes = [optax.tree.size(player) for player in players]
    edges = np.cumsum([0, *sizes])
    own = jnp.stack([_largest(J[a:b, a:b]) for a, b in itertools.pairwise(edges)])
    speeds = jnp.ones(len(sizes), J.dtype) if rates is None else jnp.stack([jnp.asarray(r, J.dtype) for r in rates])
    values = by_real_part(jnp.linalg.eigvals(jnp.repeat(speeds, np.asarray(sizes))[:, None] * J))
    accuracy, flat = _accuracy(J)
    residual = norm(game.field(players))
    leaders = [lead_from(game, players, J, leader) for leader in range(len(sizes))]
    total = jnp.stack([norm for norm, _ in leaders])
    followers = [jnp.max(jnp.delete(own, leader), initial=-jnp.inf) for leader in range(len(sizes))]
    leading = -jnp.maximum(jnp.stack([_largest(hessian) for _, hessian in leaders]), jnp.stack(followers))
    margins = Margins(residual, -values[0].real, -own, leading, total, flat, accuracy)
    zero = residual <= tol
    return Certificate(
        is_equilibrium=zero,
        stable=zero & (margins.stable > jnp.max(speeds) * accuracy),
        nash=zero & jnp.all(margins.nash > accuracy),
        stackelberg=(total <= tol) & (leading > accuracy),
        degenerate=flat <= jnp.sqrt(jnp.finfo(J.dtype).eps),
        eigenvalues=values,
        margins=margins,
    )


class Attraction(NamedTuple):
    """How a solver behaves near a point; a pytree of scalars.

    Attributes:
        rate: spectral radius of the solver's step map, as in `rate`.
        distance: estimated distance to the solver's own fixed point: the norm of its first move, divided by the
            smallest distance of an eigenvalue from 1.
        attracting: whether the point is a fixed point of the solver to which the solver returns.
        is_equilibrium: whether the field is zero there.
        stable: whether it is an equilibrium that the flow of the field does not leave: no eigenvalue of J has positive
            real part.
        spurious: whether the point is attracting although it is not an equilibrium or the flow leaves it.
    """

    rate: jax.Array
    distance: jax.Array
    attracting: jax.Array
    is_equilibrium: jax.Array
    stable: jax.Array
    spurious: jax.Array


def attraction(game: Game, solver: optax.GradientTransformation, players: Players, tol: float = 1e-5) -> Attraction:
    """Decide whether a point attracts a solver, and whether that attraction is spurious.

    Methods that descend the norm of the field, and implicit steps, can converge where the flow itself would not: to
    unstable zeros of the field, or to points where only the combined field is zero.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: the point.
        tol: the field counts as zero if its norm is at most this, and the point counts as a fixed point of the solver
            if the solver's own fixed point is at most this far away.

    Returns:
        The `Attraction`.

    Raises:
        ValueError: if the step is not differentiable there, or its dense matrix would be too large.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: y * y - x * x)   # both want to leave zero
        >>> bool(gs.analysis.attraction(game, gs.conopt(0.1, gamma=1.0), (0.0, 0.0)).spurious)
        True

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NeurIPS 2017, https://arxiv.org/abs/1705.10461
    """
    stepping = step_map(game, solver, players)
    gap = jnp.min(jnp.abs(stepping.eigenvalues() - 1))
    J = jacobian(game, stepping.players)
    return _attraction(game, stepping.solver, stepping.players, gap, stepping.rate(), J, tol)


@jax.jit
def _attraction(
    game: Game, solver: Solver, players: Players, gap: jax.Array, radius: jax.Array, J: jax.Array, tol: Scalar
) -> Attraction:
    move = norm(first_move(game, solver, players))
    distance = jnp.where(move > 0, move / jnp.where(gap > 0, gap, jnp.finfo(move.dtype).tiny), 0)
    zero = norm(game.field(players)) <= tol
    stable = zero & (jnp.max(jnp.linalg.eigvals(J).real) <= _accuracy(J)[0])
    attracting = (distance <= tol) & (radius < 1)
    return Attraction(radius, distance, attracting, zero, stable, attracting & ~stable)


def first_move(game: Game, solver: Solver, players: Players) -> Players:
    """Return the update of a solver's first step, which a difference of the players would round."""
    keep = optax.GradientTransformation(lambda params: params, lambda updates, state, params=None: (updates, updates))
    _, (_, moves) = step(game, optax.chain(solver, keep), players)
    return moves


def _largest(matrix: jax.Array) -> jax.Array:
    """Return the largest eigenvalue of a symmetric matrix; NaN if the matrix is not finite."""
    return jnp.linalg.eigvalsh(matrix)[-1]


def _accuracy(J: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return how close to zero an eigenvalue counts as zero, and the ratio of smallest to largest singular value."""
    singular = jnp.linalg.svd(J, compute_uv=False)
    flat = singular[-1] / jnp.where(singular[0] > 0, singular[0], 1)
    return jnp.sqrt(jnp.finfo(J.dtype).eps) * singular[0], flat
