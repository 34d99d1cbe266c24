"""Sine and cosine, whose duals are e⁻¹ sinh t and e⁻¹ cosh t."""

from dataclasses import dataclass

from ntkcalc.activations.activation import Activation, ArrayPair, Family, alternating, signed_roots
from ntkcalc.activations.closed_form_dual import ClosedFormDual
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.numerics.mpfr_series import MpfrSeries
from ntkcalc.numerics.precision import Real, context, mpfr_context, to_mpfr


@dataclass(frozen=True)
class HyperbolicDual(ClosedFormDual):
    """The dual of sin, e⁻¹ sinh t (odd), or of cos, e⁻¹ cosh t."""

    odd: bool
    degree: None = None

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> MpfrSeries:
        """See `Dual.taylor`."""
        ctx = context(bits + 16 + degree.bit_length())
        a, delta = point.at(ctx)
        derivatives = [ctx.sinh(a), ctx.cosh(a)] if self.odd else [ctx.cosh(a), ctx.sinh(a)]
        scale = ctx.exp(-1)
        with mpfr_context(ctx.prec):
            pair, series = [to_mpfr(x) for x in derivatives], []
            factor, delta = to_mpfr(scale), to_mpfr(delta)
            for j in range(degree + 1):
                series.append(factor * pair[j % 2])
                factor = factor * delta / (j + 1)
        return MpfrSeries(ctx, series)

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


def _sin(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        return np.sin, np.cos

    dual = HyperbolicDual(odd=True)
    hermite = signed_roots(dual, alternating(1))
    return Activation(name, lambda ctx, x: ctx.sin(x), on_arrays, dual, hermite, parity="odd", entire=True)


def _cos(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        return np.cos, lambda x: -np.sin(x)

    dual = HyperbolicDual(odd=False)
    hermite = signed_roots(dual, alternating(0))
    return Activation(name, lambda ctx, x: ctx.cos(x), on_arrays, dual, hermite, parity="even", entire=True)


SIN = Family("sin", "sin(x)", "elementary dual", _sin)
COS = Family("cos", "cos(x)", "elementary dual", _cos)
