r"""Networks of one hidden layer, f(x) = Σ_j a_j φ(⟨w_j, x⟩) with w_j ~ N(0, I), and the theorems of section C.2.

With Y_i = (a_j φ'(⟨w_j, x_i⟩))_j the kernel with respect to W (inner), to a (outer) and to both is

.. math::  K_{inner} = (Y Yᵀ) ∘ (X Xᵀ), \qquad K_{outer} = φ(X Wᵀ) φ(X Wᵀ)ᵀ, \qquad K = K_{inner} + K_{outer} .

The theorems bound effective ranks by multiples of eff(XXᵀ). Their conditions are checked in every trial; no bound is
given where they do not hold.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

import numpy as np

from ntkcalc.errors import AccuracyError, NtkcalcError, one_of
from ntkcalc.kernel.hyperparameters import Kernel
from ntkcalc.kernel.kernel_matrix import correlations
from ntkcalc.kernel.points import Points
from ntkcalc.networks.network import size_text
from ntkcalc.networks.trials import Sample, generator, numbered_trials
from ntkcalc.numerics.known_digits import rounded_up
from ntkcalc.numerics.precision import decimal, whole
from ntkcalc.numerics.tasks import HERE, Tasks
from ntkcalc.numerics.types import Array, Observer
from ntkcalc.spectrum.effective_rank import effective_rank
from ntkcalc.spectrum.results import FiniteWidth, TheoremCheck

WEIGHTS = ("gaussian", "sign")

EPSILON = 0.05
"""ε of Theorem C.5, which holds with probability at least 1 − ε."""

_TILE = 1 << 22  # entries of n × neurons arrays at a time
_UNIT = 2.0**-52  # rounding unit of float64


@dataclass(frozen=True)
class TwoLayerNetwork:
    """The quantities of one network that the theorems are about; an effective rank is None where its matrix is zero."""

    inner_rank: float | None  # eff(K_inner)
    outer_rank: float | None
    full_rank: float | None  # eff(K)
    both_signs_rank: float | None  # Corollary C.10's max Tr/max λ_1, outer kernels of W and −W; None unless φ is relu
    squares: Array  # ‖Y_i‖², shape (n,)
    alpha: float  # min_i |⟨Y_i, a⟩|/‖a‖, a lower value of Theorem C.1's α
    condition: float | None  # (‖W‖/σ_min(W))², infinite where W is not of full rank, None where m < d


def draw(kernel: Kernel, points: Points, width: int, weights: str, random: np.random.Generator) -> TwoLayerNetwork:
    """Draw a random network and return its quantities; kernels are summed over tiles of neurons."""
    x, (phi, slope) = points.inputs, kernel.activation.on_arrays()
    n, d = x.shape
    w = random.standard_normal((width, d))
    a = random.standard_normal(width) if weights == "gaussian" else 2.0 * random.integers(0, 2, width) - 1
    inner, outer, flipped = (np.zeros((n, n)) for _ in range(3))
    squares, along = np.zeros(n), np.zeros(n)
    step = max(1, _TILE // n)
    for j in range(0, width, step):
        g, tile = x @ w[j : j + step].T, a[j : j + step]
        y = slope(g) * tile
        inner += y @ y.T
        squares += np.einsum("ij,ij->i", y, y)
        along += y @ tile
        values = phi(g)
        outer += values @ values.T
        if kernel.activation.is_relu:
            values = phi(-g)
            flipped += values @ values.T
    inner *= x @ x.T
    both = None
    if kernel.activation.is_relu:
        both = max(np.trace(outer), np.trace(flipped)) / max(_largest(outer), _largest(flipped))
    alpha = float(np.abs(along).min() / np.linalg.norm(a))
    condition = _condition(w) if width >= d else None
    return TwoLayerNetwork(_rank(inner), _rank(outer), _rank(inner + outer), both, squares, alpha, condition)


def _rank(a: Array) -> float | None:
    """Return the effective rank of a matrix, None for the zero matrix."""
    if not np.isfinite(a).all():
        raise AccuracyError("the random network's values overflow float64; take another activation")
    return effective_rank(a) if np.trace(a) > 0 else None


def _largest(a: Array) -> float:
    rank = _rank(a)
    return 0.0 if rank is None else float(np.trace(a)) / rank


def _condition(w: Array) -> float:
    """Return (‖W‖/σ_min(W))²."""
    sizes = np.linalg.svd(w, compute_uv=False)
    return float(sizes[0] / sizes[-1]) ** 2 if sizes[-1] > _UNIT * max(w.shape) * sizes[0] else math.inf


def limiting_inner_kernel(points: Points) -> Array:
    """Return the inner kernel of relu at infinite width, ⟨x, y⟩ (π − arccos⟨x, y⟩)/2π (Theorem C.17)."""
    x = points.rows
    negative, delta = correlations(x, x)
    angle = 2 * np.arcsin(np.sqrt(delta / 2))
    angle = np.where(negative, np.pi - angle, angle)
    return np.asarray(np.where(negative, delta - 1, 1 - delta) * (np.pi - angle) / (2 * np.pi))


@dataclass(frozen=True)
class Setting:
    """What all trials have in common: n points in d coordinates, and the networks."""

    kernel: Kernel
    width: int  # m
    weights: str  # how the a_j are drawn
    n: int
    d: int
    gram: float  # eff(XXᵀ)
    limit: float | None  # eff of relu's inner kernel at infinite width; None for other activations

    @property
    def unit(self) -> float:
        """Relative error of an effective rank of 1: entries err by √terms units."""
        return 4 * _UNIT * math.sqrt(self.width + self.n + self.d)

    @property
    def chernoff(self) -> float:
        """4 log(n/ε): Theorem C.5 needs m ≥ 4 log(n/ε)/δ² neurons."""
        return 4 * math.log(self.n / EPSILON)


class Bounds(NamedTuple):
    """A measured effective rank (None for a zero matrix) and its bounds by a theorem."""

    value: float | None
    lower: float | None
    upper: float


Outcome = Bounds | str
"""Bounds, or why the theorem does not apply."""


def theorem_c1(setting: Setting, network: TwoLayerNetwork) -> Outcome:
    """Theorem C.1: (min‖Y‖²/max‖Y‖²) eff(XXᵀ) ≤ eff(K_inner) ≤ (max‖Y‖²/α²) eff(XXᵀ), with a lower value of α."""
    if not network.alpha > 0:
        return "it needs α > 0, and b = a/‖a‖ gives 0"
    least, largest = network.squares.min(), network.squares.max()
    lower, upper = setting.gram * float(least / largest), setting.gram * float(largest) / network.alpha**2
    return Bounds(network.inner_rank, lower, upper)


def corollary_c3(setting: Setting, network: TwoLayerNetwork) -> Outcome:
    """Corollary C.3: (φ'_min/φ'_max)² ≤ eff(K_inner)/eff(XXᵀ) ≤ (φ'_max/φ'_min)²."""
    known = setting.kernel.activation.slope_range
    if known is None:
        return f"it needs φ' ≥ φ'_min > 0, which does not hold for {setting.kernel.activation.name}"
    ratio = (known[0] / known[1]) ** 2
    return Bounds(network.inner_rank, setting.gram * ratio, setting.gram / ratio)


def theorem_c5(setting: Setting, network: TwoLayerNetwork) -> Outcome:
    """Theorem C.5: (1 − δ)²/4 ≤ eff(K_inner)/eff(XXᵀ) ≤ 4/(1 − δ)², δ² = 4 log(n/ε)/m, with probability ≥ 1 − ε."""
    if not setting.kernel.activation.is_relu:
        return "it is about relu"
    if setting.weights != "sign":
        return "it needs |a_j| = R, as --outer sign gives"
    if not setting.width > setting.chernoff:
        return f"it needs m > 4 log(n/ε) = {setting.chernoff:.1f} for ε = {EPSILON:g}"
    share = (1 - (setting.chernoff / setting.width) ** 0.5) ** 2 / 4
    return Bounds(network.inner_rank, setting.gram * share, setting.gram / share)


def corollary_c10(setting: Setting, network: TwoLayerNetwork) -> Outcome:
    """Corollary C.10: max Tr(K_outer)/max λ_1(K_outer) ≤ 4 (‖W‖/σ_min(W))² eff(XXᵀ), maxima over W and −W."""
    if not setting.kernel.activation.is_relu:
        return "it is about relu"
    if network.condition is None:
        return f"it needs m ≥ d = {setting.d}"
    if math.isinf(network.condition):
        return "it needs W of full rank"
    return Bounds(network.both_signs_rank, None, 4 * network.condition * setting.gram)


def theorem_c17(setting: Setting, network: TwoLayerNetwork) -> Outcome:
    """Theorem C.17: 1/4 ≤ eff/eff(XXᵀ) ≤ 4 for the inner kernel of infinite width."""
    return _limit(setting, 1 / 4, 4)


def sharp_c17(setting: Setting, network: TwoLayerNetwork) -> Outcome:
    """Theorem C.17 sharpened, 1 ≤ eff/eff(XXᵀ) ≤ 2: the kernel has diagonal 1/2 and is ⪰ XXᵀ/4."""
    return _limit(setting, 1, 2)


def _limit(setting: Setting, low: float, high: float) -> Outcome:
    if setting.limit is None:
        return "it is about relu"
    return Bounds(setting.limit, setting.gram * low, setting.gram * high)


_INNER, _OUTER, _LIMIT = "eff(K_inner)", "eff(K_outer), W and −W", "eff(K_inner), m → ∞"
THEOREMS: tuple[tuple[str, str, Callable[[Setting, TwoLayerNetwork], Outcome]], ...] = (
    ("Theorem C.1", _INNER, theorem_c1),
    ("Corollary C.3", _INNER, corollary_c3),
    ("Theorem C.5", _INNER, theorem_c5),
    ("Corollary C.10", _OUTER, corollary_c10),
    ("Theorem C.17", _LIMIT, theorem_c17),
    ("Theorem C.17, sharp", _LIMIT, sharp_c17),
)
"""What is checked: name, the effective rank that it is about, and its bounds."""


@dataclass
class _TheoremTrials:
    """What a theorem says of each trial, and whether it holds."""

    name: str
    about: str
    reason: str = ""
    values: Sample = field(default_factory=Sample)
    lowers: Sample = field(default_factory=Sample)
    uppers: Sample = field(default_factory=Sample)
    held: int = 0

    def add(self, outcome: Outcome, unit: float) -> None:
        """Add the outcome of one network."""
        if isinstance(outcome, str):
            self.reason = outcome
            return
        value, lower, upper = outcome
        if lower is not None:
            self.lowers.add(lower)
        self.uppers.add(upper)
        if value is not None:
            self.values.add(value)
            slack = 1 + unit * value  # for rounding: linear has equality in Corollary C.3
            self.held += (lower is None or lower <= value * slack) and value <= upper * slack

    def result(self, setting: Setting, digits: int) -> TheoremCheck:
        """Return means over the trials, bounds rounded outwards."""
        count, slack = self.uppers.count, setting.unit * setting.gram
        note = {"Theorem C.1": "α from b = a/‖a‖, a valid lower value of the supremum"}.get(self.name, "")
        if self.name == "Theorem C.5" and count:
            delta = (setting.chernoff / setting.width) ** 0.5
            note = f"probability at least {1 - EPSILON:g}: ε = {EPSILON:g}, δ = {delta:.3f}"

        def mean(sample: Sample, factor: float, rounding: str) -> Decimal | None:
            return decimal(float(sample.mean) * factor, digits, rounding) if sample.count else None

        return TheoremCheck(
            self.name,
            self.about,
            count > 0,
            mean(self.values, 1, ROUND_HALF_EVEN),
            mean(self.lowers, 1 - slack, ROUND_FLOOR),
            mean(self.uppers, 1 + slack, ROUND_CEILING),
            self.held / count if count else None,
            count,
            note if count else self.reason,
        )


def finite_width_ranks(
    kernel: Kernel,
    points: Points,
    width: int,
    trials: int = 10,
    seed: int = 0,
    weights: str = "gaussian",
    digits: int = 12,
    strict: bool = False,
    memory: int = 1 << 30,
    observer: Observer | None = None,
    tasks: Tasks = HERE,
) -> FiniteWidth:
    """Measure the effective ranks of networks of one hidden layer, beside the theorems of section C.2.

    The networks have the kernel's activation and m = `width` neurons; the a_j are N(0, 1) ("gaussian") or ±1 ("sign").
    With `strict`, fewer digits are an error. `memory` holds weights and kernels, in bytes. The observer is called
    with (trials done, trials in all).
    """
    (n, d), gram = points.rows.shape, points.gram.effective_rank
    _check(n, d, width, weights, memory)
    unit = points.norms is None
    limit = effective_rank(limiting_inner_kernel(points)) if kernel.activation.is_relu and unit else None
    setting = Setting(kernel, width, weights, n, d, gram, limit)
    checks = [_TheoremTrials(name, about) for name, about, _ in THEOREMS]
    ranks, worst = (Sample(), Sample(), Sample()), gram
    drawn = tasks.run(_drawn, numbered_trials(seed, trials), kernel, tasks.share(points), width, weights, seed)
    for done, network in enumerate(drawn, 1):
        values = network.inner_rank, network.outer_rank, network.full_rank
        for sample, value in zip(ranks, values, strict=True):
            if value is not None:
                sample.add(value)
                worst = max(worst, value)
        for check, (_, _, theorem) in zip(checks, THEOREMS, strict=True):
            check.add(theorem(setting, network) if unit else "it needs rows of unit norm", setting.unit)
        if observer is not None:
            observer(done, trials)
    accuracy = setting.unit * worst
    known = max(1, min(digits, math.floor(-math.log10(accuracy))))
    if strict and known < digits:
        raise AccuracyError(
            f"effective ranks of these networks are known to {known} of {digits} digits; lower --digits"
        )
    inner, outer, full = (sample.interval(accuracy * sample.mean, known, 1, n) for sample in ranks)
    theorems = tuple(check.result(setting, known) for check in checks)
    return FiniteWidth(width, trials, seed, weights, inner, outer, full, theorems, rounded_up(accuracy))


def _drawn(
    trial: int, kernel: Kernel, points: Points, width: int, weights: str, seed: int, observer: Observer | None
) -> TwoLayerNetwork:
    """Draw the network of a trial."""
    return draw(kernel, points, width, weights, generator(seed, trial))


def _check(n: int, d: int, width: int, weights: str, memory: int) -> None:
    """Refuse a width or weights that make no sense, and networks that do not fit in the memory."""
    whole(width, "width", 1)
    one_of(weights, WEIGHTS, "outer")
    needed = 8 * (5 * n * n + 2 * width * d + 3 * min(_TILE, width * n))
    if needed > memory:
        raise NtkcalcError(
            f"networks of width {width} on {n} points need {size_text(needed)}, more than the {size_text(memory)} of "
            "--memory: give it more, or take fewer points or a smaller --width"
        )
