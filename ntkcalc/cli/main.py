"""The command line from start to exit code: an error is one line on stderr."""

import sys
from contextlib import suppress

from ntkcalc.cli.interruption import INTERRUPTED
from ntkcalc.errors import NtkcalcError

_HELP = "Example: "  # the first word of every help text


def main() -> None:
    """Run the command line; every failure is a line on stderr and an exit code of the contract."""
    try:
        code, message = _run()
        if message and sys.stderr is not None:
            with suppress(OSError):
                print(message, file=sys.stderr)
        sys.exit(code)
    except KeyboardInterrupt:  # only where this is called by another program: ours handles signals
        sys.exit(INTERRUPTED)


def _run() -> tuple[int, str]:
    """Run the application; return the exit code and the message for stderr."""
    import typer

    from ntkcalc.cli.app import VERBS, application
    from ntkcalc.cli.terminal import abandon_stdout, fill_closed_streams, one_line

    try:
        fill_closed_streams()
        first = [word for word in sys.argv[1:2] if word in VERBS]  # the only command that is needed
        return application(first or VERBS)(standalone_mode=False) or 0, ""
    except NtkcalcError as error:
        return error.exit_code, one_line(str(error))
    except typer.Abort:
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
