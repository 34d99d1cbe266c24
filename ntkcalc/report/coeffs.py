"""Coefficients as text: table, json, csv, plain."""

from __future__ import annotations

from collections.abc import Sequence

from ntkcalc.report.common import (
    Screen,
    add_columns,
    bars,
    captions,
    drawn,
    envelope,
    new_table,
    said,
    title_of,
    variances,
)
from ntkcalc.report.text import (
    aligned,
    csv_lines,
    digits_of,
    json_line,
    number,
    percent,
    rounded,
    scientific,
)
from ntkcalc.series.results import Coefficients

SYMBOLS = {"kappa": "κ", "alpha": "α", "beta": "β", "mu": "µ"}


def _json(results: Sequence[Coefficients]) -> str:
    """Return JSON Lines, one object a kernel."""
    return "".join(json_line(_coefficients_fields(r)) + "\n" for r in results)


def _coefficients_fields(r: Coefficients) -> dict[str, object]:
    rows = [
        {"p": c.p, r.which: number(c.value, r.digits)}
        | {"share": number(c.share, r.digits), "cumulative": number(c.cumulative, r.digits)}
        for c in r.coefficients
    ]
    return envelope("coeffs", r.kernel, r.digits, r.engine) | {
        "which": r.which,
        "truncation": len(rows) - 1,
        "paper_truncation": r.paper_truncation,
        "coefficients": rows,
        "tail": number(r.tail, r.digits),
    }


def _csv(results: Sequence[Coefficients]) -> str:
    """Return CSV: the kernel's free parameters, then the fields of a coefficient."""
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "p", results[0].which, "share", "cumulative"]
    records = [
        [r.kernel.activation, r.kernel.depth, digits_of(r.kernel.sigma_w2), digits_of(r.kernel.gamma_b2), c.p]
        + [digits_of(v) for v in (c.value, c.share, c.cumulative)]
        for r in results
        for c in r.coefficients
    ]
    return csv_lines(header, records)


def _plain(results: Sequence[Coefficients]) -> str:
    """Return one value a line; an empty line between kernels."""
    return "\n".join("".join(f"{digits_of(c.value)}\n" for c in r.coefficients) for r in results)


def table(results: Sequence[Coefficients], screen: Screen) -> str:
    """Return a table: of coefficients for one kernel, in the layout of the paper's Table 1 for several."""
    return _one_kernel(results[0], screen) if len(results) == 1 else _several_kernels(results, screen)


def _one_kernel(r: Coefficients, screen: Screen) -> str:
    digits, symbol = screen.digits or 10, SYMBOLS[r.which]
    table = new_table(f"{r.kernel.activation}, depth {r.kernel.depth}", screen)
    subscript = "k" if r.which == "mu" else "p"
    add_columns(table, (subscript, f"{symbol}_{subscript}", "share %", "cumulative %", ""), screen)
    shown = [rounded(v, digits) for v in (*r.values, r.tail)]
    wide = any(v and (v.adjusted() < -5 or v.adjusted() > 15) for v in shown)
    values = aligned([scientific(v) if wide and v else digits_of(v) for v in shown])
    shares = aligned([percent(c.share, None) for c in r.coefficients])
    for c, value, share, bar in zip(r.coefficients, values[:-1], shares, bars(r.values, screen), strict=True):
        table.add_row(str(c.p), value, share, percent(c.cumulative, None), bar)
    table.add_section()
    total = f"{symbol}²" if r.which == "mu" else symbol
    table.add_row(said(f"Σ {total}, {subscript}>{r.coefficients[-1].p}", screen), values[-1], "", "", "")
    return drawn(table, screen) + captions(_facts(r, digits), [], screen)


def _facts(r: Coefficients, digits: int) -> list[str]:
    """Say the conventions and everything that follows from the hyperparameters."""
    k, shown = r.kernel, min(digits, r.digits)
    lines = [variances(k, digits), f"χ = {digits_of(k.chi, digits)} · total S = {digits_of(k.total, digits)}"]
    lines.append(f"{shown} digit{'s' * (shown != 1)}, {r.engine} engine")
    lines += ["shares are those of µ_k² in E[φ²]"] if r.which == "mu" else []
    return lines + (["the paper's truncated recurrence (39)-(41): k ≤ T"] if r.paper_truncation else [])


def _several_kernels(results: Sequence[Coefficients], screen: Screen) -> str:
    symbol = SYMBOLS[results[0].which]
    squared = "²" if results[0].which == "mu" else ""
    table = new_table(f"cumulative % of the total in {symbol}_0{squared} … {symbol}_T{squared}", screen)
    table.add_column("T")
    for c in results[0].coefficients:
        table.add_column(str(c.p), justify="right")
    for r in results:
        cells = [percent(c.cumulative, screen.digits) for c in r.coefficients]
        table.add_row(said(title_of(r.kernel, [other.kernel for other in results]), screen), *cells)
    return drawn(table, screen) + captions([], [r.kernel for r in results], screen)


FORMATS = {"json": _json, "csv": _csv, "plain": _plain}
"""Text of each format but the table."""
