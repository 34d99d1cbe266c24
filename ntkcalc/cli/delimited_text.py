"""Matrices from text: CSV and its relatives, and columns of numbers between white space.

NumPy's reader converts the numbers. The delimiter, whether the first line holds names, and which columns are
coordinates are decided here from the first lines. What is doubtful is refused, with the option that decides it: no row
is dropped unsaid, and no index or label becomes a coordinate unasked.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any

import numpy as np

from ntkcalc.errors import InputError, near_miss

HEADERS = ("auto", "yes", "no")

_LONGEST_LINE = 1 << 26  # characters
_HEAD = 4  # lines that are looked at before the numbers are read
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\s*[+-]?(nan|inf|infinity)\s*", re.ASCII | re.I)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_WORD = re.compile(r"\s*[^\W\d_].*|\s*_.*", re.DOTALL)  # starts with a letter or an underscore
_MISSING = {"na", "n/a", "nan", "null", "none", "nil", "missing", "inf", "infinity"}
_NO_COORDINATES = {
    *("label", "labels", "class", "cluster", "target", "targets"),
    *("id", "idx", "index", "row", "row_id", "unnamed: 0"),
}
"""Names of columns that hardly ever are coordinates."""


@dataclass(frozen=True)
class Layout:
    """How text is to be read, as far as a user has said it.

    Parameters
    ----------
    header : whether the first line holds names: "auto", "yes" or "no"
    delimiter : what stands between two fields; None finds out
    decimal : the decimal sign, "." or ","
    columns : the columns to take, such as ``"2-5,width,-label"``; None takes all
    """

    header: str = "auto"
    delimiter: str | None = None
    decimal: str = "."
    columns: str | None = None

    def __post_init__(self) -> None:
        if self.header not in HEADERS:
            known = ", ".join(HEADERS)
            raise InputError(
                f"header must be one of {known}, got '{self.header[:40]}'.{near_miss(self.header, [*HEADERS])}"
            )
        if self.decimal not in (".", ","):
            raise InputError(f"decimal must be '.' or ',', got '{self.decimal[:40]}'")
        if self.columns is not None and not self.columns.strip():
            raise InputError("columns needs names or numbers from 1, such as 2-5 or -label, got ''")
        forbidden = '.#"\n\r+-' + self.decimal
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or self.delimiter.isalnum() or self.delimiter in forbidden
        ):
            raise InputError(f"delimiter must be one character such as ',' ';' or a tab, got '{self.delimiter[:40]}'")


@dataclass(frozen=True)
class Matrix:
    """What a text holds: the numbers, and what the user should be told of how it was read."""

    values: Any
    remarks: tuple[str, ...] = ()
    text: bool = False


def read_matrix(stream: IO[str], layout: Layout, usual: str | None, most_entries: int) -> Matrix:
    """Return the matrix that a text holds.

    Parameters
    ----------
    stream : the text
    layout : how it is to be read
    usual : the delimiter that the file's name suggests; None for white space
    most_entries : numbers that it may hold

    Raises
    ------
    InputError
        For text that is doubtful or no matrix.
    ValueError
        As NumPy words it, for what is no number.
    """
    lines = _content(stream)
    head = list(islice(lines, _HEAD))
    if not head:
        raise InputError("there are no points in it (it is empty)")
    delimiter = layout.delimiter or _delimiter(head, usual, layout.decimal)
    rows = [_fields(line, delimiter) for line in head]
    named = _is_header(rows, layout, delimiter)
    if named and len(head) == 1:
        raise InputError("there are no points in it (only a line of names)")
    names, first, width = (rows[0], rows[1:], len(rows[1])) if named else (None, rows, len(rows[0]))
    if names is not None and len(names) != width:
        raise InputError(f"the first line has {len(names)} names, but the next one {width} fields; say --delimiter")
    if layout.columns is None:
        _check_coordinates(names, first)
    chosen = chosen_columns(layout.columns, names, width) if layout.columns else None
    data = _checked(chain(head[1:] if named else head, lines), delimiter, width, most_entries, layout.decimal)
    values = np.loadtxt(data, delimiter=delimiter, comments="#", quotechar='"', usecols=chosen, ndmin=2)
    said = f"the first line holds names ({_listed(rows[0])}), not a point"
    return Matrix(values, (said,) if named and layout.header == "auto" else (), text=True)


def _content(stream: IO[str]) -> Iterator[str]:
    """Yield the lines that hold something, without comments of whole lines and the byte order mark."""
    first = True
    while line := stream.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise InputError(f"a line has more than {_LONGEST_LINE} characters")
        if "\0" in line:
            raise InputError("it is no text (it has NUL characters)")
        line = line.removeprefix("\ufeff") if first else line
        first = False
        if line.strip() and not line.lstrip().startswith("#"):
            yield line


def _checked(lines: Iterator[str], delimiter: str | None, width: int, most_entries: int, decimal: str) -> Iterator[str]:
    """Yield lines of one width, with decimal points, until they hold too many numbers."""
    for count, line in enumerate(lines, 1):
        if count * width > most_entries:
            raise InputError(f"more than {most_entries} numbers; take fewer points")
        found = len(line.split("#", 1)[0].split(delimiter)) if '"' not in line else len(_fields(line, delimiter))
        if found != width:
            raise ValueError(f"every row needs as many numbers as the first, {width}, but row {count} has {found}")
        if decimal == ",":
            if "." in line.split("#", 1)[0]:
                raise ValueError(f"row {count} has a '.', though --decimal , says that commas are decimal signs")
            line = line.replace(",", ".")
        yield line


def _delimiter(head: Sequence[str], usual: str | None, decimal: str) -> str | None:
    """Return the delimiter: the usual one if it is there, else the first other that is; None: white space.

    Tabs in a text of no certain kind part fields only where nothing else in the fields does.
    """
    line = head[0]
    candidates = [usual] if usual and usual != decimal else []
    candidates += [c for c in ("\t", ";", ",") if c != decimal and c not in candidates]
    found = next((c for c in candidates if c in line), None)
    if found == "\t" and usual != "\t":
        alone = all("\t" in row and len(row.split("\t")) >= len(row.split()) for row in head)
        return "\t" if alone else None
    return found


def _fields(line: str, delimiter: str | None) -> list[str]:
    """Split a line as NumPy's reader will: quotes are taken off, a comment at the end is dropped."""
    text = line.split("#", 1)[0].strip("\r\n")
    if delimiter is None:
        return next(csv.reader([" ".join(text.split())], delimiter=" "), [])
    return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])


def _is_number(field: str, decimal: str) -> bool:
    return _NUMBER.fullmatch(field.replace(",", ".") if decimal == "," else field) is not None


def _is_header(rows: Sequence[Sequence[str]], layout: Layout, delimiter: str | None) -> bool:
    """Return whether the first line holds names.

    Raises
    ------
    InputError
        Where that is doubtful.
    """
    if layout.header != "auto":
        return layout.header == "yes"
    first = rows[0]
    if layout.columns is not None:
        if re.search(r"[^\d\s,-]", layout.columns):
            return True  # columns are named
        places = chosen_columns(layout.columns, None, len(first))
        rows = [[row[place] for place in places if place < len(row)] for row in rows]
        first = rows[0]
    numbers = [_is_number(field, layout.decimal) for field in first]
    if all(numbers):
        later = rows[-1]
        broken = all(_is_number(f, layout.decimal) for f in later) and not all(map(_WHOLE.fullmatch, later))
        if (_counts(first, 0) and (len(first) > 2 or broken)) or (_counts(first, 1) and len(first) > 2 and broken):
            raise InputError(
                "the first line counts columns: names of columns, or a point? Say --header yes or --header no"
            )
        return False
    words = [_WORD.fullmatch(f) is not None and f.strip().lower() not in _MISSING for f in first]
    if all(words):
        return True
    strange = next(f for f, number, word in zip(first, numbers, words, strict=True) if not number)
    if words[0] and not any(words[1:]) and all(numbers[1:]):
        raise InputError(
            f"the first field is the word '{strange.strip()[:40]}' and the others are numbers: leave out a column of "
            "labels with --columns -1, or say --header yes"
        )
    if not any(words) and "," in strange and layout.decimal == "." and delimiter != ",":
        raise InputError(f"'{strange.strip()[:40]}' in the first line: say --decimal , where commas are decimal signs")
    missing = next((f for f, number, word in zip(first, numbers, words, strict=True) if not (number or word)), strange)
    raise InputError(
        f"the first line has '{missing.strip()[:40]}', neither a number nor a name: say --header yes if it holds "
        "names, --columns for the columns to take, or --delimiter"
    )


def _counts(fields: Sequence[str], start: int) -> bool:
    """Return whether fields are two or more whole numbers that count on from the first of them."""
    return len(fields) > 1 and [f.strip() for f in fields] == [str(start + i) for i in range(len(fields))]


def _check_coordinates(names: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    """Refuse columns that are hardly coordinates: a first one without a name that counts rows, labels, identifiers."""
    column = [row[0] for row in rows if row]
    start = column[0].strip() if column else ""
    counts = start.isascii() and start.isdigit() and _counts(column, int(start)) and len(rows[0]) > 1
    for place, name in enumerate(names or [""], 1):
        known = name.strip().lower()
        index = place == 1 and not known and counts and (names is not None or (len(column) > 2 and start in ("0", "1")))
        if index or known in _NO_COORDINATES:
            what = (
                f"named '{name.strip()[:40]}'"
                if known
                else f"without a name that counts {start}, {int(start) + 1}, ..."
            )
            raise InputError(
                f"column {place}, {what}, is hardly a coordinate: leave it out with --columns -{place}, or take it "
                f"with --columns 1-{len(rows[0])}"
            )


def chosen_columns(text: str | None, names: Sequence[str] | None, width: int) -> list[int]:
    """Return the columns, counted from 0, that a list names: numbers from 1, ranges A-B, names; -X leaves X out.

    Parameters
    ----------
    text : such as ``"2-5,width,-label"``; None takes all
    names : the names of the columns, if they have some
    width : how many there are
    """
    if text is None:
        return list(range(width))
    taken: list[int] = []
    dropped: set[int] = set()
    for item in text.split(","):
        word = item.strip()
        place = _place(word, names, width)
        if place is None and word.startswith("-"):
            dropped |= set(_known(word[1:], names, width, text))
        else:
            taken += _known(word, names, width, text) if place is None else place
    found = [c for c in taken or range(width) if c not in dropped]
    if not found:
        raise InputError(f"--columns {text[:40]} leaves no column")
    return found


def _place(word: str, names: Sequence[str] | None, width: int) -> list[int] | None:
    """Return the columns that a name, a number or a range stands for, None if it stands for none."""
    known = [name.strip() for name in names or ()]
    ends = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", word, re.ASCII)
    if ends is None:
        return [known.index(word)] if word in known else None
    low, high = int(ends[1]), int(ends[2] or ends[1])
    if not 1 <= low <= high <= width:
        raise InputError(f"columns run from 1 to {width}, got '{word[:40]}' in --columns")
    return list(range(low - 1, high))


def _known(word: str, names: Sequence[str] | None, width: int, text: str) -> list[int]:
    place = _place(word, names, width)
    if place is None:
        known = [name.strip() for name in names or ()]
        there = f"there is no column '{word[:40]}'" if names else f"columns have no names, got '{word[:40]}'"
        raise InputError(f"{there} in --columns {text[:40]}.{near_miss(word, known)}")
    return place


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name.strip()[:20] for name in names[:3])
    return shown + (", ..." if len(names) > 3 else "")
