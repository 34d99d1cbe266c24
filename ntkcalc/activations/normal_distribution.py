"""Activations made of the density and the distribution function of a normal law: gaussian, erf, gelu."""

from fractions import Fraction

from ntkcalc.activations.activation import (
    Activation,
    ArrayPair,
    Family,
    TwoLayerLaw,
    alternating,
    signed_roots,
)
from ntkcalc.activations.closed_form_dual import AlgebraicDual
from ntkcalc.numerics.precision import Context, Real, real
from ntkcalc.numerics.types import Array


def _gaussian_dual(sigma: Fraction) -> AlgebraicDual:
    """Return D(t) = ((1 + σ²)² − t²)^{−1/2}/(2π)."""
    return AlgebraicDual(0, 1 + sigma**2, lambda ctx: [(1, 1 / (2 * ctx.pi))], lambda ctx, t, _: [])


def _gaussian(name: str, sigma: Fraction) -> Activation:
    """Return the density of N(0, σ²)."""
    dual = _gaussian_dual(sigma)

    def phi(ctx: Context, x: Real) -> Real:
        s = real(ctx, sigma)
        return ctx.exp(-((x / s) ** 2) / 2) / (s * ctx.sqrt(2 * ctx.pi))

    def on_arrays() -> ArrayPair:
        import numpy as np

        s = float(sigma)

        def density(x: Array) -> Array:
            return np.asarray(np.exp(-((x / s) ** 2) / 2) / (s * (2 * np.pi) ** 0.5))

        return density, lambda x: -(x / s) * density(x) / s

    ratio = float(dual.radius)
    return Activation(
        name,
        phi,
        on_arrays,
        dual,
        signed_roots(dual, alternating(0)),
        parity="even",
        singularity=dual.singularity,
        lemma_3_2=TwoLayerLaw("exponential", f"Θ(p^(1/2) {ratio:.6g}^(−p))", exponent=0.5, ratio=ratio, parity="even"),
    )


def _erf_dual() -> AlgebraicDual:
    """Return D(t) = (2/π) arcsin(2t/3) (Williams, 1997)."""
    return AlgebraicDual(
        1, Fraction(3, 2), lambda ctx: [(1, 2 / ctx.pi)], lambda ctx, t, _: [2 / ctx.pi * ctx.asin(2 * t / 3)]
    )


def _erf(name: str) -> Activation:
    dual = _erf_dual()

    def on_arrays() -> ArrayPair:
        import numpy as np
        from scipy.special import erf

        return erf, lambda x: 2 / np.pi**0.5 * np.exp(-(x**2))

    return Activation(
        name,
        lambda ctx, x: ctx.erf(x),
        on_arrays,
        dual,
        signed_roots(dual, alternating(1)),
        parity="odd",
        singularity=dual.singularity,
    )


def _gelu_dual() -> AlgebraicDual:
    """Return D(t) = t/4 + [(4 − t²)^{−1/2} + t arcsin(t/2)]/(2π).

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


def _gelu(name: str) -> Activation:
    """Return x Φ(x), Φ the distribution function of N(0, 1)."""
    dual = _gelu_dual()

    def on_arrays() -> ArrayPair:
        import numpy as np
        from scipy.special import ndtr

        return lambda x: x * ndtr(x), lambda x: ndtr(x) + x * np.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5

    return Activation(
        name,
        lambda ctx, x: x * ctx.erfc(-x / ctx.sqrt(2)) / 2,
        on_arrays,
        dual,
        signed_roots(dual, alternating(2)),
        singularity=dual.singularity,
    )


GAUSSIAN = Family(
    "gaussian", "density of N(0, sigma^2)", "elementary dual", _gaussian, (("sigma", "1"),), positive=True
)
ERF = Family("erf", "erf(x)", "Williams 1997", _erf)
GELU = Family("gelu", "x*Phi(x)", "elementary dual", _gelu)
