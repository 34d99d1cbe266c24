r"""Kinks of φ, and the Hermite coefficients for large k that follow from the jumps of derivatives there.

With J_{b,i} the jump of φ^{(i)} at b, m integrations by parts give for k ≥ m

.. math::  µ_k = \sum_b \sum_{i<m} J_{b,i} h_{k−1−i}(b) ω(b) \sqrt{(k−1−i)!/k!} + ε_k, \qquad
           |ε_k| ≤ \sqrt{C_m/(k)_m}, \quad C_m = E[(φ^{(m)})²; \text{ off the kinks}],

with (k)_m the falling factorial. By Cauchy's formula on circles of radius r, |φ^{(m)}| ≤ m!/r^m times a bound of φ on
boxes. What is beyond ±X is cut off, and bounded with the jumps that this makes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import flint
from flint import arb, arb_series

from ntkcalc.activations.formula.balls import Ball, log2_upper, rational, widened, working_precision
from ntkcalc.activations.formula.branches import between
from ntkcalc.activations.formula.expansion_at_one import SeriesBalls
from ntkcalc.activations.formula.functions import polynomial, program, stretched
from ntkcalc.activations.formula.hermite_sums import hermite_guard
from ntkcalc.activations.formula.panels import Line, Panels, exact, log_sum
from ntkcalc.activations.formula.rational_pieces import Piece, alike
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.errors import AccuracyError

_LN2 = math.log(2)
_PRECISION = 64
_ORDERS = (2, 3, 4, 6, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80)
_LATEST = 20_000  # first k of a series that is any use


@dataclass(frozen=True, eq=False)
class Kink:
    """A place where φ changes from one formula to another.

    Parameters
    ----------
    near
        Where it is, nearly.
    exact
        √q times where it is, if that is a number known exactly.
    low, high
        Exact ends of an interval that holds it.
    left, right
        The formulas.
    q
        How far φ is stretched.
    """

    near: float
    exact: Fraction | None
    low: Ball
    high: Ball
    left: Tree
    right: Tree
    q: Fraction = Fraction(1)

    def place(self) -> Ball:
        """Return a ball that holds the kink, in the present precision."""
        if self.exact is None:
            return self.low.union(self.high)
        return rational(self.exact) if self.q == 1 else rational(self.exact) / rational(self.q).sqrt()

    def centre(self) -> Ball:
        """Return an exact point between the ends, or a ball around the exact place in the present precision."""
        return self.place() if self.exact is not None else between(self.low, self.high)

    @cached_property
    def log_width(self) -> float:
        """log2 of by how much that point may be off."""
        return log2_upper(self.high - self.low) if self.exact is None else -math.inf

    def jumps(self, order: int, bits: int) -> list[Ball] | None:
        """Return balls of the jumps of φ, φ', …, φ^(order); None where a side has no Taylor series."""
        before = flint.ctx.cap
        try:
            flint.ctx.cap = order + 1
            with working_precision(bits):
                x = arb_series([self.place(), 1])
                rows = [_series(tree, x, order) for tree in (self.left, self.right)]
                found = [arb(math.factorial(i)) * (b - a) for i, (a, b) in enumerate(zip(*rows, strict=True))]
        finally:
            flint.ctx.cap = before
        return found if all(jump.is_finite() for jump in found) else None


def _series(tree: Tree, x: Any, order: int) -> list[Ball]:
    value = program([tree], SeriesBalls())(x)[0]
    row = list(value.coeffs()) if isinstance(value, arb_series) else [value]
    return row + [arb(0)] * (order + 1 - len(row))


def rational_kinks(pieces: list[Piece], q: Fraction = Fraction(1)) -> list[Kink]:
    """Return the kinks of φ(√q x), φ with rational pieces."""
    found = []
    for one, other in pairwise(pieces):
        assert one.right is not None
        with working_precision(_PRECISION):
            x = rational(one.right) / rational(q).sqrt()
        left, right = stretched(one.tree, q), stretched(other.tree, q)
        found.append(Kink(float(x.mid()), one.right, x.lower(), x.upper(), left, right, q))
    return found


def kinks_of(panels: Panels, need: float) -> list[Kink]:
    """Return the kinks between cells."""
    cells = panels.line(need).cells
    found = []
    for one, other in pairwise(cells):
        if not alike(one.tree, other.tree):
            place = exact(one.right) if one.right == other.left else None
            found.append(Kink(float(one.right.mid()), place, one.right, other.left, one.tree, other.tree))
    return found


def _log_factorial(n: float) -> float:
    return math.lgamma(n + 1) / _LN2


def _log_falling(k: int, m: int) -> float:
    """Return log2 of k(k − 1)…(k − m + 1)."""
    return _log_factorial(k) - _log_factorial(k - m) - 1e-9 * k


class KinkSeries:
    """µ_k for large k.

    Parameters
    ----------
    panels
        φ on the whole line.
    kinks
        Its kinks; those beyond ±X are left out.
    need
        −log2 of the errors that are allowed.
    """

    def __init__(self, panels: Panels, kinks: list[Kink], need: float) -> None:
        self.need, self._line = need, panels.line(need + 8)
        self.kinks = [kink for kink in kinks if abs(kink.near) < self._line.reach]
        self._left_out = log_sum(_log_far(self._line), _log_slivers(self._line))
        self._sizes: dict[int, float] = {}

    @cached_property
    def degree(self) -> int | None:
        """The largest degree where all pieces are polynomials."""
        rows = [polynomial(cell.tree) for cell in self._line.cells]
        return None if None in rows else max(len(row) for row in rows if row is not None) - 1

    def log_size(self, m: int) -> float:
        """Return log2 of a bound on C_m."""
        if m not in self._sizes:
            self._sizes[m] = self._log_size(m)
        return self._sizes[m]

    def _log_size(self, m: int) -> float:
        if self.degree is not None and m > self.degree:
            return -math.inf
        total = -math.inf
        for cell in self._line.cells:
            middle = abs(float(((cell.left + cell.right) / 2).mid()))
            nearest = max(0.0, middle - cell.half_width)
            mass = -(nearest**2) / (2 * _LN2) - 1.3257 + cell.log_half + 1
            size = min(_log_factorial(m) - m * math.log2(r) + s for r, s in cell.disc_sizes)
            total = log_sum(total, 2 * size + mass)
        return total

    def log_error(self, k: int, m: int) -> float:
        """Return log2 of a bound on ε_k, on what is beyond ±X and on slivers."""
        return log_sum((self.log_size(m) - _log_falling(k, m)) / 2, self._left_out)

    @cached_property
    def first(self) -> tuple[int, int] | None:
        """The first k with small enough errors, and the m that it takes; None where there is none."""
        if self._left_out > -self.need - 1:
            return None
        if self.degree is not None:
            return self.degree + 1, self.degree + 1
        best: tuple[int, int] | None = None
        for m in _ORDERS:
            size = self.log_size(m)
            if size == math.inf:
                continue
            k = math.ceil(2.0 ** min((2 * self.need + 2 + size) / m, 40)) + m
            if k < (best[0] if best else _LATEST):
                best = k, m
        return best

    @cached_property
    def jumps(self) -> list[list[Ball]] | None:
        """The jumps at every kink up to the order m − 1; None where there are none."""
        if self.first is None:
            return None
        order = self.first[1] - 1
        bits = math.ceil(self.need + _log_factorial(order)) + 64
        rows = [kink.jumps(order, bits) for kink in self.kinks]
        return None if None in rows else [row for row in rows if row is not None]

    def moments(self, first: int, last: int, need: float) -> list[Ball]:
        """Return balls of µ_first … µ_last, radii below 2**-need."""
        reach = max((abs(kink.near) for kink in self.kinks), default=0.0)
        guard = 16 + hermite_guard(last, reach)
        while True:
            with working_precision(math.ceil(need + guard)):
                found = self._moments(first, last)
            excess = max(log2_upper(c.rad()) for c in found) + need
            if excess <= 0:
                return found
            if guard > 1 << 17:
                raise AccuracyError("rounding leaves no digits of the coefficients that kinks make")
            guard += max(excess, 8) + 8

    def _moments(self, first: int, last: int) -> list[Ball]:
        """Return the sums over kinks, block by block: the larger k, the fewer jumps count."""
        assert self.first is not None
        assert self.jumps is not None
        rows = [_densities(kink.centre(), last) for kink in self.kinks]
        found: list[Ball] = []
        scale = (arb(first - 1).fac()).rsqrt()
        least = -self.need - 8 - math.log2(len(self.kinks) * self.first[1] + 1)
        while first <= last:
            end = min(last, first + first // 4)
            fewer = (m for m in _ORDERS if m < self.first[1] and self.log_error(first, m) < -self.need - 2)
            m = next(fewer, self.first[1])
            error = self.log_error(first, m)
            parts = []
            for kink, jumps, row in zip(self.kinks, self.jumps, rows, strict=True):
                size = 0.2 - 1.3257 - kink.near**2 / (4 * _LN2)
                kept = []
                for i, jump in enumerate(jumps[:m]):
                    log_term = log2_upper(jump) + size - _log_falling(first, i + 1) / 2
                    # (h_n ω)' = −√(n+1) h_{n+1} ω: what the place of a kink is uncertain by moves the term so much
                    error = log_sum(error, log_term + math.log2(end + 1) / 2 + kink.log_width)
                    if log_term < least:
                        error = log_sum(error, log_term)
                    else:
                        kept.append((i + 1, jump))
                parts.append((row, kept))
            for k in range(first, end + 1):
                scale *= arb(k).rsqrt()
                total = arb(0)
                for row, kept in parts:
                    for back, jump in kept:
                        total += jump * row[k - back]
                found.append(widened(total * scale, error))
            first = end + 1
        return found


def _densities(b: Ball, last: int) -> list[Ball]:
    """Return He_n(b) ω(b) for n < last."""
    before, here = arb(0), (-b * b / 2).exp() / (2 * arb.pi()).sqrt()
    found = []
    for n in range(last):
        found.append(here)
        before, here = here, b * here - n * before
    return found


def _log_far(line: Line) -> float:
    """Return log2 of a bound on what is beyond ±X, with the jumps that cutting there makes."""
    if not (line.cells[0].left == -line.reach and line.cells[-1].right == line.reach):
        return math.inf
    total = -math.inf
    for g in line.far[0]:
        total = log_sum(total, g.log_tail(line.reach, 0.25) - 1.2)
    for cell in (line.cells[0], line.cells[-1]):
        near = -(line.reach**2) / (4 * _LN2) - 1.2
        for i in range(_ORDERS[-1]):
            # √(k)_{i+1} ≥ √(i + 1)!
            jump = min(_log_factorial(i) - i * math.log2(r) + s for r, s in cell.disc_sizes)
            total = log_sum(total, jump + near - _log_factorial(i + 1) / 2)
    return total


def _log_slivers(line: Line) -> float:
    """Return log2 of a bound on what slivers add: at most two formulas' |φ| times |h_k ω| ≤ 0.44 and the width.

    Next to a sliver of one formula, which is singular there, derivatives have no bound.
    """
    total = -math.inf
    for sliver in line.slivers:
        if len(sliver.trees) == 1:
            return math.inf
        total = log_sum(total, sliver.log_sizes[0] + log2_upper(sliver.right - sliver.left))
    return total
