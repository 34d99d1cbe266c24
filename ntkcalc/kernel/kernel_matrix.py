r"""Kernel matrices Θ(⟨x_i, y_j⟩) in float64, tile by tile, so that the memory they need does not grow with n.

Tiles make up blocks, which are the tasks of matrices and of products. They depend on the shape of the matrix alone.

A correlation near ±1 is only as good as δ = 1 − |ρ|. There 1 − ρ = ‖x − y‖²/2 and 1 + ρ = ‖x + y‖²/2 are taken
from the points themselves, so that equal rows have δ = 0 exactly and nearly equal ones all their digits.

With u = 2^{−53}, coordinates of unit rows err by relative 2u; rounding errors of norms and of sums of d products add
up like √d u/2 and √d u (the worst case, d u, would need all of one sign). ρ is taken to err by (4√d + 6) u at most,
twice their sum, and δ from differences by 6u √(2δ) + (4√d + 6) u δ. Times dΘ_l/dρ that is what an entry may be off,
beside the error of the lookup: a bound for rounding errors as they come, tested, not a proof for the worst of them.
Nearer to ±1 than any multiple of u, where Θ_l may rise like δ^a, a < 1/2, it is what Θ_l changes by when the distance
√(2δ) of the nearest pair changes by 6u.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np

from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import KernelLookup, kernel_lookup
from ntkcalc.kernel.normed_kernel import RowKernel, row_kernel
from ntkcalc.kernel.points import Points
from ntkcalc.numerics.blas_threads import blas_threads
from ntkcalc.numerics.tasks import HERE, Tasks, aligned
from ntkcalc.numerics.types import Array, Flags, Observer
from ntkcalc.numerics.work import repeated

_TILE = 128  # rows and columns: small enough that half of a small symmetric matrix is skipped, too
_BLOCK = 2048  # rows and columns of a block: 0.1 s of work, beside which the few ms of sending a task are little
_CUTS = 40  # blocks in a row of a large matrix: as many as keep hundreds of workers busy
_LARGEST = 4096  # rows and columns of a block that is stored: 128 MB
_AHEAD = 4  # blocks a worker that wait to be taken
_PRODUCTS = 12  # of a search for eigenvalues, which takes 7 to 25
_NEAR = 2.0**-7  # δ below which it is taken from differences: rounding errors of ρ would be seen through √δ
_UNIT = 2.0**-53
_PAIRS = 1 << 20  # coordinates of pairs at a time


@dataclass(frozen=True)
class Tile:
    """The part of a matrix in the given rows and columns."""

    rows: slice
    columns: slice
    values: Array


Block = tuple[slice, slice]
"""Rows and columns."""


class BlockEntries(NamedTuple):
    """What is known of the entries of a block, counted twice where it stands for its mirror image too."""

    least: float
    largest: float
    sums: list[float]  # of each tile
    closest: float  # least δ ≥ 2^{−7}
    nearest: float  # least δ off the diagonal


class BlockStore(Protocol):
    """A place for blocks that tasks write to, and find again after an interruption."""

    def known(self, block: Block) -> BlockEntries | None:
        """Return what is known of a block that is there."""

    def put(self, block: Block, values: Array, mirrored: bool, entries: BlockEntries) -> None:
        """Store a block, its transpose at the mirrored place too, and then what is known of it."""


@dataclass
class KernelMatrix:
    """The matrix Θ(⟨x_i, y_j⟩) − offset."""

    table: Annotated[KernelLookup, "the kernel"]
    x: Annotated[Array, "points of unit norm, shape (n, d)"]
    y: Annotated[Array | None, "points of unit norm, shape (m, d); None stands for x"] = None
    offset: Annotated[float, "taken off every entry, before any sum is formed"] = 0.0
    closest: Annotated[float, "least δ ≥ 2^{−7} in the tiles computed so far"] = field(default=1.0, init=False)
    nearest: Annotated[float, "least δ off the diagonal in the tiles computed so far"] = field(default=1.0, init=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(aligned(state))

    @property
    def entry_error(self) -> float:
        """What entries computed so far may be off: the error of the lookup, and what rounding of correlations adds."""
        noise = (4 * math.sqrt(self.x.shape[1]) + 6) * _UNIT
        near = (2.0**-k for k in range(7, 41))
        beside = max(self.table.slope(gap) * (6 * _UNIT * math.sqrt(2 * gap) + noise * gap) for gap in near)
        apart = math.sqrt(2 * self.nearest)
        ends = np.array([max(apart - 6 * _UNIT, 0.0), apart + 6 * _UNIT]) ** 2 / 2
        if self.nearest < _NEAR:
            above, below = self.table(np.zeros(2, dtype=np.bool_), ends).tolist()
            beside = max(beside, above - below)
        return self.table.accuracy * self.table.total + max(self.table.slope(self.closest) * noise, beside)

    def _saw(self, closest: float, nearest: float) -> None:
        self.closest, self.nearest = min(self.closest, closest), min(self.nearest, nearest)

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

    def blocks(self, most: int | None = None) -> list[Block]:
        """Return the blocks, of at most so many rows; of a symmetric matrix those on and above the diagonal."""
        n, m = self.shape
        return list(_grid(slice(0, n), slice(0, m), block_side(max(n, m), most), self.y is None))

    def tiles(self, block: Block | None = None, observer: Observer | None = None) -> Iterator[Tile]:
        """Yield all tiles, or those of a block; of a symmetric matrix those on and above the diagonal.

        The observer is called after each.
        """
        others = self.x if self.y is None else self.y
        n, m = self.shape
        for rows, cols in _grid(*(block or (slice(0, n), slice(0, m))), _TILE, self.y is None):
            negative, delta = correlations(self.x[rows], others[cols])
            off = delta[~np.eye(len(delta), dtype=np.bool_)] if self.y is None and rows == cols else delta
            self._saw(float(delta.min(where=delta >= _NEAR, initial=1.0)), float(off.min(initial=1.0)))
            values = self._values(rows, cols, negative, delta)
            if self.offset:
                values -= self.offset
            if self.y is None and rows == cols:
                values = np.triu(values) + np.triu(values, 1).T
            yield Tile(rows, cols, values)
            if observer is not None:
                observer(1, 1)

    @blas_threads(_TILE)
    def fill(
        self, out: Array | BlockStore | None, observer: Observer | None = None, tasks: Tasks = HERE
    ) -> tuple[float, float, float]:
        """Write the matrix to `out`, if there is one, and return its least entry, its mean and its largest.

        Where `out` is a store, the tasks write to it; an array is written to here.
        """
        blocks, (n, m) = self.blocks(_LARGEST), self.shape
        work: Callable[..., tuple[BlockEntries, Array | None]] = _written
        if out is not None and not isinstance(out, np.ndarray):
            work = _stored
        elif not tasks.here and out is not None:
            work = _returned
        least, largest, sums = np.inf, -np.inf, list[float]()
        given = None if work is _returned else out
        parts = self._run(work, blocks, given, observer, tasks)
        for (rows, columns), (entries, values) in zip(blocks, parts, strict=True):
            if values is not None and isinstance(out, np.ndarray):
                out[rows, columns] = values
                if self.y is None and rows != columns:
                    out[columns, rows] = values.T
            least, largest = min(least, entries.least), max(largest, entries.largest)
            sums += entries.sums
            self._saw(entries.closest, entries.nearest)
        return least, math.fsum(sums) / n / m, largest

    @blas_threads(_TILE)
    def product(self, vectors: Array, observer: Observer | None = None, tasks: Tasks = HERE) -> Array:
        """Return the symmetric matrix times a block of vectors, shape (n, b): sums over blocks, in their order."""
        vectors, blocks = np.ascontiguousarray(vectors), self.blocks()
        result = np.zeros_like(vectors)
        with repeated(_PRODUCTS):
            parts = self._run(_multiplied, blocks, tasks.share(vectors), observer, tasks)
            for (rows, columns), (own, mirrored, gaps) in zip(blocks, parts, strict=True):
                result[rows] += own
                if mirrored is not None:
                    result[columns] += mirrored
                self._saw(*gaps)
        return result

    def _run(
        self, work: Callable[..., Any], blocks: list[Block], given: Any, observer: Observer | None, tasks: Tasks
    ) -> Iterator[Any]:
        """Run tasks of blocks; the observer hears of tiles that are done in this process, or of blocks elsewhere."""
        hear = observer if observer is None or not tasks.here else self._counter(observer)
        return tasks.run(work, blocks, tasks.share(self), given, observer=hear, ahead=_AHEAD)

    def _counter(self, observer: Observer) -> Observer:
        """Return an observer that is called for every tile and tells another one how many are done of all."""
        tiles, (down, across) = count(1), (-(-n // _TILE) for n in self.shape)
        whole = down * (down + 1) // 2 if self.y is None else down * across

        def hear(done: int, total: int, stage: str = "") -> None:
            observer(next(tiles), whole)

        return hear


def block_side(n: int, most: int | None = None) -> int:
    """Return the rows and columns of a block of a matrix with n rows or columns, at most `most`."""
    side = max(_BLOCK, -(-n // _CUTS // _TILE) * _TILE)
    return side if most is None else min(side, most)


def stored_side(n: int) -> int:
    """Return the rows and columns of a block of a matrix that is stored."""
    return block_side(n, _LARGEST)


def _grid(rows: slice, columns: slice, side: int, symmetric: bool) -> Iterator[Block]:
    """Yield the squares of some rows and columns; of a symmetric matrix those on and above the diagonal."""
    for i in range(rows.start, rows.stop, side):
        for j in range(columns.start, columns.stop, side):
            if j >= i or not symmetric:
                yield slice(i, min(i + side, rows.stop)), slice(j, min(j + side, columns.stop))


def _entries(
    block: Block, matrix: KernelMatrix, values: Array | None, mirror: Array | None, observer: Observer | None
) -> BlockEntries:
    """Compute a block, into arrays of its shape and of the transposed shape if they are given."""
    least, largest, sums = np.inf, -np.inf, list[float]()
    (top, left), symmetric = (part.start for part in block), matrix.y is None
    for tile in matrix.tiles(block, observer):
        rows = slice(tile.rows.start - top, tile.rows.stop - top)
        columns = slice(tile.columns.start - left, tile.columns.stop - left)
        mirrored = symmetric and tile.rows != tile.columns
        if values is not None:
            values[rows, columns] = tile.values
        if mirror is not None and mirrored:
            mirror[columns, rows] = tile.values.T
        least = min(least, float(tile.values.min()))
        largest = max(largest, float(tile.values.max()))
        sums.append((1 + mirrored) * float(tile.values.sum()))
    return BlockEntries(least, largest, sums, matrix.closest, matrix.nearest)


def _written(
    block: Block, matrix: KernelMatrix, out: Array | None, observer: Observer | None
) -> tuple[BlockEntries, Array | None]:
    """Compute a block, into the whole matrix if that is given."""
    if out is None:
        return _entries(block, matrix, None, None, observer), None
    return _entries(block, matrix, out[block], out[block[::-1]] if matrix.y is None else None, observer), None


def _returned(
    block: Block, matrix: KernelMatrix, out: None, observer: Observer | None
) -> tuple[BlockEntries, Array | None]:
    """Compute a block and return it."""
    values = np.empty([part.stop - part.start for part in block])
    return _entries(block, matrix, values, values if block[0] == block[1] else None, observer), values


def _stored(
    block: Block, matrix: KernelMatrix, store: BlockStore, observer: Observer | None
) -> tuple[BlockEntries, Array | None]:
    """Compute a block that is not in a store yet, and put it there."""
    entries = store.known(block)
    if entries is None:
        entries, values = _returned(block, matrix, None, observer)
        assert values is not None
        store.put(block, values, matrix.y is None and block[0] != block[1], entries)
    elif observer is not None:
        for _ in _grid(*block, _TILE, matrix.y is None):
            observer(1, 1)
    return entries, None


def _multiplied(
    block: Block, matrix: KernelMatrix, vectors: Array, observer: Observer | None
) -> tuple[Array, Array | None, tuple[float, float]]:
    """Return a block times vectors, its transpose times vectors where it stands for its mirror image, and least δ."""
    (rows, columns), width = block, vectors.shape[1]
    own = np.zeros((rows.stop - rows.start, width))
    mirrored = own if rows == columns else np.zeros((columns.stop - columns.start, width))
    for tile in matrix.tiles(block, observer):
        own[tile.rows.start - rows.start : tile.rows.stop - rows.start] += tile.values @ vectors[tile.columns]
        if tile.rows != tile.columns:
            start, stop = tile.columns.start - columns.start, tile.columns.stop - columns.start
            mirrored[start:stop] += tile.values.T @ vectors[tile.rows]
    return own, None if rows == columns else mirrored, (matrix.closest, matrix.nearest)


class NormedKernelMatrix(KernelMatrix):
    """The matrix Θ(x_i, y_j) of points with norms."""

    def __init__(
        self, kernel: RowKernel, x: Array, norms: Array, y: Array | None = None, others: Array | None = None
    ) -> None:
        self.kernel, self.x, self.y, self.offset = kernel, x, y, 0.0
        self.closest = self.nearest = 1.0
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
