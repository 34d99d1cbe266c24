"""Floats as decimals with no more digits than their errors leave."""

import math
from decimal import ROUND_CEILING, Decimal

from ntkcalc.numerics.precision import decimal

_EXACT = 17  # digits of a double


def rounded_up(accuracy: float) -> float:
    """Return an accuracy in two digits."""
    return float(decimal(float(accuracy), 2, ROUND_CEILING))


def known_digits(value: float, error: float, digits: int) -> Decimal:
    """Return a float with those of its digits that its absolute error leaves, at most `digits`; 0 where none is."""
    known = figures(value, error)
    return decimal(float(value), min(digits, known)) if known else Decimal(0)


def figures(value: float, error: float) -> int:
    """Return how many digits of a float its absolute error leaves: 0 where it is no larger, else 1 at least."""
    if abs(value) <= error:
        return 0
    return max(1, math.floor(math.log10(abs(value) / error))) if error else _EXACT
