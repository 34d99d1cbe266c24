"""Elementary functions on balls.

A `RealBalls` program maps a real ball to a real ball; a `ComplexBalls` program maps a complex box to a box that
holds the values of a function *analytic on the box*: where that is not plain, as on a branch cut, the result is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from operator import methodcaller
from typing import Any

import flint
from flint import acb, arb

from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    power_of_two,
    rational,
)
from ntkcalc.activations.formula.expressions.derivatives import outer_derivative
from ntkcalc.activations.formula.expressions.functions import OVER, SMOOTH
from ntkcalc.activations.formula.expressions.programs import Program, program
from ntkcalc.activations.formula.expressions.trees import Tree, X, node

_COARSE = 1e-6  # radius
_NAN = acb(math.nan, math.nan)


def _direct(name: str) -> staticmethod[[Ball], Ball]:
    """Return the function that FLINT's balls have as a method."""
    return staticmethod(methodcaller(name))


class _Balls:
    """What both kinds of balls share; every function of the table of smooth functions has a method."""

    kind: Any

    def constant(self, name: str) -> Ball:
        """Return pi or e."""
        return self.kind(arb.pi() if name == "pi" else arb.const_e())

    def number(self, value: Fraction) -> Ball:
        """Return a ball that holds a rational number."""
        return self.kind(rational(value))

    def divide(self, a: Ball, b: Ball) -> Ball:
        """Return a/b, NaN where b may be 0."""
        return a / b

    def ratio(self, u: Ball, v: Ball, rise: Ball, slope: Ball) -> Ball:
        """Return u/v, analytic on a convex box with a point where both vanish: a quotient of means of u' and of v'."""
        return rise / slope if u.is_finite() and v.is_finite() else self.kind(arb.nan())

    exp, expm1, sin, cos, sinc = (_direct(name) for name in ("exp", "expm1", "sin", "cos", "sinc"))
    sinh, tanh, erf, erfc = (_direct(name) for name in ("sinh", "tanh", "erf", "erfc"))

    def sinc_slope(self, u: Ball) -> Ball:
        """Return Σ (−1)^k 2k u^{2k−1}/(2k + 1)!, k ≥ 1; for |u| ≤ 1 a rest is at most twice its first term."""
        size = abs(u).upper()
        if not size <= 1:
            return (u.cos() - u.sinc()) / u
        total, term, k, least = self.kind(0), -u / 3, 1, size * power_of_two(-flint.ctx.prec)
        while size != 0 and abs(term).upper() > least:
            total, k = total + term, k + 1
            term = -term * u * u / (4 * k * k + 2 * k) * k / (k - 1)
        rest = arb(0, 2 * abs(term).upper())
        return total + (rest if self.kind is arb else acb(rest, rest))

    def sigmoid(self, u: Ball) -> Ball:
        """Return 1/(1 + e^−u), from the exponential that does not grow."""
        if u.real.mid() >= 0:
            return 1 / (1 + (-u).exp())
        e = u.exp()
        return e / (1 + e)


def _over(name: str) -> Callable[[Any, Ball], Ball]:
    """Return f(u)/u; of coarse balls near 0 by a mean of f' over the segments from 0 to u.

    Real ones that hold no 0 have it from their ends where f is convex or concave on each side of 0, as all but waves.
    """
    slope = outer_derivative(node(name, X))

    def run(self: _Balls, u: Ball) -> Ball:
        plain = getattr(self, name)(u) / u
        if u.rad() < abs(u).upper() / 16:
            return plain
        if self.kind is arb and SMOOTH[name].within is None and u.is_finite() and not u.contains(0):
            low, high = (getattr(self, name)(end) / end for end in (u.lower(), u.upper()))
            return low.union(high)
        zero = arb(0)
        hull = acb(u.real.union(zero), u.imag.union(zero)) if isinstance(u, acb) else u.union(zero)
        mean = program([slope], self)(hull)[0]
        return mean if not plain.is_finite() or mean.rad() < plain.rad() else plain

    return run


for _name, _of in OVER.items():
    setattr(_Balls, _name, _over(_of))


class RealBalls(_Balls):
    """Real balls; what is not real is NaN, and so is a jump inside a ball."""

    kind = arb
    log, log1p, asinh, atan = (_direct(name) for name in ("log", "log1p", "asinh", "atan"))

    def erfc(self, u: Ball) -> Ball:
        """Return erfc u, of balls far out by their ends, for FLINT's bound on it is wide there."""
        return u.lower().erfc().union(u.upper().erfc()) if u.mid() > 8 and u.is_finite() else u.erfc()

    def power(self, a: Ball, r: Ball) -> Ball:
        """Return a^r where a ≥ 0."""
        if a > 0:
            return a**r
        most = a.upper()
        return arb(0).union(most**r) if most >= 0 and r > 0 else arb.nan()

    def sqrt(self, u: Ball) -> Ball:
        """Return √u where u ≥ 0."""
        return u.sqrt() if u > 0 else arb(0).union(u.upper().sqrt())

    def softplus(self, u: Ball) -> Ball:
        """Return ln(1 + e^u), by y − y²/2 ≤ ln(1 + y) ≤ y for a tiny y, of which FLINT's logarithm takes long."""
        positive = u.mid() > 0
        y = (-u if positive else u).exp()
        log = (y - y * y / 2).union(y) if y < power_of_two(-flint.ctx.prec) else y.log1p()
        return u + log if positive else log

    def relu(self, u: Ball) -> Ball:
        """Return max(u, 0)."""
        return u.max(arb(0))

    def abs(self, u: Ball) -> Ball:
        """Return |u|."""
        return abs(u)

    def max(self, u: Ball, v: Ball) -> Ball:
        """Return the larger one."""
        return u.max(v)

    def min(self, u: Ball, v: Ball) -> Ball:
        """Return the smaller one."""
        return u.min(v)

    def sign(self, u: Ball) -> Ball:
        """Return the sign of u."""
        return arb(1) if u > 0 else arb(-1) if u < 0 else arb(0) if u == 0 else arb.nan()

    def step(self, u: Ball) -> Ball:
        """Return 1 for u > 0, else 0."""
        return arb(1) if u > 0 else arb(0) if u <= 0 else arb.nan()


class ComplexBalls(_Balls):
    """Boxes in the complex plane; NaN where a function is not analytic on the whole box, as on a cut."""

    kind = acb

    def log(self, u: Ball) -> Ball:
        """Return ln u."""
        return u.log(analytic=True)

    def log1p(self, u: Ball) -> Ball:
        """Return ln(1 + u), accurate next to 0."""
        return u.log1p() if abs(u).upper() < 0.5 else self.log(1 + u)

    def sqrt(self, u: Ball) -> Ball:
        """Return √u; of coarse boxes by the logarithm, for FLINT's root of them is much wider."""
        return u.sqrt(analytic=True) if u.rad() < _COARSE else (u.log(analytic=True) / 2).exp()

    def power(self, a: Ball, r: Ball) -> Ball:
        """Return a^r."""
        return a.pow(r, analytic=True)

    def asinh(self, u: Ball) -> Ball:
        """Return asinh u, which has cuts i[1, ∞) and −i[1, ∞); of coarse boxes by a mean of its slope."""
        if _on_imaginary_cut(u):
            return _NAN
        middle = u.mid()
        return _asinh(u) if u.rad() < _COARSE else _asinh(middle) + (u - middle) / self.sqrt(1 + u * u)

    def atan(self, u: Ball) -> Ball:
        """Return atan u, which has the same cuts."""
        return _NAN if _on_imaginary_cut(u) else u.atan()

    def softplus(self, u: Ball) -> Ball:
        """Return ln(1 + e^u), which is u + ln(1 + e^−u) too where |Im u| < π, and for Re u ≠ 0 goes on from there."""
        if not (abs(u.imag) < arb.pi() or u.real > 0 or u.real < 0):
            return _NAN
        return u + self.log1p((-u).exp()) if u.real.mid() > 0 else self.log1p(u.exp())


@lru_cache(maxsize=1 << 11)
def _compiled(field: type[_Balls], trees: tuple[Tree, ...], bits: int) -> Program:
    return program(trees, field())  # whose constants have the present precision


def real_program(*trees: Tree) -> Program:
    """Return x ↦ the values of trees on real balls, in the present precision."""
    return _compiled(RealBalls, trees, flint.ctx.prec)


def complex_program(*trees: Tree) -> Program:
    """Return z ↦ the values of trees on boxes, in the present precision."""
    return _compiled(ComplexBalls, trees, flint.ctx.prec)


def _asinh(u: Ball) -> Ball:
    """Return asinh u off its cuts, by logarithms far out and next to 0, where FLINT's loses its digits."""
    if abs(u.real) > 1:
        return (u + (1 + u * u).sqrt()).log() if u.real > 0 else -_asinh(-u)
    return (u + u * u / (1 + (1 + u * u).sqrt())).log1p() if abs(u).upper() < 0.5 else u.asinh()


def _on_imaginary_cut(u: Ball) -> bool:
    return not (u.real != 0 or abs(u.imag) < 1)
