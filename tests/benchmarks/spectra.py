"""Spectra against what they are made of, as ratios inside one run.

python tests/benchmarks/spectra.py            the sphere (unset OPENBLAS_CORETYPE first)
python tests/benchmarks/spectra.py --large    also the ten largest eigenvalues of 20,000 points, and the peak memory
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from ntkcalc.activations.catalogue import activation
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_lookup import kernel_lookup
from ntkcalc.kernel.kernel_matrix import KernelMatrix
from ntkcalc.kernel.points import unit_rows
from ntkcalc.numerics.precision import bits_for
from ntkcalc.series.coefficients import kappa_and_tails
from ntkcalc.spectrum.matrix_spectrum import data_spectrum
from ntkcalc.spectrum.sphere import Sphere, kernel_spectrum


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true")
    args = parser.parse_args()
    kernel = Kernel.of("tanh", 3)
    for highest in (25, 50, 100, 200):
        activation.cache_clear()
        start = time.perf_counter()
        found = kernel_spectrum(kernel, Sphere(10, highest), None, 12)
        spent = time.perf_counter() - start
        activation.cache_clear()
        start = time.perf_counter()
        kappa_and_tails(kernel, found.truncation, bits_for(12) + 16)
        unit = time.perf_counter() - start
        print(f"tanh, depth 3, S^10, K = {highest:3}: {spent:.2f} s, {spent / unit:.2f} x its T = {found.truncation}")
    if args.large:
        _large()


def _large() -> None:
    kernel = Kernel.of("relu", 3)
    points = unit_rows(np.random.default_rng(0).standard_normal((20_000, 50)), "isotropic")
    matrix = KernelMatrix(kernel_lookup(kernel), points.rows)
    start = time.perf_counter()
    matrix.product(np.random.default_rng(1).standard_normal((20_000, 64)))
    unit = time.perf_counter() - start
    start = time.perf_counter()
    found = data_spectrum(kernel, points, 10, 12)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"the 10 largest of n = 20000, d = 50: {spent:.1f} s in {found.passes} products, "
        f"{spent / unit / found.passes:.2f} x one product with 64 vectors each, peak {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
