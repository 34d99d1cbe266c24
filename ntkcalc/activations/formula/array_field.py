"""Arrays of float64 as numbers for formulas."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from ntkcalc.numerics.types import Array


class ArrayField:
    """Arrays of float64, with the functions of formulas (`ntkcalc.activations.formula.functions.Field`)."""

    sin, cos, sinh, cosh, tanh, atan, asinh = np.sin, np.cos, np.sinh, np.cosh, np.tanh, np.arctan, np.arcsinh
    exp, expm1, log, log1p, sqrt, divide, power = np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.divide, np.power
    max, min, abs, sign = np.maximum, np.minimum, np.abs, np.sign

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

    def sigmoid(self, x: Array) -> Any:
        """Return 1/(1 + e⁻ˣ)."""
        e = np.exp(-np.abs(x))
        return np.where(x > 0, 1.0, e) / (1 + e)

    def relu(self, x: Array) -> Any:
        """Return max(x, 0)."""
        return np.maximum(x, 0.0)

    def step(self, x: Array) -> Any:
        """Return 1 for x > 0, else 0."""
        return np.where(x > 0, 1.0, 0.0)

    def softplus(self, x: Array) -> Any:
        """Return ln(1 + eˣ)."""
        return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


class GridField(ArrayField):
    """The same without SciPy, which takes long to load: for a few thousand points."""

    erf, erfc = (np.vectorize(f, otypes=[float]) for f in (math.erf, math.erfc))
