"""Games whose payoffs are means over examples: noisy bilinear games, finite sums, regression as a saddle point."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks.calls import called
from gamesolve.game import Game, general_sum, zero_sum
from gamesolve.trees import Batch, Players, PyTree, Scalar


@dataclasses.dataclass(frozen=True)
class PerExample:
    """The mean over a batch of one example's payoff. Equal functions make equal means."""

    function: Callable[..., Scalar]

    def __call__(self, *args: PyTree) -> jax.Array:
        *shared, examples = args
        takes, hint = "the players, the constants and one example", "Write lambda x, y, example: ..."
        value = lambda example: called("a payoff", self.function, *shared, example, takes=takes, hint=hint)
        return jnp.mean(jax.vmap(value)(examples))


def finite_sum(
    *payoffs: Callable[..., Scalar],
    arrays: Batch,
    constants: tuple[PyTree, ...] = (),
    start: Players | None = None,
) -> Game:
    """Make a game whose payoffs are means over examples, bound to all examples.

    For minibatches of the same examples, pass ``gs.minibatches(*game.data, 8)`` as the sampler.

    Args:
        *payoffs: ``payoff(*players, *constants, example) -> scalar`` for one example. A single function makes a
            zero-sum game, which player 0 minimises and player 1 maximises. With several, player i maximises the i-th.
        arrays: pytree of arrays whose leading axis numbers the examples.
        constants: arrays of the game itself.
        start: players to keep with the game as its start. Default: none.

    Returns:
        The game on all examples.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.finite_sum(lambda x, y, a: y * (x - a), arrays=jnp.array([1.0, 3.0]))
        >>> sample = gs.minibatches(*game.data, 1)
        >>> [float(entry) for entry in game.field((0.0, 1.0))]
        [-1.0, -2.0]
    """
    wrapped = tuple(PerExample(payoff) for payoff in payoffs)
    game = zero_sum(*wrapped, constants=constants) if len(wrapped) == 1 else general_sum(*wrapped, constants=constants)
    return dataclasses.replace(game.bind(arrays), start=start)


def noisy_bilinear(matrix: ArrayLike, scale: float = 1.0) -> Game:
    """Make ``x^T M y`` with Gaussian noise on both gradients: x minimises, y maximises.

    ``f = x^T M y + scale mean_i (xi_i^T x + zeta_i^T y)`` on a batch ``(xi, zeta)`` of shapes (b, n) and (b, m).
    ``sampling.joint(sampling.latents(b, n), sampling.latents(b, m))`` draws such batches. Without a sampler the game
    has no noise.

    Args:
        matrix: M, of shape (n, m).
        scale: standard deviation of one example's noise in each coordinate.

    Returns:
        The game, bound to one example without noise. It starts at ones and has its equilibrium at zero.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve import sampling
        >>> game, sample = gs.games.noisy_bilinear(jnp.eye(2), 0.1), sampling.joint(*2 * [sampling.latents(4, 2)])
        >>> solution = gs.solve(game, gs.extragradient(0.3), game.start, 200, sample=sample, key=jax.random.key(0))
        >>> bool(jnp.linalg.norm(solution.players[0]) < 0.2)
        True

    Reference:
        The test problem of Mertikopoulos et al., "Optimistic Mirror Descent in Saddle-Point Problems", ICLR 2019,
        https://arxiv.org/abs/1807.02629, and many others.
    """
    M = jnp.asarray(matrix)
    if M.ndim != 2:
        raise ValueError(f"matrix must have one row per entry of x and one column per entry of y, got shape {M.shape}.")
    n, m = M.shape
    game = zero_sum(_noisy_product, constants=(M, jnp.asarray(scale, M.dtype)))
    silence = (jnp.zeros((1, n), M.dtype), jnp.zeros((1, m), M.dtype))
    start = (jnp.ones(n, M.dtype), jnp.ones(m, M.dtype))
    rest = (jnp.zeros(n, M.dtype), jnp.zeros(m, M.dtype))
    return dataclasses.replace(game.bind(silence), start=start, equilibria=(rest,))


def single_entries(size: int) -> Game:
    """Make the finite sum ``mean_i n x_i y_i`` over n examples, each of which involves a single coordinate.

    Its mean is ``x^T y``. On single examples, extragradient converges if both of its gradient evaluations use the
    same example: it then moves one coordinate per step. With independent examples it diverges at every constant step
    size. Variance reduction restores convergence.

    Args:
        size: n, the number of examples and of parameters per player.

    Returns:
        The game on all examples. It starts at ones and has its equilibrium at zero.

    Example:
        >>> import gamesolve as gs
        >>> [entry.tolist() for entry in gs.games.single_entries(2).field(gs.games.single_entries(2).start)]
        [[-1.0, -1.0], [1.0, 1.0]]

    Reference:
        Chavdarova et al., "Reducing Noise in GAN Training with Variance Reduced Extragradient", NeurIPS 2019,
        https://arxiv.org/abs/1904.08598
    """
    ones, zeros = jnp.ones(size), jnp.zeros(size)
    game = finite_sum(_masked_product, arrays=size * jnp.eye(size), start=(ones, ones))
    return dataclasses.replace(game, equilibria=((zeros, zeros),))


def dual_regression(features: ArrayLike, targets: ArrayLike, ridge: float = 0.1) -> Game:
    """Make ridge regression as a saddle point: x is the model, y holds one dual variable per example.

    The game is ``mean_i (y_i (a_i^T x - t_i) - y_i^2 / 2) + ridge/2 |x|^2``. Its equilibrium is the ridge solution,
    where y is the residual. A minibatch involves only the dual variables of its own examples.

    Args:
        features: the a_i, of shape (N, d).
        targets: the t_i, of shape (N,).
        ridge: weight of the penalty, positive.

    Returns:
        The game on all examples, with data ``(features, targets, indices of the examples)``. It starts at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.dual_regression(jnp.array([[1.0], [2.0]]), jnp.array([1.0, 2.0]), ridge=0.5)
        >>> round(float(game.equilibria[0][0][0]), 4)
        0.8333

    Reference:
        Palaniappan, Bach, "Stochastic Variance Reduction Methods for Saddle-Point Problems", NeurIPS 2016,
        https://arxiv.org/abs/1605.06398
    """
    A, t = jnp.asarray(features), jnp.asarray(targets)
    if A.ndim != 2 or t.shape != A.shape[:1]:
        raise ValueError(f"features and targets must have shapes (N, d) and (N,), got {A.shape} and {t.shape}.")
    number, dim = A.shape
    arrays = (A, t, jnp.arange(number))
    start = (jnp.zeros(dim, A.dtype), jnp.zeros(number, A.dtype))
    fit = jnp.linalg.solve(A.T @ A / number + ridge * jnp.eye(dim, dtype=A.dtype), A.T @ t / number)
    game = finite_sum(_dual_loss, arrays=arrays, constants=(jnp.asarray(ridge, A.dtype),), start=start)
    return dataclasses.replace(game, equilibria=((fit, A @ fit - t),))


def shifted_classes(features: ArrayLike, labels: ArrayLike, ridge: float = 0.1, cost: float = 1.0) -> Game:
    """Make robust logistic regression: x separates two classes, y shifts each class against its label.

    The game is ``mean_i log(1 + exp(-(l_i (w^T a_i + b) - w^T y))) + ridge/2 (|w|^2 + b^2) - cost/2 |y|^2`` with
    ``x = {"w", "b"}``. Example i moves to ``a_i - l_i y``, with one y for the whole data set.

    Args:
        features: the a_i, of shape (N, d). Standardised features suit the defaults.
        labels: the l_i, -1 or 1, of shape (N,).
        ridge: weight of the classifier's penalty.
        cost: price of the shift. Above ``|w|^2 / 4`` the payoff is concave in y.

    Returns:
        The game on all examples. It starts at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.shifted_classes(jnp.array([[1.0], [-1.0], [2.0]]), jnp.array([1.0, -1.0, 1.0]))
        >>> solution = gs.solve(game, gs.extragradient(0.3), game.start, 500, tol=1e-5)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)
    """
    A, labels = jnp.asarray(features), jnp.asarray(labels)
    if A.ndim != 2 or labels.shape != A.shape[:1]:
        raise ValueError(f"features and labels must have shapes (N, d) and (N,), got {A.shape} and {labels.shape}.")
    if not set(np.unique(labels)) <= {-1, 1}:
        raise ValueError(f"labels must be -1 or 1, got {np.unique(labels).tolist()[:4]}.")
    classifier = {"w": jnp.zeros(A.shape[1], A.dtype), "b": jnp.zeros((), A.dtype)}
    constants = (jnp.asarray(ridge, A.dtype), jnp.asarray(cost, A.dtype))
    arrays, start = (A, labels.astype(A.dtype)), (classifier, jnp.zeros(A.shape[1], A.dtype))
    return finite_sum(_shifted_loss, arrays=arrays, constants=constants, start=start)


def _noisy_product(x: jax.Array, y: jax.Array, M: jax.Array, scale: jax.Array, noise: Batch) -> jax.Array:
    on_x, on_y = (part.mean(0) for part in noise)
    return x @ M @ y + scale * (on_x @ x + on_y @ y)


def _masked_product(x: jax.Array, y: jax.Array, mask: jax.Array) -> jax.Array:
    return (mask * x) @ y


def _dual_loss(x: jax.Array, y: jax.Array, ridge: jax.Array, example: Batch) -> jax.Array:
    a, t, number = example
    return y[number] * (a @ x - t) - y[number] ** 2 / 2 + ridge / 2 * (x @ x)


def _shifted_loss(
    x: dict[str, jax.Array], y: jax.Array, ridge: jax.Array, cost: jax.Array, example: Batch
) -> jax.Array:
    a, label = example
    margin = label * (x["w"] @ a + x["b"]) - x["w"] @ y
    return jax.nn.softplus(-margin) + ridge / 2 * (x["w"] @ x["w"] + x["b"] ** 2) - cost / 2 * (y @ y)
