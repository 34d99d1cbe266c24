"""Names of types that several packages use; NumPy is imported by type checkers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.float64]"
"""An array of float64."""

Flags: TypeAlias = "NDArray[np.bool_]"
"""An array of truth values."""


class Observer(Protocol):
    """A callback for long computations."""

    def __call__(self, done: int, total: int, stage: str = "") -> None:
        """Hear of steps done and steps in all, 0 where their number is unknown, and of what they are steps."""


def stage(observer: Observer | None, name: str) -> Observer | None:
    """Say that a stage begins, whose length is unknown; return an observer of its steps and stages, if it has some."""
    if observer is None:
        return None
    observer(0, 0, name)
    return lambda done, total, inner="": observer(done, total, f"{name}, {inner}" if inner else name)
