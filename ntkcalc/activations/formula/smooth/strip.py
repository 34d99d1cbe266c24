r"""N(b) = ∫ sup_{|y|<b} |φ(x + iy)|² sup_{|s|<b} ω(x − s) dx by ball arithmetic, and the widest strip that has one.

By Cauchy's formula E[φ^{(m)}(Z)²] ≤ (m!/b^m)² N(b), and so it bounds Σ_{k>K} µ_k² k^n. With smaller shifts s the same
integral bounds E|φ(Z + iy)|² and E|φ'(Z + iy)|²; of exponentials, whose mass is far out, it is much smaller then.

The rectangle |x| ≤ R, 0 ≤ y ≤ b is covered by boxes. A box on which φ is a finite ball holds no singularity; its
bound times the Gaussian mass of its sides is added up. The boxes that contribute most are halved while that helps.
Beyond R a bound is read off the formula's tree (`growth`). φ is real on the real line, so that y < 0 is the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TypeAlias

from flint import acb, arb

from ntkcalc.activations.formula.bounds.growth import Growth, growth
from ntkcalc.activations.formula.bounds.removable import limit_places, with_limits, without_removable_singularities
from ntkcalc.activations.formula.bounds.symmetry import polynomial_parts
from ntkcalc.activations.formula.expressions.ball_functions import ComplexBalls, complex_program, real_program
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, log_total, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.programs import Program, program
from ntkcalc.activations.formula.expressions.trees import Tree

_PRECISION = 53
_CLOSE = 16.0  # bits by which a bound may exceed the values that were seen, and an eighth of what those have
_USELESS = 4000.0  # by how much log2 N(b) may be larger than twice what it is on the real line
_MOST_BOXES = 20_000  # that one cover is halved into
_THINNEST = 2.0**-7  # width of a box over the height of the strip, below which it holds a singularity
_WIDEST, _NARROWEST = 32.0, 2.0**-8
_STEEP = 4096.0  # by how much log2 N(b) may grow before wider strips are of no use
_REFINEMENTS = 4  # bisections for the widest strip
_SLOPE_SHARES = (0.05, 0.2)  # of a strip that Cauchy's formula takes for φ'
_SHIFTS = (0.0, *_SLOPE_SHARES, 1.0)  # largest |s|, as shares of the height of a strip
_KNOWN_SHARES = (0.97, 0.85, 0.65, 0.4)  # of the distance of a known singularity
_LN2 = math.log(2)
KAPPAS = (0.125, 0.25, 0.45)
_STARTS = tuple(2.0**n for n in range(4, 21))
_REMOTE = (30, 60, 120, 300, 530)  # log2 of starts beyond which a stretched φ such as tanh(x/10^9) is itself far out
_BOXES = (1, 4, 16, 64)  # that cover x to 2x


def _gaussian_log_mass(left: float, right: float, shift: float = 0.0) -> float:
    """Return log2 of an upper bound on ∫ sup_{|s| ≤ shift} ω(x − s) dx over an interval."""
    nearest = 0.0 if left <= 0 <= right else max(0.0, min(abs(left), abs(right)) - shift)
    widest = 2 * shift + 2.51  # the integral of sup e^{−(x−s)²/2} over the line is 2 shift + √(2π)
    return math.log2(min(right - left, widest)) - nearest**2 / (2 * _LN2) - 1.3257 + 1e-6


@dataclass(order=True)
class _Cell:
    """An interval of x with log2 of a bound on its part of N(b); the largest first."""

    key: float
    left: float = field(compare=False)
    right: float = field(compare=False)
    size: float = field(compare=False)  # log2 of a bound on |φ|

    @property
    def nearest(self) -> float:
        """The least |x|."""
        return 0.0 if self.left <= 0 <= self.right else min(abs(self.left), abs(self.right))


@dataclass(frozen=True)
class _Cover:
    """log2 of ∫ … for all `_SHIFTS`, of which the last one is N, and κ < 1/2 with log2 of a bound on |φ|² e^{−κx²}."""

    sizes: tuple[float, ...] = (math.inf,)
    peak: tuple[float, float] = (KAPPAS[-1], math.inf)


class Strip:
    """φ, a plain tree without branches, on strips around the real line.

    Where the distance of the nearest singularity from the line is known, it is not looked for.
    """

    def __init__(self, tree: Tree, distance: float | None = None) -> None:
        self.tree, self.distance = tree, distance
        self._covers: dict[float, _Cover] = {}
        with working_precision(_PRECISION):
            self._run = with_limits(tree, complex_program)

    def log_bound(self, height: float) -> float:
        """Return log2 of N(height), ∞ where none is found."""
        if height not in self._covers:
            with working_precision(_PRECISION):
                self._covers[height] = self._cover(height)
        return self._covers[height].sizes[-1]

    @cached_property
    def bounds(self) -> list[tuple[float, float]]:
        """Heights b, the widest first, with log2 N(b); the widest useful strip is found by bisection."""
        return [(b, sizes[-1]) for b, sizes in self.integrals]

    @cached_property
    def integrals(self) -> list[tuple[float, tuple[float, ...]]]:
        """The same heights, with log2 of the integrals for all `_SHIFTS`."""
        if self.distance is None:
            self._search()
        else:
            for share in _KNOWN_SHARES:
                self.log_bound(share * min(self.distance, _WIDEST))
        return sorted(((b, c.sizes) for b, c in self._covers.items() if c.sizes[-1] < math.inf), reverse=True)

    def _search(self) -> None:
        height = 0.25
        steep = _STEEP + 2 * max(self.log_bound(height), 0.0)
        while self.log_bound(height) < steep and height < _WIDEST:
            height *= 2
        while self.log_bound(height) == math.inf and height > _NARROWEST:
            height /= 2
        low, high = height, 2 * height
        if low < _WIDEST and self.log_bound(low) < steep:
            for _ in range(_REFINEMENTS):
                middle = (low + high) / 2
                low, high = (middle, high) if self.log_bound(middle) < math.inf else (low, middle)
        self.log_bound(low / 1.5)

    def _cover(self, height: float) -> _Cover:
        beyond = _far_bounds(self.tree, height, 0.5, 2)
        if beyond is None:
            return _Cover()
        start = beyond[0].start
        tails = max(g.log_tail(start, 0.5 * (1 - height / start) ** 2, 2) for g in beyond) + 1
        found = [self._cell(a, b, height) for a, b in _grid(start, height)]
        heapify(found)
        seen = max(tails, *(self._seen(c, height) for c in found))
        boxes, usual = 0, 2 * max(0.0, *(self._seen(c, 0.0) for c in found))
        while boxes < _MOST_BOXES:
            if seen > usual + _USELESS:
                return _Cover()
            worst = found[0]
            if -worst.key < seen + _CLOSE + max(0.0, seen - usual) / 8 and -worst.key < math.inf:
                break
            if worst.right - worst.left < height * _THINNEST and -worst.key == math.inf:
                return _Cover()
            heappop(found)
            middle = (worst.left + worst.right) / 2
            for a, b in ((worst.left, middle), (middle, worst.right)):
                part = self._cell(a, b, height)
                boxes += _boxes(b - a, height)
                seen = max(seen, self._seen(part, height))
                heappush(found, part)
        return _Cover(
            tuple(
                log_total([tails, *(2 * c.size + _gaussian_log_mass(c.left, c.right, s * height) for c in found)])
                for s in _SHIFTS
            ),
            next((peak for kappa in KAPPAS if (peak := _peak(found, beyond, kappa))[1] < math.inf), _Cover.peak),
        )

    def peaks(self) -> dict[float, tuple[float, float]]:
        """Return for every height κ < 1/2 and log2 of a bound on |φ|² e^{−κx²} in the strip."""
        return {b: self._covers[b].peak for b, _ in self.bounds}

    def _cell(self, left: float, right: float, height: float) -> _Cell:
        """Bound φ on [left, right] × [0, height], in boxes no higher than wide."""
        count = _boxes(right - left, height)
        side = height / count
        size = -math.inf
        x = _interval(left, right)
        for i in range(count):
            top = (i + 1) * side if i + 1 < count else height
            size = max(size, log2_upper(self._run(acb(x, _interval(i * side, top)))[0]))
            if size == math.inf:
                break
        key = -(2 * size + _gaussian_log_mass(left, right)) if size < math.inf else -math.inf
        return _Cell(key, left, right, size)

    def _seen(self, cell: _Cell, height: float) -> float:
        """Return log2 of about what the middle of a cell contributes."""
        x = (cell.left + cell.right) / 2
        mass = math.log2(min(cell.right - cell.left, 2.51)) - x * x / (2 * _LN2) - 1.3257
        sizes = [log2_upper(self._run(acb(x, y))[0]) for y in {0.0, height / 2, height}]
        return max((2 * s + mass for s in sizes if s < math.inf), default=-math.inf)


def _peak(cells: list[_Cell], beyond: tuple[Growth, Growth], kappa: float) -> tuple[float, float]:
    """Return κ and log2 of a bound on |φ|² e^{−κx²}."""
    start = beyond[0].start
    falls = all(g.log_tail(start, kappa, 2) < math.inf for g in beyond)
    far = [2 * g.log_value(start) - kappa * start**2 / _LN2 if falls else math.inf for g in beyond]
    near = (2 * c.size - kappa * c.nearest**2 / _LN2 for c in cells)
    return kappa, max(*far, *near) + 1e-6


def _boxes(width: float, height: float) -> int:
    """Return how many boxes no higher than wide stand on an interval."""
    return max(1, min(round(height / width), 256))


def _interval(left: float, right: float) -> Ball:
    return arb(left).union(arb(right))


def _grid(start: float, height: float) -> list[tuple[float, float]]:
    """Return intervals of (−R, R), wider where the normal law is small."""
    ends, x = [0.0], 0.0
    while x < start:
        x = min(start, x + max(0.5, height / 4, x / 8))
        ends.append(x)
    right = list(pairwise(ends))
    return [(-b, -a) for a, b in reversed(right)] + right


def _far_bounds(tree: Tree, height: float, weight: float, times: int) -> tuple[Growth, Growth] | None:
    """Return bounds on |φ(±x + iy)|, |y| ≤ height, beyond some start.

    None where φ^times may outgrow e^{weight x²}.
    """
    least = max(1.0, height / 2)
    tries = [*((growth, start * least) for start in _STARTS), (remote_growth, _STARTS[0] * least)]
    for find, start in tries:
        right, left = (find(tree, start, height, sign) for sign in (1, -1))
        if right and left and max(g.log_tail(start, weight, times) for g in (right, left)) < math.inf:
            return right, left
    return None


def remote_growth(tree: Tree, start: float, height: float, sign: int) -> Growth | None:
    """Return a bound on |φ(sign · x + iy)| for x ≥ start, |y| ≤ height, by boxes up to where `growth` has one."""
    for exponent in _REMOTE:
        if (far := growth(tree, 2.0**exponent, height, sign)) is not None:
            break
    else:
        return None
    power, size, left = max(far.power, 1.0), far.log_size, start
    with working_precision(_PRECISION):
        run, y = program([tree], ComplexBalls()), _interval(-height, height)
        while left < far.start:
            for count in _BOXES:
                ends = [left * (1 + i / count) for i in range(count + 1)]
                boxes = [acb(sign * _interval(a, b), y) for a, b in pairwise(ends)]
                if (largest := max(log2_upper(run(box)[0]) for box in boxes)) < math.inf:
                    break
            else:
                return None
            size, left = max(size, largest - power * math.log2(left) + 1e-6), 2 * left
    return Growth(start, size, power, max(far.rate, 0.0), far.order)


Parts: TypeAlias = tuple[int | None, int | None]


@dataclass(frozen=True, eq=False)
class Analytic:
    """A smooth φ with what is proven of it and of φ'."""

    tree: Tree
    phi: Strip  # φ on strips, its removable singularities removed
    slope: Tree  # φ', which may divide 0 by 0 where φ had a singularity
    parts: Parts | None = None  # the degrees of φ's even and odd part where they are polynomials, if they are known

    @classmethod
    def of(cls, tree: Tree, distance: float | None = None, parts: Parts | None = None) -> Analytic:
        """Return what is proven of a tree without branches, whose nearest singularity and parts may be known."""
        strip = Strip(without_removable_singularities(tree), distance)
        if limit_places(tree) and not strip.bounds:
            strip = Strip(tree, distance)
        return cls(tree, strip, derivative(tree), parts)

    @property
    def divides_zeros(self) -> bool:
        """Whether φ has removable singularities, which nodes of φ' and of Taylor series have to avoid."""
        return self.tree is not self.phi.tree or bool(limit_places(self.tree))

    @property
    def suffices(self) -> bool:
        """Whether there is a useful strip, and a bound far out."""
        return bool(self.phi.bounds and self.far and self.far_slope)

    @cached_property
    def slope_bounds(self) -> list[tuple[float, float]]:
        """Heights y with log2 of bounds on sup E|φ'(Z + iy)|², by Cauchy's formula on circles of radius r < b − y."""
        return [
            ((1 - share) * b, size - 2 * math.log2(share * b) + 1e-6)
            for b, sizes in self.phi.integrals
            for share, size in zip(_SLOPE_SHARES, sizes[1:], strict=False)
        ]

    @cached_property
    def value_bounds(self) -> list[tuple[float, float]]:
        """Heights y with log2 of bounds on sup E|φ(Z + iy)|²."""
        return [(b, sizes[0]) for b, sizes in self.phi.integrals]

    @cached_property
    def far(self) -> tuple[Growth, Growth] | None:
        """Bounds on |φ(±x)| far out."""
        return _far_bounds(self.phi.tree, 0.0, 0.25, 1)

    @cached_property
    def far_slope(self) -> tuple[Growth, Growth] | None:
        """Bounds on |φ'(±x)| far out."""
        return _far_bounds(self.slope, 0.0, 0.25, 1)

    @cached_property
    def polynomial_parts(self) -> tuple[int | None, int | None]:
        """The degrees of φ's even and odd part where they are polynomials, −1 for zero."""
        return self.parts or polynomial_parts(self.tree)

    @property
    def parity(self) -> int:
        """1 or −1 for an even or odd φ, else 0."""
        even, odd = self.polynomial_parts
        return 1 if odd == -1 else -1 if even == -1 else 0

    def evaluator(self) -> Program:
        """Return x ↦ [φ(x)] on real balls in the present precision."""
        return with_limits(self.phi.tree, real_program)

    def slope_evaluator(self) -> Program:
        """Return x ↦ [φ'(x)]."""
        return real_program(self.slope)
