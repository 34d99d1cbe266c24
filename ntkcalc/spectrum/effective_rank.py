r"""Effective ranks eff(A) = Tr A/λ_1(A): the bounds of Theorems 4.1 and 4.3, and measurements on data.

With K = Θ(XXᵀ)/n = Σ_p c_p G^{∘p}/n, G = XXᵀ of unit diagonal, all G^{∘p} are positive semidefinite with
trace n. So :math:`λ_1(K) ≥ c_0`, whence eff(K) ≤ S_l/c_0 (Theorem 4.1). Without the constant term, and with q the
first other power that there is, :math:`λ_1(\tilde K) ≥ c_q λ_1(G^{∘q})/n`, whence

.. math::  \mathrm{eff}(\tilde K) ≤ \mathrm{eff}(G^{∘q}) \sum_{p ≥ q} c_p / c_q ,

which is Theorem 4.3 for q = 1 and still holds where it is silent.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from itertools import accumulate
from typing import Any

import numpy as np

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Kernel, kernel_facts
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import KernelMatrix
from ntkcalc.kernel.matrix_summary import data_facts
from ntkcalc.kernel.points import Points, real_array
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.numerics.known_digits import rounded_up
from ntkcalc.numerics.precision import Real, bits_for, context, decimal, real, whole
from ntkcalc.numerics.types import Array, Observer
from ntkcalc.series.coefficients import MOST_DIGITS, kappa_and_tails, kappa_by_depth
from ntkcalc.series.given_series import GivenSeries
from ntkcalc.spectrum.krylov import BlockKrylov
from ntkcalc.spectrum.results import EffectiveRanks, EigenvalueCount, RankBounds

MOST_PASSES = 25
_FIRST, _SEARCHED = 8, 64  # powers among which c_q is looked for
_DENSE = 1200  # rows up to which all eigenvalues are cheap
_GOAL = 1e-13  # relative error of λ_1 that ends the search
_NOTHING = 0.3  # relative error that leaves no digit
_FLOAT = 1e-14  # of float64 sums, relative: the least error that is claimed


def effective_rank_bounds(
    act: str,
    depth: int = 2,
    *,
    sigma_w2: str | float | Fraction = 1,
    gamma_b2: str | float | Fraction = 0,
    digits: int = 12,
) -> RankBounds:
    """Return the bounds of Theorems 4.1 and 4.3 of a kernel.

    Parameters
    ----------
    act
        Activation such as ``"tanh"``.
    depth
        l ≥ 1, layers including the linear output.
    sigma_w2
        σ_w² in (0, 1/E[φ²]], or ``"max"``.
    gamma_b2
        γ_b² in [0, 1].
    digits
        Significant digits, rounded up.

    Returns
    -------
    RankBounds
        With None where a theorem does not apply.

    Raises
    ------
    InputError
        For a kernel that makes no sense.

    References
    ----------
    Characterizing the Spectrum of the NTK via a Power Series Expansion (ICLR 2023), Theorems 4.1, 4.3.

    Examples
    --------
    For two layers of relu eff(K) ≤ 3π/(π + 1), whatever the data:

    >>> str(effective_rank_bounds("relu", digits=6).bound)
    '2.27565'
    """
    return kernel_bounds(Kernel.of(act, depth, sigma_w2, gamma_b2).checked(), digits)


def kernel_bounds(kernel: Kernel, digits: int) -> RankBounds:
    """Return the bounds of a kernel: see `effective_rank_bounds`."""
    return bounds_by_depth(kernel, [kernel.depth], digits)[0]


def bounds_by_depth(kernel: Kernel, depths: Sequence[int], digits: int) -> list[RankBounds]:
    """Return the bounds of a kernel at several depths ≤ kernel.depth."""
    _check(digits)
    bits = bits_for(digits) + 16
    known = kappa_by_depth(kernel, depths, _FIRST, bits)
    late = [depth for depth, (c, tails) in known.items() if depth > 1 and not any(c[1:]) and tails[0]]
    if late:
        known |= kappa_by_depth(kernel.at_depth(max(late)), late, _SEARCHED, bits)
    return [series_bounds(*known[d], kernel_facts(kernel.at_depth(d), digits), digits, bits) for d in depths]


def given_bounds(given: GivenSeries, digits: int) -> RankBounds:
    """Return the bounds of a series from outside; without its tail there are none."""
    _check(digits)
    if given.tail is None:
        return RankBounds(given.kernel, digits, None, None, None, None)
    digits = given.known(digits)
    bits = bits_for(digits) + 16
    ctx = context(bits + 8)
    widest = (1 + given.error) / (1 - given.error)  # what rounding in the file can do to a ratio
    tails = [widest * tail for tail in accumulate(reversed(given.coefficients[1:]), initial=given.tail)][::-1]
    coefficients, left = ([real(ctx, c) for c in series] for series in (given.coefficients, tails))
    return series_bounds(coefficients, left, given.kernel, digits, bits)


def _check(digits: int) -> None:
    whole(digits, "digits", 1, MOST_DIGITS)


def series_bounds(
    c: Sequence[Real], tails: Sequence[Real], kernel: KernelFacts | None, digits: int, bits: int
) -> RankBounds:
    """Return the bounds of a nonnegative series.

    Parameters
    ----------
    c
        c_0 … c_T, relative errors below 2**-bits.
    tails
        What is left of the total beyond each.
    kernel
        The kernel that it is of, or None.
    digits
        Significant digits, rounded up.
    bits
        See `c`.
    """
    if len(c) == 1:
        c, tails = [*c, 0 * c[0]], [*tails, tails[0]]
    safe = 1 + c[0].context.ldexp(1, 4 - bits)

    def ratio(p: int) -> Decimal | None:
        """(Σ_{i≥p} c_i)/c_p = 1 + τ_p/c_p, rounded up."""
        if not c[p]:
            return None
        return decimal((1 + tails[p] / c[p]) * safe, digits, ROUND_CEILING) if tails[p] else Decimal(1)

    q = next((p for p, x in enumerate(c) if p and x), None)
    return RankBounds(kernel, digits, ratio(0), ratio(1), q, None if q is None else ratio(q))


def effective_rank(a: Any, trace: float | None = None) -> float:
    """Return Tr A/λ_1(A) of a symmetric positive semidefinite matrix.

    Parameters
    ----------
    a
        An array of shape (n, n), or anything with `shape` and `@` for blocks of vectors, such as a
        `scipy.sparse.linalg.LinearOperator`.
    trace
        Tr A, where `a` is no array.

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
    space = BlockKrylov(lambda v: a @ v, a.shape[0], 32)
    while True:
        space.grow()
        top = space.ritz(count=1)
        if space.complete or top.errors[0] <= _GOAL * top.values[0]:
            return total / float(top.values[0])
        if space.passes == MOST_PASSES:
            raise AccuracyError(f"the largest eigenvalue was not found in {MOST_PASSES} products")


@dataclass(frozen=True)
class _Spectra:
    """Largest eigenvalues of nK, with errors, and the largest of nK̃; `complete` if those of nK are all there are."""

    kernel: Array
    kernel_errors: Array
    centered: float
    centered_error: float
    complete: bool
    passes: int


def effective_ranks(
    kernel: Kernel,
    points: Points,
    gram: float,
    epsilons: Sequence[Fraction] = (),
    digits: int = 10,
    strict: bool = False,
    memory: int = 1 << 30,
    observer: Observer | None = None,
) -> EffectiveRanks:
    """Measure the effective ranks of the kernel matrix of data, beside their bounds.

    Parameters
    ----------
    kernel, points
        The kernel and the data.
    gram
        eff(XXᵀ), from `gram_rank`.
    epsilons
        For which ε eigenvalues ≥ ε λ_1 are counted.
    digits
        Most digits of a number.
    strict
        Whether fewer digits are an error.
    memory
        Bytes that K may take; a larger one is computed anew, tile by tile, in each product.
    observer
        Told (tiles done, tiles in all) of each product.

    Notes
    -----
    Block Krylov (`ntkcalc.spectrum.krylov`) on one space for K and K̃, whose start has (1, …, 1) in it; traces are
    known exactly.
    """
    start = time.perf_counter()
    bounds = kernel_bounds(kernel, digits)
    n = len(points.rows)
    (origin,), tails = kappa_and_tails(kernel, 0, 64)
    constant, rest, total = float(origin), float(tails[0]), float(kernel.total(64))
    matrix = KernelMatrix(kernel_lookup(kernel), points.rows, offset=constant)
    spectra = _spectra(matrix, [float(e) for e in epsilons], memory, observer)
    entries = n * matrix.table.accuracy * total  # what their errors can do to an eigenvalue
    errors = [_FLOAT, max((spectra.kernel_errors[0] + entries) / spectra.kernel[0], _FLOAT)]
    centered, lost = None, False
    if rest > 0:
        error = max((spectra.centered_error + entries) / spectra.centered, _FLOAT) if spectra.centered > 0 else math.inf
        lost = error > _NOTHING  # K is constant as far as float64 can see
        centered = None if lost else n * rest / spectra.centered
        errors += [] if lost else [error]
    known = [max(1, math.floor(-math.log10(error))) for error in errors]
    if strict and (lost or min(known) < digits):
        raise AccuracyError(
            f"effective ranks of this data are known to {0 if lost else min(known)} of {digits} digits; lower --digits"
        )
    shown = [min(k, digits) for k in known]
    measured = n * total / float(spectra.kernel[0])
    ratio = bounds.centered_ratio
    counts = [_counted(spectra, epsilon, measured, shown[1]) for epsilon in epsilons]
    return EffectiveRanks(
        bounds,
        _rounded(gram, shown[0]),
        _rounded(measured, shown[1]),
        None if centered is None else _rounded(centered, shown[2]),
        None if ratio is None else decimal(Fraction(gram * (1 + _FLOAT)) * Fraction(ratio), shown[0], ROUND_CEILING),
        rounded_up(max(errors)),
        data_facts(points),
        tuple(counts),
        spectra.passes,
        time.perf_counter() - start,
    )


def gram_rank(points: Points) -> float:
    """Return eff(XXᵀ) = n/λ_1(XᵀX)."""
    x = points.rows
    n, d = x.shape
    if min(n, d) <= 4 * _DENSE:
        small = x.T @ x if d <= n else x @ x.T
        return float(n / np.linalg.eigvalsh(small)[-1])

    def product(v: Array) -> Array:
        return np.asarray(x @ (x.T @ v))

    space = BlockKrylov(product, n, 16)
    while True:
        space.grow()
        top = space.ritz(count=1)
        if space.complete or top.errors[0] <= _GOAL * top.values[0] or space.passes == 4 * MOST_PASSES:
            return float(n / top.values[0])


def _spectra(matrix: KernelMatrix, epsilons: Sequence[float], memory: int, observer: Observer | None) -> _Spectra:
    """Find the largest eigenvalues of the kernel matrix and of the centred one, which `matrix` is."""
    n, constant = matrix.shape[0], matrix.offset
    held = None
    if 8 * n * n <= memory:
        held = np.empty((n, n))
        matrix.fill(held, observer)
    if held is not None and n <= _DENSE:
        centered = max(0.0, float(np.linalg.eigvalsh(held)[-1]))
        values = np.asarray(np.linalg.eigvalsh(held + constant)[::-1], dtype=np.float64)
        return _Spectra(values, np.full(n, 1e-15 * values[0]), centered, 1e-15 * centered, True, 1)

    def product(v: Array) -> Array:
        return matrix.product(v, observer) if held is None else np.asarray(held @ v)

    # a pass over a matrix that is held costs little: narrow blocks then find the same with fewer vectors
    width, rounds, most = (64, 1, MOST_PASSES) if held is None else (16, 3, 6 * MOST_PASSES)
    space = BlockKrylov(product, n, width)
    while True:
        space.grow(rounds)
        last = space.complete or space.passes >= most
        low = space.ritz(2)
        if not last and low.errors[0] > _GOAL * low.values[0]:
            continue
        top = space.ritz(len(space.projected) if epsilons else 2, constant)
        settled = all(_settled(top.values, top.errors, e) for e in epsilons)
        if last or (top.errors[0] <= _GOAL * top.values[0] and settled):
            return _Spectra(
                top.values, top.errors, float(low.values[0]), float(low.errors[0]), space.complete, space.passes
            )


def _settled(values: Array, errors: Array, epsilon: float) -> bool:
    """Whether all eigenvalues ≥ ε λ_1 are told from the others."""
    limit = epsilon * values[0]
    if values[-1] >= limit:
        return False
    above = int((values >= limit).sum())
    near = slice(0, above + 1)
    return bool((errors[near] < np.abs(values[near] - limit) * 0.5).all())


def _counted(spectra: _Spectra, epsilon: Fraction, effective: float, digits: int) -> EigenvalueCount:
    """Count the eigenvalues ≥ ε λ_1."""
    limit = float(epsilon) * spectra.kernel[0]
    sure = spectra.complete or _settled(spectra.kernel, spectra.kernel_errors, float(epsilon))
    count = int((spectra.kernel >= limit).sum()) if sure else None
    bound = decimal(Fraction(effective) / epsilon, digits, ROUND_CEILING)
    return EigenvalueCount(decimal(epsilon, 30).normalize(), count, bound)


def _rounded(value: float, digits: int) -> Decimal:
    return decimal(Fraction(value), digits)
