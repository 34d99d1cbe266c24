"""Activations made of the density and the distribution function of a normal law: gaussian, erf, gelu."""

from fractions import Fraction

from ntkcalc.activations.activation import (
    Activation,
    ArrayPair,
    Family,
    TwoLayerLaw,
    alternating,
    closed_form,
)
from ntkcalc.activations.closed_form_dual import AlgebraicDual
from ntkcalc.numerics.precision import Context, Real, real
from ntkcalc.numerics.types import Array


def _gaussian_dual(sigma: Fraction, q: Fraction) -> AlgebraicDual:
    """Return D_q(t) = ((σ² + q)² − q² t²)^{−1/2}/(2π)."""
    return AlgebraicDual(0, 1 + sigma**2 / q, lambda ctx: [(1, 1 / (2 * ctx.pi * real(ctx, q)))], lambda ctx, t, _: [])


def _gaussian(name: str, sigma: Fraction) -> Activation:
    """Return the density of N(0, σ²)."""
    dilation = closed_form(lambda q: _gaussian_dual(sigma, q), alternating(0))

    def phi(ctx: Context, x: Real) -> Real:
        s = real(ctx, sigma)
        return ctx.exp(-((x / s) ** 2) / 2) / (s * ctx.sqrt(2 * ctx.pi))

    def on_arrays() -> ArrayPair:
        import numpy as np

        s = float(sigma)

        def density(x: Array) -> Array:
            return np.asarray(np.exp(-((x / s) ** 2) / 2) / (s * (2 * np.pi) ** 0.5))

        return density, lambda x: -(x / s) * density(x) / s

    ratio = float(1 + sigma**2)
    return Activation(
        name,
        phi,
        on_arrays,
        *dilation(Fraction(1)),
        dilation,
        parity="even",
        singularity=_gaussian_dual(sigma, Fraction(1)).singularity,
        lemma_3_2=TwoLayerLaw("exponential", f"Θ(p^(1/2) {ratio:.6g}^(−p))", exponent=0.5, ratio=ratio, parity="even"),
    )


def _erf_dual(q: Fraction) -> AlgebraicDual:
    """Return D_q(t) = (2/π) arcsin(2qt/(1 + 2q)) (Williams, 1997)."""
    radius = 1 + 1 / (2 * q)
    return AlgebraicDual(
        1, radius, lambda ctx: [(1, 2 / ctx.pi)], lambda ctx, t, _: [2 / ctx.pi * ctx.asin(t / real(ctx, radius))]
    )


def _erf(name: str) -> Activation:
    dilation = closed_form(_erf_dual, alternating(1))

    def on_arrays() -> ArrayPair:
        import numpy as np
        from scipy.special import erf

        return erf, lambda x: 2 / np.pi**0.5 * np.exp(-(x**2))

    return Activation(
        name,
        lambda ctx, x: ctx.erf(x),
        on_arrays,
        *dilation(Fraction(1)),
        dilation,
        parity="odd",
        singularity=_erf_dual(Fraction(1)).singularity,
    )


def _gelu_dual(q: Fraction) -> AlgebraicDual:
    """Return D_q(t) = qt/4 + [q (1 + t² (1 − q)/(1 + q)) y^{−1/2} + q t arcsin(t/c)]/(2π), c = 1 + 1/q, y = c² − t².

    φ'' = (2 − x²) times the normal density, whence D_q'' = (3 (c²/q) y^{−5/2} + 2 y^{−3/2} + q y^{−1/2})/(2π);
    D_q follows by two integrations from D_q(0) = q²/(2π (1 + q)), D_q'(0) = q/4.
    """
    radius = 1 + 1 / q

    def lower(ctx: Context, t: Real, _: Real) -> list[Real]:
        scale, c = real(ctx, q), real(ctx, radius)
        root, angle = ctx.sqrt((c - t) * (c + t)), ctx.asin(t / c)
        value = scale * (t / 4 + ((1 + t * t * real(ctx, (1 - q) / (1 + q))) / root + t * angle) / (2 * ctx.pi))
        return [value, scale / 4 + (t / (scale * root**3) + 2 * t / (c * root) + scale * angle) / (2 * ctx.pi)]

    def weights(ctx: Context) -> list[tuple[int, Real]]:
        return [(n, real(ctx, w) / (2 * ctx.pi)) for n, w in ((5, 3 * radius**2 / q), (3, Fraction(2)), (1, q))]

    return AlgebraicDual(2, radius, weights, lower)


def _gelu(name: str) -> Activation:
    """Return x Φ(x), Φ the distribution function of N(0, 1)."""
    dilation = closed_form(_gelu_dual, alternating(2))

    def on_arrays() -> ArrayPair:
        import numpy as np
        from scipy.special import ndtr

        return lambda x: x * ndtr(x), lambda x: ndtr(x) + x * np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5

    return Activation(
        name,
        lambda ctx, x: x * ctx.erfc(-x / ctx.sqrt(2)) / 2,
        on_arrays,
        *dilation(Fraction(1)),
        dilation,
        singularity=_gelu_dual(Fraction(1)).singularity,
    )


GAUSSIAN = Family(
    "gaussian", "density of N(0, sigma^2)", "elementary dual", _gaussian, (("sigma", "1"),), positive=True
)
ERF = Family("erf", "erf(x)", "Williams 1997", _erf)
GELU = Family("gelu", "x*Phi(x)", "elementary dual", _gelu)
