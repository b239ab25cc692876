"""DiCE: a surrogate of sampled returns whose derivatives of every order are unbiased estimates of the expectation's.

Its value is the sampled return. Derivatives also see how the parameters change the chance of each action. A payoff with
`magic_box` is another function than its value, so that solvers which need the gradient of the value refuse it; take its
derivatives with ``jax.grad``, or write the exact expectation, as `games.repeated_game` does.
"""

import jax
import jax.numpy as jnp


def magic_box(log_probability: jax.Array) -> jax.Array:
    """Return ``exp(x - stop_gradient(x))``: the value is 1, and the derivative is that of x times the box itself.

    Args:
        log_probability: sum of the log-probabilities of the actions that influence a cost, of any shape.

    Returns:
        Ones of that shape.

    Example:
        >>> import jax, gamesolve as gs
        >>> box = lambda x: gs.estimators.magic_box(3.0 * x)
        >>> float(box(0.7)), float(jax.grad(box)(0.7)), float(jax.grad(jax.grad(box))(0.7))
        (1.0, 3.0, 9.0)

    Reference:
        Foerster et al., "DiCE: The Infinitely Differentiable Monte-Carlo Estimator", ICML 2018,
        https://arxiv.org/abs/1802.05098
    """
    return jnp.exp(log_probability - jax.lax.stop_gradient(log_probability))


def dice(log_probabilities: jax.Array, rewards: jax.Array, baselines: jax.Array | None = None) -> jax.Array:
    """Return the DiCE surrogate of sampled episodes: ``sum_t box(sum_(s <= t) log p_s) reward_t``.

    Differentiate it as often as needed, in the parameters of all players: the mean over sampled episodes of each
    derivative is an unbiased estimate of the same derivative of the expected return. A baseline adds
    ``sum_t (1 - box(log p_t)) baseline_t``: it is zero in value and lowers the variance of the first derivative.

    Args:
        log_probabilities: log-probability of the joint action of each round, of shape ``(T, ...)``: the sum over all
            players whose parameters are differentiated.
        rewards: reward of each round, already discounted, of the same shape.
        baselines: value to subtract in each round; it may depend on the state, but not on the action. Default: none.

    Returns:
        The surrogate of each episode, of shape ``(...)``; its value is the sum of the rewards.

    Raises:
        ValueError: if the shapes differ or there is no round.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> def surrogate(logit):  # two rounds, in which heads came up and won 1, then tails and won 2
        ...     chances = jnp.stack([jax.nn.log_sigmoid(logit), jax.nn.log_sigmoid(-logit)])
        ...     return gs.estimators.dice(chances, jnp.array([1.0, 2.0]))
        >>> float(surrogate(0.0)), float(jax.grad(surrogate)(0.0))
        (3.0, 0.5)

    Reference:
        Foerster et al., "DiCE: The Infinitely Differentiable Monte-Carlo Estimator", ICML 2018,
        https://arxiv.org/abs/1802.05098
    """
    for name, array in (("rewards", rewards), ("baselines", baselines)):
        if array is not None and jnp.shape(array) != jnp.shape(log_probabilities):
            raise ValueError(
                f"{name} must have the shape of log_probabilities, {jnp.shape(log_probabilities)}, got "
                f"{jnp.shape(array)}. Give one number per round and episode."
            )
    if jnp.ndim(log_probabilities) == 0:
        raise ValueError("log_probabilities must have a leading axis of rounds, got one number.")
    boxes = magic_box(jnp.cumsum(log_probabilities, axis=0))
    surrogate = jnp.sum(boxes * rewards, axis=0)
    if baselines is None:
        return surrogate
    return surrogate + jnp.sum((1 - magic_box(log_probabilities)) * baselines, axis=0)
