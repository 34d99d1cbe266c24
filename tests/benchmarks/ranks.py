"""Effective ranks against the kernel matrix they are of, as ratios inside one run.

python tests/benchmarks/ranks.py            n = 5000 (unset OPENBLAS_CORETYPE first)
python tests/benchmarks/ranks.py --large    n = 32,000, whose matrix of 8 GB is never held, and its peak memory
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from ntkcalc import ntk_matrix
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import KernelMatrix
from ntkcalc.kernel.points import unit_rows
from ntkcalc.spectrum.effective_rank import effective_ranks


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    for act in ("relu", "tanh"):
        _compare(act, 5000)
    if args.large:
        _compare("relu", 32_000)


def _compare(act: str, n: int) -> None:
    kernel = Kernel.of(act, 3)
    points = unit_rows(np.random.default_rng(0).standard_normal((n, 100)), "isotropic")
    matrix = KernelMatrix(kernel_lookup(kernel), points.rows)
    start = time.perf_counter()
    if n <= 10_000:
        ntk_matrix(points.rows, act=act, depth=3)
        what = "building the matrix"
    else:
        matrix.product(np.random.default_rng(1).standard_normal((n, 64)))
        what = "one bare product with 64 vectors"
    unit = time.perf_counter() - start
    start = time.perf_counter()
    found = effective_ranks(kernel, points)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{act}, n = {n}: {spent:.2f} s in {found.passes} passes, {spent / unit:.2f} x {what} "
        f"({spent / unit / found.passes:.2f} a pass), peak {peak:.0f} MB; eff(K) = {found.kernel_effrank}, "
        f"centred {found.centered_effrank} of at most {found.centered_bound}"
    )


if __name__ == "__main__":
    main()
