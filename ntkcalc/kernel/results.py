"""Results: a kernel's facts, a data set's, a kernel matrix in summary.

The fields of a result are those of its JSON object, by their names and in their order; `ntkcalc.report` derives JSON,
CSV and the JSON Schema from them, and the schema's descriptions from the sections Parameters. `kernel`, `digits` and
`engine` belong to the envelope, which comes first. A field that is None by default is left out where it is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

INTERNAL: Mapping[str, Any] = {"internal": True}
"""Metadata of a field that is not in the JSON."""

FLAT: Mapping[str, Any] = {"flat": None}
"""Metadata of a field whose own fields stand in its place."""

INTERVAL: Mapping[str, Any] = {"flat": {"mean": "", "low": "_low", "high": "_high"}}
"""Metadata of a field in whose place mean, low and high stand, by its name and these endings."""


@dataclass(frozen=True)
class KernelFacts:
    """A kernel and what follows from its hyperparameters.

    Parameters
    ----------
    activation
        canonical name, with the parameters that differ from their defaults
    depth
        layers l, the linear output included
    sigma_w2
        σ_w²; this and the next five are null for networks that have no variances
    sigma_b2
        σ_b² = 1 − σ_w² E[φ²]
    gamma_w2
        γ_w² = 1 − γ_b²
    gamma_b2
        γ_b²
    chi
        χ = R'(1) = σ_w² E[φ'²]
    total
        S_l = Θ_l(1) = 1 + χ S_{l−1}
    """

    activation: str
    depth: int
    sigma_w2: Decimal | None
    sigma_b2: Decimal | None
    gamma_w2: Decimal | None
    gamma_b2: Decimal | None
    chi: Decimal | None
    total: Decimal | None


@dataclass(frozen=True)
class DataFacts:
    """A data set.

    Parameters
    ----------
    source
        where the points come from
    n
        points
    d
        coordinates of a point
    rank
        rank of the matrix of points in float64; null where it would cost too much
    normalized_rows
        whether rows were scaled to unit norm
    """

    source: str
    n: int
    d: int
    rank: int | None
    normalized_rows: bool


@dataclass(frozen=True)
class MatrixSummary:
    """The kernel matrix of data in summary.

    Parameters
    ----------
    kernel
        the kernel
    data
        the points
    other
        the other points of a cross matrix
    digits
        most significant digits of a number; fewer where fewer are known
    minimum
        least entry
    mean
        mean of the entries
    maximum
        largest entry
    diagonal
        Θ_l(1); null for a cross matrix
    accuracy
        measured bound on the errors of entries over Θ_l(1)
    output
        file that the matrix was written to
    seconds
        time taken
    """

    engine: ClassVar[str] = "numpy"
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
    seconds: float = field(metadata=INTERNAL)
