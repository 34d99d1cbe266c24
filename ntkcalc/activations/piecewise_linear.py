"""Activations of two lines that meet at 0: x for x > 0, slope · x for x < 0."""

from dataclasses import replace
from fractions import Fraction

from ntkcalc.activations.activation import Activation, ArrayPair, Family, TwoLayerLaw, alternating, closed_form
from ntkcalc.activations.closed_form_dual import AlgebraicDual
from ntkcalc.numerics.precision import Context, Real, real


def _dual(slope: Fraction, q: Fraction) -> AlgebraicDual:
    """Return D_q(t) = q ((1 − s)²/(2π) [√(1 − t²) + t arcsin t] + (1 + s)²/4 t), s the slope.

    For relu (s = 0) this is the arc-cosine kernel of Cho and Saul (2009).
    """
    bend, mean = q * (1 - slope) ** 2, q * (1 + slope) ** 2 / 4

    def lower(ctx: Context, t: Real, gap: Real) -> list[Real]:
        kink, line = real(ctx, bend) / (2 * ctx.pi), real(ctx, mean)
        width = ctx.sqrt(gap)
        angle = ctx.atan2(t, width)
        return [kink * (width + t * angle) + line * t, kink * angle + line]

    def weights(ctx: Context) -> list[tuple[int, Real]]:
        return [(1, real(ctx, bend) / (2 * ctx.pi))] if bend else []

    square = q * (1 + slope**2) / 2
    return AlgebraicDual(2, Fraction(1), weights, lower, square, square, None if bend else 1)


def _piecewise_linear(name: str, slope: Fraction) -> Activation:
    def phi(ctx: Context, x: Real) -> Real:
        return x if x > 0 else real(ctx, slope) * x

    def on_arrays() -> ArrayPair:
        import numpy as np

        s = float(slope)
        return lambda x: np.where(x > 0, x, s * x), lambda x: np.where(x > 0, 1.0, s)

    def sign(k: int) -> int:
        if k == 1:
            return 1 if slope >= -1 else -1
        return alternating(2)(k) * (1 if slope <= 1 else -1)

    dilation = closed_form(lambda q: _dual(slope, q), sign)
    return Activation(
        name,
        phi,
        on_arrays,
        *dilation(Fraction(1)),
        dilation,
        parity="odd" if slope == 1 else "even" if slope == -1 else None,
        jumps=() if slope == 1 else ((1, lambda ctx: real(ctx, 1 - slope)),),
        slope_range=(min(1.0, float(slope)), max(1.0, float(slope))) if slope > 0 else None,
        homogeneous=True,
    )


def _relu(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        return lambda x: np.maximum(x, 0.0), lambda x: (x > 0).astype(np.float64)

    law = TwoLayerLaw("power", "Θ(p^(−3/2))", exponent=-1.5, parity="even", needs_zero_bias=False)
    return replace(_piecewise_linear(name, Fraction(0)), on_arrays=on_arrays, is_relu=True, lemma_3_2=law)


def _abs(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        return np.abs, np.sign

    return replace(_piecewise_linear(name, Fraction(-1)), on_arrays=on_arrays)


LINEAR = Family("linear", "x", "identity", lambda name: _piecewise_linear(name, Fraction(1)))
RELU = Family("relu", "max(x, 0)", "Cho & Saul 2009", _relu)
LEAKY_RELU = Family(
    "leaky-relu", "x for x > 0, slope*x for x < 0", "linear in relu", _piecewise_linear, (("slope", "0.01"),)
)
ABS = Family("abs", "|x|", "leaky-relu with slope -1", _abs)
