"""Matrix games over mixed strategies, whose players stay in probability simplices.

Pass the sets of a game to a projected method: ``gs.extragradient(0.1, projections=gs.games.simplices(2))``.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from numpy.typing import ArrayLike

from gamesolve.checks import check_count, check_number
from gamesolve.game import Game, general_sum, zero_sum
from gamesolve.trees import Players, PyTree

Projection = Callable[[PyTree], PyTree]


def matrix_game(payoffs: ArrayLike, column_payoffs: ArrayLike | None = None) -> Game:
    """Make a game in which each player draws an action from its probability vector.

    Args:
        payoffs: ``M[i, j]``, the amount that the row player (player 0) **loses** and the column player wins. With
            ``column_payoffs``, the amount that the row player wins.
        column_payoffs: the amounts that the column player wins. Default: None, a zero-sum game.

    Returns:
        The game, bilinear in the two probability vectors. It starts at the uniform vectors. No equilibria are
        attached, because those on the simplices are not zeros of the field.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.matrix_game(jnp.array([[1.0, -1.0], [-1.0, 1.0]]))
        >>> float(gs.games.duality_gap(game, (jnp.array([0.5, 0.5]), jnp.array([0.75, 0.25]))))
        0.5

    Reference:
        von Neumann, "Zur Theorie der Gesellschaftsspiele", 1928.
    """
    M = _amounts("payoffs", payoffs)
    if M.ndim != 2 or M.size == 0:
        raise ValueError(
            f"payoffs must have one row per action of player 0 and one column per action of player 1, got {M.shape}."
        )
    start = tuple(jnp.full(size, 1 / size, M.dtype) for size in M.shape)
    if column_payoffs is None:
        return dataclasses.replace(zero_sum(_expected, constants=(M,)), start=start)
    N = _amounts("column_payoffs", column_payoffs)
    if N.shape != M.shape:
        raise ValueError(f"column_payoffs must have the shape of payoffs, {M.shape}, got {N.shape}.")
    return dataclasses.replace(general_sum(_row_wins, _column_wins, constants=(M, N)), start=start)


def matching_pennies() -> Game:
    """Make matching pennies, a zero-sum game of value 0 with the uniform strategies as its only equilibrium.

    Returns:
        The game. It starts at (0.9, 0.1) and (0.2, 0.8).

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.matching_pennies()
        >>> [float(entry) for entry in game.evaluate(game.equilibria[0])]
        [-0.0, 0.0]
    """
    game = matrix_game([[1.0, -1.0], [-1.0, 1.0]])
    start = (jnp.array([0.9, 0.1]), jnp.array([0.2, 0.8]))
    return dataclasses.replace(game, start=start, equilibria=(game.start,))


def rock_paper_scissors(stakes: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Game:
    """Make rock, paper, scissors, a zero-sum game of value 0 with one equilibrium.

    With stakes (a, b, c) both players play rock, paper and scissors in the proportions b, c and a. The stakes
    (3, 1, 3) make the perturbed game of Sokota et al. 2023, and (1, 1, 3) the biased one of Abe et al. 2023.

    Args:
        stakes: amounts that paper wins from rock, scissors from paper, and rock from scissors. Default: 1 each.

    Returns:
        The game. It starts away from the equilibrium.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.rock_paper_scissors()
        >>> [round(float(p), 4) for p in game.equilibria[0][0]]
        [0.3333, 0.3333, 0.3333]
        >>> biased = gs.games.rock_paper_scissors(stakes=(1.0, 1.0, 3.0))
        >>> [round(float(p), 4) for p in biased.equilibria[0][0]]
        [0.2, 0.6, 0.2]
    """
    if not isinstance(stakes, tuple | list) or len(stakes) != 3:
        raise ValueError(f"stakes must be three numbers, of paper, scissors and rock as winners, got {stakes!r}.")
    for stake in stakes:
        check_number("stakes", stake, above=0.0)
    paper, scissors, rock = stakes
    game = matrix_game([[0.0, paper, -rock], [-paper, 0.0, scissors], [rock, -scissors, 0.0]])
    start = (jnp.array([0.8, 0.1, 0.1]), jnp.array([0.1, 0.6, 0.3]))
    strategy = jnp.array([scissors, rock, paper]) / sum(stakes)
    return dataclasses.replace(game, start=start, equilibria=((strategy, strategy),))


def random_matrix_game(key: jax.Array, shape: tuple[int, int] = (10, 10)) -> Game:
    """Draw a zero-sum matrix game with normal entries.

    Args:
        key: typed random key.
        shape: number of actions of each player.

    Returns:
        The game. It starts at the uniform strategies.

    Example:
        >>> import jax, gamesolve as gs
        >>> gs.games.random_matrix_game(jax.random.key(0), (3, 4)).start[1].shape
        (4,)
    """
    return matrix_game(jax.random.normal(key, shape))


def simplices(num_players: int) -> tuple[Projection, ...]:
    """Return a projection onto the probability simplex per player, for the ``projections`` of a solver.

    Args:
        num_players: number of players.

    Returns:
        The projections.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> gs.games.simplices(2)[0](jnp.array([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """
    return (optax.projections.projection_simplex,) * num_players


def duality_gap(game: Game, players: Players) -> jax.Array:
    """Return the duality gap of a zero-sum matrix game: the total gain of both players from best responses.

    Args:
        game: zero-sum game made by `matrix_game`.
        players: two probability vectors.

    Returns:
        ``max_j (x^T M)_j - min_i (M y)_i``, which is zero only at equilibria.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.rock_paper_scissors()
        >>> round(float(gs.games.duality_gap(game, game.equilibria[0])), 6)
        0.0
    """
    if not game.is_zero_sum or game.payoffs[1] is not _expected:
        raise ValueError("game must be a zero-sum game made by matrix_game without column_payoffs.")
    check_count(players, 2)
    (M,), (x, y) = game.constants, players
    _check_strategies(x, y, M)
    return jnp.max(x @ M) - jnp.min(M @ y)


def _amounts(name: str, payoffs: ArrayLike) -> jax.Array:
    if jnp.iscomplexobj(payoffs):
        raise TypeError(f"{name} must be real, got complex numbers.")
    return jnp.asarray(payoffs, float)


def _check_strategies(x: jax.Array, y: jax.Array, M: jax.Array) -> None:
    for player, (strategy, actions) in enumerate(zip((x, y), M.shape, strict=True)):
        if jnp.shape(strategy) != (actions,):
            raise ValueError(
                f"player {player} must be a vector with one probability per action, got shape {jnp.shape(strategy)} "
                f"for {actions} actions."
            )


def _expected(x: jax.Array, y: jax.Array, M: jax.Array) -> jax.Array:
    _check_strategies(x, y, M)
    return x @ (M @ y)


def _row_wins(x: jax.Array, y: jax.Array, M: jax.Array, N: jax.Array) -> jax.Array:
    del N
    return _expected(x, y, M)


def _column_wins(x: jax.Array, y: jax.Array, M: jax.Array, N: jax.Array) -> jax.Array:
    del M
    return _expected(x, y, N)
