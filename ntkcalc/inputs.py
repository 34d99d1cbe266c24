"""Data points from files: numbers and nothing else, checked before they are used."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ntkcalc.errors import InputError

MOST_ENTRIES = 1 << 28
"""Numbers that a data file may hold (2 GB as float64)."""

_CHUNK = 1 << 20  # numbers scaled at a time
_UNIT = 1e-9  # how far from 1 a norm may be where rows are not to be scaled


@dataclass(frozen=True)
class Points:
    """Points on the unit sphere.

    Parameters
    ----------
    source
        Where they come from.
    rows
        Shape (n, d), rows of unit norm, float64, C order.
    scaled
        Whether the rows had to be scaled.
    image
        Channels, height and width, where the points are images.
    """

    source: str
    rows: NDArray[np.float64]
    scaled: bool
    image: tuple[int, int, int] | None = None


def load_points(source: str, stdin: IO[str], normalize: bool = True) -> Points:
    """Return the points of a file, one a row: .npy, .npz (``file.npz:name``), .csv, .tsv, text, or - for text on stdin.

    Raises
    ------
    InputError
        For anything but a finite real matrix without zero rows.
    """
    return unit_rows(_read(source, stdin), "stdin" if source == "-" else source, normalize)


def unit_rows(array: Any, source: str, normalize: bool = True) -> Points:
    """Return the rows of an array as points; images (n, c, h, w) are flattened.

    Raises
    ------
    InputError
        For anything but a finite real matrix without zero rows, or with `normalize` off, rows that
        are not of unit norm.
    """
    array = real_array(array, source)
    image = None
    if array.ndim == 4:
        channels, height, width = array.shape[1:]
        image = channels, height, width
        array = array.reshape(len(array), channels * height * width)
    if array.ndim != 2:
        raise InputError(
            f"{source}: a matrix with one point a row is needed, or images n x channels x height x width, "
            f"got {array.ndim} dimensions"
        )
    if 0 in array.shape:
        raise InputError(f"{source}: there are no points in it (shape {array.shape[0]} x {array.shape[1]})")
    if array.size > MOST_ENTRIES:
        raise InputError(f"{source}: {array.size} numbers are more than {MOST_ENTRIES}; take fewer points")
    rows = np.array(array, dtype=np.float64, order="C")
    step = max(1, _CHUNK // rows.shape[1])
    off = [_scale(rows[i : i + step], i, source, normalize) for i in range(0, len(rows), step)]
    return Points(source, rows, any(off), image)


def real_array(values: Any, source: str) -> NDArray[Any]:
    """Return what a caller gives as an array of real numbers.

    Raises
    ------
    InputError
        For rows of several lengths, or what is no real number.
    """
    try:
        array: NDArray[Any] = np.asanyarray(values)
    except ValueError:
        raise InputError(f"{source}: every row needs as many numbers as the first") from None
    if array.dtype.kind not in "fiub":
        raise InputError(f"{source}: real numbers are needed, got {_kind(array.dtype)}")
    return array


def as_images(points: Points, shape: tuple[int, int, int]) -> Points:
    """Return the points as images of a shape (channels, height, width).

    Raises
    ------
    InputError
        For a shape that is not that of the points.
    """
    d, said = points.rows.shape[1], ",".join(map(str, shape))
    if points.image not in (None, shape):
        raise InputError(f"{points.source}: the images are {','.join(map(str, points.image or ()))}, not {said}")
    if shape[0] * shape[1] * shape[2] != d:
        raise InputError(f"{points.source}: images {said} have {shape[0] * shape[1] * shape[2]} numbers, got d = {d}")
    return replace(points, image=shape)


def isotropic_points(n: int, d: int, seed: int) -> Points:
    """Return n standard Gaussian points in R^d, scaled to unit norm."""
    if n * d > MOST_ENTRIES:
        raise InputError(f"isotropic: {n} points in R^{d} are more than {MOST_ENTRIES} numbers; take fewer")
    return unit_rows(np.random.default_rng(seed).standard_normal((n, d)), "isotropic Gaussian")


def _scale(rows: NDArray[np.float64], first: int, source: str, normalize: bool) -> bool:
    """Scale some rows to unit norm in place; return whether one was not."""

    def refuse(bad: Any, said: str) -> None:
        if bad.any():
            raise InputError(f"{source}: " + said.format(row=first + int(bad.argmax()) + 1))

    refuse(~np.isfinite(rows).all(axis=1), "finite numbers are needed, row {row} has NaN or infinity")
    largest = np.abs(rows).max(axis=1)
    refuse(largest == 0, "row {row} is zero, which no scaling brings onto the sphere")
    rows /= largest[:, None]
    size = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    off = np.abs(size * largest - 1) > _UNIT
    if not normalize:
        refuse(off, "row {row} is not of unit norm; leave out --no-normalize")
    rows /= size[:, None]
    return bool(off.any())


def _read(source: str, stdin: IO[str]) -> Any:
    """Return what a file holds."""
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


def _kind(dtype: np.dtype[Any]) -> str:
    return "complex numbers" if dtype.kind == "c" else f"data of type {dtype}"


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
