"""Ctrl-C is heeded even while a library computes, as LAPACK does, and Python cannot raise KeyboardInterrupt."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""

UNFINISHED: set[str] = set()
"""Files that are being written, and must not be left behind."""

_GRACE = 1.0  # seconds for the usual way: KeyboardInterrupt, which unwinds and cleans up


def watch() -> None:
    """Start a watchman who ends the process some time after Ctrl-C, should it still be there."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # a job in the background ignores it
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_end, args=(reader,), daemon=True).start()


def _end(reader: int) -> None:
    """Wait for Ctrl-C and a little longer; remove what is half-written, show the cursor, and go."""
    while os.read(reader, 1) != bytes([signal.SIGINT]):
        pass
    time.sleep(_GRACE)
    for path in UNFINISHED:
        with suppress(OSError):
            os.unlink(path)
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")
    os._exit(INTERRUPTED)
