r"""Series to any precision: fixed-point integers, scaled so that every coefficient keeps its digits.

Coefficients such as those of gaussian (:math:`2^{-p}`) or sin (:math:`1/p!`) span thousands of decades. Before
it is packed, a series a(t) is replaced by :math:`a(λt)/a(λ)`, whose coefficients sum to 1, with λ near the
saddle point where the result is as flat as it can be. The error of the fixed-point arithmetic is
absolute and known (`Packing.compose`), so each coefficient that is not an exact zero can be checked
to have its *relative* accuracy; where one has not, the integers are widened.
"""

import math
from collections.abc import Callable, Sequence
from operator import itemgetter

from ntkcalc.errors import NtkcalcError
from ntkcalc.numerics.engine import ErrorBound
from ntkcalc.numerics.packed_series import (
    Packing,
    baby_steps,
    composition_error,
    support_of_compositions,
    support_of_product,
)
from ntkcalc.numerics.precision import Context, Real, context, log2

_MEMORY = 1 << 30  # bytes that the powers of one composition may take
_ENOUGH = 2000  # coefficients from which a saddle point is estimated


class MpmathEngine:
    """Series as lists of mpmath reals; an operation has a relative error at most 2**-bits."""

    name = "mpmath"

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def series(self, scalars: Sequence[Real]) -> list[Real]:
        """Take coefficients in, unrounded."""
        return list(scalars)

    def scalars(self, a: list[Real]) -> list[Real]:
        """Give coefficients back."""
        return a

    def scale(self, factor: Real, a: list[Real]) -> list[Real]:
        """Return factor · a."""
        factor = self._context(len(a)).convert(factor)
        return [factor * c for c in a]

    def add(self, a: list[Real], b: list[Real]) -> list[Real]:
        """Return a + b."""
        convert = self._context(len(a)).convert
        return [convert(c) + d for c, d in zip(a, b, strict=True)]

    def without_constant(self, a: list[Real]) -> list[Real]:
        """Return a − a(0)."""
        return [0 * a[0], *a[1:]]

    def rounding(self, terms: int) -> tuple[ErrorBound, ErrorBound]:
        """Every operation rounds once."""
        return ErrorBound(1, 0), ErrorBound(1, 0)

    def multiply(self, a: list[Real], b: list[Real]) -> list[Real]:
        """Return the product, truncated to the length of its factors."""
        terms, logs_a, logs_b = len(a), _logs(a), _logs(b)
        ctx = self._context(terms)
        if not (logs_a and logs_b):
            return [ctx.mpf(0)] * terms
        first, last = (min(logs_a[i][0] + logs_b[i][0], terms - 1) for i in (0, -1))
        tangents = _Tangents(lambda x: _log_sum(logs_a, x) + _log_sum(logs_b, x), first, last)
        scale = ctx.mpf(2) ** tangents.flattening()
        row_a, total_a = _normalised(_stretched(ctx, a, scale))
        row_b, total_b = _normalised(_stretched(ctx, b, scale))

        def attempt(width: int) -> list[list[int]]:
            packing = Packing.fixed_point(width, terms)
            factors = [packing.pack(_fixed(ctx, row, width)) for row in (row_a, row_b)]
            return [packing.unpack(packing.multiply(factors[0], factors[1], terms), terms)]

        width, (row,) = self._until_accurate(attempt, 4, tangents.spread(), [support_of_product(a, b)])
        return _relaxed(ctx, row, ctx.ldexp(total_a * total_b, -width), scale)

    def compose(self, outers: Sequence[Sequence[Real]], inner: list[Real]) -> list[list[Real]]:
        """Return r(inner(t)), truncated to the length of `inner`, for every outer series r.

        Where inner(0) = 0 only the terms of r up to the degree of `inner` matter; otherwise r is
        the polynomial that it is, all of whose terms count.
        """
        terms, logs_inner = len(inner), _logs(inner)
        ctx = self._context(max(terms, *map(len, outers)))
        if not logs_inner:
            return [[ctx.convert(r[0]), *[ctx.mpf(0)] * (terms - 1)] for r in outers]
        valuation = logs_inner[0][0]
        if valuation:
            outers = [r[:terms] for r in outers]

        def tangents_of(logs: list[tuple[int, float]]) -> _Tangents:
            first, last = (min(logs[i][0] * logs_inner[i][0], terms - 1) for i in (0, -1))
            return _Tangents(lambda x: _log_sum(logs, _log_sum(logs_inner, x)), first, last)

        tangents = [tangents_of(logs) for logs in map(_logs, outers) if logs]
        if not tangents:
            return [[ctx.mpf(0)] * terms for _ in outers]
        scale = ctx.mpf(2) ** tangents[0].flattening()
        row, sigma = _normalised(_stretched(ctx, inner, scale))
        outer_rows = [_normalised(_stretched(ctx, r, sigma)) for r in outers]
        length = max(map(len, outers))
        step = baby_steps(length, len(outers), valuation)

        def attempt(width: int) -> list[list[int]]:
            packing = Packing.fixed_point(width, terms)
            need = packing.slot * packing.terms * (step + 4) // 8
            if need > _MEMORY:
                raise NtkcalcError(
                    f"{packing.terms - 1} coefficients of {packing.kept} bits need {need >> 20} MB of memory, "
                    f"more than {_MEMORY >> 20} MB; lower --truncation or --digits"
                )
            fixed = _fixed(ctx, row, width)
            composed = packing.compose([_fixed(ctx, r, width) for r, _ in outer_rows], fixed, 1 << width, valuation)
            return [packing.unpack(series, terms) for series in composed]

        spread = max(t.spread(tangents[0].flattening()) for t in tangents)
        possible = support_of_compositions(outers, inner, terms)
        width, rows = self._until_accurate(attempt, composition_error(length, step), spread, possible)
        return [
            _relaxed(ctx, r, ctx.ldexp(total, -width), scale) for r, (_, total) in zip(rows, outer_rows, strict=True)
        ]

    def _until_accurate(
        self, attempt: Callable[[int], list[list[int]]], error: int, spread: float, possible: list[list[bool]]
    ) -> tuple[int, list[list[int]]]:
        """Widen the fixed-point numbers until every positive coefficient has its relative accuracy.

        `error` bounds the error of an attempt in units of the last place, `spread` is the
        expected range of coefficients in bits.
        """
        least = error << (self.bits + 1)
        width = least.bit_length() + int(spread) + 8
        while True:
            rows = attempt(width)
            found = (c for row, may in zip(rows, possible, strict=True) for c, ok in zip(row, may, strict=True) if ok)
            worst = min(found, default=least)
            if worst >= least:
                return width, rows
            width += least.bit_length() - int(worst).bit_length() + 2 if worst > error else width

    def _context(self, terms: int) -> Context:
        return context(self.bits + 2 * terms.bit_length() + 20)


class _Tangents:
    """Saddle-point estimates of the coefficients c_p of a series, from its sums at t = 2**x.

    All c_p ≥ 0 gives log2 c_p ≤ total(x) − p x for every x, nearly with equality at the best x.
    Speed depends on the estimate, truth does not. The coefficients that count are those from
    `first` to `degree`.
    """

    def __init__(self, total: Callable[[float], float], first: int, degree: int) -> None:
        self.total, self.first, self.degree = total, first, degree
        self.points = {x: total(x) for x in (0.0, -1e4)}
        for p in {degree, degree // 2, degree // 8}:
            self._approach(p)

    def _approach(self, p: int) -> None:
        """Add points around the x where total(x) − p x is least."""
        left, right = 0.0, 1 / (self.degree + 1)
        while self._slope(right) < p and right < 1e5:
            left, right = right, 2 * right
        for _ in range(8):
            middle = (left + right) / 2
            left, right = (middle, right) if self._slope(middle) < p else (left, middle)

    def _slope(self, x: float) -> float:
        step = 0.01 * x
        self.points[x], self.points[x - step] = self.total(x), self.total(x - step)
        return (self.points[x] - self.points[x - step]) / step

    def log_coefficient(self, p: int) -> float:
        """Return the estimate of log2 c_p."""
        return min(y - p * x for x, y in self.points.items())

    def flattening(self) -> float:
        """Return log2 of the λ for which the first and the last coefficient of c(λt) weigh the same."""
        fall = self.log_coefficient(self.first) - self.log_coefficient(self.degree)
        return fall / max(self.degree - self.first, 1)

    def spread(self, log_scale: float | None = None) -> float:
        """Return log2 of the sum of c(λt) over its least coefficient."""
        x = self.flattening() if log_scale is None else log_scale
        samples = {self.first + (self.degree - self.first) * i // 8 for i in range(9)}
        return max(0.0, self.total(x) - min(self.log_coefficient(p) + p * x for p in samples))


def _logs(series: Sequence[Real]) -> list[tuple[int, float]]:
    """Return the positive coefficients as (p, log2 c_p); of many the first, the last, and the sums of every few."""
    logs = [(p, log2(c)) for p, c in enumerate(series) if c]
    few = len(logs) // _ENOUGH + 1
    if few == 1:
        return logs
    groups = [logs[i : min(i + few, len(logs) - 1)] for i in range(1, len(logs) - 1, few)]
    return [logs[0], *((max(group, key=itemgetter(1))[0], _log_sum(group, 0.0)) for group in groups), logs[-1]]


def _log_sum(logs: list[tuple[int, float]], x: float) -> float:
    """Return log2 of the series' sum at t = 2**x."""
    weights = [log + p * x for p, log in logs]
    top = max(weights)
    return top + math.log2(math.fsum(2.0 ** (w - top) for w in weights if w > top - 1000))


def _stretched(ctx: Context, series: Sequence[Real], scale: Real) -> list[Real]:
    """Return the coefficients of a(λt)."""
    power, row = ctx.mpf(1), []
    for c in series:
        row.append(power * c if c else ctx.zero)
        power *= scale
    return row


def _normalised(row: list[Real]) -> tuple[list[Real], Real]:
    """Return a row divided by its sum (so that its sum is at most 1), and that sum."""
    ctx = row[0].context
    total = sum(row, ctx.zero) * (1 + ctx.ldexp(len(row), 4 - ctx.prec))
    return [c / total if c else c for c in row], total or ctx.one


def _fixed(ctx: Context, row: list[Real], width: int) -> list[int]:
    """Return the coefficients, all below 1, in units of 2**-width, rounded down."""
    return [int(ctx.ldexp(c, width)) if c else 0 for c in row]


def _relaxed(ctx: Context, row: list[int], unit: Real, scale: Real) -> list[Real]:
    """Return the coefficients that integers of a(λt) in the given unit stand for."""
    series = []
    for c in row:
        series.append(unit * c if c else ctx.zero)
        unit /= scale
    return series
