"""Results: truncated series, and values of the kernel beside them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from ntkcalc.kernel.results import KernelFacts, Result

SERIES = ("kappa", "alpha", "beta", "mu")
"""Series of Theorem 3.1, and the Hermite coefficients."""


@dataclass(frozen=True)
class Coefficient:
    """One coefficient with its share and the cumulative share of the series' total."""

    p: Annotated[int, "degree"]
    value: Annotated[Decimal, "the coefficient; in JSON it bears the name of its series"]
    share: Annotated[Decimal, "share of the total, 0 to 1"]
    cumulative: Annotated[Decimal, "share of all coefficients up to p"]


@dataclass(frozen=True, repr=False)
class Coefficients(Result):
    """A truncated power series with its exact tail."""

    rows: ClassVar[str] = "coefficients"
    number: ClassVar[str] = "value"
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

    def records(self) -> list[dict[str, Any]]:
        """Return the records; coefficients bear the name of their series."""
        return [{self.which if k == "value" else k: v for k, v in row.items()} for row in super().records()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything by its name in JSON."""
        return super().to_dict() | {"coefficients": self.records()}


@dataclass(frozen=True)
class KernelValue:
    """The kernel at one ρ beside its truncated series; None is unknown."""

    rho: Annotated[Decimal, "ρ, exact"] = field(metadata={"digits": 0})
    theta: Annotated[Decimal | None, "Θ_l(ρ), exact; null for a series of unknown origin"]
    series: Annotated[Decimal, "Θ_T(ρ) = Σ_{p≤T} κ_p ρ^p, the truncated series"]
    error: Annotated[Decimal | None, "theta − series, to the same relative accuracy"]
    bound: Annotated[Decimal | None, "proven bound τ_T |ρ|^{T+1} on |error|, rounded up"]


@dataclass(frozen=True, repr=False)
class KernelValues(Result):
    """A kernel at several ρ, with one truncation of its series."""

    engine: ClassVar[str] = "mpmath"
    rows: ClassVar[str] = "points"
    number: ClassVar[str] = "theta"
    kernel: Annotated[KernelFacts | None, "the kernel; null for a series of unknown origin"]
    truncation: Annotated[int, "T of the series"]
    digits: Annotated[int, "significant digits; each is right to one unit in the last place"]
    paper_truncation: Annotated[bool, "whether the paper's own truncated recurrence (39)–(41) was used"]
    points: Annotated[tuple[KernelValue, ...], "one for each ρ, in their order"] = field(metadata={"name": "values"})

    @property
    def values(self) -> tuple[Decimal | None, ...]:
        """Θ alone, or the series where Θ is unknown."""
        return tuple(v.series if v.theta is None else v.theta for v in self.points)

    def records(self) -> list[dict[str, Any]]:
        """Return one record for each ρ."""
        return [{"truncation": self.truncation} | row for row in super().records()]
