"""Results of the package: effective ranks with their bounds, spectra on the sphere and of data."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ntkcalc.kernel.results import DataFacts, KernelFacts


@dataclass(frozen=True)
class RankBounds:
    """What a series says of the effective rank eff(A) = Tr A/λ_1(A) of kernel matrices of any data on the sphere.

    Parameters
    ----------
    kernel
        The kernel, or None for a series of unknown origin.
    digits
        Significant digits; bounds are rounded up.
    bound
        S_l/c_0, a bound on eff(K) (Theorem 4.1); None where c_0 = 0.
    centered_ratio
        (S_l − c_0)/c_1, a bound on eff(K − (c_0/n) 11ᵀ)/eff(XXᵀ) (Theorem 4.3); None where c_1 = 0.
    leading
        The least q ≥ 1 with c_q > 0, or None.
    leading_ratio
        Σ_{p≥q} c_p/c_q, a bound on eff(K − (c_0/n) 11ᵀ)/eff(G^{∘q}), G = XXᵀ: Theorem 4.3 wherever its proof
        goes.
    """

    kernel: KernelFacts | None
    digits: int
    bound: Decimal | None
    centered_ratio: Decimal | None
    leading: int | None
    leading_ratio: Decimal | None


@dataclass(frozen=True)
class EigenvalueCount:
    """How many eigenvalues of K are at least ε λ_1 (None where that was not settled), and the bound eff(K)/ε."""

    epsilon: Decimal
    count: int | None
    bound: Decimal


@dataclass(frozen=True)
class Interval:
    """The mean of trials and its 95 % confidence interval (Student's t); None is unknown.

    Parameters
    ----------
    mean
        Mean over the trials; None where it is below what double precision can see, or there are none.
    low, high
        Ends of the interval, rounded outwards; None where one trial leaves none.
    trials
        Trials in which there was something to measure.
    """

    mean: Decimal | None
    low: Decimal | None
    high: Decimal | None
    trials: int


@dataclass(frozen=True)
class TheoremCheck:
    """What a theorem of section C.2 says of networks of finite width, and how often it held.

    Parameters
    ----------
    name
        Such as "Theorem C.1".
    about
        The effective rank that it bounds.
    applies
        Whether its conditions were met, in one trial at least.
    measured
        That effective rank, the mean over the trials in which it applies; None where it does not.
    lower, upper
        Its bounds, rounded outwards, means over the trials in which it applies; None where it has none.
    holds_fraction
        Of these trials, those in which the measured value lay between the bounds; None where it does not apply.
    trials
        Trials in which its conditions were met.
    note
        Why it does not apply, or what it was applied with.
    """

    name: str
    about: str
    applies: bool
    measured: Decimal | None
    lower: Decimal | None
    upper: Decimal | None
    holds_fraction: float | None
    trials: int
    note: str


@dataclass(frozen=True)
class FiniteWidth:
    """Effective ranks of the networks f(x) = Σ_j a_j φ(⟨w_j, x⟩) of section C.2, w_j ~ N(0, I), beside its theorems.

    Parameters
    ----------
    width
        m, neurons.
    trials, seed
        Networks, and what their random numbers start from.
    weights
        The a_j: "gaussian" (N(0, 1)) or "sign" (±1, both equally likely).
    inner, outer, full
        eff of K_inner, K_outer and their sum.
    theorems
        One entry each.
    accuracy
        Relative, of the measured values.
    """

    width: int
    trials: int
    seed: int
    weights: str
    inner: Interval
    outer: Interval
    full: Interval
    theorems: tuple[TheoremCheck, ...]
    accuracy: float


@dataclass(frozen=True)
class EffectiveRanks:
    """Effective ranks of data, measured, beside their bounds; None where a matrix is zero or a theorem silent.

    Parameters
    ----------
    bounds
        From the coefficients alone.
    data
        The points.
    gram, kernel, centered
        eff of XXᵀ, of K, and of K − (c_0/n) 11ᵀ.
    centered_bound
        eff(XXᵀ) (S_l − c_0)/c_1.
    counts
        One for each ε.
    accuracy
        Relative, of the measured values.
    passes
        Products with K that it took.
    seconds
        What it took.
    finite_width
        The same of networks of finite width, where that was asked for.
    """

    bounds: RankBounds
    data: DataFacts
    gram: Decimal
    kernel: Decimal
    centered: Decimal | None
    centered_bound: Decimal | None
    counts: tuple[EigenvalueCount, ...]
    accuracy: float
    passes: int
    seconds: float
    finite_width: FiniteWidth | None = None


@dataclass(frozen=True)
class SphereEigenvalue:
    """One eigenvalue of a kernel on S^d; None is unknown.

    Parameters
    ----------
    k
        Frequency: the degree of its harmonics.
    eigenvalue
        λ_k; exactly zero where parity makes it so.
    lower, upper
        Bounds from the truncated series (Theorem 4.6), rounded outwards.
    multiplicity
        N(d, k).
    trace_share
        N(d, k) λ_k over the trace Θ_l(1).
    cumulative
        The shares of all frequencies up to k.
    """

    k: int
    eigenvalue: Decimal | None
    lower: Decimal
    upper: Decimal | None
    multiplicity: int
    trace_share: Decimal | None
    cumulative: Decimal | None


@dataclass(frozen=True)
class SphereSpectrum:
    """The largest frequencies' eigenvalues of a kernel on S^d.

    Parameters
    ----------
    kernel
        The kernel, or None for a series of unknown origin.
    sphere_dim
        d; S^d ⊂ R^{d+1}.
    measure
        "uniform" (probability) or "surface" (of mass Vol(S^d)).
    truncation
        T of the bounds.
    digits
        Significant digits; each is right to one unit in the last place.
    eigenvalues
        k = 0 … K in order.
    trace
        Σ_k N(d, k) λ_k, the measure of the sphere times Θ_l(1); None where it is unknown.
    sample
        The spectrum of the kernel matrix of random points, where that was asked for.
    """

    kernel: KernelFacts | None
    sphere_dim: int
    measure: str
    truncation: int
    digits: int
    eigenvalues: tuple[SphereEigenvalue, ...]
    trace: Decimal | None
    sample: SampledSpectrum | None = None


@dataclass(frozen=True)
class SampledEigenvalue:
    """The ℓ-th eigenvalue of a kernel matrix of random points, over n, beside that of the integral operator.

    Parameters
    ----------
    index
        ℓ from 1.
    eigenvalue
        Measured; None below what double precision can see.
    theory
        The ℓ-th of the λ_k, each N(d, k) times; None beyond the frequencies that were computed.
    """

    index: int
    eigenvalue: Decimal | None
    theory: Decimal | None


@dataclass(frozen=True)
class SampledSpectrum:
    """Eigenvalues of K/n for n random points on the sphere.

    Parameters
    ----------
    n, seed
        Points, and what their generator started from.
    eigenvalues
        Largest first.
    accuracy
        Absolute error of the measured ones over the largest.
    """

    n: int
    seed: int
    eigenvalues: tuple[SampledEigenvalue, ...]
    accuracy: float


@dataclass(frozen=True)
class MatrixEigenvalue:
    """One eigenvalue of the kernel matrix of data, Θ(XXᵀ)/n, and its bounds.

    Parameters
    ----------
    index
        p from 1, the largest eigenvalue first.
    eigenvalue
        λ_p; None below what double precision can see.
    normalized
        λ_p/λ_1.
    gram_normalized
        The same of XXᵀ; None where it was not computed.
    bound_effrank
        eff(K)/p, a bound on `normalized`.
    bound_tail
        The bound of Lemma C.20 on `normalized`.
    """

    index: int
    eigenvalue: Decimal | None
    normalized: Decimal | None
    gram_normalized: Decimal | None
    bound_effrank: Decimal
    bound_tail: Decimal

    @property
    def resolved(self) -> bool:
        """Whether double precision can see it."""
        return self.eigenvalue is not None


@dataclass(frozen=True)
class MatrixSpectrum:
    """The spectrum of the kernel matrix of data.

    Parameters
    ----------
    kernel, data
        The kernel and the points.
    digits
        Most digits of a number; fewer where fewer are known.
    eigenvalues
        Largest first.
    kernel_effrank, gram_effrank
        eff(K) and eff(XXᵀ).
    accuracy
        Absolute error of the eigenvalues over the largest.
    passes
        Products with K that it took; 0 where all eigenvalues were computed at once.
    seconds
        What it took.
    """

    kernel: KernelFacts
    data: DataFacts
    digits: int
    eigenvalues: tuple[MatrixEigenvalue, ...]
    kernel_effrank: Decimal
    gram_effrank: Decimal
    accuracy: float
    passes: int
    seconds: float
