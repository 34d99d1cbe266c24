"""ntkcalc: the neural tangent kernel's power series, every digit right.

Names are imported when they are first used, so that ``import ntkcalc`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ntkcalc.coefficients import ntk_coefficients as ntk_coefficients
    from ntkcalc.errors import AccuracyError as AccuracyError
    from ntkcalc.errors import InputError as InputError
    from ntkcalc.errors import NtkcalcError as NtkcalcError
    from ntkcalc.results import Coefficients as Coefficients

__version__ = "0.1.0"

_HOME = {
    "ntk_coefficients": "coefficients",
    "Coefficients": "results",
    "NtkcalcError": "errors",
    "InputError": "errors",
    "AccuracyError": "errors",
}

__all__ = ["AccuracyError", "Coefficients", "InputError", "NtkcalcError", "__version__", "ntk_coefficients"]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'ntkcalc' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"ntkcalc.{_HOME[name]}"), name)
