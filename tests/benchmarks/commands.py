"""Whole commands against what they are made of: CPU time (user + system) of whole processes, as ratios in one run.

python tests/benchmarks/commands.py [ROUNDS] [--only TEXT]      needs the extra ``test``

A row is a command, what it is compared with, and the goal for the ratio. Processes alternate; medians are shown. The
other side is FLINT/Arb doing the same recurrence (in balls of 60 digits, series composed), ``import typer``, NumPy's
``eigvalsh`` of the same kernel matrix, an ``arccos`` of as many numbers (both sides then without what starting takes),
the same command with other options, or a second.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from processes import NTKCALC, PYTHON, ended
from sklearn.datasets import load_digits

ARB = """
from flint import arb, arb_series, ctx
ctx.prec, ctx.cap = 200, 1001
pi, half = arb.pi(), arb(1) / 2
def dual(t): return ((1 - t * t).sqrt() + t * (pi - t.acos())) / (2 * pi) + half
def slope(t): return (pi - t.acos()) / (2 * pi)
t = arb_series([0, 1])
sigma, theta = dual(t), dual(t) + t * slope(t)
near = arb_series([sigma[0], 1])
outers, inner = (dual(near), slope(near)), arb_series([0, *(sigma[p] for p in range(1, 1001))])
sigma, rise = (outer(inner) for outer in outers)
theta = sigma + theta * rise
print(*(theta[p].str(60) for p in range(1001)))
"""
TYPER, NUMPY, SECOND = "import typer", "import numpy", ""
EIGENVALUES = "import numpy; numpy.linalg.eigvalsh(numpy.load('K.npy'))"
ARCCOS = "import numpy; numpy.arccos(numpy.load('rho.npy'))"


@dataclass(frozen=True)
class Row:
    """A command, what it is compared with (Python, or another command), and the goal for the ratio."""

    command: str
    base: str
    goal: float
    start: str = ""  # what starting takes, which both sides are without


ROWS = (
    Row("coeffs -a relu -l 3 -T 1000", ARB, 0.7),
    Row("coeffs -a relu -l 3 -T 1000 -d 50", ARB, 1.2),
    Row("coeffs -a tanh -l 5 -T 1000 -d 12", SECOND, 1.5),
    Row("coeffs -a tanh -l 3 -T 300 -d 12", SECOND, 0.6),
    Row("coeffs -a relu -T 10", TYPER, 2.4),
    Row("evaluate -a tanh -l 1:41 --rho 0.5", "ntkcalc evaluate -a tanh -l 41 --rho 0.5", 1.5),
    Row("effrank -a tanh -l 100", SECOND, 3),
    Row("eigs -a relu --data digits.npy", EIGENVALUES, 1.3),
    Row("eigs -a relu --data digits.npy --top 5", "ntkcalc eigs -a relu --data digits.npy", 0.15),
    Row("eigs -a relu --data digits.npy --top 100", "ntkcalc eigs -a relu --data digits.npy", 1.0),
    Row("evaluate -a tanh -l 3 --data points.npy", ARCCOS, 30, NUMPY),
)


def cpu_seconds(what: str, folder: str) -> float:
    """User and system time of a command of ntkcalc, or of a Python program."""
    found = ended([*NTKCALC, *what.split()[1:], "-q"] if what.startswith("ntkcalc") else [*PYTHON, what], folder)
    assert found.status == 0, f"{what}: {found.said}"
    return found.seconds


def prepare(folder: str) -> None:
    """Write the data sets, and the kernel matrix of one of them."""
    points = np.random.default_rng(0)
    np.save(f"{folder}/digits.npy", load_digits().data)
    np.save(f"{folder}/points.npy", points.standard_normal((2000, 100)))
    np.save(f"{folder}/rho.npy", points.uniform(-1, 1, (2000, 2000)))
    cpu_seconds("ntkcalc evaluate -a relu --data digits.npy -o K.npy", folder)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--only", default="", help="what the commands must contain")
    options = parser.parse_args()
    print(f"{'':42} {'CPU s':>7} {'base':>7} {'ratio':>7} {'goal':>6}")
    with TemporaryDirectory() as folder:
        prepare(folder)
        for row in ROWS:
            if options.only not in row.command:
                continue
            sides = [f"ntkcalc {row.command}", row.base, row.start]
            rounds = [[cpu_seconds(s, folder) if s else 0.0 for s in sides] for _ in range(options.rounds)]
            own, base, start = (median(times) for times in zip(*rounds, strict=True))
            ratio = (own - start) / (base - start) if row.base else own
            print(f"{row.command:42} {own:7.2f} {base:7.2f} {ratio:7.2f} {row.goal:6.2f}", flush=True)


if __name__ == "__main__":
    main()
