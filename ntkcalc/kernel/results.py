"""Results of the package: a kernel's facts, a data set's, a kernel matrix in summary."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class KernelFacts:
    """A kernel and what follows from its hyperparameters.

    Parameters
    ----------
    activation, depth
        Canonical name of φ; layers including the linear output.
    sigma_w2, sigma_b2, gamma_w2, gamma_b2
        The variances; σ_b² = 1 − σ_w² E[φ²], γ_w² = 1 − γ_b².
    chi
        χ = R'(1) = σ_w² E[φ'²].
    total
        Θ_l(1) = S_l = 1 + χ S_{l−1}.
    """

    activation: str
    depth: int
    sigma_w2: Decimal
    sigma_b2: Decimal
    gamma_w2: Decimal
    gamma_b2: Decimal
    chi: Decimal
    total: Decimal


@dataclass(frozen=True)
class DataFacts:
    """A data set.

    Parameters
    ----------
    source
        Where it comes from.
    n, d
        Points and coordinates.
    rank
        Rank of the matrix of points in float64; None where it would cost too much.
    normalized_rows
        Whether rows had to be scaled to unit norm.
    """

    source: str
    n: int
    d: int
    rank: int | None
    normalized_rows: bool


@dataclass(frozen=True)
class MatrixSummary:
    """A kernel matrix in summary.

    Parameters
    ----------
    kernel, data, other
        The kernel, the points, and the other points of a cross matrix.
    digits
        Most significant digits of a number; fewer where fewer are known.
    minimum, mean, maximum
        Of its entries.
    diagonal
        Θ_l(1), or None for a cross matrix.
    accuracy
        Measured bound on the errors of entries over Θ_l(1).
    output
        File it was written to.
    seconds
        What it took.
    """

    kernel: KernelFacts
    data: DataFacts
    other: DataFacts | None
    digits: int
    minimum: Decimal
    mean: Decimal
    maximum: Decimal
    diagonal: Decimal | None
    accuracy: float
    output: str | None
    seconds: float
