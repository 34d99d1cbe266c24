"""Quadrature rules on [−1, 1] to any precision, as numbers of MPFR."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import gmpy2


@lru_cache(maxsize=64)
def gauss_legendre(n: int, bits: int) -> list[tuple[Any, Any]]:
    """Return nodes and weights of Gauss–Legendre quadrature on [−1, 1], n ≥ 2.

    Notes
    -----
    Newton's method from Tricomi's formula: in 64 bits until it settles, then every step in twice the precision of the
    one before. The last step gives the weight too: P_n' moves on by its own derivative, which Legendre's differential
    equation knows.
    """
    steps = [bits + 16]
    while steps[0] > 120:
        steps.insert(0, steps[0] // 2 + 8)
    pairs = []
    for k in range((n + 1) // 2, 0, -1):
        angle = math.pi * (4 * k - 1) / (4 * n + 2)
        x = gmpy2.mpfr((1 - (n - 1) / (8 * n**3)) * math.cos(angle))
        for _ in range(8):
            x, move, weight = _newton(n, x, 64)
            if abs(move) < 1e-12:
                break
        for precision in steps:
            x, _, weight = _newton(n, x, precision + 16)
        pairs.append((x, weight))
    with gmpy2.context(precision=bits + 32):
        return [(-x, w) for x, w in reversed(pairs[n % 2 :])] + pairs


def _newton(n: int, x: Any, precision: int) -> tuple[Any, Any, Any]:
    """Return a better node, the step to it, and its weight."""
    with gmpy2.context(precision=precision):
        value, slope = _legendre(n, x)
        move = -value / slope
        slope += move * (2 * x * slope - n * (n + 1) * value) / (1 - x * x)
        x = x + move
        return x, move, 2 / ((1 - x * x) * slope * slope)


def _legendre(n: int, x: Any) -> tuple[Any, Any]:
    """Return P_n(x) and P_n'(x)."""
    before, here = gmpy2.mpfr(1), x
    for k in range(1, n):
        before, here = here, ((2 * k + 1) * x * here - k * before) / (k + 1)
    return here, n * (before - x * here) / (1 - x * x)


@lru_cache(maxsize=16)
def tanh_sinh(n: int, bits: int) -> list[tuple[Any, Any]]:
    """Return nodes and weights of tanh-sinh quadrature on [−1, 1]: x = tanh(π/2 sinh u), u evenly spaced."""
    with gmpy2.context(precision=bits + 16):
        half_pi = gmpy2.const_pi() / 2
        end = gmpy2.asinh(bits * gmpy2.log(gmpy2.mpfr(2)) / (2 * half_pi))  # where cosh^−2 falls below 2^−bits
        step, pairs = 2 * end / (n - 1), []
        for j in range(n):
            u = -end + j * step
            inner = half_pi * gmpy2.sinh(u)
            pairs.append((gmpy2.tanh(inner), step * half_pi * gmpy2.cosh(u) / gmpy2.cosh(inner) ** 2))
    return pairs
