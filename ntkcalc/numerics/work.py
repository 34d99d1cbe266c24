"""Long work: what computes announces the seconds that it is about to take, and whoever waits for it may listen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[float, float], None]
"""What hears of the seconds of some work, and of how often it is repeated at most, for its result is kept."""

_LISTENER: ContextVar[Listener] = ContextVar("listener", default=lambda seconds, most: None)
_SPENT = 5.0  # seconds of steps that tell their pace


def announce(seconds: float, most: float = math.inf) -> None:
    """Say about how many seconds the work takes that begins now, and how often it is repeated at most."""
    _LISTENER.get()(seconds, most)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Listen to what this thread announces."""
    before = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def repeated(times: int) -> AbstractContextManager[None]:
    """Announce the parts of the first of so many like pieces of work as parts of all of them, and in sum."""
    heard, parts = _LISTENER.get(), list[float]()

    def listener(seconds: float, most: float) -> None:
        parts.append(min(times, most) * seconds)
        heard(sum(parts), most)

    return listening(listener)


class Pace:
    """The time that steps take from now on, when `done` are done; fewer than `least` of them tell nothing."""

    def __init__(self, done: int = 0, least: int = 1) -> None:
        self.least, self.first = least, (done, time.monotonic())
        self.before = self.last = self.first

    def ahead(self, done: int, total: int) -> float:
        """Return about the seconds of the steps ahead, as the later half of those done tells, 0 after a moment."""
        now, steps = time.monotonic(), done - self.first[0]
        if steps >= 2 * (self.last[0] - self.first[0]):
            self.before, self.last = self.last, (done, now)
        if steps < self.least or now - self.first[1] < _SPENT:
            return 0.0
        return (now - self.before[1]) / (done - self.before[0]) * (total - done)
