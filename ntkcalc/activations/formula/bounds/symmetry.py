"""Which Hermite coefficients vanish by the structure of a formula: the even or odd part of φ is a polynomial.

φ(x) ± φ(−x) is written as a quotient of polynomials in x and in atoms: functions of x, of which φ(−x) has −f for an
odd f, 1/e^u for an exponential, 1 − σ for a sigmoid, and so on. Where the numerator is a polynomial in x times the
denominator the part is one, by exact rational arithmetic.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from flint import arb

from ntkcalc.activations.formula.bounds.ranges import Range, ranges
from ntkcalc.activations.formula.bounds.rational_functions import (
    RationalFunctions,
    UnknownError,
    fraction,
    outermost,
    whole_multiple,
)
from ntkcalc.activations.formula.expressions.ball_functions import real_program
from ntkcalc.activations.formula.expressions.balls import working_precision
from ntkcalc.activations.formula.expressions.derivatives import meaning, reflected_function
from ntkcalc.activations.formula.expressions.plain_form import singular_nodes
from ntkcalc.activations.formula.expressions.polynomials import polynomial
from ntkcalc.activations.formula.expressions.trees import (
    ONE,
    ZERO,
    Tree,
    X,
    folded,
    in_order,
    negated,
    node,
    number,
    plus,
    rebuilt,
    simplified,
    substituted,
    times,
    total,
    whole_power,
)
from ntkcalc.errors import InputError

_ARITHMETIC = ("+", "-", "*", "/", "neg")
_FEW_BITS = 64  # in which constants are told to be real


def reflected(tree: Tree) -> Tree:
    """Return φ(−x), atoms of −x written by those of x."""
    return folded(tree, _reflected)


@cache
def one_quotient(tree: Tree) -> Tree:
    """Return a tree as a quotient of sums of products, where that is not too long."""
    try:
        field = RationalFunctions(tree)
        top, bottom = map(field.tree, field.quotient(tree))
    except (UnknownError, InputError):  # or of numbers with too many digits
        return tree
    return simplified("/", top, bottom)


def _reflected(t: Tree, a: list[Tree]) -> Tree:
    if t is X:
        return negated(X)
    if t.constant or not a:
        return t
    if t.word in _ARITHMETIC:
        return simplified(t.head, *a)
    signs = [_exact_ratio(mirrored, own) for mirrored, own in zip(a, t.arguments, strict=True)]
    a = [own if sign == 1 else mirrored for sign, mirrored, own in zip(signs, a, t.arguments, strict=True)]
    if t.word in ("max", "min"):  # max(u, v) is v + relu(u − v), and relu(−w) is relu(w) − w
        apart = ratio(*(simplified("-", *pair) for pair in (a, t.arguments)))
        if apart in (1, -1):
            return simplified("+", t, simplified("-", a[1], t.arguments[1 if apart == 1 else 0]))
    if signs[0] != -1:
        return node(t.head, *a)
    found = reflected_function(t)  # f(−u) in terms of f(u)
    return node(t.head, negated(t.arguments[0]), *a[1:]) if found is None else found


def _exact_ratio(a: Tree, b: Tree) -> Fraction | None:
    """Return the rational c for which a = c b by exact arithmetic, 1 if both are 0, None where none is found."""
    if a is b:
        return Fraction(1)
    try:
        field = RationalFunctions(a, b)
        (top, bottom), (other, under) = field.quotient(a), field.quotient(b)
    except UnknownError:
        return None
    left, right = top * under, other * bottom
    if left == 0 or right == 0:
        return None if left != 0 else Fraction(int(right == 0))
    c = left.leading_coefficient() / right.leading_coefficient()
    return fraction(c) if left == c * right else None


def polynomial_parts(tree: Tree) -> tuple[int | None, int | None]:
    """Return the degrees of φ's even and odd part where they are proven to be polynomials, −1 for zero, else None."""
    row = polynomial(tree)
    if row is not None:
        nonzero = [n for n, c in enumerate(row) if c is not ZERO]
        even, odd = (max((n for n in nonzero if n % 2 == i), default=-1) for i in (0, 1))
        return even, odd
    mirror, kept = reflected(tree), dict[str, list[Tree]]()
    found = []
    for sign in ("+", "-"):
        degree = with_degree(simplified(sign, tree, mirror))
        if degree is None:
            degree = with_degree(simplified(sign, *(_by_few_functions(t, kept) for t in (tree, mirror))))
        found.append(degree)
    return found[0], found[1]


def with_degree(part: Tree) -> int | None:
    """Return the degree of a part that is a polynomial in x, −1 of zero, None for any other."""
    found = _polynomial(part)
    return None if found is None else int(found[1].degrees()[0]) if found[1] != 0 else -1


def as_polynomial(tree: Tree) -> Tree:
    """Return a tree as a polynomial in x where it is proven to be one, after writing it by few functions."""
    if polynomial(tree) is not None or any(map(_partly_real, outermost(tree))):
        return tree
    found = _polynomial(_by_few_functions(tree, {}))
    if found is None:
        return tree
    field, top, bottom, divisor = found
    if field.may_vanish(divisor):
        return tree
    return simplified("/", field.tree(top), field.tree(bottom))


def _polynomial(tree: Tree) -> tuple[RationalFunctions, Any, Any, Any] | None:
    """Return a polynomial in x over a constant as what a tree is, if its divisor is not 0; None if not proven."""
    try:
        field = RationalFunctions(tree)
        top, bottom = field.quotient(tree)
        if top == 0:
            return field, top, field.one, bottom
        fixed = not (field.functions_in(bottom) or bottom.degrees()[0])  # √2, but no x
        quotient, rest = (top, top * 0) if fixed else divmod(top, bottom)
    except (UnknownError, ZeroDivisionError):
        return None
    if field.reduced(rest) != 0 or field.functions_in(quotient):
        return None
    return field, quotient, bottom if fixed else field.one, bottom


def cancelled(tree: Tree) -> Tree:
    """Return a tree in whose quotients factors that both parts share are left out, so that x·x/x is x.

    Quotients of polynomials in x become one in lowest terms: 1/(1 + 1/x²) is x²/(x² + 1), also at 0.
    """
    return rebuilt(tree, _cancelled)


@cache
def _cancelled(t: Tree) -> Tree:
    holds = any(_holds_quotient(a) if t.word == "*" else a.word == "/" for a in t.arguments)
    if t.constant or not (t.word == "/" or (t.word in _ARITHMETIC and holds)):
        return t
    try:
        field = RationalFunctions(t)
        parts = field.quotient(t)
    except UnknownError:
        return t
    if field.may_vanish(parts[1]):
        return t
    if parts[0] == 0:
        return ZERO
    shared = parts[0].gcd(parts[1])
    for atom, generator in field.generators.items():
        while atom.word == "exp" and shared % generator == 0:  # which is never 0
            shared //= generator
    degrees = dict(zip(field.generators, shared.degrees(), strict=True))
    inner = any(s.word == "/" and not s.arguments[1].constant for a in t.arguments for s in in_order(a))
    rational = t.word in ("*", "/") and inner and all(atom is X or atom.constant for atom in field.generators)
    if not (rational or any(degrees.values())) or any(n and _partly_real(atom) for atom, n in degrees.items()):
        return t
    top, bottom = (part // shared for part in parts)
    if t.word != "/" and bottom.total_degree():  # a sum whose parts are better apart
        return t
    return simplified("/", *map(field.factored, (top, bottom)))


@cache
def _holds_quotient(t: Tree) -> bool:
    """Return whether a tree is made of quotients by arithmetic."""
    return t.word == "/" or (t.word in _ARITHMETIC and any(map(_holds_quotient, t.arguments)))


def _partly_real(atom: Tree) -> bool:
    """Return whether a function may have no finite real value somewhere."""
    with working_precision(_FEW_BITS):
        if not all(real_program(t)(arb(0))[0].is_finite() for t in in_order(atom) if t.constant):
            return True
        nodes = [*singular_nodes(atom)]
        on_line = ranges([u for _, u in nodes], Range())
        return not all(u.low > 0 or (t.word == "/" and u.sign) for (t, _), u in zip(nodes, on_line, strict=True))


def ratio(a: Tree, b: Tree) -> Fraction | None:
    """Return the rational c for which a = c b is proven, if there is one, after writing both by few functions."""
    kept: dict[str, list[Tree]] = {}
    return _exact_ratio(*(_by_few_functions(tree, kept) for tree in (a, b)))


def _by_few_functions(tree: Tree, kept: dict[str, list[Tree]]) -> Tree:
    """Return a tree in which sigmoid, sinh, tanh and e^u − 1 are written by e^u, erfc by erf, sinc by sin.

    Parameters
    ----------
    kept
        Arguments of each function; it is written by that of one of them where they are equal or opposite, else they
        grow.
    """

    def change(t: Tree) -> Tree:
        if t.word == "erfc":
            return simplified("-", number(1), _by_kept(node("erf", *t.arguments), kept))
        if t.word in ("sin", "cos"):
            return _wave(t, kept)
        if t.word == "exp" and (of_softplus := _powers_of_softplus(t.arguments[0])) is not None:
            return rebuilt(of_softplus, change)
        if t.word in ("exp", "erf", "softplus"):
            return _by_kept(t, kept)
        written = meaning(t.word) if t.word in ("expm1", "sigmoid", "sinh", "tanh", "sinc") else None
        return t if written is None else rebuilt(substituted(written, {"x": t.arguments[0]}), change)

    return rebuilt(tree, change)


def _powers_of_softplus(u: Tree) -> Tree | None:
    """Return e^{nv} as (1 + e^w)^n where v is softplus(w)."""
    n, v = whole_multiple(u)
    if v.word != "softplus":
        return None
    power = whole_power(plus(ONE, node("exp", *v.arguments)), abs(n))
    return power if n > 0 else simplified("/", ONE, power)


def as_quotients(tree: Tree) -> tuple[Tree, Tree]:
    """Return a tree as one quotient, and as one by few functions."""
    return one_quotient(tree), one_quotient(_by_few_functions(tree, {}))


def _by_kept(t: Tree, kept: dict[str, list[Tree]]) -> Tree:
    """Return f(u) by the argument of f that is kept."""
    known = kept.setdefault(t.word, [])
    for v in known:
        sign = _exact_ratio(t.arguments[0], v)
        if sign in (1, -1):
            own = node(t.head, v)
            return own if sign == 1 else reflected_function(own) or own
    known.append(t.arguments[0])
    return t


def _wave(t: Tree, kept: dict[str, list[Tree]]) -> Tree:
    """Return sin or cos of v + nπ/2, v a polynomial without a constant, by sin v or cos v."""
    row = polynomial(t.arguments[0]) or [ZERO]
    for n in range(1, _MOST_QUARTERS + 1):
        sign = _exact_ratio(row[0], times(number(Fraction(n, 2)), node("pi")))
        if sign in (1, -1):
            name, factor = _QUARTERS[int(sign * n + (t.word == "cos")) % 4]
            v = total([times(c, whole_power(X, i)) for i, c in enumerate(row) if i])
            return times(number(factor), _by_kept(node(name, v), kept))
    return _by_kept(t, kept)


_MOST_QUARTERS = 4
_QUARTERS = (("sin", 1), ("cos", 1), ("sin", -1), ("cos", -1))
"""sin(v + nπ/2) for n = 0 … 3: a function of v and its factor."""
