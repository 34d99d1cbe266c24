r"""Series to any precision: fixed-point integers, scaled so that every coefficient keeps its digits.

Coefficients such as those of gaussian (:math:`2^{-p}`) or sin (:math:`1/p!`) span thousands of decades. Before
it is packed, a series a(t) is replaced by :math:`a(λt)/a(λ)`, whose coefficients sum to 1, with λ near the
saddle point where the result is as flat as it can be. The error of the fixed-point arithmetic is
absolute and known (`Packing.compose`), so each coefficient that is not an exact zero can be checked
to have its *relative* accuracy; where one has not, the integers are widened.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gmpy2

from ntkcalc.errors import NtkcalcError
from ntkcalc.numerics.engine import ErrorBound
from ntkcalc.numerics.mpfr_series import (
    MpfrSeries,
    fixed_point,
    mpfr_logs,
    mpfr_numbers,
    normalised,
    relaxed,
    stretched,
)
from ntkcalc.numerics.packed_series import (
    Packing,
    baby_steps,
    composition_error,
    support_of_compositions,
    support_of_product,
)
from ntkcalc.numerics.precision import Real, context, mpfr_context, mpfr_log2, to_mpfr

_MEMORY = 1 << 30  # bytes that the powers of one composition may take
_UNSEEN = 60  # bits below the largest term at which terms do not show in a double
_GROWTH = 16  # coefficients before a group of them are so many times as many as are in it
_SPARE = 6  # bits more for a composition, which takes long to do again
_ENOUGH = 64  # coefficients from which a saddle point is estimated


class MpmathEngine:
    """Series as rows of numbers of MPFR, which read as mpmath reals; an operation has a relative error ≤ 2**-bits."""

    name = "mpmath"

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def series(self, scalars: Sequence[Real]) -> MpfrSeries:
        """Take coefficients in, each rounded once with bits to spare."""
        with self._numbers(len(scalars)):
            return self._series(mpfr_numbers(scalars))

    def scalars(self, a: Sequence[Real]) -> Sequence[Real]:
        """Give coefficients back."""
        return a

    def scale(self, factor: Real, a: Sequence[Real]) -> MpfrSeries:
        """Return factor · a."""
        with self._numbers(len(a)):
            factor = to_mpfr(factor)
            return self._series([factor * c for c in mpfr_numbers(a)])

    def add(self, a: Sequence[Real], b: Sequence[Real]) -> MpfrSeries:
        """Return a + b."""
        with self._numbers(len(a)):
            return self._series([c + d for c, d in zip(mpfr_numbers(a), mpfr_numbers(b), strict=True)])

    def without_constant(self, a: Sequence[Real]) -> MpfrSeries:
        """Return a − a(0)."""
        with self._numbers(len(a)):
            return self._series([gmpy2.mpfr(0), *mpfr_numbers(a)[1:]])

    def rounding(self, terms: int) -> tuple[ErrorBound, ErrorBound]:
        """Every operation rounds once."""
        return ErrorBound(1, 0), ErrorBound(1, 0)

    def multiply(self, a: Sequence[Real], b: Sequence[Real]) -> MpfrSeries:
        """Return the product, truncated to the length of its factors."""
        with self._numbers(len(a)):
            return self._series(self._product(mpfr_numbers(a), mpfr_numbers(b)))

    def compose(self, outers: Sequence[Sequence[Real]], inner: Sequence[Real]) -> list[MpfrSeries]:
        """Return r(inner(t)), truncated to the length of `inner`, for every outer series r.

        Where inner(0) = 0 only the terms of r up to the degree of `inner` matter; otherwise r is
        the polynomial that it is, all of whose terms count.
        """
        longest = max(len(inner), *map(len, outers))
        with self._numbers(longest):
            composed = self._composed([mpfr_numbers(r) for r in outers], mpfr_numbers(inner))
            return [self._series(row, longest) for row in composed]

    def _product(self, a: list[Any], b: list[Any]) -> list[Any]:
        terms = len(a)
        if not any(a[1:]):
            return [a[0] * c for c in b]
        logs_a, logs_b = _logs(a), _logs(b)
        if not logs_b:
            return b
        first, last = (min(logs_a[i][0] + logs_b[i][0], terms - 1) for i in (0, -1))

        def total(x: float) -> tuple[float, float]:
            (log_a, slope_a), (log_b, slope_b) = _log_sum(logs_a, x), _log_sum(logs_b, x)
            return log_a + log_b, slope_a + slope_b

        tangents = _Tangents(total, first, last)
        scale = gmpy2.exp2(gmpy2.mpfr(tangents.flattening()))
        row_a, total_a = normalised(stretched(a, scale))
        row_b, total_b = normalised(stretched(b, scale))

        def attempt(width: int) -> list[list[int]]:
            packing = Packing.fixed_point(width, terms)
            factors = [packing.pack(fixed_point(row, width)) for row in (row_a, row_b)]
            return [packing.unpack(packing.multiply(factors[0], factors[1], terms), terms)]

        spread = tangents.spread() + max(_dip(logs_a), _dip(logs_b))
        width, (row,) = self._until_accurate(attempt, 4, spread, [support_of_product(a, b)])
        return relaxed(row, total_a * total_b * gmpy2.exp2(-width), scale)

    def _composed(self, outers: list[list[Any]], inner: list[Any]) -> list[list[Any]]:
        terms, logs_inner, zero = len(inner), _logs(inner), gmpy2.mpfr(0)
        if not logs_inner:
            return [[r[0], *[zero] * (terms - 1)] for r in outers]
        valuation = logs_inner[0][0]
        if valuation:
            outers = [r[:terms] for r in outers]
        present = [logs for logs in map(_logs, outers) if logs]
        if not present:
            return [[zero] * terms for _ in outers]
        estimates = _estimates(present, logs_inner, terms)
        flattening = estimates[0].flattening()
        scale = gmpy2.exp2(gmpy2.mpfr(flattening))
        row, sigma = normalised(stretched(inner, scale))
        outer_rows = [normalised(stretched(r, sigma)) for r in outers]
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
            fixed = fixed_point(row, width)
            return packing.compose([fixed_point(r, width) for r, _ in outer_rows], fixed, 1 << width, valuation)

        dip = max(map(_dip, present))
        dip = min(dip, _dip(logs_inner)) if valuation else dip  # for c_p ≥ r_1 u_p
        spread = max(t.spread(flattening) for t in estimates) + dip + _SPARE
        possible = support_of_compositions(outers, inner, terms)
        width, rows = self._until_accurate(attempt, composition_error(length), spread, possible)
        unit = gmpy2.exp2(-width)
        return [relaxed(r, total * unit, scale) for r, (_, total) in zip(rows, outer_rows, strict=True)]

    def _until_accurate(
        self, attempt: Callable[[int], list[list[int]]], error: int, spread: float, possible: list[list[bool]]
    ) -> tuple[int, list[list[int]]]:
        """Widen the fixed-point numbers until every positive coefficient has its relative accuracy.

        `error` bounds the error of an attempt in units of the last place, `spread` is the
        expected range of coefficients in bits.
        """
        least = error << (self.bits + 1)
        width = least.bit_length() + int(spread) + 14
        while True:
            rows = attempt(width)
            found = (c for row, may in zip(rows, possible, strict=True) for c, ok in zip(row, may, strict=True) if ok)
            worst = min(found, default=least)
            if worst >= least:
                return width, rows
            width += least.bit_length() - int(worst).bit_length() + 2 if worst > error else width

    def _series(self, numbers: list[Any], longest: int = 0) -> MpfrSeries:
        return MpfrSeries(context(self._precision(longest or len(numbers))), numbers)

    def _numbers(self, terms: int) -> Any:
        return mpfr_context(self._precision(terms))

    def _precision(self, terms: int) -> int:
        return self.bits + 2 * terms.bit_length() + 20


class _Tangents:
    """Saddle-point estimates of the coefficients c_p of a series, from its sums at t = 2**x.

    All c_p ≥ 0 gives log2 c_p ≤ total(x) − p x for every x, nearly with equality at the best x, where the derivative
    of `total` is p. Speed depends on the estimate, truth does not. The coefficients that count are those from
    `first` to `degree`; sums are taken at `places`, which are looked for unless they are given.
    """

    def __init__(
        self,
        total: Callable[[float], tuple[float, float]],
        first: int,
        degree: int,
        places: Sequence[float] | None = None,
    ) -> None:
        self.total, self.first, self.degree = total, first, degree
        self.points = {x: total(x) for x in places or (0.0, -1e4)}
        if places is None:
            for p in sorted({degree // 8, degree // 2, degree}):
                self._approach(p)

    def _approach(self, p: int) -> None:
        """Add points around the x where total(x) − p x is least, between those that are known."""
        left = max((x for x, (_, slope) in self.points.items() if x >= 0 and slope < p), default=0.0)
        right = min((x for x, (_, slope) in self.points.items() if x > left and slope >= p), default=0.0)
        if not right:
            right = 2 * left or 1 / (self.degree + 1)
            while self._slope(right) < p and right < 1e5:
                left, right = right, 2 * right
        while self._gap(left, right, p) > 1 and right > 1 / (64 * (self.degree + 1)):
            middle = (left + right) / 2
            left, right = (middle, right) if self._slope(middle) < p else (left, middle)

    def _gap(self, left: float, right: float, p: int) -> float:
        """Return by how much total(x) − p x may fall between two points, of one slope below p and one above."""
        (low, fall), (high, rise) = ((log - p * x, slope - p) for x in (left, right) for log, slope in [self.points[x]])
        if not fall < 0 < rise:
            return 0.0
        crossing = (low - high + rise * (right - left)) / (rise - fall)  # of both tangents, from the left point
        return min(low, high) - (low + fall * crossing)

    def _slope(self, x: float) -> float:
        self.points[x] = self.total(x)
        return self.points[x][1]

    def log_coefficient(self, p: int) -> float:
        """Return the estimate of log2 c_p."""
        return min(log - p * x for x, (log, _) in self.points.items())

    def flattening(self) -> float:
        """Return log2 of the λ for which the least coefficient of c(λt) is largest against their sum.

        The first and the last then weigh the same, or terms beyond the degree would outweigh them for a larger λ.
        """
        fall = self.log_coefficient(self.first) - self.log_coefficient(self.degree)
        right = fall / max(self.degree - self.first, 1)
        step = 1 / (self.degree + 1)
        while self._slope(right - step) > self.degree and step < 1e5:
            step *= 2
        if self._slope(right) <= self.degree or step >= 1e5:  # all that the sum has may be beyond the degree
            return right
        left = right - step
        while right - left > 1 / (8 * (self.degree + 1)):  # an eighth of a bit in the last coefficient
            middle = (left + right) / 2
            left, right = (middle, right) if self._slope(middle) < self.degree else (left, middle)
        return left

    def spread(self, log_scale: float | None = None) -> float:
        """Return log2 of the sum of c(λt) over its least coefficient."""
        x = self.flattening() if log_scale is None else log_scale
        samples = {self.first + (self.degree - self.first) * i // 8 for i in range(9)}
        return max(0.0, self.total(x)[0] - min(self.log_coefficient(p) + p * x for p in samples))


def _estimates(outers: list[list[tuple[int, float]]], inner: list[tuple[int, float]], terms: int) -> list[_Tangents]:
    """Return the estimates of compositions, those of the first at places that serve the others, too."""
    sums: dict[float, tuple[float, float]] = {}  # of the inner series, which all share
    found: list[_Tangents] = []
    for logs in outers:

        def total(x: float, logs: list[tuple[int, float]] = logs) -> tuple[float, float]:
            if x not in sums:
                sums[x] = _log_sum(inner, x)
            log_inner, slope_inner = sums[x]
            log, slope = _log_sum(logs, log_inner)
            return log, slope * slope_inner

        first, last = (min(logs[i][0] * inner[i][0], terms - 1) for i in (0, -1))
        found.append(_Tangents(total, first, last, [*found[0].points] if found else None))
    return found


def _logs(numbers: Sequence[Any]) -> list[tuple[int, float]]:
    """Return the positive coefficients as (p, log2 c_p); of many the first, the last, and sums of every few.

    Sums are those of the flattened series, and the first of few or one: sums of an inner series are taken to high
    powers, in which small errors grow.
    """
    places = [p for p, c in enumerate(numbers) if c]
    few, inner = len(places) // _ENOUGH + 1, places[1:-1]
    if few == 1:
        return mpfr_logs(numbers)
    (first, start), (last, end) = ((p, mpfr_log2(numbers[p])) for p in (places[0], places[-1]))
    slope, found = (start - end) / (last - first), [(first, start)]
    groups = [*_groups(inner, few)]
    with mpfr_context(53):
        powers = stretched([1] * (max(g[-1] - g[0] for g in groups) + 1), gmpy2.exp2(gmpy2.mpfr(slope)))
        for g in groups:
            least, middle = g[0], g[len(g) // 2]
            log = mpfr_log2(sum(numbers[p] * powers[p - least] for p in g))
            found.append((middle, log - slope * (middle - least)))
    return [*found, (last, end)]


def _groups(places: list[int], few: int) -> Iterator[list[int]]:
    """Yield the first places one by one, then more at a time, up to so few."""
    start = 0
    while start < len(places):
        yield (group := places[start : start + min(start // _GROWTH + 1, few)])
        start += len(group)


def _dip(logs: list[tuple[int, float]]) -> float:
    """Return by how many bits coefficients fall below the line from the first to the last.

    Tangents do not see that, for their estimates are concave; series made of such series dip nearly as far.
    """
    (first, start), (last, end) = logs[0], logs[-1]
    slope = (end - start) / max(last - first, 1)
    return max(start + (p - first) * slope - log for p, log in logs)


def _log_sum(logs: list[tuple[int, float]], x: float) -> tuple[float, float]:
    """Return log2 of the series' sum at t = 2**x, and its derivative by x."""
    sizes = [log + p * x for p, log in logs]
    top = max(sizes)
    weights = [(2.0 ** (size - top), p) for size, (p, _) in zip(sizes, logs, strict=True) if size > top - _UNSEEN]
    total = sum(w for w, _ in weights)
    return top + math.log2(total), sum(w * p for w, p in weights) / total
