"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ntkcalc.errors import InputError, NtkcalcError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNFINISHED: set[str] = set()
"""Temporary files that are being written and must be removed when the process ends early."""

PICTURES = (".png", ".svg", ".pdf")
"""Files that --plot draws."""


def check_writable(path: str) -> None:
    """Refuse an output file that cannot be written before time is spent."""
    folder = os.path.dirname(path) or "."
    if isinstance(_special(path), int):
        return
    if not path:
        raise InputError("--output needs the name of a file, or - for stdout, got ''")
    if os.path.isdir(path) or not os.path.isdir(folder):
        raise InputError(f"cannot write '{path}': {'it is a folder' if os.path.isdir(path) else 'no such folder'}")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise InputError(f"cannot write '{path}': permission denied")


def check_plot(path: str, output: str) -> None:
    """Refuse a picture that cannot be drawn before time is spent."""
    if os.path.realpath(path) == os.path.realpath(output):
        raise InputError(f"--plot and --output name the same file '{path}'; give two")
    from importlib.util import find_spec

    if not path.lower().endswith(PICTURES):
        raise InputError(f"--plot draws {', '.join(PICTURES)} files, got '{path}'")
    if find_spec("matplotlib") is None:
        raise InputError("--plot needs matplotlib: pip install 'ntkcalc[plot]'")
    check_writable(path)


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Give the name of a temporary file beside `path` that replaces it at the end; a failure leaves the old file.

    A path that is not a regular file (a device, a pipe) is not replaced: the finished file is copied into it.
    """
    import tempfile

    special, suffix = _special(path), os.path.splitext(path)[1]
    path = os.path.realpath(path)
    folder = os.path.dirname(path) if special is None else None
    name = f".ntkcalc-{secrets.token_hex(8)}{suffix}"
    temporary = os.path.join(tempfile.gettempdir() if folder is None else folder, name)
    UNFINISHED.add(temporary)  # before it exists: a signal may end the process between any two steps
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        if special is None:
            mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask()
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        else:
            with open(temporary, "rb") as finished, open(_handle(special), "wb") as stream:
                shutil.copyfileobj(finished, stream)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        UNFINISHED.discard(temporary)


def remove_unfinished() -> None:
    """Remove the temporary files that an early end of the process would leave."""
    for path in tuple(UNFINISHED):
        with suppress(OSError):
            os.unlink(path)


@contextmanager
def array_file(path: str, shape: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
    """Give a float64 array that is mapped to a .npy file, written whole; its disk space is allocated first."""
    import numpy as np

    try:
        with whole_file(path) as temporary:
            array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float64, shape=shape)
            with open(temporary, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(temporary))
            yield array
            array.flush()
            del array
    except OSError as error:
        raise NtkcalcError(f"cannot write {path}: {error.strerror}") from None


def _special(path: str) -> int | str | None:
    """Return what cannot be replaced: a descriptor (/dev/stdout) as a number, a device or a pipe as its path.

    What stands behind a descriptor may be a regular file, which belongs to whoever opened it.
    """
    at = path
    for _ in range(40):  # the most links that Linux follows
        folder, name = os.path.realpath(os.path.dirname(at) or "."), os.path.basename(at)
        if re.fullmatch(rf"/dev/fd|/proc/{os.getpid()}/(task/\d+/)?fd", folder) and re.fullmatch("[0-9]{1,9}", name):
            return int(name)
        if folder.startswith("/proc/"):
            return path
        if not os.path.islink(at):
            break
        at = os.path.join(folder, os.readlink(at))
    return path if os.path.exists(path) and not os.path.isfile(path) else None


def _handle(special: int | str) -> int:
    """Return a new descriptor that writes to the special file without truncating it."""
    return os.dup(special) if isinstance(special, int) else os.open(special, os.O_WRONLY | os.O_APPEND)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
