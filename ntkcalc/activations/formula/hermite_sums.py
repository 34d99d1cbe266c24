r"""Sums Σ_n c_n h_k(x_n) over the nodes x_n = n·step of a trapezoidal rule, for all k ≤ K at once, in balls.

By the generating function, with x_n = x_c + u_n for the nodes near a centre x_c,

.. math::  \sum_k He_k(x) \frac{s^k}{k!} = e^{xs − s²/2}, \qquad
           \sum_n c_n \sum_k He_k(x_n) \frac{s^k}{k!} = \Big(\sum_p M_p \frac{s^p}{p!}\Big)
           \Big(\sum_k He_k(x_c) \frac{s^k}{k!}\Big), \qquad M_p = \sum_n c_n u_n^p.

The moments M_p are products of matrices, the right side a product of polynomials: FLINT does the work, and carries all
roundings. With |u_n| ≤ U terms exceed their sum by e^{U√K} at most, which tells the bits to add. All p ≥ P add at most

.. math::  1.0866 e^{x_c²/4} \sum_n |c_n| \sum_{p≥P} \frac{(U\sqrt K)^p}{p!},

for h_k^{(p)} = √(k!/(k−p)!) h_{k−p} and |h_k(x)| ≤ 1.0866 e^{x²/4} (Cramér).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from flint import arb, arb_mat, arb_poly

from ntkcalc.activations.formula.balls import Ball, log2_upper, power_of_two, working_precision
from ntkcalc.activations.formula.functions import Program

_LN2 = math.log(2)
_HALF_WIDTHS = (1.0, 2.0, 4.0)  # U that are worth a try
_CRAMER = 0.1199  # log2 of 1.0866, rounded up
_FIRST_WINDOW = 256  # degrees that share a scale of s: 0 … 255, 256 … 511, 512 … 1023, …


@dataclass(frozen=True)
class _Nodes:
    """The nodes (centre + m)·step, |m| ≤ half, all of them at or right of 0, with their mirror images."""

    centre: int
    half: int
    step: float

    @property
    def width(self) -> float:
        """U."""
        return self.half * self.step

    @property
    def middle(self) -> float:
        """x_c."""
        return self.centre * self.step


def hermite_sums(
    evaluator: Callable[[], Program],
    nodes: tuple[float, int],
    degree: int,
    need: float,
    kinds: Sequence[int] = (0, 1),
    parity: int = 0,
) -> list[Ball]:
    """Return balls of Σ_n step φ(x_n) h_k(x_n) ω(x_n), |n| ≤ count, for k ≤ degree, radii of about 2**-need.

    Parameters
    ----------
    evaluator
        Returns x ↦ [φ(x), …] in the present precision.
    nodes
        The step and the count.
    degree
        The last k.
    need
        −log2 of the radii.
    kinds
        0 for even k, 1 for odd k; the sums of other k are left as zeros.
    parity
        1 or −1 for an even or odd φ, else 0.
    """
    step, count = nodes
    width = min(_HALF_WIDTHS, key=lambda width: _work(width, nodes, degree, need, len(kinds)))
    half, root, bits = max(1, math.floor(width / step)), math.sqrt(degree), math.ceil(need) + 16
    totals, left_out = [arb(0)] * (degree + 1), arb(0)
    for first in range(0, count + 1, 2 * half + 1):
        block = _Nodes(first + half, half, step)
        # c_n e^{x_c²/4} is largest for the nodes next to 0
        goal = max(16.0, need + 12 + (block.middle**2 / 4 - (first * step) ** 2 / 2) / _LN2)
        precision = math.ceil(goal + block.width * root / _LN2)
        with working_precision(precision):
            columns = _columns(evaluator(), block, kinds, parity)
            largest = max(log2_upper(sum(map(abs, column), arb(0))) for column in columns.values())
            windows = _windows(block.width, degree, goal + max(0.0, largest))
            moments = _moments(block, columns, max(window.terms for window in windows))
            centre = _centre(block, degree, precision)
            parts = [_product(window, moments, centre) for window in windows]
        with working_precision(bits):
            for window, part in zip(windows, parts, strict=True):
                for k, value in zip(window.degrees, part, strict=True):
                    totals[k] += value
            rest = largest + block.middle**2 / (4 * _LN2) + _CRAMER + max(window.log_rest for window in windows)
            left_out += power_of_two(rest)
    with working_precision(bits):
        factorial, found = arb(1), []
        for k, total in enumerate(totals):
            factorial *= max(k, 1)
            found.append(arb(0) if k % 2 not in kinds else total * factorial.sqrt() + arb(0, left_out.abs_upper()))
    return found


def sums_work(nodes: tuple[float, int], degree: int, need: float, kinds: int) -> float:
    """Return about the seconds that `hermite_sums` takes for one or both kinds of k."""
    return min(_work(width, nodes, degree, need, kinds) for width in _HALF_WIDTHS)


def _work(width: float, nodes: tuple[float, int], degree: int, need: float, kinds: int) -> float:
    """Return the same for blocks of one half-width."""
    step, count = nodes
    bits, blocks = need + width * math.sqrt(degree) / _LN2, count * step / (2 * width) + 1
    moments = count * (1.2e-5 + 1e-10 * bits**2) * (1 + kinds) / 2
    return moments + degree * blocks * (3.5e-6 + 1.2e-8 * bits) * kinds


def _columns(run: Program, block: _Nodes, kinds: Sequence[int], parity: int) -> dict[int, list[Ball]]:
    """Return step ω(x) (φ(x) ± φ(−x)) at the nodes from left to right, by the parity of the k that they belong to."""
    even, odd = [], []
    step = arb(block.step)
    scale = step / (2 * arb.pi()).sqrt()
    for n in range(block.centre - block.half, block.centre + block.half + 1):
        x = n * step
        weight = scale * (-x * x / 2).exp()
        right = run(x)[0]
        left = (parity * right if parity else run(-x)[0]) if n else arb(0)
        even.append(weight * (right + left))
        odd.append(weight * (right - left))
    return {kind: (even, odd)[kind] for kind in kinds}


@dataclass(frozen=True)
class _Window:
    """Some degrees, with the number of moments that they need and log2 of what Σ_{p≥P} (U√K)^p/p! leaves out."""

    degrees: range
    terms: int
    log_rest: float


def _windows(width: float, degree: int, goal: float) -> list[_Window]:
    """Return windows of degrees with rests below 2**-goal."""
    found: list[_Window] = []
    while not found or found[-1].degrees.stop <= degree:
        first = found[-1].degrees.stop if found else 0
        degrees = range(first, min(max(2 * first, _FIRST_WINDOW), degree + 1))
        z = width * math.sqrt(degrees.stop - 1)
        terms = math.ceil(2 * z) + 1
        while terms < degrees.stop and _log_rest(z, terms) > -goal:
            terms += 8
        found.append(
            _Window(degrees, *((terms, _log_rest(z, terms)) if terms < degrees.stop else (degrees.stop, -math.inf)))
        )
    return found


def _log_rest(z: float, terms: int) -> float:
    """Return log2 of a bound on Σ_{p≥P} z^p/p! for P ≥ 2z: twice its first term."""
    return terms * math.log2(max(z, 1e-300)) - math.lgamma(terms + 1) / _LN2 + 1 + 1e-6


def _moments(block: _Nodes, columns: dict[int, list[Ball]], terms: int) -> dict[int, list[Ball]]:
    """Return M_p/p!, p < terms: with t = u/U, t² to the powers 0 … B − 1 times those to 0, B, 2B, …, in one product."""
    half, rows = block.half, []
    squares = [arb(m * m) / (half * half) for m in range(half + 1)]
    baby = max(1, round(math.sqrt(terms / (4 * len(columns)))))
    powers = [[arb(1)] * (half + 1)]
    for _ in range(baby):
        powers.append([p * s for p, s in zip(powers[-1], squares, strict=True)])
    for c in columns.values():
        even = [c[half], *(c[half + m] + c[half - m] for m in range(1, half + 1))]
        odd = [(c[half + m] - c[half - m]) * m / half for m in range(half + 1)]
        rows += [[a * p for a, p in zip(part, power, strict=True)] for part in (even, odd) for power in powers[:baby]]
    giants = [powers[0]]
    while 2 * baby * len(giants) < terms:
        giants.append([p * s for p, s in zip(giants[-1], powers[baby], strict=True)])
    table = (arb_mat(rows) * arb_mat(giants).transpose()).table()
    found: dict[int, list[Ball]] = {}
    for i, kind in enumerate(columns):
        factor, found[kind] = arb(1), []
        for p in range(terms):
            factor *= arb(block.width) / p if p else 1
            giant, place = divmod(p // 2, baby)
            found[kind].append(table[(2 * i + p % 2) * baby + place][giant] * factor)
    return found


def _centre(block: _Nodes, degree: int, precision: int) -> list[Ball]:
    """Return He_k(x_c)/k! for k ≤ degree; the recurrence in balls loses as much as |h_k(i x_c)| is large."""
    root = math.sqrt(degree)
    far = min(block.middle, 2 * root)
    with working_precision(precision + math.ceil((far * root - far**2 / 4) / _LN2) + 16):
        x = block.centre * arb(block.step)
        before, here, found = arb(0), arb(1), []
        for k in range(degree + 1):
            found.append(here)
            before, here = here, (x * here - before) / (k + 1)
    return found


def _product(window: _Window, moments: dict[int, list[Ball]], centre: list[Ball]) -> list[Ball]:
    """Return the coefficients of s^k for the degrees of a window, scaled so that they are of about one size."""
    first, last = window.degrees[0], window.degrees[-1]
    start = max(0, first - window.terms + 1)
    scale = max(1, round(math.sqrt((first + last) / 2)))
    powers = list(accumulate(range(max(last - start, window.terms)), lambda p, _: p * scale, initial=arb(1)))
    outer = arb_poly([c * p for c, p in zip(centre[start : last + 1], powers, strict=False)])
    found: list[Ball] = [arb(0)] * len(window.degrees)
    for kind, row in moments.items():
        inner = arb_poly([m * p for m, p in zip(row[: window.terms], powers, strict=False)])
        product = inner * outer
        for i in range((kind - first) % 2, len(found), 2):
            found[i] = product[first - start + i] / powers[first - start + i]
    return found
