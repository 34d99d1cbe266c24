"""Arrays from .npy and .npz files, and from streams that hold a .npy: plain numbers, never pickled objects."""

import io
import os
import zipfile
from typing import IO, Any

import numpy as np

from ntkcalc.errors import InputError

MAGIC: bytes = np.lib.format.MAGIC_PREFIX
"""What a .npy starts with."""

_PICKLE = b"\x80"  # with which pickles begin
_CHUNK = 1 << 24  # bytes read from a stream at a time


def npy_file(path: str, most_bytes: int) -> Any:
    """Return the array of a .npy file: a regular one stays on the disk, anything else is read."""
    if not os.path.isfile(path):
        with open(path, "rb") as stream:
            return npy_stream(stream, most_bytes)
    with open(path, "rb") as stream:
        start = stream.read(len(MAGIC))
    if start and start != MAGIC and not start.startswith(_PICKLE):
        raise ValueError("it is no .npy file, whatever its name says")
    return np.load(path, mmap_mode="r", allow_pickle=False)


def npy_stream(stream: IO[bytes], most_bytes: int) -> Any:
    """Return the array that a stream holds as .npy, read to its last byte and no further.

    Raises
    ------
    InputError
        For a larger array, or one of objects.
    ValueError
        For one that is cut short.
    """
    version = np.lib.format.read_magic(stream)
    if version > (2, 0):
        raise InputError("it holds an array with named fields; save plain numbers")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(stream)
    if dtype.hasobject:
        raise InputError("it holds Python objects, which are never loaded; save plain numbers")
    count = 1
    for side in shape:
        count *= side
    if count < 0 or count * dtype.itemsize > most_bytes:
        raise InputError(f"an array of shape {str(shape)[:40]} is larger than {most_bytes} bytes; take fewer points")
    content = bytearray()
    while left := count * dtype.itemsize - len(content):
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise ValueError("it is cut short: there is less in it than its head says")
        content += chunk
    array = np.frombuffer(content, dtype=dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)


def seekable(path: str, most_bytes: int) -> IO[bytes]:
    """Open a file for readers that go back and forth in it; what a pipe holds is read first."""
    stream = open(path, "rb")  # noqa: SIM115 (its reader closes it)
    if stream.seekable():
        return stream
    with stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise InputError(f"it holds more than {most_bytes} bytes; take fewer points")
    return io.BytesIO(content)


def npz_member(path: str, name: str, most_bytes: int) -> Any:
    """Return the array `name` of an .npz file, or its only one."""
    with seekable(path, most_bytes) as file, zipfile.ZipFile(file) as archive:
        sizes = {info.filename.removesuffix(".npy"): info.file_size for info in archive.infolist()}
        if not name and len(sizes) != 1:
            raise InputError(f"it holds {len(sizes)} arrays: say which, as in {path}:{next(iter(sizes), 'name')}")
        name = name or next(iter(sizes))
        if name not in sizes:
            raise InputError(f"it has no array '{name[:40]}', but {', '.join(sizes)[:200]}")
        if sizes[name] > most_bytes + 1024:
            raise InputError(f"the array '{name[:40]}' is larger than {most_bytes} bytes; take fewer points")
        stored = name if name in archive.namelist() else f"{name}.npy"
        with archive.open(stored) as stream:
            return npy_stream(stream, most_bytes)
