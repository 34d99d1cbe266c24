"""Intervals: whatever a formula's values are between two points, its interval holds them, however far out or wide."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from ntkcalc.activations.formula.functions import WORDS, plain, program
from ntkcalc.activations.formula.grammar import parsed
from ntkcalc.activations.formula.intervals import IntervalField, Span

FORMULAS: dict[str, Callable[[Any], Any]] = {
    "x^3-x": lambda x: x**3 - x,
    "(x-1)*(x+2)": lambda x: (x - 1) * (x + 2),
    "1/(x-0.5)": lambda x: 1 / (x - mpf(1) / 2),
    "x/(1+x^2)": lambda x: x / (1 + x**2),
    "exp(x)-x": lambda x: mp.exp(x) - x,
    "expm1(-x^2)": lambda x: mp.expm1(-(x**2)),
    "sinh(x)": mp.sinh,
    "cosh(3*x)": lambda x: mp.cosh(3 * x),
    "tanh(x/7)": lambda x: mp.tanh(x / 7),
    "sin(x)": mp.sin,
    "cos(x)": mp.cos,
    "sin(10*x)": lambda x: mp.sin(10 * x),
    "sin(1e6*x)": lambda x: mp.sin(10**6 * x),
    "sin(1e15*x+x^2)": lambda x: mp.sin(mpf(10) ** 15 * x + x**2),
    "cos(x^3)": lambda x: mp.cos(x**3),
    "cos(1/x)": lambda x: mp.cos(1 / x),
    "tan(x)": mp.tan,
    "sinc(5*x)": lambda x: mp.sinc(5 * x),
    "atan(x)*asinh(x)": lambda x: mp.atan(x) * mp.asinh(x),
    "log(x)": mp.log,
    "log1p(x^2)": lambda x: mp.log1p(x**2),
    "sqrt(1+x)": lambda x: mp.sqrt(1 + x),
    "(1+x)^0.3": lambda x: (1 + x) ** (mpf(3) / 10),
    "(1+x)^(-1.7)": lambda x: (1 + x) ** (-mpf(17) / 10),
    "erf(x)": mp.erf,
    "erfc(x)": mp.erfc,
    "Phi(2*x)": lambda x: mp.ncdf(2 * x),
    "phi(x-1)": lambda x: mp.npdf(x - 1),
    "sigmoid(x)": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus(x)": lambda x: mp.log1p(mp.exp(x)),
    "pi*x-e": lambda x: mp.pi * x - mp.e,
    "(x+1e17)-1e17": lambda x: x,
}
ends = st.floats(-64, 64) | st.floats(-1e-3, 1e-3) | st.integers(-64, 64).map(float)
widths = st.sampled_from([0.0, 2.0**-40, 1e-6, 0.01, 0.125, 1.0, 9.0])


def span(text: str, low: float, high: float) -> tuple[float, float]:
    """The interval of a formula's values between two points."""
    with np.errstate(all="ignore"):
        found = program([plain(parsed(text, WORDS))], IntervalField())(Span(np.array([low]), np.array([high])))[0]
    return float(np.ravel(found.low)[0]), float(np.ravel(found.high)[0])


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("text", FORMULAS)
@settings(max_examples=60)
@given(ends, widths, st.fractions(0, 1, max_denominator=997))
def test_every_value_is_inside(text: str, low: float, width: float, part: Fraction) -> None:
    high = low + width
    x = Fraction(low) + part * (Fraction(high) - Fraction(low))
    with mp.workdps(60):
        try:
            value = FORMULAS[text](mpf(x.numerator) / x.denominator)
        except (ZeroDivisionError, ValueError):
            assume(False)
        assume(mp.im(value) == 0)
        below, above = span(text, low, high)
        assert below <= value <= above


@pytest.mark.parametrize("text", ["sin(x)", "cos(x)"])
@pytest.mark.parametrize("start", [1e3, 1e9, 1e15])
def test_tops_and_bottoms_are_inside_however_far_out(text: str, start: float) -> None:
    """Next to which the ends of a cell alone say little, and the number of periods is rounded."""
    step = max(0.125, float(np.spacing(start)))
    for n in range(200):
        low, high = start + n * step, start + n * step + 1
        below, above = span(text, low, high)
        with mp.workdps(60):
            first = mp.ceil((low - (mp.pi / 2 if text == "sin(x)" else 0)) / mp.pi)
            extremum = (first + (mpf(1) / 2 if text == "sin(x)" else 0)) * mp.pi
            if extremum < high:
                assert below <= FORMULAS[text](extremum) <= above


@pytest.mark.parametrize("text", ["exp(x)", "x^2", "erfc(-x)", "sigmoid(x)", "softplus(x)", "exp(x)*exp(-x^2)"])
@pytest.mark.parametrize("x", [-1e4, -800.0, -710.0, -30.0, -1.0])
def test_what_is_positive_stays_so(text: str, x: float) -> None:
    """Roundings outwards, and what underflows, leave signs alone."""
    below, above = span(text, x, x + 0.5)
    assert 0 <= below < above


@pytest.mark.parametrize("text", ["x/x", "sin(x)/x", "cos(x)-x/x", "(exp(x)-1)/(2*x)"])
def test_what_is_0_by_0_may_be_anything(text: str) -> None:
    below, above = span(text, 0.0, 0.0)
    assert below < -1e300
    assert above > 1e300


@pytest.mark.parametrize("text", ["x^3-x", "exp(x)-x", "erf(x)", "sin(10*x)", "softplus(x)", "tanh(x/7)"])
def test_intervals_shrink_with_their_cells(text: str) -> None:
    """To roundings: they would be right, and of no use, if they were wide."""
    below, above = span(text, 1.25, 1.25 + 2.0**-40)
    assert above - below < 2.0**-32
