"""Rows of numbers of MPFR, whose operations take a tenth of the time of mpmath's, that read as mpmath reals.

Arithmetic on them belongs in `mpfr_context`, whose precision every result has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import log2
from typing import Any, overload

import gmpy2

from ntkcalc.numerics.precision import Context, Real, context, decimal, from_mpfr, to_mpfr


class MpfrSeries(Sequence[Real]):
    """Numbers of MPFR; each becomes a real of `ctx` when it is asked for."""

    def __init__(self, ctx: Context, numbers: list[Any]) -> None:
        self.ctx, self.numbers = ctx, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Real: ...
    @overload
    def __getitem__(self, place: slice) -> MpfrSeries: ...
    def __getitem__(self, place: int | slice) -> Real | MpfrSeries:
        if isinstance(place, slice):
            return MpfrSeries(self.ctx, self.numbers[place])
        return from_mpfr(self.ctx, self.numbers[place])

    def __iter__(self) -> Iterator[Real]:
        return (from_mpfr(self.ctx, x) for x in self.numbers)


def mpfr_numbers(series: Sequence[Real]) -> list[Any]:
    """Return the numbers of a series, those of other kinds rounded to the precision of the context of MPFR."""
    if isinstance(series, MpfrSeries):
        return series.numbers
    zero = gmpy2.mpfr(0)
    return [to_mpfr(x) if x else zero for x in series]


def mpfr_logs(numbers: Sequence[Any]) -> list[tuple[int, float]]:
    """Return the positive coefficients as (p, log2 c_p)."""
    parts = ((p, *gmpy2.frexp(c)) for p, c in enumerate(numbers) if c)
    return [(p, log2(mantissa) + exponent) for p, exponent, mantissa in parts]


def rounded(x: Any, digits: int) -> Decimal:
    """Return `ntkcalc.numerics.precision.decimal` of a number of MPFR."""
    if x and digits > 1:
        text, exponent, _ = x.digits(10, digits)
        if text[-1] != "0":  # else it may be exact, and shorter
            return Decimal(f"{text}E{exponent - digits}")
    return decimal(from_mpfr(context(x.precision), x), digits)


def stretched(numbers: Sequence[Any], scale: Any) -> list[Any]:
    """Return the coefficients of a(λt)."""
    power, row = gmpy2.mpfr(1), []
    for c in numbers:
        row.append(power * c)
        power *= scale
    return row


def normalised(row: list[Any]) -> tuple[list[Any], Any]:
    """Return a row divided by its sum (so that its sum is at most 1), and that sum."""
    total = sum(row, gmpy2.mpfr(0)) * (1 + len(row) * gmpy2.exp2(4 - gmpy2.get_context().precision))
    return ([c / total for c in row], total) if total else (row, gmpy2.mpfr(1))


def fixed_point(row: list[Any], width: int) -> list[Any]:
    """Return the coefficients, all below 1, in units of 2**-width, rounded down."""
    with gmpy2.context(gmpy2.get_context(), round=gmpy2.RoundDown):
        unit = gmpy2.exp2(width)
        return [gmpy2.mpz(c * unit) for c in row]


def relaxed(row: list[Any], unit: Any, scale: Any) -> list[Any]:
    """Return the coefficients that integers of a(λt) in the given unit stand for."""
    series = []
    for c in row:
        series.append(unit * c)
        unit /= scale
    return series
