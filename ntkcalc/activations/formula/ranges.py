"""Which values a real formula may take on an interval that may be infinite: intervals with ends that may be infinite.

Of functions that rise or fall the ends tell; others have bounds that hold everywhere. Where nothing is known of a
value, or it may not be real, its range is the whole line.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from itertools import product
from typing import Any

import flint
from flint import arb

from ntkcalc.activations.formula.balls import Ball, log2_upper, rational, real_program, working_precision
from ntkcalc.activations.formula.functions import OVER, SMOOTH, Program, outer_derivative, program
from ntkcalc.activations.formula.trees import Tree, X, node

_MOST_BITS = 4096.0  # before the point
_LOWEST, _HIGHEST = arb.neg_inf(), arb.pos_inf()


@dataclass(frozen=True, eq=False)
class Range:
    """The real numbers from `low` to `high`, exact balls, −∞ and ∞ for none."""

    low: Ball = _LOWEST
    high: Ball = _HIGHEST

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return bool(self.low.is_finite() and self.high.is_finite())

    @property
    def whole(self) -> Ball:
        """A ball that holds a bounded range."""
        return self.low.union(self.high)

    @property
    def sign(self) -> int:
        """1 or −1 where all values have that sign, else 0."""
        return 1 if self.low > 0 else -1 if self.high < 0 else 0

    @property
    def log_size(self) -> float:
        """log2 of a bound on absolute values."""
        return max(log2_upper(self.low), log2_upper(self.high))

    def __neg__(self) -> Range:
        return Range(-self.high, -self.low)

    def __add__(self, other: Range) -> Range:
        return Range((self.low + other.low).lower(), (self.high + other.high).upper())

    def __sub__(self, other: Range) -> Range:
        return self + -other

    def __mul__(self, other: Range) -> Range:
        """Return products, of a value with itself its squares."""
        if self is other:
            sizes = sorted((abs(self.low), abs(self.high)))
            return Range((sizes[0] ** 2).lower() if self.sign else arb(0), (sizes[1] ** 2).upper())
        ends = [arb(0) if a == 0 or b == 0 else a * b for a, b in product(self._ends, other._ends)]
        return Range(min(e.lower() for e in ends), max(e.upper() for e in ends))

    @property
    def _ends(self) -> tuple[Ball, Ball]:
        return self.low, self.high

    def around_zero(self) -> Range:
        """Return the least range that also holds 0."""
        return Range(min(self.low, arb(0)), max(self.high, arb(0)))


def around(ball: Ball) -> Range:
    """Return the range that a real ball holds, the whole line for what is not finite."""
    return Range(ball.lower(), ball.upper()) if ball.is_finite() else Range()


def ranges(trees: list[Tree], x: Range) -> list[Range]:
    """Return the ranges of trees, in the present precision."""
    return _program(tuple(trees))(x)


@cache
def _program(trees: tuple[Tree, ...]) -> Program:
    return program(trees, RangeField())


class RangeField:
    """Ranges, a field with the functions of formulas (see `ntkcalc.activations.formula.functions`)."""

    def __getattr__(self, name: str) -> Callable[[Range], Range]:
        if name in OVER:
            return partial(self._over, OVER[name])
        if name in SMOOTH:
            return partial(self._smooth, name)
        raise AttributeError(name)

    def number(self, value: Fraction) -> Range:
        """Return an exact number."""
        return around(rational(value))

    def constant(self, name: str) -> Range:
        """Return pi or e."""
        return around(arb.pi() if name == "pi" else arb.const_e())

    def divide(self, a: Range, b: Range) -> Range:
        """Return quotients; a divisor that ends at 0 does not take that value."""
        if (b.low < 0 and b.high > 0) or (b.low == 0 and b.high == 0):
            return Range()
        low = _LOWEST if b.high == 0 else (1 / b.high).lower()
        high = _HIGHEST if b.low == 0 else (1 / b.low).upper()
        return a * Range(low, high)

    def power(self, a: Range, r: Range) -> Range:
        """Return a^r of a ≥ 0, by e^{r ln a}."""
        return self.exp(r * self.log(a)) if a.low >= 0 else Range()

    def _smooth(self, name: str, u: Range) -> Range:
        """Return the range of a smooth function, from its ends if it has one direction."""
        f = SMOOTH[name]
        if f.within is not None:
            everywhere = Range(arb(f.within[0]), arb(f.within[1]))
            if not u.bounded:
                return everywhere
            own = around(_value(name, u.whole))
            return Range(max(own.low, everywhere.low), min(own.high, everywhere.high))
        assert f.ends is not None
        ends = [arb(f.ends[i]) if not end.is_finite() else _value(name, end) for i, end in enumerate(u._ends)]
        if not f.ends[0] < f.ends[1]:
            ends.reverse()
        low, high = ends
        if name in ("log", "log1p", "sqrt") and not low > _LOWEST:
            low = arb(0) if name == "sqrt" else _LOWEST
        return Range() if high.is_nan() else Range(low.lower(), high.upper())

    def _over(self, name: str, u: Range) -> Range:
        """Return the range of f(u)/u, a mean of f' from 0 to u where u may be 0."""
        if u.sign:
            return self.divide(self._smooth(name, u), u)
        return ranges([outer_derivative(node(name, X))], u.around_zero())[0]

    def relu(self, u: Range) -> Range:
        """Return max(u, 0)."""
        return self.max(u, Range(arb(0), arb(0)))

    def abs(self, u: Range) -> Range:
        """Return |u|."""
        return u if u.low >= 0 else -u if u.high <= 0 else Range(arb(0), max(-u.low, u.high))

    def max(self, u: Range, v: Range) -> Range:
        """Return the larger one."""
        return Range(max(u.low, v.low), max(u.high, v.high))

    def min(self, u: Range, v: Range) -> Range:
        """Return the smaller one."""
        return Range(min(u.low, v.low), min(u.high, v.high))

    def sign(self, u: Range) -> Range:
        """Return the sign of u."""
        return Range(arb(1 if u.low > 0 else -1), arb(-1 if u.high < 0 else 1))

    def step(self, u: Range) -> Range:
        """Return 1 for u > 0, else 0."""
        return Range(arb(int(u.low > 0)), arb(int(u.high > 0)))


def _value(name: str, u: Ball) -> Any:
    """Return f(u), of large arguments with the bits that they have before the point."""
    size = min(max(log2_upper(u), 0.0), _MOST_BITS)
    with working_precision(flint.ctx.prec + math.ceil(size)):
        return real_program(node(name, X))(u)[0]
