r"""Cells, on which φ is one formula, and their Gauss–Legendre rules with proven errors.

φ is analytic in the ellipse with foci at the ends of the cell and sum of half-axes ρ r. With |f| ≤ M there the rule
with n nodes errs by at most (64/15) M r ρ^{−2n}/(1 − ρ^{−2}). M comes from a bound on φ on boxes around the ellipse,
and for 0 < s < 1, by Mehler's formula,

.. math::  |h_k(x + iy)|² ≤ s^{−k} (1 − s²)^{−1/2} e^{x² s/(1+s) + y² s/(1−s)}.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import flint
from flint import acb, arb

from ntkcalc.activations.formula.bounds.branches import between
from ntkcalc.activations.formula.bounds.removable import limit_places, with_limits
from ntkcalc.activations.formula.expressions.ball_functions import complex_program, real_program
from ntkcalc.activations.formula.expressions.balls import (
    Ball,
    log2_lower,
    log2_upper,
    log_total,
    working_precision,
)
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.programs import Program
from ntkcalc.activations.formula.expressions.trees import Tree
from ntkcalc.activations.formula.smooth.hermite_sums import Block, Nodes

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
_GRID = 64  # bits to which precisions and errors are rounded up
_WIDEST = 4.0  # of cells that share a centre for their Hermite sums
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


def certified_cell(left: Ball, right: Ball, tree: Tree, least: float) -> Cell | None:
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


def log_hermite(degree: int, nearest: float, height: float) -> float:
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


def cells_with_counts(sized: list[tuple[Cell, float]], need: float) -> tuple[list[tuple[Cell, int]], float]:
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


def weighted_nodes(cell: Cell, count: int) -> Iterator[tuple[Ball, Ball, Program]]:
    """Yield nodes, weights and x ↦ [φ(x), φ'(x)], in the present precision."""
    middle, half = (cell.left + cell.right) / 2, (cell.right - cell.left) / 2
    run = real_program(cell.tree, derivative(cell.tree))
    for x, weight in _rule(count):
        yield middle + half * x, half * weight, run
        yield middle - half * x, half * weight, run


def grouped_cells(cells: list[tuple[Cell, int]], most: float) -> Iterator[list[tuple[Cell, int]]]:
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


def block_of(cells: list[tuple[Cell, int]], kind: int | None) -> Block:
    """Return the nodes of some cells with their weights times φ(x) ω(x), for even or odd k, or all."""
    left, right = cells[0][0].left, cells[-1][0].right
    middle = between(left, right)

    def nodes() -> Nodes:
        offsets: list[Ball] = []
        sides: tuple[list[Ball], list[Ball]] = [], []
        zero = arb(0)
        scale = 1 / (2 * arb.pi()).sqrt()
        for cell, count in cells:
            for x, weight, run in weighted_nodes(cell, count):
                value = scale * weight * (-x * x / 2).exp() * run(x)[0]
                before = x < middle
                offsets.append(middle - x if before else x - middle)
                sides[before].append(value)
                sides[not before].append(zero)
        return offsets, {kind: sides}

    width = float((right - middle).max(middle - left).abs_upper()) * (1 + 1e-12)
    nearest = max(0.0, abs(float(middle.mid())) - width)
    return Block(middle, max(width, 1e-300), nearest, nodes, max(0.0, *(cell.log_sizes[0] for cell, _ in cells)))
