"""Variance reduction: correct minibatches of a finite sum by a snapshot of the full field, or visit all in turn."""

import optax

from gamesolve import transforms
from gamesolve.game import Game
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = ["flip_flop_extragradient", "svrg", "svrg_extragradient", "svrg_hamiltonian"]


@declare(
    formula="z + E (v_b(z) - v_b(w) + v(w)), w a snapshot",
    paper="Palaniappan, Bach 2016",
    cost=Cost(fields=2),
    rated=False,
)
@parametric
def svrg(
    learning_rate: rates.Rates,
    full: Game | None = None,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Correct each minibatch by a snapshot of the full field: SVRG, or loopless SVRG.

    One step is ``z + E (v_b(z) - v_b(w) + v(w))`` with the full field at the snapshot w. The snapshot is renewed with
    a fixed probability in each step, or every ``period`` steps. With a constant step size the iterates converge to the
    equilibrium itself.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        full: the game bound to all of its data. Default: the game of the step, for games that take no data.
        probability: probability in each step that the snapshot is renewed. Default: 0.1.
        period: if given, the snapshot is renewed in every step whose number is a multiple of it, and not at random.
            Default: None.
        seed: seed of the random renewals. Default: 0.

    Returns:
        The solver.

    Example:
        >>> import jax, gamesolve as gs
        >>> full = gs.games.dual_regression(jax.numpy.eye(4), jax.numpy.ones(4))
        >>> solver, sample = gs.svrg(0.5, full), gs.minibatches(*full.data, 1)
        >>> end = gs.solve(full, solver, full.start, 2000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0] - full.equilibria[0][0]) < 1e-4)
        True

    Reference:
        Palaniappan, Bach, "Stochastic Variance Reduction Methods for Saddle-Point Problems", NeurIPS 2016,
        https://arxiv.org/abs/1605.06398
    """
    return optax.chain(transforms.svrg(full, probability, period, seed), transforms.descend(learning_rate))


@declare(
    formula="m + E (v(w) + v_b(m + E v(w)) - v_b(w)), m = (1-p) z + p w",
    paper="Alacaoglu, Malitsky 2022",
    cost=Cost(fields=2),
    rated=False,
)
@parametric
def svrg_extragradient(
    learning_rate: rates.Rates,
    full: Game | None = None,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Take extragradient steps with variance reduction; they converge on monotone finite sums.

    Extragradient on minibatches need not converge there. With ``m = (1 - p) z + p w``: ``h = m + E v(w)``, and the step
    leads to ``m + E (v(w) + v_b(h) - v_b(w))``.

    Args:
        learning_rate: step size E, see `transforms.rates`; the paper takes ``0.99 sqrt(p) / L`` for a field with
            Lipschitz constant L.
        full: the game bound to all of its data. Default: the game of the step, for games that take no data.
        probability: p, the weight of the snapshot and the probability in each step that it is renewed. Default: 0.1.
        period: if given, the snapshot is renewed in every step whose number is a multiple of it, and not at random.
            Default: None.
        seed: seed of the random renewals. Default: 0.

    Returns:
        The solver.

    Example:
        >>> import jax, gamesolve as gs
        >>> full = gs.games.single_entries(4)
        >>> solver, sample = gs.svrg_extragradient(0.07, full), gs.minibatches(*full.data, 1)
        >>> end = gs.solve(full, solver, full.start, 5000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0]) < 1e-2)
        True

    Reference:
        Alacaoglu, Malitsky, "Stochastic Variance Reduction for Variational Inequality Methods", COLT 2022,
        https://arxiv.org/abs/2102.08352
    """
    return transforms.svrg_extragradient(learning_rate, full, probability, period, seed).transformation


@declare(
    formula="z + E (h_b(z) - h_b(w) + h(w)), h = -Jᵀ v",
    paper="Loizou et al. 2020",
    cost=Cost(fields=2, vjps=2),
    rated=False,
)
@parametric
def svrg_hamiltonian(
    learning_rate: rates.Rates,
    full: Game | None = None,
    groups: int | str | None = 2,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Descend ``||v||^2 / 2`` of the full game by unbiased minibatches with variance reduction.

    One step is ``z + E (h_b(z) - h_b(w) + h(w))`` with ``h = -J^T v`` and ``h_b`` its unbiased estimate on a batch.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        full: the game bound to all of its data. Default: the game of the step, for games that take no data.
        groups: estimator on minibatches, see `transforms.consensus`. Default: 2.
        probability: probability in each step that the snapshot is renewed. Default: 0.1.
        period: if given, the snapshot is renewed in every step whose number is a multiple of it, and not at random.
            Default: None.
        seed: seed of the random renewals. Default: 0.

    Returns:
        The solver.

    Example:
        >>> import jax, gamesolve as gs
        >>> full = gs.games.dual_regression(jax.numpy.eye(4), jax.numpy.ones(4))
        >>> solver, sample = gs.svrg_hamiltonian(1.0, full), gs.minibatches(*full.data, 2)
        >>> end = gs.solve(full, solver, full.start, 2000, sample=sample, key=jax.random.key(0)).players
        >>> bool(jax.numpy.linalg.norm(end[0] - full.equilibria[0][0]) < 1e-3)
        True

    Reference:
        Loizou et al., "Stochastic Hamiltonian Gradient Methods for Smooth Games", ICML 2020,
        https://arxiv.org/abs/2007.04202
    """
    part = transforms.svrg_hamiltonian(full, groups, probability, period, seed)
    return optax.chain(part, transforms.descend(learning_rate))


@declare(
    formula="(z + end) / 2 of steps z + E v_i(z + E/2 v_i(z)), i over all parts in random order and back",
    paper="Chae, Yun, Kim 2024",
    cost=Cost(fields=4),
    rated=False,
)
@parametric
def flip_flop_extragradient(
    learning_rate: rates.Rates, batches: int | None = None, seed: int = 0
) -> optax.GradientTransformation:
    """Visit all examples in a random order and back, and return half the way: flip-flop anchored extragradient.

    One step is an epoch (SEG-FFA). It takes ``z + E v_i(z + E/2 v_i(z))`` on the examples i in a random order, then on
    the same examples in the reverse order. The next players are the mean of the first and the last ones. To second
    order in E, an epoch on n examples is an extragradient step of the full game, of length ``n E`` with a trial step
    ``n E``. So it converges on convex-concave games on which extragradient with reshuffling diverges, for small
    step sizes; if the examples have no common equilibrium, the step sizes have to decrease.

    Args:
        learning_rate: step size E, see `transforms.rates`; schedules count epochs.
        batches: number of equal parts of the data, which are visited in place of single examples. Default: one per
            example.
        seed: seed of the random orders. Default: 0.

    Returns:
        The solver, for a game that is bound to all of its data; without data the game is its only part.

    Example:
        >>> import jax, gamesolve as gs
        >>> game = gs.games.single_entries(4)
        >>> end = gs.solve(game, gs.flip_flop_extragradient(0.1), game.start, 200).players
        >>> bool(jax.numpy.linalg.norm(end[0]) < 1e-3)
        True

    Reference:
        Chae, Yun, Kim, "Stochastic Extragradient with Flip-Flop Shuffling & Anchoring: Provable Improvements", NeurIPS
        2024, https://arxiv.org/abs/2501.00511
    """
    return transforms.flip_flop_extragradient(learning_rate, batches, seed)
