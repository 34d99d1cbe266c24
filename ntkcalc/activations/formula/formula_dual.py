"""The dual of a smooth formula φ by quadrature on the line, and what the duals of all formulas have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cached_property, lru_cache, partial
from itertools import accumulate, chain, pairwise, repeat
from typing import TYPE_CHECKING, Any

import gmpy2
from gmpy2 import mpfr

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint
from ntkcalc.activations.formula.faint import Faintness, faintness
from ntkcalc.activations.formula.functions import DomainError
from ntkcalc.activations.formula.integrand import Integrand, Shape
from ntkcalc.activations.formula.joints import Joint
from ntkcalc.activations.formula.near_one import coefficients_near_one, value_near_one
from ntkcalc.activations.formula.node_sums import TooNarrowError
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.quadrature import Means, gaussian_means
from ntkcalc.activations.hermite_dual import HermiteDual
from ntkcalc.activations.work_budget import WorkBudget, work_budget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Context, Real, context, log2, mpfr_context, real, to_mpfr

if TYPE_CHECKING:
    from ntkcalc.activations.formula.scales import Cells

MOST_TERMS = 1 << 17
MOST_BY_QUADRATURE = 12_000
MOST_LOST = 1 << 14  # bits by which a Hermite coefficient may be smaller than the largest
_ZERO_BITS = 2048  # to which a part of φ must be a polynomial
_SEEN = 16.0  # |x| up to which what is narrow must not be overlooked
_USUAL = (20, 208)  # degree and bits of a quadrature that serves most of what few terms and digits need
_MOST_FAINT = 4096
_FEW_TERMS = 1024  # of a series, tried before means of squares
_FIRST_ORDERS, _FEW_ORDERS = 2, 24  # of derivatives among which one that jumps is looked for
_CHECKS = 4  # values that a polynomial must have beyond those that determine it, on every interval
_LOW_DEGREE = 12  # of polynomials that a part of a φ which is none may be
SHORT = 8192
"""Terms of a series that are summed faster than the dual of a spline is integrated."""


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
        self._refused: dict[tuple[int, int, float], AccuracyError] = {}

    def moments(self, degree: int, bits: int, budget: WorkBudget | None = None) -> list[Real]:
        """See `HermiteDual.moments`."""
        means = self._quadrature(degree, bits, budget)
        ctx = context(bits + 32)
        return [ctx.ldexp(m, means.scale) for m in means.moments[: degree + 1]]

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return E[φ²]."""
        return self._quadrature(0, bits).square

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return E[φ'²]."""
        return self._quadrature(0, bits).slope

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `ntkcalc.activations.dual.Dual.value`."""
        if t.sign < 0 and t.size.near_one and not t.size.smaller and self._one_sided:
            return context(bits).zero, context(bits).zero  # E[φ(Z)φ(−Z)] and E[φ'(Z)φ'(−Z)]
        return self._value(t, bits)

    @cached_property
    def faint(self) -> Faintness:
        """See `HermiteDual.faint`."""
        return faintness(self.phi, self._narrow)

    @cached_property
    def _narrow(self) -> list[float]:
        """Where φ varies fast."""
        return self._cells(_SEEN, _ZERO_BITS, 0).places()

    @property
    def most_terms(self) -> int:
        """See `HermiteDual.most_terms`."""
        return MOST_BY_QUADRATURE

    def most_lost(self, degree: int) -> int:
        """See `HermiteDual.most_lost`; quadrature pays for every bit."""
        return min(2048 + 16 * degree, MOST_LOST)

    def _value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t) where they are not plainly zero."""
        if self._shape is Shape.SMOOTH and t.size.near_one and t.size.smaller:
            with suppress(AccuracyError):
                return self._series(t, bits, _FEW_TERMS)
            with suppress(AccuracyError):
                return value_near_one(self.integrand, t, bits, work_budget(bits + 64))
        return self._series(t, bits, self.most_terms)

    @cached_property
    def _one_sided(self) -> bool:
        """Whether φ(x) or φ(−x) is zero for every x, as for relu."""
        ctx = context(64)
        run = self.phi.evaluator(ctx)
        places = _test_points(self.phi, ctx, 0)
        return not any(run(x)[0] * run(-x)[0] for row in places for x in row)

    def _near_one(
        self, point: ExpansionPoint, degree: int, bits: int, tails: bool, budget: WorkBudget
    ) -> Expansion | None:
        """See `HermiteDual._near_one`: d_j as means, tails as differences from E[φ²] and E[φ'²], with bits to spare."""
        if self._shape is not Shape.SMOOTH or not point.near_one:
            return None
        try:
            d = coefficients_near_one(self.integrand, point, degree + 3, bits + 8 + degree.bit_length(), budget)
            wide = bits + 16 + max(0, math.ceil(log2(d[0]) - log2(d[-1])))
            totals = self.mean_square(wide), self.slope_square(wide)
        except AccuracyError:
            return None
        ctx = d[0].context
        delta = point.at(ctx)[1]
        total, steepness = (real(ctx, x) if isinstance(x, Fraction) else ctx.convert(x) for x in totals)
        rest = [total - part for part in accumulate(d[: degree + 1])]
        slope_rest = [
            steepness - part for part in accumulate((i + 1) * c / delta for i, c in enumerate(d[1 : degree + 2]))
        ]
        beyond = sum(d[degree + 1 :]), sum(i * c / delta for i, c in enumerate(d) if i > degree + 1)
        if not all(left >= seen for left, seen in zip((rest[-1], slope_rest[-1]), beyond, strict=True)):
            return None  # some of φ was not seen
        return Expansion(d[: degree + 2], rest, slope_rest) if tails else Expansion(d[: degree + 2], [], [])

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
        if self.faint.near > self._most_faint:
            raise self._too_faint(self.faint.near)
        return self._parts(_ZERO_BITS + 2 * math.ceil(self.faint.near))

    def _parts(self, bits: int) -> tuple[int | None, int | None]:
        """Return the degrees that values to so many bits tell."""
        rows, narrow = _test_points(self.phi, context(bits), self._trial_degree), [abs(x) for x in self._narrow if x]
        with mpfr_context(bits):
            run = self.phi.mpfr_evaluator(bits)
            places = [*[[to_mpfr(x) for x in row] for row in rows], [mpfr(x) for x in narrow]]
            pairs = [[(x, run(x)[0], run(-x)[0]) for x in row] for row in places]
            even, odd = ([[(x, a + sign * b) for x, a, b in row] for row in pairs] for sign in (1, -1))
            odd = [[(x, f / x) for x, f in row] for row in odd]  # a polynomial in x², as the even part is
            least = sum(max(abs(f) for row in part for _, f in row) for part in (even, odd)) * gmpy2.exp2(-bits // 2)
            parts = [_degree_in_square(row, least) for row in (even, odd)]
        return parts[0], parts[1] + 1 if parts[1] is not None and parts[1] >= 0 else parts[1]

    @property
    def _most_faint(self) -> int:
        """By how many bits a part of φ may be smaller than the rest, where values must tell φ from a polynomial."""
        return _MOST_FAINT

    @property
    def _trial_degree(self) -> int:
        return _LOW_DEGREE

    @property
    def parity(self) -> str | None:
        """Whether φ is even or odd."""
        even, odd = self.polynomial_parts
        return "even" if odd == -1 else "odd" if even == -1 else None

    def jumps(self) -> tuple[tuple[tuple[int, Callable[[Context], Real]], ...], int | None]:
        """Return what `ntkcalc.activations.activation.Activation` calls jumps and roughness."""
        if self._shape is Shape.SMOOTH or self._shape is Shape.SINGULAR:
            return (), None
        if [joint.exact for joint in self.phi.kinked] != [Fraction(0)]:
            return (), min(self._jumping(_FIRST_ORDERS) or self._jumping(_FEW_ORDERS), default=None)
        found = self._jumping(_FEW_ORDERS)
        least = [min((m for m in found if m % 2 == parity), default=None) for parity in (0, 1)]
        return tuple((m, self._jump(m)) for m in sorted(m for m in least if m is not None)), None

    def _jumping(self, most: int) -> list[int]:
        """Return the orders, up to some, of derivatives that jump at kinks."""
        ctx = context(256)
        rows = [self.phi.jumps(joint, most, ctx) for joint in self.phi.kinked]
        return [m for row in rows for m, jump in enumerate(row) if abs(jump) > ctx.ldexp(1, -128)]

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

    def _quadrature(self, degree: int, bits: int, budget: WorkBudget | None = None) -> Means:
        """Return quadratures to at least this degree and so many bits, kept for the next few demands."""
        known = next((m for m in self._means if m.bits >= bits and len(m.moments) > degree), None)
        if known is None:
            least = degree + degree // 16 + 8, 64 * ((bits + bits // 16) // 64 + 1) + 16
            roomy = max(least[0], _USUAL[0]), max(least[1], _USUAL[1])
            requests = [roomy, least] if roomy[1] == _USUAL[1] else [least]
            known = self._obtained(requests, budget or work_budget(bits))
            self._means = [known, *self._means[:3]]
        return known

    def _obtained(self, requests: list[tuple[int, int]], budget: WorkBudget) -> Means:
        """Return the first of some quadratures that is not refused; refusals are kept."""
        for degree, bits in requests:
            left = budget.left(degree)
            if not self._refusals(degree, bits, left):
                try:
                    return self._computed(degree, bits, budget)
                except AccuracyError as error:
                    always = isinstance(error, TooNarrowError)
                    least = (0, 0, math.inf) if always else (degree, bits, left)
                    self._refused[least] = error.with_traceback(None)
        raise self._refusals(*requests[-1], 0.0)[-1]

    def _refusals(self, degree: int, bits: int, left: float) -> list[AccuracyError]:
        """Return what was said of requests that asked for no more, with not much less left to spend."""
        return [e for (d, b, most), e in self._refused.items() if d <= degree and b <= bits and 2 * most >= left]

    @cached_property
    def _cells(self) -> Callable[[float, int, int], Cells]:
        """The cells of φ, kept for the next demands."""
        from ntkcalc.activations.formula.scales import cells  # loads numpy, which splines of lines do without

        return lru_cache(maxsize=4)(partial(cells, self.phi))

    def _computed(self, degree: int, bits: int, budget: WorkBudget) -> Means:
        """Cut at kinks only, or where that does not do, at all joints."""
        whole = self.integrand
        try:
            return gaussian_means(whole, degree, bits, budget)
        except AccuracyError as error:
            if len(self.phi.kinked) == len(self.phi.joints) or isinstance(error, TooNarrowError):
                raise
            return gaussian_means(
                replace(whole, shape=Shape.SINGULAR, kinks=_ends(self.phi.joints)), degree, bits, budget
            )

    @cached_property
    def integrand(self) -> Integrand:
        """φ, as quadrature sees it."""
        phi = self.phi
        kinks, sign = _ends(phi.kinked), {"even": 1, "odd": -1, None: 0}[self.parity]
        return Integrand(phi.mpfr_evaluator, phi.effort, phi.guard, self._shape, kinks, self._cells, self.name, sign)


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
    """Return points in every interval of |x| between joints, in the first so many that a polynomial is told."""
    ends = [ctx.zero, *[x for x in _ends(phi.joints)(ctx) if x]]
    counts = chain([degree // 2 + _CHECKS], repeat(_CHECKS))
    return [
        [a + (b - a) * (2 * i + 1) / (2 * count + 1) for i in range(count)]
        for (a, b), count in zip(pairwise([*ends, ends[-1] + 3]), counts, strict=False)
    ]


def _degree_in_square(rows: list[list[tuple[Any, Any]]], least: Any) -> int | None:
    """Return the degree in x of the polynomial in x² through all points, None where there is none."""
    first = rows[0]
    nodes = [x * x for x, _ in first]
    newton = [f for _, f in first]
    for level in range(1, len(newton)):
        for i in range(len(newton) - 1, level - 1, -1):
            newton[i] = (newton[i] - newton[i - 1]) / (nodes[i] - nodes[i - level])
    while newton and abs(newton[-1]) <= least:
        newton.pop()
    if len(newton) > len(nodes) - 3:
        return None

    def at(x: Any) -> Any:
        total = mpfr(0)
        for c, node in zip(reversed(newton), reversed(nodes[: len(newton)]), strict=True):
            total = total * (x * x - node) + c
        return total

    if not all(abs(at(x) - f) <= least for row in rows for x, f in row):
        return None
    return 2 * len(newton) - 2 if newton else -1


def is_short(t: Correlation, bits: int, terms: int) -> bool:
    """Return whether so many terms of the Hermite series at t are enough even where its coefficients fall slowly."""
    size = t.at(context(64))[0]
    return not size or -log2(abs(size)) * terms > bits + 64
