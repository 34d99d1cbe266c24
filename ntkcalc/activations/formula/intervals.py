"""Interval arithmetic in floats: what a formula may be on cells of the line, never blind to what is narrow.

Sums are rounded outwards, so that what floats absorb or cancel is not taken for constant, and by so much that errors of
products and functions are in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

_ROUNDING, _ERROR = 2.0**-48, 2.0**-50
_GREATEST, LEAST = 1.7e308, 5e-324


class Span:
    """Numbers between two ends, arrays of them; what is no number is any."""

    __slots__ = ("high", "low")

    def __init__(self, low: Any, high: Any) -> None:
        self.low = np.minimum(np.where(np.isnan(low), -np.inf, low), _GREATEST)  # what overflows may be any so large
        self.high = np.maximum(np.where(np.isnan(high), np.inf, high), -_GREATEST)

    @property
    def size(self) -> Array:
        """The largest |u|."""
        return np.asarray(np.maximum(abs(self.low), abs(self.high)))

    @property
    def least(self) -> Array:
        """The smallest |u|."""
        return np.asarray(np.maximum(np.maximum(self.low, -self.high), 0.0))

    @property
    def width(self) -> Array:
        """How far u may move."""
        return np.asarray(self.high - self.low)

    def __neg__(self) -> Span:
        return Span(-self.high, -self.low)

    def __add__(self, other: Span) -> Span:
        """Rounded outwards: what is absorbed or cancels is not lost."""
        spare = _ROUNDING * (self.size + other.size)
        spare = np.where(np.isfinite(spare), spare, 0.0)
        return Span(self.low + other.low - spare, self.high + other.high + spare)

    def __sub__(self, other: Span) -> Span:
        return self + -other

    def __mul__(self, other: Span) -> Span:
        if other is self:
            return _rounded(*(_product(end, end) for end in (self.least, self.size)))
        products = [_product(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return _rounded(_smallest(products), _largest(products))


def _product(a: Array, b: Array) -> Array:
    """Return a b, 0 of 0 · ∞, and what underflows as the least float."""
    p = a * b
    p = np.where((p == 0) & (a != 0) & (b != 0), np.copysign(LEAST, p), p)
    return np.asarray(np.where(np.isnan(p), 0.0, p))


def _smallest(rows: list[Array]) -> Array:
    return np.minimum(np.minimum(rows[0], rows[1]), np.minimum(rows[2], rows[3]))


def _largest(rows: list[Array]) -> Array:
    return np.maximum(np.maximum(rows[0], rows[1]), np.maximum(rows[2], rows[3]))


def _rounded(low: Any, high: Any) -> Span:
    """Return two ends rounded outwards, by more than a product or a function errs; 0 is exact, and not passed."""
    below, above = (np.where(np.isfinite(end) & (end != 0), _ERROR * abs(end) + LEAST, 0.0) for end in (low, high))
    return Span(
        np.where(low > 0, np.maximum(low - below, 0.0), low - below),
        np.where(high < 0, np.minimum(high + above, 0.0), high + above),
    )


def intersection(a: Span, b: Span) -> Span:
    """Return what is in both."""
    return Span(np.maximum(a.low, b.low), np.minimum(a.high, b.high))


class IntervalField:
    """Numbers between two ends, as a field for `program`.

    Parameters
    ----------
    least
        What an exponential that underflows is below: 0 where what is flat, as e^{−1/x²}/x is at 0, must not be taken
        for what has no bound.
    """

    def __init__(self, least: float = LEAST) -> None:
        self._least = least

    def constant(self, name: str) -> Span:
        """See `functions.Field`."""
        return _rounded(getattr(math, name), getattr(math, name))

    def number(self, value: Fraction) -> Span:
        """See `functions.Field`."""
        try:
            near = float(value)
        except OverflowError:
            near = math.inf if value > 0 else -math.inf
        if value and not near:
            return Span(0.0, LEAST) if value > 0 else Span(-LEAST, 0.0)
        return Span(near, near) if math.isinf(near) or Fraction(near) == value else _rounded(near, near)

    def divide(self, a: Span, b: Span) -> Span:
        """Return a/b; anything where b may be 0 on both sides, or nothing else, as in 0/0."""
        torn, none = (b.low < 0) & (b.high > 0), (b.low == 0) & (b.high == 0)
        low, high = np.where(b.high == 0, -np.inf, 1 / b.high), np.where(b.low == 0, np.inf, 1 / b.low)
        found = a * Span(np.where(torn, -np.inf, low), np.where(torn, np.inf, high))
        return Span(np.where(none, -np.inf, found.low), np.where(none, np.inf, found.high))

    def power(self, a: Span, r: Span) -> Span:
        """Return a^r, a ≥ 0."""
        low, high = (np.where(end > 0, np.maximum(end**r.low, LEAST), 0.0**r.low) for end in (a.low, a.high))
        return _rounded(np.minimum(low, high), np.maximum(low, high))

    def sqrt(self, u: Span) -> Span:
        """Return √u."""
        return _rounded(np.sqrt(np.maximum(u.low, 0.0)), np.sqrt(np.maximum(u.high, 0.0)))

    def log(self, u: Span) -> Span:
        """Return ln u."""
        return _rounded(np.log(np.maximum(u.low, 0.0)), np.log(np.maximum(u.high, 0.0)))

    def log1p(self, u: Span) -> Span:
        """Return ln(1 + u)."""
        return _rounded(np.log1p(np.maximum(u.low, -1.0)), np.log1p(np.maximum(u.high, -1.0)))

    def cosh(self, u: Span) -> Span:
        """Return cosh u."""
        return _rounded(np.cosh(u.least), np.cosh(u.size))

    def cos(self, u: Span) -> Span:
        """Return cos u."""
        return self._wave(np.cos, u, 0.0)

    def sin(self, u: Span) -> Span:
        """Return sin u."""
        return self._wave(np.sin, u, np.pi / 2)

    def _wave(self, f: Callable[[Array], Array], u: Span, top: float) -> Span:
        """Return a wave: ±1 where a top or a bottom is inside, or may be."""
        a, b = f(u.low), f(u.high)
        spare = 1e-9 + _ERROR * u.size  # of periods, which are rounded
        up, down = (
            np.floor((u.high - peak) / (2 * np.pi) + spare) >= np.ceil((u.low - peak) / (2 * np.pi) - spare)
            for peak in (top, top + np.pi)
        )
        return _rounded(np.where(down, -1.0, np.fmin(a, b)), np.where(up, 1.0, np.fmax(a, b)))

    def sinc(self, u: Span) -> Span:
        """Return sin(u)/u, whose slope is below 1/2."""
        middle = np.sinc((u.low + u.high) / (2 * np.pi))
        spare = u.width / 4 + _ERROR
        return Span(np.maximum(middle - spare, -0.22), np.minimum(middle + spare, 1.0 + _ERROR))

    def erfc(self, u: Span) -> Span:
        """Return erfc u."""
        return _rounded(*(np.maximum(_erfc(end), self._least) for end in (u.high, u.low)))

    def __getattr__(self, name: str) -> Callable[[Span], Span]:
        """Return a function that increases."""
        if name in _POSITIVE:
            f, least = _POSITIVE[name], self._least
            return lambda u: _rounded(np.maximum(f(u.low), least), np.maximum(f(u.high), least))
        g = _INCREASING[name]
        return lambda u: _rounded(g(u.low), g(u.high))


_each_erf, _each_erfc = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)


def _erf(u: Array) -> Array:
    return np.asarray(_each_erf(u), dtype=np.float64)


def _erfc(u: Array) -> Array:
    return np.asarray(_each_erfc(u), dtype=np.float64)


def _sigmoid(u: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-u)))


def _softplus(u: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, u))


_POSITIVE: dict[str, Callable[[Array], Array]] = {"exp": np.exp, "sigmoid": _sigmoid, "softplus": _softplus}
"""Functions that increase, and are never zero, for all that they may underflow."""

_INCREASING: dict[str, Callable[[Array], Array]] = {
    "expm1": np.expm1,
    "sinh": np.sinh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "erf": _erf,
}
