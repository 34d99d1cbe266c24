"""Long work: what computes announces the seconds that it is about to take, and whoever waits for it may listen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TypeAlias, TypeVar

from ntkcalc.errors import AccuracyError

Item = TypeVar("Item")

Listener: TypeAlias = Callable[[float, float], None]
"""What hears of the seconds of some work, and of how often it is repeated at most, for its result is kept."""

_LISTENER: ContextVar[Listener] = ContextVar("listener", default=lambda seconds, most: None)
_SPENT = 5.0  # seconds of items that tell what others take


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


def within(longest: float, refusal: str) -> AbstractContextManager[None]:
    """Refuse work of which more than so many seconds are announced in sum, with an `AccuracyError`."""
    parts = list[float]()

    def listener(seconds: float, most: float) -> None:
        parts.append(seconds)
        if sum(parts) > longest:
            raise AccuracyError(refusal)

    return listening(listener)


def repeated(times: int) -> AbstractContextManager[None]:
    """Announce the parts of the first of so many like pieces of work as parts of all of them, and in sum."""
    heard, parts = _LISTENER.get(), list[float]()

    def listener(seconds: float, most: float) -> None:
        parts.append(min(times, most) * seconds)
        heard(sum(parts), most)

    return listening(listener)


def paced(items: Sequence[Item]) -> Iterator[Item]:
    """Yield items, and announce once, from the time of those done but for the first, what the others take."""
    start = math.inf
    for done, item in enumerate(items):
        if done == 1:
            start = time.monotonic()
        if (spent := time.monotonic() - start) > _SPENT:
            announce(spent / (done - 1) * (len(items) - done))
            start = math.inf
        yield item
