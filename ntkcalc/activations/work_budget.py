"""The work that one request may spend on quadrature, all attempts together, so that it ends in bounded time.

Work is counted in units of about a microsecond.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

_MOST, _LEAST = 2.4e8, 1.4e6
"""Budgets of the largest requests and of small ones, in units of work."""

_SMALL, _MORE = 5000, 110
"""Size (bits times coefficients) of small requests, and units of work for every bit and coefficient beyond."""


@dataclass
class WorkBudget:
    """The budget of one request and the work that it has spent.

    Parameters
    ----------
    asked : the bits asked for, which bound the budget; small coefficients may take more bits, but no larger budget
    spent : units of work spent
    degree : the largest degree of Hermite coefficients asked for so far
    """

    asked: int
    spent: float = 0.0
    degree: int = 0

    def left(self, degree: int) -> float:
        """Return the work that is left where Hermite coefficients up to this degree are asked for, too."""
        self.degree = max(self.degree, degree)
        size = self.asked * (self.degree + 16)
        return max(0.0, min(_MOST, _LEAST + _MORE * max(0, size - _SMALL)) - self.spent)


_shared: ContextVar[WorkBudget | None] = ContextVar("shared", default=None)


@contextmanager
def shared_budget(asked: int) -> Iterator[None]:
    """Let all quadratures made inside share the budget of one request for so many bits."""
    before = _shared.get()
    _shared.set(before or WorkBudget(asked))
    try:
        yield
    finally:
        _shared.set(before)


def work_budget(asked: int) -> WorkBudget:
    """Return the shared budget, or else that of a request for so many bits."""
    return _shared.get() or WorkBudget(asked)
