"""Variance reduction on finite sums: fields of minibatches, corrected by the full field at a snapshot."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import estimators, products
from gamesolve.checks import check_number
from gamesolve.game import Game, Players
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import minus, plus, remembering


class Snapshot(NamedTuple):
    """What a variance-reduced part remembers: steps taken, the last snapshot, and the full value there."""

    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    players: Any
    value: Any


@parametric
def reduce_variance(
    full: Game | None = None, probability: float = 0.1, period: int | None = None, seed: int = 0
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``u_b(z) - u_b(w) + u(w)``: a batch's u, without what the batch says wrong at the snapshot w.

    The snapshot is taken anew with a probability in each step (loopless SVRG), or every ``period`` steps (SVRG). It
    stands first in a chain.

    Args:
        full: the game bound to all of its data; None for a game that takes no data.
        probability: chance in each step that the snapshot is taken anew.
        period: if given, the snapshot is taken anew in every step whose number it divides, and not by chance.
        seed: of the coins; runs side by side with one seed take their snapshots in the same steps.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import jax, optax, gamesolve as gs
        >>> full = gs.games.dual_regression(jax.numpy.eye(4), jax.numpy.ones(4))
        >>> solver = optax.chain(gs.transforms.reduce_variance(full), optax.sgd(0.5))
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

    def formula(game: Game, players: Players, u: Players, _: Any, __: Any, last: Snapshot) -> tuple[Players, Snapshot]:
        snapshot = _renewed(due, last, players, _all_data("reduce_variance", full, game), Game.gradients)
        stale = plus(game.gradients(snapshot.players), u)
        return minus(stale, snapshot.value), _counted(snapshot)

    return remembering("reduce_variance", (), _first, formula)


@parametric
def snapshot_extrapolate(
    learning_rate: rates.Rates,
    full: Game | None = None,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of variance-reduced extragradient, whose trial step is one of the full game.

    With the snapshot w and ``m = (1 - p) z + p w``: ``h = m + E v(w)`` and the next players are
    ``m + E (v(w) + v_b(h) - v_b(w))``: two fields of a batch a step, the full one at the snapshots only.

    Args:
        learning_rate: step size E: a number, a schedule, an array, or a tuple with one of those per player; the paper's
            is ``0.99 sqrt(p) / L`` for fields of Lipschitz constant L.
        full: the game bound to all of its data; None for a game that takes no data.
        probability: p, also the weight of the snapshot, and the chance in each step that it is taken anew.
        period: if given, the snapshot is taken anew in every step whose number it divides, and not by chance.
        seed: of the coins.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=`` and all players.

    Example:
        >>> import jax, gamesolve as gs
        >>> full = gs.games.single_entries(4)
        >>> solver, sample = gs.transforms.snapshot_extrapolate(0.07, full), gs.minibatches(*full.data, 1)
        >>> end = gs.solve(full, solver, full.start, 5000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0]) < 1e-2)
        True

    Reference:
        Alacaoglu, Malitsky, "Stochastic Variance Reduction for Variational Inequality Methods", COLT 2022,
        https://arxiv.org/abs/2102.08352
    """
    due = _due(probability, period, seed)

    def formula(
        game: Game, players: Players, _: Players, __: Any, eta: Any, last: Snapshot
    ) -> tuple[Players, Snapshot]:
        snapshot = _renewed(due, last, players, _all_data("snapshot_extrapolate", full, game), Game.gradients)
        back = rates.times(probability, minus(snapshot.players, players))
        ahead = plus(plus(players, back), rates.times(eta, snapshot.value))
        change = minus(game.gradients(ahead), game.gradients(snapshot.players))
        return plus(back, rates.times(eta, plus(snapshot.value, change))), _counted(snapshot)

    return remembering("snapshot_extrapolate", learning_rate, _first, formula, coefficient="learning_rate")


@parametric
def reduced_hamiltonian(
    full: Game | None = None,
    groups: int | str | None = 2,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``h_b(z) - h_b(w) + h(w)`` with ``h = -J^T u``: variance-reduced Hamiltonian descent.

    The products over a batch are the unbiased ones of `estimators.self_product`, at z and at the snapshot w on the
    same batch and groups.

    Args:
        full: the game bound to all of its data; None for a game that takes no data.
        groups: the estimator; None for the biased one.
        probability: chance in each step that the snapshot is taken anew.
        period: if given, the snapshot is taken anew in every step whose number it divides, and not by chance.
        seed: of the coins.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import jax, optax, gamesolve as gs
        >>> full = gs.games.dual_regression(jax.numpy.eye(4), jax.numpy.ones(4))
        >>> solver = optax.chain(gs.transforms.reduced_hamiltonian(full), optax.sgd(1.0))
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

    def slope(game: Game, players: Players) -> Players:
        return estimators.self_product(products.transposed, game, players).product

    def formula(game: Game, players: Players, _: Players, __: Any, ___: Any, last: Snapshot) -> tuple[Any, Snapshot]:
        whole = _all_data("reduced_hamiltonian", full, game)
        form = groups if game.data else None
        estimate = lambda at: estimators.self_product(products.transposed, game, at, form).product
        snapshot = _renewed(due, last, players, whole, slope)
        change = minus(estimate(players), estimate(snapshot.players))
        return plus(change, snapshot.value), _counted(snapshot)

    return remembering("reduced_hamiltonian", (), _first, formula)


def _due(probability: float, period: int | None, seed: int) -> Callable[[Any], Any]:
    """Return the function that says whether the snapshot is taken anew in a step."""
    check_number("probability", probability, above=0.0, most=1.0)
    if period is None:
        coin = lambda count: jax.random.bernoulli(jax.random.fold_in(jax.random.key(seed), count), probability)
        return lambda count: (count == 0) | coin(count)
    if period < 1:
        raise ValueError(f"period is {period}; it must be at least 1.")
    return lambda count: count % period == 0


def _first(players: Any) -> Snapshot:
    return Snapshot(jnp.zeros((), jnp.int32), jax.tree.map(jnp.asarray, players), optax.tree.zeros_like(players))


def _renewed(
    due: Callable[[Any], Any], last: Snapshot, players: Players, full: Game, value: Callable[[Game, Players], Players]
) -> Snapshot:
    """Take the snapshot here if it is due: a branch, so that the other steps do not pay for the full value."""
    here = lambda: (players, value(full, players))
    kept, worth = jax.lax.cond(due(last.count), here, lambda: (last.players, last.value))
    return Snapshot(last.count, kept, worth)


def _counted(snapshot: Snapshot) -> Snapshot:
    return snapshot._replace(count=optax.safe_increment(snapshot.count))


def _all_data(part: str, full: Game | None, game: Game) -> Game:
    if full is None and game.data:
        raise ValueError(
            f"{part} needs the game on all of its data; pass it as full=, for example full=game.bind(arrays)."
        )
    return game if full is None else full
