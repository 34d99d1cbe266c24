"""Data points from files and streams: numbers and nothing else, checked before they are used.

What a source is follows from its name and its first bytes: .npy, .npz, .parquet, or text (CSV and its relatives); .npy
and text may be gzipped. Whatever a damaged file makes the readers raise becomes one line for the user.
"""

import gzip
import io
import lzma
import os
import re
import struct
import sys
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, Any, cast

from ntkcalc.cli.array_files import MAGIC, npy_file, npy_stream, npz_member, seekable
from ntkcalc.cli.delimited_text import Layout, Matrix, read_matrix
from ntkcalc.errors import InputError
from ntkcalc.kernel.points import MOST_ENTRIES, Points, unit_rows

_MOST_BYTES = 8 * MOST_ENTRIES
_TEXT = (".csv", ".tsv", ".txt")  # what is text by its name
_GZIP = b"\x1f\x8b"  # with which gzipped files begin

_DAMAGED = (
    OSError,
    EOFError,
    UnicodeDecodeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    RuntimeError,  # encrypted members, headers nested too deep
    NotImplementedError,  # compressions that zipfile does not know
    LookupError,
    AttributeError,
    TypeError,
    OverflowError,
    MemoryError,
)
"""What NumPy and zipfile raise for files that are not what they claim to be; ValueError comes with words."""


def load_points(
    source: str, stdin: IO[str] | IO[bytes], normalize: bool = True, layout: Layout | None = None
) -> tuple[Points, tuple[str, ...]]:
    """Return the points of a file, one a row, and what the user should be told of how it was read.

    Parameters
    ----------
    source
        A .npy, .npz (``file.npz:name``), .parquet, .csv, .tsv or text file, .npy and text also as .gz; "-" is
        stdin, .npy or text by its first bytes.
    stdin : where "-" is read from
    normalize : whether rows are scaled to unit norm; else those of another norm are refused
    layout : how text is to be read

    An InputError refuses anything but a finite real matrix without zero rows.
    """
    path, _, member = source.partition(".npz:")
    path = f"{path}.npz" if member else source
    shown = "stdin" if source == "-" else f"'{path}'"
    layout = layout or Layout()
    read: Callable[[], Matrix] = (
        (lambda: _stdin(stdin, layout)) if source == "-" else (lambda: _file(path, member, layout))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's remarks on old headers are none of the user's business
        matrix = _in_words(read, shown)
        if layout != Layout() and not matrix.text:
            raise InputError(
                f"{shown} holds an array: --columns, --header, --delimiter and --decimal are about text files"
            )
        points = unit_rows(matrix.values, "stdin" if source == "-" else source, normalize)
    return points, tuple(f"{shown}: {remark}" for remark in matrix.remarks)


def load_array(source: str) -> Any:
    """Return the array of a .npy file, or of one on stdin for "-"."""
    if source == "-":
        return _in_words(lambda: _stream(sys.stdin.buffer, Layout(), ".npy"), "stdin").values
    return _in_words(lambda: Matrix(npy_file(source, _MOST_BYTES)), f"'{source}'").values


def _in_words(read: Callable[[], Matrix], shown: str) -> Matrix:
    """Return what a reader reads; what it raises becomes one line."""
    try:
        return read()
    except InputError as error:
        raise InputError(f"{shown}: {error}") from None
    except FileNotFoundError:
        raise InputError(f"cannot read {shown}: no such file") from None
    except _DAMAGED as error:
        reason = getattr(error, "strerror", None) or "it is damaged or not of the kind that its name says"
        raise InputError(f"cannot read {shown}: {reason}") from None
    except ValueError as error:
        raise InputError(f"cannot read {shown}: {_said(error)}") from None


def _file(path: str, member: str, layout: Layout) -> Matrix:
    """Return what a file holds, by its name."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".gz":
        inner = os.path.splitext(path[:-3])[1].lower()
        with gzip.open(path, "rb") as packed:
            return _stream(cast("IO[bytes]", packed), layout, inner)
    if suffix == ".npy":
        return Matrix(npy_file(path, _MOST_BYTES))
    if suffix == ".npz":
        return Matrix(npz_member(path, member, _MOST_BYTES))
    if suffix == ".parquet":
        return _parquet(path, layout)
    with open(path, "rb") as stream:
        return _stream(stream, layout, suffix)


def _stdin(stdin: IO[str] | IO[bytes], layout: Layout) -> Matrix:
    """Return what stdin holds, .npy or text; where it has no bytes, text."""
    if isinstance(stdin, io.TextIOBase) and not hasattr(stdin, "buffer"):
        return read_matrix(cast("IO[str]", stdin), layout, None, MOST_ENTRIES)
    return _stream(cast("IO[bytes]", getattr(stdin, "buffer", stdin)), layout, "")


def _stream(stream: IO[bytes], layout: Layout, suffix: str) -> Matrix:
    """Return what bytes hold: text, or where no name says so, what they start like."""
    with ExitStack() as stack:
        raw = cast("Any", stream)
        buffered: io.BufferedReader = raw if hasattr(raw, "peek") else io.BufferedReader(raw)
        start = b"" if suffix in _TEXT else buffered.peek(len(MAGIC))[: len(MAGIC)]
        if start.startswith(_GZIP):
            buffered = io.BufferedReader(cast("Any", stack.enter_context(gzip.open(buffered, "rb"))))
            start = buffered.peek(len(MAGIC))[: len(MAGIC)]
        if start == MAGIC or suffix == ".npy":
            if start != MAGIC:
                raise ValueError("it is no .npy file, whatever its name says")
            return Matrix(npy_stream(buffered, _MOST_BYTES))
        usual = {".csv": ",", ".tsv": "\t"}.get(suffix)
        wrapped = io.TextIOWrapper(buffered, encoding="utf-8", newline=None)
        try:
            return read_matrix(wrapped, layout, usual, MOST_ENTRIES)
        finally:
            wrapped.detach()


def _parquet(path: str, layout: Layout) -> Matrix:
    """Return the columns of a .parquet file."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError("reading .parquet needs pyarrow: pip install 'ntkcalc[data]'") from None
    import numpy as np

    from ntkcalc.cli.delimited_text import chosen_columns

    with seekable(path, _MOST_BYTES) as file:
        table = parquet.read_table(file)
    places = chosen_columns(layout.columns, table.column_names, table.num_columns)
    columns = [table.column(place).to_numpy() for place in places]
    bad = next(
        (table.column_names[p] for p, c in zip(places, columns, strict=True) if c.dtype.kind not in "fiub"), None
    )
    if bad is not None:
        raise InputError(f"column '{bad[:40]}' holds no numbers: leave it out with --columns -{bad[:40]}")
    return Matrix(np.stack(columns, axis=1) if columns else np.zeros((0, 0)), text=True)


def _said(error: Exception) -> str:
    """Return what NumPy said, in one line."""
    said = str(error).split("\n")[0].rstrip(".")
    if "pickle" in said or "Python objects" in said:
        return "it holds Python objects, which are never loaded; save plain numbers"
    if "magic string" in said:
        return "it is no array of NumPy's"
    if "mmap length" in said or said.startswith("EOF"):
        return "it is cut short: there is less in it than its head says"
    word = re.match(r"could not convert string '(.*)' to float64 at row (\d+), column (\d+)", said)
    if word is not None:  # NumPy counts rows from 0 and columns from 1
        hint = f"; leave it out with --columns -{word[3]}" if word[1][:1].isalpha() and word[2] == "0" else ""
        return f"a number is needed in row {int(word[2]) + 1}, column {word[3]}, got '{word[1][:40]}'{hint}"
    ragged = re.match(r"the number of columns changed from (\d+) to (\d+) at row (\d+)", said)
    if ragged is not None:
        return f"every row needs as many numbers as the first, {ragged[1]}, but row {ragged[3]} has {ragged[2]}"
    missing = re.match(r"invalid column index (\d+) at row (\d+) with (\d+) columns", said)
    if missing is not None:
        return f"every row needs column {int(missing[1]) + 1}, but row {missing[2]} has {missing[3]}"
    return said[:200]
