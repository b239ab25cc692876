"""Predict noise floors: the linear model of a game, pushed at each step by the noise that the game has there."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve import analysis
from gamesolve.advice import proposals, runs
from gamesolve.advice.families import Family, Scales
from gamesolve.advice.model import Model
from gamesolve.advice.proposals import Proposal
from gamesolve.advice.runs import Setup
from gamesolve.compare.curves import floors
from gamesolve.compare.noise import Noise, pushes
from gamesolve.game import Game, general_sum, signed, zero_sum
from gamesolve.sampling import minibatches
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree

# Draws at the equilibrium whose deviations are the pushes, and fewest that are worth a prediction.
PUSHES, FEWEST = 1024, 64
# The first step sizes of a search spread over this power of those without noise, down to far smaller ones.
STRETCH = 2.5
# Families within this factor of the lowest floor are refined.
CLOSE = 1.5
# Steps between two records on the model.
EVERY = 10
# Draws of a prediction, and the largest model for which it takes seconds.
DRAWS, LARGEST = 2048, 60


class Pushed(NamedTuple):
    """The linear model of a noisy game.

    Attributes:
        model: the model without noise.
        game: its game with a push of all players as data: shape (draws, parameters), of which the mean counts.
        sample: sampler of one push, out of those that were drawn from the game.
        spent: evaluations that drawing them took.
    """

    model: Model
    game: Game
    sample: Sampler
    spent: int


class Floor(NamedTuple):
    """A predicted noise floor, as a root mean square residual; see `gamesolve.analysis.NoiseFloor`.

    Attributes:
        residual: the residual of the iterates.
        correlated: steps that count as one independent draw: the mean of k iterates has a smaller residual than a
            single one by the root of k over this number, for k large.
        rate: factor per step by which the start is forgotten.
    """

    residual: float
    correlated: float
    rate: float


def pushed(game: Game, model: Model, noise: Noise, equilibrium: Players, most: float) -> Pushed | None:
    """Return the model with the noise that the game has at its equilibrium; None if too few draws are affordable.

    Noise that depends on the players is taken as it is at the equilibrium.

    Args:
        game: the noisy game.
        model: its linear model.
        noise: its noise.
        equilibrium: the equilibrium of its mean.
        most: largest number of draws.
    """
    count = int(min(PUSHES, most))
    if count < FEWEST or not model.whole or model.constraints is not None:
        return None
    drawn = pushes(game, noise, equilibrium, count)
    payoffs, number = model.game.payoffs, model.game.num_players
    if model.game.is_zero_sum:
        _, function = signed(payoffs[1])
        noisy = zero_sum(_Pushed(function, (-1.0, 1.0)), constants=model.game.constants)
    else:
        each = (_Pushed(payoff, tuple(float(i == j) for j in range(number))) for i, payoff in enumerate(payoffs))
        noisy = general_sum(*each, constants=model.game.constants)
    return Pushed(model, noisy, minibatches(drawn, 1), count)


@dataclasses.dataclass(frozen=True)
class _Pushed:
    """A payoff to which pushes of the players are added with some signs; equal ones share programs."""

    payoff: Callable[..., jax.Array]
    signs: tuple[float, ...]

    def __call__(self, *arguments: PyTree) -> jax.Array:
        *known, drawn = arguments
        players = known[: len(self.signs)]
        ends = np.cumsum([player.size for player in players])[:-1]
        each = zip(self.signs, jnp.split(jnp.mean(drawn, axis=0), ends), players, strict=True)
        return self.payoff(*known) + sum(sign * (push @ player) for sign, push, player in each)


def propose(noisy: Pushed, families: Sequence[Family], scales: Scales, horizon: float, unknowns: int) -> list[Proposal]:
    """Return the settings of each family with the lowest floor on a model, the lowest first.

    Args:
        noisy: the model.
        families: the families.
        scales: units of the hyperparameters.
        horizon: evaluations of a run, whose last half shows the floor.
        unknowns: number of parameters of the game.
    """
    found = [_tried(noisy, family, _first(family, scales), horizon, unknowns) for family in families]
    generator = np.random.default_rng(0)
    for width in proposals.WIDTHS:
        best = min(proposal.mean for proposal in found)
        for i, proposal in enumerate(found):
            if proposal.mean <= CLOSE * best:
                family, values = proposal.family, proposal.values
                near = proposals.nearby(family, values, scales, width, proposals.SETTINGS, generator)
                found[i] = _tried(noisy, family, near, horizon, unknowns)
    return sorted(found, key=lambda proposal: proposal.mean)


def _first(family: Family, scales: Scales) -> np.ndarray:
    values = proposals.first_values(family, scales)
    high = values[:, 0].max()
    values[:, 0] = high * (values[:, 0] / high) ** STRETCH
    return values


def _tried(noisy: Pushed, family: Family, values: np.ndarray, horizon: float, unknowns: int) -> Proposal:
    """Return the setting with the lowest floor, the root mean square over the starts; all see the same pushes."""
    number, count = len(values), len(jax.tree.leaves(noisy.model.starts)[0])
    setup = Setup(family, None, noisy.game, noisy.sample, jax.random.key(0), noisy.model.game, EVERY)
    starts = jax.tree.map(lambda leaf: jnp.tile(leaf, (number, *(1,) * (leaf.ndim - 1))), noisy.model.starts)
    begun = runs.begin(setup, np.repeat(values, count, axis=0), starts)
    steps = max(1, int(horizon / (family.cost.products(_iterations(family, unknowns)) * EVERY))) * EVERY
    ended = runs.advance(setup, begun, steps, None, proposals.FAR * proposals.size(noisy.model.starts))
    each = np.where(ended.ended, np.inf, floors(np.asarray(ended.trace))).reshape(number, count)
    means = np.sqrt(np.mean(np.nan_to_num(each, nan=np.inf, posinf=np.inf) ** 2, axis=1))
    at = int(np.argmin(means))
    return Proposal(family, values[at], None, float(means[at]))


def _iterations(family: Family, unknowns: int) -> float:
    """Return the iterations of an inner solve, at most: a step of a short run is cheaper than that."""
    return float(unknowns) if family.cost.products(1) > family.cost.products(0) else 0.0


def predict(noisy: Pushed, family: Family, solver: Solver) -> Floor | None:
    """Return the floor of a solver; None if it has none that is known, runs contradict it, or the game is too large.

    The state of Adam and its like has no fixed mean step, and a linear model says nothing beyond its own steps.
    """
    model = noisy.model
    centre = model.game.equilibria[0]
    if not family.rated or sum(leaf.size for leaf in jax.tree.leaves(centre)) > LARGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # a floor that runs contradict comes with a warning
            found = analysis.noise_floor(noisy.game, solver, centre, noisy.sample, jax.random.key(1), draws=DRAWS)
    except (ValueError, UserWarning):
        return None
    matrix = np.asarray(analysis.jacobian(model.game, centre), float)
    square, averaged = (
        float(np.trace(matrix @ covariance @ matrix.T)) for covariance in (found.covariance, found.averaged_covariance)
    )
    return Floor(math.sqrt(square), averaged / square, found.rate) if square > 0 else None
