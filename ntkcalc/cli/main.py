"""The command line from start to exit code: an error is one line on stderr, Ctrl-C ends the process."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress

from ntkcalc.cli.files import remove_unfinished
from ntkcalc.errors import NtkcalcError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect it."""

_GRACE = 1.0  # seconds that KeyboardInterrupt has to end the process
_HELP = "Example: "  # the first word of every help text


def main() -> None:
    """Run the command line; every failure is a line on stderr and an exit code of the contract."""
    try:
        _end_on_interrupt()
        code, message = _run()
        if message and sys.stderr is not None:
            with suppress(OSError):
                print(message, file=sys.stderr)
        sys.exit(code)
    except KeyboardInterrupt:
        remove_unfinished()
        sys.exit(INTERRUPTED)


def _run() -> tuple[int, str]:
    """Run the application; return the exit code and the message for stderr."""
    import typer

    from ntkcalc.cli.app import app
    from ntkcalc.cli.terminal import abandon_stdout, fill_closed_streams, one_line

    try:
        fill_closed_streams()
        return app(standalone_mode=False) or 0, ""
    except NtkcalcError as error:
        return error.exit_code, one_line(str(error))
    except typer.Abort:
        remove_unfinished()
        return INTERRUPTED, ""
    except BrokenPipeError:
        abandon_stdout()
        return 0, ""
    except OSError as error:
        abandon_stdout()
        return 1, one_line(f"cannot write stdout: {error.strerror or error}")
    except MemoryError:
        return 1, one_line("out of memory; lower --truncation or --digits")
    except Exception as error:
        if hasattr(error, "format_message"):  # a usage error of typer's
            said = str(error.format_message())
            return 2, said if said.startswith(_HELP) else one_line(f"{said} (-h lists commands and options)")
        fault = f"{type(error).__name__}: {str(error)[:200]}"
        return 1, one_line(f"internal error, which is a fault of ntkcalc: {fault}")


def _end_on_interrupt() -> None:
    """End the process on Ctrl-C even while a library such as LAPACK computes, where Python cannot raise anything.

    A thread reads the signal from a pipe and ends the process if KeyboardInterrupt has not done so after a second.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # a job in the background ignores it
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_wait_and_end, args=(reader,), daemon=True).start()


def _wait_and_end(reader: int) -> None:
    """Wait for Ctrl-C and a second longer; remove unfinished files, show the cursor, and end the process."""
    while os.read(reader, 1) != bytes([signal.SIGINT]):
        pass
    time.sleep(_GRACE)
    remove_unfinished()
    with suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\x1b[?25h")
    os._exit(INTERRUPTED)
