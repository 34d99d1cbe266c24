"""The eigenvalues of the Gram matrix XXᵀ of points, from one singular value decomposition of X."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import numpy as np

from ntkcalc.errors import InputError
from ntkcalc.numerics.known_digits import known_digits
from ntkcalc.numerics.krylov import MOST_PASSES, largest_eigenvalue
from ntkcalc.numerics.types import Array

_MOST_WORK = 1e11  # floating-point operations that a singular value decomposition may take
_DENSE = 4800  # smaller side of X up to which XᵀX or XXᵀ is formed
_UNIT = 2.0**-52
_LONG = 8  # sides of X whose ratio is larger are made equal first
_ROWS = 1 << 20  # numbers of X that are taken at a time


@dataclass(frozen=True)
class GramSpectrum:
    """Eigenvalues of XXᵀ."""

    shape: Annotated[tuple[int, int], "n and d of X"]
    trace: Annotated[float, "Tr XXᵀ, n for rows of unit norm"]
    largest: Annotated[float, "λ_1(XXᵀ)"]
    singular_values: Annotated[Array | None, "those of X, largest first; None where they would cost too much"]

    @classmethod
    def of(cls, x: Array) -> GramSpectrum:
        """Return the spectrum for points x, shape (n, d)."""
        (n, d), squares = x.shape, float(np.einsum("ij,ij->", x, x))
        trace = n if abs(squares - n) < 1e-9 * n else squares
        if trace == 0:
            raise InputError("all points are zero: there is nothing to compare")
        if 10.0 * n * d * min(n, d) <= _MOST_WORK:
            sizes = np.asarray(np.linalg.svd(_short(x), compute_uv=False), dtype=np.float64)
            return cls((n, d), trace, float(sizes[0]) ** 2, sizes)
        if min(n, d) <= _DENSE:
            return cls((n, d), trace, float(np.linalg.eigvalsh(x.T @ x if d <= n else x @ x.T)[-1]), None)
        top = largest_eigenvalue(lambda v: np.asarray(x @ (x.T @ v)), n, 16, 4 * MOST_PASSES)
        return cls((n, d), trace, float(top.values[0]), None)

    @property
    def rank(self) -> int | None:
        """Rank of X in float64: its singular values above max(n, d) 2⁻⁵² σ_1; None where they are unknown."""
        sizes = self.singular_values
        return None if sizes is None else int((sizes > sizes[0] * max(self.shape) * _UNIT).sum())

    @property
    def effective_rank(self) -> float:
        """eff(XXᵀ) = Tr XXᵀ/λ_1(XXᵀ), relative error about 1e-14."""
        return self.trace / self.largest

    def share(self, p: int, digits: int) -> Decimal | None:
        """Return λ_p/λ_1, 0 for p > min(n, d); None where it is unknown or below rounding errors."""
        sizes = self.singular_values
        if sizes is None:
            return None
        if p > len(sizes):
            return Decimal(0)
        noise = 1e-15 * len(sizes) ** 0.5
        size = float(sizes[p - 1] / sizes[0])
        return known_digits(size**2, 2 * size * noise, digits) if size > 4 * noise else None


def _short(x: Array) -> Array:
    """Return a matrix with the singular values of x, square where x is much longer than wide or wider than long.

    It is the R of x = QR, or of xᵀ = QR, made from some rows at a time, so that x is not copied.
    """
    tall = x if x.shape[0] >= x.shape[1] else x.T
    length, width = tall.shape
    if length < _LONG * width:
        return x
    step, triangle = max(_LONG * width, _ROWS // width), np.zeros((0, width))
    for i in range(0, length, step):
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, tall[i : i + step]]), mode="r"))
    return triangle
