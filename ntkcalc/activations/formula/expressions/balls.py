"""Balls (FLINT/Arb): the precision they are computed in, their sizes, and how many bits a result takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import flint
import gmpy2
from flint import arb

from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Context, Real, context
from ntkcalc.numerics.precision import power_of_two as binary_power

Ball = Any
"""An `arb` or `acb`; FLINT ships no type for mypy."""

_HUGE = 1e300  # the largest number, or exponent of 2, that counts as a float


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Compute balls with so many bits, 16 at least, inside a with statement."""
    before = flint.ctx.prec
    flint.ctx.prec = max(bits, 16)
    try:
        yield
    finally:
        flint.ctx.prec = before


@contextmanager
def series_length(terms: int) -> Iterator[None]:
    """Compute power series to so many terms inside a with statement."""
    before = flint.ctx.cap
    flint.ctx.cap = terms
    try:
        yield
    finally:
        flint.ctx.cap = before


def rational(value: Fraction) -> Ball:
    """Return a ball that holds a rational number."""
    return arb(flint.fmpq(value.numerator, value.denominator))


def exact(x: Ball) -> Fraction:
    """Return an exact ball as a rational number."""
    mantissa, exponent = x.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def log2_upper(x: Ball) -> float:
    """Return an upper bound of log2 |x|; −∞ for an exact 0, ∞ for what is not finite."""
    size = x.abs_upper()
    if 1 / _HUGE < (near := float(size)) < _HUGE:  # what most are, and several times as fast
        return math.log2(near) + 1e-9
    if not size.is_finite():
        return math.inf
    mantissa, exponent = map(int, size.man_exp())
    if abs(exponent) > _HUGE:
        return math.inf if exponent > 0 else -_HUGE
    return math.log2(mantissa) + exponent + 1e-9 if mantissa else -math.inf


def log2_lower(x: Ball) -> float:
    """Return a lower bound of log2 |x|; −∞ where x may be 0."""
    size = x.abs_lower()
    mantissa, exponent = map(int, size.man_exp() if size.is_finite() else (0, 0))
    if abs(exponent) > _HUGE:
        return _HUGE if exponent > 0 else -math.inf
    return math.log2(mantissa) + exponent - 1e-9 if mantissa else -math.inf


def middles(balls: Iterable[Ball]) -> list[Any]:
    """Return the middles of real balls as numbers of MPFR, in the precision of its context."""
    zero, found = gmpy2.mpfr(0), []
    for ball in balls:
        mantissa, exponent = ball.mid().man_exp()
        found.append(gmpy2.mpz(int(mantissa)) * binary_power(int(exponent)) if mantissa else zero)
    return found


def log2_widest(balls: Iterable[Ball]) -> float:
    """Return an upper bound of log2 of the largest radius; ∞ where one is not finite, −∞ where all are 0."""
    radii = [ball.rad() for ball in balls]
    return log2_upper(max(radii)) if sum(radii, arb(0)).is_finite() else math.inf


def log_total(logs: Sequence[float]) -> float:
    """Return log2 of the sum of 2**log, rounded up."""
    top = max(logs)
    return top + math.log2(sum(2.0 ** (x - top) for x in logs)) + 1e-6 if -math.inf < top < math.inf else top


def refined(compute: Callable[[float], list[Ball]], need: float, guard: float, refusal: str) -> list[Ball]:
    """Return balls with radii below 2**-need, from computations with more and more guard bits.

    Raises
    ------
    AccuracyError
        The refusal, where balls are not finite or bits do not help.
    """
    while True:
        found = compute(guard)
        excess = log2_widest(found) + need
        if excess <= 0:
            return found
        guard += max(excess, 8) + 8
        if guard > _MOST_GUARD:
            raise AccuracyError(refusal)


_MOST_GUARD = 1 << 17


def relatively_accurate(
    compute: Callable[[float], Sequence[Sequence[Ball]]],
    bits: int,
    need: float,
    log_units: Sequence[float] | None = None,
) -> Iterator[list[Real]]:
    """Return rows of reals with errors below 2**-bits of their own size, or of 2**log_unit in each row.

    Parameters
    ----------
    compute
        From a need to balls, with smaller radii for larger needs.
    need
        The first one.
    """
    guessed = False
    while True:
        rows = compute(need)
        sizes = [log_units or [*map(log2_lower, row)] for row in rows]
        lost = _lost(rows, sizes) + bits + 2
        if lost <= 0:
            ctx = context(bits + 32)
            return ([to_real(ctx, c) for c in row] for row in rows)
        if lost == math.inf and not guessed:
            guessed, lost = True, max(_lost(rows, [_expected(row) for row in sizes]) + bits + 2, 8.0)
        need += min(lost, abs(need) + 64) + 8


def _lost(rows: Sequence[Sequence[Ball]], log_sizes: Sequence[Sequence[float]]) -> float:
    """Return log2 of the largest radius over a size."""
    pairs = (pair for row, sizes in zip(rows, log_sizes, strict=True) for pair in zip(row, sizes, strict=True))
    return max((log2_upper(c.rad()) - size for c, size in pairs if not c.is_zero()), default=-math.inf)


def _expected(log_sizes: Sequence[float]) -> list[float]:
    """Return log2 of sizes, of those that are not known what the fall of the later others leads to expect, and more."""
    known = [i for i, size in enumerate(log_sizes) if size > -math.inf]
    if len(known) < 2:
        return [*log_sizes]
    middle, last = known[(len(known) - 1) // 2], known[-1]
    fall = 1.1 * min((log_sizes[last] - log_sizes[middle]) / (last - middle), 0.0)
    return [size if size > -math.inf else log_sizes[last] + fall * abs(i - last) for i, size in enumerate(log_sizes)]


def resolved(
    compute: Callable[[int], Sequence[Ball]],
    bits: int,
    precision: float,
    name: str,
    log_units: Sequence[float] | None = None,
) -> list[Real]:
    """Return such a row of φ by its name, from a precision, which is also the present one, to balls.

    Raises
    ------
    AccuracyError
        Where bits do not help.
    """

    def rows(precision: float) -> list[Sequence[Ball]]:
        if precision > _MOST_PRECISION:
            raise AccuracyError(f"coefficients of {name} are too small; lower --truncation or --digits")
        with working_precision(work := math.ceil(precision)):
            return [compute(work)]

    return next(relatively_accurate(rows, bits, precision, log_units))


_MOST_PRECISION = 1 << 18


def power_of_two(log: float) -> Ball:
    """Return a ball that is at least 2**log, next to it."""
    if not -math.inf < log < math.inf:
        return arb(0) if log < 0 else arb.pos_inf()
    exponent = math.floor(log)
    return arb(2.0 ** (log - exponent) * (1 + 1e-14)) * arb(2) ** exponent


def widened(x: Ball, log_error: float) -> Ball:
    """Return x with 2**log_error added to its radius."""
    return x + arb(0, power_of_two(log_error)) if log_error > -math.inf else x


def to_real(ctx: Context, ball: Ball) -> Real:
    """Return the middle of a ball as a real of an mpmath context."""
    mantissa, exponent = ball.mid().man_exp()
    return ctx.ldexp(ctx.mpf(int(mantissa)), int(exponent))


def short_text(x: Ball, digits: int = 4) -> str:
    """Return the middle of a ball as text."""
    return str(context(64).nstr(to_real(context(64), x), digits))


def to_ball(x: Real) -> Ball:
    """Return an mpmath real, exactly."""
    mantissa, exponent = x.man_exp
    size = arb(int(mantissa)) * arb(2) ** int(exponent)
    return size if x >= 0 else -size
