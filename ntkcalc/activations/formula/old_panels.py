r"""Gauss–Legendre quadrature on panels: pieces of the half-line, short where φ varies fast.

A rule of n nodes on a panel has errors of ρ^{−2n}, if φ continues analytically to the ellipse with foci at the ends and
axes that sum to ρ times half the panel. A few values of φ tell ρ: the coefficients of their polynomial in Legendre's
P_j fall like ρ^{−j}. Panels are halved until a short rule is enough on each, so that a step a hundredth as wide as the
bell costs a few panels more, not a hundred times the nodes. Then two rules of different length must agree on every
panel, to what it adds to the whole; where they do not, a longer one takes the place of the shorter.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from operator import mul
from typing import TYPE_CHECKING, Any

import gmpy2
from gmpy2 import mpfr

from ntkcalc.activations.formula.node_sums import NodeSums
from ntkcalc.numerics.precision import mpfr_log2
from ntkcalc.numerics.quadrature_rules import gauss_legendre

if TYPE_CHECKING:
    from ntkcalc.activations.formula.scales import Cells

_LONGEST = 8.0  # panel: the bell itself is no polynomial
_SHORTEST = 2.0**-80  # panel: what is not smooth there has no end
_LONG = 4  # times as many nodes as the first estimate may have, with which a rule is given up
_PLANNING = 4  # part of all nodes there is time for that may go into planning
_WAVES = 0.3  # nodes a unit length that He_k takes, over √k
_LENGTHS = [math.ceil(8 * 2 ** (i / 4)) for i in range(48)]
"""Of rules: few, since nodes are dear."""


@dataclass(frozen=True)
class _Panel:
    """A panel from a to b, and which of φ's narrow cells reach into it."""

    a: Any
    b: Any
    narrow: Cells

    @cached_property
    def length(self) -> float:
        """Its own, b − a."""
        return float(self.b - self.a)

    def nodes(self, n: int) -> list[tuple[Any, Any]]:
        """Return nodes and weights of a rule."""
        precision = gmpy2.get_context().precision
        middle, half = (self.a + self.b) / 2, (self.b - self.a) / 2
        return [(middle + half * x, half * w) for x, w in gauss_legendre(n, 64 * (precision // 64 + 1))]

    @cached_property
    def fine(self) -> float:
        """How many nodes see all that may be there: those of Gauss and Legendre are π/n · √((x − a)(b − x)) apart."""
        a, b = float(self.a), float(self.b)
        stretch = self.narrow.largest(lambda x: math.pi * ((x - a) * (b - x)) ** 0.5, a, b)
        return float((stretch / self.narrow.length).max(initial=0.0))

    @property
    def narrowest(self) -> tuple[float, float]:
        """The width and the middle of the narrowest cell, or of the panel."""
        cells = self.narrow
        if not cells.length.size:
            return self.length, float(self.a + self.b) / 2
        i = int(cells.length.argmin())
        return float(cells.high[i] - cells.low[i]), float(cells.low[i] + cells.high[i]) / 2

    def halves(self) -> Iterator[_Panel]:
        """Yield both."""
        middle = (self.a + self.b) / 2
        for a, b in ((self.a, middle), (middle, self.b)):
            yield _Panel(a, b, self.narrow.between(float(a), float(b)))


@dataclass
class _Estimate:
    """What two rules say of a panel, the longer one with n nodes."""

    panel: _Panel
    n: int
    shorter: list[Any] = field(default_factory=list)
    longer: list[Any] = field(default_factory=list)
    agreed: float = 0.0  # bits of the whole to which they agree

    def next_length(self, enough: float) -> int:
        """Return the next length, or a later one for so many bits: errors fall geometrically."""
        more = enough / max(self.agreed, 1)
        return _next_length(max(self.n, min(_length_before(self.n) * more, 2 * self.n)))


def planned(sums: NodeSums, pieces: Sequence[tuple[Any, Any]], cells: Cells) -> list[_Estimate]:
    """Return panels for pieces of the half-line, on which φ has Taylor series up to the ends, and their first rules.

    Raises
    ------
    AccuracyError
        Where that would take too many nodes.
    """
    return [_Estimate(panel, _next_length(0.75 * least)) for panel, least in _panels(sums, pieces, cells)]


def nodes_of(plan: list[_Estimate]) -> int:
    """Return how many nodes the first rules have."""
    return sum(_length_before(e.n) + e.n for e in plan)


def sums_on_panels(sums: NodeSums, found: list[_Estimate]) -> list[Any]:
    """Return the sums for |x| in panels.

    Raises
    ------
    AccuracyError
        Where the rules do not come to agree within bounds.
    """
    spent = nodes_of(found)
    if spent > sums.left:
        raise sums.refusal(0, 0)
    for e in found:
        e.shorter, e.longer = (sums.over(e.panel.nodes(n)) for n in (_length_before(e.n), e.n))
    share = math.log2(len(found)) + 1
    while True:
        whole = [sum(column) for column in zip(*(e.longer for e in found), strict=True)]
        for e in found:
            e.agreed = sums.agreement(e.shorter, e.longer, whole)
        together = _together([e.agreed for e in found])
        if together >= sums.bits:
            return whole
        short = [e for e in found if e.agreed < sums.bits + share]
        lengths = [e.next_length(sums.bits + share) for e in short]
        if sum(lengths) > sums.left or max(lengths) > _LONG * _short(sums):
            raise sums.refusal(spent, together)
        spent += sum(lengths)
        for e, n in zip(short, lengths, strict=True):
            e.n, e.shorter, e.longer = n, e.longer, sums.over(e.panel.nodes(n))


def _together(bits: list[float]) -> float:
    """Return −log2 of the sum of errors of so many bits."""
    least = min(bits)
    return least - math.log2(sum(2 ** (least - b) for b in bits)) if least < math.inf else least


def _next_length(n: float) -> int:
    """Return a length greater than n, not the least of all."""
    return _LENGTHS[max(bisect_left(_LENGTHS, n + 1), 1)]


def _length_before(n: int) -> int:
    return _LENGTHS[_LENGTHS.index(n) - 1]


def _short(sums: NodeSums) -> float:
    """Return how many nodes a rule may take by the first estimate."""
    return 16 + sums.bits / 3


def _panels(sums: NodeSums, pieces: Sequence[tuple[Any, Any]], cells: Cells) -> list[tuple[_Panel, float]]:
    """Return panels, each with how many nodes it takes by what a few of them say."""
    short, probe = _short(sums), _next_length(max(15, sums.bits / 8))
    reserve = sums.left - sums.left // _PLANNING
    narrow = cells.narrow
    todo = [_Panel(a, b, narrow.between(float(a), float(b))) for a, b in pieces]
    done: list[tuple[_Panel, float]] = []
    while todo:
        if (len(done) + len(todo)) * short > sums.left or sums.left < reserve:
            if not any(panel.narrow.length.size for panel in todo):
                raise sums.too_long()
            least = sum(max(panel.fine, short) for panel in todo) + len(done) * short
            raise sums.unresolved(*min(panel.narrowest for panel in todo), least)
        panel = todo.pop()
        least = _needed(sums, panel, probe) if panel.fine <= probe and panel.length <= _LONGEST else math.inf
        if least <= short:
            done.append((panel, max(least, panel.fine)))
        elif panel.length < _SHORTEST * (1 + float(panel.b)):
            raise sums.unresolved(*panel.narrowest, math.inf)
        else:
            todo += panel.halves()
    return done


def _needed(sums: NodeSums, panel: _Panel, probe: int) -> float:
    """Return how many nodes give the bits of φ and φ' times the root of the bell, and of He_k."""
    values = [[gmpy2.exp(-x * x / 4) * v for v in sums.values(x)] for x, _ in panel.nodes(probe)]
    most, precision = 0.0, gmpy2.get_context().precision
    for row in zip(*values, strict=True):
        size = max(map(abs, row))
        if size:
            bits = sums.bits + mpfr_log2(size) + 4
            last = max(abs(sum(map(mul, line, row), mpfr(0))) for line in _legendre(probe, precision))
            rate = -mpfr_log2(last / size) / (probe - 2)
            most = max(most, bits / (2 * rate) if rate > 0.1 else math.inf)
    return 4 + most + _WAVES * math.sqrt(sums.degree) * panel.length


@lru_cache(maxsize=16)
def _legendre(probe: int, bits: int) -> list[list[Any]]:
    """Return what gives the last three coefficients in P_j of the polynomial through the values at a rule's nodes."""
    rule, lines = gauss_legendre(probe, bits), []
    before, here = [mpfr(0)] * probe, [mpfr(1)] * probe
    for j in range(probe):
        lines.append([(2 * j + 1) * w * p / 2 for (_, w), p in zip(rule, here, strict=True)])
        after = [((2 * j + 1) * x * p - j * q) / (j + 1) for (x, _), p, q in zip(rule, here, before, strict=True)]
        before, here = here, after
    return lines[-3:]
