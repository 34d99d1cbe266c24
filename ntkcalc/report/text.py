"""Numbers as text: decimal digits for people and programs, and the JSON that other tools read.

Only text is made here; where it goes is the command line's affair.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal
from typing import Any

_LEAST, _MOST = Decimal("1e-300"), Decimal("1e300")
_MOST_JSON_DIGITS = 15  # a double carries them there and back


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


def counted(count: int, what: str) -> str:
    """Return a number of things, one of them in the singular."""
    return f"{count} {what}{'s' * (count != 1)}"


def percent(share: Decimal, digits: int | None) -> str:
    """Return a share as per cent: three decimals, or so many significant digits."""
    wide = Context(prec=max(50, len(share.as_tuple().digits)), Emax=MAX_EMAX, Emin=MIN_EMIN)
    hundredfold = share.scaleb(2, wide)
    if digits is not None:
        return digits_of(hundredfold, digits)
    return f"{hundredfold.quantize(Decimal('0.001'), ROUND_HALF_EVEN, wide):f}"


def number(value: Decimal, digits: int) -> float | int | str:
    """Return what stands for a value in JSON.

    A JSON number where a double keeps all digits, else the decimal digits as a string, for jq and
    JavaScript would round or overflow silently.
    """
    if digits > _MOST_JSON_DIGITS or (value and not _LEAST <= abs(value) <= _MOST):
        return digits_of(value)
    as_float = float(value)
    return int(as_float) if as_float.is_integer() and abs(as_float) < 1e15 else as_float


def json_line(fields: Mapping[str, Any]) -> str:
    """Return one JSON object on one line."""
    return json.dumps(fields, ensure_ascii=False, allow_nan=False)


def csv_lines(header: Iterable[str], records: Iterable[Iterable[object]]) -> str:
    """Return a header and records as CSV."""
    import csv
    from io import StringIO

    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(records)
    return buffer.getvalue()


def aligned(values: list[str]) -> list[str]:
    """Return numbers padded on the right so that, set flush right, their decimal points stand in line."""
    behind = [len(v) - v.index(".") if "." in v else 0 for v in values]
    return [v + " " * (max(behind, default=0) - b) for v, b in zip(values, behind, strict=True)]


def log10_of(value: Decimal | None) -> float | None:
    """Return log10 |value|; None for zero and for what is unknown."""
    return float(abs(value).log10()) if value else None


def sparkline(heights: Sequence[float | None], unicode: bool) -> str:
    """Return a line of bars from the least height to the largest; nothing where there is none."""
    levels = "▁▂▃▄▅▆▇█" if unicode else ".:-=+*#@"
    known = [h for h in heights if h is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return "".join(" " if h is None else levels[min(7, int((h - low) / span * 8))] for h in heights)


def level_bar(height: float, width: int, unicode: bool) -> str:
    """Return a horizontal bar for a height in [0, 1], an eighth of a column fine."""
    eighths = max(1, round(height * width * 8))
    if not unicode:
        return "#" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
