"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ntkcalc.cli.interruption import NAMING, UNFINISHED
from ntkcalc.errors import InputError, NtkcalcError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_DRAWN = 60
PICTURES = (".png", ".svg", ".pdf")
"""Files that --plot draws."""


_OPEN_FILES = "/proc/self/fd"
"""Where Linux shows the files that a process has open."""


def check_writable(path: str) -> None:
    """Refuse an output file that cannot be written before time is spent."""
    special = _special(path)
    if isinstance(special, int):
        return
    if not path:
        raise InputError("--output needs the name of a file, or - for stdout, got ''")
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.path.isdir(folder):
        raise InputError(f"cannot write '{path}': {'it is a folder' if os.path.isdir(path) else 'no such folder'}")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise InputError(f"cannot write '{path}': permission denied")
    if special is not None:
        return
    try:
        with suppress(FileNotFoundError):
            os.stat(path)  # is the name too long?
        with _temporary(os.path.dirname(os.path.realpath(path))):
            pass
    except OSError as error:
        raise InputError(f"cannot write '{path}', which is replaced by a new file: {error.strerror}") from None


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


def check_drawn(count: int) -> None:
    """Refuse a picture of more kernels than it has room for: it would take minutes."""
    if count > _MOST_DRAWN:
        raise InputError(f"--plot draws {_MOST_DRAWN} kernels at most, got {count}; take fewer, or leave out --plot")


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Give the name of a temporary file that replaces `path` at the end; a failure leaves the old file.

    The name may be that of an open file, ``/proc/self/fd/7``, and has no ending that says what is in the file. A path
    that is not a regular file (a device, a pipe) is not replaced: the finished file is copied into it.
    """
    special = _special(path)
    path = os.path.realpath(path)
    with _temporary(_scratch() if special is not None else os.path.dirname(path)) as temporary:
        yield temporary
        if special is None:
            os.chmod(temporary, os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask())
            _replace(temporary, path)
        else:
            with open(temporary, "rb") as finished, open(_handle(special), "wb") as stream:
                shutil.copyfileobj(finished, stream)


@contextmanager
def _temporary(folder: str) -> Iterator[str]:
    """Give the name of an empty temporary file in a folder; at the end it is removed, if it is still there.

    Where the file system has files without a name, it is one of them: then even SIGKILL leaves nothing.
    """
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except (AttributeError, OSError):  # not Linux, or a file system that has none
        handle = -1
    name = f"{_OPEN_FILES}/{handle}"
    try:
        if handle >= 0 and os.path.exists(name):
            yield name
            return
    finally:
        if handle >= 0:
            os.close(handle)
    with _named(folder) as name:
        with NAMING:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield name


@contextmanager
def _named(folder: str) -> Iterator[str]:
    """Give a name for a new file, which is removed at the end, or when the process ends early."""
    name = os.path.join(folder, f".ntkcalc-{os.urandom(8).hex()}")
    UNFINISHED.add(name)  # before it exists: a signal may end the process between any two steps
    try:
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
        UNFINISHED.discard(name)


def _replace(temporary: str, path: str) -> None:
    """Put a temporary file in the place of another, or where there is none."""
    if not temporary.startswith(_OPEN_FILES):
        os.replace(temporary, path)
        return
    try:
        _link(temporary, path)
        return
    except FileExistsError:
        pass
    with _named(os.path.dirname(path)) as name:
        with NAMING:
            _link(temporary, name)
        os.replace(name, path)


def _link(temporary: str, path: str) -> None:
    """Give a file without a name one."""
    # any descriptor in src_dir_fd makes Python call linkat(), which alone can follow the link in /proc
    os.link(temporary, path, src_dir_fd=int(os.path.basename(temporary)), follow_symlinks=True)


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


def _scratch() -> str:
    """Return the folder for what is copied elsewhere."""
    import tempfile

    return tempfile.gettempdir()
