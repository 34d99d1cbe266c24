r"""Θ_l on arrays, in float64: the layer map as an interpolant of exactly computed values.

The state is an angle: |t| = cos ψ, 0 ≤ ψ ≤ π/2, and the sign of t. A layer maps ψ to ψ' = ψ G(ψ) near t = 1
(G(0) = √χ), and G and R' are smooth in ψ on all of [0, π/2], the square-root singularities of
relu-type kernels at t = ±1 included. So a short Chebyshev series of each, interpolating high-precision values,
is a layer map of any activation, and 1 − |t| = 2 sin²(ψ/2) keeps its relative accuracy through all layers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Self

import numpy as np

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.errors import AccuracyError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.recursion import is_mirrored, layer_map
from ntkcalc.kernel.variances import CorrelationMap
from ntkcalc.numerics.precision import Real, context
from ntkcalc.numerics.types import Array, Flags

_BITS = 64
_FIRST, _LAST = 32, 512  # degrees of the interpolants
_NEGLIGIBLE = 1e-15  # of the largest Chebyshev coefficient


@dataclass(frozen=True)
class LayerMap:
    """R and R' as Chebyshev series in x = 4ψ/π − 1."""

    angle: Annotated[Array, "of G = ψ'/ψ, for t ≥ 0"]
    slope: Annotated[Array, "of R'(t), t ≥ 0"]
    image_below: Annotated[Array | None, "of R(t), t ≤ 0; None where R is mirrored"]
    slope_below: Annotated[Array | None, "of R'(t), t ≤ 0; None where R is mirrored"]
    parity: Annotated[str | None, '"odd" or "even" where R is, else None']

    def __call__(self, negative: Flags, angle: Array) -> tuple[Flags, Array, Array]:
        """Return the sign and the angle of R(t), and R'(t)."""
        x = angle * (4 / math.pi) - 1
        if self.image_below is None or self.slope_below is None:
            image, slope = angle * _summed(x, self.angle), _summed(x, self.slope)
            if self.parity == "even":
                return np.zeros_like(negative), image, np.where(negative, -slope, slope)
            return negative, image, slope
        sign, image, slope = np.zeros_like(negative), np.empty_like(angle), np.empty_like(angle)
        above, below = ~negative, negative
        image[above] = angle[above] * _summed(x[above], self.angle)
        slope[above] = _summed(x[above], self.slope)
        value = _summed(x[below], self.image_below)
        sign[below] = value < 0
        image[below] = angle_from(1 - np.abs(value))
        slope[below] = _summed(x[below], self.slope_below)
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
    angle, slope = _interpolated(layer, 1)
    if is_mirrored(layer, _BITS):
        return LayerMap(angle, slope, None, None, layer.parity)
    return LayerMap(angle, slope, *_interpolated(layer, -1), None)


def _interpolated(layer: CorrelationMap, sign: int) -> tuple[Array, Array]:
    """Return Chebyshev series of G and R' (t ≥ 0) or R and R' (t ≤ 0), as long as they need to be."""
    degree, known = _FIRST, {}
    while degree <= _LAST:
        for j in range(degree + 1):
            place = j / degree
            if place not in known:
                known[place] = _at_angle(layer, sign, place)
        values = np.array([known[j / degree] for j in range(degree + 1)])
        series = [_chebyshev_series(column) for column in values.T]
        if all(np.abs(c[-4:]).max() <= _NEGLIGIBLE * np.abs(c).max() for c in series):
            return series[0], series[1]
        degree *= 2
    name = layer.variances.activation.name
    raise AccuracyError(f"{name}: its layer map is too sharp for float64; evaluate single values with --rho")


def _at_angle(layer: CorrelationMap, sign: int, place: float) -> tuple[float, float]:
    """Return G or R, and R', at ψ = (π/4)(1 + cos(π · place))."""
    ctx = context(_BITS + 16)
    if place == 1:  # t = ±1
        if sign > 0:
            chi = ctx.convert(layer.slope(_BITS))
            return float(ctx.sqrt(chi)), float(chi)
        image, slope = layer_map(layer, Correlation(-1, ExpansionPoint(ctx.zero, near_one=True)), _BITS)
        return _signed(ctx, image), float(slope)
    angle = ctx.pi / 2 * ctx.cos(ctx.pi / 2 * ctx.mpf(place)) ** 2
    delta = 2 * ctx.sin(angle / 2) ** 2
    image, slope = layer_map(layer, Correlation(sign, ExpansionPoint.between(ctx.cos(angle), delta)), _BITS)
    if sign < 0:
        return _signed(ctx, image), float(slope)
    return float(2 * ctx.asin(ctx.sqrt(image.size.at(ctx)[1] / 2)) / angle), float(slope)


def _signed(ctx: Real, t: Correlation) -> float:
    return float(t.at(ctx)[0])


def _summed(x: Array, series: Array) -> Array:
    return np.asarray(np.polynomial.chebyshev.chebval(x, series), dtype=np.float64)


def _chebyshev_series(values: Array) -> Array:
    """Return the coefficients of the interpolant of values at cos(πj/n), j = 0 … n."""
    n = len(values) - 1
    transform = np.fft.rfft(np.concatenate([values, values[-2:0:-1]])).real / n
    transform[[0, -1]] /= 2
    return np.asarray(transform, dtype=np.float64)
