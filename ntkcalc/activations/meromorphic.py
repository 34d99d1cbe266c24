r"""Hermite coefficients and duals of functions that are analytic in a strip, from their poles.

For a pole z in the upper half-plane, w = −iz, the coefficients of 1/(x − z) are

.. math::  E[\mathrm{He}_k(Z)/(Z − z)] = i(−i)^k I_k(w), \qquad I_k(w) = \int_0^∞ s^k e^{−s²/2 − sw} ds,

and by Mittag-Leffler's theorem those of a real φ with simple poles z_n and residues ρ_n are
:math:`m_k = 2 \mathrm{Re} \sum_n ρ_n i(−i)^k I_k(w_n)` for k ≥ 2 (its entire part is at most linear). I_k falls like
:math:`e^{−w\sqrt k}`, so a few poles give every digit of coefficients however small, and all k come from the
backward recurrence I_k = (I_{k+2} + w I_{k+1})/(k + 1), a sum of positive terms for real w. For small
k, where many poles count, the trapezoidal rule on the line takes over; the two must agree where
they meet.

Here m_k = E[φ(Z) He_k(Z)] with the probabilist's polynomials He_k, so that µ_k = m_k/√k!.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate, count
from operator import mul
from typing import Any, ClassVar

import gmpy2

from ntkcalc.activations.dual import Correlation, Expansion, ExpansionPoint
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.mpmath_engine import MpmathEngine
from ntkcalc.numerics.precision import Context, Real, context, from_mpfr, log2, log_binomial, log_chance, real, to_mpfr

MOST_TERMS = 1 << 19
"""Hermite coefficients that one expansion may take."""

_MOST_NODES = 100_000


@dataclass(frozen=True)
class MeromorphicDual:
    """The dual of a real φ whose derivative of some order has simple poles only.

    Parameters
    ----------
    phi, derivative : φ(x) and φ'(x) on the real line, growing at most linearly
    poles
        From a context, the poles of φ^(order) in the upper half-plane with their residues, as
        (−iz, ρ), by growing distance from the real line.
    order : derivatives taken before the poles are simple: 1 for softplus, else 0
    vanishes : k ↦ whether µ_k is exactly zero
    oscillates : whether the nearest poles are off the imaginary axis, so that some µ_k are nearly zero
    """

    phi: Callable[[Context, Real], Real]
    derivative: Callable[[Context, Real], Real]
    poles: Callable[[Context], Iterator[tuple[Real, Real]]]
    vanishes: Callable[[int], bool]
    order: int = 0
    oscillates: bool = False
    degree: None = None
    most_bits: ClassVar[int] = 8192  # more than the longest decimal text that is read has

    def scaled(self, q: Fraction) -> MeromorphicDual:
        """Return the dual of φ(√q x), whose poles are those of φ over √q."""

        @lru_cache(maxsize=4)
        def root(ctx: Context) -> Real:
            return ctx.sqrt(real(ctx, q))

        def poles(ctx: Context) -> Iterator[tuple[Real, Real]]:
            scale = root(ctx)
            rise = scale ** (self.order - 1)
            return ((w / scale, residue * rise) for w, residue in self.poles(ctx))

        def phi(ctx: Context, x: Real) -> Real:
            return self.phi(ctx, root(ctx) * x)

        def derivative(ctx: Context, x: Real) -> Real:
            return root(ctx) * self.derivative(ctx, root(ctx) * x)

        return replace(self, phi=phi, derivative=derivative, poles=poles)

    def hermite(self, degree: int, bits: int) -> list[Real]:
        """Return µ_0 … µ_degree, each with relative error below 2**-bits."""
        ctx = context(bits + 16)
        factorial, series = ctx.one, []
        for k, m in enumerate(self._distinct_moments(degree, bits)):
            factorial *= max(k, 1)
            series.append(m / ctx.sqrt(factorial))
        return series

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> list[Real]:
        """Return d_0 … d_degree."""
        return [*self.expansion(point, degree, bits).d[: degree + 1]]

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        r"""See `Dual.expansion`: three compositions with one inner series, all positive.

        With :math:`S_i = \sum_{k>i} µ_k²` and :math:`S'_i = \sum_{k>i} k µ_k²`,

        .. math::  D(t) = \sum_k µ_k² t^k, \quad \frac{D(1) - D(t)}{1 - t} = \sum_i S_i t^i, \quad
                   \frac{D'(1) - D'(t)}{1 - t} = \sum_i S'_{i+1} t^i

        at t = a + δs, where 1 − t = δ(1 − s). The sums stop where what is missing is proven to be
        below 2**-bits of every coefficient (`_missing`).
        """
        ctx = context(bits + 16)
        a, delta = point.at(ctx)
        terms = self._terms_needed(a, delta, degree, bits)
        while terms <= MOST_TERMS:
            found = self._expanded(terms, a, delta, degree, bits + 8)
            missing = self._missing(terms, a, delta)
            series = zip(found.d[: degree + 1], found.tails, found.slope_tails, strict=True)
            if all(
                not c or rest < log2(c) - bits
                for j, row in enumerate(series)
                for c, rest in zip(row, missing(j), strict=True)
            ):
                return found
            terms += terms // 4
        raise AccuracyError(
            f"the expansion at correlation {ctx.nstr(a, 6)} needs more than {MOST_TERMS} Hermite coefficients; "
            "lower --depth, --truncation or --digits"
        )

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """See `Dual.value`: Hermite series, stopped where the tail is proven to be small enough."""
        ctx = t.context(bits + 8)
        x, _ = t.at(ctx)
        width, squares = _known(self).fixed_squares(bits)
        unit, value, slope = gmpy2.mpz(int(ctx.ldexp(x, width))), gmpy2.mpz(0), gmpy2.mpz(0)
        for k in range(self._terms_at(log2(abs(x)) if x else -math.inf, bits), 0, -1):
            value = (value * unit >> width) + squares[k]
            slope = (slope * unit >> width) + k * squares[k]
        value = (value * unit >> width) + squares[0]
        return ctx.ldexp(ctx.mpf(int(value)), -width), ctx.ldexp(ctx.mpf(int(slope)), -width)

    def _terms_at(self, log_size: float, bits: int) -> int:
        """Return a K beyond which the Hermite series of D and D' at log2 |t| add less than 2**-(bits + 16)."""
        terms = 16
        while max(self._beyond(terms, 0), self._beyond(terms, 1)) + terms * log_size > -bits - 16:
            terms += terms // 8
            if terms > MOST_TERMS:
                raise AccuracyError(f"the kernel needs more than {MOST_TERMS} Hermite coefficients; lower --digits")
        return terms

    def mean_square(self, bits: int) -> Real:
        """Return E[φ²], by the trapezoidal rule."""
        return _known(self).on_line(bits).square

    def slope_square(self, bits: int) -> Real:
        """Return E[φ'²], by the trapezoidal rule."""
        return _known(self).on_line(bits).slope

    @cached_property
    def strip(self) -> tuple[float, float]:
        """Return the distance of the nearest pole from the real line, and its residue's size."""
        ctx = context(53)
        w, residue = next(self.poles(ctx))
        return float(w.real), float(abs(residue))

    def _moments(self, degree: int, bits: int) -> list[Real]:
        """Return m_0 … m_degree, with absolute errors below 2**-bits of their `log_envelope`."""
        return _known(self).moments(degree, bits)

    def _distinct_moments(self, degree: int, bits: int) -> list[Real]:
        """Return m_0 … m_degree, each with relative error below 2**-bits."""
        moments = self._moments(degree, bits)
        if not self.oscillates:
            return moments
        lost = max(self.log_envelope(k) - log2(abs(m)) for k, m in enumerate(moments) if m)
        return self._moments(degree, bits + max(0, math.ceil(lost)))

    def log_envelope(self, k: int) -> float:
        """Return log2 of a bound on |m_k| for k of 50 or more, and of its order of magnitude below.

        The integrand of I_k(y) is f(s) = s^k e^{−s²/2 − sy} with (ln f)'' ≤ −1, so I_k(y) ≤ √(2π) max f; the
        farther poles add less than the nearest.
        """
        y, residue = self.strip
        k = max(k - self.order, 1)
        s = 2 * k / (math.sqrt(y * y + 4 * k) + y)
        return (k * math.log(s) - s * s / 2 - s * y) / math.log(2) + math.log2(8 * math.sqrt(2 * math.pi) * residue)

    def _expanded(self, terms: int, a: Real, delta: Real, degree: int, bits: int) -> Expansion:
        """Return the expansion that µ_0² … µ_terms² give."""
        ctx = a.context
        squares = _squares(ctx, self._moments(terms, bits) if a else self._distinct_moments(terms, bits))
        sums = [
            list(accumulate((k**n * c for k, c in reversed([*enumerate(squares)])), initial=ctx.zero))[-2::-1]
            for n in (0, 1)
        ]
        outers = [squares, sums[0], sums[1][1:]]
        if not a:
            return Expansion(squares[: degree + 2], outers[1][: degree + 1], outers[2][: degree + 1])
        inner = [a, delta, *[ctx.zero] * degree]
        d, tails, slope_tails = MpmathEngine(bits).compose(outers, inner)
        return Expansion(d, *([delta * c for c in series[:-1]] for series in (tails, slope_tails)))

    def _terms_needed(self, a: Real, delta: Real, degree: int, bits: int) -> int:
        """Estimate how many Hermite coefficients `expansion` needs, with `_missing`, which then proves it."""
        places = {0, degree // 2, degree}
        sizes = {j: self._rough_size(a, delta, j) for j in places}
        terms = degree + 16
        while terms <= MOST_TERMS:
            missing = self._missing(terms, a, delta)
            if all(max(missing(j)) < sizes[j] - bits - 12 for j in places):
                break
            terms += terms // 10
        return terms

    def _rough_size(self, a: Real, delta: Real, j: int) -> float:
        """Return log2 of about the largest of µ_k² p_k, of which d_j is the sum (see `_missing`)."""
        k, best = float(max(j, 8)), -math.inf
        while k <= MOST_TERMS:
            size = 2 * self.log_envelope(int(k)) - math.lgamma(k - self.order + 1) / math.log(2)
            size += log_binomial(int(k), j, log2(a), log2(delta)) if a else 0.0
            if size < best - 40 or not a:
                return max(best, size)
            best, k = max(best, size), 1.15 * k + 1
        return best

    def _missing(self, terms: int, a: Real, delta: Real) -> Callable[[int], tuple[float, float, float]]:
        r"""Return j ↦ log2 of bounds on what k > K = terms adds to d_j, q_j and q̇_j.

        To d_j it is :math:`\sum_{k>K} µ_k² p_k`, :math:`p_k = \binom kj a^{k−j} δ^j`. To q_j it is
        :math:`δ \sum_i S_{\max(i,K)} p_i`, of which i < K make up S_K P(X > j), X binomial (K, δ), which has
        Chernoff's bound; likewise q̇_j with S'. Bounds on |µ_k| fall by the factor exp(−asinh(y/(2√(k+1))))
        at least. Where (k + 1)/(k + 1 − j) (1 + 1/k)² a is no more than its inverse at the first k, it stays so
        (in 1/√k the logarithms are convex and concave), and all terms fall by that factor again (`_falling`).
        Where a = 0 nothing is missing of d_j = µ_j², and S_K, S'_K of all tails.
        """
        k, beyond, slope_beyond = terms + 1, self._beyond(terms, 0), self._beyond(terms, 1)
        if not a:
            return lambda j: (-math.inf, beyond, slope_beyond)
        log_a, log_delta, falling = log2(a), log2(delta), self._falling(k)
        slack = self._slope(k) - log_a * math.log(2) - 2 * math.log1p(1 / k)

        def bounds(j: int) -> tuple[float, float, float]:
            if j > k // 2 or math.log((k + 1) / (k + 1 - j)) > slack:
                return math.inf, math.inf, math.inf
            weight = log_binomial(k, j, log_a, log_delta)
            rest = weight - log_a + log_delta + falling  # from p_K on
            chance = 1 + max(rest, log_chance(terms, j + 1, log_a, log_delta))
            return beyond + weight, beyond + chance, slope_beyond + chance

        return bounds

    def _slope(self, k: int) -> float:
        """Return the logarithm of the factor by which bounds on |µ_k| fall with k at least.

        |I_k(w)| ≤ I_k(y) with y = Re w, and I_{k+1}/I_k ≤ (√(y² + 4(k+1)) − y)/2 because ln I_k is convex.
        """
        return math.asinh(self.strip[0] / (2 * math.sqrt(k + 1)))

    def _beyond(self, terms: int, power: int) -> float:
        r"""Return log2 of a bound on :math:`\sum_{k>K} k^n µ_k²`, K = terms, n = 0 or 1.

        Of the two factors by which µ_k² falls, one outdoes the growth of k^n.
        """
        k = terms + 1
        if power * math.log1p(1 / k) > self._slope(k):
            return math.inf
        first = 2 * self.log_envelope(k) - math.lgamma(k - self.order + 1) / math.log(2) + power * math.log2(k)
        return first + self._falling(k) + 1

    def _falling(self, k: int) -> float:
        """Return log2 of a bound on the sum of terms that start with 1 and fall by exp(−`_slope`) at least.

        With β = `_slope` · √k at the first k that is exp(−β/√k) at least, and the sum below 1 + √k/β + 1/(2β²).
        """
        beta = self._slope(k) * math.sqrt(k + 1)
        return math.log2(1 + math.sqrt(k + 1) / beta + 1 / (2 * beta**2))


def log_fall(y: float, k: float) -> float:
    """Return the integral of asinh(y/(2√x)) over x = 0 … k, by which ln |µ_k| has fallen, nearly."""
    root = math.sqrt(max(k, 1e-9))
    u = y / (2 * root)
    return k * math.asinh(u) + y * root / 2 / (math.sqrt(1 + u * u) + u)


def _fall(strip: float, degree: int) -> float:
    """Return by how much ln |µ_k| has fallen at the most: the integral is ln(2πk)/4 off where y is large."""
    return log_fall(strip, degree) + 4


def _squares(ctx: Context, moments: list[Real]) -> list[Real]:
    """Return µ_k² = m_k²/k!."""
    factorial, series = ctx.one, []
    for k, m in enumerate(moments):
        factorial *= max(k, 1)
        series.append(ctx.convert(m) ** 2 / factorial)
    return series


@dataclass(frozen=True)
class _OnLine:
    """What quadrature gives to so many bits: the first moments m_0, m_1, …, E[φ²] and E[φ'²]."""

    bits: int
    moments: list[Real]
    square: Real
    slope: Real


@dataclass(frozen=True)
class _FromPoles:
    """What the poles give to so many bits: the moments m_low, m_{low+1}, …"""

    bits: int
    low: int
    moments: list[Real]


class _Known:
    """Moments of one dual, cached to the largest precision and degree asked for so far."""

    def __init__(self, dual: MeromorphicDual) -> None:
        self.dual = dual
        self.line = _OnLine(0, [], None, None)
        self.poles = _FromPoles(0, 0, [])
        self.squares: tuple[int, int, list[Any]] = (0, 0, [])

    def fixed_squares(self, bits: int) -> tuple[int, list[Any]]:
        """Return the number of fraction bits, and µ_0², µ_1², … in fixed point: as many as D and D' need."""
        if self.squares[0] < bits:
            goal = (bits // 32 + 2) * 32
            terms = self.dual._terms_at(0.0, goal)
            width = goal + 2 * terms.bit_length() + 16
            ctx = context(width + 16)
            squares = [gmpy2.mpz(int(ctx.ldexp(c, width))) for c in _squares(ctx, self.moments(terms, goal + 8))]
            self.squares = goal, width, squares
        return self.squares[1:]

    def on_line(self, bits: int) -> _OnLine:
        """Return quadratures of at least so many bits."""
        if self.line.bits < bits:
            bits = _rounded_up(bits)
            self.line = _on_line(self.dual, _meeting(bits) + 1, bits)
        return self.line

    def moments(self, degree: int, bits: int) -> list[Real]:
        """Return at least degree + 1 moments, absolute errors below 2**-bits of their envelope.

        The first come by quadrature, the others from the poles; both must agree where they meet.
        """
        line = self.on_line(bits)
        low = len(line.moments) - 2
        if self.poles.bits < bits or self.poles.low + len(self.poles.moments) <= max(degree, low + 1):
            high = max(degree + degree // 4, low + 2, len(self.poles.moments))
            self.poles = _FromPoles(line.bits, low, _moments_from_poles(self.dual, low, high, line.bits))
            self._cross_check(line)
        known = [*line.moments[: self.poles.low], *self.poles.moments[: degree + 1]]
        return [m * 0 if self.dual.vanishes(k) else m for k, m in enumerate(known[: degree + 1])]

    def _cross_check(self, line: _OnLine) -> None:
        for k in (self.poles.low, self.poles.low + 1):
            ours, theirs = line.moments[k], self.poles.moments[k - self.poles.low]
            if ours != theirs and log2(abs(ours - theirs)) > self.dual.log_envelope(k) - line.bits:
                raise AccuracyError(f"quadrature and pole expansion disagree on the Hermite coefficient {k}")


_known = lru_cache(maxsize=32)(_Known)


def _meeting(bits: int) -> int:
    """Return the k from which on poles are cheaper than quadrature."""
    return max(24, bits // 6)


def _rounded_up(bits: int) -> int:
    """Return somewhat more bits than asked for, so that slightly larger requests are met from the cache."""
    return (bits // 32 + 2) * 32 if bits < 512 else bits + bits // 4


def _moments_from_poles(dual: MeromorphicDual, low: int, high: int, bits: int) -> list[Real]:
    """Return m_low … m_high, absolute error below 2**-bits of their envelope."""
    low, high, bits = low - dual.order, high - dual.order, bits + 32
    ctx = context(bits + 24 + 2 * high.bit_length())
    with gmpy2.context(precision=ctx.prec):
        total = [gmpy2.mpfr(0)] * (high - low + 1)
        nearest = largest = None
        for w, residue in dual.poles(ctx):
            # beyond `top` this pole is below 2**-bits of the nearest one
            top = high if nearest is None else _reach(float(w.real), float(nearest), low + 1, high, bits + 24)
            last = _add_pole(ctx, total, low, top, w, residue, bits + 24)
            if nearest is None:
                nearest, largest = w.real, last
            elif last < largest * gmpy2.exp2(-bits - 16):
                break
        return [from_mpfr(ctx, m) for m in total]


def _reach(y: float, nearest: float, low: int, high: int, bits: int) -> int:
    """Return the least k from low to high where a pole at distance y is below 2**-bits of the nearest one."""
    while low < high:
        middle = (low + high) // 2
        if log_fall(y, middle) - log_fall(nearest, middle) > bits * math.log(2):
            high = middle
        else:
            low = middle + 1
    return high


def _add_pole(ctx: Context, total: list[Any], low: int, top: int, w: Real, residue: Real, bits: int) -> Any:
    """Add 2 Re(ρ i(−i)^k I_k(w)) to total[k − low] for k = low … top; return |2 ρ I_low(w)|.

    I_k is the minimal solution of its recurrence, so that Miller's algorithm gives it: start with
    anything far enough up, go down to I_0 = √(π/2) e^{w²/2} erfc(w/√2), and scale.
    """
    values = _descend(to_mpfr(ctx.convert(w.real)), to_mpfr(ctx.convert(w.imag)), top, float(w.real), bits)
    wide = context(ctx.prec + 2 * max(0, math.ceil(log2(abs(w)))))  # e^{w²/2} has the relative error of w², times w²/2
    far = wide.convert(w)
    origin = ctx.convert(wide.sqrt(wide.pi / 2) * wide.exp(far * far / 2) * wide.erfc(far / wide.sqrt(2)))
    re, im = values[0]
    scale = 2 * residue * ctx.mpc(0, 1) * origin / ctx.mpc(from_mpfr(ctx, re), from_mpfr(ctx, im))
    phases = [scale * ctx.mpc(0, -1) ** k for k in range(4)]
    parts = [(to_mpfr(p.real), to_mpfr(p.imag)) for p in phases]
    for k in range(low, top + 1):
        (re, im), (x, y) = parts[k % 4], values[k]
        if re:
            total[k - low] += re * x
        if im and y:
            total[k - low] -= im * y
    (re, im), (x, y) = parts[0], values[low]
    return gmpy2.hypot(re, im) * gmpy2.hypot(x, y)


def _descend(u: Any, v: Any, top: int, strip: float, bits: int) -> list[tuple[Any, Any]]:
    """Return multiples of I_0(u + iv) … I_top(u + iv), relative error below 2**-bits."""
    start = top + 2
    while 2 * (log_fall(strip, start) - log_fall(strip, top)) < bits * math.log(2):
        start += start // 16 + 1
    zero = gmpy2.mpfr(0)
    values = [(zero, zero)] * (top + 1)
    above, here = zero, gmpy2.mpfr(1)
    if not v:
        for k in range(start, 0, -1):
            above, here = here, (above + u * here) / k
            if k - 1 <= top:
                values[k - 1] = here, zero
        return values
    above_i, here_i = zero, zero
    for k in range(start, 0, -1):
        real_part = (above + u * here - v * here_i) / k
        imag_part = (above_i + u * here_i + v * here) / k
        above, above_i, here, here_i = here, here_i, real_part, imag_part
        if k - 1 <= top:
            values[k - 1] = here, here_i
    return values


@dataclass(frozen=True)
class _Line:
    """Nodes of the trapezoidal rule on the real line: x = (n + 1/2) · step, n < nodes, and their mirror images."""

    step: float
    count: int

    @classmethod
    def resolving(cls, strip: float, degree: int, bits: int) -> _Line:
        r"""Choose the rule for E[f He_k/√k!], k ≤ degree, error below 2**-bits of what that has fallen to (`_fall`).

        Notes
        -----
        For an integrand analytic in |Im z| ≤ y the error is at most 2N/(e^{2πy/h} − 1), N its
        integral over Im z = y. There |h_k(x + iy)|² ≤ r^{−k} (1 − r²)^{−1/2} e^{r x²/(1+r) + r y²/(1−r)} for every
        0 < r < 1 (Mehler's formula); 1 − r = y/√k is nearly best. φ is taken to be below
        2¹² (1 + x²) on the line y = 15/16 of the strip. On the real line |h_k| ≤ 1.09 e^{x²/4}
        (Cramér), which tells where to stop.
        """
        need = bits * math.log(2) + _fall(strip, degree)
        y = min(15 / 16 * strip, math.sqrt(need))
        gap = min(0.5, y / math.sqrt(max(degree, 1)))
        r = 1 - gap
        growth = -degree / 2 * math.log(r) - math.log(gap) / 4 + y * y / 2 * (1 + r / gap) + 14 * math.log(2)
        step = 2 * math.pi * y / (need + growth)
        reach = 2 * math.sqrt(need + 14 * math.log(2))
        nodes = math.ceil(reach / step)
        if nodes > _MOST_NODES:
            raise AccuracyError(
                f"quadrature would need more than {_MOST_NODES} nodes (the nearest pole is {strip:.1e} from the real "
                "line); lower --digits or the variances, or take an activation that varies on the scale of 1"
            )
        return cls(step, nodes)

    def nodes(self, ctx: Context) -> Iterator[tuple[Real, Real]]:
        """Yield the nodes x > 0 with their Gaussian weights."""
        step = ctx.mpf(self.step)
        scale = step / ctx.sqrt(2 * ctx.pi)
        for n in range(self.count):
            x = step * (2 * n + 1) / 2
            yield x, scale * ctx.exp(-x * x / 2)


def _on_line(dual: MeromorphicDual, degree: int, goal: int) -> _OnLine:
    """Return m_0 … m_degree and the squares by the trapezoidal rule, He_k in fixed-point integers."""
    (strip, _), bits = dual.strip, goal + 32
    fall = _fall(strip, degree) / math.log(2)
    line = _Line.resolving(strip, degree, bits + 8)
    width = bits + int(fall) + 2 * degree.bit_length() + 24
    heavy = 2 * width + 32  # He_k reaches √k! e^{x²/4} where the weights are e^{−x²/2}
    ctx = context(width + 32)

    def fixed(value: Real, places: int) -> Any:
        return gmpy2.mpz(int(ctx.ldexp(value, places)))

    nodes = list(line.nodes(ctx))
    values, slopes = ([(f(ctx, x), f(ctx, -x)) for x, _ in nodes] for f in (dual.phi, dual.derivative))
    square, slope = (
        ctx.fsum(w * (right**2 + left**2) for (_, w), (right, left) in zip(nodes, sides, strict=True))
        for sides in (values, slopes)
    )
    sums = [(w * (right + left), w * (right - left)) for (_, w), (right, left) in zip(nodes, values, strict=True)]
    even, odd = ([fixed(pair[i], heavy) for pair in sums] for i in (0, 1))
    x, weights = [fixed(node, width) for node, _ in nodes], (even, odd)
    before, here = [gmpy2.mpz(0)] * len(x), [gmpy2.mpz(1) << width] * len(x)
    moments = []
    for k in range(degree + 1):
        total = sum(map(mul, weights[k % 2], here), gmpy2.mpz(0))
        moments.append(ctx.ldexp(ctx.mpf(total), -width - heavy))
        before, here = here, [(xn * h >> width) - k * b for xn, h, b in zip(x, here, before, strict=True)]
    return _OnLine(goal, moments, square, slope)


def ladder(
    first: Callable[[Context], Real], residue: Callable[[Context, Real], Real]
) -> Callable[[Context], Iterator[tuple[Real, Real]]]:
    """Return poles at z = i y, y = first · (1, 3, 5, …), with residues given as functions of y."""

    def poles(ctx: Context) -> Iterator[tuple[Real, Real]]:
        for n in count():
            y = first(ctx) * (2 * n + 1)
            yield y, residue(ctx, y)

    return poles
