r"""The dual of a formula φ, from its pieces.

* Pieces that are polynomials: Hermite coefficients and dual of a spline (`ntkcalc.splines`), exact for all k and t.
* One smooth piece: quadrature on the line. The coefficients fall fast, and the Hermite series is short.
* Kinks: near the k where the asymptotic series of the jumps reaches the precision asked for, the coefficients of φ
  and those of the spline S with the same jumps become equal. Below it quadrature gives µ_k, beyond it S does, and

  .. math::  D(t) = D_S(t) + \sum_{k ≤ K} (µ_k(φ)² − µ_k(S)²) t^k

  holds up to ±1, where D's own series converges slowly. The two must agree where they meet.
* Kinks whose jumps grow too fast for that, as those of x/(1 + |x|): D next to ±1 is an integral over the plane.
* Kinks with powers such as |x|^{3/2} have no such spline: quadrature alone, for as many k as it reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING, Any

import gmpy2

from ntkcalc.duals import Correlation
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.faint import faintest
from ntkcalc.functions import DomainError, MpfrField, program
from ntkcalc.hermite_dual import FixedSeries, HermiteDual
from ntkcalc.integrand import Integrand, Shape
from ntkcalc.node_sums import TooNarrowError
from ntkcalc.pieces import Joint, Pieces
from ntkcalc.plane import correlated_means
from ntkcalc.precision import Context, Real, context, from_mpfr, log2, mpfr_context, to_mpfr
from ntkcalc.quadrature import Means, gaussian_means
from ntkcalc.splines import Spline
from ntkcalc.trees import Tree

if TYPE_CHECKING:
    from ntkcalc.scales import Cells

_MOST_TERMS = 1 << 17
_MOST_BY_QUADRATURE = 12_000
_MOST_LOST = 1 << 14  # bits by which a Hermite coefficient may be smaller than the largest
_LATEST_MEETING = 2500
_ZERO_BITS = 2048  # to which a part of φ must be a polynomial
_SEEN = 8.0  # |x| up to which what is narrow must not be overlooked
_USUAL = (20, 208)  # degree and bits of a quadrature that serves most of what few terms and digits need
_MOST_FAINT = 4096  # bits of values that tell a polynomial
_FEW_ORDERS = 24  # of derivatives among which one that jumps is looked for
_LOW_DEGREE = 12  # of polynomials that a part of a φ which is none may be


def formula_dual(phi: Pieces) -> FormulaDual:
    """Return the dual of φ.

    Raises
    ------
    InputError
        For a constant in disguise, such as x/x.
    """
    kind = SplineDual if phi.polynomials is not None else KinkedDual if phi.kinked else FormulaDual
    dual = kind(phi)
    even, odd = dual.polynomial_parts
    if even is not None and odd is not None:
        if max(even, odd) < 1:
            raise InputError(f"{phi.text} is constant: a network of it computes nothing")
        dual.degree = max(even, odd)
    return dual


class FormulaDual(HermiteDual):
    """The dual of a smooth φ, and what all have in common.

    Parameters
    ----------
    phi
        The pieces of φ.
    """

    def __init__(self, phi: Pieces) -> None:
        self.phi, self.name = phi, phi.text
        self.degree: int | None = None
        self._means: list[Means] = []
        self._refused: dict[tuple[int, int, int], AccuracyError] = {}

    def moments(self, degree: int, bits: int, asked: int | None = None) -> list[Real]:
        """See `HermiteDual.moments`."""
        means = self._quadrature(degree, bits, bits if asked is None else asked)
        ctx = context(bits + 32)
        return [ctx.ldexp(m, means.scale) for m in means.moments[: degree + 1]]

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]."""
        return self._quadrature(0, bits, bits).square

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return E[φ'²]."""
        return self._quadrature(0, bits, bits).slope

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.duals.Dual.value`."""
        if t.sign < 0 and t.size.near_one and not t.size.smaller and self._one_sided:
            return context(bits).zero, context(bits).zero  # E[φ(Z)φ(−Z)] and E[φ'(Z)φ'(−Z)]
        return self._value(t, bits)

    @cached_property
    def faint(self) -> float:
        """See `HermiteDual.faint`."""
        return self._faintest[1]

    @cached_property
    def _faintest(self) -> tuple[float, float]:
        return faintest(self.phi, self._narrow)

    @cached_property
    def _narrow(self) -> list[float]:
        """Where φ varies fast."""
        return self._cells(_SEEN, _ZERO_BITS, 0).places()

    @property
    def most_terms(self) -> int:
        """See `HermiteDual.most_terms`."""
        return _MOST_BY_QUADRATURE

    def most_lost(self, degree: int) -> int:
        """See `HermiteDual.most_lost`; quadrature pays for every bit."""
        return min(2048 + 16 * degree, _MOST_LOST)

    def _value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t) where they are not plainly zero."""
        return self._series(t, bits, self.most_terms)

    @cached_property
    def _one_sided(self) -> bool:
        """Whether φ(x) or φ(−x) is zero for every x, as for relu."""
        ctx = context(64)
        run = self.phi.evaluator(ctx)
        places = _test_points(self.phi, ctx, 0)
        return not any(run(x)[0] * run(-x)[0] for row in places for x in row)

    def vanishes(self, k: int) -> bool:
        """See `HermiteDual.vanishes`."""
        degree = self.polynomial_parts[k % 2]
        return degree is not None and k > degree

    @cached_property
    def polynomial_parts(self) -> tuple[int | None, int | None]:
        """The degrees of φ's even and odd part where they are polynomials, −1 for zero."""
        rough = self._parts(_ZERO_BITS // 8)
        if rough == (None, None):
            return rough
        if self._faintest[0] > _MOST_FAINT:
            raise self._too_faint()
        return self._parts(_ZERO_BITS + 2 * math.ceil(self._faintest[0]))

    def _parts(self, bits: int) -> tuple[int | None, int | None]:
        """Return the degrees that values to so many bits tell."""
        ctx = context(bits + self.phi.guard)
        run = self.phi.evaluator(ctx)
        places = [*_test_points(self.phi, ctx, self._trial_degree), [ctx.mpf(abs(x)) for x in self._narrow if x]]
        pairs = [[(x, run(x)[0], run(-x)[0]) for x in row] for row in places]
        even, odd = ([[(x, a + sign * b) for x, a, b in row] for row in pairs] for sign in (1, -1))
        odd = [[(x, f / x) for x, f in row] for row in odd]  # a polynomial in x², as the even part is
        size = sum(max(abs(f) for row in part for _, f in row) for part in (even, odd))
        least = ctx.ldexp(size, -bits // 2)
        parts = [_degree_in_square(row, least) for row in (even, odd)]
        return parts[0], parts[1] + 1 if parts[1] is not None and parts[1] >= 0 else parts[1]

    @property
    def _trial_degree(self) -> int:
        return _LOW_DEGREE

    @property
    def parity(self) -> str | None:
        """Whether φ is even or odd."""
        even, odd = self.polynomial_parts
        return "even" if odd == -1 else "odd" if even == -1 else None

    def jumps(self) -> tuple[tuple[tuple[int, Callable[[Context], Real]], ...], int | None]:
        """Return what `ntkcalc.activations.Activation` calls jumps and roughness."""
        if self._shape is Shape.SMOOTH or self._shape is Shape.SINGULAR:
            return (), None
        ctx, orders = context(256), []
        for joint in self.phi.kinked:
            found = self.phi.jumps(joint, _FEW_ORDERS, ctx)
            orders.append([m for m, j in enumerate(found) if abs(j) > ctx.ldexp(1, -128)])
        if [joint.exact for joint in self.phi.kinked] != [Fraction(0)]:
            return (), min((order for known in orders for order in known), default=None)
        least = [next((m for m in orders[0] if m % 2 == parity), None) for parity in (0, 1)]
        return tuple((m, self._jump(m)) for m in sorted(m for m in least if m is not None)), None

    def _jump(self, order: int) -> Callable[[Context], Real]:
        """Return the jump of a derivative at the only kink, from a context."""
        return lambda ctx: self.phi.jumps(self.phi.kinked[0], order, ctx)[order]

    @cached_property
    def _shape(self) -> Shape:
        """What quadrature has to expect."""
        if not self.phi.kinked:
            return Shape.SMOOTH
        try:
            for joint in self.phi.kinked:
                self.phi.jumps(joint, 2, context(64))
        except (DomainError, ZeroDivisionError):
            return Shape.SINGULAR
        return Shape.KINKED

    def _quadrature(self, degree: int, bits: int, asked: int) -> Means:
        """Return quadratures to at least this degree and so many bits, kept for the next few demands."""
        known = next((m for m in self._means if m.bits >= bits and len(m.moments) > degree), None)
        if known is None:
            least = degree + degree // 16 + 8, 64 * (bits // 64 + 1) + 16
            roomy = max(least[0], _USUAL[0]), max(least[1], _USUAL[1])
            requests = [roomy, least] if roomy[1] == _USUAL[1] else [least]
            known = self._obtained([(*request, min(asked, request[1])) for request in requests])
            self._means = [known, *self._means[:3]]
        return known

    def _obtained(self, requests: list[tuple[int, int, int]]) -> Means:
        """Return the first of some quadratures that is not refused; refusals are kept."""
        for request in requests:
            if not self._refusals(*request):
                try:
                    return self._computed(*request)
                except AccuracyError as error:
                    least = (0, 0, 1 << 30) if isinstance(error, TooNarrowError) else request
                    self._refused[least] = error.with_traceback(None)
        raise self._refusals(*requests[-1])[-1]

    def _refusals(self, degree: int, bits: int, asked: int) -> list[AccuracyError]:
        """Return what was said of requests that asked for no more, with no less to spend."""
        return [e for (d, b, most), e in self._refused.items() if d <= degree and b <= bits and most >= asked]

    @cached_property
    def _cells(self) -> Callable[[float, int, int], Cells]:
        """The cells of φ, kept for the next demands."""
        from ntkcalc.scales import cells  # loads numpy, which splines of lines do without

        return lru_cache(maxsize=4)(partial(cells, self.phi))

    def _computed(self, degree: int, bits: int, asked: int) -> Means:
        """Cut at kinks only, or where that does not do, at all joints."""
        whole = self.integrand
        try:
            return gaussian_means(whole, degree, bits, asked)
        except AccuracyError as error:
            if len(self.phi.kinked) == len(self.phi.joints) or isinstance(error, TooNarrowError):
                raise
            return gaussian_means(
                replace(whole, shape=Shape.SINGULAR, kinks=_ends(self.phi.joints)), degree, bits, asked
            )

    @cached_property
    def integrand(self) -> Integrand:
        """φ, as quadrature sees it."""
        phi = self.phi
        operations = math.ceil(phi.operations * (1 + phi.guard / 500))
        return Integrand(phi.mpfr_evaluator, operations, self._shape, _ends(phi.kinked), self._cells, self.name)


def _ends(joints: list[Joint]) -> Callable[[Context], list[Real]]:
    """Return the distances of joints from 0, from a context."""

    def ends(ctx: Context) -> list[Real]:
        found: list[Real] = []
        for x in sorted(abs(joint.at(ctx)) for joint in joints):
            if not found or x - found[-1] > ctx.ldexp(1 + x, 16 - ctx.prec):
                found.append(x)
        return found

    return ends


def _test_points(phi: Pieces, ctx: Context, degree: int) -> list[list[Real]]:
    """Return points in every interval of |x| between joints, enough to tell a polynomial of some degree."""
    ends = [ctx.zero, *[x for x in _ends(phi.joints)(ctx) if x]]
    count = degree // 2 + 4
    return [
        [a + (b - a) * (2 * i + 1) / (2 * count + 1) for i in range(count)] for a, b in pairwise([*ends, ends[-1] + 3])
    ]


def _degree_in_square(rows: list[list[tuple[Real, Real]]], least: Real) -> int | None:
    """Return the degree in x of the polynomial in x² through all points, None where there is none."""
    (first, *_), ctx = rows, rows[0][0][0].context
    nodes = [x * x for x, _ in first]
    newton = [f for _, f in first]
    for level in range(1, len(newton)):
        for i in range(len(newton) - 1, level - 1, -1):
            newton[i] = (newton[i] - newton[i - 1]) / (nodes[i] - nodes[i - level])
    while newton and abs(newton[-1]) <= least:
        newton.pop()
    if len(newton) > len(nodes) - 3:
        return None

    def at(x: Real) -> Real:
        total = ctx.zero
        for c, node in zip(reversed(newton), reversed(nodes[: len(newton)]), strict=True):
            total = total * (x * x - node) + c
        return total

    if not all(abs(at(x) - f) <= least for row in rows for x, f in row):
        return None
    return 2 * len(newton) - 2 if newton else -1


def _is_short(t: Correlation, bits: int, terms: int) -> bool:
    """Return whether so many terms of the Hermite series at t are enough even where its coefficients fall slowly."""
    size = t.at(context(64))[0]
    return not size or -log2(abs(size)) * terms > bits + 64


_MOST_GUARD = 2048  # bits of cancellation between the pieces of a piecewise polynomial
_SHORT = 8192  # terms of a series that are summed faster than the dual of a spline is integrated
_FEW_TERMS = 1024  # of a series, found and summed faster than any integral is computed


@dataclass(frozen=True, eq=False)
class _Meeting:
    """A spline with φ's jumps, and the degree from which on its Hermite coefficients are φ's, to so many bits."""

    bits: int
    degree: int
    spline: Spline


class SplineDual(FormulaDual):
    """The dual of a piecewise polynomial."""

    slow = True

    def __init__(self, phi: Pieces) -> None:
        super().__init__(phi)
        self._spline: Spline | None = None
        self._moments: tuple[int, list[Real]] = (0, [])
        self._evaluated: tuple[int, list[list[Any]]] = (0, [])

    @property
    def most_terms(self) -> int:
        """See `HermiteDual.most_terms`."""
        return _MOST_TERMS

    def most_lost(self, degree: int) -> int:
        """See `HermiteDual.most_lost`."""
        return _MOST_LOST

    @property
    def _narrow(self) -> list[float]:
        """See `FormulaDual`: none."""
        return []

    @property
    def _rows(self) -> list[list[Tree]]:
        assert self.phi.polynomials is not None
        return self.phi.polynomials

    @property
    def _trial_degree(self) -> int:
        return max(map(len, self._rows)) + 1

    def spline(self, bits: int) -> Spline:
        """Return φ in a precision that leaves so many bits."""
        if self._spline is None or self._spline.ctx.prec < bits + self._guard:
            ctx = context(64 * (bits // 64 + 1) + self._guard)
            self._spline = _with_jumps(self.phi, self._first(ctx), max(map(len, self._rows)) - 1, ctx)
        return self._spline

    @cached_property
    def _guard(self) -> int:
        """Bits that cancellation between the pieces may take."""
        ctx = context(256)
        spline = _with_jumps(self.phi, self._first(ctx), max(map(len, self._rows)) - 1, ctx)
        return 96 + max(0, math.ceil(2 * spline.log_size() - log2(self._squared_mean(64, 0))))

    def _first(self, ctx: Context) -> list[Real]:
        """Return the coefficients of the first piece."""
        return [from_mpfr(ctx, c) for c in self._coefficients(ctx.prec)[0]]

    def _coefficients(self, bits: int) -> list[list[Any]]:
        """Return the coefficients of all pieces to so many bits or more; kept."""
        if self._evaluated[0] < bits:
            with mpfr_context(bits):
                self._evaluated = bits, [program(row, MpfrField())(gmpy2.mpfr(0)) for row in self._rows]
        return self._evaluated[1]

    def moments(self, degree: int, bits: int, asked: int | None = None) -> list[Real]:
        """See `HermiteDual.moments`."""
        known, series = self._moments
        if known < bits or len(series) <= degree:
            spline = self.spline(bits + 2 * degree.bit_length())
            self._moments = bits, spline.hermite(max(degree, min(len(series), 2 * degree)))
        return self._moments[1][: degree + 1]

    def _value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Take the series, or where that is long the integral."""
        if self.degree is not None or _is_short(t, bits, _SHORT):
            return self._series(t, bits, self.most_terms)
        ctx = t.context(bits + 16)
        spline = self.spline(ctx.prec)
        x, gap = t.at(spline.ctx)
        return spline.dual(x, spline.ctx.sqrt(gap), bits + self._guard // 2)

    def vanishes(self, k: int) -> bool:
        """See `HermiteDual.vanishes`; exactly where φ is a polynomial with rational coefficients."""
        known = self._exact_moments
        return super().vanishes(k) if known is None else k >= len(known) or not known[k]

    @cached_property
    def _exact_moments(self) -> list[Any] | None:
        """E[φ He_k] = Σ c_n n!/(((n − k)/2)! 2^{(n − k)/2}), over a common denominator."""
        rows = self._exact_rows
        if rows is None or len(rows[0]) > 1:
            return None
        row, factorial = rows[0][0], [gmpy2.fac(n) for n in range(len(rows[0][0]))]
        doubled = [factorial[i] << i for i in range(len(row) // 2 + 1)]
        return [
            sum(c * (factorial[n] // doubled[(n - k) // 2]) for n, c in enumerate(row[k:], k) if (n - k) % 2 == 0)
            for k in range(len(row))
        ]

    @cached_property
    def _exact_rows(self) -> tuple[list[list[Any]], Any] | None:
        """The coefficients of all pieces where they are rational, as integers over a common denominator."""
        rows = [[c.number for c in row] for row in self._rows]
        known = [[c for c in row if c is not None] for row in rows]
        if known != rows:
            return None
        common = math.lcm(*(c.denominator for row in known for c in row))
        return [[gmpy2.mpz(c.numerator * (common // c.denominator)) for c in row] for row in known], common

    @cached_property
    def polynomial_parts(self) -> tuple[int | None, int | None]:
        """See `FormulaDual.polynomial_parts`."""
        rows = self._exact_rows
        if rows is None or len(rows[0]) > 1:
            return super().polynomial_parts
        even, odd = (max((n for n, c in enumerate(rows[0][0]) if c and n % 2 == i), default=-1) for i in (0, 1))
        return even, odd

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]; a fraction where it is rational."""
        return self._at_one(bits, 0)

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return E[φ'²]."""
        return self._at_one(bits, 1)

    def _at_one(self, bits: int, order: int) -> Real | Fraction:
        if self._rational[order] is not None:
            return self._rational[order]
        bits = 64 * (bits // 64 + 1)
        if (bits, order) not in self._squares:
            self._squares[bits, order] = self._squared_mean(bits, order)
        return self._squares[bits, order]

    @cached_property
    def _rational(self) -> list[Fraction | None]:
        """E[φ²] and E[φ'²] where they are plainly rational."""
        if self._exact_rows is None or any(joint.exact != 0 for joint in self.phi.joints):
            return [None, None]
        rows, common = self._exact_rows
        return [_rational_square([_derived(row, order) for row in rows], common) for order in (0, 1)]

    def _squared_mean(self, bits: int, order: int) -> Real:
        """Return E[φ²] or E[φ'²]: the squares of the pieces are another spline."""
        wide = bits + 64
        while True:
            square = self._square(wide, order)
            mean, size = square.mean()
            lost = size - log2(abs(mean)) if mean else math.inf
            if lost < wide - bits - 32:
                return mean
            if wide > bits + _MOST_GUARD:
                raise AccuracyError(
                    f"the kinks of {self.name} lie too far out: what the normal law sees of them is all but zero"
                )
            wide = bits + 64 + (math.ceil(lost) if lost < wide - 32 else 2 * wide)

    def _square(self, bits: int, order: int) -> Spline:
        """Return φ² or φ'², which may jump."""
        ctx = context(bits)
        with mpfr_context(ctx.prec):
            pieces = [_squared(_derived(row, order)) for row in self._coefficients(ctx.prec)]
            knots = []
            for joint, (left, right) in zip(self.phi.joints, pairwise(pieces), strict=True):
                x = joint.at(ctx)
                sides = [_moved(row, to_mpfr(x)) for row in (left, right)]
                jumps = [after - before for before, after in zip_longest(*sides, fillvalue=0)]
                knots.append((x, [from_mpfr(ctx, jump) * math.factorial(n) for n, jump in enumerate(jumps)]))
            return Spline(ctx, [from_mpfr(ctx, c) for c in pieces[0]], knots)

    @cached_property
    def _squares(self) -> dict[tuple[int, int], Real]:
        return {}


def _derived(row: Sequence[Any], order: int) -> list[Any]:
    """Return the coefficients of φ, or of φ'."""
    return [n * c for n, c in enumerate(row)][1:] if order else list(row)


def _moved(row: Sequence[Any], x: Any) -> list[Any]:
    """Return the coefficients of p(x + t) in t: Horner's rule, again and again."""
    found = list(row)
    for i in range(len(found)):
        for n in range(len(found) - 2, i - 1, -1):
            found[n] += x * found[n + 1]
    return found


def _squared(row: Sequence[Any]) -> list[Any]:
    """Return the coefficients of the square."""
    found = []
    for n in range(max(2 * len(row) - 1, 0)):
        first = max(0, n - len(row) + 1)
        twice = 2 * sum(row[i] * row[n - i] for i in range(first, (n + 1) // 2))
        found.append(twice + row[n // 2] ** 2 if n % 2 == 0 else twice)
    return found


def _with_jumps(phi: Pieces, polynomial: list[Real], order: int, ctx: Context) -> Spline:
    """Return the spline that starts with a polynomial and has φ's jumps up to an order."""
    knots = [(joint.at(ctx), [ctx.zero, *phi.jumps(joint, order, ctx)[1:]]) for joint in phi.kinked]
    return Spline(ctx, polynomial, knots)


def _rational_square(rows: list[list[Any]], common: int) -> Fraction | None:
    """Return E[φ²] of one polynomial, or of two that meet at 0, over a common denominator, where that is rational."""
    total, lopsided = gmpy2.mpz(0), [gmpy2.mpz(0)] * (2 * max(map(len, rows)))
    for sign, row in zip((-1, 1) if len(rows) == 2 else (0,), rows, strict=True):
        for n, c in enumerate(_squared(row)):
            if n % 2:
                lopsided[n] += sign * c
            else:
                total += c * (gmpy2.double_fac(n - 1) if n else 1)
    return None if any(lopsided) else Fraction(int(total), len(rows) * common**2)


class KinkedDual(FormulaDual):
    """The dual of a φ with kinks whose pieces are no polynomials."""

    slow = True

    def __init__(self, phi: Pieces) -> None:
        super().__init__(phi)
        self._meetings: dict[int, _Meeting | None] = {}
        self._corrections: dict[_Meeting, FixedSeries] = {}

    @property
    def most_terms(self) -> int:
        """Where splines take over, any number."""
        return _MOST_TERMS if self._meeting(64) else _MOST_BY_QUADRATURE

    def moments(self, degree: int, bits: int, asked: int | None = None) -> list[Real]:
        """See `HermiteDual.moments`."""
        if degree <= 512 or (meeting := self._meeting(bits)) is None or degree <= meeting.degree:
            return super().moments(degree, bits, asked)
        low = super().moments(meeting.degree, bits, asked)
        return [*low, *meeting.spline.hermite(degree)[meeting.degree + 1 :]]

    def _value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See the head of this room."""
        if _is_short(t, bits, _FEW_TERMS):
            return self._series(t, bits, _MOST_BY_QUADRATURE)
        meeting = None if _is_short(t, bits, _SHORT) else self._meeting(bits + 16)
        if meeting is None:
            return self._over_plane(t, bits) if self._shape is Shape.KINKED else super()._value(t, bits)
        spline, ctx = meeting.spline, t.context(meeting.spline.ctx.prec)
        x, gap = t.at(ctx)
        value, slope = spline.dual(spline.ctx.convert(x), spline.ctx.sqrt(gap), spline.ctx.prec - 48)
        more, steeper = self._correction(meeting).at(t)
        return value + more, slope + steeper

    def _over_plane(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t) by integration in two dimensions."""
        ctx = context(bits + 64)
        sizes = log2(ctx.convert(self.mean_square(64))), log2(ctx.convert(self.slope_square(64)))
        return correlated_means(self.integrand, [joint.at(ctx) for joint in self.phi.kinked], t, sizes, bits)

    def _correction(self, meeting: _Meeting) -> FixedSeries:
        """Return Σ (µ_k(φ)² − µ_k(S)²) t^k."""
        if meeting not in self._corrections:
            ctx, k = meeting.spline.ctx, meeting.degree
            pairs = zip(super().moments(k, meeting.bits), meeting.spline.hermite(k), strict=True)
            self._corrections[meeting] = FixedSeries.of([ctx.convert(a) ** 2 - b * b for a, b in pairs], ctx.prec - 32)
        return self._corrections[meeting]

    def _meeting(self, bits: int) -> _Meeting | None:
        """Return the spline for so many bits, None where there is none."""
        bits = 64 * (bits // 64 + 1)
        if bits not in self._meetings:
            self._meetings[bits] = self._met(bits)
        return self._meetings[bits]

    def _met(self, bits: int) -> _Meeting | None:
        """Find where the smallest term of the jumps' series is small enough, and check it there."""
        scale = self._quadrature(0, 64, 64).scale
        try:
            rough = _with_jumps(self.phi, [context(128).zero], 16 + min(bits, 600) // 3, context(128))
        except (DomainError, ZeroDivisionError):
            return None
        found = _smallest(rough, bits + 8 - scale)
        if found is None:
            return None
        degree, order = found
        guard = 64 + max(0, math.ceil(2 * (rough.log_size() - scale)))
        ctx = context(bits + guard)
        spline = _with_jumps(self.phi, [ctx.zero], order, ctx)
        while degree < _LATEST_MEETING:
            last = degree + 4
            try:
                ours, theirs = super().moments(last, bits), spline.hermite(last)
            except AccuracyError:
                return None
            least = ctx.ldexp(1, scale - bits + 2)
            if all(abs(a - b) < least for a, b in zip(ours[degree:], theirs[degree:], strict=True)):
                return _Meeting(bits, degree, spline)
            degree += degree // 2
        return None


def _smallest(spline: Spline, bits: int) -> tuple[int, int] | None:
    """Return the least degree, and the order, at which a term of the jumps' series is below 2**-bits."""
    sizes = []
    for i in range(1, spline.order + 1):
        parts = [log2(abs(j[i])) - float(b) ** 2 / 4 * math.log2(math.e) for b, j in spline.knots if j[i]]
        sizes.append(max(parts, default=-math.inf) + 1)
    degree = spline.order + 2
    while degree < _LATEST_MEETING:
        # a vanishing jump says nothing of what comes later: two terms that follow each other must be small
        terms = [s - i / 2 * math.log2(degree - i) for i, s in enumerate(sizes, 2)]
        for i, pair in enumerate(pairwise(terms), 1):
            if max(pair) < -bits:
                return degree, i + 1
        degree += degree // 8 + 1
    return None
