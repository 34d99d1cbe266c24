"""Ctrl-C, SIGTERM and SIGHUP: no temporary file stays, nothing is said, the exit code is 128 + the signal's number.

This module imports little, so that signals are handled before the rest of the program is loaded.
"""

import _thread
import os
import signal
from contextlib import suppress

INTERRUPTED = 128 + signal.SIGINT
"""Exit code after Ctrl-C, as shells expect it."""

UNFINISHED: set[str] = set()
"""Temporary files that must be removed when the process ends early; a name stands here before its file exists."""

NAMING = _thread.allocate_lock()
"""Held while a file of `UNFINISHED` is made, so that none is made any more once the process ends."""

ON_SCREEN: list[bytes] = []
"""What must be written to the terminal when the process ends early, such as the erasure of a progress bar."""

_PATIENCE = 1.0  # seconds that a file system has to make a file


def end_on_signals() -> None:
    """End the process on signals even while a library such as LAPACK computes, where Python handles none.

    A thread reads the signals from a pipe. One that is ignored, as by nohup or in the background, stays ignored.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) < 3:  # the pipe must not get the number of a closed stream
        pass
    os.close(spare)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)  # without a handler nothing is written to the pipe
    _thread.start_new_thread(_wait_and_end, (reader,))


def _wait_and_end(reader: int) -> None:
    """Wait for a signal; remove unfinished files, tidy the terminal, and end the process."""
    (number,) = os.read(reader, 1)
    NAMING.acquire(timeout=_PATIENCE)  # and never released
    for path in tuple(UNFINISHED):
        with suppress(OSError):
            os.unlink(path)
    with suppress(OSError):
        os.write(2, b"".join(ON_SCREEN))
    os._exit(128 + number)
