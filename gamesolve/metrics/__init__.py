"""How good are a generator's samples? Modes, distances between samples, scores on a classifier's outputs.

All of them are pure functions of arrays: they work under ``jit`` and ``vmap``, for instance as the ``record`` of a run.
What a classifier's features or probabilities go into says something within that one classifier only.
"""

from gamesolve.metrics.distances import frechet_distance, mmd, wasserstein1
from gamesolve.metrics.modes import good_share, modes_covered, reverse_kl
from gamesolve.metrics.scores import PrecisionRecall, class_coverage, inception_score, precision_recall

__all__ = [
    "PrecisionRecall",
    "class_coverage",
    "frechet_distance",
    "good_share",
    "inception_score",
    "mmd",
    "modes_covered",
    "precision_recall",
    "reverse_kl",
    "wasserstein1",
]
