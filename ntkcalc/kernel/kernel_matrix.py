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
from fractions import Fraction
from typing import Annotated

import numpy as np

from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import KernelLookup, kernel_lookup
from ntkcalc.kernel.normed_kernel import RowKernel, row_kernel
from ntkcalc.kernel.points import Points
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
    def uniform(self) -> Kernel | None:
        """The kernel whose total is every entry of the diagonal of Θ(XXᵀ), None where these differ."""
        return self.table.kernel

    @property
    def accuracy(self) -> float:
        """Error of the kernel over the largest entry of the diagonal."""
        return self.table.accuracy

    @property
    def diagonal(self) -> float:
        """The largest entry of the diagonal of Θ(XXᵀ)."""
        return self.table.total

    @property
    def trace(self) -> float:
        """The trace of Θ(XXᵀ)."""
        return self.table.total * len(self.x)

    def _values(self, rows: slice, columns: slice, negative: Flags, delta: Array) -> Array:
        """Return the entries of a tile at |ρ| = 1 − δ."""
        return self.table(negative, delta)

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
            values = self._values(rows, cols, negative, delta)
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


class NormedKernelMatrix(KernelMatrix):
    """The matrix Θ(x_i, y_j) of points with norms."""

    def __init__(
        self, kernel: RowKernel, x: Array, norms: Array, y: Array | None = None, others: Array | None = None
    ) -> None:
        self.kernel, self.x, self.y, self.offset, self.closest = kernel, x, y, 0.0, 1.0
        self.sides = [kernel.side(norms), kernel.side(norms if others is None else others)]
        squares = kernel.roots(norms) ** 2
        self._diagonal, self._trace = float(squares.max()), float(squares.sum())
        largest = np.array([norms.max()])
        near, beside = (
            float(kernel.tile(largest, largest, np.zeros((1, 1), dtype=np.bool_), np.full((1, 1), gap))[0, 0])
            for gap in (_NEAR, _NEAR * (1 + 2.0**-10))
        )
        self._steepness = abs(near - beside) / (_NEAR * 2.0**-10)

    @property
    def entry_error(self) -> float:
        """See `KernelMatrix.entry_error`."""
        noise = (4 * math.sqrt(self.x.shape[1]) + 6) * _UNIT
        return self.kernel.accuracy * self._diagonal + self._steepness * noise

    @property
    def uniform(self) -> Kernel | None:
        """None: entries of the diagonal differ."""
        return None

    @property
    def accuracy(self) -> float:
        """Error of the kernel over the largest entry of the diagonal."""
        return self.kernel.accuracy

    @property
    def diagonal(self) -> float:
        """The largest entry of the diagonal."""
        return self._diagonal

    @property
    def trace(self) -> float:
        """The trace."""
        return self._trace

    def _values(self, rows: slice, columns: slice, negative: Flags, delta: Array) -> Array:
        mine, others = ([part[s] for part in side] for side, s in zip(self.sides, (rows, columns), strict=True))
        return self.kernel.between(mine, others, negative, delta)


def kernel_matrix(kernel: Kernel, points: Points, other: Points | None = None, offset: float = 0.0) -> KernelMatrix:
    """Return the matrix of a kernel on points, or between two sets of points."""
    norms = [p.norms if p.norms is not None else np.ones(len(p.rows)) for p in (points, *([other] if other else []))]
    together, y = np.concatenate(norms), None if other is None else other.rows
    least, largest = float(together.min()), float(together.max())
    if points.norms is None and (other is None or other.norms is None):
        return KernelMatrix(kernel_lookup(kernel), points.rows, y, offset)
    if largest - least <= 1e-15 * largest and least > 0:  # a sphere of another radius
        return KernelMatrix(kernel_lookup(kernel.on_sphere(Fraction(largest))), points.rows, y, offset)
    return NormedKernelMatrix(row_kernel(kernel, least, largest), points.rows, norms[0], y, *norms[1:])


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
