"""Someone else's power series: the JSON that ``ntkcalc coeffs`` prints, or bare numbers one a line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ntkcalc.coefficients import MOST_TERMS
from ntkcalc.errors import InputError
from ntkcalc.precision import exact
from ntkcalc.results import KernelFacts

MOST_CHARACTERS = 1 << 28
"""Longest text that is read."""

_SERIES = ("kappa", "alpha", "beta")


@dataclass(frozen=True)
class GivenSeries:
    """A nonnegative series from outside.

    Parameters
    ----------
    kernel
        The kernel that it is said to be of, or None.
    coefficients
        c_0, c_1, …, exact.
    tail
        Σ_{p>T} c_p where it is known.
    """

    kernel: KernelFacts | None
    coefficients: list[Fraction]
    tail: Fraction | None


def parse_series(text: str, source: str) -> list[GivenSeries]:
    """Return the series that a text holds: JSON Lines, one series a line, or numbers, series apart by empty lines.

    Raises
    ------
    InputError
        For anything else, a negative coefficient included.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"{source}: at most {MOST_CHARACTERS} characters are read")
    if not text.strip():
        raise InputError(f"{source}: there is no series in it (it is empty)")
    if text.lstrip().startswith("{"):
        return [_from_json(line, f"{source}, line {n}") for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    found: list[list[Fraction]] = [[]]
    for n, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            found.append([])
        else:
            found[-1].append(_coefficient(line.strip(), f"{source}, line {n}"))
    return [GivenSeries(None, _checked(c, source), None) for c in found if c]


def _from_json(line: str, where: str) -> GivenSeries:
    """Read one object of ``ntkcalc.coeffs/1``."""
    try:
        fields = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise InputError(
            f"{where}: JSON Lines from ntkcalc coeffs --json, or numbers one a line, are expected"
        ) from None
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if not isinstance(schema, str) or not schema.startswith("ntkcalc.coeffs/"):
        raise InputError(f"{where}: the schema ntkcalc.coeffs/1 is expected, got {str(schema)[:40]!r}")
    which = fields.get("which", "kappa")
    if which not in _SERIES:
        raise InputError(f"{where}: a series with nonnegative coefficients is needed, got --which {str(which)[:20]}")
    rows = fields.get("coefficients")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and which in row for row in rows):
        raise InputError(f"{where}: 'coefficients' must be a list of objects with '{which}'")
    coefficients = [_coefficient(row[which], f"{where}, p = {p}") for p, row in enumerate(rows)]
    if [row.get("p", str(p)) for p, row in enumerate(rows)] != [str(p) for p in range(len(rows))]:
        raise InputError(f"{where}: 'p' must run 0, 1, 2, ...")
    tail = fields.get("tail")
    known = None if tail is None else _coefficient(tail, f"{where}, tail")
    facts = _facts(fields.get("kernel")) if which == "kappa" else None  # Σ_l or R' of a kernel is not that kernel
    return GivenSeries(facts, _checked(coefficients, where), known)


def _facts(kernel: Any) -> KernelFacts | None:
    """Read the kernel that the file names, if it is whole."""
    names = ("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "chi", "total")
    if not isinstance(kernel, dict) or not isinstance(kernel.get("activation"), str):
        return None
    try:
        known = [exact(kernel[name], name) for name in names]  # refuses NaN, infinity and absurd exponents
        numbers = [Decimal(str(kernel[name])) for name, value in zip(names, known, strict=True) if value >= 0]
        return KernelFacts(kernel["activation"][:200], int(kernel["depth"]), *numbers)
    except (KeyError, ArithmeticError, TypeError, ValueError):
        return None


def _coefficient(text: Any, where: str) -> Fraction:
    """Read one coefficient."""
    if not isinstance(text, str):
        raise InputError(f"{where}: a number is expected, got {str(text)[:20]}")
    value = exact(text, where)
    if value < 0:
        raise InputError(f"{where}: coefficients must not be negative, got {text[:40]}")
    return value


def _checked(coefficients: list[Fraction], where: str) -> list[Fraction]:
    if not 1 <= len(coefficients) <= MOST_TERMS + 1:
        raise InputError(f"{where}: 1 to {MOST_TERMS + 1} coefficients are expected, got {len(coefficients)}")
    return coefficients
