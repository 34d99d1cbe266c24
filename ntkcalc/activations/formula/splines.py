r"""Splines S(x) = Σ_b Σ_{i≥1} J_{b,i} (x − b)_+^i/i! in balls: Hermite coefficients, and E[S(U)S(V)] as power series.

By k integrations by parts

.. math::  E[S(Z) He_k(Z)] = \sum_{b,i} J_{b,i} I_{i−k}(b), \qquad I_n(b) = E[(Z − b)_+^n]/n!, \quad I_{−1−j} = He_j ω.

For E[S(U)S(V)], corr(U, V) = t, let F_{ik} = E[f_i(U − b) f_k(V − c)] with f_i(x) = x_+^i/i! and f_{−1} Dirac's δ.
Stein's identity E[U g(U) h(V)] = E[g'(U) h(V)] + t E[g(U) h'(V)] and x f_{i−1} = i f_i give a table of them,

.. math::  i F_{ik} = F_{i−2,k} + t F_{i−1,k−1} − b F_{i−1,k},

from F_{00} (`_Orthant`) and F_{−1,k} = V_k. With w = √(1 − t²) and z = (c − tb)/w

.. math::  V_l = ω(b) w^l I_l(z), \qquad l V_l = w² V_{l−2} − (c − tb) V_{l−1}, \qquad
           V_{−1} = \frac{1}{2πw} \exp\Big(−\frac{(b − c)²}{4(1 − t)} − \frac{(b + c)²}{4(1 + t)}\Big).

With S_j the j-th derivative off the knots, n the degree, the A_j(t) = E[S_j(U)S_j(V)] are sums over the tables. Series
about any ±a follow from them, for δ at the knots gives A_{n+1} = 0 and

.. math::  A_j' = A_{j+1} + \sum_{b,c} J_{b,j} \Big( J_{c,j} V_{−1} + 2 \sum_{m>j} J_{c,m} V_{m−j−1} \Big), \qquad
           V_0' = \frac{b − ct}{w²} V_{−1}.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

import flint
from flint import arb, arb_poly, arb_series

from ntkcalc.activations.formula.balls import Ball, log2_upper, power_of_two, series_length, widened, working_precision
from ntkcalc.activations.formula.hermite_sums import hermite_guard
from ntkcalc.numerics.precision import log_falling

_SPARE = 24  # terms of a series beyond the precision


class _Orthant:
    """P(U > b, V > c) for correlations t ≥ 0, in a fixed precision.

    It is known at 0, its derivative is V_{−1}, and it is carried on as power series from 1 − 2^{−i} to 1 − 2^{−i−1}.
    What a series about a leaves out beyond s^n at a + δs is at most s^{n+1}: for b = c all coefficients about a ≥ 0
    are positive and add up to P(U > b), and those for b and c are at most the roots of products of such ones.
    """

    def __init__(self, b: Ball, c: Ball, bits: int) -> None:
        self.b, self.c, self.bits = b, c, bits
        self._series: list[Any] = []  # polynomials in s about 1 − 2^{−i}

    def __call__(self, delta: Ball) -> Ball:
        """Return it at 1 − δ, 0 < δ ≤ 1."""
        if self.b.is_zero() and self.c.is_zero():
            return arb("0.5") - (delta / 2).sqrt().asin() / arb.pi()
        mantissa, exponent = delta.upper().man_exp()
        index = max(0, -int(exponent) - int(mantissa).bit_length())
        while len(self._series) <= index:
            start = self._at(-1, arb("0.5")) if self._series else _tail(self.b) * _tail(self.c)
            self._series.append(self._about(arb("0.5") ** len(self._series), start))
        return self._at(index, 1 - delta * arb(2) ** index)

    def _at(self, index: int, s: Ball) -> Ball:
        return self._series[index](s) + arb(0, power_of_two((self.bits + _SPARE) * log2_upper(s)))

    def _about(self, delta: Ball, start: Ball) -> Any:
        """Return the series about 1 − δ from its value there."""
        with series_length(self.bits + _SPARE):
            slope = delta * _joint_density(self.b, self.c, 1, 1 - delta, delta, self.bits)
            return arb_poly(list((start + slope.integral()).coeffs()))


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
        self._orthants: dict[tuple[int, int, int], _Orthant] = {}

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
        with working_precision(self.bits), series_length(degree + 1):
            means, sources = self._means(sign, delta), self._sources(sign, 1 - delta, delta)
            above = arb_series([0])
            for mean, source in zip(means[::-1], sources[::-1], strict=True):
                above = mean + (sign * delta * (above + source)).integral()
            row = arb_poly(list(above.coeffs()))
            return [row[j] for j in range(degree + 1)]

    def value(self, sign: int, delta: Ball) -> tuple[Ball, Ball]:
        """Return balls of E[S(U)S(V)] and its derivative at t = ±(1 − δ), 0 < δ ≤ 1."""
        with working_precision(self.bits):
            value, slope, *_ = self._means(sign, delta)
            return value, slope

    @property
    def log_size(self) -> float:
        """log2 of a bound on E[S²] or E[S'²], whichever is larger, by the triangle inequality."""
        with working_precision(self.bits):
            roots = [arb(0), arb(0)]
            for b, jumps in self.knots:
                integrals = _repeated_integrals(b, 2 * self.degree)
                for j in (0, 1):
                    for i, jump in enumerate(jumps[j:]):
                        roots[j] += abs(jump) * (integrals[2 * i] * arb(math.comb(2 * i, i))).sqrt()
            return 2 * max(map(log2_upper, roots))

    def _means(self, sign: int, delta: Ball) -> list[Ball]:
        """Return A_0 … A_n at ±(1 − δ): sums along the diagonals of the tables, each a product of polynomials."""
        n, totals = self.degree, [arb(0)] * (self.degree + 1)
        for i, (_, jumps) in enumerate(self.knots):
            for k, (_, others) in enumerate(self.knots[: i + 1]):
                table = self._table(i, k, sign, delta)
                for apart in range(0 if i == k else -n, n + 1):
                    rows = range(max(apart, 0), n + min(apart, 0) + 1)
                    weights = arb_poly([jumps[m] * others[m - apart] for m in rows])
                    product = weights * arb_poly([table[m][m - apart] for m in reversed(rows)])
                    twice = 2 if i != k or apart else 1  # for the tables are symmetric, and so are their sums
                    for j in range(len(rows)):
                        totals[j] += twice * product[len(rows) - 1 + j]
        return totals

    def _table(self, i: int, k: int, sign: int, delta: Ball) -> list[list[Ball]]:
        """Return F_{mp}, m, p ≤ n, for the knots number i and k at t = ±(1 − δ)."""
        (b, _), (c, _), n, t = self.knots[i], self.knots[k], self.degree, sign * (1 - delta)
        key = (i, k, sign)
        orthant = self._orthants.setdefault(key, _Orthant(b, c if sign > 0 else -c, self.bits))
        corner = orthant(delta) if sign > 0 else _tail(b) - orthant(delta)  # P(U > b, V > c) at −t
        with series_length(1):
            density = _joint_density(b, c, sign, 1 - delta, delta, self.bits)[0]
        square = delta * (2 - delta)
        above = _conditional_integrals(density, b, c - t * b, square, n)
        beside = _conditional_integrals(density, c, b - t * c, square, n)
        # the row −1 and the row 0, each from the column −1 on
        row = [beside[1], corner]
        for p in range(1, n + 1):
            row.append((row[p - 1] + t * above[p] - c * row[p]) / p)
        rows = [above, row]
        for m in range(1, n + 1):
            left = rows[-1]
            entries = zip(rows[-2][1:], left, left[1:], strict=False)
            rows.append([beside[m + 1], *((far + t * across - b * near) / m for far, across, near in entries)])
        return [row[1:] for row in rows[1:]]

    def _sources(self, sign: int, a: Ball, delta: Ball) -> list[Any]:
        """Return the sums over pairs of knots in A_0', A_1', …"""
        found: list[Any] = [arb_series([0])] * (self.degree + 1)
        square = arb_series([delta * (1 + a), delta * (delta - 1 - a), -delta * delta])  # w²
        t, eta = arb_series([sign * a, sign * delta]), delta / (1 + a)
        for b, jumps in self.knots:
            for c, others in self.knots:
                before = _joint_density(b, c, sign, a, delta, self.bits)
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


def _joint_density(b: Ball, c: Ball, sign: int, a: Ball, delta: Ball, bits: int) -> Any:
    """Return V_{−1} at t = ±(a + δs) as a series in s."""
    apart, along = arb(0) if sign > 0 and b is c else b - sign * c, b + sign * c
    singular = _singular_factor(apart * apart / (4 * delta), bits)
    regular = _regular_factor(along * along / (4 * (1 + a)), delta / (1 + a), bits)
    return singular * regular / (2 * arb.pi() * (delta * (1 + a)).sqrt())


def _conditional_integrals(density: Ball, b: Ball, apart: Ball, square: Ball, last: int) -> list[Ball]:
    """Return V_{−1} … V_last from V_{−1}, c − tb and w²."""
    found = [density, _density(b) * _tail(apart / square.sqrt())]
    for n in range(1, last + 1):
        found.append((square * found[-2] - apart * found[-1]) / n)
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
    with series_length(min(length, math.ceil((bits + 16) / log_fall) + 1) if log_fall > 0.5 else length):
        row = list(((-y / arb_series([1, eta])).exp() * arb_series([1, eta]).rsqrt()).coeffs())
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
