"""What it costs to start: CPU time (user + system) of whole processes, as ratios to ``import typer``.

Run ``python tests/benchmarks/startup.py [ROUNDS]``. Commands alternate, so that what else the machine does meets
all of them; the table shows medians, and quartiles of the ratio within a round.
"""

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


def cpu_time(command: list[str]) -> float:
    """User and system time of one run, in milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def measured(names: list[str], rounds: int) -> dict[str, list[float]]:
    """Times of several runs of each, taken in turn, after one that fills caches and compiles modules."""
    for name in names:
        cpu_time(COMMANDS[name])
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            times[name].append(cpu_time(COMMANDS[name]))
    return times


def main() -> None:
    """Print the table."""
    times = measured([*COMMANDS], int(sys.argv[1]) if len(sys.argv) > 1 else 21)
    print(f"{'':38} {'ms':>6} {'/ import typer':>15} {'quartiles':>13}")
    for name, own in times.items():
        ratios = [x / y for x, y in zip(own, times[BASE], strict=True)]
        low, _, high = quantiles(ratios, n=4)
        print(f"{name:38} {median(own):6.0f} {median(own) / median(times[BASE]):15.2f} {low:6.2f}-{high:.2f}")


if __name__ == "__main__":
    main()
