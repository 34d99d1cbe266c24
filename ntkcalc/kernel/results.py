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
class FixedPoint:
    """Where the variances of a deeper and deeper network go, and the phase there (15 digits at most)."""

    q: Annotated[Decimal, "q* = σ_w² E[φ(√q* Z)²] + σ_b², the limit of q_l"]
    chi: Annotated[Decimal, "χ* = σ_w² E[φ'(√q* Z)²]: below 1 correlations go to 1 (ordered), above 1 not (chaotic)"]
    correlation: Annotated[Decimal, "C*, the limit of correlations: 1 where χ* ≤ 1"]


@dataclass(frozen=True)
class KernelFacts:
    """A kernel and what follows from its hyperparameters."""

    activation: Annotated[str, "canonical name, with the parameters that differ from their defaults"]
    depth: Annotated[int, "layers l, the linear output included"]
    sigma_w2: Annotated[Decimal | None, "σ_w²; all numbers but the depth are null for networks that have no variances"]
    sigma_b2: Annotated[Decimal | None, "σ_b²; 1 − σ_w² E[φ²] under Assumption 2"]
    gamma_w2: Annotated[Decimal | None, "γ_w²; 1 − γ_b² under Assumption 2"]
    gamma_b2: Annotated[Decimal | None, "γ_b²"]
    chi: Annotated[Decimal | None, "χ_l = σ_w² E[φ'(√q_{l−1} Z)²]; χ = R'(1) under Assumption 2"]
    total: Annotated[Decimal | None, "S_l = Θ_l(1) = q_l + χ_l S_{l−1}; of the NNGP kernel q_l"]
    name: Annotated[str, ("ntk", "nngp"), 'Θ_l ("ntk") or the NNGP kernel Σ_l ("nngp")']
    variances: Annotated[
        tuple[Decimal, ...] | None, "q_1 … q_l, the variances of preactivations; all 1 by Assumption 2"
    ]
    slopes: Annotated[tuple[Decimal, ...] | None, "χ_2 … χ_l"]
    fixed_point: Annotated[FixedPoint | None, "the limit of infinite depth; null where q_l diverges or is not found"]


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
    diagonal: Annotated[Decimal | None, "Θ_l(1); null for a cross matrix, and for rows of different norms"]
    accuracy: Annotated[float, "measured bound on the errors of entries over the largest of the diagonal"]
    output: Annotated[str | None, "file that the matrix was written to"]
    seconds: Annotated[float, "time taken"] = field(metadata=INTERNAL)
