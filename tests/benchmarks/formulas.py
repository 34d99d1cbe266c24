"""Formulas against the activations that they write out: CPU time (user + system) of whole processes, in one run.

python tests/benchmarks/formulas.py [--only TEXT] [--parts PART ...] [--all]      some six minutes; --all takes hours

``grid``     ``coeffs`` of a named activation written as a formula takes at most twice what the name takes, and 0.3 s:
             24 formulas at 5 of 120 settings each, so that every setting occurs once and every formula has every depth
``hard``     waves, steep functions and kinks away from 0: depth 3, T = 50, 12 digits in 5 s
``torch.nn`` ``ntk_matrix`` of 500 points and ``eigs --sphere-dim 10`` of each activation of torch.nn in 5 s

What misses is run twice more, and medians are taken; then it has a mark, and is listed at the end with what was said.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from processes import NTKCALC, PYTHON, Ended, ended

sys.path.insert(0, str(Path(__file__).parents[1] / "formula"))

from published import PUBLISHED

WRITTEN = {
    "sigmoid": ("1/(1+exp(-x))", "exp(x)/(1+exp(x))", "(1+tanh(x/2))/2"),
    "tanh": ("(exp(x)-exp(-x))/(exp(x)+exp(-x))", "1-2/(1+exp(2*x))", "sinh(x)/cosh(x)"),
    "silu": ("x/(1+exp(-x))", "x*(1+tanh(x/2))/2"),
    "mish": ("x*tanh(log(1+exp(x)))", "x*((1+exp(x))^2-1)/((1+exp(x))^2+1)"),
    "softplus": ("log(1+exp(x))", "x+log1p(exp(-x))"),
    "gelu": ("x*Phi(x)", "x*(1+erf(x/sqrt(2)))/2"),
    "erf": ("1-erfc(x)", "2*Phi(sqrt(2)*x)-1"),
    "sin": ("cos(x-pi/2)", "x*sinc(x)"),
    "gaussian": ("exp(-x^2/2)/sqrt(2*pi)", "phi(x)"),
    "elu": ("max(x,0)+min(exp(x)-1,0)", "relu(x)+expm1(min(x,0))"),
    "relu": ("max(x,0)", "(x+abs(x))/2"),
}
DEPTHS, TRUNCATIONS, DIGITS, SIGMAS, GAMMAS = (2, 3, 5, 10, 20), (10, 100), (10, 12, 25), ("0.7", "1"), ("0", "0.1")
SETTINGS = len(DEPTHS) * len(TRUNCATIONS) * len(DIGITS) * len(SIGMAS) * len(GAMMAS)
HARD = ("sin(30*x)", "sin(60*x)", "tanh(20*x)", "relu(sin(3*x))", "max(x,sin(x))", "x/(1+abs(x))", "abs(x)^1.5")
RATIO, MORE, MOST = 2.0, 0.3, 5.0  # seconds but for the first
PATIENCE = 120  # seconds of CPU time, after which a process is ended
MATRIX = "import numpy, ntkcalc; ntkcalc.ntk_matrix(numpy.random.default_rng(0).standard_normal((500, 20)), act={!r})"
PARTS = ("grid", "hard", "torch.nn")


@dataclass(frozen=True)
class Row:
    """A process, what is said of it, and what it may take.

    Attributes
    ----------
    said
        The command.
    command
        Its arguments.
    base
        The arguments of the one that it is compared with; nothing where it may take `MOST` seconds.
    """

    said: str
    command: Sequence[str]
    base: Sequence[str] = ()


def setting(number: int) -> list[str]:
    """Return the options of a setting; numbers 0 … 119 are all of them, for 5, 3 and 8 have no common divisor."""
    options = {
        "-l": DEPTHS[number % 5],
        "-T": TRUNCATIONS[number % 2],
        "-d": DIGITS[number % 3],
        "--sigma-w2": SIGMAS[number // 2 % 2],
        "--gamma-b2": GAMMAS[number // 4 % 2],
    }
    return [str(part) for pair in options.items() for part in pair]


def grid(whole: bool) -> Iterator[Row]:
    """Yield formulas against names."""
    formulas = [(name, formula) for name, texts in WRITTEN.items() for formula in texts]
    for i, (name, formula) in enumerate(formulas):
        for number in range(SETTINGS) if whole else range(5 * i, 5 * i + 5):
            options = setting(number % SETTINGS)
            command, base = ((*NTKCALC, "coeffs", "-q", *options, "-a", act) for act in (formula, name))
            yield Row(shlex.join(["coeffs", *options, "-a", formula]), command, base)


def hard() -> Iterator[Row]:
    """Yield formulas that no name stands for."""
    for text in HARD:
        arguments = ["coeffs", "-l", "3", "-T", "50", "-d", "12", "-a", text]
        yield Row(shlex.join(arguments), [*NTKCALC, *arguments, "-q"])


def torch_nn() -> Iterator[Row]:
    """Yield the activations of torch.nn."""
    for text in (p.text for p in PUBLISHED.values() if p.source == "torch.nn"):
        arguments = ["eigs", "--sphere-dim", "10", "-a", text]
        yield Row(shlex.join(arguments), [*NTKCALC, *arguments, "-q"])
        yield Row(f"ntk_matrix(x, act={text!r})", [*PYTHON, MATRIX.format(text)])


@cache
def _first(command: tuple[str, ...]) -> Ended:
    """Return what became of a process that several rows are compared with, once for all of them."""
    return ended(command, limit=PATIENCE)


def measured(row: Row) -> tuple[Ended, float]:
    """Return what became of a row's process, and what it may take; medians of three where it took more."""
    own, most, found = None, 0.0, []
    while own is None or (own.seconds > most and not own.status and len(found) < 3):
        base = (_first(tuple(row.base)) if not found else ended(row.base, limit=PATIENCE)).seconds if row.base else 0.0
        found.append((ended(row.command, limit=PATIENCE), base))
        middle = len(found) // 2
        own = sorted((e for e, _ in found), key=lambda e: e.seconds)[middle]
        most = RATIO * sorted(b for _, b in found)[middle] + MORE if row.base else MOST
    return own, most


def line(row: Row) -> tuple[bool, str]:
    """Return whether a row misses its goal, and its line in the table."""
    own, most = measured(row)
    missed = bool(own.status) or own.seconds > most
    text = f"{own.seconds:7.2f} {most:7.2f} {'*' if missed else ' '} {row.said}"
    return missed, f"{text}   exit {own.status}: {own.said}" if own.status else text


def main() -> int:
    """Print the table, and what misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="what a command must contain")
    parser.add_argument("--parts", nargs="+", default=[*PARTS], choices=PARTS)
    parser.add_argument("--all", action="store_true", help="every formula at every setting")
    options = parser.parse_args()
    parts = {"grid": lambda: grid(options.all), "hard": hard, "torch.nn": torch_nn}
    print(f"{'CPU s':>7} {'most':>7}")
    done = []
    for row in (row for part in options.parts for row in parts[part]()):
        if options.only in row.said:
            done.append(line(row))
            print(done[-1][1], flush=True)
    missed = [text for misses, text in done if misses]
    print(f"\n{len(done)} rows, {len(missed)} miss", *missed, sep="\n")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
