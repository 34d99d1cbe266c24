"""What the text of every result has in common: the screen, tables, the JSON envelope, names of kernels and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ntkcalc import __version__
from ntkcalc.kernel.results import DataFacts, KernelFacts
from ntkcalc.report.text import (
    aligned,
    digits_of,
    json_line,
    level_bar,
    log10_of,
    number,
    rounded,
    scientific,
)
from ntkcalc.report.text_table import Sheet

_ASCII = str.maketrans(
    {
        "κ": "kappa",
        "ε": "epsilon",
        "λ": "lambda",
        "ᵀ": "^T",
        "∘": "o",
        "≥": ">=",
        "ℓ": "l",
        "√": "sqrt ",
        "φ": "phi",
        "π": "pi",
        "±": "+-",
        "η": "eta",
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
        "δ": "delta",
        "∇": "grad ",
        "‖": "||",
        "⟨": "<",
        "⟩": ">",
        "∞": "infinity",
        "→": "->",
    }
    | {"Σ": "sum", "·": "-", "²": "^2", "ₚ": "_p", "…": "...", "≤": "<=", "−": "-"}
)


@dataclass(frozen=True)
class Screen:
    """The terminal, or what stands in for it.

    `width` in columns, or None for as wide as the data; `digits` and `rows` that the user asked for, if any.
    """

    width: int | None = None
    unicode: bool = True
    color: bool = False
    digits: int | None = None
    rows: int | None = None


def kernel_fields(kernel: KernelFacts, digits: int) -> dict[str, object]:
    """Return the kernel's part of the JSON envelope."""
    variances = ("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total")
    named: dict[str, object] = {name: number(getattr(kernel, name), digits) for name in variances}
    return {"activation": kernel.activation, "depth": kernel.depth, **named}


def data_fields(data: DataFacts) -> dict[str, object]:
    """Return the JSON of a data set."""
    return {
        "source": data.source,
        "n": data.n,
        "d": data.d,
        "rank": data.rank,
        "normalized_rows": data.normalized_rows,
    }


def maybe(value: Decimal | None, digits: int) -> float | int | str | None:
    """Return what stands for a value in JSON, null where it is unknown."""
    return None if value is None else number(value, digits)


def lines_json(rows: Sequence[Mapping[str, object]]) -> str:
    """Return JSON Lines."""
    return "".join(json_line(row) + "\n" for row in rows)


def kernel_cells(k: KernelFacts | None) -> list[object]:
    """Return the free parameters of a kernel, for CSV."""
    return ["", "", "", ""] if k is None else [k.activation, k.depth, digits_of(k.sigma_w2), digits_of(k.gamma_b2)]


def data_line(data: DataFacts) -> str:
    """Say what a data set is."""
    rank = "" if data.rank is None else f", rank {data.rank}"
    return f"{data.source}: n = {data.n}, d = {data.d}{rank}"


_PARAMETERS = (("depth", "depth"), ("sigma_w2", "σ_w²"), ("gamma_b2", "γ_b²"))


def title_of(k: KernelFacts, among: Sequence[KernelFacts]) -> str:
    """Name a kernel with the parameters in which it differs from the others."""
    parts = [k.activation]
    for field, name in _PARAMETERS:
        if any(getattr(other, field) != getattr(k, field) for other in among):
            value: Decimal | int = getattr(k, field)
            parts.append(f"depth {value}" if isinstance(value, int) else f"{name}={digits_of(value, 6)}")
    return " ".join(parts)


def shared(kernels: Sequence[KernelFacts]) -> str:
    """Say the parameters that all kernels share."""
    first = kernels[0]
    shared = [
        f"{name} = {digits_of(getattr(first, field), 10)}" if field != "depth" else f"depth {first.depth}"
        for field, name in _PARAMETERS
        if all(getattr(k, field) == getattr(first, field) for k in kernels)
    ]
    return "  " + " · ".join(shared) + "\n" if shared else ""


def variances(k: KernelFacts, digits: int) -> str:
    """Say the four variances."""
    names = (("σ_w²", k.sigma_w2), ("σ_b²", k.sigma_b2), ("γ_w²", k.gamma_w2), ("γ_b²", k.gamma_b2))
    return " · ".join(f"{name} = {digits_of(value, digits)}" for name, value in names)


_WORDS = ("kernel", "model", "law", "course", "theorem", "of", "")  # headers of columns that hold no numbers


def add_columns(table: Sheet, headers: Sequence[str], screen: Screen) -> None:
    """Add columns of numbers, set flush right, names flush left."""
    for i, header in enumerate(headers):
        left = header in _WORDS or (i == 0 and header == "activation")
        table.add_column(said(header, screen), justify="left" if left else "right")


def add_rows(table: Sheet, rows: Sequence[Sequence[str]], numbers: Sequence[int], screen: Screen) -> None:
    """Add rows, with the decimal points of the columns `numbers` in line."""
    columns = ([said(cell, screen) for cell in column] for column in zip(*rows, strict=True))
    lined = (aligned(column) if i in numbers else column for i, column in enumerate(columns))
    for row in zip(*lined, strict=True):
        table.add_row(*row)


def new_table(title: str, screen: Screen, keys: int = 1) -> Sheet:
    """Return an empty table whose first `keys` columns name a row."""
    return Sheet(said(title, screen), keys, "─" if screen.unicode else "-")


def left_out(count: int) -> str:
    """Say how many rows a table leaves out."""
    return f"  … and {count} more (--top N or --json shows them)\n" if count > 0 else ""


def column_of(values: Sequence[Decimal | None], digits: int, scientifically: bool = False) -> list[str]:
    """Return a column: all in scientific notation where one needs it, the unknown as ?."""
    known = [None if x is None else rounded(x, digits) for x in values]
    small = scientifically or any(x is not None and x and x.adjusted() < -5 for x in known)
    return aligned(["?" if x is None else scientific(x) if small and x else digits_of(x) for x in known])


_BAR = 8  # columns


def bars(values: Sequence[Decimal | None], screen: Screen) -> list[str]:
    """Return a bar for each value, as long as its logarithm is above the least."""
    logs = [log10_of(value) for value in values]
    known = [x for x in logs if x is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return ["" if x is None else level_bar((x - low) / span, _BAR, screen.unicode) for x in logs]


def captions(lines: Sequence[str], kernels: Sequence[KernelFacts], screen: Screen) -> str:
    """Return what stands under a table, folded between words where the screen is narrower."""
    lines = [*lines, *([shared(kernels).strip()] if kernels else [])]
    width = max(screen.width or 10_000, 40)
    return "".join(f"{part}\n" for line in lines if line for part in _folded(said(line, screen), width))


def _folded(line: str, width: int) -> list[str]:
    """Return a line in parts, those after the first set further in than it is."""
    from textwrap import wrap

    inside = "    " + " " * (len(line) - len(line.lstrip()))
    return wrap(line, width, initial_indent="  ", subsequent_indent=inside, break_long_words=False)


def said(text: str, screen: Screen) -> str:
    """Return the text in letters that the screen has."""
    return text if screen.unicode else text.translate(_ASCII)


def drawn(table: Sheet, screen: Screen) -> str:
    """Return a table under its title, fitted to the screen: no digit is ever cut."""
    from textwrap import wrap

    title = wrap(table.title, max(screen.width, 40)) if screen.width else [table.title]
    above = "".join(f"\x1b[1m{line}\x1b[0m\n" if screen.color else f"{line}\n" for line in title)
    return above + table.text(screen.width, screen.color)


def envelope(command: str, kernel: KernelFacts | None, digits: int, engine: str) -> dict[str, object]:
    """Return what the JSON of every command starts with."""
    return {
        "schema": f"ntkcalc.{command}/1",
        "version": __version__,
        "digits": digits,
        "engine": engine,
        "kernel": None if kernel is None else kernel_fields(kernel, digits),
    }
