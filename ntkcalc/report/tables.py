"""Tables for people, drawn by Rich: numbers in line on their decimal points, no digit ever cut, captions below.

Rich is imported where a table is drawn, so that other formats do without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from ntkcalc.kernel.results import DataFacts, KernelFacts
from ntkcalc.report.formats import Screen, digits_of, printable, rounded, scientific

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 24
"""Rows of a matrix's spectrum that a table shows unless told how many."""

_ENDLESS = 1_000_000  # columns: Rich shortens nothing
_NARROWEST = 40  # columns that text is folded to

_ASCII: dict[str, str | int | None] = {
    **{"·": ";", "²": "^2", "ₚ": "_p", "ᵀ": "^T", "∘": "o", "√": "sqrt ", "‖": "||", "⟨": "<", "⟩": ">"},
    **{"…": "...", "≤": "<=", "≥": ">=", "−": "-", "±": "+-", "∞": "infinity", "→": "->", "∇": "grad "},
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "κ": "kappa"},
    **{"λ": "lambda", "µ": "mu", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi"},
    **{"Θ": "Theta", "Σ": "sum", "ℓ": "l", "\u0303": "~"},
}


class Column(NamedTuple):
    """A column: words stand flush left, numbers flush right with their decimal points in line."""

    header: str
    cells: Sequence[str]
    words: bool = False


def table(title: str, columns: Sequence[Column], screen: Screen, keys: int = 1) -> str:
    """Return a table under its title.

    Where the screen is narrower the columns stand closer, then in several tables below each other, each with the
    first `keys` columns, then each row by itself, a cell a line.
    """
    from io import StringIO
    from textwrap import fill

    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=StringIO(),
        width=_ENDLESS,
        color_system="standard" if screen.color else None,
        force_terminal=screen.color,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    said = spelled(title, screen)
    with console.capture() as drawn:
        console.print(Text(fill(said, max(screen.width, _NARROWEST)) if screen.width else said, "bold"))
        for part in _fitted([_in_line(c, screen) for c in columns], keys, screen):
            console.print(part, soft_wrap=True)
    return "".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines()).replace("\n\n\n", "\n\n")


def _in_line(column: Column, screen: Screen) -> Column:
    """Return a column whose header and cells have one width: Rich would strip the space behind a number."""
    from rich.cells import cell_len

    cells = [spelled(c, screen) for c in (column.header, *(column.cells if column.words else aligned(column.cells)))]
    width = max(map(cell_len, cells))
    spaces = [" " * (width - cell_len(c)) for c in cells]
    padded = [c + s if column.words else s + c for c, s in zip(cells, spaces, strict=True)]
    return Column(padded[0], padded[1:], column.words)


def _fitted(columns: Sequence[Column], keys: int, screen: Screen) -> Iterator[Table]:
    """Yield the table in as many parts as it takes to be no wider than the screen."""
    from rich.cells import cell_len

    def fits(part: Sequence[Column], gap: int) -> bool:
        return screen.width is None or sum(gap + cell_len(c.header) for c in part) <= screen.width

    for gap in (3, 2):
        if fits(columns, gap):
            yield _ruled(columns, gap, screen)
            return
    parts = [[*columns[: keys + 1]]]
    for column in columns[keys + 1 :]:
        if fits([*parts[-1], column], 2):
            parts[-1].append(column)
        else:
            parts.append([*columns[:keys], column])
    if all(fits(part, 2) for part in parts):
        yield from (_ruled(part, 2, screen) for part in parts)
    else:
        yield _records(columns)


def _ruled(columns: Sequence[Column], gap: int, screen: Screen) -> Table:
    """Return a table with a rule below its headers.

    All rows are one segment of many lines, padding included, which Rich neither wraps nor pads: 10 microseconds a
    line, where a row for each takes 80 a cell.
    """
    from rich.box import Box
    from rich.cells import cell_len
    from rich.segment import Segment, Segments
    from rich.table import Table

    rule = " ── " if screen.unicode else " -- "
    box = Box("\n".join(["    "] * 2 + [rule] + ["    "] * 5) + "\n", ascii=not screen.unicode)
    found, between = Table(box=box, padding=0), " " * gap
    rows = zip(*((column.header, *column.cells) for column in columns), strict=True)
    header, *lines = (f" {between.join(row)}{between[2:]}" for row in rows)
    found.add_column(header, width=cell_len(header), no_wrap=True)
    found.add_row(Segments([Segment("\n".join(lines))]))
    return found


def _records(columns: Sequence[Column]) -> Table:
    """Return a table with a line for each cell, an empty line before each row."""
    from rich.table import Table

    found = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    found.add_column(style="bold", no_wrap=True)
    found.add_column(no_wrap=True)
    for row in zip(*(column.cells for column in columns), strict=True):
        found.add_row()
        for column, cell in zip(columns, row, strict=True):
            if cell.strip():
                found.add_row(column.header.strip(), cell.strip())
    found.add_row()
    return found


def captions(lines: Sequence[str], screen: Screen) -> str:
    """Return lines under a table, folded where the screen is narrower: between words, if possible outside formulas."""
    width, text = max(screen.width or _ENDLESS, _NARROWEST), []
    for line in filter(None, lines):
        inside = "    " + " " * (len(line) - len(line.lstrip()))
        said = spelled(line, screen)
        folded = _folded(_unbroken(said), width, inside)
        text += folded if max(map(len, folded)) <= width else _folded(said, width, inside)
    return "".join(f"{line}\n".replace(_TIE, " ") for line in text)


_TIE = "\N{NO-BREAK SPACE}"
_TIED = tuple(
    map(
        re.compile,
        (  # spaces in formulas: around relations and signs, in sums, in parentheses with such; and in references
            r" (?=(<=|>=|\+-|[=≤≥<>~±+−/·;-]) )",
            r"(?<=[\s(](<=|>=|\+-)|.[\s(][=≤≥<>~±+−/-]) ",
            r"(Theorem|Lemma|Corollary) | (?=√|\|ρ|\|rho|%)",
            rf"(Σ|\bsum\b)[^,;:]{{0,24}}?(?={_TIE})|\([^()]{{,20}}{_TIE}[^()]{{,20}}\)",
        ),
    )
)


def _unbroken(text: str) -> str:
    """Return a caption with no-break spaces inside its formulas."""
    for place in _TIED:
        text = place.sub(lambda found: found[0].replace(" ", _TIE), text)
    return text


def _folded(text: str, width: int, inside: str) -> list[str]:
    from textwrap import wrap

    return wrap(
        text,
        width,
        initial_indent="  ",
        subsequent_indent=inside,
        break_long_words=False,
        break_on_hyphens=False,
    )


def spelled(text: str, screen: Screen) -> str:
    """Return a text in the letters that the screen has; control characters are escaped."""
    text = printable(text)
    return text if screen.unicode else text.replace(" ·", ";").translate(str.maketrans(_ASCII))


def aligned(cells: Sequence[str]) -> list[str]:
    """Return numbers padded on the right so that, set flush right, their decimal points stand in line."""
    behind = [len(c) - c.index(".") if "." in c else 0 for c in cells]
    most = max(behind, default=0)
    return [c + " " * (most - b) for c, b in zip(cells, behind, strict=True)]


def numbers(
    header: str,
    values: Sequence[Decimal | None],
    digits: int,
    rounding: str = ROUND_HALF_EVEN,
    unknown: str = "?",
    small: bool = False,
) -> Column:
    """Return a column of numbers: all in scientific notation where one needs it or all are known to be `small`."""
    known = [None if x is None else rounded(x, digits, rounding) for x in values]
    small = small or any(x is not None and x and x.adjusted() < -5 for x in known)
    return Column(header, [unknown if x is None else scientific(x) if small and x else digits_of(x) for x in known])


def left_out(count: int, screen: Screen) -> str:
    """Say how many rows a table leaves out."""
    return spelled(f"  … and {count} more (--top N or --json shows them)", screen) + "\n" if count > 0 else ""


def counted(count: int, what: str) -> str:
    """Return a number of things, one of them in the singular."""
    return f"{count} {what}{'s' * (count != 1)}"


_PARAMETERS = {"depth": "depth", "sigma_w2": "σ_w²", "gamma_b2": "γ_b²"}
_ALL_PARAMETERS = {"depth": "depth", "sigma_w2": "σ_w²", "sigma_b2": "σ_b²", "gamma_w2": "γ_w²", "gamma_b2": "γ_b²"}
_MOST_VARIANCES = 8  # q_l that a caption shows


def heading(k: KernelFacts | None) -> str:
    """Name a kernel that stands alone."""
    return "series" if k is None else f"{k.activation}, depth {k.depth}{', NNGP kernel' * (k.name == 'nngp')}"


def parameters(kernels: Sequence[KernelFacts]) -> dict[str, str]:
    """Return the parameters that tell kernels apart, with their symbols: fewer if Assumption 2 holds for all."""
    return _ALL_PARAMETERS if any(general(k) for k in kernels) else _PARAMETERS


def names(results: Sequence[Any]) -> list[str]:
    """Name the kernels of results by the parameters in which they differ."""
    kernels = [r.kernel for r in results if r.kernel is not None]
    differing = [field for field in parameters(kernels) if len({getattr(k, field) for k in kernels}) > 1]
    return ["series" if r.kernel is None else " ".join(_parts(r.kernel, differing)) for r in results]


def _parts(k: KernelFacts, differing: Sequence[str]) -> Iterator[str]:
    yield k.activation
    for field in differing:
        yield f"depth {k.depth}" if field == "depth" else f"{_ALL_PARAMETERS[field]}={digits_of(getattr(k, field), 6)}"


def shared(results: Sequence[Any]) -> str:
    """Say the parameters that all kernels share."""
    kernels = [r.kernel for r in results if r.kernel is not None]
    fields = parameters(kernels) if kernels else {}
    same = {f: getattr(kernels[0], f) for f in fields if len({getattr(k, f) for k in kernels}) == 1}
    said = [f"depth {v}" if f == "depth" else f"{fields[f]} = {digits_of(v, 10)}" for f, v in same.items()]
    return " · ".join(said + ["NNGP kernel"] * any(k.name == "nngp" for k in kernels))


def variances(k: KernelFacts, digits: int) -> str:
    """Say the four variances."""
    named = {"σ_w²": k.sigma_w2, "σ_b²": k.sigma_b2, "γ_w²": k.gamma_w2, "γ_b²": k.gamma_b2}
    return " · ".join(f"{name} = {digits_of(value, digits)}" for name, value in named.items() if value is not None)


def kernel_lines(k: KernelFacts | None, digits: int, data: DataFacts | None = None) -> list[str]:
    """Say the four variances, and where they are not those of Assumption 2 what follows from them."""
    return [] if k is None else [variances(k, digits), *phase(k, data)]


def phase(k: KernelFacts | None, data: DataFacts | None = None) -> list[str]:
    """Say q_1 … q_l and the phase of a kernel, unless Assumption 2 makes all q_l = 1."""
    if k is None or not general(k):
        return []
    shown = [digits_of(q, 6) for q in k.variances or ()]
    if len(shown) > _MOST_VARIANCES:
        shown = [*shown[: _MOST_VARIANCES - 2], "…", shown[-1]]
    lines = [f"q_1 … q_{k.depth}{_of_norm_one(data)} = {', '.join(shown)}"]
    if k.fixed_point is None:
        return [*lines, f"q_l {_NO_LIMIT[k.limits]} as the depth grows"]
    q, chi, c = (x and digits_of(x, 6) for x in (k.fixed_point.q, k.fixed_point.chi, k.fixed_point.correlation))
    named = _phase_name(k)
    any_q = "; any q is a fixed point" if k.limits == "all" else ""
    return [*lines, f"q* = {q}, χ* = {chi} ({named})" + (f", C* = {c}" if c and named == "chaotic" else "") + any_q]


_NO_LIMIT = {None: "has no limit that was found", "infinite": "grows without end"}


def phases(results: Sequence[Any], screen: Screen) -> str:
    """Return a table of the phases of several kernels, nothing if Assumption 2 holds for all."""
    kernels = {name: r.kernel for name, r in zip(names(results), results, strict=True) if r.kernel is not None}
    if len(results) < 2 or not any(general(k) for k in kernels.values()):
        return ""
    limits = [k.fixed_point for k in kernels.values()]
    columns = [
        Column("kernel", [*kernels], True),
        numbers(
            "q_l" + _of_norm_one(getattr(results[0], "data", None)),
            [(k.variances or (None,))[-1] for k in kernels.values()],
            6,
        ),
        numbers("q*", [limit and limit.q for limit in limits], 6, unknown="-"),
        numbers("χ*", [limit and limit.chi for limit in limits], 6, unknown="-"),
        numbers("C*", [limit and limit.correlation for limit in limits], 6, unknown="-"),
        Column("phase", [_phase_name(k) for k in kernels.values()], True),
    ]
    lines = ["q*, χ*, C*: the limits of q_l, χ_l and correlations as the depth grows"]
    lines += ["-: q_l has no limit that was found"] if any(_phase_name(k) == "-" for k in kernels.values()) else []
    return "\n" + table("variances of preactivations, and the phase", columns, screen) + captions(lines, screen)


def _of_norm_one(data: DataFacts | None) -> str:
    """Say whose q_l they are where rows have norms of their own."""
    return "" if data is None or data.normalized_rows else " of rows of norm 1"


def _phase_name(k: KernelFacts) -> str:
    if k.fixed_point is None:
        return "q_l grows without end" if k.limits == "infinite" else "-"
    return {-1: "ordered", 0: "critical", 1: "chaotic"}[int(k.fixed_point.chi.compare(Decimal(1)))]


def general(k: KernelFacts) -> bool:
    """Whether some q_l is not 1."""
    return any(q != 1 for q in k.variances or ())


def data_line(data: DataFacts) -> str:
    """Say what a data set is."""
    rank = "" if data.rank is None else f", rank {data.rank}"
    return f"{data.source}: n = {data.n}, d = {data.d}{rank}"
