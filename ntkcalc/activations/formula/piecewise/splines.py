r"""Splines with the jumps J_{b,i} of the i-th derivatives at knots b, in balls: Hermite coefficients, E[S(U)S(V)].

.. math::  S(x) = \sum_{b ≥ 0} \sum_{i≥1} J_{b,i} f_i(x − b) + \sum_{b < 0} \sum_{i≥1} (−1)^{i+1} J_{b,i} f_i(|b| − x),
           \qquad f_i(x) = x_+^i/i!

has them, and is small where knots are far from 0. Knots b < 0 are mirrored: with e = −1, f_i(ex − |b|) are theirs.

By k integrations by parts

.. math::  E[f_i(Z − b) He_k(Z)] = I_{i−k}(b), \qquad I_n(b) = E[(Z − b)_+^n]/n!, \quad I_{−1−j} = He_j ω.

For E[S(U)S(V)], corr(U, V) = t, let F_{ik} = E[f_i(U − b) f_k(V − c)] with f_{−1} Dirac's δ.
Stein's identity E[U g(U) h(V)] = E[g'(U) h(V)] + t E[g(U) h'(V)] and x f_{i−1} = i f_i give a table of them,

.. math::  i F_{ik} = F_{i−2,k} + t F_{i−1,k−1} − b F_{i−1,k},

from F_{00} (`_Orthant`) and F_{−1,k} = V_k. With w = √(1 − t²) and z = (c − tb)/w

.. math::  V_l = ω(b) w^l I_l(z), \qquad l V_l = w² V_{l−2} − (c − tb) V_{l−1}, \qquad
           V_{−1} = \frac{1}{2πw} \exp\Big(−\frac{(b − c)²}{4(1 − t)} − \frac{(b + c)²}{4(1 + t)}\Big).

Next to ±1 most pairs take no table. Let δ = 1 − |t|, s_b = Σ_i J_i f_i(x − b), and p_c the polynomial that s_c is
beyond c. For 0 ≤ c ≤ b and t > 0

.. math::  E[s_b(U)s_c(V)] = \sum_j \frac{t^j}{j!} E[s_b He_j] E[p_c He_j] − E[s_b(U)p_c(V); V < c].

The rest, and E[s_b(U)s_c(−V)], are sums over tables for −t. In them U − V is g + x + y with x = |U − b|, y = |V ∓ c|
and g = b ∓ c, and ∫ x^i e^{−x²/4δ} dx/i! is √π δ^{(i+1)/2}/Γ(1 + i/2), so that their terms are at most

.. math::  \frac12 |J_i J_k| \frac{e^{−g²/4δ} δ^{(i+k+1)/2}}{Γ(1 + i/2) Γ(1 + k/2)} .

Series about any ±a follow from F_{ik}' = F_{i−1,k−1}: of each pair A_j = Σ_{i,k≥j} J_i J_k F_{i−j,k−j} has

.. math::  A_j' = A_{j+1} + J_j \sum_{k≥j} J_k F_{−1,k−j−1} + J_j \sum_{i>j} J_i F_{i−j−1,−1}, \qquad
           V_0' = \frac{b − ct}{w²} V_{−1}.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, zip_longest
from operator import mul
from typing import Annotated, Any, TypeAlias

import flint
from flint import arb, arb_poly, arb_series

from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    log2_lower,
    log2_upper,
    log_total,
    power_of_two,
    series_length,
    widened,
    working_precision,
)
from ntkcalc.activations.formula.smooth.hermite_sums import hermite_guard
from ntkcalc.numerics.precision import log_factorial, log_falling

_LN2 = math.log(2)
_SPARE = 24  # terms of a series beyond the precision
_SMALLEST = 1e15  # −log2 of the smallest bound


class _Orthant:
    """P(U > b, V > c) for correlations t ≥ 0, to so many bits of √(P(U > b) P(V > c)), and to twice as many at most.

    It is known at 0, its derivative is V_{−1}, and it is carried on as power series from 1 − 2^{−i} to 1 − 2^{−i−1}.
    What a series about a leaves out beyond s^n at a + δs is at most s^{n+1} √(P(U > b) P(V > c)): for b = c all
    coefficients about a ≥ 0 are positive and add up to P(U > b), and those for b and c are at most the roots of
    products of such ones. Where (b − c)²/4δ is twice the bits, all that is left of it is below e^{−bits} of that root.
    """

    def __init__(self, b: Ball, c: Ball, bits: int) -> None:
        self.b, self.c, self.apart = b, c, arb(0) if b is c else b - c
        self._log_size = log2_upper((_tail(b) * _tail(c)).sqrt())
        self.bits = bits + math.ceil(min(-self._log_size, bits))
        self._series: list[Any] = []  # polynomials in s about 1 − 2^{−i}
        apart = log2_lower(b - c)
        # the i of the last series, beyond which only the rest of its sum is left
        self._last = max(0, math.ceil(math.log2(8 * self.bits) - 2 * apart)) if apart > -math.inf else math.inf

    def __call__(self, delta: Ball) -> Ball:
        """Return it at 1 − δ, 0 < δ ≤ 1."""
        if self.b.is_zero() and self.c.is_zero():
            return arb("0.5") - (delta / 2).sqrt().asin() / arb.pi()
        mantissa, exponent = delta.upper().man_exp()
        index = max(0, -int(exponent) - int(mantissa).bit_length())
        with working_precision(self.bits):
            while len(self._series) <= min(index, self._last):
                start = self._at(-1, arb("0.5")) if self._series else _tail(self.b) * _tail(self.c)
                self._series.append(self._about(arb("0.5") ** len(self._series), start))
        if index > self._last:
            return widened(self._at(-1, arb("0.5")), self._log_size - self.bits - _SPARE)
        return self._at(index, 1 - delta * arb(2) ** index)

    def _at(self, index: int, s: Ball) -> Ball:
        return self._series[index](s) + arb(0, power_of_two((self.bits + _SPARE) * log2_upper(s) + self._log_size))

    def _about(self, delta: Ball, start: Ball) -> Any:
        """Return the series about 1 − δ from its value there."""
        with series_length(self.bits + _SPARE):
            return arb_poly(list((start + (delta * self.density(delta)).integral()).coeffs()))

    def density(self, delta: Ball) -> Any:
        """Return V_{−1} at 1 − δ + δs as a series in s, from w² = δ(2 − δ)(1 − s)(1 + ηs), η = δ/(2 − δ)."""
        along, twice = self.b + self.c, 2 - delta
        singular = _damped_laguerre(self.apart * self.apart / (4 * delta), arb(1), self.bits)
        regular = _damped_laguerre(along * along / (4 * twice), -delta / twice, self.bits)
        return singular * regular / (2 * arb.pi() * (delta * twice).sqrt())


@dataclass(frozen=True, eq=False)
class _Knot:
    """What a knot adds: s(ex), s(x) = Σ_i J_i f_i(x − |b|)."""

    side: Annotated[int, "e: −1 for b < 0"]
    distance: Annotated[Ball, "|b|"]
    weights: Annotated[Sequence[Ball], "0 and J_1 … J_n"]

    @classmethod
    def of(cls, b: Ball, jumps: Sequence[Ball], degree: int) -> _Knot:
        """Return the knot of a spline of a degree, with jumps of the first derivative and others."""
        row = [arb(0), *jumps, *[arb(0)] * (degree - len(jumps))]
        if not b.mid() < 0:
            return cls(1, b, row)
        with working_precision(max(flint.ctx.prec, b.bits())):
            distance = -b  # exact where b is
        return cls(-1, distance, [jump if i % 2 else -jump for i, jump in enumerate(row)])

    @cached_property
    def log_norm(self) -> float:
        """log2 of a bound on the norms of s(Z) and s'(Z), whichever is larger."""
        near, logs = float(self.distance.abs_lower()), [log2_upper(weight) for weight in self.weights]
        return max(log_total([c + log_norm(i - j, near) for i, c in enumerate(logs[j:], j)]) for j in (0, 1))

    @cached_property
    def log_mass(self) -> float:
        """log2 of a bound on Σ_i |J_i|/Γ(1 + i/2) and Σ_i |J_i|/Γ(1 + (i − 1)/2)."""
        least = [min(math.lgamma(1 + i / 2), math.lgamma((1 + i) / 2)) / _LN2 for i in range(len(self.weights))]
        return log_total([log2_upper(c) - log for c, log in zip(self.weights, least, strict=True)])

    @cached_property
    def moments(self) -> list[Ball]:
        """E[s(Z) He_j(Z)], j ≤ n."""
        n = len(self.weights) - 1
        row = [*reversed(_repeated_integrals(self.distance, n)), *_hermite_densities(self.distance, n)]
        return [sum(map(mul, self.weights, row[n + j :: -1]), arb(0)) for j in range(n + 1)]

    @cached_property
    def continued(self) -> Any:
        """Σ_j E[p(Z) He_j(Z)] t^j/j! for the polynomial p that s is beyond |b|."""
        n, powers = len(self.weights) - 1, [arb(1), -self.distance]  # E[(Z − |b|)^m]/m!
        for m in range(2, n + 1):
            powers.append((powers[-2] - self.distance * powers[-1]) / m)
        factorials = accumulate(range(1, n + 1), mul, initial=1)
        return arb_poly([sum(map(mul, self.weights[j:], powers), arb(0)) / f for j, f in enumerate(factorials)])


_Table: TypeAlias = tuple[list[Any], list[Any], list[Any]]
_Pair: TypeAlias = tuple[Sequence[Ball], Sequence[Ball], list[Any], list[Any], list[Any]]
"""The weights of two knots, and the table of both."""


class Spline:
    """One spline, computed in a fixed precision.

    Parameters
    ----------
    knots
        Pairs of b and J_{b,1} … J_{b,n}, from left to right.
    bits
        The precision.
    """

    def __init__(self, knots: Sequence[tuple[Ball, Sequence[Ball]]], bits: int) -> None:
        self.bits = bits
        self.degree = max((len(jumps) for _, jumps in knots), default=1)
        with working_precision(bits):
            found = [_Knot.of(b, jumps, self.degree) for b, jumps in knots]
        self.knots = sorted(found, key=lambda knot: knot.distance.mid())
        distances = [knot.distance for knot in self.knots]
        self._first = [next(k for k in range(i + 1) if k == i or distances[k] == b) for i, b in enumerate(distances)]
        self._orthants: dict[tuple[int, int, int], _Orthant] = {}

    @property
    def mirrored(self) -> int:
        """The number of knots b < 0."""
        return sum(knot.side < 0 for knot in self.knots)

    # ---------------------------------------------------------------- Hermite coefficients

    def hermite(self, degree: int, need: float = math.inf, spare: float = 0.0) -> list[Ball]:
        """Return balls of µ_0 … µ_degree, of which 2**-need may be left out: more jumps for larger k.

        Not all bits are used where fewer are estimated to leave such radii; `spare` are added to the estimate.
        For k > n the term of J_{b,i} is at most |J_{b,i}| 0.44 e^{−b²/4}/√(k(k − 1)…(k − i)), by Cramér's inequality.
        """
        log_error, bits = -min(need, self.bits), 64 + need + spare
        sides = {side: [arb(0)] * (degree + 1) for side in (1, -1)}
        for knot in self.knots:
            self._add_knot(sides[knot.side], knot, bits, log_error)
        with working_precision(self.bits):
            factorial, found = arb(1), []
            for k, (right, left) in enumerate(zip(sides[1], sides[-1], strict=True)):
                factorial *= max(k, 1)
                found.append(widened((right + (-1) ** k * left) * factorial.rsqrt(), log_error))
        return found

    def _add_knot(self, totals: list[Ball], knot: _Knot, bits: float, log_error: float) -> None:
        """Add Σ_i J_i E[f_i(Z − |b|) He_k(Z)] from a row of integrals of more bits than sums have."""
        n, degree, near = self.degree, len(totals) - 1, float(knot.distance.abs_lower())
        sizes = [log2_upper(weight) - near**2 / (4 * _LN2) - 1 for weight in knot.weights]
        least = log_error - math.log2(n * len(self.knots) + 1)
        bits += max(*sizes, 0.0)
        with working_precision(math.ceil(min(self.bits, bits + hermite_guard(degree, near)))):  # far knots take more
            row = [*reversed(_repeated_integrals(knot.distance, n)), *_hermite_densities(knot.distance, degree)]
        with working_precision(math.ceil(min(self.bits, bits))):
            row = [+c for c in row]
            for i, (weight, size) in enumerate(zip(knot.weights, sizes, strict=True)):
                if size == -math.inf:
                    continue
                seen = bisect_left(range(degree + 1), True, key=partial(self._unseen, i, size, least))
                totals[:seen] = [total + weight * c for total, c in zip(totals[:seen], row[n - i :], strict=False)]

    def _unseen(self, i: int, size: float, least: float, k: int) -> bool:
        """Return whether what J_i of a knot adds to µ_k is below 2**least."""
        return k > self.degree and size - log_falling(k, i + 1) / 2 <= least

    # ---------------------------------------------------------------- E[S(U)S(V)]

    def value(self, sign: int, delta: Ball) -> tuple[Ball, Ball]:
        """Return balls of E[S(U)S(V)] and its derivative at t = ±(1 − δ), 0 < δ ≤ 1, without 2**-bits of each pair."""
        with working_precision(self.bits), series_length(1):
            polynomial, pairs = self._polynomial_and_pairs(sign, delta, *self._reach_and_order(delta))
            value, slope = polynomial(1 - delta), polynomial.derivative()(1 - delta)
            for one, other, rows, _, _ in pairs:
                value += _mean(one, other, rows, 0)
                slope -= _mean(one, other, rows, 1)
            error = 2 * math.log2(len(self.knots) + 1) - self.bits
            return widened(value, error), widened(sign * slope, error)

    def series(self, sign: int, delta: Ball, degree: int) -> list[Ball]:
        """Return d_0 … d_degree with E[S(U)S(V)] = Σ d_j s^j at t = ±(1 − δ + δs)."""
        with working_precision(self.bits), series_length(degree + 1):
            polynomial, pairs = self._polynomial_and_pairs(sign, delta, arb.pos_inf(), self.degree)
            total = arb_series(polynomial(arb_poly([1 - delta, delta])).coeffs())
            for one, other, rows, above, beside in pairs:
                found = arb_series([0])  # A_j
                for j in range(self.degree, -1, -1):
                    found += one[j] * sum(map(mul, other[j:], above), arb_series([0]))
                    found += other[j] * sum(map(mul, one[j + 1 :], beside[1:]), arb_series([0]))
                    found = _mean(one, other, rows, j) - (delta * found).integral()
                total += found
            return [total[j] for j in range(degree + 1)]

    def _reach_and_order(self, delta: Ball) -> tuple[Ball, int]:
        """Return beyond which g, and which i and k, the terms of a pair's rest add up to less than 2**-bits."""
        bits = max(0.0, self.bits + 2 * max((knot.log_mass for knot in self.knots), default=0.0))
        order = 2 * bits / max(-log2_upper(delta), 1e-9)
        return 2 * (delta * (_LN2 * bits + 1e-6)).sqrt(), math.ceil(min(order, self.degree))

    def _polynomial_and_pairs(self, sign: int, delta: Ball, reach: Ball, order: int) -> tuple[Any, list[_Pair]]:
        """Return a polynomial in |t|, and the pairs with rests that are seen."""
        row, pairs, tables = [arb(0)] * (self.degree + 1), list[_Pair](), dict[tuple[int, int, int], _Table]()
        for i, one in enumerate(self.knots):
            twice = arb_poly([])
            for k, other in enumerate(self.knots[: i + 1]):
                if one.log_norm + other.log_norm <= -self.bits:
                    continue
                side, times = -sign * one.side * other.side, 1 if i == k else 2
                if side < 0:
                    twice += other.continued * times
                if not one.distance + side * other.distance > reach:
                    key = self._first[i], self._first[k], side
                    if key not in tables:
                        ordered = key[0] == key[1] or one.distance >= other.distance
                        tables[key] = self._table(*key, delta, order if ordered else self.degree)
                    weights = [side * times * side**p * c for p, c in enumerate(other.weights)]
                    pairs.append((one.weights, weights, *tables[key]))
            row = [c + a * b for c, a, b in zip_longest(row, one.moments, twice.coeffs(), fillvalue=arb(0))]
        return arb_poly(row), pairs

    @property
    def log_size(self) -> float:
        """log2 of a bound on E[S²] or E[S'²], whichever is larger, by the triangle inequality."""
        return 2 * log_total([-math.inf, *(knot.log_norm for knot in self.knots)])

    def _table(self, i: int, k: int, side: int, delta: Ball, order: int) -> _Table:
        """Return Σ_{p≥−1} F_{mp} y^{p+1}, 0 ≤ m, p ≤ an order, for |b_i| and ±|b_k| at t = −(1 − δ).

        And F_{−1,m} and F_{m,−1}, −1 ≤ m < order, as series in s at −(1 − δ + δs).
        """
        b, place, n = self.knots[i].distance, self.knots[k].distance, order
        if (key := (i, k, side)) not in self._orthants:
            self._orthants[key] = _Orthant(b, place if side < 0 else -place, self.bits)
        orthant, c, t = self._orthants[key], side * place, delta - 1
        density, gap = orthant.density(delta), arb_series([delta, -delta])
        beyond, behind = orthant.apart - gap * b, orthant.apart - gap * c  # c − tb and b − tc
        above = _conditional_integrals(density, b, beyond, behind, gap, n)
        beside = _conditional_integrals(density, c, behind, beyond, gap, n)
        row = [beside[1][0], _tail(b) - orthant(delta)]
        for p in range(1, n + 1):
            row.append((row[p - 1] + t * above[p][0] - c * row[p]) / p)
        found, step = [arb_poly([x[0] for x in above[: n + 2]]), arb_poly(row)], arb_poly([-b, t])
        for m in range(1, n + 1):
            found.append(((found[-2] + step * found[-1]) * (arb(1) / m)).truncate(n + 2))
            found[-1][0] = beside[m + 1][0]
        return found[1:], above, beside


def _mean(one: Sequence[Ball], other: Sequence[Ball], rows: list[Any], j: int) -> Ball:
    """Return A_j of a pair."""
    row = sum(map(mul, one[j:], rows), arb_poly([])).coeffs()
    return sum(map(mul, other[j:], row[1:]), arb(0))


def log_norm(i: int, b: float) -> float:
    """Return log2 of a bound on the norm of f_i(Z − b), b ≥ 0: ω(y + b) ≤ ω(y) e^{−b²/2} for y ≥ 0."""
    return (log_factorial(2 * i) - i - 1 - b * b / (2 * _LN2)) / 2 - 1.5 * log_factorial(i) + 1e-9


def _conditional_integrals(density: Any, b: Ball, apart: Any, other: Any, gap: Any, last: int) -> list[Any]:
    """Return V_{−1} … V_last from V_{−1}, c − tb, b − tc and 1 − |t|, as series in s at t = −(1 − δ + δs)."""
    square = gap * (2 - gap)
    start = _density(b) * _tail(apart[0] / square[0].sqrt())
    found = [density, start - (gap[0] * density * other / square).integral()]
    for n in range(1, last + 1):
        found.append((square * found[-2] - apart * found[-1]) / n)
    return found


def _damped_laguerre(x: Ball, ratio: Ball, bits: int) -> Any:
    """Return (1 − u)^{−1/2} e^{−x/(1 − u)} = Σ e^{−x} L_n^{(−1/2)}(x) u^n at u = cs, |c| ≤ 1, as a series in s.

    Its coefficients are at most 2 |c|^n e^{−x/2} (Abramowitz and Stegun 22.14.14), which is all that is said of small
    ones. Radii of exp(−x/(1 − u)) would grow as those of e^{x/(1−u)} do, like e^{2√(nx)}, so that it takes more bits,
    at the middle of x; what is off by is at most that times the largest e^{−x} |L_n^{(1/2)}(x)| ≤ 2 √(n + 1) e^{−x/2}.
    """
    length, log_ratio = flint.ctx.cap, log2_upper(ratio)
    log_size = max(1 - float(x.abs_lower()) / (2 * _LN2), -_SMALLEST)
    row: list[Ball] = []
    if log_size > -bits:
        kept = length if log_ratio > -1e-6 else min(length, math.ceil((bits + 16 + log_size) / -log_ratio) + 1)
        off = arb(0, power_of_two(log2_upper(x.rad()) + log_size + math.log2(kept + 1) / 2))
        middle = float(x.mid())
        lost = max(0.0, 2 * math.sqrt(kept * middle) - middle) / _LN2
        with series_length(kept):
            root = arb_series([1, -1]).rsqrt()
            with working_precision(bits + math.ceil(lost)):
                found = root if x.is_zero() else root * (-arb(x.mid()) / arb_series([1, -1])).exp()
                row = [found[n] + off for n in range(kept)]
    row += [arb(0, power_of_two(log_size))] * (length - len(row))
    power = accumulate(range(length - 1), lambda p, _: p * ratio, initial=arb(1))
    return arb_series([c * p for c, p in zip(row, power, strict=True)])


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
