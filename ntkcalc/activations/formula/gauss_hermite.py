"""Gauss–Hermite quadrature to any precision, as numbers of MPFR."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import gmpy2

from ntkcalc.numerics.quadrature_rules import newton_precisions


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
            for precision in newton_precisions(gmpy2.get_context().precision):
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
