r"""How many bits roundings take from φ: those of 10^{300} + x inside a sine, or of what cancels.

A node v of a formula, rounded to a relative error ε, changes φ by ε v ∂φ/∂v; the derivatives come from one pass
backwards through the formula (`functions.sensitivities`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gmpy2 import mpfr

from ntkcalc.activations.formula.functions import DomainError, MpfrField, program, sensitivities
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.numerics.precision import mpfr_context, mpfr_log2

_BITS = (128, 2048)  # of the values that tell, the more where the fewer are all lost


def bits_at_stake(tree: Tree, places: Sequence[float]) -> float:
    """Return log2 of the largest |v ∂φ/∂v| over the largest |φ|, at some places, both as the normal law sees them."""
    slopes = sensitivities(tree)
    lost = 0.0
    for bits in _BITS:
        lost = _lost(tree, slopes, places, bits)
        if 0 < lost < bits - 64:
            break
    return lost


def _lost(tree: Tree, slopes: dict[Tree, Tree], places: Sequence[float], bits: int) -> float:
    """Return what some bits tell."""
    most = whole = -math.inf
    with mpfr_context(bits):
        run = program([tree, *slopes, *slopes.values()], MpfrField())
        for x in places:
            try:
                value, *values = run(mpfr(x))
            except DomainError:
                continue
            seen = -x * x / 4 * math.log2(math.e)
            whole = max(whole, mpfr_log2(value) + seen)
            pairs = zip(values, values[len(slopes) :], strict=False)
            most = max(most, max(mpfr_log2(v * slope) for v, slope in pairs) + seen)
    return most - whole if min(most, whole) > -math.inf else 0.0
