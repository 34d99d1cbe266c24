"""φ as pieces of the real line, on each of which it is one smooth formula."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ntkcalc.activations.formula.functions import (
    DomainError,
    MpfrField,
    Program,
    RealField,
    derivative,
    polynomial,
    program,
    taylor,
)
from ntkcalc.activations.formula.joints import Joint, Stretch
from ntkcalc.activations.formula.rounding import bits_at_stake
from ntkcalc.activations.formula.trees import Tree, in_order
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Context, Real, context, from_mpfr, mpfr_context, to_mpfr

_NEAR = 3.0  # |x| that the normal law sees
_SAMPLES = (0.0713, 0.2137, 0.5171, 0.8331, 0.9573)  # parts of an interval
_NEAR_SAMPLES = (-1e-2, -1e-4, 1e-9, 1e-6, 1e-3)
_FAR_SAMPLES = (-28.0, -20.0, -14.0, -9.0, -5.0, 5.0, 9.0, 14.0, 20.0, 28.0)
_FAR = 2.0**-20  # part of |x|, within which a place far out has others
_SPARE = 24  # bits that those who ask for values have
_MOST_GUARD = 1 << 14  # bits that roundings may take
_EFFORT = {
    **dict.fromkeys(("+", "-", "*", "neg"), 0.1),
    **dict.fromkeys(("/", "sqrt"), 0.2),
    **dict.fromkeys(("power", "softplus"), 1.5),
    "x": 0.0,
    "atan": 2.5,
}
"""What operations take, in exponentials; error functions take the more the more bits there are."""


@dataclass(frozen=True)
class Piece(Stretch):
    """A smooth formula on a stretch."""

    tree: Tree

    @property
    def near(self) -> tuple[float, float]:
        """The ends of what is near 0 in the piece, or nearest to it."""
        left = -math.inf if self.left is None else self.left.near
        right = math.inf if self.right is None else self.right.near
        low, high = max(left, -_NEAR), min(right, _NEAR)
        if low < high:
            return low, high
        if left > 0:
            return left, min(right, left + 1 + left * _FAR)
        return max(left, right - 1 + right * _FAR), right

    def samples(self) -> list[float]:
        """Return a few places there."""
        low, high = self.near
        return [low + (high - low) * part for part in _SAMPLES] + [x for x in _NEAR_SAMPLES if self.holds(x)]

    def far_samples(self) -> list[float]:
        """Return some places farther out, for what grows."""
        return [x for x in _FAR_SAMPLES if self.holds(x)]


@dataclass(frozen=True, eq=False)
class Pieces:
    """φ as pieces, from left to right.

    Parameters
    ----------
    pieces
        The pieces; neighbours share a joint.
    kinks
        For each joint whether φ is not analytic there.
    text
        φ as its user may know it.
    """

    pieces: tuple[Piece, ...]
    kinks: tuple[bool, ...]
    text: str

    @property
    def joints(self) -> list[Joint]:
        """The joints, from left to right."""
        return [p.right for p in self.pieces if p.right is not None]

    @property
    def kinked(self) -> list[Joint]:
        """Those at which φ is not analytic."""
        return [joint for joint, kink in zip(self.joints, self.kinks, strict=True) if kink]

    @cached_property
    def slopes(self) -> tuple[Tree, ...]:
        """φ' on each piece."""
        return tuple(derivative(p.tree) for p in self.pieces)

    def effort(self, bits: int) -> float:
        """Return what φ and φ' take on the most laborious piece, in exponentials."""
        efforts = _EFFORT | dict.fromkeys(("erf", "erfc"), 3 + bits / 130)
        return max(sum(efforts.get(word, 1.0) for word in row) for row in self._words)

    @cached_property
    def _words(self) -> set[tuple[str, ...]]:
        """The operations of φ and φ' on each piece."""
        rows = (in_order(p.tree, s) for p, s in zip(self.pieces, self.slopes, strict=True))
        return {tuple(t.word for t in row if not t.constant) for row in rows}

    @cached_property
    def polynomials(self) -> list[list[Tree]] | None:
        """The coefficients of each piece where all are polynomials, else None."""
        rows = [polynomial(p.tree) for p in self.pieces]
        return None if None in rows else [row for row in rows if row is not None]

    def evaluator(self, ctx: Context) -> Program:
        """Return x ↦ [φ(x), φ'(x)], with what roundings take to spare; at a removable singularity their limits."""
        wide = context(ctx.prec + self.guard)
        places = [joint.at(wide) for joint in self.joints]
        run = self._evaluator(RealField(wide), places, lambda x: self._limit(x, wide))
        return lambda x: [ctx.convert(value) for value in run(wide.convert(x))]

    def mpfr_evaluator(self, bits: int) -> Program:
        """Return the same for numbers of MPFR."""
        ctx = context(bits + self.guard)
        wide = mpfr_context(ctx.prec)
        with wide:
            places = [to_mpfr(joint.at(ctx)) for joint in self.joints]

            def limit(x: Any) -> list[Any]:
                return [to_mpfr(value) for value in self._limit(from_mpfr(ctx, x), ctx)]

            run = self._evaluator(MpfrField(), places, limit)
        if not self.guard:
            return run

        def guarded(x: Any) -> list[Any]:
            with wide:
                return run(x)

        return guarded

    @cached_property
    def guard(self) -> int:
        """Bits that roundings take from φ and φ', beyond a few."""
        places: dict[Tree, list[float]] = {}
        for piece, slope in zip(self.pieces, self.slopes, strict=True):
            for tree in (piece.tree, slope):
                places.setdefault(tree, []).extend(piece.samples())
        lost = max(bits_at_stake(tree, where) for tree, where in places.items())
        if lost > _MOST_GUARD:
            raise InputError(f"rounding takes {lost:.0f} bits of {self.text}: write it without what is so large in it")
        return 32 * math.ceil((lost - _SPARE) / 32) if lost > _SPARE else 0

    def _evaluator(self, field: RealField, places: list[Any], limit: Program) -> Program:
        slopes = {p.tree: slope for p, slope in zip(self.pieces, self.slopes, strict=True)}
        programs = {tree: program([tree, slope], field) for tree, slope in slopes.items()}
        runs = [programs[p.tree] for p in self.pieces]

        def run(x: Any) -> list[Any]:
            try:
                return runs[bisect_left(places, x)](x)
            except DomainError:
                return limit(x)

        return run

    def _limit(self, x: Real, around: Context) -> list[Real]:
        """Return φ and φ' next to a point where their formulas are 0/0."""
        ctx = context(6 * around.prec)
        beside = ctx.convert(x) + ctx.ldexp(1, -around.prec)
        piece = sum(1 for joint in self.joints if joint.at(ctx) < beside)
        try:
            return program([self.pieces[piece].tree, self.slopes[piece]], RealField(ctx))(beside)
        except DomainError as error:
            raise DomainError(f"{self.text} cannot be computed at x = {float(x):.6g}: {error}") from None

    def jumps(self, joint: Joint, order: int, ctx: Context) -> list[Real]:
        """Return by how much φ, φ', …, φ^(order) jump at a joint.

        Raises
        ------
        DomainError
            Where a side has no Taylor series.
        """
        after = self.joints.index(joint) + 1
        with mpfr_context(ctx.prec):
            x, field = to_mpfr(joint.at(ctx)), MpfrField()
            trees = [self.pieces[i].tree for i in (after - 1, after)]
            sides = {tree: taylor(tree, field, x, order) for tree in dict.fromkeys(trees)}
            left, right = (sides[tree] for tree in trees)
            apart = [math.factorial(i) * (b - a) for i, (a, b) in enumerate(zip(left, right, strict=True))]
        return [from_mpfr(ctx, jump) for jump in apart]
