"""Formulas that are plainly polynomials in x, as rows of constant trees."""

from __future__ import annotations

from functools import lru_cache

from ntkcalc.activations.formula.expressions.trees import ONE, ZERO, Tree, X, folded, minus, negated, over, plus, times
from ntkcalc.errors import InputError

MOST_POWER = 200
"""Largest whole exponent."""


@lru_cache(maxsize=256)
def polynomial(tree: Tree) -> list[Tree] | None:
    """Return the coefficients, constant trees, of a tree that is plainly a polynomial in x, else None."""
    return folded(tree, _polynomial)


def _polynomial(t: Tree, parts: list[list[Tree] | None]) -> list[Tree] | None:
    if t.constant or t is X:
        return [t] if t.constant else [ZERO, ONE]
    a, *rest = parts or [None]
    if a is None or None in rest or t.head not in ("+", "-", "*", "/", "neg"):
        return None
    if t.head == "neg":
        return [negated(c) for c in a]
    b = rest[0] or []
    if t.head == "/":
        return [over(c, b[0]) for c in a] if len(b) == 1 else None
    if t.head == "*":
        product = [ZERO] * (len(a) + len(b) - 1)
        if len(product) > MOST_POWER + 1:
            raise InputError(f"a polynomial has degree {MOST_POWER} at most")
        for i, c in enumerate(a):
            for j, d in () if c is ZERO else enumerate(b):
                product[i + j] = plus(product[i + j], times(c, d))
        return _trimmed(product)
    combine = plus if t.head == "+" else minus
    padded = [row + [ZERO] * (max(len(a), len(b)) - len(row)) for row in (a, b)]
    return _trimmed([combine(c, d) for c, d in zip(*padded, strict=True)])


def _trimmed(row: list[Tree]) -> list[Tree]:
    """Return a row without zeros at its end."""
    while len(row) > 1 and row[-1] is ZERO:
        row = row[:-1]
    return row
