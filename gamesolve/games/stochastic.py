"""Games that are means over examples: noise added to a bilinear game, finite sums, regression as a saddle point."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.game import Game, general_sum, zero_sum


@dataclasses.dataclass(frozen=True)
class PerExample:
    """The mean over a batch of a payoff of one example; equal whenever the functions are."""

    function: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        *shared, examples = args
        return jnp.mean(jax.vmap(lambda example: self.function(*shared, example))(examples))


def finite_sum(*payoffs: Callable[..., Any], arrays: Any, constants: tuple[Any, ...] = (), start: Any = None) -> Game:
    """Make the game whose payoffs are means over examples, bound to all of them.

    `gamesolve.minibatches` of the same arrays gives its stochastic form: ``gs.minibatches(*game.data, 8)``.

    Args:
        *payoffs: ``payoff(*players, *constants, example) -> scalar`` for one example. One function makes a zero-sum
            game, minimised by player 0 and maximised by player 1; several a game in which player i maximises the i-th.
        arrays: pytree of arrays whose leading axis are the examples.
        constants: arrays of the game itself.
        start: a starting point to keep with the game.

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


def noisy_bilinear(matrix: Any, scale: float = 1.0) -> Game:
    """Make ``x^T M y`` with Gaussian noise on both gradients: x minimises, y maximises.

    ``f = x^T M y + scale mean_i (xi_i^T x + zeta_i^T y)`` on a batch ``(xi, zeta)`` of shapes (b, n) and (b, m), as
    ``sampling.joint(sampling.latents(b, n), sampling.latents(b, m))`` draws. Bound to nothing else it has no noise.

    Args:
        matrix: M of shape (n, m).
        scale: standard deviation of the noise of one example, in each coordinate.

    Returns:
        The game, bound to one example without noise; start at ones, equilibrium at zero.

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
        raise ValueError(f"matrix has shape {M.shape}; give a matrix with a row for each entry of x.")
    n, m = M.shape
    game = zero_sum(_noisy_product, constants=(M, jnp.asarray(scale, M.dtype)))
    silence = (jnp.zeros((1, n), M.dtype), jnp.zeros((1, m), M.dtype))
    start = (jnp.ones(n, M.dtype), jnp.ones(m, M.dtype))
    rest = (jnp.zeros(n, M.dtype), jnp.zeros(m, M.dtype))
    return dataclasses.replace(game.bind(silence), start=start, equilibria=(rest,))


def single_entries(size: int) -> Game:
    """Make the finite sum ``mean_i n x_i y_i`` over n examples: each sees one coordinate only.

    Its mean is ``x^T y``. On single examples extragradient with one draw for both fields moves one coordinate a step
    and settles; with independent draws it spirals away at every constant step, which variance reduction mends.

    Args:
        size: n, the number of examples and of parameters of each player.

    Returns:
        The game on all examples; start at ones, equilibrium at zero.

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


def dual_regression(features: Any, targets: Any, ridge: float = 0.1) -> Game:
    """Make ridge regression as a saddle point: x fits, y holds one dual variable for each example.

    ``mean_i (y_i (a_i^T x - t_i) - y_i^2 / 2) + ridge/2 |x|^2``; its equilibrium is the ridge solution, where y is the
    residual. A minibatch touches its own dual variables only.

    Args:
        features: array of shape (N, d), the a_i.
        targets: array of shape (N,), the t_i.
        ridge: weight of the penalty, positive.

    Returns:
        The game on all examples, whose arrays are ``(features, targets, numbers of the examples)``; start at zero.

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
        raise ValueError(f"features have shape {A.shape} and targets {t.shape}; give (N, d) and (N,).")
    number, dim = A.shape
    arrays = (A, t, jnp.arange(number))
    start = (jnp.zeros(dim, A.dtype), jnp.zeros(number, A.dtype))
    fit = jnp.linalg.solve(A.T @ A / number + ridge * jnp.eye(dim, dtype=A.dtype), A.T @ t / number)
    game = finite_sum(_dual_loss, arrays=arrays, constants=(jnp.asarray(ridge, A.dtype),), start=start)
    return dataclasses.replace(game, equilibria=((fit, A @ fit - t),))


def shifted_classes(features: Any, labels: Any, ridge: float = 0.1, cost: float = 1.0) -> Game:
    """Make robust logistic regression: x separates two classes, y moves each class against its label.

    ``mean_i log(1 + exp(-(l_i (w^T a_i + b) - w^T y))) + ridge/2 (|w|^2 + b^2) - cost/2 |y|^2`` with
    ``x = {"w", "b"}``: example i is moved to ``a_i - l_i y``, one y for the whole data set.

    Args:
        features: array of shape (N, d), the a_i; standardised features suit the defaults.
        labels: array of shape (N,) of -1 and 1, the l_i.
        ridge: weight of the classifier's penalty.
        cost: price of the move; above ``|w|^2 / 4`` the payoff is concave in y.

    Returns:
        The game on all examples; start at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.shifted_classes(jnp.array([[1.0], [-1.0], [2.0]]), jnp.array([1.0, -1.0, 1.0]))
        >>> solution = gs.solve(game, gs.extragradient(0.3), game.start, 500, tol=1e-5)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)
    """
    A, labels = jnp.asarray(features), jnp.asarray(labels)
    if A.ndim != 2 or labels.shape != A.shape[:1]:
        raise ValueError(f"features have shape {A.shape} and labels {labels.shape}; give (N, d) and (N,).")
    if not set(np.unique(labels)) <= {-1, 1}:
        raise ValueError(f"labels hold {sorted(set(np.unique(labels).tolist()))[:4]}; give -1 and 1.")
    classifier = {"w": jnp.zeros(A.shape[1], A.dtype), "b": jnp.zeros((), A.dtype)}
    constants = (jnp.asarray(ridge, A.dtype), jnp.asarray(cost, A.dtype))
    arrays, start = (A, labels.astype(A.dtype)), (classifier, jnp.zeros(A.shape[1], A.dtype))
    return finite_sum(_shifted_loss, arrays=arrays, constants=constants, start=start)


def _noisy_product(x: Any, y: Any, M: Any, scale: Any, noise: Any) -> Any:
    on_x, on_y = (part.mean(0) for part in noise)
    return x @ M @ y + scale * (on_x @ x + on_y @ y)


def _masked_product(x: Any, y: Any, mask: Any) -> Any:
    return (mask * x) @ y


def _dual_loss(x: Any, y: Any, ridge: Any, example: Any) -> Any:
    a, t, number = example
    return y[number] * (a @ x - t) - y[number] ** 2 / 2 + ridge / 2 * (x @ x)


def _shifted_loss(x: Any, y: Any, ridge: Any, cost: Any, example: Any) -> Any:
    a, label = example
    margin = label * (x["w"] @ a + x["b"]) - x["w"] @ y
    return jax.nn.softplus(-margin) + ridge / 2 * (x["w"] @ x["w"] + x["b"] ** 2) - cost / 2 * (y @ y)
