"""Smooth activations with poles: tanh, sigmoid, silu, softplus and mish.

On arrays φ and φ' use decaying exponentials e^{−|x|} only, so that float64 neither overflows nor loses relative
accuracy far from 0.
"""

import math
from dataclasses import replace
from fractions import Fraction

from ntkcalc.activations import formula
from ntkcalc.activations.activation import Activation, ArrayPair, Family, TwoLayerLaw
from ntkcalc.activations.formula.ladder import Ladder
from ntkcalc.numerics.types import Array


def _tanh(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        def slope(x: Array) -> Array:
            """1 − tanh² x = 4q/(1 + q)², q = e^{−2|x|}."""
            q = np.exp(-2 * np.abs(x))
            return np.asarray(4 * q / (1 + q) ** 2)

        return np.tanh, slope

    law = TwoLayerLaw("stretched-exponential", "O(exp(−(π/2) √(p−1)))", rate=math.pi / 2)
    found = formula.with_poles("tanh(x)", name, Ladder(Fraction(1, 2)))
    return replace(found, on_arrays=on_arrays, lemma_3_2=law)


def _logistic_array(x: Array) -> Array:
    """1/(1 + e⁻ˣ)."""
    import numpy as np

    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x > 0, 1.0, e) / (1 + e))


def _sigmoid(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        def slope(x: Array) -> Array:
            e = np.exp(-np.abs(x))
            return np.asarray(e / (1 + e) ** 2)

        return _logistic_array, slope

    return replace(formula.with_poles("sigmoid(x)", name, Ladder(Fraction(1))), on_arrays=on_arrays)


def _silu(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        s = _logistic_array
        return lambda x: x * s(x), lambda x: s(x) * (1 + x * s(-x))

    return replace(formula.with_poles("x*sigmoid(x)", name, Ladder(Fraction(1), linear=True)), on_arrays=on_arrays)


def _softplus(name: str, beta: Fraction) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        b = float(beta)

        def values(x: Array) -> Array:
            z = b * x
            return (np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))) / b

        return values, lambda x: _logistic_array(b * x)

    poles = Ladder(Fraction(1), amplitude=1 / beta, steepness=beta**2, order=1)
    if beta > _STEEP:
        steep = formula.parse(f"softplus({beta}*x)/({beta})", lambda *_: None)
        return replace(steep, name=name, on_arrays=on_arrays, pole_distance=lambda: poles.distance)
    return replace(formula.with_poles(f"softplus(x, {beta})", name, poles), on_arrays=on_arrays)


_STEEP = 256
"""β from which on cells that are narrow near 0 alone take less time than nodes as close as poles ask for."""


def _mish(name: str) -> Activation:
    """X f(x), f = tanh(log(1 + eˣ)) = 1 − 2/(q² + 1) with q = 1 + eˣ: poles where q = ±i, at ln(2)/2 ± 3πi/4 first."""
    return replace(formula.with_poles("x*tanh(softplus(x))", name, 3 * math.pi / 4), on_arrays=_mish_on_arrays)


def _mish_on_arrays() -> ArrayPair:
    import numpy as np

    def factor(x: Array) -> Array:
        e = np.exp(-np.abs(x))
        return np.asarray(np.where(x > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), e * (e + 2) / (e * (e + 2) + 2)))

    def slope(x: Array) -> Array:
        e = np.exp(-np.abs(x))
        rise = np.where(x > 0, e**2 * (1 + e) / (1 + 2 * e + 2 * e * e) ** 2, e * (e + 1) / (e * (e + 2) + 2) ** 2)
        return np.asarray(factor(x) + 4 * x * rise)

    return lambda x: x * factor(x), slope


TANH = Family("tanh", "tanh(x)", "quadrature", _tanh)
SIGMOID = Family("sigmoid", "1/(1 + exp(-x))", "quadrature", _sigmoid)
SILU = Family("silu", "x/(1 + exp(-x))", "quadrature", _silu, aliases=("swish",))
SOFTPLUS = Family(
    "softplus",
    "log(1 + exp(beta*x))/beta",
    "quadrature",
    _softplus,
    (("beta", "1"),),
    positive=True,
)
MISH = Family("mish", "x*tanh(log(1 + exp(x)))", "quadrature", _mish)
