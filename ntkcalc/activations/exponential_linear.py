r"""elu, x for x > 0 and α(eˣ − 1) for x < 0, and its scaled form selu, with their dual and Hermite coefficients.

For φ_q(x) = φ(√q x), with ψ = e^{√q x} 1_{x<0} and Dirac's δ, φ_q'' = q αψ + √q (1 − α)δ and ψ' = √q ψ − δ, so
D'' = q (α² P + 2α(1 − α) g + (1 − α)² h), where

    h = E[δ(U)δ(V)] = (1 − t²)^{−1/2}/(2π)
    g = √q E[ψ(U)δ(V)] = √q e^{q w²/2} Φ(−√q w)/√(2π),  w² = 1 − t²      g' = q t (h − g)
    P = q E[ψ(U)ψ(V)]                                                       P' = q (P + h − 2g)

The two differential equations give the Taylor coefficients about any a in O(1) each.
P, D' and D themselves are entire functions of the angle θ = arcsin t: with w = cos θ and ' = d/dθ,

    g' = q (sin θ/(2π) − sin θ cos θ g),  P' = q (cos θ (P − 2g) + 1/(2π)),
    (dD/dt)' = q (cos θ (α² P + 2α(1 − α) g) + (1 − α)²/(2π)),  D' = cos θ dD/dt,

whose power series in θ gives them on all of [−1, 1].
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from operator import mul
from typing import Any

import gmpy2

from ntkcalc.activations import formula
from ntkcalc.activations.activation import Activation, ArrayPair, Family, HermiteFunction
from ntkcalc.activations.closed_form_dual import ClosedFormDual
from ntkcalc.activations.dual import Correlation, Dual, ExpansionPoint
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.mpfr_series import MpfrSeries
from ntkcalc.numerics.precision import Context, Real, agreed, context, log2, mpfr_context, real, to_mpfr
from ntkcalc.numerics.types import Array

_LARGE = 8  # variance from which on splines take less time than the series
_MOST_TERMS = 1 << 14  # of a series in the angle, which takes a minute


@dataclass(frozen=True)
class ExponentialLinearDual(ClosedFormDual):
    """The dual of λ · elu(√q x) with parameter α.

    Parameters
    ----------
    alpha : α, or None for selu: α and λ such that E[φ] = 0 and E[φ²] = 1 (Klambauer et al., 2017)
    q : the variance that φ is applied to
    """

    alpha: Fraction | None
    q: Fraction = Fraction(1)
    degree: None = None

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> Sequence[Real]:
        """See `ntkcalc.activations.dual.Dual.taylor`; relative accuracy is verified at two precisions."""
        return agreed(lambda wide: self._taylor(context(wide), point, degree), bits)

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree."""
        return [*agreed(lambda wide: self._hermite(context(wide), degree), bits)]

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]."""
        ctx = context(bits + 16)
        if self.alpha is None and self.q == 1:
            return Fraction(1)
        return self._scale_square(ctx) * self._raw_square(ctx, self._alpha(ctx), self.q)

    def slope_square(self, bits: int) -> Real:
        """Return E[φ'²]."""
        ctx = context(bits + 16)
        mean = ctx.mpf(1) / 2 + self._alpha(ctx) ** 2 * _exponential_mean(ctx, 2, self.q)
        return self._scale_square(ctx) * real(ctx, self.q) * mean

    def _alpha(self, ctx: Context) -> Real:
        """Return α."""
        if self.alpha is not None:
            return real(ctx, self.alpha)
        return 1 / (ctx.sqrt(2 * ctx.pi) * (ctx.mpf(1) / 2 - _exponential_mean(ctx, 1)))

    def _raw_square(self, ctx: Context, alpha: Real, q: Fraction = Fraction(1)) -> Real:
        """Return E[φ_q²] for λ = 1."""
        half, wide = ctx.mpf(1) / 2, context(ctx.prec + _small_bits(q))  # E[(e^{√q Z} − 1)²; Z < 0] is about q/2
        below = _exponential_mean(wide, 2, q) - 2 * _exponential_mean(wide, 1, q) + wide.mpf(1) / 2
        return real(ctx, q) * half + alpha**2 * ctx.convert(below)

    def _scale_square(self, ctx: Context) -> Real:
        """Return λ²."""
        return ctx.one if self.alpha is not None else 1 / self._raw_square(ctx, self._alpha(ctx))

    def _means(self, ctx: Context) -> tuple[Real, Real]:
        """Return E[φ_q] and E[φ_q'] for λ = 1."""
        alpha, mean, root = self._alpha(ctx), _exponential_mean(ctx, 1, self.q), ctx.sqrt(real(ctx, self.q))
        half, centred = ctx.mpf(1) / 2, self.alpha is None and self.q == 1
        return (
            ctx.zero if centred else root / ctx.sqrt(2 * ctx.pi) + alpha * (mean - half),
            root * (half + alpha * mean),
        )

    def _hermite(self, ctx: Context, degree: int) -> list[Real]:
        """E[φ He_{k+2}] = E[φ'' He_k] with φ'' = qαψ + √q(1 − α)δ; the moments of ψ follow from ψ' = √q ψ − δ."""
        alpha, scale = self._alpha(ctx), ctx.sqrt(self._scale_square(ctx))
        q, root = real(ctx, self.q), ctx.sqrt(real(ctx, self.q))
        psi, dirac, dirac_before = _exponential_mean(ctx, 1, self.q), 1 / ctx.sqrt(2 * ctx.pi), ctx.zero
        moments = list(self._means(ctx))
        for k in range(degree - 1):
            moments.append(q * alpha * psi + root * (1 - alpha) * dirac)
            psi, dirac, dirac_before = root * psi - dirac, -k * dirac_before, dirac
        factorial, series = ctx.one, []
        for k, m in enumerate(moments[: degree + 1]):
            factorial *= max(k, 1)
            series.append(scale * m / ctx.sqrt(factorial))
        return series

    def _taylor(self, ctx: Context, point: ExpansionPoint, degree: int) -> MpfrSeries:
        a, delta = point.at(ctx)
        if a:
            ctx = context(ctx.prec + max(0, -int(log2(a))))
            a, delta = point.at(ctx)
        alpha, scale, q = self._alpha(ctx), self._scale_square(ctx), real(ctx, self.q)
        width = ctx.sqrt(delta * (1 + a))
        value, slope, exponential = _angle_series(self, ctx.prec).at(ctx, a, width)
        edge, kink = _edge(ctx, width, self.q), 1 / (2 * ctx.pi * width)
        first = [scale * value, scale * delta * slope]
        parts, factor = (alpha**2, 2 * alpha * (1 - alpha), (1 - alpha) ** 2), scale * q * delta**2 / 2
        with mpfr_context(ctx.prec):
            square, mixed, rest = (to_mpfr(x) for x in parts)
            factor, a, delta, step, exponential, edge, kink = (
                to_mpfr(x) for x in (factor, a, delta, q * delta, exponential, edge, kink)
            )
            series, edge_before, kink_before = [to_mpfr(x) for x in first], gmpy2.mpfr(0), gmpy2.mpfr(0)
            for j in range(degree - 1):
                series.append(factor * (square * exponential + mixed * edge + rest * kink))
                factor = factor * (j + 1) / (j + 3)
                exponential = step * (exponential + kink - 2 * edge) / (j + 1)
                edge, edge_before = step * (a * (kink - edge) + delta * (kink_before - edge_before)) / (j + 1), edge
                kink, kink_before = (a * (2 * j + 1) * kink + delta * j * kink_before) / ((1 + a) * (j + 1)), kink
        return MpfrSeries(ctx, series[: degree + 1])

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `Dual.value`."""
        ctx = t.context(bits + 16)
        x, gap = t.at(ctx)
        value, slope, _ = _angle_series(self, bits + 16 + _small_bits(self.q)).at(ctx, x, ctx.sqrt(gap))
        scale = self._scale_square(ctx)
        return scale * value, scale * slope


@dataclass(frozen=True)
class _AngleSeries:
    """D, dD/dt and P for λ = 1 as power series in x = 2θ/π, in units of 2**-width."""

    width: int
    value: list[Any]
    slope: list[Any]
    exponential: list[Any]

    def at(self, ctx: Context, t: Real, width: Real) -> list[Real]:
        """Return the three at t, given w = √(1 − t²)."""
        x = gmpy2.mpz(int(ctx.ldexp(2 * ctx.atan2(t, width) / ctx.pi, self.width)))
        sums = []
        for series in (self.value, self.slope, self.exponential):
            total = gmpy2.mpz(0)
            for c in reversed(series):
                total = (total * x >> self.width) + c
            sums.append(ctx.ldexp(ctx.mpf(int(total)), -self.width))
        return sums


@lru_cache(maxsize=32)
def _angle_series(dual: ExponentialLinearDual, bits: int) -> _AngleSeries:
    r"""Return the series with all errors below 2**-bits on |θ| ≤ π/2.

    Notes
    -----
    On |θ| ≤ r we have |cos θ| ≤ W = cosh r, |g| ≤ G = √q e^{qW²/2}/√(2π) (g is a multiple of
    :math:`\int_0^∞ e^{−s²/2 − s√q w} ds`), and by Grönwall |P| ≤ (q + q r (1 + 2WG)) e^{qrW}; so all are below
    M = (1 + q)³ e^{qW²/2 + qrW + 8} (1 + α²), 2 < r ≤ 3, and by Cauchy's estimate what is left after N terms is below
    3 M (π/2r)^N.
    """
    rough, q = context(64), float(dual.q)
    size = float(rough.log(1 + dual._alpha(rough) ** 2)) / math.log(2)

    def count(r: float) -> int:
        w = math.cosh(r)
        growth = (q * w * w / 2 + q * r * w + 3 * math.log1p(q) + 18) / math.log(2)
        return math.ceil((bits + 8 + growth + size) / math.log2(2 * r / math.pi))

    terms = min(count(2 + i / 16) for i in range(17))
    if terms > _MOST_TERMS:
        raise AccuracyError(
            f"the dual of elu at preactivations of variance {q:.6g} would take a series of more than {_MOST_TERMS} "
            "terms; lower --digits"
        )
    width = bits + 64 + math.ceil(2 * size + 11 * q)  # the coefficients of x^n are below 2^(64 + 11q)
    ctx = context(width + 16)
    alpha, (mean, mean_slope) = dual._alpha(ctx), dual._means(ctx)

    def fixed(number: Real) -> Any:
        return gmpy2.mpz(int(ctx.ldexp(number, width)))

    half = ctx.pi / 2
    sines, cosines, doubled = ([gmpy2.mpz(0)] * terms for _ in range(3))
    power = ctx.one
    for n in range(terms):
        sign = -1 if n % 4 > 1 else 1
        (sines if n % 2 else cosines)[n] = fixed(sign * half * power)
        doubled[n] = fixed(sign * half * power * ctx.ldexp(1, n - 1)) if n % 2 else gmpy2.mpz(0)
        power *= half / (n + 1)
    scale = real(ctx, dual.q)
    quarter, first = fixed(scale / 4), _exponential_mean(ctx, 1, dual.q)  # q dθ/(2π) = q dx/4
    square, mixed, kink = (fixed(scale * c) for c in (alpha**2, 2 * alpha * (1 - alpha), (1 - alpha) ** 2 / 4))
    edge, exponential = [fixed(_edge(ctx, ctx.one, dual.q))], [fixed(scale * first**2)]
    turned = [c * fixed(scale) >> width for c in doubled]
    driving = [c * fixed(scale) >> width for c in cosines]
    slope, value = [fixed(mean_slope**2)], [fixed(mean**2)]
    driven, bent = [], []
    for n in range(terms - 1):
        driven.append(exponential[n] - 2 * edge[n])
        bent.append((square * exponential[n] + mixed * edge[n]) >> width)
        start = n == 0
        sine = sines[n] * quarter // fixed(half) if n % 2 else gmpy2.mpz(0)
        edge.append((sine - _convolved(turned, edge, n, width)) // (n + 1))
        exponential.append((_convolved(driving, driven, n, width) + quarter * start) // (n + 1))
        slope.append((_convolved(cosines, bent, n, width) + kink * start) // (n + 1))
        value.append(_convolved(cosines, slope, n, width) // (n + 1))
    return _AngleSeries(width, value, slope, exponential)


def _convolved(a: list[Any], b: list[Any], n: int, width: int) -> Any:
    """Return Σ_i a_i b_{n−i}."""
    return sum(map(mul, a[: n + 1], b[n::-1]), gmpy2.mpz(0)) >> width


def _exponential_mean(ctx: Context, power: int, q: Fraction = Fraction(1)) -> Real:
    """Return E[e^{n√q Z}; Z < 0] = e^{n²q/2} Φ(−n√q)."""
    square = power * power * real(ctx, q)
    return ctx.exp(square / 2) * ctx.erfc(ctx.sqrt(square / 2)) / 2


def _edge(ctx: Context, w: Real, q: Fraction) -> Real:
    """Return g = √q e^{q w²/2} Φ(−√q w)/√(2π)."""
    scale = real(ctx, q)
    square = scale * w * w / 2
    return ctx.sqrt(scale) * ctx.exp(square) * ctx.erfc(ctx.sqrt(square)) / ctx.sqrt(8 * ctx.pi)


def _small_bits(q: Fraction) -> int:
    """Return how many bits smaller than 1 a small q is."""
    return max(0, q.denominator.bit_length() - q.numerator.bit_length() + 1)


@lru_cache(maxsize=16)
def _by_splines(alpha: Fraction | None) -> Activation:
    """Return the function as a formula, whose dual takes no more time at larger variances."""
    return formula.parse("selu(x)" if alpha is None else f"elu(x,{alpha})", lambda word, values: None)


def _elu(name: str, alpha: Fraction | None) -> Activation:
    dual = ExponentialLinearDual(alpha)

    def dilation(q: Fraction) -> tuple[Dual, HermiteFunction]:
        if q > _LARGE:
            return _by_splines(alpha).dilation(q)
        scaled = ExponentialLinearDual(alpha, q)
        return scaled, scaled.hermite

    def phi(ctx: Context, x: Real) -> Real:
        scale = ctx.sqrt(dual._scale_square(ctx))
        return scale * (x if x > 0 else dual._alpha(ctx) * ctx.expm1(x))

    def on_arrays() -> ArrayPair:
        import numpy as np

        ctx = context(64)
        a, scale = float(dual._alpha(ctx)), float(ctx.sqrt(dual._scale_square(ctx)))

        def values(x: Array) -> Array:
            return np.asarray(scale * np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0))))

        def slope(x: Array) -> Array:
            return np.asarray(scale * np.where(x > 0, 1.0, a * np.exp(np.minimum(x, 0.0))))

        return values, slope

    def jump(order: int) -> Callable[[Context], Real]:
        """Return the jump at 0 of φ^(order), which is λ [order = 1] on the right and λ α on the left."""
        return lambda ctx: ctx.sqrt(dual._scale_square(ctx)) * ((order == 1) - dual._alpha(ctx))

    orders = (3, 2) if alpha == 1 else (1, 2)
    jumps = tuple((m, jump(m)) for m in orders)
    return Activation(name, phi, on_arrays, dual, dual.hermite, dilation, jumps=jumps)


ELU = Family(
    "elu", "x for x > 0, alpha*(exp(x) - 1) for x < 0", "differential equations of its dual", _elu, (("alpha", "1"),)
)
SELU = Family("selu", "elu scaled to mean 0, second moment 1", "Klambauer et al. 2017", lambda name: _elu(name, None))
