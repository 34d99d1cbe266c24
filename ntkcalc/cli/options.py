"""The options that commands share, each declared once, and the values of what was typed.

The options of a command are the attributes of one class, put together by inheritance from the classes here; the default
of an attribute is the option as typer reads it. `command` makes a function of such an object a function of its
attributes. An option for all commands is one attribute more of `KernelOptions` or `OutputOptions`.

Annotations are not deferred (no ``from __future__ import annotations``): typer needs the objects.
"""

import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from fractions import Fraction
from inspect import Parameter, Signature, signature
from itertools import product
from typing import TYPE_CHECKING, Any, Self, TypeVar

from typer import CallbackParam, Context, Exit, Option

from ntkcalc.cli.files import check_drawn, check_plot, check_writable
from ntkcalc.cli.light_import import import_gmpy2
from ntkcalc.cli.pictures import draw_file
from ntkcalc.cli.terminal import emit, preset, preset_digits, progress, remark, screen
from ntkcalc.errors import InputError, NtkcalcError, near_miss

if TYPE_CHECKING:
    from ntkcalc.kernel.hyperparameters import Kernel
    from ntkcalc.numerics.tasks import Tasks
    from ntkcalc.series.given_series import GivenSeries

Item = TypeVar("Item")
Results = Sequence[Any]
"""Results of one type, which `ntkcalc.report.formats` turns into text and pictures."""


def _print(context: Context, option: CallbackParam, wanted: bool) -> None:
    """Print the text that an option such as --help asks for, and end the program."""
    if wanted:
        from ntkcalc.cli.manual import TEXTS

        emit(TEXTS[str(option.name)](context))
        raise Exit


def option(usage: str, help: str, default: Any = None, prints: bool = False) -> Any:
    """Return typer's option for a usage such as ``-a, --act ACT``."""
    words = usage.replace(", ", " ").split()
    names = sorted((word for word in words if word.startswith("-")), key=len, reverse=True)  # as messages name it
    metavar = " ".join(words[len(names) :]) or None
    callback = _print if prints else None
    return Option(default, *names, metavar=metavar, help=help, callback=callback, is_eager=prints)


HELP = option("-h, --help", "Show this message and exit.", False, prints=True)


OWN = "This command"
"""The group of the options that are not every command's."""

GROUPS = {
    "Kernel": (
        *("act", "depth", "sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2", "kernel"),
        *("truncation", "coeffs", "digits", "engine", "paper_truncation"),
    ),
    OWN: (
        *("which", "values", "rho", "window", "all", "sphere_dim", "rank", "max_frequency", "measure", "sample"),
        *("data", "other", "columns", "header", "delimiter", "decimal", "epsilon", "top", "memory", "no_normalize"),
        *("isotropic", "width", "trials", "seed", "outer", "arch", "parametrization", "image_shape", "padding"),
    ),
    "Workers": ("workers", "scheduler"),
    "Output": ("json", "format", "output", "plot", "schema", "quiet", "help"),
}
"""The options by what they are about, in the order of ``--help``; an option that is missing here is in OWN, last."""

_PLACES = {name: (i, j) for i, names in enumerate(GROUPS.values()) for j, name in enumerate(names)}


class Options:
    """Values of options, which are the annotated attributes of subclasses, in the order of `GROUPS`.

    (A frozen dataclass would do, but the methods that dataclasses generate take 2 ms a class at every start.)
    """

    __signature__: Signature

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __init_subclass__(cls) -> None:
        fields = {name: kind for base in reversed(cls.__mro__[:-2]) for name, kind in base.__annotations__.items()}
        cls.__signature__ = Signature(
            [
                Parameter(name, Parameter.KEYWORD_ONLY, default=getattr(cls, name), annotation=fields[name])
                for name in sorted(fields, key=lambda name: _PLACES.get(name, (1, 99)))
            ]
        )

    def but(self, **values: Any) -> Self:
        """Return the same options with other values of some."""
        return type(self)(**self.__dict__ | values)


class ProgramOptions(Options):
    """Options without a command."""

    version: bool = option("--version", "Print the version.", False, prints=True)
    list_activations: bool = option("--list-activations", "Print names, formulas, parameters.", False, prints=True)
    help: bool = HELP


# ---------------------------------------------------------------- kernels


class KernelOptions(Options):
    """Every combination of act, depth, σ_w², σ_b², γ_w², γ_b², in this order (the last varies fastest)."""

    act: list[str] | None = option(
        "-a, --act ACT", "Activation: tanh, leaky-relu:slope=0.1, or a formula: 'x*tanh(x)'; repeatable."
    )
    depth: list[str] | None = option(
        "-l, --depth N", "Layers incl. the linear output; A:B = all from A to B; repeatable.  [default: 2]"
    )
    sigma_w2: list[str] | None = option(
        "--sigma-w2 X|max",
        "sigma_w^2 such as 1.5, 1/3; max = 1/E[phi^2]; A:B:COUNT; repeatable.  [default: 1, or max if less]",
    )
    sigma_b2: list[str] | None = option(
        "--sigma-b2 X", "sigma_b^2; A:B:COUNT; repeatable.  [default: 1 - sigma_w^2 E[phi^2], unit variance]"
    )
    gamma_w2: list[str] | None = option(
        "--gamma-w2 X|sigma",
        "gamma_w^2 of layer 1; sigma = sigma_w^2; A:B:COUNT; repeatable.  [default: 1 - gamma_b^2]",
    )
    gamma_b2: list[str] | None = option(
        "--gamma-b2 X|sigma", "gamma_b^2 of layer 1; sigma = sigma_b^2; A:B:COUNT; repeatable.  [default: 0]"
    )
    kernel: str | None = option("--kernel ntk|nngp", "Theta_l, or the network's covariance Sigma_l.  [default: ntk]")

    @property
    def names_kernel(self) -> bool:
        """Whether an option of the kernel was given."""
        return any(getattr(self, name) not in (None, []) for name in KernelOptions.__annotations__)

    @property
    def depths(self) -> list[int]:
        """The depths, ranges such as 2:5 written out."""
        return [depth for text in self.depth or ["2"] for depth in _depths(text)]

    @property
    def variances(self) -> "list[dict[str, Any]]":
        """Every combination of the variances, ranges A:B:COUNT written out; None where Assumption 2 says them."""
        names = ("sigma_w2", "sigma_b2", "gamma_w2", "gamma_b2")
        given = [(self.sigma_w2, None), (self.sigma_b2, None), (self.gamma_w2, None), (self.gamma_b2, "0")]
        values = [
            [value for text in texts for value in numbers(text, name)] if texts else [default]
            for name, (texts, default) in zip(names, given, strict=True)
        ]
        count = math.prod(map(len, values))
        if count > MOST_COMBINATIONS:
            raise InputError(
                f"{count} combinations of variances are more than {MOST_COMBINATIONS}; take fewer at a time"
            )
        return [dict(zip(names, row, strict=True)) for row in product(*values)]

    @property
    def combinations(self) -> int:
        """How many kernels the options describe."""
        return len(self.act or [""]) * len(self.depths) * len(self.variances)

    def deepest(self) -> "list[Kernel]":
        """Return a kernel of the largest depth for every activation and variances."""
        if not self.act:
            raise InputError("name an activation, such as --act tanh (ntkcalc --list-activations shows all)")
        largest = max(self.depths)
        from ntkcalc.kernel.hyperparameters import Kernel

        name, found = "ntk" if self.kernel is None else self.kernel, []
        combinations = [*product(self.act, self.variances)]
        with progress(getattr(self, "quiet", False), "activations") as observer:
            for done, (act, given) in enumerate(combinations):
                if observer is not None and len(combinations) > 1:
                    observer(done, len(combinations))
                found.append(Kernel.of(act, largest, **given, kernel=name).checked())
        if not self.sigma_w2:
            for act in dict.fromkeys(kernel.activation.name for kernel in found if kernel.sigma_w2 is None):
                said = f"{act}: sigma_w2 = max = 1/E[phi^2], for 1 is as much or more (--sigma-b2 admits any)"
                remark(said, getattr(self, "quiet", False))
        return found

    def in_order(self, found: Sequence[Sequence[Item]]) -> list[Item]:
        """Return what was found for each of `deepest`, at each depth, in the order of all combinations."""
        n = len(self.variances)
        by_activation = (found[start : start + n] for start in range(0, len(found), n))
        return [item for results in by_activation for row in zip(*results, strict=True) for item in row]

    def kernels(self) -> "list[Kernel]":
        """Return all kernels."""
        return self.in_order([[kernel.at_depth(depth) for depth in self.depths] for kernel in self.deepest()])


def numbers(text: str, what: str) -> "Sequence[str | Fraction]":
    """Read a number, or COUNT evenly spaced ones from a range A:B:COUNT, which are exact."""
    if ":" not in text:
        return [text]
    from ntkcalc.numerics.precision import rational

    parts = text.split(":")
    if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit() and 2 <= int(parts[2][:30]) <= MOST_VALUES):
        raise InputError(f"a range of {what} is A:B:COUNT with 2 to {MOST_VALUES} values, got '{text[:40]}'")
    if words := [part for part in parts[:2] if part.strip().lower() in ("max", "sigma")]:
        raise InputError(f"a range of {what} runs between two numbers; '{words[0]}' stands alone, got '{text[:40]}'")
    start, stop, count = rational(parts[0], what), rational(parts[1], what), int(parts[2])
    return [start + (stop - start) * i / (count - 1) for i in range(count)]


MOST_VALUES = 10_000
"""Values of a variance in one range."""

MOST_COMBINATIONS = 100_000
"""Combinations of variances in one command."""


def _depths(text: str) -> range:
    """Read a depth, or depths such as 2:5 (2, 3, 4, 5)."""
    from ntkcalc.kernel.hyperparameters import MOST_LAYERS

    first, colon, last = text.partition(":")
    bounds = [first, last if colon else first]
    if not all(b.strip().isascii() and b.strip().isdigit() and len(b) < 10 for b in bounds):
        raise InputError(f"depth must be a whole number from 1 to {MOST_LAYERS}, or a range A:B, got '{text[:40]}'")
    low, high = map(int, bounds)
    if not 1 <= low <= high <= MOST_LAYERS:
        raise InputError(f"depth must lie in 1 to {MOST_LAYERS}, ranges A:B with A <= B, got '{text}'")
    return range(low, high + 1)


class SeriesOptions(KernelOptions):
    """Kernels, or power series in their place."""

    coeffs: str | None = option(
        "-c, --coeffs FILE", "A series instead of a kernel: JSON or CSV of ntkcalc, numbers, .npy; - is stdin."
    )

    def given_series(self) -> "list[GivenSeries]":
        """Read the series of --coeffs."""
        from ntkcalc.series.given_series import MOST_CHARACTERS, array_series, parse_series

        source = self.coeffs or ""
        shown = "stdin" if source == "-" else source
        if source.lower().endswith(".npy") or (source == "-" and _array_on_stdin()):
            from ntkcalc.cli.data_files import load_array

            return array_series(load_array(source), shown)
        found = parse_series(read_text(source, MOST_CHARACTERS), shown)
        if getattr(self, "plot", None):
            check_drawn(len(found))
        return found


def _array_on_stdin() -> bool:
    """Tell whether stdin begins like a .npy, with a byte with which no text in UTF-8 begins."""
    bytes_of_stdin: Any = getattr(sys.stdin, "buffer", None)  # a StringIO has none
    with suppress(OSError):
        return bool(bytes_of_stdin and bytes_of_stdin.peek(1)[:1] == b"\x93")
    return False


def read_text(source: str, most: int) -> str:
    """Return the text of a file, or of stdin for "-"; an InputError refuses what is no text or has more characters."""
    shown = "stdin" if source == "-" else f"'{source}'"
    parts, size = [], 0
    try:
        with nullcontext(sys.stdin) if source == "-" else open(source, encoding="utf-8-sig") as stream:
            while part := stream.read(_PART):
                if "\0" in part:
                    raise InputError(f"cannot read {shown}: it is no text (it has NUL characters)")
                parts.append(part)
                size += len(part)
                if size > most:
                    raise InputError(f"{shown}: at most {most} characters are read")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise InputError(f"cannot read {shown}: {reason}") from None
    return "".join(parts)


_PART = 1 << 20  # characters read at a time


PAPER_TRUNCATION = option(
    "--paper-truncation", "The paper's recurrence (39)-(41), which stops the sum over k at T.", False
)
SPHERE_DIM = option("--sphere-dim D", "Data uniform on the sphere S^D in R^(D+1).")
PLOT = option("--plot FILE", "Draw to FILE.png, .svg or .pdf.")

# ---------------------------------------------------------------- output

FORMATS = ("table", "json", "csv", "plain")
_FORMAT_OF_SUFFIX = {".json": "json", ".jsonl": "json", ".csv": "csv", ".txt": None, "": None}


class WorkerOptions(Options):
    """Who computes: this process, other processes of this machine, or a cluster."""

    workers: int | None = option("--workers N", "Compute in N processes of this machine, one thread each.")
    scheduler: str | None = option("--scheduler ADDRESS", "Compute on the Dask cluster of tcp://HOST:PORT.")

    @contextmanager
    def tasks(self) -> "Iterator[Tasks]":
        """Give what runs tasks."""
        from ntkcalc.numerics.tasks import HERE

        if self.workers is None and self.scheduler is None:
            yield HERE
            return
        from ntkcalc.cli.cluster import cluster_tasks

        with cluster_tasks(self.workers, self.scheduler, getattr(self, "quiet", False)) as found:
            yield found

    def check_workers(self) -> None:
        """Refuse workers that make no sense or cannot be had before time is spent."""
        if self.workers is not None and self.scheduler is not None:
            raise InputError("--workers starts processes of this machine, --scheduler uses a cluster: give one of them")
        if self.workers is not None and not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(f"workers must lie in 1 to {MOST_WORKERS}, got {self.workers}")
        if self.scheduler is not None and not re.fullmatch(_ADDRESS, self.scheduler):
            raise InputError(f"--scheduler takes an address such as tcp://HOST:PORT, got '{self.scheduler[:40]}'")
        if self.workers is None and self.scheduler is None:
            return
        from importlib.util import find_spec

        if find_spec("distributed") is None:
            name = "--workers" if self.scheduler is None else "--scheduler"
            raise NtkcalcError(f"{name} needs Dask: pip install 'ntkcalc[distributed]'")


MOST_WORKERS = 512
"""Processes that --workers starts."""

_ADDRESS = r"((tcp|tls|ws|wss)://)?([\w.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}"


class OutputOptions(WorkerOptions):
    """In which format results are written, and where to."""

    json: bool = option("--json", "Same as --format json.", False)
    format: str | None = option(
        f"--format {'|'.join(FORMATS)}",
        "Output format.  [default: by the name of --output, else $NTKCALC_FORMAT, else table]",
    )
    output: str = option("-o, --output FILE", "Write to FILE, whole or not at all; - is stdout.", "-")
    schema: bool = option("--schema", "Print the JSON Schema of the JSON output.", False, prints=True)
    quiet: bool = option("-q, --quiet", "No remarks and no progress bar.", False)
    help: bool = HELP

    @property
    def style(self) -> str:
        """The format: what --format and --json agree on, else that of the output file's name, else the preset."""
        suffix = os.path.splitext(self.output)[1].lower()
        typed = self.format or ("json" if self.json else _FORMAT_OF_SUFFIX.get(suffix))
        if not typed and suffix not in _FORMAT_OF_SUFFIX:
            raise InputError(
                f"the ending of '{self.output}' stands for no format; take .json, .jsonl, .csv or .txt, or say --format"
            )
        style = typed or preset("NTKCALC_FORMAT") or "table"
        if style not in FORMATS:
            what = "format" if typed else "NTKCALC_FORMAT"
            near = near_miss(style, [*FORMATS])
            raise InputError(f"{what} must be one of {', '.join(FORMATS)}, got '{style[:40]}'.{near}")
        if self.json and style != "json":
            raise InputError(f"--json and --format {style} contradict each other; give one of them")
        return style

    def check_files(self, plot: str | None = None) -> None:
        """Refuse files that cannot be written, and workers that cannot be had, before time is spent."""
        self.check_workers()
        if self.output != "-":
            check_writable(self.output)
        if plot:
            check_plot(plot, self.output)
            check_drawn(self.combinations if isinstance(self, KernelOptions) else 1)

    def report(
        self,
        results: Results,
        digits: int | None = None,
        rows: int | None = None,
        every: bool = False,
        plot: str | None = None,
    ) -> None:
        """Write results, with `digits` and `rows` that the user asked for, and draw them to a file `plot`."""
        from dataclasses import replace

        from ntkcalc.report.formats import text_of

        with progress(self.quiet, "writing numbers"):  # Rich takes seconds for a table of thousands of rows
            text = text_of(results, self.style, replace(screen(self.output, digits, rows), every=every))
        if plot:
            with progress(self.quiet, "picture"):
                draw_file(results, plot)
        emit(text, self.output)


class PrecisionOptions(OutputOptions):
    """How many digits are computed, and how."""

    digits: int | None = option(
        "-d, --digits N", "Significant digits, all right.  [default: $NTKCALC_DIGITS, or 10 in tables, else 12]"
    )
    engine: str = option(
        "--engine auto|numpy|mpmath", "float64 where its proven error allows, or high precision.", "auto"
    )

    @property
    def digits_shown(self) -> int:
        """The digits to compute: 10 for tables and 12 for other programs, unless said otherwise."""
        default = 10 if self.style == "table" else 12
        if self.digits is not None and self.digits < 1:
            raise InputError(f"digits must be at least 1, got {self.digits}")
        return self.digits or preset_digits() or default

    def check_engine(self, only: str) -> None:
        """Refuse an engine that does not exist, or is not the only one for the purpose."""
        engine, known = self.engine, ["auto", "numpy", "mpmath"]
        if engine not in known:
            near = near_miss(engine, known)
            raise InputError(f"engine must be one of {', '.join(known)}, got '{engine[:40]}'.{near}")
        if engine not in ("auto", only):
            what = "values at --rho" if only == "mpmath" else "a matrix of data"
            raise InputError(f"the {only} engine alone computes {what}; leave out --engine {engine}")


# ---------------------------------------------------------------- commands


def command(function: Callable[[Any], None]) -> Callable[..., None]:
    """Make a function of a dataclass of options a function of its fields, whose signature typer reads."""
    (given,) = signature(function).parameters.values()
    options = given.annotation

    def call(**typed: Any) -> None:  # typer reads its annotations: no option may bear this name
        import_gmpy2()  # all commands need it
        function(options(**typed))

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    call.__signature__ = options.__signature__  # type: ignore[attr-defined]
    return call


def check_stdin(*sources: str | None) -> None:
    """Refuse two options that both read stdin."""
    if sources.count("-") > 1:
        raise InputError("only one option can read stdin ('-')")
