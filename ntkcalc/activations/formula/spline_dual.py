"""The dual of a piecewise polynomial: Hermite coefficients and dual of a spline, exact for all k and t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import Any

import gmpy2

from ntkcalc.activations.dual import Correlation
from ntkcalc.activations.formula.formula_dual import MOST_LOST, MOST_TERMS, SHORT, FormulaDual, is_short
from ntkcalc.activations.formula.functions import MpfrField, program
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.splines import Spline
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Context, Real, context, from_mpfr, log2, mpfr_context, to_mpfr

_MOST_GUARD = 2048  # bits of cancellation between the pieces of a piecewise polynomial


class SplineDual(FormulaDual):
    """The dual of a piecewise polynomial."""

    slow = True

    def __init__(self, phi: Pieces) -> None:
        super().__init__(phi)
        self._spline: Spline | None = None
        self._moments: tuple[int, list[Real]] = (0, [])
        self._squares: dict[int, tuple[int, Real]] = {}
        self._lost: dict[int, int] = {}
        self._evaluated: tuple[int, list[list[Any]]] = (0, [])

    @property
    def most_terms(self) -> int:
        """See `HermiteDual.most_terms`."""
        return MOST_TERMS

    def most_lost(self, degree: int) -> int:
        """See `HermiteDual.most_lost`."""
        return MOST_LOST

    @property
    def _narrow(self) -> list[float]:
        """See `FormulaDual`: none."""
        return []

    @property
    def _rows(self) -> list[list[Tree]]:
        assert self.phi.polynomials is not None
        return self.phi.polynomials

    @property
    def _most_faint(self) -> int:
        return 1 << 16 if self._exact_rows is not None else super()._most_faint

    @property
    def _trial_degree(self) -> int:
        return max(map(len, self._rows)) + 1

    def spline(self, bits: int) -> Spline:
        """Return φ in a precision that leaves so many bits."""
        if self._spline is None or self._spline.ctx.prec < bits + self._guard:
            ctx = context(64 * (bits // 64 + 1) + self._guard)
            self._spline = with_jumps(self.phi, self._first(ctx), max(map(len, self._rows)) - 1, ctx)
        return self._spline

    @cached_property
    def _guard(self) -> int:
        """Bits that cancellation between the pieces may take."""
        ctx = context(256)
        spline = with_jumps(self.phi, self._first(ctx), max(map(len, self._rows)) - 1, ctx)
        return 96 + max(0, math.ceil(2 * spline.log_size() - log2(self._squared_mean(64, 0))))

    def _first(self, ctx: Context) -> list[Real]:
        """Return the coefficients of the first piece."""
        return [from_mpfr(ctx, c) for c in self._coefficients(ctx.prec)[0]]

    def _coefficients(self, bits: int) -> list[list[Any]]:
        """Return the coefficients of all pieces to so many bits or more; kept."""
        if self._evaluated[0] < bits:
            with mpfr_context(bits):
                self._evaluated = bits, [program(row, MpfrField())(gmpy2.mpfr(0)) for row in self._rows]
        return self._evaluated[1]

    def moments(self, degree: int, bits: int, budget: WorkBudget | None = None) -> list[Real]:
        """See `HermiteDual.moments`."""
        known, series = self._moments
        if known < bits or len(series) <= degree:
            spline = self.spline(bits + 2 * degree.bit_length())
            self._moments = bits, spline.hermite(max(degree, min(len(series), 2 * degree)))
        return self._moments[1][: degree + 1]

    def _value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Take the series, or where that is long the integral."""
        if self.degree is not None or is_short(t, bits, SHORT):
            return self._series(t, bits, self.most_terms)
        ctx = t.context(bits + 16)
        spline = self.spline(ctx.prec)
        x, gap = t.at(spline.ctx)
        return spline.dual(x, spline.ctx.sqrt(gap), bits + self._guard // 2)

    def vanishes(self, k: int) -> bool:
        """See `HermiteDual.vanishes`; exactly where φ is a polynomial with rational coefficients."""
        known = self._exact_moments
        return super().vanishes(k) if known is None else k >= len(known) or not known[k]

    @cached_property
    def _exact_moments(self) -> list[Any] | None:
        """E[φ He_k] = Σ c_n n!/(((n − k)/2)! 2^{(n − k)/2}), over a common denominator."""
        rows = self._exact_rows
        if rows is None or len(rows[0]) > 1:
            return None
        row, factorial = rows[0][0], [gmpy2.fac(n) for n in range(len(rows[0][0]))]
        doubled = [factorial[i] << i for i in range(len(row) // 2 + 1)]
        return [
            sum(c * (factorial[n] // doubled[(n - k) // 2]) for n, c in enumerate(row[k:], k) if (n - k) % 2 == 0)
            for k in range(len(row))
        ]

    @cached_property
    def _exact_rows(self) -> tuple[list[list[Any]], Any] | None:
        """The coefficients of all pieces where they are rational, as integers over a common denominator."""
        rows = [[c.number for c in row] for row in self._rows]
        known = [[c for c in row if c is not None] for row in rows]
        if known != rows:
            return None
        common = math.lcm(*(c.denominator for row in known for c in row))
        return [[gmpy2.mpz(c.numerator * (common // c.denominator)) for c in row] for row in known], common

    @cached_property
    def polynomial_parts(self) -> tuple[int | None, int | None]:
        """See `FormulaDual.polynomial_parts`."""
        rows = self._exact_rows
        if rows is None or len(rows[0]) > 1:
            return super().polynomial_parts
        even, odd = (max((n for n, c in enumerate(rows[0][0]) if c and n % 2 == i), default=-1) for i in (0, 1))
        return even, odd

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]; a fraction where it is rational."""
        return self._at_one(bits, 0)

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return E[φ'²]."""
        return self._at_one(bits, 1)

    def _at_one(self, bits: int, order: int) -> Real | Fraction:
        if self._rational[order] is not None:
            return self._rational[order]
        known, square = self._squares.get(order, (0, None))
        if known < bits:
            known = 64 * (bits // 64 + 1)
            square = self._squared_mean(known, order)
            self._squares[order] = known, square
        return square

    @cached_property
    def _rational(self) -> list[Fraction | None]:
        """E[φ²] and E[φ'²] where they are plainly rational."""
        if self._exact_rows is None or any(joint.exact != 0 for joint in self.phi.joints):
            return [None, None]
        rows, common = self._exact_rows
        return [_rational_square([_derived(row, order) for row in rows], common) for order in (0, 1)]

    def _squared_mean(self, bits: int, order: int) -> Real:
        """Return E[φ²] or E[φ'²]: the squares of the pieces are another spline."""
        wide = bits + 64 + self._lost.get(order, 0)
        while True:
            mean, size = self._square(wide, order).mean()
            lost = size - log2(abs(mean)) if mean else math.inf
            if lost < wide - bits - 32:
                self._lost[order] = math.ceil(lost)
                return mean
            if wide > bits + _MOST_GUARD:
                raise AccuracyError(
                    f"the kinks of {self.name} lie too far out: what the normal law sees of them is all but zero"
                )
            wide = bits + 64 + (math.ceil(lost) if lost < wide - 32 else 2 * wide)

    def _square(self, bits: int, order: int) -> Spline:
        """Return φ² or φ'², which may jump."""
        ctx = context(bits)
        with mpfr_context(ctx.prec):
            pieces = [_squared(_derived(row, order)) for row in self._coefficients(ctx.prec)]
            knots = []
            for joint, (left, right) in zip(self.phi.joints, pairwise(pieces), strict=True):
                x = joint.at(ctx)
                sides = [_moved(row, to_mpfr(x)) for row in (left, right)]
                jumps = [after - before for before, after in zip_longest(*sides, fillvalue=0)]
                knots.append((x, [from_mpfr(ctx, jump) * math.factorial(n) for n, jump in enumerate(jumps)]))
            return Spline(ctx, [from_mpfr(ctx, c) for c in pieces[0]], knots)


def _derived(row: Sequence[Any], order: int) -> list[Any]:
    """Return the coefficients of φ, or of φ'."""
    return [n * c for n, c in enumerate(row)][1:] if order else list(row)


def _moved(row: Sequence[Any], x: Any) -> list[Any]:
    """Return the coefficients of p(x + t) in t: Horner's rule, again and again."""
    found = list(row)
    for i in range(len(found)):
        for n in range(len(found) - 2, i - 1, -1):
            found[n] += x * found[n + 1]
    return found


def _squared(row: Sequence[Any]) -> list[Any]:
    """Return the coefficients of the square."""
    found = []
    for n in range(max(2 * len(row) - 1, 0)):
        first = max(0, n - len(row) + 1)
        twice = 2 * sum(row[i] * row[n - i] for i in range(first, (n + 1) // 2))
        found.append(twice + row[n // 2] ** 2 if n % 2 == 0 else twice)
    return found


def with_jumps(phi: Pieces, polynomial: list[Real], order: int, ctx: Context) -> Spline:
    """Return the spline that starts with a polynomial and has φ's jumps up to an order."""
    knots = [(joint.at(ctx), [ctx.zero, *phi.jumps(joint, order, ctx)[1:]]) for joint in phi.kinked]
    return Spline(ctx, polynomial, knots)


def _rational_square(rows: list[list[Any]], common: int) -> Fraction | None:
    """Return E[φ²] of one polynomial, or of two that meet at 0, over a common denominator, where that is rational."""
    total, lopsided = gmpy2.mpz(0), [gmpy2.mpz(0)] * (2 * max(map(len, rows)))
    for sign, row in zip((-1, 1) if len(rows) == 2 else (0,), rows, strict=True):
        for n, c in enumerate(_squared(row)):
            if n % 2:
                lopsided[n] += sign * c
            else:
                total += c * (gmpy2.double_fac(n - 1) if n else 1)
    return None if any(lopsided) else Fraction(int(total), len(rows) * common**2)
