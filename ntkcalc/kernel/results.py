"""Results: a kernel's facts, a data set's, a kernel matrix in summary.

The fields of a result are those of its JSON object, by their names and in their order; `ntkcalc.report` derives JSON,
CSV and the JSON Schema from them. The last string of an annotation is what the schema says of the field, words before
it are the values that it may have. `kernel`, `digits` and `engine` belong to the envelope, which comes first. A field
that is None by default is left out where it is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar

INTERNAL: Mapping[str, Any] = {"internal": True}
"""Metadata of a field that is not in the JSON."""

FLAT: Mapping[str, Any] = {"flat": None}
"""Metadata of a field whose own fields stand in its place."""

INTERVAL: Mapping[str, Any] = {"flat": {"mean": "", "low": "_low", "high": "_high"}}
"""Metadata of a field in whose place mean, low and high stand, by its name and these endings."""


@dataclass(frozen=True)
class KernelFacts:
    """A kernel and what follows from its hyperparameters."""

    activation: Annotated[str, "canonical name, with the parameters that differ from their defaults"]
    depth: Annotated[int, "layers l, the linear output included"]
    sigma_w2: Annotated[Decimal | None, "σ_w²; this and the next five are null for networks that have no variances"]
    sigma_b2: Annotated[Decimal | None, "σ_b² = 1 − σ_w² E[φ²]"]
    gamma_w2: Annotated[Decimal | None, "γ_w² = 1 − γ_b²"]
    gamma_b2: Annotated[Decimal | None, "γ_b²"]
    chi: Annotated[Decimal | None, "χ = R'(1) = σ_w² E[φ'²]"]
    total: Annotated[Decimal | None, "S_l = Θ_l(1) = 1 + χ S_{l−1}"]


@dataclass(frozen=True)
class DataFacts:
    """A data set."""

    source: Annotated[str, "where the points come from"]
    n: Annotated[int, "points"]
    d: Annotated[int, "coordinates of a point"]
    rank: Annotated[int | None, "rank of the matrix of points in float64; null where it would cost too much"]
    normalized_rows: Annotated[bool, "whether rows were scaled to unit norm"]


@dataclass(frozen=True)
class MatrixSummary:
    """The kernel matrix of data in summary."""

    engine: ClassVar[str] = "numpy"
    kernel: Annotated[KernelFacts, "the kernel"]
    data: Annotated[DataFacts, "the points"]
    other: Annotated[DataFacts | None, "the other points of a cross matrix"]
    digits: Annotated[int, "most significant digits of a number; fewer where fewer are known"]
    minimum: Annotated[Decimal, "least entry"]
    mean: Annotated[Decimal, "mean of the entries"]
    maximum: Annotated[Decimal, "largest entry"]
    diagonal: Annotated[Decimal | None, "Θ_l(1); null for a cross matrix"]
    accuracy: Annotated[float, "measured bound on the errors of entries over Θ_l(1)"]
    output: Annotated[str | None, "file that the matrix was written to"]
    seconds: Annotated[float, "time taken"] = field(metadata=INTERNAL)
