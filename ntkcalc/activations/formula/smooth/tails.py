r"""What the Hermite series has beyond K, from bounds on derivatives.

By Cauchy's formula :math:`\sum_k k(k−1)…(k−m+1) µ_k² = E[φ^{(m)}(Z)²] ≤ C_m = (m!/b^m)² N(b)` for every m, and so

.. math::  S_K ≤ \frac{C_m}{(K+1)_m}, \qquad S'_K ≤ \frac{C_m}{(K)_{m−1}},

with (k)_m the falling factorial. The best m is next to b√K.
"""

from __future__ import annotations

import math

from ntkcalc.numerics.precision import log_factorial, log_falling


class Tails:
    """Bounds on what is left of expansions, from heights b with log2 N(b)."""

    def __init__(self, bounds: list[tuple[float, float]]) -> None:
        self.bounds = bounds

    def _orders(self, terms: int, least: int) -> list[tuple[int, float]]:
        """Return orders m with log2 C_m, that are worth a try."""
        found = []
        for b, size in self.bounds:
            for share in (1.0, 0.8, 0.6):
                m = max(least, round(share * b * math.sqrt(terms)))
                if m < terms - least:
                    found.append((m, 2 * log_factorial(m) - 2 * m * math.log2(b) + size))
        return found

    def beyond(self, terms: int, slope: int) -> float:
        """Return log2 of a bound on S_K or S'_K, K = terms: C_m/(K + 1)_m or C_m/(K)_{m−1}."""
        logs = (c - log_falling(terms + 1 - slope, m - slope) for m, c in self._orders(terms, 3))
        return min(logs, default=math.inf) + 1e-6 * terms
