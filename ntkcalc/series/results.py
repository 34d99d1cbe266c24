"""Results: truncated series, and values of the kernel beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import KernelFacts

SERIES = ("kappa", "alpha", "beta", "mu")
"""Series of Theorem 3.1, and the Hermite coefficients."""


@dataclass(frozen=True)
class Coefficient:
    """One coefficient with its share and the cumulative share of the series' total.

    Parameters
    ----------
    p
        degree
    value
        the coefficient; in JSON it bears the name of its series
    share
        share of the total, 0 to 1
    cumulative
        share of all coefficients up to p
    """

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
        the kernel
    digits
        significant digits; each is right to one unit in the last place
    engine
        "numpy" or "mpmath"
    which
        the series, whose coefficients bear this name: "kappa" (NTK), "alpha" (NNGP kernel Σ_l), "beta" (R'(Σ_{l−1}))
        or "mu" (Hermite coefficients of φ, whose shares are those of µ_k² in E[φ²])
    truncation
        T
    paper_truncation
        whether the paper's own truncated recurrence (39)–(41) was used, whose k-sum stops at T
    coefficients
        p = 0 … T
    tail
        the total less the sum of the coefficients, to the same relative accuracy
    """

    kernel: KernelFacts
    digits: int
    engine: str
    which: Annotated[str, SERIES]
    truncation: int
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
        ρ, exact
    theta
        Θ_l(ρ), exact; null for a series of unknown origin
    series
        Θ_T(ρ) = Σ_{p≤T} κ_p ρ^p, the truncated series
    error
        theta − series, to the same relative accuracy
    bound
        proven bound τ_T |ρ|^{T+1} on |error|, rounded up
    """

    rho: Decimal = field(metadata={"digits": 0})
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
        the kernel; null for a series of unknown origin
    truncation
        T of the series
    digits
        significant digits; each is right to one unit in the last place
    paper_truncation
        whether the paper's own truncated recurrence (39)–(41) was used
    values
        one for each ρ, in the order given
    """

    engine: ClassVar[str] = "mpmath"
    kernel: KernelFacts | None
    truncation: int
    digits: int
    paper_truncation: bool
    values: tuple[KernelValue, ...]
