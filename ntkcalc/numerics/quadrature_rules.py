"""Quadrature rules on [−1, 1] to any precision, and an integral by one, as numbers of MPFR."""

from __future__ import annotations

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
    for bits in _doublings(gmpy2.get_context().precision):
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


def _doublings(bits: int) -> Iterator[int]:
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


@lru_cache(maxsize=32)
def gauss_hermite(n: int, bits: int) -> list[tuple[Any, Any]]:
    """Return nodes and weights of the rule of n ≥ 2 nodes for means over the normal law.

    Notes
    -----
    By Newton's method: h_n' = √n h_{n−1}, h_k the normalised Hermite polynomials; the weights are 1/(n h_{n−1}²).
    """
    from scipy.special import roots_hermitenorm

    pairs: list[tuple[Any, Any]] = []
    with gmpy2.context(precision=bits + 32 + 2 * n.bit_length()):
        roots = [gmpy2.sqrt(gmpy2.mpfr(k)) for k in range(n + 1)]
        for guess in roots_hermitenorm(n)[0][n // 2 :].tolist():
            x = gmpy2.mpfr(guess if n % 2 == 0 or pairs else 0)
            for precision in _doublings(gmpy2.get_context().precision):
                with gmpy2.context(gmpy2.get_context(), precision=precision):
                    before, value = _last_two(x, roots)
                    move = value / (roots[n] * before)
                    x -= move
                if precision == gmpy2.get_context().precision and abs(move) < gmpy2.exp2(-precision // 2) * (1 + x):
                    break
            pairs.append((x, 1 / (n * _last_two(x, roots)[0] ** 2)))
    return [(-x, w) for x, w in reversed(pairs[n % 2 :])] + pairs


def _last_two(x: Any, roots: list[Any]) -> tuple[Any, Any]:
    """Return h_{n−1}(x) and h_n(x), from √0 … √n."""
    before, here = gmpy2.mpfr(0), gmpy2.mpfr(1)
    for k in range(len(roots) - 1):
        before, here = here, (x * here - roots[k] * before) / roots[k + 1]
    return before, here


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


def erfc(x: Any) -> Any:
    r"""Return the complementary error function, several times faster than MPFR's where that is slow.

    Notes
    -----
    The trapezoidal rule, whose error is that of its next pole (Matta and Reichel, 1971), for x > 1:

    .. math::  erfc(x) = \frac{2hx}{π} e^{−x²} \left(\frac{1}{2x²} + \sum_{k≥1} \frac{e^{−k²h²}}{k²h² + x²}\right)
               − \frac{2}{e^{2πx/h} − 1} [x < π/h] + O(e^{−x²−π²/h²}).
    """
    if x < -1:
        return 2 - erfc(-x)
    precision = gmpy2.get_context().precision
    if x <= 1:
        with gmpy2.context(gmpy2.get_context(), precision=precision + 8):
            found = 1 - erf(x)
        return +found
    if x >= _FAR:
        return gmpy2.erfc(x)
    bits = 64 * ((precision + 16 + 2 * gmpy2.get_exp(x)) // 64 + 1)  # e^{−x²} has the relative error of x², times x²
    with gmpy2.context(gmpy2.get_context(), precision=bits):
        if x * x > bits:
            return _asymptotic_erfc(x)
        step, terms = _gaussians(bits)
        square = x * x
        total = 1 / (2 * square)
        for node, weight in terms:
            total += weight / (node + square)
        unit = gmpy2.const_pi() / step
        found = 2 * x * total / (unit * gmpy2.exp(square))
        if x < unit:
            found -= 2 / gmpy2.expm1(2 * unit * x)
    return +found


def erf(x: Any) -> Any:
    r"""Return the error function; MPFR's, which stops the process for √3 to 2048 bits, for few bits only.

    Notes
    -----
    For small x with positive terms alone,

    .. math::  erf(x) = \frac{2x}{\sqrt{π}} e^{−x²} \sum_n \frac{(2x²)^n}{(2n + 1)!!}.
    """
    if abs(x) > 1:
        return 1 - erfc(x) if x > 0 else erfc(-x) - 1
    bits = gmpy2.get_context().precision
    if bits <= _SAFE:
        return gmpy2.erf(x)
    with gmpy2.context(gmpy2.get_context(), precision=bits + 16):
        square, least = 2 * x * x, gmpy2.exp2(-gmpy2.get_context().precision)
        total, term, n = gmpy2.mpfr(1), gmpy2.mpfr(1), 1
        while term > least:
            term *= square / (2 * n + 1)
            total, n = total + term, n + 1
        found = 2 * x * gmpy2.exp(-x * x) * total / gmpy2.sqrt(gmpy2.const_pi())
    return +found


_SAFE = 1000  # bits
_FAR = 1e6  # where MPFR has an asymptotic series


def _asymptotic_erfc(x: Any) -> Any:
    """Return e^{−x²}/(x √π) Σ_n (−1)^n (2n − 1)!!/(2x²)^n, whose smallest term is about e^{−x²}."""
    least, square = gmpy2.exp2(-gmpy2.get_context().precision), x * x
    total, term, n = gmpy2.mpfr(1), gmpy2.mpfr(1), 1
    while abs(term) > least:
        term *= -(2 * n - 1) / (2 * square)
        total, n = total + term, n + 1
    return total * gmpy2.exp(-square) / (x * gmpy2.sqrt(gmpy2.const_pi()))


@lru_cache(maxsize=8)
def _gaussians(bits: int) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return h, and k²h² and e^{−k²h²} for k = 1, 2, …, as far as they count: each from the last by e^{−(2k+1)h²}."""
    log = (bits + 8) * math.log(2)
    count = int(log / math.pi) + 1
    with gmpy2.context(gmpy2.get_context(), precision=bits + 2 * count.bit_length()):
        step = gmpy2.mpfr(math.pi / math.sqrt(log))
        square = step * step
        weight = ratio = gmpy2.exp(-square)
        terms, twice = [], ratio * ratio
        for k in range(1, count + 1):
            terms.append((k * k * square, weight))
            ratio *= twice
            weight *= ratio
    return step, terms
