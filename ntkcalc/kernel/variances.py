r"""The four variances of a network, and what follows from them: q_l, χ_l and each layer's map of correlations.

.. math::  q_1 = γ_w² + γ_b², \quad q_{l+1} = σ_w² E[φ(\sqrt{q_l} Z)²] + σ_b², \quad χ_{l+1} = σ_w² E[φ'(\sqrt{q_l} Z)²]

are the variances of preactivations and the slopes of the layers. With C_l = Σ_l/q_l, a correlation, and D_q the dual of
φ_q(x) = φ(√q x), every layer is a layer of unit variance,

.. math::  C_{l+1} = R(C_l), \quad R(t) = \frac{σ_w² D_q(t) + σ_b²}{q_{l+1}}, \quad q = q_l, \quad R(1) = 1, \quad
           \frac{Θ_{l+1}}{q_{l+1}} = C_{l+1} + \frac{Θ_l}{q_l} R'(C_l) .

So the recursion under Assumption 2, where all q_l = 1 and all R are the same, gives every network: with a map of its
own for each layer, and q_l times the result.

φ_q is taken at a rational q next to q_l, of which the dual is exact. How far q may be off follows from
:math:`\partial µ_k(φ_q)/\partial \ln q = \frac12 (k µ_k + \sqrt{(k+1)(k+2)} µ_{k+2})` (`_log_sensitivity`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, TypeAlias

from ntkcalc.activations.activation import Activation
from ntkcalc.activations.dual import Dual, Expansion, ExpansionPoint
from ntkcalc.errors import InputError
from ntkcalc.numerics.precision import Real, bits_lost, context, dyadic, log2, real, with_enough_bits

Number: TypeAlias = Fraction | Real
"""A rational number, or a real where it is irrational."""

SIGMA = "sigma"
"""In the place of a variance of the first layer: that of the later layers."""

_RESERVE = 48  # bits to which q is better known than what is asked of its layer
_LEVEL, _SPARE = 256, 56  # q has 256 · 2^n − 56 bits: for 208, quadratures of formulas are at hand
_RANGE = 1000  # q must lie within 2^±1000, the range of doubles and of JSON numbers


@dataclass(frozen=True)
class Variances:
    """An activation and the variances of weights and biases."""

    activation: Annotated[Activation, "the activation φ"]
    sigma_w2: Annotated[Fraction | None, "σ_w², or None for 1/E[φ²]"]
    sigma_b2: Annotated[Fraction | None, "σ_b², or None for 1 − σ_w² E[φ²] (Assumption 2)"]
    gamma_w2: Annotated[Fraction | str | None, "γ_w², or SIGMA, or None for 1 − γ_b²"]
    gamma_b2: Annotated[Fraction | str, "γ_b², or SIGMA"]

    @property
    def unit(self) -> bool:
        """Whether Assumption 2 makes every q_l = 1."""
        return self.sigma_b2 is None and self.gamma_w2 is None

    def sigma_w2_at(self, bits: int) -> Real:
        """Return σ_w², relative error below 2**-bits."""
        ctx = context(bits + 8)
        if self.sigma_w2 is not None:
            return real(ctx, self.sigma_w2)
        return 1 / real(ctx, self.activation.dual.mean_square(ctx.prec))

    def sigma_b2_at(self, bits: int) -> Real:
        """Return σ_b², relative error below 2**-bits, 0 where it vanishes; InputError if it would be negative."""
        ctx, rational = context(bits + 8), self._rational_sigma_b2(bits)
        if rational is not None:
            if rational < 0:
                raise SigmaError
            return real(ctx, rational)
        sigma_w2, dual = self.sigma_w2, self.activation.dual

        def difference(work: int) -> tuple[Real, float]:
            wide = context(work)
            rest = 1 - real(wide, sigma_w2) * real(wide, dual.mean_square(wide.prec))
            return rest, bits_lost(rest, wide.ldexp(1, 8 - work), work)

        found = with_enough_bits(difference, bits, 32, dual.most_bits)
        if found is None:
            raise UnresolvedSigmaError("sigma_w2 is too close to its largest value; say 'max'")
        if found < 0:
            raise SigmaError
        return found

    def _rational_sigma_b2(self, bits: int) -> Fraction | None:
        """Return σ_b² where it is known as a rational number."""
        if self.sigma_b2 is not None:
            return self.sigma_b2
        square = self.activation.dual.mean_square(bits)
        if self.sigma_w2 is None:
            return Fraction(0)
        return 1 - self.sigma_w2 * square if isinstance(square, Fraction) else None

    def gamma_b2_at(self, bits: int) -> Number:
        """Return γ_b²."""
        if isinstance(self.gamma_b2, Fraction):
            return self.gamma_b2
        rational = self._rational_sigma_b2(bits)
        return self.sigma_b2_at(bits) if rational is None else rational

    def gamma_w2_at(self, bits: int) -> Number:
        """Return γ_w²."""
        if isinstance(self.gamma_w2, Fraction):
            return self.gamma_w2
        if self.gamma_w2 == SIGMA:
            return self.sigma_w2_at(bits) if self.sigma_w2 is None else self.sigma_w2
        gamma_b2 = self.gamma_b2_at(bits)
        if isinstance(gamma_b2, Fraction):
            return 1 - gamma_b2
        ctx = context(bits + 8)
        return self.sigma_w2_at(bits + 8) * real(ctx, self.activation.dual.mean_square(ctx.prec))  # 1 − σ_b²

    def first_layer(self, bits: int) -> tuple[Number, Number]:
        """Return γ_b²/q_1 and γ_w²/q_1, whose sum is 1: C_1(t) = (γ_b² + γ_w² t)/q_1."""
        gamma_b2, gamma_w2 = self.gamma_b2_at(bits + 8), self.gamma_w2_at(bits + 8)
        if self.gamma_w2 is None:
            return gamma_b2, gamma_w2
        if isinstance(gamma_b2, Fraction) and isinstance(gamma_w2, Fraction):
            return gamma_b2 / (gamma_b2 + gamma_w2), gamma_w2 / (gamma_b2 + gamma_w2)
        ctx = context(bits + 8)
        b, w = real(ctx, gamma_b2), real(ctx, gamma_w2)
        return b / (b + w), w / (b + w)

    def variance(self, layer: int, bits: int) -> Fraction:
        """Return q_l, l = `layer`, with a relative error below 2**-bits and to spare, as an exact rational number."""
        if self.unit:
            return Fraction(1)
        level = _LEVEL
        while True:
            if level >= bits + 2 * _SPARE:
                q, error = _preactivations(self, level - _SPARE).at(layer)
                if error <= -bits - _RESERVE:
                    return q
            level *= 2

    def stretched(self, layer: int, q: Fraction) -> Activation:
        """Return φ(√q x), q about q_l with l = `layer`; an InputError refuses what is not square-integrable."""
        try:
            return self.activation.scaled(q)
        except InputError:
            raise InputError(
                f"{self.activation.name} is not square-integrable at preactivations of variance "
                f"q_{layer} = {float(q):.6g}, which layer {layer + 1} has; "
                f"lower {'--sigma-w2, or lower --depth' if layer > 1 else '--gamma-w2'}"
            ) from None

    def slope(self, layer: int, bits: int) -> Real:
        """Return χ_l = σ_w² E[φ'(√q_{l−1} Z)²], l = `layer` ≥ 2."""
        q = self.variance(layer - 1, bits + 8)
        ctx = context(bits + 16)
        square = self.stretched(layer - 1, q).dual.slope_square(bits + 8)
        chi = real(ctx, square) * self.sigma_w2_at(bits + 8)
        return chi if q == 1 else chi / real(ctx, q)

    def correlation_map(self, layer: int) -> CorrelationMap:
        """Return the map of layer l = `layer` ≥ 2; maps that are plainly the same are equal."""
        if self.unit:
            return CorrelationMap(Variances(self.activation, self.sigma_w2, None, None, Fraction(0)), 2)
        known = _preactivations(self, _LEVEL - _SPARE)
        while layer > 2 and known.at(layer - 1) == known.at(layer - 2) and known.at(layer - 1)[1] == -math.inf:
            layer -= 1
        return CorrelationMap(self, layer)


class UnresolvedSigmaError(InputError):
    """All the bits that there are do not tell σ_w² E[φ²] from 1."""


class SigmaError(InputError):
    """σ_w² E[φ²] > 1, which Assumption 2 excludes."""


@dataclass(frozen=True)
class CorrelationMap:
    """R of one layer: C_l = R(C_{l−1}), R(t) = w D_q(t) + b with w = σ_w²/q_l, b = σ_b²/q_l, q = q_{l−1}; R(1) = 1."""

    variances: Variances
    layer: int  # l

    def activation(self, bits: int) -> Activation:
        """Return φ_q, for a q that is off by less than 2**-bits and to spare."""
        return self.variances.stretched(self.layer - 1, self.variances.variance(self.layer - 1, bits))

    def dual(self, bits: int) -> Dual:
        """Return the dual of φ_q, q as for `activation`."""
        return self.activation(bits).dual

    @property
    def parity(self) -> str | None:
        """The parity of φ."""
        return self.variances.activation.parity

    def weight(self, bits: int) -> Real:
        """Return w, relative error below 2**-bits."""
        v = self.variances
        return v.sigma_w2_at(bits) if v.unit else v.sigma_w2_at(bits + 8) / self._image_at_one(bits)

    def bias(self, bits: int) -> Real:
        """Return b, relative error below 2**-bits, 0 where it vanishes."""
        v = self.variances
        return v.sigma_b2_at(bits) if v.unit else v.sigma_b2_at(bits + 8) / self._image_at_one(bits)

    def slope(self, bits: int) -> Real:
        """Return R'(1) = χ_l q_{l−1}/q_l."""
        return real(context(bits + 16), self.dual(bits + 8).slope_square(bits + 8)) * self.weight(bits + 8)

    def _image_at_one(self, bits: int) -> Real:
        """Return σ_w² D_q(1) + σ_b² for the rational q, so that R(1) is 1 to every bit."""
        ctx, v = context(bits + 16), self.variances
        square = real(ctx, self.dual(bits).mean_square(ctx.prec))
        return v.sigma_w2_at(bits + 8) * square + v.sigma_b2_at(bits + 8)

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """Return the expansion of D_q (`Dual.expansion`), errors of q included in its relative errors of 2**-bits."""
        level = bits
        while True:
            found = self.dual(level).expansion(point, degree, bits)
            if self.variances.unit:
                return found
            needed = bits + math.ceil(max(0.0, _log_sensitivity(found, point) - _RESERVE + 2))
            if needed <= level:
                return found
            level = needed


def _log_sensitivity(found: Expansion, point: ExpansionPoint) -> float:
    r"""Return log2 of a bound on how many times the relative error of q the coefficients d_j and tails q_j err.

    With A_j the coefficients of t D'(t), by Cauchy and Schwarz
    :math:`|\partial d_j/\partial \ln q| ≤ A_j + \sqrt{(A_j + d_j)(j + 2) d_{j+2}}/δ`, for
    :math:`(k + 2) \binom kj = (j + 1)(j + 2)/(k + 1) \binom{k+2}{j+2}`; tails likewise.
    Tails of the derivative are taken to be as sensitive as its coefficients.
    """
    d, ctx = found.d, context(64)
    a, delta = point.at(ctx)
    worst = ctx.one
    for j, c in enumerate(d[:-1]):
        if not c:
            continue
        moved = a * (j + 1) * d[j + 1] / delta + j * c
        later = d[j + 2] if j + 2 < len(d) else found.tails[j] if j < len(found.tails) else c
        worst = max(worst, (moved + ctx.sqrt((moved + c) * (j + 2) * later) / delta) / c)
    for j, tail in enumerate(found.tails):
        if tail:
            slopes = [found.slope_tails[max(i, 0)] + (i < 0) * d[1] / delta for i in (j - 1, j)]
            moved = delta * slopes[0] + a * slopes[1]
            worst = max(worst, (moved + ctx.sqrt((moved + tail) * slopes[1] / delta)) / tail)
    return log2(ctx.convert(worst))


class _Preactivations:
    """q_1, q_2, … to so many bits: rational numbers, each with log2 of its relative error."""

    def __init__(self, variances: Variances, bits: int) -> None:
        self.variances, self.bits = variances, bits
        self._found: list[tuple[Fraction, float]] = []

    def at(self, layer: int) -> tuple[Fraction, float]:
        """Return q_l, l = `layer`, and its error: −∞ where it is exact."""
        while len(self._found) < layer:
            self._found.append(self._next() if self._found else self._first())
        return self._found[layer - 1]

    def _first(self) -> tuple[Fraction, float]:
        gammas = self.variances.gamma_w2_at(self.bits + 8), self.variances.gamma_b2_at(self.bits + 8)
        if all(isinstance(x, Fraction) for x in gammas):
            return sum(gammas, Fraction(0)), -math.inf
        ctx = context(self.bits + 8)
        return self._rounded(sum(real(ctx, x) for x in gammas))

    def _next(self) -> tuple[Fraction, float]:
        v, (q, error) = self.variances, self._found[-1]
        if len(self._found) > 1 and self._found[-2][0] == q:
            return q, error  # the fixed point, or as near to it as the bits allow
        if _is_too_large(v.activation, q, _RANGE - log2(v.sigma_w2_at(64))):
            self._check(math.inf)
        square = v.stretched(len(self._found), q).dual.mean_square(self.bits + 8)
        sigma_b2 = v._rational_sigma_b2(self.bits)
        if error == -math.inf and isinstance(square, Fraction) and v.sigma_w2 is not None and sigma_b2 is not None:
            exactly = v.sigma_w2 * square + sigma_b2
            self._check(log2(context(64).mpf(exactly.numerator)) - log2(context(64).mpf(exactly.denominator)))
            if exactly.denominator.bit_length() + exactly.numerator.bit_length() < 4 * self.bits:
                return exactly, error
        ctx = context(self.bits + 8)
        value = v.sigma_w2_at(ctx.prec) * real(ctx, square) + v.sigma_b2_at(ctx.prec)
        self._check(log2(value))
        found, rounding = self._rounded(value)
        if error == -math.inf:
            return found, rounding
        grown = error + max(0.0, math.log2(self._steepness(found)))
        return found, max(grown, rounding) + math.log2(1 + 2.0 ** -abs(grown - rounding))

    def _steepness(self, following: Fraction) -> float:
        """Return by how much the map of q amplifies relative errors: the ratio of its last two steps, relatively."""
        q = self._found[-1][0]
        if self.variances.activation.homogeneous or following == q:
            return 1.0
        if len(self._found) > 1 and (step := q - self._found[-2][0]):
            return abs(float((following - q) / following * q / step))
        dual = self.variances.activation.scaled(q).dual
        return 2 * (1 + float(dual.slope_square(64)) / float(dual.mean_square(64)))

    def _rounded(self, value: Real) -> tuple[Fraction, float]:
        return dyadic(value, self.bits), 2.0 - self.bits

    def _check(self, size: float) -> None:
        if abs(size) >= _RANGE:
            how, layer = "grows beyond 1e301" if size > 0 else "falls below 1e-301", len(self._found) + 1
            raise InputError(
                f"the variance of preactivations of {self.variances.activation.name} {how} at layer {layer}; "
                f"{'lower' if size > 0 else 'raise'} --sigma-w2, or lower --depth"
            )


def _is_too_large(activation: Activation, q: Fraction, most: float) -> bool:
    """Return whether E[φ(√q Z)²] is plainly beyond 2**most, for a φ that does not grow like e^{cx²}.

    To prove the digits of such a number first would take long.
    """
    import numpy as np

    z, root = np.array([*(-x for x in _PLACES), *reversed(_PLACES)], dtype=np.float64), float(q) ** 0.5
    with np.errstate(all="ignore"):
        if not (abs(activation.on_arrays()[0](root * z)) > _LARGE).any():
            return False
    ctx = context(64)
    try:
        values = [activation.phi(ctx, ctx.mpf(root * x)) for x in z.tolist()]
    except InputError:
        return False
    sizes = [2 * log2(value) - x * x / math.log(4) if value else -math.inf for value, x in zip(values, z, strict=True)]
    near, far = (max(sizes[i], sizes[-1 - i]) for i in (len(_PLACES) // 2, 0))
    return max(sizes) > most + _MARGIN and far < _QUADRATIC * near


_PLACES = range(64, 0, -1)  # |z| at which φ(√q z)² e^{−z²/2} is looked at
_LARGE = 1e100  # |φ| below which nothing is too large
_MARGIN = 64  # bits by which one value must be beyond the range, so that the mean is
_QUADRATIC = 3.9  # how many times the logarithm e^{cz²} has at twice the distance: 4


_preactivations = lru_cache(maxsize=64)(_Preactivations)
