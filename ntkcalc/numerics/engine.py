"""The engine protocol: the few operations on power series that the recurrence is written in.

An engine knows one kind of series (a row of coefficients c_0, c_1, … ≥ 0, truncated) and keeps
every coefficient to a *relative* error that it states. Three of them interpret the same formulas:
`mpmath_engine.MpmathEngine` (any precision), `numpy_engine.NumpyEngine` (float64), and
`ErrorEngine` here, whose "series" are bounds on the relative error of the other two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ntkcalc.numerics.precision import Real

S = TypeVar("S")


class Rounding(Protocol):
    """What an engine's operations cost in accuracy."""

    def rounding(self, terms: int) -> tuple[ErrorBound, ErrorBound]:
        """Return the relative errors that one `multiply` and one `compose` add."""


class Engine(Rounding, Protocol[S]):
    """Operations on series with nonnegative coefficients; all results keep the length of their inputs."""

    @property
    def name(self) -> str:
        """The engine's name in results."""

    @property
    def bits(self) -> int:
        """-log2 of the relative error of one rounding."""

    def series(self, scalars: Sequence[Real]) -> S:
        """Take coefficients in."""

    def scale(self, factor: Real, a: S) -> S:
        """Return factor · a."""

    def add(self, a: S, b: S) -> S:
        """Return a + b."""

    def multiply(self, a: S, b: S) -> S:
        """Return the product, truncated."""

    def compose(self, outers: Sequence[Sequence[Real]], inner: S) -> list[S]:
        """Return r(inner(t)), truncated, for every outer series r."""

    def without_constant(self, a: S) -> S:
        """Return a − a(0)."""

    def scalars(self, a: S) -> Sequence[Real]:
        """Give coefficients back as high-precision reals (exactly what the engine holds)."""


@dataclass(frozen=True)
class ErrorBound:
    """A relative error of at most ``constant + slope · p`` roundings in the coefficient of t^p."""

    constant: float
    slope: float

    def at(self, p: int) -> float:
        """Return the bound for the coefficient of t^p."""
        return self.constant + self.slope * p


@dataclass(frozen=True)
class ErrorEngine:
    """Runs formulas on error bounds: the third interpretation of the recurrence.

    Sums of positive terms keep the larger relative error; a product adds the constants, and of
    p = i + (p − i) each part pays its own slope; a power of a series without constant term has
    at most p factors, so an error ε per factor grows to ε p.
    """

    product: ErrorBound
    composition: ErrorBound
    name: str = "error"
    bits: int = 0

    def series(self, scalars: Sequence[Real]) -> ErrorBound:
        """One rounding on entry."""
        return ErrorBound(1, 0)

    def scale(self, factor: Real, a: ErrorBound) -> ErrorBound:
        """The factor is rounded, and so is the product."""
        return ErrorBound(a.constant + 2, a.slope)

    def add(self, a: ErrorBound, b: ErrorBound) -> ErrorBound:
        """The larger of the two, and one rounding."""
        return ErrorBound(max(a.constant, b.constant) + 1, max(a.slope, b.slope))

    def multiply(self, a: ErrorBound, b: ErrorBound) -> ErrorBound:
        """Constants add up; each part of p pays its own slope."""
        return ErrorBound(a.constant + b.constant + self.product.constant, max(a.slope, b.slope) + self.product.slope)

    def compose(self, outers: Sequence[Sequence[Real]], inner: ErrorBound) -> list[ErrorBound]:
        """At most p factors, none of them constant."""
        per_factor = inner.constant + inner.slope
        own = self.composition
        return [ErrorBound(1 + own.constant, per_factor + own.slope)] * len(outers)

    def without_constant(self, a: ErrorBound) -> ErrorBound:
        """Nothing is computed."""
        return a

    def scalars(self, a: ErrorBound) -> list[Real]:
        """An error bound has no coefficients."""
        return []

    def rounding(self, terms: int) -> tuple[ErrorBound, ErrorBound]:
        """Return the costs that this engine runs on."""
        return self.product, self.composition
