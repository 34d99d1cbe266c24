"""Places where a formula may be infinite or not real: where something vanishes, or has no sign that it needs.

What a formula divides by, or takes a logarithm, a root or a power of, is continuous: between two points where it has
different signs it vanishes. Such points come from the roots of polynomials and from values on a grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import pairwise
from typing import Any

import flint
from flint import arb

from ntkcalc.activations.formula.balls import Ball, real_program, working_precision
from ntkcalc.activations.formula.functions import SMOOTH, polynomial, program
from ntkcalc.activations.formula.removable import vanishing
from ntkcalc.activations.formula.trees import ONE, ZERO, Tree, X, in_order, number, plus, times

_MOST_PLACES = 12  # zeros of one divisor that are looked at, those next to 0 first
_MOST_DEGREE = 48  # of polynomials whose roots are computed
_FINER, _LEVELS = 32, 8  # intervals that one next to a least |u| is cut into, and how often
_WIDTH = 40  # −log2 of the intervals around zeros
_SPLITS = (7 / 16, 5 / 8, 1 / 4)  # where an interval is cut: at no zero that people write
_FORCED = ("abs", "sqrt", *(name for name, f in SMOOTH.items() if f.rises))  # 0 where their argument is
_ROOTED = ("sqrt", "power", "log", "log1p")  # real for arguments of one sign


@dataclass(frozen=True, eq=False)
class Zero:
    """An interval on which a tree vanishes, for it has different signs at the ends.

    Parameters
    ----------
    tree
        What vanishes.
    left, right
        Exact ends.
    """

    tree: Tree
    left: Ball
    right: Ball

    @property
    def near(self) -> float:
        """Where it is, nearly."""
        return 0.0 if self.left <= 0 and self.right >= 0 else float(((self.left + self.right) / 2).mid())

    @property
    def whole(self) -> Ball:
        """A ball that holds the interval."""
        return self.left.union(self.right)

    def narrowed(self, bits: int) -> Zero:
        """Return a part no wider than 2**-bits, or as narrow a one as signs at points tell."""
        left, right = self.left, self.right
        with working_precision(3 * bits + 64):
            run = real_program(self.tree)
            sign, width = _sign(run(left)[0]), arb(2) ** -bits
            while not right - left < width:
                cuts = ((left + (right - left) * arb(share)).mid() for share in _SPLITS)
                found = next(((x, s) for x in cuts if (s := _sign(run(x)[0]))), None)
                if found is None:
                    break
                left, right = (found[0], right) if found[1] == sign else (left, found[0])
        return Zero(self.tree, left, right)


@lru_cache(maxsize=64)
def zeros(tree: Tree) -> tuple[Zero, ...]:
    """Return places where something vanishes that a tree divides by, or takes a logarithm, root or power of."""
    factors = list(dict.fromkeys(f for _, u in _watched(tree) for f in _factors(u)))
    found = [zero for f in factors if (row := _rational_row(f)) is not None for zero in _polynomial_zeros(f, row)]
    others = [f for f in factors if _rational_row(f) is None]
    found += _grid_zeros(others) if others else []
    return tuple(sorted(found, key=lambda zero: (round(abs(zero.near), 6), -zero.near)))


def unreal_place(tree: Tree, found: Sequence[Zero]) -> Ball | None:
    """Return a point at which the argument of a root, power or logarithm is negative, if one is proven."""
    watched = [u for t, u in _watched(tree) if t.word in _ROOTED]
    ends = sorted((end for zero in found for end in (zero.left, zero.right)), key=float)
    negative: list[tuple[float, Ball]] = []
    with working_precision(4 * _WIDTH):
        run = real_program(*watched)
        for x in [*ends, *(((a + b) / 2).mid() for a, b in pairwise(ends))]:
            negative += [(float(u.upper()), x) for u in run(x) if u < 0]
    return min(negative, key=lambda pair: pair[0])[1] if negative else None


# ---------------------------------------------------------------- what vanishes where


def _watched(tree: Tree) -> Iterator[tuple[Tree, Tree]]:
    """Yield nodes that are singular where something vanishes, with that."""
    for t in in_order(tree):
        if t.word == "/" and not t.arguments[1].constant:
            yield t, t.arguments[1]
        elif t.word in _ROOTED and t.arguments and not t.arguments[0].constant:
            yield t, plus(ONE, t.arguments[0]) if t.word == "log1p" else t.arguments[0]


def _factors(u: Tree) -> Iterator[Tree]:
    """Yield trees that make u vanish wherever one of them does, and change their sign there if they can."""
    u = vanishing(u)
    if u.constant:
        return
    if u.word in ("*", "neg"):
        for a in u.arguments:
            yield from _factors(a)
    elif u.word == "/" or u.word in _FORCED or (u.word == "power" and (u.arguments[1].number or 0) > 0):
        yield from _factors(u.arguments[0])
    elif (row := _rational_row(u)) is None:
        yield u
    else:
        for factor, _ in _flint(row).factor()[1]:
            yield reduce(lambda total, c: plus(times(total, X), number(int(c))), reversed(factor.coeffs()), ZERO)


def _rational_row(u: Tree) -> list[Fraction] | None:
    """Return the coefficients of a polynomial with rational ones, of no high degree."""
    row = polynomial(u)
    values = [c.number for c in row or []]
    known = [v for v in values if v is not None]
    return known if known and known == values and len(known) <= _MOST_DEGREE + 1 else None


def _polynomial_zeros(u: Tree, row: list[Fraction]) -> Iterator[Zero]:
    """Yield the real roots of a polynomial without multiple ones."""
    roots: list[Any] = _flint(row).complex_roots() if len(row) > 1 else []
    for root, _ in roots:
        if root.imag == 0:
            with working_precision(256):
                x = root.real.mid()
                step = arb(2) ** -40 * (1 + abs(x))
                left, right = (x - step).mid(), (x + step).mid()
            yield from _proven(u, left, right)


def _flint(row: list[Fraction]) -> Any:
    """Return a polynomial over the integers with the same roots."""
    return flint.fmpq_poly([flint.fmpq(c.numerator, c.denominator) for c in row]).numer()


def _proven(u: Tree, left: Ball, right: Ball) -> Iterator[Zero]:
    """Yield a zero if the signs at two points prove that there is one."""
    with working_precision(256):
        run = real_program(u)
        if _sign(run(left)[0]) * _sign(run(right)[0]) < 0:
            found = Zero(u, left, right).narrowed(_WIDTH)
            if run(found.whole)[0].is_finite():  # and continuous there
                yield found


def _sign(u: Ball) -> int:
    """Return the sign of a ball, 0 where it is not told."""
    return 1 if u > 0 else -1 if u < 0 else 0


def _grid_zeros(trees: list[Tree]) -> list[Zero]:
    """Return zeros between points of a grid, and next to points where |u| is least."""
    import numpy as np

    from ntkcalc.activations.formula.array_field import GridField

    x = GridField.points
    found: list[Zero] = []
    with np.errstate(all="ignore"):
        for u, values in zip(trees, program(trees, GridField())(x), strict=True):
            run = program([u], GridField())
            row = np.broadcast_to(values, x.shape)
            brackets = [*_changes(x, row)]
            for i in _least(row)[:_MOST_PLACES]:
                left, right = x[i - 1], x[i + 1]
                for _ in range(_LEVELS):
                    finer = np.linspace(left, right, 2 * _FINER + 1)
                    near = np.broadcast_to(run(finer)[0], finer.shape)
                    changes = [*_changes(finer, near)]
                    lowest = int(np.argmin(np.where(np.isfinite(near), np.abs(near), np.inf)))
                    if changes or not 0 < lowest < 2 * _FINER:
                        brackets += changes
                        break
                    left, right = finer[lowest - 1], finer[lowest + 1]
            brackets.sort(key=lambda ends: abs(ends[0] + ends[1]))
            for left, right in brackets[:_MOST_PLACES]:
                found += _proven(u, arb(float(left)), arb(float(right)))
    return found


def _changes(x: Any, values: Any) -> Iterator[tuple[float, float]]:
    """Yield pairs of points between which values change their sign, or a point of which is a zero."""
    import numpy as np

    signs = np.where(np.isfinite(values), np.sign(values), np.nan)
    for i in np.flatnonzero(signs[:-1] * signs[1:] < 0):
        yield x[i], x[i + 1]
    for i in np.flatnonzero(signs[:-2] * signs[2:] < 0):
        if signs[i + 1] == 0:
            yield x[i], x[i + 2]


def _least(values: Any) -> list[int]:
    """Return where |values| is least between its neighbours, the places next to the middle first."""
    import numpy as np

    size = np.where(np.isfinite(values), np.abs(values), np.inf)
    inner = size[1:-1]
    places = np.flatnonzero((inner < size[:-2]) & (inner < size[2:])) + 1
    return sorted((int(i) for i in places), key=lambda i: abs(i - len(values) // 2))
