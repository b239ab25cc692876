"""What is compared on images, by name: data, networks, losses, regularisers and optimisers."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import optax

import gamesolve as gs
from gamesolve.games import data, gan
from gamesolve.trees import Scalar

DATA: Mapping[str, Callable[[], data.Dataset]] = {
    "digits": data.digits,
    "mnist-5k": data.mnist_5k,
    "fashion-mnist": data.fashion_mnist,
}
NETWORKS: Mapping[str, Callable[[tuple[int, ...]], gan.Networks]] = {
    "perceptrons": gan.perceptrons,
    "dcgan": lambda shape: gan.convolutional((shape[0], shape[1]), latent=16, width=8),
}
LOSSES: Mapping[str, gan.Loss] = {
    "minimax": gan.minimax,
    "non-saturating": gan.non_saturating,
    "wasserstein": gan.wasserstein,
    "hinge": gan.hinge,
    "least squares": gan.least_squares,
    "relativistic": gan.relativistic,
}
CLIP, CLIPPING = 0.1, "clipping"
REGULARISERS: Mapping[str, tuple[gan.Regulariser, ...]] = {
    "none": (),
    "weight decay": (gan.weight_decay(1e-3),),
    CLIPPING: (),
    "gradient penalty": (gan.gradient_penalty(1.0),),
    "R1": (gan.r1(0.1),),
    "R1 + R2": (gan.r1(0.1), gan.r2(0.1)),
    "spectral norm": (gan.spectral_normalisation(),),
}


class Optimiser(NamedTuple):
    """An optimiser of a GAN.

    Attributes:
        make: function of the step sizes of the generator and of the discriminator.
        fields: fields and products with the Jacobian per update of the generator, apart from those of its solve.
        solve: products of an inner solve beside its iterations, each of which costs one more; None without a solve.
        examples: examples of each batch in the products of the solve, which cost that share. Default: all.
    """

    make: Callable[[Scalar, Scalar], optax.GradientTransformation]
    fields: float = 1.0
    solve: float | None = None
    examples: int | None = None


def _adam(rate: Scalar) -> optax.GradientTransformation:
    return optax.adam(rate, b1=0.5)


def _after(first: optax.GradientTransformation, g: Scalar, d: Scalar) -> optax.GradientTransformation:
    return optax.chain(first, gs.per_player(optax.rmsprop(g), optax.rmsprop(d)))


# ACGD as its authors have it, and with a loose solve on some of the examples.
COMPETITIVE, CHEAP, EXAMPLES = "ACGD", "cheap ACGD", 64
LOOSE = gs.linear.Inner(tolerance=0.09)
OPTIMISERS: Mapping[str, Optimiser] = {
    "Adam SimGD": Optimiser(lambda g, d: gs.per_player(_adam(g), _adam(d))),
    "Adam AltGD": Optimiser(lambda g, d: gs.alternating(_adam(g), _adam(d))),
    "n-critic": Optimiser(
        lambda g, d: gs.alternating(optax.rmsprop(g), optax.rmsprop(d), order=(1, 1, 1, 1, 1, 0)), 3.0
    ),
    "extra-Adam": Optimiser(lambda g, d: gs.extra_adam((g, d), b1=0.5), 2.0),
    "optimistic Adam": Optimiser(lambda g, d: gs.optimistic_adam((g, d), b1=0.5)),
    "consensus plugin": Optimiser(lambda g, d: _after(gs.transforms.consensus(0.1), g, d), 2.0),
    "consensus unbiased": Optimiser(lambda g, d: _after(gs.transforms.consensus(0.1, groups=2), g, d), 2.0),
    COMPETITIVE: Optimiser(lambda g, d: gs.acgd((g, d)), solve=2.0),
    CHEAP: Optimiser(lambda g, d: gs.acgd((g, d), inner=LOOSE, curvature_batch=EXAMPLES), solve=2.0, examples=EXAMPLES),
}


class Choice(NamedTuple):
    """One combination: a GAN and how it is trained."""

    loss: str
    regulariser: str
    optimiser: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return "-".join(part.replace(" ", "_").replace("+", "and") for part in self)


# The claim is about these: no regulariser, and the payoff of the source or the one that was measured first.
CLAIM = Choice("wasserstein", "none", COMPETITIVE)
KEPT = (CLAIM, CLAIM._replace(optimiser=CHEAP), CLAIM._replace(loss="minimax"))
# Few rows of each kind, for a look.
QUICK = (
    *KEPT,
    Choice("minimax", "none", "Adam SimGD"),
    Choice("wasserstein", "none", "Adam SimGD"),
    Choice("non-saturating", "R1", "Adam AltGD"),
    Choice("wasserstein", "gradient penalty", "n-critic"),
    Choice("hinge", "spectral norm", "Adam AltGD"),
    Choice("relativistic", "R1 + R2", "Adam SimGD"),
    Choice("minimax", "none", "consensus unbiased"),
)
