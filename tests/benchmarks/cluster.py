"""Dask beside this process: a product with a kernel matrix (tanh, depth 3, d = 50, 64 vectors), whole commands, tasks.

python tests/benchmarks/cluster.py                    n = 5000 (unset OPENBLAS_CORETYPE first)
python tests/benchmarks/cluster.py -n 20000           also the whole command `eigs --top 10`
python tests/benchmarks/cluster.py --growth           n = 5000, 10,000, 20,000, 40,000: a table of time and bytes
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from statistics import median

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as workers have

import numpy as np
import psutil

from ntkcalc.cli.cluster import cluster_tasks
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_matrix import KernelMatrix, kernel_matrix
from ntkcalc.kernel.points import isotropic_points
from ntkcalc.numerics.tasks import HERE, Tasks

KERNEL = Kernel.of("tanh", 3)
WIDTH = 64  # vectors


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5000)
    parser.add_argument("--growth", action="store_true")
    args = parser.parse_args()
    sizes = [5000, 10_000, 20_000, 40_000] if args.growth else [args.n]
    print("one product            plain             1 worker           2 workers     sent, MB   the plan, MB")
    for n in sizes:
        _products(n)
    _tasks()
    if args.n != parser.get_default("n"):
        _commands(args.n)


def _products(n: int) -> None:
    """Print seconds of products, which alternate, for the machine's speed changes: medians of three."""
    matrix, spent, sent = kernel_matrix(KERNEL, isotropic_points(n, 50, 0)), dict[int, list[float]](), 0
    with ExitStack() as stack:
        tasks = {0: HERE} | {workers: stack.enter_context(cluster_tasks(workers, None, True)) for workers in (1, 2)}
        for workers in (1, 2):
            _product(matrix, tasks[workers])  # sends the points
        for _ in range(3):
            for workers, where in tasks.items():
                seconds, sent = _product(matrix, where)
                spent.setdefault(workers, []).append(seconds)
    plain, *others = (median(seconds) for seconds in spent.values())
    row = f"n = {n:6} {plain:9.2f} s, {1e9 * plain / n**2:4.1f} ns"
    row += "".join(f" {seconds:9.2f} s, {seconds / plain:4.2f} x" for seconds in others)
    print(f"{row} {sent / 1e6:9.1f} {planned(matrix, 2) / 1e6:9.1f}", flush=True)


def _product(matrix: KernelMatrix, tasks: Tasks) -> tuple[float, int]:
    """Return the seconds that a product takes, and the bytes that the loopback device carries in them."""
    vectors = np.random.default_rng(1).standard_normal((matrix.shape[0], WIDTH))
    start, before = time.perf_counter(), psutil.net_io_counters(pernic=True)["lo"].bytes_sent
    matrix.product(vectors, tasks=tasks)
    return time.perf_counter() - start, psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before


def planned(matrix: KernelMatrix, workers: int) -> int:
    """Return the bytes of a product: vectors to the scheduler and every worker, and what the blocks give."""
    sides = (
        rows.stop - rows.start + (rows != columns) * (columns.stop - columns.start) for rows, columns in matrix.blocks()
    )
    return 8 * WIDTH * (matrix.shape[0] * (workers + 1) + sum(sides))


def _tasks() -> None:
    with cluster_tasks(2, None, True) as tasks:
        [*tasks.run(nothing, range(100))]
        start = time.perf_counter()
        [*tasks.run(nothing, range(1000))]
        print(f"1000 tasks that do nothing: {time.perf_counter() - start:.2f} s")


def nothing(item: int, observer: object) -> int:
    """Do nothing."""
    return item


def _commands(n: int) -> None:
    line = [sys.executable, "-m", "ntkcalc", "eigs", "-a", "tanh", "-l", "3", "--isotropic", f"{n},50", "-q"]
    line += ["--top", "10", "--memory", "512M", "--json"]
    plain = 0.0
    for more in ([], ["--workers", "1"], ["--workers", "2"]):
        start = time.perf_counter()
        subprocess.run([*line, *more], check=True, stdout=subprocess.DEVNULL)
        spent = time.perf_counter() - start
        plain = plain or spent
        print(f"eigs --top 10 {' '.join(more):11} {spent:7.1f} s, {spent / plain:4.2f} x plain", flush=True)


if __name__ == "__main__":
    main()
