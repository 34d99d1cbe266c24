"""Quotients of rational polynomials in lowest terms, so that 1/(1 + 1/x²) is x²/(x² + 1), also at 0."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

from flint import fmpq, fmpq_poly

from ntkcalc.activations.formula.trees import ZERO, Tree, X, in_order, number, over, plus, times

_MOST = 200  # coefficients


def in_lowest_terms(t: Tree) -> Tree:
    """Return p/q without common roots for a product or quotient that has quotients inside, or a common root.

    What is no quotient of rational polynomials is returned as it is.
    """
    inner = any(s.word == "/" and not s.arguments[1].constant for a in t.arguments for s in in_order(a))
    if not inner and t.word == "*":
        return t
    found, divisor = _fraction(t), None if inner else _fraction(t.arguments[1])
    if found is None or (divisor is not None and len(found[1]) == len(divisor[0])):
        return t
    rows = [[Fraction(int(c.p), int(c.q)) for c in part.coeffs()] for part in found]
    return over(*(reduce(lambda total, c: plus(times(total, X), number(c)), reversed(row), ZERO) for row in rows))


@lru_cache(maxsize=256)
def _fraction(tree: Tree) -> tuple[Any, Any] | None:
    """Return numerator and denominator, without common roots, of a quotient of rational polynomials, else None."""
    known: dict[Tree, tuple[Any, Any]] = {}
    for t in in_order(tree):
        if t is X:
            known[t] = fmpq_poly([0, 1]), fmpq_poly([1])
        elif t.number is not None:
            known[t] = fmpq_poly([fmpq(t.number.numerator, t.number.denominator)]), fmpq_poly([1])
        elif not t.arguments or t.word not in ("+", "-", "*", "/", "neg"):
            return None
        else:
            (a, b), (c, d) = known[t.arguments[0]], known[t.arguments[-1]]
            p, q = {
                "+": (a * d + c * b, b * d),
                "-": (a * d - c * b, b * d),
                "*": (a * c, b * d),
                "/": (a * d, b * c),
                "neg": (-a, b),
            }[t.word]
            if not q or max(len(p), len(q)) > _MOST:
                return None
            common = p.gcd(q)
            known[t] = p // common, q // common
    return known[tree]
