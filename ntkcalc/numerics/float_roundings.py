"""How many roundings the operations of `numpy_engine` take: what is known before NumPy is loaded."""

from collections.abc import Callable

from ntkcalc.numerics.engine import ErrorBound
from ntkcalc.numerics.packed_series import baby_steps

RUN = 64
"""Terms summed in one run; sums of runs are summed in turn."""

OUTERS = 4
"""Outer series that the baby steps of a composition are balanced for, however many there are."""

_EACH = 64  # degrees that are looked at one by one; the bound is worst among them


class FloatRoundings:
    r"""Relative errors of series in float64, in units of 2**-53.

    A sum of n positive products, taken in runs of 64, has a relative error of at most
    :math:`n` and at most :math:`66 + n/64` roundings, in whatever order a run is summed.
    """

    name = "numpy"
    bits = 53

    def rounding(self, terms: int) -> tuple[ErrorBound, ErrorBound]:
        """Return the relative errors that one `multiply` and one `compose` add, as lines over p."""
        return ErrorBound(RUN + 2, 1 / RUN), _line_above(_composition_roundings, terms)


def _product_roundings(terms: float) -> float:
    """Return a bound on the roundings in a sum of so many products."""
    return min(terms, RUN + 2 + terms / RUN)


def _composition_roundings(p: int, step: int) -> float:
    """Return a bound on the roundings of `numpy_engine.NumpyEngine.compose` in the coefficient of t^p.

    The term r_j u^j with j = g step + i is made of g copies of u^step and one of u^i (a tree of
    products each, on log2(step) levels), joined by g products and summed in a block. On one
    level the degrees left over add up to at most p; a bound that is concave in the degree is
    largest when they are shared equally.
    """

    def power(degree: float) -> float:
        spare, nodes, left, total = max(degree - step, 0.0), 1, step - 1, 0.0
        while left > 0:
            count = min(nodes, left)
            total += count * _product_roundings(spare / count + 1)
            left, nodes = left - count, 2 * nodes
        return total

    worst, joined = 0.0, 0.0
    for g in range(p // step + 1):
        joined += _product_roundings(p - g * step + 1) + 1 if g else 0
        worst = max(worst, min((g + 1) * power(p / (g + 1)), (p - 1) * _product_roundings(p)) + joined)
    return worst + min(step, p + 1)


def _line_above(roundings: Callable[[int, int], float], terms: int) -> ErrorBound:
    """Return a line 1 + slope p that lies above a growing function at p = 1 … terms − 1."""
    step = baby_steps(terms, OUTERS, 1)
    degrees = sorted({*range(1, min(terms, _EACH)), terms, *(round(terms ** (i / 24)) for i in range(25))})
    slopes = [(roundings(q, step) - 1) / p for p, q in zip([1, *degrees], degrees, strict=False)]
    return ErrorBound(1, max(slopes))
