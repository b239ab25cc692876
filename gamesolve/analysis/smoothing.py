"""Smooth a game by averaging its payoffs over noise on the players' parameters."""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import ARGUMENTS, UNBOUND
from gamesolve.checks.calls import called
from gamesolve.game import Game, Negated, Payoff, signed
from gamesolve.game.model_state import parted
from gamesolve.trees import Key, PyTree, Scalar


@dataclasses.dataclass(frozen=True)
class _Smoothed:
    """The average of a payoff over perturbations of all players; their key and scale are constants of the game."""

    function: Payoff
    num_players: int
    num_samples: int

    def __call__(self, *arguments: PyTree) -> jax.Array:
        players, (key, scales), rest = (
            arguments[: self.num_players],
            arguments[self.num_players : self.num_players + 2],
            arguments[self.num_players + 2 :],
        )

        def perturbed(key: jax.Array) -> jax.Array:
            noise: PyTree = optax.tree.random_like(key, players, jax.random.normal)
            moved = tuple(
                jax.tree.map(lambda leaf, move, scale=scale: leaf + scale * move, player, moves)
                for player, moves, scale in zip(players, noise, scales, strict=True)
            )
            value, _ = parted(called("a payoff", self.function, *moved, *rest, takes=ARGUMENTS, hint=UNBOUND))
            return value

        return jnp.mean(jax.vmap(perturbed)(jax.random.split(key, self.num_samples)))


def smooth(game: Game, scale: Scalar | tuple[Scalar, ...], num_samples: int, key: Key) -> Game:
    """Make the game whose field is the average of a game's field over Gaussian perturbations of all players.

    ``v_smooth(z) = mean_s v(z + scale eps_s)`` with ``eps_s ~ N(0, I)``. The perturbations are drawn once and are the
    same at every z, so that the smoothed game is smooth and deterministic. A zero-sum game stays zero-sum.

    Args:
        game: the game.
        scale: standard deviation of the perturbations: a number, or a tuple with one number per player.
        num_samples: number of perturbations; the error decreases as one over its square root.
        key: typed random key; it and ``scale`` become constants of the new game.

    Returns:
        The smoothed game, with the same players, start and data.

    Raises:
        ValueError: if ``num_samples`` is below one or ``scale`` does not fit the players.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> smoothed = gs.analysis.smooth(gs.general_sum(jnp.cos), 0.5, 10_000, jax.random.key(0))
        >>> round(float(smoothed.field((1.0,))[0]), 2)  # -exp(-scale^2 / 2) sin(1)
        -0.74

    Reference:
        Duchi, Bartlett, Wainwright, "Randomized Smoothing for Stochastic Optimization", SIAM J. Optim. 2012,
        https://arxiv.org/abs/1103.4296
    """
    if num_samples < 1:
        raise ValueError(f"num_samples must be at least 1, got {num_samples}.")
    scales = scale if isinstance(scale, tuple) else (scale,) * game.num_players
    if len(scales) != game.num_players:
        raise ValueError(f"scale has {len(scales)} entries for {game.num_players} players. Give one number per player.")

    game = game.frozen()

    def smoothed(payoff: Payoff) -> Payoff:
        sign, function = signed(payoff)
        average = _Smoothed(function, game.num_players, num_samples)
        return average if sign > 0 else Negated(average)

    return dataclasses.replace(
        game, payoffs=tuple(map(smoothed, game.payoffs)), constants=(key, scales, *game.constants), equilibria=()
    )
