"""The functions of formulas once more, on reals of mpmath: an independent route for those on balls."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from ntkcalc.numerics.precision import Context, Real, real

HUGE = 1e12
"""Argument of an exponential beyond which it is 0, or has no value."""


class NoValueError(ArithmeticError):
    """There is no finite real value."""


class RealField:
    """The real numbers of an mpmath context, a field for `ntkcalc.activations.formula.expressions.programs.program`."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx

    def __getattr__(self, name: str) -> Any:
        return partial(REAL[name], self.ctx) if name in REAL else getattr(self.ctx, name)

    def constant(self, name: str) -> Real:
        return +self.ctx.pi if name == "pi" else self.ctx.exp(1)

    def number(self, value: Fraction) -> Real:
        return real(self.ctx, value)


def where(allowed: Any, value: Callable[[], Real]) -> Real:
    if not allowed:
        raise NoValueError
    return value()


def exp(c: Context, u: Real) -> Real:
    return where(u <= HUGE, lambda: c.exp(u) if u > -HUGE else c.zero)


def log(c: Context, u: Real) -> Real:
    return where(u > 0, lambda: c.log(u))


def power(c: Context, a: Real, r: Real) -> Real:
    return where(a > 0 or (not a and r > 0), lambda: exp(c, r * c.log(a)) if a else c.zero)


REAL: dict[str, Callable[..., Real]] = {
    "exp": exp,
    "log": log,
    "power": power,
    "divide": lambda c, a, b: where(b, lambda: a / b),
    "sqrt": lambda c, u: where(u >= 0, lambda: c.sqrt(u)),
    "expm1": lambda c, u: c.expm1(u) if abs(u) < 1 else exp(c, u) - 1,
    "log1p": lambda c, u: where(u > -1, lambda: c.log1p(u)),
    "sin": lambda c, u: where(abs(u) < c.ldexp(1, 1 << 13), lambda: c.sin(u)),
    "cos": lambda c, u: where(abs(u) < c.ldexp(1, 1 << 13), lambda: c.cos(u)),
    "sinc": lambda c, u: c.sin(u) / u if u else c.one,
    "sinc_slope": lambda c, u: (c.cos(u) - c.sin(u) / u) / u if u else c.zero,
    "sinh": lambda c, u: c.sinh(u) if abs(u) < 1 else (exp(c, u) - exp(c, -u)) / 2,
    "tanh": lambda c, u: c.tanh(u) if abs(u) < HUGE else c.sign(u),
    "erf": lambda c, u: c.erf(u) if abs(u) < HUGE else c.sign(u),
    "erfc": lambda c, u: c.erfc(u) if abs(u) < 1e6 else c.one - c.sign(u),
    "sigmoid": lambda c, u: 1 / (1 + exp(c, -u)) if u > -HUGE else c.zero,
    "softplus": lambda c, u: max(u, c.zero) + c.log1p(exp(c, -abs(u))),
    "relu": lambda c, u: max(u, c.zero),
    "abs": lambda c, u: abs(u),
    "sign": lambda c, u: c.one if u > 0 else -c.one,
    "step": lambda c, u: c.one if u > 0 else c.zero,
    "max": lambda c, u, v: max(u, v),
    "min": lambda c, u, v: min(u, v),
}
