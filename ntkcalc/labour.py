"""What one request may spend on quadrature, all its attempts together, so that it ends in bounded time."""

from __future__ import annotations

from dataclasses import dataclass

_MOST, _LEAST = 2.4e8, 9e5
"""Of the largest request, and of the smallest, in units of about a microsecond."""


@dataclass
class Labour:
    """What may be spent, and what was.

    Parameters
    ----------
    asked
        The bits asked for, which bound it; others are for coefficients that are small.
    spent
        In the units of this room.
    """

    asked: int
    spent: float = 0.0

    def left(self, degree: int) -> float:
        """Return what may be spent yet, for Hermite coefficients up to this degree."""
        return max(0.0, min(_MOST, _LEAST * (1 + self.asked * (degree + 16) / 8000)) - self.spent)
