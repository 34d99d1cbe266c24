"""Networks of finite width against the matrix products they need, as ratios inside one run.

python tests/benchmarks/networks.py                 n = 200, width 500, depth 5 (unset OPENBLAS_CORETYPE first)
python tests/benchmarks/networks.py --cnn           also convolutions on images 3 x 40 x 40, and the peak memory
python tests/benchmarks/networks.py --convergence   the exponent of the distance to infinite width, widths 64 to 4096
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from matrices import seconds

from ntkcalc import empirical_ntk
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import isotropic_points
from ntkcalc.networks.ensembles import network_spectrum
from ntkcalc.networks.network import Architecture

WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cnn", action="store_true")
    parser.add_argument("--convergence", action="store_true")
    args = parser.parse_args()
    x = isotropic_points(200, 1600, 0).rows
    unit = seconds(_products(200, 1600, 500, 5))
    print(f"n = 200, d = 1600, width 500, depth 5, one trial; its matrix products bare: {1e3 * unit:.1f} ms")
    for act in ("linear", "relu", "tanh", "gelu"):
        for kind in ("ntk", "standard"):
            spent = seconds(lambda a=act, k=kind: empirical_ntk(x, act=a, widths=500, depth=5, parametrization=k))  # type: ignore[misc]
            print(f"  {act:6} {kind:8} {spent / unit:5.2f} x the products")
    if args.cnn:
        _images()
    if args.convergence:
        _convergence()


def _products(n: int, d: int, width: int, depth: int) -> Callable[[], object]:
    """Return the products of one trial, on matrices that are there: forward, back, two Gram matrices a layer."""
    random = np.random.default_rng(0)
    sizes = [d] + [width] * (depth - 1)
    h = [random.standard_normal((n, size)) for size in sizes]
    w = [random.standard_normal((b, a)) for a, b in pairwise(sizes)]

    def work() -> None:
        for a, b in zip(h, w, strict=False):
            a @ b.T
        for a, b in zip(h[:1:-1], w[:0:-1], strict=True):
            a @ b
        for a in h:
            a @ a.T
        for a in h[1:]:
            a @ a.T

    return work


def _images() -> None:
    images = np.random.default_rng(0).standard_normal((200, 3, 40, 40))
    for memory in (1 << 30, 4 << 30):
        start = time.perf_counter()
        empirical_ntk(images, act="relu", widths=100, depth=5, arch="cnn", parametrization="standard", memory=memory)
        spent = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
        print(f"cnn, depth 5, 100 channels, 200 images, --memory {memory >> 30}G: {spent:.0f} s, peak {peak:.2f} GB")


def _convergence() -> None:
    points = isotropic_points(8, 16, 1)
    for act in ("relu", "tanh", "gelu"):
        for depth in (2, 3, 4):
            errors = [
                float(network_spectrum(Kernel.of(act, depth), Architecture(width), points, trials=32).distance or 0)
                for width in WIDTHS
            ]
            exponent = np.polyfit(np.log(WIDTHS), np.log(errors), 1)[0]
            print(f"{act:5} depth {depth}: exponent {exponent:.3f}; {' '.join(f'{e:.2e}' for e in errors)}", flush=True)


if __name__ == "__main__":
    main()
