"""Results as text in each format: table, json, csv, plain. One pair of functions a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from ntkcalc import __version__
from ntkcalc.results import Coefficients, KernelFacts
from ntkcalc.text import aligned, csv_lines, digits_of, json_line, number, percent, rounded, scientific

if TYPE_CHECKING:
    from rich.table import Table

SYMBOLS = {"kappa": "κ", "alpha": "α", "beta": "β", "mu": "µ"}
_ASCII = str.maketrans(
    {"κ": "kappa", "α": "alpha", "β": "beta", "µ": "mu", "σ": "sigma", "γ": "gamma", "χ": "chi", "τ": "tau"}
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
    named = {name: number(getattr(kernel, name), digits) for name in variances}
    return {"activation": kernel.activation, "depth": kernel.depth} | named


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
        table.add_row(_said(_title(r.kernel, results), screen), *cells)
    text = _drawn(table, screen)
    first = results[0].kernel
    shared = [
        f"{name} = {digits_of(getattr(first, field), 10)}" if field != "depth" else f"depth {first.depth}"
        for field, name in _PARAMETERS
        if all(getattr(r.kernel, field) == getattr(first, field) for r in results)
    ]
    return text + (_said("  " + " · ".join(shared) + "\n", screen) if shared else "")


_PARAMETERS = (("depth", "depth"), ("sigma_w2", "σ_w²"), ("gamma_b2", "γ_b²"))


def _title(k: KernelFacts, among: Sequence[Coefficients]) -> str:
    """Name a kernel with the parameters in which it differs from the others."""
    parts = [k.activation]
    for field, name in _PARAMETERS:
        if any(getattr(r.kernel, field) != getattr(k, field) for r in among):
            value: Decimal | int = getattr(k, field)
            parts.append(f"depth {value}" if isinstance(value, int) else f"{name}={digits_of(value, 6)}")
    return " ".join(parts)


def _variances(k: KernelFacts, digits: int) -> str:
    names = (("σ_w²", k.sigma_w2), ("σ_b²", k.sigma_b2), ("γ_w²", k.gamma_w2), ("γ_b²", k.gamma_b2))
    return " · ".join(f"{name} = {digits_of(value, digits)}" for name, value in names)


def _table(title: str, screen: Screen) -> Table:
    from rich import box
    from rich.table import Table

    style = box.SIMPLE_HEAD if screen.unicode else box.ASCII2
    return Table(title=_said(title, screen), title_justify="left", title_style="bold", box=style, pad_edge=True)


def _said(text: str, screen: Screen) -> str:
    """Return the text in letters that the screen has."""
    return text if screen.unicode else text.translate(_ASCII)


def _drawn(table: object, screen: Screen) -> str:
    """Return what Rich draws, as wide as the data where the screen sets no limit."""
    from io import StringIO

    from rich.console import Console

    buffer = StringIO()
    console = Console(
        file=buffer,
        width=screen.width or 10_000,
        force_terminal=screen.color,
        no_color=not screen.color,
        legacy_windows=False,
        color_system="standard" if screen.color else None,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
