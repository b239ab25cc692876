"""GANs as games: experiments with their data, start, known equilibria and measures."""

from gamesolve.games.gan.adversaries import adversarial, batches
from gamesolve.games.gan.classifier import Classifier, ImageMeasures, image_measures, train_classifier
from gamesolve.games.gan.convolutions import convolutional, from_equinox
from gamesolve.games.gan.counterattack import CounterAttack, counter_attack
from gamesolve.games.gan.data import Circle, Clusters
from gamesolve.games.gan.dirac_gan import dirac
from gamesolve.games.gan.elastic import consolidation
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.image_gans import Networks, images, perceptrons
from gamesolve.games.gan.linear import covariance, mean_estimation
from gamesolve.games.gan.losses import Loss, hinge, least_squares, minimax, non_saturating, relativistic, wasserstein
from gamesolve.games.gan.mixtures import circle, clusters, five, gaussian, grid, line, ring
from gamesolve.games.gan.networks import MLP
from gamesolve.games.gan.projection_problem import projection
from gamesolve.games.gan.regularisers import (
    Regulariser,
    clip,
    gradient_penalty,
    instance_noise,
    r1,
    r2,
    spectral_normalisation,
    weight_decay,
    weight_normalisation,
)
from gamesolve.games.gan.replay import replayed
from gamesolve.games.gan.tiny import Bump, Sigmoid, bias_plane, weight_plane
from gamesolve.metrics.traces import drift, hops, longest_stretch, regrowths
from gamesolve.metrics.winding import Zeros, zeros_on_grid

__all__ = [
    "MLP",
    "Bump",
    "Circle",
    "Classifier",
    "Clusters",
    "CounterAttack",
    "Experiment",
    "ImageMeasures",
    "Loss",
    "Networks",
    "Regulariser",
    "Sigmoid",
    "Zeros",
    "adversarial",
    "batches",
    "bias_plane",
    "circle",
    "clip",
    "clusters",
    "consolidation",
    "convolutional",
    "counter_attack",
    "covariance",
    "dirac",
    "drift",
    "five",
    "from_equinox",
    "gaussian",
    "gradient_penalty",
    "grid",
    "hinge",
    "hops",
    "image_measures",
    "images",
    "instance_noise",
    "least_squares",
    "line",
    "longest_stretch",
    "mean_estimation",
    "minimax",
    "non_saturating",
    "perceptrons",
    "projection",
    "r1",
    "r2",
    "regrowths",
    "relativistic",
    "replayed",
    "ring",
    "spectral_normalisation",
    "train_classifier",
    "wasserstein",
    "weight_decay",
    "weight_normalisation",
    "weight_plane",
    "zeros_on_grid",
]
