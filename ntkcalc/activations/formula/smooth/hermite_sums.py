r"""Sums Σ_n c_n h_k(x_n) of normalised Hermite polynomials over the nodes of a rule, for all k ≤ K at once, in balls.

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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from flint import arb, arb_mat, arb_poly

from ntkcalc.activations.formula.expressions.balls import Ball, log2_upper, power_of_two, working_precision

_LN2 = math.log(2)
HALF_WIDTH = 2.0
"""U of blocks of nodes that are equally far apart."""
_CRAMER = 0.1199  # log2 of 1.0866, rounded up
_FIRST_WINDOW = 256  # degrees that share a scale of s: 0 … 255, 256 … 511, 512 … 1023, …


Nodes: TypeAlias = tuple[list[Ball], dict[int | None, tuple[list[Ball], list[Ball]]]]
"""Offsets u ≥ 0, and c of the nodes x_c + u and x_c − u by the k they are for: 0 for even, 1 for odd, None for all."""


@dataclass(frozen=True)
class Block:
    """Nodes near a centre."""

    middle: Ball  # x_c, exact
    width: float  # U
    nearest: float  # a lower bound on |x_n|, by which the bits are chosen that coefficients need
    nodes: Callable[[], Nodes]  # in the present precision
    log_size: float = 0.0  # log2 of by how much |c_n| may exceed ω(x_n)

    @property
    def place(self) -> float:
        """An upper bound on |x_c|."""
        return float(abs(self.middle).upper()) * (1 + 1e-12)


def hermite_sums(blocks: Iterable[Block], degree: int, need: float) -> list[Ball]:
    """Return balls of Σ_n c_n h_k(x_n) for k ≤ degree, radii of about 2**-need."""
    root, bits = math.sqrt(degree), math.ceil(need) + 16
    totals, left_out = [arb(0)] * (degree + 1), arb(0)
    for block in sorted(blocks, key=lambda block: block.nearest):  # of the most bits first, for rules are shared
        size = block.log_size + (block.place**2 / 4 - block.nearest**2 / 2) / _LN2
        goal = max(16.0, need + 12 + size)
        precision = math.ceil(goal + block.width * root / _LN2)
        with working_precision(precision):
            nodes = block.nodes()
            largest = max(log2_upper(sum(map(abs, right + left), arb(0))) for right, left in nodes[1].values())
            windows = _windows(block.width, degree, goal + max(0.0, largest))
            moments = _moments(block.width, nodes, max(window.terms for window in windows))
            centre = _centre(block.middle, degree, precision)
            parts = [_product(window, moments, centre) for window in windows]
        with working_precision(bits):
            for window, part in zip(windows, parts, strict=True):
                for k, value in zip(window.degrees, part, strict=True):
                    totals[k] += value
            rest = largest + block.place**2 / (4 * _LN2) + _CRAMER + max(window.log_rest for window in windows)
            left_out += power_of_two(rest)
    with working_precision(bits):
        factorial, found = arb(1), []
        for k, total in enumerate(totals):
            factorial *= max(k, 1)
            found.append(total * factorial.sqrt() + arb(0, left_out.abs_upper()))
    return found


def hermite_guard(degree: int, reach: float) -> float:
    """Return about the bits that radii take beyond those of values: like |h_k(ix)| to h_k(x), e^{x√k − x²/2}."""
    root = math.sqrt(degree)
    farthest = min(reach, root)
    return 16 + (farthest * root - farthest**2 / 2) / _LN2


def sums_work(count: int, reach: float, degree: int, need: float, kinds: int) -> float:
    """Return about the seconds that `hermite_sums` takes for one or both kinds of k, nodes between 0 and `reach`."""
    bits, blocks = need + HALF_WIDTH * math.sqrt(degree) / _LN2, reach / (2 * HALF_WIDTH) + 1
    value, sums = 1.2e-5 + 2e-11 * bits**2, 8e-11 * bits * min(bits, 2 * degree)  # of one node
    moments = count * (value + sums) * (1 + kinds) / 2
    return moments + degree * blocks * (3.5e-6 + 1.2e-8 * bits) * kinds


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


def _moments(width: float, nodes: Nodes, terms: int) -> dict[int | None, list[Ball]]:
    """Return M_p/p!, p < terms: with t = u/U, t² to the powers 0 … B − 1 times those to 0, B, 2B, …, in one product."""
    offsets, columns = nodes
    t = [u / width for u in offsets]
    squares, rows = [v * v for v in t], []
    baby = max(1, round(math.sqrt(terms / (4 * len(columns)))))
    powers = [[arb(1)] * len(t)]
    for _ in range(baby):
        powers.append([p * v for p, v in zip(powers[-1], squares, strict=True)])
    for right, left in columns.values():
        even = [a + b for a, b in zip(right, left, strict=True)]
        odd = [(a - b) * v for a, b, v in zip(right, left, t, strict=True)]
        rows += [[a * p for a, p in zip(part, power, strict=True)] for part in (even, odd) for power in powers[:baby]]
    giants = [powers[0]]
    while 2 * baby * len(giants) < terms:
        giants.append([p * v for p, v in zip(giants[-1], powers[baby], strict=True)])
    table = (arb_mat(rows) * arb_mat(giants).transpose()).table()
    factors = list(accumulate(range(1, terms), lambda f, p: f * width / p, initial=arb(1)))
    return {
        kind: [table[(2 * i + p % 2) * baby + p // 2 % baby][p // 2 // baby] * f for p, f in enumerate(factors)]
        for i, kind in enumerate(columns)
    }


def _centre(middle: Ball, degree: int, precision: int) -> list[Ball]:
    """Return He_k(x_c)/k! for k ≤ degree; the recurrence in balls loses as much as |h_k(i x_c)| is large."""
    root = math.sqrt(degree)
    far = min(float(abs(middle).upper()), 2 * root)
    with working_precision(precision + math.ceil((far * root - far**2 / 4) / _LN2) + 16):
        before, here, found = arb(0), arb(1), []
        for k in range(degree + 1):
            found.append(here)
            before, here = here, (middle * here - before) / (k + 1)
    return found


def _product(window: _Window, moments: dict[int | None, list[Ball]], centre: list[Ball]) -> list[Ball]:
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
        for i in range(len(found)) if kind is None else range((kind - first) % 2, len(found), 2):
            found[i] = product[first - start + i] / powers[first - start + i]
    return found
