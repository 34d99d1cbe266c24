"""Names of types that several packages use; NumPy is imported by type checkers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[np.float64]"
"""An array of float64."""

Flags: TypeAlias = "NDArray[np.bool_]"
"""An array of truth values."""

Observer = Callable[[int, int], None]
"""A callback for long computations: told (steps done, steps in all)."""
