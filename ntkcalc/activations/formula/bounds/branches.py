r"""Which branch a formula takes on an interval, proven by balls.

The sign of what decides a branch is that of its ball on the interval, or follows from derivatives: if u, …, u^{(m−1)}
are ≥ 0 at the left end and u^{(m)} > 0 on the whole, then u > 0 inside (Taylor); likewise from the right end. Where
neither tells, the interval is halved; places where a branch is likely to change are cut out beforehand, so that this
is rare. What is left in the end is a sliver on which any of several formulas may hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from flint import arb

from ntkcalc.activations.formula.bounds.ranges import Range, ranges
from ntkcalc.activations.formula.bounds.removable import with_limits, without_removable_singularities
from ntkcalc.activations.formula.bounds.symmetry import as_quotients, cancelled, one_quotient
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.plain_form import Branch, branch, of_same_sign, plain, replaced
from ntkcalc.activations.formula.expressions.trees import ZERO, Tree, in_order, node, over, rebuilt
from ntkcalc.errors import AccuracyError

_PRECISION = 64
_DERIVATIVES = 5  # that may tell a sign next to a zero
_FEW_BITS = 24  # of places at which something may be exactly 0
_STEPS = 40  # of Newton's method, in more and more bits
_CHAIN_NODES = 400  # of a derivative, beyond which there is no use in another


@dataclass(frozen=True, eq=False)
class Segment:
    """An interval with exact ends on which φ is one plain formula, or a sliver on which it is one of several."""

    left: Ball
    right: Ball
    trees: tuple[Tree, ...]

    @property
    def whole(self) -> Ball:
        """A ball that holds the interval."""
        return self.left.union(self.right)


def segments(tree: Tree, left: Ball, right: Ball, least: float, exact: bool = True) -> Iterator[Segment]:
    """Yield the segments of [left, right], from left to right; slivers are no wider than 2**least.

    Where what decides is exactly 0 at a number of few bits two segments meet there, and where it is 0 without a change
    of sign it may be one segment; unless `exact` is false: then all zeros have slivers.
    """
    stack = [(tree, left, right)]
    while stack:
        tree, left, right = stack.pop()
        found = first_branch(tree)
        if found is None:
            yield Segment(left, right, (tree,))
            continue
        node, choice = found
        sign, marks = sign_on(choice.decider, left, right, touching=exact), [left, right]
        if not sign and log2_upper(right - left) >= least:
            marks[1:1] = _guess(choice.decider, left, right, least, exact)
            if len(marks) == 2:  # where arguments differ by little, as x and x tanh x do far out
                sign = sign_on(choice.decider, left, right, _PRECISION + math.ceil(abs(least)), exact)
        if sign:
            stack.append((taken(tree, node, choice.above if sign > 0 else choice.below), left, right))
        elif log2_upper(right - left) < least:
            yield Segment(left, right, tuple(alternatives(tree, left.union(right))))
        else:
            if len(marks) == 2:
                marks.insert(1, between(left, right))
            stack += [(tree, one, other) for one, other in reversed(list(pairwise(marks)))]


def _guess(u: Tree, left: Ball, right: Ball, least: float, exact: bool) -> list[Ball]:
    """Return exact points where a tree or one of its derivatives vanishes, or next to that, by Newton's method.

    Steps may leave the interval where a zero of the tree itself is at an end of it.
    """
    ends = (left, right)
    with working_precision(_PRECISION):
        wider = [(left + (right - left) * arb(x)).mid() for x in (-0.5, 1.5)]
    for bounds in (wider, ends, ends):
        slope = _derivative(u)
        if slope is None:
            break
        zero = _newton(u, slope, bounds, least)
        if zero is not None:
            with working_precision(_FEW_BITS):
                short = (zero + 0).mid()
            with working_precision(math.ceil(abs(least)) + 64):
                width = arb(2) ** math.floor(least - 2)
                places = [(zero - width).mid(), (zero + width).mid()]
                if exact and abs(short - zero) < width and real_program(u)(short)[0] == 0:
                    places = [short]
            if kept := [x for x in places if left < x and x < right]:
                return kept
        u = slope
    return []


def _newton(u: Tree, slope: Tree, bounds: Sequence[Ball], least: float) -> Ball | None:
    """Return a zero to far below 2**least, None where the method leaves the bounds or does not settle."""
    low, high = bounds
    with working_precision(_PRECISION):
        bits, x = _PRECISION, ((low + high) / 2).mid()
    for _ in range(_STEPS):
        with working_precision(bits):
            value, steep = real_program(u, slope)(x)
            move = (value.mid() / steep.mid()).mid() if steep.mid() != 0 else arb.nan()
            x = (x - move).mid()
            if not (move.is_finite() and low <= x and x <= high):
                return None
            if log2_upper(move) < -0.4 * bits:
                if bits >= 2 * abs(least):
                    return x
                bits *= 2
    return None


def alternatives(tree: Tree, box: Ball, bits: int = _PRECISION) -> list[Tree]:
    """Return all plain formulas that a tree may be on a real ball, as signs in so many bits tell."""
    found = first_branch(tree)
    if found is None:
        return [tree]
    node, choice = found
    with working_precision(bits):
        sign = _sign(_value(choice.decider, box))
    kept = [t for t, own in ((choice.above, 1), (choice.below, -1)) if sign != -own]
    return list(dict.fromkeys(t for chosen in kept for t in alternatives(taken(tree, node, chosen), box, bits)))


def taken(tree: Tree, branching: Tree, formula: Tree) -> Tree:
    """Return a tree with a formula in the place of a node that branches, simplified, quotients in lowest terms."""
    found = replaced(tree, branching, formula)
    lower = cancelled(found)
    return found if lower is found else plain(lower)


@cache
def first_branch(tree: Tree) -> tuple[Tree, Branch] | None:
    """Return an innermost node that branches; what decides is one quotient where that is shorter, but never 0."""
    found = next(((t, b) for t in in_order(tree) if (b := branch(t)) is not None), None)
    if found is None:
        return None
    decider = found[1].decider
    written = min((decider, *map(of_same_sign, as_quotients(decider))), key=lambda t: sum(1 for _ in in_order(t)))
    return found if written in (ZERO, decider) else (found[0], replace(found[1], decider=written))


def sign_on(u: Tree, left: Ball, right: Ball, bits: int = _PRECISION, touching: bool = True) -> int:
    """Return the sign that a plain tree has inside an interval, 0 where that is not proven in so many bits.

    It may be 0 at single points if it may touch that.
    """
    chain: list[Tree] = []
    slope: Tree | None = u
    while slope is not None and len(chain) <= _DERIVATIVES:
        chain.append(slope)
        with working_precision(bits):
            rising = _sign(_value(slope, left.union(right)))
            if not rising and slope is u:
                line = Range(left, right)
                rising = sign_of_range(u, line, between(left, right)) if touching else ranges([u], line)[0].sign
        if rising:
            m = len(chain) - 1
            for end, step, sign in ((left, 1, rising), (right, -1, rising * (-1) ** m)):
                if all(_sign_at(chain[i], end) in (0, sign * step**i) for i in range(m)):
                    return sign
            return 0
        slope = _derivative(slope)
    return 0


def sign_of_range(u: Tree, line: Range, inside: Ball) -> int:
    """Return the sign of a tree on a line with a point inside, but for single points: that of sin(x) − 1 is −1."""
    values = ranges([u], line)[0]
    sign = 1 if values.low >= 0 else -1 if values.high <= 0 else 0
    return sign if sign and (values.sign or _sign_at(u, inside) == sign) else 0


def _sign(value: Ball) -> int:
    return 1 if value > 0 else -1 if value < 0 else 0


@cache
def _derivative(tree: Tree) -> Tree | None:
    found = derivative(tree)
    return found if sum(1 for _ in in_order(found)) < _CHAIN_NODES else None


def _sign_at(u: Tree, x: Ball) -> int | None:
    """Return the sign of a tree at an exact point, None where it is not told."""
    bits = max(_PRECISION, 2 * x.bits())
    for _ in range(4):
        with working_precision(bits):
            value = _value(u, x)
        if _sign(value) or value == 0:
            return _sign(value)
        bits *= 3
    return None


def _value(u: Tree, x: Ball) -> Ball:
    """Return a ball of a tree, of its limits where both parts of a quotient vanish, in the present precision."""
    found = real_program(u)(x)[0]
    if _removed(u) is not u and (found.contains(0) or not found.is_finite()):
        found = real_program(_removed(u))(x)[0]
    return found if found.is_finite() else with_limits(_quotients_apart(u), real_program)(x)[0]


_removed = cache(without_removable_singularities)


@cache
def _quotients_apart(u: Tree) -> Tree:
    """Return a tree as one quotient, sin(x)/x as one, too."""
    plainer = rebuilt(u, lambda t: over(node("sin", *t.arguments), *t.arguments) if t.word == "sinc" else t)
    return one_quotient(plainer)


def between(left: Ball, right: Ball) -> Ball:
    """Return an exact point near the middle, of few bits where that does."""
    for bits in (32, left.bits() + right.bits() + 64):
        with working_precision(bits):
            found = ((left + right) / 2).mid()
        if left < found and found < right:
            return found
    raise AccuracyError("two places are too near to be told from each other")
