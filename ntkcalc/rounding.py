r"""How many bits roundings take from φ: those of 10^{300} + x inside a sine, or of what cancels.

A node v of a formula, rounded to a relative error ε, changes φ by ε v ∂φ/∂v; the derivatives come from one pass
backwards through the formula.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import gmpy2
from gmpy2 import mpfr

from ntkcalc.functions import DomainError, MpfrField, is_function, outer_derivative, program
from ntkcalc.precision import mpfr_context
from ntkcalc.trees import Tree, in_order

_BITS = (128, 2048)  # of the values that tell, the more where the fewer are all lost


def bits_at_stake(tree: Tree, places: Sequence[float]) -> float:
    """Return log2 of the largest |v ∂φ/∂v| over the largest |φ|, at some places, both as the normal law sees them."""
    order = list(in_order(tree))
    slopes = {t: outer_derivative(t) for t in order if is_function(t)}
    lost = 0.0
    for bits in _BITS:
        lost = _lost(order, slopes, places, bits)
        if 0 < lost < bits - 64:
            break
    return lost


def _lost(order: Sequence[Tree], slopes: dict[Tree, Tree], places: Sequence[float], bits: int) -> float:
    """Return what some bits tell."""
    trees = list(dict.fromkeys([*order, *slopes.values()]))
    most = whole = -math.inf
    with mpfr_context(bits):
        run = program(trees, MpfrField())
        for x in places:
            try:
                values = dict(zip(trees, run(mpfr(x)), strict=True))
            except DomainError:
                continue
            seen = -x * x / 4 * math.log2(math.e)
            whole = max(whole, _log2(values[order[-1]]) + seen)
            most = max(most, max(map(_log2, _stakes(order, slopes, values))) + seen)
    return most - whole if min(most, whole) > -math.inf else 0.0


def _stakes(order: Sequence[Tree], slopes: dict[Tree, Tree], values: dict[Tree, Any]) -> Iterator[Any]:
    """Yield v ∂φ/∂v of all nodes."""
    sensitivity = dict.fromkeys(order, mpfr(0))
    sensitivity[order[-1]] = mpfr(1)
    for t in reversed(order):
        own = sensitivity[t]
        yield own * values[t]
        if own:
            for a, part in zip(t.arguments, _partial(t, slopes, values), strict=False):
                sensitivity[a] += own * part


def _partial(t: Tree, slopes: dict[Tree, Tree], values: dict[Tree, Any]) -> list[Any]:
    """Return the derivatives of a node with respect to its arguments; those of constants' functions do not count."""
    if t in slopes:
        return [values[slopes[t]]]
    own = [values[a] for a in t.arguments]
    if t.head == "*":
        return own[::-1]
    if t.head == "/" and own[1]:
        return [1 / own[1], -own[0] / own[1] ** 2]
    return {"+": [1, 1], "-": [1, -1], "neg": [-1]}.get(t.word, [])


def _log2(x: Any) -> float:
    return float(gmpy2.log2(abs(x))) if x else -math.inf
