r"""The spectrum of empirical kernels: means over networks at random initialisation (Figures 1 and 3 of the paper).

Measured in every trial: the eigenvalues λ_p of K/n, λ_p/λ_1 and, where the limit Θ of infinite width is known, the
distance ‖K − Θ‖/‖Θ‖ in the Frobenius norm, which decreases like 1/√width.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import NamedTuple

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
from ntkcalc.networks.trials import UNKNOWN, Sample, generator, numbered_trials
from ntkcalc.numerics.known_digits import figures, known_digits, rounded_up
from ntkcalc.numerics.precision import whole
from ntkcalc.numerics.tasks import HERE, Tasks
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
    tasks: Tasks = HERE,
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
    error, budget = rounding(kernel, architecture, plans), BatchPlan.of(plans, n, memory)
    converges = architecture.arch == "mlp" and architecture.parametrization == "ntk"
    limit = kernel_matrix(kernel, points) if converges else None
    draw = _Draw(kernel, architecture, budget, trials, seed, top, error)
    shared = tasks.share(points), None if limit is None else tasks.share(limit)
    measures = _Measures()
    for measured in tasks.run(_trial, numbered_trials(seed, trials), draw, *shared, observer=observer):
        measures.add(measured)
    infinite = matrix_eigenvalues(limit, top, memory, None, tasks) if limit is not None else None
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


@dataclass(frozen=True)
class _Draw:
    """What the networks have in common."""

    kernel: Kernel
    architecture: Architecture
    plan: BatchPlan
    trials: int
    seed: int
    top: int | None
    error: float  # relative, of entries of K


class _Measured(NamedTuple):
    """What is measured of one network."""

    values: Array
    errors: Array
    trace: float  # of K/n
    square: float | None  # ‖K − Θ‖²/‖Θ‖²


def _trial(trial: int, draw: _Draw, points: Points, limit: KernelMatrix | None, observer: Observer | None) -> _Measured:
    """Draw a network and measure its kernel."""
    steps = count(trial * draw.plan.ticks + 1)

    def tick() -> None:
        if observer is not None:
            observer(next(steps), draw.plan.ticks * draw.trials)

    network = initialised(draw.kernel, draw.architecture, points, generator(draw.seed, trial))
    kernel = network_kernel(network, network_inputs(draw.architecture, points), draw.plan.rows, tick)
    n, diagonal = len(kernel), kernel.diagonal().copy()
    square = None if limit is None else _square_distance(kernel, limit)
    kernel /= n
    found = array_eigenvalues(kernel, draw.top)
    return _Measured(found.values, found.errors + draw.error * diagonal.max(), float(diagonal.mean()), square)


class _Measures:
    """Quantities measured in every trial."""

    def __init__(self) -> None:
        self.values, self.shares, self.ranks, self.squares = Sample(), Sample(), Sample(), Sample()
        self.errors: Array = np.zeros(1)
        self.relative_error = 0.0

    def add(self, measured: _Measured) -> None:
        """Add the quantities of one kernel."""
        values, errors, trace, square = measured
        if square is not None:
            self.squares.add(square)
        self.values.add(values)
        self.errors = np.maximum(self.errors, errors)
        largest = values[0]
        if largest > 0:
            self.shares.add(values / largest)
            self.ranks.add(trace / largest)
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
