r"""Gaussian means of φ times Hermite polynomials, by pairs of rules that must agree.

The trapezoidal rule of a smooth φ in u, x = sinh(bu)/b, converges geometrically; this map spreads nodes where the
Gaussian hides most, and on nodes that are not equally spaced no wave passes for a slower one, as cos(100x) would in x.
Where φ is steep in some places only, or has kinks with Taylor series on both sides, Gauss–Legendre rules on panels do
(`panels`). Next to kinks without (|x|^{3/2}), x = x(u) maps a line to each side (tanh-sinh; Takahasi and Mori,
1974), which the trapezoidal rule in u integrates whatever φ does at the ends. Two rules that share no node, u = n h and
the points half-way, must agree; else h is halved. Their mean, whose error is nearly the square of their difference, is
the next rule.

Rules that do not see a narrow bump agree too: in the first of them no nodes are farther apart than the lengths within
which φ may vary (`scales`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import gmpy2
from gmpy2 import mpfr

from ntkcalc.activations.formula.integrand import Integrand, Shape, size_and_reach
from ntkcalc.activations.formula.node_sums import NodeSums
from ntkcalc.activations.formula.old_panels import nodes_of, planned, sums_on_panels
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Real, context, from_mpfr, mpfr_context, to_mpfr

if TYPE_CHECKING:
    from ntkcalc.activations.formula.intervals import Array
    from ntkcalc.activations.formula.scales import Cells

_BEND = 0.5  # largest b of the map of the line
_EARLY = 300  # nodes with which no rule is given up
_AT_HOME = 6  # bits that say that a rule sees what φ does
_USUAL = 4  # times as many nodes as the first rule has, the last one has
_SHORT, _FIRST = 6, 3  # nodes a bit, and part of all there is time for, with which a trapezoidal rule is tried first
_CHEAP = 2  # nodes of a trapezoidal rule for one of a rule on panels: their sums nest
_TINY = 2.0**-52


class Rule(Protocol):
    """Sums over nodes, which two rules must agree on; see `node_sums.NodeSums`."""

    enough: int

    def over(self, nodes: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Return the sums over nodes x > 0 with their dx."""

    def agreement(self, a: Sequence[Any], b: Sequence[Any], whole: Sequence[Any]) -> float:
        """Return to how many bits two of them agree."""

    def unresolved(self, length: float, x: float, nodes: float) -> AccuracyError:
        """Say where φ varies too fast, and how many nodes that asks for."""

    def refusal(self, nodes: int, agreed: float) -> AccuracyError:
        """Say how far it went."""


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


def gaussian_means(integrand: Integrand, degree: int, bits: int, budget: WorkBudget | None = None) -> Means:
    """Return µ_0 … µ_degree, E[φ²] and E[φ'²].

    Parameters
    ----------
    integrand
        φ.
    degree
        The largest k.
    bits
        -log2 of the error, for φ scaled to E[φ²] of about 1.
    budget
        What may be spent, by default what so many bits allow.

    Raises
    ------
    AccuracyError
        Where the rules do not come to agree, or will not within bounds, or would not see all of φ.
    """
    scale, reach = size_and_reach(integrand, bits)
    cells = integrand.cells(reach, bits, scale)
    sums = NodeSums(integrand, scale, degree, bits, reach, budget or WorkBudget(bits))
    ctx = context(sums.precision)
    with mpfr_context(sums.precision):
        places = [mpfr(0), *[to_mpfr(x) for x in integrand.kinks(ctx) if 0 < x < reach], mpfr(reach)]
        if integrand.shape is Shape.SINGULAR:
            found = _next_to_kinks(sums, places, cells)
        elif integrand.shape is Shape.SMOOTH:
            found = _on_line(sums, places, cells)
        else:
            found = sums_on_panels(sums, planned(sums, list(pairwise(places)), cells))
        square, slope, *moments = [from_mpfr(ctx, value) for value in (*found[:2], *sums.moments(found))]
    if not square > 0:
        raise AccuracyError(f"what the normal law sees of {integrand.text} is all but zero")
    return Means(bits, scale, moments, ctx.ldexp(square, 2 * scale), ctx.ldexp(slope, 2 * scale))


def _on_line(sums: NodeSums, places: list[Any], cells: Cells) -> list[Any]:
    """Return sums by trapezoidal rules on the whole half-line where these are short, else what takes fewer nodes."""
    bits = sums.bits
    line = on_line(sums, bits, sums.degree, float(places[-1]), cells)
    try:
        even = not cells.narrow.length.size  # panels are for what is steep in some places
        return line.sums(sums.left if even else min(_SHORT * bits, sums.left // _FIRST))
    except AccuracyError:
        pass
    try:
        plan = planned(sums, list(pairwise(places)), cells)
    except AccuracyError as refusal:
        try:
            return line.sums(line.count + sums.left)
        except AccuracyError:
            raise refusal from None  # panels take the fewer nodes where φ is steep
    try:
        return line.sums(line.count + min(_CHEAP * nodes_of(plan), sums.left))
    except AccuracyError:
        return sums_on_panels(sums, plan)


def on_line(rule: Rule, bits: int, degree: int, reach: float, cells: Cells) -> Halving:
    """Return trapezoidal rules on the whole half-line, for so many bits and polynomials of this degree."""
    bend = min(_BEND, 2 / math.sqrt(degree + 1))  # high polynomials swing far out
    first = 2.0 ** -math.floor(math.log2(max(math.sqrt(bits) / 4, bits * bend / 17, math.sqrt(degree) / 2)))
    return Halving(rule, [Map(None, math.asinh(bend * reach) / bend, bend)], mpfr(first), cells)


def _next_to_kinks(sums: NodeSums, places: list[Any], cells: Cells) -> list[Any]:
    """Return sums by tanh-sinh rules within 1 of kinks of any kind, and on panels elsewhere."""
    end = math.asinh((sums.bits + 40) * math.log(2) / math.pi) + 0.5
    near, far = [], []
    for a, b in pairwise(places):
        last = b is places[-1]
        if b - a <= 2:
            near.append((a, b))
        else:
            near += [(a, a + 1)] if last else [(a, a + 1), (b - 1, b)]
            far.append((a + 1, b if last else b - 1))
    beside = Halving(sums, [Map(piece, end) for piece in near], mpfr(1) / 4, cells).sums(sums.left)
    if not far:
        return beside
    elsewhere = sums_on_panels(sums, planned(sums, far, cells))
    return [x + y for x, y in zip(beside, elsewhere, strict=True)]


@dataclass(frozen=True)
class Map:
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


class Halving:
    """Trapezoidal rules on images of a line, their step halved until two of them agree; goes on where it stopped."""

    def __init__(self, rule: Rule, maps: list[Map], step: Any, cells: Cells) -> None:
        self.rule, self.maps, self.step, self.cells = rule, maps, step, cells
        self.whole: list[Any] = []
        self.count, self.agreed, self.before = 0, 0.0, 0.0

    def sums(self, most: int) -> list[Any]:
        """Return the sums, by no more nodes than these, of which those before count.

        Raises
        ------
        AccuracyError
            Where more are needed.
        """
        if not self.whole:
            self._resolve(most)
            nodes = self._nodes(half=False)
            if 2 * len(nodes) > most:
                raise self.rule.refusal(0, 0)
            self.whole, self.count = self.rule.over(nodes), len(nodes)
            self._go_on()
        while self.agreed < self.rule.enough:
            more = _halvings(self.agreed, self.before, self.rule.enough) if self.count > _EARLY else 1.0
            if self.count * 2 ** math.ceil(more) > most:
                raise self.rule.refusal(self.count, self.agreed)
            self.step, self.before = self.step / 2, self.agreed
            self._go_on()
        return self.whole

    def _go_on(self) -> None:
        """Compare with the rule of the points half-way, which together are the next."""
        nodes = self._nodes(half=True)
        between = self.rule.over(nodes)
        self.agreed, self.count = self.rule.agreement(self.whole, between, self.whole), self.count + len(nodes)
        self.whole = [(a + b) / 2 for a, b in zip(self.whole, between, strict=True)]

    def _nodes(self, half: bool) -> list[tuple[Any, Any]]:
        return [node for m in self.maps for node in m.nodes(self.step, half)]

    def _resolve(self, most: int) -> None:
        """Take a step with which the nodes of one rule are nowhere farther apart than φ's variation is long."""
        length = 2 * sum(m.reach * (1 if m.ends is None else 2) for m in self.maps)  # of u, for two rules
        narrow = self.cells.narrow
        if narrow.length.size:
            rate = max((m.stretch(narrow) / narrow.length for m in self.maps), key=lambda r: float(r.max()))
            if length * rate.max() > most:
                i = int(rate.argmax())
                low, high = float(narrow.low[i]), float(narrow.high[i])
                raise self.rule.unresolved(high - low, (low + high) / 2, _USUAL * length * float(rate[i]))
            self.step = min(self.step, 1 / mpfr(max(float(rate.max()), _TINY)))
        rates = [m.stretch(self.cells) / self.cells.length for m in self.maps]
        while 2 * length <= most * self.step and any((rate * float(self.step) > 1.001).any() for rate in rates):
            self.step /= 2


def _halvings(agreed: float, before: float, enough: int) -> float:
    """Return how many more halvings it takes, at the least, but for a rule not yet at home.

    Bits grow as they did, or where a part of φ is resolved last, what they grow by doubles as in geometric convergence.
    """
    if agreed < _AT_HOME:
        return 3.0
    growth = min(max(agreed / max(before, 1), 1.1), 4)
    doubling = math.log2((enough - agreed) / (2 * max(agreed - before, 1)) + 1)
    return max(1.0, min(doubling, math.log(enough / agreed) / math.log(growth)))
