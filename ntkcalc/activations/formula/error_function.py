"""The error function and its complement as numbers of MPFR, in the precision that gmpy2 is in."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import gmpy2

_SAFE = 1000  # bits to which MPFR's erf is used
_FAR = 1e6  # where MPFR has an asymptotic series


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
