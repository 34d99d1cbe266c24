r"""Dual and Hermite coefficients of elu (x for x > 0, α(eˣ − 1) for x < 0) and its scaled form selu.

With ψ = eˣ 1_{x<0} and Dirac's δ, φ'' = αψ + (1 − α)δ, so D'' = α² P + 2α(1 − α) g + (1 − α)² h, where

    h = E[δ(U)δ(V)] = (1 − t²)^{−1/2}/(2π)
    g = E[ψ(U)δ(V)] = e^{w²/2} Φ(−w)/√(2π),  w² = 1 − t²      g' = t (h − g)
    P = E[ψ(U)ψ(V)]                                           P' = P + h − 2g

because ψ' = ψ − δ. The two differential equations give the Taylor coefficients about any a in O(1)
each; P(a), D'(a) and D(a) come from their integrals from 0, smooth in the angle arcsin t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ntkcalc.duals import CheapDual, Point
from ntkcalc.precision import Context, Real, agreed, context, log2, real


@dataclass(frozen=True)
class ExponentialLinearDual(CheapDual):
    """The dual of λ · elu with parameter α.

    Parameters
    ----------
    alpha
        α, or None for selu: α and λ such that E[φ] = 0 and E[φ²] = 1 (Klambauer et al., 2017).
    """

    alpha: Fraction | None
    degree: None = None

    def taylor(self, point: Point, degree: int, bits: int) -> list[Real]:
        """See `ntkcalc.duals.Dual.taylor`; relative accuracy is verified at two precisions."""
        return agreed(lambda wide: self._taylor(context(wide), point, degree), bits)

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree."""
        return agreed(lambda wide: self._hermite(context(wide), degree), bits)

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]."""
        ctx = context(bits + 16)
        return Fraction(1) if self.alpha is None else self._raw_square(ctx, self._alpha(ctx))

    def slope_square(self, bits: int) -> Real:
        """Return E[φ'²]."""
        ctx = context(bits + 16)
        return self._scale_square(ctx) * (ctx.mpf(1) / 2 + self._alpha(ctx) ** 2 * _exponential_mean(ctx, 2))

    def _alpha(self, ctx: Context) -> Real:
        """Return α."""
        if self.alpha is not None:
            return real(ctx, self.alpha)
        return 1 / (ctx.sqrt(2 * ctx.pi) * (ctx.mpf(1) / 2 - _exponential_mean(ctx, 1)))

    def _raw_square(self, ctx: Context, alpha: Real) -> Real:
        """Return E[φ²] for λ = 1."""
        half = ctx.mpf(1) / 2
        return half + alpha**2 * (_exponential_mean(ctx, 2) - 2 * _exponential_mean(ctx, 1) + half)

    def _scale_square(self, ctx: Context) -> Real:
        """Return λ²."""
        return ctx.one if self.alpha is not None else 1 / self._raw_square(ctx, self._alpha(ctx))

    def _means(self, ctx: Context) -> tuple[Real, Real]:
        """Return E[φ] and E[φ'] for λ = 1."""
        alpha, mean = self._alpha(ctx), _exponential_mean(ctx, 1)
        half = ctx.mpf(1) / 2
        return (
            ctx.zero if self.alpha is None else 1 / ctx.sqrt(2 * ctx.pi) + alpha * (mean - half),
            half + alpha * mean,
        )

    def _hermite(self, ctx: Context, degree: int) -> list[Real]:
        """He moments: those of φ'' = αψ + (1 − α)δ two places on; ψ' = ψ − δ gives those of ψ."""
        alpha, scale = self._alpha(ctx), ctx.sqrt(self._scale_square(ctx))
        psi, dirac, dirac_before = _exponential_mean(ctx, 1), 1 / ctx.sqrt(2 * ctx.pi), ctx.zero
        moments = list(self._means(ctx))
        for k in range(degree - 1):
            moments.append(alpha * psi + (1 - alpha) * dirac)
            psi, dirac, dirac_before = psi - dirac, -k * dirac_before, dirac
        factorial, series = ctx.one, []
        for k, m in enumerate(moments[: degree + 1]):
            factorial *= max(k, 1)
            series.append(scale * m / ctx.sqrt(factorial))
        return series

    def _taylor(self, ctx: Context, point: Point, degree: int) -> list[Real]:
        a, delta = point.at(ctx)
        if a:
            ctx = context(ctx.prec + max(0, -int(log2(a))))
            a, delta = point.at(ctx)
        alpha, scale = self._alpha(ctx), self._scale_square(ctx)
        value, slope, exponential, edge, kink = self._start(ctx, a, delta)
        factor, series = scale * delta**2 / 2, [scale * value, scale * delta * slope]
        edge_before = kink_before = ctx.zero
        for j in range(degree - 1):
            bent = alpha**2 * exponential + 2 * alpha * (1 - alpha) * edge + (1 - alpha) ** 2 * kink
            series.append(factor * bent)
            factor *= ctx.mpf(j + 1) / (j + 3)
            exponential = delta * (exponential + kink - 2 * edge) / (j + 1)
            edge, edge_before = delta * (a * (kink - edge) + delta * (kink_before - edge_before)) / (j + 1), edge
            kink, kink_before = (a * (2 * j + 1) * kink + delta * j * kink_before) / ((1 + a) * (j + 1)), kink
        return series[: degree + 1]

    def _start(self, ctx: Context, a: Real, delta: Real) -> tuple[Real, Real, Real, Real, Real]:
        """Return D, D', P, g and h at a, for λ = 1."""
        alpha, (mean, mean_slope) = self._alpha(ctx), self._means(ctx)
        first, width = _exponential_mean(ctx, 1) ** 2, ctx.sqrt(delta * (1 + a))
        edge, kink = _edge(ctx, width), 1 / (2 * ctx.pi * width)
        if not a:
            return mean**2, mean_slope**2, first, edge, kink
        angle = ctx.asin(a) if a < delta else ctx.pi / 2 - ctx.asin(width)

        def integral(f: Callable[[Real, Real], Real]) -> Real:
            return ctx.quad(lambda x: f(ctx.sin(x), ctx.cos(x)), [0, angle])

        forced = integral(lambda t, w: ctx.exp(a - t) * (1 / (2 * ctx.pi) - 2 * w * _edge(ctx, w)))
        exponential = ctx.exp(a) * first + forced
        edge_1 = integral(lambda t, w: w * _edge(ctx, w))
        edge_2 = integral(lambda t, w: (a - t) * w * _edge(ctx, w))
        kink_1, kink_2 = angle / (2 * ctx.pi), (a * angle + width - 1) / (2 * ctx.pi)
        exponential_1 = exponential - first - kink_1 + 2 * edge_1
        exponential_2 = exponential_1 - first * a - kink_2 + 2 * edge_2
        weights = (alpha**2, 2 * alpha * (1 - alpha), (1 - alpha) ** 2)
        slope = mean_slope**2 + ctx.fdot(weights, (exponential_1, edge_1, kink_1))
        value = mean**2 + mean_slope**2 * a + ctx.fdot(weights, (exponential_2, edge_2, kink_2))
        return value, slope, exponential, edge, kink


def _exponential_mean(ctx: Context, power: int) -> Real:
    """Return E[e^{nZ}; Z < 0] = e^{n²/2} Φ(−n)."""
    return ctx.exp(ctx.mpf(power * power) / 2) * ctx.erfc(power / ctx.sqrt(2)) / 2


def _edge(ctx: Context, w: Real) -> Real:
    """Return g = e^{w²/2} Φ(−w)/√(2π)."""
    return ctx.exp(w * w / 2) * ctx.erfc(w / ctx.sqrt(2)) / ctx.sqrt(8 * ctx.pi)
