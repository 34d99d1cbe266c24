"""Results: effective ranks with their bounds, spectra on the sphere and of data."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import FLAT, INTERNAL, DataFacts, KernelFacts, Result


@dataclass(frozen=True, repr=False)
class RankBounds(Result):
    """What a series says of the effective rank eff(A) = Tr A/λ_1(A) of kernel matrices of any data on the sphere."""

    engine: ClassVar[str] = "mpmath"
    kernel: Annotated[KernelFacts | None, "the kernel; null for a series of unknown origin"]
    digits: Annotated[int, "significant digits; bounds are rounded up"]
    bound: Annotated[Decimal | None, "S_l/c_0 ≥ eff(K) (Theorem 4.1), rounded up; null where c_0 = 0"]
    centered_ratio: Annotated[
        Decimal | None, "Σ_{p≥1} c_p/c_1 ≥ eff(K − (c_0/n) 11ᵀ)/eff(XXᵀ) (Theorem 4.3), rounded up; null where c_1 = 0"
    ]
    leading: Annotated[int | None, "q, the least degree above 0 with a coefficient"]
    leading_ratio: Annotated[
        Decimal | None,
        "Σ_{p≥q} c_p/c_q ≥ eff(K − (c_0/n) 11ᵀ)/eff(G^{∘q}), G = XXᵀ, by the proof of Theorem 4.3; rounded up",
    ]


@dataclass(frozen=True)
class EigenvalueCount:
    """How many eigenvalues of K are at least ε λ_1."""

    epsilon: Annotated[Decimal, "ε"] = field(metadata={"digits": 15})
    count: Annotated[int | None, "eigenvalues of K that are at least ε λ_1; null where that is open"]
    bound: Annotated[Decimal, "eff(K)/ε, rounded up"]


@dataclass(frozen=True)
class Interval:
    """The mean of trials and its 95 % confidence interval (Student's t); None is unknown."""

    mean: Annotated[Decimal | None, "mean over the networks; null below double precision, or where there are none"]
    low: Annotated[Decimal | None, "lower end of its 95 % interval, rounded down; null for one network"]
    high: Annotated[Decimal | None, "upper end of its 95 % interval, rounded up; null for one network"]
    trials: Annotated[int, "networks in which there was something to measure"]


@dataclass(frozen=True)
class TheoremCheck:
    """What a theorem of section C.2 says of networks of finite width, and how often it held."""

    name: Annotated[str, "theorem or corollary of section C.2"]
    about: Annotated[str, "the effective rank that it bounds"]
    applies: Annotated[bool, "whether its assumptions hold, in one network at least"]
    measured: Annotated[Decimal | None, "mean of that effective rank over the networks in which it applies"]
    lower: Annotated[Decimal | None, "its lower bound, rounded down, mean over these networks; null where it has none"]
    upper: Annotated[Decimal | None, "its upper bound, rounded up, mean over these networks; null where it has none"]
    holds_fraction: Annotated[float | None, "share of these networks that respect it"]
    trials: Annotated[int, "networks that it was held against"]
    note: Annotated[str, "why it does not apply, or what was put in"]


@dataclass(frozen=True)
class FiniteWidth:
    """Effective ranks of the networks f(x) = Σ_j a_j φ(⟨w_j, x⟩) of section C.2, w_j ~ N(0, I), beside its theorems."""

    width: Annotated[int, "neurons of the hidden layer"]
    trials: Annotated[int, "networks"]
    seed: Annotated[int, "what the random numbers started from"]
    outer_weights: Annotated[
        str,
        ("gaussian", "sign"),
        'law of the outer weights a_j: "gaussian" (N(0, 1)) or "sign" (±1, both equally likely)',
    ]
    inner: Annotated[Interval, "eff of the inner weights' part of the kernel matrix"]
    outer: Annotated[Interval, "eff of the outer weights' part"]
    full: Annotated[Interval, "eff of the whole"]
    theorems: Annotated[tuple[TheoremCheck, ...], "what is proven of them"]
    accuracy: Annotated[float, "relative error of the measured values"]


@dataclass(frozen=True, repr=False)
class EffectiveRanks(Result):
    """Effective ranks of data, measured, beside their bounds; None where a matrix is zero or a theorem silent."""

    engine: ClassVar[str] = "numpy"
    bounds: Annotated[RankBounds, "from the coefficients alone"] = field(metadata=FLAT)
    gram_effrank: Annotated[Decimal, "eff(XXᵀ)"]
    kernel_effrank: Annotated[Decimal, "eff(K)"]
    centered_effrank: Annotated[Decimal | None, "eff(K − (c_0/n) 11ᵀ); null where double precision cannot see it"]
    centered_bound: Annotated[Decimal | None, "eff(XXᵀ) Σ_{p≥1} c_p/c_1, rounded up"]
    accuracy: Annotated[float, "relative error of the measured values"]
    data: Annotated[DataFacts, "the points"]
    counts: Annotated[tuple[EigenvalueCount, ...], "one for each --epsilon"]
    passes: Annotated[int, "products with K that it took"] = field(metadata=INTERNAL)
    seconds: Annotated[float, "time taken"] = field(metadata=INTERNAL)
    finite_width: Annotated[FiniteWidth | None, "networks of one hidden layer (section C.2), with --width"] = None
    silent: Annotated[str | None, "why bounds are null"] = None

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
    """One eigenvalue of a kernel on S^d; None is unknown."""

    k: Annotated[int, "frequency: the degree of its harmonics"]
    eigenvalue: Annotated[
        Decimal | None, "λ_k, exactly zero where parity makes it so; null for a series of unknown remainder"
    ]
    lower: Annotated[Decimal, "bound from the truncated series (Theorem 4.6), rounded down"]
    upper: Annotated[Decimal | None, "bound from the truncated series (Theorem 4.6), rounded up"]
    multiplicity: Annotated[int, "N(d, k)"]
    trace_share: Annotated[Decimal | None, "N(d, k) λ_k over the trace"]
    cumulative: Annotated[Decimal | None, "share of all frequencies up to k"]


@dataclass(frozen=True)
class SampledEigenvalue:
    """The ℓ-th eigenvalue of a kernel matrix of random points, over n, beside that of the integral operator."""

    index: Annotated[int, "ℓ from 1"]
    eigenvalue: Annotated[Decimal | None, "of K/n; null below double precision"]
    theory: Annotated[
        Decimal | None, "the ℓ-th λ_k, counted with multiplicities; null beyond the frequencies that were computed"
    ]


@dataclass(frozen=True)
class SampledSpectrum:
    """Eigenvalues of K/n for n random points on the sphere."""

    n: Annotated[int, "random points"]
    seed: Annotated[int, "what they started from"]
    eigenvalues: Annotated[tuple[SampledEigenvalue, ...], "largest first"]


@dataclass(frozen=True, repr=False)
class SphereSpectrum(Result):
    """The eigenvalues of a kernel on S^d ⊂ R^{d+1}, lowest frequencies first."""

    rows: ClassVar[str] = "eigenvalues"
    number: ClassVar[str] = "eigenvalue"
    engine: ClassVar[str] = "mpmath"
    kernel: Annotated[KernelFacts | None, "the kernel; null for a series of unknown origin"]
    sphere_dim: Annotated[int, "d of S^d"]
    measure: Annotated[str, ("uniform", "surface"), 'mass 1 ("uniform"), or the area of the sphere ("surface")']
    truncation: Annotated[int, "T of the bounds"]
    digits: Annotated[int, "significant digits; each is right to one unit in the last place"]
    eigenvalues: Annotated[tuple[SphereEigenvalue, ...], "k = 0 … K"]
    trace: Annotated[
        Decimal | None, "Σ_k N(d, k) λ_k, the measure of the sphere times Θ_l(1); null where it is unknown"
    ]
    sample: Annotated[SampledSpectrum | None, "the kernel matrix of random points, with --sample"] = None
    accuracy: Annotated[float | None, "error of the sampled eigenvalues over the largest"] = None


@dataclass(frozen=True)
class MatrixEigenvalue:
    """One eigenvalue of the kernel matrix of data, and its bounds."""

    index: Annotated[int, "p from 1"]
    eigenvalue: Annotated[Decimal | None, "λ_p of K = Θ(XXᵀ)/n; null below double precision"]
    normalized: Annotated[Decimal | None, "λ_p/λ_1"]
    gram_normalized: Annotated[Decimal | None, "the same of XXᵀ; null where it was not computed"]
    bound_effrank: Annotated[Decimal, "eff(K)/p ≥ λ_p/λ_1"]
    bound_tail: Annotated[Decimal | None, "the bound of Lemma C.20 on λ_p/λ_1; null for rows of different norms"]
    resolved: Annotated[bool, "whether double precision can see it"]


@dataclass(frozen=True, repr=False)
class MatrixSpectrum(Result):
    """The spectrum of the kernel matrix of data."""

    rows: ClassVar[str] = "eigenvalues"
    number: ClassVar[str] = "eigenvalue"
    engine: ClassVar[str] = "numpy"
    kernel: Annotated[KernelFacts, "the kernel"]
    data: Annotated[DataFacts, "the points"]
    digits: Annotated[int, "most significant digits of a number; fewer where fewer are known"]
    eigenvalues: Annotated[tuple[MatrixEigenvalue, ...], "largest first"]
    kernel_effrank: Annotated[Decimal, "eff(K)"]
    gram_effrank: Annotated[Decimal, "eff(XXᵀ)"]
    accuracy: Annotated[float, "error of the eigenvalues over the largest"]
    passes: Annotated[int, "products with K that it took; 0 where all eigenvalues were computed at once"] = field(
        metadata=INTERNAL
    )
    seconds: Annotated[float, "time taken"] = field(metadata=INTERNAL)
    silent: Annotated[str | None, "why bounds are null"] = None
