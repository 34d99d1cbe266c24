"""Duals in closed form, whose Taylor coefficients about any point follow from recurrences of positive terms."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any

import gmpy2

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint, Singularity
from ntkcalc.numerics.mpfr_series import MpfrSeries, mpfr_numbers
from ntkcalc.numerics.precision import Context, Real, context, mpfr_context, mpfr_log2, real, to_mpfr

Lower = Callable[[Context, Real, Real], list[Real]]
"""From (ctx, t, 1 − t²) the derivatives of D below the order of an expansion, [D(t), D'(t), …]."""


class ClosedFormDual(ABC):
    """A dual that is cheap to expand at any precision, so that tails are differences from known totals."""

    degree: int | None
    most_bits = 8192  # more than the longest decimal text that is read has

    @abstractmethod
    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> Sequence[Real]:
        """See `Dual.taylor`."""

    @abstractmethod
    def mean_square(self, bits: int) -> Real | Fraction:
        """See `Dual.mean_square`."""

    @abstractmethod
    def slope_square(self, bits: int) -> Real | Fraction:
        """See `Dual.slope_square`."""

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """See `Dual.expansion`.

        The working precision has as many more bits as the differences lose: at most log2(total/d) for any later d.
        """
        lost = 40 if degree <= 12 else _bits_lost(mpfr_numbers(self.taylor(point, degree + 2, 16)), degree)
        while True:
            work = bits + 8 + degree.bit_length() + lost
            with mpfr_context(work):
                d = mpfr_numbers(self.taylor(point, degree + 2, work))
            if _bits_lost(d, degree) <= lost:
                break
            lost = _bits_lost(d, degree)
        ctx, end = context(work), self.degree
        with mpfr_context(ctx.prec):
            totals = (real(ctx, x) for x in (self.mean_square(work), self.slope_square(work)))
            delta, square, slope = (to_mpfr(x) for x in (point.at(ctx)[1], *totals))
            slopes = [(j + 1) * c / delta for j, c in enumerate(d[1:])]
            tails, slope_tails = _differences(square, d, end), _differences(slope, slopes, end and end - 1)
        rows = d[: degree + 2], tails[: degree + 1], slope_tails[: degree + 1]
        return Expansion(*(MpfrSeries(ctx, row) for row in rows))


def _bits_lost(d: list[Any], degree: int) -> int:
    """Return log2 of the largest coefficient over the largest of those beyond the degree."""
    later = max(d[degree + 1 :])
    return math.ceil(mpfr_log2(max(d)) - mpfr_log2(later)) + degree.bit_length() + 4 if later else 0


def _differences(total: Any, series: list[Any], end: int | None) -> list[Any]:
    """Return total − Σ_{i≤j} series_i for every j; Σ_{i>j} series_i for a polynomial whose degree is `end`."""
    if end is not None and len(series) > end:
        return list(accumulate(reversed(series[1:]), initial=0 * total))[::-1]
    tails = []
    for j, c in enumerate(series):
        total = total - c
        tails.append(total if end is None or j < end else 0 * total)
    return tails


@dataclass(frozen=True)
class AlgebraicDual(ClosedFormDual):
    r"""A dual whose derivative of some order is :math:`\sum_n w_n (c² − t²)^{−n/2}`, all w_n ≥ 0.

    Parameters
    ----------
    order : the order m of that derivative
    radius : c, the radius of convergence of D's power series (1 for ReLU)
    weights : from a context, the pairs (n, w_n)
    lower : D(t), …, D^{(m−1)}(t), written without cancellation for 0 ≤ t ≤ 1
    square, slope : E[φ²] and E[φ'²] where they are rational
    degree : the degree of D where it is a polynomial

    Notes
    -----
    f = (c² − t²)^{−n/2} satisfies (c² − t²) f' = n t f, so f(a + δs) = Σ g_j s^j has

        (c² − a²)(j + 1) g_{j+1} = aδ (2j + n) g_j + δ² (j − 1 + n) g_{j−1},

    a recurrence of positive terms: the relative error grows by a few roundings a step.
    """

    order: int
    radius: Fraction
    weights: Callable[[Context], list[tuple[int, Real]]]
    lower: Lower
    square: Fraction | None = None
    slope: Fraction | None = None
    degree: int | None = None

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> Sequence[Real]:
        """See `Dual.taylor`. Cost: O(degree) operations."""
        ctx = context(bits + 16 + 3 * degree.bit_length())
        a, delta = point.at(ctx)
        lower, weights = self.lower(ctx, a, delta * (1 + a)), self.weights(ctx)
        c = real(ctx, self.radius), real(ctx, self.radius - 1)
        with mpfr_context(ctx.prec):
            a, delta, radius, excess = (to_mpfr(x) for x in (a, delta, *c))
            gap = (excess + delta) * (radius + a)
            near, far = a * delta / gap, delta**2 / gap
            total = [gmpy2.mpfr(0)] * (degree + 1)
            for n, weight in weights:
                w = to_mpfr(weight)
                total = [t + w * g for t, g in zip(total, self._power(gap, near, far, n, degree), strict=True)]
            factor, series = gmpy2.mpfr(1), []
            for j, derivative in enumerate(lower):
                series.append(factor * to_mpfr(derivative))
                factor *= delta / (j + 1)
            for j in range(degree + 1 - self.order):
                series.append(factor * total[j])
                factor = factor * (j + 1) / (j + 1 + self.order)
        return MpfrSeries(ctx, series[: degree + 1])

    @staticmethod
    def _power(gap: Any, near: Any, far: Any, n: int, degree: int) -> list[Any]:
        """Return the Taylor coefficients g_0 … g_degree of (c² − t²)^{−n/2}, of near = aδ/gap and far = δ²/gap."""
        before, g = gmpy2.mpfr(0), 1 / (gap ** ((n - 1) // 2) * gmpy2.sqrt(gap))
        series = [g]
        for j in range(degree):
            before, g = g, (near * (2 * j + n) * g + far * (j - 1 + n) * before) / (j + 1)
            series.append(g)
        return series

    @property
    def singularity(self) -> Singularity:
        """The singularity of D at c, like (c − t)^{m − n/2} with the largest n."""
        n = max(n for n, _ in self.weights(context(64)))
        return Singularity(self.radius, self.order - n / 2)

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `Dual.value`."""
        ctx = t.context(bits + 16)
        value, slope = self._derivatives(ctx, *t.at(ctx))
        return value, slope

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return D(1)."""
        ctx = context(bits + 16)
        return self._derivatives(ctx, ctx.one, ctx.zero)[0] if self.square is None else self.square

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return D'(1)."""
        ctx = context(bits + 16)
        return self._derivatives(ctx, ctx.one, ctx.zero)[1] if self.slope is None else self.slope

    def _derivatives(self, ctx: Context, t: Real, gap: Real) -> list[Real]:
        """Return D(t) and D'(t)."""
        known = self.lower(ctx, t, gap)[:2]
        if len(known) < 2:
            y = real(ctx, self.radius**2 - 1) + gap
            powers = [(n, weight / (y ** ((n - 1) // 2) * ctx.sqrt(y))) for n, weight in self.weights(ctx)]
            known += [sum((f for _, f in powers), ctx.zero), sum((n * t * f / y for n, f in powers), ctx.zero)]
        return known[:2]
