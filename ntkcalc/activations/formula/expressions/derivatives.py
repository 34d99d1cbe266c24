r"""Derivatives of formulas, and functions in terms of others.

Derivatives of every order follow from the first, for if f' = g then the coefficients of f(u(t)) = Σ f_k t^k obey

.. math::  k f_k = \sum_{i=1}^k i u_i g_{k−i}, \qquad g = g_0 + g_1 t + … \text{ at } u(t).
"""

from __future__ import annotations

from functools import cache, lru_cache

from ntkcalc.activations.formula.expressions.functions import OWN_WORDS, REFLECTED_BRANCHES, SMOOTH
from ntkcalc.activations.formula.expressions.grammar import parsed
from ntkcalc.activations.formula.expressions.plain_form import branch, definition
from ntkcalc.activations.formula.expressions.trees import (
    ONE,
    ZERO,
    Tree,
    X,
    folded,
    minus,
    negated,
    node,
    number,
    over,
    plus,
    substituted,
    times,
)


@lru_cache(maxsize=256)
def derivative(tree: Tree) -> Tree:
    """Return the derivative with respect to x, of branches that of the one that is taken."""
    return folded(tree, _derivative)


def _derivative(t: Tree, slopes: list[Tree]) -> Tree:
    if t.constant or t is X:
        return ZERO if t.constant else ONE
    a, b = (*t.arguments, ZERO)[:2]
    choice = branch(t)
    if choice is not None:
        above = node("step", choice.decider)  # where it is 0 on an interval, both branches are the same function
        return plus(times(above, derivative(choice.above)), times(minus(ONE, above), derivative(choice.below)))
    if t.head in ("+", "-"):
        return (plus if t.head == "+" else minus)(*slopes)
    if t.head == "neg":
        return negated(slopes[0])
    if t.head == "*":
        return plus(times(slopes[0], b), times(a, slopes[1]))
    if t.head == "/":
        return over(minus(slopes[0], times(t, slopes[1])), b)
    if t.head == "power" and b.number is not None:
        return times(slopes[0], times(b, node("power", a, number(b.number - 1))))  # no |v| for √(v²): it would branch
    return times(slopes[0], outer_derivative(t))


def outer_derivative(t: Tree) -> Tree:
    """Return the derivative of a function at its argument."""
    a = t.arguments[0]
    if t.head == "power":
        return over(times(t.arguments[1], t), a)
    return substituted(definition(SMOOTH[t.word].derivative), {"x": a})


@cache
def meaning(name: str) -> Tree | None:
    """Return f(x) by fewer functions, where there is such a formula: `Smooth.meaning`."""
    text = SMOOTH[name].meaning if name in SMOOTH else ""
    return parsed(text, OWN_WORDS) if text else None


def reflected_function(t: Tree) -> Tree | None:
    """Return f(−u) in terms of u and f(u), for the node f(u), where there is such a formula."""
    found = SMOOTH[t.word].reflected if t.word in SMOOTH else REFLECTED_BRANCHES.get(t.word)
    return substituted(definition(found), {"x": t.arguments[0], "y": t}) if found else None
