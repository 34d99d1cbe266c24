r"""What the Hermite series has beyond K, from bounds on derivatives.

By Cauchy's formula :math:`\sum_k k(k−1)…(k−m+1) µ_k² = E[φ^{(m)}(Z)²] ≤ C_m = (m!/b^m)² N⁺(b)` for every m, and so

.. math::  \sum_{k>K} µ_k² \binom kj δ^j ≤ δ^j C_m \frac{\binom{K+1}j}{(K+1)_m}, \qquad
           S_i ≤ \frac{C_m}{(i+1)_m}, \qquad S'_{i+1} ≤ \frac{C_m}{(i+1)_{m−1}},

with (k)_m the falling factorial and m > j + 2. The best m is next to b√K.
"""

from __future__ import annotations

import math

from ntkcalc.numerics.precision import log_factorial, log_falling


class Tails:
    """Bounds on what is left of expansions, from heights b with log2 N⁺(b)."""

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

    def coefficient(self, terms: int, j: int, log_delta: float) -> float:
        """Return log2 of a bound on what k > terms adds to d_j."""
        k = terms + 1
        logs = (
            c + log_factorial(k) - log_factorial(j) - log_factorial(k - j) - log_falling(k, m)
            for m, c in self._orders(terms, j + 3)
        )
        return j * log_delta + min(logs, default=math.inf) + 1e-6 * k

    def beyond(self, terms: int, slope: int) -> float:
        """Return log2 of a bound on S_K or S'_K, K = terms: C_m/(K + 1)_m or C_m/(K)_{m−1}."""
        logs = (c - log_falling(terms + 1 - slope, m - slope) for m, c in self._orders(terms, 3))
        return min(logs, default=math.inf) + 1e-6 * terms

    def tail(self, terms: int, j: int, log_delta: float, slope: bool) -> float:
        """Return log2 of a bound on what i > terms adds to q_j, or i ≥ terms to q̇_j δ.

        Σ_{i≥n} (i)_j/(i+1)_m ≤ Σ_{i≥n} 1/(i − j)_p with p = m − 1 − j, which is 1/((p − 1)(n − j − 1)_{p−1}).
        """
        first = terms if slope else terms + 1
        logs = []
        for m, c in self._orders(terms, j + 5):
            p = m - 1 - j - slope
            logs.append(c - math.log2(p - 1) - log_falling(first - j - 1, p - 1))
        return (j + 1) * log_delta - log_factorial(j) + min(logs, default=math.inf) + 1e-6 * terms

    def local(self, degree: int, log_delta: float, slope: bool) -> float:
        """Return log2 of a bound on Σ_{i>degree} d_i, or of Σ_{i>degree} (i + 1) d_{i+1}/δ.

        With n = degree + 1 they are at most δ^n/n! times E[φ^{(n)}²], or E[φ^{(n+1)}²]: the chance of n hits or more.
        """
        n = degree + 1
        m = n + slope
        logs = (2 * log_factorial(m) - 2 * m * math.log2(b) + size for b, size in self.bounds)
        return n * log_delta - log_factorial(n) + min(logs, default=math.inf) + 1e-6
