"""Quadrature rules on [−1, 1] to any precision, and an integral by one, as numbers of MPFR."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import gmpy2


@lru_cache(maxsize=64)
def gauss_legendre(n: int, bits: int) -> list[tuple[Any, Any]]:
    """Return nodes and weights of Gauss–Legendre quadrature on [−1, 1], n ≥ 2.

    Notes
    -----
    From node to node by the Taylor series of P_n, whose coefficients Legendre's differential equation gives, and by
    Newton's method in that series (Glaser, Liu and Rokhlin, 2007): far fewer operations than n a node.
    """
    with gmpy2.context(precision=bits + 32 + 2 * n.bit_length()):
        x, half = gmpy2.mpfr(0), gmpy2.mpfr(math.prod(range(1, n, 2) if n % 2 == 0 else range(3, n + 1, 2)))
        half /= math.prod(range(2, n + 1, 2))  # |P_n(0)|, or |P_n'(0)| where n is odd
        value, slope = (half, gmpy2.mpfr(0)) if n % 2 == 0 else (gmpy2.mpfr(0), half)
        pairs = [] if n % 2 == 0 else [(x, 2 / slope**2)]
        for k in range(n // 2, 0, -1):
            angle = math.pi * (4 * k - 1) / (4 * n + 2)  # Tricomi's formula
            x, slope = _next_node(n, x, value, slope, (1 - (n - 1) / (8 * n**3)) * math.cos(angle))
            value = gmpy2.mpfr(0)
            pairs.append((x, 2 / ((1 - x * x) * slope * slope)))
        return [(-x, w) for x, w in reversed(pairs[n % 2 :])] + pairs


def _next_node(n: int, x: Any, value: Any, slope: Any, guess: float) -> tuple[Any, Any]:
    """Return the zero of P_n near a guess, and P_n' there, from P_n and P_n' at x."""
    step, least = guess - x, gmpy2.exp2(-gmpy2.get_context().precision)
    series = _taylor(n, x, value, slope, step, least)
    s, rough = 1.0, [float(c) for c in series]
    for _ in range(3):
        f, rise = _horner(rough, s, 0.0)
        s -= f / rise
    s = gmpy2.mpfr(s)
    for bits in newton_precisions(gmpy2.get_context().precision):
        enough = next((m for m in range(len(series), 1, -1) if gmpy2.get_exp(series[m - 1]) > -bits - 8), 2)
        with gmpy2.context(gmpy2.get_context(), precision=bits):
            f, rise = _horner(series[:enough], s, gmpy2.mpfr(0))
            move = f / rise
        if move * move < least:
            break
        s -= move
    node = x + step * s
    rise = rise / step  # P_n' at the last but one s, moved on by (1 − x²) P_n'' = 2x P_n' − n(n + 1) P_n
    rise -= move * step * (2 * node * rise - n * (n + 1) * f) / (1 - node * node)
    return node - move * step, rise


def newton_precisions(bits: int) -> Iterator[int]:
    """Yield the precisions of Newton's method from 2**-40 on, the last one again and again."""
    precision = 96
    while precision < bits:
        yield precision
        precision = 2 * precision - 16
    while True:
        yield bits


def _taylor(n: int, x: Any, value: Any, slope: Any, step: Any, least: Any) -> list[Any]:
    """Return a_m, P_n(x + step · s) = Σ a_m s^m, as far as they count."""
    series = [value, slope * step]
    gap = 1 - x * x
    first, second = 2 * x * step / gap, step * step / gap
    for m in range(n - 1):
        series.append(
            (first * ((m + 1) ** 2) * series[-1] + second * (m * (m + 1) - n * (n + 1)) * series[-2])
            / ((m + 1) * (m + 2))
        )
        if max(abs(series[-1]), abs(series[-2])) < least:
            break
    return series


def _horner(series: list[Any], s: Any, zero: Any) -> tuple[Any, Any]:
    """Return Σ a_m s^m and its derivative."""
    value = slope = zero
    for c in reversed(series):
        slope = slope * s + value
        value = value * s + c
    return value, slope


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
