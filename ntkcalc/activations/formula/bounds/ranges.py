"""The values that a real formula takes on an interval: an interval that holds them; ends of both may be infinite.

Monotonic functions take the values between those at the ends; other functions have bounds that hold everywhere. A range
that is not known is the whole line. A formula that may have no real value somewhere has the range `UNREAL`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from itertools import product
from typing import Any

import flint
from flint import arb

from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, rational, working_precision
from ntkcalc.activations.formula.expressions.derivatives import outer_derivative
from ntkcalc.activations.formula.expressions.functions import OVER, SMOOTH
from ntkcalc.activations.formula.expressions.programs import Program, operation, program
from ntkcalc.activations.formula.expressions.trees import Tree, X, node

_MOST_BITS = 4096.0  # before the point
_LOWEST, _HIGHEST = arb.neg_inf(), arb.pos_inf()
_FIRST = {"log": arb(0), "log1p": arb(-1), "sqrt": arb(0)}  # where functions begin that are not real everywhere


@dataclass(frozen=True, eq=False)
class Range:
    """The real numbers from `low` to `high`, exact balls, −∞ and ∞ for none."""

    low: Ball = _LOWEST
    high: Ball = _HIGHEST

    @property
    def unreal(self) -> bool:
        """Whether there may be no real value."""
        return bool(self.low.is_nan() or self.high.is_nan())

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
        if self.unreal or other.unreal:
            return UNREAL
        if self is other:
            sizes = sorted((abs(self.low), abs(self.high)))
            return Range((sizes[0] ** 2).lower() if self.sign else arb(0), (sizes[1] ** 2).upper())
        ends = [arb(0) if a == 0 or b == 0 else a * b for a, b in product(self._ends, other._ends)]
        return Range(min(e.lower() for e in ends), max(e.upper() for e in ends))

    @property
    def _ends(self) -> tuple[Ball, Ball]:
        return self.low, self.high

    def union(self, other: Range) -> Range:
        """Return the least range that holds both."""
        if self.unreal or other.unreal:
            return UNREAL
        return Range(min(self.low, other.low), max(self.high, other.high))

    def intersection(self, other: Range) -> Range:
        """Return the values that both hold, of a range that is real; itself where the other may not be real."""
        if self.unreal or other.unreal:
            return self
        return Range(max(self.low, other.low), min(self.high, other.high))


UNREAL = Range(arb.nan(), arb.nan())
"""The range of a formula that may have no real value somewhere."""

_ZERO = Range(arb(0), arb(0))


def around(ball: Ball) -> Range:
    """Return the range that a real ball holds, `UNREAL` for what is not finite."""
    return Range(ball.lower(), ball.upper()) if ball.is_finite() else UNREAL


def range_of(t: Tree, arguments: Sequence[Range]) -> Range:
    """Return the range of a node, but x, from those of its arguments, in the present precision."""
    found: Range = operation(t, RangeField())(*arguments)
    return found


def ranges(trees: list[Tree], x: Range) -> list[Range]:
    """Return the ranges of trees, in the present precision."""
    return _program(tuple(trees), flint.ctx.prec)(x)


@lru_cache(maxsize=1 << 10)
def _program(trees: tuple[Tree, ...], bits: int) -> Program:
    return program(trees, RangeField())  # whose constants have the present precision


class RangeField:
    """Ranges, a field with the functions of formulas (see `ntkcalc.activations.formula.expressions.programs`)."""

    def __getattr__(self, name: str) -> Callable[[Range], Range]:
        if name in OVER:
            return partial(self._over, OVER[name])
        if name in SMOOTH:
            return partial(self._smooth, name)
        if name in _BENT:
            return lambda *u: UNREAL if any(v.unreal for v in u) else _BENT[name](*u)
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
            return a * Range()
        low = _LOWEST if b.high == 0 else (1 / b.high).lower()
        high = _HIGHEST if b.low == 0 else (1 / b.low).upper()
        return a * Range(low, high)

    def power(self, a: Range, r: Range) -> Range:
        """Return a^r of a ≥ 0, by e^{r ln a}."""
        if a.low > 0 or not r.low > 0:
            return self.exp(r * self.log(a))
        return Range(arb(0), self.exp(r * self.log(Range(a.high, a.high))).high) if a.low == 0 else UNREAL

    def _smooth(self, name: str, u: Range) -> Range:
        """Return the range of a smooth function, from its ends if it has one direction; a logarithm may be −∞."""
        f = SMOOTH[name]
        first = _FIRST.get(name, _LOWEST)
        if u.unreal or not (u.low >= first and (u.high > first or name == "sqrt")):
            return UNREAL
        if f.within is not None:
            everywhere = Range(arb(f.within[0]), arb(f.within[1]))
            own = around(_value(name, u.whole)) if u.bounded else UNREAL
            return everywhere if own.unreal else Range(max(own.low, everywhere.low), min(own.high, everywhere.high))
        assert f.ends is not None
        low = _value(name, u.low) if u.low.is_finite() and u.low > first else arb(f.ends[0])
        high = _value(name, u.high) if u.high.is_finite() else arb(f.ends[1])
        return Range(low.lower(), high.upper()) if f.ends[0] < f.ends[1] else Range(high.lower(), low.upper())

    def _over(self, name: str, u: Range) -> Range:
        """Return the range of f(u)/u, a mean of f' from 0 to u where u may be 0."""
        if u.sign or u.unreal:
            return self.divide(self._smooth(name, u), u)
        return ranges([outer_derivative(node(name, X))], u.union(_ZERO))[0]


_BENT: dict[str, Callable[..., Range]] = {
    "relu": lambda u: _larger(u, _ZERO),
    "abs": lambda u: _larger(u, -u, _ZERO),
    "max": lambda u, v: _larger(u, v),
    "min": lambda u, v: -_larger(-u, -v),
    "sign": lambda u: Range(arb(1 if u.low > 0 else -1), arb(-1 if u.high < 0 else 1)),
    "step": lambda u: Range(arb(int(u.low > 0)), arb(int(u.high > 0))),
}
"""Functions that bend or jump, on real ranges."""


def _larger(*values: Range) -> Range:
    """Return the range of the largest one."""
    return Range(max(u.low for u in values), max(u.high for u in values))


def _value(name: str, u: Ball) -> Any:
    """Return f(u), of large arguments with the bits that they have before the point."""
    size = min(max(log2_upper(u), 0.0), _MOST_BITS)
    with working_precision(flint.ctx.prec + math.ceil(size)):
        return real_program(node(name, X))(u)[0]
