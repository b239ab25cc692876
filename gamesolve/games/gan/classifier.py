"""A small classifier trained here, and what it says of generated images: always beside what it says of real ones."""

import dataclasses
import hashlib
import io
import os
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import metrics
from gamesolve.driving.solve import solve
from gamesolve.game import general_sum
from gamesolve.games.data import Dataset
from gamesolve.games.gan.networks import MLP
from gamesolve.sampling import minibatches

CACHE_VARIABLE = "GAMESOLVE_CACHE"
_WIDTHS, _BATCH, _RATE, _HELD_OUT = (128, 64), 128, 1e-3, 10


@partial(jax.tree_util.register_dataclass, data_fields=["layers", "accuracy"], meta_fields=["network"])
@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained perceptron; a pytree. Its figures compare generators under it, never with another classifier's.

    Attributes:
        layers: its parameters.
        accuracy: on the tenth of the data that it was not trained on.
        network: what they are the parameters of.
    """

    layers: Any
    accuracy: jax.Array
    network: MLP

    def features(self, images: Any) -> jax.Array:
        """Return the last hidden layer, shape (n, 64)."""
        hidden = MLP(self.network.sizes[:-1], self.network.activation)
        return self.network.activation(hidden(self.layers[:-1], _flat(images)))

    def probabilities(self, images: Any) -> jax.Array:
        """Return the classes' probabilities, shape (n, classes)."""
        return jax.nn.softmax(self.network(self.layers, _flat(images)))


class ImageMeasures(NamedTuple):
    """Measures of generated images and, beside each, the same of real images: the best that can be expected.

    Attributes:
        score, real_score: inception-style score; the more the better.
        frechet, frechet_floor: squared Frechet distance of the features to those of real images; the less the better.
        coverage, real_coverage: number of classes that have at least a tenth of their fair share of the images.
        precision, real_precision: share of images that look real.
        recall, real_recall: share of the real ones' variety that is there.
    """

    score: jax.Array
    real_score: jax.Array
    frechet: jax.Array
    frechet_floor: jax.Array
    coverage: jax.Array
    real_coverage: jax.Array
    precision: jax.Array
    real_precision: jax.Array
    recall: jax.Array
    real_recall: jax.Array


def train_classifier(
    dataset: Dataset, steps: int = 2000, seed: int = 0, folder: str | Path | None = None
) -> Classifier:
    """Train a perceptron to tell the classes apart, or load it as it was trained before.

    Two hidden layers of 128 and 64 units, Adam at 1e-3 on batches of 128; a tenth of the data is held out. It is kept
    in a file whose name is a hash of the data and all settings, so that nothing stale is ever loaded.

    Args:
        dataset: images and labels.
        steps: number of steps of training.
        seed: of start, split and batches.
        folder: where to keep it; by default the environment variable ``GAMESOLVE_CACHE``, else ``gamesolve`` in
            ``XDG_CACHE_HOME`` or ``~/.cache``. A folder that can't be written to is no error.

    Returns:
        The `Classifier`.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve.games import gan
        >>> classifier = gan.train_classifier(gs.games.data.digits(), steps=300)
        >>> float(classifier.accuracy) > 0.9
        True
    """
    classes = int(jnp.max(dataset.labels)) + 1
    network = MLP((int(np.prod(dataset.inputs.shape[1:])), *_WIDTHS, classes))
    start, training = jax.random.split(jax.random.key(seed))
    untrained = Classifier(network.init(start), jnp.zeros(()), network)
    path = _cache_folder(folder) / f"classifier-{_fingerprint(dataset, network.sizes, steps, seed)}.npz"
    kept = _load(path, untrained)
    if kept is not None:
        return kept
    trained = _train(untrained, dataset, steps, training)
    _save(path, trained)
    return trained


def image_measures(classifier: Classifier, real: Any, fake: Any) -> ImageMeasures:
    """Measure generated images under a classifier, and real images in the same way.

    The real images are shuffled once and for all and halved; the fakes are measured against the first half, and so is
    the second half. Since most measures depend on the number of samples, all three sets are cut to the smallest.

    Args:
        classifier: such as `train_classifier` makes from the real images.
        real: shape (N, ...), best twice as many as fakes.
        fake: shape (n, ...).

    Returns:
        The `ImageMeasures`; works under ``jit`` and ``vmap``.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve.games import gan
        >>> images, _ = digits = gs.games.data.digits()
        >>> measured = gan.image_measures(gan.train_classifier(digits, steps=300), images, 0.5 * images[:800])
        >>> bool(measured.frechet > 5 * measured.frechet_floor)
        True
    """
    real, fake = jnp.asarray(real), jnp.asarray(fake)
    size = min(len(real) // 2, len(fake))
    if size < 10 or real.shape[1:] != fake.shape[1:]:
        raise ValueError(f"real and fake have shapes {real.shape} and {fake.shape}; give 20 and 10 alike at least.")
    order = np.random.default_rng(0).permutation(len(real))
    reference, other = real[order[:size]], real[order[size : 2 * size]]
    near = classifier.features(reference)

    def measure(images: jax.Array) -> tuple[jax.Array, ...]:
        features, probabilities = classifier.features(images), classifier.probabilities(images)
        least = max(1, size // (10 * probabilities.shape[1]))
        return (
            metrics.inception_score(probabilities),
            metrics.frechet_distance(near, features),
            metrics.class_coverage(probabilities, least),
            *metrics.precision_recall(near, features),
        )

    return ImageMeasures(*(value for pair in zip(measure(fake[:size]), measure(other), strict=True) for value in pair))


def _train(classifier: Classifier, dataset: Dataset, steps: int, key: jax.Array) -> Classifier:
    split, batches = jax.random.split(key)
    order = jax.random.permutation(split, len(dataset.labels))
    shuffled = Dataset(dataset.inputs[order], dataset.labels[order])
    held_out, rest = (jax.tree.map(lambda leaf, rows=rows: leaf[rows], shuffled) for rows in _parts(len(order)))
    game = general_sum(_Likelihood(classifier.network))
    sample = minibatches(rest, min(_BATCH, len(rest.labels)))
    (layers,) = solve(game, optax.adam(_RATE), (classifier.layers,), steps, sample=sample, key=batches).players
    trained = dataclasses.replace(classifier, layers=layers)
    hits = jnp.argmax(trained.probabilities(held_out.inputs), axis=1) == held_out.labels
    return dataclasses.replace(trained, accuracy=jnp.mean(hits))


@dataclasses.dataclass(frozen=True)
class _Likelihood:
    """The payoff of a classifier, as a game of one player: the mean log likelihood of the labels."""

    network: MLP

    def __call__(self, layers: Any, batch: Dataset) -> jax.Array:
        logits = self.network(layers, _flat(batch.inputs))
        return -jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels))


def _parts(number: int) -> tuple[slice, slice]:
    return slice(0, number // _HELD_OUT), slice(number // _HELD_OUT, None)


def _flat(images: Any) -> jax.Array:
    images = jnp.asarray(images)
    return images.reshape(len(images), -1)


def _cache_folder(folder: str | Path | None) -> Path:
    given = folder or os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gamesolve"


def _fingerprint(dataset: Dataset, *settings: Any) -> str:
    words = repr((settings, _WIDTHS, _BATCH, _RATE, _HELD_OUT, dataset.inputs.shape, str(dataset.inputs.dtype)))
    return hashlib.sha256(
        words.encode() + np.asarray(dataset.inputs).tobytes() + np.asarray(dataset.labels).tobytes()
    ).hexdigest()[:16]


def _load(path: Path, like: Classifier) -> Classifier | None:
    try:
        with np.load(io.BytesIO(path.read_bytes())) as file:
            return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(file[name]) for name in file.files])
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):  # none there, or not whole: train it
        return None


def _save(path: Path, classifier: Classifier) -> None:
    """Write the file under another name first, so that nobody reads half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez(file, *map(np.asarray, jax.tree.leaves(classifier)))
        Path(file.name).replace(path)
    except OSError:
        return
