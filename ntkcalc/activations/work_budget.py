"""What one request may spend on quadrature, all its attempts together, so that it ends in bounded time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_MOST, _LEAST = 2.4e8, 1.4e6
"""Of the largest request, and of small ones, in units of about a microsecond."""

_SMALL, _MORE = 5000, 110
"""Bits times coefficients of small requests, and what may be spent for every one beyond."""


@dataclass
class Labour:
    """What may be spent, by the largest demand, and what was.

    Parameters
    ----------
    asked
        The bits asked for, which bound it; others are for coefficients that are small.
    spent
        In the units of this room.
    degree
        The largest of Hermite coefficients yet.
    """

    asked: int
    spent: float = 0.0
    degree: int = 0

    def left(self, degree: int) -> float:
        """Return what may be spent yet, where Hermite coefficients up to this degree are asked for, too."""
        self.degree = max(self.degree, degree)
        size = self.asked * (self.degree + 16)
        return max(0.0, min(_MOST, _LEAST + _MORE * max(0, size - _SMALL)) - self.spent)


_shared: ContextVar[Labour | None] = ContextVar("shared", default=None)


@contextmanager
def shared_budget(asked: int) -> Iterator[None]:
    """Let all quadratures made inside share the budget of one request for so many bits."""
    before = _shared.get()
    _shared.set(before or Labour(asked))
    try:
        yield
    finally:
        _shared.set(before)


def labour_for(asked: int) -> Labour:
    """Return what is shared, or else what a demand for so many bits may spend."""
    return _shared.get() or Labour(asked)
