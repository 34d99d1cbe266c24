"""Data points from files: numbers and nothing else, checked before they are used."""

import os
import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np

from ntkcalc.errors import InputError
from ntkcalc.kernel.points import MOST_ENTRIES, Points, unit_rows


def load_points(source: str, stdin: IO[str], normalize: bool = True) -> Points:
    """Return the points of a file, one a row: .npy, .npz (``file.npz:name``), .csv, .tsv, text, or - for text on stdin.

    An InputError refuses anything but a finite real matrix without zero rows.
    """
    return unit_rows(_read(source, stdin), "stdin" if source == "-" else source, normalize)


def _read(source: str, stdin: IO[str]) -> Any:
    path, _, member = source.partition(".npz:")
    path = f"{path}.npz" if member else source
    shown = "stdin" if source == "-" else f"'{path}'"
    try:
        return _text(stdin, None) if source == "-" else _file(path, member)
    except InputError as error:
        raise InputError(f"{shown}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"cannot read {shown}: no such file") from None
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or "it is damaged or not of the kind that its name says"
        raise InputError(f"cannot read {shown}: {reason}") from None
    except ValueError as error:
        raise InputError(f"cannot read {shown}: {_said(error)}") from None


_DAMAGED = (OSError, EOFError, UnicodeDecodeError, zipfile.BadZipFile, OverflowError, TypeError, MemoryError)
"""What NumPy and zipfile raise for files that are not what they claim to be; ValueError comes with words."""


def _file(path: str, member: str) -> Any:
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".npy":
        _check_magic(path)
        return np.load(path, mmap_mode="r", allow_pickle=False)
    if suffix == ".npz":
        return _member(path, member)
    with open(path, encoding="utf-8") as stream:
        return _text(stream, {".csv": ",", ".tsv": "\t"}.get(suffix))


def _check_magic(path: str) -> None:
    """Refuse what NumPy would take for a pickle only because it is nothing else that it knows."""
    with open(path, "rb") as stream:
        start = stream.read(len(np.lib.format.MAGIC_PREFIX))
    if start and start != np.lib.format.MAGIC_PREFIX and not start.startswith(_PICKLE):
        raise ValueError("it is no .npy file, whatever its name says")


_PICKLE = b"\x80"  # with which pickles begin


def _member(path: str, name: str) -> Any:
    """Return the array `name` of an .npz file, or its only one."""
    with zipfile.ZipFile(path) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
    if not name and len(sizes) != 1:
        raise InputError(f"it holds {len(sizes)} arrays: say which, as in {path}:{next(iter(sizes), 'name')}")
    name = name or next(iter(sizes))
    if name not in sizes:
        raise InputError(f"it has no array '{name[:40]}', but {', '.join(sizes)[:200]}")
    if sizes[name] > 8 * MOST_ENTRIES + 1024:
        raise InputError(f"the array '{name}' is larger than {8 * MOST_ENTRIES} bytes; take fewer points")
    with np.load(path, allow_pickle=False) as arrays:
        return arrays[name]


def _text(stream: IO[str], delimiter: str | None) -> Any:
    """Return the matrix that a text holds, with or without a line of names at its head."""
    import warnings

    lines = iter(stream)
    lines = _chained(next(lines, "").removeprefix(_BYTE_ORDER_MARK), lines)
    head = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), None)
    if head is None:
        raise InputError("there are no points in it (it is empty)")
    named = not any(_is_number(field) for field in head.split(delimiter))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.loadtxt(lines if named else _chained(head, lines), delimiter=delimiter, ndmin=2)


_BYTE_ORDER_MARK = "\ufeff"


def _chained(head: str, lines: Iterator[str]) -> Iterator[str]:
    yield head
    yield from lines


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _said(error: Exception) -> str:
    """Return what NumPy said, in one line."""
    said = str(error).split("\n")[0].rstrip(".")
    if "pickle" in said or "Python objects" in said:
        return "it holds Python objects, which are never loaded; save plain numbers"
    if "mmap length" in said or said.startswith("EOF"):
        return "it is cut short: there is less in it than its head says"
    word = re.match(r"could not convert string '(.*)' to float64 at row (\d+), column (\d+)", said)
    if word is not None:  # NumPy counts rows from 0 and columns from 1
        return f"a number is needed in row {int(word[2]) + 1}, column {word[3]}, got '{word[1][:40]}'"
    ragged = re.match(r"the number of columns changed from (\d+) to (\d+) at row (\d+)", said)
    if ragged is not None:
        return f"every row needs as many numbers as the first, {ragged[1]}, but row {ragged[3]} has {ragged[2]}"
    return said[:200]
