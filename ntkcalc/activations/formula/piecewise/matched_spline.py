r"""The spline S that has the jumps J_{b,i} of φ^{(i)}, i < m, at its kinks b, and bounds on what φ − S adds.

r = φ − S has no jumps below the m-th derivative, which is φ^{(m)} off the kinks, so that m integrations by parts give

.. math::  \sum_{k>K} µ_k(r)² ≤ \frac{C_m}{(K + 1)_m}, \qquad \sum_{k>K} k µ_k(r)² ≤ \frac{C_m}{(K)_{m−1}}, \qquad
           C_m = E[(φ^{(m)})²; \text{ off the kinks}],

with (k)_m the falling factorial. By Cauchy's formula on circles of radius r, |φ^{(m)}| ≤ m!/r^m times a bound of φ on
boxes. Beyond ±X φ is replaced by its Taylor polynomial at ±X. Next to a kink whose place is not known exactly, φ is
replaced by the formulas on both sides that meet, but for a constant, at an exact point. Both differences are bounded in
the norm of the normal law, and so is their slope.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from operator import add

from flint import arb, arb_poly

from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, log_total, refined, working_precision
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import Tree
from ntkcalc.activations.formula.piecewise.kinks import Kink
from ntkcalc.activations.formula.piecewise.panels import Panels
from ntkcalc.activations.formula.piecewise.slivers import Sliver
from ntkcalc.activations.formula.piecewise.splines import Spline, log_norm, moments_beyond
from ntkcalc.activations.formula.smooth.hermite_sums import hermite_guard
from ntkcalc.activations.formula.smooth.polynomial_dual import hermite_moment, hermite_moments, values
from ntkcalc.numerics.precision import log_factorial, log_falling

_LN2 = math.log(2)
_HALF_LOG_TAU = math.log2(2 * math.pi) / 2
_ORDERS = (2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160)
_NO_DIGITS = "rounding leaves no digits of what kinks make"
_KEPT = 7  # precisions of splines
_LOW = 64  # bits of what is needed roughly
_UNSEEN = 16  # bits that single knots must be below the error
_LATEST = 1 << 16  # first k of a series that is any use


class Split:
    """A spline in any precision, beside which φ has only its first Hermite coefficients.

    Parameters
    ----------
    kinks
        Its knots, from left to right.
    last
        K, up to which φ has other Hermite coefficients than the spline.
    degree
        The degree of the spline.
    log_beyond
        log2 of the norms of what φ has beside the spline beyond K, and of its slope.
    """

    def __init__(self, kinks: list[Kink], last: int, degree: int, log_beyond: tuple[float, float]) -> None:
        self.kinks, self.last, self.degree, self.log_beyond = kinks, last, degree, log_beyond
        self._splines: dict[int, Spline] = {}

    def spline(self, bits: int) -> Spline:
        """Return the spline in a precision; kept."""
        if bits not in self._splines:
            with working_precision(bits):
                knots = [(kink.centre(), (kink.jumps(self.degree, bits) or [])[1:]) for kink in self.kinks]
            self._splines = {**dict([*self._splines.items()][-_KEPT:]), bits: Spline(knots, bits)}
        return self._splines[bits]

    def moments(self, degree: int, need: float) -> list[Ball]:
        """Return balls of the spline's µ_0 … µ_degree, radii below 2**-need."""
        likely = self._guard(degree, need)

        def sums(guard: float) -> list[Ball]:
            return self.spline(math.ceil(need + guard)).hermite(degree, need + 2, guard - likely)

        return refined(sums, need, likely, _NO_DIGITS)

    def work(self, series: bool) -> float:
        """Return the work that a value takes, or a series, in Hermite coefficients."""
        return self.degree**2 * max(1.0, len(self.kinks)) if series else _value_work(self.degree, len(self.kinks))

    def _guard(self, degree: int, need: float) -> float:
        """Return about the bits that rounding takes, of kinks that are seen in 2**-need."""
        seen = 2 * math.sqrt(max(need + 32, 0.0) * _LN2)
        return 16 + hermite_guard(degree, max((min(abs(kink.near), seen) for kink in self.kinks), default=0.0))

    @cached_property
    def log_loss(self) -> float:
        """log2 of by how much the spline is larger than φ usually is: bits that their difference takes."""
        return max(0.0, self.spline(_LOW).log_size)


class OwnSpline(Split):
    """Sums over the real line of a φ that is a spline and a polynomial; what `panels.Panels` is for any.

    Parameters
    ----------
    kinks
        All its kinks, from left to right.
    rows
        The coefficients of its formulas, constant trees, one row more.
    """

    def __init__(self, kinks: list[Kink], rows: list[list[Tree]]) -> None:
        degree = max(map(len, rows)) - 1
        super().__init__(kinks, degree, degree, (-math.inf, -math.inf))
        self.rows = rows

    def hermite(self, degree: int, need: float) -> list[Ball]:
        """Return balls of µ_0 … µ_degree, radii below 2**-need."""
        likely = self._guard(degree, need)

        def sums(guard: float) -> list[Ball]:
            with working_precision(bits := math.ceil(need + guard)):
                spline = self.spline(bits)
                found = spline.hermite(degree, need + 3, spare=guard - likely)
                row = hermite_moments(self.rows[spline.mirrored])[: degree + 1]
                found[: len(row)] = map(add, found, row)
            return found

        return refined(sums, need, likely, _NO_DIGITS)

    def square(self, order: int, need: float) -> Ball:
        """Return a ball of E[φ²], or of E[φ'²] for the order 1, with a radius below 2**-need."""

        def sums(guard: float) -> list[Ball]:
            with working_precision(math.ceil(need + guard)):
                rows = [arb_poly(values(row)) for row in self.rows]
                squares = [p * p for p in (row.derivative() if order else row for row in rows)]
                total = hermite_moment(list(squares[0]), 0, arb(0))
                for kink, left, right in zip(self.kinks, squares, squares[1:], strict=False):
                    jump = right - left
                    moments = moments_beyond(kink.place(), len(jump))
                    total += sum((c * m for c, m in zip(jump, moments, strict=False)), arb(0))
            return [total]

        return refined(sums, need, 16.0, _NO_DIGITS)[0]


class Matching:
    """The splines with φ's jumps, and from which k on their Hermite coefficients are those of φ.

    Parameters
    ----------
    panels
        φ on the whole line.
    kinks
        Its kinks. Those beyond ±X are left out, and those whose share of S is too small to be seen.
    need
        −log2 of the norms of what φ − S, and its slope, have beyond `last`.
    """

    def __init__(self, panels: Panels, kinks: list[Kink], need: float) -> None:
        self.need, self._line = need, panels.line(self.places(need))
        self._inside = [kink for kink in kinks if abs(kink.near) < self._line.reach]
        self._shares = [_log_shares(kink) for kink in self._inside]

    @staticmethod
    def places(need: float) -> float:
        """Return −log2 of how far kinks may be off: norms are roots of integrals."""
        return 2 * need + 16

    @cached_property
    def best(self) -> Split | None:
        """The spline whose K, with both norms small enough, is the least work; None where there is none."""
        best, least = None, math.inf
        for m in _ORDERS:
            size, left_out = self.log_size(m), self.log_left_out(m)
            if size == math.inf or max(left_out) > -self.need - 1:
                continue
            k = math.ceil(2.0 ** min((2 * self.need + 2 + size) / (m - 1), 40)) + m
            knots = self.knots(m)
            work = k + _value_work(m, len(knots))
            if k < _LATEST and work < least and all(kink.jumps(m - 1, _LOW) for kink in self._inside):
                best, least = Split(knots, k, m - 1, (self.log_beyond(m, k, 0), self.log_beyond(m, k, 1))), work
        return best

    def knots(self, m: int) -> list[Kink]:
        """Return the kinks that a spline of degree m − 1 has."""
        return [kink for kink, share in self._seen(m) if share is None]

    def _seen(self, m: int) -> Iterator[tuple[Kink, tuple[float, float] | None]]:
        """Yield the kinks, with log2 of bounds on the norms of what they add, and its slope, where that is not seen."""
        for kink, (value, slope) in zip(self._inside, self._shares, strict=True):
            share = value[m - 1], slope[m - 2]
            yield kink, None if max(share) > -self.need - _UNSEEN else share

    def log_size(self, m: int) -> float:
        """Return log2 of a bound on C_m."""
        total = -math.inf
        for cell in self._line.cells:
            row = polynomial(cell.tree)
            if row is not None and len(row) <= m:
                continue
            middle = abs(float(((cell.left + cell.right) / 2).mid()))
            nearest = max(0.0, middle - cell.half_width)
            # of the cell, and of a sliver next to it, which is no wider
            mass = -(nearest**2) / (2 * _LN2) - _HALF_LOG_TAU + cell.log_half + 2
            size = min(log_factorial(m) - m * log_r + s for log_r, s in cell.disc_sizes)
            total = log_total((total, 2 * size + mass))
        return total

    def log_beyond(self, m: int, last: int, slope: int) -> float:
        """Return log2 of a bound on the norm of φ − S beyond degree k = last, or of its slope."""
        size = self.log_size(m)
        smooth = (size - log_falling(last + 1 - slope, m - slope)) / 2 if size > -math.inf else size
        return log_total((smooth, self.log_left_out(m)[slope]))

    def log_left_out(self, m: int) -> list[float]:
        """Return log2 of bounds on the norms of what is replaced beyond ±X and at kinks, and of its slope."""
        line, logs = self._line, ([-math.inf], [-math.inf])
        if line.cells[0].left != -line.reach or line.cells[-1].right != line.reach:
            return [math.inf, math.inf]
        log_density = -(line.reach**2) / (2 * _LN2) - _HALF_LOG_TAU
        log_reach = math.log2(line.reach)
        for side, cell in enumerate((line.cells[0], line.cells[-1])):
            for slope, found in enumerate(logs):
                found.append(line.far[slope][side].log_tail(line.reach, 0.5, 2) / 2)
                for i in range(slope, m):  # E[(Z − X)_+^{2n}] ≤ (2n)! ω(X)/X^{2n+1}
                    n = i - slope
                    jump = min(s - i * log_r for log_r, s in cell.disc_sizes) + slope * math.log2(i + 1)
                    power = log_factorial(2 * n) + log_density - (2 * n + 1) * log_reach
                    found.append(jump + power / 2)
        shares = [share for _, share in self._seen(m) if share is not None]
        for pair in (*shares, *map(_log_uncertain, line.slivers)):
            for found, log in zip(logs, pair, strict=True):
                found.append(log)
        return [*map(log_total, logs)]


def _log_shares(kink: Kink) -> list[list[float]]:
    """Return log2 of bounds on the norms of the terms of a knot in splines of all degrees, and of their slopes."""
    distance, last = float(kink.centre().abs_lower()), _ORDERS[-1] - 1
    jumps = kink.jumps(last, _LOW) or [arb.pos_inf()] * (last + 1)
    logs = ([log2_upper(c) + log_norm(i, distance) for i, c in enumerate(row)] for row in (jumps, jumps[1:]))
    return [[*accumulate(row, lambda one, other: log_total((one, other)))] for row in logs]


def _value_work(degree: int, knots: int) -> float:
    """Return the work that a value takes, in Hermite coefficients: 3 for the rest of φ and 1 for each knot."""
    return 4 * degree**2 * knots / (3 + knots)


def _log_uncertain(sliver: Sliver) -> tuple[float, float]:
    """Return log2 of bounds on the norms of the difference of the formulas on a sliver, and of its slope.

    The formulas meet in the sliver, so that they differ at one of its points by 2 |φ'| times its width at most. Next to
    a sliver of one formula, which is singular there, derivatives have no bound.
    """
    if len(sliver.trees) == 1:
        return math.inf, math.inf
    log_width, (size, slope) = log2_upper(sliver.right - sliver.left), sliver.log_sizes
    return log_total((1 + size + log_width / 2, 1 + slope + log_width)), 1 + slope + log_width / 2
