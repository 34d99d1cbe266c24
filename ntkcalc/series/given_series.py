"""A power series from outside: JSON or CSV as ``ntkcalc coeffs`` prints it, bare numbers, or an array.

CSV has a header that names one of kappa, alpha and beta; a column p, and the kernel's, are read where they are there.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from io import StringIO
from typing import Any

from ntkcalc.errors import InputError
from ntkcalc.kernel.results import FixedPoint, KernelFacts
from ntkcalc.numerics.precision import exact
from ntkcalc.series.coefficients import MOST_TERMS

MOST_CHARACTERS = 1 << 28
"""Longest text that is read."""

_SERIES = ("kappa", "alpha", "beta")


@dataclass(frozen=True)
class GivenSeries:
    """A nonnegative series from outside, with the kernel that it is said to be of."""

    kernel: KernelFacts | None
    coefficients: list[Fraction]  # c_0, c_1, …, exact
    tail: Fraction | None  # Σ_{p>T} c_p where it is known
    digits: int | None = None  # to which the numbers are rounded; None where they are meant exactly

    @property
    def error(self) -> Fraction:
        """A bound on the relative error of each number: one unit in the last of its digits."""
        return Fraction(0) if self.digits is None else Fraction(1, 10 ** (self.digits - 1))

    def known(self, digits: int) -> int:
        """Return how many of so many digits a sum of the numbers has."""
        return digits if self.digits is None else max(1, min(digits, self.digits - 1))


def parse_series(text: str, source: str) -> list[GivenSeries]:
    """Return the series that a text holds: JSON Lines, one series a line; CSV with a header; or bare numbers.

    Bare numbers stand one a line, series apart by empty lines, or all in one row; lines that start with # are comments.

    Raises
    ------
    InputError
        For anything else, a negative coefficient included.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"{source}: at most {MOST_CHARACTERS} characters are read")
    if not text.strip():
        raise InputError(f"{source}: there is no series in it (it is empty)")
    if text.lstrip(_SPACE).startswith("{"):
        return [_from_json(fields, where) for where, fields in list(_objects(text, source))]
    first, _, _ = text.lstrip(_SPACE).partition("\n")
    names = [name.strip(_SPACE) for name in first.split(",")]
    if not {*names}.isdisjoint((*_SERIES, "mu")):
        return _from_csv(names, text, source)
    found: list[list[Fraction]] = [[]]
    for n, line in enumerate(StringIO(text), 1):
        written = line.strip(_SPACE)
        if written.startswith("#"):
            continue
        if not written:
            found += [[]] if found[-1] else []
            continue
        numbers = [word for word in re.split(r"[,;\s]+", written) if word]
        alone = len(numbers) > 1 and not found[-1] and line.strip() == text.strip()
        for word in numbers if alone else [written]:
            found[-1].append(_coefficient(word, f"{source}, line {n}"))
        _check_length(found[-1], source)
    return [GivenSeries(None, c, None) for c in found if c]


def array_series(values: Any, source: str) -> list[GivenSeries]:
    """Return the series in an array: its numbers, or those of each of its rows.

    Floats count as rounded to the digits that their type holds.
    """
    from ntkcalc.kernel.points import real_array

    array = real_array(values, source)
    if array.ndim not in (1, 2) or not array.size:
        raise InputError(f"{source}: a series, or one in each row, is expected, got an array of shape {array.shape}")
    rows = array.reshape(-1, array.shape[-1])
    _check_length(range(array.shape[-1]), source)
    digits = None if array.dtype.kind != "f" else 15 if array.dtype.itemsize >= 8 else array.dtype.itemsize + 2
    found = ([_coefficient(str(x), f"{source}, p = {p}") for p, x in enumerate(row)] for row in rows)
    return [GivenSeries(None, c, None, digits) for c in found]


def _from_csv(names: list[str], text: str, source: str) -> list[GivenSeries]:
    """Read CSV: a new series begins where p is 0 again, or the kernel is another."""
    import csv

    which = next((name for name in names if name in _SERIES), None)
    if which is None:
        raise InputError(f"{source}: a series with nonnegative coefficients is needed, got the column mu")
    series: dict[tuple[Any, ...], list[str]] = {}
    key: tuple[Any, ...] = ()
    for record in csv.DictReader(StringIO(text.lstrip(_SPACE)), names):
        if None in record or None in record.values():
            raise InputError(
                f"{source}: a line of this CSV has {len(names)} fields, got {str([*record.values()])[:40]}"
            )
        row = {name: value.strip() for name, value in record.items()}
        if row[which] == which:  # the header, again where files were joined
            continue
        facts = tuple(row.get(name, "") for name in _KERNEL)
        if key[1:] != facts or row.get("p") == "0":
            key = (len(series), *facts)
        values = series.setdefault(key, [])
        if row.get("p", str(len(values))) != str(len(values)):
            raise InputError(f"{source}: 'p' must run 0, 1, 2, ..., got {row['p'][:20]} after {len(values) - 1}")
        values.append(row[which])
        _check_length(values, source)
    if not series:
        raise InputError(f"{source}: there is no series in it (only a header)")
    found = []
    for (_, *kernel), written in series.items():
        coefficients = [_coefficient(text, f"{source}, p = {p}") for p, text in enumerate(written)]
        own = kernel[0] and which == ("alpha" if "nngp" in kernel else "kappa")
        digits = max(len(re.sub(r"[eE].*|\D", "", text).lstrip("0")) for text in written) if own else None
        found.append(GivenSeries(_csv_facts(kernel) if own else None, coefficients, None, digits or None))
    return found


def _csv_facts(kernel: Sequence[str]) -> KernelFacts | None:
    """Read the kernel that each line of CSV names."""
    activation, depth, *written, name = kernel
    try:
        sigma_w2, sigma_b2, gamma_w2, gamma_b2 = (_nonnegative(v, "variance") if v else None for v in written)
        own = "nngp" if name == "nngp" else "ntk"
        act = _shown(activation.removeprefix("'"))
        return KernelFacts(act, int(depth), sigma_w2, sigma_b2, gamma_w2, gamma_b2, None, None, own, None, None, None)
    except (ArithmeticError, ValueError):
        return None


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:1000])


_KERNEL = ("activation", "depth", "sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "name")
_SPACE = " \t\r\n\ufeff"  # a byte order mark is nothing to see either


def _objects(text: str, source: str) -> Iterator[tuple[str, Any]]:
    """Yield the JSON objects that a text holds, one a line or spread over several, with the line they start in."""
    decoder, place = json.JSONDecoder(parse_float=str, parse_int=str), 0
    while True:
        while place < len(text) and text[place] in _SPACE:
            place += 1
        if place == len(text):
            return
        line = text.count("\n", 0, place) + 1
        where = f"{source}, line {line}"
        try:
            fields, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            raise InputError(
                f"{where}: JSON Lines from ntkcalc coeffs --json, or numbers one a line, are expected"
            ) from None
        yield where, fields


def _from_json(fields: Any, where: str) -> GivenSeries:
    """Read one object of ``ntkcalc.coeffs/1``."""
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if not isinstance(schema, str) or not schema.startswith("ntkcalc.coeffs/"):
        raise InputError(f"{where}: the schema ntkcalc.coeffs/1 is expected, got {str(schema)[:40]!r}")
    which = fields.get("which", "kappa")
    if which not in _SERIES:
        raise InputError(f"{where}: a series with nonnegative coefficients is needed, got --which {str(which)[:20]}")
    rows = fields.get("coefficients")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and which in row for row in rows):
        raise InputError(f"{where}: 'coefficients' must be a list of objects with '{which}'")
    _check_length(rows, where)
    coefficients = [_coefficient(row[which], f"{where}, p = {p}") for p, row in enumerate(rows)]
    if [row.get("p", str(p)) for p, row in enumerate(rows)] != [str(p) for p in range(len(rows))]:
        raise InputError(f"{where}: 'p' must run 0, 1, 2, ...")
    tail, digits = fields.get("tail"), str(fields.get("digits", ""))
    facts = _facts(fields.get("kernel"))
    if facts is not None and which != ("alpha" if facts.name == "nngp" else "kappa"):
        facts = None  # Σ_l or R' of an NTK is not that kernel
    return GivenSeries(
        facts,
        coefficients,
        None if tail is None else _coefficient(tail, f"{where}, tail"),
        int(digits) if digits.isascii() and digits.isdigit() and 0 < len(digits) < 6 and int(digits) else None,
    )


def _facts(kernel: Any) -> KernelFacts | None:
    """Read the kernel that the file names, if it is whole."""
    names = ("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total")
    if not isinstance(kernel, dict) or not isinstance(kernel.get("activation"), str):
        return None
    try:
        sigma_w2, sigma_b2, gamma_w2, gamma_b2, chi, total = (_nonnegative(kernel[name], name) for name in names)
        variances, slopes = (_row(kernel.get(name), name) for name in ("variances", "slopes"))
        limit = kernel.get("fixed_point")
        phase = limit and _fixed_point(limit["q"], limit["chi"], limit["correlation"])
        own, depth = "nngp" if kernel.get("name") == "nngp" else "ntk", int(kernel["depth"])
        act = _shown(kernel["activation"])
        return KernelFacts(
            act, depth, sigma_w2, sigma_b2, gamma_w2, gamma_b2, chi, total, own, variances, slopes, phase
        )
    except (KeyError, ArithmeticError, TypeError, ValueError):
        return None


def _row(numbers: Any, what: str) -> tuple[Decimal, ...] | None:
    return None if numbers is None else tuple(_nonnegative(x, what) for x in numbers)


def _fixed_point(q: Any, chi: Any, correlation: Any) -> FixedPoint:
    c = None if correlation is None else _nonnegative(correlation, "correlation")
    return FixedPoint(_nonnegative(q, "q"), _nonnegative(chi, "chi"), c)


def _nonnegative(number: Any, what: str) -> Decimal:
    """Return a number; refuse NaN, infinity and absurd exponents, and what is negative."""
    if exact(number, what) < 0:
        raise InputError(f"{what} must not be negative")
    return Decimal(str(number))


def _coefficient(text: Any, where: str) -> Fraction:
    if not isinstance(text, str):
        raise InputError(f"{where}: a number is expected, got {str(text)[:20]}")
    value = exact(text, where)
    if value < 0:
        raise InputError(f"{where}: coefficients must not be negative, got {text[:40]}")
    return value


def _check_length(coefficients: Sequence[Any], where: str) -> None:
    if not 1 <= len(coefficients) <= MOST_TERMS + 1:
        raise InputError(f"{where}: 1 to {MOST_TERMS + 1} coefficients are expected, got {len(coefficients)}")
