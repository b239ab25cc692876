"""Measure a generator's samples: modes, distances between samples, and scores on a classifier's outputs.

All measures are pure functions of arrays. They work under ``jit`` and ``vmap``, for example as the ``record`` of a run.
Measures of a classifier's features or probabilities can only be compared for one classifier.
"""

from gamesolve.metrics.distances import frechet_distance, mmd, wasserstein1
from gamesolve.metrics.modes import good_share, modes_covered, reverse_kl
from gamesolve.metrics.orientation import Folds, folds
from gamesolve.metrics.scores import PrecisionRecall, class_coverage, inception_score, precision_recall

__all__ = [
    "Folds",
    "PrecisionRecall",
    "class_coverage",
    "folds",
    "frechet_distance",
    "good_share",
    "inception_score",
    "mmd",
    "modes_covered",
    "precision_recall",
    "reverse_kl",
    "wasserstein1",
]
