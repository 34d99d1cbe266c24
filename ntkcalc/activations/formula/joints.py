r"""Where a smooth formula vanishes: there pieces of φ meet, at places known to any precision.

Exact where the formula is linear in x, else between two points and solved for by Newton's method. A zero of order m is
a simple one of the derivative of order m − 1, and a pole is one of the reciprocal: so every step doubles the digits.
Which points, `zeros` says.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

import gmpy2

from ntkcalc.activations.formula.functions import (
    DomainError,
    FloatField,
    MpfrField,
    Program,
    RealField,
    derivative,
    program,
    taylor,
)
from ntkcalc.activations.formula.trees import ONE, ZERO, Tree, over
from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.numerics.precision import Context, Real, context, from_mpfr, log2, mpfr_context, mpfr_log2, real, to_mpfr

MOST_JOINTS = 64

REACH, STEP = 64, Fraction(1, 32)
"""Joints that are no zeros of linear functions are looked for up to this x, and φ is checked there in such steps."""

PROBE = 320  # bits of checks at joints
_GRID_BITS = 2800  # the Gaussian weight beyond `REACH` is below 2**-2954
_CLOSE, _SAME = 1280, 1e-9  # bits that tell zeros from each other, where floats may not
_ROUGH = 128  # bits of zeros that may be multiple
_MOST_MULTIPLE, _BESIDE = 5, 2.0**-16  # order of a zero, and how near several may be one
_LOOKS = 64  # for others there
CLUSTER = Fraction(1, 1 << 10)
"""Width of a run of cells in which floats do not tell a formula from 0: zeros not simple are multiple there."""

_APART = -4  # log2 of the part of that distance which a zero, solved for in few bits, is from where it is
_HALVINGS, _APPROACHES = 8, 24  # after which a pole shows, and that there is no zero
_STEEPER = 8  # times as steep as at its ends, a function may be between two points next to an extremum


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

    def same(self, other: Joint) -> bool:
        """Return whether another one is at the same place."""
        if self._told_apart(other):
            return False
        ctx = context(_CLOSE)
        return bool(abs(self.at(ctx) - other.at(ctx)) < ctx.ldexp(1 + abs(self.at(ctx)), -_CLOSE // 2))

    def before(self, other: Joint) -> bool:
        """Return whether it is to the left of another one, and not at the same place."""
        if self._told_apart(other):
            return self.near < other.near
        return not self.same(other) and bool(self.at(context(_CLOSE)) < other.at(context(_CLOSE)))

    def _told_apart(self, other: Joint) -> bool:
        """Return whether floats do to tell two places from each other."""
        return abs(self.near - other.near) > _SAME * (1 + abs(self.near))


@dataclass(frozen=True)
class Stretch:
    """The line between two joints, None for infinity."""

    left: Joint | None
    right: Joint | None

    @property
    def inside(self) -> Fraction:
        """A point inside."""
        if self.left is None or self.right is None:
            end = self.left or self.right
            if end is None:
                return Fraction(0.1234)
            beside = Fraction(1.1) + abs(Fraction(end.near)) / (1 << 20)  # which floats have, however far out
            return Fraction(end.near) + (beside if self.left else -beside)
        middle = (self.left.near + self.right.near) / 2
        if abs(self.right.near - self.left.near) > _SAME * (1 + abs(middle)):
            return Fraction(middle)
        return (_rational(self.left) + _rational(self.right)) / 2

    def holds(self, x: float) -> bool:
        """Return whether a point is inside."""
        return (self.left is None or self.left.near < x) and (self.right is None or x < self.right.near)

    def reaches(self, low: Fraction, high: Fraction) -> bool:
        """Return whether some of what is between two points may be inside."""
        return (self.left is None or self.left.near <= float(high)) and (
            self.right is None or float(low) <= self.right.near
        )

    def holds_joint(self, joint: Joint) -> bool:
        """Return whether another joint is inside, and not at an end."""
        return (self.left is None or self.left.before(joint)) and (self.right is None or joint.before(self.right))

    def grid(self) -> tuple[Fraction, ...]:
        """Return the points of the grid inside."""
        points, places = _whole_grid()
        first = 0 if self.left is None else bisect_right(places, self.left.near)
        return points[first : None if self.right is None else bisect_left(places, self.right.near)]


def _rational(joint: Joint) -> Fraction:
    """Return where a joint is, to so many bits that it is told from those next to it."""
    place = joint.at(context(_CLOSE))
    mantissa, exponent = place.man_exp
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent) * (-1 if place < 0 else 1)


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
        spare = gmpy2.exp2(gmpy2.mpfr(8 - bits)) * (1 + abs(low))  # it may be at an end
        if found is None or not low - spare < found < high + spare:
            found = _root(joint.vanishing, low, high, bits)
        return from_mpfr(ctx, found)


def _refined(tree: Tree, x: Any, bits: int) -> Any:
    """Return a zero known to half of the bits by Newton's method, None where that does not converge at once."""
    run = _mpfr_program(tree, derivative(tree))
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
    run, slope = (_mpfr_program(t) for t in (tree, derivative(tree)))
    sign, least = _falls(run(low)[0], run(high)[0]), gmpy2.exp2(gmpy2.mpfr(4 - bits))
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


def _falls(a: Any, b: Any) -> bool:
    """Return whether two values of unlike signs fall; the smaller one may be all rounding, next to a zero at an end."""
    return bool(a > 0 if abs(a) > abs(b) else b < 0)


def constant(tree: Tree) -> Real:
    """Return the value of a constant, nearly."""
    ctx = context(64)
    return program([tree], RealField(ctx))(ctx.zero)[0]


def around_extremum(tree: Tree, slope: Tree, low: Fraction, high: Fraction, text: str) -> list[Joint]:
    """Return the zeros of a tree next to an extremum: that, where it touches zero, or one on each side of it."""
    if _keeps_away(tree, slope, low, high):
        return []
    joint, ctx = between(slope, low, high, text), context(_CLOSE)
    run = program([tree, derivative(slope)], RealField(ctx))
    (value, bend), place = run(joint.at(ctx)), _rational(joint)
    if abs(value) < ctx.ldexp(1, -_CLOSE // 2):
        return [joint]
    outside = reals([tree], low, text)[0] > 0
    if (value > 0) == outside:
        return []
    if bend:  # u is about value + bend (x − place)²/2: brackets in which Newton's method does not creep
        reach = Fraction(2) ** math.ceil(log2(abs(2 * value / bend)) / 2 + 1)
        near = max(low, place - reach), min(high, place + reach)
        narrow = all((run(real(ctx, x))[0] > 0) == outside for x in near)
        low, high = near if narrow else (low, high)
    return [crossing(tree, low, place), crossing(tree, place, high)]


def _keeps_away(tree: Tree, slope: Tree, low: Fraction, high: Fraction) -> bool:
    """Return whether the extremum between two points is plainly no zero: a few halvings show that."""
    with mpfr_context(_ROUGH):
        run = _mpfr_program(tree, slope)
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


@lru_cache(maxsize=1)
def _whole_grid() -> tuple[tuple[Fraction, ...], list[float]]:
    points = tuple(i * STEP for i in range(-int(REACH / STEP), int(REACH / STEP) + 1))
    return points, [float(x) for x in points]


def crossing(tree: Tree, low: Fraction, high: Fraction) -> Joint:
    """Return the zero or pole between two points where a tree has different signs, where there is one only."""
    with mpfr_context(_ROUGH):
        a, b = gmpy2.mpfr(low), gmpy2.mpfr(high)
        vanishing = over(ONE, tree) if _grows_between(tree, a, b) else tree
        return Joint(float(_root(vanishing, a, b, _ROUGH)), None, vanishing, low, high)


def lone(tree: Tree, x: Fraction) -> bool:
    """Return whether a tree has no zeros next to one at a point but that, of any order."""
    with mpfr_context(_CLOSE):
        try:
            series = taylor(tree, MpfrField(), gmpy2.mpfr(x), _MOST_MULTIPLE + 1)
        except (DomainError, ZeroDivisionError):
            return True
    sizes = [mpfr_log2(c) + k * math.log2(_BESIDE) for k, c in enumerate(series)]
    return all(size < -_CLOSE // 2 for size in sizes[: sizes.index(max(sizes))])


def between(tree: Tree, low: Fraction, high: Fraction, text: str) -> Joint:
    """Return where a tree changes its sign: where it, its reciprocal, or a derivative of these has a simple zero."""
    joint = crossing(tree, low, high)
    vanishing = joint.vanishing or ZERO
    with mpfr_context(_ROUGH):
        order, together = _zeros_beside(vanishing, to_mpfr(joint.at(context(_ROUGH))))
    if order < 2:
        return joint
    if together and (multiple := _multiple(vanishing, order, joint.near)) is not None:
        return multiple
    _check_lone(vanishing, joint, text)
    return joint


def _grows_between(tree: Tree, low: Any, high: Any) -> bool:
    """Return whether a tree that changes its sign between two points does so at a pole."""
    run = _mpfr_program(tree)
    a, b = run(low)[0], run(high)[0]
    size, falls = max(abs(a), abs(b)), _falls(a, b)
    for _ in range(_HALVINGS):
        x = (low + high) / 2
        try:
            value = run(x)[0]
        except DomainError:
            return True
        if (value > 0) == falls:
            low, a = x, value
        else:
            high, b = x, value
    return bool(min(abs(a), abs(b)) > size)


def _zeros_beside(tree: Tree, x: Any) -> tuple[int, bool]:
    """Return how many zeros are within r of a point, and whether they may all be one.

    The number is the k of the largest |c_k| r^k in the Taylor series there; for zeros of some order m next to x, not
    for others, every |c_k/c_m|^{1/(m − k)} is far below r.
    """
    field = MpfrField()
    slope = program([derivative(tree)], field)
    try:
        rises = [slope(x + d)[0] for d in (-_BESIDE, 0, _BESIDE)]
        if min(rises) > max(rises) / 2 > 0 or max(rises) < min(rises) / 2 < 0:
            return 1, True
        series = taylor(tree, field, x, _MOST_MULTIPLE + 1)
    except (DomainError, ZeroDivisionError):
        return 1, True
    sizes = [mpfr_log2(c) + k * math.log2(_BESIDE) for k, c in enumerate(series)]
    order = sizes.index(max(sizes))
    return order, order <= _MOST_MULTIPLE and all(sizes[k] - sizes[order] < _APART * (order - k) for k in range(order))


def _multiple(tree: Tree, order: int, near: float) -> Joint | None:
    """Return a zero of some order, where the derivative of one order less has a simple one; None if it is not that."""
    ctx, low, high = context(_CLOSE), Fraction(near - _BESIDE), Fraction(near + _BESIDE)
    trees = list(accumulate(range(order - 1), lambda t, _: derivative(t), initial=tree))
    run, joint = program(trees, RealField(ctx)), Joint(near, None, trees[-1], low, high)
    if run(real(ctx, low))[-1] * run(real(ctx, high))[-1] >= 0:
        return None
    return joint if all(abs(v) < ctx.ldexp(1, -_CLOSE // 2) for v in run(joint.at(ctx))[:-1]) else None


def _check_lone(tree: Tree, joint: Joint, text: str) -> None:
    """Refuse a zero that has others next to it."""
    ctx = context(PROBE)
    run = program([tree], RealField(ctx))
    places = [Fraction(joint.near) + Fraction(_BESIDE) * (2 * i + 1) / _LOOKS for i in range(-_LOOKS // 2, _LOOKS // 2)]
    seen = [run(real(ctx, x))[0] > 0 for x in places if joint.low < x < joint.high]
    if joint.high - joint.low <= CLUSTER or sum(a != b for a, b in pairwise(seen)) > 1:
        raise too_near(text, joint.low, joint.high)


def crowded(tree: Tree, low: Fraction, high: Fraction) -> bool:
    """Return whether there may be zeros between two points: unless c_0 is the largest c_k r^k of the Taylor series."""
    with mpfr_context(PROBE):
        try:
            series = taylor(tree, MpfrField(), gmpy2.mpfr((low + high) / 2), _MOST_MULTIPLE + 1)
        except (DomainError, ZeroDivisionError):
            return False
    sizes = [mpfr_log2(c) + k * math.log2(high - low) for k, c in enumerate(series)]
    return sizes[0] < max(sizes[1:]) + 1


def too_near(text: str, low: Fraction, high: Fraction) -> InputError:
    """Return the refusal of a φ with kinks that are not told from each other."""
    return InputError(f"{text} has kinks within {float(high - low):.0e} of each other near x = {float(low):.10g}")


def signs(tree: Tree, slope: Tree, x: Fraction, text: str) -> tuple[int, int] | None:
    """Return the signs of a tree and its slope at a point, 0 next to 0/0; None where there is no value."""
    try:
        value, rise = reals([tree, slope], x, text)
    except InputError:
        return None
    return (value > 0) - (value < 0), (rise > 0) - (rise < 0)


@lru_cache(maxsize=1024)
def _float_program(trees: tuple[Tree, ...]) -> Program:
    return program(trees, FloatField())


def _mpfr_program(*trees: Tree) -> Program:
    return _program_of(trees, gmpy2.get_context().precision)


@lru_cache(maxsize=512)
def _program_of(trees: tuple[Tree, ...], precision: int) -> Program:
    """Return a program for this precision, that of the context: its constants are rounded to it."""
    return program(trees, MpfrField())


def values(trees: list[Tree], x: Fraction, text: str) -> list[Any]:
    """Return values at a point: floats where they are finite, else reals; refuse a point where there are none."""
    try:
        values = _float_program(tuple(trees))(float(x))
        if all(isinstance(v, float) and abs(v) < 1e300 for v in values):
            return values
    except (ArithmeticError, ValueError, TypeError):
        pass
    return reals(trees, x, text)


def reals(trees: list[Tree], x: Fraction, text: str) -> list[Any]:
    """Return values at a point in high precision."""
    try:
        with mpfr_context(PROBE):
            return _mpfr_program(*trees)(gmpy2.mpfr(x))
    except DomainError as error:
        if "division" in str(error):
            return [0.0] * len(trees)  # a joint, looked at later
        raise undefined(text, error, float(x)) from None


def undefined(text: str, error: Exception, x: float) -> InputError:
    """Return the refusal of a φ that has no value at a point."""
    return InputError(f"{text} is not finite and real everywhere: {error}, at x = {x:.6g}")


def too_many(text: str) -> InputError:
    """Return the refusal of a φ with too many kinks."""
    return InputError(f"{text} has more than {MOST_JOINTS} kinks within |x| < {REACH}; write one with fewer")
