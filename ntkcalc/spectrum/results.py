"""Results: effective ranks with their bounds, spectra on the sphere and of data."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import FLAT, INTERNAL, DataFacts, KernelFacts


@dataclass(frozen=True)
class RankBounds:
    """What a series says of the effective rank eff(A) = Tr A/λ_1(A) of kernel matrices of any data on the sphere.

    Parameters
    ----------
    kernel
        the kernel; null for a series of unknown origin
    digits
        significant digits; bounds are rounded up
    bound
        S_l/c_0 ≥ eff(K) (Theorem 4.1), rounded up; null where c_0 = 0
    centered_ratio
        Σ_{p≥1} c_p/c_1 ≥ eff(K − (c_0/n) 11ᵀ)/eff(XXᵀ) (Theorem 4.3), rounded up; null where c_1 = 0
    leading
        q, the least degree above 0 with a coefficient
    leading_ratio
        Σ_{p≥q} c_p/c_q ≥ eff(K − (c_0/n) 11ᵀ)/eff(G^{∘q}), G = XXᵀ, by the proof of Theorem 4.3; rounded up
    """

    engine: ClassVar[str] = "mpmath"
    kernel: KernelFacts | None
    digits: int
    bound: Decimal | None
    centered_ratio: Decimal | None
    leading: int | None
    leading_ratio: Decimal | None


@dataclass(frozen=True)
class EigenvalueCount:
    """How many eigenvalues of K are at least ε λ_1.

    Parameters
    ----------
    epsilon
        ε
    count
        eigenvalues of K that are at least ε λ_1; null where that is open
    bound
        eff(K)/ε, rounded up
    """

    epsilon: Decimal = field(metadata={"digits": 15})
    count: int | None
    bound: Decimal


@dataclass(frozen=True)
class Interval:
    """The mean of trials and its 95 % confidence interval (Student's t); None is unknown.

    Parameters
    ----------
    mean
        mean over the networks; null below double precision, or where there are none
    low
        lower end of its 95 % interval, rounded down; null for one network
    high
        upper end of its 95 % interval, rounded up; null for one network
    trials
        networks in which there was something to measure
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
        theorem or corollary of section C.2
    about
        the effective rank that it bounds
    applies
        whether its assumptions hold, in one network at least
    measured
        mean of that effective rank over the networks in which it applies
    lower
        its lower bound, rounded down, mean over these networks; null where it has none
    upper
        its upper bound, rounded up, mean over these networks; null where it has none
    holds_fraction
        share of these networks that respect it
    trials
        networks that it was held against
    note
        why it does not apply, or what was put in
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
        neurons of the hidden layer
    trials
        networks
    seed
        what the random numbers started from
    outer_weights
        law of the outer weights a_j: "gaussian" (N(0, 1)) or "sign" (±1, both equally likely)
    inner
        eff of the inner weights' part of the kernel matrix
    outer
        eff of the outer weights' part
    full
        eff of the whole
    theorems
        what is proven of them
    accuracy
        relative error of the measured values
    """

    width: int
    trials: int
    seed: int
    outer_weights: Annotated[str, ("gaussian", "sign")]
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
        from the coefficients alone
    gram_effrank
        eff(XXᵀ)
    kernel_effrank
        eff(K)
    centered_effrank
        eff(K − (c_0/n) 11ᵀ); null where double precision cannot see it
    centered_bound
        eff(XXᵀ) Σ_{p≥1} c_p/c_1, rounded up
    accuracy
        relative error of the measured values
    data
        the points
    counts
        one for each --epsilon
    passes
        products with K that it took
    seconds
        time taken
    finite_width
        networks of one hidden layer (section C.2), with --width
    """

    engine: ClassVar[str] = "numpy"
    bounds: RankBounds = field(metadata=FLAT)
    gram_effrank: Decimal
    kernel_effrank: Decimal
    centered_effrank: Decimal | None
    centered_bound: Decimal | None
    accuracy: float
    data: DataFacts
    counts: tuple[EigenvalueCount, ...]
    passes: int = field(metadata=INTERNAL)
    seconds: float = field(metadata=INTERNAL)
    finite_width: FiniteWidth | None = None

    @property
    def kernel(self) -> KernelFacts | None:
        """The kernel."""
        return self.bounds.kernel

    @property
    def digits(self) -> int:
        """Most significant digits of a number."""
        return self.bounds.digits


@dataclass(frozen=True)
class SphereEigenvalue:
    """One eigenvalue of a kernel on S^d; None is unknown.

    Parameters
    ----------
    k
        frequency: the degree of its harmonics
    eigenvalue
        λ_k, exactly zero where parity makes it so; null for a series of unknown remainder
    lower
        bound from the truncated series (Theorem 4.6), rounded down
    upper
        bound from the truncated series (Theorem 4.6), rounded up
    multiplicity
        N(d, k)
    trace_share
        N(d, k) λ_k over the trace
    cumulative
        share of all frequencies up to k
    """

    k: int
    eigenvalue: Decimal | None
    lower: Decimal
    upper: Decimal | None
    multiplicity: int
    trace_share: Decimal | None
    cumulative: Decimal | None


@dataclass(frozen=True)
class SampledEigenvalue:
    """The ℓ-th eigenvalue of a kernel matrix of random points, over n, beside that of the integral operator.

    Parameters
    ----------
    index
        ℓ from 1
    eigenvalue
        of K/n; null below double precision
    theory
        the ℓ-th λ_k, counted with multiplicities; null beyond the frequencies that were computed
    """

    index: int
    eigenvalue: Decimal | None
    theory: Decimal | None


@dataclass(frozen=True)
class SampledSpectrum:
    """Eigenvalues of K/n for n random points on the sphere.

    Parameters
    ----------
    n
        random points
    seed
        what they started from
    eigenvalues
        largest first
    """

    n: int
    seed: int
    eigenvalues: tuple[SampledEigenvalue, ...]


@dataclass(frozen=True)
class SphereSpectrum:
    """The eigenvalues of a kernel on S^d ⊂ R^{d+1}, lowest frequencies first.

    Parameters
    ----------
    kernel
        the kernel; null for a series of unknown origin
    sphere_dim
        d of S^d
    measure
        mass 1 ("uniform"), or the area of the sphere ("surface")
    truncation
        T of the bounds
    digits
        significant digits; each is right to one unit in the last place
    eigenvalues
        k = 0 … K
    trace
        Σ_k N(d, k) λ_k, the measure of the sphere times Θ_l(1); null where it is unknown
    sample
        the kernel matrix of random points, with --sample
    accuracy
        error of the sampled eigenvalues over the largest
    """

    engine: ClassVar[str] = "mpmath"
    kernel: KernelFacts | None
    sphere_dim: int
    measure: Annotated[str, ("uniform", "surface")]
    truncation: int
    digits: int
    eigenvalues: tuple[SphereEigenvalue, ...]
    trace: Decimal | None
    sample: SampledSpectrum | None = None
    accuracy: float | None = None


@dataclass(frozen=True)
class MatrixEigenvalue:
    """One eigenvalue of the kernel matrix of data, and its bounds.

    Parameters
    ----------
    index
        p from 1
    eigenvalue
        λ_p of K = Θ(XXᵀ)/n; null below double precision
    normalized
        λ_p/λ_1
    gram_normalized
        the same of XXᵀ; null where it was not computed
    bound_effrank
        eff(K)/p ≥ λ_p/λ_1
    bound_tail
        the bound of Lemma C.20 on λ_p/λ_1
    resolved
        whether double precision can see it
    """

    index: int
    eigenvalue: Decimal | None
    normalized: Decimal | None
    gram_normalized: Decimal | None
    bound_effrank: Decimal
    bound_tail: Decimal
    resolved: bool


@dataclass(frozen=True)
class MatrixSpectrum:
    """The spectrum of the kernel matrix of data.

    Parameters
    ----------
    kernel
        the kernel
    data
        the points
    digits
        most significant digits of a number; fewer where fewer are known
    eigenvalues
        largest first
    kernel_effrank
        eff(K)
    gram_effrank
        eff(XXᵀ)
    accuracy
        error of the eigenvalues over the largest
    passes
        products with K that it took; 0 where all eigenvalues were computed at once
    seconds
        time taken
    """

    engine: ClassVar[str] = "numpy"
    kernel: KernelFacts
    data: DataFacts
    digits: int
    eigenvalues: tuple[MatrixEigenvalue, ...]
    kernel_effrank: Decimal
    gram_effrank: Decimal
    accuracy: float
    passes: int = field(metadata=INTERNAL)
    seconds: float = field(metadata=INTERNAL)
