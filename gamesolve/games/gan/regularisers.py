"""Regularisers of a discriminator: penalties on gradients or weights, noise on inputs, bounds on layers.

A regulariser has up to two parts: ``wrap`` replaces the discriminator that both players see, and ``penalty`` is
subtracted from the discriminator's payoff. Its strength is a leaf, so ``vmap`` over strengths needs one program.
Clipping is not a term of a payoff but a projection, for `gamesolve.transforms.project` or ``projections=``.
"""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from gamesolve.trees import PyTree, Scalar, norm, normalised

Judge = Callable[[PyTree, jax.Array], jax.Array]


def _same(judge: Judge, strength: Scalar, key: jax.Array | None) -> Judge:
    del strength, key
    return judge


def _nothing(*_: PyTree) -> float:
    return 0.0


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=["strength"], meta_fields=["wrap", "penalty", "shared", "random"]
)
@dataclasses.dataclass(frozen=True)
class Regulariser:
    """A term of a GAN's payoffs.

    Attributes:
        strength: weight or scale.
        wrap: ``wrap(judge, strength, key) -> judge``, the discriminator that both players see.
        penalty: ``penalty(judge, discriminator, real, fake, key) -> scalar``. ``strength`` times this is subtracted
            from the discriminator's payoff.
        shared: whether the penalty is independent of the generator. The generator's payoff can then include it, and
            a zero-sum game stays zero-sum.
        random: whether the regulariser is random. The batch must then end with a random key.
    """

    strength: Scalar
    wrap: Callable[..., Judge] = _same
    penalty: Callable[..., Scalar] = _nothing
    shared: bool = True
    random: bool = False


def r1(gamma: Scalar) -> Regulariser:
    """Penalise the discriminator's gradient on real data: ``gamma/2 E ||grad D(x)||^2``.

    Args:
        gamma: weight of the penalty.

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


def r2(gamma: Scalar) -> Regulariser:
    """Penalise the discriminator's gradient on generated data: ``gamma/2 E ||grad D(G(z))||^2``.

    Args:
        gamma: weight of the penalty.

    Returns:
        The regulariser. It is not in the generator's payoff, so the game is no longer zero-sum.

    Example:
        >>> import gamesolve as gs
        >>> both = (gs.games.gan.r1(0.1), gs.games.gan.r2(0.1))
        >>> gs.games.gan.ring(loss=gs.games.gan.relativistic, regularisers=both).game.is_zero_sum
        False

    Reference:
        Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
        https://arxiv.org/abs/1801.04406
    """
    return Regulariser(gamma, penalty=_on_fake, shared=False)


def gradient_penalty(weight: Scalar) -> Regulariser:
    """Penalise gradient norms other than one between real and generated data: ``weight E (||grad D|| - 1)^2``.

    The gradients are taken at ``e x + (1 - e) G(z)`` with e uniform on (0, 1), one point per pair of the batch.

    Args:
        weight: weight of the penalty, 10 in the paper.

    Returns:
        The regulariser. It is not in the generator's payoff, so the game is no longer zero-sum.

    Example:
        >>> import gamesolve as gs
        >>> penalty = gs.games.gan.gradient_penalty(10.0)
        >>> experiment = gs.games.gan.ring(loss=gs.games.gan.wasserstein, regularisers=(penalty,))
        >>> experiment.game.is_zero_sum
        False

    Reference:
        Gulrajani et al., "Improved Training of Wasserstein GANs", NeurIPS 2017, https://arxiv.org/abs/1704.00028
    """
    return Regulariser(weight, penalty=_between, shared=False, random=True)


def weight_decay(weight: Scalar) -> Regulariser:
    """Penalise the discriminator's weights: ``weight/2 ||w||^2``.

    To decay the weights of both players, or decouple the decay from an adaptive metric as in AdamW, chain
    ``optax.add_decayed_weights``.

    Args:
        weight: weight of the penalty.

    Returns:
        The regulariser.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.dirac(regularisers=(gs.games.gan.weight_decay(0.3),))
        >>> values = gs.analysis.eigenvalues(experiment.game, experiment.game.equilibria[0])
        >>> [round(complex(value).real, 3) for value in values]
        [-0.15, -0.15]
    """
    return Regulariser(weight, penalty=_on_weights)


def instance_noise(scale: Scalar) -> Regulariser:
    """Add normal noise to the discriminator's inputs, the same noise to both members of a pair (x, G(z)).

    Args:
        scale: standard deviation of the noise, in the units of the data.

    Returns:
        The regulariser.

    Example:
        >>> import jax, gamesolve as gs
        >>> experiment = gs.games.gan.ring(regularisers=(gs.games.gan.instance_noise(0.1),))
        >>> drawn = {"sample": experiment.sample, "key": jax.random.key(0)}
        >>> solution = gs.solve(experiment.game, gs.altgd(0.1), experiment.game.start, 10, **drawn)
        >>> solution.ending.name
        'BUDGET'

    Reference:
        Sonderby et al., "Amortised MAP Inference for Image Super-resolution", ICLR 2017,
        https://arxiv.org/abs/1610.04490
    """
    return Regulariser(scale, wrap=_noisy, random=True)


def spectral_normalisation(bound: Scalar = 1.0) -> Regulariser:
    """Divide every weight matrix of the discriminator by its largest singular value and multiply it by ``bound``.

    Weights with more than two dimensions count as matrices whose columns are their last axis. The singular value
    comes from twenty steps of power iteration. These are differentiated too, so second derivatives are right.

    Args:
        bound: largest singular value of each layer after normalisation.

    Returns:
        The regulariser.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> settings = {"loss": gs.games.gan.wasserstein, "regularisers": (gs.games.gan.spectral_normalisation(),)}
        >>> game = gs.games.gan.ring(**settings).game.bind((jnp.ones((4, 2)), jnp.ones((4, 16))))
        >>> generator, discriminator = game.start
        >>> doubled = [{**layer, "weight": 2 * layer["weight"]} for layer in discriminator]  # this changes nothing
        >>> biases = [game.field((generator, second))[0][-1]["bias"] for second in (discriminator, doubled)]
        >>> bool(jnp.allclose(*biases, rtol=1e-4))
        True

    Reference:
        Miyato et al., "Spectral Normalization for Generative Adversarial Networks", ICLR 2018,
        https://arxiv.org/abs/1802.05957
    """
    return Regulariser(bound, wrap=_normalised)


def weight_normalisation(bound: Scalar = 1.0) -> Regulariser:
    """Divide the incoming weights of every unit of the discriminator by their norm and multiply them by ``bound``.

    Weights with more than two dimensions count as matrices whose columns, one per unit, are their last axis. Biases are
    free. The weights that the players see can't diverge, so a discriminator that could always gain from larger weights
    has an optimum at finite ones.

    Args:
        bound: norm of each unit's incoming weights after normalisation. The paper trains it; here it is fixed.

    Returns:
        The regulariser.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> judge = gan.weight_normalisation(2.0).wrap(lambda weight, x: x @ weight, 2.0, None)
        >>> judge(jnp.array([[0.0, 3.0], [7.0, 0.0]]), jnp.eye(2)).tolist()
        [[0.0, 2.0], [2.0, 0.0]]

    Reference:
        Salimans, Kingma, "Weight Normalization", NeurIPS 2016, https://arxiv.org/abs/1602.07868
    """
    return Regulariser(bound, wrap=_unit_columns)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Clip:
    """The projection of `clip`."""

    limit: float

    def __call__(self, discriminator: PyTree) -> PyTree:
        """Clip every parameter to [-limit, limit]."""
        return jax.tree.map(lambda leaf: jnp.clip(leaf, -self.limit, self.limit), discriminator)


def clip(limit: float) -> Clip:
    """Make a projection that clips every parameter of a critic to [-limit, limit].

    Args:
        limit: bound on every parameter, 0.01 in the paper.

    Returns:
        A function of the critic, for ``transforms.project((None, clip(0.01)))`` at the end of a chain or for the
        ``projections`` of a solver.

    Example:
        >>> import optax, gamesolve as gs
        >>> clipped = gs.transforms.project((None, gs.games.gan.clip(0.01)))
        >>> solver = optax.chain(gs.alternating(*[optax.rmsprop(5e-5)] * 2, order=(1, 1, 1, 1, 1, 0)), clipped)

    Reference:
        Arjovsky, Chintala, Bottou, "Wasserstein GAN", ICML 2017, https://arxiv.org/abs/1701.07875
    """
    return Clip(limit)


def _on_real(judge: Judge, discriminator: PyTree, real: jax.Array, fake: jax.Array, key: jax.Array | None) -> jax.Array:
    del fake, key
    return _mean_square(_slopes(judge, discriminator, real)) / 2


def _on_fake(judge: Judge, discriminator: PyTree, real: jax.Array, fake: jax.Array, key: jax.Array | None) -> jax.Array:
    del real, key
    return _mean_square(_slopes(judge, discriminator, fake)) / 2


def _between(judge: Judge, discriminator: PyTree, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    share = jax.random.uniform(key, (len(real),) + (1,) * (real.ndim - 1), real.dtype)
    slopes = _slopes(judge, discriminator, share * real + (1 - share) * fake)
    squares = jnp.sum(slopes.reshape(len(slopes), -1) ** 2, axis=1)
    # The norm has no derivative at points where the discriminator is flat.
    norms = jnp.sqrt(jnp.where(squares > 0, squares, 1)) * (squares > 0)
    return jnp.mean((norms - 1) ** 2)


def _on_weights(
    judge: Judge, discriminator: PyTree, real: jax.Array, fake: jax.Array, key: jax.Array | None
) -> jax.Array:
    del judge, real, fake, key
    return optax.tree.norm(discriminator, squared=True) / 2


def _slopes(judge: Judge, discriminator: PyTree, examples: jax.Array) -> jax.Array:
    """Return the gradient of each example's logit with respect to the example."""
    return jax.grad(lambda inputs: jnp.sum(judge(discriminator, inputs)))(examples)


def _mean_square(slopes: jax.Array) -> jax.Array:
    return jnp.sum(slopes**2) / len(slopes)


def _noisy(judge: Judge, scale: Scalar, key: jax.Array) -> Judge:
    def noisy(discriminator: PyTree, examples: jax.Array) -> jax.Array:
        return judge(discriminator, examples + scale * jax.random.normal(key, examples.shape, examples.dtype))

    return noisy


def _normalised(judge: Judge, bound: Scalar, key: jax.Array | None) -> Judge:
    del key
    return _bounded(judge, bound, _spectral_norm)


def _unit_columns(judge: Judge, bound: Scalar, key: jax.Array | None) -> Judge:
    del key
    return _bounded(judge, bound, _column_norms)


def _bounded(judge: Judge, bound: Scalar, size: Callable[[jax.Array], jax.Array]) -> Judge:
    """Divide the weights of every layer by their size, which is positive, and multiply them by the bound."""

    def layer(leaf: jax.Array) -> jax.Array:
        if leaf.ndim < 2:
            return leaf
        _, unit = normalised(leaf)
        return (bound * unit / size(unit)).astype(leaf.dtype)

    return lambda discriminator, examples: judge(jax.tree.map(layer, discriminator), examples)


def _spectral_norm(unit: jax.Array) -> jax.Array:
    largest = _largest_singular_value(unit.reshape(-1, unit.shape[-1]))
    return jnp.where(largest > 0, largest, 1)


def _column_norms(unit: jax.Array) -> jax.Array:
    squares = jnp.sum(unit**2, axis=tuple(range(unit.ndim - 1)))
    return jnp.sqrt(jnp.where(squares > 0, squares, 1))


def _largest_singular_value(matrix: jax.Array) -> jax.Array:
    def iterate(_: Scalar, vector: jax.Array) -> jax.Array:
        image = matrix.T @ (matrix @ vector)
        length = norm(image)
        return image / jnp.where(length > 0, length, 1)

    # Mixed signs and sizes make it unlikely that the leading singular vector is orthogonal to this fixed start.
    start = jnp.cos(1.0 + 2.0 * jnp.arange(matrix.shape[1], dtype=matrix.dtype))
    return norm(matrix @ jax.lax.fori_loop(0, 20, iterate, start / norm(start)))
