"""Effective ranks eff(A) = Tr A/λ_1(A) (section 4.1): of any matrix, and of the kernel matrix of data."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING
from fractions import Fraction
from typing import Any

import numpy as np

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Kernel, kernel_facts
from ntkcalc.kernel.kernel_matrix import KernelMatrix, kernel_matrix
from ntkcalc.kernel.points import Points, data_facts, real_array
from ntkcalc.numerics.blas_threads import blas_threads
from ntkcalc.numerics.known_digits import rounded_up
from ntkcalc.numerics.krylov import (
    GOAL,
    LEAST_VECTORS,
    MOST_PASSES,
    BlockKrylov,
    Ritz,
    block_shape,
    largest_eigenvalue,
    room,
    space_bytes,
)
from ntkcalc.numerics.precision import decimal
from ntkcalc.numerics.tasks import HERE, Tasks
from ntkcalc.numerics.types import Array, Observer, stage
from ntkcalc.series.coefficients import kappa_and_tails
from ntkcalc.spectrum.matrix_spectrum import DIFFERENT_NORMS
from ntkcalc.spectrum.rank_bounds import kernel_bounds
from ntkcalc.spectrum.results import EffectiveRanks, EigenvalueCount, RankBounds

_DENSE = 1200  # rows up to which all eigenvalues are computed by LAPACK
_NARROWEST = 2  # vectors in a block: the constant and a random one
_NOTHING = 0.3  # relative error that leaves no digit
_FLOAT = 1e-14  # of float64 sums, relative: the least error that is claimed


def effective_rank(a: Any, trace: float | None = None) -> float:
    """Return Tr A/λ_1(A) of a symmetric positive semidefinite matrix.

    Parameters
    ----------
    a
        An array of shape (n, n), or anything with `shape` and `@` for blocks of vectors, such as a
        `scipy.sparse.linalg.LinearOperator`.
    trace : tr A, where `a` is no array

    Returns
    -------
    float
        Between 1 and n, relative error of about 1e-12.

    Raises
    ------
    InputError
        For a matrix that is not square or whose trace is not positive.
    AccuracyError
        Where 25 products do not find λ_1.

    Examples
    --------
    >>> effective_rank(np.eye(3))
    3.0
    """
    if not hasattr(a, "shape"):
        a = real_array(a, "a")
    if len(a.shape) != 2 or a.shape[0] != a.shape[1]:
        raise InputError(f"a square matrix is needed, got shape {a.shape}")
    if trace is None and not isinstance(a, np.ndarray):
        raise InputError("the trace of an operator must be given")
    total = float(np.trace(a)) if trace is None else float(trace)
    if not total > 0:
        raise InputError(f"a positive semidefinite matrix other than 0 is needed, got trace {total:g}")
    if isinstance(a, np.ndarray) and len(a) <= _DENSE:
        return float(total / np.linalg.eigvalsh(a)[-1])
    top = largest_eigenvalue(lambda v: a @ v, a.shape[0], 32, MOST_PASSES)
    if not top.converged:
        raise AccuracyError(f"the largest eigenvalue was not found in {MOST_PASSES} products")
    return total / float(top.values[0])


@dataclass(frozen=True)
class _Spectra:
    """Largest eigenvalues of nK and of nK̃; `complete` if those of nK are all there are."""

    kernel: Ritz
    centered: Ritz
    complete: bool
    passes: int

    def settled(self, epsilon: float) -> bool:
        """Whether all eigenvalues ≥ ε λ_1 are told from the others."""
        values, errors = self.kernel.values, self.kernel.errors
        limit = epsilon * values[0]
        if self.complete:
            return True
        if values[-1] >= limit:
            return False
        near = slice(0, int((values >= limit).sum()) + 1)
        return bool((errors[near] < np.abs(values[near] - limit) * 0.5).all())

    def count(self, epsilon: Fraction, effective: float, digits: int) -> EigenvalueCount:
        """Return the number of eigenvalues ≥ ε λ_1, beside its bound eff(K)/ε."""
        values = self.kernel.values
        count = int((values >= float(epsilon) * values[0]).sum()) if self.settled(float(epsilon)) else None
        bound = decimal(Fraction(effective) / epsilon, digits, ROUND_CEILING)
        return EigenvalueCount(decimal(epsilon, 30).normalize(), count, bound)


def effective_ranks(
    kernel: Kernel,
    points: Points,
    epsilons: Sequence[Fraction] = (),
    digits: int = 10,
    strict: bool = False,
    memory: int = 1 << 30,
    observer: Observer | None = None,
    tasks: Tasks = HERE,
) -> EffectiveRanks:
    """Measure effective ranks (section 4.1) of the kernel matrix of data, beside the bounds of Theorems 4.1 and 4.3.

    For each ε the eigenvalues ≥ ε λ_1 are counted. With `strict`, fewer digits are an error. A matrix of more than
    `memory` bytes is computed anew, tile by tile, in each product; the observer is told the tiles done of each.
    Traces are known exactly. Both λ_1(K) and λ_1(K̃) come from one Krylov space whose start contains (1, …, 1).
    """
    start = time.perf_counter()
    stage(observer, "singular values of the points")
    n, gram, matrix = len(points.rows), points.gram.effective_rank, kernel_matrix(kernel, points)
    bounds, rest = RankBounds(kernel_facts(kernel, digits), digits, None, None, None, None), 0.0
    if matrix.uniform is not None:
        bounds = replace(kernel_bounds(matrix.uniform, digits), kernel=bounds.kernel)
        (origin,), tails = kappa_and_tails(matrix.uniform, 0, 64)
        matrix.offset, rest = float(origin), float(tails[0])
    with blas_threads(n):
        spectra = _spectra(matrix, [float(e) for e in epsilons], memory, observer, tasks)
    entries = n * matrix.entry_error  # what errors of entries can do to an eigenvalue
    largest, centered = spectra.kernel.values[0], spectra.centered.values[0]
    errors, lost = [_FLOAT, max((spectra.kernel.errors[0] + entries) / largest, _FLOAT)], False
    if rest > 0:
        error = max((spectra.centered.errors[0] + entries) / centered, _FLOAT) if centered > 0 else math.inf
        lost = error > _NOTHING  # K is constant as far as float64 can see
        errors += [] if lost else [error]
    known = [max(1, math.floor(-math.log10(error))) for error in errors]
    if strict and (lost or min(known) < digits):
        raise AccuracyError(
            f"effective ranks of this data are known to {0 if lost else min(known)} of {digits} digits; lower --digits"
        )
    shown = [min(k, digits) for k in known]
    measured, ratio = matrix.trace / float(largest), bounds.centered_ratio
    return EffectiveRanks(
        bounds,
        decimal(float(gram), shown[0]),
        decimal(float(measured), shown[1]),
        decimal(n * rest / float(centered), shown[2]) if len(shown) > 2 else None,
        None if ratio is None else decimal(Fraction(gram * (1 + _FLOAT)) * Fraction(ratio), shown[0], ROUND_CEILING),
        rounded_up(max(errors)),
        data_facts(points),
        tuple(spectra.count(epsilon, measured, shown[1]) for epsilon in epsilons),
        spectra.passes,
        time.perf_counter() - start,
        silent=None if matrix.uniform is not None else DIFFERENT_NORMS,
    )


def _space(n: int, memory: int) -> tuple[int, int, int, int]:
    """Return the vectors in a block and in a space that is never restarted, passes between checks and most passes."""
    width, rounds, most = block_shape(8 * n * n <= memory)
    left = max(memory - 8 * n * n if 8 * n * n <= memory else memory, LEAST_VECTORS)
    while (vectors := room(n, left, width)) < min(n, MOST_PASSES * width) and width > _NARROWEST:
        width //= 2
    if vectors < min(n, MOST_PASSES * width):
        needed = -(-space_bytes(n, MOST_PASSES * width + width, width) >> 20)
        raise InputError(f"the vectors of {n} points take {needed}M: give --memory {needed}M, or take fewer points")
    within = vectors // width // rounds * rounds  # passes come in rounds, and one too many would restart the space
    return width, vectors, rounds, most if vectors == n else min(most, within)


def _spectra(
    matrix: KernelMatrix, epsilons: Sequence[float], memory: int, observer: Observer | None, tasks: Tasks
) -> _Spectra:
    """Find the largest eigenvalues of the kernel matrix and of the centred one, which `matrix` is."""
    n, constant = matrix.shape[0], matrix.offset
    width, vectors, rounds, most = _space(n, memory)
    stored = np.empty((n, n)) if 8 * n * n <= memory else None
    if stored is not None:
        matrix.fill(stored, observer, tasks)
        stage(observer, "eigenvalues")
    if stored is not None and n <= _DENSE:
        centered = np.maximum(np.linalg.eigvalsh(stored)[-1:], 0)
        values = np.asarray(np.linalg.eigvalsh(stored + constant)[::-1], dtype=np.float64)
        return _Spectra(
            Ritz(values, np.full(n, 1e-15 * values[0])), Ritz(centered, 1e-15 * centered), complete=True, passes=1
        )

    def product(v: Array) -> Array:
        if stored is not None:
            return np.asarray(stored @ v)
        return matrix.product(v, stage(observer, "products with K"), tasks)

    space = BlockKrylov(product, n, width, vectors)
    while True:
        space.grow(rounds)
        last, low = space.complete or space.passes >= most, space.ritz(2)
        if not last and low.errors[0] > GOAL * low.values[0]:
            continue
        top = space.ritz(len(space.projected) if epsilons else 2, constant)
        found = _Spectra(top, low, space.complete, space.passes)
        if last or (top.errors[0] <= GOAL * top.values[0] and all(found.settled(e) for e in epsilons)):
            return found
