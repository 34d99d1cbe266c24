r"""How faint a part of φ may be beside the rest: before that is looked for, nothing in φ is taken to be zero.

:math:`1 + x + 10^{−300} \sin² x` has an even part, and ``max(x, -30)`` an even part of about :math:`e^{−450}`. Where a
sum's terms differ by b bits, where a function hardly changes with its argument (tanh of x − 200), and where a piece of
φ is far out, all that depends on x there is so much smaller than what it is added to. Of sin(kx), the normal law sees
no more than :math:`e^{−k²/2}`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gmpy2 import mpfr

from ntkcalc.functions import DomainError, MpfrField, derivative, is_function, outer_derivative, program
from ntkcalc.precision import mpfr_context, mpfr_log2
from ntkcalc.trees import Tree, in_order

if TYPE_CHECKING:
    from ntkcalc.pieces import Piece, Pieces

_BITS = 2048  # of what saturates
_WAVES = ("sin", "cos", "sinc")


def faintest(phi: Pieces, narrow: Sequence[float]) -> tuple[float, float]:
    """Return by how many bits the faintest part of φ is smaller than the rest, and than what the normal law sees of it.

    Parameters
    ----------
    phi
        φ.
    narrow
        Where it varies fast, as narrow bumps do.

    Returns
    -------
    tuple
        Two numbers, the second no smaller; ∞ where the faintest part does not show at all.
    """
    near = max(_in_formula(piece, narrow, seen=False) for piece in phi.pieces)
    seen = max(_in_formula(piece, narrow, seen=True) + _bell(_nearest(piece)) for piece in phi.pieces)
    return near, max(near, seen)


def _nearest(piece: Piece) -> float:
    """Return the least |x| of a piece."""
    low, high = piece.near
    return 0.0 if low < 0 < high else min(abs(low), abs(high))


def _bell(x: float) -> float:
    """Return −log2 e^{−x²/2}."""
    return x * x / 2 * math.log2(math.e)


def _in_formula(piece: Piece, narrow: Sequence[float], seen: bool) -> float:
    """Return the bits of a node beside those of what it is made of, for the whole formula: by its values, or as `seen`.

    The normal law sees less of what is farther out, and of waves.
    """
    order = [t for t in in_order(piece.tree) if not t.constant]
    if not order:
        return 0.0
    places = piece.samples() + [x for y in narrow for x in (y, -y)]  # what shows in one piece shows
    hidden = dict.fromkeys(places, 0.0)
    if seen:
        nearest = _bell(_nearest(piece))
        hidden = {x: max(0.0, _bell(x) - nearest) for x in [*places, *piece.far_samples()]}
    with mpfr_context(_BITS):
        sizes, changes, slopes = _seen(order, hidden)
    bits: dict[Tree, float] = {}
    for t in order:
        parts = [bits.get(a, 0.0) for a in t.arguments]
        bits[t] = sum(parts) if t.head in ("*", "/") else max(parts, default=0.0)  # the faintest of all products
        if t.head in ("+", "-") and all(a in sizes for a in t.arguments):
            bits[t] += abs(sizes[t.arguments[0]] - sizes[t.arguments[1]])
        elif is_function(t):
            bits[t] += _bell(slopes.get(t, 0.0)) if seen else 0.0
            bits[t] += max(0.0, -changes.get(t, 0.0)) if t in sizes or t.arguments[0] not in sizes else math.inf
    return bits[order[-1]]


def _seen(
    order: Sequence[Tree], hidden: dict[float, float]
) -> tuple[dict[Tree, float], dict[Tree, float], dict[Tree, float]]:
    """Return what there is to see at some places, where so many bits are hidden.

    Returns
    -------
    tuple
        log2 of the largest of each node; of functions log2 of the largest |u f'(u)/f(u)|; of waves the least |u'|.
    """
    outer = {t: outer_derivative(t) for t in order if is_function(t)}
    inner = {t: derivative(t.arguments[0]) for t in outer if t.head in _WAVES}
    trees = list(dict.fromkeys([*(a for t in order for a in (t, *t.arguments)), *outer.values(), *inner.values()]))
    run = program(trees, MpfrField())
    sizes: dict[Tree, float] = {}
    changes: dict[Tree, float] = {}
    slopes: dict[Tree, float] = {}
    for x, less in hidden.items():
        try:
            values = dict(zip(trees, run(mpfr(x)), strict=True))
        except DomainError:
            continue
        for t, value in values.items():
            if value:
                sizes[t] = max(sizes.get(t, -math.inf), mpfr_log2(value) - less / 2)
        for t, slope in outer.items():
            u, value = values[t.arguments[0]], values[t]
            underflown = u and not value
            change = 0.0 if underflown else mpfr_log2(u * values[slope] / value) if value else -math.inf
            changes[t] = max(changes.get(t, -math.inf), change - less)
        for t, slope in inner.items():
            slopes[t] = min(slopes.get(t, math.inf), abs(float(values[slope])))
    return sizes, changes, slopes
