r"""The spectrum of the kernel matrix K = Θ(XXᵀ)/n of data, beside that of XXᵀ and the bounds that theory gives.

:math:`λ_p/λ_1 ≤ \mathrm{eff}(K)/p`, and Lemma C.20: the part of K below degree m has rank at most D_m, so that

.. math::  λ_p \;≤\; \frac{‖G^{∘m}‖}{n} \sum_{j ≥ m} c_j \quad (p > D_m), \qquad ‖G^{∘m}‖ ≤ ‖G‖ \quad (m ≥ 1).

On rows of unit norm and rank r, monomials of degree e span those of degree e − 2, e − 4, … too: D_m is the sum of
:math:`\binom{r+e-1}{r-1}` over the largest even and the largest odd degree e < m with c_e > 0.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from itertools import zip_longest
from math import comb
from typing import Any

import numpy as np

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Kernel, kernel_facts
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import KernelMatrix
from ntkcalc.kernel.matrix_summary import data_facts
from ntkcalc.kernel.points import Points, unit_rows
from ntkcalc.numerics.known_digits import figures, known_digits, rounded_up
from ntkcalc.numerics.precision import decimal, whole
from ntkcalc.numerics.types import Array, Observer
from ntkcalc.series.coefficients import kappa_and_tails
from ntkcalc.spectrum.effective_rank import MOST_PASSES, gram_rank
from ntkcalc.spectrum.krylov import BlockKrylov, Product
from ntkcalc.spectrum.results import (
    MatrixEigenvalue,
    MatrixSpectrum,
    SampledEigenvalue,
    SampledSpectrum,
    SphereSpectrum,
)
from ntkcalc.spectrum.sphere import Sphere, kernel_spectrum

MOST_DENSE = 12_000
"""Rows up to which all eigenvalues are computed."""

_FEW = 1500  # rows up to which all eigenvalues cost no more than some
_DEGREES = 512  # degrees at which the series is cut for Lemma C.20
_ROUNDING = 4e-16  # of an eigenvalue solver, over λ_1 √n
_GOAL = 1e-13  # errors over λ_1 at which the search for some eigenvalues ends


def matrix_spectrum(
    x: Any,
    *,
    act: str,
    depth: int = 2,
    sigma_w2: str | float | Fraction = 1,
    gamma_b2: str | float | Fraction = 0,
    top: int | None = None,
    digits: int = 12,
    normalize: bool = True,
    memory: int = 1 << 30,
) -> MatrixSpectrum:
    """Return the eigenvalues of Θ_l(XXᵀ)/n for data X on the unit sphere.

    Parameters
    ----------
    x
        Points, shape (n, d).
    act
        Activation such as ``"tanh"``.
    depth
        l ≥ 1, layers including the linear output.
    sigma_w2
        σ_w² in (0, 1/E[φ²]], or ``"max"``.
    gamma_b2
        γ_b² in [0, 1].
    top
        How many of the largest; None for all.
    digits
        Most digits of a number; fewer are given where fewer are known.
    normalize
        Scale rows to unit norm; otherwise rows of another norm are refused.
    memory
        Bytes that the matrix may take; a larger one is computed anew, tile by tile, in each product.

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
    kernel = Kernel.of(act, depth, sigma_w2, gamma_b2).checked()
    if whole(digits, "digits") < 1:
        raise InputError(f"digits must be at least 1, got {digits}")
    if whole(memory, "memory") < 0:
        raise InputError(f"memory must not be negative, got {memory}")
    return data_spectrum(kernel, unit_rows(x, "x", normalize), top, digits, memory=memory)


@dataclass(frozen=True)
class Measured:
    """Eigenvalues of K, largest first, with bounds on their errors, and the products with K that they took."""

    values: Array
    errors: Array
    passes: int


def data_spectrum(
    kernel: Kernel,
    points: Points,
    top: int | None,
    digits: int,
    strict: bool = False,
    memory: int = 1 << 30,
    observer: Observer | None = None,
) -> MatrixSpectrum:
    """Return the spectrum of a kernel on data: see `matrix_spectrum`; with `strict`, fewer digits are an error."""
    start = time.perf_counter()
    found = measured(kernel, points, top, memory, observer)
    n = len(points.rows)
    largest, error = float(found.values[0]), found.errors
    least = min(figures(v, e) for v, e in zip(found.values, error, strict=True))
    if strict and least < digits:
        raise AccuracyError(
            f"eigenvalues of a matrix of data are known to some 1e-15 of the largest, which leaves the least {least} "
            f"of {digits} digits; lower --digits or --top"
        )
    facts, gram = data_facts(points), gram_rank(points)
    shares = gram_values(points) if facts.rank is not None else None
    effective = float(kernel.total(64)) / largest
    tails = tail_bounds(kernel, n, min(n, points.rows.shape[1]) if facts.rank is None else facts.rank, gram)
    rows = []
    for p, (value, bad) in enumerate(zip(found.values, error, strict=True), 1):
        seen = value > bad
        rows.append(
            MatrixEigenvalue(
                p,
                known_digits(value, bad, digits) if seen else None,
                Decimal(1) if p == 1 else known_digits(value / largest, 2 * bad / largest, digits) if seen else None,
                None if shares is None else gram_share(shares, p, digits),
                share_bound(effective / p, digits),
                share_bound(tails.at(p) / largest, digits),
                bool(seen),
            )
        )
    return MatrixSpectrum(
        kernel_facts(kernel, digits),
        facts,
        digits,
        tuple(rows),
        known_digits(effective, effective * error[0] / largest, digits),
        known_digits(gram, 1e-13 * gram, digits),
        rounded_up(float(error.max()) / largest),
        found.passes,
        time.perf_counter() - start,
    )


def with_sample(
    kernel: Kernel, theory: SphereSpectrum, n: int, seed: int, top: int | None = None, observer: Observer | None = None
) -> SphereSpectrum:
    """Return a spectrum on the sphere with that of the matrix of n random points beside it.

    Parameters
    ----------
    kernel, theory
        The kernel and its λ_k, of the uniform measure: what λ_p(K/n) approaches, each N(d, k) times.
    n, seed
        Points, and what the generator starts from.
    top
        How many of the largest; None for all.
    observer
        Told (tiles done, tiles in all).
    """
    if not 1 <= whole(n, "sample") <= MOST_DENSE:
        raise InputError(f"sample must lie in 1 to {MOST_DENSE}, got {n}")
    if not 0 <= whole(seed, "seed") < 1 << 64:
        raise InputError(f"seed must lie in 0 to 2^64 - 1, got {seed}")
    if theory.measure != "uniform":
        raise InputError("the eigenvalues of a sampled matrix are those of --measure uniform")
    directions = np.random.default_rng(seed).standard_normal((n, theory.sphere_dim + 1))
    found = measured(kernel, unit_rows(directions, "sample"), top, 1 << 31, observer)
    pairs = zip(found.values, found.errors, strict=True)
    seen = [known_digits(value, error, theory.digits) if value > error else None for value, error in pairs]
    expected: list[Decimal] = []
    highest = theory.eigenvalues[-1].k
    # λ_{k+2} < λ_k, for w_{p,k+2}/w_{p,k} = (p−k)/(p+k+d+1): beyond K + 2 there is none larger than the last two
    wider = kernel_spectrum(kernel, Sphere(theory.sphere_dim, highest + 2), None, theory.digits).eigenvalues
    for value, k, count in sorted(((e.eigenvalue, e.k, e.multiplicity) for e in wider if e.eigenvalue), reverse=True):
        if k > highest:
            break
        expected += [value] * min(count, len(seen) - len(expected))
    rows = [SampledEigenvalue(p, *pair) for p, pair in enumerate(zip_longest(seen, expected), 1)]
    accuracy = rounded_up(float(found.errors.max() / found.values[0]))
    return replace(theory, sample=SampledSpectrum(n, seed, tuple(rows)), accuracy=accuracy)


def measured(kernel: Kernel, points: Points, top: int | None, memory: int, observer: Observer | None) -> Measured:
    """Return the largest eigenvalues of K, or all of them.

    All by LAPACK on the matrix; some by block Krylov on products that hold the matrix only if it fits.
    """
    n = len(points.rows)
    if top is not None and whole(top, "top") < 1:
        raise InputError(f"top must be at least 1, got {top}")
    matrix = KernelMatrix(kernel_lookup(kernel), points.rows)
    fits = 8 * n * n <= memory
    if top is None and not (fits and n <= MOST_DENSE):
        limit = min(MOST_DENSE, int((memory / 8) ** 0.5))
        raise InputError(f"all eigenvalues of {n} points are too many (at most {limit}): give --top N or more --memory")
    held = np.empty((n, n)) if fits else None
    if held is not None:
        matrix.fill(held, observer)
        held /= n
        found = held_eigenvalues(held, top)
    else:

        def product(v: Array) -> Array:
            return matrix.product(v, observer) / n

        found = _largest(product, n, min(top or n, n), held=False)
    entries = matrix.table.accuracy * matrix.table.total  # what errors of entries can do to an eigenvalue
    return replace(found, errors=found.errors + entries)


def held_eigenvalues(held: Array, top: int | None) -> Measured:
    """Return the largest eigenvalues of a matrix, or all of them; the matrix may be overwritten."""
    n = len(held)
    if top is None or n <= _FEW or 3 * top > n:
        values = np.maximum(_all(held), 0)[:top]
        found = Measured(values, np.zeros(len(values)), 0)
    else:
        found = _largest(lambda v: np.asarray(held @ v), n, top, held=True)
    return replace(found, errors=found.errors + _ROUNDING * n**0.5 * found.values[0])


def _all(held: Array) -> Array:
    """By LAPACK; SciPy's would hold Python's lock all the time, so that Ctrl-C had to wait for it."""
    return np.asarray(np.linalg.eigvalsh(held)[::-1], dtype=np.float64)


def _largest(product: Product, n: int, top: int, held: bool) -> Measured:
    """Return the `top` largest eigenvalues by block Krylov, their errors, and the products it took.

    Once found, new random directions must find the same: a block may have fewer vectors than an eigenvalue has.
    """
    width, rounds, most = (16, 3, 12 * MOST_PASSES) if held else (64, 1, 2 * MOST_PASSES)
    space = BlockKrylov(product, n, width if held else max(width, top + top // 4))
    space.grow(3)
    before: Array = np.zeros(0)
    while space.passes < most:
        found = space.ritz(top)
        enough = len(found.values) == top
        if enough and (found.errors <= _GOAL * found.values[0]).all():
            same = len(before) > 0 and np.abs(found.values - before).max() <= 4 * _GOAL * before[0]
            if same or space.full:
                return Measured(np.maximum(found.values, 0), found.errors, space.passes)
            before = found.values
        if space.complete or len(before):
            space.refresh()
            space.grow(3)
        else:
            space.grow(rounds)
    raise AccuracyError(f"the {top} largest eigenvalues were not found in {most} products; lower --top")


@dataclass(frozen=True)
class TailBounds:
    """Lemma C.20: the ranks D_0 = 0 < D_1 < … and, for each, what bounds all eigenvalues beyond it."""

    ranks: Sequence[int]
    bounds: Sequence[float]

    def at(self, p: int) -> float:
        """Return the least bound on λ_p: that of the largest D_m < p."""
        return self.bounds[bisect_left(self.ranks, p) - 1]


def tail_bounds(kernel: Kernel, n: int, rank: int, gram: float) -> TailBounds:
    """Return the bounds for n points of a rank, with ‖G‖ = n/gram."""
    c, tails = kappa_and_tails(kernel, _DEGREES, 64)
    ranks, bounds = [0], [float(kernel.total(64))]
    dimension = [0, 0]
    for e, tail in enumerate(tails):
        if not c[e]:
            continue
        dimension[e % 2] = comb(rank + e - 1, rank - 1)
        if sum(dimension) >= n:
            break
        if sum(dimension) > ranks[-1]:
            ranks.append(sum(dimension))
            bounds.append(0.0)
        bounds[-1] = float(tail) / gram * (1 + 1e-12)
    return TailBounds(ranks, bounds)


def gram_values(points: Points) -> Array:
    """Return the eigenvalues of XXᵀ that may be positive, over the largest."""
    sizes = np.linalg.svd(points.rows, compute_uv=False)
    return np.asarray((sizes / sizes[0]) ** 2)


def gram_share(values: Array, p: int, digits: int) -> Decimal | None:
    """Return the p-th of them: exactly zero beyond the smaller side of X, None where it is a rounding error."""
    if p > len(values):
        return Decimal(0)
    noise = 1e-15 * len(values) ** 0.5
    size = float(values[p - 1]) ** 0.5
    return known_digits(size**2, 2 * size * noise, digits) if size > 4 * noise else None


def share_bound(value: float, digits: int) -> Decimal:
    """Return a bound on a share, rounded up; shares are at most 1."""
    return decimal(Fraction(min(1.0, value * (1 + 1e-12))), digits, ROUND_CEILING)
