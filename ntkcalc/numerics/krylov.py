r"""The largest eigenvalues of a symmetric matrix K that is given by its products with blocks of vectors.

Block Krylov method: an orthonormal basis Q of span{V, KV, …, K^m V} grows by one block per pass, with full
reorthogonalisation, and H = QᵀKQ is diagonalised (Rayleigh–Ritz). With K Q = Q H + N B Eᵀ (N the next block, E the last
one) a Ritz pair (θ, Qy) has the residual ‖B Eᵀy‖. Some eigenvalue lies within the residual of θ or, where the
next Ritz value is a gap away, within residual²/gap. Blocks need few passes, for the matrix costs more than the vectors.

Where the space would outgrow its room it is replaced by that of its largest Ritz vectors Y (thick restart, Wu and Simon
2000): K Q Y = Q Y Θ + N B EᵀY, a relation of the same form. With the next block N in the space, that couples all of Y
to it, and what lies outside the space is again the image of the last block alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ntkcalc.numerics.types import Array

Product = Callable[[Array], Array]
"""V ↦ KV for blocks of vectors, shape (n, b)."""

GOAL = 1e-13
"""Errors over λ_1 at which a search for eigenvalues ends."""

LEAST_VECTORS = 1 << 26
"""Bytes that vectors may always take."""

MOST_PASSES = 25
"""Products with a matrix that is computed anew each time."""

_BESIDE = 7  # blocks of vectors at work beside the space
_SQUARES = 6  # matrices as large as H at work in its diagonalisation
_ROWS = 1 << 12  # rows of the space that are turned at a time
_DROPPED = 1e-13  # directions smaller than this, relative to K, are rounding errors
_SEED = 20230501


@dataclass(frozen=True)
class Ritz:
    """Eigenvalues of the projected matrix, largest first, and a bound on the error of each."""

    values: Array  # shape (k,), never above the eigenvalues they approach
    errors: Array  # min(residual, residual²/gap), shape (k,)

    @property
    def converged(self) -> bool:
        """Whether all errors are below 1e-13 λ_1."""
        return bool((self.errors <= GOAL * self.values[0]).all())


def block_shape(stored: bool) -> tuple[int, int, int]:
    """Return vectors in a block, passes between convergence checks, and most passes, for a stored or computed matrix.

    A product with a stored matrix costs little: narrow blocks then need fewer vectors for the same eigenvalues.
    """
    return (16, 3, 6 * MOST_PASSES) if stored else (64, 1, MOST_PASSES)


def space_bytes(n: int, vectors: int, width: int) -> int:
    """Return what a space of so many vectors of length n takes, with blocks of a width, in bytes."""
    vectors = min(vectors, n)
    return 8 * (n * (vectors + _BESIDE * width) + _SQUARES * vectors * vectors)


def room(n: int, memory: int, width: int) -> int:
    """Return how many vectors of length n a space in so many bytes has at most, with blocks of a width; 0 for none."""
    left = memory // 8 - _BESIDE * width * n
    return min(n, (math.isqrt(n * n + 4 * _SQUARES * left) - n) // (2 * _SQUARES)) if left > 0 else 0


def largest_eigenvalue(product: Product, n: int, width: int, most: int) -> Ritz:
    """Return λ_1 of an n × n matrix with an error ≤ 1e-13 λ_1, or what `most` products with `width` vectors give."""
    space = BlockKrylov(product, n, width, room=12 * width)
    while True:
        space.grow()
        top = space.ritz(count=1)
        if space.complete or top.converged or space.passes >= most:
            return top


class BlockKrylov:
    """A Krylov space of an n × n matrix that grows by a block of `width` vectors a pass.

    The first vector is (1, …, 1), so that a space that was never restarted serves K + c 11ᵀ too. A space of more than
    `room` vectors is restarted with those of the `wanted` largest Ritz values and some more.
    """

    def __init__(self, product: Product, n: int, width: int, room: int, wanted: int = 1) -> None:
        self.product, self.passes, self.random = product, 0, np.random.default_rng(_SEED)
        start = self.random.standard_normal((n, max(1, min(width, n))))
        start[:, 0] = 1
        self.next, _ = np.linalg.qr(start)
        self.width, self.wanted = self.next.shape[1], wanted
        self.coupling: Array = np.zeros((0, 0))
        self.projected: Array = np.zeros((0, 0))
        self._vectors = np.empty((n, min(n, max(room, wanted + 3 * self.width))), order="F")

    @property
    def basis(self) -> Array:
        """Q, shape (n, k)."""
        return self._vectors[:, : len(self.projected)]

    @property
    def complete(self) -> bool:
        """Whether the space is invariant, so that nothing is left to find from its start."""
        return not self.next.size

    @property
    def full(self) -> bool:
        """Whether the space is everything."""
        return bool(self.basis.shape[1] == len(self.basis))

    def grow(self, passes: int = 1) -> None:
        """Add the next blocks, one product with K each, until the space is complete."""
        for _ in range(passes):
            if not self.complete:
                self._grow()

    def refresh(self) -> None:
        """Add as many new random directions to the next block as fit.

        An eigenvalue of higher multiplicity than a block has vectors is found as often as that; what was missed
        shows after some passes.
        """
        (n, known), more = self.basis.shape, self.next.shape[1]
        fresh = self.random.standard_normal((n, min(self.width, n - known - more)))
        for _ in range(2):
            for part in (self.basis, self.next):
                fresh -= part @ (part.T @ fresh)
        if fresh.shape[1]:
            self.next = np.concatenate([self.next, np.linalg.qr(fresh)[0]], axis=1)
            self.coupling = np.concatenate([self.coupling, np.zeros((fresh.shape[1], self.coupling.shape[1]))])

    def _grow(self) -> None:
        if self.basis.shape[1] + self.next.shape[1] > self._vectors.shape[1]:
            self._restart()
        block, old = self.next, self.basis.shape[1]
        image = self.product(block)
        self.passes += 1
        basis = self._vectors[:, : old + block.shape[1]]
        basis[:, old:] = block
        column = np.zeros((basis.shape[1], block.shape[1]))
        for _ in range(2):  # twice is enough (Parlett)
            part = basis.T @ image
            image -= basis @ part
            column += part
        projected = np.zeros((basis.shape[1],) * 2)
        projected[:old, :old] = self.projected
        projected[:, old:] = column
        projected[old:, :old] = column[:old].T
        projected[old:, old:] = (column[old:] + column[old:].T) / 2
        self.projected = projected
        self._turn(image)

    def _restart(self) -> None:
        """Keep the vectors of the largest Ritz values: those wanted and half of the others that there is room for."""
        spare = self._vectors.shape[1] - self.wanted
        keep = min(len(self.projected), self.wanted + max(self.width, spare // 2 - self.width))
        values, turn = np.linalg.eigh(self.projected)
        turn = np.ascontiguousarray(turn[:, ::-1][:, :keep])
        for i in range(0, len(self.basis), _ROWS):
            self._vectors[i : i + _ROWS, :keep] = self.basis[i : i + _ROWS] @ turn
        self.projected = np.diag(values[::-1][:keep])

    def _turn(self, rest: Array) -> None:
        """Take the directions that are left of KQ as the next block."""
        left, sizes, right = np.linalg.svd(rest, full_matrices=False)
        kept = sizes > _DROPPED * max(1e-300, float(np.abs(self.projected).max()))
        kept[len(self.basis) - self.basis.shape[1] :] = False
        fresh = left[:, kept]
        fresh -= self.basis @ (self.basis.T @ fresh)
        self.next = np.linalg.qr(fresh)[0] if fresh.shape[1] else fresh
        self.coupling = sizes[kept, None] * right[kept]

    def ritz(self, count: int = 2, shift: float = 0.0) -> Ritz:
        """Return the largest Ritz values of K + shift · 11ᵀ, at most `count`, and their errors."""
        k, matrix = len(self.projected), self.projected
        if shift:
            ones = self.basis.sum(axis=0)
            matrix = matrix + shift * np.outer(ones, ones)
        values, vectors = np.linalg.eigh(matrix)
        values, vectors = values[::-1][: count + 1], vectors[:, ::-1][:, : count + 1]
        width = self.coupling.shape[1]
        residuals = np.linalg.norm(self.coupling @ vectors[k - width :], axis=0) if width else np.zeros(len(values))
        gaps = np.append(values[:-1] - values[1:], 0.0)
        gap = np.minimum(gaps, np.append(np.inf, gaps[:-1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(gap > 4 * residuals, residuals**2 / gap, residuals)
        errors = np.where(residuals > 0, errors, 0.0)
        return Ritz(values[:count], errors[:count])
