"""Kernel matrices against a bare elementwise pass, as ratios inside one run.

python tests/benchmarks/matrices.py            n = 500 … 10,000 (unset OPENBLAS_CORETYPE first)
python tests/benchmarks/matrices.py --large    also `ntkcalc evaluate --data` with 20,000 rows, and its peak memory
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from ntkcalc import ntk_matrix

ACTIVATIONS = ("relu", "erf", "tanh", "gelu", "silu")


def seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median time of some runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    points = np.random.default_rng(0)
    x = points.standard_normal((2000, 100))
    rho = points.uniform(-1, 1, (2000, 2000))
    unit = seconds(lambda: np.arccos(rho))
    print(f"n = 2000, d = 100, depth 3; arccos over the matrix: {1e3 * unit:.1f} ms")
    for act in ACTIVATIONS:
        start = time.perf_counter()
        ntk_matrix(x, act=act, depth=3)
        first = time.perf_counter() - start
        again = seconds(lambda act=act: ntk_matrix(x, act=act, depth=3))  # type: ignore[misc]
        print(f"  {act:5} {again / unit:5.2f} x arccos; with the table of a new kernel {first / unit:5.2f} x")
    print("time an entry, tanh, depth 3, d = 100:")
    for n in (500, 1000, 2000, 5000, 10_000):
        x = points.standard_normal((n, 100))
        spent = seconds(lambda x=x: ntk_matrix(x, act="tanh", depth=3), 3)  # type: ignore[misc]
        print(f"  n = {n:6}: {1e9 * spent / n**2:5.1f} ns")
    if args.large:
        _large(points.standard_normal((20_000, 100)))


def _large(x: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "x.npy"), x)
        command = [sys.executable, "-m", "ntkcalc", "evaluate", "-a", "tanh", "-l", "3", "-q"]
        start = time.perf_counter()
        done = subprocess.Popen([*command, "--data", f"{folder}/x.npy", "-o", f"{folder}/K.npy"])
        peak = 0
        while done.poll() is None:
            peak = max(peak, _own_memory(done.pid))
            time.sleep(0.05)
        spent = time.perf_counter() - start
        assert done.returncode == 0
        print(f"n = 20000 to a file: {spent:.0f} s, peak {peak:.0f} MB beside the cache of files")


def _own_memory(pid: int) -> float:
    """Return the memory of a process that is no page of a file, in MB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


if __name__ == "__main__":
    main()
