"""Independent pieces of work: one after another in this process, or by a class derived from `Tasks` elsewhere.

What is computed does not depend on who computes it: work is cut into the same pieces whatever the number of workers,
and the results come back in the order of the pieces, so that sums of them are rounded alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from ntkcalc.numerics.types import Observer
from ntkcalc.numerics.work import paced

Result = TypeVar("Result")


class Tasks:
    """Calls of functions in this process."""

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""
        return 1

    @property
    def here(self) -> bool:
        """Whether tasks run in this process, so that they may write to its arrays."""
        return True

    def share(self, value: Any) -> Any:
        """Return a large argument as `run` takes it, so that it is sent once; it must not change from then on."""
        return value

    def run(
        self,
        function: Callable[..., Result],
        items: Sequence[Any],
        *shared: Any,
        observer: Observer | None = None,
        ahead: int = 64,
    ) -> Iterator[Result]:
        """Yield function(item, *shared, observer) in the order of the items.

        Elsewhere the function gets None for the observer, which hears here how many tasks are done, and there are at
        most `ahead` tasks a worker whose results were not taken yet.
        """
        for item in paced(items):
            yield function(item, *shared, observer)

    def sweep(
        self, function: Callable[..., Result], items: Sequence[Any], *shared: Any, observer: Observer | None = None
    ) -> Iterator[Result]:
        """Do the same with a function that has tasks of its own and takes `tasks`.

        The items are the tasks where there are enough of them; otherwise each item in turn has all workers.
        """
        if 1 < len(items) >= self.workers:
            return self.run(function, items, *(self.share(s) if _large(s) else s for s in shared), observer=observer)
        return HERE.run(partial(function, tasks=self), items, *shared, observer=observer)


def aligned(state: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with arrays at addresses that are multiples of 8.

    What another process sends may stand anywhere. NumPy copies such an array before each use, does not see that the
    factors of X Xᵀ are one, and the product is rounded otherwise.
    """
    import numpy as np

    return {k: np.require(v, requirements="A") if isinstance(v, np.ndarray) else v for k, v in state.items()}


HERE = Tasks()
"""This process."""


def _large(value: Any) -> bool:
    """Return whether a value is worth to be sent once: it holds arrays, as points do."""
    return hasattr(value, "rows")
