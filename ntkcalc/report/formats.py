"""Results as text: decimal numbers, and the JSON, CSV and plain values that follow from the fields of a result.

`text_of` and `draw` are what the command line calls. Each type of result has a `Report`, which knows its tables.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Generic, TypeVar

from ntkcalc import __version__
from ntkcalc.kernel.results import ENVELOPE, named_fields

Result = TypeVar("Result")

_REPORTS = {
    "Coefficients": "coefficients.CoefficientsReport",
    "KernelValues": "values.ValuesReport",
    "MatrixSummary": "values.MatrixReport",
    "RankBounds": "effective_ranks.BoundsReport",
    "EffectiveRanks": "effective_ranks.RanksReport",
    "SphereSpectrum": "spectra.SphereReport",
    "MatrixSpectrum": "spectra.MatrixReport",
    "NetworkSpectrum": "networks.NetworkReport",
    "Decay": "decay.DecayReport",
}
"""Where the report of each type of result is, in this package."""


@dataclass(frozen=True)
class Screen:
    """The terminal, or what stands in for it.

    `width` in columns, or None for as wide as the data; `digits` and `rows` that the user asked for, if any; `every`:
    whether decay laws come with all models that were tried, and coefficients of several kernels with their values.
    """

    width: int | None = None
    unicode: bool = True
    color: bool = False
    digits: int | None = None
    rows: int | None = None
    every: bool = False


def text_of(results: Sequence[Any], style: str, screen: Screen) -> str:
    """Return results of one type as text.

    Parameters
    ----------
    results : results of one type, such as `Coefficients`
    style : "table", "json", "csv" or "plain"
    screen : what a table is drawn on
    """
    from importlib import import_module

    kind = type(results[0]).__name__
    if kind == "Decay" and not screen.every:
        results = [r.without_candidates() for r in results]
    module, _, name = _REPORTS[kind].partition(".")
    report: Report[Any] = getattr(import_module(f"ntkcalc.report.{module}"), name)()
    return report.table(results, screen) if style == "table" else getattr(report, style)(results)


def draw(results: Sequence[Any], path: str, kind: str) -> None:
    """Draw results of one type to a file of a kind, "png", "svg" or "pdf"; the same results make the same bytes.

    The settings are matplotlib's own, whatever a user's matplotlibrc says.
    """
    import matplotlib

    date = {"svg": "Date", "pdf": "CreationDate"}.get(kind)
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["svg.hashsalt"] = "ntkcalc"
        from ntkcalc.report.plots import PLOTS

        figure = PLOTS[type(results[0]).__name__](results)
        figure.savefig(path, format=kind, dpi=150, metadata={date: None} if date else {})


class Report(ABC, Generic[Result]):
    """How results of one type become text. JSON, CSV and plain values follow from their fields."""

    command: str
    """The command whose contract the JSON keeps."""

    plain_fields: tuple[str, ...]
    """What plain values show of a record."""

    @abstractmethod
    def table(self, results: Sequence[Result], screen: Screen) -> str:
        """Return tables with captions."""

    def fields(self, result: Any) -> dict[str, Any]:
        """Return the JSON fields of a result without the envelope."""
        found: dict[str, Any] = encoded(result, result.digits)
        return found

    def records(self, result: Any) -> list[dict[str, object]]:
        """Return the records of CSV, without the kernel that starts each line."""
        found: list[dict[str, object]] = result.records()
        return found

    def lines(self, result: Any) -> Iterable[str]:
        """Return the lines of plain values."""
        for record in self.records(result):
            yield " ".join(cell(record[name], "null") for name in self.plain_fields)

    def json(self, results: Sequence[Result]) -> str:
        """Return JSON Lines, one object a result."""
        return "".join(json_line(envelope(self.command, r) | self.fields(r)) + "\n" for r in results)

    def csv(self, results: Sequence[Any]) -> str:
        """Return CSV; what is unknown is empty."""
        records = [(r.kernel, record) for r in results for record in self.records(r)]
        names = _kernel_columns([r.kernel for r in results])
        rows = ([*(getattr(k, name, None) for name in names), *record.values()] for k, record in records)
        return csv_lines([*names, *records[0][1]], ([csv_cell(value) for value in row] for row in rows))

    def plain(self, results: Sequence[Result]) -> str:
        """Return bare values; of several results each under a line that names it, an empty line between them."""
        blocks = ["".join(f"{line}\n" for line in self.lines(r)) for r in results]
        if len(blocks) > 1:
            blocks = [f"# {printable(result_name(r))}\n{block}" for r, block in zip(results, blocks, strict=True)]
        return "\n".join(blocks)


def result_name(r: Any) -> str:
    """Name a result by all that may differ between the results of one run: its kernel, its truncation, its data."""
    k = r.kernel
    parts = ["series"] if k is None else [k.activation, f"depth {k.depth}"]
    if k is not None:
        named = {name: getattr(k, name) for name in _kernel_columns([k]) if name.endswith("2")}
        parts += [f"{name} = {digits_of(value)}" for name, value in named.items() if value is not None]
        parts += ["NNGP kernel"] * (k.name == "nngp")
    truncation, data = getattr(r, "truncation", None), getattr(r, "data", None)
    parts += [] if truncation is None else [f"T = {truncation}"]
    parts += [] if data is None else [data.source]
    return ", ".join(parts)


_KERNEL = ("activation", "depth", "sigma_w2", "gamma_b2")  # what of a kernel is in CSV


def _kernel_columns(kernels: Sequence[Any]) -> list[str]:
    """Return what of kernels is in CSV: more where Assumption 2 does not hold, or for NNGP kernels."""
    known = [k for k in kernels if k is not None]
    general = any(q != 1 for k in known for q in k.variances or ())
    columns = ("activation", "depth", "sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2") if general else _KERNEL
    return [*columns, *["name"] * any(k.name == "nngp" for k in known)]


def envelope(command: str, result: Any) -> dict[str, Any]:
    """Return what the JSON of every command starts with."""
    start = {"schema": f"ntkcalc.{command}/1", "version": __version__}
    return start | {name: encoded(getattr(result, name), result.digits) for name in ENVELOPE}


def encoded(value: Any, digits: int) -> Any:
    """Return what stands for a value in JSON; numbers have `digits` digits."""
    if isinstance(value, Decimal):
        return number(value, digits or len(value.as_tuple().digits))
    if isinstance(value, int) and value > 1 << 53:
        return str(value)
    if isinstance(value, Mapping):
        return {name: encoded(inner, digits) for name, inner in value.items()}
    if isinstance(value, tuple):
        return [encoded(inner, digits) for inner in value]
    if is_dataclass(value):
        own = {f.name: f.metadata["digits"] for f in fields(value) if "digits" in f.metadata}
        return {name: encoded(inner, own.get(name, digits)) for name, inner in named_fields(value).items()}
    return value


def number(value: Decimal, digits: int) -> float | int | str:
    """Return what stands for a number in JSON.

    A JSON number where a double keeps all digits, else the decimal digits as a string, for jq and JavaScript would
    round or overflow silently.
    """
    if digits > _MOST_JSON_DIGITS or (value and not _LEAST <= abs(value) <= _MOST):
        return digits_of(value)
    as_float = float(value)
    return int(as_float) if as_float.is_integer() and abs(as_float) < 1e15 else as_float


_LEAST, _MOST = Decimal("1e-300"), Decimal("1e300")
_MOST_JSON_DIGITS = 15  # a double carries them there and back


def json_line(fields: Mapping[str, Any]) -> str:
    """Return one JSON object on one line."""
    return _escaped(json.dumps(fields, ensure_ascii=False, allow_nan=False), lambda c: json.dumps(c)[1:-1])


def printable(text: str) -> str:
    r"""Return a text whose control characters, which would command a terminal, are escaped.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _escaped(text, lambda c: repr(c)[1:-1])


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\xa0" else escape(c) for c in text)


def cell(value: object, unknown: str = "") -> str:
    """Return a value as CSV and plain values have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return unknown if value is None else digits_of(value) if isinstance(value, Decimal) else printable(str(value))


def csv_cell(value: object) -> str:
    """Return a value as CSV has it.

    Text that a spreadsheet would run as a formula (a file named =A1, the activation -x*tanh(x)) gets an apostrophe
    before it, by which spreadsheets know text.
    """
    return "'" * (isinstance(value, str) and value[:1] in _FORMULA) + cell(value)


_FORMULA = tuple("=+-@")


def csv_lines(header: Iterable[str], records: Iterable[Iterable[object]]) -> str:
    """Return a header and records as CSV."""
    import csv
    from io import StringIO

    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(records)
    return buffer.getvalue()


def digits_of(value: Decimal, digits: int | None = None) -> str:
    """Return the digits of a value, in scientific notation where plain notation would need long zeros.

    Examples
    --------
    >>> digits_of(Decimal("0.00123400")), digits_of(Decimal("1.2E-9"))
    ('0.00123400', '1.2e-9')
    """
    if not value:
        return "0"
    if digits is not None:
        value = rounded(value, digits)
    if -5 <= value.adjusted() < max(16, len(value.as_tuple().digits)):
        return f"{value:f}"
    return scientific(value)


def scientific(value: Decimal) -> str:
    """Return ``d.ddd…e-xx``."""
    sign, digits, _ = value.as_tuple()
    head, tail = str(digits[0]), "".join(map(str, digits[1:]))
    return f"{'-' * sign}{head}{'.' * bool(tail)}{tail}e{value.adjusted()}"


def rounded(value: Decimal, digits: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """Return a value with at most `digits` significant digits."""
    if len(value.as_tuple().digits) <= digits:
        return value
    return Context(prec=digits, rounding=rounding, Emax=MAX_EMAX, Emin=MIN_EMIN).plus(value)


def about(error: float) -> str:
    """Return an error in one digit, rounded up."""
    return scientific(rounded(Decimal(error), 1, ROUND_CEILING))


def percent(share: Decimal, digits: int | None = None) -> str:
    """Return a share as per cent: three decimals, or so many significant digits."""
    wide = Context(prec=max(50, len(share.as_tuple().digits)), Emax=MAX_EMAX, Emin=MIN_EMIN)
    hundredfold = share.scaleb(2, wide)
    if digits is not None:
        return digits_of(hundredfold, digits)
    return f"{hundredfold.quantize(Decimal('0.001'), ROUND_HALF_EVEN, wide):f}"
