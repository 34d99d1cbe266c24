r"""Θ_l on arrays, in float64: the layer map as an interpolant of exactly computed values.

The state is an angle: |t| = cos ψ, 0 ≤ ψ ≤ π/2, and the sign of t. A layer maps ψ to ψ' = ψ G(ψ) near t = 1
(G(0) = √χ). For most φ, G and R' are smooth in ψ on all of [0, π/2], the square-root singularities of
relu-type kernels at t = ±1 included. So a short Chebyshev series of each, interpolating high-precision values,
is a layer map of any activation, and 1 − |t| = 2 sin²(ψ/2) keeps its relative accuracy through all layers.

Of φ = |x|^p they have terms like ψ^{2p−1} (times ln ψ where 2p − 1 is even), and of a steep φ they vary at small ψ
alone. Then the series is one in v = ln(1 + ln(π/2ψ)). The singularity at ψ = 0 is at v = ∞, and from others, at ψ = π
or at complex ψ, the interval of v is away by a part of its length that falls like 1/ln(1/|ψ|) at worst.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import Annotated, Self

import numpy as np
from numpy.polynomial.chebyshev import chebder, chebval

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.recursion import is_mirrored, layer_map
from ntkcalc.kernel.variances import CorrelationMap
from ntkcalc.numerics.precision import Real, context
from ntkcalc.numerics.types import Array, Flags

Values = Callable[[float], tuple[float, tuple[float, float]]]
"""From a place p in [0, 1] to ψ and two values."""

_BITS = 64
_DEGREES = (32, 64, 128, 256, 512)  # of the interpolants
_NEGLIGIBLE = 1e-15  # of the largest value
_LEAST_ANGLES = (10, 20, 40, 80, 154)  # −log10 of ψ; the last is that of the least δ which float64 has in full


@dataclass(frozen=True)
class AngleSeries:
    """Two functions of ψ, the second of them R', as Chebyshev series in x = 4ψ/π − 1 or x = 1 − 2v/V."""

    coefficients: Annotated[Array, "shape (n + 1, 2)"]
    reach: Annotated[float | None, "V, the v of the least ψ; None where x = 4ψ/π − 1"]
    slope_at_zero: Annotated[float, "R' at ψ = 0"]

    def __call__(self, angle: Array) -> Array:
        """Return both functions at angles, shape (2, …)."""
        found = chebval(self._places(angle), self.coefficients)
        if self.reach is not None:
            found[1, angle == 0] = self.slope_at_zero
        return np.asarray(found, dtype=np.float64)

    def _places(self, angle: Array) -> Array:
        if self.reach is None:
            return angle * (4 / math.pi) - 1
        v = np.log1p(np.log(math.pi / 2 / np.maximum(angle, 1e-300)))
        return np.maximum(1 - v * (2 / self.reach), -1)

    def rounding(self, angle: Array) -> Array:
        """Return what rounding errors of x change, at most, shape (2, …)."""
        rises = chebval(self._places(angle), chebder(self.coefficients))
        return np.asarray(2.0**-51 * np.abs(rises), dtype=np.float64)


@dataclass(frozen=True)
class LayerMap:
    """R and R' as functions of the angle."""

    above: Annotated[AngleSeries, "G = ψ'/ψ and R'(t), for t ≥ 0"]
    below: Annotated[AngleSeries | None, "R(t) and R'(t), for t ≤ 0; None where R is mirrored"]
    parity: Annotated[str | None, '"odd" or "even" where R is, else None']

    def __call__(self, negative: Flags, angle: Array) -> tuple[Flags, Array, Array]:
        """Return the sign and the angle of R(t), and R'(t)."""
        if self.below is None:
            ratio, slope = self.above(angle)
            if self.parity == "even":
                return np.zeros_like(negative), angle * ratio, np.where(negative, -slope, slope)
            return negative, angle * ratio, slope
        sign, image, slope = np.zeros_like(negative), np.empty_like(angle), np.empty_like(angle)
        above = ~negative
        ratio, slope[above] = self.above(angle[above])
        image[above] = angle[above] * ratio
        value, slope[negative] = self.below(angle[negative])
        sign[negative] = value < 0
        image[negative] = angle_from(1 - np.abs(value))
        return sign, image, slope


def angle_from(delta: Array) -> Array:
    """Return ψ with cos ψ = 1 − δ."""
    angle: Array = 2 * np.arcsin(np.sqrt(np.maximum(delta, 0) / 2))
    return angle


@dataclass(frozen=True)
class ArrayRecursion:
    """Θ_l, or Σ_l of the NNGP kernel, layer by layer: numbers alone, which other processes take as they are."""

    first: Annotated[tuple[float, float, float], "γ_b², γ_w² and γ_b² − γ_w², of unit variance"]
    maps: Annotated[tuple[LayerMap, ...], "of layers 2 … l"]
    variance: Annotated[float, "q_l"]
    name: Annotated[str, '"ntk" or "nngp"']

    @classmethod
    def of(cls, kernel: Kernel) -> Self:
        """Return the recursion of a kernel."""
        bias, weight = kernel.variances.first_layer(_BITS)
        maps = tuple(interpolated_layer_map(layer) for layer in distinct(kernel.maps()))
        first = float(bias), float(weight), float(bias - weight)
        return cls(first, maps, float(kernel.variance(_BITS)), kernel.name)

    def __call__(self, negative: Flags, delta: Array) -> Array:
        """Return the kernel at |ρ| = 1 − δ, ρ < 0 where `negative`."""
        gamma_b2, gamma_w2, gap = self.first
        result = np.where(negative, gap + gamma_w2 * delta, 1 - gamma_w2 * delta)
        below = result < 0
        from_one = np.where(negative, gamma_w2 * (2 - delta), gamma_w2 * delta)
        angle = angle_from(np.where(below, 2 * gamma_b2 + gamma_w2 * delta, from_one))
        for layer in self.maps:
            below, angle, slope = layer(below, angle)
            image = np.cos(angle)
            result = np.where(below, -image, image) + (result * slope if self.name == "ntk" else 0.0)
        return result * self.variance


def distinct(maps: list[CorrelationMap]) -> list[CorrelationMap]:
    """Return the maps of layers, with one in the place of those whose q is the same in float64."""
    found: list[CorrelationMap] = []
    for layer in maps:
        q = layer.variances.variance(layer.layer - 1, _BITS)
        last = found[-1].variances.variance(found[-1].layer - 1, _BITS) if found else Fraction(0)
        found.append(found[-1] if abs(q - last) < q / (1 << 52) else layer)
    return found


@lru_cache(maxsize=128)
def interpolated_layer_map(layer: CorrelationMap) -> LayerMap:
    """Return the map of a layer."""
    mirrored = is_mirrored(layer, _BITS)
    return LayerMap(
        _interpolated(layer, 1), None if mirrored else _interpolated(layer, -1), layer.parity if mirrored else None
    )


def _interpolated(layer: CorrelationMap, sign: int) -> AngleSeries:
    """Return G and R' (t ≥ 0) or R and R' (t ≤ 0), as series that are as long as they need to be."""
    found = _series(layer, sign, None) or _series(layer, sign, _reach(layer, sign))
    if found is None:
        name = layer.variances.activation.name
        raise AccuracyError(f"{name}: its layer map is too sharp for float64; evaluate single values with --rho")
    return found


def _series(layer: CorrelationMap, sign: int, reach: float | None) -> AngleSeries | None:
    """Return series in x = 4ψ/π − 1 or in v, None where these are too long.

    The last coefficients alone do not show the sum of those that follow, so that a series is compared with exact
    values between its nodes, too. One in ψ whose last coefficients are not squared, or nearly, when its length is
    doubled does not end soon.
    """
    exact, tail = _values_at_places(layer, sign, reach), 1.0
    slope_at_zero = _at_angle(layer, sign, context(_BITS).zero)[1]
    for degree in _DEGREES if reach is None else _DEGREES[1:]:
        nodes = np.array([exact(j / degree)[1] for j in range(degree + 1)])
        largest = np.abs(nodes).max(axis=0)
        series = AngleSeries(lobatto_series(nodes), reach, slope_at_zero)
        before, tail = tail, float((np.abs(series.coefficients[-4:]) / largest).max())
        if tail <= _NEGLIGIBLE:
            between = [exact((j + 0.5) / degree) for j in (degree - 1, degree - 2, degree // 2, 0)]
            angles, values = np.array([angle for angle, _ in between]), np.array([value for _, value in between])
            errors = np.abs(series(angles).T - values)
            if (errors <= _NEGLIGIBLE * largest + series.rounding(angles).T).all():
                return series
        if reach is None and tail > before**1.5:
            return None
    return None


def _values_at_places(layer: CorrelationMap, sign: int, reach: float | None) -> Values:
    """Return a function of p in [0, 1]: ψ at x = cos πp, and the two values there."""
    ctx = context(_BITS + 16)

    @cache
    def at_place(place: float) -> tuple[float, tuple[float, float]]:
        half = ctx.pi / 2
        if reach is None:
            angle = half * ctx.cos(half * place) ** 2 if place < 1 else ctx.zero
        else:
            angle = half * ctx.exp(1 - ctx.exp(reach * ctx.sin(half * place) ** 2))
        return float(angle), _at_angle(layer, sign, angle)

    return at_place


def _reach(layer: CorrelationMap, sign: int) -> float:
    """Return the v of an angle below which G or R, and R', are what they are at 0, if there is one in float64."""
    ctx, chi = context(_BITS + 16), float(layer.slope(_BITS))
    scale = np.array([math.sqrt(chi) if sign > 0 else 1.0, chi])
    limit = np.array(_at_angle(layer, sign, ctx.zero))
    for digits in _LEAST_ANGLES:
        values = np.array(_at_angle(layer, sign, ctx.mpf(10) ** -digits))
        if (np.abs(values - limit) <= 2.0**-52 * scale).all():
            break
    return math.log1p(math.log(math.pi / 2) + digits * math.log(10))


def _at_angle(layer: CorrelationMap, sign: int, angle: Real) -> tuple[float, float]:
    """Return G or R, and R', at ψ."""
    ctx = context(_BITS + 16)
    if sign > 0 and not angle:
        chi = ctx.convert(layer.slope(_BITS))
        return float(ctx.sqrt(chi)), float(chi)
    delta, odd = 2 * ctx.sin(angle / 2) ** 2, layer.parity == "odd"
    t = Correlation(1 if odd else sign, ExpansionPoint.between(1 - delta, delta))
    image, slope = layer_map(layer, t, _BITS)
    if sign < 0:
        value = image.at(ctx)[0]
        return float(2 * layer.bias(_BITS) - value if odd else value), float(slope)
    return float(2 * ctx.asin(ctx.sqrt(image.size.at(ctx)[1] / 2)) / angle), float(slope)


def lobatto_series(values: Array) -> Array:
    """Return Chebyshev coefficients along the first axis, from values at cos(πj/n), j = 0 … n."""
    n = len(values) - 1
    transform = np.fft.rfft(np.concatenate([values, values[-2:0:-1]]), axis=0).real / n
    transform[[0, -1]] /= 2
    return np.asarray(transform, dtype=np.float64)
