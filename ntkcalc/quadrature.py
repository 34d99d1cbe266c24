r"""Gaussian means of φ times Hermite polynomials, by pairs of rules that must agree.

The trapezoidal rule of a smooth φ in u, x = sinh(bu)/b, converges geometrically; this map spreads nodes where the
Gaussian hides most, and on nodes that are not equally spaced no wave passes for a slower one, as cos(100x) would in x.
Gauss–Legendre quadrature converges as well between kinks on both sides of which φ has a Taylor series. Where it has
none (|x|^{3/2}), or where that rule would be too long, x = x(u) maps a line to each piece (tanh-sinh; Takahasi and
Mori, 1974), which the trapezoidal rule in u integrates whatever φ does at the ends. Two rules that share no node,
u = n h and the points half-way, must agree; else h is halved. Their mean, whose error is nearly the square of their
difference, is the next rule. Of Gauss–Legendre rules, two of different length must agree, and the longer one counts.

Rules that do not see a narrow bump agree too: in the first of them no nodes are farther apart than the lengths within
which φ may vary (`ntkcalc.scales`).

φ(x) and φ(−x) are taken together, so that even and odd parts do not mix. The polynomials come from their recurrence in
fixed-point integers, scaled by powers of two: g_k = He_k 2^{−e_k} with 2^{e_k} next to √k!.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from operator import mul
from typing import TYPE_CHECKING, Any

import gmpy2
from gmpy2 import mpfr, mpz

from ntkcalc.errors import AccuracyError
from ntkcalc.functions import Program
from ntkcalc.precision import Context, Real, context, from_mpfr, mpfr_context, to_mpfr
from ntkcalc.rules import gauss_legendre

if TYPE_CHECKING:
    from ntkcalc.scales import Array, Cells

_MOST_NODES = 1 << 16
_MOST_WORK, _LEAST_WORK = 8e8, 1.2e7
"""Nodes times words of what is to be computed at each, of the largest request and of the smallest."""

_FARTHEST = 1000.0  # |x|
_SPARE = 24  # bits, a fifth at most, that need not agree: the better of two rules has far more than they agree to
_BEND = 0.5  # largest b of the map of the line
_EARLY = 1000  # nodes with which no rule is given up
_AT_HOME = 6  # bits that say that a rule sees what φ does
_LONGEST = 6000  # Gauss–Legendre rule of one piece
_FINENESS = 1.0  # nodes are so many lengths of φ's variation apart at the most, in the first rule
_USUAL = 4  # times as many nodes as the first rule has, the last one has
_TINY = 2.0**-52
_SMALLEST = (8, 80, 16.0)  # request: degree, bits, and the reach that they need


class Shape(Enum):
    """What φ is like, which decides the rule."""

    SMOOTH = "analytic on the line"
    KINKED = "with Taylor series on both sides of every kink"
    SINGULAR = "with kinks of any kind"


@dataclass(frozen=True)
class Integrand:
    """φ, as quadrature sees it.

    Parameters
    ----------
    phi
        From a precision, x ↦ [φ(x), φ'(x)] for numbers of MPFR.
    operations
        How many that takes.
    shape
        What φ is like.
    kinks
        From a context, the distances from 0 of φ's kinks, in order.
    cells
        From a reach, bits, and log2 of about √E[φ²], the cells of |x| within that reach (see `ntkcalc.scales.cells`).
    text
        φ, for messages.
    """

    phi: Callable[[int], Program]
    operations: int
    shape: Shape
    kinks: Callable[[Context], list[Real]]
    cells: Callable[[float, int, int], Cells]
    text: str


@dataclass(frozen=True)
class Means:
    """What quadrature gives, in units of 2**scale.

    Parameters
    ----------
    bits
        -log2 of the absolute errors, in these units.
    scale
        log2 of about √E[φ²].
    moments
        µ_0, µ_1, …
    square, slope
        E[φ²] and E[φ'²], not in these units, to relative errors of 2**-bits.
    """

    bits: int
    scale: int
    moments: list[Real]
    square: Real
    slope: Real


def gaussian_means(integrand: Integrand, degree: int, bits: int) -> Means:
    """Return µ_0 … µ_degree, E[φ²] and E[φ'²].

    Parameters
    ----------
    integrand
        φ.
    degree
        The largest k.
    bits
        -log2 of the error, for φ scaled to E[φ²] of about 1.

    Raises
    ------
    AccuracyError
        Where the rules do not come to agree, or will not within bounds, or would not see all of φ.
    """
    scale, reach = size_and_reach(integrand, bits)
    cells = integrand.cells(reach, bits, scale)
    rule = _Rule(integrand, scale, degree, bits, reach)
    ctx = context(rule.precision)
    with mpfr_context(rule.precision):
        places = [mpfr(0), *[to_mpfr(x) for x in integrand.kinks(ctx) if 0 < x < reach], mpfr(reach)]
        counts = _seeing(places, cells.narrow)
        if integrand.shape is Shape.KINKED and max(counts) <= _LONGEST / 12:
            found = _by_gauss(rule, places, counts)
        elif integrand.shape is Shape.SMOOTH:
            bend = min(_BEND, 2 / math.sqrt(degree + 1))  # high polynomials swing far out
            first = 2.0 ** -math.floor(math.log2(max(math.sqrt(bits) / 4, bits * bend / 17, math.sqrt(degree) / 2)))
            found = _by_halving(rule, [_Map(None, math.asinh(bend * reach) / bend, bend)], mpfr(first), cells)
        else:
            end = math.asinh((bits + 40) * math.log(2) / math.pi) + 0.5
            found = _by_halving(rule, [_Map(piece, end) for piece in pairwise(places)], mpfr(1) / 4, cells)
        square, slope, *moments = [from_mpfr(ctx, value) for value in found]
    if not square > 0:
        raise AccuracyError(f"what the normal law sees of {integrand.text} is all but zero")
    return Means(bits, scale, moments, ctx.ldexp(square, 2 * scale), ctx.ldexp(slope, 2 * scale))


def size_and_reach(integrand: Integrand, bits: int) -> tuple[int, float]:
    """Return log2 of about √E[φ²], and an x beyond which φ(±x) e^{−x²/4} is below 2**-bits of that."""
    with mpfr_context(64):
        run = integrand.phi(64)

        def weighted(x: Any) -> Any:
            return max(abs(v) for y in (x, -x) for v in run(y)) * gmpy2.exp(-x * x / 4)

        step = mpfr(1) / 8
        points = [step * (2 * n + 1) / 2 for n in range(96)]
        square = sum((run(x)[0] ** 2 + run(-x)[0] ** 2) * gmpy2.exp(-x * x / 2) for x in points) * step
        scale = math.ceil(_log2(square) / 2) if square else 0
        least, reach = gmpy2.exp2(mpfr(scale - bits - 12)), 2 * math.sqrt((bits + 12) * math.log(2))
        while any(weighted(mpfr(reach * f)) > least for f in (1, 1.2, 1.5, 2)):
            reach *= 1.15
            if reach > _FARTHEST:
                raise AccuracyError(
                    f"{integrand.text} grows nearly like exp(x^2/4): quadrature would go beyond |x| = {_FARTHEST:g}"
                )
    return scale, reach


def _log2(x: Any) -> float:
    return float(gmpy2.log2(x))


class _Rule:
    """Sums over nodes: E[φ²], E[φ'²] and µ_0 … µ_degree, φ in units of 2**scale; to be used in its precision."""

    def __init__(self, integrand: Integrand, scale: int, degree: int, bits: int, reach: float) -> None:
        self.integrand, self.degree, self.bits = integrand, degree, bits
        self.enough = bits - min(_SPARE, bits // 5)
        self.width, self.heavy = _widths(degree, bits, reach)
        self.precision = self.width + 48
        with mpfr_context(self.precision):
            self.run, self.unit = integrand.phi(self.precision), gmpy2.exp2(mpfr(-scale))
        self.most = _most_nodes(degree, bits, reach, integrand.operations)
        self.most_ever = _most_nodes(*_SMALLEST, integrand.operations)

    def unresolved(self, cells: Cells, nodes: Array) -> AccuracyError:
        """Say where φ varies too fast, from the nodes that its cells ask for."""
        i = int(nodes.argmax())
        length, middle = float(cells.high[i] - cells.low[i]), float(cells.high[i] + cells.low[i]) / 2
        digits = max(0, -math.floor(math.log10(length)) - 3)
        way = "widen it, or write a bend as abs, max or relu"
        return AccuracyError(
            f"{self.integrand.text} varies within {_rough(length)} near x = {round(middle, digits) + 0.0:.12g}, which "
            f"quadrature cannot resolve (it takes more than {self.most} nodes): "
            f"{way if _USUAL * nodes[i] > self.most_ever else 'lower --digits, --truncation or --depth'}"
        )

    def refusal(self, nodes: int, agreed: float) -> AccuracyError:
        """Say how far it went."""
        return AccuracyError(
            f"quadrature of {self.integrand.text} agrees to {max(0, int(agreed))} of {self.bits} bits with {nodes} "
            f"nodes, for Hermite coefficients up to {self.degree}: it bends or varies too sharply; "
            "lower --digits, --truncation or --depth"
        )

    def sums(self, nodes: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Return the sums of one rule for half a line: nodes with their dx."""
        norm = 1 / gmpy2.sqrt(2 * gmpy2.const_pi())
        square = slope = mpfr(0)
        xs, even, odd = [], [], []
        for x, dx in nodes:
            weight = norm * dx * gmpy2.exp(-x * x / 2)
            (right, rise), (left, fall) = ([v * self.unit for v in self.run(y)] for y in (x, -x))
            square += weight * (right * right + left * left)
            slope += weight * (rise * rise + fall * fall)
            xs.append(_fixed(x, self.width))
            even.append(_fixed(weight * (right + left), self.heavy))
            odd.append(_fixed(weight * (right - left), self.heavy))
        return [square, slope, *self._moments(xs, (even, odd))]

    def _moments(self, xs: list[Any], weights: tuple[list[Any], list[Any]]) -> Iterator[Any]:
        """Yield µ_0 … µ_degree: g_{k+1} = x g_k 2^{e_k − e_{k+1}} − k g_{k−1} 2^{e_{k−1} − e_{k+1}}."""
        width = self.width
        before, here = [mpz(0)] * len(xs), [mpz(1) << width] * len(xs)
        log_factorial = 0.0
        exponents, normaliser = [0, 0], mpfr(1)
        for k in range(self.degree + 1):
            total = sum(map(mul, weights[k % 2], here), mpz(0))
            yield mpfr(total) * gmpy2.exp2(mpfr(exponents[1] - width - self.heavy)) / normaliser
            log_factorial += math.log2(k + 1)
            following = int(log_factorial / 2)
            near, far = following - exponents[1] + width, following - exponents[0]
            after = [(x * h >> near) - (k * b >> far) for x, h, b in zip(xs, here, before, strict=True)]
            before, here = here, after
            exponents = [exponents[1], following]
            normaliser *= gmpy2.sqrt(mpfr(k + 1))


def _widths(degree: int, bits: int, reach: float) -> tuple[int, int]:
    """Return the bits after the point of g_k and of what multiplies them."""
    width = bits + 2 * (degree + 1).bit_length() + 24
    return width, width + math.ceil(reach * reach / 4 / math.log(2)) + 8  # He_k reaches √k! e^{x²/4}


def _most_nodes(degree: int, bits: int, reach: float, operations: int) -> int:
    """Return how many nodes there is time for."""
    width, heavy = _widths(degree, bits, reach)
    words = (degree + 8) * (heavy + width) / 64 + 8 * operations * (1 + (width + 48) / 256)
    return int(min(_MOST_NODES, min(_MOST_WORK, _LEAST_WORK * (1 + bits * (degree + 16) / 4096)) / words))


def _rough(length: float) -> str:
    """Return one digit of a length."""
    mantissa, exponent = f"{length:.0e}".split("e")
    return f"{length:.1g}" if length > 1e-4 else f"{mantissa}e{int(exponent)}"


def _fixed(value: Any, places: int) -> Any:
    return mpz(gmpy2.mul_2exp(value, places))


def _agreement(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Return to how many bits the sums of two rules agree, the first two relatively."""
    apart = [abs(x - y) for x, y in zip(a, b, strict=True)]
    apart[:2] = [d / max(abs(x), abs(y)) if d else d for d, x, y in zip(apart[:2], a, b, strict=False)]
    worst = max(apart)
    return -_log2(worst) if worst else math.inf


def _by_gauss(rule: _Rule, places: list[Any], seeing: list[float]) -> list[Any]:
    """Return sums between kinks by Gauss–Legendre rules."""
    found, agreed = None, 0.0
    density = 0.4 * math.sqrt(rule.degree + 1) + 2  # nodes a unit length that oscillations ask for
    shortest = 24 + rule.bits // 5
    factor, growth, before = 1.0, 1.4, 0
    while True:
        counts = [
            int(factor * max(shortest + density * float(b - a), least))
            for (a, b), least in zip(pairwise(places), seeing, strict=True)
        ]
        if sum(counts) > rule.most or max(counts) > _LONGEST:
            raise rule.refusal(before, agreed)
        pieces = zip(pairwise(places), counts, strict=True)
        nodes = [node for (a, b), n in pieces for node in _gauss(a, b, n, rule.precision)]
        better = rule.sums(nodes)
        if found is not None:
            agreed = _agreement(found, better)
            if agreed >= rule.enough:
                return better
            # errors fall geometrically: the longer rule has `growth` times the bits of the shorter one
            growth = min(max(rule.enough / (growth * max(agreed, 1)), 1.2), 2)
        found, factor, before = better, factor * growth, sum(counts)


def _seeing(places: list[Any], narrow: Cells) -> list[float]:
    """Return how many nodes resolve each piece: those of Gauss and Legendre are π/n · √((x − a)(b − x)) apart."""

    def count(a: float, b: float) -> float:
        stretch = narrow.largest(lambda x: math.pi * ((x - a) * (b - x)) ** 0.5, a, b)
        return float((stretch / (_FINENESS * narrow.length)).max(initial=0.0))

    return [count(float(a), float(b)) for a, b in pairwise(places)]


def _gauss(a: Any, b: Any, n: int, bits: int) -> Iterator[tuple[Any, Any]]:
    """Yield nodes and weights of one piece."""
    middle, half = (a + b) / 2, (b - a) / 2
    for x, w in gauss_legendre(n, bits):
        yield middle + half * x, half * w


@dataclass(frozen=True)
class _Map:
    """Half a line (no ends), or a piece of it from a to b, as the image of a line."""

    ends: tuple[Any, Any] | None
    reach: float  # of u
    bend: float = 0.0  # of the map of half a line

    def stretch(self, cells: Cells) -> Array:
        """Return the largest dx/du on each cell."""
        if self.ends is None:
            return cells.largest(lambda x: (1 + (self.bend * x) ** 2) ** 0.5, 0.0, math.inf)
        a, b = map(float, self.ends)

        def slope(x: Array) -> Array:
            """(b − a) s (1 − s) π cosh u, where s = (x − a)/(b − a) and π sinh u = ln(s/(1 − s))."""
            import numpy as np

            s = np.clip((x - a) / (b - a), _TINY, 1 - _TINY)
            return np.asarray((b - a) * s * (1 - s) * np.hypot(math.pi, np.log(s / (1 - s))))

        return cells.largest(slope, a, b)

    def nodes(self, step: Any, half: bool) -> Iterator[tuple[Any, Any]]:
        """Yield x and the weight dx of one of the two rules."""
        for n in range(math.floor(self.reach / float(step)) + 1):
            u = step * (2 * n + 1) / 2 if half else step * n
            if self.ends is None:
                sinh, cosh = gmpy2.sinh_cosh(self.bend * u)
                yield sinh / self.bend, step * cosh if u else step / 2
            else:
                yield from self._on_piece(u, step, *self.ends)

    def _on_piece(self, u: Any, step: Any, a: Any, b: Any) -> Iterator[tuple[Any, Any]]:
        """Yield the images of u and −u: x = a + (b − a)/(1 + e^{∓π sinh u})."""
        rise, half_pi = gmpy2.exp(u), gmpy2.const_pi() / 2
        e = gmpy2.exp(-half_pi * (rise - 1 / rise))
        near = (b - a) * e / (1 + e)
        weight = step * half_pi * (rise + 1 / rise) * near / (1 + e)
        yield b - near, weight
        if u:
            yield a + near, weight


def _resolved(rule: _Rule, maps: list[_Map], step: Any, cells: Cells) -> Any:
    """Return a step with which the nodes of one rule are nowhere farther apart than φ's variation is long."""
    length = 2 * sum(m.reach * (1 if m.ends is None else 2) for m in maps)  # of u, for two rules
    narrow = cells.narrow
    if narrow.length.size:
        rate = max((m.stretch(narrow) / (_FINENESS * narrow.length) for m in maps), key=lambda r: float(r.max()))
        if length * rate.max() > rule.most:
            raise rule.unresolved(narrow, length * rate)
        step = min(step, mpfr(1 / float(rate.max())))
    rates = [m.stretch(cells) / (_FINENESS * cells.length) for m in maps]
    while 2 * length <= rule.most * step and any((rate * float(step) > 1.001).any() for rate in rates):
        step /= 2
    return step


def _by_halving(rule: _Rule, maps: list[_Map], step: Any, cells: Cells) -> list[Any]:
    """Return sums by trapezoidal rules, their step halved until two of them agree."""
    step = _resolved(rule, maps, step, cells)
    before, whole = 0.0, rule.sums([node for m in maps for node in m.nodes(step, half=False)])
    while True:
        nodes = [node for m in maps for node in m.nodes(step, half=True)]
        between = rule.sums(nodes)
        agreed, count = _agreement(whole, between), 2 * len(nodes)
        whole = [(a + b) / 2 for a, b in zip(whole, between, strict=True)]
        if agreed >= rule.enough:
            return whole
        more = _halvings(agreed, before, rule.enough) if count > _EARLY else 1.0
        if count * 2 ** math.ceil(more) > rule.most:
            raise rule.refusal(count, agreed)
        step, before = step / 2, agreed


def _halvings(agreed: float, before: float, enough: int) -> float:
    """Return how many more halvings it takes, at the least, but for a rule not yet at home.

    Bits grow as they did, or where a part of φ is resolved last, what they grow by doubles as in geometric convergence.
    """
    if agreed < _AT_HOME:
        return 3.0
    growth = min(max(agreed / max(before, 1), 1.1), 4)
    doubling = math.log2((enough - agreed) / (2 * max(agreed - before, 1)) + 1)
    return max(1.0, min(doubling, math.log(enough / agreed) / math.log(growth)))
