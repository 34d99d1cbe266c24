"""Results as text in each format: table, json, csv, plain. One pair of functions a command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ntkcalc import __version__
from ntkcalc.results import (
    Coefficients,
    DataFacts,
    EffectiveRanks,
    KernelFacts,
    KernelValue,
    KernelValues,
    MatrixSummary,
    RankBounds,
)
from ntkcalc.text import (
    aligned,
    csv_lines,
    digits_of,
    json_line,
    log10_of,
    number,
    percent,
    rounded,
    scientific,
    sparkline,
)

if TYPE_CHECKING:
    from rich.table import Table

SYMBOLS = {"kappa": "κ", "alpha": "α", "beta": "β", "mu": "µ"}
_ASCII = str.maketrans(
    {
        "κ": "kappa",
        "ε": "epsilon",
        "λ": "lambda",
        "ᵀ": "^T",
        "∘": "o",
        "≥": ">=",
        "\u0303": "~",
        "α": "alpha",
        "β": "beta",
        "µ": "mu",
        "σ": "sigma",
        "γ": "gamma",
        "χ": "chi",
        "τ": "tau",
        "Θ": "Theta",
        "ρ": "rho",
    }
    | {"Σ": "sum", "·": "-", "²": "^2", "ₚ": "_p", "…": "...", "≤": "<=", "−": "-"}
)


@dataclass(frozen=True)
class Screen:
    """The terminal, or what stands in for it.

    `width` in columns, or None for as wide as the data; `digits` that the user asked for, if any.
    """

    width: int | None = None
    unicode: bool = True
    color: bool = False
    digits: int | None = None


def coefficients_json(results: Sequence[Coefficients]) -> str:
    """Return JSON Lines, one object a kernel."""
    return "".join(json_line(_coefficients_fields(r)) + "\n" for r in results)


def _coefficients_fields(r: Coefficients) -> dict[str, object]:
    rows = [
        {"p": c.p, r.which: number(c.value, r.digits)}
        | {"share": number(c.share, r.digits), "cumulative": number(c.cumulative, r.digits)}
        for c in r.coefficients
    ]
    return {
        "schema": "ntkcalc.coeffs/1",
        "version": __version__,
        "digits": r.digits,
        "engine": r.engine,
        "kernel": kernel_fields(r.kernel, r.digits),
        "which": r.which,
        "truncation": len(rows) - 1,
        "paper_truncation": r.paper_truncation,
        "coefficients": rows,
        "tail": number(r.tail, r.digits),
    }


def kernel_fields(kernel: KernelFacts, digits: int) -> dict[str, object]:
    """Return the kernel's part of the JSON envelope."""
    variances = ("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total")
    named: dict[str, object] = {name: number(getattr(kernel, name), digits) for name in variances}
    return {"activation": kernel.activation, "depth": kernel.depth, **named}


def coefficients_csv(results: Sequence[Coefficients]) -> str:
    """Return CSV: the kernel's free parameters, then the fields of a coefficient."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "p", results[0].which, "share", "cumulative"]
    records = [
        [r.kernel.activation, r.kernel.depth, digits_of(r.kernel.sigma_w2), digits_of(r.kernel.gamma_b2), c.p]
        + [digits_of(v) for v in (c.value, c.share, c.cumulative)]
        for r in results
        for c in r.coefficients
    ]
    return csv_lines(header, records)


def coefficients_plain(results: Sequence[Coefficients]) -> str:
    """Return one value a line; an empty line between kernels."""
    return "\n".join("".join(f"{digits_of(c.value)}\n" for c in r.coefficients) for r in results)


def coefficients_table(results: Sequence[Coefficients], screen: Screen) -> str:
    """Return a table: of coefficients for one kernel, in the layout of the paper's Table 1 for several."""
    return _one_kernel(results[0], screen) if len(results) == 1 else _several_kernels(results, screen)


def _one_kernel(r: Coefficients, screen: Screen) -> str:
    digits, symbol = screen.digits or 10, SYMBOLS[r.which]
    table = _table(f"{r.kernel.activation}, depth {r.kernel.depth}", screen)
    subscript = "k" if r.which == "mu" else "p"
    for header in (subscript, f"{symbol}_{subscript}", "share %", "cumulative %"):
        table.add_column(_said(header, screen), justify="right", no_wrap=True)
    shown = [rounded(v, digits) for v in (*r.values, r.tail)]
    wide = any(v and (v.adjusted() < -5 or v.adjusted() > 15) for v in shown)
    values = aligned([scientific(v) if wide and v else digits_of(v) for v in shown])
    shares = aligned([percent(c.share, None) for c in r.coefficients])
    for c, value, share in zip(r.coefficients, values[:-1], shares, strict=True):
        table.add_row(str(c.p), value, share, percent(c.cumulative, None))
    table.add_section()
    total = f"{symbol}²" if r.which == "mu" else symbol
    table.add_row(_said(f"Σ {total}, {subscript}>{r.coefficients[-1].p}", screen), values[-1], "", "")
    return _drawn(table, screen) + _said(_caption(r, digits), screen)


def _caption(r: Coefficients, digits: int) -> str:
    """Say the conventions and everything that follows from the hyperparameters."""
    k = r.kernel
    facts = f"  {_variances(k, digits)}\n  χ = {digits_of(k.chi, digits)} · total S = {digits_of(k.total, digits)}"
    engine = f"  {min(digits, r.digits)} digits, {r.engine} engine"
    note = "\n  the paper's truncated recurrence (39)-(41): k ≤ T" if r.paper_truncation else ""
    return f"{facts}\n{engine}{note}\n"


def _several_kernels(results: Sequence[Coefficients], screen: Screen) -> str:
    symbol = SYMBOLS[results[0].which]
    squared = "²" if results[0].which == "mu" else ""
    table = _table(f"cumulative % of the total in {symbol}_0{squared} … {symbol}_T{squared}", screen)
    table.add_column("T", no_wrap=True)
    for c in results[0].coefficients:
        table.add_column(str(c.p), justify="right", no_wrap=True)
    for r in results:
        cells = [percent(c.cumulative, screen.digits) for c in r.coefficients]
        table.add_row(_said(_title(r.kernel, [other.kernel for other in results]), screen), *cells)
    text = _drawn(table, screen)
    return text + _said(_shared([r.kernel for r in results]), screen)


def _shared(kernels: Sequence[KernelFacts]) -> str:
    """Say the parameters that all kernels share."""
    first = kernels[0]
    shared = [
        f"{name} = {digits_of(getattr(first, field), 10)}" if field != "depth" else f"depth {first.depth}"
        for field, name in _PARAMETERS
        if all(getattr(k, field) == getattr(first, field) for k in kernels)
    ]
    return "  " + " · ".join(shared) + "\n" if shared else ""


_PARAMETERS = (("depth", "depth"), ("sigma_w2", "σ_w²"), ("gamma_b2", "γ_b²"))


def _title(k: KernelFacts, among: Sequence[KernelFacts]) -> str:
    """Name a kernel with the parameters in which it differs from the others."""
    parts = [k.activation]
    for field, name in _PARAMETERS:
        if any(getattr(other, field) != getattr(k, field) for other in among):
            value: Decimal | int = getattr(k, field)
            parts.append(f"depth {value}" if isinstance(value, int) else f"{name}={digits_of(value, 6)}")
    return " ".join(parts)


def _variances(k: KernelFacts, digits: int) -> str:
    names = (("σ_w²", k.sigma_w2), ("σ_b²", k.sigma_b2), ("γ_w²", k.gamma_w2), ("γ_b²", k.gamma_b2))
    return " · ".join(f"{name} = {digits_of(value, digits)}" for name, value in names)


def values_json(results: Sequence[KernelValues]) -> str:
    """Return JSON Lines, one object for each kernel and truncation."""
    return "".join(json_line(_values_fields(r)) + "\n" for r in results)


def _values_fields(r: KernelValues) -> dict[str, object]:
    return {
        "schema": "ntkcalc.evaluate/1",
        "version": __version__,
        "digits": r.digits,
        "engine": "mpmath",
        "kernel": None if r.kernel is None else kernel_fields(r.kernel, r.digits),
        "truncation": r.truncation,
        "paper_truncation": r.paper_truncation,
        "values": [
            {"rho": number(v.rho, len(v.rho.as_tuple().digits)), **_value_fields(v, r.digits)} for v in r.values
        ],
    }


_VALUES = ("theta", "series", "error", "bound")


def _value_fields(value: KernelValue, digits: int) -> dict[str, object]:
    return {name: _maybe(getattr(value, name), digits) for name in _VALUES}


def _maybe(value: Decimal | None, digits: int) -> float | int | str | None:
    return None if value is None else number(value, digits)


def values_csv(results: Sequence[KernelValues]) -> str:
    """Return CSV; what is unknown is empty."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "truncation", "rho", *_VALUES]
    records = [
        [*_kernel_cells(r.kernel), r.truncation, digits_of(v.rho)]
        + ["" if getattr(v, name) is None else digits_of(getattr(v, name)) for name in _VALUES]
        for r in results
        for v in r.values
    ]
    return csv_lines(header, records)


def _kernel_cells(k: KernelFacts | None) -> list[object]:
    return ["", "", "", ""] if k is None else [k.activation, k.depth, digits_of(k.sigma_w2), digits_of(k.gamma_b2)]


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
    table = _table("", screen)
    _add_columns(table, ("kernel", "T", "ρ", "Θ", "Θ_T", "Θ − Θ_T", "bound"), screen)
    kernels = [r.kernel for r in results if r.kernel is not None]
    columns = _value_columns([v for r in results for v in r.values], screen.digits or 10)
    names = [(_name(r, kernels), str(r.truncation)) for r in results for _ in r.values]
    for (name, truncation), row in zip(names, zip(*columns, strict=True), strict=True):
        table.add_row(_said(name, screen), truncation, *row)
    return _drawn(table, screen) + (_said(_shared(kernels), screen) if kernels else "")


def _name(r: KernelValues, among: Sequence[KernelFacts]) -> str:
    return (_title(r.kernel, among) if r.kernel is not None else "series") + (" (paper)" if r.paper_truncation else "")


def _add_columns(table: Table, headers: Sequence[str], screen: Screen) -> None:
    for i, header in enumerate(headers):
        left = header in ("kernel", "course") or (i == 0 and header == "activation")
        table.add_column(_said(header, screen), justify="left" if left else "right", no_wrap=True)


def _value_columns(values: Sequence[KernelValue], digits: int) -> list[list[str]]:
    """Return the columns ρ, Θ, Θ_T, error and bound as aligned text."""
    columns = [aligned([digits_of(v.rho) for v in values])]
    for name in _VALUES:
        column = [getattr(v, name) for v in values]
        known = [None if x is None else rounded(x, digits) for x in column]
        small = any(x is not None and x and x.adjusted() < -5 for x in known)
        shown = ["?" if x is None else scientific(x) if small and x else digits_of(x) for x in known]
        columns.append(aligned(shown))
    return columns


def _one_result(r: KernelValues, screen: Screen) -> str:
    digits = screen.digits or 10
    title = "series" if r.kernel is None else f"{r.kernel.activation}, depth {r.kernel.depth}"
    table = _table(f"{title}, T = {r.truncation}", screen)
    _add_columns(table, ("ρ", "Θ", "Θ_T", "Θ − Θ_T", "bound"), screen)
    for row in zip(*_value_columns(r.values, digits), strict=True):
        table.add_row(*row)
    lines = []
    if r.kernel is not None:
        lines += [_variances(r.kernel, digits), f"total S = {digits_of(r.kernel.total, digits)} · {digits} digits"]
    if r.paper_truncation:
        lines.append("Θ_T is the paper's truncated series (39)-(41)")
    lines.append("|Θ − Θ_T| ≤ bound" + ("" if r.paper_truncation else " = (S − Σ_{p≤T} κ_p) |ρ|^{T+1}"))
    if len(r.values) > _COURSE:
        lines.append(f"log |Θ − Θ_T|: {_course(r, screen)}")
    return _drawn(table, screen) + _said("".join(f"  {line}\n" for line in lines), screen)


_COURSE = 16  # values from which on a picture says more


def _course(r: KernelValues, screen: Screen) -> str:
    """Return a line of bars of log |Θ − Θ_T|, of 60 at most."""
    sizes = [log10_of(v.error) for v in r.values]
    step = -(-len(sizes) // 60)
    groups = [[h for h in sizes[i : i + step] if h is not None] for i in range(0, len(sizes), step)]
    return sparkline([max(group, default=None) for group in groups], screen.unicode)


def _errors_table(results: Sequence[KernelValues], screen: Screen) -> str:
    """Return the largest error of each result."""
    table = _table(
        "largest |Θ − Θ_T| over ρ, its proven bound there, and log |Θ − Θ_T| from the first ρ to the last", screen
    )
    _add_columns(table, ("kernel", "T", "|Θ − Θ_T|", "bound", "at ρ", "course"), screen)
    kernels = [r.kernel for r in results if r.kernel is not None]
    for r in results:
        known = [v for v in r.values if v.error is not None]
        worst = max(known, key=lambda v: abs(v.error or Decimal(0)), default=None)
        cells = ["?", "?", "?"]
        if worst is not None and worst.error is not None:
            bound = "?" if worst.bound is None else scientific(rounded(worst.bound, 4))
            cells = [scientific(rounded(abs(worst.error), 4)), bound, digits_of(worst.rho)]
        table.add_row(_said(_name(r, kernels), screen), str(r.truncation), *cells, _course(r, screen))
    return _drawn(table, screen) + (_said(_shared(kernels), screen) if kernels else "")


def matrix_json(results: Sequence[MatrixSummary]) -> str:
    """Return JSON Lines, one object a matrix."""
    return "".join(json_line(_matrix_fields(r)) + "\n" for r in results)


def _matrix_fields(r: MatrixSummary) -> dict[str, object]:
    return {
        "schema": "ntkcalc.evaluate/1",
        "version": __version__,
        "digits": r.digits,
        "engine": "numpy",
        "kernel": kernel_fields(r.kernel, r.digits),
        "data": data_fields(r.data),
        "other": None if r.other is None else data_fields(r.other),
        "minimum": number(r.minimum, r.digits),
        "mean": number(r.mean, r.digits),
        "maximum": number(r.maximum, r.digits),
        "diagonal": _maybe(r.diagonal, r.digits),
        "accuracy": r.accuracy,
        "output": r.output,
    }


def data_fields(data: DataFacts) -> dict[str, object]:
    """Return the JSON of a data set."""
    return {
        "source": data.source,
        "n": data.n,
        "d": data.d,
        "rank": data.rank,
        "normalized_rows": data.normalized_rows,
    }


_SUMMARY = ("minimum", "mean", "maximum", "diagonal")


def matrix_csv(results: Sequence[MatrixSummary]) -> str:
    """Return CSV, one matrix a line."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "n", "d", "rank", *_SUMMARY, "accuracy", "output"]
    records = [
        [*_kernel_cells(r.kernel), r.data.n, r.data.d, "" if r.data.rank is None else r.data.rank]
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
    table = _table("", screen)
    _add_columns(table, ("kernel", "minimum", "mean", "maximum", "diagonal", "seconds"), screen)
    kernels = [r.kernel for r in results]
    for r in results:
        cells = ["-" if getattr(r, name) is None else digits_of(getattr(r, name)) for name in _SUMMARY]
        table.add_row(_said(_title(r.kernel, kernels), screen), *cells, f"{r.seconds:.2f}")
    lines = [_data_line(data) for data in (results[0].data, results[0].other) if data is not None]
    lines.append(f"errors of entries below {max(r.accuracy for r in results):.1e} of the diagonal, numpy engine")
    lines += [f"written to {r.output}" for r in results if r.output is not None]
    return _drawn(table, screen) + _said("".join(f"  {line}\n" for line in lines) + _shared(kernels), screen)


def _data_line(data: DataFacts) -> str:
    rank = "" if data.rank is None else f", rank {data.rank}"
    return f"{data.source}: n = {data.n}, d = {data.d}{rank}"


def bounds_fields(b: RankBounds) -> dict[str, object]:
    """Return the JSON of the bounds of one kernel."""
    return {
        "schema": "ntkcalc.effrank/1",
        "version": __version__,
        "digits": b.digits,
        "engine": "mpmath",
        "kernel": None if b.kernel is None else kernel_fields(b.kernel, b.digits),
        "bound": _maybe(b.bound, b.digits),
        "centered_ratio": _maybe(b.centered_ratio, b.digits),
        "leading": b.leading,
        "leading_ratio": _maybe(b.leading_ratio, b.digits),
    }


def ranks_fields(r: EffectiveRanks) -> dict[str, object]:
    """Return the JSON of the ranks of one kernel on data."""
    digits = r.bounds.digits
    return bounds_fields(r.bounds) | {
        "engine": "numpy",
        "data": data_fields(r.data),
        "gram_effrank": number(r.gram, digits),
        "kernel_effrank": number(r.kernel, digits),
        "centered_effrank": _maybe(r.centered, digits),
        "centered_bound": _maybe(r.centered_bound, digits),
        "counts": [
            {"epsilon": number(c.epsilon, 15), "count": c.count, "bound": number(c.bound, digits)} for c in r.counts
        ],
        "accuracy": r.accuracy,
    }


def lines_json(rows: Sequence[Mapping[str, object]]) -> str:
    """Return JSON Lines."""
    return "".join(json_line(row) + "\n" for row in rows)


_RANKS = (
    *("bound", "centered_ratio", "leading", "leading_ratio", "gram_effrank", "kernel_effrank"),
    *("centered_effrank", "centered_bound", "accuracy"),
)


def ranks_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Return CSV; what is unknown is empty. Counts have columns of their own, count_ε and count_bound_ε."""
    names = [name for name in _RANKS if name in rows[0]]
    counts = _counts_of(rows[0])
    header = ["activation", "depth", "sigma_w2", "gamma_b2", *names]
    header += [f"{what}_{c['epsilon']}" for c in counts for what in ("count", "count_bound")]
    records = []
    for row in rows:
        kernel = row["kernel"] if isinstance(row["kernel"], Mapping) else {}
        cells = [kernel.get(name, "") for name in ("activation", "depth", "sigma_w2", "gamma_b2")]
        cells += [_cell(row[name]) for name in names]
        cells += [_cell(c[what]) for c in _counts_of(row) for what in ("count", "bound")]
        records.append(cells)
    return csv_lines(header, records)


def _counts_of(row: Mapping[str, object]) -> list[dict[str, object]]:
    counts = row.get("counts", [])
    return counts if isinstance(counts, list) else []


def _cell(value: object) -> object:
    return "" if value is None else value


def named_plain(rows: Sequence[Mapping[str, object]]) -> str:
    """Return a name and a value a line, without what is unknown; an empty line between kernels."""
    blocks = []
    for row in rows:
        lines = [f"{name} {row[name]}" for name in _RANKS if row.get(name) is not None]
        lines += [f"count_{c['epsilon']} {c['count']}" for c in _counts_of(row) if c["count"] is not None]
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks)


def bounds_table(bounds: Sequence[RankBounds], screen: Screen) -> str:
    """Return a table of bounds, with what to do where a theorem does not apply."""
    table = _table("bounds on effective ranks, whatever the data on the sphere", screen)
    _add_columns(table, ("kernel", "eff(K)", "eff(K̃)/eff(XXᵀ)", "q", "eff(K̃)/eff(G^∘q)"), screen)
    kernels = [b.kernel for b in bounds if b.kernel is not None]
    for b in bounds:
        name = "series" if b.kernel is None else _title(b.kernel, kernels)
        cells = ["-" if x is None else digits_of(x) for x in (b.bound, b.centered_ratio)]
        leading = ["-" if b.leading is None else str(b.leading)]
        leading.append("-" if b.leading_ratio is None else digits_of(b.leading_ratio))
        table.add_row(_said(name, screen), *cells, *leading)
    notes = ["eff(A) = Tr A/λ_1(A); K̃ = K − (c_0/n) 11ᵀ; Theorem 4.1: eff(K) ≤ S/c_0; Theorem 4.3: (S − c_0)/c_1"]
    notes += ["c_q is the first coefficient after c_0: Σ_{p≥q} c_p/c_q is what the proof of Theorem 4.3 gives for it"]
    notes += _silences(bounds)
    return _drawn(table, screen) + _said(
        "".join(f"  {n}\n" for n in notes) + (_shared(kernels) if kernels else ""), screen
    )


def _silences(bounds: Sequence[RankBounds]) -> list[str]:
    """Say where a theorem does not apply, why, and what would make it apply."""
    said = []
    for b in bounds:
        name = "the series" if b.kernel is None else f"{b.kernel.activation}, depth {b.kernel.depth}"
        if b.leading is None and b.bound is None:
            said.append(f"{name}: nothing is known of what the series leaves out, so that no bound follows")
            continue
        if b.bound is None:
            said.append(f"{name}: c_0 = 0, Theorem 4.1 is silent; --gamma-b2 > 0 or a smaller --sigma-w2 makes c_0 > 0")
        if b.centered_ratio is None and b.leading is not None:
            said.append(f"{name}: c_1 = 0 (an even kernel), Theorem 4.3 is silent; --gamma-b2 > 0 makes c_1 > 0")
        if b.leading is None:
            said.append(f"{name}: the kernel is constant, K̃ = 0")
    return list(dict.fromkeys(said))


def ranks_table(ranks: Sequence[EffectiveRanks], screen: Screen) -> str:
    """Return a table of measured effective ranks beside their bounds."""
    table = _table("", screen)
    _add_columns(table, ("kernel", "eff(K)", "bound", "ratio", "eff(K̃)", "bound", "ratio"), screen)
    kernels = [r.bounds.kernel for r in ranks if r.bounds.kernel is not None]
    for r in ranks:
        name = "" if r.bounds.kernel is None else _title(r.bounds.kernel, kernels)
        pairs = ((r.kernel, r.bounds.bound), (r.centered, r.centered_bound))
        cells = [cell for measured, bound in pairs for cell in _beside(measured, bound)]
        table.add_row(_said(name, screen), *cells)
    text = _drawn(table, screen)
    if ranks[0].counts:
        counts = _table("eigenvalues of K that are at least ε λ_1, and the bound eff(K)/ε", screen)
        _add_columns(counts, ("kernel", "ε", "count", "bound"), screen)
        for r in ranks:
            name = "" if r.bounds.kernel is None else _title(r.bounds.kernel, kernels)
            for c in r.counts:
                known = "?" if c.count is None else str(c.count)
                counts.add_row(_said(name, screen), digits_of(c.epsilon), known, digits_of(rounded(c.bound, 6)))
        text += _drawn(counts, screen)
    lines = [f"{_data_line(ranks[0].data)}; eff(XXᵀ) = {digits_of(ranks[0].gram)}"]
    lines.append("K̃ = K − (c_0/n) 11ᵀ; bounds: Theorem 4.1 and Theorem 4.3; ratio = measured/bound")
    lines.append(
        f"{sum(r.passes for r in ranks)} products with K, {sum(r.seconds for r in ranks):.2f} s, "
        f"relative errors below {max(r.accuracy for r in ranks):.0e}"
    )
    lines += _silences([r.bounds for r in ranks])
    return text + _said("".join(f"  {line}\n" for line in lines) + _shared(kernels), screen)


def _beside(measured: Decimal | None, bound: Decimal | None) -> list[str]:
    """Return a measured value, its bound and their ratio."""
    ratio = "-" if measured is None or bound is None else f"{measured / bound:.3f}"
    return ["-" if x is None else digits_of(x) for x in (measured, bound)] + [ratio]


def _table(title: str, screen: Screen) -> Table:
    from rich import box
    from rich.table import Table

    style = box.SIMPLE_HEAD if screen.unicode else box.ASCII2
    return Table(title=_said(title, screen), title_justify="left", title_style="bold", box=style, pad_edge=True)


def _said(text: str, screen: Screen) -> str:
    """Return the text in letters that the screen has."""
    return text if screen.unicode else text.translate(_ASCII)


def _drawn(table: Table, screen: Screen) -> str:
    """Return what Rich draws, as wide as the data where the screen is narrower: no digit is ever cut."""
    from io import StringIO

    from rich.console import Console
    from rich.measure import Measurement

    buffer = StringIO()
    natural = Measurement.get(Console(width=10_000), Console(width=10_000).options, table).maximum
    console = Console(
        file=buffer,
        width=max(natural, screen.width or 0),
        force_terminal=screen.color,
        no_color=not screen.color,
        legacy_windows=False,
        color_system="standard" if screen.color else None,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
