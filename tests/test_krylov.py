"""Block Krylov spaces: eigenvalues of matrices that only multiply, within a bound on the memory of their vectors."""

import tracemalloc

import numpy as np
import pytest

from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import isotropic_points
from ntkcalc.numerics.krylov import BlockKrylov, room, space_bytes
from ntkcalc.numerics.types import Array
from ntkcalc.spectrum.effective_rank import _space as planned_space
from ntkcalc.spectrum.effective_rank import effective_ranks
from ntkcalc.spectrum.matrix_spectrum import matrix_spectrum


def decaying(n: int) -> Array:
    """Eigenvalues that fall like 1/p, each of the first eight twice."""
    values = 1 / np.arange(1.0, n + 1)
    values[8:16] = values[:8]
    return np.sort(values)[::-1]


@pytest.mark.parametrize(("wanted", "width", "space"), [(1, 2, 7), (5, 4, 17), (20, 8, 44), (20, 8, 400)])
def test_restarted_spaces_find_the_same_eigenvalues_within_their_errors(wanted: int, width: int, space: int) -> None:
    values = decaying(400)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((400, 400)))[0]
    matrix = turn * values @ turn.T
    krylov = BlockKrylov(lambda v: matrix @ v, 400, width, space, wanted)
    for _ in range(120):
        krylov.grow()
        assert krylov.basis.shape[1] <= max(space, wanted + 3 * width)
        if krylov.passes > 3 and (found := krylov.ritz(wanted)).converged:
            break
    assert np.allclose(krylov.basis.T @ krylov.basis, np.eye(krylov.basis.shape[1]), atol=1e-12)
    assert (np.abs(found.values - values[:wanted]) <= found.errors + 1e-13).all()


def test_a_space_takes_the_memory_that_is_said() -> None:
    values, n = decaying(8000), 8000
    vectors = room(n, 1 << 23, 8)
    assert space_bytes(n, vectors, 8) <= 1 << 23 < space_bytes(n, vectors + 1, 8)
    tracemalloc.start()
    krylov = BlockKrylov(lambda v: values[:, None] * v, n, 8, vectors, 40)
    while krylov.passes < 25:
        krylov.grow()
        krylov.ritz(40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 1 << 23


def test_less_memory_gives_the_same_spectrum() -> None:
    x = isotropic_points(400, 12, 3).rows
    plenty, little = (matrix_spectrum(x, act="relu", top=30, memory=memory) for memory in (1 << 30, 0))
    for a, b in zip(plenty.eigenvalues, little.eigenvalues, strict=True):
        assert float(a.eigenvalue or 0) == pytest.approx(float(b.eigenvalue or 0), abs=1e-13)
    whole, in_place = (matrix_spectrum(x, act="tanh", memory=memory) for memory in (1 << 30, 9 * 400**2))
    assert [e.eigenvalue for e in whole.eigenvalues[:20]] == [e.eigenvalue for e in in_place.eigenvalues[:20]]


@pytest.mark.parametrize("n", [1500, 5000, 11_000, 20_000, 100_000])
@pytest.mark.parametrize("beside", [0, 1 << 26, 1 << 27])
def test_spaces_of_effective_ranks_have_room_for_all_their_passes(n: int, beside: int) -> None:
    # one that was restarted does not hold (1, …, 1), and serves K − c 11ᵀ alone
    for memory in (8 * n * n + beside, (1 << 27) + beside):
        width, vectors, rounds, most = planned_space(n, memory)
        assert vectors == n or most % rounds == 0
        assert width * most <= vectors or vectors == n


def test_what_memory_does_not_hold_is_refused_before_the_work_with_what_it_needs() -> None:
    many = isotropic_points(300_000, 2, 0)
    with pytest.raises(InputError, match=r"vectors of the 3000 largest .* take \d+M: give --memory \d+M"):
        matrix_spectrum(many.rows, act="relu", top=3000, memory=100 << 20)
    with pytest.raises(InputError, match=r"vectors of 300000 points take \d+M: give --memory \d+M"):
        effective_ranks(Kernel.of("relu"), many, memory=100 << 20)
