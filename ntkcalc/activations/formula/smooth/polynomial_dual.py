r"""The dual of a polynomial, Σ µ_k² t^k: √(k!) µ_k = Σ_n c_n n!/(((n − k)/2)! 2^{(n−k)/2}) over n − k even."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from typing import Any

from flint import arb

from ntkcalc.activations.closed_form_dual import ClosedFormDual
from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, rational, to_real, working_precision
from ntkcalc.activations.formula.expressions.trees import Tree
from ntkcalc.activations.formula.smooth.quadrature_dual import FLOOR
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, context, real

_LARGEST = 1e6  # bits of coefficients


class PolynomialDual(ClosedFormDual):
    """The dual of Σ c_n x^n, the c_n constant trees, under the name by which its user may know it."""

    def __init__(self, row: list[Tree], name: str) -> None:
        self.row, self.name = row, name
        self._known: tuple[int, list[Ball]] = (0, [])
        nonzero = [k for k, m in enumerate(self.moments(32)) if m != 0]
        if not nonzero or nonzero[-1] < 1:
            raise InputError(f"{name} is constant: a network of it computes nothing")
        self.degree: int = nonzero[-1]
        parities = {k % 2 for k in nonzero}
        self.parity = None if len(parities) > 1 else ("even", "odd")[parities.pop()]

    @cached_property
    def _exact(self) -> list[Fraction] | None:
        """√(k!) µ_k where all c_n are rational."""
        row = [c.number for c in self.row]
        known = [c for c in row if c is not None]
        return [hermite_moment(known, k, Fraction(0)) for k in range(len(known))] if known == row else None

    def moments(self, bits: int) -> list[Ball]:
        """Return balls of √(k!) µ_k, relative radii below 2**-bits; what is below the floor as zero."""
        if self._known[0] < bits:
            self._known = bits, self._balls(bits)
        return self._known[1]

    def _balls(self, bits: int) -> list[Ball]:
        if self._exact is not None:
            with working_precision(bits + 8):
                return [rational(m) for m in self._exact]
        wide = bits + 64
        while True:
            with working_precision(wide):
                row = values(self.row)
                found = [hermite_moment(row, k, arb(0)) for k in range(len(row))]
            size = max(log2_upper(m) for m in found)
            if _LARGEST < size < math.inf:
                raise InputError(f"{self.name} is too large: a number in it has more than {_LARGEST:.0f} bits")
            if size < math.inf:
                spent = wide > 2 * FLOOR
                found = [arb(0) if log2_upper(m) < size - FLOOR or (spent and m.contains(0)) else m for m in found]
                lost = [log2_upper(m.rad() / m.abs_lower()) for m in found if not m.is_zero()]
                if max(lost, default=-math.inf) < -bits or len(found) == 1:  # of a constant nothing is asked
                    return found
            elif wide > 2 * FLOOR:
                raise InputError(f"{self.name} is not finite: a number in it is not real, or a divisor is 0")
            wide *= 2

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree."""
        ctx = context(bits + 16)
        found = [to_real(ctx, m) / ctx.sqrt(ctx.factorial(k)) for k, m in enumerate(self.moments(bits + 16))]
        return (found + [ctx.zero] * (degree + 1))[: degree + 1]

    def _squares(self, ctx: Context) -> list[Real]:
        return [m * m for m in self.hermite(self.degree, ctx.prec)]

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> list[Real]:
        """See `ntkcalc.activations.dual.Dual.taylor`."""
        ctx = context(bits + 16 + 2 * self.degree.bit_length())
        a, delta = point.at(ctx)
        squares, found = self._squares(ctx), []
        for j in range(degree + 1):
            total = ctx.zero
            for k in range(self.degree, j - 1, -1):
                total = total * a + math.comb(k, j) * squares[k]
            found.append(total * delta**j)
        return found

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.activations.dual.Dual.value`."""
        ctx = t.context(bits + 16 + 2 * self.degree.bit_length())
        x, value, slope = t.at(ctx)[0], ctx.zero, ctx.zero
        for square in reversed(self._squares(ctx)):
            slope = slope * x + value
            value = value * x + square
        return value, slope

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]."""
        return self._total(bits, lambda k: 1)

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return E[φ'²]."""
        return self._total(bits, lambda k: k)

    def _total(self, bits: int, weight: Callable[[int], int]) -> Real | Fraction:
        if self._exact is not None:
            return sum((weight(k) * m * m / math.factorial(k) for k, m in enumerate(self._exact)), Fraction(0))
        ctx = context(bits + 16)
        return real(ctx, Fraction(0)) + sum(weight(k) * s for k, s in enumerate(self._squares(ctx)))

    def jumps(self) -> tuple[tuple[tuple[int, Any], ...], None]:
        """Return what `ntkcalc.activations.activation.Activation` calls jumps and roughness: none."""
        return (), None


def hermite_moment(row: list[Any], k: int, zero: Any) -> Any:
    """Return Σ_n c_n n!/(((n − k)/2)! 2^{(n−k)/2})."""
    total = zero
    for n in range(k, len(row), 2):
        half = (n - k) // 2
        total += row[n] * (math.factorial(n) // (math.factorial(half) << half))
    return total


def values(row: list[Tree]) -> list[Ball]:
    """Return constant trees as balls."""
    return list(real_program(*row)(arb(0)))


def hermite_moments(row: list[Tree]) -> list[Ball]:
    """Return balls of µ_k of Σ c_n x^n, in the present precision."""
    known = values(row)
    return [hermite_moment(known, k, arb(0)) / arb(math.factorial(k)).sqrt() for k in range(len(known))]
