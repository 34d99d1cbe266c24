"""Results: frozen, rounded once, with every number as the decimal digits that are right.

These are what the Python API returns and what the rooms `render_…` turn into text.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class KernelFacts:
    """A kernel and what follows from its hyperparameters.

    Parameters
    ----------
    activation, depth
        Canonical name of φ; layers including the linear output.
    sigma_w2, sigma_b2, gamma_w2, gamma_b2
        The variances; σ_b² = 1 − σ_w² E[φ²], γ_w² = 1 − γ_b².
    chi
        χ = R'(1) = σ_w² E[φ'²].
    total
        Θ_l(1) = S_l = 1 + χ S_{l−1}.
    """

    activation: str
    depth: int
    sigma_w2: Decimal
    sigma_b2: Decimal
    gamma_w2: Decimal
    gamma_b2: Decimal
    chi: Decimal
    total: Decimal


@dataclass(frozen=True)
class Coefficient:
    """One coefficient with its share and the cumulative share of the series' total."""

    p: int
    value: Decimal
    share: Decimal
    cumulative: Decimal


@dataclass(frozen=True)
class Coefficients:
    """A truncated power series with its exact tail.

    Parameters
    ----------
    kernel
        Where it comes from.
    which
        "kappa" (NTK), "alpha" (NNGP kernel Σ_l), "beta" (R'(Σ_{l−1})) or "mu" (Hermite
        coefficients of φ, whose shares are those of µ_k² in E[φ²]).
    digits
        Significant digits; each is right to one unit in the last place.
    engine
        "numpy" or "mpmath".
    paper_truncation
        Whether the k-sum stopped at the truncation, as in the paper's (39)–(41).
    coefficients
        p = 0 … T in order.
    tail
        Total minus the sum of the coefficients, to the same relative accuracy.
    """

    kernel: KernelFacts
    which: str
    digits: int
    engine: str
    paper_truncation: bool
    coefficients: tuple[Coefficient, ...]
    tail: Decimal

    @property
    def values(self) -> tuple[Decimal, ...]:
        """The coefficients alone."""
        return tuple(c.value for c in self.coefficients)


@dataclass(frozen=True)
class KernelValue:
    """The kernel at one ρ beside its truncated series; None is unknown.

    Parameters
    ----------
    rho
        ρ, exact.
    theta
        Θ_l(ρ).
    series
        Θ_{l,T}(ρ) = Σ_{p≤T} κ_p ρ^p.
    error
        Θ_l(ρ) − Θ_{l,T}(ρ), to the same relative accuracy.
    bound
        τ_T |ρ|^{T+1}, rounded up; |error| ≤ bound.
    """

    rho: Decimal
    theta: Decimal | None
    series: Decimal
    error: Decimal | None
    bound: Decimal | None


@dataclass(frozen=True)
class KernelValues:
    """A kernel at several ρ, with one truncation of its series.

    Parameters
    ----------
    kernel
        The kernel, or None for a series of unknown origin.
    truncation
        T.
    digits
        Significant digits; each is right to one unit in the last place.
    paper_truncation
        Whether the series is that of the paper's (39)–(41).
    values
        One entry for each ρ, in the order given.
    """

    kernel: KernelFacts | None
    truncation: int
    digits: int
    paper_truncation: bool
    values: tuple[KernelValue, ...]


@dataclass(frozen=True)
class DataFacts:
    """A data set.

    Parameters
    ----------
    source
        Where it comes from.
    n, d
        Points and coordinates.
    rank
        Rank of the matrix of points in float64; None where it would cost too much.
    normalized_rows
        Whether rows had to be scaled to unit norm.
    """

    source: str
    n: int
    d: int
    rank: int | None
    normalized_rows: bool


@dataclass(frozen=True)
class MatrixSummary:
    """What there is to say of a kernel matrix.

    Parameters
    ----------
    kernel, data, other
        The kernel, the points, and the other points of a cross matrix.
    digits
        Most significant digits of a number; fewer where fewer are known.
    minimum, mean, maximum
        Of its entries.
    diagonal
        Θ_l(1), or None for a cross matrix.
    accuracy
        Measured bound on the errors of entries over Θ_l(1).
    output
        File it was written to.
    seconds
        What it took.
    """

    kernel: KernelFacts
    data: DataFacts
    other: DataFacts | None
    digits: int
    minimum: Decimal
    mean: Decimal
    maximum: Decimal
    diagonal: Decimal | None
    accuracy: float
    output: str | None
    seconds: float


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


@dataclass(frozen=True)
class NetworkFacts:
    """Networks of finite width at random initialisation.

    Parameters
    ----------
    arch
        "mlp" or "cnn".
    width
        Neurons or channels of every hidden layer.
    parametrization
        "ntk" (equation (1)) or "standard" (Kaiming-uniform).
    padding, image
        Of convolutions, and the channels, height and width of the images; None for an MLP.
    trials, seed
        Networks, and what their random numbers start from.
    """

    arch: str
    width: int
    parametrization: str
    padding: str | None
    image: tuple[int, int, int] | None
    trials: int
    seed: int


@dataclass(frozen=True)
class NetworkEigenvalue:
    """One eigenvalue of K/n, K the empirical kernel of networks of finite width; None is unknown.

    Parameters
    ----------
    index
        p from 1, the largest eigenvalue first.
    eigenvalue
        Mean of λ_p over the trials; None below what double precision can see.
    normalized
        λ_p/λ_1, mean and interval over the trials.
    infinite
        λ_p/λ_1 of the kernel of infinite width; None where that is not known.
    gram_normalized
        λ_p/λ_1 of XXᵀ; None where it was not computed.
    bound_effrank
        Mean of eff(K)/p, a bound on the mean of `normalized`.
    """

    index: int
    eigenvalue: Decimal | None
    normalized: Interval
    infinite: Decimal | None
    gram_normalized: Decimal | None
    bound_effrank: Decimal

    @property
    def resolved(self) -> bool:
        """Whether double precision can see it."""
        return self.eigenvalue is not None


@dataclass(frozen=True)
class NetworkSpectrum:
    """The spectrum of empirical kernels of networks of finite width, on data.

    Parameters
    ----------
    kernel
        The kernel of infinite width; under the standard parametrisation only its activation and depth count.
    network, data
        The networks and the points.
    digits
        Most digits of a number; fewer where fewer are known.
    eigenvalues
        Largest first.
    kernel_effrank
        eff(K), mean and interval over the trials.
    gram_effrank
        eff(XXᵀ).
    distance
        Root mean square over the trials of ‖K − Θ‖/‖Θ‖ (Frobenius norm), Θ of infinite width; None where that is
        not known.
    accuracy
        Absolute error of the eigenvalues over the largest.
    seconds
        What it took.
    """

    kernel: KernelFacts
    network: NetworkFacts
    data: DataFacts
    digits: int
    eigenvalues: tuple[NetworkEigenvalue, ...]
    kernel_effrank: Interval
    gram_effrank: Decimal
    distance: Decimal | None
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Parameter:
    """A fitted number.

    Parameters
    ----------
    value
        The number.
    stderr
        Standard error, from the residuals.
    systematic
        Five times the most by which either half of the window differs from the whole.
    """

    value: float
    stderr: float
    systematic: float


@dataclass(frozen=True)
class ClassFit:
    """The law of the coefficients of one parity.

    Parameters
    ----------
    parity
        "even" or "odd" degrees.
    model
        Name of the model, or "undecided".
    parameters
        "exponent" (of p), "rate" (a in e^{−a√p}), "ratio" (r in r^{−p}), "constant", as the model has them.
    spread
        Root mean square of the residuals of log c_p.
    candidates
        For each model its spread, its criterion, and whether its leading term is there.
    """

    parity: str
    model: str
    parameters: dict[str, Parameter]
    spread: float
    candidates: dict[str, tuple[float, float, bool]]


@dataclass(frozen=True)
class DecayFit:
    """The law of decay of a series.

    Parameters
    ----------
    window
        Degrees that were fitted, both ends included.
    parity
        "even", "odd" or "both": which degrees have coefficients; "finite" where only finitely many have.
    oscillating
        Whether the coefficients swing about their law, which is then that of the crests.
    model
        "power", "stretched-exponential", "exponential", "entire", "finite" or "undecided".
    parameters
        Of the class that falls more slowly.
    classes
        Each parity class by itself.
    degree
        The last degree with a coefficient, where they are finitely many.
    """

    window: tuple[int, int]
    parity: str
    oscillating: bool
    model: str
    parameters: dict[str, Parameter]
    classes: tuple[ClassFit, ...]
    degree: int | None


@dataclass(frozen=True)
class Statement:
    """One statement of theory.

    Parameters
    ----------
    model
        The kind of law, as in `DecayFit`.
    law
        In letters.
    status
        "proven in the paper", "derived here" or "measured".
    source
        Lemma, corollary or theorem of the paper, or what it is derived from.
    exponent, rate, ratio, constant
        Numbers of the law, as in `ClassFit`, where it has them.
    parity
        "even" or "odd" where it is about such degrees only.
    """

    model: str
    law: str
    status: str
    source: str
    exponent: float | None = None
    rate: float | None = None
    ratio: float | None = None
    constant: float | None = None
    parity: str | None = None


@dataclass(frozen=True)
class DecayTheory:
    """What theory says of decay.

    Parameters
    ----------
    coefficients
        Of κ_p.
    sphere_eigenvalues
        Of λ_k on a sphere, where one was named.
    data_eigenvalues
        Of λ_n of kernel matrices of data, where their rank was named.
    """

    coefficients: tuple[Statement, ...]
    sphere_eigenvalues: tuple[Statement, ...]
    data_eigenvalues: tuple[Statement, ...]


@dataclass(frozen=True)
class Decay:
    """The decay of one series: what was measured, and what theory says.

    Parameters
    ----------
    kernel
        The kernel, or None for a series of unknown origin.
    fit
        The fitted law.
    theory
        What is known of it.
    logs
        log c_p, None where c_p = 0.
    """

    kernel: KernelFacts | None
    fit: DecayFit
    theory: DecayTheory
    logs: tuple[float | None, ...]
