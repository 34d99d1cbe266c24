"""Eigenvalues of the kernel matrix of random points on S^d, beside those of the integral operator (Theorem 4.6)."""

from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest

import numpy as np

from ntkcalc.errors import InputError
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.points import unit_rows
from ntkcalc.numerics.known_digits import known_digits, rounded_up
from ntkcalc.numerics.precision import whole
from ntkcalc.numerics.types import Observer
from ntkcalc.spectrum.matrix_spectrum import MOST_DENSE, kernel_eigenvalues
from ntkcalc.spectrum.results import SampledEigenvalue, SampledSpectrum, SphereSpectrum
from ntkcalc.spectrum.sphere import Sphere, kernel_spectrum


def sphere_spectrum(
    kernel: Kernel,
    sphere: Sphere,
    truncation: int | None,
    digits: int,
    sample: tuple[int, int, int | None] | None,
    observer: Observer | None = None,
) -> SphereSpectrum:
    """Return `kernel_spectrum`, and with n, seed and top what `with_sample` adds to it."""
    found = kernel_spectrum(kernel, sphere, truncation, digits, observer)
    return found if sample is None else with_sample(kernel, found, *sample, observer)


def with_sample(
    kernel: Kernel, theory: SphereSpectrum, n: int, seed: int, top: int | None = None, observer: Observer | None = None
) -> SphereSpectrum:
    """Return a spectrum on the sphere (uniform measure) with λ_p(K/n) of the matrix of n random points beside it.

    As n grows, λ_p(K/n) approaches the p-th largest of the λ_k, each counted N(d, k) times. `top` is the number of
    eigenvalues, None for all n.
    """
    whole(n, "sample", 1, MOST_DENSE)
    if not 0 <= whole(seed, "seed") < 1 << 64:
        raise InputError(f"seed must lie in 0 to 2^64 - 1, got {seed}")
    if theory.measure != "uniform":
        raise InputError("the eigenvalues of a sampled matrix are those of --measure uniform")
    directions = np.random.default_rng(seed).standard_normal((n, theory.sphere_dim + 1))
    found = kernel_eigenvalues(kernel, unit_rows(directions, "sample"), top, 1 << 31, observer)
    pairs = zip(found.values, found.errors, strict=True)
    seen = [known_digits(value, error, theory.digits) if value > error else None for value, error in pairs]
    expected: list[Decimal] = []
    highest = theory.eigenvalues[-1].k
    # λ_{k+2} < λ_k, for w_{p,k+2}/w_{p,k} = (p−k)/(p+k+d+1): beyond K + 2 there is none larger than the last two
    wider = kernel_spectrum(kernel, Sphere(theory.sphere_dim, highest + 2), None, theory.digits).eigenvalues
    for value, k, count in sorted(((e.eigenvalue, e.k, e.multiplicity) for e in wider if e.eigenvalue), reverse=True):
        if k > highest:
            break
        expected += [value] * min(count, len(seen) - len(expected))
    rows = [SampledEigenvalue(p, *pair) for p, pair in enumerate(zip_longest(seen, expected), 1)]
    accuracy = rounded_up(float(found.errors.max() / found.values[0]))
    return replace(theory, sample=SampledSpectrum(n, seed, tuple(rows)), accuracy=accuracy)
