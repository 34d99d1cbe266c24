"""Results: a kernel's facts, a data set's, a kernel matrix in summary.

The fields of a result are those of its JSON object, by their names and in their order; `ntkcalc.report` derives JSON,
CSV and the JSON Schema from them. The last string of an annotation is what the schema says of the field, words before
it are the values that it may have. `kernel`, `digits` and `engine` belong to the envelope, which comes first. A field
that is None by default is left out where it is None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from ntkcalc.errors import NtkcalcError

INTERNAL: Mapping[str, Any] = {"internal": True}
"""Metadata of a field that is not in the JSON."""

FLAT: Mapping[str, Any] = {"flat": None}
"""Metadata of a field whose own fields stand in its place."""

INTERVAL: Mapping[str, Any] = {"flat": {"mean": "", "low": "_low", "high": "_high"}}
"""Metadata of a field in whose place mean, low and high stand, by its name and these endings."""


def named_fields(result: Any) -> dict[str, Any]:
    """Return the values of a dataclass by their names in JSON, without the envelope."""
    found: dict[str, Any] = {}
    for f in fields(result):
        value = getattr(result, f.name)
        if f.name in ENVELOPE or "internal" in f.metadata or (value is None and f.default is None):
            continue
        if "flat" not in f.metadata:
            found[f.metadata.get("name", f.name)] = value
        elif endings := f.metadata["flat"]:
            found |= {f.name + ending: getattr(value, name) for name, ending in endings.items()}
        else:
            found |= named_fields(value)
    return found


ENVELOPE = ("digits", "engine", "kernel")
"""What the JSON of every result starts with."""


class Result:
    """What every result can become: a dictionary, a table of pandas, an array of float64, a line of text.

    `rows` is the field that holds the result's records, if it has such, and `number` that of a record which is *the*
    number: what `values` and arrays are made of.
    """

    rows: ClassVar[str] = ""
    number: ClassVar[str] = ""

    @property
    def values(self) -> tuple[Decimal | None, ...]:
        """The numbers alone, one a record; None is unknown."""
        return tuple(getattr(row, self.number) for row in getattr(self, self.rows)) if self.rows else ()

    def records(self) -> list[dict[str, Any]]:
        """Return the records by the names that they have in JSON and CSV; the result itself where it has no rows."""
        return [named_fields(row) for row in getattr(self, self.rows)] if self.rows else [named_fields(self)]

    def to_dict(self) -> dict[str, Any]:
        """Return everything by its name in JSON; numbers stay decimals."""
        envelope = {name: getattr(self, name) for name in ENVELOPE if hasattr(self, name)}
        found: dict[str, Any] = _plain(envelope | named_fields(self))
        return found

    def to_pandas(self) -> Any:
        """Return the records as a pandas.DataFrame of float64 and text; pandas must be installed.

        The kernel is in its `attrs`.
        """
        from importlib import import_module

        try:
            pandas = import_module("pandas")
        except ImportError:
            raise NtkcalcError("to_pandas needs pandas: pip install pandas") from None
        rows = [
            {k: float(v) if isinstance(v, Decimal) else v for k, v in record.items() if not _is_nested(v)}
            for record in self.records()
        ]
        frame = pandas.DataFrame(rows)
        numbers = [k for row in rows[:1] for k in row if any(isinstance(r[k], float) for r in rows)]
        frame = frame.astype(dict.fromkeys(numbers, float))
        frame.attrs["kernel"] = self.to_dict().get("kernel")
        return frame

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return `values` as an array of float64, NaN where a number is unknown."""
        import numpy as np

        if not self.rows:
            raise TypeError(f"{type(self).__name__} is no series of numbers; see to_dict()")
        if copy is False:
            raise ValueError("an array of a result's numbers is always a copy")
        numbers = [math.nan if x is None else float(x) for x in self.values]
        return np.array(numbers, dtype=np.float64 if dtype is None else dtype)

    def __repr__(self) -> str:
        """Return type, kernel and size in a line, and the first numbers."""
        k: KernelFacts | None = getattr(self, "kernel", None)
        said = [] if k is None else [f"{k.activation}, depth {k.depth}"]
        said += [f"{self.rows}: {len(self.values)}", ", ".join(map(_short, self.values[:3]))] if self.rows else []
        return f"<{type(self).__name__}: {'; '.join(said)}{', …' if len(self.values) > 3 else ''}>"

    def _repr_html_(self) -> str:
        """Return a table for notebooks, of the first records."""
        from html import escape

        records = self.records()
        cells = [[escape(_short(v)) for v in r.values() if not _is_nested(v)] for r in records[:_SHOWN]]
        names = [escape(name) for name, v in records[0].items() if not _is_nested(v)] if records else []
        rows = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in cells)
        more = f"<p>… and {len(records) - _SHOWN} more</p>" if len(records) > _SHOWN else ""
        head = f"<tr><th>{'</th><th>'.join(names)}</th></tr>"
        return f"<p>{escape(repr(self))}</p><table>{head}{rows}</table>{more}"


_SHOWN = 20  # records in a notebook


def _is_nested(value: Any) -> bool:
    return isinstance(value, tuple) or is_dataclass(value)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, Decimal | float) else "?" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Return dictionaries and lists in place of dataclasses and tuples."""
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return _plain(named_fields(value)) if is_dataclass(value) else value


@dataclass(frozen=True)
class FixedPoint:
    """Where the variances of a deeper and deeper network go, and the phase there (15 digits at most)."""

    q: Annotated[Decimal, "q* = σ_w² E[φ(√q* Z)²] + σ_b², the limit of q_l"]
    chi: Annotated[Decimal, "χ* = σ_w² E[φ'(√q* Z)²]: below 1 correlations go to 1 (ordered), above 1 not (chaotic)"]
    correlation: Annotated[Decimal | None, "C*, the limit of correlations: 1 where χ* ≤ 1; null where it takes long"]


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
    limits: Annotated[
        str | None, ("all", "infinite"), "for homogeneous φ: whether every q is a fixed point, or none"
    ] = field(default=None, compare=False, metadata=INTERNAL)


@dataclass(frozen=True)
class DataFacts:
    """A data set."""

    source: Annotated[str, "where the points come from"]
    n: Annotated[int, "points"]
    d: Annotated[int, "coordinates of a point"]
    rank: Annotated[int | None, "rank of the matrix of points in float64; null where it would cost too much"]
    normalized_rows: Annotated[bool, "whether rows were scaled to unit norm"]


@dataclass(frozen=True, repr=False)
class MatrixSummary(Result):
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
