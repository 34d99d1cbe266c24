"""Formulas in x as activations: parsed, cut at their kinks, their Hermite coefficients by quadrature.

From the text to the dual there are four steps, one package each: `expressions` reads and simplifies a formula,
`bounds` proves its signs, limits and sizes, `smooth` has the duals of formulas without kinks, and `piecewise` those of
the others. `activation` goes through them, and `checks` refuses what the theory excludes. The functions below are all
that the rest of the program uses; the packages load when the first of them is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ntkcalc.activations.formula.ladder import Ladder

if TYPE_CHECKING:
    from ntkcalc.activations.activation import Activation


def parse(text: str, named_call: Callable[[str, Sequence[Fraction]], Activation | None]) -> Activation:
    """Return the activation that a formula in x describes.

    Parameters
    ----------
    text
        The formula, such as ``"x*sigmoid(1.702*x)"``.
    named_call
        From a function f and numbers v to the named activation that is f(x, v); None where there is none.

    Raises
    ------
    InputError
        For a formula that cannot be read or is no φ that Assumptions 2 and 3 allow.
    """
    from ntkcalc.activations.formula.activation import parse

    return parse(text, named_call)


def with_poles(text: str, name: str, poles: Ladder | float) -> Activation:
    """Return a smooth formula under some name, of which the poles or the nearest one's distance from ℝ are known."""
    from ntkcalc.activations.formula.activation import with_poles

    return with_poles(text, name, poles)


def is_formula(text: str) -> bool:
    """Return whether a text that names no activation is meant as a formula."""
    from ntkcalc.activations.formula.activation import is_formula

    return is_formula(text)


def function_names() -> list[str]:
    """Return the names of the functions that formulas may use, in alphabetical order."""
    from ntkcalc.activations.formula.expressions.functions import WORDS

    return sorted(WORDS.functions, key=str.lower)


def written_out(function: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the formula that a function stands for, and its parameter, if it has one, with the default value."""
    from ntkcalc.activations.formula.expressions.functions import written_out

    return written_out(function)
