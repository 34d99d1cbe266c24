"""Coefficients: one kernel's with shares and tail, several kernels' in the layout of the paper's Table 1."""

from collections.abc import Iterable, Sequence
from typing import Any

from ntkcalc.report.formats import Report, Screen, cell, digits_of, encoded, percent, rounded, scientific
from ntkcalc.report.tables import Column, captions, heading, kernel_lines, names, numbers, shared, table
from ntkcalc.series.results import Coefficients

_SYMBOLS = {"kappa": "κ", "alpha": "α", "beta": "β", "mu": "µ"}


class CoefficientsReport(Report[Coefficients]):
    """Results of ``coeffs``."""

    command = "coeffs"

    def fields(self, r: Coefficients) -> dict[str, Any]:
        """Return the JSON fields; coefficients bear the name of their series."""
        return super().fields(r) | {"coefficients": encoded(tuple(r.records()), r.digits)}

    def lines(self, r: Coefficients) -> Iterable[str]:
        """Return the coefficients alone."""
        return map(cell, r.values)

    def table(self, results: Sequence[Coefficients], screen: Screen) -> str:
        """Return a table: of coefficients for one kernel, of cumulative shares for several."""
        if len(results) == 1:
            return _one_kernel(results[0], screen)
        return (_values(results, screen) + "\n" if screen.every else "") + _several_kernels(results, screen)


def _one_kernel(r: Coefficients, screen: Screen) -> str:
    digits, symbol, subscript = screen.digits or 10, _SYMBOLS[r.which], "k" if r.which == "mu" else "p"
    shown = [rounded(v, digits) for v in (*r.values, r.tail)]
    wide = any(v and (v.adjusted() < -5 or v.adjusted() > 15) for v in shown)
    *values, tail = [scientific(v) if wide and v else digits_of(v) for v in shown]
    columns = [
        Column(subscript, [str(c.p) for c in r.coefficients]),
        Column(f"{symbol}_{subscript}", values),
        Column("share %", [percent(c.share) for c in r.coefficients]),
        Column("cumulative %", [percent(c.cumulative) for c in r.coefficients]),
    ]
    k, known, square = r.kernel, min(digits, r.digits), "²" if r.which == "mu" else ""
    lines = [
        f"tail: Σ {symbol}_{subscript}{square} over {subscript} > {r.truncation} = {tail}",
        *kernel_lines(k, digits),
        f"χ = {digits_of(k.chi, digits)} · total S = {digits_of(k.total, digits)}" if k.chi and k.total else "",
        f"{known} digit{'s' * (known != 1)}, {r.engine} engine",
        "shares are those of µ_k² in E[φ²]"
        if square
        else "shares of the total; cumulative: of all coefficients up to p",
        "the paper's truncated recurrence (39)-(41): k ≤ T" if r.paper_truncation else "",
    ]
    return table(heading(k), columns, screen) + captions(lines, screen)


def _values(results: Sequence[Coefficients], screen: Screen) -> str:
    """Return a table with a column of coefficients for each kernel, the tail below them."""
    digits, which, last = screen.digits or 10, results[0].which, results[0].truncation
    symbol, p, square = _SYMBOLS[which], "k" if which == "mu" else "p", "²" if which == "mu" else ""
    columns = [Column(p, [*map(str, range(last + 1)), f"> {last}"], words=True)]
    columns += [numbers(name, [*r.values, r.tail], digits) for name, r in zip(names(results), results, strict=True)]
    lines = [f"{p} > {last}: the tail Σ {symbol}_{p}{square} over all later {p}", shared(results)]
    return table(f"{symbol}_{p}", columns, screen) + captions(lines, screen)


def _several_kernels(results: Sequence[Coefficients], screen: Screen) -> str:
    symbol, square = _SYMBOLS[results[0].which], "²" if results[0].which == "mu" else ""
    title = f"cumulative % of the total in {symbol}_0{square} … {symbol}_T{square}"
    columns = [Column("T", names(results), words=True)]
    columns += [
        Column(str(p), [percent(r.coefficients[p].cumulative, screen.digits) for r in results])
        for p in range(results[0].truncation + 1)
    ]
    return table(title, columns, screen) + captions([shared(results)], screen)
