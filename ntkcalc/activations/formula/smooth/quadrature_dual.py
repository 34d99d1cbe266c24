r"""The dual of a φ that is analytic in a strip, every digit proven.

Three routes, each of which carries the proof of its error; an estimate of their work chooses:

* a = 0: d_k = µ_k² and its tails, from Hermite coefficients by the trapezoidal rule (`trapezoid`);
* the Hermite series regrouped, with p_k(j) the chance of j hits in k trials of chance δ, and S_i, S'_i what is left of
  E[φ²] = Σ µ_k² and of E[φ'²] = Σ k µ_k² beyond k = i:

  .. math::  d_j = \sum_k µ_k² p_k(j), \qquad q_j = δ \sum_i S_i p_i(j), \qquad \dot q_j = δ \sum_i S'_{i+1} p_i(j),

  where k > K adds at most S_K max_{k>K} p_k(j) to d_j, and i ≥ K at most S_K times the chance of j hits or fewer in K
  trials to q_j; only the last q_j is summed so, those before it are q_{j−1} = q_j + d_j;
* local Hermite coefficients (`local_hermite`), for a near 1 and narrow strips.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from operator import mul
from typing import Any

import flint
from flint import arb, arb_poly, arb_series

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint
from ntkcalc.activations.fixed_series import FixedSeries
from ntkcalc.activations.formula.bounds.removable import without_removable_singularities
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    log2_lower,
    log2_upper,
    middles,
    power_of_two,
    relatively_accurate,
    series_length,
    to_ball,
    widened,
    working_precision,
)
from ntkcalc.activations.formula.expressions.plain_form import branch
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import Tree, in_order
from ntkcalc.activations.formula.smooth.expansion_at_one import DerivativesAtOne
from ntkcalc.activations.formula.smooth.local_hermite import LocalHermite
from ntkcalc.activations.formula.smooth.strip import Analytic, Parts, Strip
from ntkcalc.activations.formula.smooth.tails import Tails
from ntkcalc.activations.formula.smooth.trapezoid import Line
from ntkcalc.activations.formula.smooth.values_near_one import ValuesNearOne
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.mpfr_series import MpfrSeries
from ntkcalc.numerics.precision import (
    Real,
    context,
    log2,
    log_binomial,
    log_chance,
    mpfr_context,
)
from ntkcalc.numerics.work import announce

FLOOR = 4096
"""A coefficient below 2**−FLOOR of √E[φ²] counts as zero."""

_LN2 = math.log(2)
_SHARES_OF_FLOOR = (0.125, 0.4, 1.0)  # at which coefficients that may be 0 are looked at
_SUSPICIOUS = 256  # bits beyond those asked for of which none is left, before a whole part of φ is looked at
_MOST_TERMS = 1 << 19
_COMPOSITION = 1.2e-5  # seconds that one Hermite coefficient takes in a composition with a line
_SQUARES = 2e-5  # seconds that the sums of squares take for one Hermite coefficient
_MOST_LAYERS = 6  # that take new Hermite coefficients each; in depth, those known suffice
_LONGEST = 4000.0  # seconds of estimated work that are refused


class QuadratureDual:
    """The dual of a smooth φ.

    Parameters
    ----------
    line
        Sums over the real line of φ (`trapezoid.Line`).
    name
        φ as its user may know it.
    """

    degree: int | None = None
    most_bits = 8192

    def __init__(self, line: Any, name: str) -> None:
        self._line, self.name = line, name
        self._moments: list[tuple[float, list[Ball]]] = []
        self._fixed: dict[int, tuple[list[Ball], list[Ball], FixedSeries]] = {}
        self._below_floor: set[int] = set()
        self._seen_to_the_floor: set[int] = set()
        self._without_derivatives = 0.0  # seconds of expansions near 1 by the other routes

    # ---------------------------------------------------------------- totals and Hermite coefficients

    @property
    def polynomial_parts(self) -> tuple[int | None, int | None]:
        """The degrees of φ's even and odd part where they are polynomials, −1 for zero."""
        parts: tuple[int | None, int | None] = self._line.phi.polynomial_parts
        return parts

    @property
    def log_scale(self) -> float:
        """log2 of a bound on E[φ²]."""
        bounds: list[tuple[float, float]] = self._line.phi.value_bounds
        return max(bounds[-1][1], 0.0)

    def jumps(self) -> tuple[tuple[tuple[int, Any], ...], int | None]:
        """Return what `ntkcalc.activations.activation.Activation` calls jumps and roughness: none."""
        return (), None

    @property
    def parity(self) -> str | None:
        """Whether φ is even or odd."""
        return {1: "even", -1: "odd", 0: None}[self._parity_sign]

    @property
    def _parity_sign(self) -> int:
        """1 or −1 for an even or odd φ, else 0."""
        even, odd = self.polynomial_parts
        return 1 if odd == -1 else -1 if even == -1 else 0

    def vanishes(self, k: int) -> bool:
        """Return whether µ_k is zero: by the structure of φ, or below the floor."""
        degree = self.polynomial_parts[k % 2]
        return (degree is not None and k > degree) or k in self._below_floor

    def mean_square(self, bits: int) -> Real:
        """Return E[φ²]."""
        return self._total(bits, 0)

    def slope_square(self, bits: int) -> Real:
        """Return E[φ'²]."""
        return self._total(bits, 1)

    def _total(self, bits: int, order: int) -> Real:
        def rows(need: float) -> list[list[Ball]]:
            ball = self._line.square(order, need)
            if log2_upper(ball) < -FLOOR or (need > FLOOR + 256 and ball.contains(0)):
                raise _too_nearly_constant(self.name)
            return [[ball]]

        return next(relatively_accurate(rows, bits, bits + 8.0))[0]

    @cached_property
    def _log_norm(self) -> float:
        """log2 of √E[φ²]."""
        return log2(self.mean_square(16)) / 2

    def moments(self, degree: int, need: float) -> list[Ball]:
        """Return balls of µ_0 … µ_degree at least, radii below 2**-need; kept for the next demands."""
        for known, kept in self._moments:
            if known >= need and len(kept) > degree:
                return kept
        need = 32 * math.ceil((need + 8) / 32)
        degree += degree // 16 + 10  # which a series may take next
        announce(self._line.hermite_work(degree, need), _MOST_LAYERS)
        found: list[Ball] = self._line.hermite(degree, need)
        self._moments = [(need, found), *self._moments[:3]]
        return found

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree, each with relative error below 2**-bits; exact zeros as zeros."""

        def rows(need: float) -> list[list[Ball]]:
            found = self.moments(degree, need)
            missing = [k for k in range(degree + 1) if not self.vanishes(k)]
            if need >= _SUSPICIOUS + bits:
                self._find_zeros(found, missing)
            return [[arb(0) if self.vanishes(k) else found[k] for k in range(degree + 1)]]

        return next(relatively_accurate(rows, bits, bits + self._expected_loss(degree) - self._log_norm + 8))

    def _find_zeros(self, found: list[Ball], missing: list[int]) -> None:
        """Find out which coefficients are below the floor; all that may be 0 are looked at, once."""
        lost = [k for k in missing if found[k].contains(0) and k not in self._seen_to_the_floor]
        self._seen_to_the_floor.update(lost)
        for share in _SHARES_OF_FLOOR if lost else ():
            found = self.moments(lost[-1], 2 + share * FLOOR - self._log_norm)
            if not any(found[k].contains(0) for k in lost):
                return
        floor = self._log_norm - FLOOR
        self._below_floor |= {k for k in lost if log2_upper(found[k]) < floor}

    def _expected_loss(self, degree: int) -> float:
        """Return about how much smaller than the largest µ_degree is, in bits."""
        return -self._log_square(degree) / 2 if degree else 0.0

    def _log_square(self, k: int) -> float:
        """Return about log2 of µ_k²: at most E|φ(Z + ib)|²/E[|h_k(Z + ib)|²], for the best b, nearly."""
        bounds: list[tuple[float, float]] = self._line.phi.value_bounds
        return min(n - (2 * b * math.sqrt(k) - b * b / 2) / _LN2 for b, n in bounds)

    # ---------------------------------------------------------------- expansions

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> list[Real]:
        """See `ntkcalc.activations.dual.Dual.taylor`."""
        if not point.at(context(64))[0]:
            ctx = context(bits + 16)
            return [ctx.convert(m) ** 2 for m in self.hermite(degree, bits + 2)]
        return [*self.expansion(point, degree, bits).d[: degree + 1]]

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """See `ntkcalc.activations.dual.Dual.expansion`."""
        a, delta = point.at(context(64))
        if not a:
            return self._about_zero(degree, bits)
        terms, need = self._series_plan(point, degree, bits)
        local = self._local(point, degree, self._local_need(point, degree, bits))
        beside_one = self._at_one.terms(degree, log2(delta), bits)
        work = {
            "series": self._series_work(terms, need),
            "local": local.work(),
            "one": self._at_one.work(beside_one, bits + 24.0) if beside_one is not None else math.inf,
        }
        best = min(work, key=lambda route: work[route])
        if work[best] > _LONGEST:
            raise AccuracyError(
                f"{self.name}: its expansion at correlation {float(a):.6g} takes about {work[best] / 3600:.1f} hours; "
                "lower --depth, --truncation or --digits"
            )
        if best != "one" and beside_one is not None:
            self._without_derivatives += work[best]  # derivatives at 1 would have served all of these expansions
            best = "one" if self._without_derivatives > work["one"] else best
        if best == "one":
            return self._beside_one(point, degree, bits)
        return (
            self._locally(point, degree, bits) if best == "local" else self._regrouped(point, degree, bits, terms, need)
        )

    @cached_property
    def _at_one(self) -> DerivativesAtOne:
        return DerivativesAtOne(self._line)

    def _beside_one(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """Return the expansion from derivatives of D at 1."""
        log_delta = log2(point.at(context(64))[1])

        def rows(need: float) -> tuple[list[Ball], list[Ball], list[Ball]]:
            terms = self._at_one.terms(degree, log_delta, need)
            self._check_need(need if terms is not None else math.inf)
            assert terms is not None
            with working_precision(math.ceil(need) + 2 * terms + 64):
                delta = to_ball(point.at(context(math.ceil(need) + 64))[1])
                return self._at_one.expansion(delta, degree, terms, need)

        return Expansion(*relatively_accurate(rows, bits, bits + 24.0))

    def _about_zero(self, degree: int, bits: int) -> Expansion:
        """Return µ_k² and the tails of E[φ²] and E[φ'²], those below the floor as zeros."""
        ctx = context(bits + 32)
        d = [ctx.convert(m) ** 2 for m in self.hermite(degree + 1, bits + 8)]
        least = bits + 16.0 - 2 * self._log_norm + self._expected_loss(degree + 1) * 2
        floors = [log2(total) - 2 * FLOOR for total in (self.mean_square(16), self.slope_square(16))]

        def rows(need: float) -> list[list[Ball]]:
            self._check_need(need)
            _, rests, slope_rests = self._rests(degree + 2, need)
            return [
                [arb(0) if log2_upper(r) < floor else r for r in row]
                for floor, row in zip(floors, (rests[: degree + 1], slope_rests[1 : degree + 2]), strict=True)
            ]

        return Expansion(d, *relatively_accurate(rows, bits, least))

    def _rests(self, terms: int, need: float) -> tuple[list[Ball], list[Ball], list[Ball]]:
        """Return balls of µ_k², S_k and S'_k, k ≤ K = terms, from µ_k with radii 2**-need.

        S_K and S'_K are differences from E[φ²] and E[φ'²], or between 0 and their bounds, whichever is known better.
        The others are sums of them and of what comes before, with the relative accuracy of µ_k².
        """
        with working_precision(math.ceil(need) + 32):
            squares = [
                arb(0) if self.vanishes(k) else m * m for k, m in enumerate(self.moments(terms, need)[: terms + 1])
            ]
            rests = []
            for order, row in enumerate((squares, [k * c for k, c in enumerate(squares)])):
                last, log_bound = self._line.square(order, need) - sum(row, arb(0)), self._tails.beyond(terms, order)
                if log_bound < log2_upper(last.rad()):
                    last = arb(0).union(power_of_two(log_bound))
                rests.append([*accumulate(reversed(row[1:]), initial=last)][::-1])
        return squares, rests[0], rests[1]

    def _check_need(self, need: float) -> None:
        if need > 1 << 18:
            raise AccuracyError(f"coefficients of {self.name} are too small; lower --truncation or --digits")

    def _series_plan(self, point: ExpansionPoint, degree: int, bits: int) -> tuple[int, float]:
        """Return about how many terms and which radii of µ_k the regrouped series takes."""
        a, delta = point.at(context(64))
        log_a, log_delta = log2(a), log2(delta)

        def weight(k: int, j: int) -> float:
            return self._log_square(k) + log_binomial(k, j, log_a, log_delta)

        places = (0, degree // 2, degree + 1)
        sizes = {j: max(weight(k, j) for k in _ladder(max(j, 1))) for j in places}
        terms = 2 * degree + 16
        while terms < _MOST_TERMS and not all(
            weight(terms, j) + 16 + 2 * log2_float(terms) < sizes[j] - bits
            and weight(terms, j) >= weight(terms + terms // 4, j)
            for j in places
        ):
            terms += terms // 24 + 1
        small, extra = min(*sizes.values(), 0.0), 2 * log2_float(terms) + max(0.0, -log_delta)
        by_difference = terms, bits + 24 - small + extra
        while terms < _MOST_TERMS and self._tails.beyond(terms, 1) > small - bits - 8:
            terms += terms // 24 + 1
        by_bounds = terms, bits + 24 + (extra - small) / 2
        return min(by_difference, by_bounds, key=lambda plan: self._series_work(*plan))

    def _series_work(self, terms: int, need: float) -> float:
        """Return about the seconds that the regrouped series takes."""
        work: float = self._line.hermite_work(terms, need)
        return work + terms * (1 + need / 1000) * _COMPOSITION

    def _regrouped(self, point: ExpansionPoint, degree: int, bits: int, terms: int, need: float) -> Expansion:
        """Return the regrouped series, of more terms and bits until its errors are proven to be small enough.

        If all k of φ are about their mean κ, as a wave's are, d_j is (κδ)^j e^{−κδ}/j!, and what k > K adds is at most
        about (Kδ)^j a^{K−j}/j!.
        """
        logs, first = [log2(x) for x in point.at(context(64))], need
        steep = float(self.slope_square(16) / self.mean_square(16) * point.at(context(64))[1]) / _LN2  # κδ, in bits

        def rows(need: float) -> list[list[Ball]]:
            nonlocal terms
            if need - first > bits and steep > bits / 4:  # no digit is known yet of what all k are about their mean of
                fewest = math.ceil((steep + bits + 24) / -logs[0]) + degree + 2
                terms, need = max(terms, fewest), max(need, bits + 24 + steep / 2)
            self._check_need(need)
            while terms <= _MOST_TERMS:
                squares, *rests = self._rests(terms, need)
                with working_precision(math.ceil(bits + need - first) + 2 * terms.bit_length() + 64):
                    a, delta = (to_ball(x) for x in point.at(context(flint.ctx.prec)))
                    chances = [*_chances(a, delta, degree, terms)]
                    sums = _composed(squares, a, delta, degree + 2)
                    sums += [delta * sum(map(mul, row[degree + i : terms], chances)) for i, row in enumerate(rests)]
                    beyond = [log2_upper(row[terms]) for row in rests]
                    errors = [beyond[0] + log_largest_weight(terms, j, *logs) for j in range(degree + 2)]
                    errors += [b + log_few_hits(terms - 1 - i, degree, *logs) for i, b in enumerate(beyond)]
                    *d, last, slope_last = map(widened, sums, errors)
                    slopes = [(j + 1) * c / delta for j, c in enumerate(d[1:])]
                    tails = zip((d, slopes), (last, slope_last), strict=True)
                    found = [d, *([*accumulate(row[degree:0:-1], initial=q)][::-1] for row, q in tails)]
                unknown = any(c.contains(0) for c in sums)
                if unknown or all(e - log2_upper(c) + bits + 3 <= 0 for c, e in zip(sums, errors, strict=True)):
                    return found
                known = len(self.moments(terms, need)) - 1
                terms = known if known > terms else terms + terms // 4 + 8
            raise AccuracyError(
                f"{self.name}: an expansion at correlation {float(point.at(context(64))[0]):.6g} needs more than "
                f"{_MOST_TERMS} Hermite coefficients; lower --depth, --truncation or --digits"
            )

        return Expansion(*relatively_accurate(rows, bits, need))

    @cached_property
    def _tails(self) -> Tails:
        return Tails(self._line.phi.phi.bounds)

    def _local_need(self, point: ExpansionPoint, degree: int, bits: int) -> float:
        """Return about −log2 of the least of d_0 … d_{degree+1} with as many bits as asked for."""
        a, delta = point.at(context(64))
        log_a, log_delta, j = log2(a), log2(delta), degree + 2
        size = max(self._log_square(k) + log_binomial(k, j, log_a, log_delta) for k in _ladder(max(j, 1)))
        return max(bits + 24 - size, 16.0)

    def _local(self, point: ExpansionPoint, degree: int, need: float) -> LocalHermite:
        """Return local coefficients whose rules err by 2**-need."""
        return LocalHermite(self._line, point, degree + 1, need + 8)

    def is_no_constant(self) -> bool:
        """Return whether E[φ²] and E[φ'²] are plainly positive."""
        return all(log2_lower(self._line.square(order, 128.0 - self.log_scale)) > -math.inf for order in (0, 1))

    def _locally(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """Return d_j as means of squares, tails as differences from E[φ²] and E[φ'²]."""

        def rows(need: float) -> list[list[Ball]]:
            self._check_need(need)
            d = self._local(point, degree, need).coefficients()
            with working_precision(math.ceil(need) + 64):
                delta = to_ball(point.at(context(math.ceil(need) + 64))[1])
                return self._with_tails(d, delta, degree, need)

        return Expansion(*relatively_accurate(rows, bits, self._local_need(point, degree, bits)))

    def _with_tails(self, d: list[Ball], delta: Ball, degree: int, need: float) -> list[list[Ball]]:
        """Return d_j with both tails, differences from E[φ²] and E[φ'²], in the present precision."""
        slopes = [(j + 1) * c / delta for j, c in enumerate(d[1:])]
        rests = (
            accumulate(row, lambda left, c: left - c, initial=self._line.square(order, need))
            for order, row in enumerate((d, slopes))
        )
        return [d, *([*row][1 : degree + 2] for row in rests)]

    # ---------------------------------------------------------------- values

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.activations.dual.Dual.value`: the Hermite series, or what `ValuesNearOne` has."""
        size = t.at(context(64))[0]
        log_size = log2(abs(size)) if size else -math.inf
        bits = 32 * math.ceil(bits / 32)
        terms = self._terms_of_values(log_size, bits)
        ready = bits in self._fixed and len(self._fixed[bits][0]) > terms
        if terms > 256 and t.size.near_one and not ready:
            series = self._line.hermite_work(terms, bits + 40.0) + terms * _SQUARES if terms < _MOST_TERMS else math.inf
            if (found := self._near_one.value(t, bits, terms, series)) is not None:
                return found
        return self._series_value(t, bits, terms)

    @cached_property
    def _near_one(self) -> ValuesNearOne:
        return ValuesNearOne(self._line, self._at_one, min(2 * self._log_norm, log2(self.slope_square(16))))

    def _terms_of_values(self, log_size: float, bits: int) -> int:
        terms = 32
        while terms < _MOST_TERMS and self._log_square(terms) + 2 * log2_float(terms) + terms * log_size > -bits - 8:
            terms += terms // 2
        return terms

    def _series_value(self, t: Correlation, bits: int, terms: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t) from so many terms or more, until what is left is small enough."""
        size = t.at(context(64))[0]
        log_size = log2(abs(size)) if size else -math.inf
        while terms <= _MOST_TERMS:
            *rests, fixed = self._prepared(terms, bits)
            left, steeper = (
                log2_upper(row[terms]) - log2(total)
                for row, total in zip(rests, (self.mean_square(16), self.slope_square(16)), strict=True)
            )
            if max(left + (terms + 1) * log_size, steeper + terms * log_size) < -bits - 2:
                return fixed.at(t, terms)
            terms += terms // 2
        raise AccuracyError(
            f"{self.name}: its kernel at correlation {float(size):.6g} needs more than {_MOST_TERMS} Hermite "
            "coefficients; lower --digits, or keep away from 1 and -1"
        )

    def _prepared(self, terms: int, bits: int) -> tuple[list[Ball], list[Ball], FixedSeries]:
        """Return S_k, S'_k and the series in fixed point, of so many terms or more; the longest is kept."""
        known = self._fixed.get(bits)
        if known is None or len(known[0]) <= terms:
            need = bits + 2 * log2_float(terms) + 16 + max(0.0, -2 * self._log_norm)
            squares, rests, slope_rests = self._rests(terms, need)
            if len(self._fixed) > 8:
                self._fixed.clear()
            known = self._fixed[bits] = rests, slope_rests, FixedSeries.of(_in_mpfr(squares, need), bits)
        return known


def _composed(row: Sequence[Ball], a: Ball, delta: Ball, terms: int) -> list[Ball]:
    """Return the first coefficients of Σ c_k (a + δx)^k, by Horner's rule over blocks of k."""
    line = arb_poly([a, delta])
    with series_length(terms):
        total, step = arb_series([0]), arb_series((line**terms).coeffs()[:terms])
        for first in reversed(range(0, len(row), terms)):
            total = total * step + arb_series(arb_poly(row[first : first + terms])(line).coeffs())
    return [total[j] for j in range(terms)]


def _chances(a: Ball, delta: Ball, j: int, end: int) -> Iterator[Ball]:
    """Yield p_k(j) for j ≤ k < end."""
    chance = delta**j
    for k in range(j, end):
        yield chance
        chance = chance * a * (k + 1) / (k + 1 - j)


def _in_mpfr(balls: list[Ball], need: float) -> MpfrSeries:
    """Return the middles of balls that are known to 2**-need."""
    ctx = context(math.ceil(need) + 48)
    with mpfr_context(ctx.prec):
        return MpfrSeries(ctx, middles(balls))


def log2_float(x: float) -> float:
    """Return log2 of a number that is at least 1."""
    return math.log2(max(x, 1.0))


def log_largest_weight(terms: int, j: int, log_a: float, log_delta: float) -> float:
    """Return log2 of the largest of p_k(j) over k > terms, which rises up to about k = j/δ and falls from there."""
    if log_delta < -40:
        return 0.0
    k = max(terms + 1, math.floor(j * float(2.0**-log_delta)))
    return log_binomial(k, j, log_a, log_delta) + 1e-6 * (1 + k)


def log_few_hits(terms: int, j: int, log_a: float, log_delta: float) -> float:
    """Return log2 of a bound on the chance of j hits or fewer in terms + 1 trials: of many misses."""
    n = terms + 1
    return log_chance(n, max(n - j, 0), log_delta, log_a)


def _ladder(first: int) -> Sequence[int]:
    """Return numbers of terms from `first` on, each an eighth more than the last."""
    found = [first]
    while found[-1] < _MOST_TERMS:
        found.append(found[-1] + found[-1] // 8 + 1)
    return found


def quadrature_dual(tree: Tree, name: str, parts: Parts | None = None) -> QuadratureDual | None:
    """Return the dual of a plain tree, None where it has branches, is a polynomial or has no useful strip.

    The degrees of its parts that are polynomials may be known.
    """
    if any(branch(t) is not None for t in in_order(tree)) or polynomial(tree) is not None:
        return None
    try:
        analytic = Analytic.of(tree, parts=parts)
        if not analytic.suffices or None not in analytic.polynomial_parts:
            return None
        dual = QuadratureDual(Line(analytic), name)
        if dual.is_no_constant():
            return dual
    except AccuracyError:  # of a rule that is too long; the other route has its own refusals
        return None
    slope = Strip(without_removable_singularities(analytic.slope))
    if slope.log_bound(analytic.phi.bounds[-1][0]) < -FLOOR - 256:
        raise _too_nearly_constant(name)
    return None


def _too_nearly_constant(name: str) -> AccuracyError:
    """Return the refusal of a φ of which E[φ²] or E[φ'²] is below the floor."""
    return AccuracyError(
        f"{name} is too nearly a constant: what the normal law sees of it, or of its slope, is below 2^-{FLOOR}"
    )
