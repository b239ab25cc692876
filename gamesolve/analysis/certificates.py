"""What kind of point this is: for the players, for leaders and followers, and for a solver.

>>> import gamesolve as gs
>>> saddle = gs.games.icr_quadratic()             # x^2 + 10 x y + y^2, convex where its maximiser wants it concave
>>> gs.analysis.classify(saddle, (0.0, 0.0)).kind
'centre, not Nash'
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.blocks import lead_from
from gamesolve.analysis.spectrum import by_real_part, jacobian
from gamesolve.analysis.stability import step_map
from gamesolve.driving.solve import step
from gamesolve.game import Game, Players, as_players


class Margins(NamedTuple):
    """By how much each property of a `Certificate` holds; negative where it fails.

    Attributes:
        residual: Euclidean norm of the field.
        stable: minus the largest real part of the eigenvalues of J: the rate of the flow.
        nash: for each player, minus the largest eigenvalue of its own Hessian of its own payoff.
        stackelberg: for each leader, minus the largest eigenvalue of its total Hessian and of the followers' own ones.
        total: for each leader, norm of its total gradient and the followers' field: zero at a Stackelberg point.
        singular: smallest singular value of J over the largest.
        accuracy: eigenvalues within this of zero count as zero.
    """

    residual: jax.Array
    stable: jax.Array
    nash: jax.Array
    stackelberg: jax.Array
    total: jax.Array
    singular: jax.Array
    accuracy: jax.Array


class Certificate(NamedTuple):
    """What `classify` finds at a point; a pytree of arrays.

    Attributes:
        is_equilibrium: the field is zero, to the tolerance.
        stable: an equilibrium to which the flow returns: every eigenvalue of J has negative real part.
        nash: a differential Nash equilibrium: the field is zero and each own Hessian is negative definite.
        stackelberg: for each player as the leader, a differential Stackelberg equilibrium: the leader's **total**
            gradient and the followers' field are zero, the leader's total Hessian and the followers' own ones negative
            definite. In general-sum games such a point need not be a zero of the field.
        degenerate: J is singular, so that eigenvalues do not decide and equilibria may form a set.
        eigenvalues: of J, by decreasing real part.
        margins: a `Margins`.
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
        """The certificate in words: how the flow behaves there, and whether the players are content."""
        if not self.is_equilibrium:
            return "no equilibrium"
        content = "Nash" if self.nash else "not Nash"
        if self.degenerate:
            return f"degenerate, {content}"
        parts, accuracy = np.real(self.eigenvalues), float(self.margins.accuracy)
        if self.stable:
            motion = "stable"
        elif np.max(parts) <= accuracy:
            motion = "centre"
        else:
            motion = "saddle" if np.min(parts) < -accuracy else "unstable"
        return f"{motion}, {content}"


def classify(game: Game, players: Players, tol: float = 1e-5, rates: Sequence[float] | None = None) -> Certificate:
    """Certify a point: whether it is an equilibrium, stable, Nash, and Stackelberg for each leader.

    Stable and Nash are different things. In zero-sum games a strict Nash equilibrium is stable, but stable points
    need not be Nash; in general-sum games neither follows from the other.

    Args:
        game: the game, bound to its data; any number of players.
        players: tuple of parameter pytrees, one per player: the point.
        tol: the field is zero where its Euclidean norm is at most this.
        rates: speed of each player; the eigenvalues are then those of ``diag(rates) J``.

    Returns:
        The `Certificate`; ``certificate.kind`` says it in words. Works under ``jit`` and ``vmap``, without ``kind``.

    Raises:
        ValueError: if J would be too large to hold; ``eigenvalues`` then gives the leading ones.

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
        raise ValueError(f"rates has {len(rates)} entries for {game.num_players} players; give one number each.")
    return _classify(game, players, jacobian(game, players), tol, rates)


@jax.jit
def _classify(game: Game, players: Players, J: jax.Array, tol: Any, rates: Any) -> Certificate:
    sizes = [optax.tree.size(player) for player in players]
    edges = np.cumsum([0, *sizes])
    own = jnp.stack([_largest(J[a:b, a:b]) for a, b in itertools.pairwise(edges)])
    speeds = jnp.ones(len(sizes), J.dtype) if rates is None else jnp.stack([jnp.asarray(r, J.dtype) for r in rates])
    values = by_real_part(jnp.linalg.eigvals(jnp.repeat(speeds, np.asarray(sizes))[:, None] * J))
    accuracy, flat = _accuracy(J)
    residual = optax.tree.norm(game.field(players))
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
    """What a point is for a solver; a pytree of scalars.

    Attributes:
        rate: spectral radius of the solver's step map, as of `rate`.
        distance: about how far the solver's own fixed point is: its first move over the smallest gap of an eigenvalue
            to one.
        attracting: the solver stands still there and returns there.
        is_equilibrium: the field is zero there.
        stable: the flow of the field does not leave the point: no eigenvalue of J has positive real part.
        spurious: attracting, although the point is not an equilibrium or the flow leaves it.
    """

    rate: jax.Array
    distance: jax.Array
    attracting: jax.Array
    is_equilibrium: jax.Array
    stable: jax.Array
    spurious: jax.Array


def attraction(game: Game, solver: optax.GradientTransformation, players: Players, tol: float = 1e-5) -> Attraction:
    """Say whether a solver is attracted by a point, and whether it should not be.

    Methods that descend the norm of the field, and implicit steps, settle where the flow itself would not: at
    unstable zeros of the field, or at zeros of the combined field only.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation.
        players: the point.
        tol: the field is zero where its norm is at most this, and the solver stands still where its own fixed point is
            at most this far.

    Returns:
        An `Attraction`.

    Raises:
        ValueError: if the step is not differentiable there, or too large for its dense matrix.

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
def _attraction(game: Game, solver: Any, players: Players, gap: Any, radius: Any, J: Any, tol: Any) -> Attraction:
    move = optax.tree.norm(first_move(game, solver, players))
    distance = jnp.where(move > 0, move / jnp.where(gap > 0, gap, jnp.finfo(move.dtype).tiny), 0)
    zero = optax.tree.norm(game.field(players)) <= tol
    stable = zero & (jnp.max(jnp.linalg.eigvals(J).real) <= _accuracy(J)[0])
    attracting = (distance <= tol) & (radius < 1)
    return Attraction(radius, distance, attracting, zero, stable, attracting & ~stable)


def first_move(game: Game, solver: Any, players: Players) -> Players:
    """Return what a solver's first step adds to the players, free of the rounding of their difference."""
    keep = optax.GradientTransformation(lambda params: params, lambda updates, state, params=None: (updates, updates))
    _, (_, moves) = step(game, optax.chain(solver, keep), players)
    return moves


def _largest(matrix: jax.Array) -> jax.Array:
    """Return the largest eigenvalue of a symmetric matrix, NaN for one that is not finite."""
    return jnp.linalg.eigvalsh(matrix)[-1]


def _accuracy(J: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return how near to zero an eigenvalue counts as zero, and the smallest over the largest singular value."""
    singular = jnp.linalg.svd(J, compute_uv=False)
    flat = singular[-1] / jnp.where(singular[0] > 0, singular[0], 1)
    return jnp.sqrt(jnp.finfo(J.dtype).eps) * singular[0], flat
