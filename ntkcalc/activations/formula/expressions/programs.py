"""Values of trees on any kind of number: a field has a method for every function."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ntkcalc.activations.formula.expressions.trees import Tree, X, in_order

Program = Callable[[Any], list[Any]]


def program(trees: Sequence[Tree], field: Any) -> Program:
    """Return x ↦ the values of trees, shared parts and constants computed once.

    The field has a method for every function in them.
    """
    order = list(in_order(*trees))
    place = {t: i for i, t in enumerate(order)}
    known: list[Any] = [None] * len(order)
    steps = []
    for i, t in enumerate(order):
        function, arguments = operation(t, field), [place[a] for a in t.arguments]
        if t.constant:
            known[i] = function(*(known[a] for a in arguments))
        elif t is not X:
            steps.append((i, function, operator.itemgetter(*arguments), len(arguments) == 1))
    outputs, start = [place[t] for t in trees], place.get(X)

    def run(x: Any) -> list[Any]:
        values = known.copy()
        if start is not None:
            values[start] = x
        for i, function, arguments, unary in steps:
            values[i] = function(arguments(values)) if unary else function(*arguments(values))
        return [values[i] for i in outputs]

    return run


def operation(t: Tree, field: Any) -> Callable[..., Any]:
    """Return the function of a field that a node stands for, of its arguments."""
    if t.number is not None:
        return lambda value=t.number: field.number(value)
    if not t.arguments:
        return lambda name=str(t.head): field.constant(name)
    head = t.word
    return _ARITHMETIC.get(head) or getattr(field, {"/": "divide"}.get(head, head))


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "neg": operator.neg,
}
