"""What the commands share of their options: the types that typer reads, and text into values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Annotated, TypeVar

import typer

from ntkcalc.cli.terminal import PICTURES, preset, preset_digits
from ntkcalc.errors import InputError, near_miss

if TYPE_CHECKING:
    from fractions import Fraction

    from ntkcalc.kernel.hyperparameters import Kernel
    from ntkcalc.series.given_series import GivenSeries

Item = TypeVar("Item")

MOST_CHARACTERS = 1 << 28
"""Longest text that is read from stdin."""

FORMATS = ("table", "json", "csv", "plain")

GROUPS = {
    "Kernel": (
        "act",
        "depth",
        "sigma_w2",
        "gamma_b2",
        "truncation",
        "coeffs",
        "digits",
        "engine",
        "paper_truncation",
    ),
    "Output": ("json", "format", "output", "plot", "quiet", "schema", "help"),
}
"""Options that mean the same on every command, by what they are about; the others are a command's own."""

Act = Annotated[
    list[str] | None,
    typer.Option(
        "--act",
        "-a",
        metavar="ACT",
        help="Activation: tanh, leaky-relu:slope=0.1, or a formula: 'x*tanh(x)'; repeatable.",
    ),
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
    typer.Option("--sigma-w2", metavar="X|max", help="sigma_w^2; max = 1/E[phi^2]; repeatable.  [default: 1]"),
]
GammaB2 = Annotated[
    list[str] | None,
    typer.Option("--gamma-b2", metavar="X", help="gamma_b^2 in [0, 1]; repeatable.  [default: 0]"),
]
Truncation = Annotated[int, typer.Option("--truncation", "-T", metavar="N", help="Highest degree.")]
OwnTruncation = Annotated[
    int | None,
    typer.Option("--truncation", "-T", metavar="N", help="Degree of the bracket's series.  [default: what serves]"),
]
Truncations = Annotated[
    list[int] | None,
    typer.Option(
        "--truncation", "-T", metavar="N", help="Degree of the series; repeatable.  [default: 10, or all of --coeffs]"
    ),
]
Rho = Annotated[
    list[str] | None,
    typer.Option("--rho", metavar="X", help="rho in [-1, 1], START:STOP:COUNT, or - for stdin; repeatable."),
]
Coeffs = Annotated[
    str | None,
    typer.Option(
        "--coeffs", "-c", metavar="FILE", help="A series instead of a kernel: ntkcalc JSON, or numbers; - is stdin."
    ),
]
Data = Annotated[
    str | None,
    typer.Option("--data", metavar="FILE", help="Points, one a row: .npy, .npz, .csv, .tsv, text, - for stdin."),
]
Other = Annotated[str | None, typer.Option("--other", metavar="FILE", help="More points: a cross matrix.")]
NoNormalize = Annotated[bool, typer.Option("--no-normalize", help="Refuse rows that are not of unit norm.")]
Epsilon = Annotated[
    list[str] | None,
    typer.Option("--epsilon", metavar="X", help="Count the eigenvalues of at least X times the largest; repeatable."),
]
Memory = Annotated[
    str, typer.Option("--memory", metavar="SIZE", help="What the kernel matrix may take, e.g. 500M; else it streams.")
]
SphereDim = Annotated[
    int | None, typer.Option("--sphere-dim", metavar="D", help="Data uniform on the sphere S^D in R^(D+1).")
]
MaxFrequency = Annotated[
    int | None, typer.Option("--max-frequency", metavar="K", help="Largest frequency k.  [default: 10]")
]
Measure = Annotated[
    str | None, typer.Option("--measure", metavar="uniform|surface", help="Measure of the sphere: mass 1, or its area.")
]
Sample = Annotated[
    int | None, typer.Option("--sample", metavar="N", help="Also the matrix of N random points on the sphere.")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="S", help="Start of the random numbers.  [default: 0]")]
Top = Annotated[int | None, typer.Option("--top", metavar="N", help="Only the N largest.  [default: all]")]
Window = Annotated[
    str | None, typer.Option("--window", metavar="A:B", help="Degrees to fit.  [default: the upper three quarters]")
]
AllModels = Annotated[bool, typer.Option("--all", help="Show every model that was tried.")]
Rank = Annotated[int | None, typer.Option("--rank", metavar="R", help="What follows for data of rank R.")]
FitTruncation = Annotated[
    int | None, typer.Option("--truncation", "-T", metavar="N", help="Highest degree.  [default: 1000]")
]
Plot = Annotated[str | None, typer.Option("--plot", metavar="FILE", help="Draw to FILE.png, .svg or .pdf.")]
Digits = Annotated[
    int | None,
    typer.Option(
        "--digits",
        "-d",
        metavar="N",
        help="Significant digits, all right.  [default: $NTKCALC_DIGITS, or 10 in tables, else 12]",
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
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="Output format.  [default: by the name of --output, else $NTKCALC_FORMAT, else table]",
    ),
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

Width = Annotated[
    int | None, typer.Option("--width", metavar="M", help="Networks of M neurons or channels in each hidden layer.")
]
Trials = Annotated[
    int | None, typer.Option("--trials", metavar="N", help="Networks to take the mean of.  [default: 10]")
]
Arch = Annotated[
    str | None,
    typer.Option("--arch", metavar="mlp|cnn", help="Fully connected, or 5 x 5 convolutions.  [default: mlp]"),
]
Parametrization = Annotated[
    str | None,
    typer.Option(
        "--parametrization",
        metavar="ntk|standard",
        help="Equation (1), or PyTorch's Kaiming-uniform weights.  [default: ntk]",
    ),
]
ImageShape = Annotated[
    str | None, typer.Option("--image-shape", metavar="C,H,W", help="What rows are as images: channels, height, width.")
]
Padding = Annotated[
    str | None,
    typer.Option("--padding", metavar="valid|same", help="Convolutions inside the image, or with zeros around it."),
]
Outer = Annotated[
    str | None,
    typer.Option("--outer", metavar="gaussian|sign", help="Outer weights N(0, 1), or +1 and -1.  [default: gaussian]"),
]
Isotropic = Annotated[
    str | None, typer.Option("--isotropic", metavar="N,D", help="N standard Gaussian points in R^D as data.")
]


@dataclass(frozen=True)
class KernelGrid:
    """Every combination of the kernel options, in the order act, depth, σ_w², γ_b² (the last varies fastest)."""

    families: list[str]
    depths: list[int]
    variances: list[tuple[str, str]]

    @classmethod
    def of(
        cls, act: list[str] | None, depth: list[str] | None, sigma_w2: list[str] | None, gamma_b2: list[str] | None
    ) -> KernelGrid:
        """Read the options as typed."""
        if not act:
            raise InputError("name an activation, such as --act tanh (ntkcalc --list-activations shows all)")
        variances = [(s, g) for s in sigma_w2 or ["1"] for g in gamma_b2 or ["0"]]
        return cls(act, chosen_depths(depth or ["2"]), variances)

    def deepest(self) -> list[Kernel]:
        """Return a kernel of the largest depth for every activation and variances."""
        from ntkcalc.kernel.hyperparameters import Kernel

        return [Kernel.of(a, max(self.depths), s, g).checked() for a in self.families for s, g in self.variances]

    def in_order(self, found: Sequence[Sequence[Item]]) -> list[Item]:
        """Return what was found for each of `deepest`, at each depth, in the order of all combinations."""
        n = len(self.variances)
        return [
            found[a * n + v][d] for a in range(len(self.families)) for d in range(len(self.depths)) for v in range(n)
        ]

    def kernels(self) -> list[Kernel]:
        """Return all kernels."""
        return self.in_order([[kernel.at_depth(depth) for depth in self.depths] for kernel in self.deepest()])


def chosen_depths(texts: list[str]) -> list[int]:
    """Read depths such as 3 or 2:5 (2, 3, 4, 5)."""
    from ntkcalc.kernel.hyperparameters import MOST_LAYERS

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


SUFFIXES = {
    "data": (".npy", ".npz", ".csv", ".tsv", ".txt"),
    "other": (".npy", ".npz", ".csv", ".tsv", ".txt"),
    "coeffs": (".json", ".jsonl", ".txt"),
    "plot": PICTURES,
}
"""How the names of an option's files end, for completions; of other options, anyhow."""

_FORMAT_OF_SUFFIX = {".json": "json", ".jsonl": "json", ".csv": "csv"}


def chosen_format(format: str | None, json: bool, output: str = "-") -> str:
    """Return the format that --format and --json agree on, else that of the output file's name, else the preset."""
    named = next((style for suffix, style in _FORMAT_OF_SUFFIX.items() if output.lower().endswith(suffix)), None)
    typed = format or ("json" if json else named)
    style = typed or preset("NTKCALC_FORMAT") or "table"
    if style not in FORMATS:
        what = "format" if typed else "NTKCALC_FORMAT"
        raise InputError(
            f"{what} must be one of {', '.join(FORMATS)}, got '{style[:40]}'.{near_miss(style, [*FORMATS])}"
        )
    if json and style != "json":
        raise InputError(f"--json and --format {style} contradict each other; give one of them")
    return style


def chosen_digits(digits: int | None, style: str) -> int:
    """Return the digits to compute: 10 for tables and 12 for other tools, unless said otherwise."""
    if digits is not None and digits < 1:
        raise InputError(f"digits must be at least 1, got {digits}")
    return digits or preset_digits() or (10 if style == "table" else 12)


def check_engine(engine: str, only: str) -> None:
    """Refuse an engine that does not exist, or is not the only one for the purpose."""
    known = ["auto", "numpy", "mpmath"]
    if engine not in known:
        raise InputError(f"engine must be one of {', '.join(known)}, got '{engine[:40]}'.{near_miss(engine, known)}")
    if engine not in ("auto", only):
        what = "values at --rho" if only == "mpmath" else "a matrix of data"
        raise InputError(f"the {only} engine alone computes {what}; leave out --engine {engine}")


def chosen_window(text: str | None) -> tuple[int, int] | None:
    """Read a range of degrees A:B."""
    if text is None:
        return None
    parts = text.split(":")
    if len(parts) != 2 or not all(b.isascii() and b.isdigit() and len(b) < 10 for b in parts):
        raise InputError(f"a window is A:B, two degrees such as 100:1000, got '{text[:40]}'")
    return int(parts[0]), int(parts[1])


def chosen_sizes(text: str, what: str, names: str) -> tuple[int, ...]:
    """Read whole numbers that commas part, such as 3,40,40 for C,H,W."""
    parts = text.split(",")
    if len(parts) != len(names.split(",")) or not all(p.isascii() and p.isdigit() and 0 < len(p) < 10 for p in parts):
        raise InputError(f"{what} is {names}, whole numbers with commas between, got '{text[:40]}'")
    sizes = tuple(map(int, parts))
    if min(sizes) < 1:
        raise InputError(f"{what} {names} must be at least 1 each, got '{text[:40]}'")
    return sizes


def about_networks(width: int | None, data: str | None, given: Mapping[str, object]) -> None:
    """Refuse options of networks of finite width without --width, and --width without data."""
    idle = [name for name, value in given.items() if value is not None]
    if width is None and idle:
        raise InputError(f"{idle[0]} is about networks of finite width: give --width M too")
    if width is not None and data is None:
        raise InputError("--width is about networks on data: give --data FILE or --isotropic N,D too")


def check_seed_has_use(seed: int | None, width: int | None, isotropic: str | None) -> None:
    """Refuse a seed where nothing is random, and one out of range."""
    if seed is not None and width is None and isotropic is None:
        raise InputError(
            "--seed starts the random numbers of --width or --isotropic: give one of them, or leave it out"
        )
    if seed is not None and not 0 <= seed < 1 << 64:
        raise InputError(f"seed must lie in 0 to 2^64 - 1, got {seed}")


def chosen_memory(text: str) -> int:
    """Read a size such as 500M or 1.5G, in bytes."""
    from ntkcalc.numerics.precision import exact

    number = text.strip().upper().removesuffix("B").removesuffix("I")
    unit = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}.get(number[-1:], 1)
    size = exact(number[:-1] if unit > 1 else number, "memory (such as 500M or 1.5G)") * unit
    if not 0 <= size <= 1 << 50:
        raise InputError(f"memory must lie between 0 and 1024T, got '{text[:40]}'")
    return int(size)


def chosen_epsilons(texts: list[str]) -> list[Fraction]:
    """Read thresholds in (0, 1]."""
    from ntkcalc.numerics.precision import exact

    found = [exact(text, "epsilon") for text in texts]
    for text, value in zip(texts, found, strict=True):
        if not 0 < value <= 1:
            raise InputError(f"epsilon must lie in (0, 1], got {text[:40]}")
    return found


def one_reader_of_stdin(rho: list[str] | None, *files: str | None) -> None:
    """Refuse two options that both read stdin."""
    if [*(rho or []), *files].count("-") > 1:
        raise InputError("only one option can read stdin ('-')")


def chosen_rhos(texts: list[str], digits: int, stdin: IO[str]) -> list[Fraction]:
    """Read numbers, ranges START:STOP:COUNT (whose points are rounded to `digits` digits), and - for stdin."""
    from ntkcalc.numerics.precision import exact

    found: list[Fraction] = []
    for text in texts:
        if text.strip() == "-":
            found += [exact(word, "rho") for word in stdin.read(MOST_CHARACTERS).split()]
        elif ":" in text:
            found += _range(text, digits)
        else:
            found.append(exact(text, "rho"))
    if not found:
        raise InputError("give at least one value of rho, got none")
    return found


def _range(text: str, digits: int) -> list[Fraction]:
    """Return COUNT evenly spaced numbers from START to STOP."""
    from ntkcalc.numerics.precision import decimal, exact
    from ntkcalc.series.values import MOST_VALUES

    parts = text.split(":")
    if len(parts) != 3 or not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 30):
        raise InputError(f"a range of rho is START:STOP:COUNT, such as -1:1:201, got '{text[:40]}'")
    start, stop, count = exact(parts[0], "rho"), exact(parts[1], "rho"), int(parts[2])
    if not 2 <= count <= MOST_VALUES:
        raise InputError(f"a range of rho has 2 to {MOST_VALUES} values, got {count}")
    steps = (start + (stop - start) * i / (count - 1) for i in range(count))
    return [exact(str(decimal(x, digits)), "rho") for x in steps]


def chosen_series(source: str, stdin: IO[str]) -> list[GivenSeries]:
    """Read the series of --coeffs."""
    from ntkcalc.series.given_series import parse_series

    if source == "-":
        return parse_series(stdin.read(MOST_CHARACTERS), "stdin")
    try:
        with open(source, encoding="utf-8-sig") as stream:
            return parse_series(stream.read(MOST_CHARACTERS), source)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"cannot read '{source}': {reason}") from None
