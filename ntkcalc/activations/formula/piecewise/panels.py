r"""Gaussian means of a φ with kinks or narrow features, by Gauss–Legendre panels with proven errors.

The line is cut into cells on which φ is one formula, analytic in the ellipse with foci at the ends of the cell and sum
of half-axes ρ r. With |f| ≤ M there the rule with n nodes errs by at most (64/15) M r ρ^{−2n}/(1 − ρ^{−2}). M comes
from a bound on φ on boxes around the ellipse, and for 0 < s < 1, by Mehler's formula,

.. math::  |h_k(x + iy)|² ≤ s^{−k} (1 − s²)^{−1/2} e^{x² s/(1+s) + y² s/(1−s)}.

Cells that have no such bound are halved; where that goes below the error asked for, the mean is at most |φ| times the
width of what is left. Beyond ±X a bound is read off the formula's tree (`growth`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from operator import add

import flint
from flint import acb, arb

from ntkcalc.activations.formula.bounds.branches import Segment, between, segments
from ntkcalc.activations.formula.bounds.growth import Growth, far_formula, growth
from ntkcalc.activations.formula.bounds.removable import limit_places, with_limits
from ntkcalc.activations.formula.expressions.ball_functions import complex_program, real_program
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    log2_lower,
    log2_upper,
    log_total,
    refined,
    widened,
    working_precision,
)
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.programs import Program
from ntkcalc.activations.formula.expressions.trees import ZERO, Tree, in_order, minus
from ntkcalc.activations.formula.piecewise.slivers import Sliver
from ntkcalc.activations.formula.smooth.hermite_sums import Block, Nodes, hermite_sums, sums_work
from ntkcalc.activations.formula.smooth.polynomial_dual import hermite_moments, values
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.numerics.work import announce

_LN2 = math.log(2)
_RADII = (8.0, 5.0, 3.5, 2.5, 1.9, 1.5)  # ρ; the last one only in a wider ellipse
_MOST_RULES = 256  # that are kept
_DEAREST = 1024  # nodes of a cell, beyond which rules take longer than all else
_DISCS = (0.25, 0.5, 0.75, 0.9, 0.97, 1.0, 1.4, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
_QUARTERED = 5  # times that a rectangle around such a disc is cut at most
_STEEPEST = 64.0  # bits by which |φ| may be larger in an ellipse than between its foci
_SLABS = 6  # boxes that cover the upper half of an ellipse, the outer ones first: singularities are next to cells
_OUTER_FIRST = sorted(range(_SLABS), key=lambda i: -abs(2 * i + 1 - _SLABS))
_PRECISION = 64
_MEHLER = (0.0, 0.02, 0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
_STARTS = (4.0, 8.0, 16.0, 32.0, 64.0, 256.0, *(2.0**n for n in (12, 20, 34, 100)))
_JUMPING = ("sign", "step")  # functions that are not continuous
_GRID = 64  # bits to which precisions and errors are rounded up
_MOST_CELLS = 1 << 13
_MOST_BITS = float(1 << 26)  # of the nodes in a block, each of which has some dozens of numbers in memory
_LONGEST = 4000.0  # seconds of estimated work that are refused
_WIDEST = 4.0  # of cells that share a centre for their Hermite sums
_MOST_SLIVERS = 1 << 11  # more than formulas have kinks that are not told apart
_GUARD = 8.0  # bits beyond those asked for; where they are not enough, cells and slivers are made finer, too
_FINEST = 1 << 15  # bits of cells of which mean squares are taken
_LEAST_GAIN = 2.0**-8  # of narrower slivers, that of a slope like |x|^−0.498
_HALF_LOG_TAU = math.log2(2 * math.pi) / 2


@dataclass(frozen=True, eq=False)
class Cell:
    """An interval with a plain formula, and log2 of bounds on |φ| and |φ'| in the ellipse with parameter ρ.

    Parameters
    ----------
    left, right
        Exact ends.
    tree
        The formula.
    radius
        ρ.
    log_sizes
        The bounds.
    """

    left: Ball
    right: Ball
    tree: Tree
    radius: float
    log_sizes: tuple[float, float]

    @cached_property
    def half_width(self) -> float:
        """An upper bound on r."""
        return float(((self.right - self.left) / 2).abs_upper()) * (1 + 1e-12)

    @cached_property
    def log_half(self) -> float:
        """log2 of an upper bound on r, which no float may hold."""
        return log2_upper((self.right - self.left) / 2)

    @cached_property
    def nearest(self) -> float:
        """A lower bound on |x| in the ellipse."""
        return max(0.0, self.farthest * (1 - 3e-12) - (self.radius + 1 / self.radius) * self.half_width)

    @cached_property
    def farthest(self) -> float:
        """An upper bound on |z| in the ellipse."""
        middle = abs(float(((self.left + self.right) / 2).mid()))
        return (middle + (self.radius + 1 / self.radius) / 2 * self.half_width) * (1 + 1e-12)

    @cached_property
    def height(self) -> float:
        """An upper bound on |y| in the ellipse."""
        return (self.radius - 1 / self.radius) / 2 * self.half_width * (1 + 1e-12)

    @cached_property
    def disc_sizes(self) -> list[tuple[float, float]]:
        """log2 of radii r, and of bounds on |φ| within r of the cell, for Cauchy's formula."""
        own = (self.radius + 1 / self.radius) / 2 - 1  # to the ellipse, in half-widths
        with working_precision(_PRECISION):
            found = [(math.log2(own) + log2_lower((self.right - self.left) / 2) - 1e-9, self.log_sizes[0])]
            run = complex_program(self.tree)
            for r in _DISCS:
                size = _log_largest(run, (arb(self.left - r), arb(self.right + r)), (arb(0), arb(r)), _QUARTERED)
                if size == math.inf:
                    break
                found.append((math.log2(r), size + 1e-6))
        return found


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
            cell = None if far else _certified(left, right, tree, least)
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
        kept, error = _counted(
            [(cell, cell.log_sizes[0] + _log_hermite(degree, cell.nearest, cell.height)) for cell in cells], need
        )
        error = log_total((error, self._log_beside(line, 0, 1, degree)))
        blocks = [
            _block(group, (self.parity < 0) if self.parity else None)
            for group in _groups(kept, _MOST_BITS / max(need, _GRID))
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
        error, gain = (
            self._log_beside(self.line(fine), order, 2),
            0.5,
        )  # of bits for every one that slivers are narrower
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
        kept, error = _counted([(c, size + _log_hermite(0, c.nearest, c.height)) for c, size in sizes.items()], need)
        total = arb(0)
        for cell, count in kept:
            bits = need + guard - cell.nearest**2 / (2 * _LN2) + max(0.0, sizes[cell])
            with working_precision(max(32, math.ceil(bits))):
                of_base, part = real_program(base), arb(0)
                for x, weight, run in _placed(cell, count):
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
            errors.append(log_total((sliver.log_mass(order, times), more)) + _log_hermite(degree, sliver.nearest, 0.0))
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


def _certified(left: Ball, right: Ball, tree: Tree, least: float) -> Cell | None:
    """Return a cell with the widest ellipse in which φ is not far larger than between its foci, None for none.

    Ellipses in which a rule of `_DEAREST` nodes errs by more than 2**least are of no use.
    """
    both = (tree, derivative(tree))
    with working_precision(max(_PRECISION, left.bits() + 32, right.bits() + 32)):
        middle, half = (left + right) / 2, (right - left) / 2
        places = [real_program(c)(None)[0] for t in both for c in limit_places(t)]
        near_limit = any(abs(middle - place) < _RADII[0] * half for place in places)
    with working_precision(_precision(half)):
        run = with_limits(tree, complex_program) if near_limit else complex_program(*both)
        most = [_STEEPEST] if near_limit else _seen(run, (left, middle, right))
        for radius, narrower in pairwise(_RADII):
            if (narrower if near_limit else radius) < min(2.0 ** (-least / (2 * _DEAREST)), _RADII[1]):
                return None
            size, slope = _sizes(run, middle, half, radius, most)
            if size == math.inf:
                continue
            if not near_limit:
                return Cell(left, right, tree, radius, (size, slope))
            # φ' by Cauchy's formula from φ in a wider ellipse
            apart = log2_lower(half) + math.log2((radius + 1 / radius - narrower - 1 / narrower) / 2)
            return Cell(left, right, tree, narrower, (size, size - apart + 1e-6))
    return None


def _log_largest(run: Program, x: tuple[Ball, Ball], y: tuple[Ball, Ball], times: int) -> float:
    """Return log2 of a bound on |φ| in a rectangle, which is cut into quarters where balls do not tell."""
    size = log2_upper(run(acb(x[0].union(x[1]), y[0].union(y[1])))[0])
    if size < math.inf or not times:
        return size
    largest = -math.inf
    middles = [(low + high) / 2 for low, high in (x, y)]
    for half in ((x[0], middles[0]), (middles[0], x[1])):
        for part in ((y[0], middles[1]), (middles[1], y[1])):
            largest = max(largest, _log_largest(run, half, part, times - 1))
            if largest == math.inf:
                return largest
    return largest


def _seen(run: Program, places: Sequence[Ball]) -> list[float]:
    """Return log2 of the largest bounds that φ and φ' may have in the ellipse, from values at three places.

    Where φ' is small at all of them it may be as large between them as φ over their distance.
    """
    rows = [[log2_upper(value) for value in run(acb(x))] for x in places]
    sizes = (max((s for s in row if s < math.inf), default=-math.inf) for row in zip(*rows, strict=True))
    size, slope = (max(size + _STEEPEST, 0.0) for size in sizes)
    return [size, max(slope, size - log2_lower(places[-1] - places[0]))]


def _precision(width: Ball) -> int:
    """Return the precision of bounds on a cell: more where it is so narrow that quotients lose theirs."""
    return _PRECISION * math.ceil(1 + 2 * max(0, -math.floor(log2_upper(width))) / _PRECISION)


def _sizes(run: Program, middle: Ball, half: Ball, radius: float, highest: Sequence[float]) -> tuple[float, float]:
    """Return log2 of bounds on |φ| and |φ'| in an ellipse, from boxes that cover its upper half.

    They are ∞ where they are beyond the highest that there may be, and −∞ for φ' if the program has none.
    """
    across, up = (radius + 1 / radius) / 2, (radius - 1 / radius) / 2
    most = [-math.inf, -math.inf]
    for i in _OUTER_FIRST:
        low, high = (2 * i / _SLABS - 1, 2 * (i + 1) / _SLABS - 1)
        nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        top = up * math.sqrt(1 - nearest**2) * (1 + 1e-12)
        x = middle + half * (arb(low * across * (1 + 1e-12)).union(arb(high * across * (1 + 1e-12))))
        for j, value in enumerate(run(acb(x, half * arb(0).union(arb(top))))):
            most[j] = max(most[j], log2_upper(value) + 1e-6)
            if most[j] > highest[j]:
                return math.inf, math.inf
    return most[0], most[1]


def _log_hermite(degree: int, nearest: float, height: float) -> float:
    """Return log2 of a bound on |h_k ω| for |Re| ≥ nearest, |Im| ≤ height, k ≤ degree."""
    if not degree:
        return (height**2 - nearest**2) / (2 * _LN2) - _HALF_LOG_TAU + 1e-6
    found = (
        -degree / 2 * math.log2(s)
        - math.log2(1 - s * s) / 4
        + (height**2 / (1 - s) - nearest**2 / (1 + s)) / (2 * _LN2)
        for s in (*_MEHLER[1:], degree / (degree + 2 * height * math.sqrt(degree) + 1.0))
    )
    return min(found) - _HALF_LOG_TAU + 1e-6


def _count(cell: Cell, need: float) -> int:
    """Return how many nodes err by less than 2**-need of M, a multiple of 4; 0 where the whole is less than that."""
    log_half, log_radius = cell.log_half, math.log2(cell.radius)
    if need + log_half + 1 < 0:
        return 0
    least = (need + log_half + 2.1 - math.log2(1 - cell.radius**-2)) / (2 * log_radius)
    grain = 1 << max(2, math.ceil(least).bit_length() - (4 if least < 256 else 2))  # cells share rules, which are dear
    return grain * math.ceil(max(least, 1.0) / grain)


def _counted(sized: list[tuple[Cell, float]], need: float) -> tuple[list[tuple[Cell, int]], float]:
    """Return cells with their numbers of nodes, by bounds in their ellipses, and log2 of the error of all."""
    share = need + math.log2(len(sized) + 4)
    error, kept = -share + math.log2(max(len(sized), 1)), list[tuple[Cell, int]]()
    for cell, size in sized:
        count = _count(cell, size + share)
        if count:
            kept.append((cell, count))
        else:
            error = log_total((error, size + cell.log_half + 1))
    return kept, error


def _rule(count: int) -> list[tuple[Ball, Ball]]:
    """Return the positive nodes on [−1, 1] with their weights, of the present precision or more; the count is even.

    Rules are dear, and kept.
    """
    known = _RULES.get(count)
    if known is None or known[0] < flint.ctx.prec:
        grid = max(_GRID, 1 << (flint.ctx.prec.bit_length() - 3))
        with working_precision(bits := grid * math.ceil(flint.ctx.prec / grid)):
            known = bits, [arb.legendre_p_root(count, k, weight=True) for k in range(count // 2)]
        while len(_RULES) >= _MOST_RULES:
            _RULES.pop(next(iter(_RULES)))
        _RULES[count] = known
    return known[1]


_RULES: dict[int, tuple[int, list[tuple[Ball, Ball]]]] = {}
"""Rules by their count, with their precision."""


def _placed(cell: Cell, count: int) -> Iterator[tuple[Ball, Ball, Program]]:
    """Yield nodes, weights and x ↦ [φ(x), φ'(x)], in the present precision."""
    middle, half = (cell.left + cell.right) / 2, (cell.right - cell.left) / 2
    run = real_program(cell.tree, derivative(cell.tree))
    for x, weight in _rule(count):
        yield middle + half * x, half * weight, run
        yield middle - half * x, half * weight, run


def _groups(cells: list[tuple[Cell, int]], most: float) -> Iterator[list[tuple[Cell, int]]]:
    """Yield neighbours on one side of 0, together so narrow that they may share a centre, of so many nodes."""
    group: list[tuple[Cell, int]] = []
    nodes = 0
    for cell, count in cells:
        first = group[0][0] if group else cell
        wide = cell.right - first.left > _WIDEST or (first.left < 0) != (cell.left < 0)
        if group and (wide or nodes + count > most):
            yield group
            group, nodes = [], 0
        group.append((cell, count))
        nodes += count
    if group:
        yield group


def _block(cells: list[tuple[Cell, int]], kind: int | None) -> Block:
    """Return the nodes of some cells with their weights times φ(x) ω(x), for even or odd k, or all."""
    left, right = cells[0][0].left, cells[-1][0].right
    middle = between(left, right)

    def nodes() -> Nodes:
        offsets: list[Ball] = []
        sides: tuple[list[Ball], list[Ball]] = [], []
        zero = arb(0)
        scale = 1 / (2 * arb.pi()).sqrt()
        for cell, count in cells:
            for x, weight, run in _placed(cell, count):
                value = scale * weight * (-x * x / 2).exp() * run(x)[0]
                before = x < middle
                offsets.append(middle - x if before else x - middle)
                sides[before].append(value)
                sides[not before].append(zero)
        return offsets, {kind: sides}

    width = float((right - middle).max(middle - left).abs_upper()) * (1 + 1e-12)
    nearest = max(0.0, abs(float(middle.mid())) - width)
    return Block(middle, max(width, 1e-300), nearest, nodes, max(0.0, *(cell.log_sizes[0] for cell, _ in cells)))


def _log_polynomial(row: list[Tree], x: float) -> float:
    """Return log2 of a bound on |Σ c_n z^n| for |z| ≤ x."""
    with working_precision(_PRECISION):
        return log2_upper(sum((abs(c) * arb(x) ** n for n, c in enumerate(values(row))), arb(0))) + 1e-6
