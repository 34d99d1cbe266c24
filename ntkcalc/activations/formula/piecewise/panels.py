r"""Gaussian means of a φ with kinks or narrow features, by Gauss–Legendre panels with proven errors.

The line is cut into `cells`. Cells that have no bound are halved; where that goes below the error asked for, the mean
is at most |φ| times the width of what is left (`slivers`). Beyond ±X a bound is read off the formula's tree (`growth`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from operator import add

from flint import arb

from ntkcalc.activations.formula.bounds.branches import Segment, between, segments
from ntkcalc.activations.formula.bounds.growth import Growth, far_formula, growth
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    log2_upper,
    log_total,
    refined,
    widened,
    working_precision,
)
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import ZERO, Tree, in_order, minus
from ntkcalc.activations.formula.piecewise.cells import (
    Cell,
    block_of,
    cells_with_counts,
    certified_cell,
    grouped_cells,
    log_hermite,
    weighted_nodes,
)
from ntkcalc.activations.formula.piecewise.slivers import Sliver
from ntkcalc.activations.formula.smooth.hermite_sums import hermite_sums, sums_work
from ntkcalc.activations.formula.smooth.polynomial_dual import hermite_moments, values
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.numerics.work import announce

_LN2 = math.log(2)
_PRECISION = 64
_STARTS = (4.0, 8.0, 16.0, 32.0, 64.0, 256.0, *(2.0**n for n in (12, 20, 34, 100)))
_JUMPING = ("sign", "step")  # functions that are not continuous
_GRID = 64  # bits to which precisions and errors are rounded up
_MOST_CELLS = 1 << 13
_MOST_BITS = float(1 << 26)  # of the nodes in a block, each of which has some dozens of numbers in memory
_LONGEST = 4000.0  # seconds of estimated work that are refused
_MOST_SLIVERS = 1 << 11  # more than formulas have kinks that are not told apart
_GUARD = 8.0  # bits beyond those asked for; where they are not enough, cells and slivers are made finer, too
_FINEST = 1 << 15  # bits of cells of which mean squares are taken
_LEAST_GAIN = 2.0**-8  # of narrower slivers, that of a slope like |x|^−0.498


@dataclass(frozen=True, eq=False)
class Line:
    """Cells and slivers between ±reach, and bounds beyond."""

    cells: list[Cell]
    slivers: list[Sliver]
    reach: float
    far: tuple[tuple[Growth, Growth], tuple[Growth, Growth]]  # φ and φ', at −∞ and ∞


class TooFastError(AccuracyError):
    """φ has too many cells."""

    def __init__(self, text: str, place: float) -> None:
        super().__init__(f"{text} varies too fast near x = {place:.6g}")
        self.place = place


class Panels:
    """Sums over the real line of one φ; what `trapezoid.Line` is for a smooth one.

    Parameters
    ----------
    tree
        φ, with its branches.
    text
        φ, for messages.
    parity
        1 or −1 for an even or odd φ, else 0.
    """

    def __init__(self, tree: Tree, text: str, parity: int = 0) -> None:
        self.tree, self.text, self.parity = tree, text, parity
        self._lines: list[tuple[float, Line]] = []
        self._squares: dict[int, tuple[float, Ball]] = {}

    # ---------------------------------------------------------------- cells

    def line(self, need: float, most_cells: int = _MOST_CELLS) -> Line:
        """Return cells for errors of 2**-need, kept; a φ that takes too many is refused."""
        for known, line in self._lines:
            if known >= need:
                return line
        need = _GRID * math.ceil((need + 16) / _GRID)
        line = self._cut(need, most_cells)
        self._lines = [(need, line), *self._lines[:2]]
        return line

    def far(self, need: float) -> tuple[float, tuple[tuple[Growth, Growth], tuple[Growth, Growth]]]:
        """Return X, beyond which φ² and φ'² have less than 2**-need of their mean, with bounds there.

        A φ that may jump has one formula beyond X, if any X is known from which on it has.

        Raises
        ------
        AccuracyError
            Where there are no bounds.
        """
        for start in self._starts:
            bounds, reach = _bounds_from(self.tree, start), start
            while bounds and reach < 1.05 * (4 * start + 2 * math.sqrt(need)):
                if max(g.log_tail(reach, 0.25) for g in bounds) <= -need:
                    return reach, ((bounds[0], bounds[1]), (bounds[2], bounds[3]))
                reach *= 1.05
        raise AccuracyError(f"no bound on {self.text} far from 0 is proven: is it square-integrable?")

    @cached_property
    def _starts(self) -> Sequence[float]:
        """Where bounds may begin."""
        if not any(t.word in _JUMPING for t in in_order(self.tree)):
            return _STARTS
        decided = (all(far_formula(self.tree, start, sign) is not None for sign in (-1, 1)) for start in _STARTS)
        first = next((i for i, known in enumerate(decided) if known), 0)
        return _STARTS[first:]

    def _cut(self, need: float, most_cells: int) -> Line:
        reach, far = self.far(need + 4)
        reach = math.ceil(reach * 4) / 4
        step = 1 << max(0, math.floor(math.log2(need / 64) / 2))  # ellipses may be wide where many bits are asked for
        close, ends = 2 * math.sqrt(need), [0.0]
        while ends[-1] < reach:  # wider where the normal law is small
            ends.append(min(reach, ends[-1] + (step if ends[-1] < close else max(step, ends[-1] / 2))))
        ends = sorted({*ends, *(-x for x in ends)})
        marks = [arb(x) for x in ends if x >= 0 or not self.parity]
        cells: list[Cell] = []
        slivers: list[Sliver] = []
        least = -need - 8
        for left, right in pairwise(marks):
            for segment in segments(self.tree, left, right, least):
                self._divide(segment, least, most_cells, cells, slivers)
        return Line(cells, slivers, reach, far)

    def _divide(
        self, segment: Segment, least: float, most_cells: int, cells: list[Cell], slivers: list[Sliver]
    ) -> None:
        """Cut a segment into cells and slivers."""
        if len(segment.trees) > 1:
            slivers.append(Sliver(segment.left, segment.right, segment.trees))
            if len(slivers) > _MOST_SLIVERS:
                raise InputError(
                    f"{self.text}: near x = {float(segment.left.mid()):.6g} a sign that decides between branches "
                    "is 0 or not proven; write what has it more simply"
                )
            return
        tree, stack = segment.trees[0], [(segment.left, segment.right)]
        while stack:
            left, right = stack.pop()
            sliver = Sliver(left, right, (tree,))
            far = sliver.nearest**2 > -4 * least and sliver.is_last(least)
            cell = None if far else certified_cell(left, right, tree, least)
            if cell is not None:
                cells.append(cell)
            elif sliver.is_last(least):
                slivers.append(sliver)
            else:
                middle = between(left, right)
                stack += [(middle, right), (left, middle)]
            if len(cells) + len(stack) + len(slivers) > most_cells:
                raise TooFastError(self.text, float(left.mid()))

    # ---------------------------------------------------------------- sums

    def hermite(self, degree: int, need: float) -> list[Ball]:
        """Return balls of µ_0 … µ_degree with radii below 2**-need."""
        said = f"rounding leaves no digits of {self.text}"
        return refined(
            lambda guard: self._hermite(self.line(need + guard - _GUARD), degree, need + 2, guard), need, _GUARD, said
        )

    @cached_property
    def base(self) -> Tree:
        """The polynomial that φ is most often under the normal law, or 0: cells need only what differs from it.

        So coefficients that come from kinks far out are relatively accurate, as those of min(x, 40) are.
        """
        masses = defaultdict[Tree, float](float)
        for cell in () if self.parity else self.line(64.0).cells:
            if polynomial(cell.tree) is not None:
                right, left = (math.erf(float(end.mid()) / math.sqrt(2)) for end in (cell.right, cell.left))
                masses[cell.tree] += right - left
        return max(masses, key=lambda tree: masses[tree], default=ZERO)

    def _beside_base(self, cells: list[Cell]) -> list[Cell]:
        """Return the cells on which φ is not the base, with φ less the base."""
        row, found = polynomial(self.base) or [], []
        for cell in cells:
            if polynomial(cell.tree) != row:
                sizes = (log_total((cell.log_sizes[0], _log_polynomial(row, cell.farthest))), cell.log_sizes[1])
                found.append(replace(cell, tree=minus(cell.tree, self.base), log_sizes=sizes))
        return found

    def _hermite(self, line: Line, degree: int, need: float, guard: float) -> list[Ball]:
        cells = self._beside_base(line.cells)
        kept, error = cells_with_counts(
            [(cell, cell.log_sizes[0] + log_hermite(degree, cell.nearest, cell.height)) for cell in cells], need
        )
        error = log_total((error, self._log_beside(line, 0, 1, degree)))
        blocks = [
            block_of(group, (self.parity < 0) if self.parity else None)
            for group in grouped_cells(kept, _MOST_BITS / max(need, _GRID))
        ]
        nodes, reach = sum(count for _, count in kept), 2.0 * len(blocks)  # at about 2 a block, as measured
        seconds = sums_work(nodes, reach, degree, need, 1 if self.parity else 2)
        if seconds > _LONGEST:
            raise AccuracyError(
                f"{self.text}: coefficients with {need:.0f} bits, among which some may be 0, take about "
                f"{seconds / 3600:.1f} hours; write it more simply, or lower --truncation or --digits"
            )
        announce(seconds)
        totals = hermite_sums(blocks, degree, need + guard)
        with working_precision(math.ceil(need + guard)):
            of_base = hermite_moments(polynomial(self.base) or [])[: degree + 1]
            totals[: len(of_base)] = map(add, totals, of_base)
            return [
                arb(0) if self.parity and k % 2 == (self.parity > 0) else self._on_both_sides(total, error)
                for k, total in enumerate(totals)
            ]

    def _on_both_sides(self, total: Ball, error: float) -> Ball:
        """Return a mean over the real line from that over the cells, with its error."""
        return widened(2 * total, error + 1) if self.parity else widened(total, error)

    def square(self, order: int, need: float) -> Ball:
        """Return a ball of E[φ²], or of E[φ'²] for the order 1, with a radius below 2**-need; kept."""
        known = self._squares.get(order)
        if known is None or known[0] < need:
            need = _GRID * math.ceil((need + 32) / _GRID)
            known = self._squares[order] = need, self._mean_square(need, order)
        return known[1]

    def _mean_square(self, need: float, order: int) -> Ball:
        said, fine = f"E[φ²] or E[φ'²] of {self.text} is not proven to be finite", need
        error = self._log_beside(self.line(fine), order, 2)
        gain = 0.5  # bits for every one that slivers are narrower
        while error > -need - 3:  # next to a steep slope
            more = min((error + need + 8) / gain, 3 * fine)
            fine += more
            if error == math.inf or fine > _FINEST:
                raise AccuracyError(said)
            before, error = error, self._log_beside(self.line(fine), order, 2)
            gain = max((before - error) / more, _LEAST_GAIN)
        line = self.line(fine)
        return refined(lambda guard: [self._squared(line, order, need + 3, guard)], need, 16.0, said)[0]

    def _squared(self, line: Line, order: int, need: float, guard: float) -> Ball:
        """Return a ball of the mean square of φ or φ', its radius that of roundings and 2**-need twice."""
        base = self._base_of(order)
        row, sizes = polynomial(base) or [], dict[Cell, float]()
        for cell in line.cells:  # on the others f² is p², of which E[p²] has all
            if polynomial(derivative(cell.tree) if order else cell.tree) != row:
                sizes[cell] = 2 * log_total((cell.log_sizes[order], _log_polynomial(row, cell.farthest)))
        kept, error = cells_with_counts(
            [(c, size + log_hermite(0, c.nearest, c.height)) for c, size in sizes.items()], need
        )
        total = arb(0)
        for cell, count in kept:
            bits = need + guard - cell.nearest**2 / (2 * _LN2) + max(0.0, sizes[cell])
            with working_precision(max(32, math.ceil(bits))):
                of_base, part = real_program(base), arb(0)
                for x, weight, run in weighted_nodes(cell, count):
                    value, less = run(x)[order], of_base(x)[0]
                    part += weight * (-x * x / 2).exp() * (value - less) * (value + less)
                part /= (2 * arb.pi()).sqrt()
            with working_precision(math.ceil(need + guard)):
                total += part
        with working_precision(math.ceil(need + guard)):
            total += sum((m * m for m in hermite_moments(row)), arb(0))
            return self._on_both_sides(total, log_total((error, self._log_beside(line, order, 2))))

    def _base_of(self, order: int) -> Tree:
        """Return the base of φ or of φ'."""
        return derivative(self.base) if order else self.base

    def _log_beside(self, line: Line, order: int, times: int, degree: int = 0) -> float:
        """Return log2 of a bound on what is on no cell of E[φ h_k], k ≤ degree, the base's too, or of a mean square.

        On a sliver that is at most |h_k ω|, and beyond ±X, where |h_k ω| ≤ 1.0866 e^{−x²/4}/√(2π), as tails say.
        """
        base = self._base_of(order)
        row, errors = polynomial(base) or [], list[float]()
        for sliver in line.slivers:
            more = times * _log_polynomial(row, sliver.farthest) + log2_upper(sliver.right - sliver.left)
            errors.append(log_total((sliver.log_mass(order, times), more)) + log_hermite(degree, sliver.nearest, 0.0))
        for side, g in zip((-1, 1), line.far[order], strict=True):
            bounds = (g, growth(base, line.reach, 0.0, side))
            tails = (math.inf if b is None else b.log_tail(line.reach, times / 4, times) for b in bounds)
            errors += [tail - 1.2 for tail in tails]
        return log_total(errors)


@lru_cache(maxsize=16)
def panels_of(tree: Tree, text: str, parity: int = 0) -> Panels:
    """Return the panels of a tree, with the cells that are already known."""
    return Panels(tree, text, parity)


@lru_cache(maxsize=256)
def _bounds_from(tree: Tree, start: float) -> list[Growth]:
    """Return bounds on φ for x ≤ −start and x ≥ start, and on φ', nothing where one has none."""
    sides = [far_formula(tree, start, sign) or tree for sign in (-1, 1)]
    trees = (*sides, *map(derivative, sides))
    found = [growth(t, start, 0.0, sign) for t, sign in zip(trees, (-1, 1, -1, 1), strict=True)]
    bounds = [g for g in found if g is not None]
    return bounds if len(bounds) == len(found) else []


def _log_polynomial(row: list[Tree], x: float) -> float:
    """Return log2 of a bound on |Σ c_n z^n| for |z| ≤ x."""
    with working_precision(_PRECISION):
        return log2_upper(sum((abs(c) * arb(x) ** n for n, c in enumerate(values(row))), arb(0))) + 1e-6
