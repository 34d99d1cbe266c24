"""φ and φ' of a formula on arrays of float64."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ntkcalc.activations.activation import ArrayFunction, ArrayPair
from ntkcalc.activations.formula.functions import DomainError, Program, program
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.numerics.precision import context
from ntkcalc.numerics.types import Array


class ArrayField:
    """Arrays of float64, with the functions of formulas (`ntkcalc.activations.formula.functions.Field`)."""

    sin, cos, sinh, cosh, tanh, atan, asinh = np.sin, np.cos, np.sinh, np.cosh, np.tanh, np.arctan, np.arcsinh
    exp, expm1, log, log1p, sqrt, divide, power = np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.divide, np.power

    def number(self, value: Fraction) -> Any:
        """Return an exact number, rounded once."""
        return np.float64(value)

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

    def softplus(self, x: Array) -> Any:
        """Return ln(1 + eˣ)."""
        return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def on_arrays(phi: Pieces) -> ArrayPair:
    """Return φ and φ', piece by piece; where float64 gives ∞ or NaN, values are computed in high precision."""
    ends = np.array([joint.near for joint in phi.joints])

    def function(trees: Sequence[Tree], which: int) -> ArrayFunction:
        runs = [program([tree], ArrayField()) for tree in trees]

        def run(x: Array) -> Array:
            values, place = np.empty_like(x, dtype=np.float64), np.searchsorted(ends, x, side="left")
            with np.errstate(all="ignore"):
                for i, piece in enumerate(runs):
                    values[place == i] = piece(x[place == i])[0]
            bad = ~np.isfinite(values) & np.isfinite(x)
            if bad.any():
                exactly = phi.evaluator(context(128))
                values[bad] = [_as_float(exactly, float(v), which) for v in x[bad]]
            return values

        return run

    return function([piece.tree for piece in phi.pieces], 0), function(phi.slopes, 1)


def _as_float(exactly: Program, x: float, which: int) -> float:
    """Return φ(x) or φ'(x), infinity where that is too large for any number."""
    try:
        return float(exactly(context(128).mpf(x))[which])
    except DomainError:
        return np.inf
