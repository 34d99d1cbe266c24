"""Sums Σ c h_k(x) of normalised Hermite polynomials over nodes x with coefficients c, for k = 0, 1, …, in balls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from operator import mul

from flint import arb

from ntkcalc.activations.formula.balls import Ball, working_precision

_LN2 = math.log(2)


def hermite_guard(degree: int, reach: float) -> float:
    """Return about the bits that radii take beyond those of values: they grow like |h_k(ix)| ω(x), e^{x√k − x²/4}."""
    root = math.sqrt(degree)
    farthest = min(reach, 2 * root)
    return 16 + 0.92 * (farthest * root - farthest**2 / 4) / _LN2


def panel_sums(nodes: Sequence[tuple[Ball, Ball, float]], degree: int, bits: float) -> list[Ball]:
    """Return the sums for k = 0 … degree.

    Parameters
    ----------
    nodes
        Nodes, their coefficients, and the precision in which each is computed; equal precisions are neighbours.
    degree
        The last k.
    bits
        The precision of the sums.
    """
    totals = [arb(0)] * (degree + 1)
    for own, group in groupby(nodes, key=lambda node: node[2]):
        rows = list(group)
        with working_precision(math.ceil(own)):
            parts = _sums([x for x, _, _ in rows], [c for _, c, _ in rows], degree)
        with working_precision(math.ceil(bits)):
            totals = [t + p for t, p in zip(totals, parts, strict=True)]
    with working_precision(math.ceil(bits)):
        return normalised(totals)


def normalised(sums: Sequence[Ball]) -> list[Ball]:
    """Return Σ c h_k(x) from Σ c He_k(x), k = 0, 1, …, in the present precision."""
    factorial, found = arb(1), []
    for k, total in enumerate(sums):
        factorial *= max(k, 1)
        found.append(total * factorial.rsqrt())
    return found


def _sums(x: list[Ball], c: list[Ball], degree: int) -> list[Ball]:
    """Return Σ c He_k(x), k = 0 … degree."""
    before, here = [arb(0)] * len(x), [arb(1)] * len(x)
    found, zero = [], arb(0)
    for k in range(degree + 1):
        found.append(sum(map(mul, c, here), zero))
        before, here = here, [v * h - k * b for v, h, b in zip(x, here, before, strict=True)]
    return found
