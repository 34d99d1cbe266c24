"""Quotients u/v whose numerator vanishes where the denominator does, written so that nothing vanishes.

A factor w of v, such as x in x·cosh x or in tanh x = x · (tanh(x)/x), is taken out of u: products, sums, and functions
such as sin that are 0 at 0 divide by it. What is left are functions f(w)/w, which balls know also around w = 0.
"""

from __future__ import annotations

from fractions import Fraction

from ntkcalc.activations.formula.functions import OVER
from ntkcalc.activations.formula.trees import ONE, Tree, node, number, rebuilt, simplified

_NAME = {name: over for over, name in OVER.items()}


def without_removable_singularities(tree: Tree) -> Tree:
    """Return the same function, in which quotients whose both parts vanish are written by f(w)/w."""

    def change(t: Tree) -> Tree:
        if t.word == "sinc":
            return node("sin_over", t.arguments[0])
        return _quotient(*t.arguments) if t.word == "/" else t

    return rebuilt(tree, change)


def _quotient(top: Tree, bottom: Tree) -> Tree:
    """Return top/bottom, without the factors of the bottom that divide the top."""
    v = vanishing(bottom)
    if v.word == "neg":
        return simplified("neg", _quotient(top, v.arguments[0]))
    if v.word == "*":
        return _quotient(_quotient(top, v.arguments[0]), v.arguments[1])
    cancelled = _cancelled(top, v)
    return simplified("/", top, bottom) if cancelled is None else cancelled


def _cancelled(top: Tree, v: Tree) -> Tree | None:
    """Return top/v where all zeros of v are known to be zeros of the top, else None."""
    v = vanishing(v)
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


def vanishing(t: Tree) -> Tree:
    """Return 1 − e^w as −(e^w − 1), and 1 − cos w as 2 sin²(w/2)."""
    if t.word != "-" or t.arguments[0] is not ONE or not t.arguments[1].arguments:
        return t
    w, name = t.arguments[1].arguments[0], t.arguments[1].word
    if name == "exp":
        return node("neg", node("expm1", w))
    if name == "cos":
        sine = node("sin", simplified("*", number(Fraction(1, 2)), w))
        return node("*", number(2), node("*", sine, sine))
    return t


def _divided(top: Tree, w: Tree) -> Tree | None:
    """Return top/w where that is known to have no singularity at w = 0, else None."""
    u = vanishing(top)
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
