"""Variance reduction on finite sums: minibatch fields, corrected by the full field at a snapshot."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import estimators, products
from gamesolve.checks import check_number
from gamesolve.game import Game
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, require_no_model_state
from gamesolve.transforms._origin import Origin
from gamesolve.trees import Players, Scalar


class Snapshot(NamedTuple):
    """Memory of a variance-reduced part: steps taken, the last snapshot, and the full value there."""

    count: Scalar  # pyright: ignore[reportIncompatibleMethodOverride]
    players: Players
    value: Players


@parametric
def svrg(
    full: Game | None = None, probability: float = 0.1, period: int | None = None, seed: int = 0
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``u_b(z) - u_b(w) + u(w)``: the batch's u, minus the error that the batch has at the snapshot w.

    The snapshot is renewed with a probability in each step (loopless SVRG), or every ``period`` steps (SVRG). The part
    must come first in a chain.

    Args:
        full: the game bound to all of its data. Default: the game of the run, if it takes no data.
        probability: probability per step that the snapshot is renewed.
        period: renew the snapshot every ``period`` steps instead of at random. Default: at random.
        seed: seed of the random renewals; parallel runs with one seed renew their snapshots in the same steps.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import jax, optax, gamesolve as gs
        >>> full = gs.games.dual_regression(jax.numpy.eye(4), jax.numpy.ones(4))
        >>> solver = optax.chain(gs.transforms.svrg(full), optax.sgd(0.5))
        >>> sample = gs.minibatches(*full.data, 1)
        >>> end = gs.solve(full, solver, full.start, 2000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0] - full.equilibria[0][0]) < 1e-4)
        True

    Reference:
        Johnson, Zhang, "Accelerating Stochastic Gradient Descent using Predictive Variance Reduction", NeurIPS 2013;
        Palaniappan, Bach, "Stochastic Variance Reduction Methods for Saddle-Point Problems", NeurIPS 2016,
        https://arxiv.org/abs/1605.06398
    """
    due = _due(probability, period, seed)

    def formula(step: Step, last: Snapshot) -> tuple[Players, Snapshot]:
        snapshot = _renewed(due, last, step.players, _all_data("svrg", full, step.game), Game.gradients)
        difference = optax.tree.add(step.game.gradients(snapshot.players), step.u)
        return optax.tree.sub(difference, snapshot.value), _counted(snapshot)

    return part("svrg", formula, memory=_first, returns=Origin.DIRECTION)


@parametric
def svrg_extragradient(
    learning_rate: rates.Rates,
    full: Game | None = None,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of variance-reduced extragradient, whose trial step uses the full game.

    With the snapshot w and ``m = (1 - p) z + p w``: ``h = m + E v(w)``, and the next players are
    ``m + E (v(w) + v_b(h) - v_b(w))``. This takes two batch fields per step, and the full field only when the snapshot
    is renewed.

    Args:
        learning_rate: step size E, see `transforms.rates`; the paper takes ``0.99 sqrt(p) / L`` for a field with
            Lipschitz constant L.
        full: the game bound to all of its data. Default: the game of the run, if it takes no data.
        probability: p, the weight of the snapshot and the probability per step that it is renewed.
        period: renew the snapshot every ``period`` steps instead of at random. Default: at random.
        seed: seed of the random renewals.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import jax, gamesolve as gs
        >>> full = gs.games.single_entries(4)
        >>> solver, sample = gs.transforms.svrg_extragradient(0.07, full), gs.minibatches(*full.data, 1)
        >>> end = gs.solve(full, solver, full.start, 5000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0]) < 1e-2)
        True

    Reference:
        Alacaoglu, Malitsky, "Stochastic Variance Reduction for Variational Inequality Methods", COLT 2022,
        https://arxiv.org/abs/2102.08352
    """
    due = _due(probability, period, seed)

    def formula(step: Step, last: Snapshot) -> tuple[Players, Snapshot]:
        game, players = step.game, step.players
        snapshot = _renewed(due, last, players, _all_data("svrg_extragradient", full, game), Game.gradients)
        back = rates.times(probability, optax.tree.sub(snapshot.players, players))
        ahead = optax.tree.add(optax.tree.add(players, back), rates.times(step.rates, snapshot.value))
        change = optax.tree.sub(game.gradients(ahead), game.gradients(snapshot.players))
        move = optax.tree.add(back, rates.times(step.rates, optax.tree.add(snapshot.value, change)))
        return move, _counted(snapshot)

    return part("svrg_extragradient", formula, learning_rate, coefficient="learning_rate", memory=_first)


@parametric
def svrg_hamiltonian(
    full: Game | None = None,
    groups: int | str | None = 2,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``h_b(z) - h_b(w) + h(w)`` with ``h = -J^T u``: variance-reduced Hamiltonian descent.

    The batch products are the unbiased ones of `estimators.self_product`, at z and at the snapshot w with the same
    batch and groups.

    Args:
        full: the game bound to all of its data. Default: the game of the run, if it takes no data.
        groups: the estimator, see `consensus`; None for the biased one.
        probability: probability per step that the snapshot is renewed.
        period: renew the snapshot every ``period`` steps instead of at random. Default: at random.
        seed: seed of the random renewals.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import jax, optax, gamesolve as gs
        >>> full = gs.games.dual_regression(jax.numpy.eye(4), jax.numpy.ones(4))
        >>> solver = optax.chain(gs.transforms.svrg_hamiltonian(full), optax.sgd(1.0))
        >>> sample = gs.minibatches(*full.data, 2)
        >>> end = gs.solve(full, solver, full.start, 2000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0] - full.equilibria[0][0]) < 1e-3)
        True

    Reference:
        Loizou et al., "Stochastic Hamiltonian Gradient Methods for Smooth Games", ICML 2020,
        https://arxiv.org/abs/2007.04202
    """
    due = _due(probability, period, seed)
    estimators.check(groups)

    def product(game: Game, players: Players, groups: int | str | None = None) -> Players:
        return estimators.self_product(products.transposed, game, players, groups).product

    def formula(step: Step, last: Snapshot) -> tuple[Players, Snapshot]:
        whole = _all_data("svrg_hamiltonian", full, step.game)
        form = groups if step.game.data else None
        snapshot = _renewed(due, last, step.players, whole, product)
        here, there = (product(step.game, players, form) for players in (step.players, snapshot.players))
        return optax.tree.add(optax.tree.sub(here, there), snapshot.value), _counted(snapshot)

    return part("svrg_hamiltonian", formula, memory=_first, returns=Origin.DIRECTION)


def _due(probability: float, period: int | None, seed: int) -> Callable[[jax.Array], jax.Array]:
    """Return the function that tells from the step count whether the snapshot is renewed."""
    check_number("probability", probability, above=0.0, most=1.0)
    if period is None:
        coin = lambda count: jax.random.bernoulli(jax.random.fold_in(jax.random.key(seed), count), probability)
        return lambda count: (count == 0) | coin(count)
    if period < 1:
        raise ValueError(f"period must be at least 1, got {period}.")
    return lambda count: count % period == 0


def _first(players: Players) -> Snapshot:
    return Snapshot(jnp.zeros((), jnp.int32), jax.tree.map(jnp.asarray, players), optax.tree.zeros_like(players))


def _renewed(
    due: Callable[[jax.Array], jax.Array],
    last: Snapshot,
    players: Players,
    full: Game,
    value: Callable[[Game, Players], Players],
) -> Snapshot:
    """Renew the snapshot here if it is due: a branch, so that the other steps do not pay for the full value."""
    here = lambda: (players, value(full, players))
    kept, worth = jax.lax.cond(due(last.count), here, lambda: (last.players, last.value))
    return Snapshot(last.count, kept, worth)


def _counted(snapshot: Snapshot) -> Snapshot:
    return snapshot._replace(count=optax.safe_increment(snapshot.count))


def _all_data(part: str, full: Game | None, game: Game) -> Game:
    """Return the game on all of its data, or raise if it is not known."""
    require_no_model_state(part, game)
    if full is None and game.data:
        raise ValueError(f"{part} needs the game on all of its data. Pass it as full=, for example game.bind(arrays).")
    return game if full is None else full
