r"""The largest eigenvalues of a symmetric matrix K that is given by its products with blocks of vectors.

Block Krylov method: an orthonormal basis Q of span{V, KV, …, K^m V} grows by one block per pass, with full
reorthogonalisation, and H = QᵀKQ is diagonalised (Rayleigh–Ritz). With K Q = Q H + N B Eᵀ (N the next block, E the last
one) a Ritz pair (θ, Qy) has the residual ‖B Eᵀy‖. Some eigenvalue lies within the residual of θ or, where the
next Ritz value is a gap away, within residual²/gap. Blocks need few passes, for the matrix costs more than the vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ntkcalc.numerics.types import Array

Product = Callable[[Array], Array]
"""V ↦ KV for blocks of vectors, shape (n, b)."""

GOAL = 1e-13
"""Errors over λ_1 at which a search for eigenvalues ends."""

MOST_PASSES = 25
"""Products with a matrix that is computed anew each time."""

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


def largest_eigenvalue(product: Product, n: int, width: int, most: int) -> Ritz:
    """Return λ_1 of an n × n matrix with an error ≤ 1e-13 λ_1, or what `most` products with `width` vectors give."""
    space = BlockKrylov(product, n, width)
    while True:
        space.grow()
        top = space.ritz(count=1)
        if space.complete or top.converged or space.passes >= most:
            return top


class BlockKrylov:
    """A Krylov space of an n × n matrix that grows by a block of `width` vectors a pass.

    The first vector is (1, …, 1), so that the space serves K + c 11ᵀ too.
    """

    def __init__(self, product: Product, n: int, width: int = 64) -> None:
        self.product, self.passes, self.random = product, 0, np.random.default_rng(_SEED)
        start = self.random.standard_normal((n, max(1, min(width, n))))
        start[:, 0] = 1
        self.next, _ = np.linalg.qr(start)
        self.width = self.next.shape[1]
        self.coupling: Array = np.zeros((0, 0))
        self.basis: Array = np.zeros((n, 0))
        self.projected: Array = np.zeros((0, 0))

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
        known = np.concatenate([self.basis, self.next], axis=1)
        fresh = self.random.standard_normal((len(known), min(self.width, len(known) - known.shape[1])))
        for _ in range(2):
            fresh -= known @ (known.T @ fresh)
        if fresh.shape[1]:
            self.next = np.concatenate([self.next, np.linalg.qr(fresh)[0]], axis=1)
            self.coupling = np.concatenate([self.coupling, np.zeros((fresh.shape[1], self.coupling.shape[1]))])

    def _grow(self) -> None:
        block, old = self.next, self.basis.shape[1]
        image = self.product(block)
        self.passes += 1
        self.basis = np.concatenate([self.basis, block], axis=1)
        column = np.zeros((self.basis.shape[1], block.shape[1]))
        for _ in range(2):  # twice is enough (Parlett)
            part = self.basis.T @ image
            image -= self.basis @ part
            column += part
        projected = np.zeros((self.basis.shape[1],) * 2)
        projected[:old, :old] = self.projected
        projected[:, old:] = column
        projected[old:, :old] = column[:old].T
        projected[old:, old:] = (column[old:] + column[old:].T) / 2
        self.projected = projected
        self._turn(image)

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
