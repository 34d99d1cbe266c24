r"""Splines S(x) = Σ_b Σ_{i≥1} J_{b,i} (x − b)_+^i/i! in balls: Hermite coefficients, and E[S(U)S(V)] as power series.

By k integrations by parts

.. math::  E[S(Z) He_k(Z)] = \sum_{b,i} J_{b,i} I_{i−k}(b), \qquad I_n(b) = E[(Z − b)_+^n]/n!, \quad I_{−1−j} = He_j ω.

Let S_j be the j-th derivative off the knots, n the degree, and A_j(t) = E[S_j(U)S_j(V)] with corr(U, V) = t. With
w = √(1 − t²), z = (c − tb)/w and V_l = ω(b) w^l I_l(z) Dirac's δ at the knots gives

.. math::  A_j' = A_{j+1} + \sum_{b,c} J_{b,j} \Big( J_{c,j} V_{−1} + 2 \sum_{m>j} J_{c,m} V_{m−j−1} \Big), \qquad
           V_{−1} = \frac{1}{2πw} \exp\Big(−\frac{(b − c)²}{4(1 − t)} − \frac{(b + c)²}{4(1 + t)}\Big), \qquad
           V_0' = \frac{b − ct}{w²} V_{−1}, \qquad l V_l = w² V_{l−2} − (c − tb) V_{l−1},

and A_{n+1} = 0. So the series about any ±a follow from the A_j(±a). These are known at 0, and are carried on from
1 − 2^{−i} to 1 − 2^{−i−1}: what a series about a leaves out beyond s^n at a + δs is at most s^{n+1} A_j(1), because all
coefficients about a ≥ 0 are positive and add up to A_j(1), and those about −a are not larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import flint
from flint import arb, arb_poly, arb_series

from ntkcalc.activations.formula.balls import Ball, log2_upper, power_of_two, widened, working_precision
from ntkcalc.activations.formula.hermite_sums import hermite_guard
from ntkcalc.numerics.precision import log_falling

_SPARE = 24  # terms of a series beyond the precision


@dataclass(frozen=True)
class _Chart:
    """A point ±a, its δ, and A_0, A_1, … about it as polynomials in s."""

    a: Ball
    delta: Ball
    rows: list[Any]


class Spline:
    """One spline, computed in a fixed precision.

    Parameters
    ----------
    knots
        Pairs of b and J_{b,1} … J_{b,n}.
    bits
        The precision.
    """

    def __init__(self, knots: Sequence[tuple[Ball, Sequence[Ball]]], bits: int) -> None:
        self.bits = bits
        self.degree = max((len(jumps) for _, jumps in knots), default=1)
        self.knots = [(b, [arb(0), *jumps, *[arb(0)] * (self.degree - len(jumps))]) for b, jumps in knots]
        self._charts: dict[int, list[_Chart]] = {1: [], -1: []}

    # ---------------------------------------------------------------- Hermite coefficients

    def hermite(self, degree: int, need: float | None = None, start: int = 0) -> list[Ball]:
        """Return balls of µ_start … µ_degree, of which 2**-need may be left out: more jumps for larger k.

        For k > n the term of J_{b,i} is at most |J_{b,i}| 0.44 e^{−b²/4}/√(k(k − 1)…(k − i)), by Cramér's inequality.
        """
        n, log_error = self.degree, -float(self.bits) if need is None else -need
        least = log_error - math.log2(n * len(self.knots) + 1)
        with working_precision(self.bits):
            totals = [arb(0)] * (degree + 1)
            for b, jumps in self.knots:
                near = float(b.abs_lower())
                sizes = [
                    (n - i, jump, log2_upper(jump) - near**2 / (4 * math.log(2)) - 1) for i, jump in enumerate(jumps)
                ]
                largest = max((size for _, _, size in sizes), default=0.0)
                wanted = 64 - log_error + max(largest, 0.0) + hermite_guard(degree, near)  # far knots take more
                with working_precision(self.bits if need is None else min(self.bits, math.ceil(wanted))):
                    self._add_knot(totals, start, b, sizes, least)
            factorial, found = arb(max(start - 1, 0)).fac(), []
            for k in range(start, degree + 1):
                factorial *= max(k, 1)
                found.append(widened(totals[k] * factorial.rsqrt(), log_error))
        return found

    def _add_knot(
        self, totals: list[Ball], start: int, b: Ball, sizes: list[tuple[int, Ball, float]], least: float
    ) -> None:
        """Add what a knot makes to all E[S He_k], k ≥ start: places in a row of integrals, jumps, and their sizes."""
        row: list[Ball] = []
        n, first = self.degree, start
        while first < len(totals):
            end = min(len(totals), max(n + 1, first + first // 4 + 1))
            kept = [
                (place, jump)
                for place, jump, size in sizes
                if size > -math.inf and (first <= n or size - log_falling(first, n - place + 1) / 2 > least)
            ]
            if not kept and first > n:
                break
            row = row or [*reversed(_repeated_integrals(b, n)), *_hermite_densities(b, len(totals))]
            for k in range(first, end):
                for place, jump in kept:
                    totals[k] += jump * row[k + place]
            first = end

    # ---------------------------------------------------------------- E[S(U)S(V)]

    def series(self, sign: int, delta: Ball, degree: int) -> list[Ball]:
        """Return d_0 … d_degree with E[S(U)S(V)] = Σ d_j s^j at t = ±(1 − δ + δs)."""
        with working_precision(self.bits):
            chart = self._chart(sign, delta)
            starts = self._moved(chart, 1 - delta / chart.delta)
            row = self._about(sign, 1 - delta, delta, starts, degree + 1).rows[0]
            return [row[j] for j in range(degree + 1)]

    def value(self, sign: int, delta: Ball) -> tuple[Ball, Ball]:
        """Return balls of E[S(U)S(V)] and its derivative at t = ±(1 − δ), 0 < δ ≤ 1."""
        with working_precision(self.bits):
            chart = self._chart(sign, delta)
            value, slope, *_ = self._moved(chart, 1 - delta / chart.delta)
            return value, slope

    @property
    def log_size(self) -> float:
        """log2 of a bound on E[S²] or E[S'²], whichever is larger."""
        with working_precision(self.bits):
            return max(map(log2_upper, self._sizes[:2]), default=-math.inf)

    @cached_property
    def _sizes(self) -> list[Ball]:
        """Bounds on A_0(1), A_1(1), …, by the triangle inequality."""
        found = []
        for j in range(self.degree + 1):
            total = arb(0)
            for b, jumps in self.knots:
                integrals = _repeated_integrals(b, 2 * self.degree)
                for m in range(j, self.degree + 1):
                    total += abs(jumps[m]) * (integrals[2 * (m - j)] * arb(math.comb(2 * (m - j), m - j))).sqrt()
            found.append((total * total).upper())
        return found

    def _chart(self, sign: int, delta: Ball) -> _Chart:
        """Return the series about the last 1 − 2^{−i} that is not beyond 1 − δ."""
        mantissa, exponent = delta.upper().man_exp()
        index = max(0, -int(exponent) - int(mantissa).bit_length())
        charts = self._charts[sign]
        length = self.bits + _SPARE
        if not charts:
            starts = []
            for j in range(self.degree + 1):
                mean = arb(0)
                for b, jumps in self.knots:
                    integrals = _repeated_integrals(b, self.degree)
                    mean += sum((jumps[m] * integrals[m - j] for m in range(j, self.degree + 1)), arb(0))
                starts.append(mean * mean)
            charts.append(self._about(sign, arb(0), arb(1), starts, length))
        while len(charts) <= index:
            half = arb(1) / 2
            starts = self._moved(charts[-1], half)
            delta = half ** len(charts)
            charts.append(self._about(sign, 1 - delta, delta, starts, length))
        return charts[index]

    def _moved(self, chart: _Chart, s: Ball) -> list[Ball]:
        """Return A_0, A_1, … at ±(a + δs)."""
        length = self.bits + _SPARE
        left = power_of_two(length * log2_upper(s))
        return [row(s) + arb(0, left * size) for row, size in zip(chart.rows, self._sizes, strict=True)]

    def _about(self, sign: int, a: Ball, delta: Ball, starts: list[Ball], length: int) -> _Chart:
        """Return A_0, A_1, … about ±a, from their values there, to so many terms."""
        before = flint.ctx.cap
        try:
            flint.ctx.cap = length
            sources = self._sources(sign, a, delta)
            rows, above = [], arb_series([0])
            for j in range(self.degree, -1, -1):
                above = starts[j] + (sign * delta * (above + sources[j])).integral()
                rows.append(arb_poly(list(above.coeffs())))
        finally:
            flint.ctx.cap = before
        return _Chart(a, delta, rows[::-1])

    def _sources(self, sign: int, a: Ball, delta: Ball) -> list[Any]:
        """Return the sums over pairs of knots in A_0', A_1', …"""
        found: list[Any] = [arb_series([0])] * (self.degree + 1)
        square = arb_series([delta * (1 + a), delta * (delta - 1 - a), -delta * delta])  # w²
        t, eta = arb_series([sign * a, sign * delta]), delta / (1 + a)
        for i, (b, jumps) in enumerate(self.knots):
            for k, (c, others) in enumerate(self.knots):
                apart, along = b - sign * c, b + sign * c
                same = sign > 0 and i == k
                first = _singular_factor(arb(0) if same else apart * apart / (4 * delta), self.bits)
                before = first * _regular_factor(along * along / (4 * (1 + a)), eta, self.bits)
                before /= 2 * arb.pi() * (delta * (1 + a)).sqrt()
                integrals = [before]
                if self.degree > 1:
                    z = (c - sign * a * b) / (delta * (1 + a)).sqrt()
                    rise = _divided(_divided(before * (b - c * t), arb(1)), -eta)
                    integrals.append(_density(b) * _tail(z) + (sign / (1 + a) * rise).integral())
                for n in range(1, self.degree - 1):
                    integrals.append((square * integrals[-2] - (c - b * t) * integrals[-1]) / n)
                for j in range(1, self.degree + 1):
                    if jumps[j].is_zero():
                        continue
                    total = others[j] * before
                    for m in range(j + 1, self.degree + 1):
                        if not others[m].is_zero():
                            total += 2 * others[m] * integrals[m - j]
                    found[j] += jumps[j] * total
        return found


def _singular_factor(x: Ball, bits: int) -> Any:
    """Return (1 − s)^{−1/2} e^{−x/(1 − s)} = e^{−x} Σ L_n^{(−1/2)}(x) s^n.

    For large x only the bound 2 e^{−x/2} on coefficients (Abramowitz and Stegun 22.14.14).
    """
    if x > 2 * bits:
        small = arb(0, (2 * (-x / 2).exp()).abs_upper())
        return arb_series([small] * flint.ctx.cap)
    root = _central_binomials(flint.ctx.cap, bits)
    return root if x.is_zero() else root * (-x / arb_series([1, -1])).exp()


@lru_cache(maxsize=16)
def _central_binomials(length: int, bits: int) -> Any:
    """Return (1 − s)^{−1/2}."""
    return arb_series(list(accumulate(range(1, length), lambda c, n: c * (2 * n - 1) / (2 * n), initial=arb(1))))


def _regular_factor(y: Ball, eta: Ball, bits: int) -> Any:
    """Return (1 + ηs)^{−1/2} e^{−y/(1 + ηs)}; of coefficients that are small the bound √2 (2η)^n.

    For on the circle |s| = 1/(2η) the exponential is at most 1, and |1 + ηs| at least 1/2.
    """
    log_fall, length = -log2_upper(2 * eta), flint.ctx.cap
    flint.ctx.cap = min(length, math.ceil((bits + 16) / log_fall) + 1) if log_fall > 0.5 else length
    row = list(((-y / arb_series([1, eta])).exp() * arb_series([1, eta]).rsqrt()).coeffs())
    flint.ctx.cap = length
    bound = arb(0, arb(1.5) * power_of_two(-log_fall * len(row)))
    return arb_series(row + list(accumulate(range(len(row) + 1, length), lambda c, _: c * (2 * eta), initial=bound)))


def _divided(series: Any, c: Ball) -> Any:
    """Return a series over 1 − cs."""
    row = list(series.coeffs())
    row += [arb(0)] * (flint.ctx.cap - len(row))  # zeros at the end are not among the coefficients
    return arb_series(list(accumulate(row, lambda before, x: x + c * before)))


def moments_beyond(b: Ball, count: int) -> list[Ball]:
    """Return E[Z^n; Z > b] for n < count, at least for n < 2: b^{n−1} ω(b) + (n − 1) E[Z^{n−2}; Z > b]."""
    found, power = [_tail(b), _density(b)], _density(b)
    for n in range(2, count):
        power *= b
        found.append(power + (n - 1) * found[-2])
    return found


def _tail(z: Ball) -> Ball:
    """Return P(Z > z)."""
    return (z / arb(2).sqrt()).erfc() / 2


def _repeated_integrals(b: Ball, last: int) -> list[Ball]:
    """Return I_0(b) … I_last(b), l I_l = I_{l−2} − b I_{l−1}."""
    before, here, found = _density(b), _tail(b), []
    for n in range(last + 1):
        found.append(here)
        before, here = here, (before - b * here) / (n + 1)
    return found


def _hermite_densities(b: Ball, last: int) -> list[Ball]:
    """Return He_n(b) ω(b) for n < last."""
    before, here, found = arb(0), _density(b), []
    for n in range(last):
        found.append(here)
        before, here = here, b * here - n * before
    return found


def _density(b: Ball) -> Ball:
    """Return ω(b)."""
    return (-b * b / 2).exp() / (2 * arb.pi()).sqrt()
