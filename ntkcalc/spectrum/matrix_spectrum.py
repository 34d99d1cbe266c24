r"""The spectrum of the kernel matrix K = Θ(XXᵀ)/n of data, beside that of XXᵀ and upper bounds.

:math:`λ_p/λ_1 ≤ \mathrm{eff}(K)/p`, and Lemma C.20: the part of K below degree m has rank at most D_m, so that

.. math::  λ_p \;≤\; \frac{‖G^{∘m}‖}{n} \sum_{j ≥ m} c_j \quad (p > D_m), \qquad ‖G^{∘m}‖ ≤ ‖G‖ \quad (m ≥ 1).

On rows of unit norm and rank r, monomials of degree e span those of degree e − 2, e − 4, … too: D_m is the sum of
:math:`\binom{r+e-1}{r-1}` over the largest even and the largest odd degree e < m with c_e > 0.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from math import comb
from typing import Any

import numpy as np

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Given, Kernel, kernel_facts
from ntkcalc.kernel.kernel_matrix import KernelMatrix, kernel_matrix
from ntkcalc.kernel.points import Points, data_facts, unit_rows
from ntkcalc.numerics.blas_threads import blas_threads
from ntkcalc.numerics.known_digits import figures, known_digits, rounded_up
from ntkcalc.numerics.krylov import GOAL, LEAST_VECTORS, BlockKrylov, Product, block_shape, room, space_bytes
from ntkcalc.numerics.precision import decimal, python_integers, whole
from ntkcalc.numerics.tasks import HERE, Tasks
from ntkcalc.numerics.types import Array, Observer, stage
from ntkcalc.series.coefficients import kappa_and_tails
from ntkcalc.spectrum.results import MatrixEigenvalue, MatrixSpectrum

MOST_DENSE = 12_000
"""Rows up to which all eigenvalues are computed."""

DIFFERENT_NORMS = "rows of different norms: theorems on the sphere are silent"
"""Why bounds are unknown."""

_FEW = 500  # rows up to which all eigenvalues cost no more than some
_SHARE = 8  # of all eigenvalues: where more than one in so many are wanted, all cost no more
_DEGREES = 512  # most degrees at which the series is cut for Lemma C.20
_NARROWEST = 8  # vectors in a block
_ROUNDING = 4e-16  # of an eigenvalue solver, over λ_1 √n


@python_integers
def matrix_spectrum(
    x: Any,
    *,
    act: str,
    depth: int = 2,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    top: int | None = None,
    digits: int = 12,
    normalize: bool = True,
    memory: int = 1 << 30,
) -> MatrixSpectrum:
    """Return the eigenvalues of Θ_l(XXᵀ)/n for data X.

    Parameters
    ----------
    x : points, shape (n, d)
    act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : the kernel: see `ntk_coefficients`
    top : how many of the largest; None for all
    digits : most digits of a number; fewer are given where fewer are known
    normalize : scale rows to unit norm; otherwise they are taken with their norms: see `ntk_matrix`
    memory : bytes that the matrix may take; a larger one is computed anew, tile by tile, in each product

    Returns
    -------
    MatrixSpectrum
        Eigenvalues beside those of XXᵀ and their bounds.

    Raises
    ------
    InputError
        For points that are no finite real matrix without zero rows, or a kernel that makes no sense.
    AccuracyError
        Where the eigenvalues asked for are not found in 25 products.

    Examples
    --------
    >>> str(matrix_spectrum([[1.0, 0.0], [0.0, 1.0]], act="linear").eigenvalues[0].normalized)
    '1'
    """
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    whole(digits, "digits", 1)
    if whole(memory, "memory") < 0:
        raise InputError(f"memory must not be negative, got {memory}")
    return data_spectrum(found, unit_rows(x, "x", normalize), top, digits, memory=memory)


@dataclass(frozen=True)
class Eigenvalues:
    """Eigenvalues of K, largest first, with bounds on their errors, and the products with K that they took."""

    values: Array
    errors: Array
    passes: int

    def share(self, p: int, digits: int) -> Decimal | None:
        """Return λ_p/λ_1, None where λ_p is a rounding error."""
        if p == 1:
            return Decimal(1)
        largest, value, error = (float(x) for x in (self.values[0], self.values[p - 1], self.errors[p - 1]))
        return known_digits(value / largest, 2 * error / largest, digits) if value > error else None


def data_spectrum(
    kernel: Kernel,
    points: Points,
    top: int | None,
    digits: int,
    strict: bool = False,
    memory: int = 1 << 30,
    observer: Observer | None = None,
    tasks: Tasks = HERE,
) -> MatrixSpectrum:
    """Return the spectrum of a kernel on data (see `matrix_spectrum`); with `strict`, fewer digits are an error."""
    start = time.perf_counter()
    matrix = kernel_matrix(kernel, points)
    found = matrix_eigenvalues(matrix, top, memory, observer, tasks)
    stage(observer, "singular values of the points")
    n = len(points.rows)
    largest, error = float(found.values[0]), found.errors
    least = min(figures(v, e) for v, e in zip(found.values, error, strict=True))
    if strict and least < digits:
        raise AccuracyError(
            f"eigenvalues of a matrix of data are known to some 1e-15 of the largest, which leaves the least {least} "
            f"of {digits} digits; lower --digits or --top"
        )
    gram, effective, tails = points.gram, matrix.trace / n / largest, None
    if matrix.uniform is not None:
        rank = min(points.rows.shape) if gram.rank is None else gram.rank
        tails = tail_bounds(matrix.uniform, n, rank, gram.effective_rank, len(found.values))
    rows = []
    for p, (value, bad) in enumerate(zip(found.values, error, strict=True), 1):
        seen = value > bad
        rows.append(
            MatrixEigenvalue(
                p,
                known_digits(value, bad, digits) if seen else None,
                found.share(p, digits),
                gram.share(p, digits),
                share_bound(effective / p, digits),
                None if tails is None else share_bound(tails.at(p) / largest, digits),
                bool(seen),
            )
        )
    return MatrixSpectrum(
        kernel_facts(kernel, digits),
        data_facts(points),
        digits,
        tuple(rows),
        known_digits(effective, effective * error[0] / largest, digits),
        known_digits(gram.effective_rank, 1e-13 * gram.effective_rank, digits),
        rounded_up(float(error.max()) / largest),
        found.passes,
        time.perf_counter() - start,
        None if tails is not None else DIFFERENT_NORMS,
    )


def kernel_eigenvalues(
    kernel: Kernel, points: Points, top: int | None, memory: int, observer: Observer | None
) -> Eigenvalues:
    """Return the largest eigenvalues of K = Θ(XXᵀ)/n: see `matrix_eigenvalues`."""
    return matrix_eigenvalues(kernel_matrix(kernel, points), top, memory, observer)


def matrix_eigenvalues(
    matrix: KernelMatrix, top: int | None, memory: int, observer: Observer | None, tasks: Tasks = HERE
) -> Eigenvalues:
    """Return the largest eigenvalues of a kernel matrix over n; all of them, by LAPACK, where `top` is None.

    Some come from a block Krylov method, whose vectors take `memory` bytes at most, or 64 MB; where the matrix does not
    fit beside them, it is computed anew in each product.
    """
    n = matrix.shape[0]
    if top is not None:
        whole(top, "top", 1)
    if top is None and (8 * n * n > memory or n > MOST_DENSE):
        limit = min(MOST_DENSE, math.isqrt(memory // 8))
        raise InputError(f"all eigenvalues of {n} points are too many (at most {limit}): give --top N or more --memory")
    wanted, left = min(top or n, n), memory - 8 * n * n
    if left >= 0 and (_all_at_once(n, top) or _Space.of(n, wanted, left, stored=True)):
        stored = np.empty((n, n))
        matrix.fill(stored, observer, tasks)
        stored /= n
        stage(observer, "eigenvalues")
        found = array_eigenvalues(stored, top, left)
    else:
        space = _Space.of(n, wanted, max(memory, LEAST_VECTORS), stored=False)
        if space is None:
            needed = -(-_Space.least(n, wanted) >> 20)
            what = f"the vectors of the {top} largest eigenvalues of {n} points"
            raise InputError(f"{what} take {needed}M: give --memory {needed}M or a smaller --top")
        with blas_threads(n):
            found = _largest(
                lambda v: matrix.product(v, stage(observer, "products with K"), tasks) / n, n, wanted, space
            )
    entries = matrix.entry_error  # what errors of entries can do to an eigenvalue
    return replace(found, errors=found.errors + entries)


def _all_at_once(n: int, top: int | None) -> bool:
    """Return whether all eigenvalues of a matrix that is there cost no more than some."""
    return top is None or n <= _FEW or _SHARE * top > n


def array_eigenvalues(matrix: Array, top: int | None, memory: int | None = None) -> Eigenvalues:
    """Return the largest eigenvalues of a symmetric array, or all of them.

    With less memory than its copy takes, in bytes, the array is overwritten.
    """
    n = len(matrix)
    space = None if _all_at_once(n, top) else _Space.of(n, top or n, 1 << 62 if memory is None else memory, stored=True)
    with blas_threads(n):
        if space is None:
            values = np.maximum(_all_eigenvalues(matrix, memory)[::-1], 0)[:top]
            found = Eigenvalues(values, np.zeros(len(values)), 0)
        else:
            found = _largest(lambda v: np.asarray(matrix @ v), n, top or n, space)
    return replace(found, errors=found.errors + _ROUNDING * n**0.5 * found.values[0])


def _all_eigenvalues(matrix: Array, memory: int | None) -> Array:
    """Return the eigenvalues of a symmetric array, smallest first, by LAPACK.

    NumPy works on a copy and releases the interpreter lock, so that Ctrl-C works at once; SciPy works in place.
    Subsets save little: without vectors nearly all of the time goes into the tridiagonal form.
    """
    if memory is None or matrix.nbytes <= memory:
        return np.asarray(np.linalg.eigvalsh(matrix))
    from scipy.linalg import eigvalsh

    return np.asarray(eigvalsh(matrix.T, overwrite_a=True, check_finite=False))


@dataclass(frozen=True)
class _Space:
    """How a block Krylov space is to be built: vectors in a block and in all, passes between checks and in all."""

    width: int
    room: int
    rounds: int
    most: int

    @classmethod
    def of(cls, n: int, top: int, memory: int, stored: bool) -> _Space | None:
        """Return the space with the widest blocks that bytes allow, None where none does."""
        first, rounds, most = block_shape(stored)
        first = width = first if stored else max(first, top + top // 4)
        while width >= min(first, _NARROWEST):
            vectors = min(room(n, memory, width), 4 * top + 40 * width)
            if vectors >= min(n, top + 3 * width):
                return cls(width, vectors, rounds, 2 * most * -(-first // width))
            width = width // 2
        return None

    @staticmethod
    def least(n: int, top: int) -> int:
        """Return the bytes that the narrowest blocks need."""
        return space_bytes(n, top + 4 * _NARROWEST, _NARROWEST)


def _largest(product: Product, n: int, top: int, shape: _Space) -> Eigenvalues:
    """Return the `top` largest eigenvalues by a block Krylov method.

    They are accepted once new random directions give the same ones: an eigenvalue's multiplicity may exceed the block.
    """
    space = BlockKrylov(product, n, shape.width, shape.room, top)
    space.grow(3)
    before: Array = np.zeros(0)
    while space.passes < shape.most:
        found = space.ritz(top)
        if len(found.values) == top and found.converged:
            same = len(before) > 0 and np.abs(found.values - before).max() <= 4 * GOAL * before[0]
            if same or space.full:
                return Eigenvalues(np.maximum(found.values, 0), found.errors, space.passes)
            before = found.values
        if space.complete or len(before):
            space.refresh()
            space.grow(3)
        else:
            space.grow(shape.rounds)
    raise AccuracyError(f"the {top} largest eigenvalues were not found in {shape.most} products; lower --top")


@dataclass(frozen=True)
class TailBounds:
    """Lemma C.20: the ranks D_0 = 0 < D_1 < … and for each an upper bound on λ_p, p > D_m."""

    ranks: Sequence[int]
    bounds: Sequence[float]

    def at(self, p: int) -> float:
        """Return the least bound on λ_p: that of the largest D_m < p."""
        return self.bounds[bisect_left(self.ranks, p) - 1]


def tail_bounds(kernel: Kernel, n: int, rank: int, gram: float, most: int | None = None) -> TailBounds:
    """Return the bounds of Lemma C.20 on λ_p, p ≤ most, for n points of a rank, with ‖G‖ = n/eff(XXᵀ)."""
    most = n if most is None else min(n, most)
    degrees = next((e + 1 for e in range(_DEGREES) if comb(rank + e - 1, rank - 1) >= most), _DEGREES)
    while True:
        found, complete = _tail_bounds(kernel, most, rank, gram, degrees)
        if complete or degrees == _DEGREES:
            return found
        degrees = min(4 * degrees, _DEGREES)  # coefficients of one parity vanish, or many do


def _tail_bounds(kernel: Kernel, most: int, rank: int, gram: float, degrees: int) -> tuple[TailBounds, bool]:
    """Return the bounds from the coefficients up to a degree, and whether more would change nothing."""
    c, tails = kappa_and_tails(kernel, degrees, 64)
    ranks, bounds = [0], [float(kernel.total(64))]
    dimension = [0, 0]
    for e, tail in enumerate(tails):
        if not c[e]:
            continue
        dimension[e % 2] = comb(rank + e - 1, rank - 1)
        if sum(dimension) >= most:
            return TailBounds(ranks, bounds), True
        if sum(dimension) > ranks[-1]:
            ranks.append(sum(dimension))
            bounds.append(0.0)
        bounds[-1] = float(tail) / gram * (1 + 1e-12)
    return TailBounds(ranks, bounds), not tails[-1]


def share_bound(value: float, digits: int) -> Decimal:
    """Return a bound on λ_p/λ_1, rounded up; λ_p/λ_1 is at most 1."""
    return decimal(min(1.0, float(value) * (1 + 1e-12)), digits, ROUND_CEILING)
