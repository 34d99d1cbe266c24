"""Writes expressions.json: NTK coefficients of 42 functions given by hand, to 35 digits, every one enclosed.

python tests/oracles/expressions.py                 all of it (minutes)
python tests/oracles/expressions.py 'sinc(x)'       that function's part, the rest stays as it is
python tests/oracles/expressions.py --depth 2       depth 2 alone, the rest stays as it is
python tests/oracles/expressions.py --check         no file: every function against Arb's own integrator and the
                                                    named activations against `arb_ntk` (minutes)

An entry has sigma_w2 = 1 where E[phi^2] <= 1, else "max" (1 / E[phi^2]); at depth 3 gamma_b2 = 0.1 for the first,
third, ... of the functions; "K" as below; "total" is Theta(1).  A structural zero is "0".  Any other number is its
ball's middle to 35 digits, the last one rounded, and the ball's relative radius is below 10^-36.

An oracle for activations that a user writes.  It shares nothing with the package: each function stands here
with its pieces, and what is computed from it is

    mu_k = E[phi(Z) h_k(Z)], k <= K     and     E[phi^2], E[phi'^2]

in balls of Arb, so that the mass beyond K, the sum of mu_k^2 over k > K, is E[phi^2] less the sum up to K.  Then

    R(t) = sigma_w2 sum_k mu_k^2 t^k + sigma_b2, R(1) = 1          Sigma_1 = Theta_1 = gamma_w2 t + gamma_b2
    Sigma_l = R(Sigma_{l-1})                                       Theta_l = Sigma_l + Theta_{l-1} R'(Sigma_{l-1})

with R expanded about a = Sigma_{l-1}(0) by the whole sum over k: C(k, j) a^(k - j) falls with k as soon as
k > j/(1 - a), so that k > K contribute at most the mass beyond K times its value at K + 1.

The mu_k come from one of

* `Family`: polynomials times exponentials of quadratics, by the recurrence of their generating function;
* `Piecewise`: piecewise polynomials, by parts at their breaks, in rational numbers up to the densities there;
* `Panels`: the others, analytic on pieces, by Gauss-Legendre rules on panels.  The error of a rule is bounded by
  the size of the integrand on an ellipse around the panel: phi there by covering it with balls (which proves too
  that phi is analytic in it), h_k by Mehler's formula; what lies beyond the last panel by Cramer's inequality;
* a few of their own: x erf(x), x Phi(x), sinc(x), relu(x) exp(-x).
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import flint
from flint import acb, arb, arb_series, ctx, fmpq

OUTPUT = Path(__file__).with_name("expressions.json")
DIGITS = 35
POWERS = [*range(13), 20, 21, 50, 51, 100, 101, 150, 199, 200]
GOAL = 80  # quadratures err by less than 10^-GOAL
CUT = 28.0  # and end there
LARGEST = 30000  # K

Ball = Any  # arb or acb: functions act on both
Function = Callable[[Ball], Ball]


# ---------------------------------------------------------------- small tools


def exact(value: Fraction | int) -> arb:
    """Ball of a rational number."""
    value = Fraction(value)
    return arb(fmpq(value.numerator, value.denominator))


def sqrt(z: Ball) -> Ball:
    """Square root; not a number where a complex ball meets the cut."""
    return z.sqrt() if isinstance(z, arb) else z.sqrt(analytic=True)


def log(z: Ball) -> Ball:
    """Logarithm; not a number where a complex ball meets the cut."""
    return z.log() if isinstance(z, arb) else z.log(analytic=True)


def tanh(z: Ball) -> Ball:
    """Hyperbolic tangent."""
    return 1 - 2 / ((2 * z).exp() + 1)


def sigmoid(z: Ball) -> Ball:
    """Logistic function."""
    return 1 / (1 + (-z).exp())


def atan(z: Ball) -> Ball:
    """Arc tangent, in the complex plane by logarithms cut from i and -i to infinity."""
    return z.atan() if isinstance(z, arb) else (log(1 + acb(0, 1) * z) - log(1 - acb(0, 1) * z)) / acb(0, 2)


def density(b: Fraction | int) -> arb:
    """Standard normal density."""
    x = exact(b)
    return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()


def log_size(x: Ball) -> float:
    """Logarithm of the greatest modulus in a ball, rounded up; infinite if it is not bounded."""
    size = abs(x).upper()
    return math.inf if not size.is_finite() else -math.inf if size == 0 else float(size.log()) + 1e-9


def error(log_bound: float) -> arb:
    """Ball of midpoint 0 and radius at least ``exp(log_bound)``."""
    return arb(0, 1) * arb(log_bound + 1e-3).exp()


def within(x: arb, digits: int) -> bool:
    """Whether a ball is exactly zero or has relative radius at most ``10^-digits``."""
    return x.is_zero() or (not x.contains(0) and x.rad() <= (abs(x).lower() * arb(10) ** -digits).lower())


@dataclass(frozen=True)
class Known:
    """What is known about a function: ``mu_k`` for ``k <= K``, ``E[phi^2]``, ``E[phi'^2]``."""

    mus: list[arb]
    second: arb
    slope: arb


# ---------------------------------------------------------------- polynomials times exponentials of quadratics


@dataclass(frozen=True)
class Term:
    """``sum_i poly[i] x^i exp(rate x - bend x^2)``, complex."""

    poly: tuple[acb, ...]
    rate: acb
    bend: arb

    def times(self, other: Term) -> Term:
        """Product of two."""
        poly = [acb(0)] * (len(self.poly) + len(other.poly) - 1)
        for (i, a), (j, b) in itertools.product(enumerate(self.poly), enumerate(other.poly)):
            poly[i + j] += a * b
        return Term(tuple(poly), self.rate + other.rate, self.bend + other.bend)

    def derivative(self) -> Term:
        """Derivative."""
        poly = [acb(0)] * (len(self.poly) + 1)
        for i, a in enumerate(self.poly):
            if i:
                poly[i - 1] += i * a
            poly[i] += self.rate * a
            poly[i + 1] -= 2 * self.bend * a
        return Term(tuple(poly), self.rate, self.bend)

    def mus(self, last: int) -> list[acb]:
        """Hermite coefficients up to `last`.

        ``sum_k mu_k s^k / sqrt(k!) = sqrt(v) exp(v rate^2 / 2 + v rate s + (v - 1) s^2 / 2)``,
        ``v = 1 / (1 + 2 bend)``, without the polynomial; ``x`` takes ``mu_k`` to
        ``sqrt(k + 1) mu_{k+1} + sqrt(k) mu_{k-1}``.
        """
        v = 1 / (1 + 2 * self.bend)
        count = last + len(self.poly)
        root = [arb(k).sqrt() for k in range(count + 1)]
        mus = [v.sqrt() * (v * self.rate * self.rate / 2).exp()]
        for k in range(count - 1):
            before = mus[k - 1] * (root[k] * (-2 * self.bend * v)) if k else acb(0)
            mus.append((v * self.rate * mus[k] + before) / root[k + 1])
        out = [acb(0)] * (last + 1)
        for i, a in enumerate(self.poly):
            if i:
                mus = [root[k + 1] * mus[k + 1] + (root[k] * mus[k - 1] if k else acb(0)) for k in range(len(mus) - 1)]
            out = [o + a * m for o, m in zip(out, mus, strict=False)]
        return out


@dataclass(frozen=True)
class Family:
    """A sum of `Term`, real on the line; each ``(poly, rate, imaginary rate, bend)`` in rational numbers.

    `imaginary` marks the terms whose polynomial is to be divided by ``i``.
    """

    parts: tuple[tuple[tuple[Fraction | int, ...], Fraction | int, Fraction | int, Fraction | int], ...]
    imaginary: tuple[int, ...] = ()

    def terms(self) -> list[Term]:
        """The terms, at the working precision."""
        out = []
        for n, (poly, rate, wave, bend) in enumerate(self.parts):
            unit = acb(0, -1) if n in self.imaginary else acb(1)
            out.append(Term(tuple(unit * exact(c) for c in poly), acb(exact(rate), exact(wave)), exact(bend)))
        return out

    def known(self, last: int) -> Known:
        """Hermite coefficients and moments."""
        terms = self.terms()
        mus = [sum(column, acb(0)).real for column in zip(*(t.mus(last) for t in terms), strict=True)]
        slopes = [t.derivative() for t in terms]
        second, slope = (
            sum((s.times(t).mus(0)[0] for s, t in itertools.product(side, side)), acb(0)).real
            for side in (terms, slopes)
        )
        return Known(mus, second, slope)


def polynomial(*coefficients: Fraction | int) -> Family:
    """A polynomial by its coefficients, constant first."""
    return Family(((coefficients, 0, 0, 0),))


# ---------------------------------------------------------------- piecewise polynomials


Poly = tuple[Fraction | int, ...]


def _value(poly: Poly, x: Fraction | int) -> Fraction:
    """A polynomial's value."""
    return sum((Fraction(c) * Fraction(x) ** i for i, c in enumerate(poly)), Fraction(0))


def _derivative(poly: Poly) -> Poly:
    """A polynomial's derivative."""
    return tuple(i * c for i, c in enumerate(poly))[1:]


def _square(poly: Poly) -> Poly:
    """A polynomial's square."""
    out = [Fraction(0)] * max(2 * len(poly) - 1, 0)
    for (i, a), (j, b) in itertools.product(enumerate(poly), enumerate(poly)):
        out[i + j] += Fraction(a) * b
    return tuple(out)


@dataclass(frozen=True)
class Piecewise:
    """A continuous piecewise polynomial: ``polys[i]`` between ``breaks[i - 1]`` and ``breaks[i]``."""

    breaks: tuple[Fraction | int, ...]
    polys: tuple[Poly, ...]

    def mean(self, polys: Sequence[Poly]) -> arb:
        """Mean of other polynomials on the same pieces, by truncated moments."""
        ends = [None, *self.breaks, None]
        total = arb(0)
        for low, high, poly in zip(ends, ends[1:], polys, strict=False):
            below, above = ((arb(0), arb(1)) if e is None else (density(e), _cdf(e)) for e in (low, high))
            moments = [(arb(1) if high is None else above[1]) - (arb(0) if low is None else below[1])]
            for n in range(1, len(poly)):
                edges = (arb(0) if low is None else exact(Fraction(low) ** (n - 1)) * below[0]) - (
                    arb(0) if high is None else exact(Fraction(high) ** (n - 1)) * above[0]
                )
                moments.append(edges + ((n - 1) * moments[n - 2] if n > 1 else arb(0)))
            total += sum((exact(c) * m for c, m in zip(poly, moments, strict=False)), arb(0))
        return total

    def known(self, last: int) -> Known:
        r"""Hermite coefficients and moments.

        By parts, ``E[phi He_k] = sum over breaks b and i < k of jump_i(b) He_{k-1-i}(b) w(b) + E[phi^(k)]``.
        The sums at b and -b are one rational number times ``w(b)``: what cancels there cancels exactly.
        """
        sums: dict[Fraction, list[Fraction]] = {}
        stages = [self.polys]
        while any(stages[-1]):
            stages.append(tuple(map(_derivative, stages[-1])))
        for n, b in enumerate(self.breaks):
            b = Fraction(b)
            hermite = [Fraction(1), b]
            for k in range(1, last):
                hermite.append(b * hermite[k] - k * hermite[k - 1])
            jumps = [_value(stage[n + 1], b) - _value(stage[n], b) for stage in stages]
            assert jumps[0] == 0
            row = sums.setdefault(abs(b), [Fraction(0)] * (last + 1))
            for i, jump in enumerate(jumps):
                if jump:
                    for k in range(i + 1, last + 1):
                        row[k] += jump * hermite[k - 1 - i]
        densities = {b: density(b) for b in sums}
        mus, norm = [], arb(1)
        for k in range(last + 1):
            if k:
                norm = norm * arb(k).rsqrt()
            total = sum((densities[b] * exact(row[k]) for b, row in sums.items() if row[k]), arb(0))
            if k < len(stages):
                total += self.mean(stages[k])
            mus.append(total * norm)
        return Known(mus, self.mean(tuple(map(_square, self.polys))), self.mean(tuple(map(_square, stages[1]))))


def _cdf(b: Fraction | int) -> arb:
    """Standard normal distribution function."""
    return (-exact(b) / arb(2).sqrt()).erfc() / 2


# ---------------------------------------------------------------- closed forms of their own


def _erf_parts(c2: arb, last: int) -> Known:
    """``x erf(c x)``, ``c^2 = c2``, by Stein's identity."""
    c = c2.sqrt()
    scale = 2 * c / arb.pi().sqrt()
    bell = Term((acb(1),), acb(0), c2).mus(last + 1)
    erf = [arb(0), *(scale * m.real / arb(k + 1).sqrt() for k, m in enumerate(bell))]
    root = [arb(k).sqrt() for k in range(last + 2)]
    mus = [root[k + 1] * erf[k + 1] + (root[k] * erf[k - 1] if k else arb(0)) for k in range(last + 1)]
    v = 1 / (1 + 2 * c2)
    square = (2 * c2 * v).asin() * 2 / arb.pi()
    cross = 4 * c2 / arb.pi() * v * v.sqrt() / (1 + 2 * c2 * v).sqrt()  # E[Z erf(cZ) erf'(cZ)]
    w = 1 / (1 + 4 * c2)
    return Known(mus, square + 2 * cross, square + 2 * cross + 4 * c2 / arb.pi() * w * w.sqrt())


def x_erf(last: int) -> Known:
    """``x erf(x)``."""
    return _erf_parts(arb(1), last)


def gelu(last: int) -> Known:
    """``x Phi(x) = x/2 + x erf(x / sqrt 2) / 2``."""
    even = _erf_parts(arb(1) / 2, last)
    mus = [m / 2 + (arb(1) / 2 if k == 1 else 0) for k, m in enumerate(even.mus)]
    return Known(mus, (1 + even.second) / 4, (1 + even.slope) / 4)


def sinc(last: int) -> Known:
    """``sin(x)/x``, the mean of ``cos(s x)`` over s in (0, 1).

    ``|mu_k|^2 <= 1 / (k! (k + 1)^2)`` bounds what ``E[phi'^2] = sum k mu_k^2`` leaves out.
    """
    half, mus = arb(1) / 2, []
    total = max(last, 60)
    while arb(2) ** ctx.prec > arb(total).fac():
        total = total * 5 // 4
    for k in range(0, total + 1, 2):
        a = arb(k + 1) / 2
        # the integral of s^k exp(-s^2/2) is exp(-1/2) / (k + 1) 1F1(1; (k + 3)/2; 1/2)
        whole = half.hypgeom([arb(1)], [a + 1]) * (-half).exp() / (k + 1)
        mus += [whole / arb(k).fac().sqrt() * (1 - 2 * (k // 2 % 2)), arb(0)]
    slope = sum((k * m * m for k, m in enumerate(mus)), arb(0)) + error(-log_size(arb(total).fac()) + 1)
    second = (arb.pi() / 2).sqrt() * arb(2).sqrt().erf() - (1 - arb(-2).exp()) / 2
    return Known(mus[: last + 1], second, slope)


def relu_exp(last: int) -> Known:
    """``relu(x) exp(-x)``.

    By parts ``e_k = He_{k-1}(0) w(0) - e_{k-1}`` for ``e_k = E[exp(-Z) He_k; Z > 0]`` and
    ``f_k = e_{k-1} - f_{k-1}`` for ``f_k = E[Z exp(-Z) He_k; Z > 0]``.
    """
    w = density(0)
    tail = (arb(1) / 2).exp() * _cdf(-1)
    e, f, at_zero, norm = tail, w - tail, [1, 0], arb(1)
    mus = [f]
    for k in range(1, last + 1):
        e, f = at_zero[0] * w - e, e - f
        at_zero = [at_zero[1], -k * at_zero[0]]
        norm = norm * arb(k).rsqrt()
        mus.append(f * norm)
    moments = [arb(2).exp() * _cdf(-2)]  # of exp(-2 x), x > 0
    moments.append(w - 2 * moments[0])
    moments.append(moments[0] - 2 * moments[1])
    return Known(mus, moments[2], moments[0] - 2 * moments[1] + moments[2])


# ---------------------------------------------------------------- analytic on pieces


@dataclass(frozen=True)
class Panels:
    """A function analytic on pieces, by Gauss-Legendre rules.

    Attributes
    ----------
    right
        ``(phi, phi')`` for ``x > start``.  Both are at most ``1 + |x|`` in size for ``|x| >= CUT``.
    left
        The same for ``x < 0``; None where `parity` tells it, or where phi is zero.
    parity
        0 even, 1 odd, None neither.
    linear
        ``phi`` has ``linear * x`` besides, and then `parity` is 0.
    start
        Where the function starts, unless it is zero.
    """

    right: tuple[Function, Function]
    left: tuple[Function, Function] | None = None
    parity: int | None = None
    linear: Fraction = Fraction(0)
    start: Fraction = Fraction(0)

    def known(self, last: int) -> Known:
        """Hermite coefficients and moments, errors below ``10^-GOAL``."""
        mus, second, slope = _half_line(self.right, self.start, last, self.parity)
        if self.parity is not None:
            mus = [2 * m if k % 2 == self.parity else arb(0) for k, m in enumerate(mus)]
            second, slope = 2 * second, 2 * slope
        if self.left is not None:
            phi, derivative = self.left
            other = _half_line((lambda x: phi(-x), lambda x: derivative(-x)), Fraction(0), last, None)
            mus = [m - o if k % 2 else m + o for k, (m, o) in enumerate(zip(mus, other[0], strict=True))]
            second, slope = second + other[1], slope + other[2]
        if self.linear:
            mus[1] += exact(self.linear)
            second, slope = second + exact(self.linear**2), slope + exact(self.linear**2)
        return Known(mus, second, slope)


def _half_line(
    pair: tuple[Function, Function], start: Fraction, last: int, parity: int | None
) -> tuple[list[arb], arb, arb]:
    """Integrals over ``x > start`` of ``phi h_k w`` (of the given parity), ``phi^2 w``, ``phi'^2 w``."""
    root = math.sqrt(last)
    width = 2.0
    sums = [arb(0)] * (last + 1)
    second = slope = arb(0)
    log_error = -math.inf
    low = float(start)
    while low < CUT:
        high = min(CUT, low + width)
        count, bound = _rule(pair, low, high, last)
        log_error = max(log_error, bound) + math.log(2)
        # rounding errors of the recurrence grow like exp(x sqrt(k) - x^2/4) and meet exp(-x^2/2)
        growth = max(0.0, max(x * root - 0.75 * x * x for x in (low, min(high, max(low, root / 1.5)))))
        with ctx.workprec(int(GOAL * 3.33 + growth * 1.443) + 80):
            middle, half = arb(low + high) / 2, arb(high - low) / 2
            scale = half / (2 * arb.pi()).sqrt()
            for node, weight in _legendre(count, ctx.prec // 512 * 512 + 512):
                x = middle + half * node
                value, derivative = pair[0](x), pair[1](x)
                mass = scale * weight * (-x * x / 2).exp()
                second += mass * value * value
                slope += mass * derivative * derivative
                current, previous = mass * value, arb(0)
                for k in range(last + 1):  # current is He_k
                    if parity is None or k % 2 == parity:
                        sums[k] += current
                    current, previous = x * current - k * previous, current
        low = high
    # beyond, |h_k| <= 1.0865 exp(x^2/4) and |phi| <= 1 + x: at most 2 exp(-CUT^2/4) each
    rest = error(max(log_error, math.log(2) - CUT**2 / 4) + math.log(2))
    out, norm = [], arb(1)
    with ctx.workprec(int(GOAL * 3.33) + 80):
        for k, total in enumerate(sums):
            if k:
                norm = norm * arb(k).rsqrt()
            out.append(total * norm + rest)
        return out, second + rest, slope + rest


@functools.lru_cache(maxsize=64)
def _legendre(count: int, prec: int) -> list[tuple[arb, arb]]:
    """Nodes and weights of the Gauss-Legendre rule on (-1, 1)."""
    with ctx.workprec(prec):
        return [arb.legendre_p_root(count, k, True) for k in range(count)]


def _rule(pair: tuple[Function, Function], low: float, high: float, last: int) -> tuple[int, float]:
    """How many nodes make all integrals over a panel good, and the logarithm of their error.

    A rule of n nodes errs by at most ``64/15 M rho^(-2 n) / (1 - rho^-2)`` times half the width, M the largest
    modulus on the ellipse whose semi-axes, in half widths, are ``(rho +- 1/rho) / 2``.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    goal = -(GOAL + 6) * math.log(10)
    best = (math.inf, math.inf)
    for step in range(2, 15):
        log_rho = 0.2 * step
        across, up = half * math.cosh(log_rho), half * math.sinh(log_rho)
        sizes = _cover(pair, middle, across, up)
        if math.inf in sizes:
            break
        nearest = max(0.0, middle - across)
        gauss = (up * up - nearest * nearest) / 2
        size = max(sizes[0] + _log_hermite(last, nearest, up), 2 * sizes[0] + gauss, 2 * sizes[1] + gauss)
        size += math.log(64 / 15 * half) - math.log1p(-math.exp(-2 * log_rho))
        count = 8 * math.ceil((size - goal) / (2 * log_rho) / 8)
        best = min(best, (count, size - 2 * count * log_rho))
    if math.isinf(best[0]):
        raise ArithmeticError("not analytic around a panel")
    return int(best[0]), best[1]


def _log_hermite(k: int, x: float, y: float) -> float:
    """Bound, in logarithms, of ``|h_k w|`` at ``x' + i y'``, ``|x'| >= x``, ``|y'| <= y``, and of all smaller k.

    Mehler: ``sum_k r^k |h_k(x + iy)|^2 = (1 - r^2)^(-1/2) exp(r x^2 / (1 + r) + r y^2 / (1 - r))``.
    """
    found = math.inf
    for i in range(1, 80):
        gap = 2.0 ** (-i / 4)
        r = 1 - gap
        value = -k / 2 * math.log(r) - math.log(gap * (1 + r)) / 4
        found = min(found, value - x * x / (2 * (1 + r)) + y * y / (2 * gap))
    return found - math.log(2 * math.pi) / 2 + 1e-6


def _cover(pair: tuple[Function, Function], middle: float, across: float, up: float) -> tuple[float, float]:
    """Largest moduli of phi and phi' in an ellipse, as logarithms, by covering its upper half with balls.

    The functions give no number where they are not analytic; such a ball is cut in four until it is small.
    """
    found = [-math.inf, -math.inf]
    with ctx.workprec(64):
        for n, function in enumerate(pair):
            cells = [(across * (i + 0.5) / 6, up * (j + 0.5) / 6, 0) for i in range(-6, 6) for j in range(6)]
            while cells:
                x, y, depth = cells.pop()
                a, b = across / 12 / 2**depth, up / 12 / 2**depth
                if (max(0.0, abs(x) - a) / across) ** 2 + (max(0.0, y - b) / up) ** 2 > 1.0001:
                    continue
                z = acb(arb(middle + x, a * 1.000001), arb(y, b * 1.000001))
                size = log_size(function(z))
                if math.isinf(size) and depth < 5:
                    cells += [(x + s * a / 2, y + t * b / 2, depth + 1) for s in (-1, 1) for t in (-1, 1)]
                else:
                    found[n] = max(found[n], size)
                    if math.isinf(size):
                        return math.inf, math.inf
    return found[0], found[1]


# ---------------------------------------------------------------- the functions


@dataclass(frozen=True)
class Expression:
    """A function as the user writes it.

    Attributes
    ----------
    text
        What the user writes.
    source
        Where ``mu_k``, ``E[phi^2]`` and ``E[phi'^2]`` come from.
    pieces
        The function again, for checks: ``(from, to, phi)``, analytic on each.
    base, extra, missing
        Indices of nonzero ``mu_k``: all of ``"all"``, ``"even"``, ``"odd"`` or ``"none"``, with `extra`, without
        `missing`.
    """

    text: str
    source: Family | Piecewise | Panels | Callable[[int], Known]
    pieces: tuple[tuple[float, float, Function], ...]
    base: str
    extra: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()

    @property
    def degree(self) -> int | None:
        """Degree of a polynomial, None for anything else."""
        return max(self.extra) if self.base == "none" else None

    @property
    def entire(self) -> bool:
        """Whether the ``mu_k`` fall faster than the sums over k grow."""
        return isinstance(self.source, Family) or self.source in (x_erf, gelu, sinc)

    def has(self, k: int) -> bool:
        """Whether ``mu_k`` is not zero."""
        base = {"all": True, "even": k % 2 == 0, "odd": k % 2 == 1, "none": False}[self.base]
        return (base or k in self.extra) and k not in self.missing

    def known(self, last: int) -> Known:
        """Hermite coefficients and moments at the working precision, zeros exact; only those may be missing."""
        if isinstance(self.source, Panels):
            found = _panels(self, last)
        else:
            found = self.source(last) if callable(self.source) else self.source.known(last)
        mus = []
        for k, m in enumerate(found.mus):
            if not self.has(k) and not m.contains(0):
                raise ArithmeticError(f"mu_{k} of {self.text} is not zero")
            mus.append(m if self.has(k) else arb(0))
        return Known(mus, found.second, found.slope)


@functools.lru_cache(maxsize=2)
def _panels(expression: Expression, last: int) -> Known:
    """What quadrature knows; its precision is its own."""
    assert isinstance(expression.source, Panels)
    return expression.source.known(last)


INF = math.inf
HALF = arb(0.5)
F = Fraction


def _whole(phi: Function) -> tuple[tuple[float, float, Function], ...]:
    """One piece."""
    return ((-INF, INF, phi),)


def _split(left: Function, right: Function, at: float = 0) -> tuple[tuple[float, float, Function], ...]:
    """Two pieces."""
    return ((-INF, at, left), (at, INF, right))


def _softplus(z: Ball) -> Ball:
    """``log(1 + exp(z))``."""
    return log(1 + z.exp())


def _mish(z: Ball) -> Ball:
    """``x tanh(log(1 + exp x))``."""
    e = z.exp()
    return z * (1 - 2 / (e * (e + 2) + 2))


def _mish_slope(z: Ball) -> Ball:
    """Derivative of `_mish`."""
    e = z.exp()
    below = e * (e + 2) + 2
    return 1 - 2 / below + z * 4 * e * (e + 1) / (below * below)


def _square_sech(z: Ball) -> Ball:
    """Derivative of tanh."""
    e = (-2 * z).exp()
    return 4 * e / ((1 + e) * (1 + e))


def _bell(z: Ball) -> Ball:
    """``exp(-x^2)``."""
    return (-z * z).exp()


def _swish(rate: Fraction) -> tuple[Function, Function]:
    """``x sigmoid(rate x) - x/2 = x tanh(rate x / 2) / 2`` and its derivative."""
    return (
        lambda z: z * tanh(z * exact(rate / 2)) / 2,
        lambda z: tanh(z * exact(rate / 2)) / 2 + z * _square_sech(z * exact(rate / 2)) * exact(rate / 4),
    )


def _phi_cdf(z: Ball) -> Ball:
    """Standard normal distribution function."""
    return (-z / arb(2).sqrt()).erfc() / 2


def _sinc(z: Ball) -> Ball:
    """``sin(x)/x``, entire."""
    return z.sinc()


def _shifted_relu_slope(z: Ball) -> Ball:
    """Derivative of ``(x - 1/2) sigmoid(x)``."""
    s = sigmoid(z)
    return s + (z - HALF) * s * sigmoid(-z)


_SMOOTH = [
    Expression(
        "x*sigmoid(1.702*x)",
        Panels(_swish(F(1702, 1000)), parity=0, linear=F(1, 2)),
        _whole(lambda z: z * sigmoid(z * exact(F(1702, 1000)))),
        "even",
        (1,),
    ),
    Expression(
        "x*tanh(log(1+exp(x)))",
        Panels((_mish, _mish_slope), left=(_mish, _mish_slope)),
        _whole(lambda z: z * tanh(_softplus(z))),
        "all",
    ),
    Expression(
        "(exp(x)-exp(-x))/(exp(x)+exp(-x))",
        Panels((tanh, _square_sech), parity=1),
        _whole(lambda z: (z.exp() - (-z).exp()) / (z.exp() + (-z).exp())),
        "odd",
    ),
    Expression(
        "x/(1+exp(-x))",
        Panels(_swish(F(1)), parity=0, linear=F(1, 2)),
        _whole(lambda z: z / (1 + (-z).exp())),
        "even",
        (1,),
    ),
    Expression("exp(-x^2)", Family((((1,), 0, 0, 1),)), _whole(_bell), "even"),
    Expression("x*exp(-x^2/2)", Family((((0, 1), 0, 0, F(1, 2)),)), _whole(lambda z: z * (-z * z / 2).exp()), "odd"),
    Expression(
        "log(1+exp(2*x))/2",  # less x/2: even
        Panels((lambda z: _softplus(-2 * z) / 2 + z / 2, lambda z: tanh(z) / 2), parity=0, linear=F(1, 2)),
        _whole(lambda z: _softplus(2 * z) / 2),
        "even",
        (1,),
    ),
    Expression("atan(x)", Panels((atan, lambda z: 1 / (1 + z * z)), parity=1), _whole(atan), "odd"),
    Expression(
        "asinh(x)",
        Panels((lambda z: log(z + sqrt(1 + z * z)), lambda z: 1 / sqrt(1 + z * z)), parity=1),
        _whole(lambda z: log(z + sqrt(1 + z * z))),
        "odd",
    ),
    Expression(
        "1/(1+x^2)",
        Panels((lambda z: 1 / (1 + z * z), lambda z: -2 * z / (1 + z * z) ** 2), parity=0),
        _whole(lambda z: 1 / (1 + z * z)),
        "even",
    ),
    Expression(
        "x/sqrt(1+x^2)",
        Panels((lambda z: z / sqrt(1 + z * z), lambda z: 1 / sqrt(1 + z * z) ** 3), parity=1),
        _whole(lambda z: z / sqrt(1 + z * z)),
        "odd",
    ),
    Expression(
        "sqrt(1+x^2)",
        Panels((lambda z: sqrt(1 + z * z), lambda z: z / sqrt(1 + z * z)), parity=0),
        _whole(lambda z: sqrt(1 + z * z)),
        "even",
    ),
    Expression("erf(x)*x", x_erf, _whole(lambda z: z.erf() * z), "even"),
    Expression("x*Phi(x)", gelu, _whole(lambda z: z * _phi_cdf(z)), "even", (1,)),
    Expression(
        "tanh(x)^3",
        Panels((lambda z: tanh(z) ** 3, lambda z: 3 * tanh(z) ** 2 * _square_sech(z)), parity=1),
        _whole(lambda z: tanh(z) ** 3),
        "odd",
    ),
    Expression(
        "tanh(x)+exp(-x^2)",
        Panels(
            (lambda z: tanh(z) + _bell(z), lambda z: _square_sech(z) - 2 * z * _bell(z)),
            left=(lambda z: tanh(z) + _bell(z), lambda z: _square_sech(z) - 2 * z * _bell(z)),
        ),
        _whole(lambda z: tanh(z) + _bell(z)),
        "all",
    ),
]

_OSCILLATING = [
    Expression(
        "sin(3*x)+x/2",
        Family((((F(1, 2),), 0, 3, 0), ((F(-1, 2),), 0, -3, 0), ((0, F(1, 2)), 0, 0, 0)), imaginary=(0, 1)),
        _whole(lambda z: (3 * z).sin() + z / 2),
        "odd",
    ),
    Expression(  # mu_1 = E[Z^2 cos Z] = (1 - 1) exp(-1/2)
        "x*cos(x)",
        Family((((0, F(1, 2)), 0, 1, 0), ((0, F(1, 2)), 0, -1, 0))),
        _whole(lambda z: z * z.cos()),
        "odd",
        missing=(1,),
    ),
    Expression(
        "sin(x)^2",
        Family((((F(1, 2),), 0, 0, 0), ((F(-1, 4),), 0, 2, 0), ((F(-1, 4),), 0, -2, 0))),
        _whole(lambda z: z.sin() ** 2),
        "even",
    ),
    Expression("sinc(x)", sinc, _whole(_sinc), "even"),
    Expression(
        "x+sin(x)^2",
        Family((((F(1, 2), 1), 0, 0, 0), ((F(-1, 4),), 0, 2, 0), ((F(-1, 4),), 0, -2, 0))),
        _whole(lambda z: z + z.sin() ** 2),
        "even",
        (1,),
    ),
    Expression(
        "exp(-x^2/2)*cos(5*x)",
        Family((((F(1, 2),), 0, 5, F(1, 2)), ((F(1, 2),), 0, -5, F(1, 2)))),
        _whole(lambda z: (-z * z / 2).exp() * (5 * z).cos()),
        "even",
    ),
]

_GROWING = [
    Expression("x^9/1000", polynomial(*[0] * 9, F(1, 1000)), _whole(lambda z: z**9 / 1000), "none", (1, 3, 5, 7, 9)),
    Expression("x^3-3*x", polynomial(0, -3, 0, 1), _whole(lambda z: z**3 - 3 * z), "none", (3,)),
    Expression(
        "(x^2-1)^4/100",
        polynomial(*(F(c, 100) for c in (1, 0, -4, 0, 6, 0, -4, 0, 1))),
        _whole(lambda z: (z * z - 1) ** 4 / 100),
        "none",
        (0, 2, 4, 6, 8),
    ),
    Expression("exp(x/2)", Family((((1,), F(1, 2), 0, 0),)), _whole(lambda z: (z / 2).exp()), "all"),
    Expression("cosh(x)", Family((((F(1, 2),), 1, 0, 0), ((F(1, 2),), -1, 0, 0))), _whole(lambda z: z.cosh()), "even"),
    Expression("exp(x^2/10)", Family((((1,), 0, 0, F(-1, 10)),)), _whole(lambda z: (z * z / 10).exp()), "even"),
]

_KINKED = [
    Expression(  # x^2/2 + x|x|/2
        "relu(x)^2", Piecewise((0,), ((), (0, 0, 1))), ((0, INF, lambda z: z * z),), "odd", (0, 2)
    ),
    Expression(
        "max(x,0.01*x)",
        Piecewise((0,), ((0, F(1, 100)), (0, 1))),
        _split(lambda z: z / 100, lambda z: z),
        "even",
        (1,),
    ),
    Expression(
        "min(max(x,0),6)",
        Piecewise((0, 6), ((), (0, 1), (6,))),
        ((0, 6, lambda z: z), (6, INF, lambda z: 6 + 0 * z)),
        "all",
    ),
    Expression(
        "clip(x,-1,1)",
        Piecewise((-1, 1), ((-1,), (0, 1), (1,))),
        ((-INF, -1, lambda z: 0 * z - 1), (-1, 1, lambda z: z), (1, INF, lambda z: 1 + 0 * z)),
        "odd",
    ),
    Expression(
        "abs(x)*tanh(x)",
        Panels((lambda z: z * tanh(z), lambda z: tanh(z) + z * _square_sech(z)), parity=1),
        _split(lambda z: -z * tanh(z), lambda z: z * tanh(z)),
        "odd",
    ),
    Expression(  # exp(x) - 1 >= x everywhere: no kink
        "max(x,exp(x)-1)",
        Family((((1,), 1, 0, 0), ((-1,), 0, 0, 0))),
        _whole(lambda z: z.exp() - 1),
        "all",
    ),
    Expression("relu(x)*exp(-x)", relu_exp, ((0, INF, lambda z: z * (-z).exp()),), "all"),
    Expression(
        "log1p(abs(x))",
        Panels((lambda z: log(1 + z), lambda z: 1 / (1 + z)), parity=0),
        _split(lambda z: log(1 - z), lambda z: log(1 + z)),
        "even",
    ),
    Expression(  # mu_k = (2 h_{k-2}(1) - h_{k-2}(-1)) w(1) / sqrt(k (k - 1)), and He_2(1) = 0
        "abs(x-1)-abs(x+1)/2",
        Piecewise((-1, 1), ((F(3, 2), F(-1, 2)), (F(1, 2), F(-3, 2)), (F(-3, 2), F(1, 2)))),
        (
            (-INF, -1, lambda z: (1 - z) + (z + 1) / 2),
            (-1, 1, lambda z: (1 - z) - (z + 1) / 2),
            (1, INF, lambda z: (z - 1) - (z + 1) / 2),
        ),
        "all",
        missing=(4,),
    ),
    Expression(
        "relu(x-0.5)*sigmoid(x)",
        Panels((lambda z: (z - HALF) * sigmoid(z), _shifted_relu_slope), start=F(1, 2)),
        ((0.5, INF, lambda z: (z - HALF) * sigmoid(z)),),
        "all",
    ),
    Expression(  # x/2 and an even part
        "x*clip(x/6+0.5,0,1)",
        Piecewise((-3, 3), ((), (0, F(1, 2), F(1, 6)), (0, 1))),
        ((-3, 3, lambda z: z * (z / 6 + HALF)), (3, INF, lambda z: z)),
        "even",
        (1,),
    ),
    Expression(
        "x/(1+abs(x))",
        Panels((lambda z: z / (1 + z), lambda z: 1 / (1 + z) ** 2), parity=1),
        _split(lambda z: z / (1 - z), lambda z: z / (1 + z)),
        "odd",
    ),
    Expression(
        "max(x,tanh(x))",
        Panels((lambda z: z, lambda z: 1 + 0 * z), left=(tanh, _square_sech)),
        _split(tanh, lambda z: z),
        "all",
    ),
    Expression(  # (x^3 + |x|^3) / 20
        "relu(x)^3/10", Piecewise((0,), ((), (0, 0, 0, F(1, 10)))), ((0, INF, lambda z: z**3 / 10),), "even", (1, 3)
    ),
]

EXPRESSIONS = [*_SMOOTH, *_OSCILLATING, *_GROWING, *_KINKED]


# ---------------------------------------------------------------- the kernel


class TooShort(ArithmeticError):  # noqa: N818
    """More ``mu_k`` are needed than there are."""


def expansion(squares: Sequence[arb], mass: arb, a: arb, top: int) -> list[arb]:
    """``(1 - a)^j`` times the Taylor coefficients about `a`, up to `top`, of ``sum_k squares[k] t^k``.

    `mass` is what the squares beyond the last sum up to; zero, exactly, for a polynomial.
    """
    last = len(squares) - 1
    scale = 1 - a
    if not mass.is_zero() and not last + 1 > top / scale:
        raise TooShort
    power = arb(1)
    out = []
    for j in range(top + 1):
        total, factor = arb(0), power  # C(k, j) a^(k - j) (1 - a)^j
        for k in range(j, last + 1):
            if not squares[k].is_zero():
                total += squares[k] * factor
            factor = factor * a * (k + 1) / (k + 1 - j)
        if not mass.is_zero():  # factor is now that of last + 1
            total += (mass.upper() * factor.upper()) * arb(0.5, 0.5)
        out.append(total)
        power *= scale
    return out


@dataclass(frozen=True)
class Layer:
    """A layer's ``Sigma`` and ``Theta``, and ``Theta(1)``."""

    sigma: list[arb]
    theta: list[arb]
    total: arb


def _products(left: set[int], right: set[int], top: int) -> set[int]:
    """Powers in a product of series with coefficients >= 0."""
    return {i + j for i in left for j in right if i + j <= top}


def _composed(outer: set[int], inner: set[int], top: int) -> set[int]:
    """Powers in a composition of such series."""
    out: set[int] = set()
    for j in range(max(outer, default=0), -1, -1):
        out = _products(out, inner, top) | ({0} if j in outer else set())
    return out


def layers(expression: Expression, known: Known, gamma_b2: Fraction, depth: int, top: int) -> Iterator[Layer]:
    """Layers 2 ... depth, coefficients up to `top`, with structural zeros exact."""
    weight, text = sigma_w2(known)
    bias = arb(0) if text == "max" else 1 - weight * known.second
    chi = weight * known.slope
    squares = [m * m for m in known.mus]
    last = len(squares) - 1
    mass = known.second - sum(squares, arb(0))
    if expression.degree is not None and expression.degree <= last:
        mass = arb(0)
    sigma = [exact(gamma_b2), exact(1 - gamma_b2), *[arb(0)] * (top - 1)]
    theta, total = sigma, arb(1)
    for _ in range(depth - 1):
        total = 1 + chi * total
        a = sigma[0]
        if a.is_zero():
            scale = arb(1)
            if last < top + 1:
                raise TooShort
            outer = [weight * s for s in squares[: top + 2]]
            present = {k for k in range(top + 2) if expression.has(k)} | ({0} if text != "max" else set())
        else:
            scale = 1 - a
            outer = [weight * r for r in expansion(squares, mass, a, top + 1)]
            degree = expression.degree if expression.degree is not None else top + 1
            present = set(range(min(degree, top + 1) + 1))
        outer[0] += bias
        slopes = [(j + 1) * outer[j + 1] / scale for j in range(top + 1)]
        powers, theta_powers = ({p for p in range(top + 1) if not x[p].is_zero()} for x in (sigma, theta))
        powers -= {0}
        inner = arb_series([arb(0), *(s / scale for s in sigma[1:])], top + 1)
        if powers == {1} and scale == 1 and sigma[1] == 1:  # the identity
            image, slope = arb_series(outer[: top + 1], top + 1), arb_series(slopes, top + 1)
        else:
            image = arb_series(outer[: top + 1], top + 1)(inner)
            slope = arb_series(slopes, top + 1)(inner)
        product = arb_series(theta, top + 1) * slope
        image_powers = _composed({j for j in present if j <= top}, powers, top)
        slope_powers = _composed({j - 1 for j in present if j}, powers, top)
        result_powers = image_powers | _products(theta_powers, slope_powers, top)
        sigma = [image[p] if p in image_powers else arb(0) for p in range(top + 1)]
        theta = [image[p] + product[p] if p in result_powers else arb(0) for p in range(top + 1)]
        yield Layer(sigma, theta, total)


def sigma_w2(known: Known) -> tuple[arb, str]:
    """The weight variance: 1 where ``E[phi^2] <= 1``, else the largest."""
    if known.second <= 1:
        return arb(1), "1"
    if known.second > 1:
        return 1 / known.second, "max"
    raise ArithmeticError("E[phi^2] too near 1")


def enough(a: float, top: int) -> int:
    """How many ``mu_k`` will do to expand about `a` as far as `top`, were every ``mu_k^2`` 1/K."""
    last = top + 60
    if a <= 0:
        return top + 2
    j = top + 1

    def size(k: int) -> float:
        choose = math.lgamma(k + 1) - math.lgamma(j + 1) - math.lgamma(k - j + 1)
        return choose + (k - j) * math.log(a) + j * math.log1p(-a)

    while last + 1 <= j / (1 - a) or size(last + 1) - math.log(last) > -(DIGITS + 8) * math.log(10):
        last = last * 21 // 20
    return last


def kernel(expression: Expression, gamma_b2: Fraction, depth: int, top: int) -> tuple[Known, list[Layer], int]:
    """Layers 2 ... depth with every coefficient good to `DIGITS`, and K."""
    panels = isinstance(expression.source, Panels)
    last, prec = top + 60, int(GOAL * 3.33) + 100 if panels else 400
    if not expression.entire and (depth > 2 or gamma_b2):
        a = float(gamma_b2)
        if depth > 2:  # of the last layer, nearly
            with _workspace(prec, 4):
                *_, layer = layers(expression, expression.known(1000), gamma_b2, depth - 1, 2)
                a = max(a, float(layer.sigma[0].mid()))
        last = max(last, enough(a, top))
    while last <= LARGEST:
        with _workspace(prec, top + 2):
            try:
                known = expression.known(last)
                found = list(layers(expression, known, gamma_b2, depth, top))
                if all(within(v, DIGITS + 1) for layer in found for v in (*layer.theta, layer.total)):
                    return known, found, last
                if not panels:
                    prec = min(prec * 3 // 2, 8000)
            except TooShort:
                pass
        last = last * 5 // 4
    raise TooShort


class _workspace:  # noqa: N801
    """Work with so many bits and series of so many terms."""

    def __init__(self, prec: int, terms: int):
        self.wanted = prec, terms

    def __enter__(self) -> None:
        self.before = ctx.prec, ctx.cap
        ctx.prec, ctx.cap = self.wanted

    def __exit__(self, *_: object) -> None:
        ctx.prec, ctx.cap = self.before


# ---------------------------------------------------------------- the file


def written(value: arb) -> str:
    """A ball's digits, the last one rounded."""
    if value.is_zero():
        return "0"
    if not within(value, DIGITS + 1):
        raise ArithmeticError("not known well enough")
    with ctx.workprec(40 * DIGITS):
        return value.mid().str(DIGITS, radius=False)


def record(expression: Expression, depth: int) -> dict[str, object]:
    """One entry of the file."""
    number = EXPRESSIONS.index(expression) + 1
    gamma_b2 = "0.1" if depth == 3 and number % 2 else "0"
    top = max(POWERS)
    known, found, last = kernel(expression, Fraction(gamma_b2), depth, top)
    return {
        "expression": expression.text,
        "standing": "enclosed",
        "sigma_w2": sigma_w2(known)[1],
        "gamma_b2": gamma_b2,
        "depth": depth,
        "K": last,
        "mean_square": written(known.second),
        "slope_square": written(known.slope),
        "total": written(found[-1].total),
        "kappa": {str(p): written(found[-1].theta[p]) for p in POWERS},
    }


def main() -> None:
    """Write the file, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("expressions", nargs="*")
    parser.add_argument("--depth", type=int, choices=(2, 3), action="append")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    chosen = [e for e in EXPRESSIONS if not options.expressions or e.text in options.expressions]
    if options.check:
        sys.exit(check(chosen))
    values = json.loads(OUTPUT.read_text())["values"] if OUTPUT.exists() else []
    entries = {(v["expression"], v["depth"]): v for v in values}
    for depth, expression in itertools.product(options.depth or (2, 3), chosen):
        start = time.monotonic()
        try:
            entry = record(expression, depth)
            entries[expression.text, depth] = entry
            note = f"K = {entry['K']}"
        except ArithmeticError as problem:
            note = f"missing: {problem!r}"
        print(f"{time.monotonic() - start:7.1f} s  depth {depth}  {expression.text}  {note}", flush=True)
        order = [entries[e.text, d] for d in (2, 3) for e in EXPRESSIONS if (e.text, d) in entries]
        made_with = f"tests/oracles/expressions.py, python-flint {flint.__version__}"
        OUTPUT.write_text(json.dumps({"made_with": made_with, "values": order}, indent=1) + "\n")


# ---------------------------------------------------------------- checks


NAMED = {
    "(exp(x)-exp(-x))/(exp(x)+exp(-x))": "tanh",
    "x*tanh(log(1+exp(x)))": "mish",
    "x/(1+exp(-x))": "silu",
    "log(1+exp(2*x))/2": "softplus:beta=2",
    "x*Phi(x)": "gelu",
    "max(x,0.01*x)": "leaky-relu:slope=0.01",
}


def check(chosen: Sequence[Expression]) -> int:
    """Compare with Arb's integrator, with values at a point, and with `arb_ntk`; how many functions fail."""
    failures = 0
    for expression in chosen:
        start = time.monotonic()
        with _workspace(300, 10):
            notes = [*_check_moments(expression)]
        notes += _check_named(expression)
        failures += bool(notes)
        print(f"{time.monotonic() - start:7.1f} s  {expression.text}: {'; '.join(notes) or 'good'}", flush=True)
    return failures


def _check_moments(expression: Expression) -> Iterator[str]:
    """Compare ``mu_k`` and the moments with other integrals of the function's pieces."""
    known = expression.known(60)

    def integral(function: Function) -> arb:
        total = arb(0)
        for low, high, phi in expression.pieces:
            ends = max(low, -30), min(high, 30)
            cuts = [ends[0], *range(math.floor(ends[0]) + 1, math.ceil(ends[1])), ends[1]]
            for a, b in itertools.pairwise(cuts):
                part = acb.integral(lambda z, _, f=phi: function(f(z), z), acb(a), acb(b))
                total += part.real
        return total

    def near(name: str, mine: arb, other: arb) -> Iterator[str]:
        if not abs(mine - other) < arb(10) ** -40:
            yield f"{name}: {mine.str(20)} against {other.str(20)}"

    def weight(z: Ball) -> Ball:
        return (-z * z / 2).exp() / (2 * arb.pi()).sqrt()

    for k in (0, 1, 2, 3, 4, 7, 12, 25, 60):
        norm = arb(k).fac().rsqrt()
        # physicists' polynomials at x / sqrt 2
        root = arb(2).sqrt()
        found = integral(lambda y, z, k=k, c=norm / root**k, r=root: y * (z / r).hermite_h(k) * c * weight(z))
        yield from near(f"mu_{k}", known.mus[k], found)
    yield from near("mean square", known.second, integral(lambda y, z: y * y * weight(z)))
    step = arb(10) ** -30  # the error of a central difference is about 10^-60
    total = arb(0)
    for low, high, phi in expression.pieces:
        ends = max(low, -30), min(high, 30)
        cuts = [ends[0], *range(math.floor(ends[0]) + 1, math.ceil(ends[1])), ends[1]]
        for a, b in itertools.pairwise(cuts):
            for node, mass in _legendre(64, 320):
                x = (arb(a) + b + (arb(b) - a) * node) / 2
                slope = (phi(x + step) - phi(x - step)) / (2 * step)
                total += mass * (arb(b) - a) / 2 * slope * slope * weight(x)
    yield from near("slope square", known.slope, total)


def _check_named(expression: Expression) -> Iterator[str]:
    """Compare the file with `arb_ntk` where the function has a name, and kernels with their values at a point."""
    for entry in json.loads(OUTPUT.read_text())["values"]:
        if entry["expression"] != expression.text:
            continue
        top, depth, gamma_b2 = max(map(int, entry["kappa"])), entry["depth"], entry["gamma_b2"]
        if expression.text in NAMED:
            sys.path.insert(0, str(Path(__file__).parent))
            from arb_ntk import reference_coefficients

            name = NAMED[expression.text]
            others = reference_coefficients(name, depth, top, entry["sigma_w2"], gamma_b2, DIGITS + 2)
            for p, text in entry["kappa"].items():
                if not _agrees(text, others[int(p)]):
                    yield f"kappa_{p} at depth {depth} is {text}, {name} has {others[int(p)].str(40, radius=False)}"
        if depth > 2:
            known, found, _ = kernel(expression, Fraction(gamma_b2), depth, top)
            with _workspace(300, 10):
                series = sum((v * arb(2) ** -p for p, v in enumerate(found[-1].theta)), arb(0))
                rest = found[-1].total * arb(2) ** (-top - 1)
                direct = _theta_at_half(known, Fraction(gamma_b2), depth)
                if not abs(series - direct) < rest + arb(10) ** -30:
                    yield f"Theta(1/2) = {direct.str(20)}, its series {series.str(20)}"


def _agrees(text: str, other: arb) -> bool:
    """Whether a text of `DIGITS` digits is a number rounded."""
    with ctx.workprec(400):
        return other.is_zero() if text == "0" else bool(abs(arb(text) / other - 1) < arb(10) ** (1 - DIGITS))


def _theta_at_half(known: Known, gamma_b2: Fraction, depth: int) -> arb:
    """``Theta_depth(1/2)`` by summing R and R' where they are needed."""
    weight, text = sigma_w2(known)
    squares = [weight * m * m for m in known.mus]
    bias = arb(0) if text == "max" else 1 - weight * known.second
    sigma = theta = exact(gamma_b2 + (1 - gamma_b2) / 2)
    for _ in range(depth - 1):
        value, slope = arb(0), arb(0)
        for k in range(len(squares) - 1, -1, -1):
            slope = slope * sigma + (k + 1) * squares[k + 1] if k + 1 < len(squares) else slope
            value = value * sigma + squares[k]
        sigma, theta = value + bias, value + bias + theta * slope
    return theta


if __name__ == "__main__":
    main()
