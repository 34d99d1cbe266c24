"""Kernels at correlations ρ beside their truncated series, and kernel matrices of data in summary."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_CEILING, Decimal

from ntkcalc.kernel.results import MatrixSummary, named_fields
from ntkcalc.report.formats import Report, Screen, about, cell, digits_of
from ntkcalc.report.tables import (
    Column,
    captions,
    data_line,
    heading,
    kernel_lines,
    names,
    numbers,
    phase,
    shared,
    table,
)
from ntkcalc.series.results import KernelValue, KernelValues

_MOST_VALUES = 40  # of several results in one table
_BOUND = "|Θ − Θ_T| ≤ bound"


class ValuesReport(Report[KernelValues]):
    """Results of ``evaluate --rho``."""

    command = "evaluate"

    def lines(self, r: KernelValues) -> Iterable[str]:
        """Return ρ and Θ, or the series where Θ is unknown."""
        return (f"{digits_of(v.rho)} {digits_of(v.series if v.theta is None else v.theta)}" for v in r.points)

    def table(self, results: Sequence[KernelValues], screen: Screen) -> str:
        """Return a table of values; of many values of several kernels the largest error of each."""
        if len(results) == 1:
            return _one_kernel(results[0], screen)
        few = sum(len(r.points) for r in results) <= _MOST_VALUES
        return _values_table(results, screen) if few else _errors_table(results, screen)


def _value_columns(values: Sequence[KernelValue], digits: int) -> list[Column]:
    tiny = any(x and x.adjusted() < -5 for v in values for x in (v.error, v.bound))
    return [
        Column("ρ", [digits_of(v.rho) for v in values]),
        numbers("Θ", [v.theta for v in values], digits),
        numbers("Θ_T", [v.series for v in values], digits),
        numbers("Θ − Θ_T", [v.error for v in values], digits, small=tiny),
        numbers("bound", [v.bound for v in values], digits, ROUND_CEILING, small=tiny),
    ]


def _one_kernel(r: KernelValues, screen: Screen) -> str:
    digits, k = screen.digits or 10, r.kernel
    lines = []
    if k is not None and k.total is not None:
        lines += [*kernel_lines(k, digits), f"total S = {digits_of(k.total, digits)} · {digits} digits"]
    if k is not None and k.name == "nngp":
        lines.append("Θ and κ stand for the NNGP kernel Σ_l and its coefficients")
    lines += ["Θ_T is the paper's truncated series (39)-(41)"] if r.paper_truncation else []
    lines.append(_BOUND + ("" if r.paper_truncation else " = (S − Σ_{p≤T} κ_p) |ρ|^{T+1}"))
    title = f"{heading(k)}, T = {r.truncation}"
    return table(title, _value_columns(r.points, digits), screen) + captions(lines, screen)


def _names(results: Sequence[KernelValues]) -> list[str]:
    return [f"{name} (paper)" if r.paper_truncation else name for name, r in zip(names(results), results, strict=True)]


def _values_table(results: Sequence[KernelValues], screen: Screen) -> str:
    columns = [
        Column("kernel", [name for name, r in zip(_names(results), results, strict=True) for _ in r.points], True),
        Column("T", [str(r.truncation) for r in results for _ in r.points]),
        *_value_columns([v for r in results for v in r.points], screen.digits or 10),
    ]
    exact = not any(r.paper_truncation for r in results)
    lines = ["Θ_T: the series up to T", _BOUND + (" = (S − Σ_{p≤T} κ_p) |ρ|^{T+1}" if exact else ""), shared(results)]
    return table("kernels and their truncated series", columns, screen, keys=3) + captions(lines, screen)


def _errors_table(results: Sequence[KernelValues], screen: Screen) -> str:
    known = ([v for v in r.points if v.error is not None] for r in results)
    worst = [max(values, key=lambda v: abs(v.error or Decimal(0)), default=None) for values in known]
    columns = [
        Column("kernel", _names(results), True),
        Column("T", [str(r.truncation) for r in results]),
        numbers("|Θ − Θ_T|", [None if v is None else abs(v.error or Decimal(0)) for v in worst], 4, small=True),
        numbers("bound", [None if v is None else v.bound for v in worst], 4, ROUND_CEILING, small=True),
        Column("at ρ", ["?" if v is None else digits_of(v.rho) for v in worst]),
    ]
    title = "largest |Θ − Θ_T| over ρ, and its proven bound there"
    return table(title, columns, screen, keys=2) + captions([shared(results)], screen)


class MatrixReport(Report[MatrixSummary]):
    """Results of ``evaluate --data``."""

    command = "evaluate"
    plain_fields = ("minimum", "mean", "maximum")

    def records(self, r: MatrixSummary) -> list[dict[str, object]]:
        """Return the one record of a matrix."""
        found = named_fields(r)
        size = {"n": r.data.n, "d": r.data.d, "rank": r.data.rank}
        return [
            size
            | {name: value for name, value in found.items() if name not in ("data", "other")}
            | {"accuracy": f"{r.accuracy:.1e}"}
        ]

    def table(self, results: Sequence[MatrixSummary], screen: Screen) -> str:
        """Return a table of matrices."""
        entries = ("minimum", "mean", "maximum", "diagonal")
        columns = [
            Column("kernel", names(results), True),
            *(Column(name, [cell(getattr(r, name), "-") for r in results]) for name in entries),
            Column("seconds", [f"{r.seconds:.2f}" for r in results]),
        ]
        first, accuracy = results[0], max(r.accuracy for r in results)
        lines = [data_line(data) for data in (first.data, first.other) if data is not None]
        lines.append("of all entries Θ(⟨x_i, x_j⟩); diagonal: Θ(1)")
        lines.append(f"errors of entries below {about(accuracy)} of the diagonal, numpy engine")
        lines += [f"written to {r.output}" for r in results if r.output is not None]
        title = "kernel matrices" if len(results) > 1 else "the kernel matrix"
        return table(title, columns, screen) + captions(
            [*lines, shared(results), *(phase(first.kernel) if len(results) == 1 else [])], screen
        )
