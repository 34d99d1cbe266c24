"""The pieces of a formula whose branches are all decided by linear functions with rational coefficients: exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from flint import arb

from ntkcalc.activations.formula.bounds.branches import first_branch, sign_on, taken
from ntkcalc.activations.formula.bounds.symmetry import reflected, with_degree
from ntkcalc.activations.formula.expressions.plain_form import Branch
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import (
    Tree,
    X,
    minus,
    node,
    number,
    numbers_of,
    simplified,
    times,
    total,
)

_MOST = 256


@dataclass(frozen=True)
class Piece:
    """A plain formula between two rational ends, None for infinity."""

    left: Fraction | None
    right: Fraction | None
    tree: Tree


class _NotLinearError(Exception):
    """A branch is decided by something else."""


def rational_pieces(tree: Tree) -> list[Piece] | None:
    """Return the pieces from left to right, neighbours with different formulas; None where ends are not rational."""
    found: list[Piece] = []
    try:
        for piece in _pieces(Piece(None, None, tree)):
            if found and alike(found[-1].tree, piece.tree):
                found[-1] = Piece(found[-1].left, piece.right, found[-1].tree)
            else:
                found.append(piece)
            if len(found) > _MOST:
                return None
    except _NotLinearError:
        return None
    return found


def spline_of(pieces: list[Piece]) -> Tree:
    """Return a tree that is these polynomials, each between its ends, decided by linear functions."""
    found = []
    for piece in pieces:
        after = [] if piece.left is None else [minus(X, number(piece.left))]
        before = [] if piece.right is None else [minus(number(piece.right), X)]
        found.append(reduce(times, (node("step", decider) for decider in after + before), piece.tree))
    return total(found)


def _pieces(piece: Piece) -> Iterator[Piece]:
    found = first_branch(piece.tree)
    if found is None:
        yield piece
        return
    node, choice = found
    zero, slope = _line(choice.decider)
    if slope == 0:
        yield from _pieces(Piece(piece.left, piece.right, taken(piece.tree, node, _side(choice, zero > 0))))
        return
    end = -zero / slope
    below, above = (taken(piece.tree, node, _side(choice, side * slope > 0)) for side in (-1, 1))
    if piece.left is None or piece.left < end:
        yield from _pieces(Piece(piece.left, end if piece.right is None else min(end, piece.right), below))
    if piece.right is None or piece.right > end:
        yield from _pieces(Piece(end if piece.left is None else max(end, piece.left), piece.right, above))


def _side(choice: Branch, positive: bool) -> Tree:
    return choice.above if positive else choice.below


def _line(decider: Tree) -> tuple[Fraction, Fraction]:
    """Return the constant and the slope of a rational linear decider; for a constant, its sign and 0."""
    if decider.constant and (sign := sign_on(decider, arb(0), arb(1))):
        return Fraction(sign), Fraction(0)
    known = numbers_of(polynomial(decider) or []) or []
    if not any(known) or len(known) > 2:  # 0 decides nothing
        raise _NotLinearError
    return known[0], known[1] if len(known) > 1 else Fraction(0)


def alike(a: Tree, b: Tree) -> bool:
    """Return whether two formulas are plainly the same."""
    return a is b or (polynomial(a) is not None and polynomial(a) == polynomial(b))


def polynomial_parts_of(pieces: list[Piece]) -> tuple[int | None, int | None]:
    """Return the degrees of φ's even and odd part where they are proven to be polynomials, −1 for zero, else None."""
    return _part_degree(pieces, 1), _part_degree(pieces, -1)


def _part_degree(pieces: list[Piece], sign: int) -> int | None:
    """Return the degree of φ(x) ± φ(−x) where it is one polynomial for all |x|, that goes on to x < 0 as its mirror."""
    parts = [simplified("+", right, times(number(sign), reflected(left))) for right, left in _mirrored(pieces)]
    mirror = times(number(sign), reflected(parts[0]))
    alone = all(with_degree(simplified("-", part, parts[0])) == -1 for part in (mirror, *parts[1:]))
    return with_degree(parts[0]) if alone else None


def _mirrored(pieces: list[Piece]) -> Iterator[tuple[Tree, Tree]]:
    """Yield for every interval of |x| between ends the formulas there and at −|x|."""
    ends = sorted({abs(p.left) for p in pieces if p.left is not None} | {Fraction(0)})
    for i, low in enumerate(ends):
        inside = (low + ends[i + 1]) / 2 if i + 1 < len(ends) else low + 1
        yield _at(pieces, inside), _at(pieces, -inside)


def _at(pieces: list[Piece], x: Fraction) -> Tree:
    return next(p.tree for p in pieces if p.right is None or x < p.right)
