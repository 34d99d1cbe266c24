r"""The dual of a φ with kinks whose pieces are no polynomials.

Near the k where the asymptotic series of the jumps reaches the precision asked for, the coefficients of φ and those of
the spline S with the same jumps become equal. Below it quadrature gives µ_k, beyond it S does, and

.. math::  D(t) = D_S(t) + \sum_{k ≤ K} (µ_k(φ)² − µ_k(S)²) t^k

holds up to ±1, where D's own series converges slowly. The two must agree where they meet. Where jumps grow too fast for
that, D next to ±1 is an integral over the plane.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.formula_dual import MOST_BY_QUADRATURE, MOST_TERMS, SHORT, FormulaDual, is_short
from ntkcalc.activations.formula.functions import DomainError
from ntkcalc.activations.formula.integrand import Shape
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.plane import correlated_means
from ntkcalc.activations.formula.spline_dual import with_jumps
from ntkcalc.activations.formula.splines import Spline
from ntkcalc.activations.hermite_dual import FixedSeries
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Real, context, log2

_LATEST_MEETING = 2500
_RUN = 8  # terms of the jumps' series that tell where it may end: some vanish, as every other one of |sin x| does
_FEW_TERMS = 1024  # of a series, found and summed faster than any integral is computed


@dataclass(frozen=True, eq=False)
class _Meeting:
    """A spline with φ's jumps, and the degree from which on its Hermite coefficients are φ's, to so many bits."""

    bits: int
    degree: int
    spline: Spline


class KinkedDual(FormulaDual):
    """The dual of a φ with kinks whose pieces are no polynomials."""

    slow = True

    def __init__(self, phi: Pieces) -> None:
        super().__init__(phi)
        self._meetings: dict[int, _Meeting | None] = {}
        self._corrections: dict[_Meeting, FixedSeries] = {}

    @property
    def most_terms(self) -> int:
        """Where splines take over, any number."""
        return MOST_TERMS if self._meeting(64) else MOST_BY_QUADRATURE

    def moments(self, degree: int, bits: int, budget: WorkBudget | None = None) -> list[Real]:
        """See `HermiteDual.moments`."""
        if degree <= 512 or (meeting := self._meeting(bits)) is None or degree <= meeting.degree:
            return super().moments(degree, bits, budget)
        low = super().moments(meeting.degree, bits, budget)
        return [*low, *meeting.spline.hermite(degree)[meeting.degree + 1 :]]

    def _value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See the head of this room."""
        if is_short(t, bits, _FEW_TERMS):
            return self._series(t, bits, MOST_BY_QUADRATURE)
        meeting = None if is_short(t, bits, SHORT) else self._meeting(bits + 16)
        if meeting is None:
            return self._over_plane(t, bits) if self._shape is Shape.KINKED else super()._value(t, bits)
        spline, ctx = meeting.spline, t.context(meeting.spline.ctx.prec)
        x, gap = t.at(ctx)
        value, slope = spline.dual(spline.ctx.convert(x), spline.ctx.sqrt(gap), spline.ctx.prec - 48)
        more, steeper = self._correction(meeting).at(t)
        return value + more, slope + steeper

    def _over_plane(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t) by integration in two dimensions."""
        ctx = context(bits + 64)
        sizes = log2(ctx.convert(self.mean_square(64))), log2(ctx.convert(self.slope_square(64)))
        return correlated_means(self.integrand, [joint.at(ctx) for joint in self.phi.kinked], t, sizes, bits)

    def _correction(self, meeting: _Meeting) -> FixedSeries:
        """Return Σ (µ_k(φ)² − µ_k(S)²) t^k."""
        if meeting not in self._corrections:
            ctx, k = meeting.spline.ctx, meeting.degree
            pairs = zip(super().moments(k, meeting.bits), meeting.spline.hermite(k), strict=True)
            self._corrections[meeting] = FixedSeries.of([ctx.convert(a) ** 2 - b * b for a, b in pairs], ctx.prec - 32)
        return self._corrections[meeting]

    def _meeting(self, bits: int) -> _Meeting | None:
        """Return the spline for so many bits, None where there is none."""
        bits = 64 * (bits // 64 + 1)
        if bits not in self._meetings:
            self._meetings[bits] = self._met(bits)
        return self._meetings[bits]

    def _met(self, bits: int) -> _Meeting | None:
        """Find where the smallest term of the jumps' series is small enough, and check it there."""
        scale = self._quadrature(0, 64).scale
        try:
            rough = with_jumps(self.phi, [context(128).zero], 16 + min(bits, 600) // 3, context(128))
        except (DomainError, ZeroDivisionError):
            return None
        found = _smallest(rough, bits + 8 - scale)
        if found is None:
            return None
        degree, order = found
        guard = 64 + max(0, math.ceil(2 * (rough.log_size() - scale)))
        ctx = context(bits + guard)
        spline = with_jumps(self.phi, [ctx.zero], order, ctx)
        while degree < _LATEST_MEETING:
            last = degree + 4
            try:
                ours, theirs = super().moments(last, bits), spline.hermite(last)
            except AccuracyError:
                return None
            least = ctx.ldexp(1, scale - bits + 2)
            if all(abs(a - b) < least for a, b in zip(ours[degree:], theirs[degree:], strict=True)):
                return _Meeting(bits, degree, spline)
            degree += degree // 2
        return None


def _smallest(spline: Spline, bits: int) -> tuple[int, int] | None:
    """Return the least degree, and the order, at which a term of the jumps' series is below 2**-bits."""
    sizes = []
    for i in range(1, spline.order + 1):
        parts = [log2(abs(j[i])) - float(b) ** 2 / 4 * math.log2(math.e) for b, j in spline.knots if j[i]]
        sizes.append(max(parts, default=-math.inf) + 1)
    degree = spline.order + 2
    while degree < _LATEST_MEETING:
        terms = [s - i / 2 * math.log2(degree - i) for i, s in enumerate(sizes, 2)]
        for i in range(1, len(terms) - _RUN + 1):
            if max(terms[i : i + _RUN]) < -bits and max(terms[:i]) > -math.inf:
                return degree, i + 1
        degree += degree // 8 + 1
    return None
