"""Sine and cosine, whose duals are e^{−q} sinh(qt) and e^{−q} cosh(qt)."""

from dataclasses import dataclass
from fractions import Fraction

from ntkcalc.activations.activation import Activation, ArrayPair, Family, alternating, closed_form
from ntkcalc.activations.closed_form_dual import ClosedFormDual
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.numerics.precision import Real, context, real


@dataclass(frozen=True)
class HyperbolicDual(ClosedFormDual):
    """The dual of sin(√q x), e^{−q} sinh(qt) (odd), or of cos(√q x), e^{−q} cosh(qt)."""

    odd: bool
    q: Fraction = Fraction(1)
    degree: None = None

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> list[Real]:
        """See `Dual.taylor`."""
        ctx = context(bits + 16 + degree.bit_length())
        a, delta = point.at(ctx)
        q = real(ctx, self.q)
        derivatives = [ctx.sinh(q * a), ctx.cosh(q * a)] if self.odd else [ctx.cosh(q * a), ctx.sinh(q * a)]
        factor, series = ctx.exp(-q), []
        for j in range(degree + 1):
            series.append(factor * derivatives[j % 2])
            factor *= q * delta / (j + 1)
        return series

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `Dual.value`."""
        ctx = t.context(bits + 16)
        q = real(ctx, self.q)
        x, scale = q * t.at(ctx)[0], ctx.exp(-q)
        sinh, cosh = scale * ctx.sinh(x), scale * ctx.cosh(x)
        return (sinh, q * cosh) if self.odd else (cosh, q * sinh)

    def mean_square(self, bits: int) -> Real:
        """Return D(1)."""
        return self._at_one(bits, self.odd)

    def slope_square(self, bits: int) -> Real:
        """Return D'(1)."""
        ctx = context(bits + 16)
        return real(ctx, self.q) * self._at_one(bits, not self.odd)

    def _at_one(self, bits: int, odd: bool) -> Real:
        ctx = context(bits + 16)
        twice = -2 * real(ctx, self.q)
        return -ctx.expm1(twice) / 2 if odd else (1 + ctx.exp(twice)) / 2


def _sin(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        return np.sin, np.cos

    dilation = closed_form(lambda q: HyperbolicDual(True, q), alternating(1))
    own = dilation(Fraction(1))
    return Activation(name, lambda ctx, x: ctx.sin(x), on_arrays, *own, dilation, parity="odd", entire=True)


def _cos(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        return np.cos, lambda x: -np.sin(x)

    dilation = closed_form(lambda q: HyperbolicDual(False, q), alternating(0))
    own = dilation(Fraction(1))
    return Activation(name, lambda ctx, x: ctx.cos(x), on_arrays, *own, dilation, parity="even", entire=True)


SIN = Family("sin", "sin(x)", "elementary dual", _sin)
COS = Family("cos", "cos(x)", "elementary dual", _cos)
