r"""Hermite coefficients for large k of tanh, sigmoid, silu and softplus, from their poles on the imaginary axis.

With :math:`I_k(w) = \int_0^∞ s^k e^{−s²/2 − sw} ds`, h_k ω is 2 Re of :math:`K_k(x) = (−i)^k I_k(−ix)/(2π\sqrt{k!})` on
the real line. Two integrations by parts and the residue theorem give, for poles iy_n with residues ρ_n,

.. math::  µ_k = 2 \mathrm{Re} \sum_{y_n < y} ρ_n i(−i)^k I_k(y_n)/\sqrt{k!} + ε, \qquad
           |ε| ≤ 2 \sqrt{(k−2)!/k!} \, ‖φ''(· + iy)‖_2 \, ‖K_{k−2}(· + iy)‖_2,

and by Plancherel and because 2j ln s − s² − 2sy has a second derivative below −2, with its largest value at s_*,

.. math::  ‖K_j(· + iy)‖_2^2 = \frac{1}{2π j!} \int_0^∞ s^{2j} e^{−s² − 2sy} ds
                             ≤ \frac{\sqrt π}{2π j!} s_*^{2j} e^{−s_*² − 2 s_* y}.

On the lines Im u = y half-way between poles tanh and sigmoid take the values that they have on the real line, so that
there ‖tanh''‖² = 16/15, ‖σ''‖² = 1/30, ‖σ'‖² = 1/6, and ‖(uσ)''‖ ≤ 2‖σ'‖ + ‖xe^{−|x|}‖ + y‖σ''‖: all below 2 + y.

With one more integration by parts k I_{k−1} = I_{k+1} + w I_k, a sum of positive terms, by which balls keep their
relative accuracy from the largest k down. There Taylor's series in w serves; its terms are those of I_k(−w), which is
at most e^{w√(w² + 4k)} I_k(w):

.. math::  I_k(w) = 2^{(k−1)/2} \Big(Γ(\tfrac{k+1}2) \, {}_1F_1(\tfrac{k+1}2; \tfrac12; \tfrac{w²}2)
                    − \sqrt2 w Γ(\tfrac k2 + 1) \, {}_1F_1(\tfrac k2 + 1; \tfrac32; \tfrac{w²}2)\Big).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from operator import mul

from flint import arb

from ntkcalc.activations.formula.expressions.balls import Ball, rational, refined, widened, working_precision
from ntkcalc.activations.formula.ladder import Ladder
from ntkcalc.activations.formula.smooth.strip import Analytic
from ntkcalc.activations.formula.smooth.trapezoid import Line

_LN2 = math.log(2)
_MOST_POLES = 64
_FIRST = 64  # least k of a sum over poles
_STEP, _POLE = 1.2e-6, 5e-3  # seconds of one I_k and what becomes of it, and of the first ones of a pole


class PoleLine(Line):
    """Sums over the real line of φ; Hermite coefficients for large k from its poles."""

    def __init__(self, phi: Analytic, ladder: Ladder) -> None:
        super().__init__(phi)
        self.ladder = ladder
        self._low: tuple[float, list[Ball]] = 0.0, []  # from the line, with −log2 of their radii
        self._plans: dict[tuple[int, float], tuple[float, list[int]]] = {}

    def hermite_work(self, degree: int, need: float) -> float:
        """Return about the seconds that `hermite` takes."""
        return self._plan(degree, need)[0]

    def hermite(self, degree: int, need: float) -> list[Ball]:
        """Return balls of µ_0 … µ_degree with radii below 2**-need."""
        firsts = self._plan(degree, need)[1]
        if not firsts:
            return super().hermite(degree, need)
        if self._low[0] < need or len(self._low[1]) < firsts[-1]:
            rounded = 128.0 * math.ceil(need / 128)  # which serves the next demands too
            self._low = rounded, super().hermite(firsts[-1] + firsts[-1] // 4, rounded)
        return self._low[1][: firsts[-1]] + self._from_poles(firsts, degree, need)

    def _plan(self, degree: int, need: float) -> tuple[float, list[int]]:
        """Return the seconds, and from which k on 1, 2, … poles are enough, none where the line is faster; kept."""
        if (degree, need) not in self._plans:
            best: tuple[float, list[int]] = super().hermite_work(degree, need), []
            firsts: list[int] = []
            while len(firsts) < _MOST_POLES and (not firsts or firsts[-1] > _FIRST):
                firsts = [*firsts, self._enough(len(firsts) + 1, degree, need + 2)]
                if firsts[-1] <= degree:
                    steps = sum(end - firsts[-1] for end in (degree + 1, *firsts))
                    poles = (steps * _STEP + len(firsts) * _POLE) * (1 + need / 1000)
                    work = super().hermite_work(firsts[-1], need) + poles
                    if work > 2 * best[0]:
                        break
                    best = min(best, (work, firsts))
            self._plans[degree, need] = best
        return self._plans[degree, need]

    def _height(self, n: int) -> Ball:
        """Return y_n."""
        return (2 * n + 1) * rational(self.ladder.first) * arb.pi() / rational(self.ladder.steepness).sqrt()

    def _term(self, n: int, k: int) -> Ball:
        """Return 2 Re ρ_n i(−i)^k, an exact 0 for k of one parity."""
        residue = rational(self.ladder.amplitude)
        if self.ladder.linear:
            residue *= self._height(n)
        elif not self.ladder.order:
            residue /= rational(self.ladder.steepness).sqrt()
        # i(−i)^k is i, 1, −i, −1; times i for residues that are imaginary
        return 2 * residue * ((-1, 0, 1, 0) if self.ladder.linear else (0, 1, 0, -1))[k % 4]

    def _log_rest(self, count: int, k: int) -> float:
        """Return log2 of a bound on what all but some poles add to µ_k, k ≥ 3."""
        slope, y, j = math.sqrt(self.ladder.steepness), 2 * count * self.ladder.distance, k - 2
        place = 2 * j / (y + math.sqrt(y * y + 4 * j))
        power = 2 * j * math.log(place) - place * (place + 2 * y) - math.lgamma(j + 1)
        norm = math.log2(self.ladder.amplitude) + 1.5 * math.log2(slope) + math.log2(2 + slope * y)
        return 1 - math.log2(k * (k - 1)) / 2 + norm + (power / _LN2 - 1.8256) / 2 + 1e-3

    def _enough(self, count: int, degree: int, need: float) -> int:
        """Return the least k from which on so many poles leave less than 2**-need, degree + 1 where there is none."""
        return bisect_left(range(degree + 1), True, lo=_FIRST, key=lambda k: self._log_rest(count, k) < -need)

    def _from_poles(self, firsts: list[int], degree: int, need: float) -> list[Ball]:
        """Return µ_k, k from the last of `firsts` to the degree, of n poles where those from n on add nothing."""
        first, order, rest = firsts[-1], self.ladder.order, widened(arb(0), -need - 2)

        def sums(guard: float) -> list[Ball]:
            totals = [arb(0)] * (degree + 1 - first)
            for n, end in enumerate([degree + 1, *firsts[:-1]]):
                if end > first:
                    self._add(n, first - order, min(end, degree + 1) - order, need + guard, totals)
            with working_precision(self._precision(first, need + guard)):
                factorials = accumulate(range(first + 1, degree + 1), mul, initial=arb(first).fac())
                return [t if t.is_zero() else t * f.rsqrt() + rest for t, f in zip(totals, factorials, strict=True)]

        return refined(sums, need, 40.0, "rounding leaves no digits of what poles add")

    def _add(self, n: int, first: int, end: int, bits: float, totals: list[Ball]) -> None:
        """Add 2 Re ρ_n i(−i)^k I_k(y_n) for first ≤ k < end, with an error of 2**-bits √k! or so."""
        precision = self._precision(first, bits)
        with working_precision(precision):
            terms = [self._term(n, k) for k in range(4)]
            for k, value in self._integrals(n, first, end - 1, precision):
                if term := terms[k % 4]:
                    totals[k - first] += term * value

    def _integrals(self, n: int, first: int, last: int, precision: int) -> Iterator[tuple[int, Ball]]:
        """Yield k and I_k(y_n) from the last k down to the first one."""
        height = float(self._height(n))
        lost = height * math.sqrt(height**2 + 4 * (last + 1)) / _LN2
        with working_precision(precision + math.ceil(lost)):
            w = self._height(n)
            after, value = (_integral(k, w) for k in (last + 1, last))
        for k in range(last, first - 1, -1):
            yield k, value
            after, value = value, (after + w * value) / max(k, 1)

    def _precision(self, k: int, bits: float) -> int:
        """Return the bits that I_k(y_0)/√k!, of about e^{w²/4 − w√k}, takes for an error of 2**-bits."""
        w = float(self._height(0))
        return max(64, math.ceil(bits + (w * w / 4 - w * math.sqrt(k)) / _LN2))


def _integral(k: int, w: Ball) -> Ball:
    """Return I_k(w)."""
    half, z = arb(1) / 2, w * w / 2
    even = (half * (k + 1)).gamma() * z.hypgeom_1f1(half * (k + 1), half)
    odd = (half * k + 1).gamma() * z.hypgeom_1f1(half * k + 1, 3 * half)
    return arb(2) ** (half * (k - 1)) * (even - arb(2).sqrt() * w * odd)
