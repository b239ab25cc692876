"""Named solvers for finite sums: the full game is an argument, minibatches are what a run draws."""

import optax

from gamesolve import transforms
from gamesolve.game import Game
from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def svrg(
    learning_rate: rates.Rates,
    full: Game | None = None,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Gradient descent-ascent with variance reduction (SVRG, or loopless SVRG).

    One step is ``z + E (v_b(z) - v_b(w) + v(w))`` with the full field at the snapshot w, which is taken anew with a
    probability in each step, or every ``period`` steps. On a constant step it converges to the equilibrium itself.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        full: the game bound to all of its data; None for a game that takes no data.
        probability: chance in each step that the snapshot is taken anew.
        period: if given, the snapshot is taken anew in every step whose number it divides, and not by chance.
        seed: of the coins.

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


@parametric
def svrg_extragradient(
    learning_rate: rates.Rates,
    full: Game | None = None,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Variance-reduced extragradient: converges on monotone finite sums where extragradient on batches does not.

    With ``m = (1 - p) z + p w``: ``h = m + E v(w)`` and the step is to ``m + E (v(w) + v_b(h) - v_b(w))``.

    Args:
        learning_rate: step size E: a number, a schedule, an array, or a tuple with one of those per player; the paper's
            is ``0.99 sqrt(p) / L`` for fields of Lipschitz constant L.
        full: the game bound to all of its data; None for a game that takes no data.
        probability: p, also the weight of the snapshot, and the chance in each step that it is taken anew.
        period: if given, the snapshot is taken anew in every step whose number it divides, and not by chance.
        seed: of the coins.

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


@parametric
def svrg_hamiltonian(
    learning_rate: rates.Rates,
    full: Game | None = None,
    groups: int | str | None = 2,
    probability: float = 0.1,
    period: int | None = None,
    seed: int = 0,
) -> optax.GradientTransformation:
    """Variance-reduced stochastic Hamiltonian descent: ``||v||^2 / 2`` of the full game by unbiased batches.

    One step is ``z + E (h_b(z) - h_b(w) + h(w))`` with ``h = -J^T v``, ``h_b`` its unbiased estimate over a batch.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        full: the game bound to all of its data; None for a game that takes no data.
        groups: the estimator, see `transforms.consensus`.
        probability: chance in each step that the snapshot is taken anew.
        period: if given, the snapshot is taken anew in every step whose number it divides, and not by chance.
        seed: of the coins.

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
