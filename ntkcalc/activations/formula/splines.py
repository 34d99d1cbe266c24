r"""Piecewise polynomials: Hermite coefficients of any degree in O(1), and their duals as integrals over an angle.

.. math::  S(x) = P(x) + \sum_b \sum_{i≥1} J_{b,i} (x − b)_+^i/i!, \qquad
           E[S(Z) He_k(Z)] = E[P He_k] + \sum_{b,i} J_{b,i} I_{i−k}(b),

by k integrations by parts, with I_n(b) = E[(Z − b)_+^n]/n!, n I_n = I_{n−2} − b I_{n−1}, and for negative index
:math:`I_{−1−j}(b) = He_j(b) w(b)`, w the Gaussian density.

With S_j the j-th derivative off the knots, :math:`\frac{d}{dt} E[S_j S_j] = E[S_{j+1} S_{j+1}] + X_{j+1}(t)`, where

.. math::  X_{j+1}(t) = \sum_{b,b'} J_{b,j} J_{b',j} p_t(b, b')
                     + 2 \sum_b J_{b,j} w(b) E[S_{j+1}(tb + \sqrt{1 − t²} Z)]

comes from Dirac's δ at the knots (p_t is the bivariate normal density), and so

.. math::  D(t) = \sum_j (E S_j)² \frac{t^j}{j!} + \sum_{j≥1} \int_0^t \frac{(t − s)^j}{j!} X_{j+1}(s) ds ,

whose integrand is smooth in the angle arcsin s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar

import gmpy2
from flint import arb
from gmpy2 import mpfr

from ntkcalc.activations.formula.balls import working_precision
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Context, Real, from_mpfr, mpfr_context, mpfr_log2, to_mpfr
from ntkcalc.numerics.quadrature_rules import gauss_legendre

_MOST_NODES = 2000
_NEAR = 0.96875  # |t| beyond which integrals start there

Given = ParamSpec("Given")
Result = TypeVar("Result")


def _precisely(
    method: Callable[Concatenate[Spline, Given], Result],
) -> Callable[Concatenate[Spline, Given], Result]:
    """Run a method in the precision of its spline."""

    def run(self: Spline, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        with mpfr_context(self.ctx.prec):
            return method(self, *args, **kwargs)

    run.__doc__ = method.__doc__
    return run


@dataclass(frozen=True)
class _Start:
    """A t, its angle arcsin t, and E[S_j S_j] there, j = 0, 1, …"""

    t: Any
    angle: Any
    values: list[Any]


@dataclass(frozen=True, eq=False)
class Spline:
    """A continuous piecewise polynomial, in the precision of one context.

    Parameters
    ----------
    ctx
        The context.
    polynomial
        P's coefficients, constant term first.
    knots
        Pairs of b and J_{b,0}, J_{b,1}, …; J_{b,0} = 0.
    """

    ctx: Context
    polynomial: list[Real]
    knots: list[tuple[Real, list[Real]]]

    @cached_property
    def order(self) -> int:
        """The largest degree."""
        return max(len(self.polynomial), *(len(jumps) for _, jumps in self.knots), 1) - 1

    @_precisely
    def hermite(self, degree: int) -> list[Real]:
        """Return µ_0 … µ_degree."""
        low = min(self.order, degree)
        series = [self._low_moment(k) / gmpy2.sqrt(mpfr(math.factorial(k))) for k in range(low + 1)]
        series += [mpfr(0)] * (degree - low)
        for b, jumps, density in self._knots:
            _add_knot(series, low + 1, b, jumps, density)
        return [from_mpfr(self.ctx, mu) for mu in series]

    @_precisely
    def dual(self, t: Real, width: Real, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t), to absolute errors of about 2**-bits of D(1) and D'(1).

        Parameters
        ----------
        t
            In [−1, 1].
        width
            √(1 − t²), to its own relative accuracy.
        bits
            Bits asked for.
        """
        here, across = to_mpfr(self.ctx.convert(t)), to_mpfr(self.ctx.convert(width))
        end = gmpy2.atan2(here, across)
        value, slope = self._advanced(self._start(here, bits), here, end, 2, bits)
        return from_mpfr(self.ctx, value), from_mpfr(self.ctx, slope)

    @_precisely
    def mean(self) -> tuple[Real, float]:
        """Return E[S], which may jump at its knots here, and log2 of the largest of its parts."""
        parts = [
            _gaussian_mean(self._row, mpfr(0), mpfr(1)),
            _gaussian_mean([abs(c) for c in self._row], mpfr(0), mpfr(1)),
        ]
        for (_, jumps, _), row in zip(self._knots, self._above, strict=True):
            parts += [jump * integral for jump, integral in zip(jumps, row, strict=False)]
        size = max(map(abs, parts))
        return from_mpfr(self.ctx, self._mean(0)), mpfr_log2(size) if size else 0.0

    @_precisely
    def log_size(self) -> float:
        """Return log2 of the largest of the parts of E[S_j], between which cancellation takes place."""
        sizes = [abs(m) for m in self._means]
        for (_, jumps, _), row in zip(self._knots, self._above, strict=True):
            sizes += [abs(jump) * integral for jump, integral in zip(jumps, row, strict=False)]
        return max((mpfr_log2(s) for s in sizes if s), default=0.0)

    @cached_property
    def _knots(self) -> list[tuple[Any, list[Any], Any]]:
        """b, its jumps, and w(b)."""
        return [(to_mpfr(b), [to_mpfr(j) for j in jumps], _density(to_mpfr(b))) for b, jumps in self.knots]

    @cached_property
    def _row(self) -> list[Any]:
        return [to_mpfr(c) for c in self.polynomial]

    @cached_property
    def _slopes(self) -> list[list[Any]]:
        """The coefficients of P, P', …, one more than the order."""
        found = [self._row]
        for _ in range(self.order + 1):
            found.append([n * c for n, c in enumerate(found[-1])][1:])
        return found

    @cached_property
    def _below(self) -> list[list[Any]]:
        """For each knot I_{−1}, I_{−2}, …"""
        return [list(islice(_hermite_functions(b, density), self.order)) for b, _, density in self._knots]

    @cached_property
    def _above(self) -> list[list[Any]]:
        """For each knot I_0 … I_order."""
        return [list(islice(_repeated_integrals(b), self.order + 1)) for b, _, _ in self._knots]

    @cached_property
    def _means(self) -> list[Any]:
        """E[S_0], E[S_1], …"""
        return [self._mean(j) for j in range(self.order + 1)]

    def _mean(self, j: int) -> Any:
        """Return E[S_j]."""
        total = _gaussian_mean(self._slopes[j], mpfr(0), mpfr(1))
        for (_, jumps, _), row in zip(self._knots, self._above, strict=True):
            total += sum((jump * integral for jump, integral in zip(jumps[j:], row, strict=False)), mpfr(0))
        return total

    def _low_moment(self, k: int) -> Any:
        """Return E[S He_k] for k up to the order: what the knots' δ add to E[S_k]."""
        total = self._mean(k)
        for (_, jumps, _), row in zip(self._knots, self._below, strict=True):
            total += sum((jump * row[k - i - 1] for i, jump in enumerate(jumps[:k])), mpfr(0))
        return total

    def _start(self, t: Any, bits: int) -> _Start:
        """Return a place before t where all E[S_j S_j] are known: 0, or next to ±1 a place there, found once."""
        origin = _Start(mpfr(0), mpfr(0), [m * m for m in self._means])
        if not self.knots or abs(t) <= _NEAR:
            return origin
        side = (t > 0, 64 * (bits // 64))
        if side not in self._starts:
            place = mpfr(_NEAR if t > 0 else -_NEAR)
            angle = gmpy2.asin(place)
            self._starts[side] = _Start(place, angle, self._advanced(origin, place, angle, self.order + 1, bits + 64))
        return self._starts[side]

    @cached_property
    def _starts(self) -> dict[tuple[bool, int], _Start]:
        return {}

    def _advanced(self, start: _Start, t: Any, end: Any, count: int, bits: int) -> list[Any]:
        """Return E[S_j S_j] at t = sin(end), j < count: Taylor's formula about another place, its integrals over the
        angle by Gauss–Legendre rules of which two must agree.
        """
        far, fixed = t - start.t, []
        for j in range(count):
            total = mpfr(0)
            for i in range(self.order, j - 1, -1):
                total = total * far / (i - j + 1) + start.values[i]
            fixed.append(total)
        if not self.knots:
            return fixed
        size, nodes, found = max(m * m for m in self._means[:2]), 16 + bits // 6, None
        while nodes < _MOST_NODES:
            better = self._rule(start.angle, t, end, count, nodes)
            size = max(size, abs(better[0]), abs(better[1]))
            if found and all(
                abs(a - b) <= size * gmpy2.exp2(-(4 * bits) // 5) for a, b in zip(found[:2], better[:2], strict=True)
            ):
                return [a + b for a, b in zip(fixed, better, strict=True)]
            found, nodes = better, 4 * nodes // 3
        raise AccuracyError("the dual of a piecewise polynomial does not settle; lower --digits")

    def _rule(self, first: Any, t: Any, end: Any, count: int, nodes: int) -> list[Any]:
        """Return the integrals of (t − s)^{i−j}/(i − j)! X_{i+1}(s), summed over i, by one rule."""
        sums, half = [mpfr(0)] * count, (end - first) / 2
        for x, weight in gauss_legendre(nodes, self.ctx.prec):
            s, w = gmpy2.sin_cos(first + half * (1 + x))
            sources = list(self._sources(s, w))
            far, powers = t - s, [half * weight]
            for i in range(1, self.order + 1):
                powers.append(powers[-1] * far / i)
            for j in range(count):
                sums[j] += sum((powers[i - j] * sources[i - 1] for i in range(max(j, 1), self.order + 1)), mpfr(0))
        return sums

    def _sources(self, s: Any, w: Any) -> Iterator[Any]:
        """Yield X_2(s) w, X_3(s) w, …, w = √(1 − s²)."""
        order, total = self.order, [mpfr(0)] * (self.order + 1)
        powers = [w]
        for _ in range(order):
            powers.append(powers[-1] * w)
        for b, jumps, density in self._knots:
            means = [mpfr(0)] * (order + 1)  # E[S_{j+1}(sb + wZ)] w
            if len(self._row) > 2:
                means = [w * _gaussian_mean(slope, s * b, w) for slope in self._slopes[1:]]
            for c, others, _ in self._knots:
                apart = (c - s * b) / w
                touching = density * gmpy2.exp(-apart * apart / 2) / gmpy2.sqrt(2 * gmpy2.const_pi())
                integrals = [p * i for p, i in zip(powers[: order - 1], _repeated_integrals(apart), strict=False)]
                for j in range(1, min(len(jumps), len(others))):
                    total[j] += jumps[j] * others[j] * touching
                for j in range(1, len(jumps)):
                    means[j] += sum((a * i for a, i in zip(others[j + 1 :], integrals, strict=False)), mpfr(0))
            for j in range(1, len(jumps)):
                total[j] += 2 * jumps[j] * density * means[j]
        yield from total[1:]


def _density(x: Any) -> Any:
    """Return w(x)."""
    return gmpy2.exp(-x * x / 2) / gmpy2.sqrt(2 * gmpy2.const_pi())


def _erfc(x: Any) -> Any:
    """Return erfc x; MPFR's takes long for many bits, and for √3 to 2048 bits it stops the process."""
    bits = int(gmpy2.get_context().precision)
    mantissa, exponent = x.as_mantissa_exp()
    with working_precision(bits + 16):
        found = (arb(int(mantissa)) * arb(2) ** int(exponent)).erfc()
    mantissa, exponent = found.mid().man_exp()
    return mpfr(int(mantissa)) * gmpy2.exp2(int(exponent))


def _repeated_integrals(b: Any) -> Iterator[Any]:
    """Yield I_0(b), I_1(b), …, 0 and the powers that they come to where that is all that there is to see."""
    beyond = b * b > 1.5 * gmpy2.get_context().precision
    first = mpfr(b < 0) if beyond else _erfc(b / gmpy2.sqrt(mpfr(2))) / 2
    before, here, n = mpfr(0) if beyond else _density(b), first, 0
    while True:
        yield here
        n += 1
        before, here = here, (before - b * here) / n


def _hermite_functions(b: Any, density: Any) -> Iterator[Any]:
    """Yield He_0(b) w(b), He_1(b) w(b), …"""
    before, here, k = mpfr(0), density, 0
    while True:
        yield here
        before, here = here, b * here - k * before
        k += 1


def _add_knot(series: list[Any], first: int, b: Any, jumps: list[Any], density: Any) -> None:
    """Add Σ_i J_i He_{k−1−i}(b) w(b)/√k! to series[k], for all k ≥ first > order.

    With q_k = He_k(b) w(b)/√k! that is s_k (J_0 q_{k−1} + s_{k−1} (J_1 q_{k−2} + …)), s_k = 1/√k.
    """
    order, last = len(jumps) - 1, len(series) - 1
    shrink = [mpfr(0), *(1 / gmpy2.sqrt(mpfr(k)) for k in range(1, last + 1))]
    before, here, q = mpfr(0), density, []
    for k in range(last):
        q.append(here)
        before, here = here, (b * here - before * k * shrink[k]) * shrink[k + 1]
    for k in range(first, last + 1):
        total = mpfr(0)
        for i in range(min(order, k - 1), -1, -1):
            total = (total + jumps[i] * q[k - 1 - i]) * shrink[k - i]
        series[k] += total


def _gaussian_mean(row: Sequence[Any], mean: Any, width: Any) -> Any:
    """Return E[p(mean + width · Z)]: M_n = mean · M_{n−1} + (n − 1) width² M_{n−2}."""
    before, here, total = mpfr(0), mpfr(1), mpfr(0)
    for n, c in enumerate(row):
        total += c * here
        before, here = here, mean * here + n * width**2 * before
    return total
