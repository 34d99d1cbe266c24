"""Smooth activations with poles: tanh, sigmoid, silu, softplus and mish.

On arrays φ and φ' use decaying exponentials e^{−|x|} only, so that float64 neither overflows nor loses relative
accuracy far from 0.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from ntkcalc.activations import formula
from ntkcalc.activations.activation import Activation, ArrayPair, Family, HermiteFunction, TwoLayerLaw
from ntkcalc.activations.meromorphic import MeromorphicDual, ladder
from ntkcalc.numerics.precision import Context, Real, real
from ntkcalc.numerics.types import Array

_STEEP = 16  # softplus' beta beyond which its poles are so near that quadrature is faster


def _meromorphic(
    name: str, dual: MeromorphicDual, on_arrays: Callable[[], ArrayPair], parity: str | None = None
) -> Activation:
    def dilation(q: Fraction) -> tuple[MeromorphicDual, HermiteFunction]:
        scaled = dual.scaled(q)
        return scaled, scaled.hermite

    distance = lambda: dual.strip[0]  # noqa: E731
    own = dual, dual.hermite
    return Activation(name, dual.phi, on_arrays, *own, dilation, parity=parity, pole_distance=distance)


def _tanh(name: str) -> Activation:
    def on_arrays() -> ArrayPair:
        import numpy as np

        def slope(x: Array) -> Array:
            """1 − tanh² x = 4q/(1 + q)², q = e^{−2|x|}."""
            q = np.exp(-2 * np.abs(x))
            return np.asarray(4 * q / (1 + q) ** 2)

        return np.tanh, slope

    dual = MeromorphicDual(
        lambda ctx, x: ctx.tanh(x),
        lambda ctx, x: ctx.sech(x) ** 2,
        ladder(lambda ctx: ctx.pi / 2, lambda ctx, y: ctx.one),
        lambda k: k % 2 == 0,
    )
    law = TwoLayerLaw("stretched-exponential", "O(exp(−(π/2) √(p−1)))", rate=math.pi / 2)
    return replace(_meromorphic(name, dual, on_arrays, "odd"), lemma_3_2=law)


def _logistic(ctx: Context, x: Real) -> Real:
    """1/(1 + e⁻ˣ)."""
    return 1 / (1 + ctx.exp(-x))


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

    dual = MeromorphicDual(
        _logistic,
        lambda ctx, x: _logistic(ctx, x) * _logistic(ctx, -x),
        ladder(lambda ctx: ctx.pi, lambda ctx, y: ctx.one),
        lambda k: k > 0 and k % 2 == 0,
    )
    return _meromorphic(name, dual, on_arrays)


def _silu(name: str) -> Activation:
    def slope(ctx: Context, x: Real) -> Real:
        return _logistic(ctx, x) * (1 + x * _logistic(ctx, -x))

    def on_arrays() -> ArrayPair:
        s = _logistic_array
        return lambda x: x * s(x), lambda x: s(x) * (1 + x * s(-x))

    dual = MeromorphicDual(
        lambda ctx, x: x * _logistic(ctx, x),
        slope,
        ladder(lambda ctx: ctx.pi, lambda ctx, y: ctx.mpc(0, y)),
        lambda k: k > 1 and k % 2 == 1,
    )
    return _meromorphic(name, dual, on_arrays)


def _softplus(name: str, beta: Fraction) -> Activation:
    """φ' = sigmoid(βx) has simple poles, at iπ(2n + 1)/β with residue 1/β."""
    if beta > _STEEP:
        return replace(formula.softplus(beta, name), pole_distance=lambda: math.pi / float(beta))

    def phi(ctx: Context, x: Real) -> Real:
        z = real(ctx, beta) * x
        return (max(z, 0) + ctx.log1p(ctx.exp(-abs(z)))) / real(ctx, beta)

    def on_arrays() -> ArrayPair:
        import numpy as np

        b = float(beta)

        def values(x: Array) -> Array:
            z = b * x
            return (np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))) / b

        return values, lambda x: _logistic_array(b * x)

    dual = MeromorphicDual(
        phi,
        lambda ctx, x: _logistic(ctx, real(ctx, beta) * x),
        ladder(lambda ctx: ctx.pi / real(ctx, beta), lambda ctx, y: 1 / real(ctx, beta)),
        lambda k: k > 1 and k % 2 == 1,
        order=1,
    )
    return _meromorphic(name, dual, on_arrays)


def _mish(name: str) -> Activation:
    """X f(x), f = tanh(log(1 + eˣ)) = 1 − 2/(q² + 1) with q = 1 + eˣ: poles where q = ±i, residues z/(1 + q)."""

    def factor(ctx: Context, x: Real) -> Real:
        """f, from e = e^{−|x|}."""
        e = ctx.exp(-abs(x))
        return (1 + 2 * e) / (1 + 2 * e + 2 * e * e) if x > 0 else e * (e + 2) / (e * (e + 2) + 2)

    def slope(ctx: Context, x: Real) -> Real:
        """F + x f', f' = 4 (e² + e)/(e² + 2e + 2)²."""
        e = ctx.exp(-abs(x))
        rise = 4 * e**2 * (1 + e) / (1 + 2 * e + 2 * e * e) ** 2 if x > 0 else 4 * e * (e + 1) / (e * (e + 2) + 2) ** 2
        return factor(ctx, x) + x * rise

    def poles(ctx: Context) -> Iterator[tuple[Real, Real]]:
        half_log = ctx.log(2) / 2
        quarter = 3
        while True:  # 3π/4 (q = i), 5π/4 (q = −i), then 2π further up
            z = ctx.mpc(half_log, quarter * ctx.pi / 4)
            yield ctx.mpc(z.imag, -z.real), z / ctx.mpc(1, 1 if quarter % 8 == 3 else -1)
            quarter += 2 if quarter % 8 == 3 else 6

    dual = MeromorphicDual(lambda ctx, x: x * factor(ctx, x), slope, poles, lambda k: False, oscillates=True)
    return _meromorphic(name, dual, _mish_on_arrays)


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


TANH = Family("tanh", "tanh(x)", "pole expansion", _tanh)
SIGMOID = Family("sigmoid", "1/(1 + exp(-x))", "pole expansion", _sigmoid)
SILU = Family("silu", "x/(1 + exp(-x))", "pole expansion", _silu, aliases=("swish",))
SOFTPLUS = Family(
    "softplus",
    "log(1 + exp(beta*x))/beta",
    "pole expansion of its derivative",
    _softplus,
    (("beta", "1"),),
    positive=True,
)
MISH = Family("mish", "x*tanh(log(1 + exp(x)))", "pole expansion", _mish)
