"""The restarted Arnoldi iteration on matrices that are hard for it, against ARPACK and the dense spectrum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.measurements.arpack import arpack
from gamesolve.linear import arnoldi
from gamesolve.linear.arnoldi import krylov_schur
from gamesolve.linear.eigenpairs import default_tolerance

pytestmark = pytest.mark.usefixtures("x64")

SIZE = 200


def times(matrix):
    return lambda vector: matrix @ vector


def operator(matrix):
    return jax.tree_util.Partial(times, jnp.asarray(matrix))


def start(size=SIZE, dtype=jnp.float64):
    return jax.random.normal(jax.random.key(1), (size,), dtype)


def hidden(block):
    """A matrix with a spectrum from -1 to 0 and a given leading block, in a random orthonormal basis."""
    matrix = np.diag(np.linspace(-1, 0, SIZE))
    matrix[-len(block) :, -len(block) :] = block
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))
    return basis @ matrix @ basis.T


def test_a_defective_eigenvalue_is_found_as_sharply_as_it_can_be():
    found = krylov_schur(operator(hidden(0.5 * np.eye(3) + np.eye(3, k=1))), start(), 3, ("LR",))
    assert found.converged.all()
    # The eigenvalues of a Jordan block of size three are accurate to a third of the digits, their mean to all.
    np.testing.assert_allclose(found.eigenvalues, 0.5, atol=1e-4)
    np.testing.assert_allclose(found.eigenvalues.mean(), 0.5, atol=1e-9)


def test_all_copies_of_a_multiple_eigenvalue_and_what_follows_are_found():
    found = krylov_schur(operator(hidden(0.5 * np.eye(4))), start(), 5, ("LR",))
    assert found.converged.all()
    np.testing.assert_allclose(found.eigenvalues[:4], 0.5, atol=1e-10)
    assert found.eigenvalues[4].real < 0
    rank = np.linalg.matrix_rank(np.asarray(found.vectors[:4]), tol=1e-6)
    assert rank == 4


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_multiple_of_the_identity_is_done_at_once(scale):
    found = krylov_schur(operator(scale * np.eye(SIZE)), start(), 3, ("LR", "SR"))
    np.testing.assert_allclose(found.eigenvalues, scale, atol=1e-14)
    assert found.converged.all()


def test_a_pair_that_the_number_divides_gives_its_upper_half():
    turning = np.kron(np.diag(np.arange(1, SIZE // 2 + 1)), [[0, -1], [1, 0]])
    found = krylov_schur(operator(turning), start(), 3, ("LI",))
    np.testing.assert_allclose(found.eigenvalues, [100j, -100j, 99j], rtol=1e-8, atol=1e-6)
    assert found.converged.all()


def test_what_does_not_converge_says_so():
    """A shift matrix has the single eigenvalue 0, which no Krylov method finds."""
    found = krylov_schur(operator(np.eye(SIZE, k=1)), start(), 2, ("LM",), max_products=200)
    assert not found.converged.any()
    true = np.asarray(found.vectors) @ np.eye(SIZE, k=1).T - found.eigenvalues[:, None] * np.asarray(found.vectors)
    np.testing.assert_allclose(found.residuals, np.linalg.norm(true, axis=1), rtol=1e-10)


def test_it_agrees_with_arpack_in_both_precisions():
    matrix = np.random.default_rng(1).normal(size=(SIZE, SIZE)) / np.sqrt(SIZE)
    for dtype, accuracy in ((jnp.float64, 1e-8), (jnp.float32, 1e-3)):
        map_, first = operator(matrix.astype(dtype)), start(dtype=dtype)
        ours = krylov_schur(map_, first, 2, ("LR", "SR"))
        theirs = arpack(map_, first, 2, ("LR", "SR"))
        upper = lambda values: values.real + 1j * abs(values.imag)
        np.testing.assert_allclose(upper(ours.eigenvalues), upper(theirs.eigenvalues), rtol=accuracy)
        assert ours.converged.all()
        assert ours.residuals.max() < 2.2 * default_tolerance(dtype)


def test_the_basis_of_a_long_vector_grows_when_it_must(monkeypatch):
    map_ = operator(hidden(0.5 * np.eye(1)))
    expected = krylov_schur(map_, start(), 2, ("LR", "SR"))
    monkeypatch.setattr(arnoldi, "LONG", SIZE)
    found = krylov_schur(map_, start(), 2, ("LR", "SR"))
    np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, rtol=1e-9)
    assert found.converged.all()


def products(monkeypatch, growth):
    """Count the products of a search in which the residual decreases steadily."""
    count, expand = 0, arnoldi._expand_in_place

    def counting(operator, basis, begin, end):
        nonlocal count
        count += end - begin
        return expand(operator, basis, begin, end)

    monkeypatch.setattr(arnoldi, "_expand_in_place", counting)
    monkeypatch.setattr(arnoldi, "GROWTH", growth)
    assert krylov_schur(operator(hidden(0.5 * np.eye(1))), start(), 1, ("LR",)).converged.all()
    return count


def test_it_looks_at_the_basis_again_when_it_should_be_done(monkeypatch):
    found = products(monkeypatch, growth=8)
    needed = products(monkeypatch, growth=1)
    assert needed <= found <= needed + 2
