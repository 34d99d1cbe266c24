"""Results of the package: truncated series, and values of the kernel beside them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ntkcalc.kernel.results import KernelFacts


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
