r"""Kernel matrices Θ(⟨x_i, y_j⟩) in float64, tile by tile, so that the memory they need does not grow with n.

A correlation near ±1 is only as good as δ = 1 − |ρ|. There 1 − ρ = ‖x − y‖²/2 and 1 + ρ = ‖x + y‖²/2 are taken
from the points themselves, so that equal rows have δ = 0 exactly and nearly equal ones all their digits.

With u = 2^{−53}, coordinates of unit rows err by relative 2u; rounding errors of norms and of sums of d products add
up like √d u/2 and √d u (the worst case, d u, would need all of one sign). ρ is taken to err by (4√d + 6) u at most,
twice their sum, and δ from differences by 6u √(2δ) + (4√d + 6) u δ. Times dΘ_l/dρ that is what an entry may be off,
beside the error of the lookup: a bound for rounding errors as they come, tested, not a proof for the worst of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from ntkcalc.kernel.kernel_lookup import KernelLookup
from ntkcalc.numerics.types import Array, Flags, Observer

_TILE = 128  # rows and columns: small enough that half of a small symmetric matrix is skipped, too
_NEAR = 2.0**-7  # δ below which it is taken from differences: rounding errors of ρ would be seen through √δ
_UNIT = 2.0**-53
_PAIRS = 1 << 20  # coordinates of pairs at a time


@dataclass(frozen=True)
class Tile:
    """The part of a matrix in the given rows and columns."""

    rows: slice
    columns: slice
    values: Array


@dataclass
class KernelMatrix:
    """The matrix Θ(⟨x_i, y_j⟩) − offset."""

    table: Annotated[KernelLookup, "the kernel"]
    x: Annotated[Array, "points of unit norm, shape (n, d)"]
    y: Annotated[Array | None, "points of unit norm, shape (m, d); None stands for x"] = None
    offset: Annotated[float, "taken off every entry, before any sum is formed"] = 0.0
    closest: Annotated[float, "least δ ≥ 2^{−7} in the tiles computed so far"] = field(default=1.0, init=False)

    @property
    def entry_error(self) -> float:
        """What entries computed so far may be off: the error of the lookup, and what rounding of correlations adds."""
        noise = (4 * math.sqrt(self.x.shape[1]) + 6) * _UNIT
        near = (2.0**-k for k in range(7, 41))
        beside = max(self.table.slope(gap) * (6 * _UNIT * math.sqrt(2 * gap) + noise * gap) for gap in near)
        return self.table.accuracy * self.table.total + max(self.table.slope(self.closest) * noise, beside)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.x), len(self.x if self.y is None else self.y)

    def tiles(self, observer: Observer | None = None) -> Iterator[Tile]:
        """Yield all tiles; of a symmetric matrix those on and above the diagonal."""
        n, m = self.shape
        columns = self.x if self.y is None else self.y
        down, across = -(-n // _TILE), -(-m // _TILE)
        count = down * (down + 1) // 2 if self.y is None else down * across
        starts = ((i, j) for i in range(0, n, _TILE) for j in range(i if self.y is None else 0, m, _TILE))
        for done, (i, j) in enumerate(starts):
            rows, cols = slice(i, min(i + _TILE, n)), slice(j, min(j + _TILE, m))
            negative, delta = correlations(self.x[rows], columns[cols])
            self.closest = min(self.closest, float(delta.min(where=delta >= _NEAR, initial=1.0)))
            values = self.table(negative, delta)
            if self.offset:
                values -= self.offset
            if self.y is None and i == j:
                values = np.triu(values) + np.triu(values, 1).T
            yield Tile(rows, cols, values)
            if observer is not None:
                observer(done + 1, count)

    def fill(self, out: Array | None, observer: Observer | None = None) -> tuple[float, float, float]:
        """Write the matrix to `out`, if there is one, and return its least entry, its mean and its largest."""
        least, largest, total = np.inf, -np.inf, 0.0
        for tile in self.tiles(observer):
            mirrored = self.y is None and tile.rows != tile.columns
            if out is not None:
                out[tile.rows, tile.columns] = tile.values
                if mirrored:
                    out[tile.columns, tile.rows] = tile.values.T
            least = min(least, float(tile.values.min()))
            largest = max(largest, float(tile.values.max()))
            total += (1 + mirrored) * float(tile.values.sum())
        n, m = self.shape
        return least, total / n / m, largest

    def product(self, vectors: Array, observer: Observer | None = None) -> Array:
        """Return the symmetric matrix times a block of vectors, shape (n, b), tile by tile."""
        result = np.zeros_like(vectors)
        for tile in self.tiles(observer):
            result[tile.rows] += tile.values @ vectors[tile.columns]
            if tile.rows != tile.columns:
                result[tile.columns] += tile.values.T @ vectors[tile.rows]
        return result


def correlations(x: Array, y: Array) -> tuple[Flags, Array]:
    """Return the sign of ρ = ⟨x_i, y_j⟩ (True where negative) and δ = 1 − |ρ|."""
    rho = x @ y.T
    negative = rho < 0
    delta = np.abs(rho, out=rho)
    np.subtract(1, delta, out=delta)
    np.maximum(delta, 0, out=delta)
    near = np.flatnonzero(delta < _NEAR)
    step = max(1, _PAIRS // x.shape[1])
    for start in range(0, len(near), step):
        some = near[start : start + step]
        i, j = np.divmod(some, len(y))
        difference = np.where(negative.reshape(-1)[some, None], x[i] + y[j], x[i] - y[j])
        delta.reshape(-1)[some] = np.einsum("pk,pk->p", difference, difference) / 2
    return negative, delta
