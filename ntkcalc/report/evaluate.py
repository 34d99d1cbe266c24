"""Values and matrices of kernels as text: table, json, csv, plain."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from ntkcalc.kernel.results import KernelFacts, MatrixSummary
from ntkcalc.report.common import (
    Screen,
    add_columns,
    add_rows,
    captions,
    data_fields,
    data_line,
    drawn,
    envelope,
    kernel_cells,
    maybe,
    new_table,
    said,
    title_of,
    variances,
)
from ntkcalc.report.text import (
    about,
    aligned,
    csv_lines,
    digits_of,
    json_line,
    log10_of,
    number,
    rounded,
    scientific,
    sparkline,
)
from ntkcalc.series.results import KernelValue, KernelValues


def values_json(results: Sequence[KernelValues]) -> str:
    """Return JSON Lines, one object for each kernel and truncation."""
    return "".join(json_line(_values_fields(r)) + "\n" for r in results)


def _values_fields(r: KernelValues) -> dict[str, object]:
    return envelope("evaluate", r.kernel, r.digits, "mpmath") | {
        "truncation": r.truncation,
        "paper_truncation": r.paper_truncation,
        "values": [
            {"rho": number(v.rho, len(v.rho.as_tuple().digits)), **_value_fields(v, r.digits)} for v in r.values
        ],
    }


_VALUES = ("theta", "series", "error", "bound")


def _value_fields(value: KernelValue, digits: int) -> dict[str, object]:
    return {name: maybe(getattr(value, name), digits) for name in _VALUES}


def values_csv(results: Sequence[KernelValues]) -> str:
    """Return CSV; what is unknown is empty."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "truncation", "rho", *_VALUES]
    records = [
        [*kernel_cells(r.kernel), r.truncation, digits_of(v.rho)]
        + ["" if getattr(v, name) is None else digits_of(getattr(v, name)) for name in _VALUES]
        for r in results
        for v in r.values
    ]
    return csv_lines(header, records)


def values_plain(results: Sequence[KernelValues]) -> str:
    """Return ρ and Θ a line (the series where Θ is unknown); an empty line between results."""
    return "\n".join(
        "".join(f"{digits_of(v.rho)} {digits_of(v.series if v.theta is None else v.theta)}\n" for v in r.values)
        for r in results
    )


_MOST_ROWS = 40  # of several results in one table


def values_table(results: Sequence[KernelValues], screen: Screen) -> str:
    """Return a table of values; of many values of several kernels the largest error of each, with its course."""
    if len(results) == 1:
        return _one_result(results[0], screen)
    if sum(len(r.values) for r in results) > _MOST_ROWS:
        return _errors_table(results, screen)
    table = new_table("kernels and their truncated series", screen, keys=3)
    add_columns(table, ("kernel", "T", "ρ", "Θ", "Θ_T", "Θ − Θ_T", "bound"), screen)
    kernels = [r.kernel for r in results if r.kernel is not None]
    columns = _value_columns([v for r in results for v in r.values], screen.digits or 10)
    names = [(_name(r, kernels), str(r.truncation)) for r in results for _ in r.values]
    for (name, truncation), row in zip(names, zip(*columns, strict=True), strict=True):
        table.add_row(said(name, screen), truncation, *row)
    exact = not any(r.paper_truncation for r in results)
    note = "|Θ − Θ_T| ≤ bound" + (" = (S − Σ_{p≤T} κ_p) |ρ|^{T+1}" if exact else "")
    return drawn(table, screen) + captions([note], kernels, screen)


def _name(r: KernelValues, among: Sequence[KernelFacts]) -> str:
    return (title_of(r.kernel, among) if r.kernel is not None else "series") + (
        " (paper)" if r.paper_truncation else ""
    )


def _value_columns(values: Sequence[KernelValue], digits: int) -> list[list[str]]:
    """Return the columns ρ, Θ, Θ_T, error and bound as aligned text."""
    columns = [aligned([digits_of(v.rho) for v in values])]
    tiny = any(x and x.adjusted() < -5 for v in values for x in (v.error, v.bound))
    for name in _VALUES:
        column = [getattr(v, name) for v in values]
        rounding = ROUND_CEILING if name == "bound" else ROUND_HALF_EVEN
        known = [None if x is None else rounded(x, digits, rounding) for x in column]
        small = tiny if name in ("error", "bound") else any(x and x.adjusted() < -5 for x in known)
        shown = ["?" if x is None else scientific(x) if small and x else digits_of(x) for x in known]
        columns.append(aligned(shown))
    return columns


def _one_result(r: KernelValues, screen: Screen) -> str:
    digits = screen.digits or 10
    title = "series" if r.kernel is None else f"{r.kernel.activation}, depth {r.kernel.depth}"
    table = new_table(f"{title}, T = {r.truncation}", screen)
    add_columns(table, ("ρ", "Θ", "Θ_T", "Θ − Θ_T", "bound"), screen)
    for row in zip(*_value_columns(r.values, digits), strict=True):
        table.add_row(*row)
    lines = []
    if r.kernel is not None:
        lines += [variances(r.kernel, digits), f"total S = {digits_of(r.kernel.total, digits)} · {digits} digits"]
    if r.paper_truncation:
        lines.append("Θ_T is the paper's truncated series (39)-(41)")
    lines.append("|Θ − Θ_T| ≤ bound" + ("" if r.paper_truncation else " = (S − Σ_{p≤T} κ_p) |ρ|^{T+1}"))
    if len(r.values) > _COURSE:
        lines.append(f"log |Θ − Θ_T|: {_course(r, screen)}")
    return drawn(table, screen) + captions(lines, [], screen)


_COURSE = 16  # values from which on a picture says more


def _course(r: KernelValues, screen: Screen, beside: int = 24) -> str:
    """Return a line of bars of log |Θ − Θ_T|, of 60 at most, and of what is left `beside` so many columns."""
    sizes = [log10_of(v.error) for v in r.values]
    step = -(-len(sizes) // max(8, min(60, (screen.width or 1000) - beside)))
    groups = [[h for h in sizes[i : i + step] if h is not None] for i in range(0, len(sizes), step)]
    return sparkline([max(group, default=None) for group in groups], screen.unicode)


def _errors_table(results: Sequence[KernelValues], screen: Screen) -> str:
    """Return the largest error of each result."""
    table = new_table(
        "largest |Θ − Θ_T| over ρ, its proven bound there, and log |Θ − Θ_T| from the first ρ to the last",
        screen,
        keys=2,
    )
    add_columns(table, ("kernel", "T", "|Θ − Θ_T|", "bound", "at ρ", "course"), screen)
    kernels = [r.kernel for r in results if r.kernel is not None]
    for r in results:
        known = [v for v in r.values if v.error is not None]
        worst = max(known, key=lambda v: abs(v.error or Decimal(0)), default=None)
        cells = ["?", "?", "?"]
        if worst is not None and worst.error is not None:
            bound = "?" if worst.bound is None else scientific(rounded(worst.bound, 4, ROUND_CEILING))
            cells = [scientific(rounded(abs(worst.error), 4)), bound, digits_of(worst.rho)]
        table.add_row(said(_name(r, kernels), screen), str(r.truncation), *cells, _course(r, screen, 60))
    return drawn(table, screen) + captions([], kernels, screen)


def matrix_json(results: Sequence[MatrixSummary]) -> str:
    """Return JSON Lines, one object a matrix."""
    return "".join(json_line(_matrix_fields(r)) + "\n" for r in results)


def _matrix_fields(r: MatrixSummary) -> dict[str, object]:
    return envelope("evaluate", r.kernel, r.digits, "numpy") | {
        "data": data_fields(r.data),
        "other": None if r.other is None else data_fields(r.other),
        "minimum": number(r.minimum, r.digits),
        "mean": number(r.mean, r.digits),
        "maximum": number(r.maximum, r.digits),
        "diagonal": maybe(r.diagonal, r.digits),
        "accuracy": r.accuracy,
        "output": r.output,
    }


_SUMMARY = ("minimum", "mean", "maximum", "diagonal")


def matrix_csv(results: Sequence[MatrixSummary]) -> str:
    """Return CSV, one matrix a line."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "n", "d", "rank", *_SUMMARY, "accuracy", "output"]
    records = [
        [*kernel_cells(r.kernel), r.data.n, r.data.d, "" if r.data.rank is None else r.data.rank]
        + ["" if getattr(r, name) is None else digits_of(getattr(r, name)) for name in _SUMMARY]
        + [f"{r.accuracy:.1e}", r.output or ""]
        for r in results
    ]
    return csv_lines(header, records)


def matrix_plain(results: Sequence[MatrixSummary]) -> str:
    """Return minimum, mean and maximum, one matrix a line."""
    return "".join(" ".join(digits_of(x) for x in (r.minimum, r.mean, r.maximum)) + "\n" for r in results)


def matrix_table(results: Sequence[MatrixSummary], screen: Screen) -> str:
    """Return a table of matrices."""
    table = new_table("kernel matrices" if len(results) > 1 else "the kernel matrix", screen)
    add_columns(table, ("kernel", "minimum", "mean", "maximum", "diagonal", "seconds"), screen)
    kernels = [r.kernel for r in results]
    rows = [
        [title_of(r.kernel, kernels)]
        + ["-" if getattr(r, name) is None else digits_of(getattr(r, name)) for name in _SUMMARY]
        + [f"{r.seconds:.2f}"]
        for r in results
    ]
    add_rows(table, rows, range(1, 6), screen)
    lines = [data_line(data) for data in (results[0].data, results[0].other) if data is not None]
    lines.append(f"errors of entries below {about(max(r.accuracy for r in results))} of the diagonal, numpy engine")
    lines += [f"written to {r.output}" for r in results if r.output is not None]
    return drawn(table, screen) + captions(lines, kernels, screen)


VALUE_FORMATS = {"json": values_json, "csv": values_csv, "plain": values_plain}
MATRIX_FORMATS = {"json": matrix_json, "csv": matrix_csv, "plain": matrix_plain}
"""Text of each format but the table."""
