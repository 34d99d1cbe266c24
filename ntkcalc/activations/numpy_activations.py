"""The activations on arrays: φ and φ' in float64, of every named activation and of formulas.

Each named one is written with decaying exponentials only, so that it neither overflows nor loses its relative accuracy
far from the origin. At a kink φ' is its value from the left for relu and its kin (0 for relu, as in PyTorch), and 0
for abs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ntkcalc.activations.catalogue import FAMILIES, Activation
from ntkcalc.activations.formula.formula_dual import FormulaDual
from ntkcalc.activations.formula.functions import DomainError, Program, program
from ntkcalc.activations.formula.pieces import Pieces
from ntkcalc.activations.formula.trees import Tree
from ntkcalc.numerics.precision import context
from ntkcalc.numerics.types import Array

Function = Callable[[Array], Array]
"""An elementwise function of float64 arrays."""

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017, to double precision
_ROOT_2PI = (2 * np.pi) ** 0.5


def neuron(activation: Activation) -> tuple[Function, Function]:
    """Return φ and φ' of an activation, vectorised.

    Parameters
    ----------
    activation
        A named activation with its parameters, or a formula.

    Returns
    -------
    tuple
        φ and φ', each from float64 arrays to float64 arrays of the same shape.

    Examples
    --------
    >>> from ntkcalc.activations.catalogue import activation
    >>> phi, slope = neuron(activation("leaky-relu:slope=0.5"))
    >>> phi(np.array([-2.0, 2.0])).tolist(), slope(np.array([-2.0, 2.0])).tolist()
    ([-1.0, 2.0], [0.5, 1.0])
    """
    if isinstance(activation.dual, FormulaDual):
        return _formula(activation.dual.phi)
    family, values = _parameters(activation)
    return _BUILDERS[family](*values)


def slope_range(activation: Activation) -> tuple[float, float] | None:
    """Return φ'_min and φ'_max where φ' ≥ φ'_min > 0 everywhere, as Corollary C.3 needs; None where it is not so."""
    if isinstance(activation.dual, FormulaDual):
        return None
    family, values = _parameters(activation)
    if family == "linear":
        return 1.0, 1.0
    if family == "leaky-relu" and values[0] > 0:
        return min(1.0, values[0]), max(1.0, values[0])
    return None


def _parameters(activation: Activation) -> tuple[str, list[float]]:
    """Return the family of an activation and the values of its parameters, which its name carries."""
    family, _, written = activation.name.partition(":")
    chosen = dict(FAMILIES[family].defaults) | dict(part.split("=") for part in written.split(",") if part)
    return family, [float(Fraction(value)) for value in chosen.values()]


def _bent(slope: float) -> tuple[Function, Function]:
    return lambda x: np.where(x > 0, x, slope * x), lambda x: np.where(x > 0, 1.0, slope)


def _relu() -> tuple[Function, Function]:
    return lambda x: np.maximum(x, 0.0), lambda x: (x > 0).astype(np.float64)


def _elu(alpha: float, scale: float = 1.0) -> tuple[Function, Function]:
    def phi(x: Array) -> Array:
        return np.asarray(scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0))))

    def slope(x: Array) -> Array:
        return np.asarray(scale * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0))))

    return phi, slope


def _gelu() -> tuple[Function, Function]:
    from scipy.special import ndtr

    return lambda x: x * ndtr(x), lambda x: ndtr(x) + x * np.exp(-(x**2) / 2) / _ROOT_2PI


def _logistic(x: Array) -> Array:
    """1/(1 + e⁻ˣ)."""
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x > 0, 1.0, e) / (1 + e))


def _logistic_slope(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(e / (1 + e) ** 2)


def _silu() -> tuple[Function, Function]:
    return lambda x: x * _logistic(x), lambda x: _logistic(x) * (1 + x * _logistic(-x))


def _mish() -> tuple[Function, Function]:
    """X f(x), f = tanh(log(1 + eˣ)), in e = e^{−|x|}: see `activations`."""

    def factor(x: Array) -> Array:
        e = np.exp(-np.abs(x))
        return np.asarray(np.where(x > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), e * (e + 2) / (e * (e + 2) + 2)))

    def slope(x: Array) -> Array:
        e = np.exp(-np.abs(x))
        rise = np.where(x > 0, e**2 * (1 + e) / (1 + 2 * e + 2 * e * e) ** 2, e * (e + 1) / (e * (e + 2) + 2) ** 2)
        return np.asarray(factor(x) + 4 * x * rise)

    return lambda x: x * factor(x), slope


def _softplus(beta: float) -> tuple[Function, Function]:
    def phi(x: Array) -> Array:
        z = beta * x
        return (np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))) / beta

    return phi, lambda x: _logistic(beta * x)


def _sech_square(x: Array) -> Array:
    """1 − tanh² x = 4q/(1 + q)², q = e^{−2|x|}."""
    q = np.exp(-2 * np.abs(x))
    return np.asarray(4 * q / (1 + q) ** 2)


def _erf() -> tuple[Function, Function]:
    from scipy.special import erf

    return erf, lambda x: 2 / np.pi**0.5 * np.exp(-(x**2))


def _gaussian(sigma: float) -> tuple[Function, Function]:
    def phi(x: Array) -> Array:
        return np.asarray(np.exp(-((x / sigma) ** 2) / 2) / (sigma * _ROOT_2PI))

    return phi, lambda x: -(x / sigma) * phi(x) / sigma


class _ArrayField:
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
        return _logistic(x)

    def softplus(self, x: Array) -> Any:
        """Return ln(1 + eˣ)."""
        return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _formula(phi: Pieces) -> tuple[Function, Function]:
    """Return φ and φ' of a formula, piece by piece; what float64 cannot say (∞ − ∞, 0/0) in high precision."""

    def on_arrays(trees: Sequence[Tree], which: int) -> Function:
        ends = np.array([joint.near for joint in phi.joints])
        runs = [program([tree], _ArrayField()) for tree in trees]

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

    return on_arrays([piece.tree for piece in phi.pieces], 0), on_arrays(phi.slopes, 1)


def _as_float(exactly: Program, x: float, which: int) -> float:
    """Return φ(x) or φ'(x), infinity where that is too large for any number."""
    try:
        return float(exactly(context(128).mpf(x))[which])
    except DomainError:
        return np.inf


_BUILDERS: dict[str, Callable[..., tuple[Function, Function]]] = {
    "linear": lambda: (lambda x: +x, np.ones_like),
    "relu": _relu,
    "leaky-relu": _bent,
    "abs": lambda: (np.abs, np.sign),
    "elu": _elu,
    "selu": lambda: _elu(_SELU_ALPHA, _SELU_SCALE),
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "tanh": lambda: (np.tanh, _sech_square),
    "sigmoid": lambda: (_logistic, _logistic_slope),
    "erf": _erf,
    "gaussian": _gaussian,
    "sin": lambda: (np.sin, np.cos),
    "cos": lambda: (np.cos, lambda x: -np.sin(x)),
}
