"""Results: truncated series, and values of the kernel beside them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar

from ntkcalc.kernel.results import KernelFacts

SERIES = ("kappa", "alpha", "beta", "mu")
"""Series of Theorem 3.1, and the Hermite coefficients."""


@dataclass(frozen=True)
class Coefficient:
    """One coefficient with its share and the cumulative share of the series' total."""

    p: Annotated[int, "degree"]
    value: Annotated[Decimal, "the coefficient; in JSON it bears the name of its series"]
    share: Annotated[Decimal, "share of the total, 0 to 1"]
    cumulative: Annotated[Decimal, "share of all coefficients up to p"]


@dataclass(frozen=True)
class Coefficients:
    """A truncated power series with its exact tail."""

    kernel: Annotated[KernelFacts, "the kernel"]
    digits: Annotated[int, "significant digits; each is right to one unit in the last place"]
    engine: Annotated[str, '"numpy" or "mpmath"']
    which: Annotated[
        str,
        SERIES,
        'the series, whose coefficients bear this name: "kappa" (NTK), "alpha" (NNGP kernel Σ_l), "beta" '
        '(R\'(Σ_{l−1})) or "mu" (Hermite coefficients of φ, whose shares are those of µ_k² in E[φ²])',
    ]
    truncation: Annotated[int, "T"]
    paper_truncation: Annotated[
        bool, "whether the paper's own truncated recurrence (39)–(41) was used, whose k-sum stops at T"
    ]
    coefficients: Annotated[tuple[Coefficient, ...], "p = 0 … T"]
    tail: Annotated[Decimal, "the total less the sum of the coefficients, to the same relative accuracy"]

    @property
    def values(self) -> tuple[Decimal, ...]:
        """The coefficients alone."""
        return tuple(c.value for c in self.coefficients)


@dataclass(frozen=True)
class KernelValue:
    """The kernel at one ρ beside its truncated series; None is unknown."""

    rho: Annotated[Decimal, "ρ, exact"] = field(metadata={"digits": 0})
    theta: Annotated[Decimal | None, "Θ_l(ρ), exact; null for a series of unknown origin"]
    series: Annotated[Decimal, "Θ_T(ρ) = Σ_{p≤T} κ_p ρ^p, the truncated series"]
    error: Annotated[Decimal | None, "theta − series, to the same relative accuracy"]
    bound: Annotated[Decimal | None, "proven bound τ_T |ρ|^{T+1} on |error|, rounded up"]


@dataclass(frozen=True)
class KernelValues:
    """A kernel at several ρ, with one truncation of its series."""

    engine: ClassVar[str] = "mpmath"
    kernel: Annotated[KernelFacts | None, "the kernel; null for a series of unknown origin"]
    truncation: Annotated[int, "T of the series"]
    digits: Annotated[int, "significant digits; each is right to one unit in the last place"]
    paper_truncation: Annotated[bool, "whether the paper's own truncated recurrence (39)–(41) was used"]
    values: Annotated[tuple[KernelValue, ...], "one for each ρ, in the order given"]
