r"""Dual activations D(t) = E[φ(U)φ(V)], corr(U, V) = t: what the kernel needs of an activation, and where it is asked.

A layer needs D expanded about a = Σ_{l−1}(0), scaled so that nothing overflows:

.. math::  D(a + δs) = \sum_j d_j s^j, \qquad δ = 1 − a, \quad d_j = δ^j D^{(j)}(a)/j! ≥ 0,

for then :math:`\sum_j d_j = D(1) = E[φ²]`. All d_j come with *relative* accuracy: from recurrences of positive terms
where D has a closed form, else from the Hermite series :math:`D(t) = \sum_k µ_k² t^k`, regrouped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from ntkcalc.numerics.precision import Context, Real, context, log2, real


@dataclass(frozen=True)
class ExpansionPoint:
    """The point a of an expansion and its distance δ = 1 − a; the smaller of the two is stored.

    This keeps the relative accuracy of both, at a = 1e-30 as at a = 1 − 1e-30.

    Parameters
    ----------
    smaller : min(a, δ)
    near_one : whether that is δ
    """

    smaller: Real
    near_one: bool

    @classmethod
    def between(cls, a: Real, delta: Real) -> ExpansionPoint:
        """Return the point for an a and its 1 − a, each known to its relative accuracy."""
        return cls(delta, True) if delta < a else cls(a, False)

    @classmethod
    def origin(cls) -> ExpansionPoint:
        """Return a = 0, about which d_j = µ_j²."""
        return cls(context(64).zero, near_one=False)

    def at(self, ctx: Context) -> tuple[Real, Real]:
        """Return a and δ in the precision of `ctx`."""
        smaller = ctx.convert(self.smaller)
        return (1 - smaller, smaller) if self.near_one else (smaller, 1 - smaller)


@dataclass(frozen=True)
class Correlation:
    """A correlation t in [−1, 1]: its sign, and |t| with 1 − |t|."""

    sign: int
    size: ExpansionPoint

    @classmethod
    def of(cls, t: Fraction, bits: int) -> Correlation:
        """Return an exact t, rounded to `bits` bits."""
        size = abs(t)
        return cls(-1 if t < 0 else 1, ExpansionPoint.between(*(real(context(bits), x) for x in (size, 1 - size))))

    def at(self, ctx: Context) -> tuple[Real, Real]:
        """Return t and 1 − t² in the precision of `ctx`."""
        size, delta = self.size.at(ctx)
        return self.sign * size, delta * (1 + size)

    def context(self, bits: int) -> Context:
        """Return the context in which t, rounded, still has 1 − |t| to `bits` bits."""
        near_one = self.size.near_one and self.size.smaller
        return context(bits + (max(0, -int(log2(self.size.smaller))) if near_one else 0))


@dataclass(frozen=True)
class Expansion:
    r"""D about one point, in s: coefficients and the tails of their two sums, D(1) and D'(1).

    Parameters
    ----------
    d : d_0 … d_{n+1}
    tails : q_0 … q_n, :math:`q_j = \sum_{i>j} d_i`
    slope_tails : q̇_0 … q̇_n, :math:`\dot q_j = \sum_{i>j} (i + 1) d_{i+1}/δ`: the same of D'
    """

    d: Sequence[Real]
    tails: Sequence[Real]
    slope_tails: Sequence[Real]


@dataclass(frozen=True)
class Singularity:
    """The singularity of a dual nearest to 0.

    Parameters
    ----------
    place : its place c, the radius of convergence of D's power series
    exponent : its exponent q: D(t) behaves like (c − t)^q
    """

    place: Fraction
    exponent: float


class Dual(Protocol):
    """The dual activation of one φ."""

    @property
    def degree(self) -> int | None:
        """The degree of D where it is a polynomial, else None."""

    @property
    def most_bits(self) -> int:
        """Bits of `mean_square` beyond those asked for that a caller may spend on a difference from it."""

    def taylor(self, point: ExpansionPoint, degree: int, bits: int) -> Sequence[Real]:
        """Return d_0 … d_degree about `point`, relative error below 2**-bits, exact zeros as zeros."""

    def value(self, t: Correlation, bits: int) -> tuple[Real, Real]:
        """Return D(t) and D'(t), with absolute errors below 2**-bits of D(1) and D'(1)."""

    def mean_square(self, bits: int) -> Real | Fraction:
        """Return D(1) = E[φ²]; a Fraction where it is rational."""

    def slope_square(self, bits: int) -> Real | Fraction:
        """Return D'(1) = E[φ'²]."""

    def expansion(self, point: ExpansionPoint, degree: int, bits: int) -> Expansion:
        """Return d_0 … d_{degree+1} and their tails up to `degree`, relative error below 2**-bits."""
