"""The command line: its commands, one module each, and the way from the start to an exit code and one line on stderr.

Everything heavy is imported where it is used, so that ``--help`` loads nothing but typer.
"""

import sys
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ntkcalc.cli.coeffs import coeffs
from ntkcalc.cli.decay import decay
from ntkcalc.cli.effrank import effrank
from ntkcalc.cli.eigs import eigs
from ntkcalc.cli.evaluate import evaluate
from ntkcalc.cli.interruption import INTERRUPTED
from ntkcalc.cli.options import ProgramOptions
from ntkcalc.cli.terminal import abandon_stdout, fill_closed_streams, one_line
from ntkcalc.errors import InputError, NtkcalcError, near_miss

_HELP = "Example: "  # the first word of every help text


class _Strict:
    """A command of typer's that names the nearest option and takes an option with one value once."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Parse arguments; an InputError refuses unknown options, and a second value where there is room for one."""
        parser = self.make_parser(context)  # type: ignore[attr-defined]
        try:
            order = parser.parse_args(args=[*args])[2]
        except Exception as error:
            if hasattr(error, "possibilities"):
                name = str(error.option_name)  # type: ignore[attr-defined]
                known = [spelt for option in self.get_params(context) for spelt in option.opts]  # type: ignore[attr-defined]
                near = near_miss(name.replace("_", "-"), known)
                raise InputError(f"no option '{name[:40]}'.{near} (-h lists commands and options)") from None
            raise
        for option in order:
            if order.count(option) > 1 and not (option.multiple or option.is_flag):
                raise InputError(f"{option.opts[0]} takes one value, got {order.count(option)}")
        return list(super().parse_args(context, args))  # type: ignore[misc]


class _Command(_Strict, TyperCommand):
    pass


class _Program(_Strict, TyperGroup):
    def get_help(self, context: Any) -> str:
        """Return the help that a call without arguments shows."""
        from ntkcalc.cli.manual import help_of

        return help_of(context).rstrip("\n")


app = typer.Typer(
    cls=_Program,
    callback=ProgramOptions,  # the class as a function of its attributes
    help="""The neural tangent kernel's power series (ICLR 2023), every digit right.

    Example: ntkcalc coeffs --act tanh --depth 3
    """,
    add_completion=False,
    add_help_option=False,  # --help is one of our options
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)

for verb, summary in {
    coeffs: None,
    evaluate: "The kernel, its truncated series, the error's bound; matrices of data.",
    effrank: "Effective ranks of kernel matrices, and bounds on them.",
    eigs: "The spectrum: on the sphere, or of the kernel matrix of data.",
    decay: "The decay law of coefficients and eigenvalues: fit and theory.",
}.items():
    app.command(cls=_Command, short_help=summary, add_help_option=False)(verb)


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
    try:
        fill_closed_streams()
        return app(standalone_mode=False) or 0, ""
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
