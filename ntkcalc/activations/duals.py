r"""Dual activations D(t) = E[φ(U)φ(V)], corr(U, V) = t, and their Taylor coefficients about any a in [0, 1).

What a layer needs of its activation is D expanded about a = Σ_{l−1}(0), scaled so that nothing
overflows:

.. math::  D(a + δs) = \sum_j d_j s^j, \qquad δ = 1 − a, \quad d_j = δ^j D^{(j)}(a)/j! ≥ 0,

for then :math:`\sum_j d_j = D(1) = E[φ²]`. All d_j here come with *relative* accuracy: from recurrences of
positive terms where D is elementary, else from the Hermite series :math:`D(t) = \sum_k µ_k² t^k`, regrouped.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Protocol

from ntkcalc.numerics.precision import Context, Real, context, log2, real


@dataclass(frozen=True)
class Point:
    """The point a of an expansion and its distance δ = 1 − a, whichever is smaller being exact.

    Carrying the smaller one keeps the relative accuracy of both, at a = 1e-30 as at 1 − 1e-30.
    """

    smaller: Real
    near_one: bool

    @classmethod
    def between(cls, a: Real, delta: Real) -> Point:
        """Return the point for an a and its 1 − a, each known to its relative accuracy."""
        return cls(delta, True) if delta < a else cls(a, False)

    def at(self, ctx: Context) -> tuple[Real, Real]:
        """Return a and δ in the precision of `ctx`."""
        smaller = ctx.convert(self.smaller)
        return (1 - smaller, smaller) if self.near_one else (smaller, 1 - smaller)


@dataclass(frozen=True)
class Correlation:
    """A correlation t in [−1, 1]: its sign, and |t| with 1 − |t|."""

    sign: int
    size: Point

    @classmethod
    def of(cls, t: Fraction, bits: int) -> Correlation:
        """Return an exact t in `bits` bits."""
        size = abs(t)
        return cls(-1 if t < 0 else 1, Point.between(*(real(context(bits), x) for x in (size, 1 - size))))

    def at(self, ctx: Context) -> tuple[Real, Real]:
        """Return t and 1 − t² in the precision of `ctx`."""
        size, delta = self.size.at(ctx)
        return self.sign * size, delta * (1 + size)

    def context(self, bits: int) -> Context:
        """Return the context in which t, rounded, still has 1 − |t| to `bits` bits."""
        near_one = self.size.near_one and self.size.smaller
        return context(bits + (max(0, -int(log2(self.size.smaller))) if near_one else 0))


class Dual(Protocol):
    """The dual activation of one φ."""

    @property
    def degree(self) -> int | None:
        """The degree of D where it is a polynomial, else None."""

    def taylor(self, point: Point, degree: int, bits: int) -> list[Real]:
        """Return d_0 … d_degree about `point`, relative error below 2**-bits, exact zeros as zeros."""

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t), with absolute errors below 2**-bits of D(1) and D'(1)."""

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return D(1) = E[φ²]; a Fraction where it is rational."""

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return D'(1) = E[φ'²]."""

    def expansion(self, point: Point, degree: int, bits: int) -> Expansion:
        """Return d_0 … d_{degree+1} and their tails up to `degree`, relative error below 2**-bits."""


@dataclass(frozen=True)
class Expansion:
    r"""D about one point, in s: coefficients and what is left of two totals.

    Parameters
    ----------
    d
        d_0 … d_{n+1}.
    tails
        q_0 … q_n, :math:`q_j = \sum_{i>j} d_i`.
    slope_tails
        q̇_0 … q̇_n, :math:`\dot q_j = \sum_{i>j} (i + 1) d_{i+1}/δ`: the same of D'.
    """

    d: list[Real]
    tails: list[Real]
    slope_tails: list[Real]


Lower = Callable[[Context, Real, Real], list[Real]]
"""From (ctx, t, 1 − t²) the derivatives of D below the order of an expansion, [D(t), D'(t), …]."""


class CheapDual(ABC):
    """A dual whose expansion is cheap at any precision, so that tails can be differences from known totals."""

    degree: int | None

    @abstractmethod
    def taylor(self, point: Point, degree: int, bits: int) -> list[Real]:
        """See `Dual.taylor`."""

    @abstractmethod
    def mean_square(self, bits: int) -> Real | Fraction:
        """See `Dual.mean_square`."""

    @abstractmethod
    def slope_square(self, bits: int) -> Real | Fraction:
        """See `Dual.slope_square`."""

    def expansion(self, point: Point, degree: int, bits: int) -> Expansion:
        """See `Dual.expansion`.

        As many bits are added as the differences lose: at most log2(total/d) for any later d.
        """
        lost = 40 if degree <= 12 else _bits_lost(self.taylor(point, degree + 2, 16), degree)
        while True:
            work = bits + 8 + degree.bit_length() + lost
            d = self.taylor(point, degree + 2, work)
            if _bits_lost(d, degree) <= lost:
                break
            lost = _bits_lost(d, degree)
        ctx, end = context(work), self.degree
        delta = point.at(ctx)[1]
        slopes = [(j + 1) * ctx.convert(c) / delta for j, c in enumerate(d[1:])]
        square, slope = (
            real(ctx, x) if isinstance(x, Fraction) else ctx.convert(x)
            for x in (self.mean_square(work), self.slope_square(work))
        )
        tails, slope_tails = _differences(square, d, end), _differences(slope, slopes, end and end - 1)
        return Expansion(d[: degree + 2], tails[: degree + 1], slope_tails[: degree + 1])


def _bits_lost(d: list[Real], degree: int) -> int:
    """Return log2 of the largest coefficient over the largest of those beyond the degree."""
    later = max(d[degree + 1 :])
    return math.ceil(log2(max(d)) - log2(later)) + degree.bit_length() + 4 if later else 0


def _differences(total: Real, series: list[Real], end: int | None) -> list[Real]:
    """Return total − Σ_{i≤j} series_i for every j; of a polynomial of degree `end` that is all there, Σ_{i>j}."""
    if end is not None and len(series) > end:
        return list(accumulate(reversed(series[1:]), initial=0 * total))[::-1]
    tails = []
    for j, c in enumerate(series):
        total = total - c
        tails.append(total if end is None or j < end else 0 * total)
    return tails


@dataclass(frozen=True)
class AlgebraicDual(CheapDual):
    r"""A dual whose derivative of some order is :math:`\sum_n w_n (c² − t²)^{−n/2}`, all w_n ≥ 0.

    Parameters
    ----------
    order
        The order m of that derivative.
    singularity
        c, where D stops being analytic (1 for ReLU).
    weights
        From a context, the pairs (n, w_n).
    lower
        D(t), …, D^{(m−1)}(t), written without cancellation for 0 ≤ t ≤ 1.
    square, slope
        E[φ²] and E[φ'²] where they are rational.
    degree
        The degree of D where it is a polynomial.

    Notes
    -----
    f = (c² − t²)^{−n/2} satisfies (c² − t²) f' = n t f, so f(a + δs) = Σ g_j s^j has

        (c² − a²)(j + 1) g_{j+1} = aδ (2j + n) g_j + δ² (j − 1 + n) g_{j−1},

    a recurrence of positive terms: the relative error grows by a few roundings a step.
    """

    order: int
    singularity: Fraction
    weights: Callable[[Context], list[tuple[int, Real]]]
    lower: Lower
    square: Fraction | None = None
    slope: Fraction | None = None
    degree: int | None = None

    def taylor(self, point: Point, degree: int, bits: int) -> list[Real]:
        """See `Dual.taylor`. Cost: O(degree) operations."""
        ctx = context(bits + 16 + 3 * degree.bit_length())
        a, delta = point.at(ctx)
        total = [ctx.zero] * (degree + 1)
        for n, weight in self.weights(ctx):
            for j, g in enumerate(self._power(ctx, a, delta, n, degree)):
                total[j] += weight * g
        factor, series = ctx.one, []
        for j, derivative in enumerate(self.lower(ctx, a, delta * (1 + a))):
            series.append(factor * derivative)
            factor *= delta / (j + 1)
        for j in range(degree + 1 - self.order):
            series.append(factor * total[j])
            factor *= ctx.mpf(j + 1) / (j + 1 + self.order)
        return series[: degree + 1]

    def _power(self, ctx: Context, a: Real, delta: Real, n: int, degree: int) -> list[Real]:
        """Return the Taylor coefficients g_0 … g_degree of (c² − t²)^{−n/2}."""
        c = real(ctx, self.singularity)
        gap = (real(ctx, self.singularity - 1) + delta) * (c + a)
        near, far = a * delta / gap, delta**2 / gap
        before, g = ctx.zero, 1 / (gap ** ((n - 1) // 2) * ctx.sqrt(gap))
        series = [g]
        for j in range(degree):
            before, g = g, (near * (2 * j + n) * g + far * (j - 1 + n) * before) / (j + 1)
            series.append(g)
        return series

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
            y = real(ctx, self.singularity**2 - 1) + gap
            powers = [(n, weight / (y ** ((n - 1) // 2) * ctx.sqrt(y))) for n, weight in self.weights(ctx)]
            known += [sum((f for _, f in powers), ctx.zero), sum((n * t * f / y for n, f in powers), ctx.zero)]
        return known[:2]


def piecewise_linear(slope: Fraction) -> AlgebraicDual:
    """Return the dual of x for x > 0, slope · x for x < 0: relu at 0, abs at −1, linear at 1.

    D(t) = (1 − s)²/(2π) [√(1 − t²) + t arcsin t] + (1 + s)²/4 t; for relu this is the arc-cosine
    kernel of Cho and Saul (2009).
    """
    bend, mean = (1 - slope) ** 2, (1 + slope) ** 2 / 4

    def lower(ctx: Context, t: Real, gap: Real) -> list[Real]:
        kink, line = real(ctx, bend) / (2 * ctx.pi), real(ctx, mean)
        width = ctx.sqrt(gap)
        angle = ctx.atan2(t, width)
        return [kink * (width + t * angle) + line * t, kink * angle + line]

    def weights(ctx: Context) -> list[tuple[int, Real]]:
        return [(1, real(ctx, bend) / (2 * ctx.pi))] if bend else []

    square = (1 + slope**2) / 2
    return AlgebraicDual(2, Fraction(1), weights, lower, square, square, None if bend else 1)


def error_function() -> AlgebraicDual:
    """Return the dual of erf(x), D(t) = (2/π) arcsin(2t/3) (Williams, 1997)."""
    return AlgebraicDual(
        1, Fraction(3, 2), lambda ctx: [(1, 2 / ctx.pi)], lambda ctx, t, _: [2 / ctx.pi * ctx.asin(2 * t / 3)]
    )


def normal_density(sigma: Fraction) -> AlgebraicDual:
    """Return the dual of the N(0, σ²) density, D(t) = ((1 + σ²)² − t²)^{−1/2}/(2π)."""
    return AlgebraicDual(0, 1 + sigma**2, lambda ctx: [(1, 1 / (2 * ctx.pi))], lambda ctx, t, _: [])


def gaussian_error_linear() -> AlgebraicDual:
    """Return the dual of gelu, x Φ(x): D(t) = t/4 + [(4 − t²)^{−1/2} + t arcsin(t/2)]/(2π).

    φ'' = (2 − x²) times the normal density, whence D'' = (12 y^{−5/2} + 2 y^{−3/2} + y^{−1/2})/(2π)
    with y = 4 − t²; D follows by two integrations from D(0) = 1/(4π), D'(0) = 1/4.
    """

    def lower(ctx: Context, t: Real, _: Real) -> list[Real]:
        root, angle = ctx.sqrt((2 - t) * (2 + t)), ctx.asin(t / 2)
        value = t / 4 + (1 / root + t * angle) / (2 * ctx.pi)
        return [value, ctx.mpf(1) / 4 + (t / root**3 + t / root + angle) / (2 * ctx.pi)]

    def weights(ctx: Context) -> list[tuple[int, Real]]:
        return [(n, w / (2 * ctx.pi)) for n, w in ((5, 12), (3, 2), (1, 1))]

    return AlgebraicDual(2, Fraction(2), weights, lower)


@dataclass(frozen=True)
class HyperbolicDual(CheapDual):
    """The dual of sin (odd: e⁻¹ sinh t) or of cos (even: e⁻¹ cosh t)."""

    odd: bool
    degree: None = None

    def taylor(self, point: Point, degree: int, bits: int) -> list[Real]:
        """See `Dual.taylor`."""
        ctx = context(bits + 16 + degree.bit_length())
        a, delta = point.at(ctx)
        derivatives = [ctx.sinh(a), ctx.cosh(a)] if self.odd else [ctx.cosh(a), ctx.sinh(a)]
        factor, series = ctx.exp(-1), []
        for j in range(degree + 1):
            series.append(factor * derivatives[j % 2])
            factor *= delta / (j + 1)
        return series

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `Dual.value`."""
        ctx = t.context(bits + 16)
        x, _ = t.at(ctx)
        sinh, cosh, scale = ctx.sinh(x), ctx.cosh(x), ctx.exp(-1)
        return (scale * sinh, scale * cosh) if self.odd else (scale * cosh, scale * sinh)

    def mean_square(self, bits: int) -> Real:
        """Return D(1)."""
        return self._at_one(bits, self.odd)

    def slope_square(self, bits: int) -> Real:
        """Return D'(1)."""
        return self._at_one(bits, not self.odd)

    @staticmethod
    def _at_one(bits: int, odd: bool) -> Real:
        ctx = context(bits + 16)
        return (1 - ctx.exp(-2)) / 2 if odd else (1 + ctx.exp(-2)) / 2
