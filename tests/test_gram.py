"""The Gram spectrum: its routes agree, with NumPy and with each other."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from ntkcalc.errors import InputError
from ntkcalc.kernel import gram
from ntkcalc.kernel.gram import GramSpectrum
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import KernelMatrix
from ntkcalc.kernel.points import isotropic_points, unit_rows

SETS = [
    isotropic_points(30, 7, 0).rows,
    isotropic_points(7, 30, 1).rows,
    unit_rows(isotropic_points(20, 3, 2).rows @ isotropic_points(3, 9, 3).rows, "").rows,
    np.ones((5, 4)) / 2,
]


@pytest.mark.parametrize("x", SETS)
def test_eigenvalues_are_those_of_the_gram_matrix(x: np.ndarray) -> None:
    found, values = GramSpectrum.of(x), np.linalg.eigvalsh(x @ x.T)[::-1]
    assert found.rank == np.linalg.matrix_rank(x)
    assert found.effective_rank == pytest.approx(len(x) / values[0], rel=1e-13)
    shares = [found.share(p, 15) for p in range(1, len(x) + 1)]
    assert [float(s or 0) for s in shares] == pytest.approx(values / values[0], abs=1e-12)  # printed digits end there
    assert set(shares[min(x.shape) :]) <= {0}


@pytest.mark.parametrize("shape", [(900, 3), (3, 900), (901, 1), (64, 8)])
def test_long_matrices_are_decomposed_some_rows_at_a_time(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gram, "_ROWS", 100)
    x = isotropic_points(*shape, seed=4).rows
    sizes = GramSpectrum.of(x).singular_values
    assert sizes == pytest.approx(np.linalg.svd(x, compute_uv=False), rel=1e-14)


def test_points_and_their_spectrum_take_little_more_memory_than_the_points() -> None:
    tracemalloc.start()
    try:
        points = isotropic_points(24, 250_000, 0)
        size, drawing = points.rows.nbytes, tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        GramSpectrum.of(points.rows)
        decomposing = tracemalloc.get_traced_memory()[1] - size
        tracemalloc.reset_peak()
        many = np.zeros((100_000, 1))
        next(KernelMatrix(kernel_lookup(Kernel.of("linear", 2)), many).tiles())
        starting = tracemalloc.get_traced_memory()[1] - size - many.nbytes
    finally:
        tracemalloc.stop()
    assert drawing < 1.9 * size
    assert decomposing < 0.9 * size
    assert starting < 1 << 23  # of 300,000 tiles


@pytest.mark.parametrize("x", SETS)
@pytest.mark.parametrize("dense", [4800, 0])
def test_without_a_decomposition_the_largest_eigenvalue_is_the_same(
    x: np.ndarray, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = GramSpectrum.of(x).largest
    monkeypatch.setattr(gram, "_MOST_WORK", 0)
    monkeypatch.setattr(gram, "_DENSE", dense)
    found = GramSpectrum.of(x)
    assert found.largest == pytest.approx(expected, rel=1e-12)
    assert found.rank is None
    assert found.share(1, 5) is None


def test_a_data_set_is_decomposed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    points = isotropic_points(4, 3, 0)
    first = points.gram
    monkeypatch.setattr(GramSpectrum, "of", None)
    assert points.gram is first


def test_points_that_are_all_zero_are_refused() -> None:
    with pytest.raises(InputError, match="all points are zero"):
        GramSpectrum.of(np.zeros((3, 2)))
