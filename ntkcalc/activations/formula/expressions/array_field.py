"""Arrays of float64 as numbers for formulas."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ntkcalc.numerics.types import Array


class ArrayField:
    """Arrays of float64, with the functions of formulas (see `ntkcalc.activations.formula.expressions.programs`)."""

    sin, cos, sinh, tanh, atan, asinh = np.sin, np.cos, np.sinh, np.tanh, np.arctan, np.arcsinh
    exp, expm1, log, log1p, sqrt, divide, power = np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.divide, np.power
    abs, sign, max, min = np.abs, np.sign, np.maximum, np.minimum

    def relu(self, x: Array) -> Any:
        """Return max(x, 0)."""
        return np.maximum(x, 0.0)

    def step(self, x: Array) -> Any:
        """Return 1 for x > 0, else 0."""
        return np.heaviside(x, 0.0)

    def number(self, value: Fraction) -> Any:
        """Return an exact number, rounded once; ∞ beyond the range of floats."""
        try:
            return np.float64(value)
        except OverflowError:
            return np.float64(np.inf if value > 0 else -np.inf)

    def constant(self, name: str) -> Any:
        """Return pi or e."""
        return np.float64(np.pi if name == "pi" else np.e)

    def erf(self, x: Array) -> Any:
        """Return erf x."""
        from scipy.special import erf

        return erf(x)

    def erfc(self, x: Array) -> Any:
        """Return erfc x."""
        from scipy.special import erfc

        return erfc(x)

    def sinc(self, x: Array) -> Any:
        """Return sin(x)/x."""
        return np.sinc(x / np.pi)

    def sinc_slope(self, x: Array) -> Any:
        """Return sinc' x, by −x/3 + x³/30 − x⁵/840 next to 0."""
        small = np.abs(x) < 1e-2
        away = np.where(small, 1.0, x)
        square = x * x
        return np.where(small, -x / 3 * (1 - square / 10 * (1 - square / 28)), (np.cos(x) - self.sinc(x)) / away)

    def sigmoid(self, x: Array) -> Any:
        """Return 1/(1 + e⁻ˣ)."""
        return 1 / (1 + np.exp(-x))

    def softplus(self, x: Array) -> Any:
        """Return ln(1 + eˣ)."""
        return np.logaddexp(x, 0.0)
