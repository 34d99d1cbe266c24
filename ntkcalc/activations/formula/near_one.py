r"""D about a point a next to 1, of a smooth φ: where its Hermite series needs thousands of terms, few nodes do.

With :math:`δ = 1 − a` and h_j the normalised Hermite polynomials, the coefficients of D about a are means of squares,

.. math::  d_j = E_X[m_j(X)^2], \qquad m_j(x) = E_Z[φ(\sqrt a\, x + \sqrt δ\, Z)\, h_j(Z)],

for :math:`φ(\sqrt a\, x + \sqrt δ\, z)` is an average of nothing but itself: expand it in :math:`h_i(x) h_j(z)`. The
inner mean looks at φ next to x, where it is nearly a polynomial: a Gauss–Hermite rule of few nodes. The outer one is a
trapezoidal rule (`quadrature`), whose halves use inner rules of two lengths, so that both must be right where
they agree. Next to −1, D and D' are means of :math:`m_0(X) m_0(−X)` and :math:`m_1(X) m_1(−X)/δ`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import mul
from typing import Any

import gmpy2
from gmpy2 import mpfr

from ntkcalc.activations.dual import Correlation, ExpansionPoint
from ntkcalc.activations.formula.gauss_hermite import gauss_hermite
from ntkcalc.activations.formula.integrand import Integrand, size_and_reach
from ntkcalc.activations.formula.node_sums import work_of_values
from ntkcalc.activations.formula.quadrature import on_line
from ntkcalc.activations.work_budget import WorkBudget
from ntkcalc.errors import AccuracyError
from ntkcalc.numerics.precision import Real, context, from_mpfr, mpfr_context, mpfr_log2, to_mpfr

_LENGTHS = [math.ceil(12 * 2 ** (i / 2)) for i in range(13)]
"""Of inner rules."""

_PLACES = (0.1, 0.9, 1.7, 2.9)  # at which inner rules are tried
_SPARE = 48  # bits that roundings may take
_ATTEMPTS = 3  # at the bits that the last coefficient takes
_MOST_NODES = 1 << 16
_TERMS = 1000  # of a series that may be spent here


def coefficients_near_one(
    integrand: Integrand, point: ExpansionPoint, degree: int, bits: int, budget: WorkBudget
) -> list[Real]:
    """Return d_0 … d_degree, errors below 2**-bits times the least of them.

    Parameters
    ----------
    integrand
        φ, which is smooth.
    point
        a, and δ.
    degree
        The largest j.
    bits
        -log2 of the error.
    budget
        What may be spent.

    Raises
    ------
    AccuracyError
        Where two rules do not come to agree within that.
    """
    return _means(integrand, point, degree, bits, budget, mirrored=False)


def value_near_one(integrand: Integrand, t: Correlation, bits: int, budget: WorkBudget) -> tuple[Real, Real]:
    """Return D(t) and D'(t) for |t| next to 1, errors below 2**-bits times D(|t|) and D'(|t|).

    Raises
    ------
    AccuracyError
        Where two rules do not come to agree within what may be spent.
    """
    d, slope, mirrored, mirrored_slope = _means(integrand, t.size, 1, bits, budget, mirrored=True)
    delta = t.size.at(d.context)[1]
    return (d, slope / delta) if t.sign > 0 else (mirrored, mirrored_slope / delta)


def _means(
    integrand: Integrand, point: ExpansionPoint, degree: int, bits: int, budget: WorkBudget, mirrored: bool
) -> list[Real]:
    """Return the sums of `_LocalSums`, with the precision that the least of them takes."""
    budget.left(_TERMS)
    lost = 64.0
    for _ in range(_ATTEMPTS):
        width = 32 * math.ceil((bits + lost) / 32) + 32
        sums = _LocalSums(integrand, point, degree, bits, width, budget, mirrored)
        ctx = context(sums.precision)
        with mpfr_context(sums.precision):
            sums.choose()
            if sums.lost < lost:
                cells = integrand.cells(sums.reach, width, sums.scale)
                found = on_line(sums, width, 0, sums.reach, cells).sums(sums.left)
                return [ctx.ldexp(from_mpfr(ctx, d), 2 * sums.scale) for d in found]
        lost = sums.lost + 16
    raise sums.refusal(0, 0)


class _LocalSums:
    """Sums of m_j(±x)², φ in units of 2**scale; a `quadrature.Rule`, to be used in its precision.

    With `mirrored`, of 2 m_j(x) m_j(−x), too, and every sum is known to its own size, or that of its fellow.

    Attributes
    ----------
    enough
        The bits of the least sum, or of each, to which two rules must agree.
    lost
        By how many bits that is smaller than the largest, nearly.
    """

    def __init__(
        self,
        integrand: Integrand,
        point: ExpansionPoint,
        degree: int,
        bits: int,
        width: int,
        budget: WorkBudget,
        mirrored: bool,
    ) -> None:
        self._mirrored = mirrored
        self.integrand, self.degree, self.enough, self.width, self._budget = integrand, degree, bits, width, budget
        self.scale, self.reach = size_and_reach(integrand, width)
        self.precision = width + _SPARE
        ctx = context(self.precision)
        a, delta = point.at(ctx)
        with mpfr_context(self.precision):
            self._run, self._unit = integrand.phi(self.precision), gmpy2.exp2(mpfr(-self.scale))
            self._shares = gmpy2.sqrt(to_mpfr(a)), gmpy2.sqrt(to_mpfr(delta))
        self._sides = (1,) if integrand.sign else (1, -1)  # at which inner rules are tried
        self._effort = work_of_values(integrand, self.precision)
        self._lengths = (0, 0)
        self._calls, self.lost = 0, 0.0

    @property
    def left(self) -> int:
        """How many nodes there is time for yet."""
        return int(min(_MOST_NODES, self._budget.left(0) / self._work(self._lengths[1])))

    def _work(self, n: int) -> float:
        return n * (self._effort + self.degree * (0.15 + self.width / 6400))

    def choose(self) -> None:
        """Choose two lengths of inner rules that agree at some places."""
        share = float(self._shares[0])
        narrow = (x / share for x in self.integrand.cells(self.reach, self.width, self.scale).places())
        places = [mpfr(x) for x in (*_PLACES, *narrow)]
        i = next(i for i, n in enumerate(_LENGTHS) if n > self.degree + 4)
        before = [self._moments(side * x, _LENGTHS[i]) for x in places for side in self._sides]
        for shorter, longer in zip(_LENGTHS[i:], _LENGTHS[i + 1 :], strict=False):
            if self._budget.left(0) < _ATTEMPTS * len(before) * self._work(longer):
                break
            after = [self._moments(side * x, longer) for x in places for side in self._sides]
            bells = [gmpy2.exp(-x * x / 4) for x in places for _ in self._sides]
            apart = max(
                bell * abs(a - b)
                for bell, row, other in zip(bells, before, after, strict=True)
                for a, b in zip(row, other, strict=True)
            )
            least = max(bell * abs(row[-1]) for bell, row in zip(bells, after, strict=True))
            if least and mpfr_log2(apart) < -self.width:
                self._lengths, self.lost = (shorter, longer), 8 - 2 * mpfr_log2(least)
                return
            before = after
        raise self.refusal(0, 0)

    def _moments(self, x: Any, n: int) -> list[Any]:
        """Return m_0(x) … m_degree(x) by a rule of n nodes."""
        self._budget.spent += self._work(n)
        share, spread = self._shares
        nodes, rows = _table(n, self.degree, gmpy2.get_context().precision)
        values = [self._run(share * x + spread * z)[0] * self._unit for z in nodes]
        return [sum(map(mul, row, values), mpfr(0)) for row in rows]

    def over(self, nodes: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Return Σ w(x) dx (m_j(x)² + m_j(−x)²), j = 0 … degree; every other time by the longer inner rule."""
        n = self._lengths[self._calls % 2]
        self._calls += 1
        norm = 1 / gmpy2.sqrt(2 * gmpy2.const_pi())
        totals, products = [mpfr(0)] * (self.degree + 1), [mpfr(0)] * (self.degree + 1)
        for x, dx in nodes:
            weight = norm * dx * gmpy2.exp(-x * x / 2)
            right, left = self._on_both_sides(x, n)
            totals = [d + weight * (a * a + b * b) for d, a, b in zip(totals, right, left, strict=True)]
            if self._mirrored:
                products = [d + 2 * weight * a * b for d, a, b in zip(products, right, left, strict=True)]
        return totals + products if self._mirrored else totals

    def _on_both_sides(self, x: Any, n: int) -> tuple[list[Any], list[Any]]:
        """Return m_j(x) and m_j(−x)."""
        right = self._moments(x, n)
        if sign := self.integrand.sign:
            return right, [sign * (-1) ** j * m for j, m in enumerate(right)]
        return right, self._moments(-x, n)

    def agreement(self, a: Sequence[Any], b: Sequence[Any], whole: Sequence[Any]) -> float:
        """Return to how many bits of the least of the sums, or of each, two rules agree."""
        sizes = whole[: self.degree + 1]
        if not min(sizes) > 0:
            return 0.0
        sizes = [*sizes, *sizes] if self._mirrored else [min(sizes)] * len(sizes)
        return -mpfr_log2(max(abs(x - y) / size for x, y, size in zip(a, b, sizes, strict=True)))

    def unresolved(self, length: float, x: float, nodes: float) -> AccuracyError:
        """Say where φ varies too fast."""
        return AccuracyError(f"{self.integrand.text} varies within {length:.1g} near x = {x:.6g}")

    def refusal(self, nodes: int, agreed: float) -> AccuracyError:
        """Say how far it went."""
        return AccuracyError(f"local means of {self.integrand.text} agree to {agreed:.0f} bits with {nodes} nodes")


@lru_cache(maxsize=32)
def _table(n: int, degree: int, precision: int) -> tuple[list[Any], list[list[Any]]]:
    """Return the nodes z of a rule, and for each j what takes values there to E[φ h_j]."""
    rule = gauss_hermite(n, 64 * (precision // 64 + 1))
    rows, before, here = [], [mpfr(0)] * n, [mpfr(1)] * n
    for j in range(degree + 1):
        rows.append([w * h for (_, w), h in zip(rule, here, strict=True)])
        root, next_root = gmpy2.sqrt(mpfr(j)), gmpy2.sqrt(mpfr(j + 1))
        after = [(z * h - root * b) / next_root for (z, _), h, b in zip(rule, here, before, strict=True)]
        before, here = here, after
    return [z for z, _ in rule], rows
