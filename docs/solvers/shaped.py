"""The table at the end of the page on opponent shaping: where the solvers lead on three games."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

import gamesolve as gs
from gamesolve.trees import Players

STARTS, STEPS = 30, 200
PRISONERS, PENNIES = gs.games.iterated_prisoners_dilemma(), gs.games.iterated_matching_pennies()
TANDEM = gs.games.tandem()


def loss(players: Players) -> jax.Array:
    """Return the mean loss of both players per round of the prisoners' dilemma."""
    return -jnp.mean(jnp.stack(PRISONERS.evaluate(players)))


def deviation(players: Players) -> jax.Array:
    """Return the largest difference of a probability from 1/2, its value at the equilibrium of matching pennies."""
    return jnp.max(jnp.abs(jax.nn.sigmoid(jnp.stack(players)) - 0.5))


def table(solvers: Mapping[str, tuple[gs.Solver, gs.Solver, gs.Solver]]) -> None:
    """Print a line for each entry: its solvers for the prisoners' dilemma, for matching pennies and for the tandem."""
    starts = jax.random.normal(jax.random.key(0), (STARTS, 2, 5))
    ended = jax.jit(
        jax.vmap(lambda game, solver, z: gs.solve(game, solver, (z[0], z[1]), STEPS).players, in_axes=(None, None, 0))
    )
    print(f"{'':22}{'prisoners: loss':>17}{'cooperating':>13}{'pennies: deviation':>20}{'tandem: x + y':>15}")  # noqa: T201
    for name, (prisoners, pennies, tandem) in solvers.items():
        losses = jax.vmap(loss)(ended(PRISONERS, prisoners, starts))
        share, away = jnp.mean(losses < 1.3), jnp.mean(jax.vmap(deviation)(ended(PENNIES, pennies, starts)))
        total = sum(gs.solve(TANDEM, tandem, TANDEM.start, 2000).players)
        print(f"{name:22}{jnp.mean(losses):17.3f}{share:13.0%}{away:20.3f}{total:15.4f}")  # noqa: T201
