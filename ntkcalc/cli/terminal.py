"""The terminal and the standard streams: what is read of the environment, stdout, remarks and progress on stderr."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from io import StringIO
from typing import TYPE_CHECKING

from ntkcalc.cli.files import whole_file
from ntkcalc.cli.interruption import ON_SCREEN
from ntkcalc.errors import InputError, NtkcalcError
from ntkcalc.numerics.work import Listener, listening

if TYPE_CHECKING:
    from rich.progress import Progress

    from ntkcalc.numerics.types import Observer
    from ntkcalc.report.formats import Screen

VARIABLES = {
    "NTKCALC_DIGITS": "Digits where --digits is not given; of what is measured in double precision, those known.",
    "NTKCALC_FORMAT": "Output format where neither --format, --json nor the name of the output file says one.",
    "NO_COLOR": "No colour on the terminal.",
    "FORCE_COLOR": "Colour in pipes too, unless it is 0.",
    "COLUMNS": "Width of tables and help, if it is not that of the terminal.",
}
"""The environment variables that have an effect."""


def preset(variable: str) -> str | None:
    """Return the value of an environment variable, None where it is not set or empty."""
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


def columns() -> int:
    """Return the width of the terminal, or 80."""
    return shutil.get_terminal_size().columns


def screen(output: str, digits: int | None = None, rows: int | None = None) -> Screen:
    """Describe what a table is written to."""
    from ntkcalc.report.formats import Screen

    digits = digits or preset_digits()
    terminal = output == "-" and sys.stdout.isatty()
    color = terminal and os.environ.get("TERM") != "dumb"
    color = (color or os.environ.get("FORCE_COLOR", "") not in ("", "0")) and not os.environ.get("NO_COLOR")
    width = columns() if terminal or "COLUMNS" in os.environ else None
    try:
        "κσ²…─".encode((output == "-" and sys.stdout.encoding) or "utf-8")  # a StringIO has no encoding
    except (UnicodeEncodeError, LookupError):
        return Screen(width, False, color, digits, rows)
    return Screen(width, True, color, digits, rows)


def emit(text: str, output: str = "-") -> None:
    """Write the whole text or nothing: to stdout at once, to a file by renaming a finished one."""
    try:
        if output == "-":
            sys.stdout.write(_escaped(text, sys.stdout.encoding, sys.stdout.errors))
            sys.stdout.flush()
        else:
            with whole_file(output) as temporary, open(temporary, "w", encoding="utf-8") as stream:
                stream.write(_escaped(text))
    except BrokenPipeError:  # the reader, such as head, has closed the pipe
        abandon_stdout()
    except OSError as error:
        if output == "-":
            abandon_stdout()
        raise NtkcalcError(f"cannot write {'stdout' if output == '-' else output}: {error.strerror}") from None


def _escaped(text: str, encoding: str | None = None, errors: str | None = None) -> str:
    """Return the text with JSON's escapes for what the encoding lacks (Greek letters, bytes of a file's name)."""
    try:
        text.encode(encoding or "utf-8", errors or "strict")
    except UnicodeEncodeError:
        return "".join(c if c.isascii() else f"\\u{ord(c):04x}" for c in text)
    return text


def abandon_stdout() -> None:
    """Discard what is not written yet; otherwise Python tries to write it again at exit, and fails."""
    with suppress(OSError):  # a StringIO has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fill_closed_streams() -> None:
    """Replace closed standard streams by /dev/null, so that reading and writing them fails.

    Otherwise the next file that is opened would get the descriptor, and stray output would go into it.
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


def remark(text: str, quiet: bool) -> None:
    """Print a remark on stderr."""
    if not quiet and sys.stderr is not None:
        with suppress(OSError):
            print(one_line(text), file=sys.stderr)


def one_line(text: str) -> str:
    r"""Return a message for stderr; control characters, which would move the cursor, are escaped, long values cut.

    >>> one_line("cannot read 'a\rb': no such file")
    "ntkcalc: cannot read 'a\\rb': no such file"
    """
    words = re.sub(rf"\S{{{_LONGEST_WORD},}}", lambda word: _cut(word[0], _LONGEST_WORD), text)
    return "ntkcalc: " + "".join(c if c.isprintable() else repr(c)[1:-1] for c in _cut(words, _LONGEST_LINE))


_LONGEST_WORD, _LONGEST_LINE = 200, 600  # characters of a message


def _cut(text: str, most: int) -> str:
    """Return a text without its middle where it is longer."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 3 :]}"


@contextmanager
def progress(quiet: bool, what: str) -> Iterator[Observer | None]:
    """Give an observer that shows stages and a bar on stderr, if that is a terminal, after a second.

    Whatever stderr is, a remark says what takes over a minute.
    """
    if quiet or sys.stderr is None:
        yield None
        return
    with listening(_forecast()), _bar(what) if sys.stderr.isatty() else nullcontext() as observer:
        yield observer


LONG = 60.0
"""Seconds of work ahead that are worth a remark."""


def _forecast() -> Listener:
    """Return what hears of the seconds ahead and says so where they are many, and again where they prove far more."""
    said = LONG / 2

    def hear(seconds: float, most: float) -> None:
        nonlocal said
        if seconds > 2 * said:
            said, minutes = seconds, round(seconds / 60)
            many = "a minute" if minutes < 2 else f"{minutes} minutes" if minutes < 90 else f"{minutes / 60:.0f} hours"
            remark(f"this takes about {many}", False)

    return hear


@contextmanager
def _bar(what: str) -> Iterator[Observer]:
    """Give the observer of a bar, which is shown after a second."""
    import threading

    bar = _Bar(what)
    timer = threading.Timer(1.0, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield bar.observe
    finally:
        timer.cancel()
        bar.close()


class _Bar:
    """The line of a stage: its name, how far it is, and the time; Rich is loaded only when it is shown."""

    def __init__(self, what: str) -> None:
        from threading import Lock

        self.what, self.open, self.lock = what, True, Lock()
        self.place: tuple[int, int, str] = 0, 0, what
        self.drawn: Progress | None = None

    def observe(self, done: int, total: int, stage: str = "") -> None:
        """Show how far a stage is; one of unknown length has a bar that moves to and fro."""
        self.place = done, total, stage or self.what
        if self.drawn is not None:
            self._update(self.drawn)

    def show(self) -> None:
        """Draw the line from now on."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        columns = TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn(), TimeElapsedColumn()
        drawn = Progress(*columns, console=Console(stderr=True), transient=True)
        drawn.add_task(self.what, total=None)
        self._update(drawn)
        with self.lock:
            if self.open:
                ON_SCREEN.append(_ERASED)
                drawn.start()
                self.drawn = drawn

    def close(self) -> None:
        """Erase the line."""
        with self.lock:
            self.open = False
            if self.drawn is not None:
                self.drawn.stop()
                ON_SCREEN.clear()

    def _update(self, drawn: Progress) -> None:
        done, total, stage = self.place
        task = drawn.tasks[0]
        task.total = total or None  # update() takes None for "as before"
        drawn.update(task.id, completed=done, description=stage)


_ERASED = b"\r\x1b[2K\x1b[?25h"
"""Erases the line of the progress bar and shows the cursor."""
