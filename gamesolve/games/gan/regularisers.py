"""What keeps a discriminator in bounds: penalties on its gradient or weights, noise on its input, bounds on its layers.

A regulariser has up to two sides: ``wrap`` replaces the discriminator that both players see, and ``penalty`` is taken
off the discriminator's payoff. Its strength is a leaf, so that ``vmap`` runs through strengths in one program. Clipping
is not among the terms of a payoff: it is a projection, for `gamesolve.transforms.project` or ``projections=``.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

Judge = Callable[[Any, jax.Array], jax.Array]


def _same(judge: Judge, strength: Any, key: Any) -> Judge:
    del strength, key
    return judge


def _nothing(*_: Any) -> float:
    return 0.0


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["strength"], meta_fields=["wrap", "penalty", "shared", "random"]
)
@dataclasses.dataclass(frozen=True)
class Regulariser:
    """A term of a GAN's payoffs.

    Attributes:
        strength: its weight or scale.
        wrap: ``wrap(judge, strength, key) -> judge``, the discriminator that both players see.
        penalty: ``penalty(judge, discriminator, real, fake, key)``, taken off the discriminator's payoff ``strength``
            times.
        shared: whether the generator's payoff may hold the penalty too, because it does not depend on the generator:
            then a zero-sum game stays one.
        random: whether it draws, from the random key that is then the last entry of the batch.
    """

    strength: Any
    wrap: Callable[[Judge, Any, Any], Judge] = _same
    penalty: Callable[..., Any] = _nothing
    shared: bool = True
    random: bool = False


def r1(gamma: Any) -> Regulariser:
    """Penalise the discriminator's gradient on real data: ``gamma/2 E ||grad D(x)||^2``.

    Args:
        gamma: weight.

    Returns:
        The regulariser.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.dirac(regularisers=(gs.games.gan.r1(0.3),))
        >>> values = gs.analysis.eigenvalues(experiment.game, experiment.game.equilibria[0])
        >>> [round(complex(value).real, 3) for value in values]
        [-0.15, -0.15]

    Reference:
        Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
        https://arxiv.org/abs/1801.04406
    """
    return Regulariser(gamma, penalty=_on_real)


def r2(gamma: Any) -> Regulariser:
    """Penalise the discriminator's gradient on generated data: ``gamma/2 E ||grad D(G(z))||^2``.

    Args:
        gamma: weight.

    Returns:
        The regulariser; the generator does not see it, so that the game is no longer zero-sum.

    Reference:
        Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
        https://arxiv.org/abs/1801.04406
    """
    return Regulariser(gamma, penalty=_on_fake, shared=False)


def gradient_penalty(weight: Any) -> Regulariser:
    """Penalise gradients whose norm is not one, at points between data: ``weight E (||grad D|| - 1)^2``.

    The points are ``e x + (1 - e) G(z)`` with e uniform on (0, 1), one for each pair of the batch.

    Args:
        weight: 10 in the paper.

    Returns:
        The regulariser; the generator does not see it, so that the game is no longer zero-sum.

    Reference:
        Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, https://arxiv.org/abs/1704.00028
    """
    return Regulariser(weight, penalty=_between, shared=False, random=True)


def weight_decay(weight: Any) -> Regulariser:
    """Penalise the discriminator's weights: ``weight/2 ||w||^2``.

    For both players, or decoupled from a metric as in AdamW, chain ``optax.add_decayed_weights``.

    Args:
        weight: of the penalty.

    Returns:
        The regulariser.
    """
    return Regulariser(weight, penalty=_on_weights)


def instance_noise(scale: Any) -> Regulariser:
    """Add normal noise to all that the discriminator sees, the same to both members of a pair (x, G(z)).

    Args:
        scale: standard deviation, in the units of the data.

    Returns:
        The regulariser.

    Reference:
        Sonderby et al., "Amortised MAP Inference for Image Super-resolution", ICLR 2017,
        https://arxiv.org/abs/1610.04490
    """
    return Regulariser(scale, wrap=_noisy, random=True)


def spectral_normalisation(bound: Any = 1.0) -> Regulariser:
    """Divide every weight matrix of the discriminator by its largest singular value, times ``bound``.

    Weights of more than two dimensions are taken as matrices whose columns are their last axis. The singular value
    comes from a power iteration of twenty steps that is differentiated too, so that second derivatives are right.

    Args:
        bound: largest singular value of each layer afterwards.

    Returns:
        The regulariser.

    Reference:
        Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018,
        https://arxiv.org/abs/1802.05957
    """
    return Regulariser(bound, wrap=_normalised)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Clip:
    """The projection of `clip`."""

    limit: float

    def __call__(self, discriminator: Any) -> Any:
        """Clamp every parameter to [-limit, limit]."""
        return jax.tree.map(lambda leaf: jnp.clip(leaf, -self.limit, self.limit), discriminator)


def clip(limit: float) -> Clip:
    """Make the projection that clamps every parameter of a critic to [-limit, limit].

    Args:
        limit: 0.01 in the paper.

    Returns:
        A function of the critic, for ``transforms.project((None, clip(0.01)))`` at the end of a chain, or for the
        ``projections`` of a solver.

    Example:
        >>> import optax, gamesolve as gs
        >>> clipped = gs.transforms.project((None, gs.games.gan.clip(0.01)))
        >>> solver = optax.chain(gs.alternating(*[optax.rmsprop(5e-5)] * 2, order=(1, 1, 1, 1, 1, 0)), clipped)

    Reference:
        Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, https://arxiv.org/abs/1701.07875
    """
    return Clip(limit)


def _on_real(judge: Judge, discriminator: Any, real: Any, fake: Any, key: Any) -> Any:
    del fake, key
    return _mean_square(_slopes(judge, discriminator, real)) / 2


def _on_fake(judge: Judge, discriminator: Any, real: Any, fake: Any, key: Any) -> Any:
    del real, key
    return _mean_square(_slopes(judge, discriminator, fake)) / 2


def _between(judge: Judge, discriminator: Any, real: Any, fake: Any, key: Any) -> Any:
    share = jax.random.uniform(key, (len(real),) + (1,) * (real.ndim - 1), real.dtype)
    slopes = _slopes(judge, discriminator, share * real + (1 - share) * fake)
    squares = jnp.sum(slopes.reshape(len(slopes), -1) ** 2, axis=1)
    # A discriminator that is flat somewhere has a norm without a derivative there.
    norms = jnp.sqrt(jnp.where(squares > 0, squares, 1)) * (squares > 0)
    return jnp.mean((norms - 1) ** 2)


def _on_weights(judge: Judge, discriminator: Any, real: Any, fake: Any, key: Any) -> Any:
    del judge, real, fake, key
    return optax.tree.norm(discriminator, squared=True) / 2


def _slopes(judge: Judge, discriminator: Any, examples: jax.Array) -> jax.Array:
    """Return the gradient of each example's logit in the example."""
    return jax.grad(lambda inputs: jnp.sum(judge(discriminator, inputs)))(examples)


def _mean_square(slopes: jax.Array) -> jax.Array:
    return jnp.sum(slopes**2) / len(slopes)


def _noisy(judge: Judge, scale: Any, key: Any) -> Judge:
    def noisy(discriminator: Any, examples: jax.Array) -> jax.Array:
        return judge(discriminator, examples + scale * jax.random.normal(key, examples.shape, examples.dtype))

    return noisy


def _normalised(judge: Judge, bound: Any, key: Any) -> Judge:
    del key

    def bounded(leaf: jax.Array) -> jax.Array:
        return leaf if leaf.ndim < 2 else bound * leaf / _largest_singular_value(leaf.reshape(-1, leaf.shape[-1]))

    return lambda discriminator, examples: judge(jax.tree.map(bounded, discriminator), examples)


def _largest_singular_value(matrix: jax.Array) -> jax.Array:
    def turn(_: Any, vector: jax.Array) -> jax.Array:
        image = matrix.T @ (matrix @ vector)
        return image / jnp.linalg.norm(image)

    # A fixed start of mixed signs and sizes, so that hardly any matrix has its leading vector at right angles to it.
    start = jnp.cos(1.0 + 2.0 * jnp.arange(matrix.shape[1], dtype=matrix.dtype))
    return jnp.linalg.norm(matrix @ jax.lax.fori_loop(0, 20, turn, start / jnp.linalg.norm(start)))
