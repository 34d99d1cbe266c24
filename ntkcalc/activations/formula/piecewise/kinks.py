"""Kinks of φ: where they are, the formulas on both sides, and the jumps of derivatives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from flint import arb_series

from ntkcalc.activations.formula.bounds.branches import between
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    exact,
    log2_upper,
    rational,
    series_length,
    working_precision,
)
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.plain_form import stretched
from ntkcalc.activations.formula.expressions.programs import program
from ntkcalc.activations.formula.expressions.trees import Tree, minus
from ntkcalc.activations.formula.piecewise.panels import Panels
from ntkcalc.activations.formula.piecewise.rational_pieces import Piece, alike
from ntkcalc.activations.formula.smooth.expansion_at_one import SeriesBalls

_PRECISION = 64
_GRID = 256  # bits to which precisions are rounded up, for programs are shared


@dataclass(frozen=True, eq=False)
class Kink:
    """A place where φ changes from one formula to another.

    Parameters
    ----------
    exact
        √q times where it is, if that is a number known exactly.
    low, high
        Exact ends of an interval that holds it.
    left, right
        The formulas.
    q
        How far φ is stretched.
    """

    exact: Fraction | None
    low: Ball
    high: Ball
    left: Tree
    right: Tree
    q: Fraction = Fraction(1)

    @cached_property
    def near(self) -> float:
        """Where it is, nearly."""
        return float(self.low.mid())

    def place(self) -> Ball:
        """Return a ball that holds the kink, in the present precision."""
        if self.exact is None:
            return self.low.union(self.high)
        return rational(self.exact) if self.q == 1 else rational(self.exact) / rational(self.q).sqrt()

    def centre(self) -> Ball:
        """Return an exact point between the ends, or a ball around the exact place in the present precision."""
        return self.place() if self.exact is not None else between(self.low, self.high)

    def jumps(self, order: int, bits: int) -> list[Ball] | None:
        """Return balls of the jumps of φ, φ', …, φ^(order); None where a side has no Taylor series.

        They hold what the formulas on both sides differ by anywhere between the ends.
        """
        with working_precision(bits), series_length(order + 1):
            x = arb_series([self.place(), 1])
            left, right = program([self.left, self.right], SeriesBalls())(x)
            found = [math.factorial(i) * (right[i] - left[i]) for i in range(order + 1)]
        return found if all(jump.is_finite() for jump in found) else None


def rational_kinks(pieces: list[Piece], q: Fraction = Fraction(1)) -> list[Kink]:
    """Return the kinks of φ(√q x), φ with rational pieces."""
    found = []
    for one, other in pairwise(pieces):
        assert one.right is not None
        with working_precision(_PRECISION):
            x = rational(one.right) / rational(q).sqrt()
        left, right = stretched(one.tree, q), stretched(other.tree, q)
        found.append(Kink(one.right, x.lower(), x.upper(), left, right, q))
    return found


def kinks_of(panels: Panels, need: float) -> list[Kink]:
    """Return the kinks between intervals on which φ is one formula."""
    line = panels.line(need)
    parts = [(cell.left, cell.right, cell.tree) for cell in line.cells]
    parts += [(s.left, s.right, s.trees[0]) for s in line.slivers if len(s.trees) == 1]
    parts.sort(key=lambda part: exact(part[0]))
    found = []
    for (_, low, left), (high, _, right) in pairwise(parts):
        if not alike(left, right):
            if low != high:
                low, high = _narrowed(low, high, left, right)
            found.append(Kink(exact(low) if low == high else None, low, high, left, right))
    return found


def _narrowed(low: Ball, high: Ball, left: Tree, right: Tree) -> tuple[Ball, Ball]:
    """Return ends of an interval that holds all places between two at which two formulas are equal: a step of Newton's.

    Jumps of derivatives of high orders there take more digits of the place than φ does.
    """
    apart = minus(left, right)
    with working_precision(_GRID * math.ceil(4 * abs(log2_upper(high - low)) / _GRID)):
        whole = low.union(high)
        middle = whole.mid()
        nearer = middle - real_program(apart)(middle)[0] / real_program(derivative(apart))(whole)[0]
        if nearer.is_finite() and nearer.overlaps(whole):
            return low.max(nearer.lower()), high.min(nearer.upper())
    return low, high
