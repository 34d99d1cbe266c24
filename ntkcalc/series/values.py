"""Θ_l(ρ), its truncated series, their difference and its bound, to the digits asked for, rounded once."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from functools import cache
from itertools import accumulate
from numbers import Number

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Given, Kernel, kernel_facts
from ntkcalc.kernel.recursion import theta
from ntkcalc.numerics.precision import (
    BITS_PER_DIGIT,
    Real,
    bits_for,
    bits_lost,
    context,
    decimal,
    exact,
    log2,
    python_integers,
    real,
    whole,
    with_enough_bits,
)
from ntkcalc.numerics.types import Observer, stage
from ntkcalc.numerics.work import paced
from ntkcalc.series.coefficients import (
    MOST_DIGITS,
    MOST_TERMS,
    check_unit,
    kappa_by_depth,
    paper_cuts,
    paper_kappa_by_depth,
)
from ntkcalc.series.given_series import GivenSeries
from ntkcalc.series.results import KernelValue, KernelValues

MOST_VALUES = 100_000
"""Values of ρ in one run."""

_MOST_BITS = 1 << 17

Approximation = Callable[[int], tuple[Real, Real]]
"""From bits a value and a bound on its absolute error; no error means exact."""


@python_integers
def ntk_values(
    rho: str | float | Fraction | Decimal | Sequence[str | float | Fraction | Decimal],
    act: str,
    depth: int = 2,
    truncation: int = 10,
    *,
    sigma_w2: Given = None,
    gamma_b2: Given = 0,
    sigma_b2: Given = None,
    gamma_w2: Given = None,
    kernel: str = "ntk",
    digits: int = 12,
    paper_truncation: bool = False,
) -> KernelValues:
    """Return Θ_l(ρ) beside its truncated series (Figure 2), every digit right.

    Parameters
    ----------
    rho : correlations in [−1, 1], or one of them; decimal text is exact
    act : activation such as ``"tanh"`` or ``"leaky-relu:slope=0.1"``
    depth, truncation : l ≥ 1, layers including the linear output, and T ≥ 0, the degree of the truncated series
    sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel : variances, and NTK or NNGP kernel: see `ntk_coefficients`
    digits : significant digits, each right to one unit in the last place, of the difference too
    paper_truncation : take the paper's series (39)–(41)

    Returns
    -------
    KernelValues
        One `KernelValue` for each ρ, in the order given.

    Raises
    ------
    InputError
        For a request that makes no sense.
    AccuracyError
        Where the digits cannot be reached.

    Notes
    -----
    Θ_l comes from the recursion (11)–(12) on numbers, the series from Theorem 3.1; they share no coefficient.

    Examples
    --------
    The kernel of two layers of relu is 1/π + 1 − 1/2 at ρ = 0, where all but one coefficient vanish:

    >>> str(ntk_values("0", "relu", digits=5).values[0])
    '0.65915'
    """
    found = Kernel.of(act, depth, sigma_w2, gamma_b2, sigma_b2, gamma_w2, kernel).checked()
    points = [exact(r, "rho") for r in ([rho] if isinstance(rho, str | float | Decimal | Number) else rho)]
    return kernel_values(found, points, [truncation], digits, paper_truncation)[0]


def kernel_values(
    kernel: Kernel,
    rhos: Sequence[Fraction],
    truncations: Sequence[int],
    digits: int,
    paper_truncation: bool = False,
    observer: Observer | None = None,
) -> list[KernelValues]:
    """Return Θ_l at every ρ beside the series of every truncation: see `ntk_values`."""
    return values_by_depth(kernel, [kernel.depth], rhos, truncations, digits, paper_truncation, observer)[0]


def values_by_depth(
    kernel: Kernel,
    depths: Sequence[int],
    rhos: Sequence[Fraction],
    truncations: Sequence[int],
    digits: int,
    paper_truncation: bool = False,
    observer: Observer | None = None,
) -> list[list[KernelValues]]:
    """Return `kernel_values` at several depths ≤ kernel.depth, which share their layers."""
    _check(rhos, truncations, digits)
    if paper_truncation:
        check_unit(kernel)
    longest = max(truncations)
    cut = {d: paper_truncation and paper_cuts(kernel.at_depth(d), min(truncations)) for d in depths}

    @cache
    def coefficients(paper: bool, bits: int) -> Mapping[int, tuple[list[Real], list[Real] | None]]:
        own = [depth for depth in depths if cut[depth] == paper]
        length = longest if paper else _useful_length(rhos, longest, bits_for(digits))
        steps = stage(observer, "series")
        return (paper_kappa_by_depth if paper else kappa_by_depth)(kernel.at_depth(max(own)), own, length, bits, steps)

    def series(depth: int) -> Callable[[int], TruncatedSeries]:
        return cache(lambda bits: TruncatedSeries(bits, *coefficients(cut[depth], bits)[depth], sharp=not cut[depth]))

    columns = [_Column(kernel.at_depth(depth), series(depth), [*truncations], digits) for depth in depths]
    for done, rho in enumerate(paced(rhos), 1):
        for column in columns:
            if done == 1:  # others need little beyond what is known then
                stage(observer, f"kernel of depth {column.kernel.depth} at rho = {float(rho):g}")
            column.add(rho)
        if observer is not None:
            observer(done, len(rhos))
    return [column.results(paper_truncation) for column in columns]


def series_values(
    given: GivenSeries, rhos: Sequence[Fraction], truncations: Sequence[int], digits: int
) -> list[KernelValues]:
    """Return the values of a series from outside; where its tail is zero they are those of the kernel itself.

    Where its numbers are rounded, values have only the digits that this leaves, and bounds are wider.
    """
    _check(rhos, truncations, digits)
    coefficients, last = given.coefficients, len(given.coefficients) - 1
    tails = None if given.tail is None else list(accumulate(reversed(coefficients[1:]), initial=given.tail))[::-1]

    @cache
    def known(bits: int) -> TruncatedSeries:
        ctx = context(bits + 8)
        left = None if tails is None else [real(ctx, c) for c in tails]
        return TruncatedSeries(bits, [real(ctx, c) for c in coefficients], left)

    series = _Series(known, digits, given.known(digits), given.error)

    def value(rho: Fraction, truncation: int) -> KernelValue:
        if given.tail != 0:
            return series.value(rho, truncation, None, None)
        later = series.sum(rho, truncation + 1, last, "the error")
        return series.value(rho, truncation, series.sum(rho, 0, last, "Theta"), later)

    return [
        KernelValues(given.kernel, truncation, digits, False, tuple(value(rho, truncation) for rho in rhos))
        for truncation in (min(wanted, last) for wanted in truncations)
    ]


@dataclass(frozen=True)
class TruncatedSeries:
    """A truncated series c_0 … c_L ≥ 0 with relative errors of 2**-bits."""

    bits: int
    coefficients: list[Real]
    tails: list[Real] | None  # what is left of the total beyond each p; None where the total is unknown
    sharp: bool = True  # whether the tail τ_p is all of degree > p, so that τ_p |ρ|^{p+1} bounds the remainder

    def at(self, rho: Fraction, first: int, last: int) -> tuple[Real, Real]:
        """Return Σ c_p ρ^p over p = first … last, and a bound on its absolute error."""
        ctx = context(self.bits + 32 + len(self.coefficients).bit_length())
        x, value, size = real(ctx, rho), ctx.zero, ctx.zero
        for c in reversed(self.coefficients[first : last + 1]):
            value, size = value * x + c, size * abs(x) + c
        power = x**first
        return value * power, ctx.ldexp(size * abs(power), 1 - self.bits)

    def bound(self, rho: Fraction, truncation: int) -> Real | None:
        """Return a bound on the remainder after t^truncation at ρ."""
        if self.tails is None:
            return None
        tail = self.tails[truncation]
        wide = tail * (1 + tail.context.ldexp(1, 4 - self.bits))
        return wide * abs(real(tail.context, rho)) ** (truncation + 1) if self.sharp else wide


@dataclass(frozen=True)
class _Series:
    """A series at any precision, and how its sums are rounded."""

    known: Callable[[int], TruncatedSeries]  # from bits
    digits: int
    most: int  # digits that the coefficients leave
    error: Fraction = Fraction(0)  # bound on the relative error of each coefficient

    def sum(self, rho: Fraction, first: int, last: int, what: str) -> Decimal:
        """Return Σ c_p ρ^p over p = first … last, with the digits that it has."""
        near = f"{what} at rho = {float(rho):g}"
        value = to_digits(lambda bits: self.known(bits).at(rho, first, last), bits_for(self.digits), near)
        if not (self.error and value):
            return decimal(value, self.digits)
        size, _ = self._at_end().at(abs(rho), first, last)
        left = log2(abs(value)) - log2(size) - log2(real(size.context, self.error))  # bits
        return decimal(value, min(self.most, math.floor(left / BITS_PER_DIGIT + 1e-6))) if left > 4 else Decimal(0)

    def value(self, rho: Fraction, truncation: int, theta_value: Decimal | None, error: Decimal | None) -> KernelValue:
        """Return Θ and its error, where they are known, beside the truncated series and its bound."""
        bound = self._at_end().bound(rho, truncation)
        if bound is not None:
            bound = decimal(bound * (1 + real(bound.context, self.error)), self.digits, ROUND_CEILING)
        exactly = decimal(rho, 4000).normalize(Context(prec=4000))  # ρ came from decimal text
        return KernelValue(exactly, theta_value, self.sum(rho, 0, truncation, "the series"), error, bound)

    def _at_end(self) -> TruncatedSeries:
        return self.known(_rounded_up(bits_for(self.digits) + 16))


class _Column:
    """The values of one kernel at the ρ so far, for every truncation."""

    def __init__(
        self, kernel: Kernel, known: Callable[[int], TruncatedSeries], truncations: list[int], digits: int
    ) -> None:
        self.kernel, self.known, self.truncations, self.digits = kernel, known, truncations, digits
        self.total, self.series = kernel.total(bits_for(digits) + 64), _Series(known, digits, digits)
        self.rows: list[list[KernelValue]] = [[] for _ in truncations]

    def add(self, rho: Fraction) -> None:
        """Add the values at one ρ."""
        at_rho, want, digits = _kernel_at(self.kernel, rho, self.total), bits_for(self.digits), self.digits
        theta_value = decimal(to_digits(at_rho, want, f"Theta({float(rho):g})"), digits)
        for row, truncation in zip(self.rows, self.truncations, strict=True):
            difference = _difference(at_rho, self.known, rho, truncation)
            error = to_digits(difference, want, f"the error at rho = {float(rho):g}")
            row.append(self.series.value(rho, truncation, theta_value, decimal(error, digits)))

    def results(self, paper_truncation: bool) -> list[KernelValues]:
        """Return one result for each truncation."""
        facts = kernel_facts(self.kernel, self.digits)
        return [
            KernelValues(facts, truncation, self.digits, paper_truncation, tuple(row))
            for truncation, row in zip(self.truncations, self.rows, strict=True)
        ]


def _kernel_at(kernel: Kernel, rho: Fraction, total: Real) -> Approximation:
    """Return Θ_l(ρ) as a function of the bits asked for, each computed once."""
    return cache(lambda bits: (theta(kernel, rho, bits), total * total.context.ldexp(1, -bits)))


def _difference(
    at_rho: Approximation, series: Callable[[int], TruncatedSeries], rho: Fraction, truncation: int
) -> Approximation:
    """Return Θ − Θ_T, or the later terms themselves, whichever is known better."""

    def difference(bits: int) -> tuple[Real, Real]:
        known = series(bits)
        (value, error), (part, part_error) = at_rho(bits), known.at(rho, 0, truncation)
        last = len(known.coefficients) - 1
        later, later_error = known.at(rho, truncation + 1, last)
        beyond = known.bound(rho, last)
        if known.sharp and beyond is not None and beyond + later_error <= error + part_error:
            return later, beyond + later_error
        return value - part, error + part_error

    return difference


def to_digits(approximate: Approximation, want: int, what: str) -> Real:
    """Return a value with relative error below 2**-want; what is zero to the last bit twice is zero."""
    zeros = 0

    def attempt(bits: int) -> tuple[Real, float]:
        nonlocal zeros
        value, error = approximate(_rounded_up(bits))
        zeros += not value
        return value, bits_lost(value, 0 if zeros == 2 else error, bits)

    found = with_enough_bits(attempt, want, 16, _MOST_BITS - want)
    if found is None:
        raise AccuracyError(f"{what} is too close to zero: its digits need more than {_MOST_BITS} bits")
    return found


def _rounded_up(bits: int) -> int:
    """Return bits in steps of 64, so that runs are shared."""
    return bits + (16 - bits) % 64


def _useful_length(rhos: Sequence[Fraction], longest: int, want: int) -> int:
    """Return the degree up to which the later terms of the series alone give its error for small |ρ|.

    Where |ρ| is larger, the difference Θ − Θ_T loses hardly more bits than were asked for.
    """
    more = max(want + 32, longest)
    halvings = (math.log2(rho.denominator) - math.log2(abs(rho.numerator)) for rho in rhos if rho)
    return min(longest + more, MOST_TERMS) if any(h * more > want for h in halvings) else longest


def _check(rhos: Sequence[Fraction], truncations: Sequence[int], digits: int) -> None:
    whole(digits, "digits", 1, MOST_DIGITS)
    for truncation in truncations:
        whole(truncation, "truncation", 0, MOST_TERMS)
    if not 1 <= len(rhos) <= MOST_VALUES:
        raise InputError(f"give 1 to {MOST_VALUES} values of rho, got {len(rhos)}")
    for rho in rhos:
        if abs(rho) > 1:
            raise InputError(f"rho must lie in [-1, 1], got {decimal(rho, 60).normalize(Context(prec=60))}")
