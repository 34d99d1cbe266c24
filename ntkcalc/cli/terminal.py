"""The terminal and the files: what is written reaches its place whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from typing import TYPE_CHECKING

from ntkcalc.cli.interrupt import UNFINISHED
from ntkcalc.errors import InputError, NtkcalcError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ntkcalc.numerics.types import Observer
    from ntkcalc.report.formats import Screen


VARIABLES = {
    "NTKCALC_DIGITS": "Digits where --digits is not given; of what is measured in double precision, those known.",
    "NTKCALC_FORMAT": "Output format where neither --format, --json nor the name of the output file says one.",
    "NO_COLOR": "No colour on the terminal.",
    "FORCE_COLOR": "Colour in pipes too.",
    "COLUMNS": "Width of tables and help, if it is not that of the terminal.",
}
"""What of the environment is heeded."""


def preset(variable: str) -> str | None:
    """Return what a variable of the environment says, if it is set."""
    return os.environ.get(variable, "").strip() or None


def preset_digits() -> int | None:
    """Return the digits that NTKCALC_DIGITS asks for, if it is set."""
    text = preset("NTKCALC_DIGITS")
    if text is None:
        return None
    from ntkcalc.series.coefficients import MOST_DIGITS

    if not (text.isascii() and text.isdigit() and 0 < int(text[:10]) <= MOST_DIGITS):
        raise InputError(f"NTKCALC_DIGITS must be a whole number from 1 to {MOST_DIGITS}, got '{text[:40]}'")
    return int(text)


def screen(output: str, digits: int | None, rows: int | None = None) -> Screen:
    """Describe what a table is drawn on."""
    from ntkcalc.report.formats import Screen

    digits = digits or preset_digits()
    terminal = output == "-" and sys.stdout.isatty()
    color = terminal and os.environ.get("TERM") != "dumb"
    color = (color or bool(os.environ.get("FORCE_COLOR"))) and not os.environ.get("NO_COLOR")
    width = columns() if terminal or "COLUMNS" in os.environ else None
    encoding = sys.stdout.encoding if output == "-" else "utf-8"
    try:
        "κσ²…─".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Screen(width, False, color, digits, rows)
    return Screen(width, True, color, digits, rows)


PICTURES = (".png", ".svg", ".pdf")
"""Files that --plot draws."""


def columns() -> int:
    """Return the width of the terminal, or 80."""
    return shutil.get_terminal_size().columns


def check_writable(output: str) -> None:
    """Refuse an output file that cannot be written before time is spent."""
    folder = os.path.dirname(output) or "."
    if output == "-" or isinstance(_special(output), int):
        return
    if not output:
        raise InputError("--output needs the name of a file, or - for stdout, got ''")
    if os.path.isdir(output) or not os.path.isdir(folder):
        raise InputError(f"cannot write '{output}': {'it is a folder' if os.path.isdir(output) else 'no such folder'}")
    if not os.access(output if os.path.exists(output) else folder, os.W_OK):
        raise InputError(f"cannot write '{output}': permission denied")


def emit(text: str, output: str) -> None:
    """Write the whole text, or nothing: stdout in one piece, a file by renaming a finished one."""
    try:
        if output == "-":
            sys.stdout.write(_escaped(text, sys.stdout.encoding, sys.stdout.errors))
            sys.stdout.flush()
        else:
            with whole_file(output) as beside, open(beside, "w", encoding="utf-8") as stream:
                stream.write(_escaped(text))
    except BrokenPipeError:  # the reader has seen enough
        abandon_stdout()
    except OSError as error:
        if output == "-":
            abandon_stdout()
        raise NtkcalcError(f"cannot write {'stdout' if output == '-' else output}: {error.strerror}") from None


def _special(path: str) -> int | str | None:
    """Return what is written to and never replaced: the descriptor behind /dev/stdout or /dev/fd/3, a device, a pipe.

    What stands behind a descriptor may be a regular file, which belongs to whoever opened it.
    """
    at = path
    for _ in range(40):  # links that Linux follows
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
    """Return a descriptor of its own that writes where the special file is, without cutting anything off."""
    return os.dup(special) if isinstance(special, int) else os.open(special, os.O_WRONLY | os.O_APPEND)


def _escaped(text: str, encoding: str = "utf-8", errors: str | None = None) -> str:
    """Return the text, with JSON's escapes for what the encoding lacks (Greek in a law, odd bytes in a file's name)."""
    try:
        text.encode(encoding, errors or "strict")
    except UnicodeEncodeError:
        return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)
    return text


def abandon_stdout() -> None:
    """Let what is still unwritten go nowhere, or Python would try again at its end and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fill_closed_streams() -> None:
    """Put into the places of closed streams what can neither be read nor written, as a caller would expect.

    Otherwise the next file that is opened would take the place, and stray output would go into it.
    """
    for number, (stream, way) in enumerate(
        ((sys.stdin, os.O_WRONLY), (sys.stdout, os.O_RDONLY), (sys.stderr, os.O_RDONLY))
    ):
        if stream is None:
            handle = os.open(os.devnull, way)
            if handle != number:
                os.dup2(handle, number)
    sys.stdin = sys.stdin or StringIO()
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Give the name of a file beside `path` that takes its place at the end, so that the old one survives a failure.

    What is no regular file is not replaced: the finished file is copied into it.
    """
    import tempfile

    special, suffix = _special(path), os.path.splitext(path)[1]
    path = os.path.realpath(path)
    folder = os.path.dirname(path) if special is None else None
    handle, beside = tempfile.mkstemp(dir=folder, prefix=".ntkcalc-", suffix=suffix)
    os.close(handle)
    UNFINISHED.add(beside)
    try:
        yield beside
        if special is None:
            mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask()
            os.chmod(beside, mode)
            os.replace(beside, path)
        else:
            with open(beside, "rb") as finished, open(_handle(special), "wb") as stream:
                shutil.copyfileobj(finished, stream)
            os.unlink(beside)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    finally:
        UNFINISHED.discard(beside)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def array_file(path: str, shape: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
    """Give an array that is a .npy file, written whole; its space on the disk is taken beforehand."""
    import numpy as np

    try:
        with whole_file(path) as beside:
            array = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float64, shape=shape)
            with open(beside, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(beside))
            yield array
            array.flush()
            del array
    except OSError as error:
        raise NtkcalcError(f"cannot write {path}: {error.strerror}") from None


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


def remark(text: str, quiet: bool) -> None:
    """Say something on stderr that is not data."""
    if not quiet and sys.stderr is not None:
        with suppress(OSError):
            print(one_line(text), file=sys.stderr)


def one_line(text: str) -> str:
    r"""Return what is said on stderr; what was typed may hold characters that move cursors.

    >>> one_line("cannot read 'a\rb': no such file")
    "ntkcalc: cannot read 'a\\rb': no such file"
    """
    return "ntkcalc: " + "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextmanager
def progress(quiet: bool, what: str = "layers") -> Iterator[Observer | None]:
    """Show a bar on stderr, if that is a terminal, once the work has taken a second."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    import threading

    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)
    timer = threading.Timer(1.0, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        timer.cancel()
        bar.stop()
