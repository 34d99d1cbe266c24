r"""Duals of any φ whose Hermite coefficients are known to an absolute error: the series regrouped about any point.

With p_k(j) the binomial probability of j successes in k trials of probability δ, and S_i, S'_i the tails beyond k = i
of E[φ²] = Σ µ_k² and of E[φ'²] = Σ k µ_k²,

.. math::  d_j = \sum_k µ_k² p_k(j), \qquad q_j = δ \sum_i S_i p_i(j), \qquad \dot q_j = \sum_i S'_{i+1} p_i(j).

All terms are positive; the sums stop at K. The terms k > K add to d_j at most S_K times the largest p_k(j), at
k = K + 1 or next to j/δ, and to q_j at most S_K times the probability of at most j successes in K + 1 trials. An error
of ε in every µ_k changes d_j by no more than :math:`2 ε \sqrt{d_j/δ}`, for :math:`\sum_k p_k(j) = 1/δ` (Cauchy and
Schwarz). S_K is a difference from E[φ²], computed with as many more bits as it loses. These bounds are checked for all
j.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import gmpy2

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint
from ntkcalc.activations.work_budget import WorkBudget, work_budget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.mpfr_series import MpfrSeries, binomial_coefficient, mpfr_numbers, tails_of
from ntkcalc.numerics.mpmath_engine import MpmathEngine
from ntkcalc.numerics.precision import (
    Context,
    Real,
    context,
    log2,
    log_binomial,
    log_chance,
    mpfr_context,
    real,
    to_mpfr,
)

if TYPE_CHECKING:
    from ntkcalc.activations.formula.faint import Faintness

_DOUBTFUL = 192  # bits to which a coefficient that is zero within its error may be exactly zero
_MANY, _MORE = 1500, 8  # terms of a series, in all and per coefficient, beyond which `_near_one` is tried
_ZERO_BITS = 320  # bits below its neighbours (and `faint`) at which a coefficient is taken to be zero


@dataclass(frozen=True)
class _Known:
    """µ_0² … µ_K² (and E[φ²] and E[φ'²]) to absolute errors of µ_k below 2**-bits √E[φ²].

    Parameters
    ----------
    bits : the bits
    squares : the squares; those of vanishing µ_k are exact zeros
    rests, slope_rests : S_0 … S_K and S'_0 … S'_K
    error : A bound on the errors of S_i, and over E[φ²] times E[φ'²], of S'_i
    """

    bits: int
    squares: list[Real]
    rests: list[Real]
    slope_rests: list[Real]
    total: Real
    steepness: Real
    error: Real


class HermiteDual(ABC):
    """A dual from Hermite coefficients µ_k, known to absolute errors."""

    name: str
    degree: int | None
    most_bits = 1024  # quadrature pays for every bit
    slow = False
    """Whether µ_k² falls like a power of k, so that all weights p_k(j) count."""

    @abstractmethod
    def moments(self, degree: int, bits: int, budget: WorkBudget | None = None) -> list[Real]:
        """Return µ_0 … µ_degree, absolute errors below 2**-bits √E[φ²].

        Work is counted against `budget`, by default that of a request for so many bits.
        """

    @abstractmethod
    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]."""

    @property
    @abstractmethod
    def faint(self) -> Faintness:
        """How much smaller the faintest part of φ is than the rest."""

    @property
    @abstractmethod
    def most_terms(self) -> int:
        """How many Hermite coefficients are within reach."""

    @abstractmethod
    def most_lost(self, degree: int) -> int:
        """Return how many bits below the largest a µ_k, k ≤ degree, is still distinguished from zero."""

    @abstractmethod
    def slope_square(self, bits: int) -> Real | Fraction:
        """Return E[φ'²]."""

    @abstractmethod
    def vanishes(self, k: int) -> bool:
        """Return whether µ_k is exactly zero."""

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree, each with relative error below 2**-bits; exact zeros as zeros.

        Raises
        ------
        AccuracyError
            For a coefficient too small to be told from zero.
        """
        wide, most, budget = bits + 32, bits + self.most_lost(degree), work_budget(bits + 64)
        while wide <= most:
            ctx = context(wide + 16)
            moments = self.moments(degree + 2, ctx.prec, budget)  # before squares, which come with them
            size = log2(self._total(ctx)) / 2
            mu = [ctx.zero if self._is_zero(k) else ctx.convert(m) for k, m in enumerate(moments)]
            sizes = {k: log2(abs(m)) - size if m else -math.inf for k, m in enumerate(mu)}
            lost = -min((sizes[k] for k in range(degree + 1) if not self._is_zero(k)), default=0.0)
            if lost < wide - bits - 2:
                return mu[: degree + 1]
            if lost < wide - 8:
                wide = bits + 32 * math.ceil(lost / 32 + 1)
            elif wide < _DOUBTFUL:
                wide = min(2 * wide, _DOUBTFUL)
            elif self.faint.likely > most:
                raise self._too_faint(self.faint.likely)
            elif not (doubtful := self._doubtful(sizes, wide)):
                wide = self._wider(wide, 2 * wide, bits, most)
            elif wide < (enough := max(doubtful.values()) + 64):
                wide, most = enough, max(most, enough)
            else:
                self._zeros.update(doubtful)
        raise self._too_small(degree)

    def _doubtful(self, sizes: dict[int, float], wide: int) -> dict[int, int]:
        """Return coefficients that may be zero, as E[φ] of selu is, each with the bits at which this is decided."""
        found = {}
        for k, own in sizes.items():
            around = max(sizes.get(k - 2, -math.inf), sizes.get(k + 2, -math.inf))
            if not self._is_zero(k) and own < 8 - wide and around > own + 24:
                found[k] = _ZERO_BITS + math.ceil(self.faint.most + max(0.0, -around))
        return found

    def _wider(self, wide: int, more: int, bits: int, most: int) -> int:
        """Return more bits: enough for the smallest part of φ (`faint`), and `most` itself before it is exceeded."""
        if wide >= _DOUBTFUL:
            enough = (bits + faint + 32 for faint in (self.faint.likely, self.faint.most))
            more = math.ceil(next((e for e in enough if wide < e <= most), more))
        return min(more, most) if wide < most else most + 1

    @property
    def _zeros(self) -> set[int]:
        found: set[int] = self.__dict__.setdefault("_found", set())
        return found

    def _is_zero(self, k: int) -> bool:
        return k in self._zeros or self.vanishes(k)

    def _too_many(self, point: ExpansionPoint) -> AccuracyError:
        return AccuracyError(
            f"{self.name}: an expansion at correlation {float(point.at(context(64))[0]):.6g} needs more than "
            f"{self.most_terms} Hermite coefficients; lower --depth, --truncation or --digits"
        )

    def _too_faint(self, bits: float) -> AccuracyError:
        size = f"about 2^-{bits:{'.0f' if bits < 1e9 else '.2g'}} of" if bits < math.inf else "nothing beside"
        return AccuracyError(
            f"a part of {self.name} may be {size} what the normal law sees of the rest, and coefficients that come of "
            "it alone cannot be told from zero; leave it out, or make it larger"
        )

    def _too_small(self, degree: int) -> AccuracyError:
        return AccuracyError(
            f"coefficients of {self.name} are below 2^-{self.most_lost(degree) // 2} of the largest, too small to be "
            "told from zero; lower --truncation or --digits"
        )

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> Sequence[Real]:
        """See `ntkcalc.activations.dual.Dual.taylor`."""
        ctx = context(bits + 16)
        if not point.at(ctx)[0]:
            return [ctx.convert(m) ** 2 for m in self.hermite(degree, bits + 2)]
        return self._expanded(point, degree, bits, tails=False).d[: degree + 1]

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """See `ntkcalc.activations.dual.Dual.expansion`."""
        return self._expanded(point, degree, bits, tails=True)

    def _expanded(self, point: ExpansionPoint, degree: int, bits: int, tails: bool) -> Expansion:
        """Raise bits and terms until the bounds on all errors are met."""
        a, delta = point.at(context(64))
        wide, most, budget = bits + 64, bits + self.most_lost(degree), work_budget(bits + 64)
        terms = max(degree + degree // 8 + 16, 64) if a else degree + 2
        if a and self.slow:
            terms = max(terms, math.ceil(1.2 * terms / delta) + wide)
        if not a:
            self.hermite(degree + 1, 16)  # finds zeros
        while wide <= most:
            if self.degree is not None:
                terms = self.degree
            elif a:
                terms = min(terms, self.most_terms)
            known = self._known(terms, wide, budget)
            found = self._regrouped(known, point, degree, tails)
            more = self._terms_needed(known, point, found, bits)
            if more > terms and known.rests[-1] > 16 * known.error:
                if more > max(_MANY, _MORE * degree) and (beside := self._near_one(point, degree, bits, tails, budget)):
                    return beside
                if terms == self.most_terms:
                    raise self._too_many(point)
                terms = min(more, 3 * terms)
                continue
            lost = self._bits_lost(known, point, found)
            if lost <= wide - bits and more <= terms:
                return found
            if wide - bits < lost < wide - 8:
                wide = bits + 32 * math.ceil(lost / 32 + 1)
            else:
                wide = self._wider(wide, wide + wide // 2, bits, most)
        raise self._too_small(degree)

    def _near_one(
        self, point: ExpansionPoint, degree: int, bits: int, tails: bool, budget: WorkBudget
    ) -> Expansion | None:
        """Return the expansion by a method that needs no long series, None where there is none."""
        return None

    def _known(self, terms: int, wide: int, budget: WorkBudget | None = None) -> _Known:
        ctx = context(wide + 16)
        squares = [
            ctx.zero if self._is_zero(k) else ctx.convert(m) ** 2
            for k, m in enumerate(self.moments(terms, ctx.prec, budget)[: terms + 1])
        ]
        total, steepness, finite = self._total(ctx), self._steepness(ctx), self.degree is not None
        if not steepness > 0:
            raise AccuracyError(f"E[φ'^2] of {self.name} is below 2^-{wide}: it is too nearly a constant")
        error = ctx.ldexp(total * ctx.sqrt(terms + 1), 3 - wide)
        rests = [
            list(accumulate(reversed(parts[1:]), initial=ctx.zero if finite else max(whole - sum(parts), ctx.zero)))[
                ::-1
            ]
            for whole, parts in ((total, squares), (steepness, [k * c for k, c in enumerate(squares)]))
        ]
        return _Known(wide, squares, rests[0], rests[1], total, steepness, error)

    def _regrouped(self, known: _Known, point: ExpansionPoint, degree: int, tails: bool) -> Expansion:
        """Return d_0 … d_{degree+1}, q and q̇ from what is known."""
        ctx = context(known.bits + 16)
        a, delta = point.at(ctx)
        outers = [known.squares, known.rests, known.slope_rests[1:] or [ctx.zero]][: 3 if tails else 1]
        if not a:
            rows = [[*row[: degree + 2], *[ctx.zero] * (degree + 2 - len(row))] for row in outers]
            return Expansion(rows[0], *([row[: degree + 1] for row in rows[1:]] or ([], [])))
        d = MpmathEngine(known.bits).regroup(outers[0], a, delta, degree + 2)
        if not tails:
            return Expansion(d, [], [])
        with mpfr_context(ctx.prec):
            near, far = to_mpfr(a), to_mpfr(delta)
            ends = (far * binomial_coefficient(mpfr_numbers(row), near, far, degree) for row in outers[1:])
            return Expansion(d, *(MpfrSeries(ctx, row) for row in tails_of(d.numbers, far, *ends)))

    def _bits_lost(self, known: _Known, point: ExpansionPoint, found: Expansion) -> float:
        """Return log2 of the largest relative error over 2**-known.bits."""
        delta, unit = point.at(context(64))[1], -known.bits
        worst = 0.0
        noise, log_delta, size = log2(known.error), log2(delta), log2(known.total)
        for c in found.d:
            if c:
                worst = max(worst, 3 + (size - log2(c) - log_delta) / 2)
        for row, whole in (
            (found.tails, 0.0),
            (found.slope_tails, log2(known.steepness) - size + math.log2(len(known.squares))),
        ):
            for c in row:
                if c:
                    worst = max(worst, noise + whole + 1 - log2(c) - unit)
                elif self.degree is None:
                    return math.inf
        return worst

    def _terms_needed(self, known: _Known, point: ExpansionPoint, found: Expansion, bits: int) -> int:
        """Return the number of terms that is enough: proven if no more than there are, else an estimate."""
        a, delta = point.at(context(64))
        terms = first = len(known.squares) - 1
        if self.degree is not None or not a:
            return terms
        log_a, log_delta = log2(a), log2(delta)
        noise = known.error * known.steepness / known.total * len(known.squares)
        rest, slope = _falling(known.rests, known.error)
        steep_rest, steep_slope = _falling(known.slope_rests, noise)

        def enough(k: int) -> bool:
            more = k - first
            return all(
                not c or rest - slope * more + _log_largest_weight(k, j, log_a, log_delta) < log2(c) - bits - 1
                for j, c in enumerate(found.d)
            ) and all(
                not c or left + _log_few_hits(k, j, log_a, log_delta) < log2(c) - bits - 1
                for left, row in (
                    (rest - slope * more, found.tails),
                    (steep_rest - steep_slope * more, found.slope_tails),
                )
                for j, c in enumerate(row)
            )

        while terms <= self.most_terms and not enough(terms):
            terms += terms // 16 + 8
        return terms

    def _series(self, t: Correlation, bits: int, most_terms: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t) from the Hermite series, which stops where its tail is small enough."""
        terms, before, bits = 64 if self.degree is None else self.degree, 0.0, 32 * (bits // 32 + 1)
        x = t.at(context(64))[0]
        size = log2(abs(x)) if x else -math.inf
        while True:
            left, steeper, series = self._prepared(terms, bits)
            if self.degree is not None or max(left + (terms + 1) * size, steeper + terms * size) < -bits - 2:
                return series.at(t)
            slowly = terms > 1000 and left > before - 8  # since there were half as many
            if 2 * terms > most_terms or (slowly and left + most_terms * size > -bits):
                raise AccuracyError(
                    f"{self.name}: its kernel at correlation {float(x):.6g} needs more than {most_terms} Hermite "
                    "coefficients; lower --digits, or keep away from 1 and -1"
                )
            terms, before = 2 * terms, left

    def _prepared(self, terms: int, bits: int) -> tuple[float, float, FixedSeries]:
        """Return log2 of what is left of E[φ²] and E[φ'²] beyond K = terms, as shares, and the series; kept."""
        kept: dict[tuple[int, int], tuple[float, float, FixedSeries]] = self.__dict__.setdefault("_kept", {})
        if (terms, bits) not in kept:
            known = self._known(terms, bits + 2 * terms.bit_length() + 16)
            noise = known.error / known.total
            left = log2(known.rests[-1] / known.total + noise)
            steeper = log2(known.slope_rests[-1] / known.steepness + noise * (terms + 1))
            if len(kept) > 40:
                kept.clear()
            kept[terms, bits] = left, steeper, FixedSeries.of(known.squares, bits)
        return kept[terms, bits]

    def _total(self, ctx: Context) -> Real:
        return _as_real(ctx, self.mean_square(ctx.prec))

    def _steepness(self, ctx: Context) -> Real:
        return _as_real(ctx, self.slope_square(ctx.prec))


def _falling(rests: list[Real], error: Real) -> tuple[float, float]:
    """Return log2 of the last tail, with its error, and by how much it is estimated to fall with every term."""
    last, middle = (log2(rests[i] + error) for i in (-1, 3 * len(rests) // 4))
    return last, 0.7 * (middle - last) / max(len(rests) - 3 * len(rests) // 4, 1)


def _as_real(ctx: Context, value: Real | Fraction) -> Real:
    return real(ctx, value) if isinstance(value, Fraction) else ctx.convert(value)


@dataclass(frozen=True)
class FixedSeries:
    """A power series in fixed-point integers.

    Parameters
    ----------
    bits : -log2 of the errors of its sums, over its largest coefficient
    scale, width : coefficients are in units of 2**(scale − width)
    coefficients : c_0, c_1, …
    """

    bits: int
    scale: int
    width: int
    coefficients: list[Any]

    @classmethod
    def of(cls, series: Sequence[Real], bits: int) -> FixedSeries:
        """Return a series of reals in fixed point, its sums to `bits` bits."""
        ctx = series[0].context
        scale = math.ceil(log2(max(map(abs, series))))
        width = bits + 3 * len(series).bit_length() + 16
        return cls(bits, scale, width, [gmpy2.mpz(int(ctx.ldexp(c, width - scale))) for c in series])

    def at(self, t: Correlation) -> tuple[Real, Real]:
        """Return Σ c_k t^k and its derivative."""
        ctx, width, c = t.context(self.width), self.width, self.coefficients
        unit, value, slope = gmpy2.mpz(int(ctx.ldexp(t.at(ctx)[0], width))), gmpy2.mpz(0), gmpy2.mpz(0)
        for k in range(len(c) - 1, 0, -1):
            value = (value * unit >> width) + c[k]
            slope = (slope * unit >> width) + k * c[k]
        value = (value * unit >> width) + c[0]
        return ctx.ldexp(ctx.mpf(int(value)), self.scale - width), ctx.ldexp(ctx.mpf(int(slope)), self.scale - width)


def _log_largest_weight(terms: int, j: int, log_a: float, log_delta: float) -> float:
    """Return log2 of the largest of p_k(j) over k > terms, which rises up to about k = j/δ and falls from there."""
    k = max(terms + 1, math.floor(j * float(2.0**-log_delta)))
    return log_binomial(k, j, log_a, log_delta) + 1e-6 * (1 + k)


def _log_few_hits(terms: int, j: int, log_a: float, log_delta: float) -> float:
    """Return log2 of a bound on the probability of at most j successes in terms + 1 trials."""
    n = terms + 1
    return log_chance(n, max(n - j, 0), log_delta, log_a)
