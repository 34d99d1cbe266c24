"""Quotients u/v whose numerator vanishes where the denominator does, written so that nothing vanishes.

A factor w of v, such as x in x·cosh x or in tanh x = x · (tanh(x)/x), is taken out of u: products, sums, and functions
such as sin that are 0 at 0 divide by it. What is left are functions f(w)/w, which balls know also around w = 0.

Of others the derivatives tell: where u, …, u^{(m−1)} and v, …, v^{(m−1)} vanish at a number c, which is 0 or a zero
of v that people write, u/v on a convex set that holds c is the quotient of means of u^{(m)} and v^{(m)} over it: u(z)
is (z − c)^m times such a mean over m!.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache

import flint
from flint import acb, arb

from ntkcalc.activations.formula.bounds.symmetry import ratio
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, working_precision
from ntkcalc.activations.formula.expressions.derivatives import derivative
from ntkcalc.activations.formula.expressions.functions import OVER
from ntkcalc.activations.formula.expressions.plain_form import branch, replaced, singular_nodes
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.programs import Program
from ntkcalc.activations.formula.expressions.trees import (
    ONE,
    ZERO,
    Tree,
    X,
    in_order,
    minus,
    negated,
    node,
    number,
    numbers_of,
    over,
    plus,
    rebuilt,
    simplified,
)
from ntkcalc.errors import InputError

_NAME = {name: over for over, name in OVER.items()}
_PRECISION = 64
_MOST_ORDERS = 6  # of zeros that are told
_CLOSE = 16  # radii of a box from which on it has no use for limits
_MOST_PLACES = 6  # at which limits are looked for
_MOST_DEGREE = 48  # of polynomials whose rational zeros are looked for


def without_removable_singularities(tree: Tree) -> Tree:
    """Return the same function, in which quotients whose both parts vanish are written by f(w)/w."""

    def change(t: Tree) -> Tree:
        if t.word == "sinc":
            return node("sin_over", t.arguments[0])
        return _quotient(*t.arguments) if t.word == "/" else t

    return rebuilt(tree, change)


def is_limit(t: Tree) -> bool:
    """Return whether a quotient is a limit somewhere."""
    return any(_limit(t, c) is not None for c in limit_places(t))


def _quotient(top: Tree, bottom: Tree) -> Tree:
    """Return top/bottom, without the factors of the bottom that divide the top."""
    if bottom.word == "neg":
        return simplified("neg", _quotient(top, bottom.arguments[0]))
    if bottom.word == "*":
        return _quotient(_quotient(top, bottom.arguments[0]), bottom.arguments[1])
    cancelled = _cancelled(top, bottom)
    return simplified("/", top, bottom) if cancelled is None else cancelled


def _cancelled(top: Tree, v: Tree) -> Tree | None:
    """Return top/v where all zeros of v are known to be zeros of the top, else None."""
    if v.constant:
        return simplified("/", top, v)
    if v.word == "neg":
        rest = _cancelled(top, v.arguments[0])
        return None if rest is None else simplified("neg", rest)
    if v.word == "*":
        rest = _cancelled(top, v.arguments[0])
        return None if rest is None else _cancelled(rest, v.arguments[1])
    found = _divided(top, v)
    if found is None and v.word in _NAME:
        rest = _cancelled(top, v.arguments[0])
        return None if rest is None else simplified("/", rest, node(_NAME[v.word], v.arguments[0]))
    return found


@lru_cache(maxsize=1 << 12)
def _divided(u: Tree, w: Tree) -> Tree | None:
    """Return u/w where that is known to have no singularity at w = 0, else None."""
    if u is w:
        return ONE
    if u.word in _NAME:
        inner = _divided(u.arguments[0], w)
        return None if inner is None else simplified("*", node(_NAME[u.word], u.arguments[0]), inner)
    if not u.arguments or u.word not in ("+", "-", "*", "/", "neg"):
        return None
    parts = [_divided(a, w) for a in u.arguments]
    if u.word == "*":
        one, other = u.arguments
        if parts[0] is not None:
            return simplified("*", parts[0], other)
        return None if parts[1] is None else simplified("*", one, parts[1])
    if u.word == "/":
        return None if parts[0] is None else simplified("/", parts[0], u.arguments[1])
    whole = [part for part in parts if part is not None]
    return simplified(u.word, *whole) if len(whole) == len(parts) else None


# ---------------------------------------------------------------- limits, by derivatives


@lru_cache(maxsize=256)
def limit_places(tree: Tree) -> tuple[Tree, ...]:
    """Return constants at which quotients in a tree have limits: 0, and plain zeros of numerators and denominators."""
    quotients = [t for t, _ in singular_nodes(tree) if t.word == "/"]
    places = dict.fromkeys([ZERO, *(c for t in quotients for u in t.arguments[::-1] for c in _plain_zeros(u))])
    return tuple(c for c in [*places][:_MOST_PLACES] if any(_limit(t, c) is not None for t in quotients))


def zero_places(tree: Tree) -> tuple[Tree, ...]:
    """Return plain zeros of denominators and of arguments of roots, powers and logarithms, as constants."""
    return tuple(dict.fromkeys(c for _, u in singular_nodes(tree) for c in _plain_zeros(u)))


def _plain_zeros(v: Tree) -> Iterator[Tree]:
    """Yield zeros of a tree that people write: of lines, of rational polynomials by square roots, of tanh(x − 1)."""
    try:
        row = polynomial(v) or []
    except InputError:  # of a high degree
        return
    numbers = numbers_of(row) or []
    if len(row) == 2:
        yield negated(over(*row))
    elif 2 < len(numbers) <= _MOST_DEGREE:
        for factor, _ in flint.fmpq_poly([flint.fmpq(c.numerator, c.denominator) for c in numbers]).numer().factor()[1]:
            yield from _roots([*map(int, factor.coeffs())])
    elif not numbers and (v.word in ("*", "/", "neg") or v.word in _NAME):
        for a in v.arguments[: 1 if v.word == "/" else None]:
            yield from _plain_zeros(a)


def _roots(row: list[int]) -> Iterator[Tree]:
    """Return the real roots of an irreducible c + bx or c + bx + ax², of nothing of a higher degree."""
    if len(row) == 2:
        yield number(Fraction(-row[0], row[1]))
    elif len(row) == 3:
        c, b, a = row
        middle, square = number(Fraction(-b, 2 * a)), Fraction(b * b - 4 * a * c, 4 * a * a)
        if square > 0:
            yield from (sum_of(middle, node("sqrt", number(square))) for sum_of in (plus, minus))


@lru_cache(maxsize=256)
def limits(tree: Tree, place: Tree = ZERO) -> Tree:
    """Return a tree in which quotients 0/0 at a place carry the first derivatives of both parts that are not 0."""
    known: dict[Tree, Tree] = {}
    for t in in_order(tree):
        a, found = [known[s] for s in t.arguments], _limit(t, place)
        known[t] = node(t.head, *a) if found is None else node("ratio", *a, *found)
    return known[tree]


def with_limits(tree: Tree, program_of: Callable[[Tree], Program]) -> Program:
    """Return x ↦ [φ(x)] in the present precision, also next to places where a tree divides 0 by 0."""
    run = program_of(tree)
    places = [(real_program(c)(None)[0], program_of(limits(tree, c))) for c in limit_places(tree)]

    def value(x: Ball) -> list[Ball]:
        found = run(x)
        for place, around in places:
            if not found[0].is_finite() or abs(x - place) < _CLOSE * x.rad():
                found = min(found, around(_hull(x, place)), key=_width)
        return found

    return value if places else run


def _width(values: list[Ball]) -> float:
    """Return log2 of a radius, ∞ for a ball that is not finite."""
    return log2_upper(values[0].rad()) if values[0].is_finite() else math.inf


def _hull(x: Ball, place: Ball) -> Ball:
    """Return a box that holds another and a real number."""
    return acb(x.real.union(place), x.imag.union(arb(0))) if isinstance(x, acb) else x.union(place)


@lru_cache(maxsize=1 << 10)
def _limit(t: Tree, place: Tree) -> tuple[Tree, Tree] | None:
    """Return the derivatives u^{(m)} and v^{(m)} for a quotient u/v that is a limit at a place, else None."""
    if t.word != "/" or t.arguments[1].constant or any(branch(s) or s.word in OVER for s in in_order(t)):
        return None
    top, bottom = t.arguments
    for order in range(_MOST_ORDERS):
        values = [replaced(u, X, place) for u in (top, bottom)]
        with working_precision(_PRECISION):
            balls = real_program(*values)(None)
        if balls[1].is_finite() and not balls[1].contains(0):
            return (top, bottom) if order else None
        if not all(ball == 0 or ratio(v, ZERO) is not None for ball, v in zip(balls, values, strict=True)):
            return None
        top, bottom = derivative(top), derivative(bottom)
    return None
