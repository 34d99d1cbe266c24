"""Power series in fixed-point integers, for many values at high precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gmpy2

from ntkcalc.activations.dual import Correlation
from ntkcalc.numerics.precision import Real, log2


@dataclass(frozen=True)
class FixedSeries:
    """A power series in fixed-point integers.

    Parameters
    ----------
    bits : -log2 of the errors of its sums, over its largest coefficient
    scale, width : coefficients are in units of 2**(scale − width)
    coefficients : c_0, c_1, …
    """

    bits: int
    scale: int
    width: int
    coefficients: list[Any]

    @classmethod
    def of(cls, series: Sequence[Real], bits: int) -> FixedSeries:
        """Return a series of reals in fixed point, its sums to `bits` bits."""
        ctx = series[0].context
        largest = max(map(abs, series))
        scale = math.ceil(log2(largest)) if largest else 0
        width = bits + 3 * len(series).bit_length() + 16
        return cls(bits, scale, width, [gmpy2.mpz(int(ctx.ldexp(c, width - scale))) for c in series])

    def at(self, t: Correlation, degree: int | None = None) -> tuple[Real, Real]:
        """Return Σ c_k t^k and its derivative, of all terms or of those up to a degree."""
        ctx, width, c = t.context(self.width), self.width, self.coefficients
        unit, value, slope = gmpy2.mpz(int(ctx.ldexp(t.at(ctx)[0], width))), gmpy2.mpz(0), gmpy2.mpz(0)
        for k in range(len(c) - 1 if degree is None else degree, 0, -1):
            value = (value * unit >> width) + c[k]
            slope = (slope * unit >> width) + k * c[k]
        value = (value * unit >> width) + c[0]
        return ctx.ldexp(ctx.mpf(int(value)), self.scale - width), ctx.ldexp(ctx.mpf(int(slope)), self.scale - width)
