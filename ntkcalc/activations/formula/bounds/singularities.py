"""Places where a formula may be infinite or not real: where something vanishes, or has no sign that it needs.

What a formula divides by, or takes a logarithm, a root or a power of, has a sign on intervals, as what decides between
branches has; between them are slivers on which it may vanish (`ntkcalc.activations.formula.bounds.branches`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import islice, pairwise

import flint
from flint import arb

from ntkcalc.activations.formula.bounds.branches import Segment, segments
from ntkcalc.activations.formula.bounds.removable import is_limit
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, exact, rational, working_precision
from ntkcalc.activations.formula.expressions.functions import BRANCHES, SMOOTH
from ntkcalc.activations.formula.expressions.plain_form import singular_nodes
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import (
    ONE,
    ZERO,
    Tree,
    X,
    in_order,
    negated,
    node,
    number,
    numbers_of,
    over,
    plus,
    rebuilt,
    simplified,
    times,
)

_MOST_PLACES = 12  # zeros of one divisor that are looked at, those next to 0 first
_MOST_SEGMENTS = 160  # of one divisor
_MOST_DEGREE = 48  # of polynomials whose multiple zeros are made simple ones
_LEAST = -400.0  # log2 of the width of slivers
_END, _FARTHEST = 0.7109375, 40  # of the intervals ±[end, 2 end], …, ±2^40 [end, 2 end]: at no zero that people write
_FEW = 10**6  # the largest denominator of a place at which something may be exactly 0
_SIGNS = (number(-1), number(1))


@dataclass(frozen=True, eq=False)
class Zero:
    """A sliver on which something may vanish, and whether it is proven to: it changes its sign, or is exactly 0."""

    sliver: Segment
    proven: bool

    @property
    def place(self) -> Ball:
        """A ball that holds it, in the present precision."""
        return self.sliver.whole


@lru_cache(maxsize=64)
def zeros(tree: Tree) -> tuple[Zero, ...]:
    """Return where something may vanish that a tree divides by, or takes a logarithm, root or power of."""
    factors = dict.fromkeys(f for _, u in singular_nodes(tree) for f in _factors(u))
    slivers = ((f, islice((s for s in _signs(f) if {*s.trees} == {*_SIGNS}), _MOST_PLACES)) for f in factors)
    found = [Zero(s, _vanishes(f, s)) for f, row in slivers for s in row]
    return tuple(sorted(found, key=lambda zero: (round(abs(float(zero.place)), 6), -float(zero.place))))


def _vanishes(u: Tree, sliver: Segment) -> bool:
    """Return whether a tree is proven to vanish on a sliver: by its signs at the ends, or at a number of few digits."""
    with working_precision(-4 * int(_LEAST)):
        run = real_program(u)
        left, right = (run(x)[0] for x in (sliver.left, sliver.right))
        near = rational(exact(sliver.whole.mid()).limit_denominator(_FEW))
        return bool(left * right < 0 or (sliver.whole.contains(near) and run(near)[0] == 0))


def negative_places(u: Tree) -> Iterator[Ball]:
    """Yield points, next to 0 first, at which a tree is negative."""
    yield from (_short(s) for s in _signs(u) if s.trees == _SIGNS[:1])


def _short(segment: Segment) -> Ball:
    """Return a point well inside a segment, one of few decimals where there is one."""
    middle, quarter = segment.whole.mid(), (segment.right - segment.left) / 4
    rounded = (arb(float(f"{float(middle):.{digits}g}")) for digits in (1, 2, 3, 4))
    return next((x for x in rounded if abs(x - middle) < quarter), middle)


def _signs(u: Tree) -> Iterator[Segment]:
    """Yield intervals on which the sign of u is known, and slivers between them, next to 0 first; not all of many."""
    ends = [arb(_END) * 2**n for n in range(_FARTHEST)]
    intervals = [(-ends[0], ends[1]), (-ends[1], -ends[0])]
    intervals += [ab for a, b in pairwise(ends[1:]) for ab in ((a, b), (-b, -a))]
    return islice(
        (s for a, b in intervals for s in segments(node("sign", u), a, b, _LEAST, exact=False)), _MOST_SEGMENTS
    )


def _factors(u: Tree) -> Iterator[Tree]:
    """Yield trees without multiple zeros that people write, one of which vanishes where u does."""
    row = None if u.constant else numbers_of(polynomial(u) or [])
    if row and len(row) <= _MOST_DEGREE + 1:
        whole = flint.fmpq_poly([flint.fmpq(c.numerator, c.denominator) for c in row]).numer()
        simple = whole // whole.gcd(whole.derivative())
        yield reduce(lambda total, c: plus(times(total, X), number(int(c))), reversed(simple.coeffs()), ZERO)
    elif u.word in ("*", "/", "neg") or (u.word in SMOOTH and SMOOTH[u.word].rises):
        for a in u.arguments[:1] if u.word == "/" else u.arguments:
            yield from _factors(a)
    elif not u.constant:
        yield u


def with_one_divisor(tree: Tree) -> Tree:
    """Return the same function, with one quotient for sums and products of quotients that may be singular.

    So x (1/y) is x/y, and 1/tanh x − 1/x is (x − tanh x)/(x tanh x), of which limits are known; of those that are
    limits themselves nothing is to be told. A root of u that vanishes at 0 as x² does is |x| √(u/x²).
    """
    if not zeros(tree):
        return tree
    found = rebuilt(tree, _with_one_divisor)
    new = {t for t in in_order(found) if t.word == "/"}.difference(in_order(tree))
    if all(is_limit(t) or any(s.word in BRANCHES for s in in_order(t)) for t in new if zeros(t)):
        return found
    return rebuilt(tree, lambda t: t if t.word in ("+", "-") else _with_one_divisor(t))  # parts are better apart


def _with_one_divisor(t: Tree) -> Tree:
    if t.word == "sqrt" and is_limit(beside := over(t.arguments[0], times(X, X))):  # a zero of the second order
        return times(node("abs", X), node("sqrt", beside))
    if t.word not in ("+", "-", "*", "/", "neg") or t.constant:
        return t
    (top, bottom), (other, under) = (_parts(a) for a in (*t.arguments, ONE)[:2])
    if t.word == "/":
        other, under = under, other
    if (bottom is ONE and under is ONE) or (t.word in ("+", "-") and not zeros(over(ONE, times(bottom, under)))):
        return t
    if t.word in ("+", "-"):
        top, other = simplified(t.head, times(top, under), times(other, bottom)), ONE
    top = negated(top) if t.word == "neg" else top
    return over(times(top, other), times(bottom, under))


def _parts(t: Tree) -> tuple[Tree, Tree]:
    """Return the numerator and the denominator of a quotient that is no limit, of anything else itself and 1."""
    if t.word != "/" or t.arguments[1].constant or is_limit(t):
        return t, ONE
    return t.arguments[0], t.arguments[1]
