"""Decay laws as text: table, json, csv, plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import floor, log10

from ntkcalc.decay.results import ClassFit, Decay, Parameter, Statement
from ntkcalc.report.common import (
    Screen,
    add_columns,
    add_rows,
    captions,
    drawn,
    envelope,
    kernel_cells,
    lines_json,
    new_table,
    said,
    title_of,
)
from ntkcalc.report.text import csv_lines

_PARAMETERS = ("exponent", "rate", "ratio", "constant")


def decay_json(results: Sequence[Decay], every: bool = False) -> str:
    """Return JSON Lines, one object a series; with `every`, all models that were tried."""
    return lines_json([_fields(r, every) for r in results])


def _fields(r: Decay, every: bool) -> dict[str, object]:
    fit = r.fit
    theory = {
        name: [_without_none(statement) for statement in getattr(r.theory, name)]
        for name in ("coefficients", "sphere_eigenvalues", "data_eigenvalues")
    }
    return envelope("decay", r.kernel, 12, "mpmath") | {
        "model": fit.model,
        "oscillating": fit.oscillating,
        "parameters": _numbers(fit.parameters),
        "classes": [_class_fields(c, every) for c in fit.classes],
        "parity": fit.parity,
        "window": list(fit.window),
        "degree": fit.degree,
        "theory": theory,
    }


def _class_fields(c: ClassFit, every: bool) -> dict[str, object]:
    fields: dict[str, object] = {
        "parity": c.parity,
        "model": c.model,
        "parameters": _numbers(c.parameters),
        "spread": _short(c.spread),
    }
    if every:
        fields["candidates"] = [
            {"model": m, "spread": _short(spread), "criterion": round(criterion, 2), "candidate": bool(fair)}
            for m, (spread, criterion, fair) in c.candidates.items()
        ]
    return fields


def _without_none(statement: Statement) -> dict[str, object]:
    return {name: value for name, value in asdict(statement).items() if value is not None}


def _numbers(parameters: dict[str, Parameter]) -> dict[str, dict[str, float]]:
    return {
        name: {"value": float(_rounded(p)), "stderr": _short(p.stderr), "systematic": _short(p.systematic)}
        for name, p in parameters.items()
    }


def _short(x: float) -> float:
    return float(f"{x:.2g}")


def _error(p: Parameter) -> float:
    return p.stderr + p.systematic


def _rounded(p: Parameter, more: int = 1) -> str:
    """Return the value with the digits that its error leaves, and one more."""
    error = max(_error(p), 1e-12 * abs(p.value))
    places = -floor(log10(error)) + more - 1 if error else 12
    return f"{p.value:.{max(0, min(places, 15))}f}" if places > 0 else f"{p.value:.{max(1, 3)}g}"


def decay_csv(results: Sequence[Decay], every: bool = False) -> str:
    """Return CSV, a parity class a line; what is unknown is empty."""
    names = [f"{name}{end}" for name in _PARAMETERS for end in ("", "_stderr", "_systematic")]
    header = ["activation", "depth", "sigma_w2", "gamma_b2", "parity", "model", "oscillating", *names, "spread"]
    records = []
    for r in results:
        start = kernel_cells(r.kernel)
        flag = str(r.fit.oscillating).lower()
        for c in r.fit.classes:
            cells: list[object] = []
            for name in _PARAMETERS:
                numbers = _numbers(c.parameters).get(name)
                cells += list(numbers.values()) if numbers else ["", "", ""]
            records.append([*start, c.parity, c.model, flag, *cells, _short(c.spread)])
        if not r.fit.classes:
            records.append([*start, r.fit.parity, r.fit.model, flag, *[""] * len(names), ""])
    return csv_lines(header, records)


def decay_plain(results: Sequence[Decay], every: bool = False) -> str:
    """Return a name and a value a line; an empty line between series."""
    blocks = []
    for r in results:
        lines = [f"model {r.fit.model}", f"parity {r.fit.parity}", f"oscillating {str(r.fit.oscillating).lower()}"]
        lines += [f"{name} {_rounded(r.fit.parameters[name])}" for name in _PARAMETERS if name in r.fit.parameters]
        lines += [] if r.fit.degree is None else [f"degree {r.fit.degree}"]
        blocks.append("".join(f"{line}\n" for line in lines))
    return "\n".join(blocks)


def decay_table(results: Sequence[Decay], screen: Screen, every: bool = False) -> str:
    """Return a table of fits, and the theory under it."""
    kernels = [r.kernel for r in results if r.kernel is not None]
    table = new_table("decay laws of κ_p, fitted", screen, keys=2)
    add_columns(table, ("kernel", "p", "law", "exponent", "rate a or ratio r"), screen)
    rows: list[list[str]] = []
    for r in results:
        name = "series" if r.kernel is None else title_of(r.kernel, kernels)
        for cells in _rows(r):
            rows.append([name, *cells])
            name = ""
    add_rows(table, rows, (3, 4), screen)
    text = drawn(table, screen)
    first = results[0].fit.window
    same = all(r.fit.window == first for r in results)
    lines = [
        "± noise, and five times what half the window changes; " + (f"p = {first[0]} … {first[1]}" if same else "")
    ]
    for r in results:
        heading = [title_of(r.kernel, kernels)] if r.kernel is not None and len(results) > 1 else []
        lines += [*heading, *("  " * len(heading) + line for line in _theory(r))]
    text += captions(lines, kernels, screen)
    return text + ("\n" + _tried(results, screen) if every else "")


_LAWS = {
    "power": "C p^e",
    "stretched-exponential": "C p^e exp(−a √p)",
    "exponential": "C p^e r^(−p)",
    "entire": "faster than any r^(−p)",
    "undecided": "undecided",
}


def _rows(r: Decay) -> list[list[str]]:
    if not r.fit.classes:
        said = f"none beyond p = {r.fit.degree}" if r.fit.model == "finite" else r.fit.model
        return [[r.fit.parity if r.fit.model != "finite" else "", said, "", ""]]
    return [
        [
            c.parity,
            _LAWS[c.model] + (", oscillating" if r.fit.oscillating else ""),
            _with_error(c.parameters.get("exponent")),
            _with_error(c.parameters.get("rate") or c.parameters.get("ratio")),
        ]
        for c in r.fit.classes
    ]


def _with_error(p: Parameter | None) -> str:
    if p is None:
        return ""
    error = max(_error(p), 1e-15)
    places = max(0, -floor(log10(error)))
    shown = min(places, 10)
    return f"{p.value:.{shown}f} ± {error:.0e}".replace("-", "−").replace("e−0", "e−")


def _theory(r: Decay) -> list[str]:
    """Return the statements of theory, one a line."""
    statements = (
        *((s, "") for s in r.theory.coefficients),
        *((s, "sphere: ") for s in r.theory.sphere_eigenvalues),
        *((s, "data: ") for s in r.theory.data_eigenvalues),
    )
    return [f"{where}{s.law} ({s.status}: {s.source})" for s, where in statements]


def _tried(results: Sequence[Decay], screen: Screen) -> str:
    """Return a table of all models that were tried."""
    kernels = [r.kernel for r in results if r.kernel is not None]
    table = new_table("all models: residuals of log κ_p, and the information criterion", screen, keys=3)
    add_columns(table, ("kernel", "p", "model", "residual", "criterion", "candidate"), screen)
    for r in results:
        name = "series" if r.kernel is None else title_of(r.kernel, kernels)
        for c in r.fit.classes:
            for model, (spread, criterion, fair) in c.candidates.items():
                cells = (f"{spread:.1e}", f"{criterion:.1f}", "yes" if fair else "no")
                table.add_row(said(name, screen), c.parity, model, *cells)
    return drawn(table, screen)


FORMATS = {"json": decay_json, "csv": decay_csv, "plain": decay_plain}
"""Text of each format but the table."""
