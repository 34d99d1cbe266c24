r"""Intervals that get no rule: next to kinks and singular points, and where φ or the normal law is negligible.

There a mean is at most the integral of |φ|: from balls, from ranges, or next to a point c at which φ is not finite from
m y^p e^{g y^s}, a bound on φ(c ± 1/y) for all y from one over the width on (`growth`).
"""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cached_property, reduce

from flint import arb

from ntkcalc.activations.formula.bounds.branches import Segment
from ntkcalc.activations.formula.bounds.growth import growth
from ntkcalc.activations.formula.bounds.ranges import Range, ranges
from ntkcalc.activations.formula.bounds.removable import zero_places
from ntkcalc.activations.formula.bounds.symmetry import ratio
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import exact, log2_upper, log_total, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.plain_form import radicands
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import (
    ZERO,
    Tree,
    X,
    folded,
    number,
    over,
    plus,
    simplified,
    times,
)
from ntkcalc.errors import InputError

_LN2 = math.log(2)
_PRECISION = 64
_SPARE = 16.0  # bits by which what has no rule is smaller than the error asked for


class Sliver(Segment):
    """An interval without a rule, and the formulas that φ may be there."""

    @cached_property
    def log_sizes(self) -> tuple[float, float]:
        """log2 of bounds on |φ| and |φ'|, whichever formula holds."""
        rows = ([*self.trees], [derivative(t) for t in self.trees])
        with working_precision(self._bits):  # a ball is that of where its formula is real
            box, values = self.whole, Range(self.left, self.right)
            size, slope = (
                max(map(min, map(log2_upper, real_program(*row)(box)), (u.log_size for u in ranges(row, values))))
                + 1e-6
                for row in rows
            )
        return size, slope

    @property
    def _bits(self) -> int:
        """A precision in which its ends are told from places next to it, a power of 2, for programs are shared."""
        return 1 << (_PRECISION + 2 * max(0, -math.floor(log2_upper(self.right - self.left)))).bit_length()

    @property
    def farthest(self) -> float:
        """An upper bound on |x|."""
        return float(abs(self.left).max(abs(self.right)).upper()) * (1 + 1e-12)

    @property
    def nearest(self) -> float:
        """A lower bound on |x|."""
        inside = self.left <= 0 and self.right >= 0
        return 0.0 if inside else float(abs(self.left).min(abs(self.right)).lower()) * (1 - 1e-12)

    def is_last(self, least: float) -> bool:
        """Return whether there is no use in cutting it: means over it are far below 2**least, or it is that narrow."""
        log_width = log2_upper(self.right - self.left)
        if max(self.log_sizes) == math.inf:
            return log_width < least
        masses = max(self.log_mass(order, times) for order, times in ((0, 1), (0, 2), (1, 2)))
        return min(log_width + _SPARE / 2, masses - self.nearest**2 / (4 * _LN2) + _SPARE) < least

    def log_mass(self, order: int, times: int = 2) -> float:
        """Return log2 of a bound on the integral of |φ|^times or |φ'|^times over the sliver.

        Where balls give none, next to an end or a zero c of a divisor, it is at most m |x − c|^{−p}, as the growth of
        φ(c ± 1/y) shows, summed over the formulas, for each may hold on a part.
        """
        log_width = log2_upper(self.right - self.left)
        if self.log_sizes[order] < math.inf:
            return times * self.log_sizes[order] + log_width
        return log_total([self._log_mass(derivative(t) if order else t, times, log_width) for t in self.trees])

    def _log_mass(self, tree: Tree, times: int, log_width: float) -> float:
        """Return such a bound for a formula that is not finite at an end or at a zero inside."""
        places: list[tuple[Tree, tuple[int, ...]]]
        places = [(number(exact(end)), (side,)) for end, side in ((self.left, 1), (self.right, -1))]
        with working_precision(self._bits):
            zeros = [(c, real_program(c)(None)[0]) for c in zero_places(tree)]
        places += [(c, (1, -1)) for c, place in zeros if self.left < place and place < self.right]
        return min(
            log_total([_log_mass_beside(tree, c, side, times, log_width) for side in sides]) for c, sides in places
        )


def _log_mass_beside(tree: Tree, c: Tree, side: int, times: int, log_width: float) -> float:
    """Return log2 of a bound on the integral of |φ|^times over an interval with an end c, ∞ for none.

    A formula that has no real value there is none that holds there.
    """
    g, start = None, float(2.0 ** min(-log_width - 1e-9, 1000.0))
    with suppress(InputError):  # of ends with too many digits
        beside = _reciprocal(tree, c, side)
        with working_precision(_PRECISION):
            if any(u.high <= 0 for u in ranges(radicands(beside), Range(low=arb(start)))):  # 0 at single points at most
                return -math.inf
        g = growth(beside, start, 0.0, 1)
    if g is not None and not g.rate and (rest := 1 - times * g.power) > 0:
        return times * g.log_size + rest * log_width - math.log2(rest) + 1e-6
    return times * g.log_value(g.start) + log_width + 1e-6 if g is not None and g.falls else math.inf


def _reciprocal(tree: Tree, end: Tree, side: int) -> Tree:
    """Return tree(end + side/x), polynomials in x expanded about the end."""
    step = over(number(side), X)

    def moved(t: Tree, arguments: list[Tree]) -> Tree:
        row = [] if t.constant else polynomial(t) or []
        if not row:
            return simplified(t.head, *arguments)
        for i in range(len(row)):
            for j in reversed(range(i, len(row) - 1)):
                row = [*row[:j], _sum(row[j], times(end, row[j + 1])), *row[j + 1 :]]
        return reduce(lambda value, c: plus(times(value, step), c), reversed(row), ZERO)

    return folded(tree, moved)


def _sum(a: Tree, b: Tree) -> Tree:
    """Return a sum of constants, 0 where it is proven to be that."""
    found = plus(a, b)
    return ZERO if found.number is None and ratio(found, ZERO) is not None else found
