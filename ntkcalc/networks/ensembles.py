r"""The spectrum of empirical kernels: means over networks at random initialisation (Figures 1 and 3 of the paper).

Measured in every trial: the eigenvalues λ_p of K/n, λ_p/λ_1 and, where the limit Θ of infinite width is known, the
distance ‖K − Θ‖/‖Θ‖ in the Frobenius norm, which decreases like 1/√width.
"""

from __future__ import annotations

import math
import time
from decimal import Decimal

import numpy as np

from ntkcalc.errors import AccuracyError, InputError
from ntkcalc.kernel.hyperparameters import Kernel, kernel_facts
from ntkcalc.kernel.kernel_matrix import KernelMatrix, kernel_matrix
from ntkcalc.kernel.points import Points, data_facts
from ntkcalc.kernel.results import KernelFacts
from ntkcalc.networks.network import (
    Architecture,
    BatchPlan,
    initialised,
    layer_shapes,
    network_inputs,
    network_kernel,
    rounding,
)
from ntkcalc.networks.results import NetworkEigenvalue, NetworkFacts, NetworkSpectrum
from ntkcalc.networks.trials import UNKNOWN, Sample, generators
from ntkcalc.numerics.known_digits import figures, known_digits, rounded_up
from ntkcalc.numerics.precision import whole
from ntkcalc.numerics.types import Array, Observer
from ntkcalc.spectrum.matrix_spectrum import MOST_DENSE, Eigenvalues, array_eigenvalues, matrix_eigenvalues, share_bound
from ntkcalc.spectrum.results import Interval


def network_spectrum(
    kernel: Kernel,
    architecture: Architecture,
    points: Points,
    trials: int = 10,
    seed: int = 0,
    top: int | None = None,
    digits: int = 12,
    strict: bool = False,
    memory: int = 1 << 30,
    observer: Observer | None = None,
) -> NetworkSpectrum:
    """Return the spectrum of empirical kernels of networks on data, means over trials (Figure 1, Figure 3).

    `top` is how many of the largest eigenvalues, None for all. With `strict`, fewer digits are an error. `memory`
    holds parameters, derivatives and kernels, in bytes. The observer is called with (steps done, steps in all).
    """
    start, n = time.perf_counter(), len(points.rows)
    if top is not None:
        whole(top, "top", 1)
    elif n > MOST_DENSE:
        raise InputError(f"all eigenvalues of {n} points are too many (at most {MOST_DENSE}): give --top N")
    plans = layer_shapes(kernel.depth, architecture, points)
    error, budget, steps = rounding(kernel, architecture, plans), BatchPlan.of(plans, n, memory), 0
    converges = architecture.arch == "mlp" and architecture.parametrization == "ntk"
    limit = kernel_matrix(kernel, points) if converges else None
    inputs = network_inputs(architecture, points)

    def tick() -> None:
        nonlocal steps
        steps += 1
        if observer is not None:
            observer(steps, budget.ticks * trials)

    measures = _Measures()
    for random in generators(seed, trials):
        network = initialised(kernel, architecture, points, random)
        measures.add(network_kernel(network, inputs, budget.rows, tick), limit, top, error)
    infinite = matrix_eigenvalues(limit, top, memory, None) if limit is not None else None
    if strict:
        _check_digits(measures, digits)
    gram = points.gram.effective_rank
    return NetworkSpectrum(
        _kernel_facts(kernel, architecture, digits),
        data_facts(points),
        _network_facts(architecture, points, seed),
        trials,
        digits,
        _rows(measures, infinite, points, digits),
        measures.ranks.interval(measures.relative_error * measures.ranks.mean, digits, 1, math.inf),
        known_digits(gram, 1e-13 * gram, digits),
        known_digits(float(measures.squares.mean) ** 0.5, error, digits) if measures.squares.count else None,
        rounded_up(measures.relative_error),
        time.perf_counter() - start,
    )


def _check_digits(measures: _Measures, digits: int) -> None:
    least = min(figures(value, error) for value, error in zip(measures.values.mean, measures.errors, strict=True))
    if least < digits:
        raise AccuracyError(
            f"eigenvalues of networks are known to some {rounded_up(measures.relative_error)} of the largest, which "
            f"leaves the least {least} of {digits} digits; lower --digits or --top"
        )


class _Measures:
    """Quantities measured in every trial."""

    def __init__(self) -> None:
        self.values, self.shares, self.ranks, self.squares = Sample(), Sample(), Sample(), Sample()
        self.errors: Array = np.zeros(1)
        self.relative_error = 0.0

    def add(self, kernel: Array, limit: KernelMatrix | None, top: int | None, error: float) -> None:
        """Add the quantities of one kernel, then divided by n in place; `error` is relative, of its entries."""
        n, diagonal = len(kernel), kernel.diagonal().copy()
        if limit is not None:
            self.squares.add(_square_distance(kernel, limit))
        kernel /= n
        found = array_eigenvalues(kernel, top)
        errors = found.errors + error * diagonal.max()
        self.values.add(found.values)
        self.errors = np.maximum(self.errors, errors)
        largest = found.values[0]
        if largest > 0:
            self.shares.add(found.values / largest)
            self.ranks.add(diagonal.mean() / largest)
            self.relative_error = max(self.relative_error, float(errors.max() / largest))


def _square_distance(kernel: Array, limit: KernelMatrix) -> float:
    """Return ‖K − Θ‖²/‖Θ‖², tile by tile."""
    off = whole = 0.0
    for tile in limit.tiles():
        twice = 1 if tile.rows == tile.columns else 2
        off += twice * float(((kernel[tile.rows, tile.columns] - tile.values) ** 2).sum())
        whole += twice * float((tile.values**2).sum())
    return off / whole


def _kernel_facts(kernel: Kernel, architecture: Architecture, digits: int) -> KernelFacts:
    """Return the kernel's facts, without variances under the standard parametrisation."""
    facts = kernel_facts(kernel, digits)
    if architecture.parametrization == "ntk":
        return facts
    return KernelFacts(facts.activation, facts.depth, None, None, None, None, None, None, "ntk", None, None, None)


def _network_facts(architecture: Architecture, points: Points, seed: int) -> NetworkFacts:
    assert isinstance(architecture.widths, int)
    padding, image = (architecture.padding, points.image) if architecture.arch == "cnn" else (None, None)
    return NetworkFacts(architecture.arch, architecture.widths, architecture.parametrization, padding, image, seed)


def _rows(
    measures: _Measures, infinite: Eigenvalues | None, points: Points, digits: int
) -> tuple[NetworkEigenvalue, ...]:
    """Return the eigenvalues beside those of infinite width and of XXᵀ and the bound eff(K)/p."""
    values = measures.values.intervals(measures.errors, digits, 0, math.inf)
    shares = measures.shares.intervals(2 * measures.relative_error, digits, 0, 1) or [UNKNOWN] * len(values)
    if shares[0].trials:
        shares[0] = Interval(Decimal(1), Decimal(1), Decimal(1), shares[0].trials)
    effective = float(measures.ranks.mean) if measures.ranks.count else math.inf
    return tuple(
        NetworkEigenvalue(
            p,
            value.mean,
            share,
            None if infinite is None else infinite.share(p, digits),
            points.gram.share(p, digits),
            share_bound(effective / p, digits),
            None,
            value.mean is not None,
        )
        for p, (value, share) in enumerate(zip(values, shares, strict=True), 1)
    )
