"""The command line: the only room that parses arguments, prints, touches files and exits.

A command is parse → compute → render. Everything heavy is imported where it is used, so that
``--help`` loads nothing but typer.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ntkcalc import __version__
from ntkcalc.errors import InputError, NtkcalcError, near_miss

if TYPE_CHECKING:
    from ntkcalc.recurrence import Observer
    from ntkcalc.render import Screen

app = typer.Typer(
    name="ntkcalc",
    help="The neural tangent kernel's power series (ICLR 2023), every digit right.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

KERNEL, OUTPUT, OWN = "Kernel", "Output", "Coefficients"

FORMATS = ("table", "json", "csv", "plain")

Act = Annotated[
    list[str] | None,
    typer.Option("--act", "-a", metavar="ACT", help="Activation, e.g. tanh or leaky-relu:slope=0.1; repeatable."),
]
Depth = Annotated[
    list[str] | None,
    typer.Option(
        "--depth",
        "-l",
        metavar="N",
        help="Layers incl. the linear output; A:B = all from A to B; repeatable.  [default: 2]",
    ),
]
SigmaW2 = Annotated[
    list[str] | None,
    typer.Option("--sigma-w2", metavar="X", help="sigma_w^2, or 'max' = 1/E[phi^2]; repeatable.  [default: 1]"),
]
GammaB2 = Annotated[
    list[str] | None,
    typer.Option("--gamma-b2", metavar="X", help="gamma_b^2 in [0, 1]; repeatable.  [default: 0]"),
]
Truncation = Annotated[int, typer.Option("--truncation", "-T", metavar="N", help="Highest degree.")]
Digits = Annotated[
    int | None,
    typer.Option(
        "--digits", "-d", metavar="N", help="Significant digits, all of them right.  [default: 10 in tables, else 12]"
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine", metavar="auto|numpy|mpmath", help="float64 where its proven error allows, or high precision."
    ),
]
PaperTruncation = Annotated[
    bool, typer.Option("--paper-truncation", help="The paper's recurrence (39)-(41), which stops the sum over k at T.")
]
Json = Annotated[bool, typer.Option("--json", help="Same as --format json.")]
Format = Annotated[
    str | None, typer.Option("--format", metavar="table|json|csv|plain", help="Output format.  [default: table]")
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="FILE", help="Write to FILE, whole or not at all; - is stdout.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No remarks and no progress bar.")]
Which = Annotated[
    str,
    typer.Option(
        "--which", metavar="kappa|alpha|beta|mu", help="NTK, NNGP kernel, its derivative, or Hermite coefficients."
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        _emit(f"ntkcalc {__version__}\n", "-")
        raise typer.Exit


def _list_activations(wanted: bool) -> None:
    if wanted:
        from ntkcalc.activations import FAMILIES

        rows = [(f.usage, f.formula, ", ".join(f.aliases)) for f in FAMILIES.values()]
        left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
        lines = (
            f"{name:{left}}  {formula:{middle}}  {'= ' * bool(alias)}{alias}".rstrip() for name, formula, alias in rows
        )
        _emit("\n".join(lines) + "\n", "-")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    list_activations: Annotated[
        bool,
        typer.Option(
            "--list-activations", callback=_list_activations, is_eager=True, help="Print names, formulas, parameters."
        ),
    ] = False,
) -> None:
    """The neural tangent kernel's power series (ICLR 2023), every digit right."""


@app.command()
def coeffs(
    act: Act = None,
    depth: Depth = None,
    sigma_w2: SigmaW2 = None,
    gamma_b2: GammaB2 = None,
    truncation: Truncation = 10,
    digits: Digits = None,
    engine: EngineName = "auto",
    paper_truncation: PaperTruncation = False,
    which: Which = "kappa",
    json: Json = False,
    format: Format = None,
    output: Output = "-",
    quiet: Quiet = False,
) -> None:
    """The coefficients kappa_{p,l} of Theorem 3.1.

    Example: ntkcalc coeffs --act tanh --depth 3
    """
    style = _format(format, json)
    _check_writable(output)
    if digits is not None and digits < 1:
        raise InputError(f"digits must be at least 1, got {digits}")
    from ntkcalc import render
    from ntkcalc.coefficients import Request, coefficients_by_depth
    from ntkcalc.kernel import Kernel

    shown = digits or (10 if style == "table" else 12)
    request = Request(truncation, max(shown, 8) if style == "table" else shown, engine, which, paper_truncation)
    depths = _depths(depth or ["2"])
    variances = [(s, g) for s in sigma_w2 or ["1"] for g in gamma_b2 or ["0"]]
    kernels = {(a, s, g): Kernel.of(a, max(depths), s, g) for a in _activations(act) for s, g in variances}
    with _progress(quiet) as observer:
        found = {key: coefficients_by_depth(kernel, depths, request, observer) for key, kernel in kernels.items()}
    results = [found[a, s, g][i] for a in _activations(act) for i in range(len(depths)) for s, g in variances]
    if style == "table":
        text = render.coefficients_table(results, _screen(output, digits))
    else:
        text = {"json": render.coefficients_json, "csv": render.coefficients_csv, "plain": render.coefficients_plain}[
            style
        ](results)
    _emit(text, output)


_USAGE_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "UsageError")


def main() -> None:
    """Run the command line; every failure is a line on stderr and an exit code of the contract."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except NtkcalcError as error:
        _fail(str(error), error.exit_code)
    except _USAGE_ERROR as error:
        _fail(_usage_message(error), 2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except MemoryError:
        _fail("out of memory; lower --truncation or --digits", 1)
    except Exception as error:
        _fail(f"internal error, which is a fault of ntkcalc: {type(error).__name__}: {str(error)[:200]}", 1)


def _usage_message(error: Exception) -> str:
    """Return what typer found wrong in one line; without arguments, the help."""
    said = str(getattr(error, "format_message", error.__str__)())
    return said if said.startswith("Usage:") else f"{said} (-h lists commands and options)"


def _fail(message: str, code: int) -> NoReturn:
    """Say what went wrong in one line and exit."""
    with suppress(OSError):
        print(message if message.startswith("Usage:") else f"ntkcalc: {message}", file=sys.stderr)
    sys.exit(code)


def _activations(act: list[str] | None) -> list[str]:
    if not act:
        raise InputError("name an activation, such as --act tanh (ntkcalc --list-activations shows all)")
    return act


def _depths(texts: list[str]) -> list[int]:
    """Read depths such as 3 or 2:5 (2, 3, 4, 5)."""
    from ntkcalc.kernel import MOST_LAYERS

    depths: list[int] = []
    for text in texts:
        first, colon, last = text.partition(":")
        bounds = [first, last] if colon else [first, first]
        if not all(b.strip().isascii() and b.strip().isdigit() and len(b) < 10 for b in bounds):
            raise InputError(f"depth must be a whole number from 1 to {MOST_LAYERS}, or a range A:B, got '{text[:40]}'")
        low, high = map(int, bounds)
        if not 1 <= low <= high <= MOST_LAYERS:
            raise InputError(f"depth must lie in 1 to {MOST_LAYERS}, ranges A:B with A <= B, got '{text}'")
        depths.extend(range(low, high + 1))
    return depths


def _format(format: str | None, json: bool) -> str:
    """Return the format that --format and --json agree on."""
    style = format or ("json" if json else "table")
    if style not in FORMATS:
        raise InputError(
            f"format must be one of {', '.join(FORMATS)}, got '{style[:40]}'.{near_miss(style, [*FORMATS])}"
        )
    if json and style != "json":
        raise InputError(f"--json and --format {style} contradict each other; give one of them")
    return style


def _screen(output: str, digits: int | None) -> Screen:
    """Describe what a table is drawn on."""
    from ntkcalc.render import Screen

    terminal = output == "-" and sys.stdout is not None and sys.stdout.isatty()
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    color = color or bool(os.environ.get("FORCE_COLOR"))
    width = shutil.get_terminal_size().columns if terminal or "COLUMNS" in os.environ else None
    encoding = sys.stdout.encoding if output == "-" and sys.stdout is not None else "utf-8"
    try:
        "κσ²…─".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Screen(width, False, color, digits)
    return Screen(width, True, color, digits)


def _check_writable(output: str) -> None:
    """Refuse an output file that cannot be written before time is spent."""
    folder = os.path.dirname(output) or "."
    if output == "-":
        return
    if os.path.isdir(output) or not os.path.isdir(folder):
        raise InputError(f"cannot write '{output}': {'it is a folder' if os.path.isdir(output) else 'no such folder'}")
    if not os.access(output if os.path.exists(output) else folder, os.W_OK):
        raise InputError(f"cannot write '{output}': permission denied")


def _emit(text: str, output: str) -> None:
    """Write the whole text, or nothing: stdout in one piece, a file by renaming a finished one."""
    if output == "-" and sys.stdout is None:
        raise NtkcalcError("cannot write stdout: it is closed")
    try:
        if output == "-":
            sys.stdout.write(text)
            sys.stdout.flush()
        elif os.path.exists(output) and not os.path.isfile(output):  # a device or a pipe
            with open(output, "w", encoding="utf-8") as stream:
                stream.write(text)
        else:
            _replace(os.path.realpath(output), text)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if output == "-":
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise NtkcalcError(f"cannot write {'stdout' if output == '-' else output}: {error.strerror}") from None


def _replace(path: str, text: str) -> None:
    """Write beside the file and rename, so that the old one survives until the new one is whole."""
    import tempfile

    handle, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".ntkcalc-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o666 & ~_umask()
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def _progress(quiet: bool) -> Iterator[Observer | None]:
    """Show a bar on stderr, if that is a terminal, once the work has taken a second."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    import threading

    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("layers", total=None)
    timer = threading.Timer(1.0, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        timer.cancel()
        bar.stop()
