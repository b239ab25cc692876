"""Certify a point: as an equilibrium of the players, and of leaders and followers.

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

from gamesolve.analysis.accuracy import (
    directions,
    eigenvalues_with_error,
    is_negative_definite,
    largest_eigenvalue,
    measured_jacobian,
)
from gamesolve.analysis.blocks import lead_from
from gamesolve.analysis.point import as_point
from gamesolve.analysis.sets import natural_norm
from gamesolve.analysis.spectrum import order_by_real_part
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.linear.dense import check_size
from gamesolve.trees import Players, Scalar, norm
from gamesolve.trees.faces import shown


@shown()
class Margins(NamedTuple):
    """The margin by which each property of a `Certificate` holds; negative if it fails.

    Attributes:
        residual: Euclidean norm of the field.
        stable: minus the largest real part of the eigenvalues of J: the rate of the flow.
        nash: for each player, minus the largest eigenvalue of its own Hessian of its own payoff.
        stackelberg: for each leader, minus the largest eigenvalue of its total Hessian and of the followers' own
            Hessians.
        total: for each leader, norm of its total gradient and the followers' field; zero at a Stackelberg point.
            If the followers' response is not defined, they are taken as fixed.
        singular: ratio of the smallest to the largest singular value of J.
        accuracy: error of the leading eigenvalue of J: real parts within this distance of zero count as zero.
        errors: error of each eigenvalue of J, in their order. Slow modes of a stiff game are as accurate as others.
        natural: norm of the natural residual ``z - P(z + v)``; without projections P, that of the field.
    """

    residual: jax.Array
    stable: jax.Array
    nash: jax.Array
    stackelberg: jax.Array
    total: jax.Array
    singular: jax.Array
    accuracy: jax.Array
    errors: jax.Array
    natural: jax.Array


@shown("kind")
class Certificate(NamedTuple):
    """The result of `classify` at a point; a pytree of arrays.

    Attributes:
        is_equilibrium: whether the field is zero, to the tolerance; with ``projections``, also inside the sets.
        stable: whether the point is an equilibrium to which the flow returns: every eigenvalue of J has negative real
            part.
        nash: whether it is a differential Nash equilibrium: the field is zero and each own Hessian is negative
            definite.
        stackelberg: for each player as the leader, whether it is a differential Stackelberg equilibrium: the leader's
            **total** gradient and the followers' field are zero, and the leader's total Hessian and the followers' own
            Hessians are negative definite. In general-sum games such a point need not be a zero of the field.
        degenerate: whether J is singular, to the error of its entries. Then the eigenvalues do not decide stability,
            and equilibria may form a set.
        eigenvalues: eigenvalues of J, by decreasing real part.
        margins: the `Margins`.
        constrained: whether constraints hold a player: the natural residual is zero, and the field is not.
    """

    is_equilibrium: jax.Array
    stable: jax.Array
    nash: jax.Array
    stackelberg: jax.Array
    degenerate: jax.Array
    eigenvalues: jax.Array
    margins: Margins
    constrained: jax.Array

    @property
    def kind(self) -> str:
        """The certificate in words, with the behaviour of the flow at the point and whether it is a Nash equilibrium.

        A point that is not a zero of the field may be held by constraints, or be a Stackelberg equilibrium.
        """
        if self.constrained:
            return "held by constraints"
        if not self.is_equilibrium:
            leaders = " and ".join(map(str, np.flatnonzero(np.asarray(self.stackelberg))))
            return f"Stackelberg for leader {leaders}" if leaders else "no equilibrium"
        nash = "Nash" if self.nash else "not Nash"
        if self.degenerate:
            return f"degenerate, {nash}"
        parts, errors = np.real(self.eigenvalues), np.asarray(self.margins.errors)
        if self.stable:
            motion = "stable"
        elif np.all(parts <= errors):
            motion = "centre"
        else:
            motion = "saddle" if np.any(parts < -errors) else "unstable"
        return f"{motion}, {nash}"


def classify(
    game: Game,
    players: Players,
    tol: float = 1e-5,
    rates: Sequence[float] | None = None,
    projections: Projections = None,
) -> Certificate:
    """Certify a point: whether it is an equilibrium, stable, Nash, and Stackelberg for each leader.

    Stability and the Nash property differ. In zero-sum games a strict Nash equilibrium is stable, but a stable point
    need not be Nash. In general-sum games neither follows from the other.

    Args:
        game: the game, bound to its data; any number of players.
        players: the point, a tuple of parameter pytrees, one per player.
        tol: the field counts as zero if its Euclidean norm is at most this.
        rates: speed of each player; the eigenvalues are then those of ``diag(rates) J``. Default: all 1.
        projections: projections onto the sets of the players, as for a solver's ``projections``. At a point where a
            constraint holds a player, the natural residual ``z - P(z + v)`` is zero and the field is not. The other
            entries look at all directions, as without sets. Default: none.

    Returns:
        The `Certificate`; ``certificate.kind`` is its summary in words. Works under ``jit`` and ``vmap``, except for
        ``kind``.

    Raises:
        ValueError: if J would take more than 2 GiB. Use `classify_large` then, which needs no matrix.

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
    players = as_point(players, game.num_players)
    if rates is not None and len(rates) != game.num_players:
        raise ValueError(f"rates has {len(rates)} entries for {game.num_players} players. Give one number per player.")
    check_size(jax.flatten_util.ravel_pytree(players)[0], "Use classify_large, which needs no matrix")
    natural = None if projections is None else natural_norm(game, players, projections)
    return _classify(game, players, tol, rates, natural)


@jax.jit
def _classify(
    game: Game, players: Players, tol: Scalar, rates: Sequence[Scalar] | None, natural: jax.Array | None
) -> Certificate:
    J, error = measured_jacobian(game, players)
    sizes = [optax.tree.size(player) for player in players]
    blocks = [(slice(a, b), slice(a, b)) for a, b in itertools.pairwise(np.cumsum([0, *sizes]))]
    own = jnp.stack([largest_eigenvalue(J[block]) for block in blocks])
    concave = jnp.stack([is_negative_definite(J[block], error[block]) for block in blocks])
    speeds = jnp.ones(len(sizes), J.dtype) if rates is None else jnp.stack([jnp.asarray(r, J.dtype) for r in rates])
    speeds = jnp.repeat(speeds, np.asarray(sizes))[:, None]
    values, errors = eigenvalues_with_error(speeds * J, jnp.abs(speeds) * error)
    order = order_by_real_part(values)
    values, errors = values[order], errors[order]
    residual = norm(game.field(players))
    natural = residual if natural is None else natural
    zero = (residual <= tol) & (natural <= tol)
    leads = [lead_from(game, players, J, error, leader) for leader in range(len(sizes))]
    total = jnp.stack([lead.residual for lead in leads])
    worst, second = [], []
    for leader, lead in enumerate(leads):
        others = np.delete(np.arange(len(sizes)), leader)
        worst.append(jnp.max(own[others], initial=largest_eigenvalue(lead.hessian)))
        second.append(lead.holds & jnp.all(concave[others]))
    singular = jnp.linalg.svd(J, compute_uv=False)
    flat = singular[-1] / jnp.where(singular[0] > 0, singular[0], 1)
    return Certificate(
        is_equilibrium=zero,
        stable=zero & jnp.all(values.real < -errors),
        nash=zero & jnp.all(concave),
        stackelberg=(total <= tol) & jnp.stack(second),
        degenerate=jnp.min(directions(J, error)[1]) <= 1,
        eigenvalues=values,
        margins=Margins(residual, -values[0].real, -own, -jnp.stack(worst), total, flat, errors[0], errors, natural),
        constrained=(natural <= tol) & (residual > tol),
    )
