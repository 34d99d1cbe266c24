"""What quadrature has to know of φ, and where φ ends for the normal law."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import gmpy2
from gmpy2 import mpfr

from ntkcalc.activations.formula.functions import Program
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Context, Real, mpfr_context, mpfr_log2

if TYPE_CHECKING:
    from ntkcalc.activations.formula.scales import Cells

_FARTHEST = 1000.0  # |x|


class Shape(Enum):
    """What φ is like, which decides the rule."""

    SMOOTH = "analytic on the line"
    KINKED = "with Taylor series on both sides of every kink"
    SINGULAR = "with kinks of any kind"


@dataclass(frozen=True)
class Integrand:
    """φ, as quadrature sees it.

    Parameters
    ----------
    phi
        From a precision, x ↦ [φ(x), φ'(x)] for numbers of MPFR.
    effort
        From a precision, what that takes, in exponentials.
    guard
        Bits that it takes beyond the precision.
    shape
        What φ is like.
    kinks
        From a context, the distances from 0 of φ's kinks, in order.
    cells
        From a reach, bits, and log2 of about √E[φ²], the cells of |x| within that reach (see `scales.cells`).
    text
        φ, for messages.
    sign
        φ(−x)/φ(x), or 0 if that depends on x.
    """

    phi: Callable[[int], Program]
    effort: Callable[[int], float]
    guard: int
    shape: Shape
    kinks: Callable[[Context], list[Real]]
    cells: Callable[[float, int, int], Cells]
    text: str
    sign: int = 0


def size_and_reach(integrand: Integrand, bits: int) -> tuple[int, float]:
    """Return log2 of about √E[φ²], and an x beyond which φ(±x) e^{−x²/4} is below 2**-bits of that."""
    with mpfr_context(64):
        run = integrand.phi(64)

        def weighted(x: Any) -> Any:
            return max(abs(v) for y in (x, -x) for v in run(y)) * gmpy2.exp(-x * x / 4)

        step = mpfr(1) / 8
        points = [step * (2 * n + 1) / 2 for n in range(96)]
        square = sum((run(x)[0] ** 2 + run(-x)[0] ** 2) * gmpy2.exp(-x * x / 2) for x in points) * step
        if not gmpy2.is_finite(square):
            raise AccuracyError(f"E[φ^2] of {integrand.text} is too large to be computed")
        scale = math.ceil(mpfr_log2(square) / 2) if square else 0
        least, reach = gmpy2.exp2(mpfr(scale - bits - 12)), 2 * math.sqrt((bits + 12) * math.log(2))
        while any(weighted(mpfr(reach * f)) > least for f in (1, 1.2, 1.5, 2)):
            reach *= 1.15
            if reach > _FARTHEST:
                raise AccuracyError(
                    f"{integrand.text} grows nearly like exp(x^2/4): quadrature would go beyond |x| = {_FARTHEST:g}"
                )
    return scale, reach
