"""Spectra of blocks of J: each player's own Hessian, and the Schur complement of each leader."""

import functools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.core
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import products
from gamesolve.analysis.accuracy import directions, is_negative_definite, measured_jacobian
from gamesolve.analysis.point import as_point
from gamesolve.analysis.spectrum import by_real_part
from gamesolve.game import Game, exact_products
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.dense import COLUMNS, dense_derivative, flattened
from gamesolve.linear.eigenpairs import VectorMap
from gamesolve.trees import Players, PyTree
from gamesolve.trees.faces import shown


@shown()
class Leadership(NamedTuple):
    """The second-order conditions of a leader and its followers.

    Attributes:
        leader: eigenvalues of the leader's total Hessian, in zero-sum games the Schur complement of J; real,
            decreasing. All negative: the leader's second-order condition holds. NaN if the followers' response is not
            defined, because their block of J is singular.
        followers: eigenvalues of the followers' block of J, by decreasing real part; with one follower, of its Hessian.
        residual: norm of the leader's total gradient and the followers' field; zero at a Stackelberg point.
    """

    leader: jax.Array
    followers: jax.Array
    residual: jax.Array


def hessian_spectra(game: Game, players: Players, k: int | None = None) -> tuple[jax.Array, ...]:
    """Return the eigenvalues of each player's own Hessian of its own payoff: the diagonal blocks of J.

    A zero of the field at which they are all negative, for every player, is a differential Nash equilibrium.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.
        k: number of eigenvalues at each end of the spectrum, found from products alone. Default: all eigenvalues.

    Returns:
        For each player a real array, decreasing, of length n_i, the number of its parameters, or 2 k if that is
        shorter.

    Raises:
        ValueError: if ``k`` is None and a matrix would take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> [values.tolist() for values in gs.analysis.hessian_spectra(gs.games.icr_quadratic(), (0.0, 0.0))]
        [[-2.0], [2.0]]
    """
    players = as_point(players, game.num_players)
    spectra = []
    for player, own in enumerate(players):
        products.value(game, players, player, "hessian_spectra")
        flat = jax.flatten_util.ravel_pytree(own)[0]
        if k is None or 2 * k >= flat.size:
            spectra.append(jnp.linalg.eigvalsh(_hessian(game, players, player))[::-1])
            continue
        operator = jax.tree_util.Partial(own_curvature(player), game, players)
        pairs = leading_pairs(operator, flat, k, ("LR", "SR"))
        spectra.append(jnp.sort(jnp.asarray(pairs.eigenvalues.real))[::-1])
    return tuple(spectra)


def stackelberg_spectrum(game: Game, players: Players) -> tuple[Leadership, ...]:
    """Return, for each player as the leader, the spectra of its total Hessian and of its followers' block.

    All other players follow together: their zero y moves with the leader's x by ``dy/dx = -J_FF^-1 J_FL``, with L the
    leader's and F the followers' block.

    Args:
        game: the game, bound to its data.
        players: tuple of parameter pytrees, one per player.

    Returns:
        One `Leadership` per player.

    Raises:
        ValueError: if J would take more than 2 GiB.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: -3 * x**2 + 4 * x * y - y**2)
        >>> spectra = gs.analysis.stackelberg_spectrum(game, (0.0, 0.0))
        >>> [round(float(spectrum.leader[0]), 4) for spectrum in spectra]
        [-2.0, 0.6667]

    Reference:
        Fiez, Chasnov, Ratliff, "Implicit Learning Dynamics in Stackelberg Games", ICML 2020,
        https://arxiv.org/abs/1906.01217
    """
    players = as_point(players, game.num_players)
    return tuple(_leadership(game, players, leader) for leader in range(game.num_players))


def _leadership(game: Game, players: Players, leader: int) -> Leadership:
    found, defined = _spectra_of(game, players, leader)
    if isinstance(defined, jax.core.Tracer):
        return Leadership(jnp.where(defined, found.leader, jnp.nan), found.followers, found.residual)
    # NaN in the result of a compiled function would stop runs under jax_debug_nans.
    nothing = np.full(found.leader.shape, np.nan, found.leader.dtype)
    return found if defined else Leadership(jax.device_put(nothing), found.followers, found.residual)


@partial(jax.jit, static_argnames="leader")
def _spectra_of(game: Game, players: Players, leader: int) -> tuple[Leadership, jax.Array]:
    """Return the conditions of a leader, and whether its followers' response is defined."""
    J, error = measured_jacobian(game, players)
    owner = np.repeat(np.arange(game.num_players), [optax.tree.size(player) for player in players])
    theirs = np.flatnonzero(owner != leader)
    lead = lead_from(game, players, J, error, leader)
    followers = by_real_part(jnp.linalg.eigvals(J[np.ix_(theirs, theirs)]))
    return Leadership(jnp.linalg.eigvalsh(lead.hessian)[::-1], followers, lead.residual), lead.defined


@functools.cache
def own_curvature(player: int) -> Callable[[Game, Players], VectorMap]:
    """Return a function that makes ``t -> J_ii t`` on a player's parameters ravelled in order.

    It is always the same one, so that programs compiled for it are found again.
    """
    return partial(_curvature, player=player)


def _curvature(game: Game, players: Players, *, player: int) -> VectorMap:
    return flattened(products.curvature(game, players, player), players[player])[0]


@partial(jax.jit, static_argnames="player")
def _hessian(game: Game, players: Players, player: int) -> jax.Array:
    def gradient(own: PyTree) -> Players:
        return game.gradients((*players[:player], own, *players[player + 1 :]), (player,))

    return dense_derivative(*flattened(gradient, players[player]))


class Lead(NamedTuple):
    """A leader's conditions; if its followers' response is not defined, they are taken as fixed.

    Attributes:
        residual: norm of the leader's total gradient and the followers' field together.
        hessian: the leader's total Hessian, symmetric.
        defined: whether the followers' response is defined: their block of J is not singular.
        holds: whether the response is defined and the total Hessian negative definite.
    """

    residual: jax.Array
    hessian: jax.Array
    defined: jax.Array
    holds: jax.Array


def lead_from(game: Game, players: Players, J: jax.Array, error: jax.Array, leader: int) -> Lead:
    """Return the first- and second-order conditions of a leader.

    The followers' zero ``v_F = 0`` moves with the leader, along the columns of ``R = (I, -J_FF^-1 J_FL)``. With prices
    ``w = J_FF^-T d payoff/dy_F``, the leader's total gradient is ``R^T d payoff`` and its total Hessian is
    ``R^T d2(payoff - w . v_F) R``. In zero-sum games the Hessian is the Schur complement
    ``J_LL - J_LF J_FF^-1 J_FL``.

    Args:
        game: the game.
        players: the point.
        J: the Jacobian there.
        error: the error of its entries.
        leader: index of the leader; all other players follow.
    """
    field, flat = flattened(game.field, players)
    _, unravel = jax.flatten_util.ravel_pytree(players)
    owner = np.repeat(np.arange(game.num_players), [optax.tree.size(player) for player in players])
    mine, theirs = np.flatnonzero(owner == leader), np.flatnonzero(owner != leader)
    sign, payoff = products.value(game, players, leader, "second-order conditions")
    block = np.ix_(theirs, theirs)
    defined = jnp.min(directions(J[block], error[block])[1], initial=jnp.finfo(J.dtype).max) > 1

    def value(z: jax.Array) -> jax.Array:
        return sign * payoff(*unravel(z))

    with exact_products():
        stake, rest = jax.grad(value)(flat), field(flat)[theirs]
        factors = jax.scipy.linalg.lu_factor(jnp.where(defined, J[block], jnp.eye(theirs.size, dtype=J.dtype)))
        response = jax.scipy.linalg.lu_solve(factors, jnp.where(defined, -J[np.ix_(theirs, mine)], 0))
        prices = jax.scipy.linalg.lu_solve(factors, jnp.where(defined, stake[theirs], 0), trans=1)
        R = jnp.zeros((flat.size, mine.size), flat.dtype).at[mine, np.arange(mine.size)].set(1).at[theirs].set(response)
        _, product = jax.linearize(jax.grad(lambda z: value(z) - prices @ field(z)[theirs]), flat)
        hessian = jax.lax.map(product, R.T, batch_size=COLUMNS) @ R
        hessian = (hessian + hessian.T) / 2
        inexact = jnp.abs(R).T @ (error + error.T) @ jnp.abs(R)
    residual = jnp.sqrt(jnp.sum((R.T @ stake) ** 2) + jnp.sum(rest**2))
    return Lead(residual, hessian, defined, defined & is_negative_definite(hessian, inexact))
