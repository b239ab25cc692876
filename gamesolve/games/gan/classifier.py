"""A small image classifier, and measures of generated images under it, each beside its value for real images."""

import contextlib
import dataclasses
import hashlib
import os
import tempfile
import zipfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from gamesolve import metrics
from gamesolve.driving.solve import solve
from gamesolve.game import general_sum
from gamesolve.games.data import Dataset
from gamesolve.games.gan.networks import MLP, Layers
from gamesolve.sampling import minibatches
from gamesolve.trees.faces import shown

CACHE_VARIABLE = "GAMESOLVE_CACHE"
_WIDTHS, _BATCH, _RATE, _HELD_OUT = (128, 64), 128, 1e-3, 10


@shown()
@partial(jax.tree_util.register_dataclass, data_fields=["layers", "accuracy"], meta_fields=["network"])
@dataclasses.dataclass(frozen=True)
class Classifier:
    """A trained perceptron; a pytree. Measures are comparable only under the same classifier.

    Attributes:
        layers: its parameters.
        accuracy: accuracy on the tenth of the data that was held out.
        network: the network that the parameters belong to.
    """

    layers: Layers
    accuracy: jax.Array
    network: MLP

    def features(self, images: ArrayLike) -> jax.Array:
        """Return the last hidden layer, of shape (n, 64)."""
        hidden = MLP(self.network.sizes[:-1], self.network.activation)
        return self.network.activation(hidden(self.layers[:-1], _flat(images)))

    def probabilities(self, images: ArrayLike) -> jax.Array:
        """Return the probabilities of the classes, of shape (n, classes)."""
        return jax.nn.softmax(self.network(self.layers, _flat(images)))


@shown()
class ImageMeasures(NamedTuple):
    """Measures of generated images and, beside each, its value for real images: the best that can be expected.

    Attributes:
        score: inception-style score of the generated images; higher is better.
        real_score: that of real images.
        frechet: squared Frechet distance of the features to those of real images; lower is better.
        frechet_floor: that of real images to other real images.
        coverage: number of classes with at least a tenth of their fair share of the images.
        real_coverage: that of real images.
        precision: share of the images that look real.
        real_precision: that of real images.
        recall: share of the variety of real images that is covered.
        real_recall: that of real images.
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
    """Train a perceptron to classify images, or load it from the cache.

    The network has two hidden layers of 128 and 64 units. Adam trains it at rate 1e-3 on batches of 128, and a tenth
    of the data is held out. The name of its file is a hash of the data and all settings, so a stale file is never
    loaded.

    Args:
        dataset: images and labels.
        steps: number of training steps.
        seed: seed of the start, the split and the batches.
        folder: folder of the cache. Default: the environment variable ``GAMESOLVE_CACHE``, else ``gamesolve`` in
            ``XDG_CACHE_HOME`` or ``~/.cache``. If it is not writable, the classifier is not saved.

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


def image_measures(classifier: Classifier, real: ArrayLike, fake: ArrayLike) -> ImageMeasures:
    """Measure generated images under a classifier, and real images in the same way.

    The real images are shuffled with a fixed seed and halved. The generated images are compared with the first half,
    and so is the second half. Most measures depend on the number of samples, so all three sets are cut to the size of
    the smallest. Works under ``jit`` and ``vmap``.

    Args:
        classifier: classifier from `train_classifier` on the real images.
        real: real images, of shape (N, ...), ideally twice as many as generated ones.
        fake: generated images, of shape (n, ...).

    Returns:
        The `ImageMeasures`.

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
        raise ValueError(
            f"real and fake must hold at least 20 and 10 images of one shape, got {real.shape} and {fake.shape}."
        )
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
    """The payoff of a classifier as a game of one player: the mean log likelihood of the labels."""

    network: MLP

    def __call__(self, layers: Layers, batch: Dataset) -> jax.Array:
        logits = self.network(layers, _flat(batch.inputs))
        return -jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels))


def _parts(number: int) -> tuple[slice, slice]:
    return slice(0, number // _HELD_OUT), slice(number // _HELD_OUT, None)


def _flat(images: ArrayLike) -> jax.Array:
    array = jnp.asarray(images)
    return array.reshape(len(array), -1)


def _cache_folder(folder: str | Path | None) -> Path:
    given = folder or os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gamesolve"


def _fingerprint(dataset: Dataset, *settings: int | tuple[int, ...]) -> str:
    inputs, precision = dataset.inputs, str(jnp.result_type(float))
    words = repr((settings, _WIDTHS, _BATCH, _RATE, _HELD_OUT, inputs.shape, str(inputs.dtype), precision))
    return hashlib.sha256(
        words.encode() + np.asarray(inputs).tobytes() + np.asarray(dataset.labels).tobytes()
    ).hexdigest()[:16]


def _load(path: Path, like: Classifier) -> Classifier | None:
    """Read a file; None unless it holds finite arrays of the right shapes and types, and little else."""
    leaves, structure = jax.tree.flatten(like)
    try:
        if not path.is_file() or path.stat().st_size > 2 * sum(leaf.nbytes for leaf in leaves):
            return None
        with zipfile.ZipFile(path) as archive:
            arrays = [_array(archive, f"arr_{index}.npy", leaf) for index, leaf in enumerate(leaves)]
    except Exception:  # missing, incomplete, damaged or crafted: whatever is wrong, the classifier is trained again
        return None
    kept = jax.tree.unflatten(structure, arrays)
    whole = all(bool(jnp.all(jnp.isfinite(array))) for array in arrays) and 0 <= float(kept.accuracy) <= 1
    return kept if whole else None


def _array(archive: zipfile.ZipFile, name: str, like: jax.Array) -> jax.Array:
    """Read an array; ``np.load`` would allocate whatever size the file claims."""
    with archive.open(name) as file:
        np.lib.format.read_magic(file)
        shape, transposed, dtype = np.lib.format.read_array_header_1_0(file)
        if (shape, dtype) != (like.shape, like.dtype):
            raise ValueError(f"{name} must be {like.dtype} of shape {like.shape}, got {dtype} of shape {shape}.")
        numbers = np.frombuffer(file.read(like.nbytes), dtype)
        return jnp.asarray(numbers.reshape(shape, order="F" if transposed else "C"))


def _save(path: Path, classifier: Classifier) -> None:
    """Write the file in another folder first, so that no other process reads an incomplete file."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            np.savez(part := Path(folder, path.name), *map(np.asarray, jax.tree.leaves(classifier)))
            part.replace(path)
