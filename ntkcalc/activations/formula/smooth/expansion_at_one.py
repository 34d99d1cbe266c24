r"""D near ±1 from its derivatives there, for δ = 1 − |t| small against the square of the strip's height.

With G_n = D^{(n)}(1)/n! = E[φ^{(n)}(Z)²]/n!,

.. math::  d_j = \sum_{n≥j} (−1)^{n−j} \binom nj δ^n G_n, \qquad q_j = \sum_{n>j} (−1)^{n−j−1} \binom{n−1}j δ^n G_n,

and q̇ likewise from (n + 1) G_{n+1}. By Bonferroni's inequalities (p_k(j) and its tail are such sums for every k) what
is left out is at most the first missing term. E[φ^{(n)}²] is a trapezoidal rule over Taylor series of φ with
M = e^{y²/2} C_n, where C_n = (n!/r^n)² N(y + r) by Cauchy's formula on circles of radius r.

Of D(−1 + δ) = Σ_n δ^n H_n, H_n = D^{(n)}(−1)/n! = E[φ^{(n)}(Z) φ^{(n)}(−Z)]/n!, what is left out from the n-th term on
is at most δ^n G_n too, for D(−1 + δ) = Σ_k (−1)^k µ_k² (1 − δ)^k; and H_n has the rule and the M of G_n by Cauchy and
Schwarz. Beside H_n itself its error may be large, beside G_n it is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import flint
from flint import arb, arb_series

from ntkcalc.activations.formula.bounds.removable import zero_places
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    log2_upper,
    rational,
    series_length,
    widened,
    working_precision,
)
from ntkcalc.activations.formula.expressions.derivatives import meaning
from ntkcalc.activations.formula.expressions.programs import program
from ntkcalc.activations.formula.smooth.trapezoid import AVOIDING, Line
from ntkcalc.numerics.precision import log_binomial
from ntkcalc.numerics.work import announce

_LN2 = math.log(2)
_BLOCK = 32  # nodes that share a precision
_SHARES = (0.3, 0.5, 0.7, 0.85)  # of the strip that derivatives use, and not the rule
_MOST_TERMS = 400
_SECONDS = 1e-7  # of a Taylor series, times its length squared
_PRODUCT = 2e-6  # seconds of an expansion, times the number of derivatives squared


class SeriesBalls:
    """Power series in balls, for derivatives of all orders: a field for `programs`."""

    def __getattr__(self, name: str) -> Any:
        """Return a function that FLINT has, or that is written by these."""
        tree = meaning(name)
        if tree is None:
            return lambda u: getattr(u, name)()
        run = program([tree], self)
        return lambda u: run(u)[0]

    def constant(self, name: str) -> Any:
        """Return pi or e."""
        return arb_series([arb.pi() if name == "pi" else arb.const_e()])

    def number(self, value: Any) -> Any:
        """Return a rational number."""
        return arb_series([rational(value)])

    def divide(self, a: Any, b: Any) -> Any:
        """Return a/b where b does not vanish, else what is not finite."""
        return a * (b.inv() if b else arb.nan())

    def sinc(self, u: Any) -> Any:
        """Return sin(u)/u."""
        if u and not u[0].is_zero():
            return self.divide(u.sin(), u)
        row = [arb(0) if n % 2 else (-1) ** (n // 2) / arb(n + 1).fac() for n in range(flint.ctx.cap)]
        return arb_series(row)(u) if u else arb_series([1])

    def power(self, a: Any, r: Any) -> Any:
        """Return a^r for a > 0."""
        return (r * a.log()).exp()


@dataclass(frozen=True)
class _Plan:
    """Nodes (i + 1/2)·step for −count ≤ i < count, and log2 of their error over C_n at radius r, height y + r."""

    step: float
    count: int
    radius: float
    log_error: float


class DerivativesAtOne:
    """G_0, G_1, … and H_0, H_1, … of one φ."""

    def __init__(self, line: Line) -> None:
        self.line, self._parity = line, line.phi.parity
        self._symmetric = not line.phi.divides_zeros  # the nodes
        self._known: list[tuple[float, list[Ball], list[Ball]]] = []  # with −log2 of their radii

    def log_bound(self, n: int) -> float:
        """Return log2 of a bound on G_n."""
        return min((c + math.lgamma(n + 1) / _LN2 for c in self._sizes(n)), default=math.inf)

    def _sizes(self, n: int) -> list[float]:
        """Return log2 of N(b)/b^{2n} for all b."""
        return [size - 2 * n * math.log2(b) for b, size in self.line.phi.phi.bounds]

    def terms(self, degree: int, log_delta: float, bits: float) -> int | None:
        """Return the first N for which all terms with G_N are small enough, None where there is none."""
        small = (degree + 2) * log_delta + self.log_bound(degree + 2) - bits - 24
        for n in range(degree + 3, _MOST_TERMS):
            ways = max(log_binomial(n, j, 0.0, 0.0) for j in (degree + 1, min(degree + 1, n // 2)))
            if n * log_delta + self.log_bound(n) + ways + math.log2(n) < small:
                return n + 1
        return None

    def terms_of_value(self, log_delta: float, log_error: float) -> int | None:
        """Return N for which the terms of D with G_N and of D' with G_{N+1} are small enough, None if there is none."""
        for n in range(1, _MOST_TERMS):
            if n * log_delta + max(self.log_bound(n), math.log2(n + 1) + self.log_bound(n + 1)) < log_error:
                return n
        return None

    def _plan(self, terms: int, need: float) -> _Plan | None:
        """Return the rule for G_n, n ≤ terms, with errors 2**-need of about their size."""
        best = None
        peaks = self.line.phi.phi.peaks()
        for height, log_n in self.line.phi.phi.bounds:
            for share in _SHARES:
                radius, y = share * height, (1 - share) * height
                loss = max(log_n - 2 * n * math.log2(radius) - min(self._sizes(n)) for n in (0, terms // 2, terms))
                bits = need + max(loss, 0.0) + 4
                step = 2 * math.pi * y / (bits * _LN2 + y * y / 2 + _LN2)
                mantissa, exponent = math.frexp(step)
                step = math.ldexp(math.floor(mantissa * 64), exponent - 6)
                kappa, log_peak = peaks[height]
                if log_peak == math.inf:
                    continue
                # beyond X: P e^{κ(x + r)² − x²/2} (n!/r^n)², which falls by its slope 2κ(X + r) − X < −1
                reach = max(4.0, 4 * radius)
                while kappa * (reach + radius) ** 2 - reach**2 / 2 > -(bits + log_peak - log_n + 4) * _LN2 or (
                    2 * kappa * (reach + radius) - reach > -1
                ):
                    reach *= 1.05
                plan = _Plan(step, math.ceil(reach / step) + 1, radius, log_n - bits + 2)
                if best is None or plan.count < best.count:
                    best = plan
        return best

    def work(self, terms: int, need: float) -> float:
        """Return about the seconds that an expansion takes, most of them for derivatives that are not known yet."""
        if self._found(terms + 1, need) is not None:
            return terms**2 * _PRODUCT
        plan = self._plan(terms, need)
        if plan is None:
            return math.inf
        series = plan.count * (1 if self._symmetric else 2) * (1 if self._parity else 2)
        return series * (terms**2 * _SECONDS + 2e-5) * (1 + need / 1000)

    def values(self, terms: int, need: float) -> tuple[list[Ball], list[Ball]]:
        """Return balls of G_0 … G_terms, radii of about 2**-need of them, and of H_n with the same radii; kept."""
        if (found := self._found(terms, need)) is None:
            plan = self._plan(terms, need)
            assert plan is not None
            announce(self.work(terms, need), 1)
            found = self._summed(plan, terms, need)
            self._known = [(need, *found), *self._known[:3]]
        return found

    def _found(self, terms: int, need: float) -> tuple[list[Ball], list[Ball]] | None:
        """Return what is known already."""
        return next(((g, h) for known, g, h in self._known if known >= need and len(g) > terms), None)

    def _summed(self, plan: _Plan, terms: int, need: float) -> tuple[list[Ball], list[Ball]]:
        bits = math.ceil(need) + 32
        totals = [arb(0)] * (2 * terms + 2)
        for first in range(0 if self._symmetric else -plan.count, plan.count, _BLOCK):
            block = range(first, min(first + _BLOCK, plan.count))
            with working_precision(bits + self._more_bits(plan, block, terms)), series_length(terms + 1):
                parts = self._block(plan, block, terms)
                totals = [t + p for t, p in zip(totals, parts, strict=True)]
        with working_precision(bits):
            factorials = accumulate(range(1, terms + 1), lambda f, n: f * n, initial=arb(1))
            errors = [plan.log_error - 2 * n * math.log2(plan.radius) for n in range(terms + 1)]
            found = [f * widened(c, e) for f, c, e in zip([*factorials] * 2, totals, errors * 2, strict=True)]
        return found[: terms + 1], found[terms + 1 :]

    def _more_bits(self, plan: _Plan, block: range, terms: int) -> int:
        """Return the bits that series at nodes ±x lose by quotients 0/0 at a place c: a factor 1/|x − c| a term."""
        if self._symmetric:
            return 0
        nodes = [sign * plan.step * (i + AVOIDING) for i in block for sign in (1, -1)]
        places = [float(real_program(c)(None)[0]) for c in zero_places(self.line.phi.tree)]
        nearest = min((abs(x - c) for x in nodes for c in places), default=1.0)
        small = (min(self._sizes(0)) - min(self._sizes(terms))) / 2  # what is left after the first term of a series
        return math.ceil(terms * max(0.0, -math.log2(max(nearest, 1e-300))) + max(0.0, small))

    def _block(self, plan: _Plan, block: range, terms: int) -> list[Ball]:
        """Return Σ h ω(x) c_n(x)², c_n = φ^(n)/n!, over some nodes x and −x, and then Σ h ω(x) c_n(x) c_n(−x)."""
        run, step = program([self.line.phi.tree], SeriesBalls()), arb(plan.step)
        offset = arb(0.5 if self._symmetric else AVOIDING)
        scale = step / (2 * arb.pi()).sqrt() / (1 if self._symmetric else 2)
        totals = [arb(0)] * (2 * terms + 2)
        for i in block:
            x = step * (i + offset)
            weight = scale * (-x * x / 2).exp()
            right = _padded(run(arb_series([x, 1]))[0], terms)
            if self._parity:
                left = [self._parity * (-1) ** n * c for n, c in enumerate(right)]
            else:
                left = _padded(run(arb_series([-x, 1]))[0], terms)
            sides = list(zip(right, left, strict=True))
            parts = [a * a + b * b for a, b in sides] + [2 * a * b for a, b in sides]
            totals = [t + weight * p for t, p in zip(totals, parts, strict=True)]
        return totals

    # ---------------------------------------------------------------- expansions

    def expansion(self, delta: Ball, degree: int, terms: int, need: float) -> tuple[list[Ball], list[Ball], list[Ball]]:
        """Return balls of d_0 … d_{degree+1}, q_0 … q_degree and q̇ from G_n, n < terms, in the present precision."""
        values, _ = self.values(terms + 1, need)
        powers = [arb(1)]
        for _ in range(terms + 1):
            powers.append(powers[-1] * delta)
        first = [p * g for p, g in zip(powers, values, strict=False)]
        slope = [p * (n + 1) * g for n, (p, g) in enumerate(zip(powers, values[1:], strict=False))]
        d = [_alternating(first, terms, j, j, 0) for j in range(degree + 2)]
        q, q_dot = ([_alternating(row, terms, j + 1, j, 1) for j in range(degree + 1)] for row in (first, slope))
        return d, q, q_dot

    def value(self, sign: int, delta: Ball, terms: int, need: float) -> tuple[Ball, Ball]:
        """Return balls of D and D' at ±(1 − δ) from G_n or H_n, n ≤ terms, in the present precision."""
        more = terms + terms // 2 + 3  # which farther values take
        bounds, mirrored = self._found(terms + 1, need) or self.values(more, need)
        gap = -sign * delta
        found, slope, power = arb(0), arb(0), arb(1)
        row = bounds if sign > 0 else mirrored
        for n in range(terms):
            found, slope = found + power * row[n], slope + power * (n + 1) * row[n + 1]
            power *= gap
        left_out = power * bounds[terms], power * (terms + 1) * bounds[terms + 1]
        return widened(found, log2_upper(left_out[0])), widened(slope, log2_upper(left_out[1]))


def _alternating(row: list[Ball], terms: int, start: int, j: int, less: int) -> Ball:
    """Return Σ_{start ≤ n < terms} (−1)^{n−start} C(n − less, j) row_n with what is left out."""
    total, ways = arb(0), flint.fmpz(1)
    for n in range(start, terms):
        total += row[n] * ways if (n - start) % 2 == 0 else -row[n] * ways
        ways = ways * (n + 1 - less) // (n + 1 - less - j)
    return widened(total, log2_upper(row[terms] * ways))


def _padded(series: Any, terms: int) -> list[Ball]:
    coefficients = list(series.coeffs())
    return coefficients + [arb(0)] * (terms + 1 - len(coefficients))
