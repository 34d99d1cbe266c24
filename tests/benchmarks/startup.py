"""What it costs to start: CPU time (user + system) of whole processes, as ratios to ``import typer``.

Run ``python tests/benchmarks/startup.py [ROUNDS] [--against PATH]``. Commands alternate, so that what else the
machine does meets all of them; the table shows medians, and quartiles of the ratio within a round. With
``--against`` every command of the program also runs with the code of another checkout, and a second table has the
ratios of this checkout to that one. The goals: ``--help`` at most 1.3 of ``import typer``, and ``coeffs -a relu``
at most 1.3 of what it took at commit 3932edd, the last before the code was put into packages.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median, quantiles

PROGRAM = [str(Path(sys.executable).with_name("ntkcalc"))]
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import typer'": [sys.executable, "-c", "import typer"],
    "ntkcalc --help": [*PROGRAM, "--help"],
    "ntkcalc coeffs --help": [*PROGRAM, "coeffs", "--help"],
    "ntkcalc --version": [*PROGRAM, "--version"],
    "ntkcalc coeffs --schema": [*PROGRAM, "coeffs", "--schema"],
    "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
    "ntkcalc coeffs -a relu --json": [*PROGRAM, "coeffs", "-a", "relu", "--json"],
    "ntkcalc coeffs -a relu": [*PROGRAM, "coeffs", "-a", "relu"],
    "ntkcalc coeffs -a tanh -l 3": [*PROGRAM, "coeffs", "-a", "tanh", "-l", "3"],
    "ntkcalc evaluate -a relu --rho 0.5": [*PROGRAM, "evaluate", "-a", "relu", "--rho", "0.5"],
    "ntkcalc effrank -a relu": [*PROGRAM, "effrank", "-a", "relu"],
    "ntkcalc eigs -a relu --sphere-dim 2": [*PROGRAM, "eigs", "-a", "relu", "--sphere-dim", "2"],
    "ntkcalc decay -a relu": [*PROGRAM, "decay", "-a", "relu"],
}
BASE = "python -c 'import typer'"
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
HERE = Path(__file__).parents[2]


Run = tuple[str, Path]


def cpu_time(name: str, checkout: Path) -> float:
    """User and system time of one run with the code of a checkout, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = ENVIRONMENT | {"PYTHONPATH": str(checkout)}
    subprocess.run(COMMANDS[name], stdout=subprocess.DEVNULL, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measured(runs: list[Run], rounds: int) -> dict[Run, list[float]]:
    """Times of several runs of each, taken in turn, after one that fills caches and compiles modules."""
    for run in runs:
        cpu_time(*run)
    times: dict[Run, list[float]] = {run: [] for run in runs}
    for _ in range(rounds):
        for run in runs:
            times[run].append(cpu_time(*run))
    return times


def show(name: str, own: list[float], base: list[float]) -> None:
    """Print a row of a table."""
    ratios = [x / y for x, y in zip(own, base, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    print(f"{name:38} {median(own):6.0f} {median(own) / median(base):15.2f} {low:6.2f}-{high:.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", nargs="?", type=int, default=21)
    parser.add_argument("--against", type=Path, help="another checkout, whose code is run for comparison")
    parser.add_argument("--only", default="", help="what the names of commands must contain")
    options = parser.parse_args()
    names = [name for name in COMMANDS if options.only in name or name == BASE]
    others = [name for name in names if name.startswith("ntkcalc")] if options.against else []
    runs = [(name, HERE) for name in names] + [(name, options.against) for name in others]
    times = measured(runs, options.rounds)
    print(f"{'':38} {'ms':>6} {'/ import typer':>15} {'quartiles':>13}")
    for name in names:
        show(name, times[name, HERE], times[BASE, HERE])
    if others:
        print(f"\n{'':38} {'ms':>6} {'/ other':>15} {'quartiles':>13}")
    for name in others:
        show(name, times[name, HERE], times[name, options.against])


if __name__ == "__main__":
    main()
