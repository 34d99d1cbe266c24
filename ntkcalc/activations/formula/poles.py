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

The ratios r_k = I_{k+1}/I_k obey r_k = (k + 1)/(w + r_{k+1}), a contraction. They grow with k by the Cauchy–Schwarz
inequality, whence r_k ≤ u_k with u_k² + w u_k = k + 1, and r_k ≥ (k + 1)/(w + u_{k+1}). Only k of one parity count,
for which R_k = I_{k+2}/I_k obey R_{k−2} = k(k − 1)/(w² + 2k + 1 − R_k), as much of a contraction as two steps of r_k.
"""

from __future__ import annotations

import math
from bisect import bisect_left

from flint import arb

from ntkcalc.activations.formula.balls import Ball, rational, refined, widened, working_precision
from ntkcalc.activations.formula.ladder import Ladder
from ntkcalc.activations.formula.strip import Analytic
from ntkcalc.activations.formula.trapezoid import Line

_LN2 = math.log(2)
_MOST_POLES = 64
_FIRST = 64  # least k of a sum over poles
_CHUNK = 128  # numbers of terms that share a precision
_STEP = 3e-6  # seconds of one ratio and what becomes of it


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
        """Return the seconds, and from which k on 1, 2, … poles are enough; kept."""
        if (degree, need) not in self._plans:
            self._plans[degree, need] = self._cheapest(degree, need)
        return self._plans[degree, need]

    def _cheapest(self, degree: int, need: float) -> tuple[float, list[int]]:
        """Return the same, computed."""
        best: tuple[float, list[int]] = super().hermite_work(degree, need), []
        firsts: list[int] = []
        ratios, end = 0, degree + 1
        for count in range(1, _MOST_POLES + 1):
            ratios += _start((2 * count - 1) * self.ladder.distance, end, need)
            firsts.append(end := self._enough(count, degree, need + 2))
            if end > degree:
                continue
            work = super().hermite_work(firsts[-1], need) + ratios * _STEP * (1 + need / 1000)
            if work < best[0]:
                best = work, firsts.copy()
            elif work > 2 * best[0] or firsts[-1] == _FIRST:
                break
        return best

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
        first, order = firsts[-1], self.ladder.order

        def sums(guard: float) -> list[Ball]:
            totals = [arb(0)] * (degree + 1 - first)
            for n, end in enumerate([degree + 1, *firsts[:-1]]):
                if end > first:
                    self._add(n, first - order, min(end, degree + 1) - order, need + guard, totals)
            return self._normalised(totals, first, need, guard)

        return refined(sums, need, 40.0, "rounding leaves no digits of what poles add")

    def _normalised(self, totals: list[Ball], first: int, need: float, guard: float) -> list[Ball]:
        """Return totals over √k!, k from the first, with the error of the poles that are left out."""
        factorial, found, rest = arb(1), [], widened(arb(0), -need - 2)
        with working_precision(math.ceil(need + guard)):
            factorial = arb(first - 1).fac()
        for chunk in _chunks(range(first, first + len(totals))):
            with working_precision(_precision(float(self._height(0)), chunk[0], need + guard)):
                for k in chunk:
                    factorial *= k
                    total = totals[k - first]
                    found.append(total if total.is_zero() else total * factorial.rsqrt() + rest)
        return found

    def _add(self, n: int, first: int, end: int, bits: float, totals: list[Ball]) -> None:
        """Add 2 Re ρ_n i(−i)^k I_k(y_n) for first ≤ k < end, with an error of 2**-bits √k! or so."""
        height, nearest = float(self._height(n)), float(self._height(0))
        parity = 0 if self.ladder.linear else 1  # for k of the other one they are 0
        with working_precision(math.ceil(bits)):
            w = self._height(n)
            top, ratio = _double_ratio(w, *_narrow_ratio(w, _start(height, end, bits), end), parity)
            terms, square = [self._term(n, k) for k in range(4)], w * w + 1
            value = (arb.pi() / 2).sqrt() * (w * w / 2).exp() * (w / arb(2).sqrt()).erfc()
        ratios = []
        for chunk in _chunks(range(parity, top + 1, 2))[::-1]:
            with working_precision(_precision(height, chunk[0], bits)):
                for k in reversed(chunk):  # ratio is R_k
                    if k < end:
                        ratios.append(ratio)
                    ratio = k * (k - 1) / (square + 2 * k - ratio)
        ratios.reverse()
        if parity:  # I_1 from I_0 and R_1
            with working_precision(_precision(height, 0, bits)):
                value *= w / (square + 1 - ratios[0])
        for chunk in _chunks(range(parity, end, 2)):
            found = []
            with working_precision(_precision(height, chunk[0], bits)):
                for k in chunk:
                    if k >= first:
                        found.append((k - first, terms[k % 4] * value))
                    value *= ratios[k // 2]
            with working_precision(_precision(nearest, chunk[0], bits)):
                for place, term in found:
                    totals[place] += term


def _double_ratio(w: Ball, k: int, ratio: Ball, parity: int) -> tuple[int, Ball]:
    """Return the first j < k of a parity, and R_j = r_j r_{j+1}, from r_k."""
    below = k / (w + ratio)
    if (k - 1) % 2 == parity:
        return k - 1, below * ratio
    return k - 2, (k - 1) / (w + below) * below


def _narrow_ratio(w: Ball, start: int, end: int) -> tuple[int, Ball]:
    """Return a k from `start` down to `end`, and r_k to 24 bits where there is one.

    Its two bounds are taken down apart: where balls are wide, FLINT's division adds more than one step takes away.
    """
    low, high = (start + 1) / (w + _larger_root(w, start + 2)), _larger_root(w, start + 1)
    while start > end and high - low > low * 2.0**-24:
        low, high = start / (w + high), start / (w + low)
        start -= 1
    return start, low.union(high)


def _chunks(numbers: range) -> list[range]:
    """Return parts of a range that share a precision."""
    return [numbers[i : i + _CHUNK] for i in range(0, len(numbers), _CHUNK)]


def _precision(w: float, k: int, bits: float) -> int:
    """Return the bits that I_k(w)/√k!, of about e^{w²/4 − w√k}, takes for an error of 2**-bits."""
    return max(64, math.ceil(bits + (w * w / 4 - w * math.sqrt(k)) / _LN2))


def _larger_root(w: Ball, square: int) -> Ball:
    """Return the positive u with u² + wu = `square`."""
    return 2 * square / (w + (w * w + 4 * square).sqrt())


def _start(w: float, end: int, bits: float) -> int:
    """Return a k such that errors of r_k, contracted by e^{−2w√k}, are below 2**-bits of 1/I_k(w) at `end`."""
    root = math.sqrt(end)
    left = max(bits * _LN2 - w * root, 32.0)
    return math.ceil((root + left / (2 * w)) ** 2) + 8
