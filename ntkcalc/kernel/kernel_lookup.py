r"""Θ_l on large arrays: a table of short polynomials, looked up by the leading bits of δ = 1 − |ρ|.

An octave 2^{−j−1} ≤ δ < 2^{−j} is cut into 16 pieces. Θ_l is analytic in δ but for δ = 0 (and 2), 33 half-widths
away from the middle of a piece, so that a polynomial of degree 8 is left with an error of 66^{−9} of its size,
whatever the activation and the depth and however singular the kernel at ρ = ±1. The exponent and the first
four bits of δ are the piece; the bits that follow are the place in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Annotated

import numpy as np

from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.layer_interpolant import ArrayRecursion
from ntkcalc.kernel.recursion import theta
from ntkcalc.numerics.precision import Real, exact
from ntkcalc.numerics.types import Array, Flags

_CUTS = 4  # bits: 16 pieces an octave
_OCTAVES = 40  # down to δ = 1e-12; what is closer to ±1 is rare
_DEGREE = 8
_BASE = (1023 - _OCTAVES) << _CUTS
_PIECES = (_OCTAVES << _CUTS) + 2  # and one below all octaves, one for δ = 1
_CENTRAL = 30  # degree that reaches |ρ| ≤ 1/2, where Θ's singularities at ±1 leave (2 + √3)^-30 = 7e-18
_BITS = 64
_BLOCK = 8192  # entries that stay in the cache


@dataclass(frozen=True)
class KernelLookup:
    """A kernel in float64."""

    kernel: Annotated[Kernel, "the kernel"]
    recursion: Annotated[ArrayRecursion, "what the table is made from, and where ρ is too near ±1 for it"]
    coefficients: Annotated[Array, "of x^0 … x^8 in each piece, −1 ≤ x ≤ 1, shape (9, 2 · pieces): ρ ≥ 0 first"]
    total: Annotated[float, "S_l"]
    accuracy: Annotated[float, "largest error found at test points, over S_l, with a margin"]

    def __call__(self, negative: Flags, delta: Array) -> Array:
        """Return Θ_l at |ρ| = 1 − δ, ρ < 0 where `negative`; shapes as given."""
        out = np.empty(delta.shape)
        flat, signs, gaps = out.reshape(-1), negative.reshape(-1), delta.reshape(-1)
        for start in range(0, len(flat), _BLOCK):
            block = slice(start, start + _BLOCK)
            _look_up(self.coefficients, signs[block], gaps[block], flat[block])
        near = np.flatnonzero((gaps > 0) & (gaps < 2.0**-_OCTAVES))
        if near.size:
            flat[near] = self.recursion(signs[near], gaps[near])
        return out

    def slope(self, delta: float) -> float:
        """Return dΘ_l/dρ at ρ = 1 − δ, δ ≥ 2^{−40}, the largest for |ρ| ≤ 1 − δ: Θ_l has coefficients ≥ 0."""
        leading = int(np.float64(min(delta, 1.0)).view(np.int64)) >> (52 - _CUTS)
        piece = min(leading - _BASE + 1, _PIECES - 2)
        width = 2.0 ** ((piece - 1 >> _CUTS) - _OCTAVES) / (1 << _CUTS)
        rises = np.polynomial.polynomial.polyder(self.coefficients[:, piece])
        return float(np.abs(np.polynomial.polynomial.polyval([-1.0, 0.0, 1.0], rises)).max()) * 2 / width

    def worst_error(self, negative: Flags, delta: Array, values: Sequence[Real]) -> float:
        """Return the largest difference from known values, over S_l; 1e-16 at least."""
        pairs = zip(self(negative, delta), values, strict=True)
        return max(1e-16, max(abs(float(true - ours.item())) for ours, true in pairs) / self.total)


@lru_cache(maxsize=16)
def kernel_lookup(kernel: Kernel) -> KernelLookup:
    """Return a kernel in float64. The first call for a kernel builds its table; the last 16 tables are kept."""
    known = _references(kernel)
    recursion = ArrayRecursion.of(kernel)
    lookup = KernelLookup(kernel, recursion, _table(kernel, recursion), float(kernel.total(_BITS)), math.nan)
    return replace(lookup, accuracy=4 * lookup.worst_error(*known))


def _look_up(coefficients: Array, negative: Flags, delta: Array, out: Array) -> None:
    """Evaluate the pieces by Horner's rule."""
    bits = delta.view(np.int64)
    piece = bits >> (52 - _CUTS)
    piece -= _BASE - 1
    np.maximum(piece, 0, out=piece)
    piece += negative * np.int64(_PIECES)
    place = bits & ((1 << (52 - _CUTS)) - 1)
    place <<= _CUTS
    place |= 1023 << 52
    x = place.view(np.float64)  # in [1, 2)
    x *= 2
    x -= 3
    term = np.empty(len(out))
    np.take(coefficients[_DEGREE], piece, out=out, mode="clip")
    for row in coefficients[_DEGREE - 1 :: -1]:
        out *= x
        np.take(row, piece, out=term, mode="clip")
        out += term


def _table(kernel: Kernel, recursion: ArrayRecursion) -> Array:
    nodes = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    pieces = np.arange(_BASE, _BASE + (_OCTAVES << _CUTS), dtype=np.int64)
    left = (pieces << (52 - _CUTS)).view(np.float64)
    width = ((pieces >> _CUTS) << 52).view(np.float64) / (1 << _CUTS)
    delta = left[:, None] + width[:, None] * (nodes + 1) / 2
    fit = np.linalg.inv(np.vander(nodes, increasing=True)).T
    central = np.arange(len(pieces)) >= (_OCTAVES - 1) << _CUTS
    outer_delta, central_size = delta[~central], 1 - delta[central]
    table = np.zeros((_DEGREE + 1, 2 * _PIECES))
    origin, rise = _central(kernel)
    for half, sign in ((0, 1.0), (_PIECES, -1.0)):
        negative = np.full(outer_delta.shape, sign < 0)
        values = np.concatenate(
            [
                recursion(negative, outer_delta),
                origin + sign * central_size * np.polynomial.chebyshev.chebval(2 * sign * central_size, rise),
            ]
        )
        middle = values[:, _DEGREE // 2]
        table[:, half + 1 : half + _PIECES - 1] = ((values - middle[:, None]) @ fit).T
        table[0, half + 1 : half + _PIECES - 1] += middle
        table[0, half] = recursion(np.array([sign < 0]), np.zeros(1))[0]
        table[0, half + _PIECES - 1] = origin
    table[0, 0] = float(kernel.total(_BITS))
    return table


def _central(kernel: Kernel) -> tuple[float, Array]:
    """Return Θ(0) and (Θ(ρ) − Θ(0))/ρ as a Chebyshev series in 2ρ."""
    places = np.cos(np.pi * (np.arange(_CENTRAL) + 0.5) / _CENTRAL) / 2
    rhos = [Fraction(place.item()) for place in places]
    origin = theta(kernel, Fraction(0), _BITS)
    rises = [float((theta(kernel, rho, _BITS) - origin) / float(rho)) for rho in rhos]
    series = np.polynomial.chebyshev.chebfit(2 * places, rises, _CENTRAL - 1)
    return float(origin), np.asarray(series, dtype=np.float64)


_TESTS = ("0.99999999999993", "0.99999999997", "0.99999991", "0.9997", "0.983", "0.77", "0.49")


def _references(kernel: Kernel) -> tuple[Flags, Array, list[Real]]:
    """Return signs, 1 − |ρ| and Θ_l at the test points and their negatives.

    The hardest come first: what they need of the dual activation serves the others, and the table.
    """
    gaps = [float(1 - exact(text, "rho")) for text in _TESTS]
    pairs = [(gap, sign) for gap in gaps for sign in (1, -1)]
    values = [theta(kernel, sign * (1 - Fraction(gap)), _BITS) for gap, sign in pairs]
    return np.array([sign < 0 for _, sign in pairs]), np.array([gap for gap, _ in pairs]), values
