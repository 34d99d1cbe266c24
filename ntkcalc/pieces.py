r"""Where a formula bends: the real line cut into pieces on each of which φ is one smooth formula.

Branches (relu, max, …) are resolved from the inside out: the zeros of what decides a branch are the joints, exact where
it is linear in x, else found on a grid and solved for to the precision that is asked of them. Then what Assumptions 2
and 3 ask of φ is checked: finite and real everywhere, no jumps, square-integrable with its derivative.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from typing import Any

import gmpy2

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.functions import (
    DomainError,
    FloatField,
    MpfrField,
    Program,
    RealField,
    branch,
    derivative,
    polynomial,
    program,
    singular_argument,
    taylor,
)
from ntkcalc.precision import Context, Real, context, from_mpfr, mpfr_context, mpfr_log2, real, to_mpfr
from ntkcalc.rounding import bits_at_stake
from ntkcalc.trees import ONE, ZERO, Tree, in_order, negated, number, over, rebuilt

MOST_JOINTS = 64

REACH, _STEP = 64, Fraction(1, 32)
"""Joints that are no zeros of linear functions are looked for up to this x, in steps of this size."""

_GRID_BITS = 2800  # the Gaussian weight beyond `REACH` is below 2**-2954
_PROBE = 320  # bits of checks at joints
_ROUGH = 128  # bits of zeros that may be multiple
_MOST_MULTIPLE, _BESIDE = 5, 2.0**-16  # order of a zero, and how near several may be one
_LOOKS = 256  # for others there
_HALVINGS, _APPROACHES = 8, 24  # after which a pole shows, and that there is no zero
_STEEPER = 8  # times as steep as at its ends, a function may be between two points next to an extremum
_DOUBTFUL = 1e-9  # value of a float that may be all error
_NEAR = 3.0  # |x| that the normal law sees
_SAMPLES = (0.0713, 0.2137, 0.5171, 0.8331, 0.9573)  # parts of an interval
_EFFORT = {
    **dict.fromkeys(("+", "-", "*", "neg"), 0.1),
    **dict.fromkeys(("/", "sqrt"), 0.2),
    **dict.fromkeys(("power", "softplus"), 1.5),
    "x": 0.0,
    "atan": 2.5,
    **dict.fromkeys(("erf", "erfc"), 10.0),
}
"""What operations take, in exponentials."""

_NEAR_SAMPLES = (-1e-2, -1e-4, 1e-9, 1e-6, 1e-3)
_FAR_SAMPLES = (-28.0, -20.0, -14.0, -9.0, -5.0, 5.0, 9.0, 14.0, 20.0, 28.0)
_SPARE = 24  # bits that those who ask for values have
_MOST_GUARD = 1 << 14  # bits that roundings may take
_KINK_BITS = 1024  # of jumps
_FIRST_ORDERS, _ORDERS = 2, 24  # derivatives compared on both sides of a joint


@dataclass(frozen=True)
class Joint:
    """A point where two pieces meet.

    Parameters
    ----------
    near
        Where it is, nearly.
    place
        A constant that is exactly where it is, or None.
    vanishing
        Else a tree with a simple zero there and no other one between `low` and `high`.
    low, high
        A bracket.
    """

    near: float
    place: Tree | None
    vanishing: Tree | None = None
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)

    @property
    def exact(self) -> Fraction | None:
        """The place where it is a rational number."""
        return None if self.place is None else self.place.number

    def at(self, ctx: Context) -> Real:
        """Return the place in the precision of `ctx`."""
        return _place(self, ctx.prec)


@lru_cache(maxsize=512)
def _place(joint: Joint, bits: int) -> Real:
    ctx = context(bits)
    if joint.place is not None:
        return program([joint.place], RealField(ctx))(ctx.zero)[0]
    if bits > _GRID_BITS:
        raise AccuracyError(
            f"kinks at places such as {joint.near:.4g}, which no linear function gives, are known "
            f"for |x| < {REACH} only; lower --digits"
        )
    assert joint.vanishing is not None
    start = _place(joint, bits // 2 + 32) if bits > _ROUGH else None
    with mpfr_context(bits):
        low, high = gmpy2.mpfr(joint.low), gmpy2.mpfr(joint.high)
        found = None if start is None else _refined(joint.vanishing, to_mpfr(start), bits)
        if found is None or not low < found < high:
            found = _root(joint.vanishing, low, high, bits)
        return from_mpfr(ctx, found)


def _refined(tree: Tree, x: Any, bits: int) -> Any:
    """Return a zero known to half of the bits by Newton's method, None where that does not converge at once."""
    run = program([tree, derivative(tree)], MpfrField())
    for _ in range(4):
        try:
            value, steep = run(x)
        except DomainError:
            return None
        before, x = x, x - value / steep if steep else x
        if abs(x - before) <= gmpy2.exp2(gmpy2.mpfr(-bits // 2 - 16)) * (1 + abs(x)):
            return x if steep else None
    return None


def _root(tree: Tree, low: Any, high: Any, bits: int) -> Any:
    """Return a zero of a tree by Newton's method inside a bracket that shrinks."""
    run, slope = (program([t], MpfrField()) for t in (tree, derivative(tree)))
    sign, least = run(low)[0] > 0, gmpy2.exp2(gmpy2.mpfr(4 - bits))
    x, step = (low + high) / 2, high - low
    for _ in range(3 * bits):
        try:
            value = run(x)[0]
        except DomainError:  # next to a pole of 1/tree
            return x
        if (value > 0) == sign:
            low = x
        else:
            high = x
        if not value or high - low <= least * (abs(x) + 1):
            break
        steep = slope(x)[0]
        guess = x - value / steep if steep else low
        if abs(guess - x) <= least * (abs(x) + 1):
            return guess
        halves = abs(guess - x) <= step / 2  # else Newton's method creeps
        guess = guess if low < guess < high and halves else (low + high) / 2
        x, step = guess, abs(guess - x)
    return x


@dataclass(frozen=True)
class Piece:
    """A smooth formula between two joints, None for infinity."""

    left: Joint | None
    right: Joint | None
    tree: Tree

    @property
    def inside(self) -> float:
        """A point inside."""
        if self.left is None or self.right is None:
            end = self.left or self.right
            return 0.1234 if end is None else end.near + (1.1 if self.left else -1.1)
        return (self.left.near + self.right.near) / 2

    @property
    def near(self) -> tuple[float, float]:
        """The ends of what is near 0 in the piece, or nearest to it."""
        left = -math.inf if self.left is None else self.left.near
        right = math.inf if self.right is None else self.right.near
        low, high = max(left, -_NEAR), min(right, _NEAR)
        if low < high:
            return low, high
        return (left, min(right, left + 1)) if left > 0 else (max(left, right - 1), right)

    def samples(self) -> list[float]:
        """Return a few places there."""
        low, high = self.near
        return [low + (high - low) * part for part in _SAMPLES] + [x for x in _NEAR_SAMPLES if self.holds(x)]

    def far_samples(self) -> list[float]:
        """Return some places farther out, for what grows."""
        return [x for x in _FAR_SAMPLES if self.holds(x)]

    def holds(self, x: float) -> bool:
        """Return whether a point is inside."""
        return (self.left is None or self.left.near < x) and (self.right is None or x < self.right.near)


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

    @cached_property
    def effort(self) -> float:
        """What φ and φ' take on the most laborious piece, in exponentials."""
        rows = (in_order(p.tree, s) for p, s in zip(self.pieces, self.slopes, strict=True))
        return max(sum(_EFFORT.get(t.word, 1.0) for t in row if not t.constant) for row in rows)

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
        runs = [program([p.tree, s], field) for p, s in zip(self.pieces, self.slopes, strict=True)]

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
        return program([self.pieces[piece].tree, self.slopes[piece]], RealField(ctx))(beside)

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
            left, right = (taylor(self.pieces[i].tree, field, x, order) for i in (after - 1, after))
            apart = [math.factorial(i) * (b - a) for i, (a, b) in enumerate(zip(left, right, strict=True))]
        return [from_mpfr(ctx, jump) for jump in apart]


def cut(tree: Tree, text: str) -> Pieces:
    """Return the pieces of a plain tree.

    Raises
    ------
    InputError
        Where φ is infinite, not real, jumps, is constant, or grows too fast.
    """
    try:
        return _cut(tree, text)
    except DomainError as error:
        raise InputError(f"{text} is not finite and real everywhere: {error}") from None


def _cut(tree: Tree, text: str) -> Pieces:
    found = _joined(_singularities(list(_smooth(Piece(None, None, tree), text)), text))
    if len(found) == 1 and derivative(found[0].tree) is ZERO:
        raise InputError(f"{text} is constant: a network of it computes nothing")
    for piece in found:
        polynomial(piece.tree)  # refuses high degrees
    raw = Pieces(tuple(found), (True,) * (len(found) - 1), text)
    _check_values(raw)
    kinks = tuple(_is_kink(raw, joint) for joint in raw.joints)
    _check_growth(raw)
    return Pieces(raw.pieces, kinks, text)


def _smooth(piece: Piece, text: str) -> Iterator[Piece]:
    """Resolve the branches inside a piece, the innermost first."""
    found = next(((t, b) for t in in_order(piece.tree) if (b := branch(t)) is not None), None)
    if found is None:
        yield piece
        return
    node, choice = found
    for part in _divided(piece, _zeros(choice.decider, piece, text), text):
        chosen = choice.above if _positive(choice.decider, part, text) else choice.below
        tree = rebuilt(piece.tree, lambda t, chosen=chosen: chosen if t is node else t)  # type: ignore[misc]
        yield from _smooth(Piece(part.left, part.right, tree), text)


def _singularities(pieces: list[Piece], text: str) -> list[Piece]:
    """Cut where the argument of a root, a power, a logarithm or a denominator vanishes."""
    found = []
    for piece in pieces:
        arguments = {a for t in in_order(piece.tree) if (a := singular_argument(t)) is not None and not a.constant}
        joints = [joint for a in arguments for joint in _zeros(a, piece, text)]
        found += _divided(piece, joints, text)
        if len(found) > MOST_JOINTS:
            raise _too_many(text)
    return found


def _divided(piece: Piece, joints: list[Joint], text: str) -> list[Piece]:
    """Cut a piece at joints."""
    inner: list[Joint] = []
    for joint in sorted(joints, key=lambda j: j.near):
        if piece.holds(joint.near) and not (inner and _same(inner[-1], joint)):
            inner.append(joint)
    if len(inner) > MOST_JOINTS:
        raise _too_many(text)
    return [Piece(a, b, piece.tree) for a, b in pairwise([piece.left, *inner, piece.right])]


def _too_many(text: str) -> InputError:
    return InputError(f"{text} has more than {MOST_JOINTS} kinks within |x| < {REACH}; write one with fewer")


def _same(a: Joint, b: Joint) -> bool:
    if abs(a.near - b.near) > 1e-9 * (1 + abs(a.near)):
        return False
    ctx = context(_PROBE)
    return bool(abs(a.at(ctx) - b.at(ctx)) < ctx.ldexp(1 + abs(a.at(ctx)), -_PROBE // 2))


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Join neighbours with the same formula, unless it is singular where they meet."""
    found = [pieces[0]]
    for piece in pieces[1:]:
        last = found[-1]
        if piece.left is not None and _alike(last.tree, piece.tree) and not _singular_at(piece.tree, piece.left):
            found[-1] = Piece(last.left, piece.right, last.tree)
        else:
            found.append(piece)
    return found


def _alike(a: Tree, b: Tree) -> bool:
    return a is b or (polynomial(a) is not None and polynomial(a) == polynomial(b))


def _singular_at(tree: Tree, joint: Joint) -> bool:
    ctx = context(_PROBE)
    try:
        taylor(tree, RealField(ctx), joint.at(ctx), 1)
    except (DomainError, ZeroDivisionError):
        return True
    return any(
        abs(program([a], RealField(ctx))(joint.at(ctx))[0]) < ctx.ldexp(1, -_PROBE // 2)
        for t in in_order(tree)
        if (a := singular_argument(t)) is not None and not a.constant
    )


def _zeros(tree: Tree, piece: Piece, text: str) -> list[Joint]:
    """Return where a smooth tree vanishes inside a piece: where its factors do."""
    if tree.head in ("*", "neg"):
        return list(
            {zero.near: zero for t in dict.fromkeys(tree.arguments) for zero in _zeros(t, piece, text)}.values()
        )
    row = polynomial(tree)
    if row is not None and len(row) <= 2:
        if len(row) == 1:
            return []
        place = negated(over(row[0], row[1]))
        near = float(_constant(place))
        if math.isinf(near):
            raise InputError(f"{text} has a kink or a pole farther out than 1e308; write it without")
        return [Joint(near, place)] if piece.holds(near) else []
    return _zeros_on_grid(tree, piece, text)


def _constant(tree: Tree) -> Real:
    ctx = context(64)
    return program([tree], RealField(ctx))(ctx.zero)[0]


def _zeros_on_grid(tree: Tree, piece: Piece, text: str) -> list[Joint]:
    """Return the zeros between and at the points of a grid, those that only touch zero included."""
    slope = derivative(tree)
    rows = [(x, *_signs(tree, slope, x, text)) for x in _grid(piece)]
    found = [Joint(float(x), number(x)) for x, value, _ in rows if value == 0]
    for (low, a, rise), (high, b, later) in pairwise(rows):
        if a * b < 0:
            found.append(_between(tree, low, high, text))
        elif a * b > 0 and rise * later < 0 and rise * a < 0:  # |u| falls, then rises
            found += _around_extremum(tree, slope, low, high, text)
        if len(found) > MOST_JOINTS:
            raise _too_many(text)
    return found


def _around_extremum(tree: Tree, slope: Tree, low: Fraction, high: Fraction, text: str) -> list[Joint]:
    """Return the zeros of a tree next to an extremum: that, where it touches zero, or one on each side of it."""
    if _keeps_away(tree, slope, low, high):
        return []
    joint, ctx = _between(slope, low, high, text), context(_PROBE)
    middle = joint.at(ctx)
    value = program([tree], RealField(ctx))(middle)[0]
    if abs(value) < ctx.ldexp(1, -_PROBE // 2):
        return [joint]
    mantissa, exponent = middle.man_exp
    place = Fraction(int(mantissa)) * Fraction(2) ** int(exponent) * (-1 if middle < 0 else 1)
    if (value > 0) == (_reals([tree], low, text)[0] > 0):
        return []
    return [_between(tree, low, place, text), _between(tree, place, high, text)]


def _keeps_away(tree: Tree, slope: Tree, low: Fraction, high: Fraction) -> bool:
    """Return whether the extremum between two points is plainly no zero: a few halvings show that."""
    with mpfr_context(_ROUGH):
        run = program([tree, slope], MpfrField())
        a, b = gmpy2.mpfr(low), gmpy2.mpfr(high)
        try:
            (left, fall), (right, rise) = run(a), run(b)
            for _ in range(_APPROACHES):
                if min(abs(left), abs(right)) > _STEEPER * (b - a) * max(abs(fall), abs(rise)):
                    return True
                x = (a + b) / 2
                value, steep = run(x)
                if (value > 0) != (left > 0):
                    return False
                if (steep > 0) == (fall > 0):
                    a, left, fall = x, value, steep
                else:
                    b, right, rise = x, value, steep
        except DomainError:
            pass
    return False


def _grid(piece: Piece) -> tuple[Fraction, ...]:
    """Return the points of the grid inside a piece."""
    points, places = _whole_grid()
    first = 0 if piece.left is None else bisect_right(places, piece.left.near)
    return points[first : None if piece.right is None else bisect_left(places, piece.right.near)]


@lru_cache(maxsize=1)
def _whole_grid() -> tuple[tuple[Fraction, ...], list[float]]:
    points = tuple(i * _STEP for i in range(-int(REACH / _STEP), int(REACH / _STEP) + 1))
    return points, [float(x) for x in points]


def _between(tree: Tree, low: Fraction, high: Fraction, text: str) -> Joint:
    """Return where a tree changes its sign: where it, its reciprocal, or a derivative of these has a simple zero."""
    with mpfr_context(_ROUGH):
        a, b = gmpy2.mpfr(low), gmpy2.mpfr(high)
        vanishing = over(ONE, tree) if _grows_between(tree, a, b) else tree
        rough = _root(vanishing, a, b, _ROUGH)
        order = _zeros_beside(vanishing, rough)
    joint = Joint(float(rough), None, vanishing, low, high)
    if order < 2:
        return joint
    if (multiple := _multiple(vanishing, order, joint.near)) is not None:
        return multiple
    _check_lone(vanishing, joint, text)
    return joint


def _grows_between(tree: Tree, low: Any, high: Any) -> bool:
    """Return whether a tree that changes its sign between two points does so at a pole."""
    run = program([tree], MpfrField())
    a, b = run(low)[0], run(high)[0]
    size = max(abs(a), abs(b))
    for _ in range(_HALVINGS):
        x = (low + high) / 2
        try:
            value = run(x)[0]
        except DomainError:
            return True
        if (value > 0) == (a > 0):
            low, a = x, value
        else:
            high, b = x, value
    return bool(min(abs(a), abs(b)) > size)


def _zeros_beside(tree: Tree, x: Any) -> int:
    """Return how many zeros are within r of a point: the k of the largest |c_k| r^k in the Taylor series there."""
    field = MpfrField()
    slope = program([derivative(tree)], field)
    try:
        rises = [slope(x + d)[0] for d in (-_BESIDE, 0, _BESIDE)]
        if min(rises) > max(rises) / 2 > 0 or max(rises) < min(rises) / 2 < 0:
            return 1
        series = taylor(tree, field, x, _MOST_MULTIPLE)
    except (DomainError, ZeroDivisionError):
        return 1
    sizes = [mpfr_log2(c) + k * math.log2(_BESIDE) for k, c in enumerate(series)]
    return sizes.index(max(sizes))


def _multiple(tree: Tree, order: int, near: float) -> Joint | None:
    """Return a zero of some order, where the derivative of one order less has a simple one; None if it is not that."""
    ctx, low, high = context(_PROBE), Fraction(near - _BESIDE), Fraction(near + _BESIDE)
    trees = list(accumulate(range(order - 1), lambda t, _: derivative(t), initial=tree))
    run, joint = program(trees, RealField(ctx)), Joint(near, None, trees[-1], low, high)
    if run(real(ctx, low))[-1] * run(real(ctx, high))[-1] >= 0:
        return None
    return joint if all(abs(v) < ctx.ldexp(1, -_PROBE // 2) for v in run(joint.at(ctx))[:-1]) else None


def _check_lone(tree: Tree, joint: Joint, text: str) -> None:
    """Refuse a zero that has others next to it."""
    ctx = context(_PROBE)
    run = program([tree], RealField(ctx))
    places = [joint.near + _BESIDE * (2 * i + 1) / _LOOKS for i in range(-_LOOKS // 2, _LOOKS // 2)]
    signs = [run(ctx.mpf(x))[0] > 0 for x in places if joint.low < x < joint.high]
    if sum(a != b for a, b in pairwise(signs)) > 1:
        raise InputError(f"{text} has kinks within {2 * _BESIDE:.0e} of each other near x = {joint.near:.10g}")


def _signs(tree: Tree, slope: Tree, x: Fraction, text: str) -> tuple[int, int]:
    value, rise = _values([tree, slope], x, text)
    if abs(value) < _DOUBTFUL:  # rounding or underflow of floats is no zero
        value, rise = _reals([tree, slope], x, text)
    return (value > 0) - (value < 0), (rise > 0) - (rise < 0)


@lru_cache(maxsize=1024)
def _float_program(trees: tuple[Tree, ...]) -> Program:
    return program(trees, FloatField())


@lru_cache(maxsize=256)
def _mpfr_program(trees: tuple[Tree, ...]) -> Program:
    return program(trees, MpfrField())


def _values(trees: list[Tree], x: Fraction, text: str) -> list[Any]:
    """Return values at a point: floats where they are finite, else reals; refuse a point where there are none."""
    try:
        values = _float_program(tuple(trees))(float(x))
        if all(isinstance(v, float) and abs(v) < 1e300 for v in values):
            return values
    except (ArithmeticError, ValueError, TypeError):
        pass
    return _reals(trees, x, text)


def _reals(trees: list[Tree], x: Fraction, text: str) -> list[Any]:
    """Return values at a point in high precision."""
    try:
        with mpfr_context(_PROBE):
            return _mpfr_program(tuple(trees))(gmpy2.mpfr(x))
    except DomainError as error:
        if "division" in str(error):
            return [0.0] * len(trees)  # a joint, looked at later
        raise _undefined(text, error, float(x)) from None


def _undefined(text: str, error: Exception, x: float) -> InputError:
    return InputError(f"{text} is not finite and real everywhere: {error}, at x = {x:.6g}")


def _positive(decider: Tree, piece: Piece, text: str) -> bool:
    if decider.constant:
        return bool(_constant(decider) > 0)
    return bool(_reals([decider], Fraction(piece.inside), text)[0] > 0)


def _check_values(phi: Pieces) -> None:
    """Refuse a φ that is not finite and real on a grid, or unbounded or torn at a joint."""
    for piece, slope in zip(phi.pieces, phi.slopes, strict=True):
        for x in (*_grid(piece), Fraction(piece.inside)):
            _values([piece.tree, slope], x, phi.text)
    for i, joint in enumerate(phi.joints):
        _check_joint(phi, i, joint)


def _check_joint(phi: Pieces, i: int, joint: Joint) -> None:
    """Refuse a pole, a jump, or a derivative that is not square-integrable, at a joint."""
    ctx, limits = context(2 * _PROBE), []
    for side, which in ((-1, i), (1, i + 1)):
        run = program([phi.pieces[which].tree, phi.slopes[which]], RealField(ctx))
        try:
            (far, _), (near, slope), (nearest, steeper) = (
                run(joint.at(ctx) + side * ctx.ldexp(1, -n)) for n in (60, 80, 100)
            )
        except DomainError as error:
            raise _undefined(phi.text, error, joint.near) from None
        if abs(nearest - near) > 1e-6 * (1 + abs(near)) or abs(near) > 2 * abs(far) + 1e6:
            if _swings(run, joint.at(ctx), side):
                raise InputError(f"{phi.text} has no limit at x = {joint.near:.6g}; phi must be continuous")
            raise InputError(f"{phi.text} is unbounded at x = {joint.near:.6g}; phi must be finite everywhere")
        if abs(steeper) > abs(slope) * ctx.mpf(2) ** 9.95 and abs(steeper) > 1e6:  # like 1/√x or worse
            raise InputError(
                f"{phi.text}: its derivative is not square-integrable at x = {joint.near:.6g}, so that chi is infinite"
            )
        limits.append((nearest, ctx.ldexp(8 * abs(steeper), -100) + ctx.ldexp(1 + abs(nearest), -_PROBE // 2)))
    (left, near_left), (right, near_right) = limits
    if abs(left - right) > near_left + near_right:
        raise InputError(
            f"{phi.text} jumps {_from_to(left, right)} at x = {joint.near:.6g}; "
            "Assumption 3 asks for a continuous phi (chi is infinite)"
        )


def _swings(run: Program, place: Real, side: int) -> bool:
    """Return whether values next to a joint go up and down within bounds instead of running off."""
    ctx = place.context
    try:
        values = [run(place + side * ctx.ldexp(1, -n))[0] for n in range(20, 340, 20)]
    except DomainError:
        return False
    rises = {bool(b > a) for a, b in pairwise(values)}
    half = len(values) // 2
    return len(rises) == 2 and bool(max(map(abs, values[half:])) <= 2 * max(map(abs, values[:half])))


def _from_to(left: Real, right: Real) -> str:
    """Return two limits as text, without what is left of the distance at which they were taken."""
    ctx = left.context
    least = ctx.ldexp(max(abs(left), abs(right)), -64)
    before, after = (ctx.nstr(x if abs(x) > least else ctx.zero, 5) for x in (left, right))
    return f"from {before} to {after}" if before != after else f"by {ctx.nstr(right - left, 5)}"


def _is_kink(phi: Pieces, joint: Joint) -> bool:
    """Return whether φ is not analytic at a joint: some derivative jumps, or is not there on one side."""
    ctx = context(_KINK_BITS)
    i = phi.joints.index(joint)
    if all(polynomial(phi.pieces[k].tree) is not None for k in (i, i + 1)):
        return not _alike(phi.pieces[i].tree, phi.pieces[i + 1].tree)
    try:
        return any(
            abs(jump) > ctx.ldexp(ctx.factorial(n), -_KINK_BITS // 2)
            for orders in (_FIRST_ORDERS, _ORDERS)
            for n, jump in enumerate(phi.jumps(joint, orders, ctx))
        )
    except (DomainError, ZeroDivisionError):
        only_divided = all(_only_denominators(phi.pieces[k].tree, joint) for k in (i, i + 1))
        return not (only_divided and phi.pieces[i].tree is phi.pieces[i + 1].tree)


def _only_denominators(tree: Tree, joint: Joint) -> bool:
    """Return whether nothing but denominators vanishes at a joint."""
    ctx = context(_PROBE)
    x = joint.at(ctx) + ctx.ldexp(1, -_PROBE // 2)
    nodes = [(t, a) for t in in_order(tree) if (a := singular_argument(t)) is not None and not a.constant]
    return all(t.head == "/" or abs(program([a], RealField(ctx))(x)[0]) > ctx.ldexp(1, -16) for t, a in nodes)


def _check_growth(phi: Pieces) -> None:
    """Refuse a φ that outgrows e^{x²/4}, so that φ² has no Gaussian mean."""
    ctx = context(64)
    run = phi.evaluator(ctx)
    for side in (-1, 1):
        for power in (6, 8, 10, 12):
            x = ctx.ldexp(side, power)
            try:
                values = run(x)
            except DomainError as error:
                if "too large" not in str(error):  # a branch beyond `REACH`
                    continue
                raise InputError(
                    f"{phi.text} is not square-integrable under the Gaussian weight: {error}, at x = {side * 2**power}"
                ) from None
            if power == 12 and any(abs(v) > ctx.exp(x * x / 4 - 64) for v in values):
                raise InputError(
                    f"{phi.text} is not square-integrable under the Gaussian weight: it outgrows exp(x^2/4), "
                    f"to {ctx.nstr(max(map(abs, values)), 4)} at x = {side * 2**power}"
                )
